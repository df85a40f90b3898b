//! Where `audit -o` writes: a whole report or nothing, and nothing beside it.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::support::history;
use super::support::repository::{Repository, environment, isolate};

fn command(repository: &Repository, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onehead"));
    isolate(|name| {
        command.env_remove(name);
    });
    command.envs(environment(&repository.home()));
    command.current_dir(repository.home()).arg("-C").arg(repository.path()).args(args);
    command
}

fn audit(repository: &Repository, args: &[&str]) -> Output {
    command(repository, &[&["audit", "--format", "json"], args].concat()).output().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_report_goes_into_a_file_and_nowhere_else() {
    let repository = Repository::build(&history::load("audit_heads"));
    let shown = audit(&repository, &[]);
    let target = repository.home().join("report.json");
    for _ in 0..2 {
        let written = audit(&repository, &["-o", target.to_str().unwrap()]);
        assert_eq!((written.status.code(), written.stdout.as_slice()), (Some(0), &b""[..]), "{written:?}");
        assert_eq!(std::fs::read(&target).unwrap(), shown.stdout);
        assert_eq!(names(&repository.home()), ["report.json"]);
    }
    let seen_from_there = audit(&repository, &["-o", "../home/other.json"]);
    assert_eq!(seen_from_there.status.code(), Some(0), "{seen_from_there:?}");
    assert_eq!(names(&repository.home()), ["other.json", "report.json"]);
}

#[test]
fn what_cannot_be_written_leaves_what_was_there() {
    let repository = Repository::build(&history::load("audit_heads"));
    let home = repository.home();
    for target in [home.join("no/such/directory"), home.clone()] {
        let written = audit(&repository, &["-o", target.to_str().unwrap()]);
        let talk = String::from_utf8_lossy(&written.stderr).into_owned();
        assert_eq!(written.status.code(), Some(2), "{talk}");
        assert!(talk.contains("cannot write"), "{talk}");
        assert_eq!(names(&home), [""; 0]);
    }
}

#[cfg(unix)]
#[test]
fn a_link_and_the_rights_of_a_file_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let repository = Repository::build(&history::load("audit_heads"));
    let (file, link) = (repository.home().join("file"), repository.home().join("link"));
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let written = audit(&repository, &["-o", link.to_str().unwrap()]);
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert!(std::fs::read_to_string(&file).unwrap().contains("onehead/audit/v1"));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

/// Whenever it is stopped, the file is the old one or the new one.
#[cfg(unix)]
#[test]
fn an_interrupted_audit_leaves_no_part_of_a_report() {
    let repository = Repository::build(&history::load("audit_heads"));
    let whole = audit(&repository, &[]).stdout;
    let target = repository.home().join("report.json");
    std::fs::write(&target, "old").unwrap();
    for delay in 0..20 {
        let mut child = command(&repository, &["audit", "--format", "json", "-o", target.to_str().unwrap()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay * 2));
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        child.wait().unwrap();
        let found = std::fs::read(&target).unwrap();
        assert!(found == b"old" || found == whole, "{}", String::from_utf8_lossy(&found));
    }
}
