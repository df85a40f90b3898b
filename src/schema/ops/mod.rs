//! The world of a migration: what `op.*`, connections and inspectors do when `upgrade()` is evaluated.

mod batch;
mod connection;
mod inspector;
mod operations;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use memchr::memmem;

use super::effect::{Change, Effect};
use super::evaluate::{Arguments, Evaluator, Host};
use super::replay::Machine;
use super::state::{Name, Place, Touch};
use super::types::Database;
use super::value::{Callee, Value, last_component};

/// Calls of other packages that change the schema, by the end of their dotted names.
const CHANGING: &[&str] = &["create_all", "drop_all", "upgrade", "downgrade", "stamp"];

/// One `upgrade()` under evaluation.
pub struct Migration {
    /// The database.
    database: Database,
    /// The state, where there is one: effects are applied as they come, and questions answered from it.
    machine: Option<Rc<RefCell<Machine>>>,
    effects: RefCell<Vec<Effect>>,
    /// Whether something was asked that only a state can answer.
    asked: Cell<bool>,
    autocommit: Cell<usize>,
    /// `MetaData()` objects of the migration with the tables that were made for them.
    tables: RefCell<Vec<(Value, Value)>>,
}

impl Migration {
    /// A migration without a state: what it asks of one ends the evaluation.
    pub fn blind(database: Database) -> Self {
        Self {
            database,
            machine: None,
            effects: RefCell::default(),
            asked: Cell::new(false),
            autocommit: Cell::new(0),
            tables: RefCell::default(),
        }
    }

    /// A migration that runs against `machine`.
    pub fn live(database: Database, machine: Rc<RefCell<Machine>>) -> Self {
        Self { machine: Some(machine), ..Self::blind(database) }
    }

    /// Whether it asked for a state that it did not have.
    pub fn asked(&self) -> bool {
        self.asked.get()
    }

    /// What it has done so far; forgets it, too.
    pub fn take(&self) -> Vec<Effect> {
        self.asked.set(false);
        self.autocommit.set(0);
        self.tables.borrow_mut().clear();
        self.effects.take()
    }

    fn emit(&self, evaluator: &Evaluator<'_>, change: Change, place: &Place) {
        let effect = Effect {
            change,
            place: place.clone(),
            condition: evaluator.condition(),
            guarded: evaluator.is_guarded(),
            autocommit: self.autocommit.get() > 0,
        };
        if let Some(machine) = &self.machine {
            machine.borrow_mut().apply(&effect);
        }
        self.effects.borrow_mut().push(effect);
    }

    fn emit_opaque(
        &self,
        evaluator: &Evaluator<'_>,
        reason: impl AsRef<str>,
        touches: Vec<Touch>,
        place: &Place,
    ) {
        self.emit(evaluator, Change::Opaque(Arc::from(reason.as_ref()), touches), place);
    }

    /// `config.get_main_option(name, default)` of an option that neither an `alembic.ini` nor an `env.py` above the
    /// migration mentions: the default. What they do mention is not known.
    fn main_option(
        &self,
        evaluator: &mut Evaluator<'_>,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        let name = arguments.get(0, "name")?.as_text()?;
        // The answer hangs on other files than the migration, so it is not kept with that.
        self.ask(evaluator, |_| ())?;
        let mut directory = place.path.parent();
        loop {
            for file in ["alembic.ini", "env.py"] {
                let text = evaluator.file_text(&directory.join(file));
                if text.is_some_and(|text| memmem::find(&text, name.as_bytes()).is_some()) {
                    return None;
                }
            }
            if directory.is_root() {
                break;
            }
            directory = directory.parent();
        }
        Some(arguments.get(1, "default").cloned().unwrap_or(Value::None))
    }

    /// Asks the state; without one the evaluation is told to stop.
    fn ask<R>(&self, evaluator: &mut Evaluator<'_>, question: impl FnOnce(&Machine) -> R) -> Option<R> {
        match &self.machine {
            Some(machine) => Some(question(&machine.borrow())),
            None => {
                self.asked.set(true);
                evaluator.stop("it asks the database");
                None
            }
        }
    }
}

/// `name` of `alembic.op.name`.
fn operation(path: &str) -> Option<&str> {
    path.strip_prefix("alembic.op.").filter(|name| !name.contains('.'))
}

/// A dotted name without `sqlalchemy` and its modules: `Enum` of `sqlalchemy.types.Enum`.
fn sqlalchemy(path: &str) -> Option<&str> {
    path.starts_with("sqlalchemy.").then(|| last_component(path))
}

