use std::collections::{BTreeMap, BTreeSet};

use super::baseline;
use crate::check::{Answer, Question, Side, check};
use crate::cli::args::{self, CheckArgs, CheckFormat, Global};
use crate::cli::config::Level;
use crate::cli::exit::{Failure, Output, Verdict, leave_to_the_end};
use crate::cli::pages::rule_pages;
use crate::cli::session::{Session, is_relevant};
use crate::cli::shell::shell_word;
use crate::cli::time::now;
use crate::diagnostic::{Diagnostic, Fix, Severity};
use crate::history::{Reader, Snapshot};
use crate::plan::{Choices, Group, Plan, REPAIRABLE, Step, plan_for, summary};
use crate::report::model::{CheckDocument, MergedEnvironment, VERSION};
use crate::report::sarif::{EditedFile, Input, sarif};
use crate::report::{check_github, check_gitlab, check_text, convert};
use crate::revision::Environment;
use crate::schema::replay::Replayer;
use crate::vcs::{CommitId, Error, RepoPath, TreeId, changed_files};

pub(super) fn run(global: &Global, args: &CheckArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let head = head(&session, args)?;
    session.configure(Some(head.tree))?;
    let trunk = session.trunk()?;
    let base = match (&args.base, &trunk) {
        (Some(base), _) => Some(side(&session, session.repo.resolve(base)?)?),
        (None, Some(trunk)) => Some(side(&session, trunk.commit)?),
        (None, None) => {
            out.note("no trunk found (no origin/HEAD, main or master): telling the faults that stand in head; name one with --base or --trunk");
            None
        }
    };
    let merging = if head.committed { Vec::new() } else { session.repo.merging() };
    let accepted = session.accepted(base.map(|base| base.tree));
    let (replayed, replayer) = (session.replay_options(), Replayer::new(session.repo.objects_factory()));
    let question = Question {
        base,
        head,
        trunk: trunk.as_ref(),
        merging: &merging,
        all_findings: args.all_findings,
        accepted: accepted.view(),
        bodies: session.config.asks_for_bodies(),
        schema: Some(&replayed),
        replayer: &replayer,
    };
    let mut reader = session.reader();
    let fixing = Fixing {
        asks: fix_command(global, args),
        writes: if args.staged || args.worktree { " --write" } else { " --commit" },
    };
    let Examined { document, findings, plan, merged, failed, .. } =
        examine(&session, &mut reader, &question, &fixing, global.fail_on)?;
    if findings.is_empty() {
        session.note_absent(merged.iter().map(|snapshot| &snapshot.environment), out);
    }
    if args.write_baseline {
        return baseline::write(&session, global, (&document.findings, &args.reason), out);
    }
    match args.format {
        CheckFormat::Json => out.json(&document)?,
        CheckFormat::Text => check_text::check_text(&document, &mut out.report)?,
        CheckFormat::Github => check_github::check_github(&document.findings, &mut out.report)?,
        CheckFormat::Gitlab => out.json(&check_gitlab::check_gitlab(&document.findings))?,
        CheckFormat::Sarif => {
            let repairs = match &plan {
                Some(plan) => repairs(&reader, head.tree, plan, &findings)?,
                None => BTreeMap::new(),
            };
            out.json(&sarif(&Input {
                command: "check",
                base: document.base.as_deref(),
                head: document.head.as_deref(),
                findings: &document.findings,
                rules: &rule_pages(),
                repairs: &repairs,
            }))?;
        }
    }
    session.leave();
    leave_to_the_end((reader, replayer, document, merged));
    Ok(if failed { Verdict::Findings } else { Verdict::Clean })
}

/// What came of a question.
pub(super) struct Examined {
    pub(super) document: CheckDocument,
    pub(super) findings: Vec<Diagnostic>,
    /// The repair of what can be repaired.
    plan: Option<Plan>,
    pub(super) merged: Vec<Snapshot>,
    pub(super) brings_nothing: bool,
    /// Whether a finding is as bad as what the exit code counts.
    pub(super) failed: bool,
}

/// The command that mends what was found.
pub(super) struct Fixing {
    /// `onehead fix` with the options that ask the same question.
    pub(super) asks: String,
    /// What makes it write.
    pub(super) writes: &'static str,
}

