//! One environment's life: its states in order, whatever directory it was in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::history::Timeline;
use crate::revision::Environment;

/// A commit that changed the environment.
#[derive(Clone, Debug)]
pub struct Step {
    /// Index into the history's commits.
    pub commit: u32,
    /// Index into the timeline's emissions.
    pub emission: usize,
    /// The environment at this commit; where it is gone, as it was.
    pub environment: Arc<Environment>,
    /// Number of the state; `None` where the environment is gone.
    pub state: Option<u32>,
    /// Number of the state before; `None` where there was none.
    pub before: Option<u32>,
}

/// The steps of one environment, oldest first; never empty.
#[derive(Clone, Debug)]
pub struct Story {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Story {
    /// The environment as it is at the end.
    pub fn environment(&self) -> &Environment {
        &self.last().environment
    }

    /// Whether it exists at the end.
    pub fn exists(&self) -> bool {
        self.last().state.is_some()
    }

    fn last(&self) -> &Step {
        &self.steps[self.steps.len() - 1]
    }
}

/// The stories of a first-parent timeline, sorted by directory, then name.
///
/// A story goes on where the directory moved, also where a file was left behind, and where an environment comes
/// back to the place it was removed from.
pub(super) fn stories(timeline: &Timeline) -> Vec<Story> {
    let mut stories: Vec<Story> = Vec::new();
    let left = left_behind(timeline);
    for (at, emission) in timeline.emissions.iter().enumerate() {
        if emission.left_for.is_some() {
            continue;
        }
        let is_left_behind = left.values().any(|old| *old == at);
        let before = match left.get(&at) {
            Some(old) => timeline.emissions[*old].before.as_ref(),
            None => emission.before.as_ref().filter(|_| !is_left_behind),
        };
        let place = before.map_or(&emission.environment, |(environment, _)| environment);
        let step = Step {
            commit: emission.commit,
            emission: at,
            environment: Arc::clone(&emission.environment),
            state: emission.state,
            before: before.map(|(_, state)| *state),
        };
        let is_here = |story: &Story| story.environment().is_same_place(place);
        let goes_on = |story: &Story| is_here(story) && story.last().state == step.before;
        let known = stories.iter().position(goes_on).or_else(|| stories.iter().position(is_here));
        match known.filter(|_| !is_left_behind) {
            Some(known) => stories[known].steps.push(step),
            None => stories.push(Story { steps: vec![step] }),
        }
    }
    let key = |story: &Story| (story.environment().directory.clone(), story.environment().name.clone());
    stories.sort_by_key(key);
    stories
}

/// Emissions of environments that appeared with most files of another one, which kept only a few; by number, each
/// with the number of the other's emission.
fn left_behind(timeline: &Timeline) -> BTreeMap<usize, usize> {
    let names = |state: u32| -> BTreeSet<Vec<u8>> {
        timeline.files(state).iter().map(|file| file.path.name().to_vec()).collect()
    };
    let mut found: BTreeMap<usize, usize> = BTreeMap::new();
    let mut first = 0;
    for of_commit in timeline.emissions.chunk_by(|one, two| one.commit == two.commit) {
        let numbers = first..first + of_commit.len();
        first = numbers.end;
        for (new, appeared) in numbers.clone().zip(of_commit) {
            let (Some(state), None) = (appeared.state, &appeared.before) else { continue };
            let new_names = names(state);
            let took_over = numbers.clone().zip(of_commit).find(|(old, other)| {
                let (Some((_, before)), Some(now)) = (&other.before, other.state) else { return false };
                let (before, now) = (names(*before), names(now));
                let common = before.intersection(&new_names).count();
                !found.values().any(|taken| taken == old)
                    && common * 2 > before.len()
                    && now.len() * 2 < before.len()
            });
            if let Some((old, _)) = took_over {
                found.insert(new, old);
            }
        }
    }
    found
}
