use crate::cli::args::{Format, Global, LocateArgs};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::session::Session;
use crate::cli::shell::shell_word;
use crate::locate::{Event, EventKind, Found, Request, Source, locate};
use crate::report::model::{
    self, CommitSummary, Holder, LocateDocument, LocateEvent, Presence, Suggestion, VERSION,
};
use crate::report::{convert, locate_text};
use crate::revision::Environment;
use crate::text::time::rfc3339;
use crate::vcs::{CommitId, Error, Repo};

pub(super) fn run(global: &Global, args: &LocateArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let study = session.study(args.revision.as_deref())?;
    let mut reader = session.reader();
    let request = Request { id: &args.id, at: study.root, lost: args.lost };
    let prepare =
        |environments: &mut Vec<Environment>| -> Result<(), Failure> { session.prepare(environments) };
    let mut notes = Vec::new();
    let found =
        locate(&session.repo, &mut reader, request, &prepare, &mut |note| notes.push(note.to_owned()))?;
    for note in notes {
        out.note(&note);
    }
    if let Some(first) = found.cut_off.first() {
        out.note(&format!(
            "history is cut off: parents such as {} are not in this copy; what lies beyond is unknown",
            first.short()
        ));
    }
    let document = document(&session.repo, args.lost, study.commit, &found)?;
    match args.format {
        Format::Json => out.json(&document)?,
        Format::Text => locate_text::locate_text(&document, &mut out.report)?,
    }
    Ok(if document.found { Verdict::Clean } else { Verdict::Findings })
}

pub(super) fn document(
    repo: &Repo,
    searched_lost: bool,
    commit: Option<CommitId>,
    found: &Found,
) -> Result<LocateDocument, Failure> {
    let holder = |holder: &crate::locate::Holder| Holder {
        name: holder.name.clone().unwrap_or_default(),
        commit: holder.commit.to_string(),
    };
    let lost: Vec<CommitSummary> =
        found.lost.iter().map(|commit| summary(repo, *commit)).collect::<Result<_, _>>()?;
    Ok(LocateDocument {
        schema: "onehead/locate/v1",
        version: VERSION,
        revision: found.id.clone(),
        commit: commit.map(|commit| commit.to_string()),
        found: found.is_known(),
        present: found
            .present
            .iter()
            .map(|present| Presence {
                environment: present.environment.clone(),
                path: present.path.to_string(),
                line: present.line,
            })
            .collect(),
        history: found.events.iter().map(|known| event(repo, known)).collect::<Result<_, Error>>()?,
        refs: found.refs.iter().map(holder).collect(),
        reflog: found.reflog.iter().map(holder).collect(),
        lost: searched_lost.then_some(lost),
        nearest_ancestors: found.nearest.clone(),
        source: found.source.as_ref().map(|source| model::Source {
            commit: source.commit.to_string(),
            name: source.name.clone(),
            paths: source.paths.iter().map(ToString::to_string).collect(),
        }),
        commands: match &found.source {
            Some(source) => suggestions(&found.id, source, &found.nearest),
            None => Vec::new(),
        },
    })
}

fn event(repo: &Repo, event: &Event) -> Result<LocateEvent, Error> {
    let mut told = LocateEvent {
        commit: summary(repo, event.commit)?,
        environment: event.environment.clone(),
        event: "added",
        path: event.path.to_string(),
        from_path: None,
        from: Vec::new(),
        to: Vec::new(),
        grade: None,
    };
    match &event.kind {
        EventKind::Added => {}
        EventKind::Removed => told.event = "removed",
        EventKind::Moved { from } => {
            told.event = "moved";
            told.from_path = Some(from.to_string());
        }
        EventKind::Reparented { from, to } => {
            told.event = "reparented";
            (told.from, told.to) = (from.clone(), to.clone());
        }
        EventKind::Edited(grade) => {
            told.event = "edited";
            told.grade = Some(convert::grade_name(*grade));
        }
    }
    Ok(told)
}

fn summary(repo: &Repo, commit: CommitId) -> Result<CommitSummary, Error> {
    let details = repo.objects().commit_details(commit)?;
    Ok(CommitSummary {
        commit: commit.to_string(),
        time: rfc3339(details.as_ref().map_or(0, |details| details.time)),
        author: details.as_ref().map(|details| details.author.clone()).unwrap_or_default(),
        subject: details.map(|details| details.subject).unwrap_or_default(),
    })
}

/// How the revision comes back, and how a database that stands at it gets home without it.
fn suggestions(id: &str, source: &Source, nearest: &[String]) -> Vec<Suggestion> {
    let commit = source.commit.short();
    let paths: Vec<String> = source.paths.iter().map(|path| shell_word(&path.to_string())).collect();
    let many = paths.len() > 1;
    let mut suggestions = vec![Suggestion {
        purpose: format!("bring the file{} back", if many { "s" } else { "" }),
        commands: vec![format!("git restore --source={commit} -- {}", paths.join(" "))],
    }];
    let (target, set) = match nearest {
        [] => ("base".to_owned(), Some("DELETE FROM alembic_version".to_owned())),
        [only] => (
            only.clone(),
            Some(format!("UPDATE alembic_version SET version_num = '{}'", only.replace('\'', "\'\'"))),
        ),
        // Which of them a database had run is not known.
        _ => return suggestions,
    };
    suggestions.push(Suggestion {
        purpose: format!("take a database that stands at {id} down to {target}, with the code that has it"),
        commands: vec![
            format!("git worktree add --detach ../{commit} {commit}"),
            format!("cd ../{commit} && alembic downgrade {target}"),
        ],
    });
    if let Some(set) = set {
        suggestions.push(Suggestion {
            purpose: format!(
                "only where the schema changes of {id} are undone already: tell the database that it stands at {target}"
            ),
            commands: vec![format!("{set} WHERE version_num = '{}';", id.replace('\'', "\'\'"))],
        });
    }
    suggestions
}
