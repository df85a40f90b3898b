//! Whether the containers that start the application ever run `alembic upgrade`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use memchr::memmem;
use parse_dockerfile::{Command, Instruction};
use regex::Regex;
use serde_yaml::Value;

use super::Spot;
use super::environment::EnvFile;
use super::files::{Files, Kind, MAX_BYTES, is_aside};
use super::modules::Modules;
use super::startup;
use super::tables::Candidates;
use crate::text::LineIndex;
use crate::vcs::{BlobId, Error, Objects, RepoPath};

/// Commands that bring a database up to date.
static UPGRADES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        \balembic\b[^\n;&|]*\bupgrade\b
        | \bdb\s+(upgrade|migrate)\b
        | \bflask\b[^\n;&|]*\bupgrade\b
        | \bmigrations?[\s:_-]+(upgrade|run|up)\b
        | \b(run|apply)[_-]?migrations?\b
        | \bmake\s+\S*migrat
    ",
    )
    .ok()
});

/// Steps of hosting platforms between a build and the traffic.
static RELEASES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?im)pre_?deploy_?command|release_command|^release\s*:|postdeploy").ok());

/// Programs that serve a Python application.
static SERVES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x) \b(uvicorn|gunicorn|hypercorn|granian|daphne|waitress(-serve)?|uwsgi)\b
        | \bfastapi\s+(run|dev)\b | \bflask\b[^\n;&|]*\brun\b | \bpython[0-9.]*\s+(-[a-zA-Z]\s+)*[\w./-]+",
    )
    .ok()
});

/// How the application is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Start commands of servers, sorted by place.
    pub starts: Vec<Start>,
    /// Whether anything that container files start, or the application itself, upgrades the database.
    pub upgrades: bool,
}

/// A start command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Where.
    pub at: Spot,
    /// The command, as a shell would read it.
    pub command: String,
}

/// Whether a command line upgrades a database.
pub(super) fn upgrades(text: &str) -> bool {
    UPGRADES.as_ref().is_some_and(|regex| regex.is_match(text))
}

fn serves(text: &str) -> bool {
    SERVES.as_ref().is_some_and(|regex| regex.is_match(text))
}

/// Reads container files; `None` where there is none that starts a server.
///
/// # Errors
/// When a blob is damaged or absent.
pub(super) fn read(
    objects: &Objects,
    files: &Files,
    modules: &Modules<'_>,
    candidates: &Candidates,
    env_files: &[EnvFile],
) -> Result<Option<Deployment>, Error> {
    let mut commands: Vec<Start> = Vec::new();
    // Lines of files that images write themselves: `RUN echo … > start.sh`.
    let mut written = String::new();
    for (path, blob) in files.of(Kind::Dockerfile) {
        if is_aside(path) {
            continue;
        }
        let bytes = objects.needed_blob(blob)?;
        docker(path, &String::from_utf8_lossy(&bytes), &mut commands, &mut written);
    }
    let images = commands.len();
    for (path, blob) in files.of(Kind::Compose) {
        let bytes = objects.needed_blob(blob)?;
        compose(path, &bytes, &mut commands);
    }
    let mut upgrading = upgrades(&written) || commands.iter().any(|start| upgrades(&start.command));
    for (_, blob) in files.of(Kind::Platform) {
        let bytes = objects.needed_blob(blob)?;
        let text = without_comments(&String::from_utf8_lossy(&bytes));
        // What a platform runs before each release is there for migrations, whatever task it names.
        upgrading |= upgrades(&text) || RELEASES.as_ref().is_some_and(|regex| regex.is_match(&text));
    }
    // Base images of FastAPI and Flask run a `prestart.sh` by themselves.
    for (_, blob) in files.ending_with(b"prestart.sh") {
        upgrading |= upgrades(&without_comments(&String::from_utf8_lossy(&objects.needed_blob(blob)?)));
    }
    let mut serving = Vec::new();
    for start in &commands[..images] {
        let scripts = scripts(objects, files, &start.command)?;
        upgrading |= scripts.iter().any(|script| upgrades(script));
        if serves(&start.command) || scripts.iter().any(|script| serves(script)) {
            serving.push(start.clone());
        }
    }
    for start in &commands[images..] {
        upgrading |= scripts(objects, files, &start.command)?.iter().any(|script| upgrades(script));
    }
    // Beside an image of the directory that holds the migrations, those of other directories are other services.
    let holds = |start: &Start| {
        let directory = start.at.path.parent();
        env_files.iter().any(|env| directory.is_root() || env.path.is_within(&directory))
    };
    if serving.iter().any(holds) {
        let is_service = |start: &Start| files.python_within(&start.at.path.parent()).next().is_some();
        serving.retain(|start| holds(start) || !is_service(start));
    }
    if serving.is_empty() {
        return Ok(None);
    }
    upgrading = upgrading || startup::upgrades(modules, candidates)?;
    serving.sort_by(|one, two| one.at.cmp(&two.at));
    Ok(Some(Deployment { starts: serving, upgrades: upgrading }))
}

