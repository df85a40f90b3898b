use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice as _};
use gix::ObjectId;

use super::error::reason;
use super::objects::Lenient;
use super::write::UNDO;
use super::{CommitId, Error, Objects, ObjectsFactory, TreeId};
use crate::cache::Cache;

/// An opened repository: names become commits here.
pub struct Repo {
    local: gix::Repository,
    objects: Objects,
}

/// A ref and the commit it leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefTip {
    /// Full name, `refs/heads/main`.
    pub name: String,
    /// The commit, tags peeled.
    pub commit: CommitId,
}

/// The branch that counts as published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// As people name it.
    pub name: String,
    /// Its tip.
    pub commit: CommitId,
}

impl Repo {
    /// Opens the repository that holds `directory`, or the one the hook environment (`GIT_DIR`,
    /// `GIT_WORK_TREE`, `GIT_INDEX_FILE`, and the quarantine variables of a push) names.
    ///
    /// # Errors
    /// When there is none, or when it uses a storage format that cannot be read.
    pub fn discover(directory: &Path) -> Result<Self, Error> {
        if let Some(git_dir) = git_dir_below(directory, git_dir_of_environment()) {
            let options = gix::open::Options::default().open_path_as_is(true);
            return Self::from_opened(gix::ThreadSafeRepository::open_opts(&git_dir, options), &git_dir);
        }
        // `GIT_CEILING_DIRECTORIES` may name other places: git minds only those above `directory`.
        let open = || {
            let upwards =
                gix::discover::upwards::Options { match_ceiling_dir_or_error: false, ..Default::default() };
            let trust = Default::default();
            gix::ThreadSafeRepository::discover_with_environment_overrides_opts(directory, upwards, trust)
        };
        // A temporary file of another process may vanish while the directory is being read.
        Self::from_opened(open().or_else(|_| open()), directory)
    }

    /// Opens exactly the git directory `git_dir`.
    ///
    /// # Errors
    /// As [`Repo::discover`].
    pub fn open(git_dir: &Path) -> Result<Self, Error> {
        Self::from_opened(gix::ThreadSafeRepository::open(git_dir), git_dir)
    }

    fn from_opened(
        opened: Result<gix::ThreadSafeRepository, gix::Error>,
        place: &Path,
    ) -> Result<Self, Error> {
        let place = place.display().to_string();
        let shared = opened.map_err(|error| {
            let reason = reason(&error);
            if reason.contains("refStorage") || reason.contains("refstorage") {
                return Error::Unreadable { place: place.clone(), reason: REFTABLE.into() };
            }
            if error.is_not_found() || reason.contains("Could not find a git repository") {
                return Error::NotARepository { place: place.clone() };
            }
            if !Path::new(&place).exists() {
                return Error::Unreadable {
                    place: place.clone(),
                    reason: "there is no such directory".into(),
                };
            }
            if reason.contains("does not appear to be a git repository") {
                return Error::NotARepository { place: place.clone() };
            }
            Error::Unreadable { place: place.clone(), reason }
        })?;
        let local = shared.to_thread_local();
        let storage = local.config_snapshot().string("extensions.refStorage");
        if storage.is_some_and(|format| format.as_slice() != b"files") {
            return Err(Error::Unreadable { place, reason: REFTABLE.into() });
        }
        let objects = ObjectsFactory::new(shared.objects, quarantine_directories()).objects();
        Ok(Self { local, objects })
    }

    /// Keeps what is found out of the objects in the cache directory `directory`, and uses what is kept there.
    pub fn keep_in(&mut self, directory: &Path) {
        let place = self.local.common_dir();
        let place = place.canonicalize().unwrap_or_else(|_| place.to_owned());
        let cache = Cache::open(directory, place.as_os_str().as_encoded_bytes());
        self.objects = self.objects.factory().with_kept(cache).objects();
    }

    /// This thread's object reader.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// For readers on other threads.
    pub fn objects_factory(&self) -> &ObjectsFactory {
        self.objects.factory()
    }

    pub(in crate::vcs) fn gix(&self) -> &gix::Repository {
        &self.local
    }

    /// The work tree's directory; `None` for a bare repository.
    pub fn work_tree(&self) -> Option<&Path> {
        self.local.workdir()
    }

