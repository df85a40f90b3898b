//! Packed objects with the bases of their deltas kept.
//!
//! The library keeps what it has rebuilt from deltas, but inflates the full object at the end of each
//! chain anew, every time. A history is thousands of versions of a few directories, most of them deltas
//! of each other: here every member of a chain is kept for the next. What is not found here, or not
//! sound, is left to the library, which also has the words for what is wrong.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use gix::objs::Kind;
use gix::odb::pack::data::entry::Header;
use gix::odb::pack::{data, index};
use gix::oid;
use rustc_hash::FxHashMap;

/// More packs than this are better searched through the library's multi-pack index.
const MOST_PACKS: usize = 16;

/// Longer chains are not git's work.
const LONGEST_CHAIN: usize = 4096;

/// Larger objects, and deltas, are left to the library.
const LARGEST: u64 = 64 << 20;

/// Bytes of a commit that nearly always hold its header.
const COMMIT_HEAD: u64 = 512;

/// The packs of a repository; shared between threads.
pub(super) struct Packs {
    packs: Vec<Pack>,
    hash: gix::hash::Kind,
}

struct Pack {
    index: index::File,
    /// Opened when something is read.
    data: OnceLock<Option<data::File>>,
}

impl Packs {
    /// The packs below the object directories of `store`; none where objects are replaced by others.
    pub(super) fn open(store: &gix::odb::Store) -> Arc<Self> {
        let hash = store.object_hash();
        let mut directories = vec![store.path().to_owned()];
        directories.extend(store.alternate_db_paths().unwrap_or_default());
        let mut packs = Vec::new();
        if store.replacements().next().is_none() {
            for directory in &directories {
                packs.extend(Self::below(&directory.join("pack"), hash));
            }
        }
        if packs.len() > MOST_PACKS {
            packs.clear();
        }
        Arc::new(Self { packs, hash })
    }

    fn below(directory: &Path, hash: gix::hash::Kind) -> Vec<Pack> {
        let names = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut indexes: Vec<_> = names.map(|entry| entry.path()).collect();
        indexes.retain(|path| path.extension().is_some_and(|extension| extension == "idx"));
        indexes.sort_unstable();
        if indexes.len() > MOST_PACKS {
            return Vec::new();
        }
        let pack = |path| Some(Pack { index: index::File::at(path, hash).ok()?, data: OnceLock::new() });
        indexes.into_iter().filter_map(pack).collect()
    }
}

impl Pack {
    fn data(&self, hash: gix::hash::Kind) -> Option<&data::File> {
        let open = || data::File::at(self.index.path().with_extension("pack"), hash).ok();
        self.data.get_or_init(open).as_ref()
    }
}

/// An unpacked object.
pub(super) type Unpacked = (Kind, Arc<Vec<u8>>);

/// Reads objects out of packs; one per thread.
pub(super) struct PackReader {
    packs: Arc<Packs>,
    inflate: gix::zlib::Inflate,
    kept: Kept,
    /// The pack that held the last object.
    last: usize,
    delta: Vec<u8>,
}

impl PackReader {
    /// Keeps about `bytes` of unpacked objects.
    pub(super) fn new(packs: Arc<Packs>, bytes: usize) -> Self {
        let inflate = gix::zlib::Inflate::default();
        Self { packs, inflate, kept: Kept::new(bytes), last: 0, delta: Vec::new() }
    }

    fn locate(&mut self, id: &oid) -> Option<(usize, data::Offset)> {
        let count = self.packs.packs.len();
        for at in (0..count).map(|step| (self.last + step) % count) {
            let index = &self.packs.packs[at].index;
            if let Some(found) = index.lookup(id) {
                self.last = at;
                return Some((at, index.pack_offset_at_index(found)));
            }
        }
        None
    }

    /// Object `id`; `None` where it is not in these packs, or not sound.
    pub(super) fn object(&mut self, id: &oid) -> Option<Unpacked> {
        let (pack, offset) = self.locate(id)?;
        self.unpack(pack, offset)
    }

