//! Each replayed state gets the heads it should have, with the names and ids of the last one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::check::{Accepted, Question, Side};
use crate::dialect::{self, Dialect};
use crate::history::Reader;
use crate::plan::{self, Choices, Plan, Refusal, Unproven, is_marker, plan};
use crate::revision::Environment;
use crate::schema::replay::Replayer;
use crate::text::apply_edits;
use crate::vcs::{BlobId, EntryKind, Error, Repo, RepoPath, TreeId, Trunk, changed_files, edit_tree};

/// Files put and files taken away.
type Changes = BTreeMap<RepoPath, Option<BlobId>>;

/// A name or id that a file gets wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settled {
    path: RepoPath,
    id: String,
    new_path: RepoPath,
    new_id: String,
}

/// Picks and completes the environments of a state.
type Prepare<'a, E> = dyn Fn(&mut Vec<Environment>) -> Result<(), E> + 'a;

/// Why a state on the way has no plan.
enum Trouble<E> {
    /// Nothing goes on.
    Told(E),
    /// It would not be better than it is.
    Unproven(Unproven),
}

impl<E: From<Error>> From<Error> for Trouble<E> {
    fn from(error: Error) -> Self {
        Self::Told(error.into())
    }
}

impl<E> From<Unproven> for Trouble<E> {
    fn from(unproven: Unproven) -> Self {
        Self::Unproven(unproven)
    }
}

/// One state after its repair.
#[derive(Clone, Debug)]
pub(super) struct Repaired {
    pub(super) tree: TreeId,
    pub(super) refused: Vec<Refusal>,
}

/// Files of a state with their blobs.
type Files = Vec<(RepoPath, Option<BlobId>)>;

/// Repairs states that stand on one upstream.
pub(super) struct Repairer<'a, E> {
    pub(super) repo: &'a Repo,
    pub(super) onto: Side,
    pub(super) trunk: Option<&'a Trunk>,
    pub(super) choices: &'a Choices,
    pub(super) prepare: &'a dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
    settled: Vec<Settled>,
    replayer: Replayer,
    known: HashMap<Files, (Changes, Vec<Refusal>)>,
}

impl<'a, E: From<Error> + From<Unproven>> Repairer<'a, E> {
    pub(super) fn new(
        repo: &'a Repo,
        onto: Side,
        trunk: Option<&'a Trunk>,
        choices: &'a Choices,
        prepare: &'a dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
    ) -> Self {
        let replayer = Replayer::new(repo.objects_factory());
        Self { repo, onto, trunk, choices, prepare, settled: Vec::new(), replayer, known: HashMap::new() }
    }

    /// The plan for the last state, made of `author`, whose names and ids the others take. `None` where it brings no
    /// change of migrations.
    pub(super) fn last(
        &mut self,
        reader: &mut Reader,
        tree: TreeId,
        author: TreeId,
    ) -> Result<Option<Plan>, E> {
        let key = self.brought(reader, tree)?;
        if key.is_empty() {
            return Ok(None);
        }
        let plan = self.plan(reader, tree, author, true, self.prepare)?;
        self.settle(reader, tree, &plan)?;
        let changes = changes(reader, tree, plan.tree)?;
        self.known.insert(key, (changes, plan.refused.clone()));
        Ok(Some(plan))
    }

    /// A state on the way. `author` is the tree that it was made of.
    pub(super) fn repair(
        &mut self,
        reader: &mut Reader,
        tree: TreeId,
        author: TreeId,
    ) -> Result<Repaired, E> {
        let key = self.brought(reader, tree)?;
        if key.is_empty() {
            return Ok(Repaired { tree, refused: Vec::new() });
        }
        let (changes, refused) = match self.known.get(&key) {
            Some(known) => known.clone(),
            None => {
                let named = self.named(reader, tree)?;
                let prepare =
                    |environments: &mut Vec<Environment>| (self.prepare)(environments).map_err(Trouble::Told);
                let made = match self.plan(reader, named, author, false, &prepare) {
                    Ok(plan) => {
                        self.settle(reader, named, &plan)?;
                        (changes(reader, tree, plan.tree)?, plan.refused)
                    }
                    // The author left it like that, and a later commit may mend it.
                    Err(Trouble::Unproven(unproven)) => {
                        let refusal = Refusal {
                            rule: "multiple-heads",
                            message: "the migrations stay as they are".into(),
                            reason: unproven.to_string(),
                        };
                        (changes(reader, tree, named)?, vec![refusal])
                    }
                    Err(Trouble::Told(error)) => return Err(error),
                };
                self.known.insert(key, made.clone());
                made
            }
        };
        let tree = match changes.is_empty() {
            true => tree,
            false => edit_tree(reader.objects(), tree, &changes)?,
        };
        Ok(Repaired { tree, refused })
    }

