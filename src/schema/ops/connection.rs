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

/// Rounds of a loop of a block that are followed.
const MAX_ROUNDS: usize = 500;

/// A text that is being run.
struct Running<'p> {
    place: &'p Place,
    /// Parameters, and variables of its blocks.
    variables: Parameters,
    /// What the last query gave.
    last: Option<Value>,
    depth: usize,
}

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
            Value::External(path) => {
                let reason = format!("it executes {path}, which is not in the repository");
                self.emit_opaque(evaluator, reason, vec![Touch::Anything], place);
                no_rows()
            }
            Value::Attribute(_) => {
                self.emit_opaque(evaluator, "it executes what is not known", vec![Touch::Anything], place);
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
        if let Some(path) = root_path(statement)
            && !is_query(path)
            && !asks(statement, 0)
        {
            let reason = format!("it executes what {path}(…) gives");
            self.emit_opaque(evaluator, reason, vec![Touch::Anything], place);
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
        let mut script = Running { place, variables: bound.clone(), last: None, depth: 0 };
        self.run(evaluator, &actions, &mut script);
        script.last.unwrap_or_else(no_rows)
    }

    fn run(&self, evaluator: &mut Evaluator<'_>, actions: &[Action], script: &mut Running<'_>) {
        for action in actions {
            match action {
                Action::Change(change) => {
                    script.last = None;
                    self.emit(evaluator, change.clone(), script.place);
                }
                Action::Query(text) => {
                    script.last = Some(self.query(evaluator, text, &script.variables, script.place));
                }
                Action::Guarded(inside) => {
                    evaluator.guard(true);
                    self.run(evaluator, inside, script);
                    evaluator.guard(false);
                }
                Action::If(branches, otherwise) => self.run_if(evaluator, branches, otherwise, script),
                Action::ForEach(source, variable, inside) => {
                    self.run_for(evaluator, source, variable, inside, script);
                }
                Action::Assign(query, variables) => {
                    let row = match catalog::asks_catalog(query) {
                        true => self.rows(evaluator, query, &script.variables),
                        false => {
                            let default = self.database.default_schema();
                            catalog::answer(&Default::default(), default, query, &script.variables)
                        }
                    };
                    for (at, variable) in variables.iter().enumerate() {
                        let cell = match &row {
                            Some(answer) => match answer.rows.first() {
                                Some(row) => row.get(at).cloned().unwrap_or(Cell::Unknown),
                                None => Cell::Null,
                            },
                            None => Cell::Unknown,
                        };
                        script.variables.insert(Arc::clone(variable), cell);
                    }
                }
                Action::Execute(fragments) => {
                    let variables = &script.variables;
                    let pieces = sql::assembled(fragments, |name| match variables.get(name) {
                        Some(Cell::Text(text)) => Some(Arc::clone(text)),
                        _ => None,
                    });
                    // A text that executes texts that execute texts ends somewhere.
                    script.depth += 1;
                    if script.depth < 8 {
                        self.run(evaluator, &sql::read(&pieces), script);
                    }
                    script.depth -= 1;
                }
            }
        }
    }

    fn run_for(
        &self,
        evaluator: &mut Evaluator<'_>,
        source: &str,
        variable: &Arc<str>,
        inside: &[Action],
        script: &mut Running<'_>,
    ) {
        if inside.is_empty() {
            return;
        }
        let answer = match catalog::asks_catalog(source) {
            true => self.rows(evaluator, source, &script.variables),
            // A table is empty; nothing is known of a range.
            false if source.to_uppercase().contains("SELECT") => Some(catalog::Answer::default()),
            false => None,
        };
        let Some(answer) = answer else {
            let reason = Arc::from("it is done in a loop of a DO block");
            evaluator.under(reason, |evaluator| self.run(evaluator, inside, script));
            return;
        };
        for row in answer.rows.iter().take(MAX_ROUNDS) {
            for (column, cell) in answer.columns.iter().zip(row) {
                script.variables.insert(Arc::from(format!("{variable}.{column}")), cell.clone());
            }
            if let [cell] = row.as_slice() {
                script.variables.insert(Arc::clone(variable), cell.clone());
            }
            self.run(evaluator, inside, script);
        }
    }

    fn run_if(
        &self,
        evaluator: &mut Evaluator<'_>,
        branches: &[(Arc<str>, Vec<Action>)],
        otherwise: &[Action],
        script: &mut Running<'_>,
    ) {
        let Some(((condition, inside), rest)) = branches.split_first() else {
            self.run(evaluator, otherwise, script);
            return;
        };
        let default = self.database.default_schema();
        let holds = match (catalog::asks_catalog(condition), &self.machine) {
            (true, None) => {
                self.ask(evaluator, |_| ());
                return;
            }
            (_, Some(machine)) => {
                catalog::condition(&machine.borrow().schema, default, condition, &script.variables)
            }
            (false, None) => catalog::condition(&Default::default(), default, condition, &script.variables),
        };
        match holds {
            Some(true) => self.run(evaluator, inside, script),
            Some(false) => self.run_if(evaluator, rest, otherwise, script),
            None => {
                let words: Vec<&str> = condition.split_whitespace().collect();
                let short: String = words.join(" ").chars().take(80).collect();
                let reason: Arc<str> = Arc::from(format!("it depends on `IF {short}`"));
                evaluator.under(Arc::clone(&reason), |evaluator| self.run(evaluator, inside, script));
                evaluator.under(reason, |evaluator| self.run_if(evaluator, rest, otherwise, script));
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

/// Whether what a library gives is a query, by where it comes from.
fn is_query(path: &str) -> bool {
    const LIBRARIES: &[&str] = &["sqlalchemy", "sqlmodel", "alembic", "flask_sqlalchemy", "geoalchemy2"];
    LIBRARIES.contains(&path.split('.').next().unwrap_or(path))
}

/// Whether a statement is built as queries are: `….insert().values(…)`.
fn asks(value: &Value, depth: usize) -> bool {
    const VERBS: &[&str] =
        &["insert", "update", "delete", "select", "values", "where", "filter", "from_select"];
    match value.as_construct().map(|construct| &construct.callee) {
        Some(Callee::Method(receiver, name)) => {
            VERBS.contains(&&**name) || depth < 32 && asks(receiver, depth + 1)
        }
        _ => false,
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