impl Fixing {
    fn command(&self, more: &str) -> String {
        format!("{}{more}{}", self.asks, self.writes)
    }
}

/// Asks, with severities as configured and with the repair of each finding.
pub(super) fn examine(
    session: &Session<'_>,
    reader: &mut Reader,
    question: &Question<'_>,
    fixing: &Fixing,
    fail_on: Option<args::Severity>,
) -> Result<Examined, Failure> {
    let answer = check(&session.repo, reader, question, &|environments| session.prepare(environments))?;
    let mut findings = apply_levels(session, answer.findings.clone());
    let plan = match findings.iter().any(|finding| is_repairable(finding, answer.brings_nothing)) {
        true => name_fixes(session, reader, (question, &answer), &fixing.command(""), &mut findings),
        false => None,
    };
    name_docstrings(&fixing.command(" --docstrings"), answer.brings_nothing, &mut findings);
    let fail_on = fail_on.map_or(Severity::Error, Into::into);
    let failed = findings.iter().any(|finding| finding.severity <= fail_on);
    let hex = |commit: Option<CommitId>| commit.map(|commit| commit.to_string());
    let document = CheckDocument {
        schema: "onehead/check/v1",
        version: VERSION,
        base: hex(question.base.and_then(|base| base.commit)),
        head: hex(question.head.commit.filter(|_| question.head.committed)),
        merge_base: hex(answer.merge_base),
        verdict: if failed { "findings" } else { "clean" },
        suppressed: apply_levels(session, answer.accepted).len(),
        merged: answer
            .merged
            .iter()
            .map(|snapshot| MergedEnvironment {
                name: snapshot.environment.name.clone(),
                dialect: snapshot.environment.dialect,
                directory: snapshot.environment.directory.to_string(),
                version_locations: convert::locations(&snapshot.environment),
                found_by: snapshot.environment.found_by.clone(),
                facts: convert::facts(snapshot),
                unscanned: convert::unscanned(snapshot),
            })
            .collect(),
        findings: findings.iter().map(convert::finding).collect(),
    };
    let (merged, brings_nothing) = (answer.merged, answer.brings_nothing);
    Ok(Examined { document, findings, plan, merged, brings_nothing, failed })
}

pub(super) fn side(session: &Session<'_>, commit: CommitId) -> Result<Side, Error> {
    Ok(Side { tree: session.repo.tree_of(commit)?, commit: Some(commit), committed: true })
}

fn head(session: &Session<'_>, args: &CheckArgs) -> Result<Side, Failure> {
    if args.staged || args.worktree {
        let tree = match args.staged {
            true => session.repo.index_tree()?,
            false => session.repo.work_tree_tree(&is_relevant)?,
        };
        return Ok(Side { tree, commit: session.repo.head()?, committed: false });
    }
    let head = session.repo.resolve(args.head.as_deref().unwrap_or("HEAD"))?;
    Ok(side(session, head)?)
}

/// Whether a plan is worth the while: what it says of docstrings that stand already is known without it.
fn is_repairable(finding: &Diagnostic, standing: bool) -> bool {
    REPAIRABLE.contains(&finding.rule) && !is_old_docstring(finding, standing)
}

fn is_old_docstring(finding: &Diagnostic, standing: bool) -> bool {
    finding.rule == "stale-docstring" && (standing || !finding.new)
}

/// Names what mends docstrings that are published: they are left alone unless asked for.
fn name_docstrings(command: &str, standing: bool, findings: &mut [Diagnostic]) {
    let old: Vec<&mut Diagnostic> =
        findings.iter_mut().filter(|finding| is_old_docstring(finding, standing)).collect();
    let revisions = match old.len() {
        1 => "1 revision".to_owned(),
        count => format!("{count} revisions"),
    };
    for finding in old {
        let summary = format!("{command}   (mends the docstring of {revisions})");
        finding.fix = Some(Fix { kind: "docstring".into(), summary });
    }
}

