//! Lines that two texts have in common, found the way git's histogram comparison chooses them: the run
//! that holds the rarest line first, then the longest, then what lies before and behind it.
//!
//! The library has this comparison, too, and chooses another run where several are as good; that is as
//! right, but then changes touch that do not touch for git, and what conflicts must be what conflicts there.

use std::ops::Range;

use gix::diff::blob::{Algorithm, Diff, Token};

/// Lines that occur more often than this hold no run together.
const MOST_OCCURRENCES: usize = 64;

/// Calls `old` and `new` with the ranges of lines that only that text has. Lines are numbered below
/// `numbers`.
pub(super) fn differences(
    before: &[Token],
    after: &[Token],
    numbers: u32,
    mut old: impl FnMut(Range<usize>),
    mut new: impl FnMut(Range<usize>),
) {
    let mut occurrences = Occurrences::new(numbers as usize, before.len());
    let mut todo = vec![Region { before: 0..before.len(), after: 0..after.len() }];
    while let Some(region) = todo.pop() {
        if region.before.start == region.before.end || region.after.start == region.after.end {
            old(region.before);
            new(region.after);
            continue;
        }
        match occurrences.best_run(before, after, &region) {
            Run::None => {
                old(region.before);
                new(region.after);
            }
            Run::TooCommon => {
                let mut diff = Diff::default();
                let (one, two) = (&before[region.before.clone()], &after[region.after.clone()]);
                diff.compute_with(Algorithm::Myers, one, two, numbers);
                let at = |start: usize, range: Range<u32>| {
                    start + range.start as usize..start + range.end as usize
                };
                for hunk in diff.hunks() {
                    old(at(region.before.start, hunk.before));
                    new(at(region.after.start, hunk.after));
                }
            }
            Run::Found(run) => {
                let Region { before, after } = region;
                todo.push(Region {
                    before: before.start..run.before.start,
                    after: after.start..run.after.start,
                });
                todo.push(Region { before: run.before.end..before.end, after: run.after.end..after.end });
            }
        }
    }
}

/// Lines of both texts.
#[derive(Clone, Debug)]
struct Region {
    before: Range<usize>,
    after: Range<usize>,
}

enum Run {
    /// They have nothing in common.
    None,
    /// What they have in common is too common.
    TooCommon,
    /// The same lines of both.
    Found(Region),
}

/// Where each line occurs in the region of the first text that is looked at.
struct Occurrences {
    /// By the line's number: how often, and the first place.
    of: Vec<(usize, usize)>,
    /// By place: the next one with the same line; zero is none.
    next: Vec<usize>,
}

impl Occurrences {
    fn new(numbers: usize, lines: usize) -> Self {
        Self { of: vec![(0, 0); numbers], next: vec![0; lines] }
    }

    fn best_run(&mut self, before: &[Token], after: &[Token], region: &Region) -> Run {
        for at in region.before.clone().rev() {
            let (count, first) = &mut self.of[before[at].0 as usize];
            self.next[at] = if *count > 0 { *first } else { 0 };
            (*count, *first) = (*count + 1, at);
        }
        let run = self.search(before, after, region);
        for at in region.before.clone() {
            self.of[before[at].0 as usize] = (0, 0);
        }
        run
    }

    fn search(&self, before: &[Token], after: &[Token], region: &Region) -> Run {
        let mut best: Option<Region> = None;
        let mut rarest = MOST_OCCURRENCES + 1;
        let mut has_common = false;
        let mut at = region.after.start;
        while at < region.after.end {
            let mut next_at = at + 1;
            let (count, first) = self.of[after[at].0 as usize];
            has_common |= count > 0;
            let mut place = (count > 0 && count <= rarest).then_some(first);
            while let Some(start) = place {
                let (run, occurs) = self.extended(before, after, region, start, at, count);
                next_at = next_at.max(run.after.end);
                let length = best.as_ref().map_or(1, |best| best.before.end - best.before.start);
                // Inside this run the same line starts no other one.
                place = Some(self.next[start]).filter(|next| *next > 0);
                while let Some(inside) = place.filter(|next| *next < run.before.end) {
                    place = Some(self.next[inside]).filter(|next| *next > 0);
                }
                if length < run.before.end - run.before.start || occurs < rarest {
                    rarest = occurs;
                    best = Some(run);
                }
            }
            at = next_at;
        }
        match best {
            _ if has_common && rarest > MOST_OCCURRENCES => Run::TooCommon,
            Some(best) => Run::Found(best),
            None => Run::None,
        }
    }

    /// The same lines around one that both have, and how often the rarest of them occurs.
    fn extended(
        &self,
        before: &[Token],
        after: &[Token],
        region: &Region,
        old: usize,
        new: usize,
        count: usize,
    ) -> (Region, usize) {
        let mut run = Region { before: old..old + 1, after: new..new + 1 };
        let mut rarest = count;
        let occurs = |at: usize| self.of[before[at].0 as usize].0;
        while run.before.start > region.before.start
            && run.after.start > region.after.start
            && before[run.before.start - 1] == after[run.after.start - 1]
        {
            run.before.start -= 1;
            run.after.start -= 1;
            rarest = rarest.min(occurs(run.before.start));
        }
        while run.before.end < region.before.end
            && run.after.end < region.after.end
            && before[run.before.end] == after[run.after.end]
        {
            rarest = rarest.min(occurs(run.before.end));
            run.before.end += 1;
            run.after.end += 1;
        }
        (run, rarest)
    }
}
