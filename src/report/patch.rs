//! Differences in git's format: for people, and for `git am`.

use similar::TextDiff;

use crate::text::printable;

/// One file's change. `before`: `None` for a new file.
pub struct PatchFile<'a> {
    /// Path before; of a new file, its path.
    pub path: &'a str,
    /// Path after, where it moves.
    pub new_path: Option<&'a str>,
    /// Content before.
    pub before: Option<&'a [u8]>,
    /// Content after.
    pub after: &'a [u8],
    /// Whether the file is executable.
    pub executable: bool,
}

/// The change as `git diff` writes it, byte for byte.
pub fn diff(file: &PatchFile<'_>) -> Vec<u8> {
    let new_path = file.new_path.unwrap_or(file.path);
    let mode = if file.executable { "100755" } else { "100644" };
    let mut out = format!("diff --git {} {}\n", quoted("a/", file.path), quoted("b/", new_path)).into_bytes();
    let text = TextDiff::from_lines(file.before.unwrap_or_default(), file.after);
    if file.before.is_none() {
        out.extend(format!("new file mode {mode}\n").bytes());
    }
    if file.new_path.is_some() {
        let similarity = (text.ratio() * 100.0).floor().clamp(1.0, 100.0);
        out.extend(
            format!(
                "similarity index {similarity}%\nrename from {}\nrename to {}\n",
                quoted("", file.path),
                quoted("", new_path)
            )
            .bytes(),
        );
    }
    if file.before == Some(file.after) {
        return out;
    }
    let old = file.before.map_or_else(|| "/dev/null".to_owned(), |_| quoted("a/", file.path));
    out.extend(format!("--- {old}\n+++ {}\n", quoted("b/", new_path)).bytes());
    for hunk in text.unified_diff().context_radius(3).iter_hunks() {
        out.extend(format!("{}\n", hunk.header()).bytes());
        for change in hunk.iter_changes() {
            out.push(match change.tag() {
                similar::ChangeTag::Delete => b'-',
                similar::ChangeTag::Insert => b'+',
                similar::ChangeTag::Equal => b' ',
            });
            out.extend_from_slice(change.value());
            if change.missing_newline() {
                out.extend_from_slice(b"\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

/// A path as git writes it into a patch: in quotes where it holds anything unusual.
fn quoted(prefix: &str, path: &str) -> String {
    let plain = path.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\');
    if plain {
        return format!("{prefix}{path}");
    }
    let mut out = format!("\"{prefix}");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b' '..0x7f => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out.push('"');
    out
}

/// The difference as text for people and documents: what could move a terminal is escaped.
pub fn diff_text(file: &PatchFile<'_>) -> String {
    let bytes = diff(file);
    let text = String::from_utf8_lossy(&bytes);
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => printable(line.strip_suffix('\r').unwrap_or(line)).replace("\\u{9}", "\t") + "\n",
            None => printable(line),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{PatchFile, diff_text};

    #[test]
    fn a_rename_with_an_edit_reads_as_git_writes_it() {
        let file = PatchFile {
            path: "v/003_b.py",
            new_path: Some("v/004_b.py"),
            before: Some(b"revision = '003'\nx = 1"),
            after: b"revision = '004'\nx = 1",
            executable: false,
        };
        insta::assert_snapshot!(diff_text(&file), @r"
        diff --git a/v/003_b.py b/v/004_b.py
        similarity index 50%
        rename from v/003_b.py
        rename to v/004_b.py
        --- a/v/003_b.py
        +++ b/v/004_b.py
        @@ -1,2 +1,2 @@
        -revision = '003'
        +revision = '004'
         x = 1
        \ No newline at end of file
        ");
    }
}
