//! Hooks under real git: commits, merges and pushes, in work trees, linked work trees and bare repositories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::rebase::Scene;

/// `main` has gone on since `feature` left it; `feature` has no migration of its own yet.
const MOVED_ON: &str = "
about: a trunk that has moved on
steps:
  - commit:
      name: start
      environment: migrations
      files: {notes.txt: \"one\\n\"}
      revisions:
        - {revision: 1c245c1580ea, message: create users}
  - commit:
      on: feature
      author: Grace
      files: {notes.txt: \"two\\n\"}
  - commit:
      name: invoices
      on: main
      from: start
      revisions:
        - {revision: d3c5609f9bf7, down_revision: 1c245c1580ea, message: create invoices}
runs: []
";

const ORDERS: &str = "migrations/versions/7badf9c9c70d_create_orders.py";

fn migration(revision: &str, parent: &str) -> String {
    format!(
        "\"\"\"orders\n\nRevision ID: {revision}\nRevises: {parent}\nCreate Date: 2024-01-01\n\n\"\"\"\n\
         from alembic import op\n\nrevision = '{revision}'\ndown_revision = '{parent}'\n\n\n\
         def upgrade() -> None:\n    op.execute('SELECT 1')\n\n\ndef downgrade() -> None:\n    pass\n"
    )
}

impl Scene {
    fn write(&self, path: &str, text: &str) {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// Commits a migration past every hook.
    fn bring(&self, branch: &str, path: &str, revision: &str, parent: &str) {
        self.git(&["checkout", "--quiet", branch]);
        self.write(path, &migration(revision, parent));
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--no-verify", "--message", &format!("bring {revision}")]);
    }

    fn install(&self, args: &[&str]) -> String {
        let (exit, text, said) = self.onehead(&[&["hook", "install"], args].concat());
        assert_eq!(exit, 0, "{text}{said}");
        text
    }

    /// A bare repository beside this one, called `server`, that has `main` and `feature`, with a hook.
    fn server(&self, hook: &str) -> PathBuf {
        let server = self.path().parent().unwrap().join("server.git");
        let place = server.to_str().unwrap();
        self.git(&["clone", "--quiet", "--bare", ".", place]);
        self.git(&["-C", place, "symbolic-ref", "HEAD", "refs/heads/main"]);
        self.git(&["remote", "add", "server", place]);
        self.git(&["fetch", "--quiet", "server"]);
        if !hook.is_empty() {
            let (exit, text, said) = self.onehead(&["-C", place, "hook", "install", hook]);
            assert_eq!(exit, 0, "{text}{said}");
        }
        server
    }

    fn refs_of(&self, place: &Path) -> String {
        self.git(&["-C", place.to_str().unwrap(), "for-each-ref"])
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn stopped(output: &Output, texts: &[&str]) {
    let told = told(output);
    assert!(!output.status.success(), "{told}");
    for text in texts {
        assert!(told.contains(text), "{text:?} is not in\n{told}");
    }
}

fn went(output: &Output) {
    let told = told(output);
    assert!(output.status.success() && !told.contains("multiple-heads"), "{told}");
}

#[test]
fn a_commit_that_makes_two_heads_is_stopped() {
    let scene = Scene::of(MOVED_ON);
    insta::assert_snapshot!("hook_installed", scene.install(&["pre-commit"]));
    scene.git(&["checkout", "--quiet", "feature"]);
    scene.write(ORDERS, &migration("7badf9c9c70d", "1c245c1580ea"));
    let before = scene.refs();
    // Not staged yet: what is not committed is not checked.
    went(&scene.run("git", &["commit", "--quiet", "--allow-empty", "--message", "nothing"]));
    scene.git(&["reset", "--quiet", "--soft", "HEAD~1"]);
    scene.git(&["add", ORDERS]);
    let output = scene.run("git", &["commit", "--quiet", "--message", "orders"]);
    stopped(&output, &["error[multiple-heads]", "fix: onehead fix --write", "git commit --no-verify"]);
    assert_eq!(scene.refs(), before);
    let (exit, text, said) = scene.onehead(&["hook", "run", "pre-commit"]);
    assert_eq!(
        (exit, said.as_str()),
        (1, "onehead: nothing is committed; `git commit --no-verify` does it all the same\n")
    );
    let (check, checked, _) = scene.onehead(&["check", "--staged"]);
    assert_eq!((check, checked), (1, text), "the same check");
    let (exit, line, _) = scene.onehead(&["hook", "run", "pre-commit", "--format", "json"]);
    let (_, document, _) = scene.onehead(&["check", "--staged", "--format", "json"]);
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!((exit, line.lines().count()), (1, 1), "{line}");
    assert_eq!(parse(&line), parse(&document), "the same document, on one line");
    // The repair that was named is one.
    let (exit, text, _) = scene.onehead(&["fix", "--write"]);
    assert_eq!(exit, 0, "{text}");
    scene.git(&["add", "."]);
    went(&scene.run("git", &["commit", "--quiet", "--message", "orders"]));
}

#[test]
fn commits_by_path_and_of_all_files_are_checked_as_they_will_be() {
    let scene = Scene::of(MOVED_ON);
    scene.install(&["pre-commit"]);
    scene.bring("feature", ORDERS, "7badf9c9c70d", "d3c5609f9bf7");
    // git keeps the index of such a commit aside, and names it in a variable.
    scene.write(ORDERS, &migration("7badf9c9c70d", "1c245c1580ea"));
    scene.write("notes.txt", "three\n");
    for args in [&["--all"][..], &["--", ORDERS], &["--only", ORDERS], &["--include", ORDERS]] {
        let output = scene.run("git", &[&["commit", "--quiet", "--message", "back"], args].concat());
        stopped(&output, &["error[multiple-heads]"]);
    }
    went(&scene.run("git", &["commit", "--quiet", "--message", "notes", "--", "notes.txt"]));
    assert_eq!(scene.git(&["status", "--porcelain"]).trim(), format!("M {ORDERS}"));
}

#[test]
fn who_changes_no_migration_is_told_and_goes_on() {
    let scene = Scene::of(MOVED_ON);
    scene.install(&["pre-commit"]);
    scene.bring("feature", ORDERS, "7badf9c9c70d", "1c245c1580ea");
    scene.write("notes.txt", "three\n");
    let output = scene.run("git", &["commit", "--quiet", "--all", "--message", "notes"]);
    let told = told(&output);
    assert!(output.status.success() && told.contains("error[multiple-heads]"), "{told}");
    assert!(told.contains("this changes no migration, so it is not stopped"), "{told}");
}

#[test]
fn old_faults_of_the_trunk_stop_nobody() {
    let scene = Scene::of(MOVED_ON);
    scene.bring("main", ORDERS, "7badf9c9c70d", "1c245c1580ea");
    scene.install(&["pre-commit", "pre-push"]);
    scene.write("notes.txt", "three\n");
    went(&scene.run("git", &["commit", "--quiet", "--all", "--message", "notes"]));
    scene.server("pre-receive");
    scene.write("notes.txt", "four\n");
    went(&scene.run("git", &["commit", "--quiet", "--all", "--message", "notes"]));
    went(&scene.run("git", &["push", "--quiet", "server", "main"]));
    went(&scene.run("git", &["push", "--quiet", "server", "main:same"]));
}

#[test]
fn a_merge_that_makes_two_heads_is_stopped() {
    let scene = Scene::of(MOVED_ON);
    scene.install(&["pre-merge-commit"]);
    scene.bring("feature", ORDERS, "7badf9c9c70d", "1c245c1580ea");
    scene.git(&["checkout", "--quiet", "main"]);
    let before = scene.refs();
    let output = scene.run("git", &["merge", "--no-edit", "feature"]);
    stopped(&output, &["error[multiple-heads]", "the merge is not committed"]);
    assert_eq!(scene.refs(), before);
    scene.git(&["merge", "--abort"]);
    // The other way round it is the same merge.
    scene.git(&["checkout", "--quiet", "feature"]);
    stopped(&scene.run("git", &["merge", "--no-edit", "main"]), &["error[multiple-heads]"]);
    scene.git(&["merge", "--abort"]);
    scene.bring("feature", ORDERS, "7badf9c9c70d", "d3c5609f9bf7");
    scene.git(&["checkout", "--quiet", "main"]);
    went(&scene.run("git", &["merge", "--quiet", "--no-edit", "feature"]));
}

#[test]
fn a_linked_work_tree_has_the_hooks_of_its_repository() {
    let scene = Scene::of(MOVED_ON);
    let linked = scene.path().parent().unwrap().join("linked");
    let place = linked.to_str().unwrap();
    scene.git(&["worktree", "add", "--quiet", place, "feature"]);
    let (exit, text, said) =
        scene.onehead(&["-C", place, "hook", "install", "pre-commit", "pre-merge-commit"]);
    assert_eq!(exit, 0, "{text}{said}");
    assert!(scene.path().join(".git/hooks/pre-commit").is_file());
    fs::write(linked.join(ORDERS), migration("7badf9c9c70d", "1c245c1580ea")).unwrap();
    scene.git(&["-C", place, "add", "."]);
    let output = scene.run("git", &["-C", place, "commit", "--quiet", "--message", "orders"]);
    stopped(&output, &["error[multiple-heads]"]);
    scene.git(&["-C", place, "commit", "--quiet", "--no-verify", "--message", "orders"]);
    stopped(&scene.run("git", &["-C", place, "merge", "--no-edit", "main"]), &["error[multiple-heads]"]);
    let output = scene.run("git", &["commit", "--quiet", "--allow-empty", "--message", "in the first one"]);
    went(&output);
}

#[test]
fn a_push_meets_the_trunk_of_the_remote() {
    let scene = Scene::of(MOVED_ON);
    scene.install(&["pre-push"]);
    let server = scene.server("");
    scene.bring("feature", ORDERS, "7badf9c9c70d", "1c245c1580ea");
    let before = scene.refs_of(&server);
    let output = scene.run("git", &["push", "--quiet", "server", "feature"]);
    let fix = "fix: onehead fix --base server/main --head feature --commit";
    stopped(&output, &["refs/heads/feature meets server/main at", "error[multiple-heads]", fix]);
    assert_eq!(scene.refs_of(&server), before);
    // As seen from a remote whose trunk has not moved on there is nothing wrong.
    let old = scene.path().parent().unwrap().join("old.git");
    scene.git(&["init", "--quiet", "--bare", old.to_str().unwrap()]);
    scene.git(&["remote", "add", "old", old.to_str().unwrap()]);
    went(&scene.run("git", &["push", "--quiet", "old", "main~1:refs/heads/main"]));
    went(&scene.run("git", &["push", "--quiet", "old", "feature"]));
    // The trunk that comes with the same push is the one that is met.
    let output = scene.run("git", &["push", "--quiet", "old", "main", "feature:other"]);
    stopped(&output, &["refs/heads/other meets old/main", "error[multiple-heads]"]);
    // Merged into main, whatever was checked before.
    scene.git(&["checkout", "--quiet", "main"]);
    scene.git(&["merge", "--quiet", "--no-edit", "feature"]);
    stopped(
        &scene.run("git", &["push", "--quiet", "server", "main"]),
        &["refs/heads/main meets server/main"],
    );
    // Tags, deletions and what is no commit are nobody's migrations.
    scene.git(&["tag", "v1", "feature"]);
    scene.git(&["tag", "words", "HEAD:notes.txt"]);
    went(&scene.run("git", &["push", "--quiet", "server", "v1", "words", ":feature"]));
}

#[test]
fn a_rejected_push_moves_no_ref_and_leaves_no_object() {
    let scene = Scene::of(MOVED_ON);
    let server = scene.server("pre-receive");
    let place = server.to_str().unwrap();
    scene.bring("feature", ORDERS, "7badf9c9c70d", "1c245c1580ea");
    scene.git(&["branch", "good", "main"]);
    let refs = scene.refs_of(&server);
    let objects = || scene.git(&["-C", place, "cat-file", "--batch-all-objects", "--batch-check"]);
    let before = objects();
    for force in [&[][..], &["--force"]] {
        let push = [&["push", "--quiet"], force, &["server", "feature", "good"]].concat();
        let output = scene.run("git", &push);
        stopped(
            &output,
            &["remote: error[multiple-heads]", "git fetch && onehead fix --commit", "no ref is moved"],
        );
        assert_eq!((scene.refs_of(&server), objects()), (refs.clone(), before.clone()));
    }
    went(
        &scene.run(
            "git",
            &["push", "--quiet", "server", "good", "start-tag:refs/tags/x"]
                .map(|arg| if arg.starts_with("start-tag") { "main~1:refs/tags/x" } else { arg }),
        ),
    );
    went(&scene.run("git", &["push", "--quiet", "server", ":good"]));
    // A thin pack against what is there, repaired this time.
    scene.bring("feature", ORDERS, "7badf9c9c70d", "d3c5609f9bf7");
    went(&scene.run("git", &["push", "--quiet", "server", "feature"]));
    assert!(scene.refs_of(&server).contains("refs/heads/feature"));
}

#[test]
fn the_first_push_of_a_trunk_is_checked_by_itself() {
    let scene = Scene::of(MOVED_ON);
    scene.bring("main", ORDERS, "7badf9c9c70d", "1c245c1580ea");
    let empty = scene.path().parent().unwrap().join("empty.git");
    let place = empty.to_str().unwrap();
    scene.git(&["init", "--quiet", "--bare", "--initial-branch=main", place]);
    let (exit, ..) = scene.onehead(&["-C", place, "hook", "install", "pre-receive"]);
    assert_eq!(exit, 0);
    let output = scene.run("git", &["push", "--quiet", place, "main"]);
    stopped(&output, &["refs/heads/main is new", "error[multiple-heads]"]);
    went(&scene.run("git", &["push", "--quiet", place, "main~1:refs/heads/main"]));
    stopped(&scene.run("git", &["push", "--quiet", place, "main"]), &["refs/heads/main meets main at"]);
    // Taken back to what it was, the trunk is what is pushed, and nothing is merged.
    scene.git(&["checkout", "--quiet", "--detach", "main~2"]);
    scene.write(ORDERS, &migration("7badf9c9c70d", "1c245c1580ea"));
    scene.git(&["add", "."]);
    scene.git(&["commit", "--quiet", "--message", "instead"]);
    let output = scene.run("git", &["push", "--quiet", "--force", place, "HEAD:main"]);
    let told = told(&output);
    assert!(!told.contains("multiple-heads") && told.contains("deleted-after-landing"), "{told}");
}

#[test]
fn the_update_hook_refuses_one_ref_and_lets_others_in() {
    let scene = Scene::of(MOVED_ON);
    let server = scene.server("update");
    scene.bring("feature", ORDERS, "7badf9c9c70d", "1c245c1580ea");
    scene.git(&["branch", "good", "main"]);
    let output = scene.run("git", &["push", "server", "feature", "good"]);
    stopped(&output, &["remote: error[multiple-heads]", "remote: onehead: the ref is not moved"]);
    let refs = scene.refs_of(&server);
    assert!(refs.contains("refs/heads/good"), "{refs}");
    let bad = scene.git(&["rev-parse", "feature"]);
    assert!(!refs.contains(bad.trim()), "{refs}");
}

#[test]
fn other_hooks_and_shared_ones_stay_as_they_are() {
    let scene = Scene::of(MOVED_ON);
    let hook = scene.path().join(".git/hooks/pre-push");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 0\n").unwrap();
    let (exit, text, said) = scene.onehead(&["hook", "install", "pre-push", "pre-commit"]);
    assert_eq!(exit, 2, "{text}{said}");
    assert_eq!(fs::read_to_string(&hook).unwrap(), "#!/bin/sh\nexit 0\n");
    assert!(scene.path().join(".git/hooks/pre-commit").is_file(), "the others are installed");
    insta::assert_snapshot!("hook_taken", format!("{text}--- stderr\n{said}"));
    // Made to call it, it is left alone.
    fs::write(&hook, "#!/bin/sh\nonehead hook run pre-push \"$@\" || exit $?\n").unwrap();
    assert_eq!(scene.install(&["pre-push"]), ".git/hooks/pre-push calls onehead already\n");
    // A link that leads nowhere is somebody's, too.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/nowhere", scene.path().join(".git/hooks/update")).unwrap();
        assert_eq!(scene.onehead(&["hook", "install", "update"]).0, 2);
    }
    // In the work tree the directory is the repository's own.
    scene.git(&["config", "core.hooksPath", ".githooks"]);
    scene.install(&["pre-commit"]);
    assert!(scene.path().join(".githooks/pre-commit").is_file());
    let shared = scene.path().parent().unwrap().join("shared-hooks");
    scene.git(&["config", "core.hooksPath", shared.to_str().unwrap()]);
    let (exit, _, said) = scene.onehead(&["hook", "install", "pre-commit"]);
    assert_eq!(exit, 2);
    assert!(said.contains("outside of this repository"), "{said}");
    assert!(!shared.exists());
}

#[test]
fn the_merge_driver_is_installed_beside_a_hook() {
    let scene = Scene::of(MOVED_ON);
    let text = scene.install(&["pre-commit", "--merge-driver"]);
    assert!(text.contains("[merge \"onehead\"]") && text.contains(".git/hooks/pre-commit"), "{text}");
    let attributes = fs::read_to_string(scene.path().join(".git/info/attributes")).unwrap();
    assert_eq!(attributes, "/migrations/versions/*.py merge=onehead\n");
    assert_eq!(scene.install(&["--merge-driver"]), "the merge driver is installed already\n");
}

#[test]
fn the_configured_trunk_is_met_on_either_side() {
    let scene = Scene::of(MOVED_ON);
    scene.git(&["checkout", "--quiet", "main"]);
    scene.git(&["branch", "--quiet", "develop", "main~1"]);
    scene.write("onehead.yaml", "trunk: origin/develop\n");
    scene.git(&["add", "."]);
    scene.git(&["commit", "--quiet", "--message", "the trunk is another one"]);
    scene.git(&["branch", "--quiet", "--force", "develop", "main"]);
    let server = scene.server("pre-receive");
    scene.git(&["remote", "rename", "server", "origin"]);
    scene.git(&["-C", server.to_str().unwrap(), "update-ref", "refs/heads/main", "main~2"]);
    scene.git(&["fetch", "--quiet", "origin"]);
    // Against main, which is where both left it, this would be fine.
    scene.git(&["checkout", "--quiet", "-b", "orders", "develop~2"]);
    scene.write("onehead.yaml", "trunk: origin/develop\n");
    scene.bring("orders", ORDERS, "7badf9c9c70d", "1c245c1580ea");
    let output = scene.run("git", &["push", "origin", "orders"]);
    stopped(&output, &["remote: refs/heads/orders meets develop at", "remote: error[multiple-heads]"]);
    scene.install(&["pre-push"]);
    let output = scene.run("git", &["push", "origin", "orders"]);
    stopped(&output, &["refs/heads/orders meets origin/develop at", "--base origin/develop --head orders"]);
}

#[test]
fn what_git_would_not_say_is_refused() {
    let scene = Scene::of(MOVED_ON);
    for (args, text) in [
        (&["pre-push", "origin", "url"][..], ""),
        (&["update", "refs/heads/main", "zz", "zz"], "is not what git tells this hook"),
        (&["pre-receive"], ""),
    ] {
        let (exit, report, said) = scene.onehead(&[&["hook", "run"], args].concat());
        assert_eq!((exit, report.as_str()), (if text.is_empty() { 0 } else { 2 }, ""), "{said}");
        assert!(said.contains(text), "{said}");
    }
}

#[test]
fn an_unborn_branch_and_a_repository_without_migrations_are_fine() {
    let scene = Scene::of("about: nothing\nsteps: []\nruns: []\n");
    scene.install(&["pre-commit", "pre-push"]);
    scene.write("README", "words\n");
    scene.git(&["add", "."]);
    went(&scene.run("git", &["commit", "--quiet", "--message", "words"]));
    let server = scene.server("pre-receive");
    scene.git(&["checkout", "--quiet", "--orphan", "pages"]);
    went(&scene.run("git", &["commit", "--quiet", "--message", "pages"]));
    went(&scene.run("git", &["push", "--quiet", "server", "pages"]));
    assert!(scene.refs_of(&server).contains("refs/heads/pages"));
}
