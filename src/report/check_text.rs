//! `onehead check` for people: one line where all is well, else each finding with its evidence
//! and the next command.

use std::io;

use anstyle::Style;

use super::model::{CheckDocument, Finding, MergedEnvironment, Place, Severity};
use super::style::{BAD, DIM, GOOD, HEADING, MARK, UNUSUAL, count, ids, paint, short, shown};
use crate::text::printable;

/// Places of one finding that are listed: two copies of a long history would fill the terminal.
const MOST_PLACES: usize = 10;

/// Writes the answer to the pre-merge question. The last line sums up, and is the only one where
/// nothing was found.
///
/// # Errors
/// Those of `out`.
pub fn check_text(doc: &CheckDocument, out: &mut dyn io::Write) -> io::Result<()> {
    if doc.findings.is_empty() && doc.suppressed == 0 {
        return writeln!(out, "{}: {}", paint(GOOD, "clean"), state(doc));
    }
    for finding in &doc.findings {
        write_finding(finding, doc.head.as_deref(), out)?;
        writeln!(out)?;
    }
    let counts = counts(doc);
    if doc.verdict == "clean" {
        writeln!(out, "{} ({counts}): {}", paint(GOOD, "clean"), state(doc))
    } else {
        writeln!(out, "{}: {}", paint(HEADING, counts), state(doc))
    }
}

/// Writes a finding in the commit `head`, of the work tree or index without one.
pub(super) fn write_finding(
    finding: &Finding,
    head: Option<&str>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let (name, style) = severity(finding.severity);
    write!(out, "{}", paint(style, format!("{name}[{}]", printable(&finding.rule))))?;
    if let Some(environment) = &finding.environment {
        write!(out, " {}", paint(HEADING, shown(environment)))?;
    }
    if !finding.new {
        write!(out, " {}", paint(DIM, "(not new)"))?;
    }
    writeln!(out, "\n  {}", printable(&finding.message))?;
    for place in finding.places.iter().take(MOST_PLACES) {
        writeln!(out, "    {} {}", paint(MARK, "at"), at(place))?;
    }
    if let Some(more @ 1..) = finding.places.len().checked_sub(MOST_PLACES) {
        writeln!(out, "    {}", paint(DIM, format!("… and {more} more")))?;
    }
    for fact in &finding.evidence {
        writeln!(out, "    {} {}", paint(DIM, "-"), printable(fact))?;
    }
    match &finding.fix {
        Some(fix) => {
            writeln!(out, "  {}: {}", paint(GOOD, "fix"), printable(&fix.summary))
        }
        None => {
            let look = match finding.revisions.is_empty() {
                // Not of the graph: its page says more than a drawing.
                true => format!("onehead explain {}", finding.rule),
                false => match head {
                    Some(head) => format!("onehead graph {}", short(head)),
                    None => "onehead graph".to_owned(),
                },
            };
            writeln!(out, "  {}: {look}", paint(GOOD, "look"))
        }
    }
}

fn severity(severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Error => ("error", BAD),
        Severity::Warning => ("warning", UNUSUAL),
        Severity::Info => ("info", MARK),
    }
}

/// `file:line:column`, as editors and terminals open it.
fn at(place: &Place) -> String {
    let commit =
        place.commit.as_deref().map(|commit| format!(" {}", paint(DIM, format!("({})", short(commit)))));
    format!("{}:{}:{}{}", printable(&place.path), place.line, place.column, commit.unwrap_or_default())
}

/// `1 error, 2 warnings, 3 suppressed`; what there is none of is left out.
fn counts(doc: &CheckDocument) -> String {
    let number = |severity| doc.findings.iter().filter(|finding| finding.severity == severity).count();
    [
        (number(Severity::Error), "error", "errors"),
        (number(Severity::Warning), "warning", "warnings"),
        (number(Severity::Info), "info", "infos"),
        (doc.suppressed, "suppressed", "suppressed"),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, one, many)| count(number, one, many))
    .collect::<Vec<_>>()
    .join(", ")
}

