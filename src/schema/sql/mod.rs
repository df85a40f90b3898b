//! SQL text: what it does to the schema, and what it asks of it.
//!
//! A text is split into statements and told by its first words; only what changes the schema goes through
//! the parser. What the parser refuses although it changes the schema is opaque, with the objects that its
//! words name. Nothing here knows a state: [`Action`]s are run by whoever has one.

mod block;
pub mod catalog;
mod ddl;
mod split;
mod types;

use std::sync::{Arc, LazyLock};

pub(super) use ddl::identifiers;

use regex::Regex;

use super::effect::{Change, TypeSpec};
use super::replay::kept_name;
use super::state::{Name, Touch};
use super::value::TextPiece;
use split::{Token, TokenKind, statements, tokens};

/// Longer texts are not read.
const MAX_BYTES: usize = 1 << 20;

/// What a text does, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A change.
    Change(Change),
    /// A query; of the last one the rows are the result.
    Query(Arc<str>),
    /// `IF condition THEN …`: each condition is an SQL expression.
    If(Vec<(Arc<str>, Vec<Action>)>, Vec<Action>),
    /// What is done for each row of a query, which is bound to the variable.
    ForEach(Arc<str>, Arc<str>, Vec<Action>),
    /// `SELECT … INTO variables`: the query without it, and the variables.
    Assign(Arc<str>, Vec<Arc<str>>),
    /// `EXECUTE` of a text that is put together.
    Execute(Vec<Fragment>),
    /// What is done although it may fail: a block with an exception handler.
    Guarded(Vec<Action>),
}

/// A piece of a text that a block puts together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// Known text.
    Text(Arc<str>),
    /// A variable: `name`, or `record.column`.
    Variable(Arc<str>),
}

/// The text of `fragments`; variables that are not known leave a hole.
pub fn assembled(fragments: &[Fragment], variable: impl Fn(&str) -> Option<Arc<str>>) -> Vec<TextPiece> {
    let piece = |fragment: &Fragment| match fragment {
        Fragment::Text(text) => TextPiece::Known(Arc::clone(text)),
        Fragment::Variable(name) => match variable(name) {
            Some(text) => TextPiece::Known(text),
            None => TextPiece::Hole(std::rc::Rc::new(super::value::Unknown {
                reason: Arc::from("it executes SQL that is put together while it runs"),
                place: Default::default(),
            })),
        },
    };
    fragments.iter().map(piece).collect()
}

/// Stands for an unknown piece of a text; no identifier looks like it.
const HOLE: &str = "onehead_unknown_piece";

/// Whether an identifier holds an unknown piece.
pub(super) fn has_hole(text: &str) -> bool {
    text.contains(HOLE)
}

/// Reads a text of one or more statements; unknown pieces stay unknown.
pub fn read(pieces: &[TextPiece]) -> Vec<Action> {
    let mut text = String::new();
    let mut reason = None;
    for piece in pieces {
        match piece {
            TextPiece::Known(known) => text.push_str(known),
            TextPiece::Hole(unknown) => {
                text.push_str(HOLE);
                reason.get_or_insert_with(|| Arc::clone(&unknown.reason));
            }
        }
    }
    if reason.is_some()
        && let Some(regex) = INDEX_OPTION.as_ref()
    {
        text = regex.replace_all(&text, "INDEX $1").into_owned();
    }
    read_text(&text, reason.as_ref())
}

/// A piece between `INDEX` and the index, which can say `CONCURRENTLY` or nothing.
static INDEX_OPTION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(r#"(?i)\bINDEX\s+{HOLE}(\s*IF\s+(?:NOT\s+)?EXISTS\s|\s+["\w.]+\s+ON\s)"#)).ok()
});

/// Reads a text without unknown pieces.
pub fn read_known(text: &str) -> Vec<Action> {
    read_text(text, None)
}

/// The type that the SQL text states.
pub fn type_of(text: &str) -> TypeSpec {
    types::parse(text)
}

fn opaque(reason: impl AsRef<str>, touches: Vec<Touch>) -> Action {
    Action::Change(Change::Opaque(Arc::from(reason.as_ref()), touches))
}

fn read_text(text: &str, hole: Option<&Arc<str>>) -> Vec<Action> {
    if text.len() > MAX_BYTES {
        return vec![opaque("its SQL is longer than 1 MiB", vec![Touch::Anything])];
    }
    let mut actions = Vec::new();
    for statement in statements(text) {
        statement_actions(statement, hole, &mut actions);
    }
    actions
}

/// Words that begin statements without a bearing on the schema.
const HARMLESS: &[&str] = &[
    "ANALYZE",
    "VACUUM",
    "SET",
    "RESET",
    "SHOW",
    "GRANT",
    "REVOKE",
    "COMMENT",
    "REFRESH",
    "CLUSTER",
    "REINDEX",
    "EXPLAIN",
    "NOTIFY",
    "LISTEN",
    "UNLISTEN",
    "LOCK",
    "COPY",
    "CALL",
    "SAVEPOINT",
    "RELEASE",
    "DISCARD",
    "PREPARE",
    "DEALLOCATE",
    "DECLARE",
    "FETCH",
    "CLOSE",
    "PRAGMA",
    "SECURITY",
    "CHECKPOINT",
    "LOAD",
    "USE",
    "OPTIMIZE",
    "UNLOCK",
    "START",
    "BEGIN",
    "ROLLBACK",
    "END",
    "ABORT",
    "TRUNCATE",
    "DELETE",
    "RAISE",
    "PERFORM",
    "NULL",
    "RETURN",
    "EXIT",
    "CONTINUE",
    "ASSERT",
    "GET",
    "MOVE",
];

