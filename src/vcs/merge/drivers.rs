//! How `.gitattributes` wants files merged.

use std::cell::RefCell;
use std::collections::BTreeSet;

use gix::attrs::StateRef;
use gix::bstr::{BString, ByteSlice as _};
use gix::worktree::stack::state::attributes::Source;

use crate::vcs::error::reason;
use crate::vcs::{Error, Repo, RepoPath, TreeId};

/// How two versions of a file are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    /// Line by line.
    Text,
    /// Both sides' lines where they clash.
    Union,
    /// Not at all.
    Binary,
    /// By a program of this name, which is not run here.
    Program(String),
}

/// The driver that merges migrations; what it does is done here, too.
const OWN: &[u8] = b"onehead";

/// The drivers of one tree's files.
pub(super) struct Drivers<'r> {
    attributes: RefCell<(gix::AttributeStack<'r>, gix::attrs::search::Outcome)>,
    programs: BTreeSet<BString>,
    usual: Driver,
}

impl<'r> Drivers<'r> {
    /// By the attributes that `tree` (one on disk) holds.
    pub(super) fn of(repo: &'r Repo, tree: TreeId) -> Result<Self, Error> {
        let git = repo.gix();
        let unreadable = |error: &gix::Error| Error::Unreadable {
            place: repo.git_dir().display().to_string(),
            reason: reason(error),
        };
        let index = git.index_from_tree(&tree.0).map_err(|error| unreadable(&error))?;
        let stack = git.attributes_only(&index, Source::IdMapping).map_err(|error| unreadable(&error))?;
        let matches = stack.selected_attribute_matches(["merge"]);
        let config = git.config_snapshot();
        let sections = config.plumbing().sections_by_name("merge").into_iter().flatten();
        let programs = sections
            .filter(|section| section.value("driver").is_some())
            .filter_map(|section| section.header().subsection_name().map(ToOwned::to_owned))
            .filter(|name| *name != OWN)
            .collect();
        let mut drivers = Self { attributes: RefCell::new((stack, matches)), programs, usual: Driver::Text };
        if let Some(name) = config.string("merge.default") {
            drivers.usual = drivers.named(&name);
        }
        Ok(drivers)
    }

    fn named(&self, name: &[u8]) -> Driver {
        match name {
            b"union" => Driver::Union,
            b"binary" => Driver::Binary,
            b"text" => Driver::Text,
            other if self.programs.contains(other.as_bstr()) => {
                Driver::Program(other.to_str_lossy().into_owned())
            }
            _ => Driver::Text,
        }
    }

    /// The driver of the file at `path`.
    pub(super) fn driver(&self, path: &RepoPath) -> Driver {
        let mut attributes = self.attributes.borrow_mut();
        let (stack, matches) = &mut *attributes;
        let Ok(platform) = stack.at_entry(path.as_bytes(), None) else {
            return self.usual.clone();
        };
        if !platform.matching_attributes(matches) {
            return self.usual.clone();
        }
        let Some(found) = matches.iter_selected().next() else { return self.usual.clone() };
        match found.assignment.state {
            StateRef::Set => Driver::Text,
            StateRef::Unset => Driver::Binary,
            StateRef::Unspecified => self.usual.clone(),
            StateRef::Value(value) => self.named(value.as_bstr()),
        }
    }
}
