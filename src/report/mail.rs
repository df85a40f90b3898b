//! A change as a mail for `git am`.

/// A mail's parts.
pub struct Mail<'a> {
    /// `Name <address>`.
    pub from: &'a str,
    /// As RFC 5322 has it.
    pub date: &'a str,
    /// One line.
    pub subject: &'a str,
    /// The rest of the commit message.
    pub body: &'a str,
    /// The change, as git writes it.
    pub patch: &'a [u8],
    /// The last line.
    pub signature: &'a str,
}

/// The mail as `git am` reads it. Where the patch holds carriage returns, which mails lose on their
/// way and `git am` takes out, the text is written as quoted-printable.
pub fn mail(mail: &Mail<'_>) -> Vec<u8> {
    let Mail { from, date, subject, body, patch, signature } = mail;
    let mut head = format!(
        "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nFrom: {from}\nDate: {date}\n\
         Subject: [PATCH] {subject}\n"
    )
    .into_bytes();
    let text =
        [format!("{}\n---\n", body.trim_end()).as_bytes(), patch, b"-- \n", signature.as_bytes(), b"\n"]
            .concat();
    match patch.contains(&b'\r') {
        true => {
            head.extend(
                b"MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n\
                  Content-Transfer-Encoding: quoted-printable\n\n",
            );
            head.extend(quoted_printable(&text));
        }
        false => {
            head.push(b'\n');
            head.extend(text);
        }
    }
    head
}

/// RFC 2045, section 6.7.
fn quoted_printable(text: &[u8]) -> Vec<u8> {
    const WIDEST: usize = 76;
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let (line, end) = match line.strip_suffix(b"\n") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let mut width = 0;
        for (at, &byte) in line.iter().enumerate() {
            let last = at + 1 == line.len();
            let plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || matches!(byte, b' ' | b'\t') && !last;
            // A line that starts like this would end the mail in a mailbox.
            let plain = plain && !(at == 0 && line.starts_with(b"From "));
            let needs = if plain { 1 } else { 3 };
            if width + needs + usize::from(!last) > WIDEST {
                out.extend(b"=\n");
                width = 0;
            }
            match plain {
                true => out.push(byte),
                false => {
                    out.push(b'=');
                    out.extend(
                        [byte >> 4, byte & 15]
                            .map(|digit| HEX.get(usize::from(digit)).copied().unwrap_or(b'0')),
                    );
                }
            }
            width += needs;
        }
        if end {
            out.push(b'\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(patch: &[u8]) -> String {
        let parts = Mail {
            from: "Ada <ada@example.com>",
            date: "Thu, 01 Feb 2024 00:00:00 +0000",
            subject: "Move it",
            body: "Why.\n\n",
            patch,
            signature: "onehead",
        };
        String::from_utf8(mail(&parts)).unwrap()
    }

    #[test]
    fn a_patch_without_carriage_returns_stays_readable() {
        insta::assert_snapshot!(written(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"), @r"
        From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
        From: Ada <ada@example.com>
        Date: Thu, 01 Feb 2024 00:00:00 +0000
        Subject: [PATCH] Move it

        Why.
        ---
        --- a/x
        +++ b/x
        @@ -1 +1 @@
        -a = 1
        +a = 2
        -- 
        onehead
        ");
    }

    #[test]
    fn carriage_returns_are_quoted() {
        let long = "x".repeat(80);
        let patch = format!("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a = 1\r\n+{long}\r\n caf\u{e9} \n");
        let text = written(patch.as_bytes());
        assert!(text.contains("\nContent-Transfer-Encoding: quoted-printable\n\nWhy.\n---\n"), "{text}");
        assert!(text.contains("\n-a =3D 1=0D\n"), "{text}");
        assert!(
            text.contains(&format!(
                "\n+{}=\n{}=0D\n caf=C3=A9=20\n--=20\nonehead\n",
                "x".repeat(74),
                "x".repeat(6)
            )),
            "{text}"
        );
        assert!(text.lines().all(|line| line.len() <= 76), "{text}");
        assert!(!text.contains('\r'));
    }

    #[test]
    fn the_first_line_of_a_mailbox_does_not_come_twice() {
        assert_eq!(quoted_printable(b"From here\n From"), b"=46rom here\n From");
    }
}
