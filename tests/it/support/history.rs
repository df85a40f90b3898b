//! The format of `fixtures/histories/*.yaml`, described in `fixtures/histories/README.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One history: why it exists, how its repository comes about, and what onehead must say about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct History {
    /// A sentence on why the case exists.
    pub about: String,
    /// The kind of repository that the runs see.
    #[serde(default)]
    pub layout: Layout,
    /// What happens, in order: first the commits and their refs, then the work tree.
    pub steps: Vec<Step>,
    /// What is asked, and the right answers.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// What is repaired, each time in a repository of its own, and how it must come out.
    #[serde(default)]
    pub fixes: Vec<Fix>,
}

/// The kind of repository that the runs see.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// A repository with a work tree.
    #[default]
    Repository,
    /// A repository without a work tree.
    Bare,
    /// A work tree added by `git worktree add --detach`.
    LinkedWorktree,
    /// A clone of depth 1 with every branch, as CI services make it.
    Shallow,
    /// A directory that no repository contains; it takes `work-tree` steps only.
    Directory,
}

/// One step. Exactly one field is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// A commit, also a merge.
    pub commit: Option<Change>,
    /// A branch or any other ref, created or moved.
    pub branch: Option<Branch>,
    /// A tag.
    pub tag: Option<Tag>,
    /// Where HEAD goes after the last commit.
    pub checkout: Option<Checkout>,
    /// Changes of files that are not staged.
    pub work_tree: Option<Change>,
    /// Changes of files that are staged.
    pub index: Option<Change>,
    /// Any git command in the finished repository.
    pub git: Option<Git>,
}

/// A change of files; as a commit it also has a place in the history.
///
/// The parts apply in the order: `delete`, `move`, `environment`, `files`, `revisions`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Change {
    /// Commits: the name by which later steps and `{name}` in arguments refer to it.
    pub name: Option<String>,
    /// Commits: the branch it goes to; a new branch starts at `from`, or else where the last commit went.
    pub on: Option<String>,
    /// Commits: the first parent, when it is not the branch's tip; `nothing` makes a root.
    pub from: Option<String>,
    /// Commits: further parents.
    pub merge: Vec<String>,
    /// Commits: the commit message; else the name.
    pub message: Option<String>,
    /// Commits: the author's first name; else Ada.
    pub author: Option<String>,
    /// Commits: how many days after the first of January; else none. Each commit is a minute later on top of that.
    pub day: usize,
    /// Paths that go away; a directory goes with all it holds.
    pub delete: Vec<String>,
    /// Files or directories that move.
    #[serde(rename = "move")]
    pub moves: BTreeMap<String, String>,
    /// Creates an Alembic environment in this directory, and an `alembic.ini` at the root that names it.
    pub environment: Option<String>,
    /// Files written whole.
    pub files: BTreeMap<String, Content>,
    /// Migration files rendered as Alembic renders them.
    pub revisions: Vec<Revision>,
}

/// The content of a file: plain text, or something that text cannot say.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// UTF-8 with line feeds.
    Text(String),
    /// Anything else.
    Special(Special),
}

/// Content that is not plain text. Exactly one of the fields but `times` is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Special {
    /// Bytes in hexadecimal; white space is ignored.
    pub hex: Option<String>,
    /// The target of a symbolic link.
    pub symlink: Option<String>,
    /// The commit id of a submodule.
    pub submodule: Option<String>,
    /// Text of an executable file.
    pub executable: Option<String>,
    /// Text, `times` over.
    pub repeat: Option<String>,
    /// How often `repeat` stands.
    pub times: Option<usize>,
}

