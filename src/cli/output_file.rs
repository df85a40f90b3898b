//! Reports into files: whole, or not at all.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::path::Path;

use super::exit::Failure;

/// Writes `bytes` to `path`. A file that is there is replaced in one step, so that whoever reads it sees the
/// old report or the new one; a pipe or a device is written to.
///
/// # Errors
/// When the file cannot be written; what was there is there still.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| {
        Failure::new(
            // The kind alone: the whole text names a temporary file that nobody knows.
            format!("cannot write {}: {}", path.display(), error.kind()),
            "-o FILE, in a directory that exists",
        )
    };
    // A symbolic link stays one: what it leads to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let known = fs::metadata(&target).ok();
    if known.as_ref().is_some_and(|known| !known.is_file()) {
        return fs::OpenOptions::new()
            .write(true)
            .open(&target)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|error| failed(&error));
    }
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".onehead-");
    if let Some(permissions) = known.map(|known| known.permissions()).or_else(ordinary) {
        builder.permissions(permissions);
    }
    let mut file = builder.tempfile_in(directory).map_err(|error| failed(&error))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(|error| failed(&error))?;
    file.persist(&target).map_err(|error| failed(&error.error))?;
    Ok(())
}

/// What a new file may be used for; the user's mask takes its part away.
#[cfg(unix)]
fn ordinary() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn ordinary() -> Option<Permissions> {
    None
}
