//! Against real repositories, with git as the judge.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::vcs::{BlobId, Entry, EntryKind, RepoPath};

struct Sandbox {
    root: tempfile::TempDir,
}

impl Sandbox {
    /// One commit on `main` with `a.txt`, `run.sh` (executable) and `dir/b.txt`.
    fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    fn at(root: tempfile::TempDir) -> Self {
        let sandbox = Self { root };
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
        .env("GIT_OPTIONAL_LOCKS", "0")
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
    let mut members = objects.tree(tree).unwrap();
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
    // The ids of earlier commits hang on the clock, and one of them may share its directory with the blob.
    assert!(error.to_string().starts_with("cannot write a "), "{error}");
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

fn shift(branch: &str, from: Option<CommitId>, to: CommitId) -> BranchMove {
    BranchMove { branch: branch.into(), from, to, reason: "onehead fix: test".into() }
}

fn names(paths: &[RepoPath]) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}

/// Names at the top of the work tree, ours that wait included.
fn listing(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_checked_out_branch_takes_index_and_files_along() {
    let sandbox = Sandbox::new();
    sandbox.put("untracked.txt", "mine\n");
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(
        &repo,
        head,
        &[
            ("a.txt", Some("one, changed\n")),
            ("run.sh", Some("#!/bin/sh\necho\n")),
            ("dir/b.txt", None),
            ("versions/deep/c.py", Some("x = 1\n")),
        ],
    );
    let moved = repo.move_branch(&shift("main", Some(head), new)).unwrap();
    assert_eq!(names(&moved.followed), ["a.txt", "dir/b.txt", "run.sh", "versions/deep/c.py"]);
    assert_eq!(sandbox.status(), "?? untracked.txt\n");
    assert_eq!(sandbox.git("diff --stat HEAD"), "");
    assert_eq!(sandbox.text("a.txt"), "one, changed\n");
    assert_eq!(listing(sandbox.root.path()), [".git", "a.txt", "run.sh", "untracked.txt", "versions"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str| sandbox.path(name).metadata().unwrap().permissions().mode() & 0o111;
        assert_eq!((mode("run.sh") != 0, mode("a.txt")), (true, 0));
    }
    assert!(
        sandbox
            .git("reflog show HEAD")
            .starts_with(&format!("{} HEAD@{{0}}: onehead fix: test", &new.to_string()[..7]))
    );
    sandbox.fsck();
    sandbox.git("commit -q --allow-empty -m next");
    assert_eq!(sandbox.git("diff --stat HEAD~1 HEAD"), "", "no stale cache in the index");
}

#[test]
fn undo_returns_exactly_and_steps_back_through_several() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let before = (sandbox.text("a.txt"), sandbox.git("ls-files --stage"));
    let one = commit_on(&repo, head, &[("a.txt", Some("1\n")), ("dir/b.txt", None)]);
    let two = commit_on(&repo, one, &[("a.txt", Some("2\n"))]);
    let first = repo.move_branch(&shift("main", Some(head), one)).unwrap();
    repo.move_branch(&shift("refs/heads/main", Some(one), two)).unwrap();
    let created = repo.move_branch(&shift("onehead/fix-1", None, two)).unwrap();
    assert_eq!(created.followed, []);
    let undo_ref = first.undo_ref.unwrap();
    assert!(undo_ref.starts_with("refs/onehead/undo/2") && undo_ref.ends_with('Z'), "{undo_ref}");
    assert_eq!(sandbox.rev(&format!("{undo_ref}^{{commit}}")), head.to_string());
    let text = sandbox.git(&format!("cat-file tag {undo_ref}"));
    let json: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"branch": "refs/heads/main", "old": head.to_string(), "new": one.to_string()})
    );
    sandbox.git("pack-refs --all");
    sandbox.fsck();

    let last = repo.last_undo().unwrap().unwrap();
    assert_eq!((last.branch.as_str(), last.old, last.new), ("refs/heads/onehead/fix-1", None, two));
    repo.undo(&last).unwrap();
    assert_eq!(sandbox.git("for-each-ref --format=%(refname) refs/heads"), "refs/heads/main\n");
    for expected in [one, head] {
        let last = repo.last_undo().unwrap().unwrap();
        let moved = repo.undo(&last).unwrap();
        assert_eq!((moved.new, sandbox.head()), (Some(expected), expected));
        assert_eq!(sandbox.status(), "");
    }
    assert_eq!((sandbox.text("a.txt"), sandbox.git("ls-files --stage")), before);
    assert_eq!(repo.last_undo().unwrap(), None);
    assert_eq!(sandbox.git("for-each-ref --format=%(refname)"), "refs/heads/main\n");
    sandbox.fsck();
}

