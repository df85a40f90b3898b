use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use rayon::prelude::*;

use super::Snapshot;
use crate::dialect::{self, DIALECTS, Dialect, Finder};
use crate::python::{self, grade::Grade};
use crate::revision::{
    Environment, Header, MigrationFile, Problem, ProblemKind, RevisionGraph, Script, Unreadable,
};
use crate::vcs::{BlobId, EntryKind, Error, Objects, ObjectsFactory, RepoPath, TreeId};

/// Reads environments and their files out of trees; every blob is parsed once.
pub struct Reader {
    objects: Objects,
    finders: Vec<Box<dyn Finder>>,
    headers: Headers,
    listings: HashMap<(TreeId, bool), Arc<Vec<Listed>>>,
    configured: Option<Vec<Environment>>,
}

/// A file of a version location, its path relative to it.
#[derive(Clone, Debug)]
struct Listed {
    path: RepoPath,
    blob: Option<BlobId>,
    link: bool,
}

/// Blobs that one worker parses at a time.
const CHUNK: usize = 16;

/// Directories nested deeper below a version location are not scanned.
const MAX_DEPTH: usize = 30;

impl Reader {
    /// A reader of one repository's objects. Where `configured` names environments, those are the
    /// only ones.
    pub fn new(factory: &ObjectsFactory, configured: Option<Vec<Environment>>) -> Self {
        Self {
            objects: factory.objects(),
            finders: DIALECTS.iter().map(|dialect| dialect.finder()).collect(),
            headers: Headers { factory: factory.clone(), parsed: RwLock::default() },
            listings: HashMap::new(),
            configured,
        }
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
    pub fn configuration_meaning(&mut self, path: &RepoPath, blob: BlobId) -> Result<String, Error> {
        let mut meaning = String::new();
        for finder in &mut self.finders {
            meaning.push_str(&finder.configuration_meaning(&self.objects, path, blob)?);
        }
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
        let files = self.files(root, environment)?;
        let mut snapshot = self.headers.read(&self.objects, environment, files)?;
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
    pub fn files(&mut self, root: TreeId, environment: &Environment) -> Result<Vec<MigrationFile>, Error> {
        let mut files = BTreeSet::new();
        let Some(dialect) = dialect::by_name(environment.dialect) else { return Ok(Vec::new()) };
        for location in &environment.version_locations {
            let entry = self.objects.follow(root, &location.path)?;
            let Some(tree) = entry.and_then(|entry| entry.tree()) else { continue };
            for listed in self.listing(tree, location.recursive, dialect)?.iter() {
                let path = location.path.join(listed.path.as_bytes());
                let blob = match listed.link {
                    true => match self.objects.follow(root, &path)? {
                        Some(target) if target.kind == EntryKind::File => target.blob(),
                        _ => None,
                    },
                    false => listed.blob,
                };
                files.insert(MigrationFile { path, blob });
            }
        }
        Ok(files.into_iter().collect())
    }

    fn listing(
        &mut self,
        tree: TreeId,
        recursive: bool,
        dialect: &dyn Dialect,
    ) -> Result<Arc<Vec<Listed>>, Error> {
        if let Some(known) = self.listings.get(&(tree, recursive)) {
            return Ok(Arc::clone(known));
        }
        let mut files = Vec::new();
        let mut pending = vec![(RepoPath::root(), tree, 0)];
        while let Some((directory, tree, depth)) = pending.pop() {
            for entry in self.objects.tree(tree)?.unwrap_or_default() {
                let path = directory.join(&entry.name);
                match entry.kind {
                    EntryKind::File | EntryKind::Symlink if dialect.loads(&entry.name) => {
                        let link = entry.kind == EntryKind::Symlink;
                        files.push(Listed { path, blob: entry.blob(), link });
                    }
                    EntryKind::Tree if recursive && depth < MAX_DEPTH && dialect.descends(&entry.name) => {
                        pending.extend(entry.tree().map(|tree| (path, tree, depth + 1)));
                    }
                    _ => {}
                }
            }
        }
        let files = Arc::new(files);
        self.listings.insert((tree, recursive), Arc::clone(&files));
        Ok(files)
    }
}

/// Parsed headers by blob, shared between threads.
pub struct Headers {
    factory: ObjectsFactory,
    parsed: RwLock<HashMap<(&'static str, BlobId), Arc<Header>>>,
}

impl Headers {
    /// A reader of objects for another thread.
    pub fn objects(&self) -> Objects {
        self.factory.objects()
    }

    /// Parses whatever of `blobs` has not been parsed yet, on all cores.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn load(
        &self,
        objects: &Objects,
        dialect: &'static dyn Dialect,
        blobs: &[BlobId],
    ) -> Result<(), Error> {
        let mut unknown: Vec<BlobId> = {
            let headers = self.parsed.read().unwrap_or_else(PoisonError::into_inner);
            blobs.iter().copied().filter(|blob| !headers.contains_key(&(dialect.name(), *blob))).collect()
        };
        unknown.sort_unstable();
        unknown.dedup();
        let parse = |objects: &Objects, blob: BlobId| -> Result<(BlobId, Arc<Header>), Error> {
            Ok((blob, Arc::new(read_header(objects, dialect, blob)?)))
        };
        let parsed: Vec<(BlobId, Arc<Header>)> = if unknown.len() <= CHUNK {
            unknown.iter().map(|blob| parse(objects, *blob)).collect::<Result<_, _>>()?
        } else {
            unknown
                .par_chunks(CHUNK)
                .map_init(
                    || self.factory.objects(),
                    |objects, chunk| {
                        chunk.iter().map(|blob| parse(objects, *blob)).collect::<Result<Vec<_>, _>>()
                    },
                )
                .collect::<Result<Vec<_>, Error>>()?
                .into_iter()
                .flatten()
                .collect()
        };
        let mut headers = self.parsed.write().unwrap_or_else(PoisonError::into_inner);
        headers.extend(parsed.into_iter().map(|(blob, header)| ((dialect.name(), blob), header)));
        Ok(())
    }

    /// What the file `blob` says.
    ///
    /// # Errors
    /// When the object is damaged.
    pub fn header(
        &self,
        objects: &Objects,
        dialect: &'static dyn Dialect,
        blob: BlobId,
    ) -> Result<Arc<Header>, Error> {
        let key = (dialect.name(), blob);
        if let Some(header) = self.parsed.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(header));
        }
        let header = Arc::new(read_header(objects, dialect, blob)?);
        let mut headers = self.parsed.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(headers.entry(key).or_insert(header)))
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
        let Some(dialect) = dialect::by_name(environment.dialect) else {
            return Ok(Snapshot { environment: environment.clone(), ..Snapshot::default() });
        };
        let blobs: Vec<BlobId> = files.iter().filter_map(|file| file.blob).collect();
        self.load(objects, dialect, &blobs)?;
        let mut scripts = Vec::with_capacity(files.len());
        let mut unreadable = Vec::new();
        for file in &files {
            let reject =
                |reason: &str, line| Unreadable { path: file.path.clone(), reason: reason.into(), line };
            let Some(blob) = file.blob else {
                unreadable.push(reject("it is a symbolic link that leads to no file of this repository", 1));
                continue;
            };
            let header = self.header(objects, dialect, blob)?;
            if let Some(problem) = &header.problem {
                unreadable.push(reject(&problem.text, problem.line));
            }
            let trouble = header.problem.is_some();
            let mut skip = |reason: &str| {
                if !trouble {
                    unreadable.push(reject(reason, header.line));
                }
            };
            let id = match (&header.revision, header.assigns_revision) {
                (Some(id), _) => Some(id.value.clone()),
                (None, true) => {
                    skip("its revision cannot be known without running it");
                    continue;
                }
                (None, false) => dialect.id_from_name(file.path.name()),
            };
            let Some(revision) = id else {
                skip("it assigns no revision");
                continue;
            };
            if !header.assigns_down_revision {
                skip("it assigns no down_revision");
                continue;
            }
            scripts.push(Script { path: file.path.clone(), blob, revision, header });
        }
        scripts.sort_by(|one, two| (&one.revision, &one.path).cmp(&(&two.revision, &two.path)));
        let graph = RevisionGraph::new(&scripts);
        Ok(Snapshot {
            environment: environment.clone(),
            files,
            scripts,
            unreadable,
            graph,
            unscanned: Vec::new(),
        })
    }

    /// How far the change from `before` to `after` reaches.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn grade(objects: &Objects, before: BlobId, after: BlobId) -> Result<Grade, Error> {
        match (objects.blob(before)?, objects.blob(after)?) {
            (Some(before), Some(after)) => Ok(python::grade_texts(&before, &after)),
            // A version that is not in this copy may differ in anything.
            _ => Ok(Grade::Upgrade),
        }
    }
}

fn read_header(objects: &Objects, dialect: &dyn Dialect, blob: BlobId) -> Result<Header, Error> {
    Ok(match objects.blob(blob)? {
        Some(text) => dialect.read(&text),
        None => Header {
            line: 1,
            problem: Some(Problem {
                kind: ProblemKind::Absent,
                text: "its content is not in this copy of the repository".into(),
                line: 1,
            }),
            ..Header::default()
        },
    })
}
