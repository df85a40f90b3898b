use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bstr::{BStr, BString, ByteSlice as _};
use gix::objs::{Find, FindHeader as _, Kind, TreeRefIter, tree::EntryKind as GixKind};
use gix::{ObjectId, oid};

use super::error::reason;
use super::packs::{PackReader, Packs, Unpacked};
use super::{BlobId, CommitId, Error, RepoPath, TreeId};
use crate::cache::Cache;

/// What a tree entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A directory.
    Tree,
    /// A regular file, executable or not.
    File,
    /// A symbolic link; its blob is the target.
    Symlink,
    /// Another repository's commit.
    Submodule,
}

/// One member of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its name, one component.
    pub name: BString,
    /// What it is.
    pub kind: EntryKind,
    /// Whether git has the executable bit.
    pub executable: bool,
    pub(in crate::vcs) id: ObjectId,
}

impl Entry {
    /// The blob, for files and symbolic links.
    pub fn blob(&self) -> Option<BlobId> {
        matches!(self.kind, EntryKind::File | EntryKind::Symlink).then_some(BlobId(self.id))
    }

    /// The tree, for directories.
    pub fn tree(&self) -> Option<TreeId> {
        (self.kind == EntryKind::Tree).then_some(TreeId(self.id))
    }

    fn mode(&self) -> gix::objs::tree::EntryMode {
        match self.kind {
            EntryKind::Tree => GixKind::Tree,
            EntryKind::File if self.executable => GixKind::BlobExecutable,
            EntryKind::File => GixKind::Blob,
            EntryKind::Symlink => GixKind::Link,
            EntryKind::Submodule => GixKind::Commit,
        }
        .into()
    }
}

/// A commit's fields as far as the history needs them.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its tree.
    pub tree: TreeId,
    /// Its parents, in order.
    pub parents: Vec<CommitId>,
    /// Committer time, seconds since the epoch.
    pub time: i64,
}

/// Author and message of a commit, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitDetails {
    /// The author's name.
    pub author: String,
    /// The author's address.
    pub email: String,
    /// Author time, seconds since the epoch.
    pub author_time: i64,
    /// Committer time, seconds since the epoch.
    pub time: i64,
    /// First line of the message.
    pub subject: String,
}

/// `NAME <ADDRESS> SECONDS ZONE`, as far as it is there.
struct Person<'a> {
    name: &'a [u8],
    email: &'a [u8],
    time: i64,
}

impl<'a> Person<'a> {
    fn parse(line: &'a [u8]) -> Self {
        let (who, after) = line.rsplit_once_str(b">").unwrap_or((b"", line));
        let (name, email) = who.split_once_str(b"<").unwrap_or((who, b""));
        let seconds = after.split_str(b" ").find(|part| !part.is_empty());
        let time = seconds.and_then(|seconds| seconds.to_str().ok()?.parse().ok()).unwrap_or(0);
        Self { name, email, time }
    }
}

/// Commits as the library's merge-base search wants them: with a committer and a time, whatever is stored.
pub(in crate::vcs) struct Lenient<'a>(pub(in crate::vcs) &'a Objects);

impl Find for Lenient<'_> {
    fn try_find<'a>(
        &self,
        id: &oid,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Option<gix::objs::Data<'a>>, gix::Error> {
        let Some(kind) = self.0.raw(id, buffer)? else { return Ok(None) };
        if let Some(commit) = Objects::decode_commit(buffer, self.0.hash).filter(|_| kind == Kind::Commit) {
            let mut text = format!("tree {}\n", commit.tree);
            for parent in &commit.parents {
                text.push_str(&format!("parent {parent}\n"));
            }
            let person = format!("- <-> {} +0000", commit.time.max(0));
            text.push_str(&format!("author {person}\ncommitter {person}\n\n"));
            *buffer = text.into_bytes();
        }
        Ok(Some(gix::objs::Data { kind, object_hash: self.0.hash, data: buffer.as_slice() }))
    }
}

type Stored = HashMap<ObjectId, (Kind, Arc<[u8]>)>;

/// Objects that exist in this process only: merge results, the index as a tree, the work tree as a tree.
#[derive(Default)]
struct Memory {
    used: AtomicBool,
    objects: RwLock<Stored>,
}