    /// The git directory of this (possibly linked) work tree.
    pub fn git_dir(&self) -> &Path {
        self.local.git_dir()
    }

    /// Whether the history is cut off somewhere.
    pub fn is_shallow(&self) -> bool {
        self.local.is_shallow().unwrap_or(false)
    }

    /// Commits whose parents this clone does not have by intention.
    pub(in crate::vcs) fn shallow_commits(&self) -> Vec<ObjectId> {
        match self.local.shallow_commits() {
            Ok(Some(commits)) => commits.iter().copied().collect(),
            _ => Vec::new(),
        }
    }

    /// The commit that `spec` names: anything `git rev-parse` takes, tags peeled.
    ///
    /// # Errors
    /// When it names nothing, something else than a commit, or an unborn branch.
    pub fn resolve(&self, spec: &str) -> Result<CommitId, Error> {
        // A full id is taken as it is, so that commits of a push in quarantine are found too.
        if let Ok(id) = ObjectId::from_hex(spec.as_bytes()) {
            return self.peel(id, spec);
        }
        let name = if spec == "@" { "HEAD" } else { spec };
        if name == "HEAD" {
            let head = self.local.head().map_err(|error| damaged(spec, &error))?;
            if let gix::head::Kind::Unborn(name) = head.kind {
                return Err(Error::UnbornHead { branch: name.shorten().to_str_lossy().into_owned() });
            }
        }
        if let Some(id) = self.named(name) {
            return self.peel(id, spec);
        }
        match self.local.rev_parse_single(spec) {
            Ok(id) => self.peel(id.detach(), spec),
            Err(error) => match self.objects.quarantined(spec) {
                Some(id) => self.peel(id, spec),
                None => Err(self.unresolved(spec, &error)),
            },
        }
    }

    /// What the ref `name` leads to, where that is here. The library would open packs of its own to look.
    fn named(&self, name: &str) -> Option<ObjectId> {
        let mut found = self.local.try_find_reference(name).ok()??;
        let id = found.follow_to_object().ok()?.detach();
        self.objects.kind(&id).ok()?.map(|_| id)
    }

    /// Why `spec` names nothing, in words of our own: the library's are about its insides.
    fn unresolved(&self, spec: &str, error: &gix::Error) -> Error {
        let is_name = gix::validate::reference::name_partial(spec.into()).is_ok();
        if is_name {
            match self.local.try_find_reference(spec) {
                Ok(None) => {}
                // The ref is sound, so what it leads to is not.
                Ok(Some(mut found)) => {
                    return match found.follow_to_object().map(gix::Id::detach) {
                        Ok(id) => self
                            .peel(id, spec)
                            .err()
                            .unwrap_or_else(|| Error::Object { id: id.to_string(), reason: reason(error) }),
                        Err(error) => damaged(spec, &error),
                    };
                }
                Err(error) => return damaged(spec, &error),
            }
        }
        let start = spec.find(['~', '^']).into_iter().chain(spec.find("@{")).min().filter(|at| *at > 0);
        let (name, way) = spec.split_at(start.unwrap_or(spec.len()));
        let reason = if !way.is_empty() && self.local.rev_parse_single(name).is_ok() {
            if self.is_shallow() && !way.starts_with("^{") && !way.starts_with('@') {
                return Error::BeyondEdge { spec: spec.into() };
            }
            format!("'{name}' is there, and has no '{way}'")
        } else if spec.contains("..") || spec.starts_with('^') {
            "it names a range, and one commit is needed".into()
        } else if reason(error).contains("ambiguous") {
            "more than one object's id begins like this".into()
        } else if !is_name && way.is_empty() && !spec.contains(':') {
            "git allows no such name".into()
        } else {
            String::new()
        };
        Error::UnknownRevision { spec: spec.into(), reason }
    }

