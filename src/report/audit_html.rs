//! `onehead audit` as one HTML file: no network, nothing to install, for reading, clicking and printing.
//!
//! The page is `templates/audit.html` with the data in the place of `DATA`. All that comes from the repository is in
//! that data, as JSON in which no `<` stands, and the page shows it as text only.

use std::io;

use super::audit_page::{Sources, page};
use super::model::AuditDocument;
use crate::audit::Audit;
use crate::vcs::Error;

const TEMPLATE: &str = include_str!("templates/audit.html");

/// Where the data goes.
const DATA: &str = "@@DATA@@";

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The repository could not be read.
    #[error(transparent)]
    Repository(#[from] Error),
    /// It could not be written.
    #[error(transparent)]
    Output(#[from] io::Error),
    /// The data is no JSON.
    #[error(transparent)]
    Data(#[from] serde_json::Error),
}

/// Writes the page.
///
/// # Errors
/// Those of `sources` and `out`.
pub fn audit_html(
    audit: &Audit,
    document: &AuditDocument,
    sources: &dyn Sources,
    out: &mut dyn io::Write,
) -> Result<(), PageError> {
    let page = page(audit, document, sources)?;
    let data = embedded(&serde_json::to_string(&page)?);
    let (before, after) = TEMPLATE.split_once(DATA).unwrap_or((TEMPLATE, ""));
    out.write_all(before.as_bytes())?;
    out.write_all(data.as_bytes())?;
    out.write_all(after.as_bytes())?;
    Ok(())
}

/// JSON that ends no script element and hides nothing: markup, control characters and those that turn the direction of
/// text are escaped.
fn embedded(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        let hidden = matches!(character,
            '<' | '>' | '&' | '\u{7f}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        match hidden {
            true => text.push_str(&format!("\\u{:04x}", u32::from(character))),
            false => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_one_place_for_data() {
        assert_eq!(TEMPLATE.matches(DATA).count(), 1);
    }

    #[test]
    fn data_ends_no_element() {
        assert_eq!(
            embedded("{\"a\":\"</script><!-- &\u{202e}\"}"),
            "{\"a\":\"\\u003c/script\\u003e\\u003c!-- \\u0026\\u202e\"}"
        );
    }
}
