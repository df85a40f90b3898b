//! SQLAlchemy's constructs read as specifications: `Column(…)`, `ForeignKey(…)`, constraints, indexes.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::effect::{
    CheckSpec, ColumnSpec, ConstraintSpec, ForeignKeySpec, Given, IndexSpec, KeySpec, TableSpec, TypeSpec,
};
use super::evaluate::{Evaluator, truth};
use super::sql;
use super::state::{ColumnType, Name, Place};
use super::types::{self, Database};
use super::value::{Callee, Construct, Value, last_component};

/// An item of `create_table`, `Table(…)` or `__table_args__`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A column.
    Column(Box<ColumnSpec>),
    /// A constraint.
    Constraint(ConstraintSpec),
    /// An index.
    Index(IndexSpec),
    /// Nothing that is told here.
    Other,
    /// Something that cannot be read, with the reason.
    Unknown(Arc<str>),
}

/// The schema that a `schema=` argument names, the default one being `None`.
pub fn schema_of(value: Option<&Value>, database: Database) -> Option<Arc<str>> {
    value
        .and_then(Value::as_text)
        .filter(|schema| &**schema != database.default_schema() && !schema.is_empty())
}

/// The name that an argument gives: a string, `op.f("…")`, or none.
pub fn given(value: Option<&Value>) -> Given {
    match value {
        None | Some(Value::None) => Given::None,
        Some(Value::Construct(construct)) if is_final(construct) => {
            match construct.args.first().and_then(Value::as_text) {
                Some(name) => Given::Final(name),
                None => Given::Unknown(Arc::from("the name is not known")),
            }
        }
        Some(value) => match value.as_text() {
            Some(name) => Given::Name(name),
            None => Given::Unknown(match value.reason() {
                Some(unknown) => Arc::clone(&unknown.reason),
                None => Arc::from("the name is not known without running it"),
            }),
        },
    }
}

/// `op.f(…)`, `batch_op.f(…)`, `conv(…)`.
fn is_final(construct: &Construct) -> bool {
    matches!(construct.name(), "f" | "conv")
}

/// A list of column names: strings, or columns by their name.
pub fn names(value: Option<&Value>) -> Option<Vec<Arc<str>>> {
    let items = match value? {
        Value::Str(name) => return Some(vec![Arc::clone(name)]),
        value => value.items()?,
    };
    items.iter().map(column_name).collect()
}

/// The name of a column: a string, or a `Column`'s.
fn column_name(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::Construct(construct) => match construct.name() {
            "Column" | "column" | "quoted_name" => construct.arg(0, "name").and_then(Value::as_text),
            "text" | "literal_column" => plain_name(&construct.args.first().and_then(Value::as_text)?),
            _ => None,
        },
        // `table.c.name`.
        Value::Attribute(attribute) => match &attribute.0 {
            Value::Attribute(inner) if matches!(&*inner.1, "c" | "columns") => Some(Arc::clone(&attribute.1)),
            _ => None,
        },
        value => value.as_text(),
    }
}

/// `name` of `name DESC NULLS LAST`.
fn plain_name(text: &str) -> Option<Arc<str>> {
    let mut words = text.split_whitespace();
    let name = words.next()?;
    let direction = |word: &str| {
        matches!(word.to_ascii_lowercase().as_str(), "asc" | "desc" | "nulls" | "first" | "last")
            || word.ends_with("_ops")
    };
    if !words.all(direction) {
        return None;
    }
    let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    match quoted {
        Some(name) => Some(Arc::from(name)),
        None if is_name(name) => Some(Arc::from(name.to_lowercase())),
        None => None,
    }
}

/// The SQL text of an expression construct, as far as it is known.
pub fn expression(value: &Value) -> Option<String> {
    expression_at(value, 0)
}

