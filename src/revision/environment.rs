use std::collections::BTreeSet;

use borsh::BorshSerialize;

use crate::vcs::RepoPath;

/// One script environment: where its migrations live and how it was found.
#[derive(Clone, Debug, PartialEq, Eq, Default, BorshSerialize)]
pub struct Environment {
    /// Name for `--env` and reports; unique in one tree.
    pub name: String,
    /// The migration tool, a name from `dialect::DIALECTS`.
    pub dialect: &'static str,
    /// The script location: the directory with `env.py`, or that of the files where there is none.
    pub directory: RepoPath,
    /// Where revision files are looked for, in the tool's order.
    pub version_locations: Vec<VersionLocation>,
    /// Why this is an environment: the file and, where there is one, the section that says so.
    pub found_by: String,
    /// How many heads it is meant to have.
    pub expected_heads: ExpectedHeads,
    /// The configured `file_template`, for new files.
    pub file_template: Option<String>,
}

impl Environment {
    /// Whether both are in one place, as environments of two trees: one script location, or a version location of both.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.directory == other.directory || self.shares_location(other)
    }

    /// Whether both look for revision files in one directory.
    pub fn shares_location(&self, other: &Self) -> bool {
        let theirs = &other.version_locations;
        self.version_locations.iter().any(|mine| theirs.iter().any(|their| their.path == mine.path))
    }

    /// Whether a file at `path` stands where revision files are looked for, and hardly anything else: the top of the
    /// repository is no such place.
    pub fn looks_at(&self, path: &RepoPath) -> bool {
        let is_in = |location: &VersionLocation| match location.recursive {
            true => path.is_within(&location.path),
            false => path.parent() == location.path,
        };
        path.name() != "env.py" && !path.parent().is_root() && self.version_locations.iter().any(is_in)
    }
}

/// A directory of revision files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct VersionLocation {
    /// The directory.
    pub path: RepoPath,
    /// Whether its sub-directories belong to it.
    pub recursive: bool,
}

/// The heads a team intends to have.
#[derive(Clone, Debug, PartialEq, Eq, Default, BorshSerialize)]
pub enum ExpectedHeads {
    /// One, or one for each branch label.
    #[default]
    ByLabel,
    /// This many.
    Count(usize),
    /// These ids or labels, each one head.
    Named(BTreeSet<String>),
}
