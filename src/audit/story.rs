//! One environment's life: its states in order, whatever directory it was in.

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
/// A story goes on where the directory moved, and where an environment comes back to the place it
/// was removed from.
pub(super) fn stories(timeline: &Timeline) -> Vec<Story> {
    let mut stories: Vec<Story> = Vec::new();
    for (at, emission) in timeline.emissions.iter().enumerate() {
        if emission.left_for.is_some() {
            continue;
        }
        let before = emission.before.as_ref();
        let place = before.map_or(&emission.environment, |(environment, _)| environment);
        let step = Step {
            commit: emission.commit,
            emission: at,
            environment: Arc::clone(&emission.environment),
            state: emission.state,
            before: before.map(|(_, state)| *state),
        };
        let is_here = |story: &Story| same_place(story.environment(), place);
        let goes_on = |story: &Story| is_here(story) && story.last().state == step.before;
        let known = stories.iter().position(goes_on).or_else(|| stories.iter().position(is_here));
        match known {
            Some(known) => stories[known].steps.push(step),
            None => stories.push(Story { steps: vec![step] }),
        }
    }
    let key = |story: &Story| (story.environment().directory.clone(), story.environment().name.clone());
    stories.sort_by_key(key);
    stories
}

/// Whether two layouts are of one environment.
pub(super) fn same_place(one: &Environment, two: &Environment) -> bool {
    let shares = |other: &Environment| {
        one.version_locations
            .iter()
            .any(|location| other.version_locations.iter().any(|their| their.path == location.path))
    };
    one.directory == two.directory || shares(two)
}
