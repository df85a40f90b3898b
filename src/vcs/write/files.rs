//! A change of several files of a directory tree that happens whole or not at all.
//!
//! New content is written aside first, in one directory at the top, so that a full disk is noticed
//! before anything is touched. Then old files are kept aside while new ones take their places; until
//! [`FileSwap::finish`] everything can be put back.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;

use super::super::{Error, RepoPath};

/// What a file becomes.
#[derive(Debug)]
pub(super) struct Put {
    /// Its bytes; of a symbolic link, the target.
    pub(super) content: Vec<u8>,
    /// Whether it is a symbolic link.
    pub(super) link: bool,
    /// The executable bit; `None`: as the file at `like` has it.
    pub(super) executable: Option<bool>,
    /// The file whose permissions it takes over, where that exists.
    pub(super) like: Option<RepoPath>,
}

/// One step. Removals come first, whatever the order given.
#[derive(Debug)]
pub(super) enum FileOp {
    Remove(RepoPath),
    /// `replace`: a file may be there; else there must be none.
    Put {
        path: RepoPath,
        put: Put,
        replace: bool,
    },
}

#[derive(Debug)]
enum Done {
    Removed { target: PathBuf, kept: PathBuf },
    Placed { target: PathBuf, kept: Option<PathBuf> },
    MadeDirectory(PathBuf),
    RemovedDirectory(PathBuf, fs::Permissions),
}

/// Files written aside and ready to take their places.
#[derive(Debug)]
pub(super) struct FileSwap {
    root: PathBuf,
    aside: PathBuf,
    removals: Vec<PathBuf>,
    /// Where it goes, where it waits, whether it may replace.
    puts: Vec<(PathBuf, PathBuf, bool)>,
    done: Vec<Done>,
}

impl FileSwap {
    /// Writes the new content aside. Nothing that exists is touched.
    pub(super) fn stage(root: &Path, ops: Vec<FileOp>) -> Result<Self, Error> {
        let aside = make_aside(root).map_err(|error| failed(root, &error))?;
        let mut swap =
            Self { root: root.to_owned(), aside, removals: Vec::new(), puts: Vec::new(), done: Vec::new() };
        for (number, op) in ops.into_iter().enumerate() {
            match op {
                FileOp::Remove(path) => swap.removals.push(swap.on_disk(&path)?),
                FileOp::Put { path, put, replace } => {
                    let waits = swap.aside.join(format!("new-{number}"));
                    let like = put.like.as_ref().map(|like| swap.on_disk(like)).transpose()?;
                    let target = swap.on_disk(&path)?;
                    write_aside(&waits, &put, like.as_deref()).map_err(|error| failed(&target, &error))?;
                    swap.puts.push((target, waits, replace));
                }
            }
        }
        Ok(swap)
    }

    fn on_disk(&self, path: &RepoPath) -> Result<PathBuf, Error> {
        match gix::path::from_bstr(path.as_bytes()) {
            Ok(relative) => Ok(self.root.join(relative)),
            Err(error) => Err(Error::Path { path: path.to_string(), reason: error.to_string() }),
        }
    }

    /// Puts the new files in their places; on failure everything is put back.
    pub(super) fn apply(&mut self) -> Result<(), Error> {
        let Err(error) = self.try_apply() else { return Ok(()) };
        match self.take_back() {
            Ok(()) => Err(error),
            Err(left) => Err(Error::Half { reason: error.to_string(), left }),
        }
    }

    fn try_apply(&mut self) -> Result<(), Error> {
        for (number, target) in std::mem::take(&mut self.removals).into_iter().enumerate() {
            let kept = self.aside.join(format!("old-{number}"));
            fs::rename(&target, &kept).map_err(|error| failed(&target, &error))?;
            self.done.push(Done::Removed { target: target.clone(), kept });
            self.remove_empty_parents(&target);
        }
        for (number, (target, waits, replace)) in std::mem::take(&mut self.puts).into_iter().enumerate() {
            self.make_parents(&target).map_err(|error| failed(&target, &error))?;
            let kept = if replace {
                let kept = self.aside.join(format!("was-{number}"));
                keep(&target, &kept).map_err(|error| failed(&target, &error))?;
                fs::rename(&waits, &target).map_err(|error| failed(&target, &error))?;
                Some(kept)
            } else {
                place_new(&waits, &target).map_err(|error| failed(&target, &error))?;
                None
            };
            self.done.push(Done::Placed { target, kept });
        }
        Ok(())
    }

