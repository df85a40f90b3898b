//! Refs move by compare-and-swap, several at once, and only branches and undo refs.

use std::time::Duration;

use bstr::{BStr, BString, ByteSlice as _};
use gix::ObjectId;
use gix::lock::acquire::Fail;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target};

use super::super::{CommitId, Error, Repo};
use super::causes;

/// Where undo records live.
pub(in crate::vcs) const UNDO: &str = "refs/onehead/undo/";
const BRANCHES: &str = "refs/heads/";
/// Moved by itself only where it is on no branch.
pub(super) const HEAD: &str = "HEAD";

/// One ref to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// Full name, below `refs/heads/` or `refs/onehead/undo/`.
    pub name: String,
    /// Where it must stand now; `None`: it must not exist.
    pub from: Option<CommitId>,
    /// Where it goes.
    pub to: CommitId,
    /// One line for the reflog.
    pub reason: String,
}

/// A ref change of any kind: undo refs name tag objects, and undoing a creation deletes.
#[derive(Clone, Debug)]
pub(super) struct Swap {
    pub(super) name: String,
    pub(super) from: Option<ObjectId>,
    pub(super) to: Option<ObjectId>,
    pub(super) reason: String,
}

impl From<&RefUpdate> for Swap {
    fn from(update: &RefUpdate) -> Self {
        Self {
            name: update.name.clone(),
            from: update.from.map(|id| id.0),
            to: Some(update.to.0),
            reason: update.reason.clone(),
        }
    }
}

impl Swap {
    pub(super) fn reversed(&self) -> Self {
        let reason = format!("taken back: {}", self.reason);
        Self { name: self.name.clone(), from: self.to, to: self.from, reason }
    }
}

/// Swaps whose locks are held and whose old values are verified; dropping it lets go of the locks.
pub(super) struct PreparedSwaps<'r> {
    repo: &'r Repo,
    transaction: gix::refs::file::Transaction<'r, 'r>,
    swaps: Vec<Swap>,
}

impl Repo {
    /// Moves several refs in one transaction: all, or none.
    ///
    /// Work trees do not follow: a branch that is checked out takes [`Repo::move_branch`].
    ///
    /// # Errors
    /// [`Error::RefMoved`] when a ref is not where it should be, [`Error::RefName`] for a name that is
    /// malformed, not ours to write or in the way of another ref, [`Error::Locked`] while somebody
    /// else writes, [`Error::Object`] when a target is not on disk, [`Error::CheckedOut`].
    pub fn update_refs(&self, updates: &[RefUpdate]) -> Result<(), Error> {
        self.permit_writing()?;
        for update in updates.iter().filter(|update| update.from != Some(update.to)) {
            check_name(&update.name)?;
            if let Some(tree) = self.checked_out(&update.name)?.into_iter().next() {
                return Err(tree.refusal(&update.name));
            }
        }
        self.prepare_swaps(updates.iter().map(Swap::from).collect())?.commit()
    }

