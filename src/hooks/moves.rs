//! The lines and arguments in which git tells what moves where (githooks(5)).

use bstr::ByteSlice as _;

/// What a ref leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// All zeros: it does not exist.
    Nothing,
    /// An object, as hex.
    Object(String),
}

/// A ref that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Its full name where it moves.
    pub name: String,
    /// What it leads to now.
    pub old: Value,
    /// What it is to lead to.
    pub new: Value,
}

/// What is no message of git's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{line}' is not what git tells this hook: {wanted}")]
pub struct Unreadable {
    /// The line.
    pub line: String,
    /// What it should be.
    pub wanted: &'static str,
}

/// Reads what `pre-push` gets: `LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID`, a line for each ref.
///
/// # Errors
/// When a line is something else.
pub fn pushed(text: &[u8]) -> Result<Vec<Move>, Unreadable> {
    let wanted = "<local ref> <local id> <remote ref> <remote id>";
    // A local "ref" may be any expression, as in `git push origin HEAD~1:main`; of all names it alone may hold blanks.
    lines(text, wanted, |line| {
        let mut words = line.rsplitn(4, |byte| *byte == b' ');
        let (old, name, new) = (words.next()?, words.next()?, words.next()?);
        words.next()?;
        a_move(name, old, new)
    })
}

/// Reads what `pre-receive` gets: `OLD-ID NEW-ID REF`, a line for each ref.
///
/// # Errors
/// When a line is something else.
pub fn received(text: &[u8]) -> Result<Vec<Move>, Unreadable> {
    lines(text, "<old id> <new id> <ref>", |line| {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let (old, new, name) = (words.next()?, words.next()?, words.next()?);
        a_move(name, old, new)
    })
}

/// Reads the arguments of `update`: `REF OLD-ID NEW-ID`.
///
/// # Errors
/// When they are something else.
pub fn updated(arguments: &[String]) -> Result<Move, Unreadable> {
    let found = match arguments {
        [name, old, new] => a_move(name.as_bytes(), old.as_bytes(), new.as_bytes()),
        _ => None,
    };
    found.ok_or_else(|| Unreadable { line: arguments.join(" "), wanted: "<ref> <old id> <new id>" })
}

fn lines(
    text: &[u8],
    wanted: &'static str,
    read: impl Fn(&[u8]) -> Option<Move>,
) -> Result<Vec<Move>, Unreadable> {
    let unreadable = |line: &[u8]| Unreadable { line: line.to_str_lossy().into_owned(), wanted };
    text.lines().map(|line| read(line).ok_or_else(|| unreadable(line))).collect()
}

fn a_move(name: &[u8], old: &[u8], new: &[u8]) -> Option<Move> {
    let is_name = !name.is_empty();
    let (old, new) = (value(old)?, value(new)?);
    is_name.then(|| Move { name: name.to_str_lossy().into_owned(), old, new })
}

fn value(id: &[u8]) -> Option<Value> {
    let is_id = [40, 64].contains(&id.len()) && id.iter().all(u8::is_ascii_hexdigit);
    let is_zero = id.iter().all(|digit| *digit == b'0');
    is_id.then(|| if is_zero { Value::Nothing } else { Value::Object(id.to_str_lossy().into_owned()) })
}

#[cfg(test)]
mod tests {
    use super::{Move, Value, pushed, received, updated};

    const ONE: &str = "1111111111111111111111111111111111111111";
    const NONE: &str = "0000000000000000000000000000000000000000";

    fn moved(name: &str, old: &str, new: &str) -> Move {
        let value = |id: &str| if id == NONE { Value::Nothing } else { Value::Object(id.into()) };
        Move { name: name.into(), old: value(old), new: value(new) }
    }

    #[test]
    fn lines_of_git_are_read() {
        let text = format!(
            "refs/heads/a {ONE} refs/heads/b {NONE}\n(delete) {NONE} refs/heads/c {ONE}\nHEAD^{{/a b}} {ONE} refs/heads/d {ONE}\n"
        );
        let told = [
            moved("refs/heads/b", NONE, ONE),
            moved("refs/heads/c", ONE, NONE),
            moved("refs/heads/d", ONE, ONE),
        ];
        assert_eq!(pushed(text.as_bytes()).unwrap(), told);
        let text = format!("{NONE} {ONE} refs/heads/a\n");
        assert_eq!(received(text.as_bytes()).unwrap(), [moved("refs/heads/a", NONE, ONE)]);
        assert_eq!(
            updated(&["refs/heads/a".into(), ONE.into(), NONE.into()]).unwrap(),
            moved("refs/heads/a", ONE, NONE)
        );
        assert_eq!(pushed(b"").unwrap(), []);
    }

    #[test]
    fn other_lines_are_refused() {
        let told = pushed(b"hello\n").unwrap_err().to_string();
        assert_eq!(
            told,
            "'hello' is not what git tells this hook: <local ref> <local id> <remote ref> <remote id>"
        );
        assert!(received(format!("{ONE} {ONE}\n").as_bytes()).is_err());
        assert!(received(format!("{ONE} zz refs/heads/a\n").as_bytes()).is_err());
        assert!(received(b"\xff\n").is_err());
        assert!(updated(&["refs/heads/a".into(), ONE.into()]).is_err());
    }
}
