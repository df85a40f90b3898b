//! The smallest right repair of what `check` finds, built and proven in memory.
//!
//! One fault is repaired at a time, the edited tree is read again from scratch, and the next fault
//! is taken from what the new reading says. In the end the whole must have lost what it set out to
//! repair and gained nothing.

mod baseline;
mod by_hand;
mod circle;
mod database;
mod docstring;
mod duplicate_id;
mod evidence;
mod heads;
mod inserted;
mod mentions;
mod missing_parent;
mod new_revision;
mod number;
mod publication;
mod repair;

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Answer, Question, Side, check};
use crate::diagnostic::{Diagnostic, Severity};
use crate::history::Reader;
use crate::revision::Environment;
use crate::rules;
use crate::vcs::{BlobId, Error, Repo, RepoPath, TreeId, edit_tree};

pub use mentions::{Mention, Mentions, Renaming, mentions};
pub use repair::is_marker;
use repair::{Repair, Scene};

/// How heads are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strategy {
    /// By the verdict: what is not published moves, what is published is merged.
    #[default]
    Auto,
    /// The later one moves, even where it is published.
    Reparent,
    /// A merge revision.
    Merge,
    /// Only numbers are mended.
    Renumber,
    /// Nothing is mended but a chain that starts in the middle.
    Baseline,
}

/// What the user decided.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// How heads are joined.
    pub strategy: Strategy,
    /// Revisions that databases are known to stand at.
    pub deployed: BTreeSet<String>,
    /// Whether docstrings of what is published are mended, too.
    pub docstrings: bool,
    /// Rules whose findings nobody wants to hear of.
    pub off: BTreeSet<String>,
    /// The moment of a new revision: seconds since the epoch.
    pub now: i64,
    /// Where head holds all of base already, as after a rebase: what its author had, and meant when a file
    /// named an id.
    pub author: Option<TreeId>,
    /// Whether lost parents stay lost: a later commit brings them.
    pub lost_stay_lost: bool,
    /// Whether nobody reads the evidence of the steps: naming releases takes time where there are many.
    pub without_evidence: bool,
}

/// What kind of change a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Other parents.
    Reparent,
    /// Another file name.
    Rename,
    /// Another id.
    NewId,
    /// Another number, in name and perhaps id.
    Renumber,
    /// A new revision that merges heads.
    MergeRevision,
    /// A new revision in front of all others, with the tables that they need.
    BaselineRevision,
    /// A file brought back from the history.
    Restore,
    /// The docstring's lines.
    Docstring,
    /// Another place that names an id.
    Reference,
}

/// What steps do, in a few words: `re-parents 2 revisions onto 8f2a…`.
pub fn summary<'s>(steps: impl IntoIterator<Item = &'s Step>) -> String {
    let steps: Vec<&Step> = steps.into_iter().collect();
    let told = |kind| {
        let of_kind: Vec<&&Step> = steps.iter().filter(|step| step.kind == kind).collect();
        let to = &of_kind.first()?.to;
        let revisions = match of_kind.len() {
            1 => "1 revision".to_owned(),
            count => format!("{count} revisions"),
        };
        Some(match kind {
            StepKind::Reparent if to == "None" => format!("makes {revisions} a base"),
            StepKind::Reparent => format!("re-parents {revisions} onto {to}"),
            StepKind::Renumber if of_kind.len() == 1 => format!("renumbers {revisions} to {to}"),
            StepKind::Renumber => format!("renumbers {revisions} from {to} on"),
            StepKind::NewId if of_kind.len() == 1 => format!("gives {revisions} the new id {to}"),
            StepKind::NewId => format!("gives {revisions} new ids"),
            StepKind::Restore => format!("restores {revisions}"),
            StepKind::Docstring => format!("mends the docstring of {revisions}"),
            StepKind::MergeRevision => format!("merges the heads in the new revision {to}"),
            StepKind::BaselineRevision => format!("creates the missing tables in the new revision {to}"),
            _ => return None,
        })
    };
    [
        StepKind::Reparent,
        StepKind::Renumber,
        StepKind::NewId,
        StepKind::Restore,
        StepKind::MergeRevision,
        StepKind::BaselineRevision,
        StepKind::Docstring,
    ]
    .into_iter()
    .filter_map(told)
    .collect::<Vec<_>>()
    .join(", ")
}

