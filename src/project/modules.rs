//! Which file a name comes from, and which files are loaded with another.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use memchr::memmem;

use super::files::{Files, Kind};
use super::module::{Argument, Import, Module};
use crate::cache;
use crate::vcs::{BlobId, Error, Objects, RepoPath, TreeId};

/// Names pass through at most so many files.
const MAX_HOPS: usize = 24;

/// Files read so far, by blob: shared between the trees of one question.
pub(super) type Cache = RefCell<HashMap<BlobId, Rc<Module>>>;

/// What the file `blob` says; read unless an earlier question or an earlier run did.
///
/// # Errors
/// When the blob is damaged or absent.
pub(super) fn module(objects: &Objects, blob: BlobId, cache: &Cache) -> Result<Rc<Module>, Error> {
    if let Some(module) = cache.borrow().get(&blob) {
        return Ok(Rc::clone(module));
    }
    let read = || Ok(Module::read(&objects.needed_blob(blob)?));
    let module = Rc::new(objects.kept().or_find(cache::Kind::Module, &blob, read)?);
    cache.borrow_mut().insert(blob, Rc::clone(&module));
    Ok(module)
}

/// Where a name is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// In a file of this repository, under this name (with attributes).
    Local(RepoPath, String),
    /// In somebody else's package.
    Foreign(String),
}

/// The Python files of a tree.
pub(super) struct Modules<'t> {
    objects: &'t Objects,
    root: TreeId,
    files: &'t Files,
    cache: &'t Cache,
    /// Names looked up so far; `None` while one is looked up, so that circles of imports end.
    origins: RefCell<HashMap<(RepoPath, String), Option<Origin>>>,
    /// Files by the last part of their module's name.
    by_name: HashMap<Vec<u8>, Vec<&'t RepoPath>>,
}

impl<'t> Modules<'t> {
    pub(super) fn new(objects: &'t Objects, root: TreeId, files: &'t Files, cache: &'t Cache) -> Self {
        let mut by_name: HashMap<Vec<u8>, Vec<&RepoPath>> = HashMap::new();
        for (path, _) in files.of(Kind::Python) {
            let parent;
            let name: &[u8] = match path.name().strip_suffix(b".py").unwrap_or_default() {
                b"__init__" => {
                    parent = path.parent();
                    parent.name()
                }
                name => name,
            };
            by_name.entry(name.to_vec()).or_default().push(path);
        }
        Self { objects, root, files, cache, origins: RefCell::default(), by_name }
    }

    /// The tree.
    pub(super) fn root(&self) -> TreeId {
        self.root
    }

    /// The files whose text holds `word`, sorted.
    ///
    /// # Errors
    /// When a blob is damaged or absent.
    pub(super) fn that_mention(&self, word: &str) -> Result<Vec<RepoPath>, Error> {
        let finder = memmem::Finder::new(word);
        let mut found = Vec::new();
        for (path, blob) in self.files.of(Kind::Python) {
            let mentions = || Ok(finder.find(&self.objects.needed_blob(blob)?).is_some());
            if self.objects.kept().or_find(cache::Kind::Mentions, &(word, blob), mentions)? {
                found.push(path.clone());
            }
        }
        Ok(found)
    }

    /// What the file at `path` says; `None` where there is no such file.
    ///
    /// # Errors
    /// When the blob is damaged or absent.
    pub(super) fn module(&self, path: &RepoPath) -> Result<Option<Rc<Module>>, Error> {
        self.files.get(path).map(|blob| module(self.objects, blob, self.cache)).transpose()
    }

    /// The file of the module `name`, as `from` imports it; `None` where it is none of this repository's.
    pub(super) fn find(&self, from: &RepoPath, level: u32, name: &str) -> Option<RepoPath> {
        let tail = name.replace('.', "/");
        if level > 0 {
            let directory = from.ancestor(level)?;
            let base = if tail.is_empty() { directory } else { directory.join(&tail) };
            return self.file_of(&base);
        }
        let last = name.rsplit('.').next()?;
        let is_it = |path: &&&RepoPath| {
            let module = path.as_bytes().strip_suffix(b".py").unwrap_or_default();
            let module = module.strip_suffix(b"/__init__").unwrap_or(module);
            let above = module.strip_suffix(tail.as_bytes());
            above.is_some_and(|above| above.is_empty() || above.ends_with(b"/"))
        };
        // The nearest one: several applications may live side by side.
        self.by_name
            .get(last.as_bytes())?
            .iter()
            .filter(is_it)
            .max_by_key(|path| {
                let common = path.components().zip(from.components()).take_while(|(a, b)| a == b).count();
                (common, std::cmp::Reverse(path.as_bytes().len()))
            })
            .map(|path| (*path).clone())
    }

    fn file_of(&self, base: &RepoPath) -> Option<RepoPath> {
        let mut file = base.as_bytes().to_vec();
        file.extend_from_slice(b".py");
        [RepoPath::new(file), base.join("__init__.py")]
            .into_iter()
            .find(|path| self.files.get(path).is_some())
    }

