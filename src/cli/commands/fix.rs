use std::collections::BTreeMap;
use std::io::Write as _;

use super::check::side;
use super::middle::middle;
use crate::check::{Question, Side};
use crate::cli::args::{FixArgs, FixStrategy, Format, Global};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::session::{Session, is_relevant};
use crate::cli::time::now;
use crate::history::Reader;
use crate::plan::{Choices, FileChange, Group, Plan, Strategy, mentions, plan};
use crate::report::mail::{self, Mail};
use crate::report::model::{
    DatabaseConsequence, IdChange, PlanDocument, PlanResult, PlanStep, PlannedFile, PlannedMention,
    RefusedFault, VERSION,
};
use crate::report::patch::{self, PatchFile};
use crate::report::plan_text;
use crate::schema::replay::Replayer;
use crate::vcs::{BlobId, BranchMove, CommitId, Error, FileEdit, RepoPath};

pub(super) fn run(global: &Global, args: &FixArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    if args.undo {
        return undo(&session, out);
    }
    let mut head = head(&session, args)?;
    session.configure(Some(head.tree))?;
    let mut reader = session.reader();
    let middle = match args.write && args.base.is_none() {
        true => middle(&session, &mut reader, head)?,
        false => None,
    };
    let trunk = session.trunk()?;
    let base = match (&middle, &args.base, &trunk) {
        (Some(middle), ..) => Some(middle.base),
        (None, Some(base), _) => Some(side(&session, session.repo.resolve(base)?)?),
        (None, None, Some(trunk)) => Some(side(&session, trunk.commit)?),
        (None, None, None) => None,
    };
    if let Some(middle) = &middle {
        head = middle.head;
    }
    let amended = match args.amend {
        true => amendable(&session, &mut head, base)?,
        false => None,
    };
    let merging = if head.committed { Vec::new() } else { session.repo.merging() };
    let accepted = session.accepted(base.map(|base| base.tree));
    let (replayed, replayer) = (session.replay_options(), Replayer::new(session.repo.objects_factory()));
    let question = Question {
        base,
        head,
        trunk: trunk.as_ref(),
        merging: &merging,
        all_findings: args.docstrings || args.baseline_revision,
        accepted: accepted.view(),
        bodies: session.config.asks_for_bodies(),
        schema: Some(&replayed),
        replayer: &replayer,
    };
    let mut choices = choices(&session, args.strategy, &args.deployed);
    choices.docstrings = args.docstrings;
    if args.baseline_revision {
        choices.strategy = Strategy::Baseline;
    }
    choices.author = middle.as_ref().and_then(|middle| middle.author);
    // What brings nothing to what is built upon has nothing to repair there.
    let is_base = (middle.is_some() || args.amend) && base.is_some_and(|base| base.tree == head.tree);
    let plan: Plan = match is_base {
        true => Plan::nothing(head.tree),
        false => plan(&session.repo, &mut reader, &question, &choices, &|environments| {
            session.prepare(environments)
        })?,
    };
    let (base, start) = (base.and_then(|base| base.commit), head.commit.filter(|_| head.committed));
    let mut document = document(&session, &reader, (base, start), &plan)?;
    if let Some(middle) = &middle {
        middle.tell(&mut document);
    }
    let settled = middle.as_ref().map(|middle| middle.settled.clone()).unwrap_or_default();
    let mut done = plan.refused.is_empty() && middle.as_ref().is_none_or(|middle| middle.left.is_empty());
    if plan.groups.is_empty() && settled.is_empty() {
        print(&document, args, out)?;
        return Ok(if done { Verdict::Clean } else { Verdict::Findings });
    }
    if args.patch {
        out.bytes(&as_mail(&session, &reader, &plan)?)?;
        return Ok(Verdict::Clean);
    }
    if args.commit {
        document.result = Some(commit(&session, args, head, &plan)?);
    } else if let Some(commit) = amended {
        document.result = Some(amend(&session, commit, &plan)?);
    } else if args.write {
        document.result = Some(write(&session, &reader, &plan, &settled)?);
    }
    print(&document, args, out)?;
    if let (Some(middle), true, false) = (&middle, document.result.is_some(), args.amend) {
        out.note(&format!("  then: {}", middle.then));
    }
    done &= document.result.is_some();
    Ok(if done { Verdict::Clean } else { Verdict::Findings })
}

