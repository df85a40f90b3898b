use std::io::Write as _;

use crate::check::{Question, Side};
use crate::cli::args::{FixArgs, FixStrategy, Format, Global};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::session::{Session, is_relevant};
use crate::cli::time::now;
use crate::history::Reader;
use crate::plan::{Choices, FileChange, Group, Plan, Strategy, mentions, plan};
use crate::report::model::{
    DatabaseConsequence, IdChange, PlanDocument, PlanResult, PlanStep, PlannedFile, PlannedMention,
    RefusedFault, VERSION,
};
use crate::report::patch::{self, PatchFile};
use crate::report::plan_text;
use crate::vcs::{BranchMove, CommitId, Error, FileEdit, RepoPath};

pub(super) fn run(global: &Global, args: &FixArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    if args.undo {
        return undo(&session, out);
    }
    let head = head(&session, args)?;
    session.configure(Some(head.tree))?;
    let trunk = session.trunk()?;
    let side = |commit| -> Result<Side, Failure> {
        Ok(Side { tree: session.repo.tree_of(commit)?, commit: Some(commit), committed: true })
    };
    let base = match (&args.base, &trunk) {
        (Some(base), _) => Some(side(session.repo.resolve(base)?)?),
        (None, Some(trunk)) => Some(side(trunk.commit)?),
        (None, None) => None,
    };
    let merging = if head.committed { Vec::new() } else { session.repo.merging() };
    let accepted = session.accepted(base.map(|base| base.tree));
    let question = Question {
        base,
        head,
        trunk: trunk.as_ref(),
        merging: &merging,
        all_findings: args.docstrings,
        accepted: accepted.view(),
    };
    let choices = Choices {
        strategy: match args.strategy {
            FixStrategy::Auto => Strategy::Auto,
            FixStrategy::Reparent => Strategy::Reparent,
            FixStrategy::Merge => Strategy::Merge,
            FixStrategy::Renumber => Strategy::Renumber,
        },
        deployed: args.deployed.iter().chain(&session.config.deployed).cloned().collect(),
        docstrings: args.docstrings,
        off: session.config.rules_off(),
        now: now().as_second(),
    };
    let mut reader = session.reader();
    let plan: Plan =
        plan(&session.repo, &mut reader, &question, &choices, &|environments| session.prepare(environments))?;
    let mut document = document(&session, &reader, &question, &plan)?;
    if plan.groups.is_empty() {
        print(&document, args, out)?;
        return Ok(if plan.refused.is_empty() { Verdict::Clean } else { Verdict::Findings });
    }
    if args.patch {
        out.bytes(&mail(&session, &reader, &plan)?)?;
        return Ok(Verdict::Clean);
    }
    if args.commit {
        document.result = Some(commit(&session, args, head, &plan)?);
    } else if args.write {
        document.result = Some(write(&session, &reader, &plan)?);
    }
    print(&document, args, out)?;
    let done = document.result.is_some() && plan.refused.is_empty();
    Ok(if done { Verdict::Clean } else { Verdict::Findings })
}

/// The commit to repair; with `--write`, the work tree on top of HEAD.
fn head(session: &Session<'_>, args: &FixArgs) -> Result<Side, Failure> {
    if args.write {
        let tree = session.repo.work_tree_tree(&is_relevant)?;
        return Ok(Side { tree, commit: session.repo.head()?, committed: false });
    }
    let commit = session.repo.resolve(args.head.as_deref().unwrap_or("HEAD"))?;
    Ok(Side { tree: session.repo.tree_of(commit)?, commit: Some(commit), committed: true })
}

fn print(document: &PlanDocument, args: &FixArgs, out: &mut Output) -> Result<(), Failure> {
    match args.format {
        Format::Json => out.json(document),
        Format::Text => Ok(plan_text::plan_text(document, &mut out.report)?),
    }
}

