//! Completions and manual pages, which are too long to compare, and the log that other tools validate.

use std::path::Path;
use std::process::{Command, Output};

use super::support::history;
use super::support::repository::{Repository, environment, isolate};

fn run(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onehead"));
    isolate(|name| {
        command.env_remove(name);
    });
    command.envs(environment(directory)).current_dir(directory).args(args).output().unwrap()
}

fn told(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_shell_has_completions() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = told(directory.path(), &["completions", shell]);
        // Not every shell's script completes values.
        let words = ["check", "write-baseline", "explain"].into_iter();
        for word in words.chain((!["elvish", "powershell"].contains(&shell)).then_some("gitlab")) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().unwrap();
    let main = told(directory.path(), &["man"]);
    assert!(main.contains(".TH onehead 1") && main.contains("Exit codes"), "{main}");
    let written = told(directory.path(), &["man", "--dir", "."]);
    let mut files: Vec<String> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut named: Vec<&str> = written.lines().collect();
    named.sort_unstable();
    assert_eq!(files, named);
    for command in ["check", "explain", "init", "man", "completions", "timeline"] {
        let page = std::fs::read_to_string(directory.path().join(format!("onehead-{command}.1"))).unwrap();
        assert!(page.contains(&format!(".TH onehead\\-{command} 1")) || page.contains(".TH"), "{page}");
        assert!(page.contains(command), "{page}");
    }
}

#[test]
fn ceilings_elsewhere_do_not_matter() {
    let repository = Repository::build(&history::load("head_contains_base"));
    let ask = |ceiling: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onehead"));
        isolate(|name| {
            command.env_remove(name);
        });
        command.envs(environment(&repository.home())).env("GIT_CEILING_DIRECTORIES", ceiling);
        command.current_dir(repository.path().join("migrations")).arg("heads").output().unwrap().status.code()
    };
    assert_eq!(ask(Path::new("/elsewhere")), Some(0));
    assert_eq!(ask(repository.path().parent().unwrap()), Some(0));
}

/// Every finding of every history as SARIF, validated against the schema that `ONEHEAD_SARIF_SCHEMA` names: see
/// `scripts/check-sarif`.
#[test]
#[ignore = "needs the schema of SARIF 2.1.0"]
fn sarif_is_valid() {
    let file = std::env::var_os("ONEHEAD_SARIF_SCHEMA").expect("ONEHEAD_SARIF_SCHEMA names a file");
    let schema = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let (mut logs, mut results) = (0, 0);
    for name in history::names() {
        let history = history::load(&name);
        let repository = Repository::build(&history);
        for asked in history
            .runs
            .iter()
            .filter(|run| run.args[0] == "check" && !run.args[1..].contains(&"--write-baseline".to_owned()))
        {
            let mut args: Vec<String> = asked.args.iter().map(|arg| repository.named(arg)).collect();
            if let Some(at) = args.iter().position(|arg| arg == "--format") {
                args.drain(at..at + 2);
            }
            args.extend(["--format", "sarif", "--all-findings"].map(str::to_owned));
            args.dedup();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let place =
                asked.dir.as_ref().map_or(repository.path().to_owned(), |dir| repository.path().join(dir));
            let output = run(&place, &args);
            if output.status.code() == Some(2) {
                continue;
            }
            let log = serde_json::from_slice(&output.stdout).unwrap();
            let faults: Vec<String> = validator
                .iter_errors(&log)
                .map(|error| format!("{} {error}", error.instance_path()))
                .collect();
            assert_eq!(faults, Vec::<String>::new(), "{name}: {args:?}");
            logs += 1;
            results += log["runs"][0]["results"].as_array().unwrap().len();
        }
    }
    println!("{logs} logs with {results} results are valid");
    assert!(logs > 50 && results > 50, "{logs} logs, {results} results");
}
