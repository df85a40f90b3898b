//! Writing: objects, commits, refs, and the files of the work tree.
//!
//! The order is always the same, so that a failure at any point leaves the old state intact:
//! objects first (nothing refers to them yet), then every file and lock prepared aside, then the refs
//! by compare-and-swap. Hooks are not run.

mod amend;
mod convert;
mod files;
mod follow;
mod hook_files;
mod paths;
mod refs;
mod settings;
#[cfg(test)]
mod tests;
mod undo;
mod work_files;

use bstr::{BStr, BString, ByteSlice as _};
use gix::ObjectId;
use gix::objs::{Kind, TreeRefIter, Write as _};

pub use self::amend::Amended;
pub use self::follow::{BranchMove, CheckedOut, Moved};
pub use self::hook_files::{HookFile, HookPlace};
pub use self::refs::RefUpdate;
pub(in crate::vcs) use self::refs::UNDO;
pub use self::settings::DriverPlan;
pub use self::undo::UndoRecord;
pub use self::work_files::FileEdit;

use super::error::reason;
use super::{CommitId, Error, Repo, TreeId};

impl Repo {
    /// Whether objects and refs may be written here.
    ///
    /// # Errors
    /// [`Error::NotWritable`] for a repository that belongs to somebody else, and inside a hook that
    /// receives a push: git forbids ref updates while the pushed objects are in quarantine.
    pub fn permit_writing(&self) -> Result<(), Error> {
        let refuse = |reason: &str, hint: Option<String>| {
            let place = self.git_dir().display().to_string();
            Err(Error::NotWritable { place, reason: reason.into(), hint })
        };
        if self.gix().git_dir_trust() != gix::sec::Trust::Full {
            let directory = self.work_tree().unwrap_or_else(|| self.git_dir()).display();
            return refuse(
                "it belongs to another user",
                Some(format!("git config --global --add safe.directory {directory}")),
            );
        }
        let storage = self.gix().config_snapshot().string("extensions.refStorage");
        if storage.is_some_and(|format| format.as_slice() != b"files") {
            return refuse(
                "it keeps its refs in the reftable format",
                Some("git refs migrate --ref-format=files".into()),
            );
        }
        if in_quarantine() {
            return refuse(
                "the environment of a hook keeps new objects apart (GIT_OBJECT_DIRECTORY is set)",
                None,
            );
        }
        Ok(())
    }

    /// Writes to disk what `tree` reaches and only this process knows, members before the trees that
    /// name them. What is on disk already is left alone.
    ///
    /// # Errors
    /// When an object cannot be written (disk full, no permission). What was written until then is
    /// unreachable and harmless; git removes it in time.
    pub fn persist(&self, tree: TreeId) -> Result<(), Error> {
        self.permit_writing()?;
        /// A tree is written when it comes up the second time, after its members.
        enum Step {
            Enter(ObjectId),
            Leave(ObjectId),
        }
        let mut seen = gix::hashtable::HashSet::default();
        let mut stack = vec![Step::Enter(tree.0)];
        while let Some(step) = stack.pop() {
            match step {
                Step::Leave(id) => self.write_remembered(&id)?,
                Step::Enter(id) => {
                    if !seen.insert(id) {
                        continue;
                    }
                    let Some((kind, data)) = self.objects().in_memory(&id) else { continue };
                    stack.push(Step::Leave(id));
                    if kind != Kind::Tree {
                        continue;
                    }
                    for entry in TreeRefIter::from_bytes(&data, self.gix().object_hash()) {
                        let entry = entry
                            .map_err(|error| Error::Object { id: id.to_string(), reason: reason(&error) })?;
                        if !entry.mode.is_commit() {
                            stack.push(Step::Enter(entry.oid.to_owned()));
                        }
                    }
                }
            }
        }
        if tree == self.objects().empty_tree() {
            self.write_object(Kind::Tree, &[])?;
        }
        Ok(())
    }

    fn write_remembered(&self, id: &ObjectId) -> Result<(), Error> {
        match self.objects().in_memory(id) {
            Some((kind, data)) => self.write_object(kind, &data).map(drop),
            None => Ok(()),
        }
    }

    /// Writes one object unless it is on disk.
    fn write_object(&self, kind: Kind, data: &[u8]) -> Result<ObjectId, Error> {
        let failed = |error: &gix::Error| Error::Write {
            what: format!("a {kind} to {}", self.gix().objects.store_ref().path().display()),
            reason: causes(error),
        };
        let id = gix::objs::compute_hash(self.gix().object_hash(), kind, data).map_err(|e| failed(&e))?;
        if self.on_disk(&id) {
            return Ok(id);
        }
        self.gix().objects.write_buf_with_known_id(kind, data, id).map_err(|error| failed(&error))
    }

    fn on_disk(&self, id: &gix::oid) -> bool {
        gix::objs::Exists::exists(&self.gix().objects, id)
    }

    /// Makes a commit of `tree`, whose new objects are written first ([`Repo::persist`]). Author and
    /// committer come from git's configuration and environment; it is signed where git is configured
    /// to sign commits. No ref is touched.
    ///
    /// # Errors
    /// [`Error::Identity`] where git would ask who you are; [`Error::Write`] where the disk refuses or
    /// the signing program fails.
    pub fn write_commit(&self, tree: TreeId, parents: &[CommitId], message: &str) -> Result<CommitId, Error> {
        self.permit_writing()?;
        let author = self.signature("author")?;
        let mut message = message.to_owned();
        if !message.ends_with('\n') {
            message.push('\n');
        }
        self.commit(tree, parents, author.as_bstr(), None, message.as_bytes())
    }

