//! What surrounds the migrations: `env.py`, application start-up, container files. Read from a tree, never run.
//!
//! [`Gatherer::gather`] collects facts, the rules of the `project` kind word them. What is not told by the files
//! is left out: every fact here is meant to be certain.

mod deploy;
mod environment;
mod files;
mod module;
mod modules;
mod startup;
mod tables;
mod url;

use std::cell::RefCell;
use std::collections::HashMap;

pub use deploy::{Deployment, Start};
pub use environment::{AsyncUrl, EnvFile, Target};
pub use startup::{CreateAll, Startup, SyncEngine};
pub use tables::{Declared, Unmanaged};

use self::files::{Files, Kind};
use self::modules::{Cache, Modules};
use crate::revision::Environment;
use crate::vcs::{BlobId, Error, Objects, RepoPath, TreeId};

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The file.
    pub path: RepoPath,
    /// Line, from 1.
    pub line: u32,
}

/// The facts of one tree.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// The `env.py` of each environment that has one.
    pub env_files: Vec<EnvFile>,
    /// Calls that make tables without Alembic, in code that an application runs.
    pub create_all: Vec<CreateAll>,
    /// Tables whose metadata nobody makes.
    pub unmanaged: Vec<Unmanaged>,
    /// Synchronous engines that are given a URL with an asynchronous driver.
    pub sync_engines: Vec<SyncEngine>,
    /// How the application is started, where container files tell.
    pub deployment: Option<Deployment>,
    /// Where Alembic is listed as a dependency.
    pub alembic_dependency: Option<Spot>,
    /// Whether any file is called `env.py`.
    pub has_env_file: bool,
    /// How many tables the application declares.
    pub tables: usize,
}

/// What a file mentions; see [`tables::candidates`].
#[derive(Clone, Copy, Debug)]
struct Flags {
    models: bool,
    create_all: bool,
    engines: bool,
    upgrades: bool,
}

type FileFlags = RefCell<HashMap<BlobId, Flags>>;

/// Reads the facts of trees, each blob once.
#[derive(Default)]
pub struct Gatherer {
    cache: Cache,
    flags: FileFlags,
}

impl Gatherer {
    /// Whether a change of the file at `path` between two blobs may change a fact.
    ///
    /// # Errors
    /// When a blob is damaged or absent.
    pub fn differs(
        &self,
        objects: &Objects,
        path: &RepoPath,
        old: Option<BlobId>,
        new: Option<BlobId>,
    ) -> Result<bool, Error> {
        if files::kind(path.name()) != Some(Kind::Python) || path.name() == "env.py" {
            return Ok(true);
        }
        let mut imports = Vec::new();
        for blob in [old, new].into_iter().flatten() {
            let flags = tables::flags(objects, blob, &self.flags)?;
            if (flags.models || flags.create_all || flags.engines) && !files::is_aside(path) || flags.upgrades
            {
                return Ok(true);
            }
            imports.push(module::Module::read(&objects.needed_blob(blob)?).imports);
        }
        // A file that comes or goes matters as far as it is imported, or imports.
        Ok(imports.len() != 2 || imports[0] != imports[1])
    }

    /// The facts of the tree `root`, whose environments are `environments`.
    ///
    /// # Errors
    /// When an object is damaged or absent.
    pub fn gather<'e>(
        &self,
        objects: &Objects,
        root: TreeId,
        environments: impl Iterator<Item = &'e Environment> + Clone,
    ) -> Result<Project, Error> {
        let files = Files::list(objects, root)?;
        let modules = Modules::new(objects, root, &files, &self.cache);
        let candidates = tables::candidates(objects, &files, environments.clone(), &self.flags)?;
        let declared = tables::declared(&modules, &candidates)?;
        let mut env_files = Vec::new();
        for environment in environments.clone() {
            env_files.extend(environment::read(objects, &files, &modules, environment, &declared)?);
        }
        environment::keep_unimported_by_all(&mut env_files);
        let create_all = startup::create_all(&modules, &candidates)?;
        Ok(Project {
            unmanaged: tables::unmanaged(&declared, &env_files, &create_all),
            sync_engines: startup::sync_engines(objects, &files, &modules, &candidates)?,
            deployment: deploy::read(objects, &files, &modules, &candidates)?,
            alembic_dependency: deploy::alembic_dependency(objects, &files)?,
            has_env_file: files.of(Kind::Python).any(|(path, _)| path.name() == "env.py"),
            tables: declared.len(),
            env_files,
            create_all,
        })
    }
}

/// Whether a change of the file `name` (one component) may change a fact.
pub fn concerns(name: &[u8]) -> bool {
    files::kind(name).is_some() || name == b"alembic.ini"
}
