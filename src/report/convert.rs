//! From what the analysis knows to the documents.

use super::model::{
    DuplicateId, DuplicatePrefix, Dynamic, Edited, EnvironmentGraph, Finding, FixSummary, GraphFacts,
    MissingDependency, MissingParent, Moved, Place, Reparented, ResolvedValue, Revision, RevisionAt,
    Severity, UnreadableFile, Unscanned,
};
use crate::diagnostic::{self, Diagnostic};
use crate::history::{Delta, Snapshot};
use crate::python::grade::Grade;
use crate::revision::{Environment, Resolved};
use crate::vcs::RepoPath;

fn strings<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

/// The version locations' paths in the tool's order.
pub fn locations(environment: &Environment) -> Vec<String> {
    strings(environment.version_locations.iter().map(|location| &location.path))
}

/// The directories that are left out.
pub fn unscanned(snapshot: &Snapshot) -> Vec<Unscanned> {
    snapshot
        .unscanned
        .iter()
        .map(|(directory, files)| Unscanned { directory: directory.to_string(), files: *files })
        .collect()
}

/// What the graph says.
pub fn facts(snapshot: &Snapshot) -> GraphFacts {
    let graph = &snapshot.graph;
    let mut dynamic: Vec<Dynamic> = Vec::new();
    for script in &snapshot.scripts {
        for value in &script.header.dynamic {
            dynamic.push(Dynamic {
                path: script.path.to_string(),
                name: value.name,
                expression: value.expression.clone(),
                resolved: value.resolved.as_ref().map(|resolved| match resolved {
                    Resolved::None => ResolvedValue::List(Vec::new()),
                    Resolved::Text(text) => ResolvedValue::Text(text.clone()),
                    Resolved::List(list) => ResolvedValue::List(list.clone()),
                }),
            });
        }
    }
    dynamic.sort_by(|one, two| one.path.cmp(&two.path));
    let mut unreadable: Vec<UnreadableFile> = snapshot
        .unreadable
        .iter()
        .map(|file| UnreadableFile { path: file.path.to_string(), reason: file.reason.clone() })
        .collect();
    unreadable.sort_by(|one, two| one.path.cmp(&two.path));
    GraphFacts {
        heads: graph.heads().to_vec(),
        bases: graph.bases().to_vec(),
        branch_points: graph.branch_points().to_vec(),
        merge_points: graph.merge_points().to_vec(),
        duplicates: graph
            .duplicates()
            .iter()
            .map(|duplicate| DuplicateId {
                revision: duplicate.revision.clone(),
                paths: strings(&duplicate.paths),
            })
            .collect(),
        missing: graph
            .missing()
            .iter()
            .map(|missing| MissingParent {
                revision: missing.revision.clone(),
                path: missing.path.to_string(),
                down_revision: missing.missing.clone(),
            })
            .collect(),
        missing_depends: graph
            .missing_depends()
            .iter()
            .map(|missing| MissingDependency {
                revision: missing.revision.clone(),
                path: missing.path.to_string(),
                depends_on: missing.missing.clone(),
            })
            .collect(),
        cycles: graph.cycles().to_vec(),
        dependency_cycles: graph.dependency_cycles().to_vec(),
        duplicate_prefixes: snapshot
            .number_clashes()
            .into_iter()
            .map(|clash| DuplicatePrefix { prefix: clash.prefix, paths: strings(&clash.paths) })
            .collect(),
        dynamic,
        unreadable,
    }
}

/// A snapshot as the graph document has it.
pub fn environment_graph(snapshot: &Snapshot) -> EnvironmentGraph {
    let environment = &snapshot.environment;
    EnvironmentGraph {
        name: environment.name.clone(),
        dialect: environment.dialect,
        directory: environment.directory.to_string(),
        version_locations: locations(environment),
        found_by: environment.found_by.clone(),
        revisions: snapshot
            .scripts
            .iter()
            .map(|script| Revision {
                revision: script.revision.to_string(),
                path: script.path.to_string(),
                line: script.header.line,
                down_revision: strings(script.down_revisions()),
                depends_on: strings(script.depends_on()),
                branch_labels: strings(script.branch_labels()),
                message: script.header.docstring.message.clone(),
                create_date: script.header.docstring.create_date.as_ref().map(|date| date.value.clone()),
            })
            .collect(),
        facts: facts(snapshot),
        unscanned: unscanned(snapshot),
    }
}

/// A delta's lists as documents have them.
pub struct DeltaLists {
    /// Revisions that came.
    pub added: Vec<RevisionAt>,
    /// Revisions that went.
    pub removed: Vec<RevisionAt>,
    /// Revisions whose file moved.
    pub moved: Vec<Moved>,
    /// Revisions whose parents changed.
    pub reparented: Vec<Reparented>,
    /// Revisions whose file changed.
    pub edited: Vec<Edited>,
}

/// Converts a delta; `None` is no change.
pub fn delta_lists(delta: Option<&Delta>) -> DeltaLists {
    let none = Delta::default();
    let delta = delta.unwrap_or(&none);
    let at = |(revision, path): &(String, RepoPath)| RevisionAt {
        revision: revision.clone(),
        path: path.to_string(),
    };
    DeltaLists {
        added: delta.added.iter().map(at).collect(),
        removed: delta.removed.iter().map(at).collect(),
        moved: delta
            .moved
            .iter()
            .map(|moved| Moved {
                revision: moved.revision.clone(),
                from: moved.from.to_string(),
                to: moved.to.to_string(),
            })
            .collect(),
        reparented: delta
            .reparented
            .iter()
            .map(|change| Reparented {
                revision: change.revision.clone(),
                path: change.path.to_string(),
                from: change.from.clone(),
                to: change.to.clone(),
            })
            .collect(),
        edited: delta
            .edited
            .iter()
            .map(|edit| Edited {
                revision: edit.revision.clone(),
                path: edit.path.to_string(),
                grade: grade_name(edit.grade),
            })
            .collect(),
    }
}

/// A grade's name in documents.
pub fn grade_name(grade: Grade) -> &'static str {
    match grade {
        Grade::Cosmetic => "cosmetic",
        Grade::Header => "header",
        Grade::Downgrade => "downgrade",
        Grade::Upgrade => "upgrade",
    }
}

/// A severity as documents have it.
pub fn severity(severity: diagnostic::Severity) -> Severity {
    match severity {
        diagnostic::Severity::Error => Severity::Error,
        diagnostic::Severity::Warning => Severity::Warning,
        diagnostic::Severity::Info => Severity::Info,
    }
}

/// A fault as documents have it.
pub fn finding(diagnostic: &Diagnostic) -> Finding {
    Finding {
        rule: diagnostic.rule.to_owned(),
        subject: diagnostic.subject.trim_end().to_owned(),
        severity: severity(diagnostic.severity),
        environment: diagnostic.environment.clone(),
        message: diagnostic.message.clone(),
        revisions: diagnostic.revisions.clone(),
        places: diagnostic
            .places
            .iter()
            .map(|place| Place {
                path: place.path.to_string(),
                line: place.line,
                column: place.column,
                commit: place.commit.map(|commit| commit.to_string()),
            })
            .collect(),
        evidence: diagnostic.evidence.clone(),
        new: diagnostic.new,
        fix: diagnostic
            .fix
            .as_ref()
            .map(|fix| FixSummary { kind: fix.kind.clone(), summary: fix.summary.clone() }),
    }
}
