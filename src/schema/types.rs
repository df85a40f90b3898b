//! Types: from SQLAlchemy's expressions to the text that PostgreSQL's `format_type` prints, and which types a
//! foreign key may join.

mod enums;
mod names;

use std::rc::Rc;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

pub use enums::enumeration;
pub use names::{can_reference, is_integer, without_modifier};

use super::effect::TypeSpec;
use super::evaluate::{Arguments, Evaluator};
use super::state::{ColumnType, Place};
use super::value::{Callee, Class, Construct, Value, last_component};

/// Types inside types deeper than this are not read.
const MAX_NESTING: usize = 12;

/// The database that the schema is told for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize,
)]
pub enum Database {
    /// PostgreSQL.
    #[default]
    PostgreSql,
    /// MySQL and MariaDB.
    MySql,
    /// SQLite.
    Sqlite,
}

impl Database {
    /// SQLAlchemy's name of the dialect.
    pub fn name(self) -> &'static str {
        match self {
            Self::PostgreSql => "postgresql",
            Self::MySql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }

    /// The one that SQLAlchemy (or a URL) calls `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "postgresql" | "postgres" | "cockroachdb" => Some(Self::PostgreSql),
            "mysql" | "mariadb" => Some(Self::MySql),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }

    /// What the default schema is called.
    pub fn default_schema(self) -> &'static str {
        match self {
            Self::PostgreSql => "public",
            Self::MySql => "",
            Self::Sqlite => "main",
        }
    }
}

impl TypeSpec {
    /// A type without an enum.
    pub fn plain(ty: ColumnType) -> Self {
        Self { ty, enumeration: None, serial: false }
    }

    /// A type that is known in full.
    pub fn known(text: impl AsRef<str>) -> Self {
        Self::plain(ColumnType::known(text))
    }
}

/// Reads the type expression `value`; `None` where it is no type at all (`None`, `NullType()`).
pub fn read(evaluator: &mut Evaluator<'_>, value: &Value, database: Database) -> Option<TypeSpec> {
    Reader { evaluator, database }.read(value, 0)
}

struct Reader<'e, 'a> {
    evaluator: &'e mut Evaluator<'a>,
    database: Database,
}

/// A length or precision of a type expression.
enum Number {
    Absent,
    Known(i64),
    Unknown(Arc<str>),
}

fn number(value: Option<&Value>) -> Number {
    match value {
        None | Some(Value::None) => Number::Absent,
        Some(Value::Int(int)) => Number::Known(*int),
        Some(value) => Number::Unknown(match value.reason() {
            Some(unknown) => Arc::clone(&unknown.reason),
            None => Arc::from("its length is not known without running it"),
        }),
    }
}

fn flag(value: Option<&Value>) -> Option<bool> {
    match value {
        None | Some(Value::None) => Some(false),
        Some(value) => super::evaluate::truth(value),
    }
}

/// `base(length)`, or the family where the length is not known.
fn sized(base: &str, length: Number) -> ColumnType {
    match length {
        Number::Absent => ColumnType::known(base),
        Number::Known(length) => ColumnType::known(format!("{base}({length})")),
        Number::Unknown(reason) => ColumnType::family(base, reason),
    }
}

/// No arguments, for a type named without a call.
fn bare(path: &Arc<str>) -> Rc<Construct> {
    Rc::new(Construct {
        callee: Callee::Path(Arc::clone(path)),
        args: Vec::new(),
        kwargs: Vec::new(),
        more: None,
        place: Place::default(),
        attributes: Default::default(),
    })
}

impl Reader<'_, '_> {
    fn read(&mut self, value: &Value, depth: usize) -> Option<TypeSpec> {
        if depth > MAX_NESTING {
            return Some(unknown("", "its type is nested too deep"));
        }
        match value {
            Value::None => None,
            Value::External(path) => self.library(&bare(path), path, depth),
            Value::Construct(construct) => match &construct.callee {
                Callee::Path(path) => self.library(construct, path, depth),
                Callee::Method(receiver, name) => self.method(construct, receiver, name, depth),
            },
            Value::Class(class) => {
                let place = class.place.clone();
                let instance =
                    self.evaluator.call(&Value::Class(Rc::clone(class)), Arguments::default(), &place);
                match instance {
                    // An enum class is no type expression.
                    Value::Member(_) | Value::Unknown(_) => Some(unknown(class.name(), "it is no type")),
                    instance => self.read(&instance, depth + 1),
                }
            }
            Value::Instance(instance) => {
                let class = Rc::clone(&instance.class);
                Some(self.own_type(&class, value, &Rc::clone(&instance.construct), depth))
            }
            Value::Unknown(cause) => Some(unknown("", &cause.reason)),
            // A factory of the repository, named instead of called.
            Value::Function(_) => {
                let made = self.evaluator.call(value, Arguments::default(), &Place::default());
                match made {
                    Value::Function(_) => Some(unknown("", "it is no type")),
                    made => self.read(&made, depth + 1),
                }
            }
            // What a decorated type is kept as.
            Value::Attribute(attribute) if &*attribute.1 == "impl" => self.read(&attribute.0, depth + 1),
            Value::Attribute(_) => Some(unknown("", "it is a type that another package makes")),
            _ => Some(unknown("", "it is no type that is known")),
        }
    }

