//! `re.sub` on names of classes: how bases make table names of them.

use regex::{Regex, RegexBuilder};

/// Longer patterns and texts are no names.
const MAX_LENGTH: usize = 200;

/// What `re.sub(pattern, replacement, text)` gives; `None` where Python's answer may be another one.
pub(super) fn sub(pattern: &str, replacement: &str, text: &str) -> Option<String> {
    let all = [pattern, replacement, text];
    if all.iter().any(|part| part.len() > MAX_LENGTH || !part.is_ascii()) {
        return None;
    }
    // `(?<!^)(?=[A-Z])`: a place between characters.
    if let Some((behind, ahead)) = between(pattern) {
        if replacement.contains('\\') {
            return None;
        }
        let mut made = String::new();
        for (at, c) in text.char_indices() {
            let is_here =
                behind.as_ref().is_none_or(|(wanted, regex)| regex.is_match(&text[..at]) == *wanted)
                    && ahead.is_match(&text[at..]);
            if is_here {
                made.push_str(replacement);
            }
            made.push(c);
        }
        return Some(made);
    }
    let regex = compile(pattern)?;
    // What matches nothing at all is counted in other ways by Python.
    if regex.is_match("") {
        return None;
    }
    Some(regex.replace_all(text, expansion(replacement)?.as_str()).into_owned())
}

fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).size_limit(1 << 20).build().ok()
}

/// The tests of a pattern that is only a look behind, if any, and a look ahead; whether the first must hold.
fn between(pattern: &str) -> Option<(Option<(bool, Regex)>, Regex)> {
    let (behind, rest) = match pattern.strip_prefix("(?<") {
        Some(rest) => {
            let (wanted, rest) = match rest.strip_prefix('!') {
                Some(rest) => (false, rest),
                None => (true, rest.strip_prefix('=')?),
            };
            let (inner, rest) = rest.split_once(')')?;
            (Some((wanted, compile(&format!("(?:{inner})$"))?)), rest)
        }
        None => (None, pattern),
    };
    let inner = rest.strip_prefix("(?=")?.strip_suffix(')')?;
    let ahead = compile(&format!("^(?:{inner})"))?;
    // At the end of the text, too, Python would put it in.
    (!ahead.is_match("") && !inner.contains("(?")).then_some((behind, ahead))
}

/// A replacement in the words of the regex crate: `\1` as `${1}`.
fn expansion(replacement: &str) -> Option<String> {
    let mut made = String::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '$' => made.push_str("$$"),
            '\\' => match chars.next()? {
                digit @ '1'..='9' if !chars.peek().is_some_and(char::is_ascii_digit) => {
                    made.push_str(&format!("${{{digit}}}"));
                }
                'g' => {
                    let rest: String = chars.by_ref().take_while(|c| *c != '>').collect();
                    let name = rest.strip_prefix('<').filter(|name| !name.is_empty())?;
                    made.push_str(&format!("${{{name}}}"));
                }
                _ => return None,
            },
            c => made.push(c),
        }
    }
    Some(made)
}

#[cfg(test)]
mod tests {
    use super::sub;

    #[test]
    fn names_are_as_python_makes_them() {
        for (pattern, replacement, text, expected) in [
            (r"(?<!^)(?=[A-Z])", "_", "OrderLine", Some("Order_Line")),
            (r"(?<!^)(?=[A-Z])", "_", "HTTPLog", Some("H_T_T_P_Log")),
            (r"(?<=[a-z0-9])(?=[A-Z])", "_", "HTTPLog2Line", Some("HTTPLog2_Line")),
            (r"(?=[A-Z])", "_", "Ab", Some("_Ab")),
            (r"(.)([A-Z][a-z]+)", r"\1_\2", "HTTPServerLog", Some("HTTP_ServerLog")),
            (r"([a-z0-9])([A-Z])", r"\g<1>_\g<2>", "HTTP_ServerLog", Some("HTTP_Server_Log")),
            (r"Model$", "", "UserModel", Some("User")),
            ("a", "$1", "a", Some("$1")),
            // Not told: other ways of counting, look-arounds inside, what is no pattern.
            ("x*", "-", "abc", None),
            (r"(?<!^)([A-Z])", r"_\1", "OrderLine", None),
            ("(", "", "a", None),
            ("a", r"\n", "a", None),
        ] {
            assert_eq!(sub(pattern, replacement, text).as_deref(), expected, "{pattern} {text}");
        }
    }
}
