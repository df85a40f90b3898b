//! Edits of the work tree that leave git alone: `fix --write`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gix::objs::Kind;

use super::super::{BlobId, Error, Repo, RepoPath};
use super::convert::Converter;
use super::files::{FileOp, FileSwap, Put};
use super::paths::{self, Removed};

/// One file of the work tree to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEdit {
    /// Where it is now, or will be if it is new.
    pub path: RepoPath,
    /// Where it goes, if it is renamed.
    pub new_path: Option<RepoPath>,
    /// The blob that the new content was made from, as the tree under study has it; `None`: there is no
    /// such file yet.
    pub read: Option<BlobId>,
    /// The new content, in the same form (line endings, encoding) as what was read.
    pub content: Vec<u8>,
}

impl Repo {
    /// Writes files of the work tree: all of them, or none. The index is left alone. Gives the paths
    /// that `git add` has to be told, sorted: old names and new ones.
    ///
    /// A file may be on disk as it was read, or as git would check it out (other line endings); the new
    /// content is converted alike.
    ///
    /// # Errors
    /// [`Error::Path`] when a file is not as it was read, another is in the way, or a path leads out of
    /// the work tree or into `.git`; [`Error::Write`] when the disk refuses.
    pub fn write_files(&self, edits: &[FileEdit]) -> Result<Vec<RepoPath>, Error> {
        let Some(root) = self.work_tree() else {
            return Err(Error::NotWritable {
                place: self.git_dir().display().to_string(),
                reason: "it is bare: there is no work tree".into(),
                hint: Some("use --commit or --patch".into()),
            });
        };
        self.permit_writing()?;
        let removed: Removed =
            edits.iter().filter(|edit| is_rename(edit)).map(|edit| edit.path.clone()).collect();
        let mut touched = BTreeSet::new();
        let mut targets = BTreeSet::new();
        let mut sources = BTreeSet::new();
        let mut converter = None;
        let mut ops = Vec::new();
        for edit in edits {
            let target = edit.new_path.as_ref().unwrap_or(&edit.path);
            if !targets.insert(target) || !sources.insert(&edit.path) {
                return Err(refuse(target, "it is named twice"));
            }
            paths::check_name(&edit.path, false)?;
            paths::check_name(target, false)?;
            let source_on_disk = paths::check_directories(root, &edit.path, &Removed::new())?;
            let target_on_disk = paths::check_directories(root, target, &removed)?;
            let rename = is_rename(edit);
            let content = match edit.read {
                Some(read) => {
                    if converter.is_none() {
                        converter = Some(Converter::for_work_tree(self)?);
                    }
                    let Some(converter) = &mut converter else { continue };
                    self.content_for_disk(edit, read, &source_on_disk, target, converter)?
                }
                None if rename => return Err(refuse(&edit.path, "it does not exist and cannot be renamed")),
                None => edit.content.clone(),
            };
            if rename || edit.read.is_none() {
                paths::check_free(&target_on_disk, target, &removed)?;
            }
            if rename {
                ops.push(FileOp::Remove(edit.path.clone()));
                touched.insert(edit.path.clone());
            }
            touched.insert(target.clone());
            let put = Put { content, link: false, executable: None, like: Some(edit.path.clone()) };
            ops.push(FileOp::Put { path: target.clone(), put, replace: !rename && edit.read.is_some() });
        }
        if !ops.is_empty() {
            let mut swap = FileSwap::stage(root, ops)?;
            swap.apply()?;
            swap.finish();
        }
        Ok(touched.into_iter().collect())
    }

    /// The new content in the form the file has on disk, if that still is what was read.
    fn content_for_disk(
        &self,
        edit: &FileEdit,
        read: BlobId,
        on_disk: &Path,
        target: &RepoPath,
        converter: &mut Converter<'_>,
    ) -> Result<Vec<u8>, Error> {
        let changed = || refuse(&edit.path, "it has changes that are not committed and were not read");
        let metadata = fs::symlink_metadata(on_disk).map_err(|_| refuse(&edit.path, "it is gone"))?;
        if !metadata.is_file() {
            return Err(refuse(&edit.path, "it is no regular file"));
        }
        let now = fs::read(on_disk)
            .map_err(|error| Error::File { path: edit.path.to_string(), reason: error.to_string() })?;
        let is_read = |bytes: &[u8]| {
            gix::objs::compute_hash(self.gix().object_hash(), Kind::Blob, bytes).is_ok_and(|id| id == read.0)
        };
        if is_read(&now) {
            return Ok(edit.content.clone());
        }
        if !is_read(&converter.stored_form(&edit.path, &now)?) {
            return Err(changed());
        }
        converter.checked_out_form(target, edit.content.clone())
    }
}

fn is_rename(edit: &FileEdit) -> bool {
    edit.new_path.as_ref().is_some_and(|new| *new != edit.path)
}

fn refuse(path: &RepoPath, reason: &str) -> Error {
    Error::Path { path: path.to_string(), reason: reason.into() }
}
