use std::io::Write as _;

use super::fix;
use crate::cli::args::{Format, Global, RebaseArgs};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::session::Session;
use crate::history::Reader;
use crate::plan::Plan;
use crate::rebase::{Fate, Place, Rebase, Request, Stop, rebase};
use crate::report::model::{PlanDocument, PlanResult, RebasedCommit};
use crate::report::rebase_text;
use crate::vcs::{BranchMove, CommitId};

/// What is rebased onto what, as people name it.
struct Names {
    branch: String,
    upstream: String,
}

pub(super) fn run(global: &Global, args: &RebaseArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    if args.undo {
        return fix::undo(&session, out);
    }
    let (branch, tip) = branch(&session, args)?;
    session.configure(Some(session.repo.tree_of(tip)?))?;
    let trunk = session.trunk()?;
    let (name, upstream) = match (&args.upstream, &trunk) {
        (Some(name), _) => (name.clone(), session.repo.resolve(name)?),
        (None, Some(trunk)) => (trunk.name.clone(), trunk.commit),
        (None, None) => {
            return Err(Failure::new(
                "no trunk found (no origin/HEAD, main or master)",
                "onehead rebase UPSTREAM   (or name the trunk with --trunk)",
            ));
        }
    };
    let names = Names { branch: branch.trim_start_matches("refs/heads/").to_owned(), upstream: name };
    let choices = fix::choices(&session, args.strategy, &args.deployed);
    let request = Request {
        upstream,
        tip,
        trunk: trunk.as_ref(),
        merges: !args.no_rebase_merges,
        fixup: args.fixup,
        choices: &choices,
    };
    let mut reader = session.reader();
    let prepare = |environments: &mut Vec<_>| session.prepare(environments);
    let rebased: Result<Rebase, Stop> = rebase(&session.repo, &mut reader, &request, &prepare)?;
    let rebased = rebased.or_else(|stop| Err(refusal(&session, args, (&names, &request), &stop)?))?;
    let mut document = document(&session, &reader, &request, &rebased)?;
    for note in &rebased.notes {
        out.note(note);
    }
    if !args.dry_run {
        let written = write(&session, &request, &rebased, &branch)?;
        if let (Some(commits), Some((new, result))) = (&mut document.commits, written) {
            for (commit, new) in commits.iter_mut().zip(new) {
                commit.new = new.map(|new| new.to_string());
            }
            document.result = Some(result);
        }
    }
    if args.porcelain {
        for commit in document.commits.iter().flatten().filter(|commit| commit.fate == "picked") {
            if let Some(new) = &commit.new {
                writeln!(out.report, "{} {new}", commit.old)?;
            }
        }
    } else {
        match args.format {
            Format::Json => out.json(&document)?,
            Format::Text => {
                rebase_text::rebase_text(&document, (&names.branch, &names.upstream), &mut out.report)?;
            }
        }
    }
    let planned = args.dry_run && !document.steps.is_empty();
    let faulty = planned || !document.refused.is_empty();
    Ok(if faulty { Verdict::Findings } else { Verdict::Clean })
}

/// The full name of the branch to move, and where it stands.
fn branch(session: &Session<'_>, args: &RebaseArgs) -> Result<(String, CommitId), Failure> {
    let name = match &args.branch {
        Some(name) => name.clone(),
        None => session.repo.head_branch().ok_or_else(|| {
            Failure::new("HEAD is on no branch", "onehead rebase UPSTREAM BRANCH   (or: git switch -c NAME)")
        })?,
    };
    let full = match name.starts_with("refs/heads/") {
        true => name.clone(),
        false => format!("refs/heads/{name}"),
    };
    if let Some(tip) = session.repo.refs("refs/heads/")?.into_iter().find(|tip| tip.name == full) {
        return Ok((full, tip.commit));
    }
    // An unborn branch, or what is none at all, is told as what it is.
    session.repo.resolve(if args.branch.is_some() { &name } else { "HEAD" })?;
    Err(Failure::new(
        format!("'{name}' is no local branch, and only a branch can move"),
        format!("git branch NAME {name}   (then: onehead rebase UPSTREAM NAME)"),
    ))
}