fn document(
    session: &Session<'_>,
    reader: &Reader,
    question: &Question<'_>,
    plan: &Plan,
) -> Result<PlanDocument, Failure> {
    let hex = |commit: Option<CommitId>| commit.map(|commit| commit.to_string());
    let mentions = mentions(reader.objects(), plan)?;
    let mut files = Vec::new();
    for file in &plan.files {
        files.push(PlannedFile {
            path: file.path.to_string(),
            new_path: file.new_path.as_ref().map(ToString::to_string),
            diff: with_patch(session, reader, plan, file, patch::diff_text)?,
        });
    }
    Ok(PlanDocument {
        schema: "onehead/plan/v1",
        version: VERSION,
        base: hex(question.base.and_then(|base| base.commit)),
        head: hex(question.head.commit.filter(|_| question.head.committed)),
        steps: plan
            .groups
            .iter()
            .flat_map(|group| &group.steps)
            .map(|step| PlanStep {
                kind: step.kind.name(),
                revision: step.revision.clone(),
                path: step.path.to_string(),
                new_path: step.new_path.as_ref().map(ToString::to_string),
                from: step.from.clone(),
                to: step.to.clone(),
                reason: step.reason.clone(),
                evidence: step.evidence.clone(),
            })
            .collect(),
        id_changes: plan
            .id_changes
            .iter()
            .map(|(from, to)| IdChange { from: from.clone(), to: to.clone() })
            .collect(),
        mentions: mentions
            .found
            .into_iter()
            .map(|mention| PlannedMention {
                path: mention.path.to_string(),
                line: mention.line,
                from: mention.from,
                to: mention.to,
                shared: mention.shared,
                text: mention.text,
            })
            .collect(),
        database: plan
            .database
            .iter()
            .map(|one| DatabaseConsequence {
                stamp: one.stamp.clone(),
                effect: one.effect.clone(),
                sql: one.sql.clone(),
            })
            .collect(),
        heads_before: plan.heads_before.clone(),
        heads_after: plan.heads_after.clone(),
        files,
        refused: plan
            .refused
            .iter()
            .map(|refusal| RefusedFault {
                rule: refusal.rule.to_owned(),
                message: refusal.message.clone(),
                reason: refusal.reason.clone(),
            })
            .collect(),
        notes: plan.notes.iter().cloned().chain(mentions.note).collect(),
        result: None,
    })
}

/// Gives `render` the file's contents before and after.
fn with_patch<T>(
    session: &Session<'_>,
    reader: &Reader,
    plan: &Plan,
    file: &FileChange,
    render: impl FnOnce(&PatchFile<'_>) -> T,
) -> Result<T, Error> {
    let objects = reader.objects();
    let before = file.before.map(|blob| objects.needed_blob(blob)).transpose()?;
    let after = objects.needed_blob(file.after)?;
    let (path, new_path) = (file.path.to_string(), file.new_path.as_ref().map(ToString::to_string));
    let target = file.new_path.as_ref().unwrap_or(&file.path);
    let entry = session.repo.objects().entry(plan.tree, target)?;
    Ok(render(&PatchFile {
        path: &path,
        new_path: new_path.as_deref(),
        before: before.as_deref(),
        after: &after,
        executable: entry.is_some_and(|entry| entry.executable),
    }))
}

fn commit(session: &Session<'_>, args: &FixArgs, head: Side, plan: &Plan) -> Result<PlanResult, Failure> {
    let Some(start) = head.commit else {
        return Err(Failure::new("there is no commit to repair", "name one with --head REV"));
    };
    let repo = &session.repo;
    let branch = args.branch.clone().unwrap_or_else(|| format!("onehead/fix-{}", start.short()));
    let full = format!("refs/heads/{}", branch.trim_start_matches("refs/heads/"));
    let existing = repo.refs("refs/heads/")?.into_iter().find(|tip| tip.name == full).map(|tip| tip.commit);
    if existing.is_some_and(|tip| tip != start) {
        return Err(Failure::new(
            format!("the branch {branch} exists and does not stand at {}", start.short()),
            "name another with --branch NAME",
        ));
    }
    let mut tip = start;
    match args.squash {
        true => {
            let steps: Vec<String> = plan.groups.iter().map(subject).collect();
            let body: Vec<String> = plan.groups.iter().map(body).collect();
            let message = match steps.as_slice() {
                [only] => format!("{only}\n\n{}", body.join("\n")),
                several => format!("Repair the migrations: {} steps\n\n{}", several.len(), body.join("\n")),
            };
            tip = repo.write_commit(plan.tree, &[tip], &message)?;
        }
        false => {
            for group in &plan.groups {
                tip =
                    repo.write_commit(group.tree, &[tip], &format!("{}\n\n{}", subject(group), body(group)))?;
            }
        }
    }
    let moved = repo.move_branch(&BranchMove {
        branch: full,
        from: existing,
        to: tip,
        reason: "onehead fix: repaired the migrations".into(),
    })?;
    Ok(PlanResult {
        branch: Some(branch),
        commit: Some(tip.to_string()),
        undo_ref: moved.undo_ref,
        files: moved.followed.iter().map(ToString::to_string).collect(),
    })
}

/// One line that says what a commit does.
fn subject(group: &Group) -> String {
    match group.steps.as_slice() {
        [] => format!("Mend {}", group.rule),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
            match first.kind.name() {
                "reparent" if first.to == "None" => format!("Make migration {} a base{more}", first.revision),
                "reparent" => format!("Re-parent migration {} onto {}{more}", first.revision, first.to),
                "merge-revision" => {
                    format!("Add migration {} that merges {}{more}", first.revision, first.from)
                }
                "new-id" => format!("Give migration {} the id {}{more}", first.path.name(), first.to),
                "renumber" => format!("Renumber migration {} to {}{more}", first.revision, first.to),
                "restore" => format!("Restore migration {}{more}", first.revision),
                "reference" => format!("Let migrations name {} by its id{more}", first.revision),
                "docstring" => {
                    format!("Let the docstring of migration {} say what its code says{more}", first.revision)
                }
                kind => format!("Migrations: {kind} {}{more}", first.revision),
            }
        }
    }
}

