//! PostgreSQL's types as SQLAlchemy writes them.

use crate::schema::types::without_modifier;

/// Types that SQLAlchemy's PostgreSQL dialect has a class for under the same name.
const SAME: &[&str] = &[
    "jsonb",
    "json",
    "uuid",
    "inet",
    "cidr",
    "macaddr",
    "money",
    "oid",
    "hstore",
    "tsvector",
    "int4range",
    "int8range",
    "numrange",
    "daterange",
    "tsrange",
    "tstzrange",
    "regclass",
];

/// The class that stands for a type by its name alone.
pub(super) const NAMED: &str = "class NamedType(sa.types.UserDefinedType):
    \"\"\"A type of the database that SQLAlchemy has no class for, by its name.\"\"\"

    cache_ok = True

    def __init__(self, name):
        self.name = name

    def get_col_spec(self, **kw):
        return self.name
";

/// The expression for the type that `format_type` prints as `text`.
pub(super) fn expression(text: &str) -> String {
    if let Some(item) = text.strip_suffix("[]") {
        return format!("postgresql.ARRAY({})", expression(item));
    }
    let base = without_modifier(text);
    let arguments =
        text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inside, _)| inside.trim());
    let zone = if base.ends_with("with time zone") { "True" } else { "False" };
    match (base.as_str(), arguments) {
        ("integer", None) => "sa.Integer()".into(),
        ("bigint", None) => "sa.BigInteger()".into(),
        ("smallint", None) => "sa.SmallInteger()".into(),
        ("boolean", None) => "sa.Boolean()".into(),
        ("text", None) => "sa.Text()".into(),
        ("date", None) => "sa.Date()".into(),
        ("double precision", None) => "sa.Float()".into(),
        ("real", None) => "sa.REAL()".into(),
        ("bytea", None) => "sa.LargeBinary()".into(),
        ("numeric", None) => "sa.Numeric()".into(),
        ("numeric", Some(numbers)) => match numbers.split_once(',') {
            Some((precision, scale)) => {
                format!("sa.Numeric(precision={}, scale={})", precision.trim(), scale.trim())
            }
            None => format!("sa.Numeric(precision={numbers})"),
        },
        ("character varying", None) => "sa.String()".into(),
        ("character varying", Some(length)) => format!("sa.String(length={length})"),
        ("character", Some(length)) => format!("sa.CHAR(length={length})"),
        ("timestamp without time zone", None) => "sa.DateTime()".into(),
        ("timestamp with time zone", None) => "sa.DateTime(timezone=True)".into(),
        ("timestamp without time zone" | "timestamp with time zone", Some(precision)) => {
            format!("postgresql.TIMESTAMP(timezone={zone}, precision={precision})")
        }
        ("time without time zone", None) => "sa.Time()".into(),
        ("time with time zone", None) => "sa.Time(timezone=True)".into(),
        ("time without time zone" | "time with time zone", Some(precision)) => {
            format!("postgresql.TIME(timezone={zone}, precision={precision})")
        }
        ("interval", None) => "postgresql.INTERVAL()".into(),
        ("interval", Some(precision)) => format!("postgresql.INTERVAL(precision={precision})"),
        (name, None) if SAME.contains(&name) => format!("postgresql.{}()", name.to_uppercase()),
        _ => format!("NamedType({})", super::write::literal(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn types_are_written_as_sqlalchemy_names_them() {
        let cases = [
            ("integer", "sa.Integer()"),
            ("character varying(50)", "sa.String(length=50)"),
            ("numeric(10,2)", "sa.Numeric(precision=10, scale=2)"),
            ("timestamp(3) with time zone", "postgresql.TIMESTAMP(timezone=True, precision=3)"),
            ("timestamp without time zone", "sa.DateTime()"),
            ("uuid", "postgresql.UUID()"),
            ("text[]", "postgresql.ARRAY(sa.Text())"),
            ("citext", "NamedType(\"citext\")"),
            ("geometry(Point,4326)", "NamedType(\"geometry(Point,4326)\")"),
        ];
        for (text, expected) in cases {
            assert_eq!(expression(text), expected, "{text}");
        }
    }
}
