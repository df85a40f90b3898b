//! Other places that name an id which changes: the environment's own files follow, the rest of the
//! repository is listed.

use std::collections::BTreeSet;

use regex::bytes::Regex;

use super::repair::{Editor, Scene};
use super::{Plan, Step, StepKind};
use crate::text::printable;
use crate::vcs::{BlobId, EntryKind, Error, Objects, RepoPath, TreeId};

/// Larger files are data.
const MOST_BYTES: u64 = 1 << 20;
/// All files together; what is beyond is told as not searched.
const MOST_BYTES_IN_ALL: usize = 256 << 20;
/// Files of one search.
const MOST_FILES: usize = 100_000;
/// Directories are not followed deeper.
const MOST_DEPTH: usize = 40;
/// More places than this are told as such.
const MOST_MENTIONS: usize = 200;
/// Characters of a line that are shown.
const MOST_SHOWN: usize = 120;

/// A name that changes with a plan: an id, or the name of a file without its ending.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Renaming {
    /// The old name.
    pub from: String,
    /// The new one.
    pub to: String,
    /// Whether something else goes on being called by the old name.
    pub shared: bool,
}

/// A place that names an old id and is left alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention {
    /// The file.
    pub path: RepoPath,
    /// The line, from 1.
    pub line: usize,
    /// What is named there.
    pub from: String,
    /// What it is called now.
    pub to: String,
    /// Whether something else goes on being called so, and may be what is meant.
    pub shared: bool,
    /// The line's text.
    pub text: String,
}

/// What a search over the whole repository found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// The places, by path and line.
    pub found: Vec<Mention>,
    /// What was not searched, as a sentence.
    pub note: Option<String>,
}

/// Whether a name can hardly be anything else: `003`, `users` or `20240131` also stand for other things.
fn is_distinctive(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let joints = name.bytes().filter(|byte| matches!(byte, b'_' | b'-' | b'.')).count();
    match name.len() {
        0..7 => false,
        7..12 => digits > 0 && digits < name.len() && (joints > 0 || digits > 2),
        _ => digits > 0 || joints > 1,
    }
}

/// Whether a line speaks of migrations, so that even `003` in it is a revision.
fn speaks_of_migrations(line: &[u8]) -> bool {
    let line = line.to_ascii_lowercase();
    let words: [&[u8]; 7] =
        [b"alembic", b"migrat", b"revision", b"upgrade", b"downgrade", b"stamp", b"version_num"];
    words.iter().any(|word| line.windows(word.len()).any(|window| window == *word))
}

/// Finds names as whole words.
struct Finder<'n> {
    names: &'n [Renaming],
    any: Regex,
}

impl<'n> Finder<'n> {
    fn new(names: &'n [Renaming]) -> Option<Self> {
        // The longest first: one name may be the start of another one.
        let mut all: Vec<String> = names.iter().map(|name| regex::escape(&name.from)).collect();
        all.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let any = Regex::new(&format!("(?-u){}", all.join("|"))).ok().filter(|_| !all.is_empty())?;
        Some(Self { names, any })
    }

    /// Where in `text` a name stands, with the name.
    fn find(&self, text: &[u8]) -> Vec<(usize, &'n Renaming)> {
        let is_word =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let mut found = Vec::new();
        for place in self.any.find_iter(text) {
            let inside = is_word(place.start().checked_sub(1).and_then(|before| text.get(before)))
                || is_word(text.get(place.end()));
            if let Some(name) = self.names.iter().find(|name| name.from.as_bytes() == place.as_bytes())
                && !inside
            {
                found.push((place.start(), name));
            }
        }
        found
    }
}

/// A file's text, unless it is large or no text.
fn text_of(objects: &Objects, blob: BlobId) -> Result<Option<Vec<u8>>, Error> {
    const LOOKED_AT: usize = 8000;
    let text = objects.small_blob(blob, MOST_BYTES)?;
    Ok(text.filter(|text| !text.iter().take(LOOKED_AT).any(|byte| *byte == 0)))
}

