//! Alembic's error messages, recognized in whatever text they stand in.

use std::sync::LazyLock;

use regex::Regex;

/// What a message is about. The names in it are ids, labels or tables as the message has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// `Can't locate revision identified by 'x'`: a database, a file or a command names an id that no file states.
    UnknownRevision(String),
    /// `Multiple head revisions are present`.
    MultipleHeads,
    /// `Requested revision x overlaps with other requested revisions y`.
    Overlap(Vec<String>),
    /// `Revision x is present more than once`.
    DuplicateRevision(String),
    /// `Revision x referenced from … is not present`, `KeyError: 'x'`.
    MissingParent(String),
    /// `Cycle is detected in revisions (…)`.
    Cycle(Vec<String>),
    /// `Target database is not up to date`.
    NotUpToDate,
    /// `Can't proceed with --autogenerate option`.
    NoMetadata,
    /// `No 'script_location' key found`, `Path doesn't exist`.
    NoScripts,
    /// `relation "x" already exists`.
    RelationExists(String),
    /// `relation "x" does not exist`.
    RelationMissing(String),
    /// `value too long for type character varying(32)` while a version is written.
    IdTooLong,
    /// `MissingGreenlet`, `The asyncio extension requires an async driver`.
    AsyncDriver,
}

impl Trouble {
    /// The rules whose pages say more, most telling first.
    pub fn rules(&self) -> &'static [&'static str] {
        match self {
            Self::UnknownRevision(_) => &["missing-parent", "deleted-after-landing"],
            Self::MultipleHeads => &["multiple-heads"],
            Self::Overlap(_) => &[],
            Self::DuplicateRevision(_) => &["duplicate-revision"],
            Self::MissingParent(_) => &["missing-parent"],
            Self::Cycle(_) => &["revision-cycle"],
            Self::NotUpToDate => &["deploy-without-upgrade"],
            Self::NoMetadata => &["env-no-metadata"],
            Self::NoScripts => &["alembic-without-environment"],
            Self::RelationExists(_) => &["create-all-in-application", "table-created-twice"],
            Self::RelationMissing(_) => &["alters-missing-object"],
            Self::IdTooLong => &["revision-id-too-long"],
            Self::AsyncDriver => &["env-async-url"],
        }
    }

    /// What it means, in a sentence or two.
    pub fn meaning(&self) -> String {
        match self {
            Self::UnknownRevision(id) => format!(
                "The database's alembic_version table (or the command) names '{id}', and no file of the version locations states that id: it was deleted or renamed, or it is on a branch that this code does not have."
            ),
            Self::MultipleHeads => "Two or more revisions have no child, so that \"head\" names no single one: two branches extended the same revision. Nothing is upgraded until they are joined.".to_owned(),
            Self::Overlap(_) => "One of the revisions is an ancestor of another one, so the first is part of the second already. Most often alembic_version holds a row too many: both the ancestor and its descendant.".to_owned(),
            Self::DuplicateRevision(id) => format!(
                "Two files state the id '{id}'. Alembic keeps the one it reads last and ignores the other: its changes never run."
            ),
            Self::MissingParent(id) => format!(
                "A file names '{id}' as its parent, and no file states that id. Alembic cannot build the graph: every command stops."
            ),
            Self::Cycle(_) => "These revisions are each other's ancestors, so that none can run first. Every command stops.".to_owned(),
            Self::NotUpToDate => "The database stands below the head, and the command (a new revision by autogenerate, or check) wants it at the head.".to_owned(),
            Self::NoMetadata => "env.py leaves target_metadata at None: there are no models to compare the database with.".to_owned(),
            Self::NoScripts => "Alembic did not find its script directory from where it was started.".to_owned(),
            Self::RelationExists(name) => format!(
                "A revision creates '{name}', and the database has it already: another revision created it, or something beside Alembic did (create_all(), an SQL dump), or the version row was lost."
            ),
            Self::RelationMissing(name) => format!(
                "A revision changes '{name}' before anything has created it: the revision that does is missing from the chain, or comes later."
            ),
            Self::IdTooLong => "alembic_version.version_num is VARCHAR(32), and the revision's id is longer.".to_owned(),
            Self::AsyncDriver => "env.py makes a synchronous engine with the URL of an asynchronous driver.".to_owned(),
        }
    }
}

/// What makes a trouble of the names that a pattern captured.
type Make = fn(Vec<String>) -> Trouble;

