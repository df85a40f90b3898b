use std::collections::BTreeMap;

use crate::cli::args::Global;
use crate::cli::args::schema::{SchemaDiffArgs, SchemaDiffFormat};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::session::Session;
use crate::report::model::VERSION;
use crate::report::model::schema_diff::{EnvironmentSchemaDiff, SchemaDiffDocument};
use crate::report::schema_diff_text::{environment_diff, schema_diff_text};
use crate::revision::Environment;
use crate::schema::compare::differences;
use crate::schema::replay::{Replay, Replayer};
use crate::schema::{Schema, models};

pub(super) fn run(global: &Global, args: &SchemaDiffArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let replayer = Replayer::new(session.repo.objects_factory());
    let (first, second, environments) = if args.models {
        let environments = with_models(&mut session, &replayer, args.first.as_deref(), out)?;
        ("migrations".to_owned(), "models".to_owned(), environments)
    } else {
        // Clap asks for both.
        let (first, second) =
            (args.first.clone().unwrap_or_default(), args.second.clone().unwrap_or_default());
        let environments = between(&mut session, &replayer, &first, &second, out)?;
        (first, second, environments)
    };
    let differ = environments.iter().any(|environment| !environment.differences.is_empty());
    let document = SchemaDiffDocument {
        schema: "onehead/schema-diff/v1",
        version: VERSION,
        first,
        second,
        environments,
    };
    match args.format {
        SchemaDiffFormat::Json => out.json(&document)?,
        SchemaDiffFormat::Text => schema_diff_text(&document, &mut out.report)?,
    }
    Ok(if differ { Verdict::Findings } else { Verdict::Clean })
}

/// Migrations against models at one commit.
fn with_models(
    session: &mut Session<'_>,
    replayer: &Replayer,
    revision: Option<&str>,
    out: &mut Output,
) -> Result<Vec<EnvironmentSchemaDiff>, Failure> {
    let study = session.study(revision)?;
    let options = session.replay_options();
    let mut reader = session.reader();
    let snapshots = session.snapshots(&mut reader, study.root)?;
    session.note_absent(snapshots.iter().map(|snapshot| &snapshot.environment), out);
    let diffs = snapshots.iter().map(|snapshot| {
        let replay = replayer.replay(study.root, snapshot, &options);
        let (objects, environment) = (session.repo.objects(), &snapshot.environment);
        let models = models::read(objects, study.root, replayer.parsed(), environment, replay.database);
        let mut found = differences(&replay.schema, &models.schema);
        // The table that Alembic keeps for itself.
        found.retain(|difference| &*difference.table.name != "alembic_version");
        let doubt = models.doubt.as_ref().map(ToString::to_string);
        environment_diff(environment, &found, doubt.or_else(|| doubt_of(&models.schema)))
    });
    Ok(diffs.collect())
}

/// Why a schema is not known in full.
fn doubt_of(schema: &Schema) -> Option<String> {
    let first = schema.opaque.first()?;
    let more = schema.opaque.len() - 1;
    let others = if more == 0 { String::new() } else { format!(" (and {more} more)") };
    Some(format!("{}{others}", first.reason))
}

/// What the migrations build at one commit against what they build at another.
fn between(
    session: &mut Session<'_>,
    replayer: &Replayer,
    first: &str,
    second: &str,
    out: &mut Output,
) -> Result<Vec<EnvironmentSchemaDiff>, Failure> {
    let mut sides = Vec::new();
    for revision in [first, second] {
        let study = session.study(Some(revision))?;
        let options = session.replay_options();
        let mut reader = session.reader();
        let snapshots = session.snapshots(&mut reader, study.root)?;
        session.note_absent(snapshots.iter().map(|snapshot| &snapshot.environment), out);
        let mut replays: BTreeMap<String, (Environment, Replay)> = BTreeMap::new();
        for snapshot in &snapshots {
            let replay = replayer.replay(study.root, snapshot, &options);
            replays.insert(snapshot.environment.name.clone(), (snapshot.environment.clone(), replay));
        }
        sides.push(replays);
    }
    let (Some(mut after), Some(mut before)) = (sides.pop(), sides.pop()) else { return Ok(Vec::new()) };
    let names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    let mut diffs: BTreeMap<String, EnvironmentSchemaDiff> = BTreeMap::new();
    for name in names {
        let (one, other) = (before.remove(&name), after.remove(&name));
        let Some(environment) = one.as_ref().or(other.as_ref()).map(|(environment, _)| environment.clone())
        else {
            continue;
        };
        let (one, other) = (
            one.unwrap_or_else(|| (environment.clone(), Replay::default())),
            other.unwrap_or_else(|| (environment.clone(), Replay::default())),
        );
        let found = differences(&one.1.schema, &other.1.schema);
        let doubt = doubt_of(&one.1.schema).or_else(|| doubt_of(&other.1.schema));
        diffs.insert(name, environment_diff(&environment, &found, doubt));
    }
    Ok(diffs.into_values().collect())
}
