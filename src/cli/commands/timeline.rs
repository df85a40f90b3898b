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
            || (headers.objects(), Told::default()),
            |(objects, told), chunk| {
                write_records(headers, objects, timeline, told, chunk, (format, several))
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
struct Told {
    /// By the environment's place in memory, and the state.
    snapshots: Recent<(*const Environment, Option<u32>), Snapshot>,
    scripts: Recent<u32, Vec<Arc<Script>>>,
}

impl Told {
    fn snapshot(&mut self, timeline: &Timeline, emission: &Emission) -> Arc<Snapshot> {
        let key = (Arc::as_ptr(&emission.environment), emission.state);
        self.snapshots.get_or(key, || timeline.snapshot(&emission.environment, emission.state))
    }

    fn scripts(&mut self, timeline: &Timeline, state: u32) -> Arc<Vec<Arc<Script>>> {
        self.scripts.get_or(state, || timeline.scripts(state))
    }
}

/// The values asked for last.
struct Recent<K, V>(VecDeque<(K, Arc<V>)>);

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: PartialEq, V> Recent<K, V> {
    /// So many are remembered.
    const MOST: usize = 16;

    fn get_or(&mut self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let found = self.0.iter().position(|(known, _)| *known == key).and_then(|at| self.0.remove(at));
        let entry = found.unwrap_or_else(|| (key, Arc::new(make())));
        let value = Arc::clone(&entry.1);
        self.0.truncate(Self::MOST - 1);
        self.0.push_front(entry);
        value
    }
}

/// The records of some emissions as they are printed.
fn write_records(
    headers: &Headers,
    objects: &Objects,
    timeline: &Timeline,
    told: &mut Told,
    emissions: &[&Emission],
    (format, several): (TimelineFormat, bool),
) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    for emission in emissions {
        let record = record(headers, objects, timeline, told, emission)?;
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
    told: &mut Told,
    emission: &Emission,
) -> Result<TimelineRecord, Error> {
    let now = told.snapshot(timeline, emission);
    let before = emission.before.as_ref().map(|(_, state)| told.scripts(timeline, *state));
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
    use super::{Recent, cut_off};
    use crate::vcs::testing::Scratch;

    #[test]
    fn what_was_asked_for_last_is_not_made_again() {
        let (mut recent, mut made) = (Recent::default(), Vec::new());
        for key in (0..16).chain([0, 16, 0, 1]) {
            let value = recent.get_or(key, || {
                made.push(key);
                key * 2
            });
            assert_eq!(*value, key * 2);
        }
        assert_eq!(made, (0..=16).chain([1]).collect::<Vec<_>>());
    }

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
