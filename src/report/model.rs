//! The documents that onehead prints, version 1: a frozen, versioned copy of what the analysis knows.
//! These are the only types that derive `Serialize`; their fields are public interface.

mod branches;
mod locate;
mod rebase;
mod rule;
pub mod schema;
pub mod schema_diff;

use schemars::JsonSchema;
use serde::Serialize;

pub use rebase::RebasedCommit;
mod audit;

pub use audit::*;
pub use branches::*;
pub use locate::{Holder, LocateDocument, LocateEvent, Presence, Source, Suggestion};
pub use rule::{ConfigurationKey, ErrorAnswer, ExplainDocument, RulePage, Statement};

/// This build's version, stated in every document.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `onehead graph`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GraphDocument {
    /// `onehead/graph/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The commit studied; null for the work tree.
    pub commit: Option<String>,
    /// Its environments, sorted by directory and name.
    pub environments: Vec<EnvironmentGraph>,
}

/// One environment's graph at one state.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EnvironmentGraph {
    /// Name, unique in the document.
    pub name: String,
    /// The migration tool.
    pub dialect: &'static str,
    /// The script location.
    pub directory: String,
    /// Where revision files are looked for.
    pub version_locations: Vec<String>,
    /// What made this an environment.
    pub found_by: String,
    /// The revisions, sorted by id, then path.
    pub revisions: Vec<Revision>,
    /// The graph's facts.
    #[serde(flatten)]
    pub facts: GraphFacts,
    /// Directories with migrations that are not scanned.
    pub unscanned: Vec<Unscanned>,
}

/// What the graph says beyond its revisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GraphFacts {
    /// Ids that no revision names in `down_revision`.
    pub heads: Vec<String>,
    /// Ids of revisions without `down_revision`.
    pub bases: Vec<String>,
    /// Ids with two or more children.
    pub branch_points: Vec<String>,
    /// Ids with two or more parents.
    pub merge_points: Vec<String>,
    /// Ids that several files state.
    pub duplicates: Vec<DuplicateId>,
    /// Parents that no file states.
    pub missing: Vec<MissingParent>,
    /// Dependencies that no file states.
    pub missing_depends: Vec<MissingDependency>,
    /// Cycles over `down_revision`.
    pub cycles: Vec<Vec<String>>,
    /// Cycles that exist only with `depends_on` counted.
    pub dependency_cycles: Vec<Vec<String>>,
    /// Files whose names start with the same number.
    pub duplicate_prefixes: Vec<DuplicatePrefix>,
    /// Header fields that are not literals.
    pub dynamic: Vec<Dynamic>,
    /// Files that take no part in the graph, or only in part.
    pub unreadable: Vec<UnreadableFile>,
}

/// One revision.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Revision {
    /// Its id.
    pub revision: String,
    /// Its file.
    pub path: String,
    /// Line of the `revision` assignment.
    pub line: u32,
    /// Its parents as written.
    pub down_revision: Vec<String>,
    /// Its dependencies as written.
    pub depends_on: Vec<String>,
    /// Its labels as written.
    pub branch_labels: Vec<String>,
    /// First line of the docstring.
    pub message: Option<String>,
    /// `Create Date:` as written.
    pub create_date: Option<String>,
}

/// An id that several files state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DuplicateId {
    /// The id.
    pub revision: String,
    /// Its files.
    pub paths: Vec<String>,
}

/// A parent that no file states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingParent {
    /// The child.
    pub revision: String,
    /// Its file.
    pub path: String,
    /// The absent parent.
    pub down_revision: String,
}

/// A dependency that no file states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingDependency {
    /// The revision that depends.
    pub revision: String,
    /// Its file.
    pub path: String,
    /// The absent dependency.
    pub depends_on: String,
}

/// Files that claim one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DuplicatePrefix {
    /// The number.
    pub prefix: u32,
    /// The files.
    pub paths: Vec<String>,
}

/// A header field that is not a literal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Dynamic {
    /// The file.
    pub path: String,
    /// The field.
    pub name: &'static str,
    /// The expression as written.
    pub expression: String,
    /// Its value, a string or a list, where constants of the same file give one.
    pub resolved: Option<ResolvedValue>,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ResolvedValue {
    /// One string.
    Text(String),
    /// Several.
    List(Vec<String>),
}

/// A file that is not read in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnreadableFile {
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// A directory with migrations that are not scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unscanned {
    /// The directory.
    pub directory: String,
    /// How many migration files it holds.
    pub files: usize,
}

