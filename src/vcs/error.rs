/// Why git could not answer, with a command to try.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No repository where one was looked for.
    #[error("{place} is not inside a git repository")]
    NotARepository {
        /// Where the search started.
        place: String,
    },
    /// The repository is there and cannot be used.
    #[error("cannot open the repository at {place}: {reason}")]
    Unreadable {
        /// The repository.
        place: String,
        /// What stands in the way.
        reason: String,
    },
    /// A revision expression names nothing.
    #[error("'{spec}' names no commit in this repository{}", because(.reason))]
    UnknownRevision {
        /// The expression as typed.
        spec: String,
        /// What git's grammar or object database says of it; may be empty.
        reason: String,
    },
    /// A revision expression leads beyond what this clone holds.
    #[error("'{spec}' lies beyond the edge of this shallow clone")]
    BeyondEdge {
        /// The expression as typed.
        spec: String,
    },
    /// A ref is there and leads nowhere.
    #[error("the ref '{name}' is damaged: {reason}")]
    Ref {
        /// The ref as asked for.
        name: String,
        /// Why.
        reason: String,
    },
    /// The branch that HEAD names has no commit yet.
    #[error("HEAD points to the branch '{branch}', which has no commit yet")]
    UnbornHead {
        /// The branch's short name.
        branch: String,
    },
    /// The history needed is cut off.
    #[error("this clone is shallow and the merge base of {base} and {head} lies beyond its edge")]
    Shallow {
        /// One side.
        base: String,
        /// The other side.
        head: String,
    },
    /// The two commits share no history.
    #[error("{base} and {head} have no common ancestor")]
    Unrelated {
        /// One side.
        base: String,
        /// The other side.
        head: String,
    },
    /// An object that is needed is not in this copy (partial clone) or damaged.
    #[error("object {id} cannot be read: {reason}")]
    Object {
        /// The object.
        id: String,
        /// Why.
        reason: String,
    },
    /// An object that is needed is not in this copy, as in a partial clone.
    #[error("object {id} is not in this copy of the repository, and without it the answer is unknown")]
    Absent {
        /// The object.
        id: String,
    },
    /// A file of the work tree or of the repository itself cannot be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Nothing may be written to this repository.
    #[error("will not write to {place}: {reason}")]
    NotWritable {
        /// The repository or work tree.
        place: String,
        /// Why.
        reason: String,
        /// A command or action that helps.
        hint: Option<String>,
    },
    /// Writing was tried and failed; what there was before is still there.
    #[error("cannot write {what}: {reason}")]
    Write {
        /// The object, ref or file.
        what: String,
        /// Why.
        reason: String,
    },
    /// Writing failed half way, and so did taking it back.
    #[error("{reason}, and not everything could be put back: {left}")]
    Half {
        /// The first failure.
        reason: String,
        /// What is not as it was.
        left: String,
    },
    /// git does not know who commits.
    #[error("git does not know who the {role} is: {missing} is not set")]
    Identity {
        /// `author` or `committer`.
        role: &'static str,
        /// The settings that lack.
        missing: String,
    },
    /// A ref does not stand where it was expected.
    #[error("{name} {} instead of {}", stands(.actual), place(.expected))]
    RefMoved {
        /// Full name of the ref.
        name: String,
        /// Where it was expected; `None`: not to exist.
        expected: Option<String>,
        /// Where it is; `None`: it does not exist.
        actual: Option<String>,
    },
    /// A ref name that cannot be used.
    #[error("'{name}' cannot be used as a ref: {reason}")]
    RefName {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// Somebody else holds a lock.
    #[error("{path} exists: another git process is writing, or one has crashed")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// The branch is checked out where it cannot follow.
    #[error("the branch '{branch}' is {doing} in {place}")]
    CheckedOut {
        /// Short name of the branch.
        branch: String,
        /// What the work tree does with it: checked out, being rebased.
        doing: &'static str,
        /// The work tree.
        place: String,
    },
    /// The work tree or index holds changes that are not committed.
    #[error("there are uncommitted changes: {}{}", .paths.join(", "), if *.more { ", and more" } else { "" })]
    Dirty {
        /// The first few paths.
        paths: Vec<String>,
        /// Whether there are others.
        more: bool,
    },
    /// A file of the work tree cannot be touched.
    #[error("will not touch {path}: {reason}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
    /// No undo record, or none of that name.
    #[error("there is nothing to undo")]
    NothingToUndo,
}