/// The names that the repair changes. Of a file that moves it is the name without `.py`.
pub(super) fn renamings(scene: &Scene<'_>, editor: &Editor<'_>) -> Vec<Renaming> {
    let mut names: Vec<Renaming> = Vec::new();
    for (from, to) in &editor.repair.id_changes {
        let shared = scene.state.scripts_of(from).nth(1).is_some();
        names.push(Renaming { from: from.clone(), to: to.clone(), shared });
    }
    for (path, target) in editor.moves() {
        let stem = |path: &RepoPath| {
            let name = path.name().to_vec();
            String::from_utf8(name.strip_suffix(b".py").unwrap_or(&name).to_vec()).ok()
        };
        if let (Some(from), Some(to)) = (stem(path), stem(target))
            && is_distinctive(&from)
            && !names.iter().any(|name| name.from == from)
        {
            names.push(Renaming { from, to, shared: false });
        }
    }
    names
}

/// Lets the environment's own files follow: those of its version locations, and those beside `env.py`.
///
/// Only names that can mean nothing else are replaced; the others are among [`mentions`].
pub(super) fn follow(scene: &Scene<'_>, editor: &mut Editor<'_>, objects: &Objects) -> Result<(), Error> {
    let all = renamings(scene, editor);
    let sure: Vec<Renaming> =
        all.iter().filter(|name| !name.shared && is_distinctive(&name.from)).cloned().collect();
    editor.repair.renamings = all;
    let Some(finder) = Finder::new(&sure) else { return Ok(()) };
    for (path, blob) in own_files(scene, objects)? {
        let text = match editor.edited(&path) {
            Some(text) => Some(text.to_vec()),
            None => text_of(objects, blob)?,
        };
        let Some(text) = text else { continue };
        let found = finder.find(&text);
        let Some((_, first)) = found.first() else { continue };
        let (from, to) = (first.from.clone(), first.to.clone());
        let lines: BTreeSet<usize> = found.iter().map(|(at, _)| line_of(&text, *at)).collect();
        let mut new = Vec::with_capacity(text.len());
        let mut done = 0;
        for (at, name) in &found {
            new.extend_from_slice(&text[done..*at]);
            new.extend_from_slice(name.to.as_bytes());
            done = at + name.from.len();
        }
        new.extend_from_slice(&text[done..]);
        editor.replace(&path, new);
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let new_path = editor.target(&path);
        editor.step(Step {
            kind: StepKind::Reference,
            revision: to.clone(),
            path,
            new_path,
            reason: format!("the file names '{from}', which is called '{to}' by now"),
            evidence: vec![format!(
                "line{} {} of a file of the environment",
                if lines.len() == 1 { "" } else { "s" },
                lines.join(", ")
            )],
            from,
            to,
        });
    }
    Ok(())
}

