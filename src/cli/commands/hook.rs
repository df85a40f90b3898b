//! `onehead hook run`: the check at the moments at which git asks.

use std::io::{IsTerminal as _, Read as _, Write as _};

use super::check::{Examined, Fixing, examine, side};
use super::hook_install;
use crate::check::{Question, Side};
use crate::cli::args::{Format, Global, HookAction, HookArgs, HookName, HookRunArgs};
use crate::cli::exit::{Failure, Output, Verdict, leave_to_the_end};
use crate::cli::session::Session;
use crate::cli::shell::shell_word;
use crate::hooks::{Asked, Meets, Move, Receiver, Unreadable, asked, pushed, received, receiver, updated};
use crate::report::check_text;
use crate::report::model::Severity;
use crate::revision::Environment;
use crate::schema::replay::Replayer;
use crate::text::printable;
use crate::vcs::{CommitId, RepoPath, TreeId, Trunk, changed_files};

/// More than git tells of a hundred thousand refs.
const MAX_INPUT: u64 = 64 << 20;

pub(super) fn run(global: &Global, args: &HookArgs, out: &mut Output) -> Result<Verdict, Failure> {
    match &args.action {
        HookAction::Install(args) => hook_install::run(global, args, out),
        HookAction::Run(args) => match args.name {
            HookName::PreCommit | HookName::PreMergeCommit => commit(global, args, out),
            HookName::PrePush | HookName::PreReceive | HookName::Update => push(global, args, out),
        },
    }
}

/// What is staged, or merged, on top of HEAD.
fn commit(global: &Global, args: &HookRunArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let staged = session.repo.index_tree()?;
    session.configure(Some(staged))?;
    let trunk = session.trunk()?;
    let head = session.repo.head()?;
    let merging = session.repo.merging();
    let to_ask = ToAsk {
        title: String::new(),
        base: trunk.as_ref().map(|trunk| trunk.commit),
        head: Side { tree: staged, commit: head, committed: false },
        before: head,
        merging,
        trunk,
        fixing: Fixing { asks: format!("onehead fix{}", trunk_option(global)), writes: " --write" },
    };
    let verdict = ask((global, args.format), &session, &to_ask, out)?;
    if verdict == Verdict::Findings {
        let (what, anyway) = match args.name {
            HookName::PreMergeCommit => ("the merge is not committed", "git commit --no-verify"),
            _ => ("nothing is committed", "git commit --no-verify"),
        };
        out.note(&format!("onehead: {what}; `{anyway}` does it all the same"));
    }
    session.leave();
    Ok(verdict)
}

/// The branches of a push, on either side.
fn push(global: &Global, args: &HookRunArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let (moves, remote) = match args.name {
        HookName::Update => (vec![updated(&args.arguments)?], None),
        HookName::PreReceive => (received(&input()?)?, None),
        _ => {
            let remote = args.arguments.first().map_or("origin", String::as_str);
            match framework_push() {
                Some((moved, framework_remote)) => (vec![moved], Some(framework_remote)),
                None => (pushed(&input()?)?, Some(remote.to_owned())),
            }
        }
    };
    let mut session = Session::open(global)?;
    // The configuration may name the trunk; each branch is then asked about with its own.
    let heads = asked(&session.repo, &moves, &Receiver::default())?;
    let Some(first) = heads.first() else { return Ok(Verdict::Clean) };
    session.configure(Some(session.repo.tree_of(first.head)?))?;
    let named = global.trunk.as_deref().or(session.config.trunk.as_deref());
    let receiver = receiver(&session.repo, remote.as_deref(), named)?;
    let mut verdict = Verdict::Clean;
    for one in asked(&session.repo, &moves, &receiver)? {
        let verdict_of_one =
            branch((global, args.format), &mut session, &one, (&receiver, remote.as_deref()), out)?;
        if verdict_of_one == Verdict::Findings {
            verdict = Verdict::Findings;
        }
    }
    if verdict == Verdict::Findings {
        out.note(match args.name {
            HookName::PrePush => "onehead: nothing is pushed; `git push --no-verify` does it all the same",
            HookName::Update => "onehead: the ref is not moved",
            _ => "onehead: the push is refused, no ref is moved",
        });
    }
    session.leave();
    Ok(verdict)
}

fn branch(
    (global, format): (&Global, Format),
    session: &mut Session<'_>,
    asked: &Asked,
    (receiver, remote): (&Receiver, Option<&str>),
    out: &mut Output,
) -> Result<Verdict, Failure> {
    let head = side(session, asked.head)?;
    session.configure_anew(head.tree)?;
    let base = asked.meets.base();
    let name = receiver.name.as_str();
    if let Meets::Stranger(_) = asked.meets {
        out.note(&format!("onehead: {} has no commit in common with {name}, and is not checked", asked.name));
        return Ok(Verdict::Clean);
    }
    let (head, merging) = match asked.meets {
        // What the trunk becomes is not merged with what it was: it is a change on top of that.
        Meets::Place(base) => (Side { commit: Some(base), committed: false, ..head }, vec![asked.head]),
        _ => (head, Vec::new()),
    };
    // On a server names are not those of the one who pushes: `fix` finds the trunk of a clone by itself.
    let asks = match remote {
        None => "git fetch && onehead fix".to_owned(),
        Some(_) => {
            let branch = asked.name.strip_prefix("refs/heads/").unwrap_or(&asked.name);
            let is_local = session.repo.find_ref(&asked.name).is_some_and(|found| found.commit == asked.head);
            let head = if is_local { branch.to_owned() } else { asked.head.short() };
            let base = base.map_or(String::new(), |_| format!(" --base {}", shell_word(name)));
            format!("onehead fix{base} --head {}", shell_word(&head))
        }
    };
    let title = match base {
        Some(base) => format!("{} meets {name} at {}", asked.name, base.short()),
        None => format!("{} is new, and there is no trunk to compare it with", asked.name),
    };
    let to_ask = ToAsk {
        title,
        base,
        head,
        before: asked.before,
        merging,
        trunk: base.map(|commit| Trunk { name: name.to_owned(), commit }),
        fixing: Fixing { asks, writes: " --commit" },
    };
    ask((global, format), session, &to_ask, out)
}

