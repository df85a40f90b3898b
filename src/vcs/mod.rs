//! The only module that speaks to git. Everything a command studies, be it a commit, the index,
//! the work tree or the result of a merge, becomes a [`TreeId`] that [`Objects`] can read.

mod changed_paths;
mod directories;
mod error;
mod forks;
mod ids;
mod in_progress;
mod lost;
mod merge;
mod objects;
mod packs;
mod patch_id;
mod range;
mod repo;
#[cfg(test)]
pub(crate) mod testing;
mod tree_edit;
mod walk;
mod watch;
mod worktree;
mod write;

pub use directories::{Directories, Directory};
pub use error::Error;
pub use forks::{Common, Fork, Forks, NamedRef, forks, matches_glob};
pub use ids::{BlobId, CommitId, RepoPath, TreeId};
pub use in_progress::{InProgress, Unmerged};
pub use lost::ReflogEntry;
pub use merge::{Conflict, MergedTree, WholeTrees, is_as_merged, merge_texts, merge_trees, virtual_base};
pub use objects::{Commit, CommitDetails, Entry, EntryKind, Objects, ObjectsFactory};
pub use patch_id::equivalents;
pub use range::Range;
pub use repo::{RefTip, Repo, Trunk};
pub use tree_edit::{changed_files, edit_tree, mount};
pub use walk::{History, Walk, WalkedCommit, walk};
pub use watch::{Watch, WatchedStates};
pub use write::{
    Amended, BranchMove, CheckedOut, DriverPlan, FileEdit, HookFile, HookPlace, Moved, RefUpdate, UndoRecord,
};