    /// The first bytes of commit `id`, at least its header, without what follows where that saves time.
    pub(super) fn commit_head(&mut self, id: &oid, buffer: &mut Vec<u8>) -> Option<()> {
        let (pack, offset) = self.locate(id)?;
        let packs = Arc::clone(&self.packs);
        let data = packs.packs[pack].data(packs.hash)?;
        let entry = data.entry(offset).ok()?;
        if entry.header != Header::Commit {
            return None;
        }
        let packed = data.entry_slice(entry.data_offset..data.pack_end() as u64)?;
        buffer.resize(entry.decompressed_size.min(COMMIT_HEAD) as usize, 0);
        self.inflate.reset();
        let (_, _, written) = self.inflate.prefix(packed, buffer).ok()?;
        buffer.truncate(written);
        let end = memchr::memmem::find(buffer, b"\ncommitter ")?;
        let line = memchr::memchr(b'\n', &buffer[end + 1..])?;
        buffer.truncate(end + 1 + line);
        Some(())
    }

    /// How many bytes object `id` has, told without unpacking it; `None` where that cannot be told.
    pub(super) fn size(&mut self, id: &oid) -> Option<u64> {
        let (pack, offset) = self.locate(id)?;
        let packs = Arc::clone(&self.packs);
        let data = packs.packs[pack].data(packs.hash)?;
        let entry = data.entry(offset).ok()?;
        if !entry.header.is_delta() {
            return Some(entry.decompressed_size);
        }
        // A delta begins with the sizes of its base and its result.
        let packed = data.entry_slice(entry.data_offset..data.pack_end() as u64)?;
        let mut sizes = [0; 20];
        self.inflate.reset();
        let (_, _, written) = self.inflate.prefix(packed, &mut sizes).ok()?;
        let (_, rest) = length(&sizes[..written])?;
        length(rest).map(|(size, _)| size as u64)
    }

    fn unpack(&mut self, pack: usize, offset: data::Offset) -> Option<Unpacked> {
        let packs = Arc::clone(&self.packs);
        let data = packs.packs[pack].data(packs.hash)?;
        let mut chain = Vec::new();
        let mut at = offset;
        // Down to what is known or whole ...
        let (kind, mut object) = loop {
            if let Some(known) = self.kept.get(pack, at) {
                break known;
            }
            let entry = data.entry(at).ok()?;
            let base = match entry.header {
                Header::OfsDelta { base_distance } => entry.checked_base_pack_offset(base_distance)?,
                Header::RefDelta { base_id } => {
                    let index = &packs.packs[pack].index;
                    index.pack_offset_at_index(index.lookup(base_id)?)
                }
                header => {
                    let kind = header.as_kind()?;
                    let mut object = Vec::new();
                    self.inflate(data, &entry, &mut object)?;
                    let object = Arc::new(object);
                    // Of blobs and commits only those are asked for again on which others are built.
                    if kind == Kind::Tree || !chain.is_empty() {
                        self.kept.put(pack, at, (kind, Arc::clone(&object)));
                    }
                    break (kind, object);
                }
            };
            if chain.len() == LONGEST_CHAIN {
                return None;
            }
            chain.push((at, entry));
            at = base;
        };
        // ... and up again.
        while let Some((at, entry)) = chain.pop() {
            let mut delta = std::mem::take(&mut self.delta);
            let inflated = self.inflate(data, &entry, &mut delta);
            let applied = inflated.and_then(|()| apply(&object, &delta));
            self.delta = delta;
            object = Arc::new(applied?);
            if kind == Kind::Tree || !chain.is_empty() {
                self.kept.put(pack, at, (kind, Arc::clone(&object)));
            }
        }
        Some((kind, object))
    }

    fn inflate(&mut self, data: &data::File, entry: &data::Entry, out: &mut Vec<u8>) -> Option<()> {
        if entry.decompressed_size > LARGEST {
            return None;
        }
        out.resize(entry.decompressed_size as usize, 0);
        data.decompress_entry(entry, &mut self.inflate, out).ok().map(drop)
    }
}

