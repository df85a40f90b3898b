//! The commits that one tip has and another one lacks, in the order in which `git rebase` takes them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::{Commit, CommitId, Error, Repo};

/// What lies between two tips.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// Commits of the tip that upstream lacks, parents before children.
    pub ahead: Vec<(CommitId, Commit)>,
    /// Commits of upstream that the tip lacks, newest first.
    pub behind: Vec<(CommitId, Commit)>,
}

const UPSTREAM: u8 = 1;
const TIP: u8 = 2;
const BOTH: u8 = UPSTREAM | TIP;

impl Repo {
    /// The commits between `upstream` and `tip`, as `git rev-list --topo-order --reverse upstream..tip` and
    /// `git rev-list tip..upstream` list them.
    ///
    /// # Errors
    /// When a commit is damaged or absent; [`Error::Shallow`] where the clone is cut off in between.
    pub fn range(&self, upstream: CommitId, tip: CommitId) -> Result<Range, Error> {
        let shallow: HashSet<CommitId> = self.shallow_commits().into_iter().map(CommitId).collect();
        let mut known: HashMap<CommitId, (u8, Commit)> = HashMap::new();
        let mut queue: BinaryHeap<(i64, Reverse<CommitId>)> = BinaryHeap::new();
        let mut painted: Vec<(CommitId, u8)> = vec![(upstream, UPSTREAM), (tip, TIP)];
        // How many queued commits only one side has, as far as is known.
        let mut open = 0usize;
        let mut queued: HashSet<CommitId> = HashSet::new();
        let mut oldest = None;
        loop {
            for (id, paint) in painted.drain(..) {
                let flags = match known.get_mut(&id) {
                    Some((flags, _)) if *flags | paint == *flags => continue,
                    Some((flags, _)) => {
                        open -= usize::from(queued.contains(&id) && *flags != BOTH);
                        *flags |= paint;
                        *flags
                    }
                    None => {
                        let commit = self.objects().commit(id)?;
                        let commit = commit.ok_or_else(|| Error::Absent { id: id.to_string() })?;
                        known.insert(id, (paint, commit));
                        paint
                    }
                };
                open += usize::from(flags != BOTH);
                oldest = None;
                if queued.insert(id) {
                    queue.push((known[&id].1.time, Reverse(id)));
                }
            }
            // Commits of both sides hide those below them; a clock that went wrong may put such a one late.
            if open == 0 {
                let times = || known.values().filter(|(flags, _)| *flags != BOTH).map(|(_, c)| c.time);
                let oldest = *oldest.get_or_insert_with(|| times().min().unwrap_or(i64::MAX));
                if queue.peek().is_none_or(|(time, _)| *time < oldest) {
                    break;
                }
            }
            let Some((_, Reverse(id))) = queue.pop() else { break };
            queued.remove(&id);
            let (flags, commit) = &known[&id];
            open -= usize::from(*flags != BOTH);
            if shallow.contains(&id) && *flags != BOTH {
                return Err(Error::Shallow { base: upstream.short(), head: tip.short() });
            }
            if !shallow.contains(&id) {
                painted.extend(commit.parents.iter().map(|parent| (*parent, *flags)));
            }
        }
        let side = |wanted: u8| -> Vec<(CommitId, Commit)> {
            let of_side = known.iter().filter(|(_, (flags, _))| *flags == wanted);
            let mut commits: Vec<(CommitId, Commit)> =
                of_side.map(|(id, (_, commit))| (*id, commit.clone())).collect();
            commits.sort_by_key(|(id, commit)| (Reverse(commit.time), *id));
            commits
        };
        Ok(Range { ahead: topological(tip, side(TIP)), behind: side(UPSTREAM) })
    }
}

/// Parents before children, reversed from git's topological order: a line of history is followed to its
/// end before the next one, of a merge the last parent's first.
fn topological(tip: CommitId, commits: Vec<(CommitId, Commit)>) -> Vec<(CommitId, Commit)> {
    let mut commits: HashMap<CommitId, Commit> = commits.into_iter().collect();
    let mut children: HashMap<CommitId, usize> = HashMap::new();
    for parent in commits.values().flat_map(|commit| &commit.parents) {
        *children.entry(*parent).or_default() += 1;
    }
    let mut stack = vec![tip];
    let mut order = Vec::with_capacity(commits.len());
    while let Some(id) = stack.pop() {
        let Some(commit) = commits.remove(&id) else { continue };
        for parent in &commit.parents {
            let Some(left) = children.get_mut(parent) else { continue };
            *left -= 1;
            if *left == 0 {
                stack.push(*parent);
            }
        }
        order.push((id, commit));
    }
    order.reverse();
    order
}