fn expression_at(value: &Value, depth: usize) -> Option<String> {
    if depth > 12 {
        return None;
    }
    match value {
        Value::Str(text) => Some(text.to_string()),
        Value::Int(int) => Some(int.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::None => Some("NULL".into()),
        Value::External(path) => match last_component(path) {
            "true" | "false" | "null" => Some(last_component(path).to_owned()),
            _ => None,
        },
        Value::Construct(construct) => {
            let arguments = || -> Option<Vec<String>> {
                construct.args.iter().map(|arg| expression_at(arg, depth + 1)).collect()
            };
            match &construct.callee {
                Callee::Path(path) => match last_component(path) {
                    "text" | "literal_column" | "column" | "quoted_name" | "Column" => {
                        construct.args.first().and_then(Value::as_text).map(|text| text.to_string())
                    }
                    name if path.contains(".func.") => {
                        let arguments = arguments()?;
                        Some(format!("{name}({})", arguments.join(", ")))
                    }
                    "true" | "false" | "null" => Some(last_component(path).to_owned()),
                    "desc" | "asc" | "nulls_last" | "nulls_first" => {
                        expression_at(construct.args.first()?, depth + 1)
                    }
                    "cast" => {
                        let arguments = arguments();
                        arguments.and_then(|list| list.first().cloned())
                    }
                    "literal" => match construct.args.first()? {
                        Value::Str(text) => Some(format!("'{text}'")),
                        other => expression_at(other, depth + 1),
                    },
                    _ => None,
                },
                Callee::Method(receiver, name) => match &**name {
                    "desc" | "asc" | "nulls_last" | "nulls_first" | "nullslast" | "nullsfirst"
                    | "collate" | "label" => expression_at(receiver, depth + 1),
                    // `column[["a", "b"]].as_string()` of a JSON column.
                    "as_string" => {
                        let element = receiver.as_construct()?;
                        let Callee::Method(column, method) = &element.callee else { return None };
                        let path = element.args.first()?;
                        let column =
                            expression_at(column, depth + 1).filter(|_| &**method == "__getitem__")?;
                        match path.items() {
                            Some(steps) => {
                                let steps: Option<Vec<Arc<str>>> = steps.iter().map(Value::as_text).collect();
                                Some(format!("({column} #>> '{{{}}}')", steps?.join(",")))
                            }
                            None => Some(format!("({column} ->> '{}')", path.as_text()?)),
                        }
                    }
                    "is_" | "is_not" | "isnot" => {
                        let operand = expression_at(construct.args.first()?, depth + 1)?;
                        let word = if &**name == "is_" { "IS" } else { "IS NOT" };
                        Some(format!("{} {word} {operand}", expression_at(receiver, depth + 1)?))
                    }
                    _ => None,
                },
            }
        }
        Value::Attribute(_) => column_name(value).map(|name| name.to_string()),
        _ => None,
    }
}

fn reason(value: &Value, default: &str) -> Arc<str> {
    value.reason().map_or_else(|| Arc::from(default), |unknown| Arc::clone(&unknown.reason))
}

/// `ForeignKey("table.column")`: the table and the column, which is `None` where only a table is named.
pub fn target(text: &str, database: Database) -> (Name, Option<Arc<str>>) {
    let mut parts = text.rsplitn(3, '.');
    let column = parts.next().unwrap_or_default();
    let Some(table) = parts.next() else { return (Name::plain(column), None) };
    let schema = parts.next().filter(|schema| *schema != database.default_schema());
    (Name::new(schema, table), Some(Arc::from(column)))
}

/// `ForeignKey(…)` of the column `column`; `Err` with the reason where its target is not known.
pub fn foreign_key(
    construct: &Construct,
    column: &Arc<str>,
    database: Database,
) -> Result<ForeignKeySpec, Arc<str>> {
    let asked = construct.arg(0, "column").ok_or_else(|| Arc::from("it names no target"))?;
    let (ref_table, ref_column) = match asked {
        Value::Construct(inner) if inner.name() == "Column" => {
            return Err(reason(asked, "its target is a column object"));
        }
        value => match value.as_text() {
            Some(text) => target(&text, database),
            None => match table_column(value, database) {
                Some((table, column)) => (table, Some(column)),
                None => return Err(reason(value, "its target is not known without running it")),
            },
        },
    };
    let action = |name: &str| construct.kwarg(name).and_then(Value::as_text).map(|text| upper(&text));
    Ok(ForeignKeySpec {
        name: given(construct.kwarg("name")),
        columns: vec![Arc::clone(column)],
        ref_table,
        ref_columns: vec![ref_column.unwrap_or_else(|| Arc::clone(column))],
        on_delete: action("ondelete"),
        on_update: action("onupdate"),
        use_alter: construct.kwarg("use_alter").and_then(truth) == Some(true),
        place: construct.place.clone(),
    })
}

/// `table.c.column` of a `Table(…)`.
fn table_column(value: &Value, database: Database) -> Option<(Name, Arc<str>)> {
    let Value::Attribute(attribute) = value else { return None };
    let Value::Attribute(columns) = &attribute.0 else { return None };
    if !matches!(&*columns.1, "c" | "columns") {
        return None;
    }
    let table = columns.0.as_construct()?;
    let name = table.arg(0, "name").and_then(Value::as_text)?;
    Some((Name { schema: schema_of(table.kwarg("schema"), database), name }, Arc::clone(&attribute.1)))
}

fn upper(text: &str) -> Arc<str> {
    Arc::from(text.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase())
}

/// A key's unnamed keys: `UniqueConstraint("a", "b", name=…)`.
fn key(construct: &Construct) -> Result<KeySpec, Arc<str>> {
    let mut columns = Vec::new();
    for arg in &construct.args {
        columns.push(column_name(arg).ok_or_else(|| reason(arg, "its columns are not known"))?);
    }
    if let Some(unknown) = &construct.more {
        return Err(Arc::clone(&unknown.reason));
    }
    Ok(KeySpec {
        name: given(construct.kwarg("name")),
        columns,
        using_index: None,
        place: construct.place.clone(),
    })
}

fn check(construct: &Construct) -> CheckSpec {
    let sql = construct.arg(0, "sqltext").and_then(expression);
    CheckSpec {
        name: given(construct.kwarg("name")),
        columns: sql.as_deref().map(sql::identifiers).unwrap_or_default().into_iter().collect(),
        sql: sql.map(Arc::from),
        exclusion: false,
        place: construct.place.clone(),
    }
}

fn foreign_key_constraint(construct: &Construct, database: Database) -> Result<ForeignKeySpec, Arc<str>> {
    let unknown = || Arc::from("its columns are not known");
    let columns = names(construct.arg(0, "columns")).ok_or_else(unknown)?;
    let targets = construct.arg(1, "refcolumns").and_then(Value::items).ok_or_else(unknown)?;
    let mut ref_table = None;
    let mut ref_columns = Vec::new();
    for (at, referred) in targets.iter().enumerate() {
        let (table, column) = match referred.as_text() {
            Some(text) => target(&text, database),
            None => {
                let (table, column) = table_column(referred, database).ok_or_else(unknown)?;
                (table, Some(column))
            }
        };
        ref_table.get_or_insert(table);
        let own = columns.get(at).cloned().ok_or_else(unknown)?;
        ref_columns.push(column.unwrap_or(own));
    }
    let action = |position: usize, name: &str| {
        construct.arg(position, name).and_then(Value::as_text).map(|text| upper(&text))
    };
    Ok(ForeignKeySpec {
        name: given(construct.arg(2, "name")),
        columns,
        ref_table: ref_table.ok_or_else(unknown)?,
        ref_columns,
        on_update: action(3, "onupdate"),
        on_delete: action(4, "ondelete"),
        use_alter: construct.kwarg("use_alter").and_then(truth) == Some(true),
        place: construct.place.clone(),
    })
}

/// The parts of an index: its columns, and what its keywords say.
pub fn index(
    name: Given,
    columns: &[Value],
    keyword: &dyn Fn(&str) -> Option<Value>,
    database: Database,
    place: &Place,
) -> Result<IndexSpec, Arc<str>> {
    let mut keys = Vec::new();
    let mut needs = BTreeSet::new();
    for column in columns {
        match column_name(column) {
            Some(name) => {
                needs.insert(Arc::clone(&name));
                keys.push(name);
            }
            None => {
                let text = expression(column).ok_or_else(|| reason(column, "its columns are not known"))?;
                match plain_name(&text) {
                    Some(name) => {
                        needs.insert(Arc::clone(&name));
                        keys.push(name);
                    }
                    None => {
                        needs.extend(sql::identifiers(&text));
                        keys.push(Arc::from(text));
                    }
                }
            }
        }
    }
    let prefixed = |suffix: &str| keyword(&format!("{}_{suffix}", database.name()));
    // A condition that cannot be read is one all the same: the index does not hold for all rows.
    let condition = prefixed("where")
        .filter(|value| !value.is_none())
        .map(|value| expression(&value).unwrap_or_else(|| "…".to_owned()));
    needs.extend(condition.as_deref().map(sql::identifiers).unwrap_or_default());
    needs.extend(prefixed("include").and_then(|value| names(Some(&value))).unwrap_or_default());
    let method =
        prefixed("using").and_then(|value| value.as_text()).map(|text| Arc::from(text.to_lowercase()));
    Ok(IndexSpec {
        name,
        unique: keyword("unique").as_ref().and_then(truth) == Some(true),
        columns: keys,
        needs,
        method: method.filter(|method: &Arc<str>| &**method != "btree"),
        condition: condition.map(Arc::from),
        if_not_exists: keyword("if_not_exists").as_ref().and_then(truth) == Some(true),
        place: place.clone(),
    })
}

/// A type that cannot be read.
fn unknown_type(text: &str, reason: impl AsRef<str>) -> TypeSpec {
    TypeSpec::plain(ColumnType::unknown(text, reason))
}

/// Whether a value can be a type expression: neither an item of a column nor data.
fn is_type(value: &Value) -> bool {
    match value {
        Value::External(path) => is_type_name(path),
        Value::Construct(construct) => match &construct.callee {
            Callee::Path(path) => is_type_name(path),
            Callee::Method(receiver, name) => {
                is_type(receiver)
                    || matches!(
                        &**name,
                        "with_variant" | "as_mutable" | "evolve" | "adapt" | "type_descriptor"
                    )
            }
        },
        Value::Class(_) | Value::Instance(_) | Value::Unknown(_) => true,
        // What a decorated type is kept as.
        Value::Attribute(attribute) => &*attribute.1 == "impl" && is_type(&attribute.0),
        _ => false,
    }
}

/// Items of a column that are no types.
fn is_type_name(path: &str) -> bool {
    !matches!(
        last_component(path),
        "ForeignKey"
            | "CheckConstraint"
            | "UniqueConstraint"
            | "PrimaryKeyConstraint"
            | "Sequence"
            | "Computed"
            | "Identity"
            | "FetchedValue"
            | "DefaultClause"
            | "ColumnDefault"
            | "Index"
            | "text"
            | "Constraint"
            | "ForeignKeyConstraint"
            | "now"
            | "func"
            | "true"
            | "false"
            | "null"
    ) && !path.contains(".func.")
}

/// `Column(…)`; a name given by the attribute that holds it counts where it states none.
pub fn column(
    evaluator: &mut Evaluator<'_>,
    construct: &Rc<Construct>,
    attribute: Option<&str>,
    database: Database,
) -> Result<ColumnSpec, Arc<str>> {
    let mut rest = construct.args.as_slice();
    let mut name = construct.kwarg("name").and_then(Value::as_text);
    if let [first, others @ ..] = rest
        && (first.as_text().is_some() || is_quoted(first))
    {
        name = first.as_text().or_else(|| column_name(first));
        rest = others;
    }
    if let [Value::None, others @ ..] = rest
        && name.is_none()
        && !others.is_empty()
    {
        rest = others;
    }
    let name = match name.or_else(|| attribute.map(Arc::from)) {
        Some(name) => name,
        None => {
            let cause = construct.args.first().or(construct.kwarg("name"));
            return Err(cause.map_or_else(
                || Arc::from("a column has no name"),
                |v| reason(v, "a column's name is not known"),
            ));
        }
    };
    let mut ty = match construct.kwarg("type_") {
        Some(value) => types::read(evaluator, value, database),
        None => None,
    };
    let mut seen_type = construct.kwarg("type_").is_some();
    let mut spec = ColumnSpec {
        name: Arc::clone(&name),
        ty: None,
        nullable: Ok(None),
        primary_key: false,
        unique: false,
        index: false,
        default: None,
        counts_up: None,
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        place: construct.place.clone(),
    };
    for (at, item) in rest.iter().enumerate() {
        let callee = match item {
            Value::Construct(inner) => inner.name(),
            Value::External(path) => last_component(path),
            _ => "",
        };
        match (callee, item) {
            ("ForeignKey", Value::Construct(inner)) => match foreign_key(inner, &name, database) {
                Ok(key) => spec.foreign_keys.push(key),
                Err(cause) => return Err(cause),
            },
            ("CheckConstraint", Value::Construct(inner)) => spec.checks.push(check(inner)),
            ("Computed", _) => spec.default = Some(Arc::from("generated")),
            ("Identity", _) => {
                spec.default = Some(Arc::from("identity"));
                if spec.nullable == Ok(None) {
                    spec.nullable = Ok(Some(false));
                }
            }
            ("Sequence" | "FetchedValue" | "DefaultClause", _) => {}
            _ if at == 0 && !seen_type => {
                seen_type = true;
                ty = match item {
                    Value::None => None,
                    item if is_type(item) => types::read(evaluator, item, database),
                    item => Some(unknown_type("", reason(item, "its type is not known without running it"))),
                };
            }
            _ if !seen_type && is_type(item) => {
                seen_type = true;
                ty = types::read(evaluator, item, database);
            }
            (_, Value::Unknown(unknown)) => return Err(Arc::clone(&unknown.reason)),
            _ => {}
        }
    }
    // Booleans and enums may bring a check constraint.
    spec.ty = ty;
    let flag = |name: &str| construct.kwarg(name).map(truth);
    spec.nullable = match construct.kwarg("nullable") {
        None => spec.nullable,
        Some(value) => match truth(value) {
            Some(nullable) => Ok(Some(nullable)),
            None => Err(reason(value, "whether it takes NULL is not known")),
        },
    };
    spec.primary_key = flag("primary_key") == Some(Some(true));
    spec.unique = flag("unique") == Some(Some(true));
    spec.index = flag("index") == Some(Some(true));
    spec.counts_up = match construct.kwarg("autoincrement") {
        Some(Value::Bool(flag)) => Some(*flag),
        _ => None,
    };
    if let Some(default) = construct.kwarg("server_default") {
        spec.default = server_default(default).or(spec.default);
    }
    // `**unknown` may say anything.
    if construct.more.is_some() {
        spec.nullable = Err(Arc::from("its arguments are not known in full"));
    }
    Ok(spec)
}

fn is_quoted(value: &Value) -> bool {
    value.as_construct().is_some_and(|construct| construct.name() == "quoted_name")
}

/// The default that `server_default=` gives; `None` where it gives none.
pub fn server_default(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::None | Value::Bool(false) => None,
        Value::Str(text) => Some(Arc::from(format!("'{}'", text.replace('\'', "''")))),
        Value::Construct(construct) if matches!(construct.name(), "DefaultClause" | "FetchedValue") => {
            // The clause that SQLAlchemy itself makes of a text.
            construct.args.first().and_then(server_default)
        }
        value => Some(expression(value).map_or_else(|| Arc::from("…"), Arc::from)),
    }
}

