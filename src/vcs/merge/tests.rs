//! Every merge here is made by git, too.
#![allow(clippy::disallowed_methods, reason = "git is what the results are compared with")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use bstr::ByteSlice as _;
use gix::ObjectId;

use super::merge_trees;
use crate::vcs::{BlobId, Objects, Repo, RepoPath, TreeId};

type Files = BTreeMap<String, String>;

/// A migration of some length; equal numbers are equal, others have little in common.
fn text(number: usize) -> String {
    (0..12).map(|line| format!("line {line} of revision {number}\n")).collect()
}

/// An environment in `old` with five migrations, and a file that nobody moves.
fn base() -> Files {
    let mut files = Files::new();
    files.insert("README.py".into(), "nothing\n".into());
    files.insert("alembic.ini".into(), "[alembic]\n# a\n# b\nscript_location = old\n# c\n# d\n".into());
    files.insert("old/env.py".into(), text(0));
    for number in 1..=5 {
        files.insert(format!("old/versions/r{number}.py"), text(number));
    }
    files
}

fn renamed(files: &mut Files, from: &str, to: &str) {
    let moved: Vec<String> = files.keys().filter(|path| path.starts_with(from)).cloned().collect();
    for path in moved {
        let content = files.remove(&path).unwrap();
        files.insert(path.replacen(from, to, 1), content);
    }
}

fn edited(files: &mut Files, path: &str, line: usize) {
    let content = files.get_mut(path).unwrap();
    let mut lines: Vec<String> = content.lines().map(str::to_owned).collect();
    lines[line].push_str(" edited");
    *content = lines.join("\n") + "\n";
}

fn added(files: &mut Files, path: &str, number: usize) {
    files.insert(path.into(), text(number));
}

fn git(directory: &Path, args: &[&str], input: &[u8]) -> (bool, String) {
    let mut child = Command::new("git")
        .args(args)
        .current_dir(directory)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// The stream for `git fast-import` that makes the branches `fork`, `base` and `head`.
fn stream(fork: &Files, ours: &Files, theirs: &Files) -> String {
    let mut stream = String::new();
    for (mark, (branch, files)) in [("fork", fork), ("base", ours), ("head", theirs)].into_iter().enumerate()
    {
        stream += &format!(
            "commit refs/heads/{branch}\nmark :{}\ncommitter a <a@b> 0 +0000\ndata 1\nm\n",
            mark + 1
        );
        stream += if mark > 0 { "from :1\ndeleteall\n" } else { "" };
        for (path, content) in files {
            stream += &format!("M 644 inline {path}\ndata {}\n{content}\n", content.len());
        }
    }
    stream
}

/// All files of a tree, labels of conflict markers cut off.
fn files(objects: &Objects, tree: TreeId) -> Files {
    let mut files = Files::new();
    let mut todo = vec![(RepoPath::root(), tree)];
    while let Some((directory, tree)) = todo.pop() {
        for entry in objects.tree(tree).unwrap() {
            let path = directory.join(&entry.name);
            if let Some(tree) = entry.tree() {
                todo.push((path, tree));
                continue;
            }
            let content = objects.blob(BlobId(entry.id)).unwrap().unwrap();
            let lines = content.lines_with_terminator().map(|line| match line.get(..8) {
                Some(marker @ (b"<<<<<<< " | b">>>>>>> ")) => format!("{}\n", marker.as_bstr()),
                _ => line.to_str_lossy().into_owned(),
            });
            files.insert(path.to_string(), lines.collect());
        }
    }
    files
}

struct Outcome {
    files: Files,
    conflicts: Vec<String>,
    git_files: Files,
    git_is_clean: bool,
}

fn merged(fork: &Files, ours: &Files, theirs: &Files) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert!(git(path, &["init", "-q", "--bare", "."], b"").0);
    assert!(git(path, &["fast-import", "--quiet"], stream(fork, ours, theirs).as_bytes()).0);
    let (git_is_clean, printed) =
        git(path, &["merge-tree", "--write-tree", "--no-messages", "base", "head"], b"");
    let git_tree = TreeId(ObjectId::from_hex(printed.lines().next().unwrap().as_bytes()).unwrap());
    let repo = Repo::open(path).unwrap();
    let objects = repo.objects();
    let tree = |name: &str| {
        let id = git(path, &["rev-parse", &format!("{name}^{{tree}}")], b"").1;
        TreeId(ObjectId::from_hex(id.trim().as_bytes()).unwrap())
    };
    let relevant = |path: &RepoPath| path.name().ends_with(b".py") || path.name() == "alembic.ini";
    let merged = merge_trees(objects, tree("fork"), tree("base"), tree("head"), &relevant).unwrap();
    Outcome {
        files: files(objects, merged.tree),
        conflicts: merged.conflicts.iter().map(|c| format!("{}: {}", c.path, c.reason)).collect(),
        git_files: files(objects, git_tree),
        git_is_clean,
    }
}

