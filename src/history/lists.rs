//! Lists of files as lists of numbers.
//!
//! The states of a history are many and differ in a file or two, so that nearly every file of a list has been seen
//! before: it costs a look-up and nothing is copied.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::reader::each_file;
use crate::revision::{Environment, MigrationFile};
use crate::vcs::{BlobId, Error, Objects, TreeId};

/// Files by number, shared by all threads.
#[derive(Default)]
pub(super) struct Numbered {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    numbers: FxHashMap<MigrationFile, u32>,
    files: Vec<MigrationFile>,
}

impl Numbered {
    /// The files, each at its number.
    pub(super) fn into_files(self) -> Vec<MigrationFile> {
        self.known.into_inner().unwrap_or_else(PoisonError::into_inner).files
    }

    fn number(&self, file: MigrationFile) -> u32 {
        let Known { numbers, files } = &mut *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *numbers.entry(file).or_insert_with_key(|file| {
            files.push(file.clone());
            files.len() as u32 - 1
        })
    }
}

/// Lists files, one thread's share.
pub(super) struct Lister<'n> {
    objects: Objects,
    numbered: &'n Numbered,
    /// Per path, its contents with their numbers.
    known: FxHashMap<Vec<u8>, Vec<(Option<BlobId>, u32)>>,
}

impl<'n> Lister<'n> {
    pub(super) fn new(objects: Objects, numbered: &'n Numbered) -> Self {
        Self { objects, numbered, known: FxHashMap::default() }
    }

    /// Numbers of the files that the tool of `environment` would load from the tree `root`, sorted by path. `trees` are
    /// those of the version locations, as far as they are known.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(super) fn list(
        &mut self,
        root: TreeId,
        environment: &Environment,
        trees: &[Option<TreeId>],
    ) -> Result<Vec<u32>, Error> {
        let Self { objects, numbered, known } = self;
        let mut list = Vec::new();
        let (mut last, mut path, mut is_sorted) = (Vec::new(), Vec::new(), true);
        each_file(objects, root, environment, trees, |directory, name, blob| {
            path.clear();
            path.extend_from_slice(directory.as_bytes());
            path.extend((!directory.is_root()).then_some(b'/'));
            path.extend_from_slice(name);
            let number = match known.get(&path).and_then(|all| all.iter().find(|(known, _)| *known == blob)) {
                Some((_, number)) => *number,
                None => {
                    let number = numbered.number(MigrationFile { path: directory.join(name), blob });
                    known.entry(path.clone()).or_default().push((blob, number));
                    number
                }
            };
            is_sorted &= last < path;
            std::mem::swap(&mut last, &mut path);
            list.push(number);
        })?;
        if !is_sorted {
            let known = numbered.known.lock().unwrap_or_else(PoisonError::into_inner);
            list.sort_unstable_by(|one, two| known.files[*one as usize].cmp(&known.files[*two as usize]));
            list.dedup();
        }
        Ok(list)
    }
}
