//! The columns of a class: its own, those of its mixins, those of libraries' base classes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::annotation::{self, Annotation};
use super::classes::{Line, Reader, Root, RootKind, is_declared_attr};
use super::{library, sqlmodel};
use crate::schema::effect::{ColumnSpec, ForeignKeySpec, Given};
use crate::schema::specs;
use crate::schema::state::{Name, Place};
use crate::schema::types;
use crate::schema::value::{Class, ClassMember, Construct, Value};

/// Constructs inside constructs.
const MAX_NESTING: usize = 8;

/// Where each `Column(…)` object ended up: the tables and names that it has.
pub(super) type Homes = FxHashMap<*const Construct, Vec<(Name, Arc<str>)>>;

/// An attribute of a class that is a column.
#[derive(Clone, Debug)]
pub(super) struct Attr {
    /// The attribute's name.
    pub(super) name: Arc<str>,
    /// `Column(…)`, `mapped_column(…)`; `Err` for one that is read already.
    pub(super) column: Result<Rc<Construct>, Box<ColumnSpec>>,
    /// What its annotation says.
    pub(super) annotation: Option<Annotation>,
    /// Where.
    pub(super) place: Place,
}

impl Attr {
    /// The name of the column.
    pub(super) fn column_name(&self) -> Arc<str> {
        match &self.column {
            Ok(column) => {
                let stated = column.args.first().and_then(Value::as_text);
                stated
                    .or_else(|| column.kwarg("name").and_then(Value::as_text))
                    .unwrap_or_else(|| Arc::clone(&self.name))
            }
            Err(spec) => Arc::clone(&spec.name),
        }
    }
}

/// The columns of a class.
#[derive(Default)]
pub(super) struct Attrs {
    pub(super) columns: Vec<Attr>,
    /// Why there may be more.
    pub(super) unknown: Vec<(Arc<str>, Place)>,
}

/// The columns inside an attribute's value.
fn columns_in(value: &Value, depth: usize) -> Vec<Rc<Construct>> {
    let Value::Construct(construct) = value else { return Vec::new() };
    if depth > MAX_NESTING {
        return Vec::new();
    }
    match construct.name() {
        "Column" | "mapped_column" | "MappedColumn" => vec![Rc::clone(construct)],
        "deferred" | "column_property" | "composite" => {
            construct.args.iter().flat_map(|arg| columns_in(arg, depth + 1)).collect()
        }
        _ => Vec::new(),
    }
}

impl Reader<'_, '_> {
    /// The columns that the classes `sources`, the nearest first, give `class`.
    pub(super) fn attrs(
        &mut self,
        class: &Rc<Class>,
        sources: &[Rc<Class>],
        line: &Line,
        root: &Root,
    ) -> Attrs {
        let mut attrs = Attrs::default();
        let mut seen: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut groups: Vec<Vec<Attr>> = Vec::new();
        for source in sources {
            let mut group = Vec::new();
            let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
            let members = source.members.borrow().clone();
            for member in &members {
                if seen.contains(&member.name) || !names.insert(Arc::clone(&member.name)) {
                    continue;
                }
                let Some(last) = source.own(&member.name) else { continue };
                self.member(class, source, &last, root, &mut group, &mut attrs.unknown);
            }
            seen.extend(names);
            groups.push(group);
        }
        // Bases come first, as their columns were made first.
        for group in groups.into_iter().rev() {
            attrs.columns.extend(group);
        }
        for base in &line.outside {
            let Value::External(path) = base else {
                if let Value::Unknown(unknown) = base {
                    let reason = format!("one of its bases is not known: {}", unknown.reason);
                    attrs.unknown.push((Arc::from(reason), unknown.place.clone()));
                }
                continue;
            };
            match library::base(path) {
                Some(known) => {
                    let own: Vec<Attr> = known
                        .columns
                        .into_iter()
                        .filter(|column| !seen.contains(column.name))
                        .map(|column| self.library_column(column, class))
                        .collect();
                    seen.extend(own.iter().map(|attr| Arc::clone(&attr.name)));
                    attrs.columns.splice(0..0, own);
                }
                None => {
                    let reason = format!("its base {path} is another package's and may bring columns");
                    attrs.unknown.push((Arc::from(reason), class.place.clone()));
                }
            }
        }
        attrs
    }