    /// `last`: nothing comes after it, so that what is lost is lost.
    fn plan<P>(
        &self,
        reader: &mut Reader,
        tree: TreeId,
        author: TreeId,
        last: bool,
        prepare: &Prepare<'_, P>,
    ) -> Result<Plan, P>
    where
        P: From<Error> + From<Unproven>,
    {
        let choices = Choices { author: Some(author), lost_stay_lost: !last, ..self.choices.clone() };
        let question = Question {
            base: Some(self.onto),
            head: Side { tree, commit: self.onto.commit, committed: false },
            trunk: self.trunk,
            merging: &[],
            all_findings: false,
            accepted: Accepted::default(),
            bodies: true,
            schema: None,
            replayer: &self.replayer,
        };
        plan(self.repo, reader, &question, &choices, prepare)
    }

    fn environments(&self, reader: &mut Reader, tree: TreeId) -> Result<Vec<Environment>, E> {
        let mut environments = reader.environments(tree)?;
        (self.prepare)(&mut environments)?;
        Ok(environments)
    }

    /// What of the state's environments differs from upstream.
    fn brought(&self, reader: &mut Reader, tree: TreeId) -> Result<Vec<(RepoPath, Option<BlobId>)>, E> {
        let mut places: BTreeSet<RepoPath> = BTreeSet::new();
        for tree in [self.onto.tree, tree] {
            for environment in self.environments(reader, tree)? {
                places.extend(environment.version_locations.iter().map(|location| location.path.clone()));
                places.insert(environment.directory);
            }
        }
        let is_configuration =
            |name: &[u8]| [&b"alembic.ini"[..], b"pyproject.toml", b"onehead.yaml"].contains(&name);
        let mut brought = Vec::new();
        for path in changed_files(reader.objects(), self.onto.tree, tree)? {
            let name = path.name();
            let counts = name.ends_with(b".py") || name.ends_with(b".mako") || is_marker(name);
            let is_inside = counts && places.iter().any(|place| path.is_within(place));
            if is_inside || is_configuration(name) {
                let entry = reader.objects().entry(tree, &path)?;
                brought.push((path, entry.and_then(|entry| entry.blob())));
            }
        }
        // Configuration alone brings no revision.
        let any = brought.iter().any(|(path, _)| !is_configuration(path.name()));
        Ok(if any { brought } else { Vec::new() })
    }

    /// Keeps the names and ids that a plan gave.
    fn settle(&mut self, reader: &Reader, before: TreeId, plan: &Plan) -> Result<(), E> {
        let objects = reader.objects();
        for file in &plan.files {
            let Some(old) = file.before else { continue };
            let new_path = file.new_path.clone().unwrap_or_else(|| file.path.clone());
            let id = |blob| -> Result<Option<String>, Error> {
                let Some(dialect) = dialect::DIALECTS.iter().find(|one| one.loads(file.path.name())) else {
                    return Ok(None);
                };
                let header = dialect.read(&objects.needed_blob(blob)?);
                Ok(header.revision.map(|id| id.value.to_string()))
            };
            let (Some(id), Some(new_id)) = (id(old)?, id(file.after)?) else { continue };
            let is_known = self.settled.iter().any(|known| known.path == file.path && known.id == id);
            let is_news = id != new_id || new_path != file.path;
            if is_news && !is_known && objects.entry(before, &file.path)?.is_some() {
                self.settled.push(Settled { path: file.path.clone(), id, new_path, new_id });
            }
        }
        Ok(())
    }