#[test]
fn undo_refuses_once_the_branch_has_moved_on() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let one = commit_on(&repo, head, &[("a.txt", Some("1\n"))]);
    repo.move_branch(&shift("main", Some(head), one)).unwrap();
    sandbox.git("commit -q --allow-empty -m more");
    let now = sandbox.head();
    let last = repo.last_undo().unwrap().unwrap();
    let error = repo.undo(&last).unwrap_err();
    assert_eq!(error.to_string(), format!("refs/heads/main is at {now} instead of at {one}"));
    assert_eq!((sandbox.head(), sandbox.status()), (now, String::new()));
    assert_eq!(repo.last_undo().unwrap(), Some(last));
}

#[test]
fn uncommitted_changes_keep_the_branch_where_it_is() {
    for (what, path) in
        [("staged", "dir/b.txt"), ("unstaged", "dir/b.txt"), ("deleted", "dir/b.txt"), ("added", "n.txt")]
    {
        let sandbox = Sandbox::new();
        match what {
            "deleted" => std::fs::remove_file(sandbox.path(path)).unwrap(),
            _ => sandbox.put(path, "edited\n"),
        }
        if matches!(what, "staged" | "added") {
            sandbox.git("add .");
        }
        let repo = sandbox.repo();
        let head = sandbox.head();
        let status = sandbox.status();
        let new = commit_on(&repo, head, &[("a.txt", Some("changed\n"))]);
        let error = repo.move_branch(&shift("main", Some(head), new)).unwrap_err();
        assert_eq!(error.to_string(), format!("there are uncommitted changes: {path}"), "{what}");
        assert_eq!((sandbox.head(), sandbox.status()), (head, status), "{what}");
        assert_eq!(sandbox.git("for-each-ref --format=%(refname)"), "refs/heads/main\n");
        assert!(!sandbox.path(".git/index.lock").exists());
        // Another branch does not care.
        repo.move_branch(&shift("elsewhere", None, new)).unwrap();
    }
}

#[test]
fn same_size_same_second_edits_are_seen() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(&repo, head, &[("dir/b.txt", Some("2wo\n"))]);
    sandbox.put("a.txt", "eno\n");
    let error = repo.move_branch(&shift("main", Some(head), new)).unwrap_err();
    assert_eq!(error.to_string(), "there are uncommitted changes: a.txt");
}

#[test]
fn untracked_files_in_the_way_are_kept() {
    let sandbox = Sandbox::new();
    sandbox.put(".git/info/exclude", "*.ignored\n");
    for (untracked, wanted) in [
        ("new.txt", "new.txt"),
        ("also.ignored", "also.ignored"),
        ("folder", "folder/x.txt"),
        ("nest/x.txt", "nest"),
    ] {
        sandbox.put(untracked, "mine\n");
        let repo = sandbox.repo();
        let head = sandbox.head();
        let new = commit_on(&repo, head, &[("a.txt", Some("changed\n")), (wanted, Some("theirs\n"))]);
        let error = repo.move_branch(&shift("main", Some(head), new)).unwrap_err();
        assert!(matches!(error, Error::Path { .. }), "{wanted}: {error}");
        assert_eq!(
            (sandbox.text(untracked), sandbox.text("a.txt"), sandbox.head()),
            ("mine\n".into(), "one\n".into(), head)
        );
    }
}

#[test]
fn a_directory_becomes_a_file_and_back() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(
        &repo,
        head,
        &[("dir/b.txt", None), ("dir", Some("flat\n")), ("a.txt", None), ("a.txt/in", Some("deep\n"))],
    );
    repo.move_branch(&shift("main", Some(head), new)).unwrap();
    assert_eq!(
        (sandbox.text("dir"), sandbox.text("a.txt/in"), sandbox.status()),
        ("flat\n".into(), "deep\n".into(), String::new())
    );
    repo.undo(&repo.last_undo().unwrap().unwrap()).unwrap();
    assert_eq!(
        (sandbox.text("dir/b.txt"), sandbox.text("a.txt"), sandbox.status()),
        ("two\n".into(), "one\n".into(), String::new())
    );
    sandbox.fsck();
}

