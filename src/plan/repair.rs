//! The parts of one repair: what it looks at, and the edits it makes.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Tags;
use super::mentions::{self, Renaming};
use super::publication::Publication;
use super::{Choices, Consequence, Step, StepKind};
use crate::check::{Answer, Question};
use crate::diagnostic::Diagnostic;
use crate::dialect::alembic::file_names::{Naming, claimed_number, next_number};
use crate::dialect::{self, Dialect};
use crate::history::{Reader, Snapshot};
use crate::revision::{Environment, Script};
use crate::text::apply_edits;
use crate::vcs::{BlobId, EntryKind, Error, Objects, Repo, RepoPath, TreeId};

/// Whether a file of this name, beside the migrations, keeps the id of a head.
pub fn is_marker(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 7] =
        [b"head.txt", b"HEAD", b"HEADS", b"EXPAND_HEAD", b"CONTRACT_HEAD", b".current-alembic-head", b"head"];
    NAMES.contains(&name)
}

/// What a repair changes.
#[derive(Debug, Default)]
pub(super) struct Repair {
    pub(super) steps: Vec<Step>,
    pub(super) changes: BTreeMap<RepoPath, Option<BlobId>>,
    pub(super) moved: Vec<(RepoPath, RepoPath)>,
    pub(super) database: Vec<Consequence>,
    pub(super) id_changes: Vec<(String, String)>,
    pub(super) notes: Vec<String>,
    /// The names that it changes.
    pub(super) renamings: Vec<Renaming>,
    /// Subjects of more findings that it repairs.
    pub(super) also: Vec<String>,
    /// New ids of published revisions, with the files that these were published as.
    pub(super) published: Vec<(String, RepoPath)>,
}

/// One environment as a repair sees it.
pub(super) struct Scene<'a> {
    pub(super) repo: &'a Repo,
    pub(super) question: &'a Question<'a>,
    pub(super) choices: &'a Choices,
    pub(super) dialect: &'static dyn Dialect,
    /// After the merge, as planned by now.
    pub(super) state: Snapshot,
    /// In head's tree, as planned by now: only these files can be edited.
    pub(super) head: Snapshot,
    pub(super) head_tree: TreeId,
    /// What counts as published.
    pub(super) published: Option<Snapshot>,
    pub(super) publication: Publication,
    pub(super) tags: Tags,
    /// Ids that the plan gave to published revisions, with the files that these were published as.
    pub(super) renamed: &'a BTreeMap<String, RepoPath>,
    pub(super) naming: Naming,
}

impl<'a> Scene<'a> {
    /// The environment of `finding`, or `None` where it is gone.
    #[allow(clippy::too_many_arguments, reason = "everything that a plan knows comes together here")]
    pub(super) fn new<E: From<Error>>(
        repo: &'a Repo,
        reader: &mut Reader,
        question: &'a Question<'a>,
        head_tree: TreeId,
        answer: &Answer,
        finding: &Diagnostic,
        choices: &'a Choices,
        renamed: &'a BTreeMap<String, RepoPath>,
        standing: bool,
        prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
    ) -> Result<Option<Self>, E> {
        let wanted = finding.environment.as_deref();
        let state = answer.merged.iter().find(|state| Some(state.environment.name.as_str()) == wanted);
        let Some(state) = state.cloned() else { return Ok(None) };
        let mut at = |tree: TreeId| -> Result<Option<Snapshot>, E> {
            let mut environments = reader.environments(tree)?;
            prepare(&mut environments)?;
            let same = environments.iter().find(|one| one.directory == state.environment.directory);
            Ok(same.map(|environment| reader.snapshot(tree, environment)).transpose()?)
        };
        let Some(head) = at(head_tree)? else { return Ok(None) };
        let published_tree = match (standing, question.base, question.trunk) {
            (false, Some(base), _) => Some(base.tree),
            (_, _, Some(trunk)) => Some(repo.tree_of(trunk.commit)?),
            _ => None,
        };
        let published = published_tree.map(&mut at).transpose()?.flatten();
        let Some(dialect) = dialect::by_name(state.environment.dialect) else { return Ok(None) };
        Ok(Some(Self {
            publication: Publication::new(
                published.as_ref(),
                &state,
                question.trunk,
                &choices.deployed,
                renamed,
            ),
            tags: Tags::default(),
            renamed,
            naming: Naming::of(&state.scripts),
            repo,
            question,
            choices,
            dialect,
            state,
            head,
            head_tree,
            published,
        }))
    }

    /// Whether the id is free on every side that is known.
    pub(super) fn is_taken(&self, id: &str) -> bool {
        let published = self.published.as_ref().is_some_and(|state| state.graph.contains(id));
        published || self.state.graph.contains(id) || self.head.graph.contains(id)
    }

    /// Whether the published state has the file.
    pub(super) fn is_published_file(&self, path: &RepoPath) -> bool {
        self.published.as_ref().is_some_and(|state| state.script_at(path).is_some())
    }

