use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use rustc_hash::FxHashMap;

use super::{Landing, Snapshot};
use crate::cache::Kind;
use crate::dialect::{self, DIALECTS, Dialect, Finder};
use crate::parallel::map_chunks;
use crate::python::{self, grade::Grade};
use crate::revision::{
    Environment, Header, MigrationFile, Problem, ProblemKind, RevisionGraph, Script, Unreadable,
};
use crate::vcs::{BlobId, CommitId, EntryKind, Error, Objects, ObjectsFactory, RepoPath, TreeId};

/// Reads environments and their files out of trees; every blob is parsed once.
pub struct Reader {
    objects: Objects,
    finders: Vec<Box<dyn Finder>>,
    headers: Headers,
    configured: Option<Vec<Environment>>,
    /// What configuration files say.
    meanings: FxHashMap<(RepoPath, BlobId), Arc<str>>,
    /// The states read last: both sides of a merge, its base and its result have mostly the same.
    recent: VecDeque<(Vec<Option<TreeId>>, Snapshot)>,
    /// Where revisions landed, by trunk, environment and id.
    pub(super) landed: FxHashMap<(CommitId, String, String), Option<Landing>>,
}

/// So many states are remembered.
const RECENT: usize = 8;

/// Blobs that one worker parses at a time.
const CHUNK: usize = 16;

/// So many headers that were kept are read on one thread.
const FEW: usize = 1_000;

/// Directories nested deeper below a version location are not scanned.
const MAX_DEPTH: usize = 30;

impl Reader {
    /// A reader of one repository's objects. Where `configured` names environments, those are the
    /// only ones.
    pub fn new(factory: &ObjectsFactory, configured: Option<Vec<Environment>>) -> Self {
        Self {
            objects: factory.objects(),
            finders: DIALECTS.iter().map(|dialect| dialect.finder()).collect(),
            headers: Headers {
                factory: factory.clone(),
                parsed: RwLock::default(),
                grades: RwLock::default(),
            },
            configured,
            meanings: FxHashMap::default(),
            recent: VecDeque::new(),
            landed: FxHashMap::default(),
        }
    }

    /// Whether the directory `tree` holds migrations in sub-directories.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn nests_migrations(&mut self, tree: TreeId) -> Result<bool, Error> {
        for finder in &mut self.finders {
            if finder.nests_migrations(&self.objects, tree)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The parsed headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// What decides the layout at the tree `root`: configuration files that are there.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn configuration_files(&mut self, root: TreeId) -> Result<Vec<RepoPath>, Error> {
        let mut files = Vec::new();
        for finder in &mut self.finders {
            files.extend(finder.configuration_files(&self.objects, root)?);
        }
        Ok(files)
    }

    /// What the configuration file `path` with content `blob` says about environments, as a text
    /// that is equal where the meaning is.
    ///
    /// # Errors
    /// When the object is damaged.
    pub fn configuration_meaning(&mut self, path: &RepoPath, blob: BlobId) -> Result<Arc<str>, Error> {
        let key = (path.clone(), blob);
        if let Some(meaning) = self.meanings.get(&key) {
            return Ok(Arc::clone(meaning));
        }
        let mut meaning = String::new();
        for finder in &mut self.finders {
            meaning.push_str(&finder.configuration_meaning(&self.objects, path, blob)?);
        }
        let meaning: Arc<str> = meaning.into();
        self.meanings.insert(key, Arc::clone(&meaning));
        Ok(meaning)
    }