#[test]
fn line_endings_follow_the_attributes_of_the_new_tree() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(
        &repo,
        head,
        &[
            (".gitattributes", Some("*.crlf text eol=crlf\n")),
            ("x.crlf", Some("1\n2\n")),
            ("x.lf", Some("1\n2\n")),
        ],
    );
    repo.move_branch(&shift("main", Some(head), new)).unwrap();
    assert_eq!((sandbox.text("x.crlf"), sandbox.text("x.lf")), ("1\r\n2\r\n".into(), "1\n2\n".into()));
    assert_eq!(sandbox.status(), "");
    sandbox.git("config core.autocrlf true");
    let repo = sandbox.repo();
    let newer = commit_on(&repo, new, &[("x.lf", Some("1\n2\n3\n"))]);
    repo.move_branch(&shift("main", Some(new), newer)).unwrap();
    assert_eq!((sandbox.text("x.lf"), sandbox.status()), ("1\r\n2\r\n3\r\n".into(), String::new()));
}

#[test]
fn a_filter_program_is_refused_where_it_applies_and_only_there() {
    let sandbox = Sandbox::new();
    sandbox.put(".gitattributes", "*.bin filter=lfs\n*.dat filter=nobody\n");
    sandbox.git("add .");
    sandbox.git("commit -qm attributes");
    sandbox.git("config filter.lfs.smudge false");
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(&repo, head, &[("a.txt", Some("x\n")), ("big.bin", Some("x\n"))]);
    let error = repo.move_branch(&shift("main", Some(head), new)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "will not touch big.bin: the filter 'lfs' of .gitattributes applies to it, and onehead runs no filters"
    );
    assert_eq!((sandbox.head(), sandbox.status()), (head, String::new()));
    let new = commit_on(&repo, head, &[("a.txt", Some("x\n")), ("small.dat", Some("x\n"))]);
    repo.move_branch(&shift("main", Some(head), new)).unwrap();
    assert_eq!(sandbox.status(), "");
}

#[test]
fn a_branch_of_another_work_tree_is_refused_and_a_linked_one_follows() {
    let sandbox = Sandbox::new();
    sandbox.git("worktree add -q linked -b topic");
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(&repo, head, &[("a.txt", Some("x\n"))]);
    let linked = std::fs::canonicalize(sandbox.path("linked")).unwrap();
    let uses = repo.checked_out("topic").unwrap();
    assert_eq!(uses.len(), 1);
    assert_eq!(
        (std::fs::canonicalize(&uses[0].place).unwrap(), uses[0].current, uses[0].doing),
        (linked.clone(), false, "checked out")
    );
    let error = repo.move_branch(&shift("topic", Some(head), new)).unwrap_err();
    assert!(matches!(error, Error::CheckedOut { .. }), "{error}");
    let there = Repo::discover(&linked).unwrap();
    let error = there.move_branch(&shift("main", Some(head), new)).unwrap_err();
    assert!(matches!(error, Error::CheckedOut { .. }), "{error}");
    assert_eq!(names(&there.move_branch(&shift("topic", Some(head), new)).unwrap().followed), ["a.txt"]);
    let status = |directory: &Path| git_in(directory, "status --porcelain").1;
    assert_eq!((status(&linked), sandbox.git("status --porcelain")), (String::new(), "?? linked/\n".into()));
    assert!(git_in(&linked, "reflog show HEAD").1.contains("onehead fix: test"));
    sandbox.fsck();
}

#[test]
fn a_branch_under_rebase_is_in_use() {
    let sandbox = Sandbox::new();
    sandbox.git("switch -q -c topic");
    sandbox.put("a.txt", "topic\n");
    sandbox.git("commit -qam topic");
    sandbox.git("switch -q main");
    sandbox.put("a.txt", "main\n");
    sandbox.git("commit -qam main");
    sandbox.git("switch -q topic");
    assert!(!git_in(sandbox.root.path(), "rebase main").0);
    let repo = sandbox.repo();
    let tip = repo.resolve("topic").unwrap();
    assert_eq!(repo.checked_out("topic").unwrap()[0].doing, "being rebased");
    let new = commit_on(&repo, tip, &[("z", Some("x\n"))]);
    assert!(matches!(repo.move_branch(&shift("topic", Some(tip), new)), Err(Error::CheckedOut { .. })));
    sandbox.git("rebase --abort");
    // A merge under way on the very branch.
    assert!(!git_in(sandbox.root.path(), "merge main").0);
    assert!(matches!(
        sandbox.repo().move_branch(&shift("topic", Some(tip), new)),
        Err(Error::NotWritable { .. })
    ));
    assert_eq!(sandbox.rev("topic"), tip.to_string());
}