    fn method(
        &mut self,
        construct: &Construct,
        receiver: &Value,
        name: &str,
        depth: usize,
    ) -> Option<TypeSpec> {
        match name {
            "with_variant" => {
                let mut dialects = construct.args.iter().skip(1).filter_map(Value::as_str);
                match dialects.any(|dialect| Database::by_name(dialect) == Some(self.database)) {
                    true => self.read(construct.args.first()?, depth + 1),
                    false => self.read(receiver, depth + 1),
                }
            }
            "type_descriptor" | "as_mutable" | "evolve" | "adapt" | "dialect_impl" | "load_dialect_impl" => {
                self.read(construct.args.first().unwrap_or(receiver), depth + 1)
            }
            // `ARRAY[int]` and the like, and methods that return the type itself.
            "__getitem__" | "copy" | "as_generic" => self.read(receiver, depth + 1),
            _ => Some(unknown(name, "it is a type that another package makes")),
        }
    }

    /// A type class of the repository: a `TypeDecorator`, or a type with its own SQL.
    fn own_type(
        &mut self,
        class: &Rc<Class>,
        instance: &Value,
        made: &Rc<Construct>,
        depth: usize,
    ) -> TypeSpec {
        let place = class.place.clone();
        let is_overridden = |evaluator: &mut Evaluator<'_>, name: &str| {
            matches!(evaluator.attribute(&Value::Class(Rc::clone(class)), name, &place), Value::Function(_))
        };
        if is_overridden(self.evaluator, "get_col_spec") {
            let method = self.evaluator.attribute(instance, "get_col_spec", &place);
            let text = self.evaluator.call(&method, Arguments::default(), &place);
            return match text.as_str() {
                Some(text) => super::sql::type_of(text),
                None => unknown(class.name(), "its SQL is not known without running it"),
            };
        }
        if is_overridden(self.evaluator, "load_dialect_impl") {
            let dialect = self.dialect();
            if !is_overridden(self.evaluator, "__init__") {
                self.implement(class, instance, made);
            }
            let method = self.evaluator.attribute(instance, "load_dialect_impl", &place);
            let arguments = Arguments { args: vec![dialect], ..Arguments::default() };
            let chosen = self.evaluator.call(&method, arguments, &place);
            let is_itself = match &chosen {
                // `super().load_dialect_impl(dialect)`, `return self.impl`.
                Value::Construct(construct) => construct.name() == "load_dialect_impl",
                Value::Unknown(_) | Value::None => true,
                _ => false,
            };
            if !is_itself && let Some(spec) = self.read(&chosen, depth + 1) {
                return spec;
            }
        }
        let implementation = self.evaluator.attribute(instance, "impl", &place);
        let implementation = match implementation {
            Value::Attribute(_) | Value::Unknown(_) => None,
            found => Some(found),
        };
        let given = match instance {
            Value::Instance(instance) => {
                let attributes = instance.attributes.borrow();
                let call = attributes.iter().rev().find(|(name, _)| &**name == SUPER_INIT);
                call.and_then(|(_, value)| value.as_construct().cloned())
            }
            _ => None,
        };
        let has_init = is_overridden(self.evaluator, "__init__");
        match implementation {
            // `TypeDecorator.__init__` hands its arguments on to the implementation's class.
            Some(Value::External(path)) => {
                let arguments = match (given, has_init) {
                    (Some(given), _) => given,
                    (None, true) => bare(&path),
                    (None, false) => Rc::clone(made),
                };
                self.library(&arguments, &path, depth + 1)
                    .unwrap_or_else(|| unknown(class.name(), "its implementation is no type"))
            }
            Some(implementation) => {
                let is_same = matches!(&implementation, Value::Class(other) if Rc::ptr_eq(other, class));
                match is_same {
                    true => unknown(class.name(), "it is its own implementation"),
                    false => self
                        .read(&implementation, depth + 1)
                        .unwrap_or_else(|| unknown(class.name(), "its implementation is no type")),
                }
            }
            None => {
                // A subclass of a library's type: `class Money(Numeric)`.
                let base = class.bases.iter().find_map(|base| match base {
                    Value::External(path) if !path.ends_with(".TypeDecorator") => Some(Arc::clone(path)),
                    _ => None,
                });
                let arguments =
                    given.unwrap_or_else(|| if has_init { bare(&Arc::from("")) } else { Rc::clone(made) });
                let known = base.and_then(|path| self.library(&arguments, &path, depth + 1));
                known
                    .filter(|spec| !spec.ty.is_unknown())
                    .unwrap_or_else(|| unknown(class.name(), "its implementation is not known"))
            }
        }
    }

    /// Gives a decorated type the `impl` that `TypeDecorator.__init__` makes of its arguments: `self.impl.length` is
    /// asked for.
    fn implement(&mut self, class: &Rc<Class>, instance: &Value, made: &Rc<Construct>) {
        let place = class.place.clone();
        let Value::Instance(object) = instance else { return };
        let Value::External(path) = self.evaluator.attribute(&Value::Class(Rc::clone(class)), "impl", &place)
        else {
            return;
        };
        let implementation = bare(&path);
        let length = made.arg(0, "length").cloned().unwrap_or(Value::None);
        let implementation = Rc::new(Construct {
            args: made.args.clone(),
            kwargs: made.kwargs.clone(),
            attributes: std::cell::RefCell::new(vec![(Arc::from("length"), length)]),
            callee: implementation.callee.clone(),
            more: made.more.clone(),
            place,
        });
        let mut attributes = object.attributes.borrow_mut();
        if !attributes.iter().any(|(name, _)| &**name == "impl") {
            attributes.push((Arc::from("impl"), Value::Construct(implementation)));
        }
    }

    /// What `load_dialect_impl` gets.
    fn dialect(&self) -> Value {
        let dialect = bare(&Arc::from("sqlalchemy.engine.Dialect"));
        dialect.attributes.borrow_mut().push((Arc::from("name"), Value::str(self.database.name())));
        Value::Construct(dialect)
    }

    fn library(&mut self, construct: &Rc<Construct>, path: &Arc<str>, depth: usize) -> Option<TypeSpec> {
        let name = last_component(path);
        if name == "NullType" || name == "NULLTYPE" {
            return None;
        }
        let known = match self.database {
            Database::PostgreSql => self.postgresql(construct, path, name, depth),
            Database::MySql | Database::Sqlite => self.other_database(construct, path, name, depth),
        };
        Some(known.unwrap_or_else(|| {
            let package = path.split('.').next().unwrap_or(path);
            match package {
                "sqlalchemy" => unknown(name, "PostgreSQL has no such type"),
                package => unknown(name, format!("it is a type of the package {package}")),
            }
        }))
    }

    fn postgresql(
        &mut self,
        construct: &Rc<Construct>,
        path: &str,
        name: &str,
        depth: usize,
    ) -> Option<TypeSpec> {
        let argument = |position: usize, name: &str| construct.arg(position, name);
        let package = path.split('.').next().unwrap_or(path);
        if package != "sqlalchemy" {
            return self.third_party(construct, path, name, depth);
        }
        if let Some(ty) = names::without_arguments(name) {
            return Some(TypeSpec::known(ty));
        }
        let spec = match name {
            "String" | "Unicode" | "VARCHAR" | "NVARCHAR" => {
                TypeSpec::plain(sized("character varying", number(argument(0, "length"))))
            }
            "CHAR" | "NCHAR" => TypeSpec::plain(match number(argument(0, "length")) {
                Number::Absent => ColumnType::known("character(1)"),
                length => sized("character", length),
            }),
            "DateTime" | "TIMESTAMP" => {
                let (precision, zone) = match name {
                    "TIMESTAMP" => (number(argument(1, "precision")), argument(0, "timezone")),
                    _ => (Number::Absent, argument(0, "timezone")),
                };
                TypeSpec::plain(zoned("timestamp", precision, flag(zone)))
            }
            "Time" | "TIME" => {
                let precision =
                    if name == "TIME" { number(argument(1, "precision")) } else { Number::Absent };
                TypeSpec::plain(zoned("time", precision, flag(argument(0, "timezone"))))
            }
            "Interval" | "INTERVAL" => {
                let (precision, fields) = match name {
                    "INTERVAL" => (number(argument(0, "precision")), argument(1, "fields")),
                    _ => (number(argument(2, "day_precision")), None),
                };
                let fields = fields.and_then(Value::as_str);
                let base = fields
                    .map_or_else(|| "interval".to_owned(), |f| format!("interval {}", f.to_lowercase()));
                TypeSpec::plain(sized(&base, precision))
            }
            "Float" | "FLOAT" => TypeSpec::plain(match number(argument(0, "precision")) {
                Number::Absent => ColumnType::known("double precision"),
                Number::Known(..=24) => ColumnType::known("real"),
                Number::Known(_) => ColumnType::known("double precision"),
                Number::Unknown(reason) => ColumnType::family("double precision", reason),
            }),
            "Numeric" | "NUMERIC" | "DECIMAL" => {
                match (number(argument(0, "precision")), number(argument(1, "scale"))) {
                    (Number::Absent, _) => TypeSpec::known("numeric"),
                    (Number::Known(precision), Number::Known(scale)) => {
                        TypeSpec::known(format!("numeric({precision},{scale})"))
                    }
                    (Number::Known(precision), Number::Absent) => {
                        TypeSpec::known(format!("numeric({precision},0)"))
                    }
                    (Number::Unknown(reason), _) | (_, Number::Unknown(reason)) => {
                        TypeSpec::plain(ColumnType::family("numeric", reason))
                    }
                }
            }
            "UUID" | "Uuid" => match (name, flag(argument(1, "native_uuid"))) {
                ("Uuid", Some(false)) if argument(1, "native_uuid").is_some() => {
                    TypeSpec::known("character(32)")
                }
                _ => TypeSpec::known("uuid"),
            },
            "BIT" => {
                let varying = flag(argument(1, "varying")) == Some(true);
                let base = if varying { "bit varying" } else { "bit" };
                TypeSpec::plain(match (number(argument(0, "length")), varying) {
                    (Number::Absent, false) => ColumnType::known("bit(1)"),
                    (length, _) => sized(base, length),
                })
            }
            "ARRAY" => {
                let mut item = self.read(argument(0, "item_type")?, depth + 1)?;
                item.ty.text = Arc::from(format!("{}[]", item.ty.text.trim_end_matches("[]")));
                item
            }
            "Enum" | "ENUM" => enums::read(self.evaluator, construct, path, self.database),
            "DOMAIN" => {
                let name = argument(0, "name").and_then(Value::as_str)?;
                TypeSpec::known(name)
            }
            "Variant" => self.read(argument(0, "base")?, depth + 1)?,
            "TypeDecorator" | "UserDefinedType" => return None,
            // `sqlalchemy.ext.mutable.MutableDict`: the type is inside.
            _ => return None,
        };
        Some(spec)
    }

    fn third_party(
        &mut self,
        construct: &Rc<Construct>,
        path: &str,
        name: &str,
        depth: usize,
    ) -> Option<TypeSpec> {
        let argument = |position: usize, name: &str| construct.arg(position, name);
        let varchar = |length: Number| Some(TypeSpec::plain(sized("character varying", length)));
        let default = |value: Option<&Value>, length: i64| match number(value) {
            Number::Absent => Number::Known(length),
            given => given,
        };
        let package = path.split('.').next().unwrap_or(path);
        match (package, name) {
            ("sqlmodel", "AutoString") => varchar(number(argument(0, "length"))),
            ("sqlmodel", _) => {
                // sqlmodel hands SQLAlchemy's names on.
                let path: Arc<str> = Arc::from(format!("sqlalchemy.{name}"));
                self.postgresql(construct, &path, name, depth + 1)
            }
            ("sqlalchemy_utils", _) => match name {
                "UUIDType" => Some(TypeSpec::known(match flag(argument(1, "native")) {
                    Some(false) if argument(1, "native").is_some() => "bytea",
                    _ => "uuid",
                })),
                "URLType" | "ScalarListType" => Some(TypeSpec::known("text")),
                "EmailType" => varchar(default(argument(0, "length"), 255)),
                "CurrencyType" => varchar(Number::Known(3)),
                "CountryType" => varchar(Number::Known(2)),
                "LocaleType" => varchar(Number::Known(10)),
                "ColorType" => varchar(default(argument(0, "length"), 20)),
                "PhoneNumberType" => varchar(default(argument(1, "max_length"), 20)),
                "IPAddressType" => varchar(default(argument(0, "max_length"), 50)),
                "TimezoneType" => varchar(Number::Known(50)),
                "PasswordType" => Some(TypeSpec::known("bytea")),
                "JSONType" => Some(TypeSpec::known("json")),
                "TSVectorType" => Some(TypeSpec::known("tsvector")),
                "ArrowType" | "EnrichedDateTimeType" => Some(TypeSpec::known("timestamp without time zone")),
                "LtreeType" => Some(TypeSpec::known("ltree")),
                "EncryptedType" => Some(TypeSpec::known("bytea")),
                "StringEncryptedType" => match argument(0, "type_in") {
                    Some(inner) => match self.read(&inner.clone(), depth + 1) {
                        // The text is kept in a string as long as the one given.
                        Some(spec) if spec.ty.text.starts_with("character varying") => Some(spec),
                        _ => varchar(Number::Absent),
                    },
                    None => varchar(Number::Absent),
                },
                "ChoiceType" => match argument(1, "impl") {
                    Some(implementation) => self.read(&implementation.clone(), depth + 1),
                    None => varchar(Number::Known(255)),
                },
                "Int4RangeType" | "IntRangeType" => Some(TypeSpec::known("int4range")),
                "Int8RangeType" => Some(TypeSpec::known("int8range")),
                "NumericRangeType" => Some(TypeSpec::known("numrange")),
                "DateRangeType" => Some(TypeSpec::known("daterange")),
                "DateTimeRangeType" => Some(TypeSpec::known("tsrange")),
                _ => None,
            },
            ("fastapi_users_db_sqlalchemy" | "fastapi_users" | "advanced_alchemy", "GUID") => {
                Some(TypeSpec::known("uuid"))
            }
            ("fastapi_users_db_sqlalchemy" | "fastapi_users", "TIMESTAMPAware")
            | (_, "UtcDateTime" | "DateTimeUTC") => Some(TypeSpec::known("timestamp with time zone")),
            ("oslo_db", "JsonEncodedDict" | "JsonEncodedList") => Some(TypeSpec::known("text")),
            ("oslo_db", "SoftDeleteInteger") => Some(TypeSpec::known("integer")),
            ("advanced_alchemy", "JsonB") => Some(TypeSpec::known("jsonb")),
            ("advanced_alchemy", "BigIntIdentity") => Some(TypeSpec::known("bigint")),
            (_, "CIText" | "CITEXT") => Some(TypeSpec::known("citext")),
            ("pgvector", _) => {
                let base = match name {
                    "Vector" | "VECTOR" => "vector",
                    "HALFVEC" | "HalfVector" => "halfvec",
                    "SPARSEVEC" | "SparseVector" => "sparsevec",
                    _ => return None,
                };
                Some(TypeSpec::plain(sized(base, number(argument(0, "dim")))))
            }
            ("geoalchemy2", "Geometry" | "Geography") => {
                let base = name.to_lowercase();
                let kind = match argument(0, "geometry_type") {
                    Some(Value::Str(kind)) => Some(kind.to_uppercase()),
                    None => Some("GEOMETRY".to_owned()),
                    _ => None,
                };
                let srid = match argument(1, "srid") {
                    Some(Value::Int(srid)) => *srid,
                    _ => -1,
                };
                Some(match kind {
                    Some(kind) if srid > 0 => TypeSpec::known(format!("{base}({},{srid})", shape(&kind))),
                    Some(kind) if kind != "GEOMETRY" => TypeSpec::known(format!("{base}({})", shape(&kind))),
                    _ => TypeSpec::plain(ColumnType::family(
                        base,
                        "how it is constrained depends on the package",
                    )),
                })
            }
            ("sqlalchemy_json", "MutableJson" | "NestedMutableJson") => Some(TypeSpec::known("json")),
            ("sqlalchemy_searchable", "TSVectorType") => Some(TypeSpec::known("tsvector")),
            ("sqlalchemy_bigquery" | "snowflake", _) => None,
            _ => None,
        }
    }

    /// MySQL and SQLite: the generic types under the names that their catalogues show.
    fn other_database(
        &mut self,
        construct: &Rc<Construct>,
        path: &str,
        name: &str,
        depth: usize,
    ) -> Option<TypeSpec> {
        let sqlite = self.database == Database::Sqlite;
        if matches!(name, "Enum" | "ENUM") {
            let mut spec = enums::read(self.evaluator, construct, path, self.database);
            if spec.enumeration.is_some() && !sqlite {
                spec.ty = ColumnType::known("enum");
            }
            return Some(spec);
        }
        let argument = |position: usize, name: &str| construct.arg(position, name);
        let length = || number(argument(0, "length"));
        let upper = |text: &str| if sqlite { text.to_uppercase() } else { text.to_owned() };
        Some(TypeSpec::plain(match name {
            "String" | "Unicode" | "VARCHAR" | "NVARCHAR" | "AutoString" => {
                sized(&upper("varchar"), length())
            }
            "CHAR" => sized(&upper("char"), length()),
            "Integer" | "INTEGER" | "INT" => ColumnType::known(if sqlite { "INTEGER" } else { "int" }),
            "SmallInteger" | "SMALLINT" => ColumnType::known(upper("smallint")),
            "BigInteger" | "BIGINT" => ColumnType::known(upper("bigint")),
            "TINYINT" => sized(&upper("tinyint"), number(argument(0, "display_width"))),
            "Boolean" | "BOOLEAN" => ColumnType::known(if sqlite { "BOOLEAN" } else { "tinyint(1)" }),
            "Text" | "UnicodeText" | "TEXT" => ColumnType::known(upper("text")),
            "LONGTEXT" | "MEDIUMTEXT" | "TINYTEXT" | "LONGBLOB" | "MEDIUMBLOB" | "BLOB" => {
                ColumnType::known(upper(&name.to_lowercase()))
            }
            "DateTime" | "DATETIME" => ColumnType::known(upper("datetime")),
            "TIMESTAMP" => ColumnType::known(upper("timestamp")),
            "Date" | "DATE" => ColumnType::known(upper("date")),
            "Time" | "TIME" => ColumnType::known(upper("time")),
            "Interval" => ColumnType::known(upper("datetime")),
            "Float" | "FLOAT" => ColumnType::known(upper("float")),
            "Double" | "DOUBLE" => ColumnType::known(upper("double")),
            "Numeric" | "NUMERIC" | "DECIMAL" => {
                let own = name.to_lowercase();
                let base = upper(if sqlite || name != "Numeric" { &own } else { "decimal" });
                match (number(argument(0, "precision")), number(argument(1, "scale"))) {
                    (Number::Known(p), Number::Known(s)) => ColumnType::known(format!("{base}({p},{s})")),
                    (Number::Known(p), _) => ColumnType::known(format!("{base}({p},0)")),
                    _ => ColumnType::known(base),
                }
            }
            "LargeBinary" | "PickleType" => ColumnType::known(upper("blob")),
            "JSON" => ColumnType::known(upper("json")),
            "Uuid" | "UUID" => ColumnType::known(upper("char(32)")),
            _ if depth > MAX_NESTING => return None,
            _ => return None,
        }))
    }
}

