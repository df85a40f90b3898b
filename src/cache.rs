//! Answers of earlier runs that depend on the content of files alone, kept in the user's cache directory.
//!
//! Each kind of answer has a file, a log of entries with checksums. A run reads it when it asks first, and appends what it
//! found out itself in the end. An entry that is damaged is not there, and a file that cannot be read, written or
//! trusted costs time, never an answer: nothing here fails. Another build of onehead has other files.

use std::fs::{self, File, OpenOptions};
use std::hash::Hasher as _;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use borsh::{BorshDeserialize, BorshSerialize};
use rustc_hash::{FxHashMap, FxHasher};
use sha2::{Digest as _, Sha256};

/// What one run adds at most, so that a run over a whole history does not fill the file for nothing.
const MAX_NEW_BYTES: usize = 8 << 20;

/// Bytes before each entry: the lengths of its key and value, and the checksum of both.
const HEADER: usize = 12;

/// A short key that stands for a long one; SHA-256 of its bytes.
pub fn digest(key: &impl BorshSerialize) -> [u8; 32] {
    Sha256::digest(borsh::to_vec(key).unwrap_or_default()).into()
}

/// What an answer is about. Each kind has a file of its own, so that a run reads only what it may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a directory holds that may speak of migrations.
    Marks,
    /// Which files of a directory name `version_locations`.
    Locations,
    /// The header of a migration.
    Header,
    /// How far an edit reaches.
    Grade,
    /// What the upgrade of a migration does to the schema.
    Effects,
    /// The databases whose dialects a migration imports.
    Dialects,
    /// The databases whose drivers a file of dependencies names.
    Drivers,
    /// The naming convention of an environment.
    Naming,
    /// Whether a file may declare tables.
    Declares,
    /// The files of a directory and those below it that may declare tables.
    Declaring,
    /// The models of an environment.
    Models,
    /// The schema that an environment's revisions build.
    Replay,
    /// What a file outside of the migrations says of tables, engines and imports.
    Module,
    /// Which words of applications a file has.
    Words,
    /// Whether a file has a certain word.
    Mentions,
    /// What the words of a file may create.
    Creators,
    /// The directory at a path of a tree.
    Directory,
    /// The faults of the bodies and models of an environment of a tree.
    Faults,
    /// The faults of what surrounds the environments of a tree.
    Around,
}

impl Kind {
    const ALL: [Self; 19] = [
        Self::Marks,
        Self::Locations,
        Self::Header,
        Self::Grade,
        Self::Effects,
        Self::Dialects,
        Self::Drivers,
        Self::Naming,
        Self::Declares,
        Self::Declaring,
        Self::Models,
        Self::Replay,
        Self::Module,
        Self::Words,
        Self::Mentions,
        Self::Creators,
        Self::Directory,
        Self::Faults,
        Self::Around,
    ];

    /// Bytes from which on the older half of a file is forgotten: most of it is asked for no more.
    fn most(self) -> u64 {
        match self {
            // A few large entries, of which only the last are asked for.
            Self::Models | Self::Replay => 4 << 20,
            _ => 16 << 20,
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Marks => "marks.log",
            Self::Locations => "locations.log",
            Self::Header => "headers.log",
            Self::Grade => "grades.log",
            Self::Effects => "effects.log",
            Self::Dialects => "dialects.log",
            Self::Drivers => "drivers.log",
            Self::Naming => "naming.log",
            Self::Declares => "declares.log",
            Self::Declaring => "declaring.log",
            Self::Models => "models.log",
            Self::Replay => "replay.log",
            Self::Module => "modules.log",
            Self::Words => "words.log",
            Self::Mentions => "mentions.log",
            Self::Creators => "creators.log",
            Self::Directory => "directories.log",
            Self::Faults => "faults.log",
            Self::Around => "around.log",
        }
    }
}

/// The answers that are kept for one repository; shared between threads. By default nothing is kept.
#[derive(Debug, Default)]
pub struct Cache {
    /// `None` where nothing is kept.
    directory: Option<PathBuf>,
    logs: [OnceLock<Log>; Kind::ALL.len()],
}

