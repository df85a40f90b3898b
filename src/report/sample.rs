//! Small documents for the renderers' tests.

use std::collections::{BTreeMap, BTreeSet};

use super::model::*;

/// An environment `alembic` in `migrations` whose graph facts follow from the revisions: those of
/// a graph without cycles, which a test states itself.
pub(super) fn environment(revisions: Vec<Revision>) -> EnvironmentGraph {
    let facts = facts(&revisions);
    EnvironmentGraph {
        name: "alembic".to_owned(),
        dialect: "alembic",
        directory: "migrations".to_owned(),
        version_locations: vec!["migrations/versions".to_owned()],
        found_by: "alembic.ini".to_owned(),
        revisions,
        facts,
        unscanned: Vec::new(),
    }
}

/// A revision in `migrations/versions/ID_NAME.py`, where NAME is the message in lower case.
pub(super) fn revision(id: &str, parents: &[&str], message: &str) -> Revision {
    let slug = message.to_lowercase().replace(' ', "_");
    Revision {
        revision: id.to_owned(),
        path: format!("migrations/versions/{id}_{slug}.py"),
        line: 10,
        down_revision: strings(parents),
        depends_on: Vec::new(),
        branch_labels: Vec::new(),
        message: Some(message.to_owned()),
        create_date: None,
    }
}

pub(super) fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(|one| (*one).to_owned()).collect()
}

/// Facts with nothing in them.
pub(super) fn no_facts() -> GraphFacts {
    GraphFacts {
        heads: Vec::new(),
        bases: Vec::new(),
        branch_points: Vec::new(),
        merge_points: Vec::new(),
        duplicates: Vec::new(),
        missing: Vec::new(),
        missing_depends: Vec::new(),
        cycles: Vec::new(),
        dependency_cycles: Vec::new(),
        duplicate_prefixes: Vec::new(),
        dynamic: Vec::new(),
        unreadable: Vec::new(),
    }
}

fn facts(revisions: &[Revision]) -> GraphFacts {
    let mut facts = no_facts();
    let mut paths: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut children: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for revision in revisions {
        paths.entry(&revision.revision).or_default().push(revision.path.clone());
        for parent in &revision.down_revision {
            children.entry(parent).or_default().insert(&revision.revision);
        }
    }
    for revision in revisions {
        let id = revision.revision.clone();
        match revision.down_revision.len() {
            0 => facts.bases.push(id),
            1 => {}
            _ => facts.merge_points.push(id),
        }
        facts.missing.extend(
            revision.down_revision.iter().filter(|parent| !paths.contains_key(parent.as_str())).map(
                |parent| MissingParent {
                    revision: revision.revision.clone(),
                    path: revision.path.clone(),
                    down_revision: parent.clone(),
                },
            ),
        );
    }
    for (id, paths) in &paths {
        if !children.contains_key(id) {
            facts.heads.push((*id).to_owned());
        }
        if children.get(id).is_some_and(|children| children.len() > 1) {
            facts.branch_points.push((*id).to_owned());
        }
        if paths.len() > 1 {
            facts.duplicates.push(DuplicateId { revision: (*id).to_owned(), paths: paths.clone() });
        }
    }
    facts
}

/// A graph document at a commit.
pub(super) fn graph(environments: Vec<EnvironmentGraph>) -> GraphDocument {
    GraphDocument {
        schema: "onehead/graph/v1",
        version: VERSION,
        commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        environments,
    }
}

/// Two branches and the revision that merges them.
pub(super) fn merged() -> EnvironmentGraph {
    environment(vec![
        revision("1a", &[], "Create users"),
        revision("2b", &["1a"], "Add mail"),
        revision("2c", &["1a"], "Add phone"),
        revision("3d", &["2b", "2c"], "Merge"),
    ])
}

/// Two labelled branches, one of which depends on the other and on a label.
pub(super) fn labelled() -> EnvironmentGraph {
    let mut expand = revision("1a", &[], "Expand");
    expand.branch_labels = strings(&["expand", "online"]);
    let mut contract = revision("1b", &[], "Contract");
    contract.branch_labels = strings(&["contract"]);
    contract.depends_on = strings(&["1a", "online"]);
    environment(vec![expand, contract])
}

/// A duplicate id, a missing parent and a cycle.
pub(super) fn broken() -> EnvironmentGraph {
    let mut broken = environment(vec![
        revision("1a", &["gone"], "Create users"),
        revision("2b", &["1a", "4d"], "Add mail"),
        revision("2b", &["1a"], "Add phone"),
        revision("4d", &["2b"], "Add invoices"),
    ]);
    broken.facts.cycles = vec![strings(&["2b", "4d"])];
    broken
}

/// Texts that mean something to a terminal, to Graphviz, to Mermaid, to HTML or to Markdown.
pub(super) fn hostile() -> EnvironmentGraph {
    let mut hostile = revision("\u{1b}]0;x\u{7}", &["\u{202e}"], "a\r\nb \"q\" \\N \\");
    hostile.branch_labels = strings(&["\u{9b}31m", "%%{init: {}}%%"]);
    hostile.depends_on = strings(&["\n"]);
    hostile.path = "migrations/versions/\u{8}&lt;`*_.py".to_owned();
    let script = revision("\"]; end", &[], "<script>alert(1)</script> &amp; #quot; | é 日本");
    let mut tree = environment(vec![hostile, script, revision("", &[], "The empty id")]);
    tree.name = "\u{1b}[2J\"".to_owned();
    tree
}

