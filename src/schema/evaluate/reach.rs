//! Which files importing one file imports.

use std::collections::{BTreeSet, VecDeque};

use super::Evaluator;
use super::imports::Found;
use crate::python::tree::{Stmt, StmtKind};
use crate::vcs::RepoPath;

/// Files that are followed at most.
const MAX_FILES: usize = 20_000;

/// What a statement imports: the leading dots, the module, and the names taken of it.
type Wanted = (u32, String, Vec<String>);

impl Evaluator<'_> {
    /// The files of the repository that importing `start` imports, directly or not, `start` first. Nothing is
    /// evaluated; imports inside functions count in `start` alone.
    pub fn imported_files(&mut self, start: &RepoPath) -> Vec<RepoPath> {
        let mut seen: BTreeSet<RepoPath> = BTreeSet::from([start.clone()]);
        let mut found = vec![start.clone()];
        let mut waiting = VecDeque::from([start.clone()]);
        while let Some(path) = waiting.pop_front() {
            self.note_read(&path);
            let Some(tree) = self.files.file(&path) else { continue };
            let mut wanted = Vec::new();
            collect(&tree.body, path == *start, 0, &mut wanted);
            for (level, module, names) in wanted {
                for next in self.import_targets(&path, level, &module, &names) {
                    if found.len() < MAX_FILES && seen.insert(next.clone()) {
                        found.push(next.clone());
                        waiting.push_back(next);
                    }
                }
            }
        }
        found
    }

    /// The files that one import statement of `from` executes.
    fn import_targets(
        &mut self,
        from: &RepoPath,
        level: u32,
        module: &str,
        names: &[String],
    ) -> Vec<RepoPath> {
        let mut files = Vec::new();
        let mut note = |found: &Option<Found>| {
            if let Some(Found::File(path)) = found {
                files.push(path.clone());
            }
        };
        let base = match level {
            0 => {
                // The packages around it run first.
                for (at, _) in module.match_indices('.') {
                    let outer = self.find(&module[..at]);
                    note(&outer);
                }
                self.find(module)
            }
            level => {
                for (at, _) in module.match_indices('.') {
                    let outer = self.find_relative(from, level, &module[..at]);
                    note(&outer);
                }
                self.find_relative(from, level, module)
            }
        };
        note(&base);
        let directory = match &base {
            Some(Found::File(path)) if path.name() == "__init__.py" => Some(path.parent()),
            Some(Found::Directory(path)) => Some(path.clone()),
            _ => None,
        };
        if let Some(directory) = directory {
            for name in names {
                let sub = self.found_at(&directory.join(name.as_str()));
                note(&sub);
            }
        }
        files
    }
}

/// The imports of a block; those of functions where `functions` says so.
fn collect(body: &[Stmt], functions: bool, depth: usize, wanted: &mut Vec<Wanted>) {
    if depth > 40 {
        return;
    }
    let mut inner = |body: &[Stmt]| collect(body, functions, depth + 1, wanted);
    for statement in body {
        match &statement.kind {
            StmtKind::If(branches, orelse) => {
                for (test, body) in branches {
                    let name = test.dotted().unwrap_or_default();
                    if !name.ends_with("TYPE_CHECKING") {
                        inner(body);
                    }
                }
                inner(orelse);
            }
            StmtKind::Try(parts) => {
                inner(&parts.body);
                parts.handlers.iter().for_each(|handler| inner(&handler.body));
                inner(&parts.orelse);
                inner(&parts.finally);
            }
            StmtKind::With(_, body) | StmtKind::While(_, body, _) => inner(body),
            StmtKind::For(_, _, body, orelse) => {
                inner(body);
                inner(orelse);
            }
            StmtKind::Class(class) => inner(&class.body),
            StmtKind::Function(function) if functions => inner(&function.body),
            _ => {}
        }
    }
    for statement in body {
        match &statement.kind {
            StmtKind::Import(aliases) => {
                wanted.extend(aliases.iter().map(|alias| (0, alias.name.to_string(), Vec::new())));
            }
            StmtKind::ImportFrom(import) => {
                let names = import.names.iter().map(|alias| alias.name.to_string()).collect();
                wanted.push((import.level, import.module.to_string(), names));
            }
            _ => {}
        }
    }
}
