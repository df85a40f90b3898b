/// One-based line and column; the column counts characters, as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// Finds the line of a byte offset. `\n`, `\r\n` and a lone `\r` end a line, as in Python.
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    /// Indexes `text`.
    pub fn new(text: &[u8]) -> Self {
        let mut starts = vec![0];
        for at in memchr::memchr2_iter(b'\n', b'\r', text) {
            if text[at] == b'\n' || text.get(at + 1) != Some(&b'\n') {
                starts.push(at as u32 + 1);
            }
        }
        Self { starts }
    }

    /// Line of the byte at `offset`, from 1.
    pub fn line(&self, offset: u32) -> u32 {
        self.starts.partition_point(|start| *start <= offset) as u32
    }

    /// Line and column of the byte at `offset` in `text`, the text that was indexed.
    pub fn line_column(&self, text: &[u8], offset: u32) -> LineColumn {
        let line = self.line(offset);
        let start = self.starts.get(line as usize - 1).copied().unwrap_or(0) as usize;
        let end = (offset as usize).min(text.len());
        let before = text.get(start..end).unwrap_or_default();
        let column = String::from_utf8_lossy(before).chars().filter(|c| *c != '\u{feff}').count() as u32;
        LineColumn { line, column: column + 1 }
    }
}

/// Line of the byte at `offset` of `text`, from 1: what a [`LineIndex`] says, for one question.
pub fn line_of(text: &[u8], offset: u32) -> u32 {
    let before = &text[..text.len().min(offset as usize)];
    let lone = |at: &usize| text.get(at + 1) != Some(&b'\n');
    let ends =
        memchr::memchr_iter(b'\n', before).count() + memchr::memchr_iter(b'\r', before).filter(lone).count();
    ends as u32 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_ending_counts_once() {
        let text = "\u{feff}a\r\nbé\rc\n".as_bytes();
        let index = LineIndex::new(text);
        let at = |needle: u8| text.iter().position(|b| *b == needle).unwrap() as u32;
        let place = |offset| {
            let p = index.line_column(text, offset);
            (p.line, p.column)
        };
        assert_eq!(place(at(b'a')), (1, 1));
        assert_eq!(place(at(b'b')), (2, 1));
        assert_eq!(place(at(b'c') - 1), (2, 3));
        assert_eq!(place(at(b'c')), (3, 1));
        assert_eq!(index.line(text.len() as u32), 4);
        for offset in 0..text.len() as u32 + 2 {
            assert_eq!(line_of(text, offset), index.line(offset), "{offset}");
        }
    }
}
