//! Against real repositories, with git as the judge.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::vcs::{Entry, EntryKind, RepoPath};

struct Sandbox {
    root: tempfile::TempDir,
}

impl Sandbox {
    /// One commit on `main` with `a.txt`, `run.sh` (executable) and `dir/b.txt`.
    fn new() -> Self {
        let sandbox = Self { root: tempfile::tempdir().unwrap() };
        sandbox.git("init -q -b main .");
        for (key, value) in
            [("user.name", "Ada"), ("user.email", "ada@example.com"), ("core.autocrlf", "false")]
        {
            sandbox.git(&format!("config {key} {value}"));
        }
        sandbox.put("a.txt", "one\n");
        sandbox.put("dir/b.txt", "two\n");
        sandbox.put("run.sh", "#!/bin/sh\n");
        sandbox.git("add .");
        sandbox.git("update-index --chmod=+x run.sh");
        sandbox.git("commit -qm first");
        sandbox.git("reset -q --hard");
        sandbox
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn repo(&self) -> Repo {
        Repo::discover(self.root.path()).unwrap()
    }

    fn git(&self, arguments: &str) -> String {
        let (ok, output) = git_in(self.root.path(), arguments);
        assert!(ok, "git {arguments}: {output}");
        output
    }

    /// Every object is sound and nothing in the refs dangles.
    fn fsck(&self) {
        let output = self.git("fsck --strict --no-dangling --no-progress");
        assert_eq!(output, "", "git fsck");
    }

    fn status(&self) -> String {
        self.git("status --porcelain --untracked-files=all")
    }

    fn head(&self) -> CommitId {
        self.repo().resolve("HEAD").unwrap()
    }

    fn rev(&self, name: &str) -> String {
        self.git(&format!("rev-parse {name}")).trim().to_owned()
    }
}

#[allow(clippy::disallowed_methods, reason = "git is the judge")]
fn git_in(directory: &Path, arguments: &str) -> (bool, String) {
    let output = Command::new("git")
        .args(arguments.split(' '))
        .current_dir(directory)
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// `tree` with some files set (`Some`) or removed (`None`).
fn edited(repo: &Repo, tree: TreeId, edits: &[(&str, Option<&str>)]) -> TreeId {
    let objects = repo.objects();
    edits.iter().fold(tree, |tree, (path, text)| {
        let entry = text.map(|text| Entry {
            name: BString::default(),
            kind: EntryKind::File,
            executable: false,
            id: objects.write_blob(text.into()).unwrap().0,
        });
        with_entry(repo, tree, &RepoPath::new(path), entry).unwrap_or_else(|| objects.empty_tree())
    })
}

fn with_entry(repo: &Repo, tree: TreeId, path: &RepoPath, entry: Option<Entry>) -> Option<TreeId> {
    let objects = repo.objects();
    let (first, rest) = match path.as_bytes().split_once_str("/") {
        Some((first, rest)) => (first, Some(RepoPath::new(rest))),
        None => (path.as_bytes().as_bytes(), None),
    };
    let mut members = objects.tree(tree).unwrap().unwrap();
    let old = members.iter().position(|member| member.name == first).map(|at| members.remove(at));
    let new = match rest {
        None => entry.map(|entry| Entry {
            executable: old.as_ref().is_some_and(|old| old.executable),
            name: first.into(),
            ..entry
        }),
        Some(rest) => {
            let below = old.and_then(|old| old.tree()).unwrap_or_else(|| objects.empty_tree());
            with_entry(repo, below, &rest, entry).map(|below| Entry {
                name: first.into(),
                kind: EntryKind::Tree,
                executable: false,
                id: below.0,
            })
        }
    };
    members.extend(new);
    (!members.is_empty()).then(|| objects.write_tree(members).unwrap())
}

/// A commit on top of `parent` with these edits.
fn commit_on(repo: &Repo, parent: CommitId, edits: &[(&str, Option<&str>)]) -> CommitId {
    let tree = edited(repo, repo.tree_of(parent).unwrap(), edits);
    repo.write_commit(tree, &[parent], "edit: something\n\nBecause.").unwrap()
}

fn update(name: &str, from: Option<CommitId>, to: CommitId) -> RefUpdate {
    RefUpdate { name: name.into(), from, to, reason: "onehead: test".into() }
}

#[test]
fn a_commit_of_memory_objects_is_whole_and_authored_as_git_would() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(&repo, head, &[("dir/deep/c.txt", Some("three\n")), ("a.txt", None)]);
    repo.update_refs(&[update("refs/heads/fix", None, new)]).unwrap();
    sandbox.fsck();
    assert_eq!(
        sandbox.git("show -s --format=%an|%ae|%cn|%ce|%s|%b fix").trim(),
        "Ada|ada@example.com|Ada|ada@example.com|edit: something|Because."
    );
    assert_eq!(sandbox.git("diff --name-status main fix"), "D\ta.txt\nA\tdir/deep/c.txt\n");
    assert_eq!(sandbox.status(), "", "another branch does not concern the work tree");
    assert_eq!(repo.resolve("fix").unwrap(), new, "the same process sees it");
    assert!(sandbox.git("reflog show fix").contains("onehead: test"));
}

#[test]
fn a_rewritten_commit_keeps_author_date_message_and_encoding() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("m"), b"caf\xe9: titre\n\ncorps\n\n\n").unwrap();
    sandbox.git("-c i18n.commitEncoding=ISO-8859-1 -c user.name=Zo\u{eb} commit -q --allow-empty --cleanup=verbatim --date=2001-02-03T04:05:06+0700 -F m");
    let repo = sandbox.repo();
    let head = sandbox.head();
    let tree = edited(&repo, repo.tree_of(head).unwrap(), &[("new", Some("x"))]);
    let parents = repo.objects().commit(head).unwrap().unwrap().parents;
    let new = repo.rewrite_commit(head, tree, &parents).unwrap();
    repo.update_refs(&[update("refs/heads/fix", None, new)]).unwrap();
    sandbox.fsck();
    let raw = |name: &str| {
        let text = sandbox.git(&format!("cat-file commit {name}"));
        text.lines()
            .filter(|l| !l.starts_with("tree ") && !l.starts_with("committer "))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(raw("fix"), raw("main"));
    assert!(raw("fix").contains("encoding ISO-8859-1"));
    assert_eq!(sandbox.git("log -1 --format=%s fix"), sandbox.git("log -1 --format=%s main"));
}

