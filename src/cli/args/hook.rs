use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::Format;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct HookArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: HookAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum HookAction {
    /// Do a hook's work, as git asks it to
    #[command(
        after_help = "Arguments and standard input are those that git gives the hook (githooks(5)). Exit codes: 0 git goes on, 1 findings\nand 2 could not run, both of which stop git.\n\nExamples:\n  onehead hook run pre-commit\n  onehead hook run pre-push origin git@example.com:shop.git < refs\n  onehead hook run update refs/heads/main OLD-ID NEW-ID"
    )]
    Run(HookRunArgs),
    /// Write hooks that call onehead, and set the merge driver up
    #[command(
        after_help = "What is written is printed first. A hook that is there stays as it is: what to add to it is said, with exit code 2.\n\nExamples:\n  onehead hook install pre-commit pre-push\n  onehead hook install pre-commit --merge-driver\n  onehead -C /srv/git/shop.git hook install pre-receive"
    )]
    Install(HookInstallArgs),
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct HookRunArgs {
    /// The hook
    #[arg(value_enum)]
    pub(in crate::cli) name: HookName,
    /// What git gives the hook
    #[arg(value_name = "ARGUMENT")]
    pub(in crate::cli) arguments: Vec<String>,
    /// How to tell what was found; in JSON each branch is one line, as `check` has it
    #[arg(long, value_enum, default_value = "text")]
    pub(in crate::cli) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct HookInstallArgs {
    /// The hooks
    #[arg(value_enum, value_name = "NAME", required_unless_present = "merge_driver")]
    pub(in crate::cli) names: Vec<HookName>,
    /// Have git merge migrations and files that keep a head's id by what they mean
    #[arg(long)]
    pub(in crate::cli) merge_driver: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum HookName {
    /// Checks what is staged
    PreCommit,
    /// Checks the result of a merge before it is committed
    PreMergeCommit,
    /// Checks each pushed branch against the trunk of the remote
    PrePush,
    /// On a server: checks all branches of a push at once
    PreReceive,
    /// On a server: checks each branch by itself
    Update,
}

impl HookName {
    /// As git names it.
    pub(in crate::cli) fn as_str(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PreMergeCommit => "pre-merge-commit",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
            Self::Update => "update",
        }
    }
}
