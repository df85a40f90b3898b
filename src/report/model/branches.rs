//! `onehead branches`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Edited, Finding, Moved, Reparented, RevisionAt, Severity, UnreadableFile};

/// `onehead branches`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BranchesDocument {
    /// `onehead/branches/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The trunk, as it was named or found.
    pub trunk: String,
    /// Its tip.
    pub commit: String,
    /// `findings` where a branch or a pair of them would break something, else `clean`.
    pub verdict: &'static str,
    /// How many distinct tips beside the trunk's own were looked at.
    pub tips: usize,
    /// How many of those are in the trunk's history.
    pub landed: usize,
    /// How many of the others bring no change of a migration.
    pub idle: usize,
    /// The trunk's environments, then those that only branches have.
    pub environments: Vec<BranchesEnvironment>,
    /// The branches that bring something, or of which that is unknown; sorted by their first ref.
    pub branches: Vec<BranchRecord>,
    /// What breaks when two branches land, sorted by environment, severity, rule and subject.
    pub collisions: Vec<BranchCollision>,
}

/// An environment on the trunk.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BranchesEnvironment {
    /// Its name.
    pub name: String,
    /// The script location.
    pub directory: String,
    /// Where revision files are looked for.
    pub version_locations: Vec<String>,
    /// The trunk's heads.
    pub heads: Vec<String>,
    /// The number after all that the trunk and the branches claim; null where nothing is numbered.
    pub next_number: Option<u32>,
}

/// One tip.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BranchRecord {
    /// The full names of its refs, sorted.
    pub refs: Vec<String>,
    /// The commit.
    pub commit: String,
    /// Its committer time.
    pub time: String,
    /// Its best common ancestors with the trunk.
    pub merge_bases: Vec<String>,
    /// Branches that contain it, by their first refs.
    pub part_of: Vec<String>,
    /// Why it is not known what it brings; null where it is.
    pub unknown: Option<String>,
    /// What it brings.
    pub environments: Vec<BranchEnvironment>,
}

/// What a branch brings to one environment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BranchEnvironment {
    /// The environment.
    pub name: String,
    /// Revisions that the trunk lacks, sorted by id: the ids and numbers that the branch claims.
    pub added: Vec<Claim>,
    /// Revisions (or further files of one) of the trunk that it deletes.
    pub removed: Vec<RevisionAt>,
    /// Revisions of the trunk whose file it moves.
    pub moved: Vec<Moved>,
    /// Revisions of the trunk whose parents it changes.
    pub reparented: Vec<Reparented>,
    /// Revisions of the trunk whose file it changes.
    pub edited: Vec<Edited>,
    /// Files that it brings and that are no readable revisions.
    pub unreadable: Vec<UnreadableFile>,
    /// Its revisions that extend what is no head of the trunk any more.
    pub behind: Vec<BehindRevision>,
    /// What breaks when it lands on the trunk as it is now.
    pub findings: Vec<Finding>,
}

/// A revision that a branch brings.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Claim {
    /// The id.
    pub revision: String,
    /// Its file.
    pub path: String,
    /// Its parents.
    pub down_revision: Vec<String>,
    /// The number that its name or id takes.
    pub number: Option<u32>,
}

/// A revision that stands where the trunk has gone on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BehindRevision {
    /// The revision.
    pub revision: String,
    /// Its parent, on the trunk.
    pub down_revision: String,
}

/// Any two branches of different sides break the rule when both land, unless they are one branch, here and on a remote.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BranchCollision {
    /// The rule.
    pub rule: &'static str,
    /// How bad that is.
    pub severity: Severity,
    /// The environment.
    pub environment: String,
    /// What all sides want: a parent (empty for bases), an id, a directory and number, or a file.
    pub subject: String,
    /// What happens.
    pub message: String,
    /// Two or more.
    pub sides: Vec<CollisionSide>,
}

/// Branches that want the same in the same way.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CollisionSide {
    /// The revisions concerned.
    pub revisions: Vec<String>,
    /// Their files.
    pub paths: Vec<String>,
    /// The branches, by their first refs.
    pub branches: Vec<String>,
}