/// What a chain of methods and attributes begins with.
fn root(value: &Value) -> &Value {
    let mut value = value;
    for _ in 0..64 {
        value = match value {
            Value::Attribute(attribute) => &attribute.0,
            Value::Construct(construct) => match &construct.callee {
                Callee::Method(receiver, _) => receiver,
                Callee::Path(_) => break,
            },
            _ => break,
        };
    }
    value
}

/// The dotted name that a chain begins with.
fn root_path(value: &Value) -> Option<&str> {
    match root(value) {
        Value::External(path) => Some(path),
        Value::Construct(construct) => construct.path(),
        _ => None,
    }
}

/// What a value is to a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A connection, engine, session or migration context.
    Connection,
    /// `dialect` of one.
    Dialect,
    /// An inspector.
    Inspector,
    /// `batch_alter_table(…)`.
    Batch,
    /// An enum type.
    Enum,
    /// A `Table(…)`.
    Table,
    /// `MetaData(…)`.
    MetaData,
    /// `alembic.context`.
    Context,
    /// Alembic's configuration, `config` of a context.
    Config,
    /// Nothing of these.
    Other,
}

fn kind(value: &Value) -> Kind {
    kind_at(value, 0)
}

fn kind_at(value: &Value, depth: usize) -> Kind {
    if depth > 32 {
        return Kind::Other;
    }
    match value {
        Value::External(path) => match &**path {
            "alembic.context" => Kind::Context,
            "alembic.context.config" => Kind::Config,
            _ => Kind::Other,
        },
        Value::Attribute(attribute) => match (kind_at(&attribute.0, depth + 1), &*attribute.1) {
            (Kind::Connection | Kind::Inspector, "dialect") => Kind::Dialect,
            (Kind::Connection | Kind::Context, "config") => Kind::Config,
            (Kind::Connection, "engine" | "bind" | "connection" | "impl" | "sync_connection") => {
                Kind::Connection
            }
            _ => Kind::Other,
        },
        Value::Construct(construct) => match &construct.callee {
            Callee::Path(path) => match operation(path) {
                Some("get_bind" | "get_context") => Kind::Connection,
                Some("batch_alter_table") => Kind::Batch,
                Some(_) => Kind::Other,
                None => {
                    let name = last_component(path);
                    let of_connection = || {
                        let mut values =
                            construct.args.iter().chain(construct.kwargs.iter().map(|(_, value)| value));
                        values.any(|value| kind_at(value, depth + 1) == Kind::Connection)
                    };
                    match name {
                        "inspect" | "from_engine" | "Inspector" if path.starts_with("sqlalchemy") => {
                            Kind::Inspector
                        }
                        "reflection" => Kind::Other,
                        "Enum" | "ENUM" if path.starts_with("sqlalchemy") => Kind::Enum,
                        "Table" if path.starts_with("sqlalchemy") => Kind::Table,
                        "MetaData" => Kind::MetaData,
                        "get_context" | "get_bind" if path.starts_with("alembic.") => Kind::Connection,
                        "get_engine" => Kind::Connection,
                        _ if name.ends_with("Session") || name == "sessionmaker" || name == "Connection" => {
                            if of_connection() || path.starts_with("sqlalchemy") {
                                Kind::Connection
                            } else {
                                Kind::Other
                            }
                        }
                        _ => Kind::Other,
                    }
                }
            },
            Callee::Method(receiver, name) => match (kind_at(receiver, depth + 1), &**name) {
                (
                    Kind::Connection,
                    "connect" | "begin" | "begin_nested" | "execution_options" | "get_bind" | "__call__"
                    | "engine" | "connection" | "options" | "autocommit_block" | "begin_transaction",
                ) => Kind::Connection,
                (Kind::Context, "get_context" | "get_bind") => Kind::Connection,
                // `enginefacade.writer.get_engine()`: there is one database.
                (_, "get_engine") => Kind::Connection,
                (Kind::Enum, "with_variant" | "copy") => Kind::Enum,
                _ => Kind::Other,
            },
        },
        _ => Kind::Other,
    }
}

impl Host for Migration {
    fn done(&self) -> usize {
        self.effects.borrow().len()
    }

    fn call(
        &self,
        evaluator: &mut Evaluator<'_>,
        path: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        if let Some(name) = operation(path) {
            return self.operation(evaluator, name, arguments, place);
        }
        match path {
            "alembic.context.is_offline_mode" => return Some(Value::Bool(false)),
            "alembic.context.get_x_argument" => return Some(Value::dict(Vec::new())),
            "os.path.exists" => return None,
            _ => {}
        }
        match sqlalchemy(path) {
            // Tables of one MetaData are made together by `create_all`.
            Some("Table") => {
                let value = evaluator.keep(path, arguments, place);
                if let Some(metadata) = arguments.get(1, "metadata") {
                    self.tables.borrow_mut().push((metadata.clone(), value.clone()));
                }
                return Some(value);
            }
            Some(_) => return None,
            None => {}
        }
        if path.starts_with("alembic.command.")
            || CHANGING.contains(&last_component(path)) && path.contains("metadata")
        {
            self.emit_opaque(evaluator, format!("{path}() runs other code"), vec![Touch::Anything], place);
            return Some(Value::None);
        }
        None
    }

