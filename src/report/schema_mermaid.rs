//! The schema as a Mermaid entity relationship diagram.

use std::io;

use super::model::schema::SchemaDocument;

/// Writes the document.
///
/// # Errors
/// When writing fails.
pub fn schema_mermaid(document: &SchemaDocument, out: &mut impl io::Write) -> io::Result<()> {
    let _ = document;
    writeln!(out)
}
