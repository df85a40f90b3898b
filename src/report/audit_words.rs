//! What the text and the Markdown of an audit have in common: its facts in words, not escaped yet.

use std::collections::BTreeSet;

use super::model::{
    AuditDocument, AuditStatistics, Deed, EnvironmentAudit, EnvironmentEvent, Incident, PostLandingChange,
    Severity, StandingFinding,
};
use super::style::{count, day};

/// Ids that are named where there are many.
const NAMED: usize = 4;
/// Authors that are named.
const AUTHORS: usize = 5;

/// `36 days`: the largest unit that fits at least twice, or once exactly.
pub(super) fn duration(seconds: i64) -> String {
    let units = [(86_400, "day", "days"), (3_600, "hour", "hours"), (60, "minute", "minutes")];
    for (size, one, many) in units {
        if seconds >= 2 * size || seconds == size {
            return count((seconds / size) as usize, one, many);
        }
    }
    count(seconds.max(0) as usize, "second", "seconds")
}

/// `a, b and 3 more`; the empty id as two quotes.
pub(super) fn some(items: &[String]) -> String {
    let named: Vec<&str> =
        items.iter().take(NAMED).map(|id| if id.is_empty() { "\"\"" } else { id.as_str() }).collect();
    match items.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What went wrong.
pub(super) fn incident(incident: &Incident) -> String {
    let ids = some(&incident.revisions);
    match (incident.rule, &incident.about) {
        ("multiple-heads", None) => format!("{} heads: {ids}", incident.revisions.len()),
        ("multiple-heads", Some(label)) => {
            format!("{} heads on branch {label}: {ids}", incident.revisions.len())
        }
        ("duplicate-revision", _) => format!("id {ids} in {}", count(incident.paths.len(), "file", "files")),
        ("duplicate-number", Some(number)) => {
            format!("number {number} in {}", count(incident.paths.len(), "file", "files"))
        }
        ("missing-parent", Some(parent)) => format!("{parent}, the parent of {ids}, is missing"),
        ("missing-parent", None) => format!("the parent of {ids} is empty"),
        ("revision-cycle", _) => format!("cycle of {ids}"),
        (rule, _) => format!("{rule}: {ids}"),
    }
}

/// How an incident ended.
pub(super) fn ending(how: Option<&str>) -> &str {
    match how {
        Some("merge-revision") => "merge revision",
        Some("reparent") => "re-parented",
        Some("new-id") => "new id",
        Some("rename") => "renamed",
        Some("deletion") => "deleted",
        Some("restore") => "restored",
        Some("file-added") => "file added",
        Some("labels") => "branch labels",
        Some("environment-removed") => "environment removed",
        Some(other) => other,
        None => "",
    }
}

/// `Ada (merge)`.
pub(super) fn doer(deed: &Deed) -> String {
    let merge = if deed.merge { " (merge)" } else { "" };
    format!("{}{merge}", deed.author)
}

/// Incidents as they are listed: what stands first, then the newest.
pub(super) fn incidents(environment: &EnvironmentAudit) -> Vec<&Incident> {
    let mut all: Vec<&Incident> = environment.incidents.iter().rev().collect();
    all.sort_by_key(|incident| incident.closed.is_some());
    all
}

/// `51, 1 of them open; …`.
pub(super) fn incident_summary(environment: &EnvironmentAudit, commits: usize) -> String {
    let open = environment.incidents.iter().filter(|incident| incident.closed.is_none()).count();
    let number = match (environment.incidents.len(), open) {
        (0, _) => "none".to_owned(),
        (1, 1) => "1, and it is open".to_owned(),
        (all, 0) => format!("{all}, none of them open"),
        (all, open) => format!("{all}, {open} of them open"),
    };
    match environment.statistics.commits_without_upgrade {
        0 => number,
        some => format!(
            "{number}; at {some} of {} 'alembic upgrade head' could not run on an empty database",
            count(commits, "commit", "commits")
        ),
    }
}

/// Whether a change is one that databases may not have seen.
pub(super) fn is_serious(change: &PostLandingChange) -> bool {
    change.grade == Some("upgrade") || !matches!(change.change, "edited" | "renamed" | "renumbered")
}

/// Changes as they are listed: the newest commit first.
pub(super) fn changes(environment: &EnvironmentAudit) -> Vec<&PostLandingChange> {
    let all = &environment.post_landing_changes;
    let by_commit: Vec<&[PostLandingChange]> = all.chunk_by(|one, two| one.commit == two.commit).collect();
    by_commit.into_iter().rev().flatten().collect()
}

/// Changes of one commit of which the same is said.
pub(super) struct Group<'a> {
    /// One of them.
    pub(super) change: &'a PostLandingChange,
    /// What was done.
    pub(super) what: String,
    /// To which revisions.
    pub(super) revisions: Vec<String>,
    /// The releases that had them.
    releases: BTreeSet<String>,
}

