//! What `fix` does where it cannot go on: exit code 2, one clear sentence, and everything as it was.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::history;
use crate::support::repository::{Repository, environment, isolate};

/// The history of all cases: one revision of `feature` moves, and one file of 26 lines changes.
const HISTORY: &str = "fix_not_on_trunk";
const TO_A_BRANCH: [&str; 6] = ["fix", "--head", "feature", "--commit", "--branch", "repaired"];

fn repository() -> Repository {
    Repository::build(&history::load(HISTORY))
}

fn command(repository: &Repository, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    isolate(|name| {
        command.env_remove(name);
    });
    command.envs(environment(&repository.home())).current_dir(repository.path()).args(args);
    command
}

fn git(repository: &Repository, args: &[&str]) -> String {
    let output = command(repository, "git", args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn onehead(repository: &Repository, args: &[&str]) -> Output {
    command(repository, env!("CARGO_BIN_EXE_onehead"), args).output().unwrap()
}

/// Everything that must not change: refs, HEAD, the index, and every file of the work tree.
fn state(repository: &Repository) -> String {
    let mut files = Vec::new();
    let mut todo = vec![repository.path().to_owned()];
    while let Some(directory) = todo.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name == ".git") {
                continue;
            }
            match path.is_dir() {
                true => todo.push(path),
                false => files.push(format!("{} {:?}", path.display(), std::fs::read(&path).unwrap())),
            }
        }
    }
    files.sort();
    let refs = git(repository, &["for-each-ref"]);
    let head = git(repository, &["rev-parse", "--symbolic-full-name", "HEAD"]);
    let index = git(repository, &["ls-files", "--stage"]);
    format!("{refs}\n{head}\n{index}\n{}", files.join("\n"))
}

fn sound(repository: &Repository) {
    assert_eq!(git(repository, &["fsck", "--strict", "--no-dangling"]), "");
}

/// Nothing was done, and a sentence says why.
fn refused(output: &Output, why: &str) {
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{talk}");
    assert!(talk.starts_with("onehead: ") && talk.contains(why), "{talk:?} lacks {why:?}");
}

