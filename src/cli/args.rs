//! The command line as typed.

mod branches;
mod explain;
mod hook;
mod locate;
mod merge_driver;
mod rebase;
pub(super) mod schema;
mod small;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(super) use branches::BranchesArgs;
pub(super) use explain::ExplainArgs;
pub(super) use hook::{HookAction, HookArgs, HookInstallArgs, HookName, HookRunArgs};
pub(super) use locate::LocateArgs;
pub(super) use merge_driver::MergeDriverArgs;
pub(super) use rebase::RebaseArgs;
pub(super) use small::{CompletionsArgs, InitArgs, ManArgs};

use crate::diagnostic;
use schema::SchemaArgs;

mod audit;

pub(super) use audit::{AuditArgs, AuditFormat};

/// Tells a team what its database-migration history is, was, and will be after a merge.
#[derive(Debug, Parser)]
#[command(
    name = "onehead",
    version,
    about,
    long_about = "Reads a git repository and tells what its database-migration history is, was, and \
will be after a merge. Reads git objects only: runs no code of the repository, needs no Python and no database.",
    after_help = "Exit codes: 0 nothing found, 1 findings, 2 could not run.\n\n\
Examples:\n  \
onehead check                      would merging HEAD into the trunk break the migrations?\n  \
onehead graph                      the revision graph of the work tree\n  \
onehead heads v1.4                 the heads that release v1.4 shipped\n  \
onehead timeline --since 2024-01-01",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options of every command.
#[derive(Debug, ClapArgs)]
pub(super) struct Global {
    /// Run as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(super) directory: Option<PathBuf>,
    /// The git directory to read
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) git_dir: Option<PathBuf>,
    /// Only this environment (repeatable)
    #[arg(long = "env", value_name = "NAME", global = true)]
    pub(super) environments: Vec<String>,
    /// The branch that counts as published [default: from onehead.yaml, else origin/HEAD, main, master]
    #[arg(long, value_name = "REV", global = true)]
    pub(super) trunk: Option<String>,
    /// Configuration file to use instead of the repository's onehead.yaml
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// Where answers that depend on the content of files alone are kept between runs
    /// [default: onehead in the user's cache directory]
    #[arg(long, value_name = "DIR", env = "ONEHEAD_CACHE_DIR", hide_env_values = true, global = true)]
    pub(super) cache_dir: Option<PathBuf>,
    /// Keep nothing between runs
    #[arg(long, env = "ONEHEAD_NO_CACHE", hide_env_values = true, global = true, value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) no_cache: bool,
    /// Colours
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN", global = true)]
    pub(super) color: Color,
    /// Findings from this severity on make the exit code 1 [default: error; never where the command only reports]
    #[arg(long, value_enum, value_name = "SEVERITY", global = true)]
    pub(super) fail_on: Option<Severity>,
    /// Say nothing beside the report
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Say more about what is being done
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
}

/// A finding's severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Severity {
    /// Breaks a deployment
    Error,
    /// Likely to
    Warning,
    /// Worth knowing
    Info,
}