    pub(in crate::vcs) fn peel(&self, mut id: ObjectId, spec: &str) -> Result<CommitId, Error> {
        // A tag may point to a tag; a chain longer than this is somebody's joke.
        for _ in 0..16 {
            match self.objects.kind(&id)? {
                Some(gix::objs::Kind::Commit) => return Ok(CommitId(id)),
                Some(gix::objs::Kind::Tag) => {
                    let mut buffer = Vec::new();
                    let target = gix::objs::FindExt::find_tag(&self.objects, &id, &mut buffer)
                        .map_err(|error| Error::Object { id: id.to_string(), reason: reason(&error) })?
                        .target();
                    id = target;
                }
                Some(other) => {
                    return Err(Error::UnknownRevision {
                        spec: spec.into(),
                        reason: format!("it is a {other}"),
                    });
                }
                // What a ref leads to should be here.
                None if ObjectId::from_hex(spec.as_bytes()).ok() != Some(id) => {
                    return Err(Error::Absent { id: id.to_string() });
                }
                None => break,
            }
        }
        Err(Error::UnknownRevision { spec: spec.into(), reason: "no such object".into() })
    }

    /// HEAD's commit, or `None` on an unborn branch.
    ///
    /// # Errors
    /// When HEAD is damaged.
    pub fn head(&self) -> Result<Option<CommitId>, Error> {
        match self.resolve("HEAD") {
            Ok(commit) => Ok(Some(commit)),
            Err(Error::UnbornHead { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The commits that a merge in progress brings into HEAD: what `MERGE_HEAD` names and, as a hook runs
    /// before git writes that, what the `GITHEAD_…` variables of a running `git merge` name.
    pub fn merging(&self) -> Vec<CommitId> {
        let written = std::fs::read_to_string(self.git_dir().join("MERGE_HEAD")).unwrap_or_default();
        let running = std::env::vars_os().filter_map(|(name, _)| {
            let name = name.into_string().ok()?;
            name.strip_prefix("GITHEAD_").map(ToOwned::to_owned)
        });
        let mut commits: Vec<CommitId> = written
            .lines()
            .map(ToOwned::to_owned)
            .chain(running)
            .filter_map(|id| self.peel(ObjectId::from_hex(id.as_bytes()).ok()?, &id).ok())
            .collect();
        commits.sort_unstable();
        commits.dedup();
        commits
    }

    /// Short name of the branch that HEAD is on; `None` when detached.
    pub fn head_branch(&self) -> Option<String> {
        let name = self.local.head_name().ok()??;
        Some(name.shorten().to_str_lossy().into_owned())
    }

    /// The trunk by the order of the specification: `named`, `refs/remotes/origin/HEAD`, `main`, `master`.
    ///
    /// # Errors
    /// When `named` names nothing.
    pub fn trunk(&self, named: Option<&str>) -> Result<Option<Trunk>, Error> {
        if let Some(name) = named {
            return Ok(Some(Trunk { name: name.into(), commit: self.resolve(name)? }));
        }
        for candidate in ["refs/remotes/origin/HEAD", "refs/heads/main", "refs/heads/master"] {
            let Ok(Some(found)) = self.local.try_find_reference(candidate) else { continue };
            let name = match found.target().try_name() {
                Some(target) => target.shorten().to_str_lossy().into_owned(),
                None => found.name().shorten().to_str_lossy().into_owned(),
            };
            let Some(id) = self.target_of(found) else { continue };
            if let Ok(commit) = self.peel(id, candidate) {
                return Ok(Some(Trunk { name, commit }));
            }
        }
        Ok(None)
    }

    /// The object at the end of a chain of symbolic refs, not peeled.
    fn target_of(&self, mut reference: gix::Reference<'_>) -> Option<ObjectId> {
        for _ in 0..8 {
            match reference.target() {
                gix::refs::TargetRef::Object(id) => return Some(id.to_owned()),
                gix::refs::TargetRef::Symbolic(_) => reference = reference.follow()?.ok()?,
            }
        }
        None
    }

    /// The ref at the end of the chain of symbolic refs that begins with the full name `name` (or `HEAD`), with its
    /// commit; `None` where there is none.
    pub fn find_ref(&self, name: &str) -> Option<RefTip> {
        let mut reference = self.local.try_find_reference(name).ok()??;
        for _ in 0..8 {
            let Some(id) = reference.target().try_id().map(ToOwned::to_owned) else {
                reference = reference.follow()?.ok()?;
                continue;
            };
            let name = reference.name().as_bstr().to_str_lossy().into_owned();
            return Some(RefTip { commit: self.peel(id, &name).ok()?, name });
        }
        None
    }

    /// What a part of the git directory that cannot be read is told as.
    pub(in crate::vcs) fn unreadable(&self, error: &gix::Error) -> Error {
        Error::Unreadable { place: self.git_dir().display().to_string(), reason: reason(error) }
    }

    /// Ids that refs point to, not peeled and in no order: the walk sorts out what they are. Undo records
    /// are left out: what they keep was moved away from.
    pub(in crate::vcs) fn raw_tips(&self) -> Result<Vec<ObjectId>, Error> {
        let platform = self.local.references().map_err(|error| self.unreadable(&error))?;
        let mut tips = Vec::new();
        for reference in platform.all().map_err(|error| self.unreadable(&error))?.flatten() {
            if reference.name().as_bstr().starts_with(UNDO.as_bytes()) {
                continue;
            }
            let inner = reference.inner;
            tips.extend(inner.peeled.or_else(|| inner.target.try_id().map(ToOwned::to_owned)));
        }
        if let Some(CommitId(head)) = self.head()? {
            tips.push(head);
        }
        tips.sort_unstable();
        tips.dedup();
        Ok(tips)
    }

    /// Refs below `prefix` (`refs/heads/`, `refs/tags/`) with their commits, sorted by name;
    /// refs that lead to no commit are left out.
    ///
    /// # Errors
    /// When the ref store cannot be read.
    pub fn refs(&self, prefix: &str) -> Result<Vec<RefTip>, Error> {
        let platform = self.local.references().map_err(|error| self.unreadable(&error))?;
        let mut tips = Vec::new();
        for reference in platform.prefixed(prefix).map_err(|error| self.unreadable(&error))?.flatten() {
            let name = reference.name().as_bstr().to_str_lossy().into_owned();
            let inner = reference.inner;
            let Some(id) = inner.peeled.or_else(|| inner.target.try_id().map(ToOwned::to_owned)) else {
                continue;
            };
            if let Ok(commit) = self.peel(id, &name) {
                tips.push(RefTip { name, commit });
            }
        }
        tips.sort();
        Ok(tips)
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// When the commit is not in this copy.
    pub fn tree_of(&self, commit: CommitId) -> Result<TreeId, Error> {
        match self.objects.commit(commit)? {
            Some(commit) => Ok(commit.tree),
            None => Err(Error::Object { id: commit.to_string(), reason: "it is not in this copy".into() }),
        }
    }

    /// All best common ancestors of two commits, as `git merge-base --all` lists them.
    ///
    /// # Errors
    /// When they have none: [`Error::Shallow`] where the clone is cut off, else [`Error::Unrelated`].
    pub fn merge_bases(&self, base: CommitId, head: CommitId) -> Result<Vec<CommitId>, Error> {
        if base == head {
            return Ok(vec![base]);
        }
        let shallow = self.is_shallow();
        let beyond = || match shallow {
            true => Error::Shallow { base: base.short(), head: head.short() },
            false => Error::Unrelated { base: base.short(), head: head.short() },
        };
        let cache = self.local.commit_graph_if_enabled().ok().flatten();
        let mut graph =
            gix::revision::plumbing::Graph::new(Lenient(&self.objects), cache.as_ref().filter(|_| !shallow));
        match gix::revision::plumbing::merge_base(base.0, &[head.0], &mut graph) {
            Ok(Some(bases)) => Ok(bases.into_iter().map(CommitId).collect()),
            Ok(None) => Err(beyond()),
            Err(_) if shallow => Err(beyond()),
            Err(error) => Err(self.unreadable_ancestor(base, head).unwrap_or_else(|| Error::Object {
                id: format!("{base} or {head}, or an ancestor,"),
                reason: reason(&error),
            })),
        }
    }

    /// What is wrong with the first commit in the history of the two that cannot be read.
    fn unreadable_ancestor(&self, base: CommitId, head: CommitId) -> Option<Error> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![base, head];
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            match self.objects.commit(id) {
                Ok(Some(commit)) => waiting.extend(commit.parents),
                Ok(None) => return Some(Error::Absent { id: id.to_string() }),
                Err(error) => return Some(error),
            }
        }
        None
    }
}

const REFTABLE: &str = "it keeps its refs in the reftable format, which onehead does not read yet \
(git refs migrate --ref-format=files converts it)";

fn damaged(name: &str, error: &gix::Error) -> Error {
    Error::Ref { name: name.into(), reason: reason(error) }
}

#[allow(clippy::disallowed_methods, reason = "hooks speak through the environment")]
fn git_dir_of_environment() -> Option<PathBuf> {
    std::env::var_os("GIT_DIR").map(PathBuf::from)
}

/// The directory that a relative `GIT_DIR` means when git runs in `directory`; `None` where that
/// makes no difference.
fn git_dir_below(directory: &Path, git_dir: Option<PathBuf>) -> Option<PathBuf> {
    let git_dir = git_dir.filter(|git_dir| git_dir.is_relative())?;
    (directory != Path::new(".")).then(|| directory.join(git_dir))
}

/// Object directories that only the environment names: while a push is checked, git keeps the new
/// objects in `GIT_OBJECT_DIRECTORY` and the old ones in `GIT_ALTERNATE_OBJECT_DIRECTORIES`.
#[allow(clippy::disallowed_methods, reason = "hooks speak through the environment")]
fn quarantine_directories() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = Vec::new();
    directories.extend(std::env::var_os("GIT_OBJECT_DIRECTORY").map(PathBuf::from));
    if let Some(list) = std::env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES") {
        directories.extend(std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()));
    }
    directories
}

