//! Which lines differ between two texts, as git's merge sees it: by histogram over the whole texts, and
//! every change as far down as it can slide, unless there it would part from the other side's.

use std::ops::Range;

use gix::diff::blob::Token;

use super::histogram;

/// Lines that went, and those that came in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hunk {
    pub(super) before: Range<usize>,
    pub(super) after: Range<usize>,
}

/// The changes between two texts whose lines are numbered below `numbers`.
pub(super) fn diff(before: &[Token], after: &[Token], numbers: u32) -> Vec<Hunk> {
    let (mut old, mut new) = (File::new(before), File::new(after));
    histogram::differences(before, after, numbers, |lines| old.mark(lines), |lines| new.mark(lines));
    compact(&mut old, &new);
    compact(&mut new, &old);
    let mut hunks = Vec::new();
    let (mut one, mut two) = (0, 0);
    while one < before.len() || two < after.len() {
        let (old_end, new_end) = (old.end_of_run(one), new.end_of_run(two));
        if old_end > one || new_end > two {
            hunks.push(Hunk { before: one..old_end, after: two..new_end });
        }
        // One line that both have.
        (one, two) = (old_end + 1, new_end + 1);
    }
    hunks
}

/// One text, and which of its lines the other one does not have.
struct File<'t> {
    lines: &'t [Token],
    changed: Vec<bool>,
}

/// Lines changed in a row, perhaps none, between two that are not.
#[derive(Clone, Copy)]
struct Group {
    start: usize,
    end: usize,
}

impl<'t> File<'t> {
    fn new(lines: &'t [Token]) -> Self {
        Self { lines, changed: vec![false; lines.len()] }
    }

    fn mark(&mut self, lines: Range<usize>) {
        self.changed[lines].fill(true);
    }

    fn is_changed(&self, at: usize) -> bool {
        self.changed.get(at).copied().unwrap_or(false)
    }

    fn end_of_run(&self, mut at: usize) -> usize {
        while self.is_changed(at) {
            at += 1;
        }
        at
    }

    fn start_of_run(&self, mut at: usize) -> usize {
        while at > 0 && self.is_changed(at - 1) {
            at -= 1;
        }
        at
    }

    fn first(&self) -> Group {
        Group { start: 0, end: self.end_of_run(0) }
    }

    fn next(&self, group: &mut Group) -> bool {
        if group.end >= self.lines.len() {
            return false;
        }
        group.start = group.end + 1;
        group.end = self.end_of_run(group.start);
        true
    }

    fn previous(&self, group: &mut Group) -> bool {
        if group.start == 0 {
            return false;
        }
        group.end = group.start - 1;
        group.start = self.start_of_run(group.end);
        true
    }

    /// Moves a group up by a line, if that says the same; a group it meets becomes part of it.
    fn slide_up(&mut self, group: &mut Group) -> bool {
        if group.start == 0 || self.lines[group.start - 1] != self.lines[group.end - 1] {
            return false;
        }
        group.start -= 1;
        group.end -= 1;
        self.changed[group.start] = true;
        self.changed[group.end] = false;
        group.start = self.start_of_run(group.start);
        true
    }

    fn slide_down(&mut self, group: &mut Group) -> bool {
        if group.end >= self.lines.len() || self.lines[group.start] != self.lines[group.end] {
            return false;
        }
        self.changed[group.start] = false;
        self.changed[group.end] = true;
        group.start += 1;
        group.end = self.end_of_run(group.end + 1);
        true
    }
}

/// Slides the changes of `file` down; `other` tells where the other text has changes, too.
fn compact(file: &mut File<'_>, other: &File<'_>) {
    let (mut group, mut beside) = (file.first(), other.first());
    loop {
        if group.start < group.end {
            let mut highest;
            let mut meets;
            loop {
                let size = group.end - group.start;
                while file.slide_up(&mut group) {
                    other.previous(&mut beside);
                }
                highest = group.end;
                meets = beside.start < beside.end;
                while file.slide_down(&mut group) {
                    other.next(&mut beside);
                    meets |= beside.start < beside.end;
                }
                if size == group.end - group.start {
                    break;
                }
            }
            if group.end != highest && meets {
                while beside.start == beside.end && file.slide_up(&mut group) {
                    other.previous(&mut beside);
                }
            }
        }
        if !file.next(&mut group) || !other.next(&mut beside) {
            return;
        }
    }
}