/// The start commands of the last stage of a Dockerfile.
fn docker(path: &RepoPath, text: &str, commands: &mut Vec<Start>, written: &mut String) {
    if text.len() > MAX_BYTES {
        return;
    }
    let Ok(file) = parse_dockerfile::parse(text) else { return };
    let lines = LineIndex::new(text.as_bytes());
    let mut start: Vec<(u32, String)> = Vec::new();
    for instruction in &file.instructions {
        // Each replaces an earlier one of its kind; that both are kept can only make the answer more careful.
        let (span, command) = match instruction {
            Instruction::From(_) => {
                start.clear();
                continue;
            }
            Instruction::Run(run) => {
                for line in words(&run.arguments)
                    .lines()
                    .chain(run.here_docs.iter().flat_map(|doc| doc.value.lines()))
                {
                    written.push_str(&without_comments(line));
                    written.push('\n');
                }
                continue;
            }
            Instruction::Entrypoint(entrypoint) => {
                (entrypoint.entrypoint.span.clone(), &entrypoint.arguments)
            }
            Instruction::Cmd(cmd) => (cmd.cmd.span.clone(), &cmd.arguments),
            _ => continue,
        };
        start.push((lines.line(u32::try_from(span.start).unwrap_or(0)), words(command)));
    }
    if let Some((line, _)) = start.first() {
        let command: Vec<&str> = start.iter().map(|(_, command)| command.as_str()).collect();
        commands.push(Start { at: Spot { path: path.clone(), line: *line }, command: command.join(" ") });
    }
}

fn words(command: &Command<'_>) -> String {
    match command {
        Command::Exec(words) => {
            words.value.iter().map(|word| word.value.as_ref()).collect::<Vec<_>>().join(" ")
        }
        Command::Shell(line) => line.value.to_string(),
        _ => String::new(),
    }
}

/// `command:` and `entrypoint:` of the services of a compose file.
fn compose(path: &RepoPath, bytes: &[u8], commands: &mut Vec<Start>) {
    if bytes.len() > MAX_BYTES {
        return;
    }
    let Ok(Value::Mapping(document)) = serde_yaml::from_slice::<Value>(bytes) else { return };
    let Some(Value::Mapping(services)) = document.get("services") else { return };
    for (_, service) in services {
        let Value::Mapping(service) = service else { continue };
        for key in ["entrypoint", "command"] {
            let command = match service.get(key) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Sequence(words)) => {
                    words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
                }
                _ => continue,
            };
            commands.push(Start { at: Spot { path: path.clone(), line: 1 }, command });
        }
    }
}

/// A command leads to at most so many scripts.
const MAX_SCRIPTS: usize = 64;

