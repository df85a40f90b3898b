//! The facts that a verdict rests on, as sentences: where a revision landed, how long after the
//! other one, and which release or database has it.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::publication::file_since;
use super::repair::Scene;
use crate::cache::Kind;
use crate::history::Landing;
use crate::revision::Script;
use crate::text::time::{day, span};
use crate::vcs::{CommitId, Directories, Error, Objects, Repo, RepoPath, TreeId};

/// How far one revision has gone.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// What sentences call it: its id in quotes, or its file where the id is not enough.
    name: String,
    landing: Option<Landed>,
    /// The first tag that contains it.
    pub(super) released: Option<String>,
    /// The revision that a database stands at, which is this one or above it.
    deployed: Option<String>,
}

/// When a revision became part of the trunk.
#[derive(Clone, Debug)]
struct Landed {
    commit: CommitId,
    author: String,
    time: i64,
    /// The clone is cut off there: it may have been before.
    at_the_edge: bool,
}

impl Landed {
    fn read(repo: &Repo, commit: CommitId, at_the_edge: bool) -> Result<Self, Error> {
        let details = repo.objects().commit_details(commit)?;
        let (author, time) =
            details.map_or_else(|| ("unknown".to_owned(), 0), |details| (details.author, details.time));
        Ok(Self { commit, author, time, at_the_edge })
    }

    fn told(&self) -> String {
        let or_before = if self.at_the_edge { " or before, as this clone is shallow" } else { "" };
        format!("{} by {} on {}{or_before}", self.commit.short(), self.author, day(self.time))
    }
}

impl Standing {
    /// Each of `ids` in the merged state, with the landings of those that have landed.
    pub(super) fn of_ids(
        scene: &Scene<'_>,
        landings: &BTreeMap<String, Landing>,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Self>, Error> {
        let mut all = BTreeMap::new();
        for id in ids {
            let name = format!("'{id}'");
            let standing = match (landings.get(id), scene.renamed.get(id)) {
                (None, Some(path)) => {
                    let name = format!("{name} ({path})");
                    Self::new(scene, name, id, Some(path), Self::since(scene, path)?)?
                }
                (landing, _) => {
                    let landing = landing
                        .map(|landing| Landed::read(scene.repo, landing.commit, landing.at_the_edge))
                        .transpose()?;
                    let path = scene.state.script(id).map(|script| &script.path);
                    Self::new(scene, name, id, path, landing)?
                }
            };
            all.insert(id.clone(), standing);
        }
        Ok(all)
    }

    /// One file of several with the same id.
    pub(super) fn of_file(scene: &Scene<'_>, script: &Script) -> Result<Self, Error> {
        let landing = Self::since(scene, &script.path)?;
        Self::new(scene, script.path.to_string(), &script.revision, Some(&script.path), landing)
    }

    fn since(scene: &Scene<'_>, path: &RepoPath) -> Result<Option<Landed>, Error> {
        let since = match scene.question.trunk {
            Some(trunk) => file_since(scene.repo, trunk, path)?,
            None => None,
        };
        since.map(|(commit, _)| Landed::read(scene.repo, commit, false)).transpose()
    }

    fn new(
        scene: &Scene<'_>,
        name: String,
        id: &str,
        path: Option<&RepoPath>,
        landing: Option<Landed>,
    ) -> Result<Self, Error> {
        // A branch's own file is in no release, whatever else has its name.
        let path = path.filter(|_| landing.is_some() && !scene.choices.without_evidence);
        let released = match path {
            Some(path) => scene.tags.first_with(scene.repo, landing.as_ref().map(|it| it.commit), path)?,
            None => None,
        };
        Ok(Self { name, landing, released, deployed: scene.publication.deployed_by(id).map(str::to_owned) })
    }

    /// The same under the revision's id.
    pub(super) fn called(self, id: &str) -> Self {
        Self { name: format!("'{id}'"), ..self }
    }

    /// For an order: what landed first comes first, what has not landed last.
    pub(super) fn landed_at(&self) -> i64 {
        self.landing.as_ref().map_or(i64::MAX, |landing| landing.time)
    }

    fn gone_out(&self, lacks: &str) -> String {
        match &self.released {
            Some(tag) => format!("{tag} contains {}", self.name),
            None => format!("no tag contains {lacks}"),
        }
    }

    fn deployed(&self) -> Option<String> {
        let at = self.deployed.as_ref()?;
        Some(match *self.name == format!("'{at}'") {
            true => format!("{} is deployed", self.name),
            false => format!("{} is deployed, as a database stands at '{at}'", self.name),
        })
    }
}

/// What is known of one revision.
pub(super) fn alone(trunk: &str, one: &Standing) -> Vec<String> {
    let mut facts = vec![match &one.landing {
        Some(landing) => {
            format!("{} landed on {trunk} in {}; {}", one.name, landing.told(), one.gone_out("it"))
        }
        None => format!("{} is not on {trunk}", one.name),
    }];
    facts.extend(one.deployed());
    facts
}

/// What is known of two revisions, the later one in the light of the earlier one.
pub(super) fn pair(trunk: &str, one: &Standing, other: &Standing) -> Vec<String> {
    let (Some(first), Some(second)) = (&one.landing, &other.landing) else {
        return [alone(trunk, one), alone(trunk, other)].concat();
    };
    let (one, other, first, second) = match first.time <= second.time {
        true => (one, other, first, second),
        false => (other, one, second, first),
    };
    let landed = match first.commit == second.commit {
        true => format!("{} and {} landed on {trunk} together, in {}", one.name, other.name, first.told()),
        false => format!(
            "{} landed on {trunk} in {}, {} after {} ({})",
            other.name,
            second.told(),
            span(second.time - first.time),
            one.name,
            first.told()
        ),
    };
    let released = match (&one.released, &other.released) {
        (None, None) => "no tag contains either".to_owned(),
        (Some(tag), Some(same)) if tag == same => format!("{tag} contains both"),
        _ => format!("{}, {}", one.gone_out(&one.name), other.gone_out(&other.name)),
    };
    let mut facts = vec![format!("{landed}; {released}")];
    facts.extend(one.deployed().into_iter().chain(other.deployed()));
    facts
}

/// The repository's tags, oldest first, read when first asked for.
#[derive(Debug, Default)]
pub(super) struct Tags {
    all: OnceCell<Vec<Tag>>,
    /// The directory at a path of a tag's tree.
    directories: RefCell<HashMap<(TreeId, RepoPath), Option<TreeId>>>,
    /// What is in a directory: many tags have the same one.
    members: Directories,
}

#[derive(Debug)]
struct Tag {
    name: String,
    commit: CommitId,
    time: i64,
    tree: TreeId,
}

impl Tags {
    fn all(&self, repo: &Repo) -> Result<&[Tag], Error> {
        if let Some(all) = self.all.get() {
            return Ok(all);
        }
        let mut all = Vec::new();
        for tip in repo.refs("refs/tags/")? {
            if let Some(commit) = repo.objects().commit(tip.commit)? {
                let name = tip.name.trim_start_matches("refs/tags/").to_owned();
                all.push(Tag { name, commit: tip.commit, time: commit.time, tree: commit.tree });
            }
        }
        all.sort_by(|one, two| (one.time, &one.name).cmp(&(two.time, &two.name)));
        Ok(self.all.get_or_init(|| all))
    }

