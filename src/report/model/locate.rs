//! `onehead locate`.

use schemars::JsonSchema;
use serde::Serialize;

use super::CommitSummary;

/// `onehead locate`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LocateDocument {
    /// `onehead/locate/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The id asked for.
    pub revision: String,
    /// The commit asked about; null for the work tree.
    pub commit: Option<String>,
    /// Whether the id was seen anywhere.
    pub found: bool,
    /// The files that state it there, sorted by environment and path.
    pub present: Vec<Presence>,
    /// What happened to it in the commits that refs reach, oldest first.
    pub history: Vec<LocateEvent>,
    /// Refs whose tip holds it, sorted by name.
    pub refs: Vec<Holder>,
    /// Reflog entries that hold it and that no ref reaches, the newest of each ref first.
    pub reflog: Vec<Holder>,
    /// Commits that hold it and that nothing leads to, newest first; null where not asked for.
    pub lost: Option<Vec<CommitSummary>>,
    /// Its nearest ancestors that the commit asked about has.
    pub nearest_ancestors: Vec<String>,
    /// How it comes back; null where it is there, or nowhere.
    pub source: Option<Source>,
    /// Commands that bring it back or get a database home, in order of preference.
    pub commands: Vec<Suggestion>,
}

/// A file that states the id.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Presence {
    /// The environment.
    pub environment: String,
    /// The file.
    pub path: String,
    /// The line of its header, from 1.
    pub line: u32,
}

/// What a commit did to the revision.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LocateEvent {
    /// The commit.
    #[serde(flatten)]
    pub commit: CommitSummary,
    /// The environment.
    pub environment: String,
    /// `added`, `moved`, `reparented`, `edited` or `removed`.
    pub event: &'static str,
    /// The file: after a removal the one it had.
    pub path: String,
    /// Of a move: the file before.
    pub from_path: Option<String>,
    /// Of a re-parenting: the parents before.
    pub from: Vec<String>,
    /// Of a re-parenting: the parents after.
    pub to: Vec<String>,
    /// Of an edit: how far it reaches.
    pub grade: Option<&'static str>,
}

/// What leads to a commit that holds the revision.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Holder {
    /// A full ref name, or a reflog entry such as `HEAD@{2}`.
    pub name: String,
    /// The commit.
    pub commit: String,
}

/// Where to take the revision from.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Source {
    /// The commit.
    pub commit: String,
    /// What leads there, as people type it.
    pub name: String,
    /// The revision's file and those of its ancestors that are missing, too; bases first.
    pub paths: Vec<String>,
}

/// Commands for one purpose.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Suggestion {
    /// What they do.
    pub purpose: String,
    /// The commands (or SQL), one a line of the shell.
    pub commands: Vec<String>,
}