    fn library_column(&mut self, known: &library::LibraryColumn, class: &Rc<Class>) -> Attr {
        let place = class.place.clone();
        let (ty, length) = known.ty;
        let path = match ty {
            "TIMESTAMPAware" => "fastapi_users_db_sqlalchemy.generics.TIMESTAMPAware".to_owned(),
            ty => format!("sqlalchemy.{ty}"),
        };
        let args = length.map(Value::Int).into_iter().collect();
        let ty = annotation::library_call(&path, args, Vec::new(), &place);
        let name: Arc<str> = Arc::from(known.name);
        let foreign_keys = known.refers.map(|(target, on_delete)| {
            let (ref_table, ref_column) = specs::target(target, self.database);
            ForeignKeySpec {
                name: Given::None,
                columns: vec![Arc::clone(&name)],
                ref_table,
                ref_columns: ref_column.into_iter().collect(),
                on_delete: Some(Arc::from(on_delete)),
                on_update: None,
                use_alter: false,
                place: place.clone(),
            }
        });
        let spec = ColumnSpec {
            name: Arc::clone(&name),
            ty: types::read(self.evaluator, &ty, self.database),
            nullable: Ok(Some(known.nullable)),
            primary_key: known.primary_key,
            unique: known.unique,
            index: known.index,
            default: None,
            counts_up: None,
            foreign_keys: foreign_keys.into_iter().collect(),
            checks: Vec::new(),
            place: place.clone(),
        };
        Attr { name, column: Err(Box::new(spec)), annotation: None, place }
    }

    fn member(
        &mut self,
        class: &Rc<Class>,
        source: &Rc<Class>,
        member: &ClassMember,
        root: &Root,
        group: &mut Vec<Attr>,
        unknown: &mut Vec<(Arc<str>, Place)>,
    ) {
        if member.name.starts_with("__") {
            return;
        }
        let annotation = match member.annotated {
            true => source
                .annotation(&member.name)
                .map(|expr| annotation::read(self.evaluator, &source.module, expr)),
            false => None,
        };
        if annotation.as_ref().is_some_and(|annotation| annotation.aside) {
            return;
        }
        if root.kind == RootKind::SqlModel {
            if let Some(attr) = sqlmodel::column(self, source, member, annotation) {
                group.push(attr);
            }
            return;
        }
        let value = match &member.value {
            Some(Value::Function(function)) => {
                // `@aggregated("path", Column(…))` of sqlalchemy_utils.
                for decorator in &function.decorators {
                    let Value::Construct(decorator) = decorator else { continue };
                    if decorator.name() == "aggregated" {
                        let columns = decorator.args.iter().flat_map(|arg| columns_in(arg, 0));
                        group.extend(columns.map(|column| Attr {
                            name: Arc::clone(&member.name),
                            column: Ok(column),
                            annotation: None,
                            place: member.place.clone(),
                        }));
                    }
                }
                if !is_declared_attr(function) {
                    return;
                }
                Some(self.declared(&Rc::clone(function), class))
            }
            value => value.clone(),
        };
        let mapped = annotation.as_ref().is_some_and(|annotation| annotation.mapped);
        match value {
            Some(Value::Unknown(cause)) if mapped || annotation.is_none() => {
                let reason =
                    format!("what its attribute {} is cannot be read: {}", member.name, cause.reason);
                unknown.push((Arc::from(reason), member.place.clone()));
            }
            Some(value) => {
                let columns = columns_in(&value, 0);
                let only = columns.len() == 1;
                for column in columns {
                    group.push(Attr {
                        name: Arc::clone(&member.name),
                        column: Ok(column),
                        annotation: annotation.clone().filter(|_| only),
                        place: member.place.clone(),
                    });
                }
            }
            None if mapped => {
                let made = annotation::library_call(
                    "sqlalchemy.orm.mapped_column",
                    Vec::new(),
                    Vec::new(),
                    &member.place,
                );
                if let Value::Construct(column) = made {
                    group.push(Attr {
                        name: Arc::clone(&member.name),
                        column: Ok(column),
                        annotation,
                        place: member.place.clone(),
                    });
                }
            }
            None => {}
        }
    }