    /// Whether the tree `root` has a file at `path`.
    fn holds(&self, objects: &Objects, root: TreeId, path: &RepoPath) -> Result<bool, Error> {
        let key = (root, path.parent());
        let known = self.directories.borrow().get(&key).copied();
        let find = || match key.1.is_root() {
            true => Ok(Some(root)),
            false => Ok(objects.entry(root, &key.1)?.and_then(|entry| entry.tree())),
        };
        let directory = match known {
            Some(directory) => directory,
            None => objects.kept().or_find(Kind::Directory, &key, find)?,
        };
        self.directories.borrow_mut().insert(key, directory);
        let Some(directory) = directory else { return Ok(false) };
        Ok(self.members.members(objects, directory, &RepoPath::root())?.has(path.name()))
    }

    /// The first tag that contains the commit `landing`, or whose tree has the file at `path`: releases
    /// are also made of branches that got a migration by other ways.
    pub(super) fn first_with(
        &self,
        repo: &Repo,
        landing: Option<CommitId>,
        path: &RepoPath,
    ) -> Result<Option<String>, Error> {
        let all = self.all(repo)?;
        let mut contains = Contains::new(repo, landing)?;
        for tag in all {
            if self.holds(repo.objects(), tag.tree, path)? || contains.reaches(tag.commit, tag.time)? {
                return Ok(Some(tag.name.clone()));
            }
        }
        Ok(None)
    }
}

/// Which commits have `wanted` among their ancestors; what one question found out serves the next.
struct Contains<'r> {
    repo: &'r Repo,
    wanted: Option<(CommitId, i64)>,
    known: HashMap<CommitId, bool>,
}

impl<'r> Contains<'r> {
    fn new(repo: &'r Repo, wanted: Option<CommitId>) -> Result<Self, Error> {
        let wanted = match wanted {
            Some(id) => repo.objects().commit(id)?.map(|commit| (id, commit.time)),
            None => None,
        };
        Ok(Self { repo, wanted, known: HashMap::new() })
    }

