//! `onehead schema` for Mermaid: an entity-relationship diagram, which forges and wikis draw.

use std::io;

use super::model::schema::{
    ColumnModel, EnvironmentSchema, ForeignKeyModel, SchemaDocument, TableModel, TypeKnown,
};

/// Writes an `erDiagram` of all environments. A line leads from each foreign key's table to the table that it refers
/// to; columns of an unknown type are of type `unknown`.
///
/// # Errors
/// Those of `out`.
pub fn schema_mermaid(document: &SchemaDocument, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "erDiagram")?;
    for environment in &document.environments {
        writeln!(out, "  %% {}", word(&environment.name))?;
        for table in &environment.tables {
            of_table(table, out)?;
        }
        for table in &environment.tables {
            for key in &table.foreign_keys {
                relation(environment, table, key, out)?;
            }
        }
    }
    Ok(())
}

fn of_table(table: &TableModel, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "  {} {{", entity(&table.schema, &table.name))?;
    for column in &table.columns {
        writeln!(out, "    {} {}{}", kind(column), word(&column.name), keys(table, column))?;
    }
    writeln!(out, "  }}")
}

/// The type as one word: Mermaid takes letters, digits, `_`, `-`, brackets and parentheses.
fn kind(column: &ColumnModel) -> String {
    match column.certainty {
        TypeKnown::Unknown => "unknown".to_owned(),
        TypeKnown::Known | TypeKnown::Family => {
            let short = column.r#type.replace("character varying", "varchar");
            let short = short.replace("timestamp with time zone", "timestamptz");
            let short = short.replace("timestamp without time zone", "timestamp");
            // A comma parts the keys of an attribute.
            let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '(' | ')' | '[' | ']');
            let text: String = short.chars().map(|c| if kept(c) { c } else { '_' }).collect();
            match text.starts_with(|c: char| c.is_ascii_alphabetic()) {
                true => text,
                false => format!("t_{text}"),
            }
        }
    }
}

fn keys(table: &TableModel, column: &ColumnModel) -> String {
    let has = |columns: &[String]| columns.contains(&column.name);
    let mut found = Vec::new();
    if table.primary_key.as_ref().is_some_and(|key| has(&key.columns)) {
        found.push("PK");
    }
    if table.foreign_keys.iter().any(|key| has(&key.columns)) {
        found.push("FK");
    }
    if table.uniques.iter().any(|key| key.columns.len() == 1 && has(&key.columns)) {
        found.push("UK");
    }
    if found.is_empty() { String::new() } else { format!(" {}", found.join(", ")) }
}

fn relation(
    environment: &EnvironmentSchema,
    table: &TableModel,
    key: &ForeignKeyModel,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let nullable = key.columns.iter().any(|name| {
        let column = table.columns.iter().find(|column| column.name == *name);
        column.is_none_or(|column| column.nullable != Some(false))
    });
    let keys = table.primary_key.iter().chain(&table.uniques);
    let once = keys.map(|unique| &unique.columns).any(|columns| *columns == key.columns);
    let many = if once { "|o" } else { "}o" };
    let one = if nullable { "o|" } else { "||" };
    let target = entity(&key.ref_schema, &key.ref_table);
    // A table that no migration makes is drawn as an empty box.
    let known =
        environment.tables.iter().any(|other| other.schema == key.ref_schema && other.name == key.ref_table);
    let line = if known { "--" } else { ".." };
    let label = key.columns.iter().map(|column| word(column)).collect::<Vec<_>>().join(" ");
    writeln!(out, "  {} {many}{line}{one} {target} : \"{label}\"", entity(&table.schema, &table.name))
}

/// An entity's name: words of Mermaid's own, like `style`, are no names, so that all are quoted.
fn entity(schema: &str, name: &str) -> String {
    match schema {
        "public" | "main" | "" => format!("\"{}\"", word(name)),
        schema => format!("\"{}.{}\"", word(schema), word(name)),
    }
}

/// Letters, digits and `_`; everything else becomes `_`.
fn word(text: &str) -> String {
    let kept: String = text.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    match kept.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        true => kept,
        false => format!("_{kept}"),
    }
}
