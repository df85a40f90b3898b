//! What is kept between runs: where, and that no answer hangs on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

use super::support::history;
use super::support::repository::{Repository, environment, isolate};

fn run(repository: &Repository, variables: &[(&str, &Path)], args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onehead"));
    isolate(|name| {
        command.env_remove(name);
    });
    command.envs(environment(&repository.home())).envs(variables.iter().copied());
    command.current_dir(repository.home()).arg("-C").arg(repository.path()).args(args).output().unwrap()
}

fn files(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path.file_name().unwrap().to_str().unwrap().to_owned()),
        }
    }
    found.sort();
    found
}

#[test]
fn answers_are_kept_in_the_place_that_is_asked_for_and_nowhere_else() {
    let repository = Repository::build(&history::load("schema_drift"));
    let default = repository.home().with_file_name("cache").join("onehead");
    let (other, third) = (repository.home().join("other"), repository.home().join("third"));
    let schema = ["schema", "--format", "json", "main"];
    let status = || {
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(repository.path())
            .args(["status", "--porcelain", "--ignored"])
            .output()
            .unwrap()
            .stdout
    };
    let before = status();
    let first = run(&repository, &[], &[&schema[..], &["--no-cache"]].concat());
    assert!(first.status.success(), "{first:?}");
    let kept = run(&repository, &[("ONEHEAD_NO_CACHE", Path::new("1"))], &schema);
    assert_eq!((kept, files(&default)), (first.clone(), Vec::new()));
    assert_eq!(run(&repository, &[], &schema), first);
    let logs = ["dialects.log", "effects.log", "headers.log", "marks.log", "naming.log"];
    assert_eq!(files(&default), logs);
    assert_eq!(run(&repository, &[("ONEHEAD_CACHE_DIR", &other)], &schema), first);
    assert_eq!(
        run(&repository, &[], &[&schema[..], &["--cache-dir", third.to_str().unwrap()]].concat()),
        first
    );
    assert_eq!(
        (files(&other), files(&third)),
        (logs.map(str::to_owned).to_vec(), logs.map(str::to_owned).to_vec())
    );
    // The repository has nothing of it.
    assert_eq!(status(), before);
}

#[test]
fn a_cache_that_is_damaged_or_cannot_be_written_changes_no_answer() {
    let repository = Repository::build(&history::load("schema_drift"));
    let cache = repository.home().join("kept");
    let place = cache.to_str().unwrap();
    let schema = ["schema", "--format", "json", "main", "--cache-dir", place];
    let first = run(&repository, &[], &schema);
    assert!(first.status.success(), "{first:?}");
    let build = std::fs::read_dir(std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path());
    let build = build.unwrap().next().unwrap().unwrap().path();
    for (at, byte) in [(0, 0xff), (8, 0x55), (60, 0), (200, 0xaa)] {
        for name in files(&build) {
            let mut bytes = std::fs::read(build.join(&name)).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= byte | 1;
            std::fs::write(build.join(&name), bytes).unwrap();
        }
        assert_eq!(run(&repository, &[], &schema), first);
    }
    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::write(&cache, "in the way").unwrap();
    assert_eq!(run(&repository, &[], &schema), first);
    assert_eq!(std::fs::read(&cache).unwrap(), b"in the way");
}

/// Several hooks run at once.
#[test]
fn runs_at_the_same_time_disturb_nothing() {
    let repository = Repository::build(&history::load("schema_drift"));
    let check = ["check", "--all-findings", "--format", "json"];
    let first = run(&repository, &[], &[&check[..], &["--no-cache"]].concat());
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..12).map(|_| scope.spawn(|| run(&repository, &[], &check))).collect();
        for answer in runs {
            assert_eq!(answer.join().unwrap(), first);
        }
    });
    assert_eq!(run(&repository, &[], &check), first);
}

/// A revision of a chain: each makes a table, and every third asks the database first.
fn revision(at: usize, column: &str) -> (String, String) {
    let parent = if at == 1 { "None".to_owned() } else { format!("'r{:02}'", at - 1) };
    let table = format!("op.create_table('t{at:02}', sa.Column('id', sa.Integer()), {column})");
    let body = match at % 3 {
        0 => format!("if not sa.inspect(op.get_bind()).has_table('t{at:02}'):\n        {table}"),
        _ => table,
    };
    let text = format!(
        "import sqlalchemy as sa\nfrom alembic import op\nfrom app import helpers\n\nrevision = 'r{at:02}'\n\
         down_revision = {parent}\n\n\ndef upgrade():\n    {body}\n"
    );
    (format!("migrations/versions/r{at:02}_table.py"), text)
}

/// A run goes on from a state that is known, and only from one that is the same.
#[test]
fn a_chain_is_replayed_from_where_it_differs() {
    let files = |files: &[(String, String)]| files.iter().cloned().collect::<BTreeMap<String, String>>();
    let commit = |on: &str, changed: &[(String, String)]| serde_json::json!({"commit": {"on": on, "from": "main", "files": files(changed)}});
    let helpers = |ty: &str| {
        let text =
            format!("import sqlalchemy as sa\n\n\ndef extra():\n    return sa.Column('x', sa.{ty}())\n");
        ("app/helpers.py".to_owned(), text)
    };
    let mut first: Vec<_> = (1..=12).map(|at| revision(at, "sa.Column('a', sa.Text())")).collect();
    first[2] = revision(3, "helpers.extra()");
    first.extend([helpers("Text"), ("app/__init__.py".to_owned(), String::new())]);
    let history = serde_json::json!({"about": "a chain of twelve revisions", "steps": [
        {"commit": {"environment": "migrations", "files": files(&first)}},
        commit("grown", &[revision(13, "sa.Column('b', sa.Text())")]),
        commit("edited", &[revision(11, "sa.Column('c', sa.Text())")]),
        commit("elsewhere", &[helpers("Integer")]),
        commit("early", &[revision(2, "sa.Column('d', sa.Text())")]),
    ]});
    let repository = Repository::build(&serde_yaml::from_str(&history.to_string()).unwrap());
    let cache = repository.home().join("kept");
    let length = || {
        let repository = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
        let build = std::fs::read_dir(repository).unwrap().next().unwrap().unwrap().path();
        std::fs::metadata(build.join("replay.log")).unwrap().len()
    };
    let mut told = BTreeSet::new();
    let mut kept = 0;
    // Whether a state that is far enough from all that are known was left to go on from.
    for (branch, leaves) in [
        ("main", true),
        ("grown", false),
        ("edited", false),
        ("elsewhere", true),
        ("early", true),
        ("early", false),
        // Of what the same question was answered for several trees, the last one is kept.
        ("main", true),
    ] {
        let schema = ["schema", "--format", "json", branch];
        let expected = run(&repository, &[], &[&schema[..], &["--no-cache"]].concat());
        assert!(expected.status.success(), "{expected:?}");
        for _ in 0..2 {
            assert_eq!(run(&repository, &[("ONEHEAD_CACHE_DIR", &cache)], &schema), expected, "{branch}");
        }
        assert_eq!(length() > kept, leaves, "{branch}");
        kept = length();
        told.insert(expected.stdout);
    }
    assert_eq!(told.len(), 5);
}
