use crate::cli::args::Global;
use crate::cli::args::schema::{SchemaArgs, SchemaCommand, SchemaFormat};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::session::Session;
use crate::history::Snapshot;
use crate::report::model::VERSION;
use crate::report::model::schema::SchemaDocument;
use crate::report::{schema_convert, schema_mermaid, schema_sql, schema_text};
use crate::schema::models;
use crate::schema::replay::Replayer;

pub(super) fn run(global: &Global, args: &SchemaArgs, out: &mut Output) -> Result<Verdict, Failure> {
    if let Some(SchemaCommand::Diff(diff)) = &args.command {
        return super::schema_diff::run(global, diff, out);
    }
    let mut session = Session::open(global)?;
    let study = session.study(args.revision.as_deref())?;
    let mut reader = session.reader();
    let mut snapshots = session.snapshots(&mut reader, study.root)?;
    session.note_absent(snapshots.iter().map(|snapshot| &snapshot.environment), out);
    let mut options = session.replay_options();
    if let Some(asked) = &args.at {
        let target = target(&snapshots, asked)?;
        snapshots.retain(|snapshot| snapshot.graph.contains(&target));
        options.targets = Some(vec![target]);
    }
    let replayer = Replayer::new(session.repo.objects_factory());
    let mut databases = Vec::new();
    let environments = snapshots.iter().map(|snapshot| {
        let replay = replayer.replay(study.root, snapshot, &options);
        databases.push(replay.database);
        if args.models {
            let models = models::read(
                session.repo.objects(),
                study.root,
                replayer.parsed(),
                &snapshot.environment,
                replay.database,
            );
            return schema_convert::schema_model(&snapshot.environment, &models.schema, replay.database);
        }
        schema_convert::environment_schema(&snapshot.environment, &replay, replay.database)
    });
    let environments = environments.collect();
    let database = databases.first().copied().unwrap_or_default();
    let mut revision = match options.targets {
        Some(targets) => targets,
        None => snapshots.iter().flat_map(|snapshot| snapshot.graph.heads().to_vec()).collect(),
    };
    revision.sort();
    revision.dedup();
    let document = SchemaDocument {
        schema: "onehead/schema/v1",
        version: VERSION,
        commit: study.commit.map(|commit| commit.to_string()),
        revision,
        dialect: database.name(),
        environments,
    };
    match args.format {
        SchemaFormat::Json => out.json(&document)?,
        SchemaFormat::Text => schema_text::schema_text(&document, &mut out.report)?,
        SchemaFormat::Sql => schema_sql::schema_sql(&document, &mut out.report)?,
        SchemaFormat::Mermaid => schema_mermaid::schema_mermaid(&document, &mut out.report)?,
    }
    Ok(Verdict::Clean)
}

/// The id that `asked` is, or begins, in one of the environments.
fn target(snapshots: &[Snapshot], asked: &str) -> Result<String, Failure> {
    let ids = || snapshots.iter().flat_map(|snapshot| snapshot.graph.ids());
    if ids().any(|id| id == asked) {
        return Ok(asked.to_owned());
    }
    let mut found: Vec<&str> = ids().filter(|id| !asked.is_empty() && id.starts_with(asked)).collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(Failure::new(format!("there is no revision '{asked}' here"), "onehead graph")),
        several => Err(Failure::new(
            format!("'{asked}' is the beginning of {} revisions", several.len()),
            format!("onehead schema --at {}", several[0]),
        )),
    }
}
