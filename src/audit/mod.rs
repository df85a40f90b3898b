//! What ever happened to the migrations of the trunk: incidents, changes after landing, numbers, and what is
//! still open.
//!
//! All of it is read off one first-parent timeline. `story` puts its emissions in order, one story an
//! environment; `digest` reads each state once, on all cores; what follows compares neighbours.

mod change;
mod digest;
mod incident;
mod origin;
mod release;
mod since;
mod statistics;
mod story;

use std::collections::BTreeMap;

pub use change::{Change, Kind};
pub use digest::{Digest, Fault, Rebirth};
pub use incident::{Closing, Incident};
use origin::Origins;
pub use release::Shipped;
use release::{Releases, Tags};
pub use since::Since;
pub use statistics::{Month, Statistics};
pub use story::{Step, Story};

use crate::diagnostic::Diagnostic;
use crate::history::{Reader, Timeline, timeline};
use crate::parallel;
use crate::revision::{Environment, ExpectedHeads};
use crate::text::time::day;
use crate::vcs::{CommitDetails, CommitId, Error, Objects, Repo, RepoPath, Walk};

/// What is asked.
pub struct Settings<'a> {
    /// The commit whose first-parent line is the trunk.
    pub commit: CommitId,
    /// Only what happened at or after this time, in seconds since the epoch; what stands is told all the same.
    pub since: Option<i64>,
    /// The intended heads, where an environment itself names none.
    pub heads: ExpectedHeads,
    /// The faults that stand at the commit: since when is looked for.
    pub standing: &'a [Diagnostic],
    /// Which environments are asked for.
    pub wants: &'a dyn Fn(&Environment) -> bool,
}

/// The answer.
pub struct Audit {
    /// The states that it rests on.
    pub timeline: Timeline,
    /// The environments that exist or existed, sorted by directory, then name.
    pub environments: Vec<Account>,
    /// The commits that the answer names.
    pub acts: BTreeMap<u32, Act>,
}

/// What happened to one environment.
pub struct Account {
    /// The environment at the audited commit; where it is gone, as it was.
    pub environment: Environment,
    /// Its states.
    pub story: Story,
    /// What each step comes to.
    pub digests: Vec<Digest>,
    /// Lives of faults, oldest first.
    pub incidents: Vec<Incident>,
    /// Spans of commits at which `alembic upgrade head` could not run on an empty database.
    pub outages: Vec<Outage>,
    /// Changes of published revisions, oldest first.
    pub changes: Vec<PublishedChange>,
    /// Numbers.
    pub statistics: Statistics,
}

/// A span of commits at which the tool could not have built a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The step that began it.
    pub opened: usize,
    /// The step that ended it; `None` while it lasts.
    pub closed: Option<usize>,
    /// Why, as rule names, sorted.
    pub reasons: Vec<&'static str>,
}

/// A change with what is known of the revision's past.
#[derive(Clone, Debug)]
pub struct PublishedChange {
    /// The change.
    pub change: Change,
    /// The commit that landed the revision; `None` where it was there before the edge of this clone.
    pub landed: Option<u32>,
    /// The first tag that held the revision when it was changed.
    pub released: Option<String>,
    /// The tags that hold the version before the change.
    pub shipped: Option<Shipped>,
}

/// When a revision became part of the trunk.
#[derive(Clone, Debug)]
pub struct Landed {
    /// Index of the commit; `None` where it was there before the edge of this clone.
    pub commit: Option<u32>,
    /// The file that brought it.
    pub path: RepoPath,
    /// Whether it has several parents.
    pub is_merge_revision: bool,
    /// `Create Date:` as written.
    pub create_date: Option<String>,
}

/// A commit, for people.
#[derive(Clone, Debug)]
pub struct Act {
    /// Author, times, subject.
    pub details: CommitDetails,
    /// Whether it is a merge.
    pub is_merge: bool,
}

/// Steps read by one worker at a time.
const CHUNK: usize = 8;

/// Answers.
///
/// # Errors
/// When an object or a ref is damaged.
pub fn audit(repo: &Repo, reader: &mut Reader, settings: &Settings<'_>) -> Result<Audit, Error> {
    let timeline = timeline(repo, reader, Walk::FirstParent(settings.commit))?;
    let (mut origins, mut tags) = (Origins::new(repo.objects()), None);
    let mut environments = Vec::new();
    // A name may change while the files do not.
    let at_end = reader.environments(repo.tree_of(settings.commit)?)?;
    for story in story::stories(&timeline) {
        let is_it = |known: &&Environment| story.exists() && known.is_same_place(story.environment());
        let environment = at_end.iter().find(is_it).unwrap_or(story.environment()).clone();
        if (settings.wants)(&environment) {
            environments.push(account(
                repo,
                reader,
                &timeline,
                (environment, story),
                (&mut origins, &mut tags),
                settings,
            )?);
        }
    }
    let mut acts = BTreeMap::new();
    for account in &environments {
        for commit in named_commits(account) {
            let id = timeline.history.commits[commit as usize].id;
            if let (false, Some(details)) = (acts.contains_key(&commit), origins.details(id)?) {
                acts.insert(commit, Act { details, is_merge: origins.is_merge(id)? });
            }
        }
    }
    Ok(Audit { timeline, environments, acts })
}

