//! A chain that starts in the middle: a first revision with the tables that no revision creates.
//!
//! Only on request: it goes below what is published. The file is made anew until the replay of the chain with it in front
//! has nothing left that a change of the file could put right.

use std::collections::BTreeSet;

use super::new_revision::{Wanted, new_revision};
use super::repair::{Editor, Repair, Scene};
use super::{Consequence, Step, StepKind};
use crate::diagnostic::Diagnostic;
use crate::dialect::{Body, NewFile};
use crate::history::Reader;
use crate::schema::baseline::{Baseline, Written, needed};
use crate::schema::compare::{self, Aspect};
use crate::schema::models::{self, Models};
use crate::schema::replay::{Options, Replay, Replayer};
use crate::schema::types::Database;
use crate::schema::{FaultKind, Name, ReplayFault};
use crate::vcs::{Error, TreeId, edit_tree};

/// The rule whose findings this repairs.
pub(super) const RULE: &str = "incomplete-baseline";

/// Rounds of writing and replaying.
const MOST_ROUNDS: usize = 40;

/// Names that are told one by one before the rest is counted.
const MOST_TOLD: usize = 12;

const MESSAGE: &str = "baseline (read before use)";

/// What a plan that was not asked for it says.
pub(super) fn offer(finding: &Diagnostic) -> String {
    format!(
        "{}: onehead fix --baseline-revision proposes the revision that creates them, written from the models",
        finding.message
    )
}

pub(super) fn repair(
    scene: &Scene<'_>,
    reader: &mut Reader,
    finding: &Diagnostic,
) -> Result<Result<Repair, String>, Error> {
    let replayer = scene.question.replayer;
    let mut options = scene.question.options();
    let mut before = replayer.replay(scene.head_tree, &scene.head, &options);
    if before.database != Database::PostgreSql {
        // Types are told in PostgreSQL's words, and written as SQLAlchemy's, which every database takes.
        options.find_database = false;
        options.settings.database = Database::PostgreSql;
        before = replayer.replay(scene.head_tree, &scene.head, &options);
    }
    let environment = &scene.head.environment;
    let models =
        models::read(reader.objects(), scene.head_tree, replayer.parsed(), environment, Database::PostgreSql);
    let wanted = needed(&before.faults);
    if wanted.is_empty() {
        return Ok(Err(
            "head's own chain needs no table that it does not create: run onehead fix there".into()
        ));
    }
    if let Err(reason) = readable(&models, &before, &wanted) {
        return Ok(Err(reason));
    }
    let bases = bases(scene, finding, |head| {
        let alone = Options { targets: Some(vec![head.to_owned()]), ..options.clone() };
        replayer.replay(scene.head_tree, &scene.head, &alone).faults
    });
    let Some(first) = bases.first() else {
        return Ok(Err("no revision of the chain is a base: run onehead fix first".into()));
    };
    let several = reader.environments(scene.head_tree)?.len() > 1;
    let whole = models.doubt.is_none() && !models.filtered && !several;
    let downgrades = replayer.downgrades(scene.head_tree, &scene.head, Database::PostgreSql, &options);
    let mut baseline = Baseline::new(&models, &before, &downgrades, whole);
    let mut made = match Made::new(scene, reader, &baseline, first)? {
        Ok(made) => made,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut after = Replay::default();
    for _ in 0..MOST_ROUNDS {
        let repair = match made.in_front(scene, reader, &bases)? {
            Ok(repair) => repair,
            Err(reason) => return Ok(Err(reason)),
        };
        let tree = edit_tree(reader.objects(), scene.head_tree, &repair.changes)?;
        after = replayed(scene, reader, replayer, tree, &options)?;
        if !baseline.correct(&after, &made.id, &models) {
            break;
        }
        made = match Made::new(scene, reader, &baseline, first)? {
            Ok(made) => made,
            Err(reason) => return Ok(Err(reason)),
        };
    }
    if let Some(left) = after.faults.iter().find(|fault| is_news(fault, &before)) {
        return Ok(Err(format!(
            "with the tables in front of it the chain would stop at {}:{}: {}",
            left.place.path, left.place.line, left.message
        )));
    }
    made.finish(scene, reader, &bases, &Facts { before: &before, after: &after, models: &models, whole })
}

/// A fault that the chain did not have for itself.
fn is_news(fault: &ReplayFault, before: &Replay) -> bool {
    let known = |other: &&ReplayFault| {
        other.objects == fault.objects && (other.kind == fault.kind || other.place == fault.place)
    };
    fault.stops
        && fault.sureness == crate::schema::fault::Sureness::Certain
        && !before.faults.iter().any(|other| known(&other))
        || fault.kind == FaultKind::TableNeverCreated
}

/// Why nothing can be told of the tables that are wanted.
fn readable(models: &Models, replay: &Replay, wanted: &BTreeSet<Name>) -> Result<(), String> {
    // Tables that are renamed or dropped later are told by the chain.
    let standing: Vec<&Name> = wanted.iter().filter(|name| replay.schema.table(name).is_some()).collect();
    let declared = |name: &&Name| models.schema.table(name).is_some();
    if standing.is_empty() || standing.iter().any(declared) {
        return Ok(());
    }
    let names: Vec<String> = standing.iter().take(MOST_TOLD).map(|name| format!("'{name}'")).collect();
    let mut why = models.doubt.as_deref().map(str::to_owned);
    why = why.or_else(|| models.schema.opaque.first().map(|opaque| opaque.reason.to_string()));
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    Err(format!(
        "no model that can be read declares {}{why}: write the first revision by hand, from the schema of a database \
         that has them",
        names.join(", ")
    ))
}

/// The bases that the new revision goes below: each whose own history lacks a table. It becomes their parent, as a
/// revision that they only depend on would be a head of its own. `alone` gives the faults of the history of one head:
/// run together, only the first use of a table is one.
fn bases(scene: &Scene<'_>, finding: &Diagnostic, alone: impl Fn(&str) -> Vec<ReplayFault>) -> Vec<String> {
    let graph = &scene.head.graph;
    let mut uses: BTreeSet<String> = finding.revisions.iter().cloned().collect();
    if graph.bases().len() > 1 {
        for head in graph.heads() {
            let faults = alone(head);
            let never = faults.iter().filter(|fault| fault.kind == FaultKind::TableNeverCreated);
            let wanted = never.filter(|fault| {
                fault
                    .objects
                    .first()
                    .is_some_and(|table| finding.subject.split(' ').any(|known| known == &**table))
            });
            uses.extend(wanted.filter_map(|fault| fault.place.revision.as_deref()).map(str::to_owned));
        }
    }
    let mut found: BTreeSet<&String> = BTreeSet::new();
    let below: Vec<Vec<&String>> = uses
        .iter()
        .map(|id| {
            let above = |base: &&String| *base == id || graph.descendants(base).contains(id.as_str());
            graph.bases().iter().filter(above).collect()
        })
        .collect();
    // Above a merge revision, one of the histories that it joins is enough.
    found.extend(below.iter().filter(|bases| bases.len() == 1).flatten());
    for bases in below.iter().filter(|bases| bases.len() > 1) {
        if !bases.iter().any(|base| found.contains(base)) {
            found.extend(bases.first());
        }
    }
    found.into_iter().cloned().collect()
}

/// The heads of the histories that begin with `bases`.
fn heads_above(scene: &Scene<'_>, bases: &[String]) -> Vec<String> {
    let graph = &scene.head.graph;
    let is_above = |head: &&String| {
        bases.iter().any(|base| base == *head || graph.descendants(base).contains(head.as_str()))
    };
    graph.heads().iter().filter(is_above).cloned().collect()
}

fn replayed(
    scene: &Scene<'_>,
    reader: &mut Reader,
    replayer: &Replayer,
    tree: TreeId,
    options: &Options,
) -> Result<Replay, Error> {
    let snapshot = reader.snapshot(tree, &scene.head.environment)?;
    Ok(replayer.replay(tree, &snapshot, options))
}

/// What the evidence is made of.
struct Facts<'f> {
    before: &'f Replay,
    after: &'f Replay,
    models: &'f Models,
    whole: bool,
}