    /// What a column's attribute specifies, and the foreign keys of it that cannot be read.
    pub(super) fn spec(
        &mut self,
        attr: &Attr,
        homes: &Homes,
        types_map: Option<&Value>,
        unread: &mut Vec<(Arc<str>, Place)>,
    ) -> Result<ColumnSpec, Arc<str>> {
        let construct = match &attr.column {
            Ok(construct) => merged(construct, attr.annotation.as_ref()),
            Err(spec) => return Ok((**spec).clone()),
        };
        let construct = self.resolved(&construct, homes, unread);
        let mut spec = specs::column(self.evaluator, &construct, Some(&attr.name), self.database)?;
        if spec.place.line == 0 {
            spec.place = attr.place.clone();
        }
        let Some(annotation) = attr.annotation.as_ref().filter(|annotation| annotation.mapped) else {
            return Ok(spec);
        };
        if construct.name() == "Column" {
            return Ok(spec);
        }
        if spec.nullable == Ok(None) && !spec.primary_key {
            spec.nullable = Ok(Some(annotation.nullable));
        }
        if spec.ty.is_none()
            && spec.foreign_keys.is_empty()
            && let Some(ty) = &annotation.ty
        {
            let place = attr.place.clone();
            let whole = annotation.whole.as_ref();
            let whole = whole
                .and_then(|whole| annotation::mapped_type(self.evaluator, whole, types_map, self.database));
            spec.ty = Some(whole.unwrap_or_else(|| {
                annotation::sql_type(self.evaluator, ty, types_map, self.database, &place)
            }));
        }
        Ok(spec)
    }

    /// The construct with its foreign keys' targets as text; those that cannot be told are left out.
    fn resolved(
        &mut self,
        construct: &Rc<Construct>,
        homes: &Homes,
        unread: &mut Vec<(Arc<str>, Place)>,
    ) -> Rc<Construct> {
        let mut args = Vec::with_capacity(construct.args.len());
        for arg in &construct.args {
            let Value::Construct(inner) = arg else {
                args.push(arg.clone());
                continue;
            };
            if inner.name() != "ForeignKey" {
                args.push(arg.clone());
                continue;
            }
            let target = inner.arg(0, "column").cloned().unwrap_or(Value::None);
            let known = match &target {
                Value::Construct(_) => {
                    single_home(&target, homes).map(|(home, name)| Value::str(format!("{home}.{name}")))
                }
                // A column that the class inherits.
                Value::Attribute(attribute) => match &attribute.0 {
                    Value::Class(class) => self
                        .tables
                        .get(&Rc::as_ptr(class))
                        .map(|home| Value::str(format!("{home}.{}", attribute.1))),
                    Value::Attribute(_) => match home_of(&target, homes, &self.tables, 0) {
                        Some(home) => Some(Value::str(format!("{home}.{}", attribute.1))),
                        None => Some(target.clone()),
                    },
                    _ => Some(target.clone()),
                },
                target => Some(target.clone()),
            };
            let mut rewritten = copy(inner);
            match known {
                Some(known) => match rewritten.args.first_mut() {
                    Some(first) => *first = known,
                    None => rewritten.args.push(known),
                },
                None => {
                    unread.push((Arc::from("the target of a foreign key is not known"), inner.place.clone()));
                    continue;
                }
            }
            let rewritten = Rc::new(rewritten);
            match specs::foreign_key(&rewritten, &Arc::from(""), self.database) {
                Ok(_) => args.push(Value::Construct(rewritten)),
                Err(reason) => unread.push((reason, inner.place.clone())),
            }
        }
        Rc::new(Construct { args, ..copy(construct) })
    }
}

/// A copy to change.
pub(super) fn copy(construct: &Construct) -> Construct {
    Construct {
        callee: construct.callee.clone(),
        args: construct.args.clone(),
        kwargs: construct.kwargs.clone(),
        more: construct.more.clone(),
        place: construct.place.clone(),
        attributes: RefCell::new(construct.attributes.borrow().clone()),
    }
}

/// The construct with what `Annotated[…]` adds: its own arguments win.
fn merged(construct: &Rc<Construct>, annotation: Option<&Annotation>) -> Rc<Construct> {
    let extra = annotation.map(|annotation| annotation.extra.as_slice()).unwrap_or_default();
    let Some(extra) = extra.iter().find(|extra| matches!(extra.name(), "mapped_column" | "Column")) else {
        return Rc::clone(construct);
    };
    let mut made = copy(construct);
    made.args.extend(extra.args.iter().cloned());
    for (name, value) in &extra.kwargs {
        if made.kwarg(name).is_none() {
            made.kwargs.push((Arc::clone(name), value.clone()));
        }
    }
    Rc::new(made)
}