    /// This reader's objects.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The environments in the tree `root`, sorted by directory, then name.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn environments(&mut self, root: TreeId) -> Result<Vec<Environment>, Error> {
        if let Some(configured) = &self.configured {
            let mut present = Vec::new();
            for environment in configured {
                let mut exists = false;
                for location in &environment.version_locations {
                    exists |= self.objects.follow(root, &location.path)?.is_some();
                }
                if exists || self.objects.follow(root, &environment.directory)?.is_some() {
                    present.push(environment.clone());
                }
            }
            return Ok(present);
        }
        let mut found = Vec::new();
        for finder in &mut self.finders {
            found.extend(finder.find(&self.objects, root)?);
        }
        found.sort_by(|one, two| (&one.directory, &one.name).cmp(&(&two.directory, &two.name)));
        Ok(found)
    }

    /// Reads `environment` at the tree `root`, sub-directories that are left out included.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn snapshot(&mut self, root: TreeId, environment: &Environment) -> Result<Snapshot, Error> {
        let trees = location_trees(&self.objects, root, environment)?;
        let is_same = |(known, state): &&(Vec<Option<TreeId>>, Snapshot)| {
            *known == trees && state.environment == *environment
        };
        let mut snapshot = match self.recent.iter().find(is_same) {
            Some((_, state)) => state.clone(),
            None => {
                let (files, links) = list_files(&self.objects, root, environment)?;
                let snapshot = self.headers.read(&self.objects, environment, files)?;
                // A link may lead anywhere.
                if !links {
                    self.recent.truncate(RECENT - 1);
                    self.recent.push_front((trees, snapshot.clone()));
                }
                snapshot
            }
        };
        for finder in &mut self.finders {
            snapshot.unscanned.extend(finder.unscanned(&self.objects, root, environment)?);
        }
        Ok(snapshot)
    }

    /// All environments at the tree `root`.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn snapshots(&mut self, root: TreeId) -> Result<Vec<Snapshot>, Error> {
        let environments = self.environments(root)?;
        environments.iter().map(|environment| self.snapshot(root, environment)).collect()
    }

    /// The files that the tool would load, sorted by path.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn files(&self, root: TreeId, environment: &Environment) -> Result<Vec<MigrationFile>, Error> {
        Ok(list_files(&self.objects, root, environment)?.0)
    }
}

/// The directories of `environment` in the tree `root`, in its order.
pub(super) fn location_trees(
    objects: &Objects,
    root: TreeId,
    environment: &Environment,
) -> Result<Vec<Option<TreeId>>, Error> {
    let tree = |path| Ok(objects.follow(root, path)?.and_then(|entry| entry.tree()));
    environment.version_locations.iter().map(|location| tree(&location.path)).collect()
}

/// The files that the tool of `environment` would load from the tree `root`, sorted by path; and whether some are
/// symbolic links.
///
/// # Errors
/// When an object is damaged.
fn list_files(
    objects: &Objects,
    root: TreeId,
    environment: &Environment,
) -> Result<(Vec<MigrationFile>, bool), Error> {
    let mut files = Vec::new();
    let links = each_file(objects, root, environment, &[], |directory, name, blob| {
        files.push(MigrationFile { path: directory.join(name), blob });
    })?;
    files.sort_unstable();
    files.dedup();
    Ok((files, links))
}

/// Calls `found` for each file that the tool of `environment` would load from the tree `root`, with its directory, its
/// name and its content. The order is git's within a directory; where version locations overlap, files come twice.
/// `trees` are those of the version locations, as far as they are known. Returns whether some are symbolic links.
///
/// # Errors
/// When an object is damaged.
pub(super) fn each_file(
    objects: &Objects,
    root: TreeId,
    environment: &Environment,
    trees: &[Option<TreeId>],
    mut found: impl FnMut(&RepoPath, &[u8], Option<BlobId>),
) -> Result<bool, Error> {
    let mut any_link = false;
    let Some(dialect) = dialect::by_name(environment.dialect) else { return Ok(any_link) };
    for (at, location) in environment.version_locations.iter().enumerate() {
        let tree = match trees.get(at) {
            Some(Some(tree)) => Some(*tree),
            _ => objects.follow(root, &location.path)?.and_then(|entry| entry.tree()),
        };
        let mut pending: Vec<(RepoPath, TreeId, usize)> = Vec::new();
        pending.extend(tree.map(|tree| (location.path.clone(), tree, 0)));
        while let Some((directory, tree, depth)) = pending.pop() {
            let mut links = Vec::new();
            objects.each_entry(tree, |entry| match entry.kind {
                EntryKind::File if dialect.loads(&entry.name) => {
                    found(&directory, &entry.name, entry.blob());
                }
                EntryKind::Symlink if dialect.loads(&entry.name) => links.push(entry.name.clone()),
                EntryKind::Tree
                    if location.recursive && depth < MAX_DEPTH && dialect.descends(&entry.name) =>
                {
                    let directory = directory.join(&entry.name);
                    pending.extend(entry.tree().map(|tree| (directory, tree, depth + 1)));
                }
                _ => {}
            })?;
            any_link |= !links.is_empty();
            for name in links {
                let target = objects.follow(root, &directory.join(&name))?;
                let file = target.filter(|entry| entry.kind == EntryKind::File);
                found(&directory, &name, file.and_then(|file| file.blob()));
            }
        }
    }
    Ok(any_link)
}

