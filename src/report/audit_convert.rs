//! From what an audit knows to its document.

use super::convert::{finding, grade_name};
use super::model::{
    AuditDocument, AuditStatistics, AuthorCount, BigIncident, Blobs, Deed, EnvironmentAudit,
    EnvironmentEvent, Incident, MonthCount, Outage, PostLandingChange, ShippedVersion, StandingFinding,
    VERSION, Waits,
};
use crate::audit::{self, Account, Audit, Closing, Kind, PublishedChange, Since, Statistics};
use crate::diagnostic::Diagnostic;
use crate::text::time::rfc3339;

/// Incidents that are named as the biggest.
const BIGGEST: usize = 5;

/// What the document says beside the audit itself.
pub struct Frame {
    /// Name of the trunk.
    pub trunk: Option<String>,
    /// What was asked for.
    pub line: String,
    /// Seconds since the epoch before which nothing is told.
    pub since: Option<i64>,
    /// What was not looked at.
    pub not_looked_at: Vec<String>,
}

/// The document of `audit`. `findings` stand at its end, each with the commit since which it does.
pub fn audit_document(
    audit: &Audit,
    findings: &[(Diagnostic, Option<Since>)],
    frame: Frame,
) -> AuditDocument {
    let commits = &audit.timeline.history.commits;
    let (here, gone): (Vec<&Account>, Vec<&Account>) =
        audit.environments.iter().partition(|account| account.story.exists());
    let tell = |account: &&Account| Teller { audit, account }.environment();
    AuditDocument {
        schema: "onehead/audit/v1",
        version: VERSION,
        commit: commits.last().map(|commit| commit.id.to_string()).unwrap_or_default(),
        time: rfc3339(commits.last().map_or(0, |commit| commit.time)),
        trunk: frame.trunk,
        line: frame.line,
        since: frame.since.map(rfc3339),
        commits: commits.len(),
        environments: here.iter().chain(&gone).map(tell).collect(),
        findings: findings
            .iter()
            .map(|(fault, since)| StandingFinding {
                finding: finding(fault),
                since: since.map(|since| deed(audit, since.commit)),
                since_earlier: since.is_some_and(|since| since.or_longer),
            })
            .collect(),
        not_looked_at: frame.not_looked_at,
    }
}

fn deed(audit: &Audit, commit: u32) -> Deed {
    let known = &audit.timeline.history.commits[commit as usize];
    let act = audit.acts.get(&commit);
    Deed {
        commit: known.id.to_string(),
        time: rfc3339(known.time),
        author: act.map(|act| act.details.author.clone()).unwrap_or_default(),
        subject: act.map(|act| act.details.subject.clone()).unwrap_or_default(),
        merge: act.is_some_and(|act| act.is_merge),
    }
}

/// Tells one environment's account.
struct Teller<'a> {
    audit: &'a Audit,
    account: &'a Account,
}

impl Teller<'_> {
    fn environment(&self) -> EnvironmentAudit {
        let account = self.account;
        let incidents: Vec<Incident> = account.incidents.iter().map(|it| self.incident(it)).collect();
        let outages: Vec<Outage> = account.outages.iter().map(|outage| self.outage(outage)).collect();
        EnvironmentAudit {
            name: account.environment.name.clone(),
            directory: account.environment.directory.to_string(),
            exists: account.story.exists(),
            history: self.history(),
            statistics: statistics(&account.statistics, &incidents, &outages),
            incidents,
            outages,
            post_landing_changes: account.changes.iter().map(|change| self.change(change)).collect(),
        }
    }

    fn commit(&self, step: usize) -> u32 {
        self.account.story.steps[step].commit
    }

    fn deed(&self, step: usize) -> Deed {
        deed(self.audit, self.commit(step))
    }

    /// Commits and seconds from one step to another, or to the end.
    fn span(&self, from: usize, to: Option<usize>) -> (usize, i64) {
        let commits = &self.audit.timeline.history.commits;
        let (from, to) = (self.commit(from) as usize, to.map(|to| self.commit(to) as usize));
        let end = to.unwrap_or(commits.len() - 1);
        let seconds = (commits[end].time - commits[from].time).max(0);
        (to.unwrap_or(commits.len()) - from, seconds)
    }

    fn history(&self) -> Vec<EnvironmentEvent> {
        let mut events: Vec<EnvironmentEvent> = Vec::new();
        let mut before: Option<&audit::Step> = None;
        for (at, step) in self.account.story.steps.iter().enumerate() {
            let existed = before.is_some_and(|before| before.state.is_some());
            let moved = before.is_some_and(|it| it.environment.directory != step.environment.directory);
            let event = match (existed, step.state.is_some()) {
                (false, true) => "created",
                (true, false) => "removed",
                (true, true) if moved => "moved",
                _ => "",
            };
            if !event.is_empty() {
                events.push(EnvironmentEvent {
                    event,
                    directory: step.environment.directory.to_string(),
                    at: self.deed(at),
                    earlier: self.audit.is_edge(step.commit),
                });
            }
            before = Some(step);
        }
        events
    }

    fn incident(&self, incident: &audit::Incident) -> Incident {
        let closed = incident.closed.map(|(step, _)| step);
        let (commits_open, seconds_open) = self.span(incident.opened, closed);
        let fault = &incident.fault;
        let says_more = !fault.subject.is_empty()
            && !fault.subject.starts_with(' ')
            && !fault.revisions.contains(&fault.subject)
            && fault.subject != fault.revisions.join(" ");
        Incident {
            rule: fault.rule,
            revisions: fault.revisions.clone(),
            about: says_more.then(|| fault.subject.clone()),
            paths: fault.paths.iter().map(ToString::to_string).collect(),
            most: incident.most,
            opened: self.deed(incident.opened),
            opened_earlier: self.audit.is_edge(self.commit(incident.opened)),
            closed: closed.map(|step| self.deed(step)),
            commits_open,
            seconds_open,
            closed_how: incident.closed.map(|(_, how)| closing(how)),
        }
    }

    fn outage(&self, outage: &audit::Outage) -> Outage {
        Outage {
            opened: self.deed(outage.opened),
            closed: outage.closed.map(|step| self.deed(step)),
            commits: self.span(outage.opened, outage.closed).0,
            reasons: outage.reasons.clone(),
        }
    }

    fn change(&self, published: &PublishedChange) -> PostLandingChange {
        let change = &published.change;
        let deed = self.deed(change.step);
        let commits = &self.audit.timeline.history.commits;
        PostLandingChange {
            revision: change.revision.clone(),
            path: change.path.to_string(),
            commit: deed.commit,
            time: deed.time,
            author: deed.author,
            subject: deed.subject,
            change: kind(change.kind),
            grade: change.grade.map(grade_name),
            from: change.from.clone(),
            to: change.to.clone(),
            revisions: change.revisions.clone(),
            landed: published.landed.map(|commit| commits[commit as usize].id.to_string()),
            released: published.released.clone(),
            shipped: published.shipped.as_ref().map(|shipped| ShippedVersion {
                first: shipped.first.clone(),
                last: shipped.last.clone(),
                tags: shipped.tags,
            }),
            blobs: Blobs {
                before: change.before.map(|blob| blob.to_string()),
                after: change.after.map(|blob| blob.to_string()),
            },
        }
    }
}

