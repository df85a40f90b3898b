use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::check::apply_levels;
use super::timeline::cut_off;
use crate::audit::{Audit, Settings, Since, audit};
use crate::check::{Question, Side, check};
use crate::cli::args::{AuditArgs, AuditFormat, Global};
use crate::cli::config::Config;
use crate::cli::exit::{Failure, Output, Verdict, json_printable};
use crate::cli::pages::rule_pages;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cli::{output_file, time};
use crate::diagnostic::{Diagnostic, Severity};
use crate::history::{Reader, Snapshot};
use crate::report::audit_convert::{Frame, audit_document};
use crate::report::audit_page::Sources;
use crate::report::model::{AuditDocument, Finding, StandingFinding};
use crate::report::sarif::{Input, sarif};
use crate::report::{audit_html, audit_markdown, audit_text};
use crate::revision::Environment;
use crate::schema::replay::Replayer;
use crate::vcs::{BlobId, CommitDetails, CommitId, Error, Objects, TreeId};

pub(super) fn run(global: &Global, args: &AuditArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let since = args.since.as_deref().map(time::parse_since).transpose()?;
    let mut trunk = None;
    let mut line = args.revision.clone();
    let commit = match &args.revision {
        Some(revision) => session.repo.resolve(revision)?,
        None => {
            // The configuration may name the trunk; what else it says is read at the trunk's own commit.
            session.configure(session.repo.head()?.map(|head| session.repo.tree_of(head)).transpose()?)?;
            trunk = session.trunk()?;
            line = trunk.as_ref().map(|trunk| trunk.name.clone());
            match &trunk {
                Some(trunk) => trunk.commit,
                None => session.repo.resolve("HEAD")?,
            }
        }
    };
    let root = session.repo.tree_of(commit)?;
    session.config = Config::default();
    session.configure(Some(root))?;
    if trunk.is_none() {
        trunk = session.trunk()?;
    }
    let progress = Progress::start(global.quiet, "reading the history");
    let mut reader = session.reader();
    let wants = |environment: &Environment| session.wants(environment);
    let heads = session.config.expected_heads();
    let (mut faults, standing) = standing(&session, &mut reader, commit, root)?;
    let settings = Settings { commit, since, heads, standing: &faults, wants: &wants };
    let mut audited = audit(&session.repo, &mut reader, &settings)?;
    if audited.environments.is_empty() && !global.environments.is_empty() {
        // None of that name ever was: the names that are there help.
        session.prepare(&mut reader.environments(root)?)?;
    }
    progress.now("telling it");
    let since_when = audited.tell_since(&session.repo, &mut reader, &mut faults)?;
    let findings: Vec<(Diagnostic, Option<Since>)> = faults.into_iter().zip(since_when).collect();
    session.note_absent(audited.environments.iter().map(|account| &account.environment), out);
    let not_looked_at = not_looked_at((&session, global), &audited, &standing, root)?;
    let line = line.unwrap_or_else(|| "HEAD".to_owned());
    let frame = Frame { trunk: trunk.map(|trunk| trunk.name), line, since, not_looked_at };
    let document = audit_document(&audited, &findings, frame);
    drop(progress);
    print(&session, (&audited, &document), (global, args), out)?;
    let fail_on = global.fail_on.map(Severity::from);
    let failed = |(finding, _): &(Diagnostic, _)| fail_on.is_some_and(|fail_on| finding.severity <= fail_on);
    Ok(if findings.iter().any(failed) { Verdict::Findings } else { Verdict::Clean })
}

/// The faults that stand at `commit`, as `check --all-findings` has them, and the states they are read from.
fn standing(
    session: &Session<'_>,
    reader: &mut Reader,
    commit: CommitId,
    root: TreeId,
) -> Result<(Vec<Diagnostic>, Vec<Snapshot>), Failure> {
    let head = Side { tree: root, commit: Some(commit), committed: true };
    let accepted = session.accepted(None);
    let (replayed, replayer) = (session.replay_options(), Replayer::new(session.repo.objects_factory()));
    let question = Question {
        base: None,
        head,
        trunk: None,
        merging: &[],
        all_findings: true,
        accepted: accepted.view(),
        bodies: session.config.asks_for_bodies(),
        schema: Some(&replayed),
        replayer: &replayer,
    };
    let known = reader.environments(root)?;
    let prepare = |environments: &mut Vec<Environment>| -> Result<(), Failure> {
        // An environment that is asked for may be gone: that is no mistake here.
        environments.retain(|environment| session.wants(environment));
        if environments.is_empty() && !known.is_empty() {
            return Ok(());
        }
        session.prepare(environments)
    };
    let answer = check(&session.repo, reader, &question, &prepare)?;
    Ok((apply_levels(session, answer.findings), answer.merged))
}

