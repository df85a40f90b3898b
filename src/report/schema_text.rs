//! `onehead schema` for people: a short table for each table.

use std::io;

use super::model::schema::{
    ColumnModel, EnvironmentSchema, SchemaDocument, TableKnown, TableModel, TypeKnown,
};
use super::style::{DIM, HEADING, UNUSUAL, count, paint, short, shown, table as plain_table, write_table};
use crate::text::printable;

/// How many changes that cannot be read are told one by one.
const OPAQUE: usize = 8;

/// Writes each environment's tables with their columns, keys and indexes. What is not known carries a question mark
/// and its reason; a last line says how much was read.
///
/// # Errors
/// Those of `out`.
pub fn schema_text(document: &SchemaDocument, out: &mut impl io::Write) -> io::Result<()> {
    if document.environments.is_empty() {
        return match &document.commit {
            Some(commit) => writeln!(out, "No migrations at {}.", short(commit)),
            None => writeln!(out, "No migrations in the work tree."),
        };
    }
    for (number, environment) in document.environments.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        of_environment(environment, document.dialect, out)?;
    }
    Ok(())
}

fn of_environment(
    environment: &EnvironmentSchema,
    dialect: &str,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let tables = count(environment.tables.len(), "table", "tables");
    writeln!(out, "{}: {tables} for {dialect}", paint(HEADING, shown(&environment.name)))?;
    for table in &environment.tables {
        writeln!(out)?;
        of_table(table, out)?;
    }
    for (number, known) in environment.enums.iter().enumerate() {
        if number == 0 {
            writeln!(out)?;
        }
        let labels = match &known.labels {
            Some(labels) => labels.iter().map(|label| shown(label)).collect::<Vec<_>>().join(", "),
            None => paint(UNUSUAL, "labels not known").to_string(),
        };
        writeln!(out, "enum {}: {labels}", paint(HEADING, named(&known.schema, &known.name)))?;
    }
    for view in &environment.views {
        let kind = if view.materialized { "materialized view" } else { "view" };
        writeln!(out, "{kind} {}", paint(HEADING, named(&view.schema, &view.name)))?;
    }
    coverage(environment, out)
}

fn coverage(environment: &EnvironmentSchema, out: &mut impl io::Write) -> io::Result<()> {
    let read = &environment.coverage;
    writeln!(out)?;
    for opaque in environment.opaque.iter().take(OPAQUE) {
        let place = format!("{}:{}", printable(&opaque.path), opaque.line);
        writeln!(out, "{} {place}: {}", paint(UNUSUAL, "not read"), shown(&opaque.reason))?;
    }
    if environment.opaque.len() > OPAQUE {
        writeln!(out, "and {} more, see --format json", environment.opaque.len() - OPAQUE)?;
    }
    match (read.revisions, read.opaque_revisions) {
        // The schema of models has no revisions.
        (0, 0) => Ok(()),
        (all, 0) => writeln!(out, "{}, all read in full", count(all, "revision", "revisions")),
        (all, opaque) => {
            writeln!(
                out,
                "{opaque} of {} hold changes that cannot be read",
                count(all, "revision", "revisions")
            )
        }
    }
}

fn of_table(known: &TableModel, out: &mut impl io::Write) -> io::Result<()> {
    let mark = match known.state {
        TableKnown::Complete => String::new(),
        TableKnown::Partial => {
            format!("  {}", paint(UNUSUAL, "known in part: no revision that was read creates it"))
        }
        TableKnown::Opaque => {
            format!("  {}", paint(UNUSUAL, "not certain: something that cannot be read touches it"))
        }
    };
    writeln!(out, "{}{mark}", paint(HEADING, named(&known.schema, &known.name)))?;
    let mut rows = plain_table();
    for column in &known.columns {
        rows.add_row(row(known, column));
    }
    write_table(&rows, out)?;
    for index in &known.indexes {
        let unique = if index.unique { "unique " } else { "" };
        let method =
            index.method.as_ref().map_or_else(String::new, |method| format!(" using {}", shown(method)));
        let condition =
            index.condition.as_ref().map_or_else(String::new, |sql| format!(" where {}", shown(sql)));
        let line =
            format!("{unique}index {} ({}){method}{condition}", shown(&index.name), list(&index.columns));
        writeln!(out, "  {}", paint(DIM, line))?;
    }
    for key in known.uniques.iter().filter(|key| key.columns.len() > 1) {
        writeln!(out, "  {}", paint(DIM, format!("unique ({})", list(&key.columns))))?;
    }
    for key in known.foreign_keys.iter().filter(|key| key.columns.len() > 1) {
        let target = named(&key.ref_schema, &key.ref_table);
        let line = format!("({}) refers to {target} ({})", list(&key.columns), list(&key.ref_columns));
        writeln!(out, "  {}", paint(DIM, line))?;
    }
    Ok(())
}

/// Name, type, whether it takes NULL, and what is special about it.
fn row(table: &TableModel, column: &ColumnModel) -> [String; 4] {
    let ty = match column.certainty {
        TypeKnown::Known => shown(&column.r#type),
        TypeKnown::Family => format!("{}(?)", shown(&column.r#type)),
        TypeKnown::Unknown => {
            let reason = column.reason.as_deref().unwrap_or("not known");
            format!("? {} ({})", shown(&column.r#type), shown(reason))
        }
    };
    let null = match column.nullable {
        Some(true) => "",
        Some(false) => "not null",
        None => "null?",
    };
    let mut notes = Vec::new();
    let has = |columns: &[String]| columns.contains(&column.name);
    if table.primary_key.as_ref().is_some_and(|key| has(&key.columns)) {
        notes.push("key".to_owned());
    }
    if table.uniques.iter().any(|key| key.columns.len() == 1 && has(&key.columns)) {
        notes.push("unique".to_owned());
    }
    for key in table.foreign_keys.iter().filter(|key| key.columns.len() == 1 && has(&key.columns)) {
        let deletes =
            key.on_delete.as_ref().map_or_else(String::new, |action| format!(" on delete {action}"));
        let target = named(&key.ref_schema, &key.ref_table);
        notes.push(format!("→ {target}.{}{}", list(&key.ref_columns), deletes.to_lowercase()));
    }
    if let Some(default) = &column.default {
        notes.push(match default.as_str() {
            "nextval" | "identity" => "counts up".to_owned(),
            "generated" => "computed".to_owned(),
            "…" => "default ?".to_owned(),
            default => format!("default {}", shown(default)),
        });
    }
    [shown(&column.name), ty, null.to_owned(), notes.join(", ")]
}

/// The name, with its schema where that is not the default one.
fn named(schema: &str, name: &str) -> String {
    match schema {
        "public" | "main" | "" => shown(name),
        schema => format!("{}.{}", shown(schema), shown(name)),
    }
}

fn list(columns: &[String]) -> String {
    columns.iter().map(|column| shown(column)).collect::<Vec<_>>().join(", ")
}
