//! Connections and sessions: statements, and queries answered from the state or by an empty database.

use std::rc::Rc;
use std::sync::Arc;

use super::{Migration, root_path, sqlalchemy, table_name, unknown_reason};
use crate::schema::effect::{Change, Dropping};
use crate::schema::evaluate::{Arguments, Evaluator, TextBuilder};
use crate::schema::sql::{
    self, Action,
    catalog::{self, Cell, Parameters},
};
use crate::schema::state::{Name, Place, Touch};
use crate::schema::value::{Callee, Construct, Rows, Shape, TextPiece, Value};

/// A result without rows.
fn no_rows() -> Value {
    Value::Rows(Rc::new(Rows::default()))
}

fn result(columns: Vec<Arc<str>>, rows: Vec<Vec<Value>>) -> Value {
    Value::Rows(Rc::new(Rows { columns, rows, shape: Shape::Result }))
}

impl Migration {
    pub(super) fn connection(
        &self,
        evaluator: &mut Evaluator<'_>,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        let statement = || arguments.get(0, "statement").cloned().unwrap_or(Value::None);
        match name {
            "execute" | "exec_driver_sql" | "exec" => {
                Some(self.execute(evaluator, &statement(), arguments.args.get(1), place))
            }
            "scalar" | "scalars" | "scalar_one" => {
                let rows = self.execute(evaluator, &statement(), arguments.args.get(1), place);
                let method = evaluator.attribute(&rows, name, place);
                Some(evaluator.call(&method, Arguments::default(), place))
            }
            // A query of the ORM finds nothing in an empty database.
            "query" | "get" => Some(if name == "get" { Value::None } else { no_rows() }),
            "add"
            | "add_all"
            | "merge"
            | "delete"
            | "bulk_save_objects"
            | "bulk_insert_mappings"
            | "flush"
            | "close"
            | "expunge_all"
            | "expire_all"
            | "rollback"
            | "refresh"
            | "dispose"
            | "set_isolation_level"
            | "info"
            | "bulk_update_mappings"
            | "invalidate" => Some(Value::None),
            "commit" => {
                // A session that is bound to the connection commits what it did itself.
                let is_session = root_path(receiver).is_some_and(|path| !path.starts_with("alembic."));
                if !is_session {
                    self.emit(evaluator, Change::Commit, place);
                }
                Some(Value::None)
            }
            "has_table" => self.inspect(evaluator, name, arguments, place),
            "run_callable" | "run_sync" => {
                let reason = format!("{name}() runs other code with the connection");
                self.emit_opaque(evaluator, reason, vec![Touch::Anything], place);
                Some(Value::None)
            }
            "in_transaction" => Some(Value::Bool(true)),
            _ => None,
        }
    }

    /// `execute(statement, parameters)`.
    pub(super) fn execute(
        &self,
        evaluator: &mut Evaluator<'_>,
        statement: &Value,
        parameters: Option<&Value>,
        place: &Place,
    ) -> Value {
        let mut bound = Parameters::new();
        bind(parameters, &mut bound);
        match statement {
            Value::Str(_) | Value::Text(_) => self.run_text(evaluator, statement, &bound, place),
            Value::Construct(construct) => {
                let construct = Rc::clone(construct);
                self.run_construct(evaluator, statement, &construct, bound, place)
            }
            // Several statements in a list.
            Value::List(_) | Value::Tuple(_) => {
                for item in statement.items().unwrap_or_default() {
                    self.execute(evaluator, &item, None, place);
                }
                no_rows()
            }
            Value::Unknown(_) => {
                let reason =
                    format!("its SQL is not known: {}", unknown_reason(Some(statement), "it is computed"));
                self.emit_opaque(evaluator, reason, vec![Touch::Anything], place);
                Value::unknown("the result of a statement that is not known", place.clone())
            }
            Value::Instance(instance) => {
                let reason = format!("it executes a {} of the repository", instance.class.name());
                self.emit_opaque(evaluator, reason, vec![Touch::Anything], place);
                no_rows()
            }
            _ => no_rows(),
        }
    }

