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
    /// What it does; nothing where absent.
    pub body: Option<&'a Body>,
}

/// What a new revision does, as the tool's own language says it. Lines after the first one are indented as the body of
/// a function is, but for those of `imports`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// What stands above the functions.
    pub imports: String,
    /// The statements of the upgrade.
    pub upgrade: String,
    /// The statements of the downgrade.
    pub downgrade: String,
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