/// Patterns over the messages of Alembic 0.7 to 1.20, SQLAlchemy and PostgreSQL drivers; the first that matches wins.
static PATTERNS: LazyLock<Vec<(Regex, Make)>> = LazyLock::new(|| {
    let known: [(&str, Make); 20] = [
        (r"(?i)can't locate revision identified by ['\x22]?([^'\x22\s]+)", |n| {
            Trouble::UnknownRevision(one(n))
        }),
        (r"(?i)no such revision or branch ['\x22]?([^'\x22\s;]+)", |n| Trouble::UnknownRevision(one(n))),
        (r"(?i)can't find revision ['\x22]?([^'\x22\s]+)", |n| Trouble::UnknownRevision(one(n))),
        (r"(?i)multiple head(?: revision)?s are present", |_| Trouble::MultipleHeads),
        (r"(?i)the script directory has multiple heads", |_| Trouble::MultipleHeads),
        (
            r"(?i)requested revisions? (\S+) overlaps? with other requested revisions? ([^\n]+)",
            Trouble::Overlap,
        ),
        (r"(?i)revision ['\x22]?([^'\x22\s]+) is present more than once", |n| {
            Trouble::DuplicateRevision(one(n))
        }),
        (r"(?i)revision ['\x22]?([^'\x22\s]+) referenced from [^\n]* is not present", |n| {
            Trouble::MissingParent(one(n))
        }),
        (r"(?i)cycle is detected in revisions \(([^)\n]*)\)?", Trouble::Cycle),
        (r"(?i)loop is detected in revisions \(([^)\n]*)\)?", Trouble::Cycle),
        (r"(?i)target database is not up to date", |_| Trouble::NotUpToDate),
        (r"(?i)can't proceed with --autogenerate option", |_| Trouble::NoMetadata),
        (r"(?i)no ['\x22]?script_location['\x22]? key found", |_| Trouble::NoScripts),
        (r"(?i)path doesn't exist: .*please use the 'init' command", |_| Trouble::NoScripts),
        (r"(?i)(?:relation|table|type|index) ['\x22`]?([\w.$-]+)['\x22`]? already exists", |n| {
            Trouble::RelationExists(one(n))
        }),
        (r"(?i)(?:relation|table) ['\x22`]?([\w.$-]+)['\x22`]? does(?: not|n't) exist", |n| {
            Trouble::RelationMissing(one(n))
        }),
        (r"(?i)value too long for type character varying\(32\)", |_| Trouble::IdTooLong),
        (r"(?i)missinggreenlet|greenlet_spawn has not been called", |_| Trouble::AsyncDriver),
        (r"(?i)asyncio extension requires an async driver", |_| Trouble::AsyncDriver),
        (r"KeyError: ['\x22]([^'\x22]*)['\x22]", |n| Trouble::MissingParent(one(n))),
    ];
    known.into_iter().filter_map(|(pattern, make)| Some((Regex::new(pattern).ok()?, make))).collect()
});

fn one(names: Vec<String>) -> String {
    names.into_iter().next().unwrap_or_default()
}

/// The first known message in `text`; `None` where there is none.
pub fn recognize(text: &str) -> Option<Trouble> {
    for (pattern, make) in PATTERNS.iter() {
        let Some(found) = pattern.captures(text) else { continue };
        let names = found.iter().skip(1).flatten();
        let names = names.flat_map(|group| group.as_str().split(&[',', ' '][..]));
        let trimmed = names.map(|name| name.trim_matches(|c: char| "'\"`.;:()".contains(c)).to_owned());
        return Some(make(trimmed.filter(|name| !name.is_empty()).collect()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_recognized_in_logs() {
        let told = |text: &str| recognize(text);
        let text = |text: &str| text.to_owned();
        let cases = [
            (
                "FAILED: Can't locate revision identified by '1a2b3c'",
                Some(Trouble::UnknownRevision(text("1a2b3c"))),
            ),
            (
                "alembic.util.exc.CommandError: Multiple head revisions are present for given argument 'head'; please specify a specific target revision",
                Some(Trouble::MultipleHeads),
            ),
            (
                "ERROR [alembic.util.messaging] Requested revision 1a overlaps with other requested revisions 2b, 3c",
                Some(Trouble::Overlap(vec![text("1a"), text("2b"), text("3c")])),
            ),
            (
                "UserWarning: Revision 003 is present more than once",
                Some(Trouble::DuplicateRevision(text("003"))),
            ),
            (
                "UserWarning: Revision 9f referenced from 9f -> 1a (head), add x is not present",
                Some(Trouble::MissingParent(text("9f"))),
            ),
            ("KeyError: '9f'", Some(Trouble::MissingParent(text("9f")))),
            ("Cycle is detected in revisions (a1, b2)", Some(Trouble::Cycle(vec![text("a1"), text("b2")]))),
            ("FAILED: Target database is not up to date.", Some(Trouble::NotUpToDate)),
            (
                "(psycopg2.errors.DuplicateTable) relation \"users\" already exists",
                Some(Trouble::RelationExists(text("users"))),
            ),
            (
                "relation \"public.users\" does not exist",
                Some(Trouble::RelationMissing(text("public.users"))),
            ),
            (
                "sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not been called",
                Some(Trouble::AsyncDriver),
            ),
            ("everything is fine", None),
            ("multiple heads of state are present", None),
        ];
        for (message, wanted) in cases {
            assert_eq!(told(message), wanted, "{message}");
        }
    }

    #[test]
    fn every_rule_named_exists() {
        let all = [
            Trouble::UnknownRevision(String::new()),
            Trouble::MultipleHeads,
            Trouble::DuplicateRevision(String::new()),
            Trouble::Cycle(Vec::new()),
            Trouble::NotUpToDate,
            Trouble::NoMetadata,
            Trouble::NoScripts,
            Trouble::IdTooLong,
            Trouble::AsyncDriver,
        ];
        for rule in all.iter().flat_map(|trouble| trouble.rules()) {
            assert!(crate::rules::by_name(rule).is_some(), "{rule}");
        }
    }
}
