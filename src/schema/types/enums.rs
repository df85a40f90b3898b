//! Enum types: their names, labels, and who makes them.

use std::rc::Rc;
use std::sync::Arc;

use super::{ColumnType, Database, TypeSpec};
use crate::schema::effect::{EnumCreation, EnumSpec};
use crate::schema::evaluate::{Arguments, Evaluator, truth};
use crate::schema::state::Name;
use crate::schema::value::{Class, Construct, Value};

/// Labels of `Enum(…)`, and the name that they give where none is stated.
struct Labels {
    labels: Result<Vec<Arc<str>>, Arc<str>>,
    class_name: Option<String>,
}

/// The enum type that the expression `value` is, where it is one: for `.create()` and `.drop()`.
pub fn enumeration(evaluator: &mut Evaluator<'_>, value: &Value, database: Database) -> Option<EnumSpec> {
    super::read(evaluator, value, database)?.enumeration
}

/// `sa.Enum(…)`, `postgresql.ENUM(…)`.
pub(super) fn read(
    evaluator: &mut Evaluator<'_>,
    construct: &Rc<Construct>,
    path: &str,
    database: Database,
) -> TypeSpec {
    let found = labels(evaluator, construct);
    let native = construct.kwarg("native_enum").map_or(Some(true), truth);
    let is_native = database != Database::Sqlite && native != Some(false);
    if !is_native {
        return TypeSpec::plain(plain_text(construct, &found.labels, database));
    }
    let name = match construct.kwarg("name") {
        Some(Value::None) | None => found.class_name.map(|name| Arc::from(name.to_lowercase())),
        Some(value) => match value.as_text() {
            Some(name) => Some(name),
            None => {
                return TypeSpec::plain(ColumnType::unknown(
                    "enum",
                    "the name of the enum type is not known",
                ));
            }
        },
    };
    let Some(name) = name else {
        let reason = "PostgreSQL needs a name for an enum type";
        return TypeSpec::plain(ColumnType::unknown("enum", reason));
    };
    let schema = construct.kwarg("schema").and_then(Value::as_text).filter(|schema| &**schema != "public");
    let name = Name { schema, name };
    let is_postgresql = path.contains("postgresql") || path.ends_with(".ENUM");
    let create_type = construct.kwarg("create_type").map_or(Some(true), truth);
    let has_metadata = construct.kwarg("metadata").is_some_and(|metadata| !metadata.is_none());
    let created = match (create_type, is_postgresql, has_metadata) {
        (_, _, true) | (Some(false), true, _) => EnumCreation::Explicitly,
        (Some(false), false, _) => EnumCreation::WithTableBefore21,
        _ => EnumCreation::WithTable,
    };
    let mut ty = ColumnType::known(name.to_string());
    ty.enumeration = Some(name.clone());
    TypeSpec { ty, enumeration: Some(EnumSpec { name, labels: found.labels.ok(), created }), serial: false }
}

/// `native_enum=False`: a string as long as the longest label, or as `length` says.
fn plain_text(
    construct: &Construct,
    labels: &Result<Vec<Arc<str>>, Arc<str>>,
    database: Database,
) -> ColumnType {
    let base = match database {
        Database::PostgreSql => "character varying",
        Database::MySql => "varchar",
        Database::Sqlite => "VARCHAR",
    };
    let longest = match labels {
        Ok(labels) => labels.iter().map(|label| label.chars().count() as i64).max().unwrap_or(0),
        Err(reason) => {
            return match construct.kwarg("length") {
                Some(Value::Int(length)) => ColumnType::known(format!("{base}({length})")),
                _ => ColumnType::family(base, reason),
            };
        }
    };
    match construct.kwarg("length") {
        None => ColumnType::known(format!("{base}({longest})")),
        // `length=None` leaves the length out.
        Some(Value::None) => ColumnType::known(base),
        Some(Value::Int(length)) => ColumnType::known(format!("{base}({})", longest.max(*length))),
        Some(_) => ColumnType::family(base, "its length is not known without running it"),
    }
}

fn labels(evaluator: &mut Evaluator<'_>, construct: &Rc<Construct>) -> Labels {
    if let Some(unknown) = &construct.more {
        return Labels { labels: Err(Arc::clone(&unknown.reason)), class_name: None };
    }
    // `Enum(Color)` or `Enum(enums=[…])` of the oldest versions.
    let args = match (construct.args.as_slice(), construct.kwarg("enums")) {
        ([], Some(enums)) => enums.items().unwrap_or_default(),
        (args, _) => args.to_vec(),
    };
    if let [Value::Class(class)] = args.as_slice() {
        return Labels {
            labels: class_labels(evaluator, class, construct),
            class_name: Some(class.name().to_owned()),
        };
    }
    let mut labels = Vec::new();
    for arg in &args {
        match arg {
            Value::Unknown(unknown) => {
                return Labels { labels: Err(Arc::clone(&unknown.reason)), class_name: None };
            }
            // `Enum(Color.red, Color.blue)` compiles to the members' values where they are strings.
            arg => match arg.as_text() {
                Some(label) => labels.push(label),
                None => {
                    let reason = match arg {
                        Value::External(path) => format!("{path} is another package's"),
                        _ => "its labels are not known without running it".to_owned(),
                    };
                    return Labels { labels: Err(Arc::from(reason)), class_name: external_name(arg) };
                }
            },
        }
    }
    Labels { labels: Ok(labels), class_name: None }
}

/// The name that an enum class of another package gives.
fn external_name(value: &Value) -> Option<String> {
    match value {
        Value::External(path) => Some(crate::schema::value::last_component(path).to_owned()),
        _ => None,
    }
}

/// The labels of an enum class: its members' names, unless `values_callable` says otherwise.
fn class_labels(
    evaluator: &mut Evaluator<'_>,
    class: &Rc<Class>,
    construct: &Construct,
) -> Result<Vec<Arc<str>>, Arc<str>> {
    let class = Value::Class(Rc::clone(class));
    match construct.kwarg("values_callable") {
        None | Some(Value::None) => {
            let place = construct.place.clone();
            let members = evaluator.attribute(&class, "__members__", &place);
            match members.items() {
                Some(names) => Ok(names.iter().filter_map(Value::as_text).collect()),
                None => Err(Arc::from("its members are not known")),
            }
        }
        Some(callable) => {
            let arguments = Arguments { args: vec![class], ..Arguments::default() };
            let values = evaluator.call(callable, arguments, &construct.place);
            let labels: Option<Vec<Arc<str>>> =
                values.items().and_then(|items| items.iter().map(Value::as_text).collect());
            labels.ok_or_else(|| Arc::from("its labels are not known without running it"))
        }
    }
}