impl StepKind {
    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reparent => "reparent",
            Self::Rename => "rename",
            Self::NewId => "new-id",
            Self::Renumber => "renumber",
            Self::MergeRevision => "merge-revision",
            Self::BaselineRevision => "baseline-revision",
            Self::Restore => "restore",
            Self::Docstring => "docstring",
            Self::Reference => "reference",
        }
    }
}

/// One change of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its kind.
    pub kind: StepKind,
    /// The revision.
    pub revision: String,
    /// Its file before.
    pub path: RepoPath,
    /// Its file after, where that differs.
    pub new_path: Option<RepoPath>,
    /// What was: parents, id or number.
    pub from: String,
    /// What is.
    pub to: String,
    /// Why this is right.
    pub reason: String,
    /// The facts that this rests on.
    pub evidence: Vec<String>,
}

/// What happens to databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// The stamp concerned.
    pub stamp: String,
    /// What becomes of a database with it.
    pub effect: String,
    /// What mends it.
    pub sql: Option<String>,
}

/// A file that the plan changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Where it is; of a new file, where it will be.
    pub path: RepoPath,
    /// Where it goes, if it moves.
    pub new_path: Option<RepoPath>,
    /// Its content before; `None`: a new file.
    pub before: Option<BlobId>,
    /// Its content after.
    pub after: BlobId,
}

/// Some steps that belong together, as one commit.
#[derive(Clone, Debug)]
pub struct Group {
    /// The rule whose finding they repair.
    pub rule: &'static str,
    /// That finding's subject.
    pub subject: String,
    /// The environment that it is about.
    pub environment: Option<String>,
    /// Subjects of more findings of that rule that the steps repair.
    pub also: Vec<String>,
    /// The steps.
    pub steps: Vec<Step>,
    /// Head's tree after them.
    pub tree: TreeId,
}

/// A fault that is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule.
    pub rule: &'static str,
    /// The fault.
    pub message: String,
    /// Why.
    pub reason: String,
}

/// A proven plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is done, in order.
    pub groups: Vec<Group>,
    /// Ids that change.
    pub id_changes: Vec<(String, String)>,
    /// Names that change, ids and file names.
    pub renamings: Vec<Renaming>,
    /// The migrations in the end.
    pub migrations: BTreeSet<RepoPath>,
    /// What that means for databases.
    pub database: Vec<Consequence>,
    /// Heads of the merge before, over all environments.
    pub heads_before: Vec<String>,
    /// Heads of the merge after.
    pub heads_after: Vec<String>,
    /// The files that change.
    pub files: Vec<FileChange>,
    /// What is left alone, and why.
    pub refused: Vec<Refusal>,
    /// What could not be done as asked, one sentence each.
    pub notes: Vec<String>,
    /// Head's tree in the end.
    pub tree: TreeId,
    /// Findings that the plan repairs.
    pub repaired: Vec<Diagnostic>,
}

impl Plan {
    /// The plan that leaves `tree` as it is.
    pub fn nothing(tree: TreeId) -> Self {
        Self {
            groups: Vec::new(),
            id_changes: Vec::new(),
            renamings: Vec::new(),
            migrations: BTreeSet::new(),
            database: Vec::new(),
            heads_before: Vec::new(),
            heads_after: Vec::new(),
            files: Vec::new(),
            refused: Vec::new(),
            notes: Vec::new(),
            tree,
            repaired: Vec::new(),
        }
    }
}

