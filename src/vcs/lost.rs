//! Commits that no ref reaches: reflog entries, and what the object database still holds.

use std::collections::HashSet;

use bstr::ByteSlice as _;
use gix::ObjectId;
use gix::objs::Kind;

use super::{CommitId, Error, Repo};

/// One line of a reflog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReflogEntry {
    /// As git names it: `HEAD@{3}`, `stash@{0}`.
    pub name: String,
    /// The commit that the ref pointed to.
    pub commit: CommitId,
    /// Why it moved.
    pub message: String,
}

impl Repo {
    /// The reflog entries of HEAD and of every ref, the newest of each ref first. Entries whose commit is gone are
    /// left out.
    ///
    /// # Errors
    /// When the ref store cannot be read.
    pub fn reflog(&self) -> Result<Vec<ReflogEntry>, Error> {
        let mut entries = Vec::new();
        let platform = self.gix().references().map_err(|error| self.unreadable(&error))?;
        let refs = platform.all().map_err(|error| self.unreadable(&error))?.flatten();
        let head = self.gix().try_find_reference("HEAD").map_err(|error| self.unreadable(&error))?;
        for reference in head.into_iter().chain(refs) {
            let name = reference.name().shorten().to_str_lossy().into_owned();
            let mut log = reference.log_iter();
            let Ok(Some(lines)) = log.rev() else { continue };
            for (at, line) in lines.flatten().enumerate() {
                if let Ok(commit) = self.peel(line.new_oid, &name) {
                    entries.push(ReflogEntry {
                        name: format!("{name}@{{{at}}}"),
                        commit,
                        message: line.message.to_str_lossy().into_owned(),
                    });
                }
            }
        }
        Ok(entries)
    }

    /// Every commit in the object database that is not in `known`, unsorted. Reads the kind of each object: seconds on
    /// a large repository.
    ///
    /// # Errors
    /// When the object database cannot be read.
    pub fn unreached_commits(&self, known: &HashSet<CommitId>) -> Result<Vec<CommitId>, Error> {
        let failed =
            |reason: String| Error::Unreadable { place: self.git_dir().display().to_string(), reason };
        let all = self.gix().objects.iter().map_err(|error| failed(error.to_string()))?;
        let mut seen: HashSet<ObjectId> = HashSet::new();
        let mut found = Vec::new();
        for id in all {
            let id = id.map_err(|error| failed(error.to_string()))?;
            if known.contains(&CommitId(id)) || !seen.insert(id) {
                continue;
            }
            let header = gix::objs::FindHeader::try_header(&self.gix().objects, &id);
            if matches!(header, Ok(Some(header)) if header.kind == Kind::Commit) {
                found.push(CommitId(id));
            }
        }
        Ok(found)
    }
}
