//! `sa.inspect(bind)`, answered from the state.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Migration, table_name};
use crate::schema::evaluate::{Arguments, Evaluator};
use crate::schema::replay::Machine;
use crate::schema::specs;
use crate::schema::state::{ColumnType, Name, Place, Table};
use crate::schema::types;
use crate::schema::value::{Callee, Construct, Value};

fn texts<'t>(items: impl IntoIterator<Item = &'t Arc<str>>) -> Value {
    Value::list(items.into_iter().map(|text| Value::Str(Arc::clone(text))).collect())
}

fn dict(pairs: Vec<(&str, Value)>) -> Value {
    Value::dict(pairs.into_iter().map(|(key, value)| (Value::str(key), value)).collect())
}

fn name_or_none(name: &Option<Arc<str>>) -> Value {
    name.as_ref().map_or(Value::None, |name| Value::Str(Arc::clone(name)))
}

impl Migration {
    pub(super) fn inspect(
        &self,
        evaluator: &mut Evaluator<'_>,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        let database = self.database;
        let schema_argument = |position: usize| arguments.get(position, "schema");
        let table = || table_name(arguments.get(0, "table_name"), schema_argument(1), database);
        match name {
            "get_table_names"
            | "get_view_names"
            | "get_materialized_view_names"
            | "get_sorted_table_and_fkc_names" => {
                let schema = specs::schema_of(schema_argument(0), database);
                self.ask(evaluator, |machine| names_of(machine, name, &schema))
            }
            "get_schema_names" => self.ask(evaluator, |machine| {
                let own = Arc::from(database.default_schema());
                texts(machine.schema.schemas.iter().chain([&own]))
            }),
            "get_enums" => {
                let schema = specs::schema_of(schema_argument(0), database);
                self.ask(evaluator, |machine| {
                    let enums = machine.schema.enums.values().filter(|known| known.name.schema == schema);
                    Value::list(
                        enums
                            .map(|known| {
                                let schema =
                                    known.name.schema.as_deref().unwrap_or(database.default_schema());
                                dict(vec![
                                    ("name", Value::Str(Arc::clone(&known.name.name))),
                                    ("schema", Value::str(schema)),
                                    ("labels", texts(known.labels.iter().flatten())),
                                ])
                            })
                            .collect(),
                    )
                })
            }
            "has_schema" => {
                let asked = arguments.args.first().and_then(Value::as_text)?;
                self.ask(evaluator, |machine| {
                    Value::Bool(
                        machine.schema.schemas.contains(&asked) || &*asked == database.default_schema(),
                    )
                })
            }
            "has_sequence" => {
                let asked = Name::plain(arguments.args.first().and_then(Value::as_text)?);
                self.ask(evaluator, |machine| Value::Bool(machine.schema.sequences.contains(&asked)))
            }
            "has_type" => {
                let asked = Name::plain(arguments.args.first().and_then(Value::as_text)?);
                self.ask(evaluator, |machine| Value::Bool(machine.schema.enums.contains_key(&asked)))
            }
            "has_table"
            | "has_index"
            | "get_columns"
            | "get_indexes"
            | "get_unique_constraints"
            | "get_foreign_keys"
            | "get_pk_constraint"
            | "get_primary_keys"
            | "get_check_constraints" => {
                let Some(table) = table() else {
                    return Some(Value::unknown(
                        "a table is asked for whose name is not known",
                        place.clone(),
                    ));
                };
                let index = arguments.get(1, "index_name").and_then(Value::as_text);
                self.ask(evaluator, |machine| {
                    if name == "has_table" {
                        let schema = &machine.schema;
                        return Value::Bool(
                            schema.tables.contains_key(&table) || schema.views.contains_key(&table),
                        );
                    }
                    match machine.schema.table(&table) {
                        Some(known) => of_table(known, name, index.as_deref()),
                        None if name == "has_index" => Value::Bool(false),
                        // Alembic's own table.
                        None if name == "get_pk_constraint" && table.name.starts_with("alembic_version") => {
                            dict(vec![
                                ("name", Value::str(format!("{}_pkc", table.name))),
                                ("constrained_columns", texts(&[Arc::from("version_num")])),
                            ])
                        }
                        None => {
                            Value::unknown(format!("there is no table {table} to ask about"), place.clone())
                        }
                    }
                })
            }
            "get_table_comment" => Some(dict(vec![("text", Value::None)])),
            "clear_cache" => Some(Value::None),
            "default_schema_name" => Some(Value::str(database.default_schema())),
            _ => Some(Value::unknown(format!("the inspector's {name}() is not answered"), place.clone())),
        }
    }
}

fn names_of(machine: &Machine, what: &str, schema: &Option<Arc<str>>) -> Value {
    let tables = machine.schema.tables.keys().map(|name| (name, true));
    let views = machine.schema.views.values().map(|view| {
        let asked =
            if what == "get_materialized_view_names" { view.materialized } else { !view.materialized };
        (&view.name, asked)
    });
    let found: Vec<&Name> = match what {
        "get_table_names" => tables.map(|(name, _)| name).collect(),
        _ => views.filter(|(_, asked)| *asked).map(|(name, _)| name).collect(),
    };
    let mut names: Vec<Value> = found
        .into_iter()
        .filter(|name| name.schema == *schema)
        .map(|name| Value::Str(Arc::clone(&name.name)))
        .collect();
    // Alembic's own table is there when the second revision runs.
    if what == "get_table_names" && schema.is_none() {
        names.push(Value::str("alembic_version"));
    }
    Value::list(names)
}