/// Repairs of one plan: more faults than this at once are not repaired by a machine.
const MOST_REPAIRS: usize = 200;

/// In this order, as each makes the next one simpler.
pub const REPAIRABLE: [&str; 7] = [
    "duplicate-revision",
    "revision-cycle",
    "inserted-below-head",
    "missing-parent",
    "multiple-heads",
    "duplicate-number",
    "stale-docstring",
];

/// Plans the repair of what [`check`] finds for `question`.
///
/// # Errors
/// As [`check`]; and [`Unproven`] where the result would not be better than what is there.
pub fn plan<E: From<Error> + From<Unproven>>(
    repo: &Repo,
    reader: &mut Reader,
    question: &Question<'_>,
    choices: &Choices,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> Result<Plan, E> {
    let first = check(repo, reader, question, prepare)?;
    plan_for(repo, reader, (question, &first), choices, prepare)
}

/// The same for who has the answer of [`check`] to the question already.
///
/// # Errors
/// As [`plan`].
pub fn plan_for<E: From<Error> + From<Unproven>>(
    repo: &Repo,
    reader: &mut Reader,
    (question, first): (&Question<'_>, &Answer),
    choices: &Choices,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> Result<Plan, E> {
    let standing = first.brings_nothing;
    let original = question.head.tree;
    let mut tree = original;
    let mut groups: Vec<Group> = Vec::new();
    let mut refused: BTreeMap<(&'static str, String), Refusal> = BTreeMap::new();
    let mut database = Vec::new();
    let mut id_changes: Vec<(String, String)> = Vec::new();
    let mut notes = Vec::new();
    let mut renamings: Vec<Renaming> = Vec::new();
    let mut renamed: BTreeMap<String, RepoPath> = BTreeMap::new();
    let mut moved: BTreeMap<RepoPath, RepoPath> = BTreeMap::new();
    let mut answer = None;
    for _ in 0..MOST_REPAIRS {
        let now = match answer.take() {
            Some(now) => now,
            None => first_or_again(repo, reader, question, tree, standing, prepare, first)?,
        };
        let Some(finding) = next(&now, standing, &refused, choices) else {
            answer = Some(now);
            break;
        };
        let scene =
            Scene::new(repo, reader, question, tree, &now, &finding, choices, &renamed, standing, prepare)?;
        let repaired: Result<Repair, String> = match (&scene, finding.rule) {
            (None, _) => Err("its environment is not there any more".into()),
            (Some(scene), "duplicate-revision") => duplicate_id::repair(scene, reader, &finding)?,
            (Some(scene), "revision-cycle") => circle::repair(scene, reader, &finding)?,
            (Some(scene), "inserted-below-head") => inserted::repair(scene, reader, &finding)?,
            (Some(scene), "missing-parent") => missing_parent::repair(scene, reader, &finding)?,
            (Some(scene), "multiple-heads") => heads::repair(scene, reader, &finding)?,
            (Some(scene), "duplicate-number") => number::repair(scene, reader, &finding)?,
            (Some(scene), baseline::RULE) => baseline::repair(scene, reader, &finding)?,
            (Some(scene), _) => {
                let same =
                    |one: &&Diagnostic| one.rule == finding.rule && one.environment == finding.environment;
                let all: Vec<&Diagnostic> = now
                    .findings
                    .iter()
                    .filter(|one| is_target(one, standing, choices))
                    .filter(same)
                    .collect();
                docstring::repair(scene, reader, &all)?
            }
        };
        let key = (finding.rule, finding.subject.clone());
        match repaired {
            Ok(repair) if !repair.changes.is_empty() => {
                tree = edit_tree(reader.objects(), tree, &repair.changes)?;
                for (from, to) in &repair.moved {
                    let first = moved.iter().find(|(_, now)| *now == from).map(|(first, _)| first.clone());
                    moved.insert(first.unwrap_or_else(|| from.clone()), to.clone());
                }
                database.extend(repair.database);
                id_changes.extend(repair.id_changes);
                notes.extend(repair.notes);
                for new in repair.renamings {
                    // A name that the plan itself gave is known to nobody else.
                    match renamings.iter_mut().find(|known| known.to == new.from) {
                        Some(known) => known.to = new.to,
                        None => renamings.push(new),
                    }
                }
                renamed.extend(repair.published);
                groups.push(Group {
                    rule: finding.rule,
                    subject: finding.subject.clone(),
                    environment: finding.environment.clone(),
                    also: repair.also,
                    steps: repair.steps,
                    tree,
                });
            }
            Ok(_) => {
                let reason = "nothing of it can be changed from here".into();
                refused.insert(key, Refusal { rule: finding.rule, message: finding.message.clone(), reason });
                answer = Some(now);
            }
            Err(reason) => {
                refused.insert(key, Refusal { rule: finding.rule, message: finding.message.clone(), reason });
                answer = Some(now);
            }
        }
    }
    let last = match answer {
        Some(last) => last,
        None => first_or_again(repo, reader, question, tree, standing, prepare, first)?,
    };
    let repaired = prove(first, &last, &groups)?;
    let is_mine = |one: &&Diagnostic| one.rule == baseline::RULE && (one.new || standing);
    let is_off = choices.off.contains(baseline::RULE) || choices.strategy == Strategy::Baseline;
    notes.extend(last.findings.iter().filter(|_| !is_off).filter(is_mine).map(baseline::offer));
    // What is not for a plan to repair is told all the same.
    let is_told = |one: &&Diagnostic| one.new || standing && !by_hand::is_of_bodies(one.rule);
    for finding in last.findings.iter().filter(is_told) {
        if let Some(reason) = by_hand::left(finding).filter(|_| !choices.off.contains(finding.rule)) {
            let (rule, message) = (finding.rule, finding.message.clone());
            refused.insert(
                (rule, finding.subject.clone()),
                Refusal { rule, message, reason: reason.to_owned() },
            );
        }
    }
    Ok(Plan {
        files: files(reader, original, tree, &moved)?,
        heads_before: heads_of(first),
        heads_after: heads_of(&last),
        groups,
        id_changes,
        renamings,
        migrations: last.merged.iter().flat_map(|state| &state.files).map(|file| file.path.clone()).collect(),
        database,
        // Another repair may have settled what was refused before.
        refused: refused
            .into_iter()
            .filter(|((rule, subject), _)| {
                last.findings.iter().any(|finding| finding.rule == *rule && finding.subject == *subject)
            })
            .map(|(_, refusal)| refusal)
            .collect(),
        notes,
        tree,
        repaired,
    })
}

/// The answer for head as it is planned by now.
fn first_or_again<E: From<Error>>(
    repo: &Repo,
    reader: &mut Reader,
    question: &Question<'_>,
    tree: TreeId,
    standing: bool,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
    first: &Answer,
) -> Result<Answer, E> {
    if tree == question.head.tree {
        return Ok(first.clone());
    }
    let head = Side { tree, committed: false, ..question.head };
    // A fault that stands in a published state is judged against that state alone.
    let base = if standing { Some(question.head) } else { question.base };
    check(
        repo,
        reader,
        &Question { base, head, all_findings: standing || question.all_findings, ..*question },
        prepare,
    )
}

fn is_target(finding: &Diagnostic, standing: bool, choices: &Choices) -> bool {
    let ours = match finding.rule {
        // Published docstrings break nothing, and nobody who repairs heads wants them changed as well.
        "stale-docstring" => choices.docstrings || finding.new && !standing,
        // What stands is compared with itself: only the plan can have put anything below.
        "inserted-below-head" => finding.new && !standing,
        _ => finding.new || standing,
    };
    if choices.strategy == Strategy::Baseline {
        return finding.rule == baseline::RULE && !choices.off.contains(finding.rule);
    }
    ours && REPAIRABLE.contains(&finding.rule) && !choices.off.contains(finding.rule)
}

fn next(
    answer: &Answer,
    standing: bool,
    refused: &BTreeMap<(&'static str, String), Refusal>,
    choices: &Choices,
) -> Option<Diagnostic> {
    let rank = |finding: &Diagnostic| REPAIRABLE.iter().position(|rule| *rule == finding.rule);
    answer
        .findings
        .iter()
        .filter(|finding| is_target(finding, standing, choices))
        .filter(|finding| !refused.contains_key(&(finding.rule, finding.subject.clone())))
        .min_by_key(|finding| rank(finding))
        .cloned()
}

fn heads_of(answer: &Answer) -> Vec<String> {
    answer.merged.iter().flat_map(|state| state.graph.heads().iter().cloned()).collect()
}

/// The result would not be better than what is there.
#[derive(Debug, thiserror::Error)]
#[error("the planned change would not hold: it would bring {0}")]
pub struct Unproven(pub String);

/// What the plan repaired; refuses where it brought something new.
fn prove(first: &Answer, last: &Answer, groups: &[Group]) -> Result<Vec<Diagnostic>, Unproven> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let has = |answer: &Answer, finding: &Diagnostic| {
        answer.findings.iter().any(|known| rules::says_again(finding, known))
    };
    // Moving what is published is what the user asked for, or what the verdict allows; the plan
    // tells what it means for databases.
    let told = [
        "reparented-after-landing",
        "edited-after-landing",
        "renamed-after-landing",
        "deleted-after-landing",
    ];
    // A merge revision of the plan runs nothing, and what a first one makes is in every database that is past it:
    // both may stand below something published.
    let runs_nothing = |finding: &Diagnostic| {
        let mut steps = groups.iter().flat_map(|group| &group.steps);
        finding.rule == "inserted-below-head"
            && steps.any(|step| {
                let harmless = [StepKind::MergeRevision, StepKind::BaselineRevision].contains(&step.kind);
                harmless && finding.revisions.contains(&step.revision)
            })
    };
    // A plan that adds tables answers for what that does to the bodies of all revisions.
    let adds_tables =
        groups.iter().flat_map(|group| &group.steps).any(|step| step.kind == StepKind::BaselineRevision);
    let gained = last.findings.iter().find(|finding| {
        finding.severity == Severity::Error
            && !told.contains(&finding.rule)
            && (adds_tables || !by_hand::is_of_bodies(finding.rule))
            && !has(first, finding)
            && !runs_nothing(finding)
    });
    if let Some(gained) = gained {
        return Err(Unproven(format!("{}: {}", gained.rule, gained.message)));
    }
    Ok(first.findings.iter().filter(|finding| !has(last, finding)).cloned().collect())
}

/// The files that differ between the two trees, moves as planned.
fn files(
    reader: &Reader,
    before: TreeId,
    after: TreeId,
    moved: &BTreeMap<RepoPath, RepoPath>,
) -> Result<Vec<FileChange>, Error> {
    let objects = reader.objects();
    let blob =
        |tree, path: &RepoPath| Ok::<_, Error>(objects.entry(tree, path)?.and_then(|entry| entry.blob()));
    let targets: BTreeSet<&RepoPath> = moved.values().collect();
    let mut found = Vec::new();
    for path in crate::vcs::changed_files(objects, before, after)? {
        if let Some(to) = moved.get(&path) {
            if let (Some(old), Some(new)) = (blob(before, &path)?, blob(after, to)?) {
                found.push(FileChange { path, new_path: Some(to.clone()), before: Some(old), after: new });
                continue;
            }
        } else if targets.contains(&path) {
            continue;
        }
        if let Some(after) = blob(after, &path)? {
            found.push(FileChange { before: blob(before, &path)?, path, new_path: None, after });
        }
    }
    Ok(found)
}
