//! Where many branches left one trunk: one walk for all of them.

use std::collections::BTreeMap;

use bstr::ByteSlice as _;
use gix::ObjectId;
use gix::hashtable::HashMap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::walk::commits_below;
use super::{CommitId, Error, History, Repo, TreeId};

/// A ref by name, and the object it leads to, which may be a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedRef {
    /// Full name.
    pub name: String,
    target: ObjectId,
}

impl Repo {
    /// The refs whose full names are `wanted`, sorted by name; symbolic ones (`origin/HEAD`) are other refs' names
    /// and left out.
    ///
    /// # Errors
    /// When the ref store cannot be read.
    pub fn named_refs(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<NamedRef>, Error> {
        let platform = self.gix().references().map_err(|error| self.unreadable(&error))?;
        let mut refs = Vec::new();
        for reference in platform.all().map_err(|error| self.unreadable(&error))?.flatten() {
            let name = reference.name().as_bstr().to_str_lossy().into_owned();
            let inner = reference.inner;
            if let (Some(id), true) = (inner.target.try_id(), wanted(&name)) {
                refs.push(NamedRef { name, target: inner.peeled.unwrap_or_else(|| id.to_owned()) });
            }
        }
        refs.sort();
        Ok(refs)
    }
}

/// Whether `text` matches `glob` as git's branch patterns do: `*` matches slashes, too.
pub fn matches_glob(glob: &str, text: &str) -> bool {
    gix::glob::wildmatch(glob.into(), text.into(), gix::glob::wildmatch::Mode::empty())
}

/// What a branch and the trunk have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Common {
    /// The whole branch: its tip is in the trunk's history.
    Landed,
    /// These best common ancestors, with their trees.
    At(Vec<(CommitId, TreeId)>),
    /// No commit.
    Nothing,
    /// Not known: this copy of the history ends before.
    CutOff,
}

/// One tip, however many refs lead to it.
#[derive(Clone, Debug)]
pub struct Fork {
    /// The refs, sorted.
    pub names: Vec<String>,
    /// The commit.
    pub commit: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// Committer time, seconds since the epoch.
    pub time: i64,
    /// Where it left the trunk.
    pub common: Common,
    place: u32,
}

/// Branches beside a trunk.
pub struct Forks {
    /// One for each distinct tip, sorted by their first names.
    pub forks: Vec<Fork>,
    history: History,
    in_trunk: Vec<bool>,
}

/// Finds where each of `refs` left `trunk`. Refs that lead to no commit of this copy are left out.
///
/// Every commit is read once, whatever the number of refs.
///
/// # Errors
/// When an object is damaged.
pub fn forks(repo: &Repo, trunk: CommitId, refs: &[NamedRef]) -> Result<Forks, Error> {
    let tips = std::iter::once(trunk.0).chain(refs.iter().map(|named| named.target)).collect();
    let history = commits_below(repo, tips)?;
    let places: HashMap<ObjectId, u32> =
        (0..).zip(&history.commits).map(|(at, commit)| (commit.id.0, at)).collect();
    let mut names: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for named in refs {
        let place = match places.get(&named.target) {
            Some(place) => Some(*place),
            None => match repo.peel(named.target, &named.name) {
                Ok(commit) => places.get(&commit.0).copied(),
                Err(Error::UnknownRevision { .. } | Error::Absent { .. }) => None,
                Err(error) => return Err(error),
            },
        };
        if let Some(place) = place {
            names.entry(place).or_default().push(named.name.clone());
        }
    }
    let Some(trunk) = places.get(&trunk.0).copied() else {
        return Err(Error::Absent { id: trunk.to_string() });
    };
    let mut search = Search::new(&history, trunk);
    search.run(repo)?;
    let mut forks: Vec<Fork> = names
        .into_iter()
        .map(|(place, names)| {
            let commit = &history.commits[place as usize];
            let common = search.common(place);
            Fork { names, commit: commit.id, tree: commit.tree, time: commit.time, common, place }
        })
        .collect();
    forks.sort_by(|one, two| one.names.cmp(&two.names));
    let in_trunk = std::mem::take(&mut search.in_trunk);
    Ok(Forks { forks, history, in_trunk })
}

impl Forks {
    /// Leaves out the others.
    pub fn keep(&mut self, wanted: impl FnMut(&Fork) -> bool) {
        self.forks.retain(wanted);
    }

