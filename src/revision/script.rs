use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::Ignore;
use crate::text::{ByteSpan, Spanned};
use crate::vcs::{BlobId, RepoPath};

/// A revision id (or label) as a file states it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Id {
    /// The id.
    pub value: Arc<str>,
    /// The literal's bytes with quotes and prefix; of a computed value, the expression's.
    pub span: ByteSpan,
    /// Whether `span` is a string literal that can be rewritten in place.
    pub literal: bool,
}

/// How a list of ids is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ListShape {
    /// `None`.
    None,
    /// One string.
    Scalar,
    /// `(…)`.
    Tuple,
    /// `[…]`.
    List,
    /// `{…}`.
    Set,
}

/// The value of `down_revision`, `depends_on` or `branch_labels`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct IdList {
    /// The ids in the file's order.
    pub ids: Vec<Id>,
    /// The whole expression.
    pub span: ByteSpan,
    /// How it is written.
    pub shape: ListShape,
}

impl IdList {
    /// The ids' texts.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(|id| &*id.value)
    }
}

/// What a non-literal value comes to.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Resolved {
    /// `None`.
    None,
    /// One string.
    Text(String),
    /// Several.
    List(Vec<String>),
}

/// A header field whose value is not a literal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DynamicValue {
    /// The field.
    #[borsh(deserialize_with = "field_name")]
    pub name: &'static str,
    /// The expression as written, shortened to 120 characters.
    pub expression: String,
    /// Its value, where constants of the same file give one.
    pub resolved: Option<Resolved>,
    /// Where it stands.
    pub span: ByteSpan,
}

/// The fields that a header has.
const FIELDS: [&str; 4] = ["revision", "down_revision", "depends_on", "branch_labels"];

fn field_name<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<&'static str> {
    let name = String::deserialize_reader(reader)?;
    let known = FIELDS.into_iter().find(|field| **field == *name);
    known.ok_or_else(|| borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, "no field of a header"))
}

/// What the docstring says, as the tool's template writes it.
#[derive(Clone, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Docstring {
    /// The first line.
    pub message: Option<String>,
    /// The text after `Revision ID:`.
    pub revision: Option<Spanned<String>>,
    /// The text after `Revises:`.
    pub revises: Option<Spanned<String>>,
    /// The text after `Create Date:`.
    pub create_date: Option<Spanned<String>>,
}

/// Why a file is not read in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ProblemKind {
    /// Only Python 2 reads it; its header is known all the same.
    Python2,
    /// No Python reads it; its header may be known all the same.
    Syntax,
    /// git's conflict markers were committed.
    ConflictMarkers,
    /// Not UTF-8 and without an encoding declaration that says so.
    Encoding,
    /// Larger than any migration.
    TooLarge,
    /// A symbolic link that leads nowhere in this repository.
    Link,
    /// Not in this copy of the repository.
    Absent,
}

/// A file's trouble, told for people.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Problem {
    /// Its kind.
    pub kind: ProblemKind,
    /// One sentence without a full stop.
    pub text: String,
    /// Line, from 1.
    pub line: u32,
}

/// What one file says, independent of its path; cached by blob.
#[derive(Clone, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// `revision`, where it is known.
    pub revision: Option<Id>,
    /// `down_revision`, where it is known.
    pub down_revision: Option<IdList>,
    /// `depends_on`, where it is known.
    pub depends_on: Option<IdList>,
    /// `branch_labels`, where it is known.
    pub branch_labels: Option<IdList>,
    /// Whether `revision` is assigned at all.
    pub assigns_revision: bool,
    /// Whether `down_revision` is assigned at all.
    pub assigns_down_revision: bool,
    /// Fields that are not literals, in the order revision, down_revision, depends_on, branch_labels.
    pub dynamic: Vec<DynamicValue>,
    /// The module docstring.
    pub docstring: Docstring,
    /// Line of the `revision` assignment, from 1; 1 where there is none.
    pub line: u32,
    /// What keeps the file from being read in full.
    pub problem: Option<Problem>,
    /// Rules that the file asks to ignore, with the line and the reason: `# onehead: ignore[rule] reason`.
    pub ignores: Vec<Ignore>,
    /// Whether `upgrade()` and `downgrade()` both do nothing.
    pub empty: bool,
}

/// A file that the tool would load.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct MigrationFile {
    /// Its path.
    pub path: RepoPath,
    /// Its content; of a symbolic link, the content it leads to. `None` where that is not known.
    pub blob: Option<BlobId>,
}

/// One revision: a file that takes part in the graph.
#[derive(Clone, Debug)]
pub struct Script {
    /// The file.
    pub path: RepoPath,
    /// Its content.
    pub blob: BlobId,
    /// The revision id; from the file's name in the oldest format.
    pub revision: Arc<str>,
    /// What the file says.
    pub header: Arc<Header>,
}

impl Script {
    /// The ids that `down_revision` names.
    pub fn down_revisions(&self) -> impl Iterator<Item = &str> {
        self.header.down_revision.iter().flat_map(IdList::values)
    }

    /// The ids that `depends_on` names.
    pub fn depends_on(&self) -> impl Iterator<Item = &str> {
        self.header.depends_on.iter().flat_map(IdList::values)
    }

    /// The labels that the file itself states.
    pub fn branch_labels(&self) -> impl Iterator<Item = &str> {
        self.header.branch_labels.iter().flat_map(IdList::values)
    }
}

/// A file that the tool would load and that takes no part in the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The file.
    pub path: RepoPath,
    /// Why, as one sentence without a full stop.
    pub reason: String,
    /// Whether the content is not in this copy, so that nothing is known of it.
    pub absent: bool,
    /// Line, from 1.
    pub line: u32,
}
