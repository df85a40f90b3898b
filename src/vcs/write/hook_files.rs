//! The files that git runs as hooks.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::super::{Error, Repo};

/// What stands where a hook is to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookPlace {
    /// Nothing: it can be written.
    Free(HookFile),
    /// A hook that makes the same call.
    Calls(PathBuf),
    /// Somebody's hook.
    Taken(PathBuf),
    /// Hooks are looked for in a directory outside of this repository (`core.hooksPath`).
    Elsewhere(PathBuf),
}

/// A hook to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookFile {
    file: PathBuf,
    text: String,
}

impl HookFile {
    /// Where it goes.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Repo {
    /// Looks at the place of the hook `name`, which is to be `text` and to make the call `call`.
    ///
    /// # Errors
    /// [`Error::NotWritable`] in somebody else's repository; when the place cannot be looked at.
    pub fn plan_hook(&self, name: &str, text: &str, call: &str) -> Result<HookPlace, Error> {
        self.permit_writing()?;
        let (directory, is_own) = self.hooks_directory()?;
        let file = directory.join(name);
        let failed =
            |error: io::Error| Error::File { path: file.display().to_string(), reason: error.to_string() };
        match fs::symlink_metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(_) => {
                let there = fs::read(&file).unwrap_or_default();
                let calls = there.windows(call.len()).any(|part| part == call.as_bytes());
                return Ok(if calls { HookPlace::Calls(file) } else { HookPlace::Taken(file) });
            }
        }
        Ok(match is_own {
            true => HookPlace::Free(HookFile { file, text: text.to_owned() }),
            false => HookPlace::Elsewhere(file),
        })
    }

    /// Writes a hook, which git may run then. What has come to be there since stays.
    ///
    /// # Errors
    /// [`Error::Write`] when the disk refuses.
    pub fn write_hook(&self, hook: &HookFile) -> Result<(), Error> {
        self.permit_writing()?;
        let failed = |error: io::Error| Error::Write {
            what: hook.file.display().to_string(),
            reason: error.to_string(),
        };
        if let Some(directory) = hook.file.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o777);
        let mut file = options.open(&hook.file).map_err(failed)?;
        let written = file.write_all(hook.text.as_bytes()).and_then(|()| file.flush());
        if written.is_err() {
            let _ = fs::remove_file(&hook.file);
        }
        written.map_err(failed)
    }

    /// Where git looks for hooks, and whether that is this repository's own place.
    fn hooks_directory(&self) -> Result<(PathBuf, bool), Error> {
        let default = self.gix().common_dir().join("hooks");
        let config = self.gix().config_snapshot();
        let set = config.trusted_path("core.hooksPath").map_err(|error| Error::Unreadable {
            place: "core.hooksPath".into(),
            reason: super::super::error::reason(&error),
        })?;
        let Some(set) = set else { return Ok((default, true)) };
        // git runs hooks at the top of the work tree, and of a bare repository.
        let top = self.work_tree().unwrap_or_else(|| self.git_dir());
        let directory = top.join(set);
        let own = [top, self.git_dir(), self.gix().common_dir()];
        let is_own = own.iter().any(|own| real(&directory).starts_with(real(own)));
        Ok((directory, is_own))
    }
}

/// Where a path leads through symbolic links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let found = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match found {
        Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(Path::new(""))),
        None => path.to_owned(),
    }
}
