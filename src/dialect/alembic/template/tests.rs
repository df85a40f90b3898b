use std::path::{Path, PathBuf};

use jiff::civil::DateTime;

use super::*;

fn ids(list: &[&str]) -> Vec<String> {
    list.iter().map(|id| (*id).to_owned()).collect()
}

/// A date as Python's `str` writes it.
fn date(text: &str) -> CreateDate {
    let (local, offset) = match text.split_at_checked(text.len() - 6) {
        Some((local, zone)) if zone.starts_with(['+', '-']) && zone[3..].starts_with(':') => {
            let seconds = zone[1..3].parse::<i32>().unwrap() * 3600 + zone[4..].parse::<i32>().unwrap() * 60;
            (local, Some(if zone.starts_with('-') { -seconds } else { seconds }))
        }
        _ => (text, None),
    };
    let local: DateTime = local.replace(' ', "T").parse().unwrap();
    let utc = local.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second();
    CreateDate { local, offset, epoch: utc - i64::from(offset.unwrap_or(0)) }
}

/// A script of the committed cases.
struct Owned {
    id: String,
    message: Option<String>,
    parents: Vec<String>,
    depends_on: Vec<String>,
    branch_labels: Vec<String>,
    create_date: CreateDate,
}

impl Owned {
    fn of(value: &serde_json::Value) -> Self {
        let texts = |name: &str| {
            value[name].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
        };
        Self {
            id: value["id"].as_str().unwrap().to_owned(),
            message: value["message"].as_str().map(str::to_owned),
            parents: texts("parents"),
            depends_on: texts("depends_on"),
            branch_labels: texts("branch_labels"),
            create_date: date(value["create_date"].as_str().unwrap()),
        }
    }

    fn script(&self) -> NewScript<'_> {
        NewScript {
            id: &self.id,
            message: self.message.as_deref(),
            parents: &self.parents,
            depends_on: &self.depends_on,
            branch_labels: &self.branch_labels,
            create_date: self.create_date,
            number: None,
            body: None,
        }
    }
}

fn compare(cases: &Path, below: &Path) -> (usize, Vec<String>) {
    let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(cases).unwrap()).unwrap();
    let cases = cases.as_array().unwrap();
    let mut faults = Vec::new();
    for case in cases {
        let name = case["template"].as_str().unwrap();
        let template = (name != "default").then(|| std::fs::read(below.join(name)).unwrap());
        let owned = Owned::of(&case["script"]);
        let script = owned.script();
        let file = new_file(&RepoPath::root(), template.as_deref(), case["file_template"].as_str(), &script);
        let what = format!("{name}, {:?}, {}", case["file_template"], case["script"]);
        let text: String = file.text.iter().map(|byte| char::from(*byte)).collect();
        match (case["text"].as_str(), file.notes.as_slice()) {
            (Some(expected), []) => {
                if expected != text {
                    faults.push(format!("{what}\n-- Alembic\n{expected}\n-- here\n{text}"));
                }
                if case["name"].as_str() != Some(&file.path.to_string()) {
                    faults.push(format!("{what}\nAlembic names it {}, here {}", case["name"], file.path));
                }
            }
            // Alembic refuses: the default is used, and said so.
            (None, []) => faults.push(format!("{what}\nAlembic refuses: {}", case["error"])),
            (_, notes) => {
                if !says(&file.text, &script) {
                    faults.push(format!("{what}\nthe default is wrong:\n{text}"));
                }
                eprintln!("{name}: {}", notes.join("; "));
            }
        }
    }
    (cases.len(), faults)
}

/// `scripts/compare-templates-with-alembic` writes the cases, and names more in the environment.
#[test]
fn real_alembic_agrees() {
    let below = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/templates");
    let mut all = vec![below.join("cases.json")];
    #[allow(clippy::disallowed_methods, reason = "the script has no other way to name a file")]
    all.extend(std::env::var_os("ONEHEAD_TEMPLATE_CASES").map(PathBuf::from));
    for cases in all {
        let (count, faults) = compare(&cases, &below);
        assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n\n"));
        eprintln!("{count} cases of {} agree", cases.display());
    }
}

fn script<'a>(parents: &'a [String], message: &'a str) -> NewScript<'a> {
    NewScript {
        id: "1a2b",
        message: Some(message),
        parents,
        depends_on: &[],
        branch_labels: &[],
        create_date: date("2024-01-31 09:05:07.000123"),
        number: Some(7),
        body: None,
    }
}

fn notes(template: &str) -> Vec<String> {
    let parents = ids(&["p"]);
    new_file(&RepoPath::root(), Some(template.as_bytes()), None, &script(&parents, "m")).notes
}