impl Group<'_> {
    /// The releases in words; nothing where there is none.
    pub(super) fn released(&self) -> &str {
        let mut releases = self.releases.iter();
        match (releases.next(), releases.next()) {
            (Some(only), None) => only,
            (Some(_), Some(_)) => "several releases",
            (None, _) => "",
        }
    }
}

/// `changes` with those of one commit in one row, where the same was done.
pub(super) fn grouped<'a>(changes: &[&'a PostLandingChange]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for change in changes {
        let what = self::change(change);
        let of_commit = groups.iter_mut().rev().take_while(|group| group.change.commit == change.commit);
        let release = Some(release(change)).filter(|release| !release.is_empty());
        match of_commit.filter(|group| group.what == what).last() {
            Some(group) => {
                group.revisions.push(change.revision.clone());
                group.releases.extend(release);
            }
            None => groups.push(Group {
                change,
                what,
                revisions: vec![change.revision.clone()],
                releases: release.into_iter().collect(),
            }),
        }
    }
    groups
}

/// What was done to a revision.
pub(super) fn change(change: &PostLandingChange) -> String {
    let both = match (&change.from, &change.to) {
        (Some(from), Some(to)) => {
            let name = |id: &String| if id.is_empty() { "none".to_owned() } else { id.clone() };
            format!(" from {} to {}", name(from), name(to))
        }
        _ => String::new(),
    };
    let also = match (change.change, change.grade) {
        ("edited", _) | (_, None | Some("cosmetic" | "header")) => String::new(),
        (_, Some(grade)) => format!(", {grade}() edited"),
    };
    let what = match change.change {
        "edited" => match change.grade {
            Some("upgrade") => "upgrade() edited".to_owned(),
            Some("downgrade") => "downgrade() edited".to_owned(),
            Some(grade) => format!("{grade} edited"),
            None => "edited".to_owned(),
        },
        "reparented" => format!("re-parented{both}"),
        "new-id" => format!("new id {}", change.to.as_deref().unwrap_or_default()),
        "renamed" | "renumbered" => {
            let from = change.from.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
            format!("{} from {from}", change.change)
        }
        "squashed" => format!("{} squashed into it", count(change.revisions.len(), "revision", "revisions")),
        "environment-removed" => {
            format!(
                "removed with its environment, {}",
                count(change.revisions.len(), "revision", "revisions")
            )
        }
        "deleted" if change.revisions.len() > 1 => {
            format!("deleted, {} with all before it", count(change.revisions.len(), "revision", "revisions"))
        }
        other => other.to_owned(),
    };
    what + &also
}

/// `30 (12 upgrade() edited, …)`.
pub(super) fn change_summary(environment: &EnvironmentAudit) -> String {
    let all = &environment.post_landing_changes;
    let kinds = [
        ("edit of upgrade()", "edits of upgrade()", "edited", Some("upgrade")),
        ("edit of downgrade()", "edits of downgrade()", "edited", Some("downgrade")),
        ("edit of a header", "edits of headers", "edited", Some("header")),
        ("re-parented", "re-parented", "reparented", None),
        ("new id", "new ids", "new-id", None),
        ("renamed", "renamed", "renamed", None),
        ("renumbered", "renumbered", "renumbered", None),
        ("deleted", "deleted", "deleted", None),
        ("squash", "squashes", "squashed", None),
        ("environment removed", "environments removed", "environment-removed", None),
    ];
    let counted: Vec<String> = kinds
        .iter()
        .filter_map(|(one, many, kind, grade)| {
            let number = all
                .iter()
                .filter(|change| change.change == *kind && (grade.is_none() || change.grade == *grade))
                .count();
            (number > 0).then(|| count(number, one, many))
        })
        .collect();
    let number = match all.len() {
        0 => "nothing".to_owned(),
        number => format!("{number} ({})", counted.join(", ")),
    };
    match environment.statistics.cosmetic_edits {
        0 => number,
        cosmetic => {
            format!("{number}; {} of nothing that runs left out", count(cosmetic, "edit", "edits"))
        }
    }
}

/// `v1.0`, or nothing.
fn release(change: &PostLandingChange) -> String {
    match (&change.released, &change.shipped) {
        (Some(first), Some(shipped)) if shipped.tags > 1 && shipped.last != *first => {
            format!("{first} … {}", shipped.last)
        }
        (Some(first), _) => first.clone(),
        (None, _) => String::new(),
    }
}

/// `alembic in migrations: 12 revisions, 1 head; created 2013-10-31, moved from a to b 2015-01-01`.
pub(super) fn story(environment: &EnvironmentAudit) -> String {
    let told: Vec<String> = environment.history.iter().map(event).collect();
    told.join("; ")
}

