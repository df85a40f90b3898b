//! What libraries mean to models: `Table(…)` registers a table, `db.Column` of Flask-SQLAlchemy is SQLAlchemy's.

use std::cell::RefCell;
use std::rc::Rc;

use super::pattern;
use crate::schema::evaluate::{Arguments, Evaluator, Host};
use crate::schema::state::Place;
use crate::schema::value::{Callee, Construct, Value, last_component};

/// Collects what module bodies register.
#[derive(Default)]
pub(super) struct ModelHost {
    tables: RefCell<Vec<Rc<Construct>>>,
    indexes: RefCell<Vec<Rc<Construct>>>,
}

impl ModelHost {
    /// The next module begins.
    pub(super) fn begin(&self) {}

    /// The `Table(…)` calls so far; those of `db.Table` have the `db` as their second argument.
    pub(super) fn tables(&self) -> Vec<Rc<Construct>> {
        self.tables.borrow().clone()
    }

    /// The `Index(…)` and `UniqueConstraint(…)` calls so far.
    pub(super) fn indexes(&self) -> Vec<Rc<Construct>> {
        self.indexes.borrow().clone()
    }
}

/// Whether the value is Flask-SQLAlchemy's `SQLAlchemy()`, or an instance of a class that extends it.
pub(super) fn is_flask(value: &Value) -> bool {
    match value {
        Value::Construct(construct) => {
            construct.path().is_some_and(|path| last_component(path) == "SQLAlchemy")
        }
        Value::Instance(instance) => instance.class.bases.iter().any(|base| match base {
            Value::External(path) => last_component(path) == "SQLAlchemy",
            _ => false,
        }),
        _ => false,
    }
}

fn construct(callee: Callee, arguments: &Arguments, place: &Place) -> Rc<Construct> {
    Rc::new(Construct {
        callee,
        args: arguments.args.clone(),
        kwargs: arguments.kwargs.clone(),
        more: arguments.more.clone(),
        place: place.clone(),
        attributes: RefCell::default(),
    })
}

/// What `re.sub` of three known texts gives.
fn substituted(args: &[Value], arguments: &Arguments) -> Option<Value> {
    let [pattern, replacement, text] = args else { return None };
    if !arguments.kwargs.is_empty() || arguments.more.is_some() {
        return None;
    }
    pattern::sub(&pattern.as_text()?, &replacement.as_text()?, &text.as_text()?).map(Value::str)
}

impl Host for ModelHost {
    fn call(&self, _: &mut Evaluator<'_>, path: &str, arguments: &Arguments, place: &Place) -> Option<Value> {
        if path == "re.sub" {
            return substituted(&arguments.args, arguments);
        }
        if !path.starts_with("sqlalchemy.") {
            return None;
        }
        let list = match last_component(path) {
            "Table" => &self.tables,
            "Index" | "UniqueConstraint" => &self.indexes,
            _ => return None,
        };
        let made = construct(Callee::Path(path.into()), arguments, place);
        list.borrow_mut().push(Rc::clone(&made));
        Some(Value::Construct(made))
    }

    fn method(
        &self,
        _: &mut Evaluator<'_>,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        // `re.compile(pattern).sub(replacement, text)`.
        if name == "sub"
            && let Value::Construct(made) = receiver
            && made.path() == Some("re.compile")
            && made.args.len() == 1
        {
            let args: Vec<Value> = made.args.iter().chain(&arguments.args).cloned().collect();
            return substituted(&args, arguments);
        }
        if name != "Table" || !is_flask(receiver) {
            return None;
        }
        // `db.Table("name", …)` goes to the metadata of `db`.
        let mut arguments = arguments.clone();
        let metadata = Value::Attribute(Rc::new((receiver.clone(), "metadata".into())));
        let given = arguments.args.get(1).is_some_and(|value| match value {
            Value::Construct(construct) => construct.name() == "MetaData",
            Value::Attribute(attribute) => &*attribute.1 == "metadata",
            _ => false,
        });
        if !given && !arguments.args.is_empty() {
            arguments.args.insert(1, metadata);
        }
        let made = construct(Callee::Path("sqlalchemy.Table".into()), &arguments, place);
        self.tables.borrow_mut().push(Rc::clone(&made));
        Some(Value::Construct(made))
    }

    fn attribute(&self, _: &mut Evaluator<'_>, receiver: &Value, name: &str) -> Option<Value> {
        if !is_flask(receiver) {
            return None;
        }
        let own = matches!(name, "Model" | "Query" | "Table" | "SessionBase");
        let is_class = name.starts_with(|first: char| first.is_ascii_uppercase()) && !own;
        let function = matches!(name, "func" | "text" | "desc" | "asc" | "cast" | "null" | "true" | "false");
        let orm = matches!(
            name,
            "relationship"
                | "backref"
                | "deferred"
                | "column_property"
                | "synonym"
                | "composite"
                | "mapped_column"
        );
        match (is_class || function, orm) {
            (true, _) => Some(Value::External(format!("sqlalchemy.{name}").into())),
            (_, true) => Some(Value::External(format!("sqlalchemy.orm.{name}").into())),
            _ => None,
        }
    }
}