/// Why the branch was not rebased, with the git command that shows it.
fn refusal(
    session: &Session<'_>,
    args: &RebaseArgs,
    (names, request): (&Names, &Request<'_>),
    stop: &Stop,
) -> Result<Failure, Failure> {
    let told = |commit: &CommitId| -> Result<String, Failure> {
        let subject = session.repo.objects().commit_details(*commit)?.map(|details| details.subject);
        Ok(format!("{} ({})", commit.short(), subject.unwrap_or_default()))
    };
    let Names { branch, upstream } = names;
    Ok(match stop {
        Stop::Conflict { commit, conflicts } => {
            let files: Vec<String> =
                conflicts.iter().map(|one| format!("{}: {}", one.path, one.reason)).collect();
            let commits = session.repo.range(request.upstream, request.tip)?.ahead;
            let merges = match commits.iter().any(|(_, commit)| commit.parents.len() > 1) {
                true if args.no_rebase_merges => "--no-rebase-merges ",
                true => "--rebase-merges ",
                false => "",
            };
            Failure::new(
                format!(
                    "rebasing {branch} onto {upstream} conflicts at {}; nothing was changed\n  {}",
                    told(commit)?,
                    files.join("\n  ")
                ),
                format!(
                    "git rebase {merges}{upstream} {branch}   (stops at the conflict; git rebase --abort returns)"
                ),
            )
        }
        Stop::Octopus { commit } => Failure::new(
            format!(
                "{} merges more than two commits, and is not made again; nothing was changed",
                told(commit)?
            ),
            format!("onehead rebase --no-rebase-merges {upstream} {branch}   (leaves merges out)"),
        ),
    })
}

fn document(
    session: &Session<'_>,
    reader: &Reader,
    request: &Request<'_>,
    rebased: &Rebase,
) -> Result<PlanDocument, Failure> {
    let ends = (Some(request.upstream), Some(request.tip));
    let nothing = Plan::nothing(session.repo.tree_of(request.tip)?);
    let plan = rebased.plan.as_ref().unwrap_or(&nothing);
    let mut document = fix::document(session, reader, ends, plan)?;
    let mut commits = Vec::new();
    for commit in &rebased.commits {
        let details = session.repo.objects().commit_details(commit.old)?;
        commits.push(RebasedCommit {
            old: commit.old.to_string(),
            new: (commit.fate == Fate::Kept).then(|| commit.old.to_string()),
            subject: details.map(|details| details.subject).unwrap_or_default(),
            fate: commit.fate.name(),
            repaired: commit.repaired,
        });
    }
    document.commits = Some(commits);
    Ok(document)
}

/// The new commits, one for each old one, and where the branch went.
type Written = (Vec<Option<CommitId>>, PlanResult);

/// Writes the commits and moves the branch; `None` where it stands there already.
fn write(
    session: &Session<'_>,
    request: &Request<'_>,
    rebased: &Rebase,
    branch: &str,
) -> Result<Option<Written>, Failure> {
    let repo = &session.repo;
    let repair = rebased.plan.as_ref().filter(|plan| request.fixup && !plan.groups.is_empty());
    if rebased.head == Place::Commit(request.tip) && repair.is_none() {
        return Ok(None);
    }
    let mut made: Vec<Option<CommitId>> = Vec::with_capacity(rebased.commits.len());
    let find = |made: &[Option<CommitId>], place: Place| match place {
        Place::Commit(commit) => Some(commit),
        Place::New(at) => made.get(at).copied().flatten(),
    };
    for commit in &rebased.commits {
        let new = match commit.fate {
            Fate::Kept => Some(commit.old),
            Fate::Picked => {
                let parents: Vec<CommitId> =
                    commit.parents.iter().filter_map(|parent| find(&made, *parent)).collect();
                Some(repo.rewrite_commit(commit.old, commit.tree, &parents)?)
            }
            Fate::Upstream | Fate::Emptied | Fate::Contained => None,
        };
        made.push(new);
    }
    let mut tip = find(&made, rebased.head).unwrap_or(request.upstream);
    if let Some(plan) = repair {
        tip = repo.write_commit(plan.tree, &[tip], &fix::message(plan))?;
    }
    let moved = repo.move_branch(&BranchMove {
        branch: branch.to_owned(),
        from: Some(request.tip),
        to: tip,
        reason: format!("onehead rebase: onto {}", request.upstream),
    })?;
    let result = PlanResult {
        branch: Some(branch.trim_start_matches("refs/heads/").to_owned()),
        commit: Some(tip.to_string()),
        undo_ref: moved.undo_ref,
        files: moved.followed.iter().map(ToString::to_string).collect(),
    };
    Ok(Some((made, result)))
}
