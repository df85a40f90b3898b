//! The schema that SQLAlchemy's models declare, told without importing them.
//!
//! [`files`](self) that may declare tables are found by their words, evaluated like migrations, and their classes
//! and `Table(…)` calls become the table specifications that `create_table` would get. The machine of the replay
//! makes tables of these, so that both sides have the same names and types. What cannot be read is told in
//! [`Schema::opaque`], as it is for migrations.

mod annotation;
mod assemble;
mod classes;
mod columns;
mod files;
mod host;
mod library;
mod pattern;
mod sqlmodel;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::evaluate::{Answers, Asked, Evaluator, Files as _, ParsedFiles, TreeFiles};
use super::fault::ReplayFault;
use super::replay::{NamingConvention, Settings, import_roots};
use super::state::{Name, Opaque, Place, Schema};
use super::types::Database;
use super::value::Value;
use crate::cache::{self, Kind};
use crate::revision::Environment;
use crate::vcs::{Objects, RepoPath, TreeId};

pub use files::declares_in;

/// Stack for evaluating modules that import each other.
const STACK: usize = 64 << 20;

/// The models of one environment.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Models {
    /// The tables that `target_metadata` reaches.
    pub schema: Schema,
    /// What PostgreSQL would refuse of it: key types, targets, names.
    pub faults: Vec<ReplayFault>,
    /// Every declaration of a table that was found, sorted by place.
    pub declared: Vec<ModelTable>,
    /// Why it is not certain that these are the models that the environment knows.
    pub doubt: Option<Arc<str>>,
    /// Tables whose class is commented out, with the line that names them.
    pub commented: Vec<(Arc<str>, Place)>,
    /// Tables with a foreign key that cannot be read.
    pub unread_keys: BTreeSet<Name>,
    /// Tables with a constraint or an index that cannot be read.
    pub unread_uniques: BTreeSet<Name>,
    /// Whether tables may be made elsewhere: env.py leaves some out (`include_object`, `include_name`), or another
    /// environment shares the metadata.
    pub filtered: bool,
}

/// One class or `Table(…)` that declares a table.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ModelTable {
    /// The table.
    pub name: Name,
    /// The class; the table's name for a `Table(…)`.
    pub class: Arc<str>,
    /// Where.
    pub place: Place,
    /// The metadata that holds it: where that is made, or the package that brings it.
    pub metadata: Arc<str>,
    /// Whether `target_metadata` is, or holds, that metadata.
    pub targeted: bool,
    /// Whether `env.py` imports its module, directly or not.
    pub reached: bool,
    /// Whether it is made whenever its module is imported: under no test and in no function.
    pub unconditional: bool,
    /// Whether it may extend a table of the same name (`extend_existing`, `keep_existing`).
    pub extends: bool,
}

impl Models {
    /// Whether everything was read: nothing of it can hide a table.
    pub fn is_closed(&self) -> bool {
        self.doubt.is_none()
            && !self
                .schema
                .opaque
                .iter()
                .flat_map(|opaque| &opaque.touches)
                .any(|touch| matches!(touch, super::state::Touch::Anything | super::state::Touch::Schema(_)))
    }
}

/// Reads the models of `environment` in the tree `root`.
pub fn read(
    objects: &Objects,
    root: TreeId,
    parsed: &ParsedFiles,
    environment: &Environment,
    database: Database,
) -> Models {
    let tree = TreeFiles::new(objects, root, parsed);
    let candidates = files::candidates(objects, root, parsed, environment);
    let roots = import_roots(environment);
    let key = || cache::digest(&(&candidates, &environment.directory, &roots, database));
    Answers::new(&tree, &roots).kept_or(Kind::Models, key, || {
        stacker::grow(STACK, || evaluate(&tree, &candidates, environment, (database, &roots)))
    })
}

fn evaluate(
    tree: &TreeFiles<'_>,
    candidates: &[RepoPath],
    environment: &Environment,
    (database, roots): (Database, &[RepoPath]),
) -> (Models, BTreeSet<Asked>) {
    let host = Rc::new(host::ModelHost::default());
    let mut evaluator = Evaluator::new(tree, Rc::clone(&host) as _, roots.to_vec());
    let env = environment.directory.join("env.py");
    let reached: BTreeSet<RepoPath> = evaluator.imported_files(&env).into_iter().collect();
    let mut reader = classes::Reader::new(&mut evaluator, database);
    let target = reader.target(&env);
    let mut found = assemble::Found::default();
    for path in candidates {
        reader.evaluator.refill();
        host.begin();
        let Some(module) = reader.evaluator.module(path) else { continue };
        if let Some((reason, line)) = &module.tree.error {
            let place = Place { path: path.clone(), line: *line, ..Place::default() };
            found.unreadable(format!("the file cannot be parsed: {reason}"), place);
        }
        let made = ["__tablename__=", "\"__tablename__\"", "'__tablename__'"];
        if made.iter().any(|text| module.tree.text.contains(text)) {
            let place = Place { path: path.clone(), line: 1, ..Place::default() };
            found.unreadable(
                "tables are made by code: a table name is given outside of a class".into(),
                place,
            );
        }
        found.commented(path, &module.tree.text);
        found.note_statements(path, &module.tree);
        let classes = module.classes.borrow().clone();
        found.classes.extend(classes.into_iter().filter(|class| class.place.path == *path));
    }
    found.tables = host.tables();
    found.indexes = host.indexes();
    let naming = target.naming.clone().unwrap_or_default();
    let settings = Settings { database, naming, ..Settings::default() };
    reader.evaluator.refill();
    let mut models = assemble::assemble(&mut reader, found, &target, &reached, settings);
    let text = tree.file(&env).map(|env| Arc::clone(&env.text)).unwrap_or_default();
    models.filtered = text.contains("include_object") || text.contains("include_name");
    // One that tells constraints apart leaves some of them out.
    if models.filtered && ["unique_constraint", "\"index\"", "'index'"].iter().any(|kind| text.contains(kind))
    {
        models.unread_uniques.extend(models.schema.tables.keys().cloned());
    }
    (models, reader.evaluator.asked_at_all())
}

/// What `target_metadata` of `env.py` is.
#[derive(Clone, Debug, Default)]
struct Target {
    /// The keys of its metadata; empty where it is not known.
    keys: BTreeSet<Arc<str>>,
    /// Why it is not known.
    doubt: Option<Arc<str>>,
    naming: Option<NamingConvention>,
}

/// Records what hides tables.
fn opaque(reason: impl AsRef<str>, place: Place, touches: Vec<super::state::Touch>) -> Arc<Opaque> {
    Arc::new(Opaque { place, reason: Arc::from(reason.as_ref()), touches })
}

/// The dictionary of a value's naming convention.
fn convention(value: &Value) -> Option<NamingConvention> {
    let Value::Dict(items) = value else { return None };
    let items = items.borrow();
    let known = items.iter().filter_map(|(key, value)| Some((key.as_text()?, value.as_text()?)));
    Some(NamingConvention::new(known))
}