/// The value with the columns of `table` inside it as their names: what an index or a constraint of it gets.
pub(super) fn named(value: &Value, table: &Name, homes: &Homes, depth: usize) -> Value {
    if let Value::Attribute(attribute) = value
        && let Value::Class(_) = &attribute.0
    {
        return Value::Str(Arc::clone(&attribute.1));
    }
    if depth > MAX_NESTING {
        return value.clone();
    }
    if let Value::List(_) | Value::Tuple(_) = value {
        let items = value.items().unwrap_or_default();
        return Value::list(items.iter().map(|item| named(item, table, homes, depth + 1)).collect());
    }
    let Value::Construct(construct) = value else { return value.clone() };
    if let Some(home) = homes.get(&Rc::as_ptr(construct))
        && let Some((_, name)) = home.iter().find(|(home, _)| home == table)
    {
        return Value::Str(Arc::clone(name));
    }
    let mut made = copy(construct);
    let inner = |value: &Value| named(value, table, homes, depth + 1);
    let is_key = construct.name() == "ForeignKeyConstraint";
    let of_argument = |is_target: bool, value: &Value| match (is_key && is_target, value.items()) {
        (true, Some(items)) => Value::list(items.iter().map(|item| qualified(item, homes)).collect()),
        _ => inner(value),
    };
    made.args = construct.args.iter().enumerate().map(|(at, value)| of_argument(at == 1, value)).collect();
    let kwargs = construct.kwargs.iter();
    made.kwargs =
        kwargs.map(|(name, value)| (Arc::clone(name), of_argument(&**name == "refcolumns", value))).collect();
    if let crate::schema::value::Callee::Method(receiver, name) = &construct.callee {
        made.callee = crate::schema::value::Callee::Method(inner(receiver), Arc::clone(name));
    }
    Value::Construct(Rc::new(made))
}

/// A column object as `table.column`.
fn qualified(value: &Value, homes: &Homes) -> Value {
    match single_home(value, homes) {
        Some((table, column)) => Value::str(format!("{table}.{column}")),
        None => value.clone(),
    }
}

/// The table and the name of a column object, where it has one home.
fn single_home(value: &Value, homes: &Homes) -> Option<(Name, Arc<str>)> {
    let Value::Construct(column) = value else { return None };
    match homes.get(&Rc::as_ptr(column)).map(Vec::as_slice) {
        Some([home]) => Some(home.clone()),
        _ => None,
    }
}

/// The table whose columns an index or a constraint beside it is over: `log.c.note`, `User.name`, `desc(User.name)`.
pub(super) fn home_of(
    value: &Value,
    homes: &Homes,
    tables: &FxHashMap<*const Class, Name>,
    depth: usize,
) -> Option<Name> {
    if depth > MAX_NESTING {
        return None;
    }
    if let Some((home, _)) = single_home(value, homes) {
        return Some(home);
    }
    let of_table = |owner: &Value| match owner {
        Value::Construct(table) if table.name() == "Table" => single_home(owner, homes).map(|(home, _)| home),
        Value::Attribute(attribute) if &*attribute.1 == "__table__" => match &attribute.0 {
            Value::Class(class) => tables.get(&Rc::as_ptr(class)).cloned(),
            _ => None,
        },
        _ => None,
    };
    match value {
        Value::Attribute(attribute) => match &attribute.0 {
            Value::Attribute(columns) if matches!(&*columns.1, "c" | "columns") => of_table(&columns.0),
            Value::Class(class) => tables.get(&Rc::as_ptr(class)).cloned(),
            _ => None,
        },
        Value::Construct(construct) => {
            let inner = construct.args.iter().find_map(|arg| home_of(arg, homes, tables, depth + 1));
            inner.or_else(|| match &construct.callee {
                crate::schema::value::Callee::Method(receiver, _) => {
                    home_of(receiver, homes, tables, depth + 1)
                }
                crate::schema::value::Callee::Path(_) => None,
            })
        }
        _ => None,
    }
}
