//! The only module that speaks to git. Everything a command studies, be it a commit, the index,
//! the work tree or the result of a merge, becomes a [`TreeId`] that [`Objects`] can read.

mod error;
mod forks;
mod ids;
mod lost;
mod merge;
mod objects;
mod repo;
#[cfg(test)]
pub(crate) mod testing;
mod tree_edit;
mod walk;
mod watch;
mod worktree;
mod write;

pub use error::Error;
pub use forks::{Common, Fork, Forks, NamedRef, forks, matches_glob};
pub use ids::{BlobId, CommitId, RepoPath, TreeId};
pub use lost::ReflogEntry;
pub use merge::{Conflict, MergedTree, merge_trees, virtual_base};
pub use objects::{Commit, CommitDetails, Entry, EntryKind, Objects, ObjectsFactory};
pub use repo::{RefTip, Repo, Trunk};
pub use tree_edit::{changed_files, edit_tree, mount};
pub use walk::{History, Walk, WalkedCommit, walk};
pub use watch::{Watch, WatchedStates};
pub use write::{BranchMove, CheckedOut, FileEdit, Moved, RefUpdate, UndoRecord};