    /// The state with the settled names and ids, where its files have those.
    fn named(&self, reader: &mut Reader, tree: TreeId) -> Result<TreeId, E> {
        if self.settled.is_empty() {
            return Ok(tree);
        }
        let mut texts: BTreeMap<RepoPath, (Vec<u8>, RepoPath)> = BTreeMap::new();
        for environment in self.environments(reader, tree)? {
            let Some(dialect) = dialect::by_name(environment.dialect) else { continue };
            self.name_files(reader, tree, &environment, dialect, &mut texts)?;
        }
        let mut changes = Changes::new();
        for (path, (text, target)) in texts {
            let taken = path != target && reader.objects().entry(tree, &target)?.is_some();
            let target = if taken { path.clone() } else { target };
            if target != path {
                changes.entry(path).or_insert(None);
            }
            changes.insert(target, Some(reader.objects().write_blob(text)?));
        }
        Ok(edit_tree(reader.objects(), tree, &changes)?)
    }

    fn name_files(
        &self,
        reader: &mut Reader,
        tree: TreeId,
        environment: &Environment,
        dialect: &dyn Dialect,
        texts: &mut BTreeMap<RepoPath, (Vec<u8>, RepoPath)>,
    ) -> Result<(), E> {
        let snapshot = reader.snapshot(tree, environment)?;
        let upstream = reader.snapshot(self.onto.tree, environment)?;
        let objects = reader.objects();
        let own = |path: &RepoPath| upstream.script_at(path).is_none();
        for settled in &self.settled {
            let script = snapshot.script_at(&settled.path);
            let Some(script) = script.filter(|script| *script.revision == *settled.id) else { continue };
            if !own(&script.path) {
                continue;
            }
            let mut edit =
                |path: &RepoPath, blob, target: Option<&RepoPath>, follows: bool| -> Result<(), Error> {
                    let text = match texts.get(path) {
                        Some((text, _)) => text.clone(),
                        None => objects.needed_blob(blob)?,
                    };
                    let header = dialect.read(&text);
                    let edits = match follows {
                        true => dialect.replace_id(&header, &text, &settled.id, &settled.new_id, true),
                        false => dialect.rename_id(&header, &text, &settled.new_id, true),
                    };
                    let edited = edits.ok().and_then(|edits| apply_edits(&text, &edits).ok());
                    let edited = edited.unwrap_or_else(|| text.clone());
                    if edited != text || target.is_some_and(|target| target != path) {
                        let before = texts.get(path).map_or(path, |(_, target)| target);
                        let target = target.unwrap_or(before).clone();
                        texts.insert(path.clone(), (edited, target));
                    }
                    Ok(())
                };
            edit(&script.path, script.blob, Some(&settled.new_path), false)?;
            if settled.id == settled.new_id {
                continue;
            }
            for other in snapshot.scripts.iter().filter(|other| own(&other.path) && other.path != script.path)
            {
                edit(&other.path, other.blob, None, true)?;
            }
            self.name_in_markers(reader, tree, environment, settled, texts)?;
        }
        Ok(())
    }

    /// Lets the files that keep a head's id follow.
    fn name_in_markers(
        &self,
        reader: &Reader,
        tree: TreeId,
        environment: &Environment,
        settled: &Settled,
        texts: &mut BTreeMap<RepoPath, (Vec<u8>, RepoPath)>,
    ) -> Result<(), Error> {
        let objects = reader.objects();
        let locations = environment.version_locations.iter().map(|location| &location.path);
        let places: BTreeSet<&RepoPath> = locations.chain([&environment.directory]).collect();
        for place in places {
            for entry in objects.list(tree, place)? {
                let Some(blob) = entry.blob().filter(|_| entry.kind == EntryKind::File) else { continue };
                if !is_marker(&entry.name) {
                    continue;
                }
                let path = place.join(&entry.name);
                let text = objects.needed_blob(blob)?;
                if let Some(id) = super::three_way::marked_head(&text).filter(|id| *id == settled.id) {
                    let new = String::from_utf8_lossy(&text).replacen(id, &settled.new_id, 1);
                    texts.insert(path.clone(), (new.into_bytes(), path));
                }
            }
        }
        Ok(())
    }
}

/// The files that differ, as they are afterwards.
fn changes(reader: &Reader, before: TreeId, after: TreeId) -> Result<Changes, Error> {
    let mut changes = Changes::new();
    for path in changed_files(reader.objects(), before, after)? {
        let entry = reader.objects().entry(after, &path)?;
        changes.insert(path, entry.and_then(|entry| entry.blob()));
    }
    Ok(changes)
}

/// What a refusal says, for people.
pub(super) fn told(refusal: &plan::Refusal) -> String {
    format!("{}: {}: {}", refusal.rule, refusal.message, refusal.reason)
}
