//! The arrows of ARCHITECTURE.md, read off the sources: a module uses only modules that come before it, and each
//! foreign crate or part of the world has one door.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `src/lib.rs` from the ground up. A module may use those before it, none after it.
const LAYERS: &[&str] = &[
    "text",
    "parallel",
    "cache",
    "vcs",
    "python",
    "revision",
    "dialect",
    "history",
    "hooks",
    "schema",
    "project",
    "locate",
    "diagnostic",
    "rules",
    "check",
    "explain",
    "branches",
    "audit",
    "plan",
    "rebase",
    "report",
    "cli",
];

/// Modules that stand above another one and still must not know it.
const STRANGERS: &[(&str, &[&str])] = &[
    ("python", &["vcs"]),
    ("diagnostic", &["dialect", "history"]),
    ("rules", &["dialect"]),
    ("report", &["dialect", "rules", "check", "branches"]),
];

/// What only some places may name: the word, the places, and why.
const DOORS: &[(&str, &[&str], &str)] = &[
    ("gix", &["vcs/"], "git is read in one place"),
    ("petgraph", &["revision/graph.rs"], "the graph's library is the graph's own affair"),
    ("ruff_python_parser", &["python/", "dialect/", "project/"], "its interface changes with every version"),
    ("ruff_python_ast", &["python/", "dialect/", "project/"], "its interface changes with every version"),
    ("ruff_text_size", &["python/", "dialect/", "project/"], "its interface changes with every version"),
    (
        "md5",
        &["schema/replay/naming.rs", "report/schema_sql.rs"],
        "SQLAlchemy shortens names with it; PostgreSQL has a function called so",
    ),
    ("sqlparser", &["schema/sql"], "its syntax tree changes with every version"),
    ("clap", &["cli/"], "arguments are read in one place"),
    ("serde_yaml", &["cli/", "project/"], "configuration and compose files"),
    ("anstream", &["cli/"], "whoever owns the stream decides on colours"),
    ("anstyle", &["report/"], "colours are chosen in one place"),
    ("comfy_table", &["report/"], "tables are for people"),
    ("renderdag", &["report/graph_text.rs"], "the drawing's library is the drawing's own affair"),
    ("sapling_renderdag", &["report/graph_text.rs"], "the drawing's library is the drawing's own affair"),
    ("schemars", &["report/", "cli/config"], "only documents and the configuration have schemas"),
    ("std::env", &["cli/", "vcs/repo.rs", "vcs/write.rs"], "vcs reads only what git tells its hooks"),
    ("std::fs", &["cli/", "vcs/", "cache.rs"], "what is studied comes out of git"),
    ("process::Command", &[], "no other program is run"),
    ("process::exit", &[], "destructors run, and buffers are flushed"),
    ("ExitCode", &["cli/", "main.rs"], "only cli decides the exit code"),
    ("std::net", &[], "nothing leaves this machine"),
    (
        "SystemTime",
        &["cli/", "vcs/write/undo.rs"],
        "answers do not depend on the clock; undo records are named by it",
    ),
    ("Instant", &["cli/"], "answers do not depend on the clock"),
    ("Timestamp::now", &["cli/"], "answers do not depend on the clock"),
    ("Zoned::now", &["cli/"], "answers do not depend on the clock"),
    ("stdout", &["cli/"], "stdout carries the report, and cli alone writes it"),
    ("stderr", &["cli/"], "stderr carries the talk, and cli alone writes it"),
    ("println", &[], "stdout carries the report, through cli's buffer"),
    ("eprintln", &[], "stderr carries the talk, through cli's notes"),
    ("print", &[], "stdout carries the report, through cli's buffer"),
    ("eprint", &[], "stderr carries the talk, through cli's notes"),
];

/// One source file without comments and tests.
struct Source {
    /// Below `src`, with `/`.
    path: String,
    code: String,
}

impl Source {
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut pending = vec![root.clone()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => pending.push(path),
                false if path.ends_with("tests.rs") || path.ends_with("testing.rs") => {}
                false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
                false => {}
            }
        }
    }
    files.sort();
    files
        .into_iter()
        .filter(|file| !is_tests(file))
        .map(|file| Source {
            path: file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"),
            code: production_code(&fs::read_to_string(&file).unwrap()),
        })
        .collect()
}

