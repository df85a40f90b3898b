//! Line endings, encodings and keyword expansion between git and the work tree.

use gix::bstr::BString;
use gix::filter::plumbing::pipeline::convert::{ToGitOutcome, to_worktree};
use gix::worktree::stack::state::attributes::Source;

use super::super::{Error, Repo, RepoPath, TreeId};
use super::causes;

/// Converts files as `.gitattributes` and the configuration say. External programs are never run: a
/// file that needs one is refused.
pub(super) struct Converter<'r> {
    pipeline: gix::filter::Pipeline<'r>,
    attributes: gix::AttributeStack<'r>,
    matches: gix::attrs::search::Outcome,
    drivers: Vec<BString>,
    index: gix::index::File,
}

impl<'r> Converter<'r> {
    /// By the attributes that `tree` holds, as git does while it checks `tree` out.
    pub(super) fn for_tree(repo: &'r Repo, tree: TreeId) -> Result<Self, Error> {
        let index = repo.gix().index_from_tree(&tree.0).map_err(|error| unreadable(repo, &error))?;
        Self::new(repo, index, Source::IdMapping)
    }

    /// By the attributes of the work tree as it is.
    pub(super) fn for_work_tree(repo: &'r Repo) -> Result<Self, Error> {
        let index = repo.gix().index_or_empty().map_err(|error| unreadable(repo, &error))?;
        Self::new(repo, (**index).clone(), Source::WorktreeThenIdMapping)
    }

    fn new(repo: &'r Repo, index: gix::index::File, source: Source) -> Result<Self, Error> {
        let git = repo.gix();
        let stack = || git.attributes_only(&index, source).map_err(|error| unreadable(repo, &error));
        let attributes = stack()?;
        let pipeline =
            gix::filter::Pipeline::new(git, stack()?.detach()).map_err(|error| unreadable(repo, &error))?;
        let options = gix::filter::Pipeline::options(git).map_err(|error| unreadable(repo, &error))?;
        let programs = |driver: &gix::filter::plumbing::Driver| {
            driver.clean.is_some() || driver.smudge.is_some() || driver.process.is_some()
        };
        let drivers = options.drivers.into_iter().filter(programs).map(|driver| driver.name).collect();
        let matches = attributes.selected_attribute_matches(["filter"]);
        Ok(Self { pipeline, attributes, matches, drivers, index })
    }

    fn refuse_programs(&mut self, path: &RepoPath) -> Result<(), Error> {
        let refuse = |reason: String| Error::Path { path: path.to_string(), reason };
        let platform =
            self.attributes.at_entry(path.as_bytes(), None).map_err(|error| refuse(causes(&error)))?;
        if !platform.matching_attributes(&mut self.matches) {
            return Ok(());
        }
        for found in self.matches.iter_selected() {
            if let gix::attrs::StateRef::Value(value) = found.assignment.state
                && self.drivers.iter().any(|driver| *driver == value.as_bstr())
            {
                return Err(refuse(format!(
                    "the filter '{}' of .gitattributes applies to it, and onehead runs no filters",
                    value.as_bstr()
                )));
            }
        }
        Ok(())
    }

    /// What git would put on disk for a blob's `content`.
    pub(super) fn checked_out_form(&mut self, path: &RepoPath, content: Vec<u8>) -> Result<Vec<u8>, Error> {
        self.refuse_programs(path)?;
        let refuse = |reason: String| Error::Path { path: path.to_string(), reason };
        let options = to_worktree::Options {
            unknown_encoding: to_worktree::UnknownEncoding::Fail,
            ..to_worktree::Options::default()
        };
        let outcome = self
            .pipeline
            .convert_to_worktree(&content, path.as_bytes(), options)
            .map_err(|error| refuse(causes(&error)))?;
        match outcome.as_bytes() {
            Some(bytes) => Ok(bytes.to_vec()),
            None => Err(refuse("a filter program applies to it".into())),
        }
    }

    /// What git would store for a file's `content`.
    pub(super) fn stored_form(&mut self, path: &RepoPath, content: &[u8]) -> Result<Vec<u8>, Error> {
        self.refuse_programs(path)?;
        let refuse = |reason: String| Error::Path { path: path.to_string(), reason };
        let relative = gix::path::from_bstr(path.as_bytes()).map_err(|error| refuse(error.to_string()))?;
        let outcome = self
            .pipeline
            .convert_to_git(content, &relative, &self.index)
            .map_err(|error| refuse(causes(&error)))?;
        match outcome {
            ToGitOutcome::Unchanged(_) => Ok(content.to_vec()),
            ToGitOutcome::Buffer(bytes) => Ok(bytes.to_vec()),
            ToGitOutcome::Process(_) => Err(refuse("a filter program applies to it".into())),
        }
    }
}

fn unreadable(repo: &Repo, error: &gix::Error) -> Error {
    Error::Unreadable { place: repo.git_dir().display().to_string(), reason: causes(error) }
}