/// Reads objects; one per thread. Objects made by [`Objects::write_tree`] and
/// [`Objects::write_blob`] live in memory, shared between all readers of one repository, and
/// never reach the disk.
///
/// An object that is not there (partial clone, damaged copy) is `None`: the caller says "unknown".
pub struct Objects {
    packed: RefCell<PackReader>,
    /// For what is not packed.
    handle: gix::odb::Handle,
    /// Object directories that a hook's environment names, asked after the repository's own.
    quarantine: Vec<gix::odb::Handle>,
    memory: Arc<Memory>,
    hash: gix::hash::Kind,
    factory: ObjectsFactory,
}

/// Recipe for an [`Objects`], to be carried to another thread.
#[derive(Clone)]
pub struct ObjectsFactory {
    store: Arc<gix::odb::Store>,
    packs: Arc<Packs>,
    quarantine: Arc<[PathBuf]>,
    memory: Arc<Memory>,
    kept: Arc<Cache>,
    /// Whether an object was asked for that is not here, or cannot be read.
    lacking: Arc<AtomicBool>,
}

/// Bytes of recently unpacked delta bases that a reader of a few objects keeps.
const SMALL_CACHE: usize = 8 << 20;

/// The same for a reader that looks at every commit's trees; larger ones gain nothing and cost memory.
const LARGE_CACHE: usize = 16 << 20;

impl ObjectsFactory {
    pub(super) fn new(store: Arc<gix::odb::Store>, quarantine: Vec<PathBuf>) -> Self {
        let packs = Packs::open(&store);
        Self {
            store,
            packs,
            quarantine: quarantine.into(),
            memory: Arc::default(),
            kept: Arc::default(),
            lacking: Arc::default(),
        }
    }

    /// The same, with what earlier runs found out.
    pub(super) fn with_kept(&self, cache: Cache) -> Self {
        Self { kept: Arc::new(cache), ..self.clone() }
    }

    /// What earlier runs found out of these objects.
    pub fn kept(&self) -> &Cache {
        &self.kept
    }

    /// A reader for this thread.
    pub fn objects(&self) -> Objects {
        self.with_cache(SMALL_CACHE)
    }

    /// A reader for this thread that is going to look at the trees of a whole history.
    pub(in crate::vcs) fn bulk_objects(&self) -> Objects {
        self.with_cache(LARGE_CACHE)
    }

    fn with_cache(&self, bytes: usize) -> Objects {
        let hash = self.store.object_hash();
        let mut handle = gix::odb::Handle::from(self.store.to_handle());
        handle.set_pack_cache(|| Box::new(gix::odb::pack::cache::lru::MemoryCappedHashmap::new(SMALL_CACHE)));
        handle.refresh_never();
        Objects {
            hash,
            packed: RefCell::new(PackReader::new(Arc::clone(&self.packs), bytes)),
            handle,
            quarantine: self
                .quarantine
                .iter()
                .filter_map(|directory| gix::odb::at(directory, hash).ok())
                .collect(),
            memory: Arc::clone(&self.memory),
            factory: self.clone(),
        }
    }
}

impl Find for Objects {
    fn try_find<'a>(
        &self,
        id: &oid,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Option<gix::objs::Data<'a>>, gix::Error> {
        Ok(self.raw(id, buffer)?.map(|kind| gix::objs::Data {
            kind,
            object_hash: self.hash,
            data: buffer.as_slice(),
        }))
    }
}

impl Objects {
    /// For readers on other threads.
    pub fn factory(&self) -> &ObjectsFactory {
        &self.factory
    }

    /// What earlier runs found out of these objects.
    pub fn kept(&self) -> &Cache {
        self.factory.kept()
    }

    pub(in crate::vcs) fn hash_kind(&self) -> gix::hash::Kind {
        self.hash
    }

    fn packed(&self, id: &oid) -> Option<Unpacked> {
        self.packed.borrow_mut().object(id)
    }