/// What a file is: the revision that it states, and what is wrong with it.
pub type Classified = (Option<Arc<Script>>, Option<Unreadable>);

/// Parsed headers by blob, shared between threads.
pub struct Headers {
    factory: ObjectsFactory,
    parsed: RwLock<FxHashMap<(usize, BlobId), Arc<Header>>>,
    grades: RwLock<FxHashMap<(BlobId, BlobId), Grade>>,
}

impl Headers {
    /// A reader of objects for another thread.
    pub fn objects(&self) -> Objects {
        self.factory.objects()
    }

    /// What the files `blobs` say, in their order; those not known yet are parsed, on all cores.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn load(
        &self,
        objects: &Objects,
        dialect: &'static dyn Dialect,
        blobs: &[BlobId],
    ) -> Result<Vec<Arc<Header>>, Error> {
        let mut found: Vec<Option<Arc<Header>>> = {
            let parsed = self.parsed.read().unwrap_or_else(PoisonError::into_inner);
            blobs.iter().map(|blob| parsed.get(&key(dialect, *blob)).map(Arc::clone)).collect()
        };
        let mut unknown: Vec<BlobId> =
            blobs.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(blob, _)| *blob).collect();
        if !unknown.is_empty() {
            unknown.sort_unstable();
            unknown.dedup();
            let fresh = self.parse(objects, dialect, &unknown)?;
            for (blob, found) in blobs.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                *found = fresh.get(blob).map(Arc::clone);
            }
            let mut parsed = self.parsed.write().unwrap_or_else(PoisonError::into_inner);
            parsed.extend(fresh.into_iter().map(|(blob, header)| (key(dialect, blob), header)));
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn parse(
        &self,
        objects: &Objects,
        dialect: &'static dyn Dialect,
        blobs: &[BlobId],
    ) -> Result<FxHashMap<BlobId, Arc<Header>>, Error> {
        let mut headers = FxHashMap::default();
        // What an earlier run kept of a few files is read sooner than a thread is started.
        let mut unknown = blobs;
        let left: Vec<BlobId>;
        if blobs.len() <= FEW {
            let kept = |blob: &BlobId| objects.kept().get(Kind::Header, &(dialect.name(), *blob));
            headers.extend(blobs.iter().filter_map(|blob| Some((*blob, Arc::new(kept(blob)?)))));
            left = blobs.iter().filter(|blob| !headers.contains_key(blob)).copied().collect();
            unknown = &left;
        }
        let parse = |objects: &Objects, buffer: &mut Vec<u8>, chunk: &[BlobId]| {
            let read = |blob: &BlobId| Ok((*blob, Arc::new(read_header(objects, dialect, *blob, buffer)?)));
            chunk.iter().map(read).collect::<Result<Vec<_>, Error>>()
        };
        if unknown.len() <= CHUNK {
            headers.extend(parse(objects, &mut Vec::new(), unknown)?);
            return Ok(headers);
        }
        let start = || (self.factory.objects(), Vec::new());
        let parts =
            map_chunks(unknown, CHUNK, start, |(objects, buffer), chunk| parse(objects, buffer, chunk));
        for part in parts {
            headers.extend(part?);
        }
        Ok(headers)
    }

    /// Reads `files` as a state of `environment`.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn read(
        &self,
        objects: &Objects,
        environment: &Environment,
        files: Vec<MigrationFile>,
    ) -> Result<Snapshot, Error> {
        let (scripts, unreadable) = self.scripts(objects, environment, &files)?;
        let graph = Arc::new(RevisionGraph::new(&scripts));
        let environment = environment.clone();
        Ok(Snapshot { environment, files, scripts, unreadable, graph, unscanned: Vec::new() })
    }

    /// The revisions among `files`, sorted by id, then path; and what is wrong with files.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn scripts(
        &self,
        objects: &Objects,
        environment: &Environment,
        files: &[MigrationFile],
    ) -> Result<(Vec<Arc<Script>>, Vec<Unreadable>), Error> {
        let (mut scripts, mut unreadable) = (Vec::with_capacity(files.len()), Vec::new());
        for (script, trouble) in self.classify(objects, environment.dialect, files)? {
            scripts.extend(script);
            unreadable.extend(trouble);
        }
        scripts.sort_by(|one, two| (&one.revision, &one.path).cmp(&(&two.revision, &two.path)));
        Ok((scripts, unreadable))
    }

    /// For each file, in order: the revision that it states, and what is wrong with it.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn classify(
        &self,
        objects: &Objects,
        dialect: &str,
        files: &[MigrationFile],
    ) -> Result<Vec<Classified>, Error> {
        let Some(dialect) = dialect::by_name(dialect) else { return Ok(vec![(None, None); files.len()]) };
        let blobs: Vec<BlobId> = files.iter().filter_map(|file| file.blob).collect();
        let mut headers = self.load(objects, dialect, &blobs)?.into_iter();
        let read = |file: &MigrationFile| match (file.blob, file.blob.and_then(|_| headers.next())) {
            (Some(blob), Some(header)) => classify(dialect, file, blob, header),
            _ => {
                let reason = "it is a symbolic link that leads to no file of this repository".to_owned();
                (None, Some(Unreadable { path: file.path.clone(), reason, absent: false, line: 1 }))
            }
        };
        Ok(files.iter().map(read).collect())
    }

    /// How far the change from `before` to `after` reaches.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn grade(&self, objects: &Objects, before: BlobId, after: BlobId) -> Result<Grade, Error> {
        let key = (before, after);
        // One edit reaches many commits: those that merge it, and every branch that has it.
        if let Some(grade) = self.grades.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(*grade);
        }
        let kept = objects.kept().get(Kind::Grade, &key);
        let grade = match kept {
            Some(grade) => grade,
            None => grade_blobs(objects, key)?,
        };
        self.grades.write().unwrap_or_else(PoisonError::into_inner).insert(key, grade);
        Ok(grade)
    }
}