/// Merges in both directions; the conflicts of both must be `conflicts`, the trees git's.
#[track_caller]
fn assert_merge(change_ours: impl Fn(&mut Files), change_theirs: impl Fn(&mut Files), conflicts: &[&str]) {
    let (fork, mut ours, mut theirs) = (base(), base(), base());
    change_ours(&mut ours);
    change_theirs(&mut theirs);
    for (ours, theirs) in [(&ours, &theirs), (&theirs, &ours)] {
        let outcome = merged(&fork, ours, theirs);
        assert_eq!(outcome.files, outcome.git_files);
        assert_eq!(outcome.conflicts, conflicts);
        assert_eq!(outcome.conflicts.is_empty(), outcome.git_is_clean);
    }
}

fn moved(files: &mut Files) {
    renamed(files, "old/", "new/");
}

#[test]
fn renamed_file_is_edited() {
    assert_merge(
        |ours| renamed(ours, "old/versions/r3.py", "old/versions/r3_better.py"),
        |theirs| edited(theirs, "old/versions/r3.py", 4),
        &[],
    );
}

#[test]
fn renamed_and_edited_file_is_edited() {
    assert_merge(
        |ours| {
            renamed(ours, "old/versions/r3.py", "other/r3.py");
            edited(ours, "other/r3.py", 0);
        },
        |theirs| edited(theirs, "old/versions/r3.py", 11),
        &[],
    );
}

#[test]
fn both_edit_the_same_line_of_a_renamed_file() {
    assert_merge(
        |ours| {
            renamed(ours, "old/versions/r3.py", "old/versions/s3.py");
            edited(ours, "old/versions/s3.py", 4);
        },
        |theirs| {
            edited(theirs, "old/versions/r3.py", 4);
            edited(theirs, "old/versions/r3.py", 4);
        },
        &["old/versions/s3.py: changed on both sides"],
    );
}

#[test]
fn renamed_file_is_deleted() {
    assert_merge(
        |ours| renamed(ours, "old/versions/r3.py", "old/versions/s3.py"),
        |theirs| drop(theirs.remove("old/versions/r3.py")),
        &["old/versions/s3.py: renamed on one side, deleted on the other"],
    );
}

#[test]
fn renamed_file_is_deleted_and_its_new_name_taken() {
    assert_merge(
        |ours| renamed(ours, "old/versions/r3.py", "old/versions/s3.py"),
        |theirs| {
            theirs.remove("old/versions/r3.py");
            added(theirs, "old/versions/s3.py", 8);
        },
        &["old/versions/s3.py: added on both sides"],
    );
}

#[test]
fn other_text_is_no_rename() {
    assert_merge(
        |ours| {
            ours.remove("old/versions/r3.py");
            added(ours, "old/versions/r6.py", 6);
        },
        |theirs| edited(theirs, "old/versions/r3.py", 4),
        &["old/versions/r3.py: changed on one side, deleted on the other"],
    );
}

#[test]
fn moved_directory_is_edited() {
    assert_merge(moved, |theirs| edited(theirs, "old/versions/r2.py", 4), &[]);
}

#[test]
fn moved_directory_gets_a_file() {
    assert_merge(
        |ours| {
            moved(ours);
            added(ours, "new/versions/r6.py", 6);
        },
        |theirs| {
            edited(theirs, "old/versions/r2.py", 4);
            added(theirs, "old/versions/r7.py", 7);
        },
        &["new/versions/r7.py: added in a directory that the other side moved"],
    );
}

#[test]
fn file_is_renamed_inside_a_moved_directory() {
    assert_merge(
        moved,
        |theirs| renamed(theirs, "old/versions/r2.py", "old/versions/s2.py"),
        &[
            "new/versions/r2.py: renamed differently on both sides",
            "new/versions/s2.py: added in a directory that the other side moved",
        ],
    );
}