/// The texts of the repository's scripts that a command names, and those that shell scripts among them name, without
/// comments and functions that nobody calls.
fn scripts(objects: &Objects, files: &Files, command: &str) -> Result<Vec<String>, Error> {
    let mut texts = Vec::new();
    let mut seen: BTreeSet<&RepoPath> = BTreeSet::new();
    let mut pending = vec![command.to_owned()];
    while let Some(text) = pending.pop() {
        for word in text.split(|c: char| c.is_whitespace() || "\"'`;&|()<>=,[]".contains(c)) {
            let Some((path, blob)) = script(files, word) else { continue };
            if texts.len() == MAX_SCRIPTS || !seen.insert(path) {
                continue;
            }
            let bytes = objects.needed_blob(blob)?;
            let text = without_comments(&String::from_utf8_lossy(&bytes));
            if files.is(path, Kind::Shell) {
                let text = called(&text);
                pending.push(text.clone());
                texts.push(text);
            } else {
                texts.push(text);
            }
        }
    }
    Ok(texts)
}

/// The script of the repository that a word of a command names: by path, by name (images put files elsewhere), or as
/// `python -m` has it.
fn script<'f>(files: &'f Files, word: &str) -> Option<(&'f RepoPath, BlobId)> {
    let name = word.rsplit('/').next().unwrap_or(word);
    if name.len() < 3 || word.len() > 200 {
        return None;
    }
    let of_kind =
        |(path, _): &(&RepoPath, BlobId)| files.is(path, Kind::Shell) || files.is(path, Kind::Python);
    let find = |tail: &str| files.ending_with(tail.as_bytes()).find(of_kind);
    let found = find(word.trim_start_matches(['/', '.'])).or_else(|| find(name));
    let is_module = !word.contains('/') && word.contains('.');
    found.or_else(|| if is_module { find(&format!("{}.py", word.replace('.', "/"))) } else { None })
}

/// `text` without what a `#` starts at the beginning of a word.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        let end = line
            .char_indices()
            .find(|(at, character)| {
                *character == '#' && (*at == 0 || line[..*at].ends_with(char::is_whitespace))
            })
            .map_or(line.len(), |(at, _)| at);
        kept.push_str(&line[..end]);
        kept.push('\n');
    }
    kept
}

/// A shell script without the bodies of functions whose name stands nowhere else in it.
fn called(text: &str) -> String {
    static FUNCTION: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?m)^\s*(?:function\s+)?([A-Za-z_][\w-]*)\s*\(\)\s*\{?").ok());
    let Some(regex) = FUNCTION.as_ref() else { return text.to_owned() };
    let mut kept = text.to_owned();
    for found in regex.captures_iter(text) {
        let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else { continue };
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let uses = text
            .match_indices(name.as_str())
            .filter(|(at, word)| {
                !text[..*at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word)
            })
            .count();
        if uses < 2
            && let Some(end) = text[whole.end()..].find("\n}")
        {
            kept = kept.replacen(&text[whole.start()..whole.end() + end], "", 1);
        }
    }
    kept
}

/// Where the project lists Alembic as a dependency.
///
/// # Errors
/// When a blob is damaged or absent.
pub(super) fn alembic_dependency(objects: &Objects, files: &Files) -> Result<Option<Spot>, Error> {
    static LISTED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?i)^\s*["']?(alembic|flask-migrate)\s*(["'=<>~!;\[,]|$)"#).ok());
    for (path, blob) in files.of(Kind::Requirements) {
        if is_aside(path) {
            continue;
        }
        let bytes = objects.needed_blob(blob)?;
        if memmem::find(&bytes.to_ascii_lowercase(), b"alembic").is_none()
            && memmem::find(&bytes.to_ascii_lowercase(), b"flask-migrate").is_none()
        {
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        let listed = text.lines().position(|line| LISTED.as_ref().is_some_and(|regex| regex.is_match(line)));
        if let Some(at) = listed {
            return Ok(Some(Spot { path: path.clone(), line: u32::try_from(at + 1).unwrap_or(u32::MAX) }));
        }
    }
    Ok(None)
}
