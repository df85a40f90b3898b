//! PostgreSQL's type names, and which of them a foreign key may join.

use crate::schema::state::{Certainty, ColumnType};

/// What SQLAlchemy's type without arguments is called.
pub(super) fn without_arguments(name: &str) -> Option<&'static str> {
    Some(match name {
        "Integer" | "INTEGER" | "INT" => "integer",
        "SmallInteger" | "SMALLINT" => "smallint",
        "BigInteger" | "BIGINT" => "bigint",
        "Boolean" | "BOOLEAN" => "boolean",
        "Text" | "TEXT" | "UnicodeText" => "text",
        "Date" | "DATE" => "date",
        "Double" | "DOUBLE_PRECISION" => "double precision",
        "REAL" => "real",
        "LargeBinary" | "Binary" | "BYTEA" | "PickleType" => "bytea",
        "JSON" => "json",
        "JSONB" => "jsonb",
        "JSONPATH" => "jsonpath",
        "HSTORE" => "hstore",
        "INET" => "inet",
        "CIDR" => "cidr",
        "MACADDR" => "macaddr",
        "MACADDR8" => "macaddr8",
        "MONEY" => "money",
        "OID" => "oid",
        "REGCLASS" => "regclass",
        "REGCONFIG" => "regconfig",
        "TSVECTOR" => "tsvector",
        "TSQUERY" => "tsquery",
        "CITEXT" => "citext",
        "INT4RANGE" => "int4range",
        "INT8RANGE" => "int8range",
        "NUMRANGE" => "numrange",
        "DATERANGE" => "daterange",
        "TSRANGE" => "tsrange",
        "TSTZRANGE" => "tstzrange",
        "INT4MULTIRANGE" => "int4multirange",
        "INT8MULTIRANGE" => "int8multirange",
        "NUMMULTIRANGE" => "nummultirange",
        "DATEMULTIRANGE" => "datemultirange",
        "TSMULTIRANGE" => "tsmultirange",
        "TSTZMULTIRANGE" => "tstzmultirange",
        "MatchType" => "boolean",
        _ => return None,
    })
}

/// The type without length, precision and scale: `character varying` of `character varying(50)`.
pub fn without_modifier(text: &str) -> String {
    match (text.find('('), text.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", text[..open].trim_end(), &text[close + 1..])
        }
        _ => text.to_owned(),
    }
}

/// Whether this is an integer type, by its text.
pub fn is_integer(text: &str) -> bool {
    matches!(text, "smallint" | "integer" | "bigint")
}

/// Types that a key of the first one accepts; measured on PostgreSQL 15.
const ACCEPTED: &[(&[&str], &[&str])] = &[
    (&["smallint", "integer", "bigint"], &["smallint", "integer", "bigint"]),
    (&["numeric"], &["smallint", "integer", "bigint", "numeric"]),
    (
        &["real", "double precision"],
        &["smallint", "integer", "bigint", "numeric", "real", "double precision"],
    ),
    (&["text", "character varying"], &["text", "character varying", "character", "citext", "name"]),
    (&["character"], &["text", "character varying", "character"]),
    (&["citext"], &["citext"]),
    (&["name"], &["text", "character varying", "character", "name"]),
    (&["uuid"], &["uuid"]),
    (&["boolean"], &["boolean"]),
    (
        &["date", "timestamp without time zone", "timestamp with time zone"],
        &["date", "timestamp without time zone", "timestamp with time zone"],
    ),
    (&["time without time zone"], &["time without time zone"]),
    (&["interval"], &["time without time zone", "interval"]),
    (&["bytea"], &["bytea"]),
    (&["jsonb"], &["jsonb"]),
    (&["json"], &[]),
    (&["inet", "cidr"], &["inet", "cidr"]),
    (&["macaddr"], &["macaddr"]),
    (&["oid"], &["smallint", "integer", "bigint", "oid"]),
    (&["money"], &["money"]),
    (&["tsvector"], &["tsvector"]),
    (&["vector"], &["vector"]),
    (&["hstore"], &["hstore"]),
    (&["bit"], &["bit"]),
    (&["integer[]"], &["integer[]"]),
    (&["text[]"], &["text[]"]),
];

/// Whether PostgreSQL takes a foreign key of type `child` to a key of type `parent`; `None` where one of
/// them is not known. Domains are asked by their base type.
pub fn can_reference(child: &ColumnType, parent: &ColumnType) -> Option<bool> {
    let unknown = |ty: &ColumnType| matches!(ty.certainty, Certainty::Unknown(_));
    if unknown(child) || unknown(parent) {
        return None;
    }
    // Each enum joins itself alone.
    if let (Some(one), Some(other)) = (&child.enumeration, &parent.enumeration) {
        return Some(one == other && child.text.ends_with("[]") == parent.text.ends_with("[]"));
    }
    let (child_name, parent_name) = (without_modifier(&child.text), without_modifier(&parent.text));
    let measured = |name: &str| ACCEPTED.iter().find(|(parents, _)| parents.contains(&name));
    let accepted = measured(&parent_name);
    if let Some((_, children)) = accepted
        && children.contains(&child_name.as_str())
    {
        return Some(true);
    }
    if child_name == parent_name {
        return (parent_name != "json").then_some(true).or(Some(false));
    }
    let is_known = |ty: &ColumnType, name: &str| ty.enumeration.is_some() || measured(name).is_some();
    (is_known(child, &child_name) && is_known(parent, &parent_name)).then_some(false)
}