#[test]
fn the_first_commit_of_an_unborn_branch_is_followed_too() {
    let sandbox = Sandbox { root: tempfile::tempdir().unwrap() };
    sandbox.git("init -q -b main .");
    sandbox.git("config user.name Ada");
    sandbox.git("config user.email ada@example.com");
    let repo = sandbox.repo();
    let tree = edited(&repo, repo.objects().empty_tree(), &[("a/b", Some("x\n"))]);
    let new = repo.write_commit(tree, &[], "first").unwrap();
    repo.move_branch(&shift("main", None, new)).unwrap();
    assert_eq!((sandbox.head(), sandbox.status(), sandbox.text("a/b")), (new, String::new(), "x\n".into()));
    sandbox.fsck();
}

#[test]
fn a_locked_index_or_a_moved_ref_leaves_the_files_alone() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(&repo, head, &[("a.txt", Some("x\n")), ("dir/b.txt", None)]);
    std::fs::write(sandbox.path(".git/index.lock"), b"").unwrap();
    let error = repo.move_branch(&shift("main", Some(head), new)).unwrap_err();
    assert!(matches!(&error, Error::Locked { path } if path.ends_with("index.lock")), "{error}");
    assert!(sandbox.path(".git/index.lock").exists());
    std::fs::remove_file(sandbox.path(".git/index.lock")).unwrap();
    std::fs::write(sandbox.path(".git/refs/heads/main.lock"), b"").unwrap();
    let error = repo.move_branch(&shift("main", Some(head), new)).unwrap_err();
    assert!(matches!(&error, Error::Locked { path } if path.ends_with("main.lock")), "{error}");
    std::fs::remove_file(sandbox.path(".git/refs/heads/main.lock")).unwrap();
    let error = repo.move_branch(&shift("main", Some(new), head)).unwrap_err();
    assert!(matches!(&error, Error::RefMoved { .. } | Error::Dirty { .. }), "{error}");
    assert_eq!((sandbox.head(), sandbox.status()), (head, String::new()));
    assert_eq!(listing(sandbox.root.path()), [".git", "a.txt", "dir", "run.sh"]);
    assert_eq!(sandbox.git("for-each-ref --format=%(refname)"), "refs/heads/main\n");
    repo.move_branch(&shift("main", Some(head), new)).unwrap();
}

#[test]
fn a_failing_reflog_takes_refs_and_files_back() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(&repo, head, &[("a.txt", Some("x\n")), ("dir/b.txt", None), ("n/n", Some("n\n"))]);
    // The reflog of main cannot be appended to: it is a directory with something in it.
    std::fs::remove_file(sandbox.path(".git/logs/refs/heads/main")).unwrap();
    sandbox.put(".git/logs/refs/heads/main/x", "");
    let error = repo.move_branch(&shift("main", Some(head), new)).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    std::fs::remove_dir_all(sandbox.path(".git/logs/refs/heads/main")).unwrap();
    assert_eq!((sandbox.head(), sandbox.status()), (head, String::new()));
    assert_eq!(sandbox.git("for-each-ref --format=%(refname)"), "refs/heads/main\n");
    assert_eq!(listing(sandbox.root.path()), [".git", "a.txt", "dir", "run.sh"]);
    assert!(!sandbox.path(".git/index.lock").exists());
    sandbox.fsck();
}

#[test]
fn links_and_submodules() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let head = sandbox.head();
    let tree = repo.tree_of(head).unwrap();
    let entry = |kind, id| Entry { name: BString::default(), kind, executable: false, id };
    let target = repo.objects().write_blob(b"a.txt".to_vec()).unwrap();
    let linked = with_entry(&repo, tree, &"link".into(), Some(entry(EntryKind::Symlink, target.0))).unwrap();
    let new = repo.write_commit(linked, &[head], "link").unwrap();
    repo.move_branch(&shift("main", Some(head), new)).unwrap();
    assert_eq!((sandbox.status(), sandbox.text("link")), (String::new(), "one\n".into()));
    // Through a link nothing is written.
    let edit = FileEdit { path: "link".into(), new_path: None, read: Some(target), content: b"x".to_vec() };
    assert!(matches!(repo.write_files(&[edit]), Err(Error::Path { .. })));
    let module =
        with_entry(&repo, linked, &"module".into(), Some(entry(EntryKind::Submodule, head.0))).unwrap();
    let newer = repo.write_commit(module, &[new], "module").unwrap();
    let error = repo.move_branch(&shift("main", Some(new), newer)).unwrap_err();
    assert_eq!(error.to_string(), "will not touch module: it is a submodule");
    assert_eq!(sandbox.status(), "");
}

