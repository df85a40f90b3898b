//! Repairs while git has stopped in the middle of a rebase or merge, and the merge driver, in real runs.

use super::rebase::Scene;

/// Two branches add a migration each; both change the file that keeps the head's id, and one line of text.
const BOTH: &str = "
about: a rebase that stops
steps:
  - commit:
      name: start
      environment: migrations
      files: {migrations/versions/head.txt: \"1c245c1580ea\\n\", notes.txt: \"one\\n\"}
      revisions:
        - {revision: 1c245c1580ea, message: create users}
  - commit:
      name: orders
      on: feature
      author: Grace
      files: {migrations/versions/head.txt: \"7badf9c9c70d\\n\"}
      revisions:
        - {revision: 7badf9c9c70d, down_revision: 1c245c1580ea, message: create orders}
  - commit:
      name: lines
      on: feature
      author: Grace
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

/// The same without the file that keeps the head's id: git stops nowhere.
fn quiet() -> String {
    let text: String = BOTH
        .lines()
        .filter(|line| {
            !line.starts_with("      files: {migrations/versions/head.txt") || line.contains("notes")
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    text.replace("migrations/versions/head.txt: \"1c245c1580ea\\n\", ", "")
}

fn head_file(scene: &Scene, rev: &str) -> String {
    scene.git(&["show", &format!("{rev}:migrations/versions/head.txt")]).trim().to_owned()
}

/// Adds what `fix --write` says is to be added.
fn add(scene: &Scene, text: &str) {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("next: git ")).unwrap();
    scene.git(&line.split(' ').collect::<Vec<_>>());
}

#[test]
fn a_stopped_rebase_goes_on_with_the_repaired_work_tree() {
    let scene = Scene::of(BOTH);
    scene.git(&["checkout", "--quiet", "feature"]);
    assert!(!scene.run("git", &["rebase", "--quiet", "main"]).status.success());
    let (exit, text, said) = scene.onehead(&["fix", "--write"]);
    assert_eq!((exit, said.as_str()), (0, "  then: git rebase --continue\n"), "{text}");
    insta::assert_snapshot!("middle_of_rebase", text);
    add(&scene, &text);
    // The second commit stops, too: it was made on the file that the first one wrote.
    let next = scene.run("git", &["rebase", "--continue"]);
    if !next.status.success() {
        let (exit, text, _) = scene.onehead(&["fix", "--write"]);
        assert_eq!(exit, 0, "{text}");
        add(&scene, &text);
        scene.git(&["rebase", "--continue"]);
    }
    assert_eq!(scene.git(&["status", "--porcelain"]), "");
    assert_eq!(
        (scene.heads("feature~1"), head_file(&scene, "feature~1")),
        ("7badf9c9c70d".into(), "7badf9c9c70d".into())
    );
    assert_eq!(
        (scene.heads("feature"), head_file(&scene, "feature")),
        ("9b1f0c2d3e4a".into(), "9b1f0c2d3e4a".into())
    );
    let (exit, text, _) = scene.onehead(&["check", "--base", "main", "--head", "feature"]);
    assert_eq!(exit, 0, "{text}");
}

#[test]
fn merging_main_into_a_branch_moves_the_branch_s_revisions() {
    let scene = Scene::of(BOTH);
    scene.git(&["checkout", "--quiet", "feature"]);
    assert!(!scene.run("git", &["merge", "--quiet", "main"]).status.success());
    let (exit, text, said) = scene.onehead(&["fix", "--write"]);
    assert_eq!((exit, said.as_str()), (0, "  then: git merge --continue\n"), "{text}");
    insta::assert_snapshot!("middle_of_merge_of_main", text);
    add(&scene, &text);
    scene.git(&["merge", "--continue"]);
    assert_eq!(
        (scene.heads("feature"), head_file(&scene, "feature")),
        ("9b1f0c2d3e4a".into(), "9b1f0c2d3e4a".into())
    );
    let parent = scene.git(&["show", "feature:migrations/versions/7badf9c9c70d_create_orders.py"]);
    assert!(parent.contains("down_revision: Union[str, Sequence[str], None] = 'd3c5609f9bf7'"), "{parent}");
}

#[test]
fn merging_a_branch_into_main_moves_the_branch_s_revisions() {
    let scene = Scene::of(BOTH);
    scene.git(&["checkout", "--quiet", "main"]);
    assert!(!scene.run("git", &["merge", "--quiet", "feature"]).status.success());
    let (exit, text, said) = scene.onehead(&["fix", "--write"]);
    assert_eq!((exit, said.as_str()), (0, "  then: git merge --continue\n"), "{text}");
    add(&scene, &text);
    scene.git(&["merge", "--continue"]);
    assert_eq!(
        (scene.heads("main"), head_file(&scene, "main")),
        ("9b1f0c2d3e4a".into(), "9b1f0c2d3e4a".into())
    );
    let invoices =
        scene.git(&["diff", "main~1", "main", "--", "migrations/versions/d3c5609f9bf7_create_invoices.py"]);
    assert_eq!(invoices, "", "what main had stays");
}

#[test]
fn a_conflict_of_another_kind_is_left_to_people() {
    let text = BOTH.replace("\"7badf9c9c70d\\n\"}", "\"7badf9c9c70d\\n\", notes.txt: \"two\\n\"}");
    let scene =
        Scene::of(&text.replace("\"d3c5609f9bf7\\n\"}", "\"d3c5609f9bf7\\n\", notes.txt: \"three\\n\"}"));
    scene.git(&["checkout", "--quiet", "feature"]);
    assert!(!scene.run("git", &["rebase", "--quiet", "main"]).status.success());
    let (exit, text, _) = scene.onehead(&["fix", "--write"]);
    assert_eq!(exit, 0, "{text}");
    assert!(!text.contains("notes.txt"), "{text}");
    add(&scene, &text);
    let status = scene.git(&["status", "--porcelain"]);
    assert!(status.contains("UU notes.txt"), "{status}");
    assert!(!scene.run("git", &["rebase", "--continue"]).status.success(), "git still waits for it");
}

#[test]
fn a_conflict_that_somebody_works_on_is_not_touched() {
    let scene = Scene::of(BOTH);
    scene.git(&["checkout", "--quiet", "feature"]);
    assert!(!scene.run("git", &["rebase", "--quiet", "main"]).status.success());
    let file = scene.path().join("migrations/versions/head.txt");
    let mine = std::fs::read_to_string(&file).unwrap() + "<<<<<<< a note of mine\n";
    std::fs::write(&file, &mine).unwrap();
    let (exit, text, _) = scene.onehead(&["fix", "--write"]);
    assert_eq!(exit, 1, "{text}");
    assert!(text.contains("migrations/versions/head.txt is in conflict: solve that"), "{text}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), mine);
}

#[test]
fn conflicts_in_other_styles_are_known() {
    for style in ["diff3", "zdiff3"] {
        let scene = Scene::of(BOTH);
        scene.git(&["config", "merge.conflictStyle", style]);
        scene.git(&["checkout", "--quiet", "feature"]);
        assert!(!scene.run("git", &["rebase", "--quiet", "main"]).status.success());
        let (exit, text, _) = scene.onehead(&["fix", "--write"]);
        assert_eq!(exit, 0, "{style}: {text}");
        assert!(text.contains("the conflict in migrations/versions/head.txt is settled"), "{style}: {text}");
    }
}

#[test]
fn exec_amends_each_commit_that_git_replays() {
    let scene = Scene::of(&quiet());
    scene.git(&["checkout", "--quiet", "feature"]);
    scene.git(&["rebase", "--quiet", "--exec", "onehead fix --write --amend", "main"]);
    assert_eq!(scene.git(&["status", "--porcelain"]), "");
    let story = scene.git(&["log", "--reverse", "--format=%s by %an, %aI", "main..feature"]);
    assert_eq!(story, "orders by Grace, 2024-01-01T00:01:00Z\nlines by Grace, 2024-01-01T00:02:00Z\n");
    assert_eq!(
        (scene.heads("feature~1"), scene.heads("feature")),
        ("7badf9c9c70d".into(), "9b1f0c2d3e4a".into())
    );
    assert_eq!(scene.git(&["fsck", "--strict", "--no-dangling"]), "");
    let ours = scene.git(&["rev-parse", "feature^{tree}"]);
    scene.git(&["reset", "--quiet", "--hard", "ORIG_HEAD"]);
    let (exit, _, said) = scene.onehead(&["rebase", "main"]);
    assert_eq!((exit, said.as_str()), (0, ""));
    assert_eq!(scene.git(&["rev-parse", "feature^{tree}"]), ours, "as onehead rebase does it");
}

#[test]
fn amending_outside_of_a_rebase_can_be_taken_back() {
    let scene = Scene::of(&quiet());
    scene.git(&["checkout", "--quiet", "feature"]);
    scene.git(&["rebase", "--quiet", "main"]);
    let refs = scene.refs();
    std::fs::write(scene.path().join("notes.txt"), "dirty").unwrap();
    let (exit, _, said) = scene.onehead(&["fix", "--write", "--amend"]);
    assert_eq!(exit, 2);
    assert!(said.contains("uncommitted changes: notes.txt"), "{said}");
    scene.git(&["checkout", "--quiet", "notes.txt"]);
    let (exit, text, said) = scene.onehead(&["fix", "--write", "--amend"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{text}");
    assert_eq!(scene.heads("feature"), "9b1f0c2d3e4a");
    assert_eq!(scene.git(&["log", "-1", "--format=%s by %an"]), "lines by Grace\n");
    assert_eq!(scene.git(&["status", "--porcelain"]), "");
    let (exit, _, _) = scene.onehead(&["fix", "--undo"]);
    assert_eq!(exit, 0);
    assert_eq!(scene.refs(), refs);
    scene.git(&["checkout", "--quiet", "main"]);
    let (exit, text, _) = scene.onehead(&["fix", "--write", "--amend"]);
    assert_eq!((exit, text.as_str()), (0, "nothing to repair\n"), "what is published is not amended");
}

/// Two revisions on one parent, and a branch to work on.
const HEADERS: &str = "
about: a migration that both sides are going to change
steps:
  - commit:
      name: start
      environment: migrations
      revisions:
        - {revision: 1c245c1580ea, message: create users}
        - {revision: 0a2634f52f4b, down_revision: 1c245c1580ea, message: add email}
        - {revision: 7badf9c9c70d, down_revision: 1c245c1580ea, message: create orders}
  - branch: {name: feature, at: start}
runs: []
";

const ORDERS: &str = "migrations/versions/7badf9c9c70d_create_orders.py";

#[test]
fn the_merge_driver_merges_what_headers_say() {
    let scene = Scene::of(HEADERS);
    let labels = "branch_labels: Union[str, Sequence[str], None] = ";
    scene.edit(ORDERS, &format!("{labels}None"), &format!("{labels}'orders'"), "a label");
    scene.git(&["checkout", "--quiet", "feature"]);
    scene.edit(ORDERS, "1c245c1580ea", "0a2634f52f4b", "another parent");
    assert!(!scene.run("git", &["merge", "--quiet", "main"]).status.success(), "git alone cannot");
    scene.git(&["merge", "--abort"]);
    let (exit, text, said) = scene.onehead(&["merge-driver", "--install"]);
    assert_eq!((exit, said.as_str()), (0, ""));
    insta::assert_snapshot!("driver_installed", text);
    let (exit, text, _) = scene.onehead(&["merge-driver", "--install"]);
    assert_eq!((exit, text.as_str()), (0, "the merge driver is installed already\n"));
    scene.git(&["merge", "--quiet", "--no-edit", "main"]);
    let merged = scene.git(&["show", &format!("feature:{ORDERS}")]);
    assert!(merged.contains("down_revision: Union[str, Sequence[str], None] = '0a2634f52f4b'\n"), "{merged}");
    assert!(merged.contains(&format!("{labels}'orders'\n")), "{merged}");
}

#[test]
fn the_merge_driver_leaves_what_both_sides_decided() {
    let scene = Scene::of(HEADERS);
    let value = "= '1c245c1580ea'";
    scene.edit(ORDERS, value, "= ('0a2634f52f4b', '1c245c1580ea')", "both parents");
    scene.git(&["checkout", "--quiet", "feature"]);
    scene.edit(ORDERS, value, "= '0a2634f52f4b'", "another parent");
    scene.onehead(&["merge-driver", "--install"]);
    assert!(!scene.run("git", &["merge", "--quiet", "main"]).status.success());
    let text = std::fs::read_to_string(scene.path().join(ORDERS)).unwrap();
    assert!(text.contains("<<<<<<< ours\n") && text.contains(">>>>>>> theirs\n"), "{text}");
    assert!(scene.git(&["status", "--porcelain"]).contains(&format!("UU {ORDERS}")));
}

#[test]
fn the_merge_driver_knows_which_head_is_above() {
    // The branch has main's head below its own.
    let scene = Scene::of(
        "
about: heads above each other
steps:
  - commit:
      name: start
      environment: migrations
      files: {migrations/versions/head.txt: \"1c245c1580ea\\n\"}
      revisions:
        - {revision: 1c245c1580ea, message: create users}
  - commit:
      name: invoices
      on: main
      files: {migrations/versions/head.txt: \"d3c5609f9bf7\\n\"}
      revisions:
        - {revision: d3c5609f9bf7, down_revision: 1c245c1580ea, message: create invoices}
  - commit:
      name: both
      on: feature
      from: start
      files: {migrations/versions/head.txt: \"7badf9c9c70d\\n\"}
      revisions:
        - {revision: d3c5609f9bf7, down_revision: 1c245c1580ea, message: create invoices}
        - {revision: 7badf9c9c70d, down_revision: d3c5609f9bf7, message: create orders}
  - branch: {name: beside, at: start}
  - commit:
      name: parcels
      on: beside
      from: start
      files: {migrations/versions/head.txt: \"c0ffee123456\\n\"}
      revisions:
        - {revision: c0ffee123456, down_revision: 1c245c1580ea, message: create parcels}
runs: []
",
    );
    let invoices = "migrations/versions/d3c5609f9bf7_create_invoices.py";
    scene.git(&["checkout", "--quiet", "main"]);
    scene.onehead(&["merge-driver", "--install"]);
    let merged = scene.run("git", &["merge", "--quiet", "--no-edit", "feature"]);
    // The dates of the two copies of one migration differ; that is not what this is about.
    let conflicts = scene.git(&["diff", "--name-only", "--diff-filter=U"]);
    assert!(merged.status.success() || conflicts.trim() == invoices, "{conflicts}");
    let file = scene.path().join("migrations/versions/head.txt");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "7badf9c9c70d\n");
    if !merged.status.success() {
        scene.git(&["merge", "--abort"]);
    }
    scene.git(&["checkout", "--quiet", "main"]);
    assert!(!scene.run("git", &["merge", "--quiet", "beside"]).status.success());
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, "<<<<<<< ours\nd3c5609f9bf7\n=======\nc0ffee123456\n>>>>>>> theirs\n", "nobody knows");
}

#[test]
fn a_driver_that_cannot_run_says_so_to_git() {
    let scene = Scene::of(HEADERS);
    let (exit, text, said) = scene.onehead(&["merge-driver", "nothing", "nothing", "nothing", "x.py"]);
    assert_eq!((exit, text.as_str()), (129, ""));
    assert!(said.starts_with("onehead: cannot read nothing: "), "{said}");
    let (exit, _, _) = scene.onehead(&["merge-driver", "nothing"]);
    assert_eq!(exit, 129);
}