    /// For each of `wanted` (indexes of [`Forks::forks`]) those of them whose tips its history contains, itself
    /// left out.
    pub fn contained(&self, wanted: &[usize]) -> Vec<Vec<usize>> {
        let mut found = vec![Vec::new(); wanted.len()];
        let mut marks = vec![0_u64; self.history.commits.len()];
        // A machine word of tips at a time, so that memory follows the commits alone.
        for (round, group) in wanted.chunks(64).enumerate() {
            marks.fill(0);
            for (bit, fork) in group.iter().enumerate() {
                marks[self.forks[*fork].place as usize] |= 1 << bit;
            }
            for (at, commit) in self.history.commits.iter().enumerate() {
                if !self.in_trunk[at] {
                    marks[at] =
                        commit.parents.iter().fold(marks[at], |all, parent| all | marks[*parent as usize]);
                }
            }
            for (at, fork) in wanted.iter().enumerate() {
                let held = marks[self.forks[*fork].place as usize];
                let others = (0..group.len()).filter(|bit| held >> bit & 1 == 1 && group[*bit] != *fork);
                found[at].extend(others.map(|bit| round * 64 + bit));
            }
        }
        found
    }
}

/// Sets of best common ancestors, numbered; most commits share theirs with their parent.
struct Search<'h> {
    history: &'h History,
    in_trunk: Vec<bool>,
    /// Per commit of the trunk: the place on its first-parent line, from the oldest, at which it came in.
    landed: Vec<u32>,
    /// Per commit of the trunk: whether it is on the first-parent line.
    on_line: Vec<bool>,
    sets: Vec<Vec<u32>>,
    numbers: FxHashMap<Vec<u32>, u32>,
    /// Per commit beside the trunk: the number of its set.
    of_commit: Vec<u32>,
    /// Per commit beside the trunk: whether a parent of its history is not in this copy.
    cut: Vec<bool>,
}

impl<'h> Search<'h> {
    fn new(history: &'h History, trunk: u32) -> Self {
        let count = history.commits.len();
        let mut search = Self {
            history,
            in_trunk: vec![false; count],
            landed: vec![0; count],
            on_line: vec![false; count],
            sets: Vec::new(),
            numbers: FxHashMap::default(),
            of_commit: vec![0; count],
            cut: vec![false; count],
        };
        let mut line = vec![trunk];
        while let Some(parent) = line.last().and_then(|at| history.commits[*at as usize].parents.first()) {
            line.push(*parent);
        }
        for (number, start) in (0_u32..).zip(line.iter().rev()) {
            search.on_line[*start as usize] = true;
            let mut pending = vec![*start];
            while let Some(at) = pending.pop() {
                let at = at as usize;
                if !std::mem::replace(&mut search.in_trunk[at], true) {
                    search.landed[at] = number;
                    pending.extend(&history.commits[at].parents);
                }
            }
        }
        search
    }

    /// Parents come first, so every commit finds the sets of its parents made.
    fn run(&mut self, repo: &Repo) -> Result<(), Error> {
        for (at, commit) in self.history.commits.iter().enumerate() {
            if self.in_trunk[at] {
                continue;
            }
            let mut cut = commit.parents.iter().any(|parent| self.cut[*parent as usize]);
            if !self.history.missing.is_empty() {
                let stated = repo.objects().commit(commit.id)?.map_or(0, |commit| commit.parents.len());
                cut |= stated > commit.parents.len();
            }
            self.cut[at] = cut;
            self.of_commit[at] = match commit.parents.as_slice() {
                [only] if !self.in_trunk[*only as usize] => self.of_commit[*only as usize],
                parents => {
                    let set = self.joined(parents);
                    self.number(set)
                }
            };
        }
        Ok(())
    }

    fn number(&mut self, set: Vec<u32>) -> u32 {
        let sets = &mut self.sets;
        *self.numbers.entry(set).or_insert_with_key(|set| {
            sets.push(set.clone());
            sets.len() as u32 - 1
        })
    }

    /// The best of what the parents have in common with the trunk.
    fn joined(&self, parents: &[u32]) -> Vec<u32> {
        let mut all: Vec<u32> = Vec::new();
        for parent in parents {
            match self.in_trunk[*parent as usize] {
                true => all.push(*parent),
                false => all.extend(&self.sets[self.of_commit[*parent as usize] as usize]),
            }
        }
        all.sort_unstable();
        all.dedup();
        let best = |one: &u32| !all.iter().any(|other| other != one && self.is_ancestor(*one, *other));
        all.iter().copied().filter(best).collect()
    }

    /// Whether the trunk's commit `one` is in the history of its commit `other`.
    fn is_ancestor(&self, one: u32, other: u32) -> bool {
        let landed = self.landed[one as usize];
        let mut seen = FxHashSet::default();
        let mut pending = vec![other];
        while let Some(at) = pending.pop() {
            if at == one {
                return true;
            }
            // All that came in up to there is below a commit of the line, and nothing else is.
            if self.on_line[at as usize] {
                if landed <= self.landed[at as usize] {
                    return true;
                }
                continue;
            }
            let commit = &self.history.commits[at as usize];
            if seen.insert(at) && at > one {
                pending.extend(&commit.parents);
            }
        }
        false
    }

