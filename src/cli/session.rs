//! What every command starts from: the repository, its configuration, a reader.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy as _, choose_base_strategy};
use jiff::tz::TimeZone;

use super::args::Global;
use super::config::{Config, FILE_NAME, MAX_BYTES};
use super::exit::{Failure, Output, leave_to_the_end};
use super::time::now;
use crate::check::{Acceptance, Accepted};
use crate::history::{Reader, Snapshot};
use crate::revision::{Environment, ExpectedHeads};
use crate::vcs::{Repo, RepoPath, TreeId, Trunk};

/// An opened repository with the options that concern it.
pub(super) struct Session<'a> {
    pub(super) repo: Repo,
    pub(super) config: Config,
    global: &'a Global,
    config_name: String,
    config_text: String,
}

/// What the configuration accepts, and what it accepted at base.
pub(super) struct Acceptances {
    file: String,
    entries: Vec<Acceptance>,
    before: Vec<Acceptance>,
    partial: bool,
}

impl Acceptances {
    /// As a question has it, asked today.
    pub(super) fn view(&self) -> Accepted<'_> {
        Accepted {
            file: &self.file,
            entries: &self.entries,
            before: &self.before,
            today: Some(now().to_zoned(TimeZone::UTC).date()),
            partial: self.partial,
        }
    }
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
        let mut repo = match &global.git_dir {
            Some(git_dir) => Repo::open(&directory.join(git_dir))?,
            None => Repo::discover(directory)?,
        };
        if let Some(directory) = cache_directory(global) {
            repo.keep_in(&directory);
        }
        Ok(Self {
            repo,
            config: Config::default(),
            global,
            config_name: String::new(),
            config_text: String::new(),
        })
    }

    /// Keeps what was found out for later runs, and the rest until the process ends.
    pub(super) fn leave(self) {
        self.repo.objects().kept().store();
        leave_to_the_end(self);
    }

    /// Reads the configuration that holds for the tree `root`.
    pub(super) fn configure(&mut self, root: Option<TreeId>) -> Result<(), Failure> {
        let (name, text) = match (&self.global.config, root) {
            (Some(path), _) => {
                let name = path.display().to_string();
                let text = read_regular(path).map_err(|reason| {
                    Failure::new(format!("cannot read {name}: {reason}"), "check the path given to --config")
                })?;
                (name, Some(text))
            }
            (None, Some(root)) => {
                (FILE_NAME.into(), self.repo.objects().file(root, &RepoPath::new(FILE_NAME))?)
            }
            (None, None) => (FILE_NAME.into(), None),
        };
        self.config_text.clear();
        if let Some(text) = text {
            self.config = Config::parse(&name, &text)?;
            self.config_text = String::from_utf8_lossy(&text).into_owned();
        }
        self.config_name = name;
        Ok(())
    }

    /// Reads the configuration that holds for the tree `root`, whatever was read before.
    pub(super) fn configure_anew(&mut self, root: TreeId) -> Result<(), Failure> {
        self.config = Config::default();
        self.configure(Some(root))
    }

    /// The faults that the configuration accepts. Those that it accepted in the tree `base` are no news; a
    /// configuration there that cannot be read accepted nothing.
    pub(super) fn accepted(&self, base: Option<TreeId>) -> Acceptances {
        let read = |root| self.repo.objects().file(root, &RepoPath::new(FILE_NAME)).ok().flatten();
        let before = match (&self.global.config, base.and_then(read)) {
            (None, Some(text)) if !self.config.baseline.is_empty() => {
                let parsed = Config::parse(FILE_NAME, &text).unwrap_or_default();
                parsed.acceptances(&String::from_utf8_lossy(&text))
            }
            _ => Vec::new(),
        };
        Acceptances {
            file: self.config_name.clone(),
            entries: self.config.acceptances(&self.config_text),
            before,
            partial: !self.global.environments.is_empty(),
        }
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

    /// Says what was looked for where nothing was found, and which configured environments are not
    /// among those `found`.
    pub(super) fn note_absent<'e>(&self, found: impl IntoIterator<Item = &'e Environment>, out: &mut Output) {
        let found: BTreeSet<&str> = found.into_iter().map(|environment| environment.name.as_str()).collect();
        for text in self.absent(&found) {
            out.note(&text);
        }
    }

    fn absent(&self, found: &BTreeSet<&str>) -> Vec<String> {
        let Some(configured) = self.config.environments(&self.config_name) else {
            let text = "no migrations found: no alembic.ini, no env.py beside versions/, and no Python file that \
                        assigns both revision and down_revision";
            return if found.is_empty() { vec![text.to_owned()] } else { Vec::new() };
        };
        configured
            .iter()
            .filter(|environment| self.wants(environment) && !found.contains(environment.name.as_str()))
            .map(|environment| {
                format!(
                    "no migrations found for the environment '{}' of {}: there is no directory '{}'",
                    environment.name, self.config_name, environment.directory
                )
            })
            .collect()
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.repo.objects().kept().store();
    }
}

