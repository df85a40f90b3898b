//! Real repositories, built from histories by the git binary with a fixed clock and identity.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::history::{Change, Checkout, History, Layout};
use super::model::{self, Model, Tree};
use super::render::Entry;

/// A repository in a temporary directory of its own.
#[derive(Debug)]
pub struct Repository {
    root: TempDir,
    path: PathBuf,
    commits: BTreeMap<String, String>,
}

impl Repository {
    /// Builds the repository of a history.
    pub fn build(history: &History) -> Self {
        Self::build_in(&std::env::temp_dir(), history)
    }

    /// Builds it in a new directory below `parent`.
    pub fn build_in(parent: &Path, history: &History) -> Self {
        let root = TempDir::with_prefix_in("onehead-", parent).unwrap();
        let path = root.path().join("repo");
        std::fs::create_dir(&path).unwrap();
        std::fs::create_dir(root.path().join("home")).unwrap();
        let mut repository = Self { root, path, commits: BTreeMap::new() };

        let mut model = Model::default();
        let mut steps = history.steps.iter().peekable();
        while let Some(step) =
            steps.next_if(|step| step.commit.is_some() || step.branch.is_some() || step.tag.is_some())
        {
            step.commit.iter().for_each(|commit| model.commit(commit));
            step.branch.iter().for_each(|branch| model.branch(branch));
            step.tag.iter().for_each(|tag| model.tag(tag));
        }
        if history.layout != Layout::Directory {
            repository.import(&model, history.layout);
        }
        let mut versions = model.versions();
        for step in steps {
            let later = step.commit.is_none() && step.branch.is_none() && step.tag.is_none();
            assert!(later, "commits, branches and tags come before what happens in the work tree: {step:?}");
            if let Some(checkout) = &step.checkout {
                repository.checkout(checkout);
            }
            if let Some(change) = &step.work_tree {
                repository.change(change, &mut versions, model.minute(), false);
            }
            if let Some(change) = &step.index {
                repository.change(change, &mut versions, model.minute(), true);
            }
            if let Some(git) = &step.git {
                let args: Vec<String> = git.args.iter().map(|arg| repository.named(arg)).collect();
                let mut command = repository.command(&repository.path);
                let output = command.args(&args).output().unwrap();
                assert_eq!(output.status.code(), Some(git.exit), "git {args:?}: {output:?}");
            }
        }
        repository
    }

    /// Where the runs happen.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An empty home directory beside the repository.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// The commits that have a name.
    pub fn commits(&self) -> &BTreeMap<String, String> {
        &self.commits
    }

    /// Writes a commit-graph with changed paths, where git can: it does not of what is damaged or cut off.
    pub fn write_commit_graph(&self) {
        let args = ["commit-graph", "write", "--reachable", "--changed-paths"];
        self.command(&self.path).args(args).output().unwrap();
    }

    /// Puts commit ids where `{name}` stands.
    pub fn named(&self, text: &str) -> String {
        self.commits.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }

    /// The temporary directory, as texts name it.
    pub fn without_place(&self, text: &str) -> String {
        let real = self.path.canonicalize().unwrap();
        let mut text = text.to_owned();
        for path in [real.as_path(), self.path.as_path()] {
            text = text.replace(path.to_str().unwrap(), "[REPO]");
        }
        text.replace(self.root.path().to_str().unwrap(), "[TEMP]")
    }

    /// Leaves the repository at `target`, which is beside the directory it was built in.
    pub fn keep(self, target: &Path) {
        if target.exists() {
            std::fs::remove_dir_all(target).unwrap();
        }
        std::fs::rename(&self.path, target).unwrap();
    }

    fn import(&mut self, model: &Model, layout: Layout) {
        let bare = layout == Layout::Bare;
        let origin = match layout {
            Layout::Repository | Layout::Bare | Layout::Directory => self.path.clone(),
            Layout::LinkedWorktree | Layout::Shallow => self.root.path().join("origin"),
        };
        std::fs::create_dir_all(&origin).unwrap();
        let kind: &[&str] = if bare { &["--bare"] } else { &[] };
        self.git(&origin, &[&["init", "--quiet", "--initial-branch=main"], kind].concat());
        let marks = self.root.path().join("marks");
        let export = format!("--export-marks={}", marks.display());
        let mut import = self
            .command(&origin)
            .args(["fast-import", "--quiet", "--force", &export])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // fast-import answers only when it failed, so the pipe cannot fill up while this one is written.
        let written = import.stdin.take().unwrap().write_all(&model.stream());
        let output = import.wait_with_output().unwrap();
        assert!(output.status.success() && written.is_ok(), "{}", String::from_utf8_lossy(&output.stderr));

        let marks = std::fs::read_to_string(marks).unwrap_or_default();
        let ids: BTreeMap<String, &str> = marks
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(mark, id)| (mark.to_owned(), id))
            .collect();
        self.commits = model
            .marks()
            .map(|(name, mark)| (name.to_owned(), ids[&format!(":{mark}")].to_owned()))
            .collect();