/// A path below the work tree as git writes it.
pub(in crate::vcs) fn to_git_path(path: &Path) -> BString {
    gix::path::into_bstr(path).map_or_else(
        |_| path.to_string_lossy().into_owned().into(),
        |bytes| gix::path::to_unix_separators_on_windows(bytes).into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Error, ObjectsFactory, Repo, git_dir_below};
    use crate::vcs::testing::Scratch;

    /// The error of `resolve`, as it is told.
    fn told(repo: &Repo, spec: &str) -> String {
        let error = repo.resolve(spec).unwrap_err();
        format!("{error} / {}", error.hint().unwrap_or_default())
    }

    #[test]
    fn what_names_nothing_is_told_in_our_words() {
        let scratch = Scratch::new();
        let commit = scratch.commit(&[]);
        scratch.git(&["update-ref", "refs/heads/main", &commit], "");
        let repo = scratch.repo();
        for (spec, reason) in [
            ("nope", ""),
            ("", ": git allows no such name"),
            (":/zzz", ""),
            ("HEAD:x", ""),
            ("deadbeef", ""),
            ("main~5", ": 'main' is there, and has no '~5'"),
            ("HEAD^{/x}", ": 'HEAD' is there, and has no '^{/x}'"),
            ("main@{u}", ": 'main' is there, and has no '@{u}'"),
            ("nope~5", ""),
            ("HEAD..main", ": it names a range, and one commit is needed"),
            ("^main", ": it names a range, and one commit is needed"),
            ("a b", ": git allows no such name"),
            ("HEAD^{tree}", ": it is a tree"),
        ] {
            let expected = format!(
                "'{spec}' names no commit in this repository{reason} / git branch --all   (to see the names)"
            );
            assert_eq!(told(&repo, spec), expected);
        }
        assert!(repo.resolve("main").is_ok() && repo.resolve(&commit[..7]).is_ok());
    }

    #[test]
    fn beyond_the_edge_of_a_shallow_clone_help_is_to_deepen_it() {
        let scratch = Scratch::new();
        let parent = scratch.commit(&[]);
        let commit = scratch.commit(&[&parent]);
        scratch.git(&["update-ref", "refs/heads/main", &commit], "");
        assert!(scratch.repo().resolve("main~1").is_ok());
        std::fs::write(scratch.path().join(".git/shallow"), format!("{commit}\n")).unwrap();
        assert_eq!(
            told(&scratch.repo(), "main~1"),
            "'main~1' lies beyond the edge of this shallow clone / git fetch --deepen=500   (or everything: git fetch --unshallow)"
        );
        assert!(told(&scratch.repo(), "nope~1").contains("git branch --all"));
    }

    #[test]
    fn damaged_refs_are_not_unknown() {
        let scratch = Scratch::new();
        let git_dir = scratch.path().join(".git");
        std::fs::write(git_dir.join("refs/heads/main"), "zzz\n").unwrap();
        assert!(told(&scratch.repo(), "main").starts_with("the ref 'main' is damaged: "));
        assert!(told(&scratch.repo(), "main").contains(" / git fsck"));
        std::fs::write(git_dir.join("refs/heads/main"), format!("{}\n", "1".repeat(40))).unwrap();
        let message = told(&scratch.repo(), "main");
        assert!(message.starts_with("object 1111") && message.contains("git fsck"), "{message}");
        assert!(told(&scratch.repo(), &"1".repeat(40)).contains("no such object"));
        let commit = scratch.commit(&[]);
        let object = scratch.path().join(".git/objects").join(&commit[..2]).join(&commit[2..]);
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&object, "junk").unwrap();
        std::fs::write(git_dir.join("refs/heads/main"), format!("{commit}\n")).unwrap();
        for spec in ["main", "HEAD", commit.as_str()] {
            let message = told(&scratch.repo(), spec);
            assert!(message.starts_with(&format!("object {commit} cannot be read: ")), "{message}");
        }
        std::fs::write(git_dir.join("HEAD"), "ref: garb age\n").unwrap();
        assert!(told(&scratch.repo(), "HEAD").starts_with("the ref 'HEAD' is damaged: "));
    }

    #[test]
    fn merge_bases_do_not_need_to_know_who_committed() {
        let scratch = Scratch::new();
        let root = scratch.raw_commit("");
        let one = scratch.raw_commit(&format!("parent {root}\nauthor A <a@b> 1 +0000\n"));
        let two = scratch.commit(&[&root]);
        let repo = scratch.repo();
        let commit = |id: &str| repo.resolve(id).unwrap();
        assert_eq!(repo.merge_bases(commit(&one), commit(&two)).unwrap(), [commit(&root)]);
        let other =
            scratch.raw_commit("author A <a@b> 1 +0000\ncommitter A <a@b> 99999999999999999999 +0000\n");
        let error = scratch.repo().merge_bases(commit(&one), commit(&other)).unwrap_err();
        assert!(matches!(error, Error::Unrelated { .. }) && error.hint().unwrap().contains("--base"));
    }

    #[test]
    fn merge_bases_blame_the_commit_that_cannot_be_read() {
        let scratch = Scratch::new();
        let root = scratch.commit(&[]);
        let (one, two) = (scratch.commit(&[&root]), scratch.commit(&[&root, &root]));
        let object = scratch.path().join(".git/objects").join(&root[..2]).join(&root[2..]);
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&object, "junk").unwrap();
        let repo = scratch.repo();
        let error = repo.merge_bases(repo.resolve(&one).unwrap(), repo.resolve(&two).unwrap()).unwrap_err();
        assert!(error.to_string().contains(&root), "{error}");
    }

    #[test]
    fn short_ids_of_a_push_in_quarantine_are_found() {
        let (scratch, pushed) = (Scratch::new(), Scratch::new());
        let commit = pushed.commit(&[]);
        let shared = gix::ThreadSafeRepository::open(scratch.path()).unwrap();
        let objects = ObjectsFactory::new(shared.objects, vec![pushed.path().join(".git/objects")]).objects();
        let found = objects.quarantined(&commit[..10]).map(|id| id.to_string());
        assert_eq!(found, Some(commit));
        assert_eq!(objects.quarantined("0123456789"), None);
        assert_eq!(objects.quarantined("main"), None);
    }

    #[test]
    fn a_relative_git_dir_is_below_the_directory_named() {
        let below = |directory: &str, git_dir: &str| {
            git_dir_below(Path::new(directory), Some(PathBuf::from(git_dir)))
        };
        assert_eq!(below("sub", ".git"), Some(PathBuf::from("sub/.git")));
        assert_eq!(below("sub", "/srv/x.git"), None);
        assert_eq!(below(".", ".git"), None);
        assert_eq!(git_dir_below(Path::new("sub"), None), None);
    }
}
