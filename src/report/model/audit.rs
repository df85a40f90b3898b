use schemars::JsonSchema;
use serde::Serialize;

use super::Finding;

/// `onehead audit`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AuditDocument {
    /// `onehead/audit/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The commit audited: the end of the first-parent line that was read.
    pub commit: String,
    /// Its committer time, up to which what stands open is measured.
    pub time: String,
    /// Name of the branch that counts as published; null where the repository has none.
    pub trunk: Option<String>,
    /// What was asked for: the REV as typed, else the trunk's name, else `HEAD`.
    pub line: String,
    /// Only what happened since then is told; null for everything.
    pub since: Option<String>,
    /// Commits of the first-parent line.
    pub commits: usize,
    /// The environments that exist, then those that are gone, each sorted by directory and name.
    pub environments: Vec<EnvironmentAudit>,
    /// The faults that stand at the commit, sorted by environment, severity, rule and place.
    pub findings: Vec<StandingFinding>,
    /// What the answer does not cover, each a sentence.
    pub not_looked_at: Vec<String>,
}

/// What happened to one environment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EnvironmentAudit {
    /// Name.
    pub name: String,
    /// The script location; where the environment is gone, its last one.
    pub directory: String,
    /// Whether it exists at the commit.
    pub exists: bool,
    /// Where it was, oldest first.
    pub history: Vec<EnvironmentEvent>,
    /// Numbers.
    pub statistics: AuditStatistics,
    /// Lives of faults on the trunk, by opening, rule and revisions.
    pub incidents: Vec<Incident>,
    /// Spans of commits at which `alembic upgrade head` could not run on an empty database.
    pub outages: Vec<Outage>,
    /// Changes of published revisions, oldest first, then by revision. Edits of nothing that runs are left
    /// out.
    pub post_landing_changes: Vec<PostLandingChange>,
}

/// An environment came, moved, or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EnvironmentEvent {
    /// `created`, `moved` or `removed`.
    pub event: &'static str,
    /// Its directory since then; the one it had, where it was removed.
    pub directory: String,
    /// The commit.
    pub at: Deed,
    /// Whether it may be older: this copy of the history begins there.
    pub earlier: bool,
}

/// A commit of the trunk, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Deed {
    /// The id.
    pub commit: String,
    /// Committer time.
    pub time: String,
    /// The author's name.
    pub author: String,
    /// First line of the message.
    pub subject: String,
    /// Whether it is a merge commit, or was made on the trunk itself.
    pub merge: bool,
}

/// Numbers of one environment, at the commit unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AuditStatistics {
    /// States that the trunk had.
    pub states: usize,
    /// Files that the tool would load.
    pub files: usize,
    /// Files that are revisions.
    pub revisions: usize,
    /// Revisions that ever landed.
    pub revisions_landed: usize,
    /// Landings by month, oldest first.
    pub revisions_by_month: Vec<MonthCount>,
    /// Revisions with two or more parents.
    pub merge_revisions: usize,
    /// Revisions with two or more children.
    pub branch_points: usize,
    /// Heads.
    pub heads: usize,
    /// Bases.
    pub bases: usize,
    /// Revisions on the longest way from a base to a head; null where a cycle makes it endless.
    pub longest_chain: Option<usize>,
    /// Time from creation (`Create Date:`, else the author date) to landing; null where nothing landed.
    pub time_to_landing: Option<Waits>,
    /// Authors of what landed, most revisions first, then by name.
    pub authors: Vec<AuthorCount>,
    /// Revisions whose docstring states ids.
    pub docstrings: usize,
    /// Those of them whose docstring states other ids than the code.
    pub stale_docstrings: usize,
    /// `stale_docstrings` in `docstrings`, from 0 to 1; null where there are none.
    pub stale_docstring_share: Option<f64>,
    /// Files, by name, whose content was changed after they had landed, in whatever way.
    pub edited_files: usize,
    /// Edits that changed nothing that runs.
    pub cosmetic_edits: usize,
    /// Commits at which `alembic upgrade head` could not run on an empty database.
    pub commits_without_upgrade: usize,
    /// The incidents that lasted longest, at most five, longest first.
    pub biggest_incidents: Vec<BigIncident>,
}

/// What landed in one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MonthCount {
    /// `2024-01`, in UTC.
    pub month: String,
    /// Revisions.
    pub revisions: usize,
    /// Merge revisions among them.
    pub merge_revisions: usize,
}

