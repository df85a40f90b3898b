//! Faults as data.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::vcs::{CommitId, RepoPath};

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Severity {
    /// Breaks a deployment.
    Error,
    /// Likely to.
    Warning,
    /// Worth knowing.
    Info,
}

/// A place in a file of the state under study.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Place {
    /// The file.
    pub path: RepoPath,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The commit that put it there, where known.
    pub commit: Option<CommitId>,
}

impl Place {
    /// The start of a line.
    pub fn line(path: &RepoPath, line: u32) -> Self {
        Self { path: path.clone(), line, column: 1, commit: None }
    }
}

/// A repair in one line.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Fix {
    /// The kind of step it takes.
    pub kind: String,
    /// What it does.
    pub summary: String,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Diagnostic {
    /// The rule's name; who keeps a fault keeps it beside.
    #[borsh(skip)]
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The environment; `None` where the fault belongs to none.
    pub environment: Option<String>,
    /// What is wrong and why it will break.
    pub message: String,
    /// The revisions concerned.
    pub revisions: Vec<String>,
    /// Where, most telling first.
    pub places: Vec<Place>,
    /// Facts that it rests on.
    pub evidence: Vec<String>,
    /// What would repair it.
    pub fix: Option<Fix>,
    /// What makes it the same fault at another state: two diagnostics with the same rule,
    /// environment and subject are one fault, seen twice.
    pub subject: String,
    /// How much of it there is (heads beyond the intended, files of one id): the same fault with a
    /// larger extent is a new fault.
    pub extent: usize,
    /// Whether the merge brings it.
    pub new: bool,
}

impl Diagnostic {
    /// A fault without places, evidence or fix.
    pub fn new(rule: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity,
            environment: None,
            message: message.into(),
            revisions: Vec::new(),
            places: Vec::new(),
            evidence: Vec::new(),
            fix: None,
            subject: String::new(),
            extent: 1,
            new: true,
        }
    }

    /// Sets the identity.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Sets the extent.
    #[must_use]
    pub fn extent(mut self, extent: usize) -> Self {
        self.extent = extent;
        self
    }

    /// Sets the revisions concerned.
    #[must_use]
    pub fn revisions<T: Into<String>>(mut self, revisions: impl IntoIterator<Item = T>) -> Self {
        self.revisions = revisions.into_iter().map(Into::into).collect();
        self.revisions.sort();
        self.revisions.dedup();
        self
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.places.push(place);
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn because(mut self, fact: impl Into<String>) -> Self {
        self.evidence.push(fact.into());
        self
    }
}
