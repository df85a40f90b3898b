//! Annotations: `Mapped[int | None]`, `Annotated[str, mapped_column(…)]`, and the types that they stand for.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::python::tree::{self, BinOp, Expr, ExprKind, StmtKind};
use crate::schema::effect::TypeSpec;
use crate::schema::evaluate::Evaluator;
use crate::schema::state::{ColumnType, Place};
use crate::schema::types::{self, Database};
use crate::schema::value::{Callee, Class, Construct, Module, Value, last_component};

/// Annotations inside annotations.
const MAX_NESTING: usize = 10;

/// What an annotation says.
#[derive(Clone, Debug, Default)]
pub(super) struct Annotation {
    /// Whether it is `Mapped[…]`.
    pub(super) mapped: bool,
    /// Whether it is no column: a relationship, `ClassVar`.
    pub(super) aside: bool,
    /// Whether `None` is one of its types.
    pub(super) nullable: bool,
    /// The type beside `None`.
    pub(super) ty: Option<Value>,
    /// The type as `type_annotation_map` may name it: `Annotated[…]` as a whole.
    pub(super) whole: Option<Value>,
    /// `mapped_column(…)` and the like inside `Annotated`.
    pub(super) extra: Vec<Rc<Construct>>,
}

/// Reads the annotation `expr` of `module`.
pub(super) fn read(evaluator: &mut Evaluator<'_>, module: &Rc<Module>, expr: &Expr) -> Annotation {
    let mut annotation = Annotation::default();
    walk(evaluator, module, expr, 0, &mut annotation);
    annotation
}

fn walk(
    evaluator: &mut Evaluator<'_>,
    module: &Rc<Module>,
    expr: &Expr,
    depth: usize,
    into: &mut Annotation,
) {
    if depth > MAX_NESTING {
        return;
    }
    match &expr.kind {
        ExprKind::None => into.nullable = true,
        ExprKind::Binary(left, BinOp::Or, right) => {
            walk(evaluator, module, left, depth + 1, into);
            walk(evaluator, module, right, depth + 1, into);
        }
        ExprKind::Str(text) => {
            // A type as text, for names that come later.
            let parsed = tree::Module::read(text.as_bytes());
            if let Some(StmtKind::Expr(inner)) = parsed.body.first().map(|statement| &statement.kind) {
                walk(evaluator, module, inner, depth + 1, into);
            }
        }
        ExprKind::Subscript(owner, index) => {
            let name = owner.dotted().unwrap_or_default();
            match last_component(&name) {
                "Mapped" | "MappedColumn" => {
                    into.mapped = true;
                    walk(evaluator, module, index, depth + 1, into);
                }
                "WriteOnlyMapped" | "DynamicMapped" | "AssociationProxy" | "ClassVar" | "InitVar"
                | "Relationship" => {
                    into.aside = true;
                }
                "Optional" => {
                    into.nullable = true;
                    walk(evaluator, module, index, depth + 1, into);
                }
                "Union" => match &index.kind {
                    ExprKind::Tuple(items) => {
                        items.iter().for_each(|item| walk(evaluator, module, item, depth + 1, into));
                    }
                    _ => walk(evaluator, module, index, depth + 1, into),
                },
                "Annotated" => {
                    let value = evaluator.expression(module, expr);
                    alias(&value, depth + 1, into);
                    // The type itself is read as it is written: it may be a union.
                    if let ExprKind::Tuple(items) = &index.kind
                        && let Some(first) = items.first()
                    {
                        into.ty = None;
                        walk(evaluator, module, first, depth + 1, into);
                    }
                }
                "Final" | "Required" => walk(evaluator, module, index, depth + 1, into),
                _ => keep(evaluator.expression(module, expr), depth, into),
            }
        }
        _ => keep(evaluator.expression(module, expr), depth, into),
    }
}

fn keep(value: Value, depth: usize, into: &mut Annotation) {
    match &value {
        Value::None => into.nullable = true,
        _ => alias(&value, depth, into),
    }
}

/// A value that a name of an annotation stands for: a type, or `Annotated[…]`, `Optional[…]` by another name.
fn alias(value: &Value, depth: usize, into: &mut Annotation) {
    if depth > MAX_NESTING {
        return;
    }
    if let Value::Construct(construct) = value
        && let Callee::Method(owner, method) = &construct.callee
        && &**method == "__getitem__"
    {
        let name = match owner {
            Value::External(path) => last_component(path),
            _ => "",
        };
        let items: Vec<Value> = match construct.args.first() {
            Some(Value::Tuple(items)) => items.to_vec(),
            Some(single) => vec![single.clone()],
            None => Vec::new(),
        };
        match name {
            "Annotated" => {
                into.whole.get_or_insert_with(|| value.clone());
                if let Some((first, rest)) = items.split_first() {
                    alias(first, depth + 1, into);
                    into.extra.extend(rest.iter().filter_map(|item| item.as_construct().cloned()));
                }
                return;
            }
            "Optional" | "Union" => {
                into.nullable |= name == "Optional";
                for item in &items {
                    match item {
                        Value::None => into.nullable = true,
                        item => alias(item, depth + 1, into),
                    }
                }
                return;
            }
            "Mapped" => {
                into.mapped = true;
                items.iter().for_each(|item| alias(item, depth + 1, into));
                return;
            }
            _ => {}
        }
    }
    if into.ty.is_none() {
        into.ty = Some(value.clone());
    }
}