    fn run_construct(
        &self,
        evaluator: &mut Evaluator<'_>,
        statement: &Value,
        construct: &Rc<Construct>,
        mut bound: Parameters,
        place: &Place,
    ) -> Value {
        // `text("…").bindparams(a=1)`: the text is at the root.
        if let Some((text, chained)) = text_of(statement, 0) {
            bound.extend(chained);
            return self.run_text(evaluator, &text, &bound, place);
        }
        let path = construct.path().and_then(sqlalchemy);
        let first = construct.args.first();
        match path {
            Some("DDL") => {
                if let Some(text) = first {
                    return self.run_text(evaluator, text, &bound, place);
                }
            }
            Some("CreateTable") => {
                if let Some(spec) = first.and_then(|table| self.table_spec(evaluator, table)) {
                    self.emit_table(evaluator, spec, place);
                    return no_rows();
                }
                self.emit_opaque(
                    evaluator,
                    "a table that is not known is made",
                    vec![Touch::Schema(None)],
                    place,
                );
                return no_rows();
            }
            Some("DropTable") => {
                match table_name(first, None, self.database) {
                    Some(table) => self.emit(evaluator, Change::DropTable(table, Dropping::default()), place),
                    None => self.emit_opaque(
                        evaluator,
                        "a table that is not known is dropped",
                        vec![Touch::Schema(None)],
                        place,
                    ),
                }
                return no_rows();
            }
            Some("CreateSequence" | "DropSequence" | "SetTableComment" | "SetColumnComment") => {
                return no_rows();
            }
            Some("CreateSchema") => {
                if let Some(name) = first.and_then(Value::as_text) {
                    self.emit(evaluator, Change::CreateSchema(name), place);
                }
                return no_rows();
            }
            Some("DropSchema") => {
                if let Some(name) = first.and_then(Value::as_text) {
                    let cascade = construct.kwarg("cascade").is_some();
                    let dropping = Dropping { if_exists: false, cascade };
                    self.emit(evaluator, Change::DropSchema(name, dropping), place);
                }
                return no_rows();
            }
            Some(
                "AddConstraint" | "DropConstraint" | "CreateIndex" | "DropIndex" | "CreateColumn"
                | "AddColumn",
            ) => {
                self.emit_opaque(
                    evaluator,
                    format!("{}(…) is executed", construct.name()),
                    vec![Touch::Schema(None)],
                    place,
                );
                return no_rows();
            }
            _ => {}
        }
        if let Some((table, certain)) = self.written(statement, 0) {
            self.emit(evaluator, Change::Write(table, certain, Vec::new()), place);
            return no_rows();
        }
        if counts(statement, 0) {
            return result(Vec::new(), vec![vec![Value::Int(0)]]);
        }
        no_rows()
    }

    /// The table that an `insert()` or `update()` writes.
    fn written(&self, value: &Value, depth: usize) -> Option<(Name, bool)> {
        if depth > 32 {
            return None;
        }
        let construct = value.as_construct()?;
        match &construct.callee {
            Callee::Path(path) => match sqlalchemy(path)? {
                "insert" => Some((table_name(construct.args.first(), None, self.database)?, true)),
                "update" => Some((table_name(construct.args.first(), None, self.database)?, false)),
                _ => None,
            },
            Callee::Method(receiver, name) => match &**name {
                "insert" => Some((table_name(Some(receiver), None, self.database)?, true)),
                "update" => Some((table_name(Some(receiver), None, self.database)?, false)),
                "from_select" => self.written(receiver, depth + 1).map(|(table, _)| (table, false)),
                _ => self.written(receiver, depth + 1),
            },
        }
    }

