//! SQLModel: fields as columns.

use std::rc::Rc;
use std::sync::Arc;

use super::annotation::{self, Annotation};
use super::classes::Reader;
use super::columns::Attr;
use crate::schema::effect::{ColumnSpec, ForeignKeySpec, Given, TypeSpec};
use crate::schema::evaluate::truth;
use crate::schema::specs;
use crate::schema::state::{Certainty, ColumnType};
use crate::schema::types;
use crate::schema::value::{Class, ClassMember, Value, last_component};

/// The column that a field of an SQLModel class is; `None` where it is none.
pub(super) fn column(
    reader: &mut Reader<'_, '_>,
    source: &Rc<Class>,
    member: &ClassMember,
    annotation: Option<Annotation>,
) -> Option<Attr> {
    let annotation = annotation?;
    if &*member.name == "model_config" || &*member.name == "metadata" {
        return None;
    }
    let field = member.value.as_ref().and_then(Value::as_construct).filter(|field| field.name() == "Field");
    if let Some(Value::Construct(other)) = &member.value
        && matches!(other.name(), "Relationship" | "PrivateAttr")
    {
        return None;
    }
    let argument = |name: &str| field.and_then(|field| field.kwarg(name)).filter(|value| !value.is_none());
    let attr = |column| Attr {
        name: Arc::clone(&member.name),
        column,
        annotation: None,
        place: member.place.clone(),
    };
    if let Some(Value::Construct(column)) = argument("sa_column") {
        return Some(attr(Ok(Rc::clone(column))));
    }
    let flag = |name: &str| argument(name).and_then(truth) == Some(true);
    let primary_key = flag("primary_key");
    let place = member.place.clone();
    let ty = match argument("sa_type") {
        Some(ty) => types::read(reader.evaluator, &ty.clone(), reader.database),
        None => {
            let number = |name: &str| argument(name).cloned();
            Some(field_type(reader, source, &annotation, &number, &place))
        }
    };
    let nullable = match argument("nullable") {
        Some(value) => truth(value).map(Some).ok_or_else(|| Arc::from("whether it takes NULL is not known")),
        None => Ok(Some(annotation.nullable && !primary_key)),
    };
    let mut foreign_keys = Vec::new();
    if let Some(target) = argument("foreign_key").and_then(Value::as_text) {
        let (ref_table, ref_column) = specs::target(&target, reader.database);
        foreign_keys.push(ForeignKeySpec {
            name: Given::None,
            columns: vec![Arc::clone(&member.name)],
            ref_table,
            ref_columns: ref_column.into_iter().collect(),
            on_delete: argument("ondelete").and_then(Value::as_text),
            on_update: None,
            use_alter: false,
            place: place.clone(),
        });
    }
    let mut spec = ColumnSpec {
        name: Arc::clone(&member.name),
        ty,
        nullable,
        primary_key,
        unique: flag("unique"),
        index: flag("index"),
        default: None,
        counts_up: None,
        foreign_keys,
        checks: Vec::new(),
        place,
    };
    if let Some(Value::Dict(items)) = argument("sa_column_kwargs") {
        for (key, value) in items.borrow().iter() {
            match key.as_str() {
                Some("name") => spec.name = value.as_text().unwrap_or_else(|| Arc::clone(&spec.name)),
                Some("server_default") => spec.default = specs::server_default(value),
                Some("unique") => spec.unique = truth(value) == Some(true),
                Some("index") => spec.index = truth(value) == Some(true),
                Some("nullable") => {
                    spec.nullable =
                        truth(value).map(Some).ok_or_else(|| Arc::from("whether it takes NULL is not known"));
                }
                _ => {}
            }
        }
    }
    Some(attr(Err(Box::new(spec))))
}

/// SQLModel's own map of field types.
fn field_type(
    reader: &mut Reader<'_, '_>,
    source: &Rc<Class>,
    annotation: &Annotation,
    argument: &dyn Fn(&str) -> Option<Value>,
    place: &crate::schema::state::Place,
) -> TypeSpec {
    let unknown = |reason: &str| TypeSpec::plain(ColumnType::unknown("", reason));
    let _ = source;
    let Some(ty) = &annotation.ty else { return unknown("its annotation is not known") };
    let is_text = match ty {
        Value::Builtin(name) => *name == "str",
        Value::External(path) => matches!(
            last_component(path),
            "EmailStr"
                | "AnyUrl"
                | "HttpUrl"
                | "SecretStr"
                | "Path"
                | "IPv4Address"
                | "IPv6Address"
                | "AutoString"
        ),
        _ => false,
    };
    let mut call = |name: &str, args: Vec<Value>| {
        let made = annotation::library_call(&format!("sqlalchemy.{name}"), args, Vec::new(), place);
        types::read(reader.evaluator, &made, reader.database)
    };
    if is_text {
        let length = argument("max_length").into_iter().collect();
        return call("String", length).unwrap_or_else(|| unknown("it is no type"));
    }
    if annotation::simple(ty) == Some("Numeric") {
        let digits = argument("max_digits").into_iter().chain(argument("decimal_places")).collect();
        return call("Numeric", digits).unwrap_or_else(|| unknown("it is no type"));
    }
    let mut spec = annotation::sql_type(reader.evaluator, ty, None, reader.database, place);
    if annotation::simple(ty) == Some("DateTime") && spec.ty.is_known() {
        // Versions differ in whether it has a time zone.
        spec.ty.certainty =
            Certainty::Family(Arc::from("whether it has a time zone depends on the version of sqlmodel"));
    }
    spec
}