/// One line of `onehead timeline --format jsonl`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TimelineRecord {
    /// `onehead/timeline/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The commit that made this state.
    pub commit: String,
    /// Its committer time.
    pub time: String,
    /// The environment.
    pub environment: String,
    /// Its script location.
    pub directory: String,
    /// Its version locations.
    pub version_locations: Vec<String>,
    /// Files that the tool would load.
    pub n_files: usize,
    /// Files that are revisions.
    pub n_revisions: usize,
    /// The graph's facts.
    #[serde(flatten)]
    pub facts: GraphFacts,
    /// Revisions that the parent state lacks.
    pub added: Vec<RevisionAt>,
    /// Revisions that only the parent state has.
    pub removed: Vec<RevisionAt>,
    /// Revisions whose file moved.
    pub moved: Vec<Moved>,
    /// Revisions whose parents changed.
    pub reparented: Vec<Reparented>,
    /// Revisions whose file changed.
    pub edited: Vec<Edited>,
}

/// A revision and its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct RevisionAt {
    /// The id.
    pub revision: String,
    /// The file.
    pub path: String,
}

/// A revision whose file moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Moved {
    /// The id.
    pub revision: String,
    /// The old file.
    pub from: String,
    /// The new file.
    pub to: String,
}

/// A revision whose parents changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Reparented {
    /// The id.
    pub revision: String,
    /// The file.
    pub path: String,
    /// Its parents before.
    pub from: Vec<String>,
    /// Its parents now.
    pub to: Vec<String>,
}

/// A revision whose file changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Edited {
    /// The id.
    pub revision: String,
    /// The file.
    pub path: String,
    /// `cosmetic`, `header`, `downgrade` or `upgrade`.
    pub grade: &'static str,
}

/// `onehead check`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CheckDocument {
    /// `onehead/check/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The commit merged into; null where there is none.
    pub base: Option<String>,
    /// The commit merged; null for the index or the work tree.
    pub head: Option<String>,
    /// Their best merge base.
    pub merge_base: Option<String>,
    /// `clean` or `findings`.
    pub verdict: &'static str,
    /// How many findings are left out because a comment or the configuration accepts them.
    pub suppressed: usize,
    /// The environments of the merge result, without their revisions.
    pub merged: Vec<MergedEnvironment>,
    /// What was found, sorted by environment, severity, rule and place.
    pub findings: Vec<Finding>,
}

/// An environment of the merge result.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MergedEnvironment {
    /// Name.
    pub name: String,
    /// The migration tool.
    pub dialect: &'static str,
    /// The script location.
    pub directory: String,
    /// Where revision files are looked for.
    pub version_locations: Vec<String>,
    /// What made this an environment.
    pub found_by: String,
    /// The graph's facts.
    #[serde(flatten)]
    pub facts: GraphFacts,
    /// Directories with migrations that are not scanned.
    pub unscanned: Vec<Unscanned>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The rule's name.
    pub rule: String,
    /// What makes it the same fault at another state, together with rule and environment.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// The environment; null where the fault belongs to none.
    pub environment: Option<String>,
    /// What is wrong and why it will break, in sentences.
    pub message: String,
    /// The revisions concerned, sorted.
    pub revisions: Vec<String>,
    /// Where, most telling first.
    pub places: Vec<Place>,
    /// The facts that the finding rests on, each a sentence.
    pub evidence: Vec<String>,
    /// Whether the merge brings it.
    pub new: bool,
    /// What would repair it.
    pub fix: Option<FixSummary>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Breaks a deployment.
    Error,
    /// Likely to.
    Warning,
    /// Worth knowing.
    Info,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The file.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The commit that put it there, where that is known.
    pub commit: Option<String>,
}

/// A repair in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FixSummary {
    /// What kind of step it takes.
    pub kind: String,
    /// What it would do, with the command that does it.
    pub summary: String,
}

/// `onehead diff`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DiffDocument {
    /// `onehead/diff/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The older side.
    pub from: String,
    /// The newer side.
    pub to: String,
    /// Environments that differ, sorted by directory and name.
    pub environments: Vec<EnvironmentDiff>,
}

/// How one environment differs between two commits.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EnvironmentDiff {
    /// Name.
    pub name: String,
    /// Directory on the newer side, or on the older where the newer has none.
    pub directory: String,
    /// Directory on the older side; null where it did not exist.
    pub from_directory: Option<String>,
    /// Whether it exists on the newer side.
    pub exists: bool,
    /// Heads before.
    pub heads_before: Vec<String>,
    /// Heads after.
    pub heads_after: Vec<String>,
    /// Revisions that the older side lacks.
    pub added: Vec<RevisionAt>,
    /// Revisions that only the older side has.
    pub removed: Vec<RevisionAt>,
    /// Revisions whose file moved.
    pub moved: Vec<Moved>,
    /// Revisions whose parents changed.
    pub reparented: Vec<Reparented>,
    /// Revisions whose file changed.
    pub edited: Vec<Edited>,
}

