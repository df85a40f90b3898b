//! git's merge driver for migrations and for files that keep a head's id.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use crate::cli::args::{Global, MergeDriverArgs};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::session::Session;
use crate::dialect::DIALECTS;
use crate::history::Snapshot;
use crate::plan::is_marker;
use crate::rebase::{marked_head, merge_script};
use crate::vcs::{CommitId, EntryKind, RepoPath, merge_texts};

/// The driver's name in git's configuration and attributes.
const NAME: &str = "onehead";

pub(super) fn run(global: &Global, args: &MergeDriverArgs, out: &mut Output) -> Result<Verdict, Failure> {
    if args.install {
        let mut session = Session::open(global)?;
        return install(&mut session, out);
    }
    let (Some(base), Some(ours), Some(theirs), Some(path)) =
        (&args.base, &args.ours, &args.theirs, &args.path)
    else {
        return Err(Failure::driver("four arguments are needed: %O %A %B %P"));
    };
    let read = |file: &Path| {
        std::fs::read(file)
            .map_err(|error| Failure::driver(format!("cannot read {}: {error}", file.display())))
    };
    let texts = [read(base)?, read(ours)?, read(theirs)?];
    let path = RepoPath::new(path);
    let (merged, is_clean) = match is_marker(path.name()) {
        true => merge_marker(global, &path, &texts),
        false => merge_migration(&path, &texts),
    };
    std::fs::write(ours, merged)
        .map_err(|error| Failure::driver(format!("cannot write {}: {error}", ours.display())))?;
    Ok(if is_clean { Verdict::Clean } else { Verdict::Findings })
}

/// Three versions of a file: base, ours, theirs.
type Texts = [Vec<u8>; 3];

fn by_lines([base, ours, theirs]: &Texts) -> (Vec<u8>, bool) {
    merge_texts(base, ours, theirs, ("ours", "theirs"))
}

/// What the header says by value, the rest line by line.
fn merge_migration(path: &RepoPath, texts: &Texts) -> (Vec<u8>, bool) {
    let [base, ours, theirs] = texts;
    let dialect = DIALECTS.iter().find(|dialect| dialect.loads(path.name()));
    if let Some(merged) = dialect.and_then(|dialect| merge_script(*dialect, base, ours, theirs)) {
        return (merged, true);
    }
    let (merged, is_clean) = by_lines(texts);
    // Two parents on two lines merge well line by line, and still both sides meant something else.
    let is_migration = dialect
        .is_some_and(|dialect| [base, ours, theirs].iter().all(|text| dialect.read(text).revision.is_some()));
    (merged, is_clean && !is_migration)
}

/// The head of the two that is above the other, where one is.
fn merge_marker(global: &Global, path: &RepoPath, texts: &Texts) -> (Vec<u8>, bool) {
    let [_, ours, theirs] = texts;
    let above = || {
        let (our_head, their_head) = (marked_head(ours)?, marked_head(theirs)?);
        if our_head == their_head {
            return Some(ours);
        }
        let states = states(global, path).ok()?;
        let is_below = |one: &str, two: &str| {
            states.iter().any(|state| one != two && state.graph.ancestors(two).contains(one))
        };
        match (is_below(our_head, their_head), is_below(their_head, our_head)) {
            (true, false) => Some(theirs),
            (false, true) => Some(ours),
            _ => None,
        }
    };
    match above() {
        Some(text) => (text.clone(), true),
        None => by_lines(texts),
    }
}

/// The environment around `path` at every commit that takes part in what git is doing.
fn states(global: &Global, path: &RepoPath) -> Result<Vec<Snapshot>, Failure> {
    let mut session = Session::open(global)?;
    let head = session.repo.resolve("HEAD")?;
    session.configure(Some(session.repo.tree_of(head)?))?;
    let commits: BTreeSet<CommitId> = session.repo.taking_part().into_iter().chain([head]).collect();
    let mut reader = session.reader();
    let mut states = Vec::new();
    for commit in commits {
        let root = session.repo.tree_of(commit)?;
        states.extend(session.snapshots(&mut reader, root)?.into_iter().filter(|state| {
            let environment = &state.environment;
            path.is_within(&environment.directory)
                || environment.version_locations.iter().any(|location| path.is_within(&location.path))
        }));
    }
    Ok(states)
}

/// Sets the repository up to use the driver: what is written is printed first. What is there already
/// stays.
pub(super) fn install(session: &mut Session<'_>, out: &mut Output) -> Result<Verdict, Failure> {
    let root = match session.repo.head()? {
        Some(head) => session.repo.tree_of(head)?,
        None => session.repo.index_tree()?,
    };
    session.configure(Some(root))?;
    let mut reader = session.reader();
    let mut environments = reader.environments(root)?;
    session.prepare(&mut environments)?;
    let mut lines = Vec::new();
    for environment in &environments {
        let locations = environment.version_locations.iter();
        let places: BTreeSet<&RepoPath> =
            locations.clone().map(|location| &location.path).chain([&environment.directory]).collect();
        for location in locations {
            let files = if location.recursive { "**/*.py" } else { "*.py" };
            lines.push(attribute(&location.path, files));
        }
        for place in places {
            for entry in reader.objects().list(root, place)? {
                if entry.kind == EntryKind::File && is_marker(&entry.name) {
                    lines.push(attribute(place, &escape(&String::from_utf8_lossy(&entry.name))));
                }
            }
        }
    }
    if lines.is_empty() {
        session.note_absent(&environments, out);
        return Err(Failure::new(
            "there is no environment here whose migrations could be merged",
            "onehead graph   (tells what was found)",
        ));
    }
    lines.dedup();
    let command = format!("{NAME} merge-driver %O %A %B %P");
    let settings = [("name", "migrations by what their headers say"), ("driver", &*command)];
    let planned = session.repo.plan_driver(NAME, &settings, &lines)?;
    for (file, text) in planned.texts() {
        let file = file.strip_prefix(".").unwrap_or(file).display().to_string();
        writeln!(out.report, "{}:", crate::text::printable(&file))?;
        for line in text.lines() {
            writeln!(out.report, "  {}", crate::text::printable(&line.replace('\t', "    ")))?;
        }
    }
    if planned.texts().next().is_none() {
        writeln!(out.report, "the merge driver is installed already")?;
        return Ok(Verdict::Clean);
    }
    out.report.flush()?;
    session.repo.write_driver(planned)?;
    writeln!(out.report, "written; to take it back: git config --remove-section merge.{NAME}")?;
    Ok(Verdict::Clean)
}

/// A line of git's attributes for the files of one directory.
fn attribute(directory: &RepoPath, files: &str) -> String {
    let pattern = match directory.is_root() {
        true => format!("/{files}"),
        false => format!("/{}/{files}", escape(&directory.to_string())),
    };
    let is_plain = pattern.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\');
    let pattern = match is_plain {
        true => pattern,
        false => format!("\"{}\"", pattern.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    format!("{pattern} merge={NAME}")
}

/// Text that git's patterns take as it stands.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if "*?[\\".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
