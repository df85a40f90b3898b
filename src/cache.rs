//! Answers of earlier runs that depend on the content of files alone, kept in a file of the user's cache directory.
//!
//! The file is a log of entries, each with a checksum. A run reads it at the start, looks answers up, and appends what it
//! found out itself in the end. An entry that is damaged is not there, and a file that cannot be read, written or trusted
//! costs time, never an answer: nothing here fails. Another build of onehead has another file.

use std::fs::{self, File, OpenOptions};
use std::hash::Hasher as _;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use borsh::{BorshDeserialize, BorshSerialize};
use rustc_hash::{FxHashMap, FxHasher};

/// Larger files are begun anew: most of what they keep is asked for no more.
const MAX_BYTES: u64 = 64 << 20;

/// Bytes before each entry: the lengths of its key and value, and the checksum of both.
const HEADER: usize = 12;

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The header of a migration.
    Header = 1,
    /// How far an edit reaches.
    Grade = 2,
}

/// The answers that are kept for one repository; shared between threads.
#[derive(Debug, Default)]
pub struct Cache {
    /// `None` where nothing is kept.
    file: Option<PathBuf>,
    /// The entries of earlier runs.
    old: Vec<u8>,
    /// Where they begin, by the hash of their keys.
    index: FxHashMap<u64, usize>,
    /// Whether the file ends in the middle of an entry, or is too large to be read.
    damaged: bool,
    /// The entries of this run.
    new: Mutex<Vec<u8>>,
}

impl Cache {
    /// A cache that keeps nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// What is kept below `directory` for the repository that is known as `repository`.
    pub fn open(directory: &Path, repository: &[u8]) -> Self {
        let mut hasher = FxHasher::default();
        hasher.write(repository);
        let file =
            directory.join(format!("{:016x}", hasher.finish())).join(concat!(env!("ONEHEAD_SOURCES"), ".log"));
        let mut cache = Self::none();
        cache.file = Some(file);
        cache.load();
        cache
    }

    fn load(&mut self) {
        let Some(Ok(mut file)) = self.file.as_ref().map(File::open) else { return };
        let length = file.metadata().map_or(0, |metadata| if metadata.is_file() { metadata.len() } else { 0 });
        if length > MAX_BYTES || file.read_to_end(&mut self.old).is_err() {
            self.old.clear();
            self.damaged = true;
            return;
        }
        let mut at = 0;
        while let Some((key, value)) = entry_at(&self.old, at) {
            self.index.insert(hash(key), at);
            at += HEADER + key.len() + value.len();
        }
        self.damaged = at != self.old.len();
        self.old.truncate(at);
    }

    /// Whether anything is kept at all.
    pub fn is_on(&self) -> bool {
        self.file.is_some()
    }

    /// The answer of an earlier run.
    pub fn get<T: BorshDeserialize>(&self, kind: Kind, key: &impl BorshSerialize) -> Option<T> {
        if self.index.is_empty() {
            return None;
        }
        let asked = key_bytes(kind, key)?;
        let at = *self.index.get(&hash(&asked))?;
        let (key, value) = entry_at(&self.old, at)?;
        let is_whole = || number(&self.old, at + 8) == Some(checksum(key, value));
        (key == asked && is_whole()).then(|| T::try_from_slice(value).ok())?
    }

    /// Keeps an answer for later runs.
    pub fn put<T: BorshSerialize>(&self, kind: Kind, key: &impl BorshSerialize, value: &T) {
        if !self.is_on() {
            return;
        }
        let (Some(key), Ok(value)) = (key_bytes(kind, key), borsh::to_vec(value)) else { return };
        let (Ok(key_length), Ok(value_length)) = (u32::try_from(key.len()), u32::try_from(value.len())) else {
            return;
        };
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        for number in [key_length, value_length, checksum(&key, &value)] {
            new.extend_from_slice(&number.to_le_bytes());
        }
        new.extend_from_slice(&key);
        new.extend_from_slice(&value);
    }

    /// Writes what this run found out.
    fn store(&mut self) -> io::Result<()> {
        let new = self.new.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some((file, directory)) = self.file.as_ref().and_then(|file| Some((file, file.parent()?))) else {
            return Ok(());
        };
        if new.is_empty() {
            return Ok(());
        }
        if !self.damaged && file.exists() {
            // One write: the entries of runs at the same time do not mix.
            return OpenOptions::new().append(true).open(file)?.write_all(new);
        }
        make_directory(directory)?;
        // What other builds kept here is of no use to this one.
        for other in fs::read_dir(directory)?.flatten().filter(|other| other.path() != *file) {
            let _ = fs::remove_file(other.path());
        }
        let mut whole = tempfile::NamedTempFile::new_in(directory)?;
        whole.write_all(&self.old)?;
        whole.write_all(new)?;
        whole.persist(file)?;
        Ok(())
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // A cache that cannot be written is one that keeps nothing.
        let _ = self.store();
    }
}

/// Makes a directory that only the user may look into.
fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn key_bytes(kind: Kind, key: &impl BorshSerialize) -> Option<Vec<u8>> {
    let mut bytes = vec![kind as u8];
    key.serialize(&mut bytes).ok()?;
    Some(bytes)
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
    use std::path::PathBuf;

    use super::{Cache, Kind};

    fn file(directory: &std::path::Path) -> PathBuf {
        let of_repository = fs::read_dir(directory).unwrap().next().unwrap().unwrap().path();
        fs::read_dir(of_repository).unwrap().next().unwrap().unwrap().path()
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
        drop((cache, at_once));
        let cache = open();
        assert_eq!(get(&cache, "k").as_deref(), Some("two"));
        assert_eq!(get(&cache, "other").as_deref(), Some("three"));
    }

    #[test]
    fn damage_costs_an_entry_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Cache::open(directory.path(), b"/a");
        let put = |key: &str| open().put(Kind::Header, &key, &key);
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
    fn a_place_that_cannot_be_written_keeps_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let in_the_way = directory.path().join("file");
        fs::write(&in_the_way, "").unwrap();
        let cache = Cache::open(&in_the_way, b"/a");
        cache.put(Kind::Header, &"k", &"v");
        drop(cache);
        assert_eq!(Cache::open(&in_the_way, b"/a").get::<String>(Kind::Header, &"k"), None);
        assert_eq!(fs::read(&in_the_way).unwrap(), b"");
        assert!(!Cache::none().is_on());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_may_look() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        Cache::open(directory.path(), b"/a").put(Kind::Header, &"k", &"v");
        let file = file(directory.path());
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0, 0));
    }
}