    fn run_text(
        &self,
        evaluator: &mut Evaluator<'_>,
        text: &Value,
        bound: &Parameters,
        place: &Place,
    ) -> Value {
        let mut pieces = TextBuilder::default();
        pieces.value(text);
        let pieces: Vec<TextPiece> = pieces
            .pieces()
            .into_iter()
            // `\:` is a colon in text().
            .map(|piece| match piece {
                TextPiece::Known(text) if text.contains("\\:") => {
                    TextPiece::Known(Arc::from(text.replace("\\:", ":")))
                }
                piece => piece,
            })
            .collect();
        let actions = sql::read(&pieces);
        let mut last = None;
        self.run(evaluator, &actions, bound, place, &mut last);
        last.unwrap_or_else(no_rows)
    }

    fn run(
        &self,
        evaluator: &mut Evaluator<'_>,
        actions: &[Action],
        bound: &Parameters,
        place: &Place,
        last: &mut Option<Value>,
    ) {
        for action in actions {
            match action {
                Action::Change(change) => {
                    *last = None;
                    self.emit(evaluator, change.clone(), place);
                }
                Action::Query(text) => *last = Some(self.query(evaluator, text, bound, place)),
                Action::Guarded(inside) => {
                    evaluator.guard(true);
                    self.run(evaluator, inside, bound, place, last);
                    evaluator.guard(false);
                }
                Action::If(branches, otherwise) => {
                    self.run_if(evaluator, branches, otherwise, bound, place, last)
                }
                Action::ForEach(source, inside) => {
                    if inside.is_empty() {
                        continue;
                    }
                    let rows = match catalog::asks_catalog(source) {
                        true => self.rows(evaluator, source, bound).map(|answer| answer.rows.len()),
                        // A range or a query of a table: nothing is known of a range, a table is empty.
                        false if source.to_uppercase().contains("SELECT") => Some(0),
                        false => None,
                    };
                    match rows {
                        Some(0) => {}
                        Some(_) => self.run(evaluator, inside, bound, place, last),
                        None => {
                            let reason = Arc::from("it is done in a loop of a DO block");
                            evaluator
                                .under(reason, |evaluator| self.run(evaluator, inside, bound, place, last));
                        }
                    }
                }
            }
        }
    }

    fn run_if(
        &self,
        evaluator: &mut Evaluator<'_>,
        branches: &[(Arc<str>, Vec<Action>)],
        otherwise: &[Action],
        bound: &Parameters,
        place: &Place,
        last: &mut Option<Value>,
    ) {
        let Some(((condition, inside), rest)) = branches.split_first() else {
            self.run(evaluator, otherwise, bound, place, last);
            return;
        };
        let holds = match (catalog::asks_catalog(condition), &self.machine) {
            (true, None) => {
                self.ask(evaluator, |_| ());
                return;
            }
            (_, Some(_)) => {
                let default = self.database.default_schema();
                self.ask(evaluator, |machine| catalog::condition(&machine.schema, default, condition))
                    .flatten()
            }
            (false, None) => {
                catalog::condition(&Default::default(), self.database.default_schema(), condition)
            }
        };
        match holds {
            Some(true) => self.run(evaluator, inside, bound, place, last),
            Some(false) => self.run_if(evaluator, rest, otherwise, bound, place, last),
            None => {
                let short: String =
                    condition.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(80).collect();
                let reason: Arc<str> = Arc::from(format!("it depends on `IF {short}`"));
                evaluator.under(Arc::clone(&reason), |evaluator| {
                    self.run(evaluator, inside, bound, place, last);
                });
                evaluator.under(reason, |evaluator| {
                    self.run_if(evaluator, rest, otherwise, bound, place, last);
                });
            }
        }
    }

    fn rows(&self, evaluator: &mut Evaluator<'_>, text: &str, bound: &Parameters) -> Option<catalog::Answer> {
        let default = self.database.default_schema();
        self.ask(evaluator, |machine| catalog::answer(&machine.schema, default, text, bound)).flatten()
    }