impl From<Severity> for diagnostic::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warning,
            Severity::Info => Self::Info,
        }
    }
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The revision graph at REV
    #[command(
        after_help = "Examples:\n  onehead graph\n  onehead graph origin/main --format mermaid\n  onehead graph v2.0 --format json"
    )]
    Graph(GraphArgs),
    /// Heads, one a line, with file, message and landing
    #[command(
        after_help = "Exit code 1 if an environment has more heads than it should.\n\nExamples:\n  onehead heads\n  onehead heads origin/main"
    )]
    Heads(HeadsArgs),
    /// The graph over time: one record for every state
    #[command(
        after_help = "Examples:\n  onehead timeline\n  onehead timeline --all --format jsonl\n  onehead timeline main --since 2024-01-01"
    )]
    Timeline(TimelineArgs),
    /// Would merging head into base break the migrations?
    #[command(
        after_help = "Only faults that the merge would bring count; --all-findings adds the old ones.\n\nExamples:\n  onehead check\n  onehead check --base origin/main --head my-branch\n  onehead check --staged\n  onehead check --format sarif > onehead.sarif\n  onehead check --all-findings --write-baseline --reason 'deployed long ago'"
    )]
    Check(CheckArgs),
    /// Propose, or write, the repair of what check finds
    #[command(
        after_help = "Without --write, --commit or --patch the plan, its evidence and the difference are shown, and the exit code is 1\nwhere there is one. Nothing is written unless the result was read again and has lost the faults and gained none.\n\nExamples:\n  onehead fix\n  onehead fix --commit\n  onehead fix --patch | git am\n  onehead fix --write\n  onehead fix --undo"
    )]
    Fix(FixArgs),
    /// Put a branch on top of upstream as it is now, its revisions where they belong in every commit
    #[command(
        after_help = "What git rebase would do, and in each commit that brings migrations these are re-parented and renumbered, so that\nevery commit has the heads it should have. A conflict stops it with nothing changed. The work tree follows if the\nbranch is checked out; it must be clean then.\n\nExamples:\n  onehead rebase\n  onehead rebase origin/main my-branch --dry-run\n  onehead rebase --undo"
    )]
    Rebase(RebaseArgs),
    /// Merge three versions of a migration, as git asks a merge driver to
    #[command(
        after_help = "What `revision` and `down_revision` say is merged by value, the rest line by line; of files that keep a head's\nid the head above the other wins. Exit codes: 0 merged, 1 a conflict is left, with git's marks, 129 could not run.\n\nExamples:\n  onehead merge-driver --install\n  git config merge.onehead.driver 'onehead merge-driver %O %A %B %P'"
    )]
    MergeDriver(MergeDriverArgs),
    /// git hooks that check before a commit, a merge or a push
    #[command(
        after_help = "Examples:\n  onehead hook install pre-commit pre-push\n  onehead hook install --merge-driver\n  onehead hook run pre-commit"
    )]
    Hook(HookArgs),
    /// Everything that ever happened to the migrations of the trunk
    #[command(
        after_help = "Incidents with their beginning and end, what was changed after it had landed, numbers, and what stands open.\n\nExamples:\n  onehead audit\n  onehead audit origin/main --since 2024-01-01\n  onehead audit --format markdown -o MIGRATIONS.md"
    )]
    Audit(AuditArgs),
    /// Every branch against the trunk as it is now, and against each other
    #[command(
        after_help = "Exit code 1 if a branch, or two that both land, would break the migrations.\n\nExamples:\n  onehead branches\n  onehead branches --match 'origin/*' --since '3 months'\n  onehead branches --refs 'refs/pull/*'"
    )]
    Branches(BranchesArgs),
    /// Where a revision lives and lived, and how it comes back
    #[command(
        after_help = "Exit code 1 if it is not found anywhere.\n\nExamples:\n  onehead locate 3f2a9c41d0be\n  onehead locate 3f2a9c41d0be origin/main\n  onehead locate 3f2a9c41d0be --lost"
    )]
    Locate(LocateArgs),
    /// The schema that the migrations build, replayed without running them
    #[command(
        after_help = "Nothing of the repository is run, and no database is asked. What cannot be known by reading is marked.\n\nExamples:\n  onehead schema\n  onehead schema v2.0 --at 4f2a91c0d1e2\n  onehead schema --format sql"
    )]
    Schema(SchemaArgs),
    /// A rule's page, the list of rules, or an answer to an error message of Alembic or PostgreSQL
    #[command(
        after_help = "Of an error message it tells which files and commits of this repository are behind it.\n\nExamples:\n  onehead explain\n  onehead explain multiple-heads\n  onehead explain configuration\n  onehead explain \"Can't locate revision identified by '4f2a91c0d1e2'\"\n  alembic upgrade head 2>&1 | tail -1 | xargs -0 onehead explain"
    )]
    Explain(ExplainArgs),
    /// Write a commented onehead.yaml to the top of the work tree
    #[command(after_help = "Nothing is overwritten.\n\nExamples:\n  onehead init\n  onehead init --print")]
    Init(InitArgs),
    /// Shell completions
    #[command(
        after_help = "Examples:\n  onehead completions bash > ~/.local/share/bash-completion/completions/onehead\n  onehead completions fish > ~/.config/fish/completions/onehead.fish"
    )]
    Completions(CompletionsArgs),
    /// Manual pages
    #[command(
        after_help = "Examples:\n  onehead man | man -l -\n  onehead man --dir ~/.local/share/man/man1"
    )]
    Man(ManArgs),
    /// What changed in the graph between two commits
    #[command(after_help = "Examples:\n  onehead diff v1.0 v2.0\n  onehead diff main HEAD --format json")]
    Diff(DiffArgs),
}

#[derive(Debug, ClapArgs)]
pub(super) struct GraphArgs {
    /// Commit to read [default: the work tree if there is one, else HEAD]
    #[arg(value_name = "REV")]
    pub(super) revision: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub(super) format: GraphFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphFormat {
    /// A drawing with lanes
    Text,
    /// onehead/graph/v1
    Json,
    /// Graphviz
    Dot,
    /// Mermaid flowchart
    Mermaid,
    /// A drawing that stands alone
    Svg,
}

#[derive(Debug, ClapArgs)]
pub(super) struct HeadsArgs {
    /// Commit to read [default: the work tree if there is one, else HEAD]
    #[arg(value_name = "REV")]
    pub(super) revision: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Debug, ClapArgs)]