/// Where answers are kept between runs; `None` where they are not.
fn cache_directory(global: &Global) -> Option<PathBuf> {
    if global.no_cache {
        return None;
    }
    let of_user = || Some(choose_base_strategy().ok()?.cache_dir().join("onehead"));
    global.cache_dir.clone().or_else(of_user)
}

/// The bytes of a regular file that is no larger than a configuration may be.
pub(super) fn read_regular(path: &Path) -> Result<Vec<u8>, String> {
    // Looked at before it is opened: opening a pipe waits for its writer.
    let found = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut text = Vec::new();
    std::fs::File::open(path)
        // One byte more, so that a larger file is told from one that is just small enough.
        .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut text))
        .map_err(|error| error.to_string())?;
    Ok(text)
}

/// Files of the work tree that can matter.
pub(super) fn is_relevant(path: &RepoPath) -> bool {
    let name: &[u8] = path.name();
    name.ends_with(b".py")
        || name.ends_with(b".mako")
        || [&b"alembic.ini"[..], b"pyproject.toml", b"onehead.yaml"].contains(&name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser as _;

    use super::{Session, read_regular};
    use crate::cli::args::Args;
    use crate::vcs::testing::{Scratch, tree};

    #[test]
    fn configured_environments_that_are_not_there_are_named() {
        let scratch = Scratch::new();
        let told = |yaml: &str, found: &[&str]| {
            let args = Args::parse_from(["onehead", "-C", scratch.path().to_str().unwrap(), "graph"]);
            let mut session = Session::open(&args.global).unwrap();
            let root = tree(session.repo.objects(), &[("onehead.yaml", yaml), ("m/env.py", "")]);
            session.configure(Some(root)).unwrap();
            session.absent(&BTreeSet::from_iter(found.iter().copied())).join("\n")
        };
        let yaml = "environments: [{script_location: m}, {name: a, script_location: nope}]\n";
        let message =
            "no migrations found for the environment 'a' of onehead.yaml: there is no directory 'nope'";
        assert_eq!(told(yaml, &["m"]), message);
        assert_eq!(told(yaml, &["m", "a"]), "");
        assert!(told("", &[]).contains("no alembic.ini"));
        assert_eq!(told("", &["m"]), "");
    }

    #[test]
    fn only_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.yaml");
        std::fs::write(&path, "trunk: main\n").unwrap();
        assert_eq!(read_regular(&path), Ok(b"trunk: main\n".to_vec()));
        assert_eq!(read_regular(directory.path()), Err("it is not a regular file".into()));
        std::fs::write(&path, vec![b'#'; 3 << 20]).unwrap();
        assert_eq!(read_regular(&path).map(|text| text.len()), Ok((1 << 20) + 1));
    }
}