    /// Takes the locks and checks everything that can be checked.
    pub(super) fn prepare_swaps(&self, swaps: Vec<Swap>) -> Result<PreparedSwaps<'_>, Error> {
        // The reflog needs a name; asked now, as afterwards is too late.
        self.signature("committer")?;
        for (at, swap) in swaps.iter().enumerate() {
            if swap.name != HEAD {
                check_name(&swap.name)?;
            }
            let twice = swaps[..at].iter().any(|other| other.name == swap.name);
            if twice {
                let reason = "it is named twice in one transaction".into();
                return Err(Error::RefName { name: swap.name.clone(), reason });
            }
            if let Some(id) = swap.to
                && !self.on_disk(&id)
            {
                return Err(Error::Object { id: id.to_string(), reason: "it is not in this copy".into() });
            }
        }
        self.check_swaps(&swaps)?;
        let head = self.gix().head_name().ok().flatten();
        let edits = swaps.iter().map(|swap| self.edit(swap, head.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let transaction = self
            .gix()
            .refs
            .transaction()
            .prepare(
                edits,
                self.timeout("core.filesRefLockTimeout", 100),
                self.timeout("core.packedRefsTimeout", 1000),
            )
            .map_err(|error| self.explain(&error, &swaps))?;
        // Again, now that nobody else can move them. A ref that must not exist and already has the very
        // value passes the library's own test.
        self.check_swaps(&swaps)?;
        if self.gix().head_name().ok().flatten() != head {
            return Err(Error::RefMoved {
                name: "HEAD".into(),
                expected: head.map(|name| name.as_bstr().to_string()),
                actual: self.head_branch(),
            });
        }
        Ok(PreparedSwaps { repo: self, transaction, swaps })
    }

    fn edit(&self, swap: &Swap, head: Option<&FullName>) -> Result<RefEdit, Error> {
        let name = full_name(&swap.name)?;
        let expected = match swap.from {
            Some(id) => PreviousValue::MustExistAndMatch(Target::Object(id)),
            None => PreviousValue::MustNotExist,
        };
        Ok(match swap.to {
            Some(id) => {
                let log = LogChange {
                    mode: RefLog::AndReference,
                    force_create_reflog: false,
                    message: swap.reason.lines().next().unwrap_or_default().into(),
                };
                let change = Change::Update { log, expected, new: Target::Object(id) };
                // Through HEAD, so that its reflog tells of it too, as with git.
                match head.filter(|head| **head == name) {
                    Some(_) => RefEdit { change, name: full_name("HEAD")?, deref: true },
                    None => RefEdit { change, name, deref: false },
                }
            }
            None => {
                RefEdit { change: Change::Delete { expected, log: RefLog::AndReference }, name, deref: false }
            }
        })
    }

    /// Whether every ref stands where it should, and no name is in another's way.
    fn check_swaps(&self, swaps: &[Swap]) -> Result<(), Error> {
        for swap in swaps {
            let actual = self.ref_value(&swap.name)?;
            if actual != swap.from.map(Target::Object) {
                return Err(moved(swap, actual.as_ref()));
            }
            if swap.from.is_none() {
                self.check_in_the_way(&swap.name, swaps)?;
            }
        }
        Ok(())
    }

    /// git keeps refs as files, so `a` and `a/b` exclude each other, packed or not.
    fn check_in_the_way(&self, name: &str, swaps: &[Swap]) -> Result<(), Error> {
        let in_the_way = |other: &str| {
            Err(Error::RefName { name: name.into(), reason: format!("the ref {other} is in its way") })
        };
        for (at, _) in name.match_indices('/').filter(|(at, _)| *at > BRANCHES.len()) {
            let prefix = &name[..at];
            if self.ref_value(prefix)?.is_some() {
                return in_the_way(prefix);
            }
        }
        let below = format!("{name}/");
        if let Some(other) =
            swaps.iter().find(|o| o.name.starts_with(&below) || name.starts_with(&format!("{}/", o.name)))
        {
            return in_the_way(&other.name);
        }
        let unreadable = |error: &gix::Error| Error::Unreadable {
            place: self.git_dir().display().to_string(),
            reason: causes(error),
        };
        let platform = self.gix().references().map_err(|error| unreadable(&error))?;
        if let Some(other) =
            platform.prefixed(below.as_str()).map_err(|error| unreadable(&error))?.flatten().next()
        {
            return in_the_way(&other.name().as_bstr().to_str_lossy());
        }
        Ok(())
    }

    /// A ref's own value, not followed.
    pub(super) fn ref_value(&self, name: &str) -> Result<Option<Target>, Error> {
        let full = full_name(name)?;
        let found = self.gix().refs.try_find(full.as_ref()).map_err(|error| Error::Unreadable {
            place: self.git_dir().display().to_string(),
            reason: causes(&error),
        })?;
        // A partial name would be looked up in several places; only the very ref counts.
        Ok(found.filter(|found| found.name == full).map(|found| found.target))
    }

    fn timeout(&self, key: &str, default: i64) -> Fail {
        match self.gix().config_snapshot().integer(key).unwrap_or(default) {
            0 => Fail::Immediately,
            millis => {
                // Negative means for ever to git; an hour is that to a person.
                let millis = u64::try_from(millis).unwrap_or(3_600_000);
                Fail::AfterDurationWithBackoff(Duration::from_millis(millis))
            }
        }
    }

    /// The library's refusal in our words.
    fn explain(&self, error: &gix::Error, swaps: &[Swap]) -> Error {
        let text = causes(error);
        if error.is_retryable() && text.contains("lock") {
            let held = swaps
                .iter()
                .map(|swap| self.gix().common_dir().join(format!("{}.lock", swap.name)))
                .chain(["packed-refs.lock", "HEAD.lock"].map(|name| self.gix().common_dir().join(name)))
                .find(|path| path.exists());
            let path = match (held, text.split('"').nth(1)) {
                (Some(path), _) => path.display().to_string(),
                (None, Some(resource)) => format!("{resource}.lock"),
                (None, None) => "a ref's lock".into(),
            };
            return Error::Locked { path };
        }
        match self.check_swaps(swaps) {
            Err(known) => known,
            Ok(()) => Error::Write {
                what: swaps.iter().map(|swap| swap.name.as_str()).collect::<Vec<_>>().join(", "),
                reason: text,
            },
        }
    }
}

impl PreparedSwaps<'_> {
    /// Makes the swaps real.
    pub(super) fn commit(self) -> Result<(), Error> {
        let Self { repo, transaction, swaps } = self;
        let committer = repo.signature("committer")?;
        let committer = gix::actor::SignatureRef::from_bytes(&committer)
            .map_err(|error| Error::Write { what: "the reflog".into(), reason: causes(&error) })?;
        let Err(error) = transaction.commit(committer) else { return Ok(()) };
        let names: Vec<_> = swaps.iter().map(|swap| swap.name.as_str()).collect();
        let error = Error::Write { what: names.join(", "), reason: causes(&error) };
        // Some may have moved before the one that failed.
        let mut left = Vec::new();
        for swap in &swaps {
            let there = repo.ref_value(&swap.name);
            if swap.from != swap.to && there.is_ok_and(|now| now == swap.to.map(Target::Object)) {
                let back = repo.prepare_swaps(vec![swap.reversed()]).and_then(PreparedSwaps::commit);
                if back.is_err() {
                    left.push(swap.name.clone());
                }
            }
        }
        match left.is_empty() {
            true => Err(error),
            false => Err(Error::Half { reason: error.to_string(), left: left.join(", ") }),
        }
    }
}