#[test]
fn two_processes_fix_the_same_branch_one_wins() {
    let sandbox = Sandbox::new();
    let head = sandbox.head();
    let repo = sandbox.repo();
    let targets: Vec<_> =
        (0..6).map(|n| commit_on(&repo, head, &[("a.txt", Some(&format!("{n}\n")))])).collect();
    let won = std::thread::scope(|scope| {
        let handles: Vec<_> = targets
            .iter()
            .map(|to| {
                let repo = sandbox.repo();
                scope.spawn(move || repo.move_branch(&shift("main", Some(head), *to)).map(|_| *to))
            })
            .collect();
        handles.into_iter().filter_map(|handle| handle.join().unwrap().ok()).collect::<Vec<_>>()
    });
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!((sandbox.head(), sandbox.status()), (won[0], String::new()));
    assert_eq!(listing(sandbox.root.path()), [".git", "a.txt", "dir", "run.sh"]);
    assert_eq!(repo.undo_records().unwrap().len(), 1);
    sandbox.fsck();
}

#[test]
fn different_branches_at_once_all_win() {
    let sandbox = Sandbox::new();
    let head = sandbox.head();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..6)
            .map(|n| {
                let repo = sandbox.repo();
                scope.spawn(move || repo.move_branch(&shift(&format!("fix-{n}"), None, head)))
            })
            .collect();
        for handle in handles {
            handle.join().unwrap().unwrap();
        }
    });
    assert_eq!(sandbox.repo().undo_records().unwrap().len(), 6);
    sandbox.fsck();
}

fn file_edit(path: &str, new_path: Option<&str>, read: Option<BlobId>, content: &str) -> FileEdit {
    FileEdit { path: path.into(), new_path: new_path.map(RepoPath::new), read, content: content.into() }
}

fn blob_at(repo: &Repo, tree: TreeId, path: &str) -> Option<BlobId> {
    repo.objects().entry(tree, &path.into()).unwrap().and_then(|entry| entry.blob())
}

#[test]
fn files_are_written_renamed_in_chains_and_created() {
    let sandbox = Sandbox::new();
    sandbox.put("v/003_a.py", "a\n");
    sandbox.put("v/004_b.py", "b\n");
    sandbox.git("add .");
    sandbox.git("commit -qm more");
    sandbox.put("v/004_b.py", "b, not committed but read\n");
    let repo = sandbox.repo();
    let tree = repo.work_tree_tree(&|_| true).unwrap();
    let read = |path: &str| blob_at(&repo, tree, path);
    let touched = repo
        .write_files(&[
            file_edit("v/003_a.py", Some("v/004_b.py"), read("v/003_a.py"), "A\n"),
            file_edit("v/004_b.py", Some("v/005_b.py"), read("v/004_b.py"), "B\n"),
            file_edit("run.sh", None, read("run.sh"), "#!/bin/sh\nexit\n"),
            file_edit("w/new.py", None, None, "N\n"),
        ])
        .unwrap();
    assert_eq!(names(&touched), ["run.sh", "v/003_a.py", "v/004_b.py", "v/005_b.py", "w/new.py"]);
    assert_eq!(
        sandbox.git("status --porcelain -uall"),
        " M run.sh\n D v/003_a.py\n M v/004_b.py\n?? v/005_b.py\n?? w/new.py\n"
    );
    assert_eq!(
        (sandbox.text("v/004_b.py"), sandbox.text("v/005_b.py"), sandbox.text("w/new.py")),
        ("A\n".into(), "B\n".into(), "N\n".into())
    );
    assert!(!sandbox.git("diff --summary run.sh").contains("mode change"));
}

#[test]
fn files_that_changed_since_or_lead_elsewhere_are_refused_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    let outside = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(outside.path(), sandbox.path("out")).unwrap();
    sandbox.put("other/.git/HEAD", "ref: refs/heads/main\n");
    let repo = sandbox.repo();
    let tree = repo.tree_of(sandbox.head()).unwrap();
    let good = || file_edit("dir/b.txt", None, blob_at(&repo, tree, "dir/b.txt"), "good\n");
    let read = blob_at(&repo, tree, "a.txt");
    sandbox.put("a.txt", "changed since\n");
    for (bad, reason) in [
        (file_edit("a.txt", None, read, "x"), "it has changes that are not committed and were not read"),
        (file_edit("gone.txt", None, read, "x"), "it is gone"),
        (file_edit("run.sh", None, None, "x"), "an untracked file is in its place and would be lost"),
        (file_edit("dir", None, None, "x"), "dir/b.txt is in its place"),
        (file_edit("out/x", None, None, "x"), "out is a symbolic link"),
        (file_edit("other/x", None, None, "x"), "other is another repository"),
        (file_edit(".git/hooks/pre-commit", None, None, "x"), "The .git name may never be used"),
        (file_edit("d/.GIT/config", None, None, "x"), "The .git name may never be used"),
        (file_edit("git~1/config", None, None, "x"), "The .git name may never be used"),
        (file_edit("../x", None, None, "x"), "Relative components '.' and '..' are disallowed"),
        (file_edit("d//x", None, None, "x"), "A path component must not be empty"),
        (file_edit("", None, None, "x"), "it has no name"),
        (file_edit("dir/b.txt", None, None, "x"), "it is named twice"),
    ] {
        let path = bad.path.clone();
        let error = repo.write_files(&[good(), bad]).unwrap_err();
        assert_eq!(error.to_string(), format!("will not touch {path}: {reason}"));
        assert_eq!(sandbox.text("dir/b.txt"), "two\n");
    }
    assert_eq!(listing(outside.path()), Vec::<String>::new());
    assert_eq!(listing(sandbox.root.path()), [".git", "a.txt", "dir", "other", "out", "run.sh"]);
    repo.write_files(&[good()]).unwrap();
    assert_eq!(sandbox.text("dir/b.txt"), "good\n");
}

