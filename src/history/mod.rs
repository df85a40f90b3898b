//! States of environments: at one commit, over time, after a merge.

mod delta;
mod landing;
mod lists;
mod reader;
mod snapshot;
mod timeline;

pub use delta::{Delta, Edit, Move, Reparenting, delta};
pub use landing::{Landing, landings};
pub use reader::{Classified, Headers, Reader};
pub use snapshot::Snapshot;
pub use timeline::{Emission, Survey, Timeline, survey, timeline};