    /// Loads object `id` into `buffer`, of a long commit perhaps only what stands before its message.
    pub(in crate::vcs) fn commit_head(
        &self,
        id: &oid,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Kind>, gix::Error> {
        let head = self.packed.borrow_mut().commit_head(id, buffer);
        match head {
            Some(()) => Ok(Some(Kind::Commit)),
            None => self.raw(id, buffer),
        }
    }

    /// Loads object `id` into `buffer`.
    fn raw(&self, id: &oid, buffer: &mut Vec<u8>) -> Result<Option<Kind>, gix::Error> {
        if self.memory.used.load(Ordering::Acquire) {
            let objects = self.memory.objects.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((kind, data)) = objects.get(id) {
                buffer.clear();
                buffer.extend_from_slice(data);
                return Ok(Some(*kind));
            }
        }
        // Everyone agrees on the empty tree, so git never stores it for a fresh repository.
        if id.is_empty_tree() {
            buffer.clear();
            return Ok(Some(Kind::Tree));
        }
        if let Some((kind, data)) = self.packed(id) {
            match Arc::try_unwrap(data) {
                Ok(data) => *buffer = data,
                Err(data) => {
                    buffer.clear();
                    buffer.extend_from_slice(&data);
                }
            }
            return Ok(Some(kind));
        }
        if let Some(data) = self.handle.try_find(id, buffer)? {
            return Ok(Some(data.kind));
        }
        for handle in &self.quarantine {
            if let Some(data) = handle.try_find(id, buffer)? {
                return Ok(Some(data.kind));
            }
        }
        Ok(None)
    }

    /// The object of a push in quarantine whose id begins with `hex`, if there is exactly one.
    pub(in crate::vcs) fn quarantined(&self, hex: &str) -> Option<ObjectId> {
        let prefix = gix::hash::Prefix::from_hex(hex).ok()?;
        let mut found =
            self.quarantine.iter().filter_map(|handle| handle.lookup_prefix(prefix, None).ok()?);
        let first = found.next()?.ok()?;
        found.all(|other| other.is_ok_and(|other| other == first)).then_some(first)
    }

    /// Whether any reader of this repository asked for an object that is not here, or cannot be read.
    pub fn lack_any(&self) -> bool {
        self.factory.lacking.load(Ordering::Relaxed)
    }

    fn load(&self, id: &oid, kind: Kind, buffer: &mut Vec<u8>) -> Result<bool, Error> {
        let found = self.raw(id, buffer);
        if !matches!(found, Ok(Some(_))) {
            self.factory.lacking.store(true, Ordering::Relaxed);
        }
        match found {
            Ok(Some(found)) if found == kind => Ok(true),
            Ok(Some(found)) => {
                Err(Error::Object { id: id.to_string(), reason: format!("it is a {found}, not a {kind}") })
            }
            Ok(None) => Ok(false),
            Err(error) => Err(Error::Object { id: id.to_string(), reason: reason(&error) }),
        }
    }

    /// The kind of object `id`, or `None` where it is not there.
    pub(in crate::vcs) fn kind(&self, id: &oid) -> Result<Option<Kind>, Error> {
        let mut buffer = Vec::new();
        self.raw(id, &mut buffer)
            .map_err(|error| Error::Object { id: id.to_string(), reason: reason(&error) })
    }

    /// Puts a blob's bytes into `buffer`; `false` where it is not there.
    ///
    /// # Errors
    /// When the object is damaged.
    pub fn blob_into(&self, id: BlobId, buffer: &mut Vec<u8>) -> Result<bool, Error> {
        self.load(&id.0, Kind::Blob, buffer)
    }

    /// How many bytes a blob has; `None` where it is not there.
    ///
    /// # Errors
    /// When the object is damaged.
    pub fn blob_size(&self, id: BlobId) -> Result<Option<u64>, Error> {
        if let Some(size) = self.packed.borrow_mut().size(&id.0) {
            return Ok(Some(size));
        }
        let found = gix::odb::Header::try_header(&self.handle, &id.0);
        match found.map_err(|error| Error::Object { id: id.to_string(), reason: reason(&error) })? {
            Some(header) => Ok(Some(header.size())),
            // In memory or in quarantine.
            None => Ok(self.blob(id)?.map(|bytes| bytes.len() as u64)),
        }
    }

    /// A blob's bytes.
    pub fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, Error> {
        let mut buffer = Vec::new();
        Ok(self.load(&id.0, Kind::Blob, &mut buffer)?.then_some(buffer))
    }

    /// A blob's bytes, unless there are more than `most` of them.
    pub fn small_blob(&self, id: BlobId, most: u64) -> Result<Option<Vec<u8>>, Error> {
        match self.handle.try_header(&id.0) {
            Ok(Some(header)) if header.size > most => Ok(None),
            // What is only in memory, this process has made.
            Ok(_) => self.blob(id),
            Err(error) => Err(Error::Object { id: id.to_string(), reason: reason(&error) }),
        }
    }

    /// The members of a directory in git's order.
    ///
    /// # Errors
    /// When the tree is damaged or, as in a clone without trees, absent: what it holds is unknown,
    /// and unknown is not nothing.
    pub fn tree(&self, id: TreeId) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        self.each_entry(id, |entry| entries.push(entry.clone()))?;
        Ok(entries)
    }