fn stands(actual: &Option<String>) -> String {
    actual.as_ref().map_or_else(|| "does not exist".into(), |id| format!("is at {id}"))
}

fn place(expected: &Option<String>) -> String {
    expected.as_ref().map_or_else(|| "being absent".into(), |id| format!("at {id}"))
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

impl Error {
    /// A command or action that helps, where there is one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotARepository { .. } => {
                "run onehead inside a repository, or name one with -C DIR or --git-dir DIR".into()
            }
            Self::UnknownRevision { spec, .. } => match spec.split_once('/') {
                Some((remote, branch)) if remote != "refs" && is_plain(remote) && is_plain(branch) => {
                    format!("git fetch {remote} {branch}   (or: git branch --all, to see the names)")
                }
                _ => "git branch --all   (to see the names)".into(),
            },
            Self::UnbornHead { .. } => "make the first commit, or name a commit to read".into(),
            Self::BeyondEdge { .. } => {
                "git fetch --deepen=500   (or everything: git fetch --unshallow)".into()
            }
            Self::Ref { .. } => "git fsck   (then: git update-ref, or git fetch)".into(),
            Self::Unrelated { .. } => {
                "git log --oneline --graph --all   (then: --base REV, one that shares history with head)"
                    .into()
            }
            Self::Shallow { .. } => "git fetch --unshallow   (or fetch more: git fetch --deepen=500)".into(),
            Self::Absent { .. } => {
                "git fetch --refetch   (this may be a partial clone; git fsck tells)".into()
            }
            Self::Object { .. } => "git fsck   (in a partial clone: git fetch --refetch)".into(),
            Self::NotWritable { hint, .. } => return hint.clone(),
            Self::Identity { .. } => {
                "git config user.name \"Your Name\" && git config user.email you@example.com".into()
            }
            Self::RefMoved { .. } => "run the same command again: it starts from the ref as it is now".into(),
            Self::Locked { path } => {
                format!("wait for the other process; if there is none: rm {path}")
            }
            Self::CheckedOut { place, .. } => {
                format!("git -C {place} switch --detach   (or finish what is under way there)")
            }
            Self::Dirty { .. } => "git stash   (or commit them first)".into(),
            Self::Half { .. } => "git status   (then: git reflog, git fsck)".into(),
            Self::NothingToUndo => "git for-each-ref refs/onehead/undo/   (lists what can be undone)".into(),
            Self::Unreadable { .. }
            | Self::File { .. }
            | Self::Write { .. }
            | Self::RefName { .. }
            | Self::Path { .. } => return None,
        })
    }
}

/// Whether this part of a revision expression can be part of a branch's name.
fn is_plain(part: &str) -> bool {
    !part.is_empty()
        && !part.contains(|c: char| c.is_whitespace() || c.is_control() || "^~:?*[\\{}@".contains(c))
}

/// The library's error as one sentence: the whole chain of causes.
pub(super) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn only_what_may_be_a_remote_branch_is_to_be_fetched() {
        let hint = |spec: &str| Error::UnknownRevision { spec: spec.into(), reason: String::new() }.hint();
        let fetch = "git fetch origin fix/a   (or: git branch --all, to see the names)";
        assert_eq!(hint("origin/fix/a").as_deref(), Some(fetch));
        for other in ["main", "refs/heads/x", "HEAD^{/foo}", ":/text", "origin/", "a b/c"] {
            assert_eq!(hint(other).as_deref(), Some("git branch --all   (to see the names)"), "{other}");
        }
    }
}