/// A number of a delta's header, seven bits a byte, the lowest first; and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// What `delta` makes of `base`; see "Deltified representation" in gitformat-pack. `None` where it is
/// not sound.
fn apply(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let (base_length, rest) = length(delta)?;
    let (result_length, mut rest) = length(rest)?;
    if base_length != base.len() || result_length as u64 > LARGEST {
        return None;
    }
    let mut result = Vec::with_capacity(result_length);
    while let Some((instruction, after)) = rest.split_first() {
        rest = after;
        if instruction & 0x80 == 0 {
            // The next so many bytes; zero is reserved.
            let (new, after) =
                rest.split_at_checked(usize::from(*instruction)).filter(|(new, _)| !new.is_empty())?;
            result.extend_from_slice(new);
            rest = after;
            continue;
        }
        // A part of the base: four bits say which bytes of its offset follow, three which of its length.
        let mut number = |flags: u8, most: u32| -> Option<usize> {
            let mut value = 0;
            for at in (0..most).filter(|at| flags & (1 << at) != 0) {
                let (byte, after) = rest.split_first()?;
                value |= usize::from(*byte) << (8 * at);
                rest = after;
            }
            Some(value)
        };
        let start = number(instruction & 0x0f, 4)?;
        let count = match number((instruction >> 4) & 0x07, 3)? {
            0 => 0x10000,
            count => count,
        };
        if result.len() + count > result_length {
            return None;
        }
        result.extend_from_slice(base.get(start..start.checked_add(count)?)?);
    }
    (result.len() == result_length).then_some(result)
}

/// Objects used of late: what has not been asked for while as much as fits was put in is dropped.
struct Kept {
    young: FxHashMap<(usize, data::Offset), Unpacked>,
    old: FxHashMap<(usize, data::Offset), Unpacked>,
    /// Bytes in `young`, and how many it may hold.
    bytes: usize,
    most: usize,
}

impl Kept {
    fn new(bytes: usize) -> Self {
        Self { young: FxHashMap::default(), old: FxHashMap::default(), bytes: 0, most: bytes / 2 }
    }

    fn get(&mut self, pack: usize, offset: data::Offset) -> Option<Unpacked> {
        let key = (pack, offset);
        if let Some((kind, object)) = self.young.get(&key) {
            return Some((*kind, Arc::clone(object)));
        }
        let (kind, object) = self.old.remove(&key)?;
        self.put(pack, offset, (kind, Arc::clone(&object)));
        Some((kind, object))
    }

