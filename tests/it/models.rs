//! `schema --models` beside what real SQLAlchemy makes of the same models: `fixtures/models`, whose answers
//! `scripts/compare-models-with-sqlalchemy` asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::support::history::History;
use super::support::onehead;
use super::support::repository::Repository;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[allow(dead_code, reason = "it is for readers")]
    about: String,
    #[allow(dead_code, reason = "the script asks these libraries")]
    with: Vec<String>,
    files: BTreeMap<String, String>,
    /// What onehead says it does not know: `table.column`, or a table that may have more.
    #[serde(default)]
    unknown: BTreeSet<String>,
    tables: BTreeMap<String, BTreeSet<String>>,
}

const ENV: &str = "from alembic import context\n\nfrom app.models import Base\n\ntarget_metadata = Base.metadata\ncontext.configure(target_metadata=target_metadata)\n";

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn columns(value: &Value, key: &str) -> String {
    let names: Vec<&str> = value[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    names.join(", ")
}

fn qualified(schema: &Value, name: &str) -> String {
    match schema.as_str() {
        None | Some("public") => name.to_owned(),
        Some(schema) => format!("{schema}.{name}"),
    }
}

/// The table as lines, and what of it is not known.
fn lines(name: &str, table: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut lines, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    let all = |key: &str| table[key].as_array().unwrap().clone();
    if table["state"] != "complete" {
        unknown.insert(name.to_owned());
    }
    for column in all("columns") {
        let own = text(&column, "name");
        if column["certainty"] != "known" || column["nullable"].is_null() {
            unknown.insert(format!("{name}.{own}"));
        }
        let null = if column["nullable"] == false { " not null" } else { "" };
        lines.insert(format!("{own} {}{null}", text(&column, "type")));
    }
    let key = &table["primary_key"];
    if !key.is_null() {
        lines.insert(format!("primary key {} ({})", text(key, "name"), columns(key, "columns")));
    }
    for unique in all("uniques") {
        lines.insert(format!("unique {} ({})", text(&unique, "name"), columns(&unique, "columns")));
    }
    for key in all("foreign_keys") {
        let deleted = key["on_delete"].as_str().map(|action| format!(" on delete {}", action.to_lowercase()));
        lines.insert(format!(
            "foreign key {} ({}) references {} ({}){}",
            text(&key, "name"),
            columns(&key, "columns"),
            qualified(&key["ref_schema"], text(&key, "ref_table")),
            columns(&key, "ref_columns"),
            deleted.unwrap_or_default(),
        ));
    }
    for index in all("indexes") {
        let unique = if index["unique"] == true { "unique " } else { "" };
        lines.insert(format!("{unique}index {} ({})", text(&index, "name"), columns(&index, "columns")));
    }
    (lines, unknown)
}

/// What is wrong with the answer about a case.
fn wrong(name: &str, case: &Case) -> Vec<String> {
    let mut files = BTreeMap::from([
        ("alembic.ini".to_owned(), "[alembic]\nscript_location = migrations\n".to_owned()),
        ("migrations/env.py".to_owned(), ENV.to_owned()),
        ("migrations/versions/.keep".to_owned(), String::new()),
        ("app/__init__.py".to_owned(), String::new()),
    ]);
    files.extend(case.files.clone());
    let history = serde_json::json!({
        "about": name,
        "steps": [{"commit": {"files": files}}],
        "runs": [{"args": ["schema", "--models", "--format", "json"], "exit": 0}],
    });
    let history: History = serde_json::from_value(history).unwrap();
    let repository = Repository::build(&history);
    let answer = onehead::run(&repository, &history.runs[0], &history.runs[0].args);
    assert_eq!(answer.exit, Some(0), "{name}: {}", answer.stderr);
    let document: Value = serde_json::from_str(&answer.stdout).unwrap();
    let environment = &document["environments"][0];
    let mut found = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for table in environment["tables"].as_array().unwrap() {
        let name = qualified(&table["schema"], text(table, "name"));
        let (lines, doubts) = lines(&name, table);
        unknown.extend(doubts);
        found.insert(name, lines);
    }
    // A table that may be there is told as such.
    let touched = environment["opaque"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|opaque| opaque["touches"].as_array().unwrap());
    let touched: Vec<String> = touched.map(|touch| touch.as_str().unwrap().to_owned()).collect();
    for table in case.tables.keys().filter(|table| !found.contains_key(*table)) {
        if touched.iter().any(|touch| touch.split(' ').any(|word| word == table)) {
            unknown.insert(table.clone());
        }
    }
    let mut wrong = Vec::new();
    let none = BTreeSet::new();
    let names: BTreeSet<&String> = found.keys().chain(case.tables.keys()).collect();
    for table in names {
        let (mine, real) = (found.get(table).unwrap_or(&none), case.tables.get(table).unwrap_or(&none));
        // A column whose type is told not to be known is right.
        let is_open = |line: &String| {
            let column = line.split(' ').next().unwrap_or_default();
            unknown.contains(table) || unknown.contains(&format!("{table}.{column}"))
        };
        wrong.extend(
            mine.difference(real)
                .filter(|line| !is_open(line))
                .map(|line| format!("{name}: {table} has not: {line}")),
        );
        wrong.extend(
            real.difference(mine)
                .filter(|line| !is_open(line))
                .map(|line| format!("{name}: {table} lacks: {line}")),
        );
    }
    if unknown != case.unknown {
        wrong.push(format!("{name}: unknown is {unknown:?}, opaque {}", environment["opaque"]));
    }
    wrong
}

#[test]
fn models_are_those_of_real_sqlalchemy() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models");
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut all = Vec::new();
    for path in &paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case: Case = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        all.extend(wrong(&name, &case));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}
