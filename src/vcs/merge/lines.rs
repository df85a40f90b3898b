//! Three texts merged line by line, as git's own merge does it: which changes are independent, which are
//! the same on both sides, what is left of a conflict, and how it is written down.

use std::ops::Range;

use gix::diff::blob::{Interner, Token};

use super::diff::{Hunk, diff};

/// How conflicts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Both sides.
    Merge,
    /// Both sides and what they were made of.
    Diff3,
    /// The same, without lines that both sides have at the ends.
    ZealousDiff3,
    /// Both sides' lines one after the other, without marks.
    Union,
}

/// What stands behind the marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a> {
    pub(super) ours: &'a str,
    pub(super) ancestor: Option<&'a str>,
    pub(super) theirs: &'a str,
}

/// Unchanged lines between two conflicts that are not worth two conflicts.
const NEAR: usize = 3;

/// Who changed a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Ours,
    Theirs,
    /// Both, and not alike.
    Clash,
    /// Both, alike.
    Same,
}

/// A place in all three texts.
#[derive(Clone, Debug)]
struct Change {
    who: Who,
    base: Range<usize>,
    ours: Range<usize>,
    theirs: Range<usize>,
}

struct Texts<'t> {
    lines: Interner<&'t [u8]>,
    base: Vec<Token>,
    ours: Vec<Token>,
    theirs: Vec<Token>,
}

/// The merged text, and whether nothing clashes.
pub(super) fn merge(
    base: &[u8],
    ours: &[u8],
    theirs: &[u8],
    style: Style,
    labels: Labels<'_>,
) -> (Vec<u8>, bool) {
    let mut lines = Interner::new(64);
    let mut tokens = |text| -> Vec<Token> {
        gix::diff::blob::sources::byte_lines(text).map(|line| lines.intern(line)).collect()
    };
    let (base_lines, our_lines, their_lines) = (tokens(base), tokens(ours), tokens(theirs));
    let texts = Texts { lines, base: base_lines, ours: our_lines, theirs: their_lines };
    let our_hunks = texts.diff(&texts.base, &texts.ours);
    let their_hunks = texts.diff(&texts.base, &texts.theirs);
    if our_hunks.is_empty() {
        return (theirs.to_vec(), true);
    }
    if their_hunks.is_empty() {
        return (ours.to_vec(), true);
    }
    let mut changes = texts.changes(&our_hunks, &their_hunks);
    match style {
        Style::Merge | Style::Union => {
            changes = join_near(texts.refined(changes));
        }
        Style::Diff3 => {}
        Style::ZealousDiff3 => changes.iter_mut().for_each(|change| texts.trim(change)),
    }
    let is_clean = changes.iter().all(|change| change.who != Who::Clash);
    (texts.write(&changes, style, labels), is_clean)
}