    /// A query: catalogues are answered from the state, tables are empty.
    fn query(&self, evaluator: &mut Evaluator<'_>, text: &str, bound: &Parameters, place: &Place) -> Value {
        let answer = match catalog::asks_catalog(text) {
            true => {
                let answer = self.rows(evaluator, text, bound);
                if answer.is_none() {
                    return Value::unknown("what the database answers is not known", place.clone());
                }
                answer
            }
            false => catalog::answer(&Default::default(), self.database.default_schema(), text, bound),
        };
        let Some(answer) = answer else { return no_rows() };
        let cell = |cell: Cell| match cell {
            Cell::Null => Value::None,
            Cell::Text(text) => Value::Str(text),
            Cell::Number(number) => Value::Int(number),
            Cell::Bool(flag) => Value::Bool(flag),
            Cell::List(items) => Value::list(items.into_iter().map(Value::Str).collect()),
            Cell::Unknown => Value::unknown("what the database answers is not known", place.clone()),
        };
        let rows = answer.rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
        result(answer.columns, rows)
    }
}

/// The parameters that a dict binds.
fn bind(parameters: Option<&Value>, bound: &mut Parameters) {
    let Some(Value::Dict(items)) = parameters else { return };
    for (key, value) in items.borrow().iter() {
        if let Value::Str(key) = key {
            bound.insert(Arc::clone(key), cell(value));
        }
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::None => Cell::Null,
        Value::Bool(flag) => Cell::Bool(*flag),
        Value::Int(int) => Cell::Number(*int),
        Value::List(_) | Value::Tuple(_) | Value::Set(_) => {
            let texts: Option<Vec<Arc<str>>> =
                value.items().and_then(|items| items.iter().map(Value::as_text).collect());
            texts.map_or(Cell::Unknown, Cell::List)
        }
        value => value.as_text().map_or(Cell::Unknown, Cell::Text),
    }
}

/// The text at the root of `text("…").bindparams(…)`, and what is bound on the way.
fn text_of(value: &Value, depth: usize) -> Option<(Value, Parameters)> {
    if depth > 32 {
        return None;
    }
    let construct = value.as_construct()?;
    match &construct.callee {
        Callee::Path(path) if sqlalchemy(path) == Some("text") || path.ends_with(".text") => {
            Some((construct.args.first()?.clone(), Parameters::new()))
        }
        Callee::Path(_) => None,
        Callee::Method(receiver, name) => {
            let (text, mut bound) = text_of(receiver, depth + 1)?;
            if matches!(&**name, "bindparams" | "params") {
                for (key, value) in &construct.kwargs {
                    bound.insert(Arc::clone(key), cell(value));
                }
                for arg in &construct.args {
                    if let Some(parameter) = arg.as_construct()
                        && let (Some(name), Some(value)) =
                            (parameter.arg(0, "key").and_then(Value::as_text), parameter.arg(1, "value"))
                    {
                        bound.insert(name, cell(value));
                    }
                }
            }
            Some((text, bound))
        }
    }
}

/// Whether a `select(…)` counts.
fn counts(value: &Value, depth: usize) -> bool {
    if depth > 32 {
        return false;
    }
    let Some(construct) = value.as_construct() else { return false };
    let is_count = |construct: &Construct| construct.path().is_some_and(|path| path.ends_with(".func.count"));
    let lists = construct.args.iter().flat_map(|arg| match arg {
        Value::List(items) => items.borrow().clone(),
        other => vec![other.clone()],
    });
    let mut counted = lists.filter_map(|arg| arg.as_construct().cloned()).map(|arg| is_count(&arg));
    counted.any(|counted| counted)
        || match &construct.callee {
            Callee::Method(receiver, _) => counts(receiver, depth + 1),
            Callee::Path(_) => false,
        }
}
