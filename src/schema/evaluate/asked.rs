//! What an evaluation asked of the tree: its result holds for every tree that gives the same answers.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::imports::{Found, find_at, find_name};
use super::{Files as _, TreeFiles};
use crate::vcs::{BlobId, RepoPath};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Asked {
    /// What the file at this path holds.
    File(RepoPath),
    /// What the module at this path is, which has no suffix.
    Module(RepoPath),
    /// What this absolute dotted name is.
    Name(Arc<str>),
}

/// The answer: the file or directory, with the file's content.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Told(Option<(RepoPath, Option<BlobId>)>);

impl TreeFiles<'_> {
    /// The answer of this tree. Dotted names are looked for below `roots`.
    pub fn tell(&self, asked: &Asked, roots: &[RepoPath]) -> Told {
        let found = match asked {
            Asked::File(path) => self.is_file(path).then(|| Found::File(path.clone())),
            Asked::Module(path) => find_at(self, path),
            Asked::Name(dotted) => find_name(self, roots, dotted),
        };
        Told(found.map(|found| match found {
            Found::File(path) => {
                let blob = self.blob(&path);
                (path, blob)
            }
            Found::Directory(path) => (path, None),
        }))
    }

    /// Whether this copy of the repository has the content that `told` tells of.
    pub fn has(&self, told: &Told) -> bool {
        let path = told.0.iter().filter(|(_, blob)| blob.is_some()).map(|(path, _)| path).next();
        path.is_none_or(|path| self.file(path).is_some())
    }
}
