//! `onehead schema` as statements that make the schema in PostgreSQL.

use std::collections::BTreeSet;
use std::io;

use super::model::schema::{
    ColumnModel, EnvironmentSchema, ForeignKeyModel, IndexModel, SchemaDocument, TableKnown, TableModel,
    TypeKnown,
};
use crate::schema::plain::{extensions_of, is_plain};
use crate::text::printable;

/// Words that PostgreSQL reserves: as names they need quotes.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

/// Writes schemas, extensions, enum types, tables, indexes and foreign keys in an order that a database takes. What is
/// not known stands in a comment, and so does what needs it.
///
/// # Errors
/// Those of `out`.
pub fn schema_sql(document: &SchemaDocument, out: &mut impl io::Write) -> io::Result<()> {
    for environment in &document.environments {
        of_environment(environment, out)?;
    }
    Ok(())
}

fn of_environment(environment: &EnvironmentSchema, out: &mut impl io::Write) -> io::Result<()> {
    comment(out, &format!("{} in {}", environment.name, environment.directory))?;
    for opaque in &environment.opaque {
        comment(out, &format!("not read: {}:{} {}", opaque.path, opaque.line, opaque.reason))?;
    }
    for view in &environment.views {
        comment(out, &format!("left out: view {}, whose text is not kept", view.name))?;
    }
    writeln!(out)?;
    for extension in extensions(environment) {
        writeln!(out, "CREATE EXTENSION IF NOT EXISTS {};", quoted(&extension))?;
    }
    let named = environment.tables.iter().map(|table| &table.schema);
    let schemas: BTreeSet<&String> =
        named.chain(environment.enums.iter().map(|known| &known.schema)).collect();
    for schema in schemas.into_iter().filter(|schema| *schema != "public") {
        writeln!(out, "CREATE SCHEMA IF NOT EXISTS {};", name(schema))?;
    }
    for known in &environment.enums {
        match &known.labels {
            Some(labels) => {
                let labels: Vec<String> = labels.iter().map(|label| literal(label)).collect();
                let labels = labels.join(", ");
                writeln!(out, "CREATE TYPE {} AS ENUM ({labels});", qualified(&known.schema, &known.name))?;
            }
            None => comment(out, &format!("left out: enum {}, whose labels are not known", known.name))?,
        }
    }
    let types = Types::of(environment);
    for table in &environment.tables {
        create_table(table, &types, out)?;
    }
    writeln!(out)?;
    for table in &environment.tables {
        for index in &table.indexes {
            create_index(table, index, &types, out)?;
        }
    }
    for table in &environment.tables {
        for key in &table.foreign_keys {
            add_foreign_key(environment, table, key, &types, out)?;
        }
    }
    writeln!(out)
}

/// The types that columns may have.
struct Types<'d> {
    /// Enum types whose labels are not known.
    unknown: BTreeSet<&'d str>,
}

impl<'d> Types<'d> {
    fn of(environment: &'d EnvironmentSchema) -> Self {
        let unknown = environment.enums.iter().filter(|known| known.labels.is_none());
        Self { unknown: unknown.map(|known| known.name.as_str()).collect() }
    }