fn account(
    repo: &Repo,
    reader: &mut Reader,
    timeline: &Timeline,
    (environment, story): (Environment, Story),
    (origins, tags): (&mut Origins<'_>, &mut Option<Tags>),
    settings: &Settings<'_>,
) -> Result<Account, Error> {
    let name = Some(&environment.name);
    let headers = reader.headers();
    let rules =
        since::rules_of(settings.standing.iter().filter(|finding| finding.environment.as_ref() == name));
    let reading = digest::Reading { timeline, headers, heads: &settings.heads, rules };
    let read = |objects: &mut Objects, steps: &[Step]| {
        steps.iter().map(|step| digest::digest(&reading, step, objects)).collect::<Result<Vec<_>, Error>>()
    };
    let mut digests: Vec<Digest> = Vec::with_capacity(story.steps.len());
    for chunk in parallel::map_chunks(&story.steps, CHUNK, || headers.objects(), read) {
        digests.extend(chunk?);
    }
    let landed = landings(timeline, &story);
    let incidents = incident::incidents(timeline, &story, &digests);
    let mut changes = change::changes(timeline, &story, &digests);
    let time = |step: usize| timeline.history.commits[story.steps[step].commit as usize].time;
    let is_recent = |step: usize| settings.since.is_none_or(|since| time(step) >= since);
    changes.retain(|change| is_recent(change.step));
    let releases = match changes.is_empty() {
        true => None,
        false => {
            let tags = match tags {
                Some(tags) => tags,
                None => tags.insert(Tags::read(repo)?),
            };
            Some(Releases::read(repo, reader, tags, &story)?)
        }
    };
    let tell = |change: Change| {
        let releases = releases.as_ref();
        let landing = |id: &String| landed.get(id).map(|landing| landing.commit);
        let ids = std::iter::once(&change.revision).chain(&change.revisions);
        let before = change.before;
        let first = |id: &String| releases?.first(id, time(change.step)).map(str::to_owned);
        PublishedChange {
            landed: ids.clone().find_map(|id| landing(id).filter(|_| is_published(&change, id))).flatten(),
            released: ids.clone().find_map(first),
            shipped: before.and_then(|before| releases?.shipped(&change.revision, before)),
            change,
        }
    };
    let changes: Vec<PublishedChange> = changes.into_iter().map(tell).collect();
    let statistics = statistics::statistics(timeline, (&story, &digests), &landed, origins, settings)?;
    let outages = outages(&digests);
    let ended = |closed: Option<usize>| closed.is_none_or(is_recent);
    let incidents =
        incidents.into_iter().filter(|incident| ended(incident.closed.map(|(step, _)| step))).collect();
    let outages = outages.into_iter().filter(|outage| ended(outage.closed)).collect();
    Ok(Account { environment, story, digests, incidents, outages, changes, statistics })
}

/// Whether `id` had landed before the change: of a squash, the new base had not.
fn is_published(change: &Change, id: &str) -> bool {
    change.kind != Kind::Squashed || change.revisions.iter().any(|gone| gone == id)
}

/// When each revision came.
fn landings(timeline: &Timeline, story: &Story) -> BTreeMap<String, Landed> {
    let mut landed: BTreeMap<String, Landed> = BTreeMap::new();
    let is_cut_off = !timeline.history.missing.is_empty();
    let mut before = Vec::new();
    for step in &story.steps {
        let now = step.state.map(|state| timeline.scripts(state)).unwrap_or_default();
        // Neighbours share nearly all revisions.
        let same = now.iter().zip(&before).take_while(|(one, two)| std::sync::Arc::ptr_eq(one, two)).count();
        for script in &now[same..] {
            if !landed.contains_key(&*script.revision) {
                let landing = Landed {
                    commit: (step.commit > 0 || !is_cut_off).then_some(step.commit),
                    path: script.path.clone(),
                    is_merge_revision: script.down_revisions().count() > 1,
                    create_date: script.header.docstring.create_date.as_ref().map(|date| date.value.clone()),
                };
                landed.insert(script.revision.to_string(), landing);
            }
        }
        before = now;
    }
    landed
}

fn outages(digests: &[Digest]) -> Vec<Outage> {
    let mut outages: Vec<Outage> = Vec::new();
    let mut is_open = false;
    for (at, digest) in digests.iter().enumerate() {
        let obstacles = digest.obstacles();
        match (obstacles.is_empty(), outages.last_mut().filter(|_| is_open)) {
            (true, Some(open)) => open.closed = Some(at),
            (true, None) => {}
            (false, Some(open)) => {
                open.reasons.extend(obstacles.iter());
                open.reasons.sort_unstable();
                open.reasons.dedup();
            }
            (false, None) => {
                outages.push(Outage {
                    opened: at,
                    closed: None,
                    reasons: obstacles.iter().copied().collect(),
                });
            }
        }
        is_open = !obstacles.is_empty();
    }
    outages
}

/// The commits of an account that people will read about.
fn named_commits(account: &Account) -> Vec<u32> {
    let of_step = |step: usize| account.story.steps[step].commit;
    let mut named: Vec<u32> = Vec::new();
    for incident in &account.incidents {
        named.push(of_step(incident.opened));
        named.extend(incident.closed.map(|(step, _)| of_step(step)));
    }
    for outage in &account.outages {
        named.push(of_step(outage.opened));
        named.extend(outage.closed.map(of_step));
    }
    for change in &account.changes {
        named.push(of_step(change.change.step));
        named.extend(change.landed);
    }
    // Where the environment came, went and moved.
    let moved = account.story.steps.windows(2).filter(|pair| {
        pair[0].environment.directory != pair[1].environment.directory
            || pair[0].state.is_none() != pair[1].state.is_none()
    });
    named.extend(account.story.steps.first().map(|step| step.commit));
    named.extend(moved.map(|pair| pair[1].commit));
    named
}

impl Audit {
    /// Whether what stood at commit `commit` may be older than this copy of the history.
    pub fn is_edge(&self, commit: u32) -> bool {
        commit == 0 && !self.timeline.history.missing.is_empty()
    }

    /// For each of `findings`, the faults of the settings: the commit since which it stands without a gap,
    /// where that is known; their evidence tells it, too.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn tell_since(
        &mut self,
        repo: &Repo,
        reader: &mut Reader,
        findings: &mut [Diagnostic],
    ) -> Result<Vec<Option<Since>>, Error> {
        let history = &self.timeline.history;
        let mut all: Vec<Option<Since>> = Vec::with_capacity(findings.len());
        for finding in &*findings {
            let is_here = |account: &&Account| {
                account.story.exists() && finding.environment.as_ref() == Some(&account.environment.name)
            };
            let mut commit = None;
            if let Some(account) = self.environments.iter().find(is_here) {
                let step = since::since(&self.timeline, (&account.story, &account.digests), finding);
                commit = step.map(|step| account.story.steps[step].commit);
            }
            if finding.rule == "unscanned-migrations"
                && let Some(place) = finding.places.first()
            {
                commit = since::directory_since(repo, history, &place.path)?;
            }
            all.push(commit.map(|commit| Since { commit, or_longer: self.is_edge(commit) }));
        }
        // What no state of the migrations shows is a fault of what surrounds them.
        let others: Vec<usize> = (0..all.len()).filter(|at| all[*at].is_none()).collect();
        let around: Vec<&Diagnostic> = others.iter().map(|at| &findings[*at]).collect();
        if !around.is_empty() {
            for (at, since) in others.iter().zip(since::project_since(repo, reader, history, &around)?) {
                all[*at] = since
                    .map(|since| Since { or_longer: since.or_longer || self.is_edge(since.commit), ..since });
            }
        }
        for (finding, since) in findings.iter_mut().zip(&all) {
            let Some(Since { commit, or_longer }) = *since else { continue };
            if !self.acts.contains_key(&commit) {
                let id = self.timeline.history.commits[commit as usize].id;
                let Some(details) = repo.objects().commit_details(id)? else { continue };
                let is_merge = repo.objects().commit(id)?.is_some_and(|commit| commit.parents.len() > 1);
                self.acts.insert(commit, Act { details, is_merge });
            }
            finding.evidence.push(self.since_text(commit, or_longer));
        }
        Ok(all)
    }

    fn since_text(&self, commit: u32, or_longer: bool) -> String {
        let known = &self.timeline.history.commits[commit as usize];
        let by = self.acts.get(&commit).map(|act| {
            format!(" by {} on {} (\"{}\")", act.details.author, day(act.details.time), act.details.subject)
        });
        let edge = match (or_longer, self.is_edge(commit)) {
            (true, true) => ", or longer: this copy of the history ends there",
            (true, false) => ", or longer",
            (false, _) => "",
        };
        format!("it stands since {}{}{edge}", known.id, by.unwrap_or_default())
    }
}
