//! Modules: found in the tree, evaluated when something of them is used.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Asked, Evaluator, Files, Flow, Frame, MODULE_STEPS, STATEMENT_STEPS};
use crate::python::tree;
use crate::schema::value::{Import, Module, Scope, Value};
use crate::text::ByteSpan;
use crate::vcs::RepoPath;

/// What a dotted name is in the tree.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// A module or package with this file.
    File(RepoPath),
    /// A directory without `__init__.py`.
    Directory(RepoPath),
}

/// Names that are Python's or the tools' own, whatever the repository calls its directories.
const OUTSIDE: &[&str] = &[
    "abc",
    "alembic",
    "argparse",
    "ast",
    "asyncio",
    "base64",
    "builtins",
    "collections",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "glob",
    "hashlib",
    "hmac",
    "importlib",
    "inspect",
    "io",
    "ipaddress",
    "itertools",
    "json",
    "logging",
    "math",
    "numbers",
    "operator",
    "os",
    "pathlib",
    "pickle",
    "pkgutil",
    "platform",
    "pprint",
    "queue",
    "random",
    "re",
    "secrets",
    "shutil",
    "socket",
    "sqlalchemy",
    "sqlmodel",
    "sqlite3",
    "stat",
    "string",
    "struct",
    "subprocess",
    "sys",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "traceback",
    "types",
    "typing",
    "typing_extensions",
    "unicodedata",
    "urllib",
    "uuid",
    "warnings",
    "weakref",
    "zlib",
    "__future__",
];

fn is_outside(dotted: &str) -> bool {
    let first = dotted.split('.').next().unwrap_or(dotted);
    dotted.is_empty() || OUTSIDE.contains(&first)
}

/// What the absolute dotted name is below the first of `roots` that has it.
pub(super) fn find_name(files: &dyn Files, roots: &[RepoPath], dotted: &str) -> Option<Found> {
    if is_outside(dotted) {
        return None;
    }
    let first = dotted.split('.').next().unwrap_or(dotted);
    let below = |root: &RepoPath| dotted.split('.').fold(root.clone(), |path, part| path.join(part));
    // Most of the roots are places where modules might be and are not there, and most of the names are those of libraries.
    roots.iter().filter(|root| files.has_module(root, first)).find_map(|root| find_at(files, &below(root)))
}

/// What the module at `path` is, which has no suffix.
pub(super) fn find_at(files: &dyn Files, path: &RepoPath) -> Option<Found> {
    let package = path.join("__init__.py");
    if files.is_file(&package) {
        return Some(Found::File(package));
    }
    let mut name = path.name().to_vec();
    name.extend_from_slice(b".py");
    let file = path.parent().join(name);
    if files.is_file(&file) {
        return Some(Found::File(file));
    }
    files.is_directory(path).then(|| Found::Directory(path.clone()))
}

