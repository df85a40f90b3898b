//! Faults that somebody accepted, with a reason: by a comment in the file, or by an entry of the configuration.
//! What accepts nothing any more is a fault itself, as it would hide the next one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::diagnostic::{Diagnostic, Place};
use crate::history::Snapshot;
use crate::python;
use crate::revision::Ignore;
use crate::rules::{self, DecidedBy, UNUSED_SUPPRESSION, unused_suppression};
use crate::vcs::{Error, Objects, RepoPath, TreeId};

/// An entry of the configuration that accepts a fault. Absent conditions hold for everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The rule.
    pub rule: String,
    /// The environment's name.
    pub environment: Option<String>,
    /// A file, or a directory with all it holds, that one of the fault's places is in.
    pub path: Option<RepoPath>,
    /// Ids, among them all that the fault concerns.
    pub revisions: Option<BTreeSet<String>>,
    /// What makes it this fault among those of the rule.
    pub subject: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is.
    pub expires: Option<Date>,
    /// Line of the entry, from 1.
    pub line: u32,
}

impl Acceptance {
    fn covers(&self, finding: &Diagnostic) -> bool {
        let holds = |wanted: &Option<String>, has: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == has)
        };
        self.rule == finding.rule
            && holds(&self.environment, finding.environment.as_deref())
            && holds(&self.subject, Some(finding.subject.trim_end()))
            && self
                .path
                .as_ref()
                .is_none_or(|path| finding.places.iter().any(|place| place.path.is_within(path)))
            && self.revisions.as_ref().is_none_or(|ids| {
                !finding.revisions.is_empty() && finding.revisions.iter().all(|id| ids.contains(id))
            })
    }

    fn same_but_for_its_place(&self, other: &Self) -> bool {
        Self { line: 0, ..self.clone() } == Self { line: 0, ..other.clone() }
    }

    /// `multiple-heads of 'a1' and 'b2' in migrations`.
    fn told(&self) -> String {
        let mut told = self.rule.clone();
        if let Some(ids) = self.revisions.as_ref().filter(|ids| !ids.is_empty()) {
            told.push_str(&format!(" of {}", rules::listing(ids)));
        }
        if let Some(path) = &self.path {
            told.push_str(&format!(" at {path}"));
        }
        if let Some(environment) = &self.environment {
            told.push_str(&format!(" in {environment}"));
        }
        told
    }
}

/// What the configuration accepts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accepted<'a> {
    /// The configuration file.
    pub file: &'a str,
    /// Its entries.
    pub entries: &'a [Acceptance],
    /// The entries that base has already.
    pub before: &'a [Acceptance],
    /// The day of the question; without one, nothing expires.
    pub today: Option<Date>,
    /// Whether only some environments are studied, so that an entry about none of them is not known to be unused.
    pub partial: bool,
}

/// Findings without those that are accepted.
pub(super) struct Sorted {
    pub(super) kept: Vec<Diagnostic>,
    pub(super) accepted: Vec<Diagnostic>,
    /// Comments that accept nothing.
    pub(super) unused: Vec<Diagnostic>,
}

/// Takes out what the migration files of `state` ask to ignore.
///
/// # Errors
/// When an object is damaged.
pub(super) fn by_comments(
    objects: &Objects,
    state: &Snapshot,
    findings: Vec<Diagnostic>,
) -> Result<Sorted, Error> {
    let mut ignores: Vec<(&RepoPath, &Ignore, bool)> = state
        .scripts
        .iter()
        .flat_map(|script| script.header.ignores.iter().map(|ignore| (&script.path, ignore, false)))
        .collect();
    let mut others = Files { objects, known: BTreeMap::new() };
    let (mut kept, mut accepted) = (Vec::new(), Vec::new());
    for finding in findings {
        let mut is_accepted = false;
        for (path, ignore, is_used) in &mut ignores {
            if is_about(ignore, path, &finding) {
                (is_accepted, *is_used) = (true, true);
            }
        }
        // A file that is no revision has no header to hold its comments.
        for file in state.files.iter().filter(|file| finding.places.iter().any(|at| at.path == file.path)) {
            if !is_accepted && state.script_at(&file.path).is_none() {
                let ignores = others.of(&file.path, file.blob)?;
                is_accepted = ignores.iter().any(|ignore| is_about(ignore, &file.path, &finding));
            }
        }
        if is_accepted { accepted.push(finding) } else { kept.push(finding) }
    }
    let silenced: BTreeSet<&RepoPath> = ignores
        .iter()
        .filter(|(_, ignore, _)| ignore.rule == UNUSED_SUPPRESSION && !ignore.reason.is_empty())
        .map(|(path, ..)| *path)
        .collect();
    let mut unused = Vec::new();
    for (path, ignore, is_used) in &ignores {
        if let Some(trouble) = trouble(ignore, *is_used).filter(|_| !silenced.contains(path)) {
            let subject = format!("{path} {}", ignore.rule);
            let mut finding = unused_suppression(trouble, Place::line(path, ignore.line), subject);
            finding.environment = Some(state.environment.name.clone());
            unused.push(finding);
        }
    }
    Ok(Sorted { kept, accepted, unused })
}

