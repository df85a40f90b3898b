use super::ByteSpan;

/// Replaces the bytes of `span` by `with`; every other byte of the file stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that go.
    pub span: ByteSpan,
    /// The bytes that come.
    pub with: Vec<u8>,
}

/// Why a list of edits cannot be applied.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Two edits touch the same bytes.
    #[error("two edits overlap at byte {0}")]
    Overlap(u32),
    /// An edit reaches past the end of the file.
    #[error("an edit ends at byte {0}, after the end of the file")]
    OutOfBounds(u32),
}

/// Applies `edits` to `text`, in any order given.
///
/// # Errors
/// When edits overlap or reach past the end; nothing is applied then.
pub fn apply_edits(text: &[u8], edits: &[Edit]) -> Result<Vec<u8>, EditError> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.span.start, edit.span.end));
    sorted.dedup();
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for edit in sorted {
        let range = edit.span.range();
        if range.start < at || range.end < range.start {
            return Err(EditError::Overlap(edit.span.start));
        }
        if range.end > text.len() {
            return Err(EditError::OutOfBounds(edit.span.end));
        }
        out.extend_from_slice(&text[at..range.start]);
        out.extend_from_slice(&edit.with);
        at = range.end;
    }
    out.extend_from_slice(&text[at..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: u32, end: u32, with: &str) -> Edit {
        Edit { span: ByteSpan::new(start, end), with: with.into() }
    }

    #[test]
    fn edits_apply_in_any_order_and_leave_other_bytes() {
        let text = b"revision = 'a'\r\ndown = 'b'\r\n";
        let edited = apply_edits(text, &[edit(24, 25, "long"), edit(12, 13, "")]).unwrap();
        assert_eq!(edited, b"revision = ''\r\ndown = 'long'\r\n");
    }

    #[test]
    fn overlapping_and_outlying_edits_are_refused() {
        assert_eq!(apply_edits(b"abc", &[edit(0, 2, "x"), edit(1, 3, "y")]), Err(EditError::Overlap(1)));
        assert_eq!(apply_edits(b"abc", &[edit(2, 9, "x")]), Err(EditError::OutOfBounds(9)));
    }
}
