use crate::cli::args::{DiffArgs, Format, Global};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::session::Session;
use crate::history::{Reader, Snapshot, delta};
use crate::report::model::{DiffDocument, EnvironmentDiff, VERSION};
use crate::report::{convert, diff_text};

pub(super) fn run(global: &Global, args: &DiffArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let from = session.repo.resolve(&args.from)?;
    let to = session.repo.resolve(&args.to)?;
    session.configure(Some(session.repo.tree_of(to)?))?;
    let mut reader = session.reader();
    let mut olds = reader.snapshots(session.repo.tree_of(from)?)?;
    let news = reader.snapshots(session.repo.tree_of(to)?)?;
    session.note_absent(olds.iter().chain(&news).map(|snapshot| &snapshot.environment), out);
    let mut environments = Vec::new();
    for new in &news {
        let at = olds.iter().position(|old| is_same(old, new));
        let old = at.map(|at| olds.remove(at));
        environments.extend(compare(&reader, old.as_ref(), Some(new))?);
    }
    for old in &olds {
        environments.extend(compare(&reader, Some(old), None)?);
    }
    environments.retain(|environment| {
        global.environments.is_empty() || global.environments.contains(&environment.name)
    });
    let document = DiffDocument {
        schema: "onehead/diff/v1",
        version: VERSION,
        from: from.to_string(),
        to: to.to_string(),
        environments,
    };
    match args.format {
        Format::Json => out.json(&document)?,
        Format::Text => diff_text::diff_text(&document, &mut out.report)?,
    }
    Ok(Verdict::Clean)
}

/// The same environment: the same place, or, after a move, mostly the same revisions.
fn is_same(old: &Snapshot, new: &Snapshot) -> bool {
    if old.environment.directory == new.environment.directory {
        return true;
    }
    let common = old.graph.ids().filter(|id| new.graph.contains(id)).count();
    let smaller = old.graph.ids().count().min(new.graph.ids().count());
    smaller > 0 && common * 2 > smaller
}

fn compare(
    reader: &Reader,
    old: Option<&Snapshot>,
    new: Option<&Snapshot>,
) -> Result<Option<EnvironmentDiff>, Failure> {
    let Some(either) = new.or(old) else { return Ok(None) };
    if old.map(|old| &old.files) == new.map(|new| &new.files) {
        return Ok(None);
    }
    let empty = Snapshot { environment: either.environment.clone(), ..Snapshot::default() };
    let objects = reader.objects();
    let delta = delta(&old.unwrap_or(&empty).scripts, &new.unwrap_or(&empty).scripts, |one, two| {
        reader.headers().grade(objects, one, two)
    })?;
    let lists = convert::delta_lists(Some(&delta));
    let heads = |snapshot: Option<&Snapshot>| {
        snapshot.map(|snapshot| snapshot.graph.heads().to_vec()).unwrap_or_default()
    };
    Ok(Some(EnvironmentDiff {
        name: either.environment.name.clone(),
        directory: either.environment.directory.to_string(),
        from_directory: old.map(|old| old.environment.directory.to_string()),
        exists: new.is_some(),
        heads_before: heads(old),
        heads_after: heads(new),
        added: lists.added,
        removed: lists.removed,
        moved: lists.moved,
        reparented: lists.reparented,
        edited: lists.edited,
    }))
}
