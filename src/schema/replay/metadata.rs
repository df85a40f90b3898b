//! The naming convention of `target_metadata`, as far as env.py tells it.

use std::rc::Rc;

use super::STACK;
use super::naming::NamingConvention;
use crate::cache::Kind;
use crate::revision::Environment;
use crate::schema::evaluate::{Answers, Evaluator, Files as _, NoHost, TreeFiles};
use crate::schema::value::{Callee, Value};
use crate::vcs::RepoPath;

/// Bases behind bases deeper are not followed.
const MAX_DEPTH: usize = 8;

/// The convention; `None` where there may be one that cannot be read.
pub(super) fn naming_convention(
    answers: &mut Answers<'_, '_>,
    environment: &Environment,
    roots: &[RepoPath],
) -> Option<NamingConvention> {
    let files = answers.files();
    let env = environment.directory.join("env.py");
    let key = (&env, files.blob(&env)?, roots);
    let evaluate = || {
        let mut evaluator = Evaluator::new(files, Rc::new(NoHost), roots.to_vec());
        let naming = stacker::grow(STACK, || of_environment(files, &env, &mut evaluator));
        (naming, evaluator.asked_at_all())
    };
    answers.kept_or(Kind::Naming, || key, evaluate)
}

fn of_environment(
    files: &TreeFiles<'_>,
    env: &RepoPath,
    evaluator: &mut Evaluator<'_>,
) -> Option<NamingConvention> {
    let text = files.text(env)?;
    let text = String::from_utf8_lossy(&text);
    let module = evaluator.module(env)?;
    let place = Default::default();
    let metadata = match evaluator.lookup(&module, "target_metadata") {
        Some(metadata) => metadata,
        None => match handed_over(&text) {
            None if text.contains("target_metadata") => return None,
            // Without one nothing names anything.
            None => return Some(NamingConvention::default()),
            Some(path) => {
                let mut parts = path.split('.');
                let first = evaluator.lookup(&module, parts.next()?)?;
                parts.fold(first, |value, part| evaluator.attribute(&value, part, &place))
            }
        },
    };
    let metadata = match metadata {
        Value::List(items) => items.borrow().first().cloned()?,
        metadata => metadata,
    };
    of_metadata(evaluator, &metadata, 0)
}

/// The dotted name in `context.configure(target_metadata=NAME)`.
fn handed_over(text: &str) -> Option<&str> {
    text.match_indices("target_metadata").find_map(|(at, word)| {
        let value = text[at + word.len()..].trim_start().strip_prefix('=')?.trim_start();
        let end = value.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(value.len());
        let (path, rest) = value.split_at(end);
        let is_call = rest.trim_start().starts_with(['(', '[']);
        (!path.is_empty() && path != word && !is_call).then_some(path)
    })
}

/// The convention of `MetaData(…)`, or of what leads to one: `Base.metadata`, `db.metadata`.
fn of_metadata(evaluator: &mut Evaluator<'_>, value: &Value, depth: usize) -> Option<NamingConvention> {
    if depth > MAX_DEPTH {
        return None;
    }
    let plain = || Some(NamingConvention::default());
    match value {
        Value::None => plain(),
        Value::External(path) if path.ends_with("SQLModel.metadata") => plain(),
        Value::External(path) if path.ends_with("DeclarativeBase") || path.ends_with(".SQLModel") => plain(),
        Value::Construct(construct) => match &construct.callee {
            Callee::Path(path) if path.ends_with("MetaData") => match construct.kwarg("naming_convention") {
                None if construct.more.is_some() => None,
                None => plain(),
                Some(Value::None) => plain(),
                Some(Value::Dict(items)) => {
                    let items = items.borrow();
                    let known = items.iter().map(|(key, value)| Some((key.as_text()?, value.as_text()?)));
                    let known: Option<Vec<_>> = known.collect();
                    known.map(NamingConvention::new)
                }
                Some(_) => None,
            },
            Callee::Path(path) => match construct.kwarg("metadata").cloned() {
                Some(inner) => of_metadata(evaluator, &inner, depth + 1),
                None if construct.more.is_some() => None,
                None if path.ends_with("declarative_base") || path.ends_with(".SQLAlchemy") => plain(),
                None => None,
            },
            Callee::Method(..) => None,
        },
        Value::Attribute(attribute) if &*attribute.1 == "metadata" => {
            let owner = attribute.0.clone();
            of_metadata(evaluator, &owner, depth + 1)
        }
        Value::Class(class) => {
            let class = Rc::clone(class);
            class.bases.iter().find_map(|base| match base {
                Value::Class(_) => {
                    let metadata = evaluator.attribute(base, "metadata", &class.place);
                    of_metadata(evaluator, &metadata, depth + 1)
                }
                base => of_metadata(evaluator, base, depth + 1),
            })
        }
        _ => None,
    }
}