    /// Makes a commit of `tree` that keeps author, author date, message and its encoding of `like`, as a
    /// rebase does. Its signature does not survive; the new one is signed where git is configured to.
    ///
    /// # Errors
    /// As [`Repo::write_commit`], and when `like` cannot be read.
    pub fn rewrite_commit(
        &self,
        like: CommitId,
        tree: TreeId,
        parents: &[CommitId],
    ) -> Result<CommitId, Error> {
        self.permit_writing()?;
        let unreadable = |reason: String| Error::Object { id: like.to_string(), reason };
        let mut buffer = Vec::new();
        let commit = gix::objs::FindExt::find_commit(self.objects(), &like.0, &mut buffer)
            .map_err(|error| unreadable(reason(&error)))?;
        self.commit(tree, parents, commit.author, commit.encoding, commit.message)
    }

    fn commit(
        &self,
        tree: TreeId,
        parents: &[CommitId],
        author: &BStr,
        encoding: Option<&BStr>,
        message: &[u8],
    ) -> Result<CommitId, Error> {
        if message.contains(&0) {
            return Err(Error::Write {
                what: "a commit".into(),
                reason: "its message holds a NUL byte".into(),
            });
        }
        let committer = self.signature("committer")?;
        self.persist(tree)?;
        let mut data = format!("tree {tree}\n").into_bytes();
        for parent in parents {
            data.extend_from_slice(format!("parent {parent}\n").as_bytes());
        }
        for (key, value) in
            [("author", Some(author)), ("committer", Some(committer.as_bstr())), ("encoding", encoding)]
        {
            if let Some(value) = value {
                data.extend_from_slice(key.as_bytes());
                data.push(b' ');
                data.extend_from_slice(value);
                data.push(b'\n');
            }
        }
        data.push(b'\n');
        data.extend_from_slice(message);
        self.signed(data).and_then(|data| self.write_object(Kind::Commit, &data)).map(CommitId)
    }

    /// Signs a commit where git is configured to.
    fn signed(&self, data: Vec<u8>) -> Result<Vec<u8>, Error> {
        let failed = |reason| Error::Write { what: "a signed commit".into(), reason };
        let options = self.gix().commit_signing_options_if_enabled();
        let Some(options) = options.map_err(|error| failed(causes(&error)))? else { return Ok(data) };
        let commit = gix::objs::CommitRef::from_bytes(&data, self.gix().object_hash())
            .and_then(|commit| commit.sign(options))
            .map_err(|error| failed(causes(&error)))?;
        let mut signed = Vec::new();
        gix::objs::WriteTo::write_to(&commit, &mut signed).map_err(|error| failed(error.to_string()))?;
        Ok(signed)
    }

    /// `Name <address> seconds zone`, as git would write it.
    /// `Name <address>` of whoever writes commits here.
    ///
    /// # Errors
    /// [`Error::Identity`] where git would ask who you are.
    pub fn author_name(&self) -> Result<String, Error> {
        let signature = self.signature("author")?;
        let end = signature.rfind_byte(b'>').map_or(signature.len(), |at| at + 1);
        Ok(signature[..end].to_str_lossy().into_owned())
    }

    fn signature(&self, role: &'static str) -> Result<BString, Error> {
        let known = if role == "author" { self.gix().author() } else { self.gix().committer() };
        let signature = match known {
            Some(Ok(signature)) => signature,
            Some(Err(error)) => {
                return Err(Error::Write { what: format!("the {role}"), reason: causes(&error) });
            }
            None => return Err(Error::Identity { role, missing: "user.name or user.email".into() }),
        };
        let (name, email) = (clean(signature.name), clean(signature.email));
        if name.is_empty() {
            return Err(Error::Identity { role, missing: "user.name".into() });
        }
        let mut line = name;
        line.extend_from_slice(b" <");
        line.extend_from_slice(&email);
        line.extend_from_slice(b"> ");
        line.extend_from_slice(signature.time.as_bytes());
        Ok(line)
    }
}

/// A name or address without what would break the header line, trimmed as git trims it.
fn clean(text: &[u8]) -> BString {
    let crud = |b: &u8| *b <= 32 || b".,:;<>\"\\'".contains(b);
    let start = text.iter().position(|b| !crud(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|b| !crud(b)).map_or(start, |at| at + 1);
    text[start..end].iter().filter(|b| !b"<>\n\0".contains(b)).copied().collect::<Vec<_>>().into()
}

/// An error of the library with all its causes, which for a failed write is where the reason is.
fn causes(error: &gix::Error) -> String {
    let mut text = reason(error);
    for cause in error.iter_errors() {
        let cause = cause.to_string();
        let cause = cause.lines().next().unwrap_or_default();
        if !cause.is_empty() && !text.contains(cause) {
            text.push_str(": ");
            text.push_str(cause);
        }
    }
    text
}

#[allow(clippy::disallowed_methods, reason = "hooks speak through the environment")]
fn in_quarantine() -> bool {
    ["GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY"].iter().any(|name| std::env::var_os(name).is_some())
}
