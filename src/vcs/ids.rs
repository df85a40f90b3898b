use std::fmt;
use std::sync::Arc;

use borsh::io::{self, Read, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use bstr::{BStr, ByteSlice};
use gix::ObjectId;

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(in crate::vcs) ObjectId);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl BorshSerialize for $name {
            fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
                self.0.as_slice().serialize(writer)
            }
        }

        impl BorshDeserialize for $name {
            fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
                let bytes = Vec::deserialize_reader(reader)?;
                let id = ObjectId::try_from(bytes.as_slice());
                id.map(Self).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "no object id"))
            }
        }

        impl $name {
            /// The first ten hex digits, for people.
            pub fn short(&self) -> String {
                self.0.to_hex_with_len(10).to_string()
            }
        }
    };
}

object_id!(
    /// Id of a git commit.
    CommitId
);
object_id!(
    /// Id of a git tree: one directory's content.
    TreeId
);
object_id!(
    /// Id of a git blob: one file's content.
    BlobId
);

/// A path inside a repository as git has it: bytes, `/` between components, no leading or
/// trailing slash; the empty path is the root.
///
/// Cheap to clone: states of one history share their paths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Arc<[u8]>);

impl Default for RepoPath {
    fn default() -> Self {
        Self(Arc::from(&b""[..]))
    }
}

impl RepoPath {
    /// The repository's top directory.
    pub fn root() -> Self {
        Self::default()
    }

    /// `path` with superfluous slashes at its ends removed. No other normalisation.
    pub fn new(path: impl AsRef<[u8]>) -> Self {
        Self(Arc::from(path.as_ref().trim_with(|c| c == '/')))
    }

    /// The path's bytes.
    pub fn as_bytes(&self) -> &BStr {
        self.0.as_bstr()
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// This directory's member `name` (which may hold several components).
    pub fn join(&self, name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        if self.is_root() {
            return Self::new(name);
        }
        if name.is_empty() {
            return self.clone();
        }
        let mut path = Vec::with_capacity(self.0.len() + 1 + name.len());
        path.extend_from_slice(&self.0);
        path.push(b'/');
        path.extend_from_slice(name);
        Self(path.into())
    }

    /// The directory that holds this path; the root for the root.
    pub fn parent(&self) -> Self {
        match self.0.rfind_byte(b'/') {
            Some(at) => Self(Arc::from(&self.0[..at])),
            None => Self::root(),
        }
    }

    /// The directory `levels` above this path, 1 being [`Self::parent`]; `None` beyond the root.
    pub fn ancestor(&self, levels: u32) -> Option<Self> {
        let mut directory = self.parent();
        for _ in 1..levels {
            if directory.is_root() {
                return None;
            }
            directory = directory.parent();
        }
        Some(directory)
    }

    /// The last component.
    pub fn name(&self) -> &BStr {
        match self.0.rfind_byte(b'/') {
            Some(at) => self.0[at + 1..].as_bstr(),
            None => self.0.as_bstr(),
        }
    }

    /// The components, outermost first.
    pub fn components(&self) -> impl Iterator<Item = &BStr> {
        self.0.split_str(b"/").filter(|part| !part.is_empty()).map(ByteSlice::as_bstr)
    }

    /// Whether this path is `directory` or lies below it.
    pub fn is_within(&self, directory: &Self) -> bool {
        directory.is_root()
            || self.0 == directory.0
            || (self.0.starts_with(&directory.0) && self.0.get(directory.0.len()) == Some(&b'/'))
    }

    /// The path resolved from this directory, `.` and `..` applied; `None` where it leaves the repository.
    pub fn resolve(&self, relative: &[u8]) -> Option<Self> {
        let mut parts: Vec<&[u8]> = self.components().map(|part| part.as_bytes()).collect();
        for part in relative.split_str(b"/") {
            match part {
                b"" | b"." => {}
                b".." => {
                    parts.pop()?;
                }
                name => parts.push(name),
            }
        }
        Some(Self(bstr::join(b"/", parts).into()))
    }
}

impl BorshSerialize for RepoPath {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        self.0.serialize(writer)
    }
}

impl BorshDeserialize for RepoPath {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        Ok(Self(Arc::from(Vec::deserialize_reader(reader)?)))
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_str_lossy())
    }
}

impl From<&str> for RepoPath {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

#[cfg(test)]
mod tests {
    use super::RepoPath;

    #[test]
    fn resolve_applies_dots_and_stays_inside() {
        let etc = RepoPath::new("a/etc");
        assert_eq!(etc.resolve(b"../lib/./x").unwrap().to_string(), "a/lib/x");
        assert_eq!(etc.resolve(b"../..").unwrap(), RepoPath::root());
        assert_eq!(etc.resolve(b"../../.."), None);
    }

    #[test]
    fn ancestors_end_at_the_root() {
        let file = RepoPath::new("a/b/c.py");
        assert_eq!(file.ancestor(1), Some(RepoPath::new("a/b")));
        assert_eq!(file.ancestor(3), Some(RepoPath::root()));
        assert_eq!(file.ancestor(4), None);
        assert_eq!(RepoPath::new("c.py").ancestor(1), Some(RepoPath::root()));
    }

    #[test]
    fn within_compares_whole_components() {
        let directory = RepoPath::new("db/versions");
        assert!(RepoPath::new("db/versions/a.py").is_within(&directory));
        assert!(directory.is_within(&directory));
        assert!(!RepoPath::new("db/versions_old/a.py").is_within(&directory));
        assert!(RepoPath::new("x").is_within(&RepoPath::root()));
    }
}
