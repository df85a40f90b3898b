//! What every command starts from: the repository, its configuration, a reader.

use std::path::Path;

use super::args::Global;
use super::config::{Config, FILE_NAME};
use super::exit::{Failure, Output};
use crate::history::{Reader, Snapshot};
use crate::revision::{Environment, ExpectedHeads};
use crate::vcs::{Repo, RepoPath, TreeId, Trunk};

/// An opened repository with the options that concern it.
pub(super) struct Session<'a> {
    pub(super) repo: Repo,
    pub(super) config: Config,
    global: &'a Global,
    config_name: String,
}

/// The state that a command studies.
pub(super) struct Study {
    /// Its tree.
    pub(super) root: TreeId,
    /// Its commit; `None` for the work tree or the index.
    pub(super) commit: Option<crate::vcs::CommitId>,
}

impl<'a> Session<'a> {
    pub(super) fn open(global: &'a Global) -> Result<Self, Failure> {
        let directory = global.directory.as_deref().unwrap_or(Path::new("."));
        if !directory.is_dir() {
            return Err(Failure::new(
                format!("there is no directory {}", directory.display()),
                "name a directory inside a git repository",
            ));
        }
        let repo = match &global.git_dir {
            Some(git_dir) => Repo::open(&directory.join(git_dir))?,
            None => Repo::discover(directory)?,
        };
        Ok(Self { repo, config: Config::default(), global, config_name: String::new() })
    }

    /// Reads the configuration that holds for the tree `root`.
    pub(super) fn configure(&mut self, root: Option<TreeId>) -> Result<(), Failure> {
        let (name, text) = match (&self.global.config, root) {
            (Some(path), _) => {
                let name = path.display().to_string();
                let text = std::fs::read(path).map_err(|error| {
                    Failure::new(format!("cannot read {name}: {error}"), "check the path given to --config")
                })?;
                (name, Some(text))
            }
            (None, Some(root)) => {
                (FILE_NAME.into(), self.repo.objects().file(root, &RepoPath::new(FILE_NAME))?)
            }
            (None, None) => (FILE_NAME.into(), None),
        };
        if let Some(text) = text {
            self.config = Config::parse(&name, &text)?;
        }
        self.config_name = name;
        Ok(())
    }

    pub(super) fn reader(&self) -> Reader {
        Reader::new(self.repo.objects_factory(), self.config.environments(&self.config_name))
    }

    /// The trunk by option, configuration, or convention.
    pub(super) fn trunk(&self) -> Result<Option<Trunk>, Failure> {
        let named = self.global.trunk.as_deref().or(self.config.trunk.as_deref());
        Ok(self.repo.trunk(named)?)
    }

    /// The commit named, else the work tree if there is one, else HEAD. Reads the configuration
    /// of that state.
    pub(super) fn study(&mut self, revision: Option<&str>) -> Result<Study, Failure> {
        let study = match revision {
            Some(revision) => self.study_commit(revision)?,
            None if self.repo.work_tree().is_some() => {
                let root = self.repo.work_tree_tree(&is_relevant)?;
                Study { root, commit: None }
            }
            None => self.study_commit("HEAD")?,
        };
        self.configure(Some(study.root))?;
        Ok(study)
    }

    fn study_commit(&self, revision: &str) -> Result<Study, Failure> {
        let commit = self.repo.resolve(revision)?;
        Ok(Study { root: self.repo.tree_of(commit)?, commit: Some(commit) })
    }

    /// Reads the environments of `root` that `--env` asks for.
    pub(super) fn snapshots(&self, reader: &mut Reader, root: TreeId) -> Result<Vec<Snapshot>, Failure> {
        let mut environments = reader.environments(root)?;
        self.prepare(&mut environments)?;
        let mut snapshots = Vec::new();
        for environment in environments {
            snapshots.push(reader.snapshot(root, &environment)?);
        }
        Ok(snapshots)
    }

    /// Applies `--env` and the configured heads.
    pub(super) fn prepare(&self, environments: &mut Vec<Environment>) -> Result<(), Failure> {
        for asked in &self.global.environments {
            if !environments.iter().any(|environment| environment.name == *asked) {
                let known: Vec<&str> = environments.iter().map(|e| e.name.as_str()).collect();
                return Err(Failure::new(
                    format!("there is no environment '{asked}' here"),
                    match known.is_empty() {
                        true => "onehead graph   (no environment was found at all)".to_owned(),
                        false => format!("--env {}", known.join("   or: --env ")),
                    },
                ));
            }
        }
        environments.retain(|environment| self.wants(environment));
        for environment in environments {
            if environment.expected_heads == ExpectedHeads::ByLabel {
                environment.expected_heads = self.config.expected_heads();
            }
        }
        Ok(())
    }

    /// Whether `--env` asks for this one.
    pub(super) fn wants(&self, environment: &Environment) -> bool {
        self.global.environments.is_empty() || self.global.environments.contains(&environment.name)
    }

    /// Says what was looked for where nothing was found.
    pub(super) fn note_if_empty(&self, empty: bool, out: &mut Output) {
        if empty {
            out.note(
                "no migrations found: no alembic.ini, no env.py beside versions/, and no Python file that \
                 assigns both revision and down_revision",
            );
        }
    }
}

/// Files of the work tree that can matter.
pub(super) fn is_relevant(path: &RepoPath) -> bool {
    let name: &[u8] = path.name();
    name.ends_with(b".py")
        || name.ends_with(b".mako")
        || [&b"alembic.ini"[..], b"pyproject.toml", b"onehead.yaml"].contains(&name)
}