/// One version of the file.
struct Made {
    id: String,
    file: NewFile,
    written: Written,
}

impl Made {
    fn new(
        scene: &Scene<'_>,
        reader: &Reader,
        baseline: &Baseline,
        first: &str,
    ) -> Result<Result<Self, String>, Error> {
        let written = baseline.written();
        let body = Body {
            imports: written.imports.clone(),
            upgrade: written.upgrade.clone(),
            downgrade: written.downgrade.clone(),
        };
        let lowest = scene.claimed_numbers()?.into_iter().next();
        let number = match lowest {
            Some(lowest @ 1..) => lowest - 1,
            _ => scene.next_number()?,
        };
        let wanted = Wanted {
            beside: first,
            message: MESSAGE,
            slug: "baseline",
            parents: &[],
            number,
            body: Some(&body),
        };
        Ok(new_revision(scene, reader, &wanted)?.map(|(id, file)| Self { id, file, written }))
    }

    /// The file, and the bases on top of it.
    fn in_front(
        &self,
        scene: &Scene<'_>,
        reader: &Reader,
        bases: &[String],
    ) -> Result<Result<Repair, String>, Error> {
        Ok(match self.edited(scene, reader, bases)? {
            Ok(editor) => Ok(editor.finish(reader.objects())?),
            Err(reason) => Err(reason),
        })
    }