/// Marks the arguments that an overridden `__init__` hands to the library's.
pub const SUPER_INIT: &str = "super().__init__";

fn unknown(text: impl AsRef<str>, reason: impl AsRef<str>) -> TypeSpec {
    TypeSpec::plain(ColumnType::unknown(text, reason))
}

/// `timestamp(3) with time zone`.
fn zoned(base: &str, precision: Number, zone: Option<bool>) -> ColumnType {
    let Some(zone) = zone else {
        return ColumnType::family(
            format!("{base} without time zone"),
            "whether it has a time zone is not known",
        );
    };
    let zone = if zone { "with time zone" } else { "without time zone" };
    match precision {
        Number::Absent => ColumnType::known(format!("{base} {zone}")),
        Number::Known(precision) => ColumnType::known(format!("{base}({precision}) {zone}")),
        Number::Unknown(reason) => ColumnType::family(format!("{base} {zone}"), reason),
    }
}

/// PostGIS's spelling of a shape.
fn shape(kind: &str) -> String {
    let known = [
        "Point",
        "LineString",
        "Polygon",
        "MultiPoint",
        "MultiLineString",
        "MultiPolygon",
        "GeometryCollection",
        "Geometry",
        "CircularString",
        "Triangle",
        "Tin",
    ];
    let dimensions = ["ZM", "Z", "M", ""];
    for suffix in dimensions {
        let Some(base) = kind.strip_suffix(suffix) else { continue };
        if let Some(name) = known.iter().find(|name| name.eq_ignore_ascii_case(base)) {
            return format!("{name}{suffix}");
        }
    }
    kind.to_owned()
}