#[test]
fn file_is_renamed_into_a_moved_directory() {
    assert_merge(
        moved,
        |theirs| renamed(theirs, "README.py", "old/versions/README.py"),
        // git takes the move of an unchanged file for one of the directory's additions, too.
        &["new/versions/README.py: added in a directory that the other side moved"],
    );
}

#[test]
fn both_moved_to_the_same_place() {
    assert_merge(
        |ours| {
            moved(ours);
            edited(ours, "new/versions/r1.py", 0);
            added(ours, "new/versions/r6.py", 6);
        },
        |theirs| {
            moved(theirs);
            edited(theirs, "new/versions/r1.py", 11);
            added(theirs, "new/versions/r7.py", 7);
        },
        &[],
    );
}

#[test]
fn both_moved_to_different_places() {
    let conflicts: Vec<String> = ["one", "two"]
        .iter()
        .flat_map(|place| {
            let versions = (1..=5).map(move |number| format!("{place}/versions/r{number}.py"));
            [format!("{place}/env.py")].into_iter().chain(versions)
        })
        .map(|path| format!("{path}: renamed differently on both sides"))
        .collect();
    assert_merge(
        |ours| renamed(ours, "old/", "one/"),
        |theirs| renamed(theirs, "old/", "two/"),
        &conflicts.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn one_file_moved_to_different_places() {
    assert_merge(
        |ours| renamed(ours, "old/versions/r1.py", "one/r1.py"),
        |theirs| renamed(theirs, "old/versions/r1.py", "two/r1.py"),
        &["one/r1.py: renamed differently on both sides", "two/r1.py: renamed differently on both sides"],
    );
}

#[test]
fn swapped_names_are_edits() {
    assert_merge(
        |ours| {
            ours.insert("old/versions/r1.py".into(), text(2));
            ours.insert("old/versions/r2.py".into(), text(1));
        },
        |theirs| edited(theirs, "old/versions/r3.py", 4),
        &[],
    );
}

#[test]
fn directory_moved_and_split_by_majority() {
    assert_merge(
        |ours| {
            for number in 1..=3 {
                let name = format!("r{number}.py");
                renamed(ours, &format!("old/versions/{name}"), &format!("one/{name}"));
            }
            renamed(ours, "old/versions/", "two/");
        },
        |theirs| {
            edited(theirs, "old/versions/r5.py", 4);
            added(theirs, "old/versions/r7.py", 7);
        },
        &["one/r7.py: added in a directory that the other side moved"],
    );
}

#[test]
fn directory_split_in_equal_parts() {
    assert_merge(
        |ours| {
            ours.remove("old/versions/r5.py");
            renamed(ours, "old/versions/r1.py", "one/r1.py");
            renamed(ours, "old/versions/r2.py", "one/r2.py");
            renamed(ours, "old/versions/", "two/");
        },
        |theirs| added(theirs, "old/versions/r7.py", 7),
        &["old/versions/r7.py: added in a directory that the other side moved to several places"],
    );
}

#[test]
fn directory_that_still_stands_is_not_moved() {
    assert_merge(
        |ours| {
            moved(ours);
            added(ours, "old/versions/r6.py", 6);
        },
        |theirs| added(theirs, "old/versions/r7.py", 7),
        &[],
    );
}

#[test]
fn nested_directory_moves_with_its_parent() {
    assert_merge(
        |ours| renamed(ours, "old/", "deep/down/old/"),
        |theirs| {
            edited(theirs, "old/env.py", 4);
            added(theirs, "old/helper.py", 8);
            added(theirs, "old/versions/r7.py", 7);
            added(theirs, "old/versions/2024/r8.py", 8);
        },
        &[
            "deep/down/old/helper.py: added in a directory that the other side moved",
            "deep/down/old/versions/2024/r8.py: added in a directory that the other side moved",
            "deep/down/old/versions/r7.py: added in a directory that the other side moved",
        ],
    );
}

#[test]
fn new_directory_in_a_moved_one() {
    assert_merge(moved, |theirs| added(theirs, "old/versions/2024/r8.py", 8), &[]);
}

#[test]
fn moved_to_the_top() {
    assert_merge(
        |ours| renamed(ours, "old/", ""),
        |theirs| {
            edited(theirs, "old/versions/r1.py", 4);
            added(theirs, "old/versions/r7.py", 7);
        },
        &["versions/r7.py: added in a directory that the other side moved"],
    );
}

#[test]
fn place_of_a_carried_file_is_taken() {
    assert_merge(
        moved,
        |theirs| {
            added(theirs, "old/versions/r7.py", 7);
            added(theirs, "new/versions/r7.py", 8);
        },
        &["old/versions/r7.py: added in a directory that the other side moved, its place is taken"],
    );
}

#[test]
fn carried_file_meets_its_namesake() {
    assert_merge(
        |ours| {
            moved(ours);
            added(ours, "new/versions/r7.py", 7);
        },
        |theirs| added(theirs, "old/versions/r7.py", 7),
        &["new/versions/r7.py: added in a directory that the other side moved"],
    );
}

#[test]
fn move_with_the_configuration_edited() {
    assert_merge(
        |ours| {
            moved(ours);
            let configuration = ours.get_mut("alembic.ini").unwrap();
            *configuration = configuration.replace("= old", "= new");
        },
        |theirs| {
            edited(theirs, "alembic.ini", 5);
            edited(theirs, "old/env.py", 3);
        },
        &[],
    );
}

#[test]
fn move_with_every_file_edited() {
    assert_merge(
        |ours| {
            moved(ours);
            for number in 1..=5 {
                edited(ours, &format!("new/versions/r{number}.py"), 0);
            }
            renamed(ours, "new/versions/r4.py", "new/versions/0004_r4.py");
        },
        |theirs| {
            for number in 1..=5 {
                edited(theirs, &format!("old/versions/r{number}.py"), 11);
            }
        },
        &[],
    );
}

#[test]
fn renamed_onto_what_the_other_side_added() {
    assert_merge(
        |ours| renamed(ours, "old/versions/r3.py", "old/versions/r7.py"),
        |theirs| added(theirs, "old/versions/r7.py", 7),
        &["old/versions/r7.py: added on both sides"],
    );
}

#[test]
fn empty_files_are_never_renamed() {
    let (mut fork, mut ours, mut theirs) = (base(), base(), base());
    for files in [&mut fork, &mut ours, &mut theirs] {
        files.insert("old/__init__.py".into(), String::new());
    }
    renamed(&mut ours, "old/__init__.py", "new/__init__.py");
    theirs.insert("old/__init__.py".into(), text(9));
    let outcome = merged(&fork, &ours, &theirs);
    assert_eq!(outcome.files, outcome.git_files);
    assert_eq!(outcome.conflicts, ["old/__init__.py: changed on one side, deleted on the other"]);
    assert!(!outcome.git_is_clean);
}

/// Random edits, moves and additions on both sides: the tree, and whether it is clean, are git's.
#[test]
fn random_histories_merge_as_git_merges_them() {
    const SEEDS: u64 = 12;
    let mut failed = Vec::new();
    for seed in 0..SEEDS {
        let mut state: u64 = seed + 1;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below
        };
        let mut fork = base();
        renamed(&mut fork, "old/versions/r5.py", "old/more/r5.py");
        renamed(&mut fork, "old/versions/r4.py", "old/more/r4.py");
        let mut sides = [fork.clone(), fork.clone()];
        let mut done = String::new();
        for (at, files) in sides.iter_mut().enumerate() {
            for _ in 0..1 + random(4) {
                let paths: Vec<String> = files.keys().cloned().collect();
                if paths.is_empty() {
                    break;
                }
                let path = paths[random(paths.len())].clone();
                let directories = ["old/", "old/versions/", "old/more/", "new/", "new/versions/", "x/"];
                let directory = directories[random(6)];
                match random(8) {
                    0 | 1 => {
                        let line = random(files[&path].lines().count());
                        edited(files, &path, line);
                        done += &format!("{at}: edit {path}:{line}\n");
                    }
                    2 | 3 => {
                        let to = directories[random(6)];
                        if !to.starts_with(directory) && !directory.starts_with(to) {
                            renamed(files, directory, to);
                            done += &format!("{at}: move {directory} {to}\n");
                        }
                    }
                    4 => {
                        let to = format!("{directory}s{}.py", random(3));
                        let content = files.remove(&path).unwrap();
                        files.insert(to.clone(), content);
                        done += &format!("{at}: rename {path} {to}\n");
                    }
                    5 | 6 => {
                        let number = 6 + random(3);
                        added(files, &format!("{directory}r{number}.py"), number + 10 * at);
                        done += &format!("{at}: add {directory}r{number}.py\n");
                    }
                    _ => {
                        files.remove(&path);
                        done += &format!("{at}: delete {path}\n");
                    }
                }
            }
        }
        let outcome = merged(&fork, &sides[0], &sides[1]);
        let paths = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
        let is_same = outcome.conflicts.is_empty() == outcome.git_is_clean;
        if !is_same || outcome.files != outcome.git_files {
            failed.push(format!(
                "seed {seed}, git clean: {}\n{done}conflicts {:#?}\nhere {:#?}\ngit {:#?}\n",
                outcome.git_is_clean,
                outcome.conflicts,
                paths(&outcome.files),
                paths(&outcome.git_files),
            ));
        }
    }
    assert!(failed.is_empty(), "{} of {SEEDS}\n{}", failed.len(), failed.join("\n"));
}

/// Many small texts of few different lines, so that changes slide, touch and repeat.
#[test]
fn random_texts_merge_as_git_merges_them() {
    const FILES: usize = 600;
    let mut state: u64 = 7;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below
    };
    let mut sides = [Files::new(), Files::new(), Files::new()];
    for number in 0..FILES {
        let end = ["\n", "\n", "\r\n"][random(3)];
        let words = ["a", "b", "  a", "", "}"];
        let fork: Vec<&str> = (0..random(24)).map(|_| words[random(5)]).collect();
        let mut versions = vec![fork.clone(), fork.clone(), fork];
        for (at, version) in versions.iter_mut().enumerate().skip(1) {
            let own = [["x", "y"], ["y", "z"]][at - 1];
            for _ in 0..1 + random(3) {
                let place = random(version.len() + 1);
                let taken = random(4).min(version.len() - place);
                let lines: Vec<&str> = (0..random(4))
                    .map(|_| if random(2) == 0 { own[random(2)] } else { words[random(5)] })
                    .collect();
                version.splice(place..place + taken, lines);
            }
        }
        for (side, version) in sides.iter_mut().zip(versions) {
            let mut text = version.join(end);
            if random(6) > 0 && !version.is_empty() {
                text.push_str(end);
            }
            side.insert(format!("t{number:03}.py"), text);
        }
    }
    let outcome = merged(&sides[0], &sides[1], &sides[2]);
    for (path, text) in &outcome.git_files {
        assert_eq!(
            outcome.files.get(path),
            Some(text),
            "{path}: {:?}",
            sides.each_ref().map(|side| &side[path])
        );
    }
    assert!(outcome.conflicts.len() > FILES / 10 && outcome.conflicts.len() < FILES * 9 / 10);
    let marked = |files: &Files| files.values().filter(|text| text.contains("<<<<<<<")).count();
    assert_eq!(
        outcome.conflicts.len(),
        marked(&outcome.git_files),
        "a conflict is told where git leaves one"
    );
}