impl Evaluator<'_> {
    /// What the absolute dotted name is in the tree; `None` for a library.
    pub(super) fn find(&mut self, dotted: &str) -> Option<Found> {
        if is_outside(dotted) {
            return None;
        }
        if let Some(found) = self.found.get(dotted) {
            let found = found.clone();
            self.note(&Asked::Name(Arc::from(dotted)));
            return found;
        }
        let name: Arc<str> = Arc::from(dotted);
        self.note(&Asked::Name(Arc::clone(&name)));
        let found = find_name(self.files, &self.roots, dotted);
        self.found.insert(name, found.clone());
        found
    }

    pub(super) fn found_at(&self, path: &RepoPath) -> Option<Found> {
        self.note(&Asked::Module(path.clone()));
        find_at(self.files, path)
    }

    /// Evaluates the module at `path`, once.
    pub(super) fn load(&mut self, path: &RepoPath) -> Option<Rc<Module>> {
        self.note_read(path);
        if let Some(known) = self.modules.get(path) {
            let known = known.clone();
            if let Some(module) = &known {
                module.asked.borrow().iter().for_each(|asked| self.note(asked));
            }
            return known;
        }
        let Some(tree) = self.files.file(path) else {
            self.modules.insert(path.clone(), None);
            return None;
        };
        let module = Rc::new(Module {
            path: path.clone(),
            dotted: RefCell::new(Arc::from(self.dotted_name(path))),
            tree: Arc::clone(&tree),
            scope: Rc::new(Scope::default()),
            stars: RefCell::default(),
            asked: RefCell::default(),
            classes: RefCell::default(),
        });
        self.modules.insert(path.clone(), Some(Rc::clone(&module)));
        if self.calls >= super::MAX_CALLS {
            return Some(module);
        }
        // What a module's body costs is no debt of whoever imports it first, nor are its uncertainties.
        let steps = self.steps;
        let exhausted = self.exhausted.take();
        let conditions = std::mem::take(&mut self.conditions);
        let before = self.asked.replace(Default::default());
        self.calls += 1;
        let mut frame = self.module_frame(&module);
        let mut left = MODULE_STEPS;
        for statement in &tree.body {
            // A statement that takes too long leaves the names of the others alone.
            let share = left.min(STATEMENT_STEPS);
            self.steps = share;
            self.exhausted = None;
            let flow = self.block(&mut frame, std::slice::from_ref(statement));
            left -= share - self.steps;
            if left == 0 || matches!(flow, Flow::Raise(_)) {
                break;
            }
        }
        self.calls -= 1;
        self.steps = steps;
        self.exhausted = exhausted;
        self.conditions = conditions;
        let during = self.asked.replace(before);
        during.iter().for_each(|asked| self.note(asked));
        *module.asked.borrow_mut() = during.into_iter().collect();
        Some(module)
    }

    /// The dotted name of the file below the first import root that holds it.
    fn dotted_name(&self, path: &RepoPath) -> String {
        let root =
            self.roots.iter().filter(|root| path.is_within(root)).min_by_key(|root| root.as_bytes().len());
        let skip = root.map_or(0, |root| root.components().count());
        let mut parts: Vec<String> = path.components().skip(skip).map(|part| part.to_string()).collect();
        if let Some(last) = parts.last_mut() {
            *last = last.trim_end_matches(".py").to_owned();
            if last == "__init__" {
                parts.pop();
            }
        }
        parts.join(".")
    }

    pub(super) fn import(&mut self, frame: &Frame, aliases: &[tree::Alias]) {
        for alias in aliases {
            let (bound, dotted) = match &alias.asname {
                Some(asname) => (Arc::clone(asname), &*alias.name),
                // `import a.b` binds `a`; what lies below is found from there.
                None => {
                    let first = alias.name.split('.').next().unwrap_or(&alias.name);
                    (Arc::from(first), first)
                }
            };
            let value = self.module_value(dotted);
            frame.scope.set(bound, value);
        }
    }

    /// The module called `dotted`, not evaluated yet, or a library.
    fn module_value(&mut self, dotted: &str) -> Value {
        match self.find(dotted) {
            Some(Found::File(path) | Found::Directory(path)) => {
                Value::Import(Rc::new(Import { module: Arc::from(dotted), path, name: None }))
            }
            None => Value::External(Arc::from(dotted)),
        }
    }

    pub(super) fn import_from(&mut self, frame: &Frame, import: &tree::ImportFrom) {
        let found = match import.level {
            0 => self.find(&import.module),
            level => self.find_relative(&frame.module.path, level, &import.module),
        };
        for alias in &import.names {
            let bound = alias.asname.as_ref().unwrap_or(&alias.name);
            let value = match (&found, &*alias.name) {
                (Some(Found::File(path)), "*") => {
                    let module =
                        Import { module: Arc::clone(&import.module), path: path.clone(), name: None };
                    frame.module.stars.borrow_mut().push(Value::Import(Rc::new(module)));
                    continue;
                }
                (Some(Found::Directory(_)), "*") => continue,
                (None, "*") => {
                    let module = Value::External(Arc::clone(&import.module));
                    frame.module.stars.borrow_mut().push(module);
                    continue;
                }
                (Some(Found::File(path) | Found::Directory(path)), _) => Value::Import(Rc::new(Import {
                    module: Arc::clone(&import.module),
                    path: path.clone(),
                    name: Some(Arc::clone(&alias.name)),
                })),
                (None, name) if import.level == 0 => {
                    Value::External(Arc::from(format!("{}.{name}", import.module)))
                }
                (None, name) => self.unknown(
                    frame,
                    alias.span,
                    format!("{name} comes from a module that is not in the repository"),
                ),
            };
            frame.scope.set(Arc::clone(bound), value);
        }
    }

    pub(super) fn find_relative(&mut self, from: &RepoPath, level: u32, dotted: &str) -> Option<Found> {
        let directory = from.ancestor(level)?;
        if dotted.is_empty() {
            return self.found_at(&directory);
        }
        self.found_at(&dotted.split('.').fold(directory, |path, part| path.join(part)))
    }

    /// The value behind an import that nobody has used yet; any other value itself.
    pub(super) fn force(&mut self, value: Value) -> Value {
        let Value::Import(import) = &value else { return value };
        let is_file = import.path.name().ends_with(b".py");
        match &import.name {
            None if is_file => match self.load(&import.path) {
                Some(module) => Value::Module(module),
                None => value,
            },
            None => value,
            Some(name) => {
                let import = Rc::clone(import);
                let of_module = if is_file {
                    // A cycle of imports leaves names that are not bound yet.
                    self.load(&import.path).and_then(|module| self.module_name(&module, name))
                } else {
                    None
                };
                let found = match of_module {
                    Some(Value::Import(next)) if Rc::ptr_eq(&next, &import) => None,
                    Some(found) => Some(found),
                    None => {
                        let directory = if is_file { import.path.parent() } else { import.path.clone() };
                        // `from package import submodule`.
                        let is_package = !is_file || import.path.name() == "__init__.py";
                        self.found_at(&directory.join(&**name)).filter(|_| is_package).map(|found| {
                            let (Found::File(path) | Found::Directory(path)) = found;
                            let module = Arc::from(format!("{}.{name}", import.module));
                            Value::Import(Rc::new(Import { module, path, name: None }))
                        })
                    }
                };
                match found {
                    Some(found) if self.pay(1) && self.calls < super::MAX_CALLS => {
                        self.calls += 1;
                        let forced = self.force(found);
                        self.calls -= 1;
                        forced
                    }
                    _ => {
                        let reason = format!("{name} was not found in {}", import.path);
                        let place = crate::schema::state::Place {
                            path: import.path.clone(),
                            line: 1,
                            span: ByteSpan::new(0, 0),
                            revision: self.revision.clone(),
                        };
                        Value::unknown(reason, place)
                    }
                }
            }
        }
    }

    /// What a module binds `name` to, star imports included; imports are not followed.
    pub(super) fn module_name(&mut self, module: &Rc<Module>, name: &str) -> Option<Value> {
        self.module_name_at(module, name, 0)
    }

    fn module_name_at(&mut self, module: &Rc<Module>, name: &str, depth: usize) -> Option<Value> {
        self.note_read(&module.path);
        if let Some(value) = module.scope.own(name) {
            return Some(value);
        }
        // A star leaves names with an underscore behind; and star imports may lead in circles.
        if name.starts_with('_') || depth > 8 || !self.pay(1) {
            return None;
        }
        let stars = module.stars.borrow().clone();
        let mut outside = Vec::new();
        for star in stars.iter().rev() {
            match star {
                Value::Import(import) => {
                    let Some(next) = self.load(&import.path) else { continue };
                    if let Some(value) = self.module_name_at(&next, name, depth + 1) {
                        return Some(value);
                    }
                }
                Value::External(path) if !name.starts_with('_') => outside.push(Arc::clone(path)),
                _ => {}
            }
        }
        // With several libraries, SQLAlchemy's is the one that matters here.
        let outside = outside.iter().find(|path| path.starts_with("sqlalchemy")).or(outside.first())?;
        (depth == 0).then(|| Value::External(Arc::from(format!("{outside}.{name}"))))
    }
}