/// What was checked, and what it comes to.
fn state(doc: &CheckDocument) -> String {
    let head = doc.head.as_deref().map_or_else(|| "the uncommitted state".to_owned(), short);
    let subject = match &doc.base {
        Some(base) if doc.base == doc.head => format!("{} is merged already and", short(base)),
        Some(base) if doc.head.is_some() && doc.merge_base == doc.head => {
            format!("{head} is merged already: {}", short(base))
        }
        Some(base) => format!("{head} merged into {}", short(base)),
        None => head,
    };
    match doc.merged.as_slice() {
        [] => format!("{subject} has no migrations"),
        environments => {
            let each: Vec<String> = environments.iter().map(environment).collect();
            format!("{subject} has {}", each.join("; "))
        }
    }
}

/// `head 1a2b3c in migrations`: the environment's name, as findings have it.
fn environment(environment: &MergedEnvironment) -> String {
    let place = shown(&environment.name);
    match environment.facts.heads.as_slice() {
        [] => format!("no head in {place}"),
        [one] => format!("head {} in {place}", ids(&[one])),
        many => format!("heads {} in {place}", ids(many)),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::model::{FixSummary, VERSION};
    use crate::report::sample::{no_facts, plain, strings};

    const BASE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const HEAD: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn merged(directory: &str, heads: &[&str]) -> MergedEnvironment {
        let mut facts = no_facts();
        facts.heads = strings(heads);
        MergedEnvironment {
            name: if directory.is_empty() { "alembic" } else { directory }.to_owned(),
            dialect: "alembic",
            directory: directory.to_owned(),
            version_locations: vec![format!("{directory}/versions")],
            found_by: "alembic.ini".to_owned(),
            facts,
            unscanned: Vec::new(),
        }
    }

    fn document(merged: Vec<MergedEnvironment>, findings: Vec<Finding>) -> CheckDocument {
        CheckDocument {
            schema: "onehead/check/v1",
            version: VERSION,
            base: Some(BASE.to_owned()),
            head: Some(HEAD.to_owned()),
            merge_base: None,
            verdict: if findings.is_empty() { "clean" } else { "findings" },
            suppressed: 0,
            merged,
            findings,
        }
    }

    fn finding(rule: &str, severity: Severity) -> Finding {
        Finding {
            rule: rule.to_owned(),
            subject: "heads".to_owned(),
            severity,
            environment: Some("alembic".to_owned()),
            message: "The merge has two heads, 2b and 3c. `alembic upgrade head` refuses to choose."
                .to_owned(),
            revisions: strings(&["2b", "3c"]),
            places: vec![Place {
                path: "migrations/versions/3c_invoices.py".to_owned(),
                line: 12,
                column: 1,
                commit: Some(HEAD.to_owned()),
            }],
            evidence: strings(&["bbbbbbbbbb added 3c on 2024-01-31 10:02 (A. Author)"]),
            new: true,
            fix: None,
        }
    }

    fn text(doc: &CheckDocument) -> String {
        plain(|out| check_text(doc, out))
    }

    #[test]
    fn clean_is_one_line() {
        assert_snapshot!(text(&document(vec![merged("migrations", &["3c"])], Vec::new())), @"clean: bbbbbbbbbb merged into aaaaaaaaaa has head 3c in migrations");
    }

    #[test]
    fn every_environment_has_its_heads() {
        let environments =
            vec![merged("", &["3c"]), merged("billing", &["contract", "expand"]), merged("new", &[])];
        assert_snapshot!(text(&document(environments, Vec::new())), @"clean: bbbbbbbbbb merged into aaaaaaaaaa has head 3c in alembic; heads contract, expand in billing; no head in new");
    }

    #[test]
    fn no_migrations_and_no_base() {
        let mut doc = document(Vec::new(), Vec::new());
        doc.base = None;
        doc.head = None;
        assert_snapshot!(text(&doc), @"clean: the uncommitted state has no migrations");
    }

    #[test]
    fn findings_with_evidence_and_next_command() {
        let mut heads = finding("multiple-heads", Severity::Error);
        heads.fix = Some(FixSummary {
            kind: "reparent".to_owned(),
            summary: "put 3c on top of 2b: onehead fix --write".to_owned(),
        });
        let mut number = finding("duplicate-number", Severity::Warning);
        number.environment = None;
        number.new = false;
        number.places[0].commit = None;
        number.evidence.clear();
        assert_snapshot!(text(&document(vec![merged("migrations", &["2b", "3c"])], vec![heads, number])), @"
        error[multiple-heads] alembic
          The merge has two heads, 2b and 3c. `alembic upgrade head` refuses to choose.
            at migrations/versions/3c_invoices.py:12:1 (bbbbbbbbbb)
            - bbbbbbbbbb added 3c on 2024-01-31 10:02 (A. Author)
          fix: put 3c on top of 2b: onehead fix --write

        warning[duplicate-number] (not new)
          The merge has two heads, 2b and 3c. `alembic upgrade head` refuses to choose.
            at migrations/versions/3c_invoices.py:12:1
          look: onehead graph bbbbbbbbbb

        1 error, 1 warning: bbbbbbbbbb merged into aaaaaaaaaa has heads 2b, 3c in migrations
        ");
    }

    #[test]
    fn many_places_are_counted() {
        let place = |line| Place { line, ..finding("x", Severity::Error).places.remove(0) };
        let listed = |places: std::ops::RangeInclusive<u32>| {
            let mut finding = finding("duplicate-revision", Severity::Error);
            finding.places = places.map(place).collect();
            let text = text(&document(Vec::new(), vec![finding]));
            let lines = text.lines().skip(2).take_while(|line| !line.starts_with("    -"));
            lines.map(str::trim).map(str::to_owned).collect::<Vec<_>>()
        };
        let first_ten: Vec<String> = (1..=10)
            .map(|line| format!("at migrations/versions/3c_invoices.py:{line}:1 (bbbbbbbbbb)"))
            .collect();
        assert_eq!(listed(1..=10), first_ten);
        assert_eq!(listed(1..=11), [first_ten.as_slice(), &["… and 1 more".to_owned()]].concat());
    }

    #[test]
    fn suppressed_findings_are_counted() {
        let mut doc = document(vec![merged("migrations", &["3c"])], Vec::new());
        doc.suppressed = 2;
        assert_snapshot!(text(&doc), @"clean (2 suppressed): bbbbbbbbbb merged into aaaaaaaaaa has head 3c in migrations");
    }

    #[test]
    fn warnings_alone_leave_it_clean() {
        let mut doc =
            document(vec![merged("migrations", &["3c"])], vec![finding("multiple-bases", Severity::Warning)]);
        doc.verdict = "clean";
        assert_snapshot!(text(&doc), @"
        warning[multiple-bases] alembic
          The merge has two heads, 2b and 3c. `alembic upgrade head` refuses to choose.
            at migrations/versions/3c_invoices.py:12:1 (bbbbbbbbbb)
            - bbbbbbbbbb added 3c on 2024-01-31 10:02 (A. Author)
          look: onehead graph bbbbbbbbbb

        clean (1 warning): bbbbbbbbbb merged into aaaaaaaaaa has head 3c in migrations
        ");
    }

    #[test]
    fn hostile_texts_are_escaped() {
        let mut hostile = finding("multiple-heads", Severity::Error);
        hostile.environment = Some("a\u{1b}[2Jb".to_owned());
        hostile.message = "id \r\n\u{202e}x".to_owned();
        hostile.places[0].path = "m/\u{9b}.py".to_owned();
        hostile.evidence = strings(&["by \u{7}Eve\n"]);
        assert_snapshot!(text(&document(vec![merged("m\n", &["3c\u{1b}"])], vec![hostile])), @r"
        error[multiple-heads] a\u{1b}[2Jb
          id \u{d}\u{a}\u{202e}x
            at m/\u{9b}.py:12:1 (bbbbbbbbbb)
            - by \u{7}Eve\u{a}
          look: onehead graph bbbbbbbbbb

        1 error: bbbbbbbbbb merged into aaaaaaaaaa has head 3c\u{1b} in m\u{a}
        ");
    }
}
