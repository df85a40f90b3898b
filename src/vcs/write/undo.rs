//! How to take a branch back: `refs/onehead/undo/<UTC time>[-n]`.
//!
//! Each names an annotated tag object. Its message is JSON, `{"branch": …, "old": …, "new": …}` with
//! full ref name and commit ids; `old` is `null` for a branch that was created, and then undoing deletes
//! it. The tag's target is the old commit (for a created branch the new one), so that it stays reachable
//! and `git log <ref>` shows it. A plain ref to the old commit could say neither which branch it was
//! nor that there was none.

use std::time::SystemTime;

use bstr::ByteSlice as _;
use gix::ObjectId;
use gix::objs::{Kind, TagRef};

use super::super::{CommitId, Error, Repo};
use super::follow::Moved;
use super::refs::{Swap, UNDO};

/// More undo records within one second than anybody makes by hand.
pub(super) const MOST_PER_SECOND: u32 = 1000;

/// What an undo record says.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) branch: String,
    pub(super) old: Option<CommitId>,
    pub(super) new: CommitId,
}

/// A move of a branch that can be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoRecord {
    /// Full name of the ref that holds it.
    pub name: String,
    /// Full name of the branch.
    pub branch: String,
    /// Where the branch was; `None`: it did not exist.
    pub old: Option<CommitId>,
    /// Where it was moved to.
    pub new: CommitId,
    /// The tag object.
    tag: ObjectId,
}

impl Repo {
    /// Writes the tag of an undo record and gives the ref still to be made. `attempt` counts names
    /// tried in this call.
    pub(super) fn write_undo(&self, record: &Record, attempt: &mut u32) -> Result<Swap, Error> {
        let stamp = stamp(SystemTime::now());
        let name = loop {
            *attempt += 1;
            let name = match *attempt {
                1 => format!("{UNDO}{stamp}"),
                n => format!("{UNDO}{stamp}-{n}"),
            };
            if *attempt >= MOST_PER_SECOND || self.ref_value(&name)?.is_none() {
                break name;
            }
        };
        let message = serde_json::json!({
            "branch": record.branch,
            "old": record.old.map(|id| id.to_string()),
            "new": record.new.to_string(),
        });
        let target = record.old.unwrap_or(record.new);
        let short = name.trim_start_matches("refs/");
        let tagger = self.signature("committer")?;
        let data = format!("object {target}\ntype commit\ntag {short}\ntagger ");
        let data = [data.as_bytes(), &tagger, b"\n\n", message.to_string().as_bytes(), b"\n"].concat();
        let tag = self.write_object(Kind::Tag, &data)?;
        Ok(Swap { name, from: None, to: Some(tag), reason: "onehead: how to undo".into() })
    }

    /// All undo records, oldest first.
    ///
    /// # Errors
    /// When the refs cannot be read.
    pub fn undo_records(&self) -> Result<Vec<UndoRecord>, Error> {
        let failed = |error: &gix::Error| Error::Unreadable {
            place: self.git_dir().display().to_string(),
            reason: super::causes(error),
        };
        let platform = self.gix().references().map_err(|error| failed(&error))?;
        let mut records = Vec::new();
        for reference in platform.prefixed(UNDO).map_err(|error| failed(&error))?.flatten() {
            let name = reference.name().as_bstr().to_str_lossy().into_owned();
            let Some(tag) = reference.target().try_id().map(ToOwned::to_owned) else { continue };
            records.extend(self.read_undo(name, tag));
        }
        records.sort_by_cached_key(|record| order(&record.name));
        Ok(records)
    }

    /// The latest undo record.
    ///
    /// # Errors
    /// When the refs cannot be read.
    pub fn last_undo(&self) -> Result<Option<UndoRecord>, Error> {
        Ok(self.undo_records()?.pop())
    }

    /// A record read back; `None` for anything that is not one.
    fn read_undo(&self, name: String, tag: ObjectId) -> Option<UndoRecord> {
        let mut buffer = Vec::new();
        let found: TagRef<'_> = gix::objs::FindExt::find_tag(self.objects(), &tag, &mut buffer).ok()?;
        let message: serde_json::Value = serde_json::from_slice(found.message).ok()?;
        let id = |key: &str| ObjectId::from_hex(message.get(key)?.as_str()?.as_bytes()).ok().map(CommitId);
        let branch = message.get("branch")?.as_str()?.to_owned();
        let old = match message.get("old")? {
            serde_json::Value::Null => None,
            _ => Some(id("old")?),
        };
        Some(UndoRecord { name, branch, old, new: id("new")?, tag })
    }

    /// Takes a move back: the branch returns exactly to its old tip (or is deleted, if it was created),
    /// a work tree that has it checked out follows, and the record is deleted.
    ///
    /// # Errors
    /// [`Error::RefMoved`] when the branch does not stand where the move left it; else those of
    /// [`Repo::move_branch`].
    pub fn undo(&self, record: &UndoRecord) -> Result<Moved, Error> {
        self.permit_writing()?;
        let branch = Swap {
            name: record.branch.clone(),
            from: Some(record.new.0),
            to: record.old.map(|id| id.0),
            reason: "onehead: undo".into(),
        };
        let gone = Swap {
            name: record.name.clone(),
            from: Some(record.tag),
            to: None,
            reason: "onehead: undone".into(),
        };
        let followed = self.swap_and_follow(vec![branch.clone(), gone], &branch)?;
        Ok(Moved {
            branch: record.branch.clone(),
            old: Some(record.new),
            new: record.old,
            undo_ref: None,
            followed,
        })
    }
}

/// `yyyymmddThhmmssZ`.
fn stamp(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => time.strftime("%Y%m%dT%H%M%SZ").to_string(),
        Err(_) => "00000000T000000Z".into(),
    }
}

/// By time, then by number: `-10` comes after `-2`.
fn order(name: &str) -> (String, u32) {
    let name = name.trim_start_matches(UNDO);
    match name.split_once('-') {
        Some((time, number)) => (time.into(), number.parse().unwrap_or(u32::MAX)),
        None => (name.into(), 1),
    }
}