fn statistics(known: &Statistics, incidents: &[Incident], outages: &[Outage]) -> AuditStatistics {
    let mut authors: Vec<AuthorCount> = known
        .authors
        .iter()
        .map(|(author, revisions)| AuthorCount { author: author.clone(), revisions: *revisions })
        .collect();
    // Stable: names stay sorted.
    authors.sort_by_key(|count| std::cmp::Reverse(count.revisions));
    let mut biggest: Vec<&Incident> = incidents.iter().collect();
    biggest.sort_by_key(|incident| std::cmp::Reverse(incident.seconds_open));
    let waits = &known.waits;
    let quantile = |numerator: usize, denominator: usize| {
        let at = (waits.len() * numerator).div_ceil(denominator).saturating_sub(1);
        waits.get(at).copied().unwrap_or_default()
    };
    let share = known.stale_docstrings as f64 / known.docstrings.max(1) as f64;
    AuditStatistics {
        states: known.states,
        files: known.files,
        revisions: known.revisions,
        revisions_landed: known.landed,
        revisions_by_month: known
            .by_month
            .iter()
            .map(|(month, count)| MonthCount {
                month: month.clone(),
                revisions: count.revisions,
                merge_revisions: count.merge_revisions,
            })
            .collect(),
        merge_revisions: known.merge_revisions,
        branch_points: known.branch_points,
        heads: known.heads,
        bases: known.bases,
        longest_chain: known.longest_chain,
        time_to_landing: (!waits.is_empty()).then(|| Waits {
            revisions: waits.len(),
            median_seconds: quantile(1, 2),
            ninth_decile_seconds: quantile(9, 10),
            longest_seconds: quantile(1, 1),
        }),
        authors,
        docstrings: known.docstrings,
        stale_docstrings: known.stale_docstrings,
        stale_docstring_share: (known.docstrings > 0).then_some((share * 1e4).round() / 1e4),
        edited_files: known.edited_files,
        cosmetic_edits: known.cosmetic_edits,
        commits_without_upgrade: outages.iter().map(|outage| outage.commits).sum(),
        biggest_incidents: biggest
            .into_iter()
            .take(BIGGEST)
            .map(|incident| BigIncident {
                rule: incident.rule,
                revisions: incident.revisions.clone(),
                commit: incident.opened.commit.clone(),
                seconds_open: incident.seconds_open,
            })
            .collect(),
    }
}

/// How an incident was closed, as documents say it.
fn closing(how: Closing) -> &'static str {
    match how {
        Closing::MergeRevision => "merge-revision",
        Closing::Reparent => "reparent",
        Closing::NewId => "new-id",
        Closing::Rename => "rename",
        Closing::Deletion => "deletion",
        Closing::Restore => "restore",
        Closing::FileAdded => "file-added",
        Closing::Labels => "labels",
        Closing::EnvironmentRemoved => "environment-removed",
        Closing::Other => "other",
    }
}

/// What happened to a published revision, as documents say it.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Edited => "edited",
        Kind::Reparented => "reparented",
        Kind::Renamed => "renamed",
        Kind::Renumbered => "renumbered",
        Kind::NewId => "new-id",
        Kind::Deleted => "deleted",
        Kind::Squashed => "squashed",
        Kind::EnvironmentRemoved => "environment-removed",
    }
}