/// `onehead heads`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HeadsDocument {
    /// `onehead/heads/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The commit studied; null for the work tree.
    pub commit: Option<String>,
    /// Each environment's heads.
    pub environments: Vec<EnvironmentHeads>,
}

/// One environment's heads.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EnvironmentHeads {
    /// Name.
    pub name: String,
    /// The script location.
    pub directory: String,
    /// Whether there are more heads than intended.
    pub too_many: bool,
    /// The heads, sorted by id.
    pub heads: Vec<Head>,
}

/// One head.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Head {
    /// The id.
    pub revision: String,
    /// Its file; of a duplicate id, the first.
    pub path: String,
    /// First line of the docstring.
    pub message: Option<String>,
    /// Its branch labels, handed down ones included.
    pub labels: Vec<String>,
    /// When it became part of the trunk; null where it has not.
    pub landed: Option<CommitSummary>,
}

/// A commit, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommitSummary {
    /// The id.
    pub commit: String,
    /// Committer time.
    pub time: String,
    /// The author's name.
    pub author: String,
    /// First line of the message.
    pub subject: String,
}

/// `onehead fix`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanDocument {
    /// `onehead/plan/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The commit merged into; null where there is none.
    pub base: Option<String>,
    /// The commit repaired; null for the work tree.
    pub head: Option<String>,
    /// What is done, in order.
    pub steps: Vec<PlanStep>,
    /// Ids that change.
    pub id_changes: Vec<IdChange>,
    /// Places beside the environment that name what changes; they are left alone.
    pub mentions: Vec<PlannedMention>,
    /// What that means for databases.
    pub database: Vec<DatabaseConsequence>,
    /// Heads of the merge before.
    pub heads_before: Vec<String>,
    /// Heads of the merge after.
    pub heads_after: Vec<String>,
    /// The files that change, each with its difference.
    pub files: Vec<PlannedFile>,
    /// Faults that are left alone, and why.
    pub refused: Vec<RefusedFault>,
    /// What could not be done as the repository's own templates ask, or was not searched.
    pub notes: Vec<String>,
    /// What a rebase makes of the branch's commits, parents first; null for a plan of `fix`.
    pub commits: Option<Vec<RebasedCommit>>,
    /// What was written; null where nothing was.
    pub result: Option<PlanResult>,
}

/// A place that names an id, or a file of an id, that a plan changes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlannedMention {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What is named there.
    pub from: String,
    /// What it is called after the plan.
    pub to: String,
    /// Whether something else goes on being called so, and may be what is meant.
    pub shared: bool,
    /// The line's text, cut where it is long.
    pub text: String,
}

/// One change of one revision.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanStep {
    /// `reparent`, `rename`, `new-id`, `renumber`, `merge-revision`, `baseline-revision`, `restore`, `docstring` or
    /// `reference`.
    pub kind: &'static str,
    /// The revision.
    pub revision: String,
    /// Its file.
    pub path: String,
    /// Where the file goes, if it moves.
    pub new_path: Option<String>,
    /// What was: parents, id or number.
    pub from: String,
    /// What is.
    pub to: String,
    /// Why this is right.
    pub reason: String,
    /// The facts that this rests on.
    pub evidence: Vec<String>,
}

/// An id that changes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IdChange {
    /// The old id.
    pub from: String,
    /// The new id.
    pub to: String,
}

/// What happens to databases with one stamp.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DatabaseConsequence {
    /// The stamp.
    pub stamp: String,
    /// What becomes of a database with it.
    pub effect: String,
    /// The statement that mends it.
    pub sql: Option<String>,
}

/// A file that a plan changes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlannedFile {
    /// Where it is.
    pub path: String,
    /// Where it goes, if it moves.
    pub new_path: Option<String>,
    /// The difference in git's format.
    pub diff: String,
}

/// A fault that is left alone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RefusedFault {
    /// The rule.
    pub rule: String,
    /// The fault.
    pub message: String,
    /// Why.
    pub reason: String,
}

/// What was written.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanResult {
    /// The branch that moved; null where files of the work tree were written.
    pub branch: Option<String>,
    /// Its new tip.
    pub commit: Option<String>,
    /// The ref that takes it back.
    pub undo_ref: Option<String>,
    /// Files of the work tree that were written.
    pub files: Vec<String>,
}