#[test]
fn what_is_not_understood_is_said() {
    let head = "revision = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n";
    let tail = "; the file follows Alembic's default template";
    let cases = [
        ("% for x in y:\n% endfor", "holds `% for x in y:`, which is not understood"),
        ("% if x:", "has a `% if` without end"),
        ("% endif", "holds `% endif`, which is not understood"),
        ("% else:", "holds `% else:`, which is not understood"),
        ("<% x = f() %>", "runs Python of its own (`x = f()`)"),
        ("<%! x = y %>", "runs Python of its own (`x = y`)"),
        ("<% message = 'x' %>${message}", "computes `message`, which is not understood"),
        ("% if imports:\n% endfor", "holds `% endfor`, which is not understood"),
        ("<% from x import * %>", "runs Python of its own (`from x import *`)"),
        ("<% import os; os.system('x') %>", "runs Python of its own (`import os; os.system('x')`)"),
        ("<%page args='x'/>", "holds `<%page args='x'/>`, which is not understood"),
        ("</%def>", "holds `</%def>`, which is not understood"),
        ("<%doc>", "has a `<%doc>` without end"),
        ("<%text>", "has a `<%text>` without end"),
        ("${nonsense}", "writes a name that Alembic does not pass"),
        ("${len(message)}", "computes `len(message)`, which is not understood"),
        ("${config.get_main_option('x')}", "computes `config.get_main_option('x')`, which is not understood"),
        ("<%! import re %>${re}", "computes `re`, which is not understood"),
        ("${down_revision | n,h}", "uses the filter `h`, which is not understood"),
        ("${None | n}", "writes `None `, which is no text"),
        ("${'a", "has a string without end"),
        ("${(a}", "has a `${` without end"),
        ("${a # b\n}", "has a comment in an expression"),
        ("${u'a'}", "computes `u'a'`, which is not understood"),
        ("${__import__('os')}", "computes `__import__('os')`, which is not understood"),
    ];
    for (line, why) in cases {
        let why = why.replace("`None `", "`None`");
        assert_eq!(notes(&format!("{head}{line}\n")), [format!("script.py.mako {why}{tail}")], "{line}");
    }
    assert_eq!(notes(head), Vec::<String>::new());
    let silent = ["revision = 'x'\ndown_revision = 'p'\n", "def (:\n", ""];
    for template in silent {
        assert_eq!(
            notes(template),
            [format!("script.py.mako gives a file that does not state its ids{tail}")]
        );
    }
    let latin = new_file(&RepoPath::root(), Some(b"\xe9"), None, &script(&[], "m")).notes;
    assert_eq!(latin, [format!("script.py.mako is not UTF-8{tail}")]);
}

#[test]
fn hostile_templates_do_no_harm() {
    for piece in
        ["${", "${(", "% if x:\n", "<%", "${'", "\\", "##", "${a if b else ", "${not ", "${((((((((", "%%"]
    {
        assert!(notes(&piece.repeat(3000)).len() == 1, "{piece}");
    }
    assert!(notes(&format!("${{{}}}", "(".repeat(400) + &")".repeat(400))).len() == 1);
    assert!(notes(&format!("${{{}1}}", "1 if 1 else ".repeat(400))).len() == 1);
}

#[test]
fn a_message_cannot_break_the_file() {
    for message in ["ends \"", "a \"\"\" b", "back\\slash \\", "\\N{nothing}", "\"\"\"\nimport os\n\"\"\""] {
        let parents = ids(&["p", "q"]);
        let file = new_file(&RepoPath::new("versions"), None, None, &script(&parents, message));
        assert!(says(&file.text, &script(&parents, message)), "{message}");
        assert_eq!(file.notes, Vec::<String>::new());
    }
}

#[test]
fn names_of_files() {
    let named = |template: &str, message: &str| {
        let file = new_file(&RepoPath::new("a/versions"), None, Some(template), &script(&[], message));
        (file.path.to_string(), file.notes)
    };
    let fine = |path: &str| (path.to_owned(), Vec::<String>::new());
    assert_eq!(named("%(number).3d_%(rev)s_%(slug)s", "Add x"), fine("a/versions/007_1a2b_add_x.py"));
    assert_eq!(named("%(year)d/%(rev)s", ""), fine("a/versions/2024/1a2b.py"));
    let odd = |why: &str| {
        let note = format!("file_template {why}; the file is named as by Alembic's default");
        ("a/versions/1a2b_m.py".to_owned(), vec![note])
    };
    assert_eq!(named("../%(rev)s", "m"), odd("gives no usable name"));
    assert_eq!(named("/%(rev)s", "m"), odd("gives no usable name"));
    assert_eq!(named("%(weekday)s", "m"), odd("names `weekday`, which is not known"));
    assert_eq!(
        named("%(rev)99999999999999999999s", "m"),
        odd("holds `%(rev)999999999999999`, which is not understood")
    );
    assert_eq!(named("%s", "m"), odd("holds `%s`, which is not understood"));
}