#[cfg(test)]
mod tests {
    use crate::vcs::equivalents;
    use crate::vcs::testing::Scratch;

    /// Random histories with clocks that go wrong, asked of git.
    #[test]
    fn ranges_are_those_of_git() {
        let mut state: u64 = 3;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below
        };
        let scratch = Scratch::new();
        let mut commits =
            vec![scratch.raw_commit("author A <a@b> 1000 +0000\ncommitter A <a@b> 1000 +0000\n")];
        for number in 1..40 {
            let mut parents = vec![commits[commits.len() - 1 - random(commits.len().min(5))].clone()];
            if random(3) == 0 {
                let other = commits[random(commits.len())].clone();
                if other != parents[0] {
                    parents.push(other);
                }
            }
            let time = if random(8) == 0 { random(2000) } else { 1000 + number };
            let lines: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
            let person = format!("A <a@b> {time} +0000");
            commits
                .push(scratch.raw_commit(&format!("{lines}author {person} {number}\ncommitter {person}\n")));
        }
        let repo = scratch.repo();
        for _ in 0..60 {
            let (one, two) = (&commits[random(commits.len())], &commits[random(commits.len())]);
            let range = repo.range(repo.resolve(one).unwrap(), repo.resolve(two).unwrap()).unwrap();
            let ahead: String = range.ahead.iter().map(|(id, _)| format!("{id}\n")).collect();
            let listed =
                scratch.git(&["rev-list", "--topo-order", "--reverse", &format!("{one}..{two}")], "");
            assert_eq!(ahead.trim_end(), listed, "{one}..{two}");
            let mut behind: Vec<String> = range.behind.iter().map(|(id, _)| id.to_string()).collect();
            let listed = scratch.git(&["rev-list", &format!("{two}..{one}")], "");
            let mut listed: Vec<&str> = listed.lines().collect();
            behind.sort();
            listed.sort_unstable();
            assert_eq!(behind, listed, "{two}..{one}");
        }
    }

    #[test]
    fn equal_changes_are_those_of_git() {
        let scratch = Scratch::new();
        let write = |name: &str, text: &str| std::fs::write(scratch.path().join(name), text).unwrap();
        let commit = |message: &str| {
            scratch.git(&["add", "--all"], "");
            scratch.git(&["commit", "--quiet", "--allow-empty", "--message", message], "");
        };
        let lines = |changed: &[(usize, &str)]| -> String {
            let line =
                |at: usize| changed.iter().find(|(here, _)| *here == at).map_or("same", |(_, text)| text);
            (0..30).map(|at| format!("{}\n", line(at))).collect()
        };
        write("a", &lines(&[]));
        write("b", "1\n");
        write("bin", "a\0b");
        commit("start");
        scratch.git(&["checkout", "--quiet", "-b", "topic"], "");
        write("a", &lines(&[(5, "five")]));
        commit("the same, elsewhere in the file and with other white space");
        write("a", &lines(&[(5, "five"), (15, "fifteen")]));
        commit("the same, but for what is around it");
        write("b", "2\n");
        commit("another");
        write("bin", "a\0c");
        commit("binary");
        std::fs::remove_file(scratch.path().join("b")).unwrap();
        write("c", "new\n");
        commit("gone and new");
        commit("empty");
        scratch.git(&["checkout", "--quiet", "main"], "");
        write("a", &format!("first\n{}", lines(&[(5, " fi ve")])));
        commit("shifted");
        write("a", &format!("first\n{}", lines(&[(5, " fi ve")])).replace("same", "same"));
        write("b", "3\n");
        commit("not another");
        write("bin", "a\0c");
        commit("binary");
        write("b", "2\n");
        commit("back");
        std::fs::remove_file(scratch.path().join("b")).unwrap();
        write("c", "new\n");
        commit("gone and new");
        let repo = scratch.repo();
        let range = repo.range(repo.resolve("main").unwrap(), repo.resolve("topic").unwrap()).unwrap();
        let equal = equivalents(repo.objects(), &range).unwrap();
        let ours: Vec<String> = range
            .ahead
            .iter()
            .map(|(id, _)| format!("{}{id}", if equal.contains(id) { "=" } else { "+" }))
            .collect();
        let args = ["rev-list", "--reverse", "--topo-order", "--right-only", "--cherry-mark", "main...topic"];
        assert_eq!(ours.join("\n"), scratch.git(&args, ""));
        assert_eq!(equal.len(), 2);
    }
}