/// Reads one item of a table.
pub fn item(evaluator: &mut Evaluator<'_>, value: &Value, database: Database) -> Item {
    let construct = match value {
        Value::Construct(construct) => construct,
        Value::None | Value::Dict(_) | Value::Str(_) => return Item::Other,
        Value::Unknown(unknown) => return Item::Unknown(Arc::clone(&unknown.reason)),
        // A class of the repository that makes columns or constraints.
        Value::Instance(instance) => {
            let base = instance.class.bases.iter().find_map(|base| match base {
                Value::External(path) => Some(Arc::clone(path)),
                _ => None,
            });
            return match base {
                Some(path) if path.starts_with("sqlalchemy.") => Item::Unknown(Arc::from(format!(
                    "{} is a class of the repository",
                    instance.class.name()
                ))),
                _ => Item::Other,
            };
        }
        _ => return Item::Unknown(Arc::from("it is no column and no constraint that is known")),
    };
    let unknown = |read: Result<Item, Arc<str>>| read.unwrap_or_else(Item::Unknown);
    match construct.name() {
        "Column" | "mapped_column" => {
            unknown(column(evaluator, construct, None, database).map(|column| Item::Column(Box::new(column))))
        }
        "PrimaryKeyConstraint" => {
            unknown(key(construct).map(|key| Item::Constraint(ConstraintSpec::PrimaryKey(key))))
        }
        "UniqueConstraint" => {
            unknown(key(construct).map(|key| Item::Constraint(ConstraintSpec::Unique(key))))
        }
        "ForeignKeyConstraint" => unknown(
            foreign_key_constraint(construct, database)
                .map(|key| Item::Constraint(ConstraintSpec::ForeignKey(key))),
        ),
        "CheckConstraint" => Item::Constraint(ConstraintSpec::Check(check(construct))),
        "ExcludeConstraint" => {
            let texts: Vec<String> = construct
                .args
                .iter()
                .filter_map(|arg| {
                    arg.items()?.first().and_then(|column| {
                        column_name(column).map(|n| n.to_string()).or_else(|| expression(column))
                    })
                })
                .collect();
            Item::Constraint(ConstraintSpec::Check(CheckSpec {
                name: given(construct.kwarg("name")),
                sql: None,
                columns: sql::identifiers(&texts.join(" ")).into_iter().collect(),
                exclusion: true,
                place: construct.place.clone(),
            }))
        }
        "Index" => {
            let (name, columns) = match construct.args.split_first() {
                Some((name, columns)) => (given(Some(name)), columns),
                None => (Given::None, &[][..]),
            };
            let keyword = |name: &str| construct.kwarg(name).cloned();
            unknown(index(name, columns, &keyword, database, &construct.place).map(Item::Index))
        }
        "Sequence" | "DDL" | "Comment" | "MetaData" => Item::Other,
        name => Item::Unknown(Arc::from(format!("{name}(…) is not read"))),
    }
}

/// A table of a name and items: `op.create_table(name, *items)`, `Table(name, metadata, *items)`.
pub fn table(evaluator: &mut Evaluator<'_>, name: Name, items: &[Value], database: Database) -> TableSpec {
    let mut spec = TableSpec::new(name);
    for value in items {
        match item(evaluator, value, database) {
            Item::Column(column) => spec.columns.push(*column),
            Item::Constraint(constraint) => spec.constraints.push(constraint),
            Item::Index(index) => spec.indexes.push(index),
            Item::Other => {}
            Item::Unknown(reason) => _ = spec.incomplete.get_or_insert(reason),
        }
    }
    spec
}