/// A state with these heads, in which one revision was added and edited, and moved.
pub(super) fn record(heads: &[&str]) -> TimelineRecord {
    let mut facts = no_facts();
    facts.heads = strings(heads);
    let (revision, path) = ("2b".to_owned(), "migrations/versions/2b.py".to_owned());
    TimelineRecord {
        schema: "onehead/timeline/v1",
        version: VERSION,
        commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        time: "2024-01-31T10:02:03Z".to_owned(),
        environment: "alembic".to_owned(),
        directory: "migrations".to_owned(),
        version_locations: strings(&["migrations/versions"]),
        n_files: 2,
        n_revisions: 2,
        facts,
        added: vec![RevisionAt { revision: revision.clone(), path: path.clone() }],
        removed: Vec::new(),
        moved: vec![Moved { revision: revision.clone(), from: "old.py".to_owned(), to: path.clone() }],
        reparented: Vec::new(),
        edited: vec![Edited { revision, path, grade: "cosmetic" }],
    }
}

/// A check with one finding, every field of it filled.
pub(super) fn check() -> CheckDocument {
    let graph = merged();
    CheckDocument {
        schema: "onehead/check/v1",
        version: VERSION,
        base: Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned()),
        head: None,
        merge_base: None,
        verdict: "findings",
        suppressed: 1,
        merged: vec![MergedEnvironment {
            name: graph.name,
            dialect: graph.dialect,
            directory: graph.directory,
            version_locations: graph.version_locations,
            found_by: graph.found_by,
            facts: graph.facts,
            unscanned: vec![Unscanned { directory: "old".to_owned(), files: 2 }],
        }],
        findings: vec![Finding {
            rule: "multiple-heads".to_owned(),
            subject: "heads".to_owned(),
            severity: Severity::Error,
            environment: Some("alembic".to_owned()),
            message: "Two heads.".to_owned(),
            revisions: strings(&["2b", "3c"]),
            places: vec![Place { path: "3c.py".to_owned(), line: 1, column: 1, commit: None }],
            evidence: strings(&["A fact."]),
            new: true,
            fix: Some(FixSummary { kind: "reparent".to_owned(), summary: "onehead fix".to_owned() }),
        }],
    }
}

/// Findings whose texts mean something to the formats they are written in, and one without a place.
pub(super) fn awkward() -> Vec<Finding> {
    let plain = check().findings.remove(0);
    let place = Place { path: "a,b:c%/\u{200f}<d>.py".to_owned(), line: 3, column: 5, commit: None };
    let texts = Finding {
        rule: "missing-parent".to_owned(),
        subject: "1a 0".to_owned(),
        severity: Severity::Warning,
        environment: Some("x::y,z".to_owned()),
        message: "50% of 'a'::\"b\"\r\n::error::<script>alert(1)</script> \u{202e}\u{200f}{0} [x](https://example.com)"
            .to_owned(),
        places: vec![place.clone(), Place { commit: Some("abcd".to_owned()), ..place }],
        new: false,
        fix: None,
        ..plain.clone()
    };
    let nowhere = Finding {
        severity: Severity::Info,
        environment: None,
        revisions: Vec::new(),
        places: Vec::new(),
        evidence: Vec::new(),
        fix: None,
        ..plain
    };
    vec![texts, nowhere]
}

/// The page of the rule of [`check`].
pub(super) fn page() -> RulePage {
    RulePage {
        name: "multiple-heads",
        severity: Severity::Error,
        summary: "There are more heads than there should be",
        explanation: "Re-parent one of them.",
    }
}

/// A rule's page and a key.
pub(super) fn explain() -> ExplainDocument {
    let key = ConfigurationKey { key: "trunk".to_owned(), description: "The branch.".to_owned() };
    ExplainDocument {
        answer: None,
        schema: "onehead/explain/v1",
        version: VERSION,
        rules: vec![page()],
        configuration: vec![key],
    }
}

/// A diff with every kind of change.
pub(super) fn diff() -> DiffDocument {
    let record = record(&["2b"]);
    let (revision, path) = ("2b".to_owned(), "2b.py".to_owned());
    DiffDocument {
        schema: "onehead/diff/v1",
        version: VERSION,
        from: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
        to: "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb".to_owned(),
        environments: vec![EnvironmentDiff {
            name: record.environment,
            directory: record.directory,
            from_directory: None,
            exists: true,
            heads_before: Vec::new(),
            heads_after: record.facts.heads,
            added: record.added.clone(),
            removed: record.added,
            moved: record.moved,
            reparented: vec![Reparented { revision, path, from: Vec::new(), to: strings(&["1a"]) }],
            edited: record.edited,
        }],
    }
}

