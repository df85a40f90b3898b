//! Branches rebased for real, beside git's own rebase of the same branch.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Output};

use super::support::history::History;
use super::support::repository::{Repository, environment, isolate};

/// A built history and what is asked of it.
pub struct Scene {
    repository: Repository,
}

impl Scene {
    pub fn of(yaml: &str) -> Self {
        let history: History = serde_yaml::from_str(yaml).unwrap();
        Self { repository: Repository::build(&history) }
    }

    /// Changes a file of the branch that is checked out, and commits that.
    pub fn edit(&self, path: &str, from: &str, to: &str, message: &str) {
        let file = self.path().join(path);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&file, text.replace(from, to)).unwrap();
        self.git(&["commit", "--quiet", "--all", "--message", message]);
    }

    pub fn path(&self) -> &std::path::Path {
        self.repository.path()
    }

    /// Runs `program` as Grace, later than every commit.
    pub fn run(&self, program: &str, args: &[&str]) -> Output {
        let mut command = Command::new(program);
        isolate(|name| {
            command.env_remove(name);
        });
        command.envs(environment(&self.repository.home()));
        command.env("GIT_COMMITTER_NAME", "Grace");
        command.env("GIT_COMMITTER_EMAIL", "grace@example.com");
        command.env("GIT_COMMITTER_DATE", "2024-02-01T00:00:00Z");
        command.env("GIT_EDITOR", "true").env("GIT_SEQUENCE_EDITOR", "true");
        // git finds the program by name, as in a user's hooks and drivers.
        let own = std::path::Path::new(env!("CARGO_BIN_EXE_onehead")).parent().unwrap().to_owned();
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(own).chain(std::env::split_paths(&paths));
        command.env("PATH", std::env::join_paths(paths).unwrap());
        command.current_dir(self.path()).args(args).output().unwrap()
    }

    pub fn git(&self, args: &[&str]) -> String {
        let output = self.run("git", args);
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The exit code, what was reported, and what was said.
    pub fn onehead(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.run(env!("CARGO_BIN_EXE_onehead"), args);
        let text = |bytes: &[u8]| self.repository.without_place(&String::from_utf8_lossy(bytes));
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    pub fn refs(&self) -> String {
        self.git(&["for-each-ref"])
    }

    /// The commits of a range, oldest first: author, committer, dates, message, and the heads of each.
    fn story(&self, range: &str) -> String {
        let mut story = String::new();
        for commit in self.git(&["rev-list", "--reverse", "--topo-order", range]).lines() {
            let format = "--format=%s <- %P%n  %an %aI, %cn";
            let told = self.git(&["show", "--no-patch", format, commit]);
            let heads = self.heads(commit);
            writeln!(story, "{}  heads {heads}", self.named(&told).trim_end()).unwrap();
            let changed =
                self.git(&["diff-tree", "--root", "--no-commit-id", "--name-status", "-M", "-r", commit]);
            changed.lines().for_each(|line| writeln!(story, "    {line}").unwrap());
        }
        story
    }

    /// Commits by their subjects: ids depend on too much.
    fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for line in self.git(&["log", "--all", "--format=%H %s"]).lines() {
            let (id, subject) = line.split_once(' ').unwrap();
            text = text.replace(id, &format!("'{subject}'"));
        }
        text
    }

    pub fn heads(&self, rev: &str) -> String {
        let (_, text, _) = self.onehead(&["heads", rev, "--format", "json"]);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let environments = document["environments"].as_array().unwrap();
        let ids = environments.iter().flat_map(|one| one["heads"].as_array().unwrap()).map(|head| {
            let id = head.get("revision").unwrap_or(head);
            id.as_str().unwrap().to_owned()
        });
        ids.collect::<Vec<_>>().join(" ")
    }

    /// Where each file of two commits differs in more than header lines.
    fn differences(&self, one: &str, two: &str) -> BTreeMap<String, Vec<String>> {
        let mut found = BTreeMap::new();
        for line in self.git(&["diff", "-M", "--name-status", one, two]).lines() {
            let path = line.split('\t').next_back().unwrap();
            let old = line.split('\t').nth(1).unwrap();
            let text = self.git(&["diff", "-M", "-U0", one, two, "--", old, path]);
            let is_header = |line: &&str| {
                ["revision", "down_revision", "Revises:", "Revision ID:"]
                    .iter()
                    .any(|start| line[1..].starts_with(start))
            };
            let rest = text
                .lines()
                .filter(|line| {
                    line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---")
                })
                .filter(|line| !is_header(line))
                .map(str::to_owned)
                .collect::<Vec<_>>();
            if !rest.is_empty() {
                found.insert(path.to_owned(), rest);
            }
        }
        found
    }
}