pub(super) struct TimelineArgs {
    /// Commit whose history to read
    #[arg(value_name = "REV", default_value = "HEAD")]
    pub(super) revision: String,
    /// Only the first-parent line (the default)
    #[arg(long, conflicts_with_all = ["ancestry", "all"])]
    pub(super) first_parent: bool,
    /// Every ancestor
    #[arg(long, conflicts_with = "all")]
    pub(super) ancestry: bool,
    /// Every commit that any ref reaches
    #[arg(long)]
    pub(super) all: bool,
    /// Only states made at or after this time (2024-01-31, RFC 3339, or "2 weeks")
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = TimelineFormat::Text)]
    pub(super) format: TimelineFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TimelineFormat {
    /// For people
    Text,
    /// One onehead/timeline/v1 record a line
    #[value(alias = "json")]
    Jsonl,
}

#[derive(Debug, ClapArgs)]
pub(super) struct CheckArgs {
    /// The commit merged into [default: the trunk]
    #[arg(long, value_name = "REV")]
    pub(super) base: Option<String>,
    /// The commit merged
    #[arg(long, value_name = "REV", conflicts_with_all = ["staged", "worktree"])]
    pub(super) head: Option<String>,
    /// Check the index on top of HEAD instead of a commit
    #[arg(long, conflicts_with = "worktree")]
    pub(super) staged: bool,
    /// Check the work tree on top of HEAD instead of a commit
    #[arg(long)]
    pub(super) worktree: bool,
    /// Report the faults that base has already, too
    #[arg(long)]
    pub(super) all_findings: bool,
    /// Accept what is found: add it to the baseline of onehead.yaml in the work tree
    #[arg(long, conflicts_with = "format")]
    pub(super) write_baseline: bool,
    /// Why it is accepted
    #[arg(
        long,
        value_name = "TEXT",
        requires = "write_baseline",
        default_value = "was there when onehead was adopted",
        value_parser = clap::builder::NonEmptyStringValueParser::new()
    )]
    pub(super) reason: String,
    /// Output format
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(super) format: CheckFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// For people
    Text,
    /// onehead/check/v1
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands: annotations of a pull request on GitHub
    Github,
    /// Code quality report of GitLab
    Gitlab,
}

#[derive(Debug, ClapArgs)]
pub(super) struct FixArgs {
    /// The commit merged into [default: the trunk]
    #[arg(long, value_name = "REV")]
    pub(super) base: Option<String>,
    /// The commit to repair [default: HEAD]
    #[arg(long, value_name = "REV")]
    pub(super) head: Option<String>,
    /// Edit the work tree
    #[arg(long, conflicts_with_all = ["commit", "patch", "head"])]
    pub(super) write: bool,
    /// With --write: put the repair into HEAD's commit, whose work tree must be clean
    #[arg(long, requires = "write")]
    pub(super) amend: bool,
    /// Write commits on a branch of their own, without touching the work tree
    #[arg(long, conflicts_with = "patch")]
    pub(super) commit: bool,
    /// The branch for --commit: a new one, or one that stands at the repaired commit
    /// [default: onehead/fix- and the short id]
    #[arg(long, value_name = "NAME", requires = "commit")]
    pub(super) branch: Option<String>,
    /// One commit for all steps
    #[arg(long, requires = "commit")]
    pub(super) squash: bool,
    /// Print a patch for git am
    #[arg(long)]
    pub(super) patch: bool,
    /// How heads are joined
    #[arg(long, value_enum, default_value_t = FixStrategy::Auto)]
    pub(super) strategy: FixStrategy,
    /// Propose the first revision that the chain lacks, with the tables that no revision creates, and nothing else
    #[arg(long, conflicts_with_all = ["strategy", "docstrings"])]
    pub(super) baseline_revision: bool,
    /// Mend stale docstrings of published revisions, too
    #[arg(long)]
    pub(super) docstrings: bool,
    /// A revision that a database stands at (repeatable)
    #[arg(long, value_name = "ID")]
    pub(super) deployed: Vec<String>,
    /// Take the last repair back
    #[arg(long, conflicts_with_all = ["write", "commit", "patch"])]
    pub(super) undo: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FixStrategy {
    /// What is not published moves, what is published is merged
    Auto,
    /// The later head moves, even where it is published
    Reparent,
    /// A merge revision
    Merge,
    /// Only numbers are mended
    Renumber,
}

#[derive(Debug, ClapArgs)]
pub(super) struct DiffArgs {
    /// The older commit
    #[arg(value_name = "A")]
    pub(super) from: String,
    /// The newer commit
    #[arg(value_name = "B")]
    pub(super) to: String,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}