    /// Calls `visit` for each member of a directory in git's order.
    ///
    /// # Errors
    /// As [`Objects::tree`].
    pub fn each_entry(&self, id: TreeId, mut visit: impl FnMut(&Entry)) -> Result<(), Error> {
        let mut entry = Entry {
            name: BString::default(),
            kind: EntryKind::Tree,
            executable: false,
            id: ObjectId::null(self.hash),
        };
        self.visit_tree(id, &mut Vec::new(), |name, kind, executable, id| {
            entry.name.clear();
            entry.name.extend_from_slice(name);
            (entry.kind, entry.executable, entry.id) = (kind, executable, id.to_owned());
            visit(&entry);
        })
    }

    /// A blob's bytes, where there is no going on without them.
    ///
    /// # Errors
    /// When the blob is damaged or absent.
    pub fn needed_blob(&self, id: BlobId) -> Result<Vec<u8>, Error> {
        self.blob(id)?.ok_or_else(|| Error::Absent { id: id.to_string() })
    }

    /// Calls `visit` for each member of a directory.
    pub(in crate::vcs) fn visit_tree(
        &self,
        id: TreeId,
        buffer: &mut Vec<u8>,
        mut visit: impl FnMut(&BStr, EntryKind, bool, &oid),
    ) -> Result<(), Error> {
        let packed = self.packed(&id.0);
        let data = match &packed {
            Some((Kind::Tree, data)) => data.as_slice(),
            _ if self.load(&id.0, Kind::Tree, buffer)? => buffer.as_slice(),
            _ => return Err(Error::Absent { id: id.to_string() }),
        };
        for entry in TreeRefIter::from_bytes(data, self.hash) {
            let entry =
                entry.map_err(|error| Error::Object { id: id.to_string(), reason: reason(&error) })?;
            let kind = match entry.mode.kind() {
                GixKind::Tree => EntryKind::Tree,
                GixKind::Blob | GixKind::BlobExecutable => EntryKind::File,
                GixKind::Link => EntryKind::Symlink,
                GixKind::Commit => EntryKind::Submodule,
            };
            let executable = entry.mode.kind() == GixKind::BlobExecutable;
            visit(entry.filename, kind, executable, entry.oid);
        }
        Ok(())
    }