#[test]
fn without_identity_nothing_is_written_and_the_hint_says_what_to_set() {
    let sandbox = Sandbox::new();
    sandbox.git("config user.email ,");
    sandbox.git("config user.name <>");
    let repo = sandbox.repo();
    let tree = repo.tree_of(sandbox.head()).unwrap();
    let error = repo.write_commit(tree, &[], "x").unwrap_err();
    assert_eq!(error.to_string(), "git does not know who the author is: user.name is not set");
    assert!(error.hint().unwrap().starts_with("git config user.name"));
}

#[test]
fn objects_that_cannot_be_written_are_an_error_and_leave_nothing() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let before = sandbox.git("for-each-ref");
    let tree = edited(&repo, repo.tree_of(head).unwrap(), &[("n.txt", Some("new\n"))]);
    // Root ignores permissions, so the object directories are made impossible instead: files.
    for first in 0..256 {
        let directory = sandbox.path(&format!(".git/objects/{first:02x}"));
        if !directory.exists() {
            std::fs::write(directory, b"").unwrap();
        }
    }
    let error = repo.write_commit(tree, &[head], "x").unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    assert!(error.to_string().starts_with("cannot write a blob to "), "{error}");
    assert_eq!(sandbox.git("for-each-ref"), before);
    assert!(
        std::fs::read_dir(sandbox.path(".git/objects"))
            .unwrap()
            .flatten()
            .all(|entry| { !entry.file_name().to_string_lossy().starts_with(".tmp") })
    );
}

#[test]
fn a_ref_that_moved_meanwhile_stays_where_it_is() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let (one, two) =
        (commit_on(&repo, head, &[("x", Some("1"))]), commit_on(&repo, head, &[("x", Some("2"))]));
    repo.update_refs(&[update("refs/heads/fix", None, one)]).unwrap();
    let error = repo.update_refs(&[update("refs/heads/fix", Some(head), two)]).unwrap_err();
    assert_eq!(error.to_string(), format!("refs/heads/fix is at {one} instead of at {head}"));
    // Creating what is there, even at the same value, is not creating.
    for to in [one, two] {
        let error = repo.update_refs(&[update("refs/heads/fix", None, to)]).unwrap_err();
        assert_eq!(error.to_string(), format!("refs/heads/fix is at {one} instead of being absent"));
    }
    let error = repo.update_refs(&[update("refs/heads/gone", Some(one), two)]).unwrap_err();
    assert_eq!(error.to_string(), format!("refs/heads/gone does not exist instead of at {one}"));
    assert_eq!(sandbox.rev("fix"), one.to_string());
    sandbox.fsck();
}