    /// Whether the column can be made.
    fn has(&self, column: &ColumnModel) -> bool {
        column.certainty != TypeKnown::Unknown && !self.unknown.contains(column.r#type.trim_end_matches("[]"))
    }

    /// Whether all of the columns are there.
    fn all(&self, table: &TableModel, columns: &[String]) -> bool {
        columns.iter().all(|name| {
            table.columns.iter().find(|column| column.name == *name).is_some_and(|column| self.has(column))
        })
    }
}

/// Extensions that the migrations create, and those that types and functions come from.
fn extensions(environment: &EnvironmentSchema) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = environment.extensions.iter().cloned().collect();
    let columns = environment.tables.iter().flat_map(|table| &table.columns);
    let texts = columns.flat_map(|column| [Some(&column.r#type), column.default.as_ref()]).flatten();
    let indexed = environment.tables.iter().flat_map(|table| &table.indexes).flat_map(|index| &index.columns);
    for text in texts.chain(indexed) {
        found.extend(extensions_of(text).map(str::to_owned));
    }
    found
}

fn create_table(table: &TableModel, types: &Types<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let mut lines = Vec::new();
    let mut notes = Vec::new();
    match table.state {
        TableKnown::Complete => {}
        TableKnown::Partial => {
            notes.push(format!("{} is known in part: it may have more columns", table.name))
        }
        TableKnown::Opaque => {
            notes.push(format!("{} may have been changed by what was not read", table.name))
        }
    }
    for column in &table.columns {
        if !types.has(column) {
            let reason = column.reason.as_deref().unwrap_or("its enum's labels are not known");
            notes.push(format!("left out: {}.{} {}: {reason}", table.name, column.name, column.r#type));
            continue;
        }
        let mut line = format!("{} {}", name(&column.name), column.r#type);
        match column.default.as_deref() {
            None => {}
            Some("nextval" | "identity") if matches!(&*column.r#type, "smallint" | "integer" | "bigint") => {
                line.push_str(" GENERATED BY DEFAULT AS IDENTITY");
            }
            Some(default @ ("nextval" | "identity")) => {
                notes.push(format!("left out: the default of {}.{}: {default}", table.name, column.name));
            }
            Some(default) if is_plain(default) => {
                line.push_str(" DEFAULT ");
                line.push_str(default);
            }
            Some(default) => {
                notes.push(format!("left out: the default of {}.{}: {default}", table.name, column.name));
            }
        }
        match column.nullable {
            Some(false) => line.push_str(" NOT NULL"),
            Some(true) => {}
            None => notes.push(format!("whether {}.{} takes NULL is not known", table.name, column.name)),
        }
        lines.push(line);
    }
    let constraint = |name: &Option<String>| match name {
        Some(known) => format!("CONSTRAINT {} ", self::name(known)),
        None => String::new(),
    };
    let keys = table.primary_key.iter().map(|key| ("PRIMARY KEY", key));
    for (kind, key) in keys.chain(table.uniques.iter().map(|key| ("UNIQUE", key))) {
        match types.all(table, &key.columns) {
            true => lines.push(format!("{}{kind} ({})", constraint(&key.name), names(&key.columns))),
            false => notes.push(format!("left out: {kind} of {} ({})", table.name, key.columns.join(", "))),
        }
    }
    for check in &table.checks {
        match &check.sql {
            Some(sql)
                if !check.exclusion
                    && table.columns.iter().all(|column| types.has(column))
                    && is_plain(sql) =>
            {
                lines.push(format!("{}CHECK ({sql})", constraint(&check.name)));
            }
            _ => {
                let label = check.name.as_deref().unwrap_or("without a name");
                notes.push(format!("left out: check {label} of {}", table.name));
            }
        }
    }
    writeln!(out)?;
    for note in &notes {
        comment(out, note)?;
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    writeln!(out, "CREATE TABLE {} (\n{}\n);", qualified(&table.schema, &table.name), lines.join(",\n"))
}

fn create_index(
    table: &TableModel,
    index: &IndexModel,
    types: &Types<'_>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let is_column = |text: &String| table.columns.iter().any(|column| column.name == *text);
    let missing =
        table.columns.iter().filter(|column| !types.has(column)).any(|column| {
            index.columns.iter().chain(&index.condition).any(|text| text.contains(&column.name))
        });
    let is_word = |text: &String| text.chars().all(|c| c.is_alphanumeric() || c == '_');
    let unknown = |text: &String| is_word(text) && !is_column(text);
    let missing = missing
        || index.columns.iter().any(unknown)
        || table.state != TableKnown::Complete && !index.columns.iter().all(is_column)
        || !has_operators(table, index);
    let texts = || index.columns.iter().filter(|text| !is_column(text)).chain(&index.condition);
    if missing || !texts().all(|text| is_plain(text)) {
        return comment(out, &format!("left out: index {} on {}", index.name, table.name));
    }
    let items: Vec<String> = index
        .columns
        .iter()
        .map(|text| if is_column(text) { name(text) } else { expression(table, text) })
        .collect();
    let unique = if index.unique { "UNIQUE " } else { "" };
    let method = index.method.as_ref().map_or_else(String::new, |method| format!(" USING {}", name(method)));
    let condition = index.condition.as_ref().map_or_else(String::new, |sql| format!(" WHERE {sql}"));
    let on = qualified(&table.schema, &table.name);
    writeln!(
        out,
        "CREATE {unique}INDEX {} ON {on}{method} ({}){condition};",
        name(&index.name),
        items.join(", ")
    )
}

/// Whether the index method knows the types of plain columns without being told operators, which are not kept.
fn has_operators(table: &TableModel, index: &IndexModel) -> bool {
    let lists = ["jsonb", "tsvector", "hstore"];
    let ranges = ["tsvector", "geometry", "geography", "ltree", "point", "box"];
    let known = |ty: &str| match index.method.as_deref() {
        Some("gin") => lists.contains(&ty) || ty.ends_with("[]"),
        Some("gist") => ranges.iter().any(|known| ty.starts_with(known)) || ty.ends_with("range"),
        Some("btree" | "hash" | "brin") | None => true,
        Some(_) => false,
    };
    let columns =
        index.columns.iter().filter_map(|text| table.columns.iter().find(|column| column.name == *text));
    columns.map(|column| column.r#type.as_str()).all(known)
}

/// An item of an index that is no plain column: a column with its order or operators, or an expression, which
/// stands in brackets.
fn expression(table: &TableModel, text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or(text).trim_matches('"');
    let is_column = table.columns.iter().any(|column| column.name == first);
    match is_column && text.split_whitespace().count() > 1 && !text.contains(['(', '+', '|', '-', '>']) {
        true => {
            let rest = text.trim_start().trim_start_matches('"').strip_prefix(first).unwrap_or("");
            format!("{}{}", name(first), rest.trim_start_matches('"'))
        }
        false if text.starts_with('(') => text.to_owned(),
        // An order behind the expression stays outside of the brackets.
        false => {
            let (inner, order) = match text.rsplit_once(' ') {
                Some((inner, order)) if matches!(&*order.to_uppercase(), "DESC" | "ASC") => (inner, order),
                Some((inner, operators)) if operators.ends_with("_ops") => (inner, operators),
                _ => (text, ""),
            };
            format!("({inner}) {order}").trim_end().to_owned()
        }
    }
}

fn add_foreign_key(
    environment: &EnvironmentSchema,
    table: &TableModel,
    key: &ForeignKeyModel,
    types: &Types<'_>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let target =
        environment.tables.iter().find(|other| other.schema == key.ref_schema && other.name == key.ref_table);
    let known = target.is_some_and(|target| types.all(target, &key.ref_columns));
    if !known || !types.all(table, &key.columns) {
        return comment(
            out,
            &format!(
                "left out: foreign key of {} ({}) to {}",
                table.name,
                key.columns.join(", "),
                key.ref_table
            ),
        );
    }
    let constraint =
        key.name.as_ref().map_or_else(String::new, |known| format!("CONSTRAINT {} ", name(known)));
    let deletes = key.on_delete.as_ref().map_or_else(String::new, |action| format!(" ON DELETE {action}"));
    writeln!(
        out,
        "ALTER TABLE {} ADD {constraint}FOREIGN KEY ({}) REFERENCES {} ({}){deletes};",
        qualified(&table.schema, &table.name),
        names(&key.columns),
        qualified(&key.ref_schema, &key.ref_table),
        names(&key.ref_columns)
    )
}

fn comment(out: &mut impl io::Write, text: &str) -> io::Result<()> {
    writeln!(out, "-- {}", printable(text))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A name, in quotes where it needs them.
fn name(text: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_plain = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && text.chars().all(plain);
    if is_plain && !RESERVED.contains(&text) { text.to_owned() } else { quoted(text) }
}

fn names(columns: &[String]) -> String {
    columns.iter().map(|column| name(column)).collect::<Vec<_>>().join(", ")
}

fn qualified(schema: &str, table: &str) -> String {
    match schema {
        "public" => name(table),
        schema => format!("{}.{}", name(schema), name(table)),
    }
}