    fn reaches(&mut self, from: CommitId, time: i64) -> Result<bool, Error> {
        /// Clocks differ, but not by more than this: nothing older contains the commit.
        const SLACK: i64 = 86_400;
        let Some((wanted, since)) = self.wanted else { return Ok(false) };
        if time < since - SLACK {
            return Ok(false);
        }
        let mut todo = vec![(from, false)];
        while let Some((id, parents_known)) = todo.pop() {
            if id == wanted {
                self.known.insert(id, true);
            }
            if self.known.contains_key(&id) {
                continue;
            }
            let commit = self.repo.objects().commit(id)?.filter(|commit| commit.time >= since - SLACK);
            let parents = commit.map(|commit| commit.parents).unwrap_or_default();
            if parents_known {
                let reached = parents.iter().any(|parent| self.known.get(parent) == Some(&true));
                self.known.insert(id, reached);
                continue;
            }
            todo.push((id, true));
            todo.extend(parents.into_iter().map(|parent| (parent, false)));
        }
        Ok(self.known.get(&from) == Some(&true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vcs::testing::Scratch;

    fn standing(name: &str, time: i64, released: Option<&str>, deployed: Option<&str>) -> Standing {
        let scratch = Scratch::new();
        let id =
            scratch.raw_commit(&format!("author A <a@b> {time} +0000\ncommitter A <a@b> {time} +0000\n"));
        let repo = scratch.repo();
        let commit = repo.resolve(&id).unwrap();
        Standing {
            name: format!("'{name}'"),
            landing: Some(Landed::read(&repo, commit, false).unwrap()),
            released: released.map(str::to_owned),
            deployed: deployed.map(str::to_owned),
        }
    }

    #[test]
    fn two_revisions_are_told_in_the_order_of_their_landing() {
        const DAY: i64 = 86_400;
        let one = standing("one", 10 * DAY, None, None);
        let two = standing("two", 13 * DAY, None, None);
        let told = pair("main", &two, &one);
        assert_eq!(told, pair("main", &one, &two));
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert!(told.starts_with("'two' landed on main in "), "{told}");
        assert!(told.contains(" by A on 1970-01-14, 3 days after 'one' ("), "{told}");
        assert!(told.ends_with("; no tag contains either"), "{told}");

        let old = standing("one", 10 * DAY, Some("v1"), None);
        let new = standing("two", 13 * DAY, None, Some("above"));
        let told = pair("main", &old, &new);
        assert!(told[0].ends_with("; v1 contains 'one', no tag contains 'two'"), "{told:?}");
        assert_eq!(told[1..], ["'two' is deployed, as a database stands at 'above'"]);

        let branch = Standing { landing: None, ..standing("mine", 0, None, Some("mine")) };
        let told = pair("main", &old, &branch);
        assert!(
            told[0].ends_with(" by A on 1970-01-11; v1 contains it")
                || told[0].ends_with("; v1 contains 'one'")
        );
        assert_eq!(told[1..], ["'mine' is not on main", "'mine' is deployed"]);

        let same = pair("main", &one, &one.clone());
        assert!(same[0].starts_with("'one' and 'one' landed on main together, in "), "{same:?}");
    }

    #[test]
    fn the_first_tag_contains_the_landing_or_has_the_file() {
        let scratch = Scratch::new();
        let at = |time: u32, parents: &[&str]| {
            let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
            let who = format!("A <a@b> {} +0000", time * 86_400 * 7);
            scratch.raw_commit(&format!("{parents}author {who}\ncommitter {who}\n"))
        };
        let start = at(1, &[]);
        let landing = at(2, &[&start]);
        let side = at(3, &[&start]);
        let later = at(4, &[&landing]);
        let merged = at(5, &[&side, &later]);
        for (tag, commit) in
            [("a-start", &start), ("b-side", &side), ("z-later", &later), ("c-merged", &merged)]
        {
            scratch.git(&["tag", tag, commit], "");
        }
        let repo = scratch.repo();
        let first = |commit: &str| {
            let landing = repo.resolve(commit).unwrap();
            Tags::default().first_with(&repo, Some(landing), &RepoPath::new("nowhere")).unwrap()
        };
        assert_eq!(first(&landing).as_deref(), Some("z-later"), "by time, not by name; the side has it not");
        assert_eq!(first(&merged).as_deref(), Some("c-merged"));
        assert_eq!(first(&at(6, &[&merged])), None);
        assert_eq!(Tags::default().first_with(&repo, None, &RepoPath::new("nowhere")).unwrap(), None);
    }
}