    fn common(&self, place: u32) -> Common {
        let at = place as usize;
        if self.in_trunk[at] {
            return Common::Landed;
        }
        let set = &self.sets[self.of_commit[at] as usize];
        match (self.cut[at], set.is_empty()) {
            (true, _) => Common::CutOff,
            (false, true) if !self.history.missing.is_empty() => Common::CutOff,
            (false, true) => Common::Nothing,
            (false, false) => {
                let commit = |at: &u32| &self.history.commits[*at as usize];
                // The newest first, as git lists them.
                Common::At(set.iter().rev().map(|at| (commit(at).id, commit(at).tree)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Common, forks, matches_glob};
    use crate::vcs::testing::Scratch;

    /// `main` is a, b, m(b, s), c; `s` left at a. Each branch by the commits it is made of.
    #[test]
    fn common_ancestors_are_those_that_git_names() {
        let scratch = Scratch::new();
        let a = scratch.commit(&[]);
        let b = scratch.commit(&[&a]);
        let s = scratch.commit(&[&a, &a]);
        let m = scratch.commit(&[&b, &s]);
        let c = scratch.commit(&[&m, &m]);
        let root = scratch.commit(&[&c, &c, &c]);
        let other = scratch.raw_commit("author B <b@b> 1 +0000\ncommitter B <b@b> 1 +0000\n");
        let mut branches = vec![("main", root.clone()), ("landed", s.clone()), ("unrelated", other.clone())];
        let ahead = scratch.commit(&[&root]);
        let from_s = scratch.commit(&[&s]);
        let b_and_s = scratch.commit(&[&b, &from_s]);
        let below_line = scratch.commit(&[&from_s, &a]);
        let updated = scratch.commit(&[&from_s, &c]);
        branches.extend([
            ("ahead", ahead),
            ("from-s", from_s),
            ("criss", b_and_s.clone()),
            ("below", below_line),
            ("updated", updated),
            ("later", scratch.commit(&[&b_and_s])),
            ("both", scratch.commit(&[&other, &b])),
        ]);
        for (name, commit) in &branches {
            scratch.git(&["update-ref", &format!("refs/heads/{name}"), commit], "");
        }
        let repo = scratch.repo();
        let refs = repo.named_refs(&|_| true).unwrap();
        assert_eq!(refs.len(), branches.len());
        let found = forks(&repo, repo.resolve("main").unwrap(), &refs).unwrap();
        for fork in &found.forks {
            let name = fork.names[0].trim_start_matches("refs/heads/");
            let mut theirs: Vec<String> = match name {
                "unrelated" => Vec::new(),
                name => {
                    scratch.git(&["merge-base", "--all", "main", name], "").lines().map(Into::into).collect()
                }
            };
            theirs.sort();
            match &fork.common {
                Common::Landed => assert!(["main", "landed"].contains(&name), "{name}"),
                Common::Nothing => assert_eq!(name, "unrelated"),
                Common::CutOff => panic!("{name}"),
                Common::At(bases) => {
                    let mut ours: Vec<String> = bases.iter().map(|(id, _)| id.to_string()).collect();
                    ours.sort();
                    assert_eq!(ours, theirs, "{name}");
                }
            }
        }
        let wanted: Vec<usize> =
            (0..found.forks.len()).filter(|at| matches!(found.forks[*at].common, Common::At(_))).collect();
        let name = |at: usize| found.forks[wanted[at]].names[0].trim_start_matches("refs/heads/").to_owned();
        let contained: Vec<String> = found
            .contained(&wanted)
            .into_iter()
            .enumerate()
            .flat_map(|(at, others)| others.into_iter().map(move |other| (at, other)))
            .map(|(at, other)| format!("{} in {}", name(other), name(at)))
            .collect();
        assert_eq!(
            contained,
            ["from-s in below", "from-s in criss", "criss in later", "from-s in later", "from-s in updated"]
        );
    }

    #[test]
    fn a_cut_off_history_is_unknown() {
        let scratch = Scratch::new();
        let a = scratch.commit(&[]);
        let b = scratch.commit(&[&a]);
        let c = scratch.commit(&[&a, &a]);
        for (name, commit) in [("main", &b), ("side", &c)] {
            scratch.git(&["update-ref", &format!("refs/heads/{name}"), commit], "");
        }
        std::fs::write(scratch.path().join(".git/shallow"), format!("{c}\n")).unwrap();
        let repo = scratch.repo();
        let refs = repo.named_refs(&|name| name.ends_with("side")).unwrap();
        let found = forks(&repo, repo.resolve("main").unwrap(), &refs).unwrap();
        assert_eq!(found.forks[0].common, Common::CutOff);
    }

    #[test]
    fn globs_are_those_of_branch_names() {
        assert!(matches_glob("feature/*", "feature/a/b") && matches_glob("*", "x"));
        assert!(matches_glob("refs/pull/*/head", "refs/pull/12/head"));
        assert!(!matches_glob("feature/*", "features/a") && !matches_glob("feature", "feature/a"));
    }
}
