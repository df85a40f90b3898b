use super::Trouble;
use crate::check::{Question, Side, check};
use crate::diagnostic::Diagnostic;
use crate::history::{Reader, Snapshot};
use crate::locate::{Found, Request, locate};
use crate::revision::Environment;
use crate::schema::Name;
use crate::schema::effect::Change;
use crate::schema::replay::{Options, Replayer};
use crate::vcs::{Error, Repo};

/// What this repository says of an error message.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The faults of the state that explain it.
    pub findings: Vec<Diagnostic>,
    /// What the state's files say of what the message names, a sentence each.
    pub facts: Vec<String>,
    /// Where the id is that the message misses.
    pub located: Option<Found>,
    /// What to type, where no finding says it.
    pub statements: Vec<Statement>,
}

/// Something to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What for.
    pub purpose: String,
    /// The command or SQL statement.
    pub text: String,
}

/// Answers for the state `at`. `prepare` picks and completes the environments of each tree; `tell` hears what is
/// being done.
///
/// # Errors
/// When an object or a ref is damaged.
pub fn answer<E: From<Error>>(
    repo: &Repo,
    reader: &mut Reader,
    trouble: &Trouble,
    at: Side,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
    tell: &mut dyn FnMut(&str),
) -> Result<Answer, E> {
    let replayer = Replayer::new(repo.objects_factory());
    let question = Question {
        base: None,
        head: at,
        trunk: None,
        merging: &[],
        all_findings: true,
        accepted: Default::default(),
        bodies: true,
        schema: None,
        replayer: &replayer,
    };
    let state = check(repo, reader, &question, prepare)?;
    let mut answer = Answer {
        findings: state.findings.into_iter().filter(|finding| explains(finding, trouble)).collect(),
        ..Answer::default()
    };
    for snapshot in &state.merged {
        say(trouble, snapshot, &mut answer);
    }
    match trouble {
        Trouble::UnknownRevision(id) | Trouble::MissingParent(id) => {
            let request = Request { id, at: at.tree, lost: false };
            answer.located = Some(locate(repo, reader, request, prepare, tell)?);
        }
        Trouble::RelationExists(name) | Trouble::RelationMissing(name) => {
            for snapshot in &state.merged {
                let replay = replayer.replay(at.tree, snapshot, &Options::default());
                let effects = replay.revisions.iter().flat_map(|revision| &*revision.effects);
                answer.facts.extend(effects.filter_map(|effect| {
                    let verb = verb(&effect.change, name)?;
                    let (path, line) = (&effect.place.path, effect.place.line);
                    let revision = effect.place.revision.as_deref().unwrap_or_default();
                    Some(format!("'{revision}' {verb} '{name}' in {path}:{line}"))
                }));
            }
            if answer.facts.is_empty() {
                answer.facts.push(format!("no migration that can be read creates or drops '{name}'"));
            }
        }
        _ => {}
    }
    Ok(answer)
}

/// Whether the finding is one that makes such a message.
fn explains(finding: &Diagnostic, trouble: &Trouble) -> bool {
    let names = |id: &str| finding.revisions.iter().any(|known| known == id) || finding.subject.contains(id);
    trouble.rules().contains(&finding.rule)
        && match trouble {
            Trouble::UnknownRevision(id) | Trouble::DuplicateRevision(id) | Trouble::MissingParent(id) => {
                names(id)
            }
            Trouble::RelationExists(name) | Trouble::RelationMissing(name) => {
                finding.rule == "create-all-in-application" || names(unqualified(name))
            }
            Trouble::Cycle(ids) => ids.iter().any(|id| names(id)),
            _ => true,
        }
}

/// Adds what one environment's graph says.
fn say(trouble: &Trouble, snapshot: &Snapshot, answer: &mut Answer) {
    let graph = &snapshot.graph;
    let environment = &snapshot.environment.name;
    match trouble {
        Trouble::MultipleHeads | Trouble::NotUpToDate => {
            for head in graph.heads() {
                let path = snapshot.script(head).map(|script| script.path.to_string()).unwrap_or_default();
                answer.facts.push(format!("{environment} has the head '{head}' in {path}"));
            }
        }
        Trouble::Overlap(ids) => {
            for (at, one) in ids.iter().enumerate() {
                for other in &ids[at + 1..] {
                    let below = |one: &str, other: &str| graph.ancestors(other).contains(one);
                    let pair = match (below(one, other), below(other, one)) {
                        (true, _) => (one.as_str(), other.as_str()),
                        (_, true) => (other.as_str(), one.as_str()),
                        _ => continue,
                    };
                    overlap(pair, environment, answer);
                }
            }
        }
        Trouble::DuplicateRevision(id) => {
            let files = snapshot.scripts.iter().filter(|script| *script.revision == **id);
            answer.facts.extend(files.map(|script| format!("{} states '{id}'", script.path)));
        }
        _ => {}
    }
}

fn overlap((ancestor, descendant): (&str, &str), environment: &str, answer: &mut Answer) {
    answer.facts.push(format!("in {environment}, '{ancestor}' is an ancestor of '{descendant}'"));
    answer.statements.push(Statement {
        purpose: format!(
            "where alembic_version holds both and '{descendant}' has run: take the row out that is implied"
        ),
        text: format!("DELETE FROM alembic_version WHERE version_num = '{}';", ancestor.replace('\'', "''")),
    });
}

/// `public.users` is `users`.
fn unqualified(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, name)| name)
}

/// What the change does to the relation or type, if it makes or removes it.
fn verb(change: &Change, wanted: &str) -> Option<&'static str> {
    let is = |name: &Name| *name.name == *unqualified(wanted);
    Some(match change {
        Change::CreateTable(table) if is(&table.name) => "creates the table",
        Change::RenameTable(_, to) if **to == *unqualified(wanted) => "renames a table to",
        Change::RenameTable(name, _) if is(name) => "renames the table",
        Change::DropTable(name, _) if is(name) => "drops the table",
        Change::CreateView(name, ..) if is(name) => "creates the view",
        Change::DropView(name, _) if is(name) => "drops the view",
        Change::CreateType(name, _) if is(name) => "creates the type",
        Change::CreateEnum(spec, _) if is(&spec.name) => "creates the type",
        Change::DropType(name, _) if is(name) => "drops the type",
        Change::CreateSequence(name, _) if is(name) => "creates the sequence",
        _ => return None,
    })
}
