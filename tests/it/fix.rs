//! Repairs written for real: what `fix` writes is what it showed, git accepts it, and it can be taken back.

use std::process::{Command, Output};

use super::support::history;
use super::support::repository::{Repository, environment, isolate};

/// Histories whose branch `feature` `fix` repairs without adding a file that is dated.
const REPAIRED: [&str; 6] = [
    "two_branches_extend_the_same_head",
    "duplicate_number_that_is_the_id",
    "duplicate_revision_from_two_branches",
    "missing_parent_never_pushed",
    "parent_named_by_file_stem",
    "competing_merge_revisions",
];

/// Runs `program` in the repository as Ada, at a fixed moment.
fn run(repository: &Repository, program: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    isolate(|name| {
        command.env_remove(name);
    });
    command.envs(environment(&repository.home()));
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Ada");
        command.env(format!("GIT_{role}_EMAIL"), "ada@example.com");
        command.env(format!("GIT_{role}_DATE"), "2024-02-01T00:00:00Z");
    }
    command.current_dir(repository.path()).args(args).output().unwrap()
}

fn git(repository: &Repository, args: &[&str]) -> String {
    let output = run(repository, "git", args);
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn onehead(repository: &Repository, args: &[&str]) -> (i32, String) {
    let output = run(repository, env!("CARGO_BIN_EXE_onehead"), args);
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn what_fix_commits_is_sound_and_final_and_can_be_taken_back() {
    for name in REPAIRED {
        let repository = Repository::build(&history::load(name));
        let refs = git(&repository, &["for-each-ref"]);
        let (exit, text) =
            onehead(&repository, &["fix", "--head", "feature", "--commit", "--branch", "repaired"]);
        assert_eq!(exit, 0, "{name}: {text}");
        assert_eq!(git(&repository, &["fsck", "--strict", "--no-dangling"]), "", "{name}");
        assert_eq!(git(&repository, &["status", "--porcelain"]), "", "{name}: the work tree is left alone");
        let (exit, text) = onehead(&repository, &["check", "--head", "repaired"]);
        assert_eq!(exit, 0, "{name}: {text}");
        let (exit, text) = onehead(&repository, &["fix", "--head", "repaired"]);
        assert_eq!((exit, text.as_str()), (0, "nothing to repair\n"), "{name}");
        let changed =
            git(&repository, &["diff", "-U0", "--no-renames", "--diff-filter=M", "feature", "repaired"]);
        for line in changed.lines().filter(|line| {
            line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---")
        }) {
            let header = ["revision", "down_revision", "Revises:", "Revision ID:"];
            assert!(header.iter().any(|start| line[1..].starts_with(start)), "{name}: {line}");
        }
        let (exit, text) = onehead(&repository, &["fix", "--undo"]);
        assert_eq!(exit, 0, "{name}: {text}");
        assert_eq!(git(&repository, &["for-each-ref"]), refs, "{name}: every ref is as it was");
    }
}

#[test]
fn the_patch_gives_the_same_tree_as_the_commits() {
    for name in REPAIRED {
        let repository = Repository::build(&history::load(name));
        let (exit, patch) = onehead(&repository, &["fix", "--head", "feature", "--patch"]);
        assert_eq!(exit, 0, "{name}");
        let (exit, _) =
            onehead(&repository, &["fix", "--head", "feature", "--commit", "--branch", "repaired"]);
        assert_eq!(exit, 0, "{name}");
        let mail = repository.home().join("fix.mbox");
        std::fs::write(&mail, patch).unwrap();
        git(&repository, &["checkout", "--quiet", "--detach", "feature"]);
        git(&repository, &["am", "--quiet", mail.to_str().unwrap()]);
        assert_eq!(
            git(&repository, &["rev-parse", "HEAD^{tree}"]),
            git(&repository, &["rev-parse", "repaired^{tree}"]),
            "{name}"
        );
    }
}

#[test]
fn a_branch_that_stands_elsewhere_is_not_moved() {
    let repository = Repository::build(&history::load("two_branches_extend_the_same_head"));
    let refs = git(&repository, &["for-each-ref"]);
    let (exit, _) = onehead(&repository, &["fix", "--head", "feature", "--commit", "--branch", "main"]);
    assert_eq!(exit, 2);
    assert_eq!(git(&repository, &["for-each-ref"]), refs);
}

#[test]
fn the_work_tree_is_edited_and_nothing_else() {
    let repository = Repository::build(&history::load("two_branches_extend_the_same_head"));
    git(&repository, &["checkout", "--quiet", "feature"]);
    let refs = git(&repository, &["for-each-ref"]);
    let (exit, text) = onehead(&repository, &["fix", "--write"]);
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("next: git add -- "), "{text}");
    let (exit, text) = onehead(&repository, &["check", "--worktree"]);
    assert_eq!(exit, 0, "{text}");
    assert_eq!(git(&repository, &["for-each-ref"]), refs);
    assert_eq!(git(&repository, &["diff", "--cached", "--name-only"]), "");
}
