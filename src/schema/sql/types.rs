//! Types as SQL writes them, told as `format_type` prints them.

use sqlparser::ast::{
    ArrayElemTypeDef, BinaryLength, CharacterLength, DataType, ExactNumberInfo, TimezoneInfo,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::ddl::object_name;
use crate::schema::effect::TypeSpec;
use crate::schema::state::ColumnType;

/// The type that `text` states.
pub(super) fn parse(text: &str) -> TypeSpec {
    let dialect = PostgreSqlDialect {};
    let parsed = Parser::new(&dialect).try_with_sql(text).and_then(|mut parser| parser.parse_data_type());
    match parsed {
        Ok(data_type) => spec(&data_type),
        Err(_) => TypeSpec::plain(ColumnType::unknown(text.trim(), "its SQL could not be read")),
    }
}

/// The type as a specification.
pub(super) fn spec(data_type: &DataType) -> TypeSpec {
    let (text, serial) = text(data_type);
    let ty = match text {
        Some(text) if super::has_hole(&text) => ColumnType::unknown("", "its SQL is not known in full"),
        Some(text) => ColumnType::known(text),
        None => ColumnType::unknown(data_type.to_string(), "it is a type that is not known"),
    };
    TypeSpec { ty, enumeration: None, serial }
}

fn with(base: &str, length: Option<u64>) -> String {
    match length {
        Some(length) => format!("{base}({length})"),
        None => base.to_owned(),
    }
}

fn characters(base: &str, length: Option<&CharacterLength>, default: Option<u64>) -> String {
    let length = match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        Some(CharacterLength::Max) => None,
        None => default,
    };
    with(base, length)
}

fn numeric(info: &ExactNumberInfo) -> String {
    match info {
        ExactNumberInfo::None => "numeric".into(),
        ExactNumberInfo::Precision(precision) => format!("numeric({precision},0)"),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => format!("numeric({precision},{scale})"),
    }
}

fn zoned(base: &str, precision: Option<u64>, zone: &TimezoneInfo) -> String {
    let zone = match zone {
        TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => "with time zone",
        TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => "without time zone",
    };
    format!("{} {zone}", with(base, precision))
}

/// The text, and whether the type counts up by itself.
fn text(data_type: &DataType) -> (Option<String>, bool) {
    use DataType as D;
    let text = match data_type {
        D::Character(length) | D::Char(length) => characters("character", length.as_ref(), Some(1)),
        D::CharacterVarying(length) | D::CharVarying(length) | D::Varchar(length) | D::Nvarchar(length) => {
            characters("character varying", length.as_ref(), None)
        }
        D::Uuid => "uuid".into(),
        D::Text => "text".into(),
        D::Bytea => "bytea".into(),
        D::Varbinary(Some(BinaryLength::IntegerLength { .. }) | None) | D::Binary(_) | D::Blob(_) => {
            return (None, false);
        }
        D::Numeric(info) | D::Decimal(info) | D::Dec(info) => numeric(info),
        D::Float(ExactNumberInfo::Precision(..=24)) | D::Real | D::Float4 => "real".into(),
        D::Float(_) | D::Double(_) | D::DoublePrecision | D::Float8 | D::Float64 => "double precision".into(),
        D::SmallInt(_) | D::Int2(_) => "smallint".into(),
        D::Int(_) | D::Integer(_) | D::Int4(_) => "integer".into(),
        D::BigInt(_) | D::Int8(_) => "bigint".into(),
        D::Bool | D::Boolean => "boolean".into(),
        D::Date => "date".into(),
        D::Time(precision, zone) => zoned("time", *precision, zone),
        D::Timestamp(precision, zone) => zoned("timestamp", *precision, zone),
        D::Interval { fields, precision } => {
            let base = fields
                .as_ref()
                .map_or("interval".into(), |f| format!("interval {}", f.to_string().to_lowercase()));
            with(&base, *precision)
        }
        D::JSON => "json".into(),
        D::JSONB => "jsonb".into(),
        D::Regclass => "regclass".into(),
        D::Bit(length) => with("bit", length.or(Some(1))),
        D::BitVarying(length) | D::VarBit(length) => with("bit varying", *length),
        D::TsVector => "tsvector".into(),
        D::TsQuery => "tsquery".into(),
        D::Array(ArrayElemTypeDef::SquareBracket(inner, _) | ArrayElemTypeDef::Qualified(inner, _)) => {
            match self::text(inner).0 {
                Some(inner) => format!("{}[]", inner.trim_end_matches("[]")),
                None => return (None, false),
            }
        }
        D::GeometricType(kind) => kind.to_string().to_lowercase(),
        D::Custom(name, modifiers) => return custom(name, modifiers),
        _ => return (None, false),
    };
    (Some(text), false)
}

fn custom(name: &sqlparser::ast::ObjectName, modifiers: &[String]) -> (Option<String>, bool) {
    let Some(name) = object_name(name) else { return (None, false) };
    let plain = |text: &str| (Some(text.to_owned()), false);
    let serial = |text: &str| (Some(text.to_owned()), true);
    let modifier = (!modifiers.is_empty()).then(|| modifiers.join(","));
    let sized = |base: &str| match &modifier {
        Some(modifier) => format!("{base}({modifier})"),
        None => base.to_owned(),
    };
    let is_system = name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
    match &*name.name {
        _ if !is_system => (Some(name.to_string()), false),
        "serial" | "serial4" => serial("integer"),
        "bigserial" | "serial8" => serial("bigint"),
        "smallserial" | "serial2" => serial("smallint"),
        "timestamptz" => (Some(format!("{} with time zone", sized("timestamp"))), false),
        "timetz" => (Some(format!("{} with time zone", sized("time"))), false),
        "timestamp" => (Some(format!("{} without time zone", sized("timestamp"))), false),
        "bpchar" => (Some(sized("character")), false),
        "varchar" => (Some(sized("character varying")), false),
        "int" => plain("integer"),
        "bool" => plain("boolean"),
        "decimal" => (Some(sized("numeric")), false),
        "float" => plain("double precision"),
        // A type by this name, or one that a migration made.
        _ => (Some(sized(&name.name)), false),
    }
}