    /// The files that an import loads, packages on the way included.
    fn loaded(&self, from: &RepoPath, import: &Import) -> Vec<RepoPath> {
        let mut files = Vec::new();
        let mut add = |name: &str| {
            if let Some(file) = self.find(from, import.level, name) {
                files.push(file);
            }
        };
        let mut prefix = String::new();
        for part in import.module.split('.') {
            if !prefix.is_empty() {
                prefix.push('.');
            }
            prefix.push_str(part);
            add(&prefix);
        }
        if let Some(name) = import.name.as_deref().filter(|name| *name != "*") {
            add(&if import.module.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", import.module)
            });
        }
        files
    }

    /// Those of the files `wanted` that are not loaded with `start`. Empty where more may be loaded than is known:
    /// names made at run time, files that cannot be read.
    ///
    /// # Errors
    /// When a blob is damaged or absent.
    pub(super) fn not_loaded_with<'w>(
        &self,
        start: &RepoPath,
        wanted: impl Iterator<Item = &'w RepoPath>,
    ) -> Result<BTreeSet<&'w RepoPath>, Error> {
        let mut wanted: BTreeSet<&RepoPath> = wanted.collect();
        let mut seen: BTreeSet<RepoPath> = BTreeSet::from([start.clone()]);
        // Level by level: what env.py is after is near, and most of an application is not.
        let mut level = vec![start.clone()];
        while !level.is_empty() {
            for path in &level {
                wanted.remove(path);
            }
            if wanted.is_empty() {
                return Ok(wanted);
            }
            let mut next = Vec::new();
            for path in &level {
                let Some(module) = self.module(path)? else { continue };
                if !module.readable || module.imports_dynamically() {
                    return Ok(BTreeSet::new());
                }
                for import in &module.imports {
                    next.extend(
                        self.loaded(path, import).into_iter().filter(|file| seen.insert(file.clone())),
                    );
                }
            }
            level = next;
        }
        Ok(wanted)
    }

    /// Where the dotted `name`, used in the file `path`, is made; `None` where that is not told.
    ///
    /// # Errors
    /// When a blob is damaged or absent.
    pub(super) fn origin(&self, path: &RepoPath, name: &str) -> Result<Option<Origin>, Error> {
        self.origin_after(path, name, MAX_HOPS)
    }

    fn origin_after(&self, path: &RepoPath, name: &str, hops: usize) -> Result<Option<Origin>, Error> {
        if hops == 0 {
            return Ok(None);
        }
        let key = (path.clone(), name.to_owned());
        if let Some(known) = self.origins.borrow().get(&key) {
            return Ok(known.clone());
        }
        self.origins.borrow_mut().insert(key.clone(), None);
        let origin = self.look_up(path, name, hops)?;
        self.origins.borrow_mut().insert(key, origin.clone());
        Ok(origin)
    }

    fn look_up(&self, path: &RepoPath, name: &str, hops: usize) -> Result<Option<Origin>, Error> {
        let Some(module) = self.module(path)? else { return Ok(None) };
        let (first, rest) = name.split_once('.').map_or((name, ""), |(first, rest)| (first, rest));
        let with_rest = |base: &str| match (base.is_empty(), rest.is_empty()) {
            (true, _) => rest.to_owned(),
            (_, true) => base.to_owned(),
            _ => format!("{base}.{rest}"),
        };
        if let Some(bound) = module.bound(first) {
            return match &bound.value {
                Some(Argument::Dotted(other)) if other != first => {
                    self.origin_after(path, &with_rest(other), hops - 1)
                }
                _ => Ok(Some(Origin::Local(path.clone(), name.to_owned()))),
            };
        }
        let is_class = module.tables.iter().any(|table| table.name == first);
        if is_class || module.functions.iter().any(|function| function.name == first) {
            return Ok(Some(Origin::Local(path.clone(), name.to_owned())));
        }
        for import in module.imports.iter().rev() {
            match &import.name {
                // `import a.b` makes `a` known; `import a.b as c` makes `c` known.
                None if import.alias != import.module && import.alias == first => {
                    return self.enter(path, import.level, &import.module, rest, hops);
                }
                None if import.alias == import.module => {
                    let inner = name.strip_prefix(&import.module);
                    if let Some(inner) = inner.and_then(|inner| inner.strip_prefix('.')) {
                        return self.enter(path, import.level, &import.module, inner, hops);
                    }
                }
                Some(taken) if import.alias == first => {
                    let inner = match import.module.is_empty() {
                        true => taken.clone(),
                        false => format!("{}.{taken}", import.module),
                    };
                    if let Some(file) = self.find(path, import.level, &inner) {
                        return match rest.is_empty() {
                            true => Ok(None),
                            false => self.origin_after(&file, rest, hops - 1),
                        };
                    }
                    return self.enter(path, import.level, &import.module, &with_rest(taken), hops);
                }
                _ => {}
            }
        }
        for import in module.imports.iter().rev().filter(|import| import.name.as_deref() == Some("*")) {
            if let Some(file) = self.find(path, import.level, &import.module)
                && let Some(origin) = self.origin_after(&file, name, hops - 1)?
            {
                return Ok(Some(origin));
            }
        }
        Ok(None)
    }

    fn enter(
        &self,
        path: &RepoPath,
        level: u32,
        module: &str,
        name: &str,
        hops: usize,
    ) -> Result<Option<Origin>, Error> {
        match self.find(path, level, module) {
            Some(file) if !name.is_empty() => self.origin_after(&file, name, hops - 1),
            Some(_) => Ok(None),
            None if level > 0 => Ok(None),
            None => Ok(Some(Origin::Foreign(format!("{module}.{name}")))),
        }
    }
}