    fn edited<'s>(
        &self,
        scene: &'s Scene<'s>,
        reader: &Reader,
        bases: &[String],
    ) -> Result<Result<Editor<'s>, String>, Error> {
        let mut editor = Editor::new(scene);
        editor.create(self.file.path.clone(), self.file.text.clone());
        for base in bases {
            let Some(script) = scene.head.script(base) else { continue };
            let to = [self.id.clone()];
            if let Err(reason) = editor.reparent(reader.objects(), &script.path, &to)? {
                return Ok(Err(reason));
            }
        }
        Ok(Ok(editor))
    }

    fn finish(
        self,
        scene: &Scene<'_>,
        reader: &Reader,
        bases: &[String],
        facts: &Facts<'_>,
    ) -> Result<Result<Repair, String>, Error> {
        let mut editor = match self.edited(scene, reader, bases)? {
            Ok(editor) => editor,
            Err(reason) => return Ok(Err(reason)),
        };
        let count = self.written.tables.len();
        let tables = if count == 1 { "1 table".to_owned() } else { format!("{count} tables") };
        editor.step(Step {
            kind: StepKind::BaselineRevision,
            revision: self.id.clone(),
            path: self.file.path.clone(),
            new_path: None,
            from: "None".into(),
            to: self.id.clone(),
            reason: format!(
                "read before use: it creates {tables} as the chain needs them, written from the models and from what \
                 the later revisions change"
            ),
            evidence: self.evidence(facts),
        });
        for base in bases {
            let Some(script) = scene.head.script(base) else { continue };
            editor.step(Step {
                kind: StepKind::Reparent,
                revision: base.clone(),
                path: script.path.clone(),
                new_path: None,
                from: "None".into(),
                to: self.id.clone(),
                reason: format!("'{base}' needs tables that '{}' creates", self.id),
                evidence: Vec::new(),
            });
        }
        let stops = facts.before.faults.iter().find(|fault| fault.kind == FaultKind::TableNeverCreated);
        editor.repair.notes.extend(self.file.notes);
        editor.repair.notes.push(format!(
            "'{}' goes below what is published, on purpose: onehead check tells reparented-after-landing of the branch \
             that brings it; onehead check --write-baseline accepts that",
            self.id
        ));
        editor.repair.database.push(Consequence {
            stamp: heads_above(scene, bases).join(", "),
            effect: format!(
                "a database that has run any of these revisions has the tables: it counts '{}' as run, never runs it, \
                 and its stamp stays as it is",
                self.id
            ),
            sql: None,
        });
        editor.repair.database.push(Consequence {
            stamp: "nothing (an empty database)".into(),
            effect: match stops {
                Some(fault) => format!(
                    "'alembic upgrade head' stops at {}:{} today: {}; with '{}' it begins with these tables",
                    fault.place.path, fault.place.line, fault.message, self.id
                ),
                None => format!("'alembic upgrade head' begins with '{}'", self.id),
            },
            sql: None,
        });
        editor.finish(reader.objects()).map(Ok)
    }

    /// What the file rests on, and what the replay with it shows.
    fn evidence(&self, facts: &Facts<'_>) -> Vec<String> {
        let mut told = vec![listed("creates", self.written.tables.iter().map(Name::to_string))];
        let needed = needed(&facts.before.faults);
        let more: Vec<String> =
            self.written.tables.iter().filter(|name| !needed.contains(name)).map(Name::to_string).collect();
        if !more.is_empty() {
            let why = match facts.whole {
                true => "no revision creates these, and models declare them:",
                false => "revisions change or fill these, or tables here refer to them:",
            };
            told.push(listed(why, more.into_iter()));
        }
        let mut differences = Vec::new();
        for (name, model) in &facts.models.schema.tables {
            let built = facts.after.schema.table(name);
            if let Some(built) = built.filter(|built| built.place.path == self.file.path) {
                compare::tables(built, model, &mut differences);
            }
        }
        let differences: Vec<String> = differences
            .iter()
            .filter(|difference| difference.aspect != Aspect::Unique)
            .map(|difference| {
                let text = |side: &Option<compare::Side>| {
                    side.as_ref().map_or_else(|| "nothing".to_owned(), |side| side.text.clone())
                };
                let object = difference.object.as_deref().unwrap_or("");
                let (built, model) = (text(&difference.first), text(&difference.second));
                format!(
                    "{} {} {object} ({built}, the model: {model})",
                    difference.table,
                    difference.aspect.name()
                )
            })
            .collect();
        told.push(match differences.is_empty() {
            true => "replayed from an empty database, the chain runs through and ends as the models declare these tables".to_owned(),
            false => listed("replayed from an empty database, the chain runs through; models declare otherwise:", differences.into_iter()),
        });
        if !self.written.unknown.is_empty() {
            told.push(listed("unknown, marked in the file:", self.written.unknown.iter().cloned()));
        }
        told
    }
}

/// The first of many, and how many more.
fn listed(what: &str, names: impl ExactSizeIterator<Item = String>) -> String {
    let count = names.len();
    let told: Vec<String> = names.take(MOST_TOLD).collect();
    let more = match count.saturating_sub(MOST_TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{what} {}{more}", told.join(", "))
}