/// The type that the inspector gives: SQLAlchemy's, with what is asked of it.
fn reflected(ty: &ColumnType, place: &Place) -> Value {
    if !ty.is_known() {
        return Value::unknown("the column's type is not known", place.clone());
    }
    let text = ty.text.trim_end_matches("[]");
    let (base, modifier) = match text.split_once('(') {
        Some((base, rest)) => (base, rest.split(')').next()),
        None => (text, None),
    };
    let plain = types::without_modifier(text);
    let name = match plain.as_str() {
        _ if ty.text.ends_with("[]") => "ARRAY",
        _ if ty.enumeration.is_some() => "ENUM",
        "character varying" => "VARCHAR",
        "character" => "CHAR",
        "integer" => "INTEGER",
        "timestamp without time zone" | "timestamp with time zone" => "TIMESTAMP",
        "time without time zone" | "time with time zone" => "TIME",
        "double precision" => "DOUBLE_PRECISION",
        "bit varying" => "BIT",
        other => return kept(&other.to_uppercase(), Vec::new(), &other.to_uppercase(), place),
    };
    let number = modifier.and_then(|modifier| modifier.parse().ok()).map_or(Value::None, Value::Int);
    let shown = match (name, modifier) {
        ("VARCHAR" | "CHAR", Some(length)) => format!("{name}({length})"),
        ("DOUBLE_PRECISION", _) => "DOUBLE PRECISION".to_owned(),
        ("ENUM", _) => format!("VARCHAR({})", base.len()),
        _ => name.to_owned(),
    };
    let mut attributes =
        vec![("length", number), ("timezone", Value::Bool(plain.contains("with time zone")))];
    if let Some(enumeration) = &ty.enumeration {
        attributes.push(("name", Value::Str(Arc::clone(&enumeration.name))));
    }
    kept(name, attributes, &shown, place)
}

fn kept(name: &str, attributes: Vec<(&str, Value)>, shown: &str, place: &Place) -> Value {
    let attributes = attributes.into_iter().chain([("__str__", Value::str(shown))]);
    Value::Construct(Rc::new(Construct {
        callee: Callee::Path(Arc::from(format!("sqlalchemy.dialects.postgresql.{name}"))),
        args: Vec::new(),
        kwargs: Vec::new(),
        more: None,
        place: place.clone(),
        attributes: RefCell::new(attributes.map(|(key, value)| (Arc::from(key), value)).collect()),
    }))
}

fn of_table(table: &Table, what: &str, index: Option<&str>) -> Value {
    match what {
        "has_index" => Value::Bool(table.indexes.iter().any(|known| Some(&*known.name) == index)),
        "get_columns" => Value::list(
            table
                .columns
                .iter()
                .map(|column| {
                    let ty = reflected(&column.ty, &column.type_place);
                    dict(vec![
                        ("name", Value::Str(Arc::clone(&column.name))),
                        ("type", ty),
                        ("nullable", column.nullable.map_or(Value::None, Value::Bool)),
                        ("default", name_or_none(&column.default)),
                    ])
                })
                .collect(),
        ),
        "get_indexes" => {
            // The index of a unique constraint is an index, too.
            let uniques = table.uniques.iter().map(|unique| {
                dict(vec![
                    ("name", name_or_none(&unique.name)),
                    ("column_names", texts(&unique.columns)),
                    ("unique", Value::Bool(true)),
                    ("duplicates_constraint", name_or_none(&unique.name)),
                ])
            });
            let own = table.indexes.iter().map(|index| {
                dict(vec![
                    ("name", Value::Str(Arc::clone(&index.name))),
                    ("column_names", texts(&index.columns)),
                    ("unique", Value::Bool(index.unique)),
                ])
            });
            Value::list(own.chain(uniques).collect())
        }
        "get_unique_constraints" => Value::list(
            table
                .uniques
                .iter()
                .map(|unique| {
                    dict(vec![("name", name_or_none(&unique.name)), ("column_names", texts(&unique.columns))])
                })
                .collect(),
        ),
        "get_foreign_keys" => Value::list(
            table
                .foreign_keys
                .iter()
                .map(|key| {
                    // What is no action is left out, as SQLAlchemy leaves it out.
                    let options = [("ondelete", &key.on_delete), ("onupdate", &key.on_update)];
                    let stated = options
                        .into_iter()
                        .filter_map(|(name, action)| Some((name, Value::Str(Arc::clone(action.as_ref()?)))));
                    dict(vec![
                        ("name", name_or_none(&key.name)),
                        ("options", dict(stated.collect())),
                        ("constrained_columns", texts(&key.columns)),
                        ("referred_schema", name_or_none(&key.ref_table.schema)),
                        ("referred_table", Value::Str(Arc::clone(&key.ref_table.name))),
                        ("referred_columns", texts(&key.ref_columns)),
                    ])
                })
                .collect(),
        ),
        "get_check_constraints" => Value::list(
            table
                .checks
                .iter()
                .filter(|check| !check.exclusion)
                .map(|check| {
                    dict(vec![("name", name_or_none(&check.name)), ("sqltext", name_or_none(&check.sql))])
                })
                .collect(),
        ),
        _ => {
            let (name, columns) = match &table.primary_key {
                Some(key) => (name_or_none(&key.name), texts(&key.columns)),
                None => (Value::None, Value::list(Vec::new())),
            };
            dict(vec![("name", name), ("constrained_columns", columns)])
        }
    }
}
