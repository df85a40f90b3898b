use crate::vcs::RepoPath;

/// When a new revision is made, as the tool would have seen its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateDate {
    /// Date and time of day.
    pub local: jiff::civil::DateTime,
    /// Seconds east of UTC where the tool is configured for a time zone.
    pub offset: Option<i32>,
    /// Seconds since the epoch.
    pub epoch: i64,
}

/// What a new revision file is to say.
#[derive(Clone, Copy, Debug)]
pub struct NewScript<'a> {
    /// The revision id.
    pub id: &'a str,
    /// The message; the tool has a text of its own for none.
    pub message: Option<&'a str>,
    /// Its parents, in this order.
    pub parents: &'a [String],
    /// The revisions that it depends on.
    pub depends_on: &'a [String],
    /// Its own branch labels.
    pub branch_labels: &'a [String],
    /// When.
    pub create_date: CreateDate,
    /// The number for its file's name where the environment numbers files.
    pub number: Option<u32>,
}

/// A new file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Where.
    pub path: RepoPath,
    /// Its bytes.
    pub text: Vec<u8>,
    /// What could not be done as the environment's own templates ask, one sentence each.
    pub notes: Vec<String>,
    /// Whether the environment's own template could not be used.
    pub by_default: bool,
}