#[test]
fn written_files_keep_the_line_endings_of_the_checkout() {
    let sandbox = Sandbox::new();
    sandbox.git("config core.autocrlf true");
    std::fs::remove_file(sandbox.path("a.txt")).unwrap();
    sandbox.git("checkout -q a.txt");
    assert_eq!(sandbox.text("a.txt"), "one\r\n");
    let repo = sandbox.repo();
    let tree = repo.tree_of(sandbox.head()).unwrap();
    let read = blob_at(&repo, tree, "a.txt");
    repo.write_files(&[file_edit("a.txt", None, read, "one\nmore\n")]).unwrap();
    assert_eq!(sandbox.text("a.txt"), "one\r\nmore\r\n");
    // Read as it is on disk, written as given.
    let raw = repo.objects().write_blob(b"one\r\nmore\r\n".to_vec()).unwrap();
    repo.write_files(&[file_edit("a.txt", None, Some(raw), "end\r\n")]).unwrap();
    assert_eq!(sandbox.text("a.txt"), "end\r\n");
}

#[test]
fn a_step_that_fails_half_way_is_taken_back() {
    use super::files::{FileOp, FileSwap, Put};
    let sandbox = Sandbox::new();
    let root = sandbox.root.path();
    let put = |path: &str, replace| FileOp::Put {
        path: path.into(),
        put: Put { content: b"new\n".to_vec(), link: false, executable: None, like: Some(path.into()) },
        replace,
    };
    let ops = vec![
        FileOp::Remove("dir/b.txt".into()),
        put("a.txt", true),
        put("made/on/the/way.txt", false),
        put("surprise.txt", false),
    ];
    let mut swap = FileSwap::stage(root, ops).unwrap();
    sandbox.put("surprise.txt", "came meanwhile\n");
    let error = swap.apply().unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    drop(swap);
    assert_eq!(sandbox.status(), "?? surprise.txt\n");
    assert_eq!(listing(root), [".git", "a.txt", "dir", "run.sh", "surprise.txt"]);
    assert_eq!(sandbox.text("surprise.txt"), "came meanwhile\n");
}

/// A small file system of its own, where this machine lets tests mount one.
struct SmallDisk(tempfile::TempDir);

#[allow(clippy::disallowed_methods, reason = "a full disk takes a disk")]
impl SmallDisk {
    fn new() -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
            .arg(place.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(place))
    }
}

#[allow(clippy::disallowed_methods, reason = "as above")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_leaves_the_old_state() {
    let Some(disk) = SmallDisk::new() else { return };
    let sandbox = Sandbox::at(tempfile::tempdir_in(disk.0.path()).unwrap());
    let repo = sandbox.repo();
    let head = sandbox.head();
    let text: String = (0..40_000u32).map(|n| format!("{}\n", n.wrapping_mul(2_654_435_761))).collect();
    let tree = edited(&repo, repo.tree_of(head).unwrap(), &[("a.txt", Some(&text)), ("z.txt", Some("z\n"))]);
    let filler = sandbox.path("filler");
    let fill = |leave: u64| {
        use std::io::Write as _;
        let mut file = std::fs::File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        let full = file.metadata().unwrap().len();
        file.set_len(full.saturating_sub(leave)).unwrap();
    };
    // No room for objects.
    fill(0);
    let error = repo.write_commit(tree, &[head], "x").unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    // Emptied first: a program that another test starts just now holds the file open until it runs.
    std::fs::write(&filler, "").unwrap();
    std::fs::remove_file(&filler).unwrap();
    let new = repo.write_commit(tree, &[head], "x").unwrap();
    // Room for some steps, not for all: whatever fails, all is as before.
    let mut done = false;
    for leave in (text.len() as u64 - (16 << 10)..1 << 20).step_by(4096) {
        fill(leave);
        match repo.move_branch(&shift("main", Some(head), new)) {
            Ok(_) => {
                done = true;
                break;
            }
            Err(error) => {
                assert!(error.to_string().contains("No space left"), "{leave}: {error}");
                assert_eq!((sandbox.head(), sandbox.status()), (head, "?? filler\n".into()), "{leave}");
                assert_eq!(sandbox.git("for-each-ref --format=%(refname)"), "refs/heads/main\n", "{leave}");
            }
        }
    }
    assert!(done);
    std::fs::remove_file(&filler).unwrap();
    assert_eq!((sandbox.head(), sandbox.status()), (new, String::new()));
    sandbox.fsck();
}