fn classify(dialect: &dyn Dialect, file: &MigrationFile, blob: BlobId, header: Arc<Header>) -> Classified {
    let absent = header.problem.as_ref().is_some_and(|problem| problem.kind == ProblemKind::Absent);
    let trouble =
        |reason: &str, line| Unreadable { path: file.path.clone(), reason: reason.into(), absent, line };
    let problem = header.problem.as_ref().map(|problem| trouble(&problem.text, problem.line));
    // What keeps Python from reading the file explains a missing field, too.
    let without = |reason: &str| (None, problem.clone().or_else(|| Some(trouble(reason, header.line))));
    let revision: Arc<str> = match (&header.revision, header.assigns_revision) {
        (Some(id), _) => Arc::clone(&id.value),
        (None, true) => return without("its revision cannot be known without running it"),
        (None, false) => match dialect.id_from_name(file.path.name()) {
            Some(id) => id.into(),
            None => return without("it assigns no revision"),
        },
    };
    if !header.assigns_down_revision {
        return without("it assigns no down_revision");
    }
    (Some(Arc::new(Script { path: file.path.clone(), blob, revision, header })), problem)
}

fn grade_blobs(objects: &Objects, key: (BlobId, BlobId)) -> Result<Grade, Error> {
    let (Some(before), Some(after)) = (objects.blob(key.0)?, objects.blob(key.1)?) else {
        // A version that is not in this copy may differ in anything.
        return Ok(Grade::Upgrade);
    };
    let grade = python::grade_texts(&before, &after);
    objects.kept().put(Kind::Grade, &key, &grade);
    Ok(grade)
}

/// Dialects are few and static: the address of its name tells one from another.
fn key(dialect: &'static dyn Dialect, blob: BlobId) -> (usize, BlobId) {
    (dialect.name().as_ptr() as usize, blob)
}

fn read_header(
    objects: &Objects,
    dialect: &dyn Dialect,
    blob: BlobId,
    buffer: &mut Vec<u8>,
) -> Result<Header, Error> {
    let key = (dialect.name(), blob);
    if let Some(kept) = objects.kept().get(Kind::Header, &key) {
        return Ok(kept);
    }
    if objects.blob_into(blob, buffer)? {
        let header = dialect.read(buffer);
        objects.kept().put(Kind::Header, &key, &header);
        return Ok(header);
    }
    let text = "its content is not in this copy of the repository".into();
    let problem = Some(Problem { kind: ProblemKind::Absent, text, line: 1 });
    Ok(Header { line: 1, problem, ..Header::default() })
}