/// Names the repair of each finding that has one. A plan that cannot be made names none: the finding
/// stands all the same, and `onehead fix` tells why.
fn name_fixes(
    session: &Session<'_>,
    reader: &mut Reader,
    asked: (&Question<'_>, &Answer),
    command: &str,
    findings: &mut [Diagnostic],
) -> Option<Plan> {
    let choices = Choices {
        deployed: session.config.deployed.iter().cloned().collect(),
        off: session.config.rules_off(),
        now: now().as_second(),
        without_evidence: true,
        ..Choices::default()
    };
    let prepare = |environments: &mut Vec<Environment>| session.prepare(environments);
    let plan: Result<Plan, Failure> = plan_for(&session.repo, reader, asked, &choices, &prepare);
    let plan = plan.ok()?;
    for finding in findings {
        // One finding may take several rounds.
        let own = plan.groups.iter().filter(|group| mends(group, finding));
        let mut steps: Vec<&Step> = own.flat_map(|group| &group.steps).collect();
        let goes = plan.repaired.iter().any(|one| one.rule == finding.rule && one.subject == finding.subject);
        if steps.is_empty() && goes {
            // A consequence of other faults goes with them.
            let same = |group: &&Group| group.environment == finding.environment;
            steps = plan.groups.iter().filter(same).flat_map(|group| &group.steps).collect();
        }
        if let Some(first) = steps.first() {
            let kind = first.kind.name().to_owned();
            finding.fix = Some(Fix { kind, summary: format!("{command}   ({})", summary(steps)) });
        }
    }
    Some(plan)
}

fn mends(group: &Group, finding: &Diagnostic) -> bool {
    group.rule == finding.rule && (group.subject == finding.subject || group.also.contains(&finding.subject))
}

/// The repairs that are edits of files that are there and stay where they are, by the finding's place: a format
/// for editors has no words for a new file or another name. A file that the repair of another finding edits, too,
/// cannot be told apart.
fn repairs(
    reader: &Reader,
    head: TreeId,
    plan: &Plan,
    findings: &[Diagnostic],
) -> Result<BTreeMap<usize, Vec<EditedFile>>, Error> {
    let objects = reader.objects();
    let mut touched: Vec<(&Group, Vec<RepoPath>)> = Vec::new();
    let mut before = head;
    for group in &plan.groups {
        touched.push((group, changed_files(objects, before, group.tree)?));
        before = group.tree;
    }
    let content = |root: TreeId, path: &RepoPath| -> Result<Option<Vec<u8>>, Error> {
        let blob = objects.entry(root, path)?.and_then(|entry| entry.blob());
        blob.map(|blob| objects.needed_blob(blob)).transpose()
    };
    let mut found = BTreeMap::new();
    for (at, finding) in findings.iter().enumerate() {
        let (own, others): (Vec<_>, Vec<_>) = touched.iter().partition(|(group, _)| mends(group, finding));
        let paths: BTreeSet<&RepoPath> = own.iter().flat_map(|(_, paths)| paths).collect();
        let shared = others.iter().flat_map(|(_, paths)| paths).any(|path| paths.contains(path));
        let mut files = Vec::new();
        for path in &paths {
            if let (Some(before), Some(after)) = (content(head, path)?, content(plan.tree, path)?) {
                files.push(EditedFile { path: path.to_string(), before, after });
            }
        }
        if !shared && !files.is_empty() && files.len() == paths.len() {
            found.insert(at, files);
        }
    }
    Ok(found)
}

/// The `fix` that asks what this `check` asked.
fn fix_command(global: &Global, args: &CheckArgs) -> String {
    let mut command = "onehead fix".to_owned();
    for (option, value) in [("--trunk", &global.trunk), ("--base", &args.base), ("--head", &args.head)] {
        if let Some(value) = value {
            command.push_str(&format!(" {option} {}", shell_word(value)));
        }
    }
    command
}

/// Severities as the configuration has them.
pub(super) fn apply_levels(session: &Session<'_>, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let level = |finding: &Diagnostic| session.config.level(finding.rule);
    findings
        .into_iter()
        .filter_map(|mut finding| {
            finding.severity = match level(&finding) {
                None if session.config.is_unasked(finding.rule) => return None,
                None => finding.severity,
                Some(Level::Off) => return None,
                Some(Level::Info) => Severity::Info,
                Some(Level::Warning) => Severity::Warning,
                Some(Level::Error) => Severity::Error,
            };
            Some(finding)
        })
        .collect()
}