    fn remove_empty_parents(&mut self, target: &Path) {
        let mut directory = target.parent();
        while let Some(path) = directory.filter(|path| **path != self.root && path.starts_with(&self.root)) {
            let Ok(metadata) = fs::symlink_metadata(path) else { return };
            // It fails where something is left inside, and that is the end of it.
            if fs::remove_dir(path).is_err() {
                return;
            }
            self.done.push(Done::RemovedDirectory(path.to_owned(), metadata.permissions()));
            directory = path.parent();
        }
    }

    fn make_parents(&mut self, target: &Path) -> io::Result<()> {
        let missing: Vec<PathBuf> = target
            .ancestors()
            .skip(1)
            .take_while(|path| *path != self.root && !path.is_dir())
            .map(Path::to_owned)
            .collect();
        for path in missing.into_iter().rev() {
            fs::create_dir(&path)?;
            self.done.push(Done::MadeDirectory(path));
        }
        Ok(())
    }

    /// Puts everything back as it was; on failure, tells what is not.
    pub(super) fn take_back(&mut self) -> Result<(), String> {
        let mut left = Vec::new();
        while let Some(done) = self.done.pop() {
            let (path, result) = match done {
                Done::Removed { target, kept } => {
                    let result = fs::rename(&kept, &target);
                    (target, result)
                }
                Done::Placed { target, kept: Some(kept) } => {
                    let result = fs::rename(&kept, &target);
                    (target, result)
                }
                Done::Placed { target, kept: None } => {
                    let result = fs::remove_file(&target);
                    (target, result)
                }
                Done::MadeDirectory(path) => {
                    let result = fs::remove_dir(&path);
                    (path, result)
                }
                Done::RemovedDirectory(path, permissions) => {
                    let result = fs::create_dir(&path).and_then(|()| fs::set_permissions(&path, permissions));
                    (path, result)
                }
            };
            if let Err(error) = result {
                left.push(format!("{} ({error})", path.display()));
            }
        }
        match left.is_empty() {
            true => Ok(()),
            false => {
                left.push(format!("the old files are in {}", self.aside.display()));
                // They are all that is left of the old state.
                self.aside = PathBuf::new();
                Err(left.join(", "))
            }
        }
    }

    /// The new state stays.
    pub(super) fn finish(mut self) {
        self.done.clear();
    }
}

impl Drop for FileSwap {
    fn drop(&mut self) {
        // Nothing is left to take back here unless somebody panicked.
        let _ = self.take_back();
        if !self.aside.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.aside);
        }
    }
}

/// A new directory for files that wait; at the top, as renaming does not cross file systems.
fn make_aside(root: &Path) -> io::Result<PathBuf> {
    const TRIES: u32 = 100;
    for number in 0..TRIES {
        let path = root.join(format!(".onehead-{number}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn write_aside(waits: &Path, put: &Put, like: Option<&Path>) -> io::Result<()> {
    if put.link {
        return symlink(&put.content, waits);
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if put.executable == Some(true) { 0o777 } else { 0o666 });
    }
    let mut file = options.open(waits)?;
    file.write_all(&put.content)?;
    file.flush()?;
    #[cfg(unix)]
    if let Some(Ok(old)) = like.map(fs::symlink_metadata)
        && old.is_file()
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = old.permissions().mode() & 0o7777;
        let was = mode & 0o100 != 0;
        let mode = match put.executable {
            Some(true) if !was => mode | ((mode & 0o444) >> 2),
            Some(false) if was => mode & !0o111,
            _ => mode,
        };
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = like;
    Ok(())
}

#[cfg(unix)]
fn symlink(target: &[u8], at: &Path) -> io::Result<()> {
    let target = gix::path::from_bstr(target.as_bstr()).map_err(io::Error::other)?;
    std::os::unix::fs::symlink(target, at)
}

#[cfg(not(unix))]
fn symlink(_: &[u8], _: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "symbolic links are not supported here"))
}

/// Keeps `target` at `kept` too, so that its place is never empty.
fn keep(target: &Path, kept: &Path) -> io::Result<()> {
    if fs::hard_link(target, kept).is_ok() {
        return Ok(());
    }
    if fs::symlink_metadata(target)?.is_symlink() {
        let to = fs::read_link(target)?;
        return gix::path::into_bstr(&to).map_err(io::Error::other).and_then(|to| symlink(&to, kept));
    }
    fs::copy(target, kept).map(drop)
}

/// Moves a file to a place that must be free.
fn place_new(waits: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(waits, target) {
        Ok(()) => fs::remove_file(waits),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // No hard links on this file system.
        Err(_) => match fs::symlink_metadata(target) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(waits, target),
        },
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::Write { what: path.display().to_string(), reason: error.to_string() }
}