/// The answers of one kind.
#[derive(Debug, Default)]
struct Log {
    /// The entries of earlier runs.
    old: Vec<u8>,
    /// Where they begin, by the hash of their keys.
    index: FxHashMap<u64, usize>,
    /// Whether the file holds more than these, so that it has to be written anew: the beginning of an entry, or too much.
    damaged: bool,
    /// The entries of this run.
    new: Mutex<Vec<u8>>,
}

impl Cache {
    /// What is kept below `directory` for the repository that is known as `repository`.
    pub fn open(directory: &Path, repository: &[u8]) -> Self {
        let place = directory.join(format!("{:016x}", hash(repository))).join(env!("ONEHEAD_SOURCES"));
        Self { directory: Some(place), logs: Default::default() }
    }

    fn log(&self, kind: Kind) -> Option<&Log> {
        let directory = self.directory.as_ref()?;
        Some(
            self.logs[kind as usize]
                .get_or_init(|| Log::read(&directory.join(kind.file_name()), kind.most())),
        )
    }

    /// Whether anything is kept at all.
    pub fn is_on(&self) -> bool {
        self.directory.is_some()
    }

    /// The answer of an earlier run.
    pub fn get<T: BorshDeserialize>(&self, kind: Kind, key: &impl BorshSerialize) -> Option<T> {
        let log = self.log(kind).filter(|log| !log.index.is_empty())?;
        T::try_from_slice(log.value(&borsh::to_vec(key).ok()?)?).ok()
    }

    /// The answer of an earlier run, else what `find` gives, which is kept. An error is not.
    ///
    /// # Errors
    /// Those of `find`.
    pub fn or_find<T: BorshSerialize + BorshDeserialize, E>(
        &self,
        kind: Kind,
        key: &impl BorshSerialize,
        find: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if let Some(kept) = self.get(kind, key) {
            return Ok(kept);
        }
        let found = find()?;
        self.put(kind, key, &found);
        Ok(found)
    }

    /// Whether an earlier run seems to have the answer.
    pub fn has(&self, kind: Kind, key: &impl BorshSerialize) -> bool {
        let known = |log: &Log| Some(log.index.contains_key(&hash(&borsh::to_vec(key).ok()?)));
        self.log(kind).filter(|log| !log.index.is_empty()).and_then(known).unwrap_or_default()
    }

    /// Keeps an answer for later runs.
    pub fn put<T: BorshSerialize>(&self, kind: Kind, key: &impl BorshSerialize, value: &T) {
        let Some(log) = self.log(kind) else { return };
        if let (Ok(key), Ok(value)) = (borsh::to_vec(key), borsh::to_vec(value)) {
            log.add(&key, &value);
        }
    }

    /// Writes what was put since this was last called. A cache that cannot be written is one that keeps nothing.
    pub fn store(&self) {
        let Some(directory) = &self.directory else { return };
        for (kind, log) in Kind::ALL.into_iter().zip(&self.logs) {
            let _ = log.get().map(|log| log.store(directory, kind.file_name()));
        }
    }
}

impl Log {
    fn read(file: &Path, most: u64) -> Self {
        let mut log = Self::default();
        let Ok(mut file) = File::open(file) else { return log };
        let length = file.metadata().map_or(0, |found| if found.is_file() { found.len() } else { 0 });
        if length > most + MAX_NEW_BYTES as u64 || file.read_to_end(&mut log.old).is_err() {
            log.old.clear();
            log.damaged = true;
            return log;
        }
        let end = log.list();
        log.damaged = end != log.old.len();
        log.old.truncate(end);
        if log.old.len() as u64 > most {
            log.forget_the_older_half();
        }
        log
    }

    /// Notes where the entries begin; gives where the last one ends.
    fn list(&mut self) -> usize {
        let mut at = 0;
        while let Some((key, value)) = entry_at(&self.old, at) {
            self.index.insert(hash(key), at);
            at += HEADER + key.len() + value.len();
        }
        at
    }

    /// The file is written anew without these by the next run that has something to add.
    fn forget_the_older_half(&mut self) {
        let mut at = 0;
        while let Some((key, value)) = entry_at(&self.old, at).filter(|_| at < self.old.len() / 2) {
            at += HEADER + key.len() + value.len();
        }
        self.old.drain(..at);
        self.index.clear();
        self.list();
        self.damaged = true;
    }