/// The environment's own files in head's tree.
fn own_files(scene: &Scene<'_>, objects: &Objects) -> Result<Vec<(RepoPath, BlobId)>, Error> {
    let environment = &scene.state.environment;
    let mut places: BTreeSet<RepoPath> =
        environment.version_locations.iter().map(|location| location.path.clone()).collect();
    let scripts = scene.head.scripts.iter().map(|script| script.path.parent());
    places.extend(scripts);
    // At the top of the repository stand the files of everybody.
    if !environment.directory.is_root() {
        places.insert(environment.directory.clone());
    }
    let mut files = Vec::new();
    for place in places {
        for entry in objects.list(scene.head_tree, &place)? {
            if entry.kind == EntryKind::File
                && let Some(blob) = entry.blob()
            {
                files.push((place.join(&entry.name), blob));
            }
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn line_of(text: &[u8], at: usize) -> usize {
    text[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The places of the repaired tree that still name what `plan` renames, migrations themselves left
/// out where an old id goes on being somebody's.
///
/// # Errors
/// When an object is damaged.
pub fn mentions(objects: &Objects, plan: &Plan) -> Result<Mentions, Error> {
    let Some(finder) = Finder::new(&plan.renamings) else { return Ok(Mentions::default()) };
    let mut all = Mentions::default();
    let (mut files, mut bytes, mut skipped) = (0usize, 0usize, 0usize);
    let mut todo: Vec<(RepoPath, TreeId, usize)> = vec![(RepoPath::root(), plan.tree, 0)];
    while let Some((directory, tree, depth)) = todo.pop() {
        for entry in objects.tree(tree)? {
            let path = directory.join(&entry.name);
            if let Some(tree) = entry.tree() {
                if depth < MOST_DEPTH {
                    todo.push((path, tree, depth + 1));
                } else {
                    skipped += 1;
                }
                continue;
            }
            let Some(blob) = entry.blob().filter(|_| entry.kind == EntryKind::File) else { continue };
            if files >= MOST_FILES || bytes >= MOST_BYTES_IN_ALL {
                skipped += 1;
                continue;
            }
            files += 1;
            // Binaries and what a partial clone left out hold no text that could be shown.
            let Some(text) = text_of(objects, blob)? else { continue };
            bytes += text.len();
            let migration = plan.migrations.contains(&path);
            for (at, name) in finder.find(&text) {
                let line = line_at(&text, at);
                if !(migration && name.shared) && (is_distinctive(&name.from) || speaks_of_migrations(line)) {
                    all.found.push(Mention {
                        path: path.clone(),
                        line: line_of(&text, at),
                        from: name.from.clone(),
                        to: name.to.clone(),
                        shared: name.shared,
                        text: shown(line),
                    });
                }
            }
        }
    }
    all.found.sort();
    all.found
        .dedup_by(|one, other| (&one.path, one.line, &one.from) == (&other.path, other.line, &other.from));
    let mut notes = Vec::new();
    if all.found.len() > MOST_MENTIONS {
        notes.push(format!("{} more places name old ids", all.found.len() - MOST_MENTIONS));
        all.found.truncate(MOST_MENTIONS);
    }
    if skipped > 0 {
        notes.push(format!(
            "{skipped} files or directories were not searched for old ids: the repository is too large"
        ));
    }
    all.note = (!notes.is_empty()).then(|| notes.join("; "));
    Ok(all)
}

/// The line around `at`, without its end.
fn line_at(text: &[u8], at: usize) -> &[u8] {
    let start = text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| at + length);
    &text[start..end]
}

fn shown(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    let mut text: String = line.chars().take(MOST_SHOWN).collect();
    if text.len() < line.len() {
        text.push('…');
    }
    printable(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renaming(from: &str, to: &str) -> Renaming {
        Renaming { from: from.into(), to: to.into(), shared: false }
    }

    #[test]
    fn some_names_can_mean_nothing_else() {
        for name in
            ["7badf9c9c70d", "003_create_orders", "20240131_1200", "1a2b3c4d", "main_0005", "202401311200"]
        {
            assert!(is_distinctive(name), "{name}");
        }
        for name in
            ["", "003", "12345", "users", "20240131", "initial", "deadbeef", "add_users", "abcdefabcdef"]
        {
            assert!(!is_distinctive(name), "{name}");
        }
    }

    #[test]
    fn names_are_whole_words() {
        let names =
            [renaming("003", "006"), renaming("003_orders", "006_orders"), renaming("7badf9c9c70d", "1")];
        let finder = Finder::new(&names).unwrap();
        let found = |text: &str| -> Vec<(usize, String)> {
            finder.find(text.as_bytes()).into_iter().map(|(at, name)| (at, name.from.clone())).collect()
        };
        assert_eq!(found("'003' a/003_orders.py"), [(1, "003".into()), (8, "003_orders".into())]);
        assert_eq!(found("7badf9c9c70d"), [(0, "7badf9c9c70d".into())]);
        assert_eq!(found("0031 x003 t_003 003_ a7badf9c9c70d 7badf9c9c70d0 003_orders2"), []);
        assert!(Finder::new(&[]).is_none());
    }

    #[test]
    fn lines_are_shown_as_far_as_they_are_of_use() {
        let text = "one\ntwo 7badf9c9c70d\r\nthree";
        let at = text.find("7b").unwrap();
        assert_eq!(
            (line_of(text.as_bytes(), at), shown(line_at(text.as_bytes(), at))),
            (2, "two 7badf9c9c70d".into())
        );
        assert_eq!(shown(&[b'x'; 500]).chars().count(), MOST_SHOWN + 1);
        assert!(speaks_of_migrations(b"RUN Alembic Upgrade 003") && !speaks_of_migrations(b"agent 003"));
    }
}