/// Whether the module that a file belongs to declares it for tests alone.
fn is_tests(file: &Path) -> bool {
    let (directory, name) = (file.parent().unwrap(), file.file_stem().unwrap().to_str().unwrap());
    let declares = |owner: PathBuf| {
        let text = fs::read_to_string(owner).unwrap_or_default();
        ["mod", "pub(crate) mod"].iter().any(|word| text.contains(&format!("#[cfg(test)]\n{word} {name};")))
    };
    declares(directory.with_extension("rs")) || declares(directory.join("mod.rs"))
}

/// `text` up to its tests, without whole-line comments.
fn production_code(text: &str) -> String {
    let end = text.find("\n#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let code = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| [line, "\n"]).collect()
}

/// The byte offsets after `word` wherever it stands alone in `code`.
fn ends_of<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = usize> + use<'c> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).filter_map(move |(at, _)| {
        let end = at + word.len();
        let alone = !code[..at].ends_with(is_word) && !code[end..].starts_with(is_word);
        alone.then_some(end)
    })
}

/// The top-level modules that `source` names, by `crate::…` or by `super::` up to the root.
fn uses(source: &Source) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for end in ends_of(&source.code, "crate") {
        let Some(rest) = source.code[end..].strip_prefix("::") else { continue };
        used.extend(first_names(rest));
    }
    let components = source.path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
    let to_root = "super::".repeat(components);
    for (at, _) in source.code.match_indices(&to_root) {
        let is_start = !source.code[..at].ends_with("super::");
        let rest = &source.code[at + to_root.len()..];
        if is_start && !rest.starts_with("super::") {
            used.extend(first_names(rest));
        }
    }
    used.retain(|name| name != source.module());
    used
}

/// `a` of `a::b`, and `a`, `b` of `{a::{c, d}, b}`.
fn first_names(path: &str) -> Vec<String> {
    let identifier = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![identifier(path)] };
    let mut names = vec![identifier(group)];
    let mut depth = 1;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(identifier(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == module)
}

#[test]
fn every_module_has_its_layer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let code = production_code(&fs::read_to_string(root).unwrap());
    let declared: BTreeSet<&str> = code
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let layered: BTreeSet<&str> = LAYERS.iter().copied().collect();
    assert_eq!(declared, layered, "src/lib.rs, and LAYERS of tests/it/layering.rs");
}

#[test]
fn a_module_uses_only_what_comes_before_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(own) = layer(source.module()) else { continue };
        let strangers = STRANGERS.iter().find(|(module, _)| *module == source.module());
        for used in uses(&source) {
            let Some(other) = layer(&used) else {
                wrong.push(format!("src/{} names crate::{used}, which has no layer", source.path));
                continue;
            };
            let stranger = strangers.is_some_and(|(_, strangers)| strangers.contains(&used.as_str()));
            if other > own || stranger {
                wrong.push(format!("src/{} uses crate::{used}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "against the arrows of ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn every_door_is_the_only_one() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (word, places, why) in DOORS {
            let allowed = places.iter().any(|place| source.path.starts_with(place));
            let is_macro = word.contains("print");
            let named =
                ends_of(&source.code, word).any(|end| !is_macro || source.code[end..].starts_with('!'));
            if named && !allowed {
                wrong.push(format!("src/{} names {word}: {why}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_documents_are_serialized() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.module() != "report") {
        let derives = source.code.split("derive(").skip(1).filter_map(|rest| rest.split(')').next());
        if derives
            .flat_map(|list| list.split(','))
            .any(|name| name.trim().rsplit("::").next() == Some("Serialize"))
        {
            wrong.push(format!("src/{} derives Serialize", source.path));
        }
    }
    assert!(
        wrong.is_empty(),
        "what is printed for programs is a document of src/report:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_readers_of_this_test_read() {
    let source = |path: &str, code: &str| Source { path: path.into(), code: production_code(code) };
    let names = |source: &Source| uses(source).into_iter().collect::<Vec<_>>().join(" ");
    let grouped =
        source("a/b.rs", "use crate::{history::{Reader, delta}, vcs};\nuse crate::a::c;\n// crate::cli\n");
    assert_eq!(names(&grouped), "history vcs");
    let climbing = source(
        "a/b.rs",
        "use super::c;\nlet x = super::super::cli::main();\n\n#[cfg(test)]\nmod tests { use crate::x; }",
    );
    assert_eq!(names(&climbing), "cli");
    assert_eq!(names(&source("a/mod.rs", "fn f() { super::report::g() }")), "report");
    assert_eq!(ends_of("gix::x, my_gix, gixy, gix", "gix").count(), 2);
}
