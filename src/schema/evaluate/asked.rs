//! What an evaluation asked of the tree: its result holds for every tree that gives the same answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use rustc_hash::FxHashMap;

use super::imports::{Found, find_at, find_name};
use super::{Files as _, TreeFiles};
use crate::cache::Kind;
use crate::vcs::{BlobId, Objects, RepoPath};

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
struct Told(Option<(RepoPath, Option<BlobId>)>);

/// What one tree answers; evaluations ask the same things.
pub struct Answers<'f, 'o> {
    files: &'f TreeFiles<'o>,
    roots: &'f [RepoPath],
    known: FxHashMap<Asked, Told>,
}

impl<'f, 'o> Answers<'f, 'o> {
    /// The answers of `files`, where dotted names are looked for below `roots`.
    pub fn new(files: &'f TreeFiles<'o>, roots: &'f [RepoPath]) -> Self {
        Self { files, roots, known: FxHashMap::default() }
    }

    /// The files that are asked.
    pub fn files(&self) -> &'f TreeFiles<'o> {
        self.files
    }

    /// What an earlier run found, where that holds for this tree; else what `evaluate` gives beside its questions, which
    /// is kept if it is lasting. `key` tells all that the result follows from beside these questions.
    pub fn kept_or<T: BorshSerialize + BorshDeserialize, K: BorshSerialize>(
        &mut self,
        kind: Kind,
        key: impl FnOnce() -> K,
        evaluate: impl FnOnce() -> (T, BTreeSet<Asked>),
    ) -> T {
        let objects = self.files.objects();
        if !objects.kept().is_on() {
            return evaluate().0;
        }
        let key = key();
        let known: Option<Kept<T>> = objects.kept().get(kind, &key);
        if let Some(known) = known.filter(|known| known.holds(self)) {
            return known.result;
        }
        let (result, asked) = evaluate();
        let found = Kept::new(result, asked, self);
        if found.is_lasting(objects) {
            objects.kept().put(kind, &key, &found);
        }
        found.result
    }

    fn of(&mut self, asked: &Asked) -> &Told {
        if !self.known.contains_key(asked) {
            let told = tell(self.files, asked, self.roots);
            self.known.insert(asked.clone(), told);
        }
        &self.known[asked]
    }
}

/// The result of an evaluation, for every tree that gives the answers it rests on.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Kept<T> {
    asked: Vec<(Asked, Told)>,
    /// The result.
    pub result: T,
}

impl<T> Kept<T> {
    /// A result for which this was `asked` of the tree.
    pub fn new(result: T, asked: impl IntoIterator<Item = Asked>, answers: &mut Answers<'_, '_>) -> Self {
        let with_answer = |asked: Asked| {
            let told = answers.of(&asked).clone();
            (asked, told)
        };
        Self { asked: asked.into_iter().map(with_answer).collect(), result }
    }

    /// What was asked.
    pub fn questions(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().map(|(asked, _)| asked)
    }

    /// What the result rests on.
    pub fn grounds(&self) -> &impl BorshSerialize {
        &self.asked
    }

    /// Whether the result holds for this tree.
    pub fn holds(&self, answers: &mut Answers<'_, '_>) -> bool {
        self.asked.iter().all(|(asked, told)| answers.of(asked) == told)
    }

    /// Whether the result is worth keeping: this copy of the repository has the content of every file that it rests on.
    /// What it lacks may be there the next time.
    pub fn is_lasting(&self, objects: &Objects) -> bool {
        let mut blobs = self.asked.iter().filter_map(|(_, told)| told.0.as_ref()?.1);
        blobs.all(|blob| matches!(objects.blob_size(blob), Ok(Some(_))))
    }
}

fn tell(files: &TreeFiles<'_>, asked: &Asked, roots: &[RepoPath]) -> Told {
    let found = match asked {
        Asked::File(path) => files.is_file(path).then(|| Found::File(path.clone())),
        Asked::Module(path) => find_at(files, path),
        Asked::Name(dotted) => find_name(files, roots, dotted),
    };
    Told(found.map(|found| match found {
        Found::File(path) => {
            let blob = files.blob(&path);
            (path, blob)
        }
        Found::Directory(path) => (path, None),
    }))
}