#[test]
fn a_dirty_work_tree_keeps_its_branch_and_no_other() {
    let repository = repository();
    git(&repository, &["checkout", "--quiet", "feature"]);
    let file = repository.path().join("migrations/env.py");
    std::fs::write(&file, "# mine\n").unwrap();
    let before = state(&repository);
    let output = onehead(&repository, &["fix", "--commit", "--branch", "feature"]);
    refused(&output, "migrations/env.py");
    assert_eq!(state(&repository), before);

    // A staged change is one, too.
    git(&repository, &["add", "migrations/env.py"]);
    let before = state(&repository);
    refused(&onehead(&repository, &["fix", "--commit", "--branch", "feature"]), "migrations/env.py");
    assert_eq!(state(&repository), before);

    // A branch of its own does not care, and the work tree is left alone.
    let status = git(&repository, &["status", "--porcelain"]);
    let output = onehead(&repository, &TO_A_BRANCH);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(git(&repository, &["status", "--porcelain"]), status);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# mine\n");

    // Nor does a work tree that is clean again: index and files follow.
    git(&repository, &["reset", "--quiet", "--hard"]);
    let output = onehead(&repository, &["fix", "--commit", "--branch", "feature"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("it is checked out: index and work tree have followed"), "{report}");
    assert!(!report.contains("next: git add"), "{report}");
    assert_eq!(git(&repository, &["status", "--porcelain"]), "");
    assert_eq!(git(&repository, &["diff", "repaired", "HEAD"]), "");
    sound(&repository);
}

#[test]
fn a_branch_that_moves_meanwhile_stays_where_it_went() {
    let repository = repository();
    git(&repository, &["branch", "repaired", "feature"]);
    // The signer is asked between planning and the move: it moves the branch itself.
    let signer = repository.home().join("signer");
    let text = "#!/bin/sh\ngit update-ref refs/heads/repaired main\ncat >/dev/null\n\
                printf '[GNUPG:] SIG_CREATED \\n' >&2\necho signature\n";
    std::fs::write(&signer, text).unwrap();
    make_executable(&signer);
    git(&repository, &["config", "commit.gpgSign", "true"]);
    git(&repository, &["config", "gpg.program", signer.to_str().unwrap()]);
    let output = onehead(&repository, &TO_A_BRANCH);
    refused(&output, "refs/heads/repaired");
    assert_eq!(git(&repository, &["rev-parse", "repaired"]), git(&repository, &["rev-parse", "main"]));
    assert_eq!(git(&repository, &["for-each-ref", "refs/onehead"]), "", "nothing to undo");
    assert_eq!(git(&repository, &["status", "--porcelain"]), "");
    sound(&repository);
}

#[test]
fn of_several_fixes_at_once_one_wins() {
    const PROCESSES: usize = 6;
    let repository = repository();
    let refs = git(&repository, &["for-each-ref"]);
    let running: Vec<_> = (0..PROCESSES)
        .map(|_| {
            let mut command = command(&repository, env!("CARGO_BIN_EXE_onehead"), &TO_A_BRANCH);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let outputs: Vec<Output> = running.into_iter().map(|one| one.wait_with_output().unwrap()).collect();
    let won = outputs.iter().filter(|output| output.status.code() == Some(0)).count();
    assert_eq!(won, 1, "{outputs:?}");
    for output in outputs.iter().filter(|output| output.status.code() != Some(0)) {
        refused(output, "repaired");
    }
    assert_eq!(git(&repository, &["for-each-ref", "refs/onehead"]).lines().count(), 1);
    sound(&repository);
    let output = onehead(&repository, &["fix", "--undo"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(git(&repository, &["for-each-ref"]), refs);
}

#[test]
fn several_fixes_at_once_edit_the_work_tree_once() {
    const PROCESSES: usize = 6;
    let repository = repository();
    git(&repository, &["checkout", "--quiet", "feature"]);
    let index = git(&repository, &["ls-files", "--stage"]);
    let running: Vec<_> = (0..PROCESSES)
        .map(|_| {
            let mut command = command(&repository, env!("CARGO_BIN_EXE_onehead"), &["fix", "--write"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let outputs: Vec<Output> = running.into_iter().map(|one| one.wait_with_output().unwrap()).collect();
    assert!(outputs.iter().any(|output| output.status.code() == Some(0)), "{outputs:?}");
    for output in outputs.iter().filter(|output| output.status.code() != Some(0)) {
        refused(output, "migrations/versions/7badf9c9c70d_create_orders.py");
    }
    let changed = " M migrations/versions/7badf9c9c70d_create_orders.py\n";
    assert_eq!(git(&repository, &["status", "--porcelain"]), changed, "one file, and no file left behind");
    assert_eq!(git(&repository, &["ls-files", "--stage"]), index);
    let check = onehead(&repository, &["check", "--worktree"]);
    assert_eq!(check.status.code(), Some(0), "{check:?}");
}

#[test]
fn a_limit_on_what_may_be_written_leaves_the_old_state() {
    let repository = repository();
    git(&repository, &["checkout", "--quiet", "feature"]);
    let before = state(&repository);
    let onehead = env!("CARGO_BIN_EXE_onehead");
    for options in ["--commit --branch repaired", "--commit --branch feature", "--write"] {
        // No file may grow, as on a disk that is full; the signal that would end the program is ignored.
        let script = format!("trap '' XFSZ; ulimit -f 0; exec '{onehead}' fix {options}");
        let output = command(&repository, "sh", &["-c", &script]).stdout(Stdio::piped()).output().unwrap();
        refused(&output, "File too large");
        assert_eq!(state(&repository), before, "{options}");
        sound(&repository);
    }
}

/// A small file system of its own, where this machine lets tests mount one.
#[derive(Debug)]
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(place.path());
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(place))
    }

    fn remount(&self, mode: &str) {
        let option = format!("remount,{mode},size=4m");
        let done = Command::new("mount").args(["-o", &option]).arg(self.0.path()).status().unwrap();
        assert!(done.success());
    }

    /// Leaves this many bytes free.
    fn fill(&self, leave: u64) -> PathBuf {
        use std::io::Write as _;
        let filler = self.0.path().join("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        let full = file.metadata().unwrap().len();
        file.set_len(full.saturating_sub(leave)).unwrap();
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_leaves_the_old_state_however_far_it_came() {
    let Some(disk) = SmallDisk::new() else { return };
    let repository = Repository::build_in(disk.0.path(), &history::load(HISTORY));
    git(&repository, &["checkout", "--quiet", "feature"]);
    let before = state(&repository);
    for args in
        [&["fix", "--commit", "--branch", "repaired"][..], &["fix", "--commit", "--branch", "feature"]]
    {
        let mut failed = 0;
        for leave in (0..).step_by(4096) {
            let filler = disk.fill(leave);
            let output = onehead(&repository, args);
            // Emptied before it goes: a program that another test starts just now may hold it open.
            std::fs::write(&filler, "").unwrap();
            std::fs::remove_file(&filler).unwrap();
            if output.status.code() == Some(0) {
                break;
            }
            refused(&output, "No space left on device");
            assert_eq!(state(&repository), before, "{leave} bytes");
            sound(&repository);
            failed += 1;
            assert!(failed < 200, "it never succeeds");
        }
        assert!(failed > 0, "it always succeeds");
        sound(&repository);
        let undone = onehead(&repository, &["fix", "--undo"]);
        assert_eq!(undone.status.code(), Some(0), "{undone:?}");
        assert_eq!(state(&repository), before);
    }
}

#[test]
fn a_read_only_repository_stays_as_it_is() {
    let Some(disk) = SmallDisk::new() else { return };
    let repository = Repository::build_in(disk.0.path(), &history::load(HISTORY));
    git(&repository, &["checkout", "--quiet", "feature"]);
    let before = state(&repository);
    disk.remount("ro");
    for options in [&["--commit"][..], &["--commit", "--branch", "feature"], &["--write"]] {
        let output = onehead(&repository, &[&["fix"], options].concat());
        refused(&output, "Read-only file system");
    }
    // Reading goes on.
    let plan = onehead(&repository, &["fix"]);
    assert_eq!(plan.status.code(), Some(1), "{plan:?}");
    let patch = onehead(&repository, &["fix", "--patch"]);
    assert_eq!(patch.status.code(), Some(0), "{patch:?}");
    disk.remount("rw");
    assert_eq!(state(&repository), before);
    sound(&repository);
}

#[cfg(unix)]
fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
