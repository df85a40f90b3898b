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
                Some((remote, branch)) if !branch.is_empty() => {
                    format!("git fetch {remote} {branch}   (or: git branch --all, to see the names)")
                }
                _ => "git branch --all   (to see the names)".into(),
            },
            Self::UnbornHead { .. } => "make the first commit, or name a commit to read".into(),
            Self::Shallow { .. } => "git fetch --unshallow   (or fetch more: git fetch --deepen=500)".into(),
            Self::Absent { .. } => {
                "git fetch --refetch   (this may be a partial clone; git fsck tells)".into()
            }
            Self::Object { .. } => "git fsck   (in a partial clone: git fetch --refetch)".into(),
            Self::Unreadable { .. } | Self::Unrelated { .. } | Self::File { .. } => return None,
        })
    }
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