/// A migration file in the manner of Alembic's own template.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Revision {
    /// Its id.
    pub revision: String,
    /// Its parents.
    #[serde(rename = "down_revision")]
    pub down_revision: Ids,
    /// What else must run before.
    #[serde(rename = "depends_on")]
    pub depends_on: Ids,
    /// Its labels.
    #[serde(rename = "branch_labels")]
    pub branch_labels: Ids,
    /// First line of the docstring; also the slug in the file name.
    pub message: Option<String>,
    /// The statements of `upgrade()`; else a table is made, or nothing in a merge revision.
    pub body: Option<String>,
    /// The statements of `downgrade()`.
    pub downgrade: Option<String>,
    /// The directory; else the `versions` of the last environment.
    #[serde(rename = "in")]
    pub directory: Option<String>,
    /// The file name; else `<revision>_<slug>.py`.
    pub file: Option<String>,
    /// The age of the template.
    pub template: Template,
    /// How the text becomes bytes.
    pub encoding: Encoding,
}

/// Which of Alembic's templates renders the file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// With type annotations, as since 1.12.
    #[default]
    Annotated,
    /// Plain assignments, as before.
    Plain,
}

/// How the text of a file becomes bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8 with line feeds.
    #[default]
    Utf8,
    /// UTF-8 with CRLF.
    Crlf,
    /// UTF-8 with a byte order mark.
    Bom,
    /// Latin-1.
    #[serde(rename = "latin-1")]
    Latin1,
    /// UTF-16, little endian, with a byte order mark.
    #[serde(rename = "utf-16")]
    Utf16,
}

/// None, one or several ids, as the header literals have them.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(untagged)]
pub enum Ids {
    /// `None`
    #[default]
    None,
    /// `'id'`
    One(String),
    /// `('id', 'id')`
    Many(Vec<String>),
}

/// A ref that starts or moves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// A branch name, or a full name that starts with `refs/`.
    pub name: String,
    /// A commit name or branch.
    pub at: String,
}

/// A tag: annotated if it has a message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// The tag's name.
    pub name: String,
    /// A commit name or branch.
    pub at: String,
    /// The message of an annotated tag.
    pub message: Option<String>,
}

/// Where HEAD goes. Exactly one field is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    /// A branch that exists.
    pub branch: Option<String>,
    /// A commit name, branch or tag.
    pub detach: Option<String>,
    /// A branch that has no commit yet; the work tree and the index are emptied.
    pub unborn: Option<String>,
}

/// A git command in the finished repository.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// Its arguments; `{name}` stands for a commit id.
    pub args: Vec<String>,
    /// The exit code it must have.
    #[serde(default)]
    pub exit: i32,
}

/// One command line and its right answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The arguments after `onehead -C REPO`; `{name}` stands for a commit id.
    pub args: Vec<String>,
    /// The exit code.
    pub exit: i32,
    /// A part of the JSON answer: objects may have more fields, lists are whole. Where `args` name no format, the
    /// command runs once more with the JSON one.
    pub expect: Option<serde_json::Value>,
    /// Texts that stdout holds.
    #[serde(default)]
    pub stdout: Vec<String>,
    /// Texts that stderr holds.
    #[serde(default)]
    pub stderr: Vec<String>,
    /// A directory below the repository to run in.
    pub dir: Option<String>,
}

/// One repair: planned, written in every way, read again and taken back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    /// The commit to repair; else HEAD.
    pub head: Option<String>,
    /// Further options; `{name}` stands for a commit id.
    #[serde(default)]
    pub args: Vec<String>,
    /// The kinds of the steps, in order; none: there is nothing that may be written.
    pub steps: Vec<String>,
    /// The heads of every environment in the end, as Alembic would name them in the repaired commit; absent where the
    /// repair joins what only the merge holds together.
    pub heads: Option<Vec<String>>,
    /// Exit code of the plan where it is not 1, or 0 without any step.
    pub exit: Option<i32>,
    /// Faults that are left alone, by rule.
    #[serde(default)]
    pub refused: Vec<String>,
    /// Texts that the plan holds.
    #[serde(default)]
    pub says: Vec<String>,
    /// Texts that stderr holds.
    #[serde(default)]
    pub stderr: Vec<String>,
    /// A part of the JSON plan: objects may have more fields, lists are whole.
    pub expect: Option<serde_json::Value>,
}

/// `fixtures/histories`.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/histories")
}

/// The names of all histories, sorted.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Reads one history by name.
pub fn load(name: &str) -> History {
    let path = directory().join(format!("{name}.yaml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