    /// The entry at `path` below `root`; `None` where there is none.
    pub fn entry(&self, root: TreeId, path: &RepoPath) -> Result<Option<Entry>, Error> {
        if path.is_root() {
            return Ok(Some(Entry {
                name: BString::default(),
                kind: EntryKind::Tree,
                executable: false,
                id: root.0,
            }));
        }
        let mut buffer = Vec::new();
        let mut tree = root;
        let mut components = path.components().peekable();
        while let Some(component) = components.next() {
            let mut found = None;
            self.visit_tree(tree, &mut buffer, |name, kind, executable, id| {
                if name == component {
                    found = Some(Entry { name: name.into(), kind, executable, id: id.to_owned() });
                }
            })?;
            match (found, components.peek().is_some()) {
                (Some(entry), false) => return Ok(Some(entry)),
                (Some(entry), true) if entry.kind == EntryKind::Tree => tree = TreeId(entry.id),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The entry at `path` below `root` with symbolic links followed, as long as they stay inside.
    pub fn follow(&self, root: TreeId, path: &RepoPath) -> Result<Option<Entry>, Error> {
        const MOST_LINKS: usize = 8;
        let mut path = path.clone();
        for _ in 0..MOST_LINKS {
            if let Some(entry) = self.entry(root, &path)? {
                if entry.kind != EntryKind::Symlink {
                    return Ok(Some(entry));
                }
                match self.link_target(&entry, &path.parent())? {
                    Some(target) => path = target,
                    None => return Ok(None),
                }
                continue;
            }
            // Perhaps a directory on the way is a link.
            let mut prefix = RepoPath::root();
            let mut rest = path.components();
            let mut next = None;
            for component in rest.by_ref() {
                let parent = prefix.clone();
                prefix = prefix.join(component);
                match self.entry(root, &prefix)? {
                    Some(entry) if entry.kind == EntryKind::Symlink => {
                        next = self.link_target(&entry, &parent)?;
                        break;
                    }
                    Some(_) => {}
                    None => return Ok(None),
                }
            }
            let Some(mut target) = next else { return Ok(None) };
            for component in rest {
                target = target.join(component);
            }
            path = target;
        }
        Ok(None)
    }

    fn link_target(&self, link: &Entry, directory: &RepoPath) -> Result<Option<RepoPath>, Error> {
        let target = self.blob(BlobId(link.id))?.unwrap_or_default();
        Ok(if target.starts_with(b"/") { None } else { directory.resolve(&target) })
    }

    /// The members of the directory at `path` below `root`; empty where it is no directory.
    pub fn list(&self, root: TreeId, path: &RepoPath) -> Result<Vec<Entry>, Error> {
        match self.follow(root, path)?.and_then(|entry| entry.tree()) {
            Some(tree) => self.tree(tree),
            None => Ok(Vec::new()),
        }
    }

    /// The bytes of the regular file at `path` below `root`.
    pub fn file(&self, root: TreeId, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        match self.entry(root, path)? {
            Some(entry) if entry.kind == EntryKind::File => self.blob(BlobId(entry.id)),
            _ => Ok(None),
        }
    }

    /// A commit's tree, parents and time.
    pub fn commit(&self, id: CommitId) -> Result<Option<Commit>, Error> {
        let mut buffer = Vec::new();
        if !self.load(&id.0, Kind::Commit, &mut buffer)? {
            return Ok(None);
        }
        Self::decode_commit(&buffer, self.hash)
            .map(Some)
            .ok_or_else(|| Error::Object { id: id.to_string(), reason: "it is no well-formed commit".into() })
    }

    /// Reads the header lines by hand: a history of 60,000 commits is decoded in one go, and of each
    /// only these fields matter.
    pub(in crate::vcs) fn decode_commit(data: &[u8], hash: gix::hash::Kind) -> Option<Commit> {
        let hex = hash.len_in_hex();
        let id = |line: &[u8], key: &[u8]| -> Option<ObjectId> {
            ObjectId::from_hex(line.strip_prefix(key)?.get(..hex)?).ok()
        };
        let mut lines = data.split(|b| *b == b'\n');
        let tree = TreeId(id(lines.next()?, b"tree ")?);
        let mut parents = Vec::with_capacity(1);
        for line in lines {
            if line.is_empty() {
                break;
            }
            if let Some(parent) = id(line, b"parent ") {
                parents.push(CommitId(parent));
            } else if let Some(committer) = line.strip_prefix(b"committer ") {
                return Some(Commit { tree, parents, time: Person::parse(committer).time });
            }
        }
        Some(Commit { tree, parents, time: 0 })
    }

    /// A commit's author, times and subject; `unknown` and zero where it does not say.
    pub fn commit_details(&self, id: CommitId) -> Result<Option<CommitDetails>, Error> {
        let mut buffer = Vec::new();
        if !self.load(&id.0, Kind::Commit, &mut buffer)? {
            return Ok(None);
        }
        // Read leniently: tools of the past have left commits without author or committer.
        let (header, message) = buffer.split_once_str(b"\n\n").unwrap_or((&buffer, b""));
        let line = |key: &[u8]| header.split_str(b"\n").find_map(|line| line.strip_prefix(key));
        let author = line(b"author ").map(Person::parse);
        let text = |bytes: &[u8]| bytes.trim().to_str_lossy().into_owned();
        Ok(Some(CommitDetails {
            author: author.as_ref().map_or_else(|| "unknown".into(), |author| text(author.name)),
            email: author.as_ref().map_or_else(String::new, |author| text(author.email)),
            author_time: author.map_or(0, |author| author.time),
            time: line(b"committer ").map_or(0, |committer| Person::parse(committer).time),
            subject: text(message.lines().next().unwrap_or_default()),
        }))
    }

    /// An object that this process made and that may not be on disk.
    pub(in crate::vcs) fn in_memory(&self, id: &oid) -> Option<(Kind, Arc<[u8]>)> {
        let objects = self.memory.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.get(id).map(|(kind, data)| (*kind, Arc::clone(data)))
    }

    fn remember(&self, kind: Kind, data: Vec<u8>) -> Result<ObjectId, Error> {
        let id = gix::objs::compute_hash(self.hash, kind, &data)
            .map_err(|error| Error::Object { id: "(new)".into(), reason: reason(&error) })?;
        let mut objects = self.memory.objects.write().unwrap_or_else(PoisonError::into_inner);
        objects.entry(id).or_insert_with(|| (kind, data.into()));
        self.memory.used.store(true, Ordering::Release);
        Ok(id)
    }

    /// Keeps a blob in memory and gives its id.
    pub fn write_blob(&self, data: Vec<u8>) -> Result<BlobId, Error> {
        self.remember(Kind::Blob, data).map(BlobId)
    }

    /// Keeps a directory with these members in memory and gives its id.
    pub fn write_tree(&self, entries: impl IntoIterator<Item = Entry>) -> Result<TreeId, Error> {
        let mut tree = gix::objs::Tree {
            entries: entries
                .into_iter()
                .map(|entry| gix::objs::tree::Entry {
                    mode: entry.mode(),
                    filename: entry.name,
                    oid: entry.id,
                })
                .collect(),
        };
        tree.entries.sort();
        let mut data = Vec::new();
        gix::objs::WriteTo::write_to(&tree, &mut data)
            .map_err(|error| Error::Object { id: "(new tree)".into(), reason: error.to_string() })?;
        self.remember(Kind::Tree, data).map(TreeId)
    }

    /// Keeps a commit in memory and gives its id. It says who and when nobody: it stands for a result
    /// whose ancestry is asked, and is never written.
    pub fn write_commit(&self, tree: TreeId, parents: &[CommitId], time: i64) -> Result<CommitId, Error> {
        let mut text = format!("tree {tree}\n");
        for parent in parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        let person = format!("- <-> {} +0000", time.max(0));
        text.push_str(&format!("author {person}\ncommitter {person}\n\n"));
        self.remember(Kind::Commit, text.into_bytes()).map(CommitId)
    }

    /// The tree with no members.
    pub fn empty_tree(&self) -> TreeId {
        TreeId(ObjectId::empty_tree(self.hash))
    }
}

#[cfg(test)]
mod tests {
    use super::CommitDetails;
    use crate::vcs::testing::Scratch;

    #[test]
    fn commits_that_do_not_say_who_or_when_are_read() {
        let scratch = Scratch::new();
        let details = |header: &str| {
            let id = scratch.raw_commit(header);
            let repo = scratch.repo();
            repo.objects().commit_details(repo.resolve(&id).unwrap()).unwrap().unwrap()
        };
        let expected = |author: &str, email: &str, author_time, time| CommitDetails {
            author: author.into(),
            email: email.into(),
            author_time,
            time,
            subject: "subject".into(),
        };
        let (author, committer) = ("author A <a@b> 5 +0100\n", "committer B <b@c> 7 +0000\n");
        assert_eq!(details(&format!("{author}{committer}")), expected("A", "a@b", 5, 7));
        assert_eq!(details(author), expected("A", "a@b", 5, 0));
        assert_eq!(details(committer), expected("unknown", "", 0, 7));
        assert_eq!(details(""), expected("unknown", "", 0, 0));
        assert_eq!(details("author A\ncommitter B <b@c> soon\n"), expected("", "", 0, 0));
        assert_eq!(details("author A <<a@b>> 99999999999999999999 +0000\n"), expected("A", "<a@b>", 0, 0));
    }
}