/// Takes out what the files of the tree `root` ask to ignore that are no migrations.
///
/// # Errors
/// When an object is damaged.
pub(super) fn by_comments_around(
    objects: &Objects,
    root: TreeId,
    findings: &mut Vec<Diagnostic>,
) -> Result<Vec<Diagnostic>, Error> {
    let mut files = Files { objects, known: BTreeMap::new() };
    let (mut kept, mut accepted) = (Vec::new(), Vec::new());
    for finding in findings.drain(..) {
        let mut is_accepted = false;
        for place in &finding.places {
            let blob = objects.entry(root, &place.path)?.and_then(|entry| entry.blob());
            let ignores = files.of(&place.path, blob)?;
            is_accepted |= ignores.iter().any(|ignore| is_about(ignore, &place.path, &finding));
        }
        if is_accepted { accepted.push(finding) } else { kept.push(finding) }
    }
    *findings = kept;
    Ok(accepted)
}

fn is_about(ignore: &Ignore, path: &RepoPath, finding: &Diagnostic) -> bool {
    ignore.rule == finding.rule
        && !ignore.reason.is_empty()
        && finding.places.iter().any(|place| place.path == *path && ignore.covers(place.line))
}

/// Why a comment is of no use, if it is not.
fn trouble(ignore: &Ignore, is_used: bool) -> Option<String> {
    let name = &ignore.rule;
    let Some(rule) = rules::by_name(name) else {
        return Some(format!("the comment ignores '{name}', and there is no such rule"));
    };
    if ignore.reason.is_empty() {
        return Some(format!("the comment that ignores {name} gives no reason, so it does not count"));
    }
    let is_unused = !is_used && name != UNUSED_SUPPRESSION && rule.decided_by() == DecidedBy::State;
    is_unused.then(|| format!("the comment ignores {name}, and there is nothing to ignore: remove it"))
}

/// Comments of files, each read once.
struct Files<'a> {
    objects: &'a Objects,
    known: BTreeMap<RepoPath, Vec<Ignore>>,
}

impl Files<'_> {
    fn of(&mut self, path: &RepoPath, blob: Option<crate::vcs::BlobId>) -> Result<&[Ignore], Error> {
        if !self.known.contains_key(path) {
            let ignores = match blob.map(|blob| self.objects.blob(blob)).transpose()?.flatten() {
                Some(text) if text.len() <= python::MAX_SOURCE_BYTES => {
                    let text = python::decode(&text).text;
                    if path.name().ends_with(b".py") {
                        Ignore::in_python(&text)
                    } else {
                        Ignore::in_lines(&text)
                    }
                }
                _ => Vec::new(),
            };
            self.known.insert(path.clone(), ignores);
        }
        Ok(self.known.get(path).map_or(&[], Vec::as_slice))
    }
}

/// What a question's answer is sorted by.
pub(super) struct Known<'a> {
    /// The faults of base; `None` where nothing is merged.
    pub(super) at_base: Option<&'a [Diagnostic]>,
    /// The environments studied.
    pub(super) environments: BTreeSet<&'a str>,
    /// Whether what surrounds the migrations was judged as a whole.
    pub(super) project: bool,
    /// Faults that comments accept: an entry for one of them is not unused.
    pub(super) by_comments: &'a [Diagnostic],
}

/// Takes out what the configuration accepts, and adds the entries that accept nothing.
pub(super) fn by_configuration(
    accepted: Accepted<'_>,
    known: &Known<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let expired = |entry: &Acceptance| match (entry.expires, accepted.today) {
        (Some(last), Some(today)) if last < today => Some(last),
        _ => None,
    };
    let mut taken = Vec::new();
    let mut unused = Vec::new();
    for entry in accepted.entries {
        let was_there = accepted.before.iter().any(|before| before.same_but_for_its_place(entry));
        let mut tell = |message: String, is_new: bool| {
            let subject = format!("{} {}", accepted.file, entry.told());
            let place = Place::line(&RepoPath::new(accepted.file), entry.line);
            let mut finding = unused_suppression(message, place, subject);
            finding.environment = entry.environment.clone();
            finding.new = known.at_base.is_some() && is_new;
            unused.push(finding);
        };
        if let Some(last) = expired(entry) {
            tell(format!("the baseline entry for {} expired on {last}", entry.told()), !was_there);
            continue;
        }
        let before = taken.len();
        taken.extend(findings.extract_if(.., |finding| entry.covers(finding)));
        // An entry that another one leaves nothing to do is of use, too.
        let is_used = taken.len() > before || taken.iter().chain(known.by_comments).any(|f| entry.covers(f));
        if !is_used && is_judged(entry, accepted, known) {
            let was_used = known.at_base.is_some_and(|faults| faults.iter().any(|fault| entry.covers(fault)));
            tell(
                format!("the baseline entry for {} matches nothing: remove it", entry.told()),
                was_used || !was_there,
            );
        }
    }
    findings.extend(unused);
    taken
}

/// Whether everything that the entry could be about was looked at.
fn is_judged(entry: &Acceptance, accepted: Accepted<'_>, known: &Known<'_>) -> bool {
    let is_studied = match &entry.environment {
        Some(environment) => known.environments.contains(environment.as_str()) || !accepted.partial,
        None => !accepted.partial,
    };
    let is_decided = match rules::by_name(&entry.rule).map(rules::Rule::decided_by) {
        Some(DecidedBy::State) => true,
        Some(DecidedBy::Project) => known.project,
        Some(DecidedBy::Merge | DecidedBy::Bodies) | None => false,
    };
    is_studied && is_decided
}