#[test]
fn a_transaction_is_all_or_nothing() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(&repo, head, &[("x", Some("1"))]);
    sandbox.git("branch taken");
    let error = repo
        .update_refs(&[update("refs/heads/fresh", None, new), update("refs/heads/taken", None, new)])
        .unwrap_err();
    assert!(matches!(error, Error::RefMoved { .. }), "{error}");
    assert_eq!(sandbox.git("for-each-ref --format=%(refname)"), "refs/heads/main\nrefs/heads/taken\n");
    repo.update_refs(&[update("refs/heads/fresh", None, new), update("refs/heads/taken", Some(head), new)])
        .unwrap();
    assert_eq!((sandbox.rev("fresh"), sandbox.rev("taken")), (new.to_string(), new.to_string()));
    assert!(sandbox.git("status").contains("nothing to commit"));
}

#[test]
fn directory_and_file_conflicts_of_refs_are_refused_loose_and_packed() {
    for packed in [false, true] {
        let sandbox = Sandbox::new();
        sandbox.git("branch topic");
        sandbox.git("branch wide/one");
        if packed {
            sandbox.git("pack-refs --all");
        }
        let repo = sandbox.repo();
        let head = sandbox.head();
        for (name, other) in
            [("refs/heads/topic/x", "refs/heads/topic"), ("refs/heads/wide", "refs/heads/wide/one")]
        {
            let error = repo.update_refs(&[update(name, None, head)]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("'{name}' cannot be used as a ref: the ref {other} is in its way"),
                "packed: {packed}"
            );
        }
        let pair = [update("refs/heads/p", None, head), update("refs/heads/p/q", None, head)];
        assert!(matches!(repo.update_refs(&pair), Err(Error::RefName { .. })));
        // A near miss: the name only begins alike.
        repo.update_refs(&[update("refs/heads/topical", None, head)]).unwrap();
        sandbox.fsck();
    }
}

#[test]
fn names_that_are_not_ours_or_malformed_are_refused() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    for name in [
        "refs/tags/v1",
        "refs/remotes/origin/main",
        "HEAD",
        "main",
        "refs/heads/",
        "refs/heads/a..b",
        "refs/heads/../x",
        "refs/heads/a b",
        "refs/heads/x.lock",
        "refs/heads/-d",
        "refs/heads/HEAD",
        "refs/heads/a\nb",
        "refs/onehead/other",
    ] {
        let error = repo.update_refs(&[update(name, None, head)]).unwrap_err();
        assert!(matches!(error, Error::RefName { .. }), "{name}: {error}");
    }
    assert_eq!(sandbox.git("for-each-ref --format=%(refname)"), "refs/heads/main\n");
}

#[test]
fn a_held_lock_is_named() {
    let sandbox = Sandbox::new();
    sandbox.git("branch old");
    let head = sandbox.head();
    std::fs::write(sandbox.path(".git/refs/heads/fix.lock"), b"").unwrap();
    let repo = sandbox.repo();
    let error = repo.update_refs(&[update("refs/heads/fix", None, head)]).unwrap_err();
    assert!(matches!(&error, Error::Locked { path } if path.ends_with("refs/heads/fix.lock")), "{error}");
    assert!(!sandbox.path(".git/refs/heads/fix").exists());
    assert!(sandbox.path(".git/refs/heads/fix.lock").exists(), "it is not ours to remove");
}

#[test]
fn two_writers_at_once_one_wins() {
    let sandbox = Sandbox::new();
    let head = sandbox.head();
    let repo = sandbox.repo();
    let targets: Vec<_> = (0..8).map(|n| commit_on(&repo, head, &[("x", Some(&n.to_string()))])).collect();
    let won = std::thread::scope(|scope| {
        let handles: Vec<_> = targets
            .iter()
            .map(|to| {
                let repo = sandbox.repo();
                scope.spawn(move || repo.update_refs(&[update("refs/heads/fix", None, *to)]).map(|()| *to))
            })
            .collect();
        handles.into_iter().filter_map(|handle| handle.join().unwrap().ok()).collect::<Vec<_>>()
    });
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(sandbox.rev("fix"), won[0].to_string());
    sandbox.fsck();
}

#[test]
fn a_repository_of_somebody_else_is_not_written() {
    let sandbox = Sandbox::new();
    let head = sandbox.head();
    #[cfg(unix)]
    if std::os::unix::fs::chown(sandbox.path(".git"), Some(12345), None).is_ok() {
        let repo = sandbox.repo();
        let tree = repo.tree_of(head).unwrap();
        let error = repo.write_commit(tree, &[head], "x").unwrap_err();
        assert!(error.to_string().ends_with("it belongs to another user"), "{error}");
        assert!(matches!(repo.update_refs(&[]), Err(Error::NotWritable { .. })));
    }
}
