use std::collections::BTreeSet;

use crate::cli::args::{Format, Global, HeadsArgs};
use crate::cli::exit::{Failure, Output, Verdict, leave_to_the_end};
use crate::cli::session::Session;
use crate::history::{Reader, Snapshot, landings};
use crate::report::heads_text;
use crate::report::model::{CommitSummary, EnvironmentHeads, Head, HeadsDocument, VERSION};
use crate::rules::crowded_heads;
use crate::text::time::rfc3339;
use crate::vcs::{CommitId, Repo, Trunk};

pub(super) fn run(global: &Global, args: &HeadsArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let study = session.study(args.revision.as_deref())?;
    let trunk = session.trunk()?;
    let mut reader = session.reader();
    let snapshots = session.snapshots(&mut reader, study.root)?;
    session.note_absent(snapshots.iter().map(|snapshot| &snapshot.environment), out);
    let environments: Vec<EnvironmentHeads> = snapshots
        .iter()
        .map(|snapshot| environment_heads(&session.repo, &mut reader, snapshot, trunk.as_ref()))
        .collect::<Result<_, _>>()?;
    let crowded = environments.iter().any(|environment| environment.too_many);
    let document = HeadsDocument {
        schema: "onehead/heads/v1",
        version: VERSION,
        commit: study.commit.map(|commit| commit.to_string()),
        environments,
    };
    match args.format {
        Format::Json => out.json(&document)?,
        Format::Text => heads_text::heads_text(&document, &mut out.report)?,
    }
    session.leave();
    leave_to_the_end((reader, snapshots, document));
    Ok(if crowded { Verdict::Findings } else { Verdict::Clean })
}

fn environment_heads(
    repo: &Repo,
    reader: &mut Reader,
    snapshot: &Snapshot,
    trunk: Option<&Trunk>,
) -> Result<EnvironmentHeads, Failure> {
    let ids: BTreeSet<String> = snapshot.graph.heads().iter().cloned().collect();
    let landed = match trunk {
        Some(trunk) => landings(repo, reader, &snapshot.environment, trunk.commit, &ids)?,
        None => Default::default(),
    };
    let labels = snapshot.graph.head_labels();
    let mut heads = Vec::new();
    for id in snapshot.graph.heads() {
        let Some(script) = snapshot.script(id) else { continue };
        heads.push(Head {
            revision: id.clone(),
            path: script.path.to_string(),
            message: script.header.docstring.message.clone(),
            labels: labels.get(id.as_str()).into_iter().flatten().map(|label| (*label).to_owned()).collect(),
            landed: match landed.get(id) {
                Some(landing) => summary(repo, landing.commit)?,
                None => None,
            },
        });
    }
    Ok(EnvironmentHeads {
        name: snapshot.environment.name.clone(),
        directory: snapshot.environment.directory.to_string(),
        too_many: !crowded_heads(snapshot).is_empty(),
        heads,
    })
}

fn summary(repo: &Repo, commit: CommitId) -> Result<Option<CommitSummary>, Failure> {
    Ok(repo.objects().commit_details(commit)?.map(|details| CommitSummary {
        commit: commit.to_string(),
        time: rfc3339(details.time),
        author: details.author,
        subject: details.subject,
    }))
}
