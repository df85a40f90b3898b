//! A merge driver in git's configuration and attributes of this copy alone.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;

use super::super::{Error, Repo};

/// What is to be added to which files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverPlan {
    additions: Vec<(PathBuf, String)>,
}

impl DriverPlan {
    /// Each file with the text that is added to its end.
    pub fn texts(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.additions.iter().map(|(file, text)| (file.as_path(), text.as_str()))
    }
}

impl Repo {
    /// What a merge driver called `name` with these `settings` takes, used for the files of the attribute
    /// `lines`. What is there already is left out.
    ///
    /// # Errors
    /// [`Error::NotWritable`] where another driver has the name, or the repository is somebody else's.
    pub fn plan_driver(
        &self,
        name: &str,
        settings: &[(&str, &str)],
        lines: &[String],
    ) -> Result<DriverPlan, Error> {
        self.permit_writing()?;
        let place = self.gix().common_dir();
        let (config, attributes) = (place.join("config"), place.join("info").join("attributes"));
        let mut additions = Vec::new();
        let key = format!("merge.{name}.driver");
        let known = self.gix().config_snapshot().string(key.as_str());
        let wanted = settings.iter().find(|(key, _)| *key == "driver").map(|(_, value)| *value);
        match known {
            Some(known) if wanted.is_some_and(|wanted| known.as_slice() == wanted.as_bytes()) => {}
            Some(known) => {
                return Err(Error::NotWritable {
                    place: config.display().to_string(),
                    reason: format!("{key} is set to something else: {}", known.to_str_lossy()),
                    hint: Some(format!("git config --remove-section merge.{name}   (then again)")),
                });
            }
            None => {
                let mut text = format!("[merge \"{name}\"]\n");
                for (key, value) in settings {
                    text.push_str(&format!("\t{key} = {value}\n"));
                }
                additions.push((config, text));
            }
        }
        let there = read(&attributes)?.unwrap_or_default();
        let new: String = lines
            .iter()
            .filter(|line| !there.lines().any(|known| known.trim() == line.as_bytes()))
            .flat_map(|line| [line.as_str(), "\n"])
            .collect();
        if !new.is_empty() {
            additions.push((attributes, new));
        }
        Ok(DriverPlan { additions })
    }

    /// Writes it, each file whole or not at all.
    ///
    /// # Errors
    /// [`Error::Locked`] while somebody else writes, [`Error::Write`] when the disk refuses.
    pub fn write_driver(&self, plan: DriverPlan) -> Result<(), Error> {
        self.permit_writing()?;
        // Attributes that name a driver nobody has set up do no harm; they come first.
        for (file, text) in plan.additions.into_iter().rev() {
            append(&file, &text)?;
        }
        Ok(())
    }
}

fn read(file: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::File { path: file.display().to_string(), reason: error.to_string() }),
    }
}

/// Adds `text` to the end, under the lock that git takes.
fn append(file: &Path, text: &str) -> Result<(), Error> {
    let failed =
        |error: io::Error| Error::Write { what: file.display().to_string(), reason: error.to_string() };
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut lock = file.as_os_str().to_owned();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let mut aside = match fs::OpenOptions::new().write(true).create_new(true).open(&lock) {
        Ok(aside) => aside,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::Locked { path: lock.display().to_string() });
        }
        Err(error) => return Err(failed(error)),
    };
    let written = (|| {
        let before = match fs::read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            before => before?,
        };
        aside.write_all(&before)?;
        if !before.is_empty() && !before.ends_with(b"\n") {
            aside.write_all(b"\n")?;
        }
        aside.write_all(text.as_bytes())?;
        aside.flush()?;
        if let Ok(metadata) = fs::metadata(file) {
            fs::set_permissions(&lock, metadata.permissions())?;
        }
        fs::rename(&lock, file)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&lock);
    }
    written.map_err(failed)
}
