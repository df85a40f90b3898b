use super::check::apply_levels;
use crate::branches::{Answer, Branch, Brought, Collision, Request, branches, claimed_number};
use crate::cli::args::{BranchesArgs, Format, Global};
use crate::cli::config::Level;
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cli::time;
use crate::diagnostic::Severity;
use crate::report::model::{
    BehindRevision, BranchCollision, BranchEnvironment, BranchRecord, BranchesDocument, BranchesEnvironment,
    Claim, CollisionSide, UnreadableFile, VERSION,
};
use crate::report::{branches_text, convert};
use crate::revision::Environment;
use crate::text::time::rfc3339;
use crate::vcs::matches_glob;

/// Refs that `--all-refs` leaves out: they are no lines of work that land.
const NO_BRANCHES: [&str; 7] = [
    "refs/tags/",
    "refs/notes/",
    "refs/stash",
    "refs/replace/",
    "refs/bisect/",
    "refs/original/",
    "refs/onehead/",
];

pub(super) fn run(global: &Global, args: &BranchesArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let since = args.since.as_deref().map(time::parse_since).transpose()?;
    // The configuration may name the trunk; what else it says is the trunk's own.
    session.configure(session.repo.head()?.map(|head| session.repo.tree_of(head)).transpose()?)?;
    let Some(trunk) = session.trunk()? else {
        return Err(Failure::new(
            "there is no trunk to compare branches with (no origin/HEAD, main or master)",
            "onehead branches --trunk REV",
        ));
    };
    session.configure_anew(session.repo.tree_of(trunk.commit)?)?;
    let progress = Progress::start(global.quiet, "reading the branches");
    let refs = session.repo.named_refs(&|name| is_wanted(args, name))?;
    let mut reader = session.reader();
    let request = Request { trunk: trunk.commit, refs: &refs, since };
    let prepare = |environments: &mut Vec<Environment>| session.prepare(environments);
    let mut answer: Answer = branches(&session.repo, &mut reader, &request, &prepare)?;
    drop(progress);
    session.note_absent(answer.environments.iter().map(|account| &account.environment), out);
    answer.collisions.retain_mut(|collision| apply_level(&session, collision));
    let document = document(&session, &answer, &trunk.name, trunk.commit.to_string(), global);
    match args.format {
        Format::Json => out.json(&document)?,
        Format::Text => {
            let limit = if args.limit == 0 { usize::MAX } else { args.limit };
            branches_text::branches_text(&document, limit, &mut out.report)?;
        }
    }
    Ok(if document.verdict == "findings" { Verdict::Findings } else { Verdict::Clean })
}

fn is_wanted(args: &BranchesArgs, name: &str) -> bool {
    let prefixes = ["refs/heads/", "refs/remotes/"];
    let is_taken = if args.all_refs {
        !NO_BRANCHES.iter().any(|other| name.starts_with(other))
    } else if args.refs.is_empty() {
        prefixes.iter().any(|prefix| name.starts_with(prefix))
    } else {
        args.refs.iter().any(|glob| matches_glob(glob, name))
    };
    let short =
        prefixes.iter().chain(&["refs/"]).find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    is_taken && (args.matching.is_empty() || args.matching.iter().any(|glob| matches_glob(glob, short)))
}

/// Gives the collision the severity that the configuration wants; false where it wants none.
fn apply_level(session: &Session<'_>, collision: &mut Collision) -> bool {
    collision.severity = match session.config.level(collision.rule) {
        None => collision.severity,
        Some(Level::Off) => return false,
        Some(Level::Info) => Severity::Info,
        Some(Level::Warning) => Severity::Warning,
        Some(Level::Error) => Severity::Error,
    };
    true
}

fn document(
    session: &Session<'_>,
    answer: &Answer,
    trunk: &str,
    commit: String,
    global: &Global,
) -> BranchesDocument {
    let fail_on = global.fail_on.map_or(Severity::Error, Into::into);
    let mut failed = answer.collisions.iter().any(|collision| collision.severity <= fail_on);
    let environment = |at: usize| &answer.environments[at].environment;
    let mut brought = |brought: &Brought| {
        let findings = apply_levels(session, brought.findings.clone());
        failed |= findings.iter().any(|finding| finding.severity <= fail_on);
        let lists = convert::delta_lists(Some(&brought.changes));
        BranchEnvironment {
            name: environment(brought.environment).name.clone(),
            added: brought
                .added
                .iter()
                .map(|script| Claim {
                    revision: script.revision.to_string(),
                    path: script.path.to_string(),
                    down_revision: script.down_revisions().map(str::to_owned).collect(),
                    number: claimed_number(script),
                })
                .collect(),
            removed: lists.removed,
            moved: lists.moved,
            reparented: lists.reparented,
            edited: lists.edited,
            unreadable: brought
                .unreadable
                .iter()
                .map(|(path, reason)| UnreadableFile { path: path.to_string(), reason: reason.clone() })
                .collect(),
            behind: brought
                .behind
                .iter()
                .map(|behind| BehindRevision {
                    revision: behind.revision.clone(),
                    down_revision: behind.down_revision.clone(),
                })
                .collect(),
            findings: findings.iter().map(convert::finding).collect(),
        }
    };
    let name = |at: &usize| answer.branches[*at].names.first().cloned().unwrap_or_default();
    let record = |branch: &Branch| BranchRecord {
        refs: branch.names.clone(),
        commit: branch.commit.to_string(),
        time: rfc3339(branch.time),
        merge_bases: branch.bases.iter().map(ToString::to_string).collect(),
        part_of: branch.part_of.iter().map(name).collect(),
        unknown: branch.unknown.clone(),
        environments: branch.brings.iter().map(|part| brought(part)).collect(),
    };
    let branches = answer.branches.iter().map(record).collect();
    BranchesDocument {
        schema: "onehead/branches/v1",
        version: VERSION,
        trunk: trunk.to_owned(),
        commit,
        verdict: if failed { "findings" } else { "clean" },
        tips: answer.tips,
        landed: answer.landed,
        idle: answer.idle,
        environments: answer
            .environments
            .iter()
            .map(|account| BranchesEnvironment {
                name: account.environment.name.clone(),
                directory: account.environment.directory.to_string(),
                version_locations: convert::locations(&account.environment),
                heads: account.heads.clone(),
                next_number: account.next_number,
            })
            .collect(),
        branches,
        collisions: answer
            .collisions
            .iter()
            .map(|collision| BranchCollision {
                rule: collision.rule,
                severity: convert::severity(collision.severity),
                environment: environment(collision.environment).name.clone(),
                subject: collision.subject.clone(),
                message: collision.message.clone(),
                sides: collision
                    .sides
                    .iter()
                    .map(|side| CollisionSide {
                        revisions: side.revisions.clone(),
                        paths: side.paths.iter().map(ToString::to_string).collect(),
                        branches: side.branches.iter().map(name).collect(),
                    })
                    .collect(),
            })
            .collect(),
    }
}