    fn value(&self, asked: &[u8]) -> Option<&[u8]> {
        let at = *self.index.get(&hash(asked))?;
        let (key, value) = entry_at(&self.old, at)?;
        let is_whole = || number(&self.old, at + 8) == Some(checksum(key, value));
        (key == asked && is_whole()).then_some(value)
    }

    fn add(&self, key: &[u8], value: &[u8]) {
        let (Ok(key_length), Ok(value_length)) = (u32::try_from(key.len()), u32::try_from(value.len()))
        else {
            return;
        };
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        if new.len() + HEADER + key.len() + value.len() > MAX_NEW_BYTES {
            return;
        }
        for number in [key_length, value_length, checksum(key, value)] {
            new.extend_from_slice(&number.to_le_bytes());
        }
        new.extend_from_slice(key);
        new.extend_from_slice(value);
    }

    /// Writes what this run found out.
    fn store(&self, directory: &Path, name: &str) -> io::Result<()> {
        let new = std::mem::take(&mut *self.new.lock().unwrap_or_else(PoisonError::into_inner));
        let file = directory.join(name);
        if new.is_empty() {
            return Ok(());
        }
        if !self.damaged && file.exists() {
            // One write: the entries of runs at the same time do not mix.
            return OpenOptions::new().append(true).open(file)?.write_all(&new);
        }
        if !directory.exists() {
            make_directory(directory)?;
            forget_other_builds(directory)?;
        }
        let mut whole = tempfile::NamedTempFile::new_in(directory)?;
        whole.write_all(&self.old)?;
        whole.write_all(&new)?;
        whole.persist(file)?;
        Ok(())
    }
}

/// What other builds kept for this repository is of no use to this one.
fn forget_other_builds(directory: &Path) -> io::Result<()> {
    let Some(of_repository) = directory.parent() else { return Ok(()) };
    for other in fs::read_dir(of_repository)?.flatten().filter(|other| other.path() != directory) {
        fs::remove_dir_all(other.path())?;
    }
    Ok(())
}

/// Makes a directory that only the user may look into.
fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The key and the value of the entry that begins at `at`; `None` where none is there in full.
fn entry_at(log: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    let (key, value) = (number(log, at)? as usize, number(log, at + 4)? as usize);
    let start = at.checked_add(HEADER)?;
    let middle = start.checked_add(key)?;
    Some((log.get(start..middle)?, log.get(middle..middle.checked_add(value)?)?))
}