/// One head that landed and one that did not.
pub(super) fn heads() -> HeadsDocument {
    let head = |landed| Head {
        revision: "2b".to_owned(),
        path: "2b.py".to_owned(),
        message: None,
        labels: strings(&["expand"]),
        landed,
    };
    let landed = CommitSummary {
        commit: "1234567890abcdef1234567890abcdef12345678".to_owned(),
        time: "2024-01-31T10:02:03Z".to_owned(),
        author: "A. Author".to_owned(),
        subject: "Add it".to_owned(),
    };
    HeadsDocument {
        schema: "onehead/heads/v1",
        version: VERSION,
        commit: None,
        environments: vec![EnvironmentHeads {
            name: "alembic".to_owned(),
            directory: "migrations".to_owned(),
            too_many: true,
            heads: vec![head(Some(landed)), head(None)],
        }],
    }
}

/// A commit of the trunk.
pub(super) fn deed(commit: &str, time: &str) -> Deed {
    Deed {
        commit: commit.repeat(40),
        time: time.to_owned(),
        author: "A. Author".to_owned(),
        subject: "Do it".to_owned(),
        merge: true,
    }
}

/// An audit with every list filled: an incident that stands and one that does not, a change, a finding.
pub(super) fn audit() -> AuditDocument {
    let (opened, closed) = (deed("a", "2024-01-31T10:02:03Z"), deed("b", "2024-03-01T10:02:03Z"));
    let standing = Incident {
        rule: "missing-parent",
        revisions: strings(&["2b"]),
        about: Some("1a".to_owned()),
        paths: strings(&["2b.py"]),
        most: 1,
        opened: opened.clone(),
        opened_earlier: true,
        closed: None,
        commits_open: 3,
        seconds_open: 90,
        closed_how: None,
    };
    let over = Incident {
        rule: "multiple-heads",
        revisions: strings(&["2b", "3c"]),
        about: None,
        paths: Vec::new(),
        most: 2,
        opened_earlier: false,
        closed: Some(closed.clone()),
        commits_open: 2,
        seconds_open: 30 * 86_400,
        closed_how: Some("merge-revision"),
        ..standing.clone()
    };
    let changed = PostLandingChange {
        revision: "2b".to_owned(),
        path: "2b.py".to_owned(),
        commit: closed.commit.clone(),
        time: closed.time.clone(),
        author: closed.author.clone(),
        subject: closed.subject.clone(),
        change: "reparented",
        grade: Some("upgrade"),
        from: Some("1a".to_owned()),
        to: Some(String::new()),
        revisions: strings(&["2b"]),
        landed: Some(opened.commit.clone()),
        released: Some("v1".to_owned()),
        shipped: Some(ShippedVersion { first: "v1".to_owned(), last: "v2".to_owned(), tags: 2 }),
        blobs: Blobs { before: Some("c".repeat(40)), after: None },
    };
    AuditDocument {
        schema: "onehead/audit/v1",
        version: VERSION,
        commit: closed.commit.clone(),
        time: closed.time.clone(),
        trunk: Some("main".to_owned()),
        line: "main".to_owned(),
        since: Some(opened.time.clone()),
        commits: 4,
        environments: vec![EnvironmentAudit {
            name: "alembic".to_owned(),
            directory: "migrations".to_owned(),
            exists: true,
            history: vec![EnvironmentEvent {
                event: "created",
                directory: "migrations".to_owned(),
                at: opened.clone(),
                earlier: true,
            }],
            statistics: AuditStatistics {
                states: 3,
                files: 4,
                revisions: 4,
                revisions_landed: 5,
                revisions_by_month: vec![MonthCount {
                    month: "2024-01".to_owned(),
                    revisions: 5,
                    merge_revisions: 1,
                }],
                merge_revisions: 1,
                branch_points: 1,
                heads: 1,
                bases: 1,
                longest_chain: Some(3),
                time_to_landing: Some(Waits {
                    revisions: 5,
                    median_seconds: 60,
                    ninth_decile_seconds: 7_200,
                    longest_seconds: 86_400,
                }),
                authors: vec![AuthorCount { author: "A. Author".to_owned(), revisions: 5 }],
                docstrings: 4,
                stale_docstrings: 1,
                stale_docstring_share: Some(0.25),
                edited_files: 1,
                cosmetic_edits: 2,
                commits_without_upgrade: 3,
                biggest_incidents: vec![BigIncident {
                    rule: "multiple-heads",
                    revisions: strings(&["2b", "3c"]),
                    commit: opened.commit.clone(),
                    seconds_open: 30 * 86_400,
                }],
            },
            incidents: vec![over, standing],
            outages: vec![Outage {
                opened: opened.clone(),
                closed: None,
                commits: 3,
                reasons: vec!["missing-parent", "multiple-heads"],
            }],
            post_landing_changes: vec![changed],
        }],
        findings: vec![StandingFinding {
            finding: check().findings.remove(0),
            since: Some(opened),
            since_earlier: true,
        }],
        not_looked_at: strings(&["the dark"]),
    }
}

/// What a renderer writes, without styles.
pub(super) fn plain(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("a vector takes every byte");
    let text = String::from_utf8(out).expect("renderers write UTF-8");
    anstream::adapter::strip_str(&text).to_string()
}