    /// The numbers that files claim here and on every branch.
    pub(super) fn claimed_numbers(&self) -> Result<BTreeSet<u32>, Error> {
        const MOST_BRANCHES: usize = 500;
        let number = |script: &Script| claimed_number(&script.path, &script.revision);
        let mut claimed: BTreeSet<u32> =
            self.state.scripts.iter().chain(&self.head.scripts).filter_map(|script| number(script)).collect();
        let tips = [self.repo.refs("refs/heads/")?, self.repo.refs("refs/remotes/")?].concat();
        let mut trees = BTreeSet::new();
        // What onehead proposed before is no claim: else each proposal would be another one.
        let others = tips.iter().filter(|tip| !tip.name.starts_with("refs/heads/onehead/fix-"));
        for tip in others.take(MOST_BRANCHES) {
            let root = self.repo.tree_of(tip.commit)?;
            for location in &self.state.environment.version_locations {
                let entry = self.repo.objects().follow(root, &location.path)?;
                let Some(tree) = entry.and_then(|entry| entry.tree()).filter(|tree| trees.insert(*tree))
                else {
                    continue;
                };
                for entry in self.repo.objects().tree(tree)? {
                    if self.dialect.loads(&entry.name) {
                        claimed.extend(claimed_number(&location.path.join(&entry.name), ""));
                    }
                }
            }
        }
        Ok(claimed)
    }

    /// The next number over all branches.
    pub(super) fn next_number(&self) -> Result<u32, Error> {
        Ok(next_number(self.claimed_numbers()?))
    }

    /// Whether ids or file names are numbered here.
    pub(super) fn is_numbered(&self) -> bool {
        use crate::dialect::alembic::file_names::IdStyle;
        self.naming.numbered_files
            || matches!(self.naming.ids, Some(IdStyle::Number { .. } | IdStyle::NumberSlug { .. }))
    }
}

/// Edits of head's files, collected before they are written.
pub(super) struct Editor<'s> {
    scene: &'s Scene<'s>,
    files: BTreeMap<RepoPath, (Vec<u8>, RepoPath)>,
    created: BTreeMap<RepoPath, Vec<u8>>,
    pub(super) repair: Repair,
}

impl<'s> Editor<'s> {
    pub(super) fn new(scene: &'s Scene<'s>) -> Self {
        Self { scene, files: BTreeMap::new(), created: BTreeMap::new(), repair: Repair::default() }
    }

    /// The text of head's file at `path` as edited by now.
    fn open(&mut self, objects: &Objects, path: &RepoPath) -> Result<Result<Vec<u8>, String>, Error> {
        if let Some((text, _)) = self.files.get(path) {
            return Ok(Ok(text.clone()));
        }
        let entry = objects.entry(self.scene.head_tree, path)?;
        match entry {
            Some(entry) if entry.kind == EntryKind::File => match entry.blob() {
                Some(blob) => Ok(Ok(objects.needed_blob(blob)?)),
                None => Ok(Err(format!("{path} is no file"))),
            },
            Some(_) => Ok(Err(format!("{path} is no regular file"))),
            None => Ok(Err(format!(
                "{path} is not in head's tree, only in base's: run onehead fix there, or merge base into head first"
            ))),
        }
    }

    /// Applies `edit` to the file.
    fn edit(
        &mut self,
        objects: &Objects,
        path: &RepoPath,
        edit: impl FnOnce(
            &'static dyn Dialect,
            &crate::revision::Header,
            &[u8],
        ) -> Result<Vec<crate::text::Edit>, dialect::Refused>,
    ) -> Result<Result<bool, String>, Error> {
        let text = match self.open(objects, path)? {
            Ok(text) => text,
            Err(reason) => return Ok(Err(reason)),
        };
        let header = self.scene.dialect.read(&text);
        let edits = match edit(self.scene.dialect, &header, &text) {
            Ok(edits) => edits,
            Err(refused) => return Ok(Err(format!("{path}: {refused}"))),
        };
        if edits.is_empty() {
            return Ok(Ok(false));
        }
        match apply_edits(&text, &edits) {
            Ok(edited) => {
                let target = self.files.get(path).map_or_else(|| path.clone(), |(_, target)| target.clone());
                self.files.insert(path.clone(), (edited, target));
                Ok(Ok(true))
            }
            Err(error) => Ok(Err(format!("{path}: {error}"))),
        }
    }

    /// Gives the file other parents.
    pub(super) fn reparent(
        &mut self,
        objects: &Objects,
        path: &RepoPath,
        to: &[String],
    ) -> Result<Result<bool, String>, Error> {
        self.edit(objects, path, |dialect, header, text| dialect.reparent(header, text, to, true))
    }

    /// Lets the docstring's lines say what the code says.
    pub(super) fn mend_docstring(
        &mut self,
        objects: &Objects,
        path: &RepoPath,
        id: &str,
        parents: &[String],
    ) -> Result<Result<bool, String>, Error> {
        self.edit(objects, path, |dialect, header, text| dialect.mend_docstring(header, text, id, parents))
    }