fn number(log: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(log.get(at..)?.first_chunk().copied()?))
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(key);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Cache, Kind};

    /// A run that puts the key as its own value.
    fn put(directory: &Path, repository: &[u8], key: &str) {
        let cache = Cache::open(directory, repository);
        cache.put(Kind::Header, &key, &key);
        cache.store();
    }

    /// The one file below `directory`.
    fn file(directory: &Path) -> PathBuf {
        let inside = |path: PathBuf| fs::read_dir(path).unwrap().next().unwrap().unwrap().path();
        inside(inside(inside(directory.to_owned())))
    }

    #[test]
    fn what_one_run_puts_the_next_one_gets() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Cache::open(directory.path(), b"/a");
        let get = |cache: &Cache, key: &str| cache.get::<String>(Kind::Header, &key);
        {
            let cache = open();
            assert_eq!(get(&cache, "k"), None);
            cache.put(Kind::Header, &"k", &"one");
            cache.put(Kind::Grade, &"k", &2_u8);
            cache.store();
        }
        let cache = open();
        assert_eq!(get(&cache, "k").as_deref(), Some("one"));
        assert_eq!(cache.get::<u8>(Kind::Grade, &"k"), Some(2));
        assert_eq!(get(&cache, "other"), None);
        assert_eq!(Cache::open(directory.path(), b"/b").get::<String>(Kind::Header, &"k"), None);
        // Of two answers to one question the later counts; two runs at once lose nothing.
        let at_once = open();
        cache.put(Kind::Header, &"k", &"two");
        at_once.put(Kind::Header, &"other", &"three");
        cache.store();
        at_once.store();
        at_once.store();
        let cache = open();
        assert_eq!(get(&cache, "k").as_deref(), Some("two"));
        assert_eq!(get(&cache, "other").as_deref(), Some("three"));
    }

    #[test]
    fn damage_costs_an_entry_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Cache::open(directory.path(), b"/a");
        let put = |key: &str| put(directory.path(), b"/a", key);
        let got = || ["a", "b", "c"].map(|key| open().get::<String>(Kind::Header, &key).is_some());
        put("a");
        put("b");
        assert_eq!(got(), [true, true, false]);
        let file = file(directory.path());
        let whole = fs::read(&file).unwrap();
        // A bit of the first entry's value.
        let mut bytes = whole.clone();
        bytes[whole.len() / 2 - 1] ^= 1;
        fs::write(&file, &bytes).unwrap();
        assert_eq!(got(), [false, true, false]);
        // The end of the second entry: the next run puts things right.
        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(got(), [true, false, false]);
        put("c");
        assert_eq!(got(), [true, false, true]);
        // Lengths that lead anywhere.
        for garbage in [&[0xff_u8; 40][..], b"x", &[0; 12]] {
            fs::write(&file, garbage).unwrap();
            assert_eq!(got(), [false, false, false]);
            put("b");
            assert_eq!(got(), [false, true, false]);
        }
    }

    #[test]
    fn a_long_file_loses_what_is_old() {
        let directory = tempfile::tempdir().unwrap();
        put(directory.path(), b"/a", "old");
        let file = file(directory.path());
        let entry = fs::read(&file).unwrap();
        let filler = vec![b'x'; 6 << 20];
        let add = |key: &str| {
            let cache = Cache::open(directory.path(), b"/a");
            cache.put(Kind::Header, &key, &filler);
            cache.store();
        };
        let length = || fs::metadata(&file).unwrap().len();
        let got =
            |key: &str| Cache::open(directory.path(), b"/a").get::<Vec<u8>>(Kind::Header, &key).is_some();
        ["1", "2", "3"].into_iter().for_each(add);
        assert!(length() > 18 << 20 && fs::read(&file).unwrap().starts_with(&entry));
        assert_eq!(["1", "2", "3"].map(got), [false, false, true]);
        put(directory.path(), b"/a", "new");
        assert!(length() < 7 << 20);
        assert_eq!((got("3"), got("4")), (true, false));
        // Nobody wrote so much.
        fs::File::options().write(true).open(&file).unwrap().set_len(1 << 40).unwrap();
        assert!(!got("3"));
        put(directory.path(), b"/a", "new");
        assert!(length() < 1 << 10);
    }

    #[test]
    fn a_place_that_cannot_be_written_keeps_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let in_the_way = directory.path().join("file");
        fs::write(&in_the_way, "").unwrap();
        let cache = Cache::open(&in_the_way, b"/a");
        cache.put(Kind::Header, &"k", &"v");
        cache.store();
        assert_eq!(Cache::open(&in_the_way, b"/a").get::<String>(Kind::Header, &"k"), None);
        assert_eq!(fs::read(&in_the_way).unwrap(), b"");
        let none = Cache::default();
        none.put(Kind::Header, &"k", &"v");
        none.store();
    }

    #[test]
    fn a_new_build_forgets_what_the_last_one_kept() {
        let directory = tempfile::tempdir().unwrap();
        put(directory.path(), b"/a", "k");
        put(directory.path(), b"/b", "k");
        let file = file(directory.path());
        let build = file.parent().unwrap();
        fs::rename(build, build.with_file_name("0123456789abcdef")).unwrap();
        let kept = |repository: &[u8]| {
            Cache::open(directory.path(), repository).get::<String>(Kind::Header, &"k").is_some()
        };
        assert_eq!([kept(b"/a"), kept(b"/b")].iter().filter(|kept| **kept).count(), 1);
        let here = if kept(b"/a") { b"/b" } else { b"/a" };
        put(directory.path(), here, "k");
        assert!(kept(b"/a") && kept(b"/b"));
        assert_eq!(fs::read_dir(build.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_may_look() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        put(directory.path(), b"/a", "k");
        let file = file(directory.path());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0, 0));
    }
}