#[test]
fn texts_in_conflict_are_known_in_every_style_until_somebody_edits_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let texts = ["1\n2\n3\n4\n5\n", "1\n2\nours\nsame\n5\n", "1\n2\ntheirs\nsame\n5\nmore\n"];
    for (name, text) in ["base", "ours", "theirs"].iter().zip(texts) {
        std::fs::write(path.join(name), text).unwrap();
    }
    for style in [None, Some("--diff3"), Some("--zdiff3")] {
        let mut args = vec!["merge-file", "-p", "ours", "base", "theirs"];
        args.splice(1..1, style);
        let (_, text) = git(path, &args, b"");
        let [base, ours, theirs] = texts.map(str::as_bytes);
        assert!(text.contains("<<<<<<<"), "{text}");
        assert!(super::is_as_merged(text.as_bytes(), base, ours, theirs), "{style:?}: {text}");
        let edited = text.replace("theirs\n", "mine\n");
        assert!(!super::is_as_merged(edited.as_bytes(), base, ours, theirs), "{style:?}: {text}");
    }
}

/// Modes, links, submodules, attributes: whole trees, beside git.
#[test]
fn whole_trees_merge_as_git_merges_them() {
    type Change = (&'static str, &'static [(&'static str, &'static str, &'static str)], &'static str);
    // Each: the base's, ours and theirs entries as `mode path content`; and what conflicts.
    let fork: &[(&str, &str, &str)] = &[
        ("100644", "CHANGELOG.md", "1\n2\n3\n"),
        ("100644", "logo.bin", "a\0b"),
        ("100644", "lock.json", "1\n2\n3\n4\n5\n"),
        ("100644", "run.sh", "1\n2\n3\n4\n5\n"),
        ("120000", "link", "run.sh"),
        ("160000", "sub", "1111111111111111111111111111111111111111"),
        ("100644", ".gitattributes", "CHANGELOG.md merge=union\nlock.json -merge\n"),
    ];
    let cases: &[(&str, Change, Change)] = &[
        (
            "union",
            ("o", &[("100644", "CHANGELOG.md", "1\n2\n3\nours\n")], ""),
            ("t", &[("100644", "CHANGELOG.md", "1\n2\n3\ntheirs\n")], ""),
        ),
        (
            "never merged",
            ("o", &[("100644", "lock.json", "0\n2\n3\n4\n5\n")], ""),
            ("t", &[("100644", "lock.json", "1\n2\n3\n4\n6\n")], "lock.json"),
        ),
        (
            "binary",
            ("o", &[("100644", "logo.bin", "a\0c")], ""),
            ("t", &[("100644", "logo.bin", "a\0d")], "logo.bin"),
        ),
        (
            "mode and text",
            ("o", &[("100755", "run.sh", "1\n2\n3\n4\n5\n")], ""),
            ("t", &[("100644", "run.sh", "1\n2\n3\n4\n6\n")], ""),
        ),
        (
            "a link on both sides",
            ("o", &[("120000", "link", "a")], ""),
            ("t", &[("120000", "link", "b")], "link"),
        ),
        (
            "a submodule on one side",
            ("o", &[("160000", "sub", "2222222222222222222222222222222222222222")], ""),
            ("t", &[("100644", "run.sh", "x\n")], ""),
        ),
        (
            "a submodule on both sides",
            ("o", &[("160000", "sub", "2222222222222222222222222222222222222222")], ""),
            ("t", &[("160000", "sub", "3333333333333333333333333333333333333333")], "sub"),
        ),
        (
            "the same on both sides",
            ("o", &[("100644", "run.sh", "x\n")], ""),
            ("t", &[("100644", "run.sh", "x\n")], ""),
        ),
    ];
    for (what, (_, ours, _), (_, theirs, conflict)) in cases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert!(git(path, &["init", "-q", "-b", "base", "."], b"").0);
        let commit = |changes: &[(&str, &str, &str)], parent: Option<&str>| -> String {
            let mut listing = match parent {
                Some(parent) => {
                    let all = git(path, &["ls-tree", parent], b"").1;
                    let kept = |line: &&str| {
                        !changes.iter().any(|(_, name, _)| line.ends_with(&format!("\t{name}")))
                    };
                    all.lines().filter(kept).flat_map(|line| [line, "\n"]).collect()
                }
                None => String::new(),
            };
            for (mode, name, content) in changes {
                let (kind, id) = match *mode {
                    "160000" => ("commit", (*content).to_owned()),
                    _ => ("blob", git(path, &["hash-object", "-w", "--stdin"], content.as_bytes()).1),
                };
                listing += &format!("{mode} {kind} {}\t{name}\n", id.trim());
            }
            let tree = git(path, &["mktree", "--missing"], listing.as_bytes()).1;
            let mut args =
                vec!["-c", "user.name=A", "-c", "user.email=a@b", "commit-tree", "-m", "x", tree.trim()];
            args.extend(parent.into_iter().flat_map(|parent| ["-p", parent]));
            git(path, &args, b"").1.trim().to_owned()
        };
        let start = commit(fork, None);
        let (ours, theirs) = (commit(ours, Some(&start)), commit(theirs, Some(&start)));
        // git reads attributes from the work tree's index or, asked to, from a tree.
        let source = format!("--attr-source={start}");
        let (is_clean, printed) =
            git(path, &[&source, "merge-tree", "--write-tree", "--no-messages", &ours, &theirs], b"");
        let repo = Repo::open(&path.join(".git")).unwrap();
        let tree = |commit: &str| repo.tree_of(repo.resolve(commit).unwrap()).unwrap();
        let whole = super::WholeTrees::new(&repo, tree(&start)).unwrap();
        let merged = whole.merge(tree(&start), tree(&ours), tree(&theirs)).unwrap();
        let conflicts: Vec<String> = merged.conflicts.iter().map(|one| one.path.to_string()).collect();
        let expected: Vec<&str> = Some(*conflict).filter(|path| !path.is_empty()).into_iter().collect();
        assert_eq!(conflicts, expected, "{what}");
        assert_eq!(conflicts.is_empty(), is_clean, "{what}: {printed}");
        if is_clean {
            assert_eq!(merged.tree.to_string(), printed.trim(), "{what}");
        }
    }
}