/// What the options and the configuration say.
pub(super) fn choices(session: &Session<'_>, strategy: FixStrategy, deployed: &[String]) -> Choices {
    Choices {
        strategy: match strategy {
            FixStrategy::Auto => Strategy::Auto,
            FixStrategy::Reparent => Strategy::Reparent,
            FixStrategy::Merge => Strategy::Merge,
            FixStrategy::Renumber => Strategy::Renumber,
        },
        deployed: deployed.iter().chain(&session.config.deployed).cloned().collect(),
        off: session.config.rules_off(),
        now: now().as_second(),
        ..Choices::default()
    }
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

/// The document of a plan for merging `head` into `base`.
pub(super) fn document(
    session: &Session<'_>,
    reader: &Reader,
    (base, head): (Option<CommitId>, Option<CommitId>),
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
        base: hex(base),
        head: hex(head),
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
        commits: None,
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
        true => tip = repo.write_commit(plan.tree, &[tip], &message(plan))?,
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

/// The message of one commit for all steps.
pub(super) fn message(plan: &Plan) -> String {
    let steps: Vec<String> = plan.groups.iter().map(subject).collect();
    let body: Vec<String> = plan.groups.iter().map(body).collect();
    match steps.as_slice() {
        [only] => format!("{only}\n\n{}", body.join("\n")),
        several => format!("Repair the migrations: {} steps\n\n{}", several.len(), body.join("\n")),
    }
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
                "baseline-revision" => {
                    format!("Add migration {} with the tables that the others need{more}", first.revision)
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

/// HEAD, if it may be amended: `head` becomes its own tree, which the work tree must be, too.
fn amendable(
    session: &Session<'_>,
    head: &mut Side,
    base: Option<Side>,
) -> Result<Option<CommitId>, Failure> {
    let commit = session.repo.resolve("HEAD")?;
    let published = base.and_then(|base| base.commit);
    let tree = session.repo.tree_of(commit)?;
    let contains = match published {
        Some(published) => session.repo.merge_bases(published, commit)?.first() == Some(&commit),
        None => false,
    };
    // Of what is built upon nothing is amended; there it is as if nothing were to do.
    let tree = if contains { base.map_or(tree, |base| base.tree) } else { tree };
    *head = Side { tree, commit: head.commit, committed: false };
    Ok(Some(commit))
}

/// Puts the repaired tree into HEAD's commit.
fn amend(session: &Session<'_>, head: CommitId, plan: &Plan) -> Result<PlanResult, Failure> {
    let amended = session.repo.amend(head, plan.tree)?;
    Ok(PlanResult {
        branch: session.repo.head_branch().or(Some("HEAD".into())),
        commit: Some(amended.commit.to_string()),
        undo_ref: amended.undo_ref,
        files: Vec::new(),
    })
}

/// Writes the work tree: what is planned, and the conflicts that are settled (on disk, and to be).
fn write(
    session: &Session<'_>,
    reader: &Reader,
    plan: &Plan,
    settled: &BTreeMap<RepoPath, (BlobId, BlobId)>,
) -> Result<PlanResult, Failure> {
    let objects = reader.objects();
    let mut edits = Vec::new();
    for file in &plan.files {
        edits.push(FileEdit {
            path: file.path.clone(),
            new_path: file.new_path.clone(),
            read: settled.get(&file.path).map(|(disk, _)| *disk).or(file.before),
            content: objects.needed_blob(file.after)?,
        });
    }
    for (path, (disk, new)) in settled {
        if !plan.files.iter().any(|file| file.path == *path) {
            let content = objects.needed_blob(*new)?;
            edits.push(FileEdit { path: path.clone(), new_path: None, read: Some(*disk), content });
        }
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
fn as_mail(session: &Session<'_>, reader: &Reader, plan: &Plan) -> Result<Vec<u8>, Failure> {
    let author = session.repo.author_name()?;
    let subject = match plan.groups.as_slice() {
        [only] => subject(only),
        several => format!("Repair the migrations: {} steps", several.len()),
    };
    let body: Vec<String> = plan.groups.iter().map(body).collect();
    let date = now().strftime("%a, %d %b %Y %H:%M:%S +0000");
    let mut patch = Vec::new();
    for file in &plan.files {
        patch.extend(with_patch(session, reader, plan, file, patch::diff)?);
    }
    Ok(mail::mail(&Mail {
        from: &author,
        date: &date.to_string(),
        subject: &subject,
        body: &body.join("\n"),
        patch: &patch,
        signature: &format!("onehead {VERSION}"),
    }))
}

/// Takes the last move of a branch back.
pub(super) fn undo(session: &Session<'_>, out: &mut Output) -> Result<Verdict, Failure> {
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
