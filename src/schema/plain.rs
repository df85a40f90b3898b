//! Expressions of SQL that an empty database takes as they are.

/// Functions that a default may call: others may be made by migrations, whose text is not kept.
const FUNCTIONS: &[&str] = &[
    "now",
    "timezone",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "gen_random_uuid",
    "uuid_generate_v4",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "to_timestamp",
    "date_trunc",
    "extract",
    "lower",
    "upper",
    "coalesce",
    "array_length",
    "cardinality",
    "length",
    "char_length",
    "octet_length",
    "random",
    "cast",
    "jsonb_typeof",
    "to_tsvector",
    "setweight",
    "any",
    "in",
    "and",
    "or",
    "not",
    "varchar",
    "numeric",
    "num_nonnulls",
    "abs",
    "jsonb_build_object",
];

/// Types and functions that extensions bring.
const EXTENSIONS: &[(&str, &str)] = &[
    ("citext", "citext"),
    ("hstore", "hstore"),
    ("vector", "vector"),
    ("geometry", "postgis"),
    ("geography", "postgis"),
    ("ltree", "ltree"),
    ("uuid_generate_v", "uuid-ossp"),
    ("gin_trgm_ops", "pg_trgm"),
    ("gist_trgm_ops", "pg_trgm"),
];

/// The extensions that bring what the type, default or index item `text` names.
pub fn extensions_of(text: &str) -> impl Iterator<Item = &'static str> {
    let needed = EXTENSIONS
        .iter()
        .filter(move |(word, _)| text.starts_with(word) || (word.contains('_') && text.contains(word)));
    needed.map(|(_, extension)| *extension)
}

/// Whether the expression calls nothing that the database does not bring, and is one expression.
pub fn is_plain(sql: &str) -> bool {
    if sql.contains(['…', ';', '\n', '\u{fffc}']) || sql.contains("--") || sql == "generated" {
        return false;
    }
    let mut text = String::new();
    let mut inside = false;
    for character in sql.chars() {
        if character == '\'' {
            inside = !inside;
        } else if !inside {
            text.push(character);
        }
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    !inside
        && text.match_indices('(').all(|(at, _)| {
            let before = text[..at].trim_end();
            let called = before.rsplit(|c: char| !is_word(c)).next().unwrap_or("");
            called.is_empty() || FUNCTIONS.contains(&called.to_lowercase().as_str())
        })
}