/// What follows CREATE, ALTER or DROP where the object has no columns, names or types that are told here.
const HARMLESS_OBJECTS: &[&str] = &[
    "TRIGGER",
    "POLICY",
    "RULE",
    "ROLE",
    "USER",
    "GROUP",
    "DATABASE",
    "TABLESPACE",
    "PUBLICATION",
    "SUBSCRIPTION",
    "STATISTICS",
    "AGGREGATE",
    "OPERATOR",
    "CAST",
    "COLLATION",
    "TEXT",
    "LANGUAGE",
    "SERVER",
    "FOREIGN",
    "EVENT",
    "ACCESS",
    "CONVERSION",
    "TRANSFORM",
    "SYSTEM",
    "DEFAULT",
    "OWNED",
    "CONSTRAINT",
    "LARGE",
];

/// Whether a statement is none that changes the schema, by its first words.
fn begins_harmlessly(statement: &str) -> bool {
    let mut words = statement.split_whitespace().map(str::to_ascii_uppercase);
    match (words.next(), words.next()) {
        (Some(first), _) if HARMLESS.contains(&first.as_str()) => true,
        (Some(first), Some(second)) => {
            matches!(first.as_str(), "CREATE" | "ALTER" | "DROP")
                && HARMLESS_OBJECTS.contains(&second.as_str())
        }
        _ => false,
    }
}

fn statement_actions(statement: &str, hole: Option<&Arc<str>>, actions: &mut Vec<Action>) {
    let tokens = tokens(statement);
    let word = |at: usize| tokens.get(at).and_then(Token::word).unwrap_or("");
    let unknown = |text: &str| match hole.filter(|_| has_hole(text)) {
        Some(reason) => format!("its SQL is not known in full: {reason}"),
        None => "its SQL could not be read".to_owned(),
    };
    match word(0) {
        "" if tokens.is_empty() => {}
        "SELECT" | "VALUES" | "TABLE" => {
            // `SELECT … INTO table` makes a table, outside of a block.
            actions.push(Action::Query(Arc::from(statement)));
        }
        "WITH" => match tokens
            .iter()
            .filter_map(Token::word)
            .find(|word| matches!(*word, "INSERT" | "UPDATE" | "DELETE" | "MERGE"))
        {
            Some(_) => actions.extend(written(&tokens)),
            None => actions.push(Action::Query(Arc::from(statement))),
        },
        "INSERT" | "UPDATE" | "MERGE" | "REPLACE" => actions.extend(written(&tokens)),
        "COMMIT" => actions.push(Action::Change(Change::Commit)),
        "DO" => {
            let body = tokens.iter().find_map(|token| match &token.kind {
                TokenKind::Dollar(body) => Some(*body),
                _ => None,
            });
            let quoted = tokens.iter().find_map(|token| match &token.kind {
                TokenKind::Text(text) => Some(text.clone()),
                _ => None,
            });
            match (body, quoted) {
                (Some(body), _) => actions.extend(block::read(body, hole)),
                (None, Some(body)) => actions.extend(block::read(&body, hole)),
                (None, None) => actions.push(opaque(unknown(statement), vec![Touch::Anything])),
            }
        }
        "EXECUTE" => actions.push(opaque("it executes a statement that was prepared", vec![Touch::Anything])),
        "CREATE" | "ALTER" | "DROP" | "RENAME" => ddl::read(statement, &tokens, &unknown(statement), actions),
        "IMPORT" => actions.push(opaque("it imports a foreign schema", vec![Touch::Anything])),
        word if HARMLESS.contains(&word) => {}
        _ if has_hole(statement) => {
            // A statement that begins with something unknown may be anything.
            let begins = tokens.first().is_none_or(|token| has_hole(token.text));
            if begins {
                actions.push(opaque(unknown(statement), vec![Touch::Anything]));
            }
        }
        _ => {}
    }
}

/// The table that a writing statement writes, and whether the row is certain.
fn written(tokens: &[Token<'_>]) -> Option<Action> {
    let verb = tokens
        .iter()
        .position(|token| matches!(token.word(), Some("INSERT" | "UPDATE" | "MERGE" | "REPLACE")))?;
    let mut at = verb + 1;
    while matches!(tokens.get(at).and_then(Token::word), Some("INTO" | "ONLY" | "OR" | "IGNORE" | "REPLACE"))
    {
        at += 1;
    }
    let (name, end) = split::name_at(tokens, at)?;
    let has = |word: &str| tokens[end..].iter().any(|token| token.word() == Some(word));
    let texts: Vec<Arc<str>> = tokens
        .iter()
        .filter_map(|token| match &token.kind {
            TokenKind::Text(text) => Some(Arc::from(text.as_str())),
            _ => None,
        })
        .take(200)
        .collect();
    let certain = tokens[verb].word() == Some("INSERT") && has("VALUES") && !has("SELECT");
    if has_hole(&name.name) {
        return None;
    }
    Some(Action::Change(Change::Write(name, certain, texts)))
}

/// The name of an object as SQL writes it: unquoted parts in lower case.
fn name_of(parts: &[(String, bool)]) -> Option<Name> {
    let fold = |(text, quoted): &(String, bool)| -> Arc<str> {
        if *quoted { kept_name(text) } else { kept_name(&text.to_lowercase()) }
    };
    let schema = |part: &(String, bool)| Some(fold(part)).filter(|schema| &**schema != "public");
    match parts {
        [name] => Some(Name { schema: None, name: fold(name) }),
        [schema_part, name] | [_, schema_part, name] => {
            Some(Name { schema: schema(schema_part), name: fold(name) })
        }
        _ => None,
    }
}