/// The column type that `type_annotation_map` gives `value`.
pub(super) fn mapped_type(
    evaluator: &mut Evaluator<'_>,
    value: &Value,
    map: Option<&Value>,
    database: Database,
) -> Option<TypeSpec> {
    let Some(Value::Dict(items)) = map else { return None };
    let items = items.borrow().clone();
    let (_, mapped) = items.iter().find(|(key, _)| same(key, value, 0))?;
    types::read(evaluator, mapped, database)
}

/// The column type that Python's type `value` stands for in SQLAlchemy.
pub(super) fn sql_type(
    evaluator: &mut Evaluator<'_>,
    value: &Value,
    map: Option<&Value>,
    database: Database,
    place: &Place,
) -> TypeSpec {
    let unknown = |reason: &str| TypeSpec::plain(ColumnType::unknown("", reason));
    if let Some(Value::Dict(items)) = map {
        let items = items.borrow().clone();
        if let Some((_, mapped)) = items.iter().find(|(key, _)| same(key, value, 0)) {
            return types::read(evaluator, mapped, database)
                .unwrap_or_else(|| unknown("its mapped type is none"));
        }
    }
    let made = |evaluator: &mut Evaluator<'_>, name: &str, args: Vec<Value>, kwargs| {
        let construct = library_call(&format!("sqlalchemy.{name}"), args, kwargs, place);
        types::read(evaluator, &construct, database).unwrap_or_else(|| unknown("it is no type"))
    };
    if let Some(name) = simple(value) {
        return made(evaluator, name, Vec::new(), Vec::new());
    }
    match value {
        Value::Class(class) if class.is_enum.get() => {
            made(evaluator, "Enum", vec![value.clone()], Vec::new())
        }
        Value::Class(class) => match builtin_base(class, 0) {
            Some(base) => sql_type(evaluator, &base, map, database, place),
            None => unknown("no column type belongs to its annotation"),
        },
        Value::Construct(construct) => match &construct.callee {
            Callee::Path(path) if last_component(path) == "NewType" => match construct.args.get(1) {
                Some(inner) => sql_type(evaluator, &inner.clone(), map, database, place),
                None => unknown("no column type belongs to its annotation"),
            },
            Callee::Method(Value::External(path), method)
                if &**method == "__getitem__" && last_component(path) == "Literal" =>
            {
                let items = match construct.args.first() {
                    Some(Value::Tuple(items)) => items.to_vec(),
                    Some(single) => vec![single.clone()],
                    None => Vec::new(),
                };
                made(evaluator, "Enum", items, vec![(Arc::from("native_enum"), Value::Bool(false))])
            }
            _ => unknown("no column type belongs to its annotation"),
        },
        Value::Unknown(cause) => unknown(&cause.reason),
        _ => unknown("no column type belongs to its annotation"),
    }
}

/// A call of a library's name, as a value.
pub(super) fn library_call(
    path: &str,
    args: Vec<Value>,
    kwargs: Vec<(Arc<str>, Value)>,
    place: &Place,
) -> Value {
    Value::Construct(Rc::new(Construct {
        callee: Callee::Path(Arc::from(path)),
        args,
        kwargs,
        more: None,
        place: place.clone(),
        attributes: RefCell::default(),
    }))
}

/// SQLAlchemy's own map of Python types.
pub(super) fn simple(value: &Value) -> Option<&'static str> {
    match value {
        Value::Builtin(name) => match *name {
            "str" => Some("String"),
            "int" => Some("Integer"),
            "bool" => Some("Boolean"),
            "float" => Some("Float"),
            "bytes" => Some("LargeBinary"),
            _ => None,
        },
        Value::External(path) => match &**path {
            "datetime.datetime" => Some("DateTime"),
            "datetime.date" => Some("Date"),
            "datetime.time" => Some("Time"),
            "datetime.timedelta" => Some("Interval"),
            "decimal.Decimal" => Some("Numeric"),
            "uuid.UUID" => Some("Uuid"),
            _ => None,
        },
        _ => None,
    }
}

/// The built-in type that a class extends: `class Slug(str)`.
fn builtin_base(class: &Rc<Class>, depth: usize) -> Option<Value> {
    if depth > MAX_NESTING {
        return None;
    }
    class.bases.iter().find_map(|base| match base {
        Value::Class(base) => builtin_base(base, depth + 1),
        base => simple(base).map(|_| base.clone()),
    })
}

/// Whether two annotations are the same type.
fn same(one: &Value, other: &Value, depth: usize) -> bool {
    if depth > MAX_NESTING {
        return false;
    }
    match (one, other) {
        (Value::None, Value::None) => true,
        (Value::Builtin(one), Value::Builtin(other)) => one == other,
        (Value::External(one), Value::External(other)) => one == other,
        (Value::Class(one), Value::Class(other)) => Rc::ptr_eq(one, other),
        (Value::Tuple(one), Value::Tuple(other)) => {
            one.len() == other.len()
                && one.iter().zip(other.iter()).all(|(one, other)| same(one, other, depth + 1))
        }
        (Value::Construct(one), Value::Construct(other)) => {
            if Rc::ptr_eq(one, other) {
                return true;
            }
            let callees = match (&one.callee, &other.callee) {
                (Callee::Path(one), Callee::Path(other)) => one == other,
                (Callee::Method(one, name), Callee::Method(other, other_name)) => {
                    name == other_name && same(one, other, depth + 1)
                }
                _ => false,
            };
            callees
                && one.args.len() == other.args.len()
                && one.args.iter().zip(&other.args).all(|(one, other)| same(one, other, depth + 1))
        }
        (one, other) => crate::schema::evaluate::equal(one, other) == Some(true),
    }
}