    /// Gives the file another id; whatever of `followers` names the old one follows.
    pub(super) fn change_id(
        &mut self,
        objects: &Objects,
        path: &RepoPath,
        from: &str,
        to: &str,
        followers: &[RepoPath],
    ) -> Result<Result<(), String>, Error> {
        let changed =
            self.edit(objects, path, |dialect, header, text| dialect.rename_id(header, text, to, true))?;
        if let Err(reason) = changed {
            return Ok(Err(reason));
        }
        for follower in followers {
            let changed = self.edit(objects, follower, |dialect, header, text| {
                dialect.replace_id(header, text, from, to, true)
            })?;
            if let Err(reason) = changed {
                return Ok(Err(reason));
            }
        }
        let scene = self.scene;
        let alone = scene.state.scripts_of(from).nth(1).is_none();
        if scene.is_published_file(path) || alone && scene.publication.is_published(from) {
            let first = scene.renamed.get(from).unwrap_or(path);
            self.repair.published.push((to.to_owned(), first.clone()));
        }
        self.repair.id_changes.push((from.to_owned(), to.to_owned()));
        Ok(Ok(()))
    }

    /// Gives the file another name.
    pub(super) fn rename(
        &mut self,
        objects: &Objects,
        path: &RepoPath,
        to: RepoPath,
    ) -> Result<Result<(), String>, Error> {
        let taken = objects.entry(self.scene.head_tree, &to)?.is_some()
            || self.files.values().any(|(_, target)| *target == to)
            || self.scene.state.files.iter().any(|file| file.path == to);
        if taken {
            return Ok(Err(format!("{to} exists already")));
        }
        match self.open(objects, path)? {
            Ok(text) => {
                self.files.insert(path.clone(), (text, to));
                Ok(Ok(()))
            }
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// Adds a file.
    pub(super) fn create(&mut self, path: RepoPath, text: Vec<u8>) {
        self.created.insert(path, text);
    }

    /// Where the file at `path` will be.
    pub(super) fn target(&self, path: &RepoPath) -> Option<RepoPath> {
        self.files.get(path).map(|(_, target)| target.clone()).filter(|target| target != path)
    }

    pub(super) fn step(&mut self, mut step: Step) {
        if self.scene.choices.without_evidence {
            step.evidence.clear();
        }
        self.repair.steps.push(step);
    }

    /// Lets the files that keep a head's id beside the migrations follow: `from` to `to`.
    pub(super) fn markers(
        &mut self,
        objects: &Objects,
        from: &BTreeSet<String>,
        to: &str,
    ) -> Result<(), Error> {
        let environment = &self.scene.state.environment;
        let places: BTreeSet<&RepoPath> = environment
            .version_locations
            .iter()
            .map(|location| &location.path)
            .chain([&environment.directory])
            .collect();
        for place in places {
            for entry in objects.list(self.scene.head_tree, place)? {
                if !is_marker(&entry.name) || entry.kind != EntryKind::File {
                    continue;
                }
                let path = place.join(&entry.name);
                let text =
                    entry.blob().map(|blob| objects.needed_blob(blob)).transpose()?.unwrap_or_default();
                let Ok(old) = std::str::from_utf8(&text) else { continue };
                let id = old.trim();
                if !from.contains(id) || id == to {
                    continue;
                }
                let new = old.replacen(id, to, 1);
                self.step(Step {
                    kind: StepKind::Reference,
                    revision: to.to_owned(),
                    path: path.clone(),
                    new_path: None,
                    from: id.to_owned(),
                    to: to.to_owned(),
                    reason: "the file keeps the head's id".into(),
                    evidence: Vec::new(),
                });
                self.files.insert(path.clone(), (new.into_bytes(), path));
            }
        }
        Ok(())
    }

    /// Files that get another name.
    pub(super) fn moves(&self) -> impl Iterator<Item = (&RepoPath, &RepoPath)> {
        self.files.iter().map(|(path, (_, target))| (path, target)).filter(|(path, target)| path != target)
    }

    /// The text of a file that was edited.
    pub(super) fn edited(&self, path: &RepoPath) -> Option<&[u8]> {
        self.files.get(path).map(|(text, _)| text.as_slice())
    }

    /// Gives the file another text.
    pub(super) fn replace(&mut self, path: &RepoPath, text: Vec<u8>) {
        let target = self.files.get(path).map_or_else(|| path.clone(), |(_, target)| target.clone());
        self.files.insert(path.clone(), (text, target));
    }

    /// Lets other places follow, and writes the edited files as blobs (in memory).
    pub(super) fn finish(mut self, objects: &Objects) -> Result<Repair, Error> {
        mentions::follow(self.scene, &mut self, objects)?;
        for (path, (text, target)) in self.files {
            let blob = objects.write_blob(text)?;
            if path != target {
                self.repair.changes.insert(path.clone(), None);
                self.repair.moved.push((path, target.clone()));
            }
            self.repair.changes.insert(target, Some(blob));
        }
        for (path, text) in self.created {
            let blob = objects.write_blob(text)?;
            self.repair.changes.insert(path, Some(blob));
        }
        Ok(self.repair)
    }
}