const TWO: &str = "
about: a branch of three commits, two of which add migrations, behind main
steps:
  - commit:
      name: start
      environment: migrations
      files: {README.md: \"one\\ntwo\\nthree\\nfour\\nfive\\n\"}
      revisions:
        - {revision: 1c245c1580ea, message: create users}
        - {revision: 0a2634f52f4b, down_revision: 1c245c1580ea, message: add email}
  - commit:
      name: orders
      on: feature
      author: Grace
      revisions:
        - {revision: 7badf9c9c70d, down_revision: 0a2634f52f4b, message: create orders}
  - commit:
      name: 'fixup! orders'
      on: feature
      author: Hopper
      files: {README.md: \"one\\ntwo\\nthree\\nfour\\nFIVE\\n\"}
  - commit:
      name: lines
      on: feature
      author: Grace
      revisions:
        - {revision: 9b1f0c2d3e4a, down_revision: 7badf9c9c70d, message: create lines}
  - commit:
      name: invoices
      on: main
      files: {README.md: \"ONE\\ntwo\\nthree\\nfour\\nfive\\n\"}
      revisions:
        - {revision: d3c5609f9bf7, down_revision: 0a2634f52f4b, message: create invoices}
runs: []
";

#[test]
fn every_commit_has_the_heads_it_should_have() {
    let scene = Scene::of(TWO);
    let refs = scene.refs();
    let (exit, text, said) = scene.onehead(&["rebase", "main", "feature"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{text}");
    insta::assert_snapshot!("story", scene.story("main..feature"));
    let ours = scene.git(&["rev-parse", "feature"]);
    assert_eq!(scene.git(&["fsck", "--strict", "--no-dangling"]), "");
    assert_eq!(scene.git(&["status", "--porcelain"]), "", "HEAD is on main, and nothing of it moved");
    let (exit, _, _) = scene.onehead(&["check", "--base", "main", "--head", "feature"]);
    assert_eq!(exit, 0);
    let (exit, again, _) = scene.onehead(&["rebase", "main", "feature"]);
    assert_eq!(exit, 0);
    assert!(again.contains("feature is on top of main already"), "{again}");
    let (exit, text, _) = scene.onehead(&["rebase", "--undo"]);
    assert_eq!(exit, 0, "{text}");
    assert_eq!(scene.refs(), refs);
    scene.git(&["rebase", "--quiet", "main", "feature"]);
    assert_eq!(scene.differences("feature", ours.trim()), BTreeMap::new());
}

#[test]
fn the_plan_is_shown_and_nothing_written() {
    let scene = Scene::of(TWO);
    let refs = scene.refs();
    let (exit, text, said) = scene.onehead(&["rebase", "main", "feature", "--dry-run"]);
    assert_eq!((exit, said.as_str()), (1, ""), "{text}");
    insta::assert_snapshot!("plan", text);
    let (exit, json, _) = scene.onehead(&["rebase", "main", "feature", "--dry-run", "--format", "json"]);
    assert_eq!(exit, 1);
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["schema"], "onehead/plan/v1");
    assert_eq!(document["heads_after"], serde_json::json!(["9b1f0c2d3e4a"]));
    assert_eq!(document["result"], serde_json::Value::Null);
    assert_eq!(document["commits"].as_array().unwrap().len(), 3);
    assert_eq!(scene.refs(), refs);
}

#[test]
fn one_commit_on_top_repairs_what_git_rebased() {
    let scene = Scene::of(TWO);
    let (exit, text, said) = scene.onehead(&["rebase", "main", "feature", "--fixup"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{text}");
    insta::assert_snapshot!("fixup", scene.story("main..feature"));
    let ours = scene.git(&["rev-parse", "feature~1^{tree}"]);
    let (exit, _, _) = scene.onehead(&["rebase", "--undo"]);
    assert_eq!(exit, 0);
    scene.git(&["rebase", "--quiet", "main", "feature"]);
    assert_eq!(scene.git(&["rev-parse", "feature^{tree}"]), ours, "below it the branch is git's");
}

#[test]
fn pairs_for_the_post_rewrite_hook() {
    let scene = Scene::of(TWO);
    let old = scene.git(&["rev-list", "--reverse", "main..feature"]);
    let (exit, text, said) = scene.onehead(&["rebase", "main", "feature", "--porcelain"]);
    assert_eq!((exit, said.as_str()), (0, ""));
    let new = scene.git(&["rev-list", "--reverse", "main..feature"]);
    let pairs: String = old.lines().zip(new.lines()).map(|(old, new)| format!("{old} {new}\n")).collect();
    assert_eq!(text, pairs);
}

#[test]
fn the_branch_checked_out_takes_its_work_tree_along() {
    let scene = Scene::of(TWO);
    scene.git(&["checkout", "--quiet", "feature"]);
    std::fs::write(scene.path().join("notes.txt"), "mine").unwrap();
    std::fs::write(scene.path().join("README.md"), "dirty").unwrap();
    let refs = scene.refs();
    let (exit, _, said) = scene.onehead(&["rebase"]);
    assert_eq!(exit, 2);
    assert!(said.contains("uncommitted changes: README.md"), "{said}");
    assert_eq!(scene.refs(), refs);
    scene.git(&["checkout", "--quiet", "README.md"]);
    let (exit, text, said) = scene.onehead(&["rebase"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{text}");
    assert_eq!(scene.git(&["status", "--porcelain"]), "?? notes.txt\n");
    let (exit, _, _) = scene.onehead(&["rebase", "--undo"]);
    assert_eq!(exit, 0);
    assert_eq!(scene.git(&["status", "--porcelain"]), "?? notes.txt\n");
    assert!(scene.refs().contains("refs/heads/feature"));
}

#[test]
fn a_conflict_stops_it_with_nothing_changed() {
    let scene = Scene::of(&TWO.replace(
        "files: {README.md: \"ONE",
        "files: {README.md: \"one\\ntwo\\nthree\\nfour\\nmine\\n\", x: \"",
    ));
    let refs = scene.refs();
    let (exit, text, said) = scene.onehead(&["rebase", "main", "feature"]);
    assert_eq!((exit, text.as_str()), (2, ""));
    insta::assert_snapshot!("conflict", said);
    assert_eq!(scene.refs(), refs);
    assert!(!scene.run("git", &["rebase", "--quiet", "main", "feature"]).status.success());
}

/// Numbers are the names: both branches go on with 003.
const NUMBERS: &str = "
about: numbers that are ids
steps:
  - commit:
      name: start
      environment: migrations
      revisions:
        - {revision: \"001\", message: create users}
        - {revision: \"002\", down_revision: \"001\", message: add email}
  - commit:
      name: orders
      on: feature
      revisions:
        - {revision: \"003\", down_revision: \"002\", message: create orders, body: op.create_table('orders')}
  - commit:
      name: lines
      on: feature
      revisions:
        - {revision: \"004\", down_revision: \"003\", message: create lines, body: op.create_table('lines')}
  - commit:
      name: text
      on: feature
      files: {notes.txt: \"text\\n\"}
  - commit:
      name: invoices
      on: main
      revisions:
        - {revision: \"003\", down_revision: \"002\", message: create invoices, body: op.create_table('invoices')}
runs: []
";

#[test]
fn a_number_is_the_same_in_every_commit() {
    let scene = Scene::of(NUMBERS);
    let (exit, text, said) = scene.onehead(&["rebase", "main", "feature"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{text}");
    insta::assert_snapshot!("numbers", scene.story("main..feature"));
    insta::assert_snapshot!("numbers_text", scene.git(&["diff", "main", "feature", "--", "migrations"]));
}

/// The author has repaired the branch before, after a rebase by hand.
const REPAIRED: &str = "
about: a branch that its author is going to re-parent
steps:
  - commit:
      name: start
      environment: migrations
      revisions:
        - {revision: 1c245c1580ea, message: create users}
  - commit:
      name: invoices
      on: main
      revisions:
        - {revision: d3c5609f9bf7, down_revision: 1c245c1580ea, message: create invoices}
  - commit:
      name: orders
      on: feature
      from: start
      revisions:
        - {revision: 7badf9c9c70d, down_revision: 1c245c1580ea, message: create orders}
runs: []
";

#[test]
fn a_repair_of_the_authors_own_becomes_empty_and_is_left_out() {
    let scene = Scene::of(REPAIRED);
    let orders = "migrations/versions/7badf9c9c70d_create_orders.py";
    scene.git(&["checkout", "--quiet", "feature"]);
    scene.edit(orders, "1c245c1580ea", "d3c5609f9bf7", "onto invoices");
    scene.git(&["commit", "--quiet", "--allow-empty", "--message", "empty"]);
    let (exit, text, said) = scene.onehead(&["rebase", "main", "feature"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{text}");
    assert!(text.contains("left out  onto invoices  (nothing of it is left)"), "{text}");
    insta::assert_snapshot!("repaired", scene.story("main..feature"));
}

/// A change that main has taken already, a commit that has nothing left, and one that never had anything.
const TAKEN: &str = "
about: what git leaves out
steps:
  - commit:
      name: start
      environment: migrations
      files: {a: \"1\\n\", b: \"1\\n\"}
      revisions:
        - {revision: 1c245c1580ea, message: create users}
  - commit: {name: same change, on: feature, files: {a: \"2\\n\"}}
  - commit: {name: half of it, on: feature, files: {b: \"2\\n\"}}
  - commit: {name: nothing, on: feature}
  - commit:
      name: orders
      on: feature
      revisions:
        - {revision: 7badf9c9c70d, down_revision: 1c245c1580ea, message: create orders}
  - commit: {name: picked, on: main, from: start, files: {a: \"2\\n\"}}
  - commit: {name: more, on: main, files: {b: \"2\\n\", c: \"2\\n\"}}
  - commit:
      name: invoices
      on: main
      revisions:
        - {revision: d3c5609f9bf7, down_revision: 1c245c1580ea, message: create invoices}
runs: []
";

#[test]
fn what_upstream_has_is_left_out_as_git_leaves_it_out() {
    let scene = Scene::of(TAKEN);
    let (exit, text, said) = scene.onehead(&["rebase", "main", "feature", "--format", "json"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{text}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fates: Vec<&str> =
        document["commits"].as_array().unwrap().iter().map(|one| one["fate"].as_str().unwrap()).collect();
    assert_eq!(fates, ["upstream", "emptied", "picked", "picked"]);
    let ours = scene.git(&["log", "--format=%s", "main..feature"]);
    scene.onehead(&["rebase", "--undo"]);
    scene.git(&["rebase", "--quiet", "main", "feature"]);
    assert_eq!(scene.git(&["log", "--format=%s", "main..feature"]), ours);
}

/// A side branch merged inside the branch, and main merged into it.
const MERGES: &str = "
about: merges inside a branch
steps:
  - commit:
      name: start
      environment: migrations
      revisions:
        - {revision: 1c245c1580ea, message: create users}
  - commit:
      name: orders
      on: feature
      revisions:
        - {revision: 7badf9c9c70d, down_revision: 1c245c1580ea, message: create orders}
  - commit: {name: side, on: side, from: feature, files: {side.txt: \"1\\n\"}}
  - commit: {name: text, on: feature, files: {text.txt: \"1\\n\"}}
  - commit: {name: merge side, on: feature, merge: [side]}
  - commit:
      name: lines
      on: feature
      revisions:
        - {revision: 9b1f0c2d3e4a, down_revision: 7badf9c9c70d, message: create lines}
  - commit:
      name: invoices
      on: main
      from: start
      revisions:
        - {revision: d3c5609f9bf7, down_revision: 1c245c1580ea, message: create invoices}
  - branch: {name: back, at: feature}
  - commit: {name: merge main, on: back, merge: [main]}
  - commit:
      name: payments
      on: main
      revisions:
        - {revision: c0ffee123456, down_revision: d3c5609f9bf7, message: create payments}
runs: []
";

#[test]
fn merges_inside_the_branch_are_kept_or_left_out_as_git_does() {
    for (branch, kept) in [("feature", true), ("feature", false), ("back", true), ("back", false)] {
        let scene = Scene::of(MERGES);
        let option = if kept { "--rebase-merges" } else { "--no-rebase-merges" };
        let mut args = vec!["rebase", "main", branch];
        args.extend((!kept).then_some(option));
        let (exit, text, said) = scene.onehead(&args);
        assert_eq!((exit, said.as_str()), (0, ""), "{branch} {kept}: {text}");
        let name = format!("merges_{branch}_{}", if kept { "kept" } else { "left_out" });
        insta::assert_snapshot!(name, scene.story(&format!("main..{branch}")));
        let ours = scene.git(&["rev-parse", branch]);
        let shape = ["log", "--topo-order", "--format=%s %an", &format!("main..{branch}")].map(str::to_owned);
        let shape: Vec<&str> = shape.iter().map(String::as_str).collect();
        let our_shape = scene.git(&shape);
        scene.onehead(&["rebase", "--undo"]);
        scene.git(&["rebase", "--quiet", option, "main", branch]);
        assert_eq!(scene.git(&shape), our_shape, "{branch} {kept}");
        assert_eq!(scene.differences(branch, ours.trim()), BTreeMap::new(), "{branch} {kept}");
    }
}

#[test]
fn a_merge_of_three_is_refused_where_it_would_be_made_again() {
    let scene = Scene::of(
        &MERGES.replace("merge side, on: feature, merge: [side]", "merge side, on: feature, merge: [side, other]").replace(
            "  - commit: {name: text,",
            "  - commit: {name: other, on: other, from: start, files: {other.txt: \"1\\n\"}}\n  - commit: {name: text,",
        ),
    );
    let refs = scene.refs();
    let (exit, _, said) = scene.onehead(&["rebase", "main", "feature"]);
    assert_eq!(exit, 2);
    assert!(said.contains("(merge side) merges more than two commits"), "{said}");
    assert!(said.contains("onehead rebase --no-rebase-merges main feature"), "{said}");
    assert_eq!(scene.refs(), refs);
}

/// Files that keep the head's id: a conflict for git on every commit.
const MARKERS: &str = "
about: a file that keeps the head's id
steps:
  - commit:
      name: start
      environment: migrations
      files: {migrations/versions/head.txt: \"1c245c1580ea\\n\"}
      revisions:
        - {revision: 1c245c1580ea, message: create users}
  - commit:
      name: orders
      on: feature
      files: {migrations/versions/head.txt: \"7badf9c9c70d\\n\"}
      revisions:
        - {revision: 7badf9c9c70d, down_revision: 1c245c1580ea, message: create orders}
  - commit:
      name: lines
      on: feature
      files: {migrations/versions/head.txt: \"9b1f0c2d3e4a\\n\"}
      revisions:
        - {revision: 9b1f0c2d3e4a, down_revision: 7badf9c9c70d, message: create lines}
  - commit:
      name: invoices
      on: main
      from: start
      files: {migrations/versions/head.txt: \"d3c5609f9bf7\\n\"}
      revisions:
        - {revision: d3c5609f9bf7, down_revision: 1c245c1580ea, message: create invoices}
runs: []
";

#[test]
fn a_file_that_keeps_the_heads_id_is_no_conflict() {
    let scene = Scene::of(MARKERS);
    assert!(!scene.run("git", &["rebase", "--quiet", "main", "feature"]).status.success());
    scene.git(&["rebase", "--abort"]);
    let (exit, text, said) = scene.onehead(&["rebase", "main", "feature"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{text}");
    insta::assert_snapshot!("markers", scene.story("main..feature"));
    assert_eq!(scene.git(&["show", "feature~1:migrations/versions/head.txt"]), "7badf9c9c70d\n");
    assert_eq!(scene.git(&["show", "feature:migrations/versions/head.txt"]), "9b1f0c2d3e4a\n");
}

#[test]
fn a_marker_that_holds_something_else_is_a_conflict() {
    let scene = Scene::of(&MARKERS.replace("\"7badf9c9c70d\\n\"", "\"7badf9c9c70d and more\\n\""));
    let (exit, _, said) = scene.onehead(&["rebase", "main", "feature"]);
    assert_eq!(exit, 2);
    assert!(said.contains("migrations/versions/head.txt: changed on both sides"), "{said}");
}

#[test]
fn what_cannot_be_rebased_is_told() {
    let scene = Scene::of(TWO);
    let told = |args: &[&str]| {
        let (exit, text, said) = scene.onehead(args);
        assert_eq!((exit, text.as_str()), (2, ""), "{args:?}");
        said
    };
    let said = told(&["rebase", "main", "main~0"]);
    assert!(said.contains("'main~0' is no local branch"), "{said}");
    let said = told(&["rebase", "nowhere", "feature"]);
    assert!(said.contains("'nowhere' names no commit"), "{said}");
    scene.git(&["checkout", "--quiet", "--detach"]);
    let said = told(&["rebase"]);
    assert!(said.contains("HEAD is on no branch"), "{said}");
    let other = tempfile::tempdir().unwrap();
    scene.git(&["worktree", "add", "--quiet", other.path().join("w").to_str().unwrap(), "feature"]);
    let refs = scene.refs();
    let said = told(&["rebase", "main", "feature"]);
    assert!(said.contains("the branch 'feature' is checked out in"), "{said}");
    assert_eq!(scene.refs(), refs);
}

#[test]
fn a_branch_without_migrations_is_rebased_as_git_does() {
    let scene = Scene::of(&TWO.replace(
        "      revisions:\n        - {revision: 7badf9c9c70d, down_revision: 0a2634f52f4b, message: create orders}\n",
        "      files: {a.txt: \"1\\n\"}\n",
    ).replace(
        "      revisions:\n        - {revision: 9b1f0c2d3e4a, down_revision: 7badf9c9c70d, message: create lines}\n",
        "      files: {b.txt: \"1\\n\"}\n",
    ));
    let (exit, text, said) = scene.onehead(&["rebase", "main", "feature"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{text}");
    let ours = scene.git(&["rev-parse", "feature"]);
    scene.onehead(&["rebase", "--undo"]);
    scene.git(&["rebase", "--quiet", "main", "feature"]);
    assert_eq!(scene.git(&["rev-parse", "feature"]), ours, "the very same commits");
}
