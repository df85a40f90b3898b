//! Repositories for tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Entry, EntryKind, Objects, Repo, TreeId};

/// A repository in a temporary directory.
pub(crate) struct Scratch {
    root: tempfile::TempDir,
}

impl Scratch {
    /// Without any commit, on the branch `main`.
    pub(crate) fn new() -> Self {
        let scratch = Self { root: tempfile::tempdir().unwrap() };
        scratch.git(&["init", "-q", "-b", "main", "."], "");
        scratch
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn repo(&self) -> Repo {
        Repo::discover(self.path()).unwrap()
    }

    /// What git prints, without the last newline.
    #[allow(clippy::disallowed_methods, reason = "tests need repositories")]
    pub(crate) fn git(&self, args: &[&str], input: &str) -> String {
        let mut git = Command::new("git")
            .args(args)
            .current_dir(self.path())
            .env_remove("GIT_DIR")
            .env_remove("GIT_INDEX_FILE")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.com")])
            .envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.com")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut git.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = git.wait_with_output().unwrap();
        assert!(output.status.success(), "git {args:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// A commit of the empty tree with these header lines behind `tree`, and its id.
    pub(crate) fn raw_commit(&self, header: &str) -> String {
        let tree = self.git(&["mktree"], "");
        let args = ["hash-object", "-t", "commit", "--literally", "-w", "--stdin"];
        self.git(&args, &format!("tree {tree}\n{header}\nsubject\n"))
    }

    /// A usual commit of the empty tree.
    pub(crate) fn commit(&self, parents: &[&str]) -> String {
        let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        self.raw_commit(&format!("{parents}author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n"))
    }
}

/// A tree in memory with these files; a text that begins with `->` makes a symbolic link.
pub(crate) fn tree(objects: &Objects, files: &[(&str, &str)]) -> TreeId {
    let mut entries = Vec::new();
    let mut below: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    let entry = |name: &str, kind, id| Entry { name: name.into(), kind, executable: false, id };
    for (path, text) in files {
        match path.split_once('/') {
            Some((directory, rest)) => below.entry(directory).or_default().push((rest, text)),
            None => {
                let (kind, text) = match text.strip_prefix("->") {
                    Some(target) => (EntryKind::Symlink, target),
                    None => (EntryKind::File, *text),
                };
                entries.push(entry(path, kind, objects.write_blob(text.into()).unwrap().0));
            }
        }
    }
    for (name, files) in below {
        entries.push(entry(name, EntryKind::Tree, tree(objects, &files).0));
    }
    objects.write_tree(entries).unwrap()
}