#[test]
#[allow(clippy::disallowed_methods, reason = "root ignores permissions, not mount options")]
fn a_read_only_repository_stays_as_it_is() {
    let Some(disk) = SmallDisk::new() else { return };
    let sandbox = Sandbox::at(tempfile::tempdir_in(disk.0.path()).unwrap());
    let repo = sandbox.repo();
    let head = sandbox.head();
    let tree = edited(&repo, repo.tree_of(head).unwrap(), &[("a.txt", Some("x\n"))]);
    let new = commit_on(&repo, head, &[("a.txt", Some("y\n"))]);
    let remount = |mode: &str| {
        let option = format!("remount,{mode},size=8m");
        let done = Command::new("mount").args(["-o", &option]).arg(disk.0.path()).status().unwrap();
        assert!(done.success());
    };
    remount("ro");
    let read = blob_at(&repo, repo.tree_of(head).unwrap(), "a.txt");
    let errors = [
        repo.write_commit(tree, &[head], "x").unwrap_err(),
        repo.move_branch(&shift("main", Some(head), new)).unwrap_err(),
        repo.update_refs(&[update("refs/heads/fix", None, new)]).unwrap_err(),
        repo.write_files(&[file_edit("a.txt", None, read, "x")]).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Write { .. }), "{error}");
        assert!(error.to_string().contains("Read-only file system"), "{error}");
    }
    assert_eq!((sandbox.head(), sandbox.status()), (head, String::new()));
    remount("rw");
    assert_eq!(sandbox.git("for-each-ref --format=%(refname)"), "refs/heads/main\n");
    sandbox.fsck();
}

#[test]
fn bare_and_sha256_repositories() {
    let sandbox = Sandbox::new();
    sandbox.git("clone -q --bare . bare.git");
    let bare = Repo::open(&sandbox.path("bare.git")).unwrap();
    let head = bare.resolve("HEAD").unwrap();
    for (key, value) in [("user.name", "Ada"), ("user.email", "ada@example.com")] {
        assert!(git_in(&sandbox.path("bare.git"), &format!("config {key} {value}")).0);
    }
    let bare = Repo::open(&sandbox.path("bare.git")).unwrap();
    let new = commit_on(&bare, head, &[("x", Some("1"))]);
    assert_eq!(bare.checked_out("main").unwrap(), []);
    bare.move_branch(&shift("main", Some(head), new)).unwrap();
    bare.undo(&bare.last_undo().unwrap().unwrap()).unwrap();
    assert_eq!(bare.resolve("main").unwrap(), head);
    assert_eq!(git_in(&sandbox.path("bare.git"), "fsck --strict --no-dangling --no-progress").1, "");
    assert!(matches!(bare.write_files(&[]), Err(Error::NotWritable { .. })));

    let sandbox = Sandbox { root: tempfile::tempdir().unwrap() };
    sandbox.git("init -q -b main --object-format=sha256 .");
    sandbox.git("config user.name Ada");
    sandbox.git("config user.email ada@example.com");
    sandbox.put("a.txt", "one\n");
    sandbox.git("add .");
    sandbox.git("commit -qm first");
    let (repo, head) = (sandbox.repo(), sandbox.head());
    let new = commit_on(&repo, head, &[("a.txt", Some("two\n"))]);
    repo.move_branch(&shift("main", Some(head), new)).unwrap();
    assert_eq!((sandbox.text("a.txt"), sandbox.status()), ("two\n".into(), String::new()));
    repo.undo(&repo.last_undo().unwrap().unwrap()).unwrap();
    assert_eq!((sandbox.text("a.txt"), sandbox.status()), ("one\n".into(), String::new()));
    sandbox.fsck();
}