        let head = self.command(&origin).args(["rev-parse", "--verify", "--quiet", "HEAD"]).output().unwrap();
        if !bare && head.status.success() {
            self.git(&origin, &["reset", "--hard", "--quiet"]);
        }
        let (from, to) = (origin.to_str().unwrap(), self.path.to_str().unwrap());
        match layout {
            Layout::LinkedWorktree => self.git(&origin, &["worktree", "add", "--quiet", "--detach", to]),
            Layout::Shallow => {
                let url = format!("file://{from}");
                let root = self.root.path();
                self.git(root, &["clone", "--quiet", "--depth=1", "--no-single-branch", &url, to]);
                // The URL holds the temporary directory: a report that quotes it must not depend on that.
                self.git(&self.path, &["remote", "set-url", "origin", "https://example.com/origin.git"]);
            }
            Layout::Repository | Layout::Bare | Layout::Directory => {}
        }
    }

    fn checkout(&self, checkout: &Checkout) {
        if let Some(branch) = &checkout.branch {
            self.git(&self.path, &["checkout", "--quiet", branch]);
        }
        if let Some(name) = &checkout.detach {
            let commit = self.commits.get(name).unwrap_or(name);
            self.git(&self.path, &["checkout", "--quiet", "--detach", commit]);
        }
        if let Some(branch) = &checkout.unborn {
            self.git(&self.path, &["checkout", "--quiet", "--orphan", branch]);
            self.git(&self.path, &["rm", "-r", "--force", "--quiet", "--ignore-unmatch", "."]);
        }
    }

    /// Changes files of the work tree, and stages what it changed.
    fn change(&self, change: &Change, versions: &mut Option<String>, minute: usize, stage: bool) {
        let misplaced = change.name.is_some() || change.on.is_some() || change.from.is_some();
        assert!(!misplaced && change.merge.is_empty(), "only commits have a place: {change:?}");
        let before = self.files();
        let mut after = before.clone();
        let touched = model::apply(&mut after, change, versions, minute);
        for path in &touched {
            let target = self.path.join(path);
            if before.contains_key(path) {
                std::fs::remove_file(&target).unwrap();
            }
            if let Some(entry) = after.get(path) {
                std::fs::create_dir_all(target.parent().unwrap()).unwrap();
                write(&target, entry);
            }
        }
        if stage {
            for path in &touched {
                if before.contains_key(path) || after.contains_key(path) {
                    self.git(&self.path, &["add", "--all", "--force", "--", path]);
                }
            }
        }
    }

    /// The files of the work tree.
    fn files(&self) -> Tree {
        let mut tree = Tree::new();
        let mut todo = vec![self.path.clone()];
        while let Some(directory) = todo.pop() {
            for entry in std::fs::read_dir(&directory).unwrap() {
                let path = entry.unwrap().path();
                if path.file_name().is_some_and(|name| name == ".git") {
                    continue;
                }
                let kind = path.symlink_metadata().unwrap();
                let name = path.strip_prefix(&self.path).unwrap().to_str().unwrap().to_owned();
                if kind.is_symlink() {
                    let target = std::fs::read_link(&path).unwrap();
                    tree.insert(name, Entry::Symlink(target.to_str().unwrap().to_owned()));
                } else if kind.is_dir() {
                    todo.push(path);
                } else {
                    tree.insert(name, Entry::File(std::fs::read(&path).unwrap()));
                }
            }
        }
        tree
    }

    fn git(&self, directory: &Path, args: &[&str]) {
        let output = self.command(directory).args(args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new("git");
        command.current_dir(directory);
        isolate(|name| {
            command.env_remove(name);
        });
        for (name, value) in environment(&self.home()) {
            command.env(name, value);
        }
        command
    }
}

/// Names the variables of this process through which git could reach another repository or configuration.
pub fn isolate(mut remove: impl FnMut(&str)) {
    for (name, _) in std::env::vars_os() {
        if let Some(name) =
            name.to_str().filter(|name| name.starts_with("GIT_") || name.starts_with("ONEHEAD_"))
        {
            remove(name);
        }
    }
}

/// The variables that make git's answers the same everywhere.
pub fn environment(home: &Path) -> Vec<(&'static str, String)> {
    let date = format!("{} +0000", model::EPOCH);
    let now = model::NOW.to_string();
    // Beside the home directory, so that what a command leaves there is seen.
    let kept = home.with_file_name("cache");
    [
        ("HOME", home.to_str().unwrap()),
        ("XDG_CACHE_HOME", kept.to_str().unwrap()),
        ("XDG_CONFIG_HOME", home.to_str().unwrap()),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.com"),
        ("GIT_AUTHOR_DATE", &date),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.com"),
        ("GIT_COMMITTER_DATE", &date),
        ("SOURCE_DATE_EPOCH", &now),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("NO_COLOR", "1"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

#[cfg(unix)]
fn write(path: &Path, entry: &Entry) {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    match entry {
        Entry::File(bytes) => std::fs::write(path, bytes).unwrap(),
        Entry::Executable(bytes) => {
            std::fs::write(path, bytes).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Entry::Symlink(target) => symlink(target, path).unwrap(),
        Entry::Submodule(_) => panic!("a submodule cannot be written to the work tree"),
    }
}
