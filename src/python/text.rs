/// A file's text in the form the parser takes, byte offsets unchanged.
#[derive(Debug)]
pub struct Source<'a> {
    /// The text. Bytes that are not UTF-8 became `?`, one for one.
    pub text: std::borrow::Cow<'a, str>,
    /// Offset of the first byte that Python could not decode either.
    pub undecodable: Option<u32>,
}

/// `bytes` as text. Python reads UTF-8 unless one of the first two lines declares another encoding.
pub fn decode(bytes: &[u8]) -> Source<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Source { text: text.into(), undecodable: None },
        Err(error) => {
            let first = error.valid_up_to() as u32;
            let mut text = String::with_capacity(bytes.len());
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                text.extend(chunk.invalid().iter().map(|_| '?'));
            }
            let undecodable = (!declares_encoding(bytes)).then_some(first);
            Source { text: text.into(), undecodable }
        }
    }
}

/// PEP 263: a comment in the first or second line that matches `coding[:=]\s*name`.
fn declares_encoding(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').take(2).any(|line| {
        let line = String::from_utf8_lossy(line);
        let Some(comment) = line.trim_start().strip_prefix('#') else { return false };
        let Some((_, name)) = comment.split_once("coding") else { return false };
        let Some(name) = name.strip_prefix([':', '=']) else { return false };
        let name = name.trim_start();
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && !name.to_ascii_lowercase().starts_with("utf-8")
    })
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn bad_bytes_keep_their_offsets() {
        let source = decode(b"x = '\xe9\xff'\ny = 1");
        assert_eq!(source.text, "x = '??'\ny = 1");
        assert_eq!(source.undecodable, Some(5));
    }

    #[test]
    fn a_declared_encoding_is_believed() {
        assert_eq!(decode(b"# -*- coding: latin-1 -*-\nx = '\xe9'").undecodable, None);
        assert_eq!(decode(b"# -*- coding: utf-8 -*-\nx = '\xe9'").undecodable, Some(29));
        assert_eq!(decode("x = 'é'".as_bytes()).undecodable, None);
    }
}
