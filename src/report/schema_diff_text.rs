//! `onehead schema diff` for people, and its document.

use std::io;

use super::model::schema_diff::{DifferenceModel, EnvironmentSchemaDiff, SchemaDiffDocument, SideModel};
use crate::revision::Environment;
use crate::schema::compare::{Difference, Side};
use crate::text::printable;

/// The document of one environment.
pub fn environment_diff(
    environment: &Environment,
    differences: &[Difference],
    doubt: Option<String>,
) -> EnvironmentSchemaDiff {
    let side = |side: &Option<Side>| {
        side.as_ref().map(|side| SideModel {
            text: side.text.clone(),
            path: side.place.path.to_string(),
            line: side.place.line,
            revision: side.place.revision.as_ref().map(ToString::to_string),
        })
    };
    let differences = differences.iter().map(|difference| DifferenceModel {
        change: match (&difference.first, &difference.second) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        },
        aspect: difference.aspect.name(),
        table: difference.table.to_string(),
        object: difference.object.clone(),
        first: side(&difference.first),
        second: side(&difference.second),
    });
    EnvironmentSchemaDiff {
        name: environment.name.clone(),
        directory: environment.directory.to_string(),
        differences: differences.collect(),
        doubt,
    }
}

/// Writes one line for each difference.
///
/// # Errors
/// When writing fails.
pub fn schema_diff_text(document: &SchemaDiffDocument, out: &mut impl io::Write) -> io::Result<()> {
    let several = document.environments.len() > 1;
    for environment in &document.environments {
        if several {
            writeln!(out, "{}:", printable(&environment.name))?;
        }
        if environment.differences.is_empty() {
            writeln!(
                out,
                "no difference between {} and {}",
                printable(&document.first),
                printable(&document.second)
            )?;
        }
        for difference in &environment.differences {
            let sign = match difference.change {
                "added" => '+',
                "removed" => '-',
                _ => '~',
            };
            let object = match &difference.object {
                Some(object) if !object.is_empty() => format!("{}.{object}", difference.table),
                _ => difference.table.clone(),
            };
            writeln!(out, "{sign} {} {}", difference.aspect, printable(&object))?;
            for (whose, side) in
                [(&document.first, &difference.first), (&document.second, &difference.second)]
            {
                if let Some(side) = side {
                    let text = printable(&side.text);
                    writeln!(
                        out,
                        "    {}: {text}  {}:{}",
                        printable(whose),
                        printable(&side.path),
                        side.line
                    )?;
                }
            }
        }
        if let Some(doubt) = &environment.doubt {
            writeln!(out, "not certain: {}", printable(doubt))?;
        }
    }
    Ok(())
}
