use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Arc;

use crate::cli::args::{Global, TimelineArgs, TimelineFormat};
use crate::cli::exit::{Failure, Output, Verdict, json_printable, leave_to_the_end};
use crate::cli::session::Session;
use crate::cli::time;
use crate::history::{Delta, Emission, Headers, Reader, Snapshot, Timeline, delta, timeline};
use crate::parallel::map_chunks;
use crate::report::model::{TimelineRecord, VERSION};
use crate::report::{convert, timeline_text};
use crate::revision::{Environment, Script};
use crate::text::time::rfc3339;
use crate::vcs::{CommitId, Error, Objects, Walk};

/// Records computed between two writes.
const CHUNK: usize = 512;

pub(super) fn run(global: &Global, args: &TimelineArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let since = args.since.as_deref().map(time::parse_since).transpose()?;
    let tip = match (args.all, session.repo.resolve(&args.revision)) {
        (_, Ok(tip)) => Some(tip),
        (true, Err(_)) => None,
        (false, Err(error)) => return Err(error.into()),
    };
    let root = tip.map(|tip| session.repo.tree_of(tip)).transpose()?;
    session.configure(root)?;
    let walk = match (tip, args.all, args.ancestry) {
        (_, true, _) | (None, ..) => Walk::All,
        (Some(tip), false, true) => Walk::Ancestry(tip),
        (Some(tip), false, false) => Walk::FirstParent(tip),
    };
    let mut reader = session.reader();
    let timeline = timeline(&session.repo, &mut reader, walk)?;
    if let Some(text) = cut_off(&timeline.history.missing) {
        out.note(&text);
    }
    let wanted: Vec<&Emission> = timeline
        .emissions
        .iter()
        .filter(|emission| session.wants(&emission.environment))
        .filter(|emission| since.is_none_or(|since| commit_time(&timeline, emission) >= since))
        .collect();
    session.note_absent(timeline.emissions.iter().map(|emission| &*emission.environment), out);
    print(&reader, &timeline, &wanted, args.format, out)?;
    session.leave();
    leave_to_the_end((reader, timeline));
    Ok(Verdict::Clean)
}

/// What is said of parents that are not there; nothing where all are.
pub(super) fn cut_off(missing: &[CommitId]) -> Option<String> {
    let first = missing.first()?.short();
    let parents = match missing.len() {
        1 => format!("the parent commit {first} is"),
        more => format!("{more} parent commits such as {first} are"),
    };
    Some(format!("history is cut off: {parents} not in this copy; what lies beyond is unknown"))
}

fn commit_time(timeline: &Timeline, emission: &Emission) -> i64 {
    timeline.history.commits[emission.commit as usize].time
}

fn print(
    reader: &Reader,
    timeline: &Timeline,
    emissions: &[&Emission],
    format: TimelineFormat,
    out: &mut Output,
) -> Result<(), Failure> {
    let headers = reader.headers();
    let first = emissions.first().map(|emission| &emission.environment.name);
    let several = emissions.iter().any(|emission| Some(&emission.environment.name) != first);
    for chunk in emissions.chunks(CHUNK) {
        let texts = map_chunks(
            chunk,
            8,
            || (headers.objects(), Recent::default()),
            |(objects, recent), chunk| {
                write_records(headers, objects, timeline, recent, chunk, (format, several))
            },
        );
        for text in texts {
            out.report.write_all(&text?)?;
        }
    }
    Ok(())
}

/// States that one thread has told of late: commits on parallel branches often have the same.
#[derive(Default)]
struct Recent {
    snapshots: VecDeque<((*const Environment, Option<u32>), Arc<Snapshot>)>,
    scripts: VecDeque<(u32, Arc<Vec<Arc<Script>>>)>,
}

/// So many are remembered of each.
const RECENT: usize = 16;

impl Recent {
    fn snapshot(&mut self, timeline: &Timeline, emission: &Emission) -> Arc<Snapshot> {
        let key = (Arc::as_ptr(&emission.environment), emission.state);
        recall(&mut self.snapshots, key, || timeline.snapshot(&emission.environment, emission.state))
    }

    fn scripts(&mut self, timeline: &Timeline, state: u32) -> Arc<Vec<Arc<Script>>> {
        recall(&mut self.scripts, state, || timeline.scripts(state))
    }
}

/// What is remembered of `key`, else what `make` gives.
fn recall<K: PartialEq, V>(
    remembered: &mut VecDeque<(K, Arc<V>)>,
    key: K,
    make: impl FnOnce() -> V,
) -> Arc<V> {
    let found = remembered.iter().position(|(known, _)| *known == key).and_then(|at| remembered.remove(at));
    let entry = found.unwrap_or_else(|| (key, Arc::new(make())));
    let value = Arc::clone(&entry.1);
    remembered.truncate(RECENT - 1);
    remembered.push_front(entry);
    value
}

/// The records of some emissions as they are printed.
fn write_records(
    headers: &Headers,
    objects: &Objects,
    timeline: &Timeline,
    recent: &mut Recent,
    emissions: &[&Emission],
    (format, several): (TimelineFormat, bool),
) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    for emission in emissions {
        let record = record(headers, objects, timeline, recent, emission)?;
        match format {
            TimelineFormat::Jsonl => {
                let line = serde_json::to_string(&record)?;
                text.extend_from_slice(json_printable(&line).as_bytes());
                text.push(b'\n');
            }
            TimelineFormat::Text => timeline_text::timeline_text(&record, several, &mut text)?,
        }
    }
    Ok(text)
}

fn record(
    headers: &Headers,
    objects: &Objects,
    timeline: &Timeline,
    recent: &mut Recent,
    emission: &Emission,
) -> Result<TimelineRecord, Error> {
    let now = recent.snapshot(timeline, emission);
    let before = emission.before.as_ref().map(|(_, state)| recent.scripts(timeline, *state));
    let before = before.as_deref().map_or(&[][..], Vec::as_slice);
    // The directory that a move left behind has lost nothing: its story goes on elsewhere.
    let delta: Option<Delta> = match emission.left_for {
        Some(_) => None,
        None => Some(delta(before, &now.scripts, |one, two| headers.grade(objects, one, two))?),
    };
    let lists = convert::delta_lists(delta.as_ref());
    let commit = &timeline.history.commits[emission.commit as usize];
    Ok(TimelineRecord {
        schema: "onehead/timeline/v1",
        version: VERSION,
        commit: commit.id.to_string(),
        time: rfc3339(commit.time),
        environment: emission.environment.name.clone(),
        directory: emission.environment.directory.to_string(),
        version_locations: convert::locations(&emission.environment),
        n_files: now.files.len(),
        n_revisions: now.scripts.len(),
        facts: convert::facts(&now),
        added: lists.added,
        removed: lists.removed,
        moved: lists.moved,
        reparented: lists.reparented,
        edited: lists.edited,
    })
}

#[cfg(test)]
mod tests {
    use super::cut_off;
    use crate::vcs::testing::Scratch;

    #[test]
    fn one_missing_parent_is_one() {
        let scratch = Scratch::new();
        let ids = [scratch.commit(&[]), scratch.raw_commit("")];
        let missing = ids.each_ref().map(|id| scratch.repo().resolve(id).unwrap());
        let told = |text: &str| {
            Some(format!("history is cut off: {text} not in this copy; what lies beyond is unknown"))
        };
        let first = &ids[0][..10];
        assert_eq!(cut_off(&[]), None);
        assert_eq!(cut_off(&missing[..1]), told(&format!("the parent commit {first} is")));
        assert_eq!(cut_off(&missing), told(&format!("2 parent commits such as {first} are")));
    }
}