fn event(event: &EnvironmentEvent) -> String {
    let when = format!("{} in {}", day(&event.at.time), short(&event.at.commit));
    match (event.event, event.earlier) {
        (_, true) => format!("there since before {when}"),
        ("created", false) => format!("created {when}"),
        ("moved", false) => format!("moved to {} {when}", event.directory),
        (what, false) => format!("{what} {when}"),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// Numbers, as pairs of a name and a sentence.
pub(super) fn numbers(numbers: &AuditStatistics) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let chain = match numbers.longest_chain {
        Some(length) => format!("longest chain {length}"),
        None => "no longest chain, as there is a cycle".to_owned(),
    };
    lines.push((
        "revisions",
        format!(
            "{}, {} ever landed; {}, {}, {chain}",
            numbers.revisions,
            numbers.revisions_landed,
            count(numbers.merge_revisions, "merge revision", "merge revisions"),
            count(numbers.branch_points, "branch point", "branch points"),
        ),
    ));
    let mut years: Vec<(&str, usize)> = Vec::new();
    for month in &numbers.revisions_by_month {
        let year = month.month.get(..4).unwrap_or_default();
        match years.last_mut() {
            Some((known, count)) if *known == year => *count += month.revisions,
            _ => years.push((year, month.revisions)),
        }
    }
    if !years.is_empty() {
        let years: Vec<String> = years.iter().map(|(year, number)| format!("{year}: {number}")).collect();
        lines.push(("landed", years.join(", ")));
    }
    if let Some(waits) = &numbers.time_to_landing {
        lines.push((
            "to landing",
            format!(
                "half of {} within {} of their creation, nine of ten within {}, the last after {}",
                waits.revisions,
                duration(waits.median_seconds),
                duration(waits.ninth_decile_seconds),
                duration(waits.longest_seconds),
            ),
        ));
    }
    if !numbers.authors.is_empty() {
        let named: Vec<String> = numbers
            .authors
            .iter()
            .take(AUTHORS)
            .map(|count| format!("{} {}", count.author, count.revisions))
            .collect();
        let more = numbers.authors.len().saturating_sub(AUTHORS);
        let more = if more == 0 { String::new() } else { format!(", {more} more") };
        lines.push(("authors", format!("{}{more}", named.join(", "))));
    }
    if let Some(share) = numbers.stale_docstring_share.filter(|_| numbers.stale_docstrings > 0) {
        let (stale, all) = (numbers.stale_docstrings, numbers.docstrings);
        lines.push((
            "docstrings",
            format!("{stale} of {all} name other ids than the code ({:.0} %)", share * 1e2),
        ));
    }
    lines
}

/// Findings that are listed one by one: errors and warnings.
pub(super) fn listed(document: &AuditDocument) -> Vec<&StandingFinding> {
    document.findings.iter().filter(|finding| finding.finding.severity != Severity::Info).collect()
}

/// `2 errors, 1 warning; 12 infos: 12 stale-docstring`.
pub(super) fn finding_summary(document: &AuditDocument) -> String {
    let number = |severity| document.findings.iter().filter(|it| it.finding.severity == severity).count();
    let mut parts = Vec::new();
    for (severity, one, many) in [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Info, "info", "infos"),
    ] {
        if number(severity) > 0 {
            parts.push(count(number(severity), one, many));
        }
    }
    if parts.is_empty() {
        return "none".to_owned();
    }
    let mut rules: Vec<(&str, usize)> = Vec::new();
    for finding in document.findings.iter().filter(|it| it.finding.severity == Severity::Info) {
        match rules.iter_mut().find(|(rule, _)| *rule == finding.finding.rule) {
            Some((_, count)) => *count += 1,
            None => rules.push((&finding.finding.rule, 1)),
        }
    }
    rules.sort_unstable();
    let rules: Vec<String> = rules.iter().map(|(rule, count)| format!("{count} {rule}")).collect();
    let infos = if rules.is_empty() { String::new() } else { format!(" ({})", rules.join(", ")) };
    parts.join(", ") + &infos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_largest_unit_that_tells_enough() {
        let cases = [
            (0, "0 seconds"),
            (1, "1 second"),
            (60, "1 minute"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (3_600, "1 hour"),
            (86_399, "23 hours"),
            (86_400, "1 day"),
            (100_000, "27 hours"),
            (400 * 86_400, "400 days"),
            (-5, "0 seconds"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn many_ids_are_counted() {
        let ids = ["", "b", "c", "d", "e"].map(str::to_owned);
        assert_eq!(some(&ids[..2]), "\"\", b");
        assert_eq!(some(&ids), "\"\", b, c, d and 1 more");
    }
}