    fn put(&mut self, pack: usize, offset: data::Offset, object: Unpacked) {
        self.bytes += object.1.len() + size_of::<Unpacked>();
        if self.bytes > self.most {
            self.old = std::mem::take(&mut self.young);
            self.bytes = object.1.len();
        }
        self.young.insert((pack, offset), object);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gix::ObjectId;

    use super::{Kept, PackReader, Packs, apply, length};
    use crate::vcs::testing::Scratch;

    #[test]
    fn deltas_are_applied_as_they_say() {
        let base = b"0123456789";
        // Insert "ab", copy 3..7, copy all.
        let delta = [10, 16, 2, b'a', b'b', 0x91, 3, 4, 0x90, 10];
        assert_eq!(apply(base, &delta).as_deref(), Some(&b"ab34560123456789"[..]));
        for unsound in [
            &delta[..9],                // cut off
            &[9, 2, 2, b'a', b'b'],     // another base
            &[10, 3, 2, b'a', b'b'],    // too short
            &[10, 1, 2, b'a', b'b'],    // too long
            &[10, 2, 0, 2, b'a', b'b'], // the reserved instruction
            &[10, 5, 0x91, 6, 5],       // beyond the end of the base
            &[10, 5, 0x9f, 255, 255, 255, 255, 5],
            &[0x80; 12],
        ] {
            assert_eq!(apply(base, unsound), None, "{unsound:?}");
        }
        assert_eq!(length(&[0x91, 0x2e, 7]), Some((0x1711, &[7][..])));
    }

    /// A pack with long chains of deltas of trees and blobs, and the ids of what it holds.
    fn packed() -> (Scratch, Vec<ObjectId>) {
        let scratch = Scratch::new();
        let mut blobs = Vec::new();
        let mut parent = None;
        for version in 0..40 {
            let text: String =
                (0..60).map(|line| format!("line {line} of {}\n", version.max(line))).collect();
            blobs.push(scratch.git(&["hash-object", "-w", "--stdin"], &text));
            let list = |(at, blob): (usize, &String)| format!("100644 blob {blob}\tfile{at}\n");
            let tree = scratch.git(&["mktree"], &blobs.iter().enumerate().map(list).collect::<String>());
            let line = parent.map(|parent| format!("parent {parent}\n")).unwrap_or_default();
            let body = "why\n".repeat(200);
            let person = "A <a@b> 1 +0000";
            let commit = format!("tree {tree}\n{line}author {person}\ncommitter {person}\n\n{body}");
            parent = Some(scratch.git(&["hash-object", "-w", "-t", "commit", "--stdin"], &commit));
        }
        scratch.git(&["update-ref", "refs/heads/main", &parent.unwrap()], "");
        scratch.git(&["repack", "-adfq", "--depth=30", "--window=30"], "");
        scratch.git(&["prune-packed"], "");
        let all = scratch.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"], "");
        let ids = all.lines().map(|id| ObjectId::from_hex(id.as_bytes()).unwrap()).collect();
        (scratch, ids)
    }

    fn reader(scratch: &Scratch, bytes: usize) -> PackReader {
        let store = gix::odb::at(scratch.path().join(".git/objects"), gix::hash::Kind::Sha1).unwrap();
        PackReader::new(Packs::open(store.store_ref()), bytes)
    }

    #[test]
    fn packed_objects_are_what_their_ids_say() {
        let (scratch, ids) = packed();
        let mut heads = 0;
        for bytes in [0, 3000, 1 << 20] {
            let mut reader = reader(&scratch, bytes);
            for id in ids.iter().chain(ids.iter().rev()) {
                let (kind, data) = reader.object(id).unwrap();
                assert_eq!(gix::objs::compute_hash(id.kind(), kind, &data).unwrap(), *id);
                assert_eq!(reader.size(id), Some(data.len() as u64));
                let mut head = Vec::new();
                if reader.commit_head(id, &mut head).is_some() {
                    heads += 1;
                    assert_eq!(kind, gix::objs::Kind::Commit);
                    assert!(data.starts_with(&head) && head.ends_with(b"\ncommitter A <a@b> 1 +0000"));
                }
            }
            assert!(reader.object(&ObjectId::null(gix::hash::Kind::Sha1)).is_none());
        }
        assert!(heads > 0);
    }

    #[test]
    fn a_damaged_pack_does_no_harm() {
        let (scratch, ids) = packed();
        let directory = scratch.path().join(".git/objects/pack");
        let file = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let file = file.into_iter().find(|path| path.extension().is_some_and(|e| e == "pack")).unwrap();
        let sound = std::fs::read(&file).unwrap();
        let mut lost = 0;
        for at in (12..sound.len()).step_by(53) {
            let mut damaged = sound.clone();
            damaged[at] ^= 1 << (at % 8);
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, damaged).unwrap();
            let mut reader = reader(&scratch, 1 << 20);
            lost += ids.iter().filter(|id| reader.object(id).is_none()).count();
            for id in &ids {
                reader.size(id);
                reader.commit_head(id, &mut Vec::new());
            }
        }
        assert!(lost > 0);
    }

    #[test]
    fn what_is_used_of_late_is_kept() {
        let mut kept = Kept::new(2000);
        let object = || (gix::objs::Kind::Tree, Arc::new(vec![0; 300]));
        for offset in 0..100 {
            kept.put(0, offset, object());
            assert!(kept.get(0, 0).is_some() && kept.get(0, offset).is_some());
        }
        assert!(kept.get(0, 50).is_none() && kept.young.len() + kept.old.len() < 8);
    }
}
