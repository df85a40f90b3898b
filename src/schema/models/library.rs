//! Base classes of other packages whose columns are known.

use crate::schema::value::last_component;

/// A column that a library's mixin brings, written as the call that makes it.
pub(super) struct LibraryColumn {
    pub(super) name: &'static str,
    /// SQLAlchemy's name of the type and its length.
    pub(super) ty: (&'static str, Option<i64>),
    pub(super) nullable: bool,
    pub(super) primary_key: bool,
    pub(super) unique: bool,
    pub(super) index: bool,
    /// `table.column` and `ON DELETE`.
    pub(super) refers: Option<(&'static str, &'static str)>,
}

const fn column(name: &'static str, ty: &'static str, length: Option<i64>) -> LibraryColumn {
    LibraryColumn {
        name,
        ty: (ty, length),
        nullable: false,
        primary_key: false,
        unique: false,
        index: false,
        refers: None,
    }
}

const UUID_KEY: LibraryColumn = LibraryColumn { primary_key: true, ..column("id", "Uuid", None) };

const UUID_OWNER: LibraryColumn =
    LibraryColumn { refers: Some(("user.id", "CASCADE")), ..column("user_id", "Uuid", None) };

const USER: &[LibraryColumn] = &[
    LibraryColumn { unique: true, index: true, ..column("email", "String", Some(320)) },
    column("hashed_password", "String", Some(1024)),
    column("is_active", "Boolean", None),
    column("is_superuser", "Boolean", None),
    column("is_verified", "Boolean", None),
];

const OAUTH_ACCOUNT: &[LibraryColumn] = &[
    LibraryColumn { index: true, ..column("oauth_name", "String", Some(100)) },
    column("access_token", "String", Some(1024)),
    LibraryColumn { nullable: true, ..column("expires_at", "Integer", None) },
    LibraryColumn { nullable: true, ..column("refresh_token", "String", Some(1024)) },
    LibraryColumn { index: true, ..column("account_id", "String", Some(320)) },
    column("account_email", "String", Some(320)),
];

const ACCESS_TOKEN: &[LibraryColumn] = &[
    LibraryColumn { primary_key: true, ..column("token", "String", Some(43)) },
    LibraryColumn { index: true, ..column("created_at", "TIMESTAMPAware", None) },
];

const OSLO_TIMESTAMPS: &[LibraryColumn] = &[
    LibraryColumn { nullable: true, ..column("created_at", "DateTime", None) },
    LibraryColumn { nullable: true, ..column("updated_at", "DateTime", None) },
];

const OSLO_SOFT_DELETE: &[LibraryColumn] = &[
    LibraryColumn { nullable: true, ..column("deleted_at", "DateTime", None) },
    LibraryColumn { nullable: true, ..column("deleted", "Integer", None) },
];

/// What a base class of another package brings.
pub(super) struct LibraryBase {
    pub(super) table: Option<&'static str>,
    pub(super) columns: Vec<&'static LibraryColumn>,
}

/// The columns of a library's base class; `None` where they are not known.
pub(super) fn base(path: &str) -> Option<LibraryBase> {
    let package = path.split('.').next().unwrap_or(path);
    let none = || LibraryBase { table: None, columns: Vec::new() };
    // `fastapi_users.db` hands on what its adapter for SQLAlchemy has.
    if package == "fastapi_users_db_sqlalchemy" || path.starts_with("fastapi_users.db.") {
        let uuid = last_component(path).ends_with("UUID");
        let (table, columns, own): (_, &'static [LibraryColumn], &[&'static LibraryColumn]) =
            match last_component(path).trim_end_matches("UUID") {
                "SQLAlchemyBaseUserTable" => ("user", USER, &[&UUID_KEY]),
                "SQLAlchemyBaseOAuthAccountTable" => {
                    ("oauth_account", OAUTH_ACCOUNT, &[&UUID_KEY, &UUID_OWNER])
                }
                "SQLAlchemyBaseAccessTokenTable" => ("accesstoken", ACCESS_TOKEN, &[&UUID_OWNER]),
                _ => return None,
            };
        let keys = own.iter().copied().filter(|_| uuid);
        return Some(LibraryBase { table: Some(table), columns: keys.chain(columns).collect() });
    }
    if package == "oslo_db" {
        let columns: &'static [LibraryColumn] = match last_component(path) {
            "TimestampMixin" => OSLO_TIMESTAMPS,
            "SoftDeleteMixin" => OSLO_SOFT_DELETE,
            "ModelBase" | "ModelIterator" => &[],
            _ => return None,
        };
        return Some(LibraryBase { table: None, columns: columns.iter().collect() });
    }
    let harmless = matches!(
        package,
        "abc"
            | "typing"
            | "typing_extensions"
            | "builtins"
            | "sqlalchemy"
            | "flask_login"
            | "enum"
            | "pydantic"
            | "dataclasses"
            | "collections"
            | "sqlmodel"
            | "flask_sqlalchemy"
            | "zope"
            | "werkzeug"
            | "starlette"
            | "sqlalchemy_mixins"
    );
    harmless.then(none)
}