#[test]
fn files_kept_out_of_the_work_tree_are_not_touched() {
    for flag in ["--skip-worktree", "--assume-unchanged"] {
        let sandbox = Sandbox::new();
        sandbox.git(&format!("update-index {flag} a.txt"));
        let (repo, head) = (sandbox.repo(), sandbox.head());
        let new = commit_on(&repo, head, &[("a.txt", Some("x\n"))]);
        let error = repo.move_branch(&shift("main", Some(head), new)).unwrap_err();
        assert!(matches!(&error, Error::Path { path, .. } if path == "a.txt"), "{error}");
        // A near miss: another file changes, and the flag survives.
        let new = commit_on(&repo, head, &[("dir/b.txt", Some("x\n"))]);
        repo.move_branch(&shift("main", Some(head), new)).unwrap();
        let letter = if flag == "--skip-worktree" { "S a.txt" } else { "h a.txt" };
        assert!(sandbox.git("ls-files -v").contains(letter));
        assert_eq!(sandbox.status(), "");
    }
}

#[test]
fn every_kind_of_index_is_followed() {
    for (key, value) in [
        ("index.version", "4"),
        ("core.splitIndex", "true"),
        ("core.untrackedCache", "true"),
        ("index.skipHash", "true"),
        ("core.fileMode", "false"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.git(&format!("config {key} {value}"));
        sandbox.put("c.txt", "three\n");
        sandbox.git("add .");
        sandbox.git("commit -qm more");
        assert_eq!(sandbox.git("-c core.preloadIndex=false update-index --refresh"), "");
        let (repo, head) = (sandbox.repo(), sandbox.head());
        let new =
            commit_on(&repo, head, &[("c.txt", None), ("dir/d.txt", Some("x\n")), ("a.txt", Some("y\n"))]);
        repo.move_branch(&shift("main", Some(head), new)).unwrap();
        assert_eq!(sandbox.status(), "", "{key}");
        assert_eq!(sandbox.git("ls-files"), "a.txt\ndir/b.txt\ndir/d.txt\nrun.sh\n", "{key}");
        repo.undo(&repo.last_undo().unwrap().unwrap()).unwrap();
        assert_eq!(sandbox.status(), "", "{key}");
        sandbox.put("c.txt", "four\n");
        sandbox.git("commit -qam next");
        sandbox.fsck();
    }
}

#[test]
fn refs_alone_never_move_a_branch_that_is_checked_out() {
    let sandbox = Sandbox::new();
    let (repo, head) = (sandbox.repo(), sandbox.head());
    let new = commit_on(&repo, head, &[("a.txt", Some("x\n"))]);
    let error = repo.update_refs(&[update("refs/heads/main", Some(head), new)]).unwrap_err();
    assert!(matches!(error, Error::CheckedOut { .. }), "{error}");
    // Nor may undoing its creation delete it.
    repo.move_branch(&shift("fix", None, new)).unwrap();
    sandbox.git("switch -q fix");
    let error = repo.undo(&repo.last_undo().unwrap().unwrap()).unwrap_err();
    assert!(matches!(error, Error::CheckedOut { .. }), "{error}");
    assert_eq!((sandbox.head(), sandbox.status()), (new, String::new()));
}

#[test]
fn commits_are_signed_where_git_is_told_to() {
    let sandbox = Sandbox::new();
    let key = sandbox.root.path().join(".git/key");
    #[allow(clippy::disallowed_methods, reason = "a key to sign with")]
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    sandbox.put(".git/allowed", &format!("ada@example.com {public}"));
    for (name, value) in [("gpg.format", "ssh"), ("commit.gpgSign", "true")] {
        sandbox.git(&format!("config {name} {value}"));
    }
    sandbox.git(&format!("config user.signingKey {}", key.display()));
    sandbox.git(&format!("config gpg.ssh.allowedSignersFile {}", sandbox.path(".git/allowed").display()));
    let repo = sandbox.repo();
    let head = sandbox.head();
    let new = commit_on(&repo, head, &[("x", Some("1"))]);
    repo.move_branch(&shift("signed", None, new)).unwrap();
    let output = sandbox.git("verify-commit signed");
    assert!(output.contains("Good"), "{output}");
    sandbox.fsck();
    // A signer that fails is an error, never an unsigned commit.
    sandbox.git("config user.signingKey /nowhere/key");
    let repo = sandbox.repo();
    let tree = repo.tree_of(head).unwrap();
    let error = repo.write_commit(tree, &[head], "x").unwrap_err();
    assert!(matches!(&error, Error::Write { what, .. } if what == "a signed commit"), "{error}");
}