/// Seconds from creation to landing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Waits {
    /// Of how many revisions.
    pub revisions: usize,
    /// Half of them took no longer.
    pub median_seconds: i64,
    /// Nine of ten took no longer.
    pub ninth_decile_seconds: i64,
    /// The longest.
    pub longest_seconds: i64,
}

/// What one author landed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuthorCount {
    /// The name, as commits state it.
    pub author: String,
    /// Revisions.
    pub revisions: usize,
}

/// An incident in a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BigIncident {
    /// The rule's name.
    pub rule: &'static str,
    /// The revisions concerned.
    pub revisions: Vec<String>,
    /// The commit that opened it.
    pub commit: String,
    /// How long it lasted, or lasts by now.
    pub seconds_open: i64,
}

/// A fault's life on the trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Incident {
    /// The rule's name.
    pub rule: &'static str,
    /// The revisions concerned when it was opened, sorted.
    pub revisions: Vec<String>,
    /// What it is about beside them: the parent that is missing, the number, or the branch labels; else null.
    pub about: Option<String>,
    /// The files concerned when it was opened, sorted; empty where the revisions say it all.
    pub paths: Vec<String>,
    /// The most there was of it at once: heads, files of one id or number, children, members of the cycle.
    pub most: usize,
    /// The commit that opened it.
    pub opened: Deed,
    /// Whether it may be older: this copy of the history begins there.
    pub opened_earlier: bool,
    /// The first commit without it; null while it stands.
    pub closed: Option<Deed>,
    /// Commits of the trunk that had it.
    pub commits_open: usize,
    /// Seconds from opening to closing, or to the audited commit.
    pub seconds_open: i64,
    /// `merge-revision`, `reparent`, `new-id`, `rename`, `deletion`, `restore`, `file-added`, `labels`,
    /// `environment-removed` or `other`; null while it stands.
    pub closed_how: Option<&'static str>,
}

/// A span of commits at which the tool could not have built a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Outage {
    /// The first commit of it.
    pub opened: Deed,
    /// The first commit after it; null while it lasts.
    pub closed: Option<Deed>,
    /// Commits of the trunk in it.
    pub commits: usize,
    /// Why, as rule names, sorted.
    pub reasons: Vec<&'static str>,
}

/// A change of a published revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PostLandingChange {
    /// The revision; of a squash the new base, of a removed environment or past its first head.
    pub revision: String,
    /// Its file after the change, or the one it had; of a removed environment its directory.
    pub path: String,
    /// The commit that made the change.
    pub commit: String,
    /// Its committer time.
    pub time: String,
    /// Its author.
    pub author: String,
    /// First line of its message.
    pub subject: String,
    /// `edited`, `reparented`, `renamed`, `renumbered`, `new-id`, `deleted`, `squashed` or
    /// `environment-removed`.
    pub change: &'static str,
    /// How far the edit of its content reaches: `cosmetic` (with a change of another kind only), `header`,
    /// `downgrade` or `upgrade`; null where the content is the same, or gone.
    pub grade: Option<&'static str>,
    /// What was: parents, file or id; null where that says nothing.
    pub from: Option<String>,
    /// What is.
    pub to: Option<String>,
    /// All revisions concerned, sorted: of a squash the deleted ones, of a deletion of the whole past all of them.
    pub revisions: Vec<String>,
    /// The commit that landed the revision; null where it was there before this copy of the history begins.
    pub landed: Option<String>,
    /// The first tag that held the revision when it was changed; null where none did.
    pub released: Option<String>,
    /// The tags that hold the version before the change, whenever they were made; null where none does.
    pub shipped: Option<ShippedVersion>,
    /// The content before and after, as blob ids.
    pub blobs: Blobs,
}

/// The tags that hold one version of a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShippedVersion {
    /// The first by commit time.
    pub first: String,
    /// The last by commit time.
    pub last: String,
    /// How many.
    pub tags: usize,
}

/// A file's content on both sides of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Blobs {
    /// Before; null where it is the same as after, or of several files.
    pub before: Option<String>,
    /// After; null where the file is gone.
    pub after: Option<String>,
}

/// A fault that stands at the commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StandingFinding {
    /// The fault.
    #[serde(flatten)]
    pub finding: Finding,
    /// The commit since which it stands without a gap; null where that is not known.
    pub since: Option<Deed>,
    /// Whether it may be older: this copy of the history begins there, or nothing older was read.
    pub since_earlier: bool,
}