    fn method(
        &self,
        evaluator: &mut Evaluator<'_>,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        match kind(receiver) {
            Kind::Batch => self.batch(evaluator, receiver, name, arguments, place),
            Kind::Inspector => self.inspect(evaluator, name, arguments, place),
            Kind::Connection => self.connection(evaluator, receiver, name, arguments, place),
            Kind::Dialect => match name {
                "has_table" | "has_index" | "has_sequence" | "has_type" | "get_table_names"
                | "get_columns" => {
                    let rest = Arguments {
                        args: arguments.args.iter().skip(1).cloned().collect(),
                        ..arguments.clone()
                    };
                    self.inspect(evaluator, name, &rest, place)
                }
                _ => None,
            },
            Kind::Enum => self.enum_method(evaluator, receiver, name, arguments, place),
            Kind::Table => self.table_method(evaluator, receiver, name, arguments, place),
            Kind::MetaData => self.metadata_method(evaluator, receiver, name, place),
            Kind::Context => match name {
                "is_offline_mode" => Some(Value::Bool(false)),
                "get_x_argument" => Some(Value::dict(Vec::new())),
                _ => None,
            },
            Kind::Config => match name {
                "get_main_option" => self.main_option(evaluator, arguments, place),
                _ => None,
            },
            Kind::Other => self.other_method(evaluator, name, arguments, place),
        }
    }

    fn attribute(&self, _: &mut Evaluator<'_>, receiver: &Value, name: &str) -> Option<Value> {
        match (kind(receiver), name) {
            (Kind::Dialect, "name") => Some(Value::str(self.database.name())),
            (Kind::Dialect, "server_version_info") if self.database == Database::PostgreSql => {
                Some(Value::tuple(vec![Value::Int(15), Value::Int(0)]))
            }
            (Kind::Dialect, "paramstyle" | "driver") => None,
            (Kind::Connection, "name") => Some(Value::str(self.database.name())),
            (Kind::Connection, "as_sql") => Some(Value::Bool(false)),
            _ => None,
        }
    }

    fn enter(&self, evaluator: &mut Evaluator<'_>, value: &Value) {
        if is_suppress(value) {
            evaluator.guard(true);
        }
        if is_autocommit(value) {
            let place = value.as_construct().map(|construct| construct.place.clone()).unwrap_or_default();
            self.emit(evaluator, Change::Commit, &place);
            self.autocommit.set(self.autocommit.get() + 1);
        }
    }

    fn exit(&self, evaluator: &mut Evaluator<'_>, value: &Value) {
        if is_suppress(value) {
            evaluator.guard(false);
        }
        if is_autocommit(value) {
            self.autocommit.set(self.autocommit.get().saturating_sub(1));
        }
    }

    fn opaque(&self, evaluator: &mut Evaluator<'_>, reason: &str, place: &Place) {
        self.emit_opaque(evaluator, reason, vec![Touch::Anything], place);
    }
}

fn is_suppress(value: &Value) -> bool {
    value.as_construct().and_then(|construct| construct.path()) == Some("contextlib.suppress")
}

fn is_autocommit(value: &Value) -> bool {
    value.as_construct().is_some_and(|construct| construct.name() == "autocommit_block")
}

/// The reason of an argument that is not known.
fn unknown_reason(value: Option<&Value>, default: &str) -> String {
    match value.and_then(Value::reason) {
        Some(unknown) if !unknown.reason.is_empty() => unknown.reason.to_string(),
        _ => default.to_owned(),
    }
}

/// The table that an argument names.
fn table_name(value: Option<&Value>, schema: Option<&Value>, database: Database) -> Option<Name> {
    let name = match value? {
        Value::Construct(construct) if matches!(construct.name(), "quoted_name" | "f") => {
            construct.args.first().and_then(Value::as_text)?
        }
        Value::Construct(construct) if matches!(construct.name(), "Table" | "table") => {
            let name = construct.arg(0, "name").and_then(Value::as_text)?;
            let schema = super::specs::schema_of(construct.kwarg("schema"), database);
            return Some(Name { schema, name });
        }
        value => value.as_text()?,
    };
    Some(Name { schema: super::specs::schema_of(schema, database), name })
}