/// One question of a hook.
struct ToAsk {
    /// What is asked about, for people; empty where that goes without saying.
    title: String,
    base: Option<CommitId>,
    head: Side,
    /// Where the branch stood before.
    before: Option<CommitId>,
    merging: Vec<CommitId>,
    trunk: Option<Trunk>,
    fixing: Fixing,
}

fn ask(
    (global, format): (&Global, Format),
    session: &Session<'_>,
    to_ask: &ToAsk,
    out: &mut Output,
) -> Result<Verdict, Failure> {
    let base = to_ask.base.map(|base| side(session, base)).transpose()?;
    // What stands on the trunk already is no affair of who commits next.
    if base.is_some_and(|base| base.tree == to_ask.head.tree) {
        return Ok(Verdict::Clean);
    }
    let accepted = session.accepted(base.map(|base| base.tree));
    let (replayed, replayer) = (session.replay_options(), Replayer::new(session.repo.objects_factory()));
    let question = Question {
        base,
        head: to_ask.head,
        trunk: to_ask.trunk.as_ref(),
        merging: &to_ask.merging,
        all_findings: false,
        accepted: accepted.view(),
        bodies: session.config.asks_for_bodies(),
        schema: Some(&replayed),
        replayer: &replayer,
    };
    let mut reader = session.reader();
    let examined = examine(session, &mut reader, &question, &to_ask.fixing, global.fail_on)?;
    leave_to_the_end((reader, replayer));
    if base.is_some() && examined.brings_nothing {
        return Ok(Verdict::Clean);
    }
    if format == Format::Json {
        out.json_line(&examined.document)?;
    }
    let is_told = examined.document.findings.iter().any(|finding| finding.severity <= Severity::Warning);
    if !is_told && !examined.failed {
        leave_to_the_end(examined);
        return Ok(Verdict::Clean);
    }
    if format == Format::Text {
        if !to_ask.title.is_empty() {
            writeln!(out.report, "{}", printable(&to_ask.title))?;
        }
        check_text::check_text(&examined.document, &mut out.report)?;
    }
    out.report.flush()?;
    if !examined.failed {
        return Ok(Verdict::Clean);
    }
    if let Some(before) = to_ask.before
        && base.is_some()
        && !concerns(session, session.repo.tree_of(before)?, to_ask.head.tree, &examined)?
    {
        out.note("onehead: this changes no migration, so it is not stopped");
        return Ok(Verdict::Clean);
    }
    Ok(Verdict::Findings)
}

/// Whether what changed can have to do with what was found: a file of an environment, a file that configures one, or
/// a file that a finding points at.
fn concerns(
    session: &Session<'_>,
    before: TreeId,
    after: TreeId,
    examined: &Examined,
) -> Result<bool, Failure> {
    let is_of = |path: &RepoPath, environment: &Environment| {
        let mut places = environment.version_locations.iter().map(|location| &location.path);
        path.is_within(&environment.directory) || places.any(|place| path.is_within(place))
    };
    let configures = [&b"alembic.ini"[..], b"pyproject.toml", b"onehead.yaml", b"env.py"];
    let places = |path: &RepoPath| {
        let mut places = examined.document.findings.iter().flat_map(|finding| &finding.places);
        places.any(|place| place.path == path.to_string())
    };
    Ok(changed_files(session.repo.objects(), before, after)?.iter().any(|path| {
        configures.contains(&path.name().as_ref())
            || examined.merged.iter().any(|state| is_of(path, &state.environment))
            || places(path)
    }))
}

fn trunk_option(global: &Global) -> String {
    global.trunk.as_ref().map_or(String::new(), |trunk| format!(" --trunk {}", shell_word(trunk)))
}

/// What git writes to the hook.
fn input() -> Result<Vec<u8>, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::new(
            "git tells this hook on standard input what moves, and a terminal is there",
            "onehead hook install NAME   (git runs it then)",
        ));
    }
    let mut text = Vec::new();
    match stdin.lock().take(MAX_INPUT).read_to_end(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::new(
            format!("cannot read standard input: {error}"),
            "onehead hook install NAME   (git runs it then)",
        )),
    }
}

/// The push that the pre-commit framework tells of in variables: it has read standard input itself.
#[allow(clippy::disallowed_methods, reason = "the framework speaks through the environment")]
fn framework_push() -> Option<(Move, String)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let new = variable("PRE_COMMIT_TO_REF")?;
    let branch = variable("PRE_COMMIT_REMOTE_BRANCH")?;
    let remote = variable("PRE_COMMIT_REMOTE_NAME")?;
    let zeros = "0".repeat(new.len());
    let old = variable("PRE_COMMIT_FROM_REF").filter(|old| old.len() == new.len()).unwrap_or(zeros);
    Some((updated(&[branch, old, new]).ok()?, remote))
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        Self::new(error.to_string(), "onehead hook install NAME   (git runs it then, with what it needs)")
    }
}
