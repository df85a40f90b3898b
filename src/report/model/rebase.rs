use schemars::JsonSchema;
use serde::Serialize;

/// What a rebase makes of one commit.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RebasedCommit {
    /// The commit.
    pub old: String,
    /// What it became; null where it is left out, or not written.
    pub new: Option<String>,
    /// First line of its message.
    pub subject: String,
    /// `picked`, `kept` (the same commit as before), `upstream` (left out, upstream has the same change),
    /// `emptied` (left out, nothing of it is left) or `contained` (a merge that is not needed any more).
    pub fate: &'static str,
    /// Whether its migrations differ from what git's rebase would make of them.
    pub repaired: bool,
}