impl Texts<'_> {
    /// What changed.
    fn diff(&self, before: &[Token], after: &[Token]) -> Vec<Hunk> {
        diff(before, after, self.lines.num_tokens())
    }

    /// Both sides' changes side by side. Changes that touch are one place.
    fn changes(&self, ours: &[Hunk], theirs: &[Hunk]) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
        // How far each side's lines are from those of the base, behind the changes passed by now.
        let (mut our_shift, mut their_shift) = (0isize, 0isize);
        let shift_of = |hunk: &Hunk| hunk.after.end as isize - hunk.before.end as isize;
        let shifted = |range: &Range<usize>, shift: isize| {
            range.start.saturating_add_signed(shift)..range.end.saturating_add_signed(shift)
        };
        loop {
            let (one, two) = (ours.peek().copied(), theirs.peek().copied());
            match (one, two) {
                (None, None) => return changes,
                (Some(one), two) if two.is_none_or(|two| one.before.end < two.before.start) => {
                    let theirs = shifted(&one.before, their_shift);
                    let who = Who::Ours;
                    append(
                        &mut changes,
                        Change { who, base: one.before.clone(), ours: one.after.clone(), theirs },
                    );
                    our_shift = shift_of(one);
                    ours.next();
                }
                (one, Some(two)) if one.is_none_or(|one| two.before.end < one.before.start) => {
                    let ours = shifted(&two.before, our_shift);
                    let who = Who::Theirs;
                    append(
                        &mut changes,
                        Change { who, base: two.before.clone(), ours, theirs: two.after.clone() },
                    );
                    their_shift = shift_of(two);
                    theirs.next();
                }
                (Some(one), Some(two)) => {
                    let is_same = one.before == two.before
                        && self.ours[one.after.clone()] == self.theirs[two.after.clone()];
                    if !is_same {
                        append(&mut changes, clash(one, two));
                    }
                    let (our_end, their_end) = (one.before.end, two.before.end);
                    if our_end >= their_end {
                        their_shift = shift_of(two);
                        theirs.next();
                    }
                    if their_end >= our_end {
                        our_shift = shift_of(one);
                        ours.next();
                    }
                }
                // Each side that has a change left is met above.
                (Some(_), None) | (None, Some(_)) => return changes,
            }
        }
    }

    /// Conflicts without the lines that both sides agree on.
    fn refined(&self, changes: Vec<Change>) -> Vec<Change> {
        let mut refined = Vec::with_capacity(changes.len());
        for change in changes {
            if change.who != Who::Clash || change.ours.is_empty() || change.theirs.is_empty() {
                refined.push(change);
                continue;
            }
            let hunks = self.diff(&self.ours[change.ours.clone()], &self.theirs[change.theirs.clone()]);
            if hunks.is_empty() {
                refined.push(Change { who: Who::Same, ..change });
                continue;
            }
            let at = |range: &Range<usize>, start: usize| range.start + start..range.end + start;
            refined.extend(hunks.iter().map(|hunk| Change {
                ours: at(&hunk.before, change.ours.start),
                theirs: at(&hunk.after, change.theirs.start),
                ..change.clone()
            }));
        }
        refined
    }

    /// A conflict without the lines at its ends that both sides have.
    fn trim(&self, change: &mut Change) {
        if change.who != Who::Clash {
            return;
        }
        let (ours, theirs) = (&mut change.ours, &mut change.theirs);
        let any =
            |ours: &Range<usize>, theirs: &Range<usize>| ours.start < ours.end && theirs.start < theirs.end;
        while any(ours, theirs) && self.ours[ours.start] == self.theirs[theirs.start] {
            ours.start += 1;
            theirs.start += 1;
        }
        while any(ours, theirs) && self.ours[ours.end - 1] == self.theirs[theirs.end - 1] {
            ours.end -= 1;
            theirs.end -= 1;
        }
    }

    fn write(&self, changes: &[Change], style: Style, labels: Labels<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut done = 0;
        for change in changes {
            let before = done.min(change.ours.start)..change.ours.start;
            match change.who {
                // Our text holds it already.
                Who::Same => continue,
                Who::Ours => self.copy(&self.ours, before.start..change.ours.end, None, &mut out),
                Who::Theirs => {
                    self.copy(&self.ours, before, None, &mut out);
                    self.copy(&self.theirs, change.theirs.clone(), None, &mut out);
                }
                Who::Clash => {
                    self.copy(&self.ours, before, None, &mut out);
                    self.write_clash(change, style, labels, &mut out);
                }
            }
            done = change.ours.end;
        }
        self.copy(&self.ours, done..self.ours.len(), None, &mut out);
        out
    }

    fn write_clash(&self, change: &Change, style: Style, labels: Labels<'_>, out: &mut Vec<u8>) {
        let end: &[u8] = if self.needs_carriage_return(change) { b"\r\n" } else { b"\n" };
        if style == Style::Union {
            self.copy(&self.ours, change.ours.clone(), Some(end), out);
            self.copy(&self.theirs, change.theirs.clone(), None, out);
            return;
        }
        let mark = |sign: u8, label: Option<&str>, out: &mut Vec<u8>| {
            out.extend_from_slice(&[sign; 7]);
            if let Some(label) = label {
                out.push(b' ');
                out.extend_from_slice(label.as_bytes());
            }
            out.extend_from_slice(end);
        };
        mark(b'<', Some(labels.ours), out);
        self.copy(&self.ours, change.ours.clone(), Some(end), out);
        if matches!(style, Style::Diff3 | Style::ZealousDiff3) {
            mark(b'|', labels.ancestor, out);
            self.copy(&self.base, change.base.clone(), Some(end), out);
        }
        mark(b'=', None, out);
        self.copy(&self.theirs, change.theirs.clone(), Some(end), out);
        mark(b'>', Some(labels.theirs), out);
    }

    /// Copies lines; with `end`, a last line without an end gets this one.
    fn copy(&self, tokens: &[Token], range: Range<usize>, end: Option<&[u8]>, out: &mut Vec<u8>) {
        let Some(lines) = tokens.get(range).filter(|lines| !lines.is_empty()) else { return };
        for line in lines {
            out.extend_from_slice(self.lines[*line]);
        }
        if let Some(end) = end.filter(|_| !out.ends_with(b"\n")) {
            out.extend_from_slice(end);
        }
    }

    /// Whether the lines around a conflict end as on Windows, on both sides and in the base.
    fn needs_carriage_return(&self, change: &Change) -> bool {
        let ends_so = |tokens: &[Token], at: usize| -> Option<bool> {
            let has = |at: usize| self.lines[tokens[at]].ends_with(b"\r\n");
            let last = tokens.len().checked_sub(1)?;
            if at < last || self.lines[*tokens.get(at)?].ends_with(b"\n") {
                return Some(has(at));
            }
            Some(has(at.checked_sub(1)?))
        };
        ends_so(&self.ours, change.ours.start.saturating_sub(1)) != Some(false)
            && ends_so(&self.theirs, change.theirs.start.saturating_sub(1)) != Some(false)
            && ends_so(&self.base, 0) == Some(true)
    }
}

/// Two changes that overlap or touch, over all lines that either covers.
fn clash(one: &Hunk, two: &Hunk) -> Change {
    let base = one.before.start.min(two.before.start)..one.before.end.max(two.before.end);
    // Lines that the side's own change before took away may be missing; then this becomes part of that.
    let widened = |hunk: &Hunk| {
        let start = hunk.after.start.saturating_sub(hunk.before.start - base.start);
        start..hunk.after.end + (base.end - hunk.before.end)
    };
    Change { who: Who::Clash, ours: widened(one), theirs: widened(two), base }
}

/// Adds a change; one that touches the last on either side becomes part of it.
fn append(changes: &mut Vec<Change>, change: Change) {
    match changes.last_mut() {
        Some(last) if change.ours.start <= last.ours.end || change.theirs.start <= last.theirs.end => {
            if last.who != change.who {
                last.who = Who::Clash;
            }
            last.base.end = change.base.end;
            last.ours.end = change.ours.end;
            last.theirs.end = change.theirs.end;
        }
        _ => changes.push(change),
    }
}

/// Joins conflicts with few lines in between.
fn join_near(changes: Vec<Change>) -> Vec<Change> {
    let mut joined: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        match joined.last_mut() {
            Some(last)
                if last.who == Who::Clash
                    && change.who == Who::Clash
                    && change.ours.start.saturating_sub(last.ours.end) <= NEAR =>
            {
                last.ours.end = change.ours.end;
                last.theirs.end = change.theirs.end;
            }
            _ => joined.push(change),
        }
    }
    joined
}