/// Why, with the evidence.
fn body(group: &Group) -> String {
    let mut text = String::new();
    for step in &group.steps {
        text.push_str(&format!(
            "{} {}: {} -> {}\n{}\n",
            step.kind.name(),
            step.revision,
            step.from,
            step.to,
            step.reason
        ));
        for fact in &step.evidence {
            text.push_str(&format!("- {fact}\n"));
        }
        text.push('\n');
    }
    text
}

fn write(session: &Session<'_>, reader: &Reader, plan: &Plan) -> Result<PlanResult, Failure> {
    let mut edits = Vec::new();
    for file in &plan.files {
        edits.push(FileEdit {
            path: file.path.clone(),
            new_path: file.new_path.clone(),
            read: file.before,
            content: reader.objects().needed_blob(file.after)?,
        });
    }
    let written: Vec<RepoPath> = session.repo.write_files(&edits)?;
    Ok(PlanResult {
        branch: None,
        commit: None,
        undo_ref: None,
        files: written.iter().map(ToString::to_string).collect(),
    })
}

/// The plan as one mail for `git am`.
fn mail(session: &Session<'_>, reader: &Reader, plan: &Plan) -> Result<Vec<u8>, Failure> {
    let author = session.repo.author_name()?;
    let subject = match plan.groups.as_slice() {
        [only] => subject(only),
        several => format!("Repair the migrations: {} steps", several.len()),
    };
    let body: Vec<String> = plan.groups.iter().map(body).collect();
    let date = now().strftime("%a, %d %b %Y %H:%M:%S +0000");
    let mut mail = format!(
        "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nFrom: {author}\n\
         Date: {date}\nSubject: [PATCH] {subject}\n\n{}\n---\n",
        body.join("\n").trim_end()
    )
    .into_bytes();
    for file in &plan.files {
        mail.extend(with_patch(session, reader, plan, file, patch::diff)?);
    }
    mail.extend_from_slice(format!("-- \nonehead {VERSION}\n").as_bytes());
    Ok(mail)
}

fn undo(session: &Session<'_>, out: &mut Output) -> Result<Verdict, Failure> {
    let Some(record) = session.repo.last_undo()? else {
        return Err(Failure::new("there is no repair to take back", "git reflog   (for anything else)"));
    };
    let moved = session.repo.undo(&record)?;
    match moved.new {
        Some(commit) => writeln!(out.report, "{} is back at {}", moved.branch, commit.short())?,
        None => writeln!(out.report, "{} is gone again", moved.branch)?,
    }
    Ok(Verdict::Clean)
}
