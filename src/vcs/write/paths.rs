//! Paths that may be written: inside the work tree, and not into git's own files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;
use gix::validate::path::component;

use super::super::{Error, RepoPath};

/// Which files a change removes; they are in nobody's way.
pub(super) type Removed = BTreeSet<RepoPath>;

fn refuse(path: &RepoPath, reason: impl Into<String>) -> Error {
    Error::Path { path: path.to_string(), reason: reason.into() }
}

/// Whether `path` may be written at all, by its name: no `.git` in any spelling a file system may
/// take for it, no `..`, nothing empty.
pub(super) fn check_name(path: &RepoPath, link: bool) -> Result<(), Error> {
    if path.is_root() {
        return Err(refuse(path, "it has no name"));
    }
    let options = component::Options { protect_windows: cfg!(windows), ..component::Options::default() };
    for part in path.as_bytes().split_str("/") {
        let mode = link.then_some(component::Mode::Symlink);
        gix::validate::path::component(part.as_bstr(), mode, options)
            .map_err(|error| refuse(path, error.to_string()))?;
        if part.contains(&0) {
            return Err(refuse(path, "its name holds a NUL byte"));
        }
    }
    Ok(())
}

/// Where `path` is on disk, once its directories are known to be real ones of this repository.
pub(super) fn check_directories(root: &Path, path: &RepoPath, removed: &Removed) -> Result<PathBuf, Error> {
    let to_native = |path: &RepoPath| {
        gix::path::from_bstr(path.as_bytes())
            .map(|relative| root.join(relative))
            .map_err(|error| refuse(path, error.to_string()))
    };
    let mut directory = RepoPath::root();
    let parent = path.parent();
    for part in parent.components() {
        directory = directory.join(part);
        let on_disk = to_native(&directory)?;
        let Ok(metadata) = fs::symlink_metadata(&on_disk) else { break };
        if metadata.is_symlink() && !removed.contains(&directory) {
            return Err(refuse(path, format!("{directory} is a symbolic link")));
        }
        if !metadata.is_dir() {
            if removed.contains(&directory) {
                break;
            }
            return Err(refuse(path, format!("{directory} is not a directory")));
        }
        if fs::symlink_metadata(on_disk.join(".git")).is_ok() {
            return Err(refuse(path, format!("{directory} is another repository")));
        }
    }
    to_native(path)
}

/// Whether nothing is at `path` but what the change itself removes.
pub(super) fn check_free(on_disk: &Path, path: &RepoPath, removed: &Removed) -> Result<(), Error> {
    match fs::symlink_metadata(on_disk) {
        Err(_) => Ok(()),
        Ok(_) if removed.contains(path) => Ok(()),
        Ok(metadata) if metadata.is_dir() => {
            // A directory whose every file goes away goes away with them.
            match stays(on_disk, path, removed, 0) {
                Some(what) => Err(refuse(path, format!("{what} is in its place"))),
                None => Ok(()),
            }
        }
        Ok(_) => Err(refuse(path, "an untracked file is in its place and would be lost")),
    }
}

/// Something below a directory that the change does not remove.
fn stays(on_disk: &Path, path: &RepoPath, removed: &Removed, depth: usize) -> Option<String> {
    const DEEPEST: usize = 256;
    let Ok(members) = fs::read_dir(on_disk) else { return Some(path.to_string()) };
    let mut any = false;
    for member in members.flatten() {
        any = true;
        let name = member.file_name();
        let Ok(name) = gix::path::os_str_into_bstr(&name) else { return Some(path.to_string()) };
        let inner = path.join(name);
        let is_directory = member.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory && depth < DEEPEST {
            if let Some(found) = stays(&member.path(), &inner, removed, depth + 1) {
                return Some(found);
            }
        } else if !removed.contains(&inner) {
            return Some(inner.to_string());
        }
    }
    // git knows no empty directories, so removing files does not remove this one.
    (!any).then(|| path.to_string())
}
