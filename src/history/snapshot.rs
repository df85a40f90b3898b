use std::collections::BTreeMap;
use std::sync::Arc;

use crate::revision::{
    Environment, MigrationFile, NumberClash, RevisionGraph, Script, Unreadable, number_prefix,
};
use crate::vcs::RepoPath;

/// One environment at one state.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The environment.
    pub environment: Environment,
    /// Every file that the tool would load, sorted by path.
    pub files: Vec<MigrationFile>,
    /// The files that are revisions, sorted by id, then path.
    pub scripts: Vec<Arc<Script>>,
    /// The files that are not read, or only in part.
    pub unreadable: Vec<Unreadable>,
    /// The graph of `scripts`.
    pub graph: Arc<RevisionGraph>,
    /// Directories with migrations that are not scanned, with their numbers of files.
    pub unscanned: Vec<(RepoPath, usize)>,
}

impl Snapshot {
    /// What the rest follows from: states with the same of this are one.
    pub fn grounds(&self) -> (&Environment, &[MigrationFile], &[(RepoPath, usize)]) {
        (&self.environment, &self.files, &self.unscanned)
    }

    /// The files that state `id`.
    pub fn scripts_of<'s>(&'s self, id: &str) -> impl Iterator<Item = &'s Script> + use<'s> {
        let start = self.scripts.partition_point(|script| &*script.revision < id);
        let id = id.to_owned();
        self.scripts[start..].iter().map(Arc::as_ref).take_while(move |script| *script.revision == *id)
    }

    /// The first file that states `id`.
    pub fn script(&self, id: &str) -> Option<&Script> {
        self.scripts_of(id).next()
    }

    /// A file whose content is not in this copy of the repository.
    pub fn absent(&self) -> Option<&RepoPath> {
        self.unreadable.iter().find(|file| file.absent).map(|file| &file.path)
    }

    /// The revision that the file at `path` states.
    pub fn script_at(&self, path: &RepoPath) -> Option<&Script> {
        self.scripts.iter().find(|script| script.path == *path).map(Arc::as_ref)
    }

    /// Files of one directory whose names start with the same number; sorted by number, then path.
    ///
    /// Version locations number on their own, so files of different directories do not clash.
    pub fn number_clashes(&self) -> Vec<NumberClash> {
        let mut numbers: BTreeMap<(u32, RepoPath), Vec<RepoPath>> = BTreeMap::new();
        for file in &self.files {
            if let Some(prefix) = number_prefix(file.path.name()) {
                numbers.entry((prefix, file.path.parent())).or_default().push(file.path.clone());
            }
        }
        numbers
            .into_iter()
            .filter(|(_, paths)| paths.len() > 1)
            .map(|((prefix, _), paths)| NumberClash { prefix, paths })
            .collect()
    }
}
