//! The replay against what real databases answered; the measured tables are in `fixtures/postgresql`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;

use super::{Machine, Settings};
use crate::python::tree;
use crate::schema::evaluate::{Arguments, Evaluator, Files};
use crate::schema::fault::Sureness;
use crate::schema::ops::Migration;
use crate::schema::state::{ColumnType, Name, Place, Table};
use crate::schema::types::{Database, can_reference};
use crate::vcs::RepoPath;

const BEHAVIOUR: &str = include_str!("../../../fixtures/postgresql/alembic_behaviour.yaml");
const KEY_TYPES: &str = include_str!("../../../fixtures/postgresql/foreign_key_types.yaml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    case: String,
    upgrades: Vec<String>,
    run: String,
    stepwise: Option<String>,
    sqlalchemy_21: Option<String>,
    names: Option<Vec<String>>,
}

struct Memory(Vec<Arc<tree::Module>>);

impl Files for Memory {
    fn file(&self, path: &RepoPath) -> Option<Arc<tree::Module>> {
        let at: usize = path.to_string().strip_suffix(".py")?.parse().ok()?;
        self.0.get(at).cloned()
    }

    fn is_file(&self, path: &RepoPath) -> bool {
        self.file(path).is_some()
    }

    fn is_directory(&self, path: &RepoPath) -> bool {
        path.is_root()
    }

    fn text(&self, _: &RepoPath) -> Option<Vec<u8>> {
        None
    }
}

/// Replays the bodies; `kept` applies effects that were evaluated without a state wherever that can be done.
fn replayed(bodies: &[String], settings: Settings, kept: bool) -> Machine {
    let module = |body: &String| {
        let indented: String = body.lines().map(|line| format!("    {line}\n")).collect();
        let text = format!(
            "from alembic import op\nimport sqlalchemy as sa\nfrom sqlalchemy.dialects import postgresql\n\ndef upgrade():\n{indented}"
        );
        Arc::new(tree::Module::read(text.as_bytes()))
    };
    let files = Memory(bodies.iter().map(module).collect());
    let machine = Rc::new(RefCell::new(Machine::new(settings)));
    for at in 0..bodies.len() {
        machine.borrow_mut().begin();
        let evaluate = |migration: Rc<Migration>| {
            let mut evaluator = Evaluator::new(&files, Rc::clone(&migration) as _, vec![RepoPath::root()]);
            evaluator.set_revision(Some(Arc::from(at.to_string())));
            let module = evaluator.module(&RepoPath::new(format!("{at}.py"))).unwrap();
            let upgrade = evaluator.lookup(&module, "upgrade").unwrap();
            evaluator.call(&upgrade, Arguments::default(), &Place::default());
        };
        let blind = Rc::new(Migration::blind(Database::PostgreSql));
        if kept {
            evaluate(Rc::clone(&blind));
        }
        if kept && !blind.asked() {
            blind.take().iter().for_each(|effect| machine.borrow_mut().apply(effect));
        } else {
            evaluate(Rc::new(Migration::live(Database::PostgreSql, Rc::clone(&machine))));
        }
    }
    machine.take()
}

/// The first thing that the database refuses.
fn verdict(machine: &Machine) -> String {
    let refused = machine.faults.iter().find(|fault| fault.stops);
    refused.map_or_else(|| "ok".to_owned(), |fault| fault.message.clone())
}

fn names(machine: &Machine) -> Vec<String> {
    let of_table = |table: &Arc<Table>| {
        let keys = table.primary_key.iter().map(|key| key.name.clone());
        let uniques = table.uniques.iter().map(|unique| unique.name.clone());
        let foreign = table.foreign_keys.iter().map(|key| key.name.clone());
        let indexes = table.indexes.iter().map(|index| Some(Arc::clone(&index.name)));
        let all: Vec<_> = keys.chain(uniques).chain(foreign).chain(indexes).flatten().collect();
        all
    };
    let found: BTreeSet<String> =
        machine.schema.tables.values().flat_map(of_table).map(|name| name.to_string()).collect();
    found.into_iter().collect()
}

#[test]
fn verdicts_are_those_of_real_upgrades() {
    let cases: Vec<Case> = serde_yaml::from_str(BEHAVIOUR).unwrap();
    assert_eq!(cases.len(), 23);
    for case in cases {
        let run = |one_at_a_time: bool, sqlalchemy_21: bool, kept: bool| {
            let settings = Settings { one_at_a_time, sqlalchemy_21, ..Settings::default() };
            replayed(&case.upgrades, settings, kept)
        };
        let stepwise = case.stepwise.as_ref().unwrap_or(&case.run);
        for kept in [false, true] {
            let label = format!("{} kept: {kept}", case.case);
            let fresh = run(false, false, kept);
            assert_eq!(verdict(&fresh), case.run, "{label}");
            assert_eq!(verdict(&run(true, false, kept)), *stepwise, "{label}, stepwise");
            let newer = run(false, true, kept);
            assert_eq!(verdict(&newer), *case.sqlalchemy_21.as_ref().unwrap_or(&case.run), "{label}, 2.1");
            // One run that goes well still tells of the run that would not.
            let told: Vec<&str> =
                fresh.faults.iter().filter(|fault| !fault.stops).map(|fault| &*fault.message).collect();
            let expected: Vec<&str> = case.stepwise.iter().map(String::as_str).collect();
            assert_eq!(told, expected, "{label}, what stops later runs");
            // What one version of SQLAlchemy does is certain only where the others do it, too.
            let certain = fresh.faults.iter().all(|fault| fault.sureness == Sureness::Certain);
            assert_eq!(certain, case.sqlalchemy_21.is_none(), "{label}, certain");
            if let Some(expected) = &case.names {
                assert_eq!(names(&fresh), *expected, "{label}");
            }
        }
    }
}

#[test]
fn add_column_makes_no_primary_key() {
    let bodies = ["op.execute('CREATE TABLE t (a text)')\nop.add_column('t', sa.Column('id', sa.Integer(), primary_key=True))".to_owned()];
    let machine = replayed(&bodies, Settings::default(), true);
    let table = machine.schema.table(&Name::plain("t")).unwrap();
    let column = table.column("id").unwrap();
    assert_eq!((column.nullable, &*column.ty.text, &table.primary_key), (Some(false), "integer", &None));
}

#[test]
fn keys_accept_what_postgresql_accepts() {
    let accepted: BTreeMap<String, Vec<String>> = serde_yaml::from_str(KEY_TYPES).unwrap();
    assert_eq!(accepted.len(), 37);
    let column = |text: &str| match text {
        // A domain is asked by its base type.
        "did" => ColumnType::known("uuid"),
        "en" | "en2" => ColumnType { enumeration: Some(Name::plain(text)), ..ColumnType::known(text) },
        text => ColumnType::known(text),
    };
    let types: BTreeSet<&String> = accepted.keys().chain(accepted.values().flatten()).collect();
    for (parent, children) in &accepted {
        for child in &types {
            let expected = Some(children.contains(child));
            assert_eq!(can_reference(&column(child), &column(parent)), expected, "{child} to {parent}");
        }
    }
    assert_eq!(can_reference(&column("json"), &column("json")), Some(false));
    assert_eq!(can_reference(&ColumnType::unknown("X()", "why"), &column("uuid")), None);
}