/// The name of a branch as people type it, with `refs/heads/` before it.
pub(super) fn branch_ref(branch: &str) -> String {
    match branch.starts_with("refs/") {
        true => branch.to_owned(),
        false => format!("{BRANCHES}{branch}"),
    }
}

/// Whether `name` is a full branch name.
pub(super) fn check_branch(name: &str) -> Result<(), Error> {
    match name.starts_with(BRANCHES) {
        true => check_name(name),
        false => Err(Error::RefName { name: name.into(), reason: "it is no branch".into() }),
    }
}

/// The name without `refs/heads/`.
pub(super) fn short_name(name: &str) -> &str {
    name.strip_prefix(BRANCHES).unwrap_or(name)
}

fn check_name(name: &str) -> Result<(), Error> {
    let refuse = |reason: &str| Err(Error::RefName { name: name.into(), reason: reason.into() });
    let Some(rest) = name.strip_prefix(BRANCHES).or_else(|| name.strip_prefix(UNDO)) else {
        return refuse("only branches and refs/onehead/undo/ are written");
    };
    if rest.starts_with('-') {
        return refuse("a branch name does not start with '-'");
    }
    if rest == "HEAD" {
        return refuse("a branch is not called HEAD");
    }
    full_name(name).map(drop)
}

fn full_name(name: &str) -> Result<FullName, Error> {
    FullName::try_from(BStr::new(name))
        .map_err(|error| Error::RefName { name: name.into(), reason: super::reason(&error) })
}

fn moved(swap: &Swap, actual: Option<&Target>) -> Error {
    Error::RefMoved {
        name: swap.name.clone(),
        expected: swap.from.map(|id| id.to_string()),
        actual: actual.map(|target| match target {
            Target::Object(id) => id.to_string(),
            Target::Symbolic(name) => BString::from(name.as_bstr()).to_string(),
        }),
    }
}