/// What the answer does not cover.
fn not_looked_at(
    (session, global): (&Session<'_>, &Global),
    audit: &Audit,
    standing: &[Snapshot],
    root: TreeId,
) -> Result<Vec<String>, Failure> {
    let mut all: Vec<String> = cut_off(&audit.timeline.history.missing).into_iter().collect();
    all.push("what happened on branches before they were merged: each merge counts as one step".to_owned());
    for snapshot in standing {
        let name = &snapshot.environment.name;
        for file in &snapshot.unreadable {
            all.push(format!("{} of {name}, in full: {}", file.path, file.reason));
        }
        for (directory, files) in &snapshot.unscanned {
            all.push(format!("{directory}, with {files} migration files: {name} does not scan it"));
        }
    }
    if session.config.environments.is_empty() && global.environments.is_empty() {
        return Ok(all);
    }
    let mut others = Reader::new(session.repo.objects_factory(), None).environments(root)?;
    let is_told = |other: &Environment| {
        audit.environments.iter().any(|account| account.environment.is_same_place(other))
    };
    others.retain(|other| !is_told(other));
    for other in others {
        let why =
            if session.wants(&other) { "the configuration leaves it out" } else { "--env leaves it out" };
        all.push(format!("the environment {} in {}: {why}", other.name, other.directory));
    }
    Ok(all)
}

fn print(
    session: &Session<'_>,
    (audited, document): (&Audit, &AuditDocument),
    (global, args): (&Global, &AuditArgs),
    out: &mut Output,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    match args.format {
        AuditFormat::Json => json(document, &mut text)?,
        AuditFormat::Sarif => {
            let findings: Vec<Finding> = document.findings.iter().map(dated).collect();
            let log = sarif(&Input {
                command: "audit",
                base: None,
                head: Some(&document.commit),
                findings: &findings,
                rules: &rule_pages(),
                repairs: &BTreeMap::new(),
            });
            json(&log, &mut text)?;
        }
        AuditFormat::Text => audit_text::audit_text(document, &mut text)?,
        AuditFormat::Markdown => audit_markdown::audit_markdown(document, &mut text)?,
        AuditFormat::Html => {
            let sources = FromRepository(session.repo.objects());
            audit_html::audit_html(audited, document, &sources, &mut text)?;
        }
    }
    match &args.output {
        Some(path) => output_file::write(
            &from_directory(global, path),
            &anstream::adapter::strip_bytes(&text).into_vec(),
        ),
        None => Ok(out.report.write_all(&text)?),
    }
}

/// A fault whose facts tell since when it stands.
fn dated(standing: &StandingFinding) -> Finding {
    let mut finding = standing.finding.clone();
    if let Some(since) = &standing.since {
        let earlier = if standing.since_earlier { " or longer" } else { "" };
        finding.evidence.push(format!(
            "it stands since {} by {} (\"{}\"){earlier}",
            since.commit, since.author, since.subject
        ));
    }
    finding
}

fn json(document: &impl serde::Serialize, out: &mut Vec<u8>) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(document)?;
    out.extend_from_slice(json_printable(&json).as_bytes());
    out.push(b'\n');
    Ok(())
}

/// `path` as seen from where the command runs.
fn from_directory(global: &Global, path: &Path) -> PathBuf {
    global.directory.as_deref().unwrap_or(Path::new("")).join(path)
}

/// What the page reads beside the audit.
struct FromRepository<'r>(&'r Objects);

impl Sources for FromRepository<'_> {
    fn commit(&self, id: CommitId) -> Result<Option<CommitDetails>, Error> {
        self.0.commit_details(id)
    }

    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, Error> {
        self.0.blob(id)
    }
}
