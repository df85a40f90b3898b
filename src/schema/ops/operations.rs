//! `op.*`.

use std::rc::Rc;
use std::sync::Arc;

use super::{Migration, table_name, unknown_reason};
use crate::schema::effect::{
    Change, CheckSpec, ColumnChange, ConstraintKind, ConstraintSpec, Dropping, EnumCreation, EnumSpec,
    ForeignKeySpec, Given, KeySpec,
};
use crate::schema::evaluate::{Arguments, Evaluator, truth};
use crate::schema::specs::{self, Item};
use crate::schema::sql;
use crate::schema::state::{Name, Place, Touch};
use crate::schema::types;
use crate::schema::value::{Value, last_component};

/// Where an argument stands, by the names that versions of Alembic gave it.
type Slot<'s> = (usize, &'s [&'s str]);

fn slot<'a>(arguments: &'a Arguments, (position, names): Slot<'_>) -> Option<&'a Value> {
    arguments.args.get(position).or_else(|| names.iter().find_map(|name| arguments.named(name)))
}

fn dropping(arguments: &Arguments) -> Dropping {
    Dropping { if_exists: arguments.flag("if_exists") == Some(true), cascade: false }
}

impl Migration {
    pub(super) fn operation(
        &self,
        evaluator: &mut Evaluator<'_>,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        let table = |position: usize| {
            let value = slot(arguments, (position, &["table_name", "source", "source_table", "tablename"]));
            let schema = arguments.named("schema").or_else(|| arguments.named("source_schema"));
            table_name(value, schema, self.database)
        };
        match name {
            "f" | "inline_literal" => return None,
            "get_bind" | "get_context" | "batch_alter_table" => return None,
            "execute" => {
                let statement = slot(arguments, (0, &["sqltext"])).cloned().unwrap_or(Value::None);
                return Some(self.execute(evaluator, &statement, None, place));
            }
            "create_table_comment" | "drop_table_comment" => return Some(Value::None),
            "bulk_insert" => {
                let rows = arguments.get(1, "rows").and_then(Value::items);
                if let Some(table) = table_name(arguments.get(0, "table"), None, self.database) {
                    match rows {
                        Some(rows) if rows.is_empty() => {}
                        Some(_) => self.emit(evaluator, Change::Write(table, true, Vec::new()), place),
                        None => self.emit(evaluator, Change::Write(table, false, Vec::new()), place),
                    }
                }
                return Some(Value::None);
            }
            "create_table" => return Some(self.create_table(evaluator, arguments, place)),
            "run_async" => {
                self.emit_opaque(evaluator, "op.run_async() runs other code", vec![Touch::Anything], place);
                return Some(Value::None);
            }
            "sync_enum_values" => {
                self.sync_enum_values(evaluator, arguments, place);
                return Some(Value::None);
            }
            "create_entity" | "replace_entity" | "drop_entity" => {
                self.entity(evaluator, name, arguments, place);
                return Some(Value::None);
            }
            _ => {}
        }
        // Operations on a named table.
        let position = match name {
            "drop_table"
            | "rename_table"
            | "add_column"
            | "drop_column"
            | "alter_column"
            | "create_table_comment" => 0,
            "create_index"
            | "create_unique_constraint"
            | "create_foreign_key"
            | "create_primary_key"
            | "create_check_constraint"
            | "create_exclude_constraint"
            | "drop_constraint" => 1,
            "drop_index" => {
                self.drop_index(evaluator, slot(arguments, (0, &["index_name", "name"])), arguments, place);
                return Some(Value::None);
            }
            _ => {
                // An operation that a plug-in registered.
                let reason = format!("op.{name}() is no operation of Alembic's");
                self.emit_opaque(evaluator, reason, vec![Touch::Anything], place);
                return Some(Value::None);
            }
        };
        let asked = match name {
            "rename_table" => table_name(
                slot(arguments, (0, &["old_table_name"])),
                arguments.named("schema"),
                self.database,
            ),
            _ => table(position),
        };
        let Some(on) = asked else {
            let value =
                slot(arguments, (position, &["table_name", "source", "source_table", "old_table_name"]));
            let reason = format!(
                "op.{name}() on a table whose name is not known: {}",
                unknown_reason(value, "it is computed")
            );
            self.emit_opaque(evaluator, reason, vec![Touch::Schema(None)], place);
            return Some(Value::None);
        };
        let rest = Arguments {
            args: match position {
                0 => arguments.args.iter().skip(1).cloned().collect(),
                _ => {
                    let before = arguments.args.first().cloned();
                    before.into_iter().chain(arguments.args.iter().skip(2).cloned()).collect()
                }
            },
            ..arguments.clone()
        };
        self.on_table(evaluator, name, on, &rest, place);
        Some(Value::None)
    }

    /// An operation on `table`, which is no longer among `arguments`: of `op` and of `batch_alter_table` alike.
    pub(super) fn on_table(
        &self,
        evaluator: &mut Evaluator<'_>,
        name: &str,
        table: Name,
        arguments: &Arguments,
        place: &Place,
    ) {
        let unknown = |this: &Self, evaluator: &mut Evaluator<'_>, what: &str, value: Option<&Value>| {
            let reason =
                format!("op.{name}(): {what} not known: {}", unknown_reason(value, "it is computed"));
            this.emit_opaque(evaluator, reason, vec![Touch::Relation(table.clone())], place);
        };
        match name {
            "drop_table" => self.emit(evaluator, Change::DropTable(table, dropping(arguments)), place),
            "rename_table" => {
                let to = slot(arguments, (0, &["new_table_name"]));
                match to.and_then(Value::as_text) {
                    Some(to) => self.emit(evaluator, Change::RenameTable(table, to), place),
                    None => unknown(self, evaluator, "the new name is", to),
                }
            }
            "add_column" => self.add_column(evaluator, table, arguments, place),
            "drop_column" => {
                let column = slot(arguments, (0, &["column_name"]));
                match column.and_then(Value::as_text) {
                    Some(column) => {
                        self.emit(evaluator, Change::DropColumn(table, column, dropping(arguments)), place);
                    }
                    None => unknown(self, evaluator, "the column is", column),
                }
            }
            "alter_column" => {
                let column = slot(arguments, (0, &["column_name"]));
                match column.and_then(Value::as_text) {
                    Some(column) => self.alter_column(evaluator, table, column, arguments, place),
                    None => unknown(self, evaluator, "the column is", column),
                }
            }
            "create_index" => {
                let columns = slot(arguments, (1, &["columns"]));
                let Some(items) = columns.and_then(|columns| match columns {
                    Value::Str(_) => Some(vec![columns.clone()]),
                    columns => columns.items(),
                }) else {
                    unknown(self, evaluator, "the columns are", columns);
                    return;
                };
                let name = specs::given(slot(arguments, (0, &["index_name", "name"])));
                let keyword = |name: &str| arguments.named(name).cloned();
                match specs::index(name, &items, &keyword, self.database, place) {
                    Ok(spec) => self.emit(evaluator, Change::CreateIndex(table, Box::new(spec)), place),
                    Err(reason) => {
                        self.emit_opaque(evaluator, reason, vec![Touch::Relation(table.clone())], place);
                    }
                }
            }
            "create_unique_constraint" | "create_primary_key" => {
                let columns = slot(arguments, (1, &["columns", "local_cols", "cols"]));
                let Some(columns) = specs::names(columns) else {
                    unknown(self, evaluator, "the columns are", columns);
                    return;
                };
                let key = KeySpec {
                    name: specs::given(slot(arguments, (0, &["constraint_name", "name"]))),
                    columns,
                    using_index: None,
                    place: place.clone(),
                };
                let constraint = match name {
                    "create_primary_key" => ConstraintSpec::PrimaryKey(key),
                    _ => ConstraintSpec::Unique(key),
                };
                self.emit(evaluator, Change::AddConstraint(table, Box::new(constraint)), place);
            }
            "create_foreign_key" => self.create_foreign_key(evaluator, table, arguments, place),
            "create_check_constraint" => {
                let sql = slot(arguments, (1, &["condition"])).and_then(specs::expression);
                let check = CheckSpec {
                    name: specs::given(slot(arguments, (0, &["constraint_name", "name"]))),
                    columns: sql.as_deref().map(sql::identifiers).unwrap_or_default().into_iter().collect(),
                    sql: sql.map(Arc::from),
                    exclusion: false,
                    place: place.clone(),
                };
                self.emit(
                    evaluator,
                    Change::AddConstraint(table, Box::new(ConstraintSpec::Check(check))),
                    place,
                );
            }
            "create_exclude_constraint" => {
                let texts: Vec<String> = arguments
                    .args
                    .iter()
                    .skip(1)
                    .filter_map(|arg| arg.items()?.first().and_then(specs::expression))
                    .collect();
                let check = CheckSpec {
                    name: specs::given(slot(arguments, (0, &["constraint_name", "name"]))),
                    sql: None,
                    columns: sql::identifiers(&texts.join(" ")).into_iter().collect(),
                    exclusion: true,
                    place: place.clone(),
                };
                self.emit(
                    evaluator,
                    Change::AddConstraint(table, Box::new(ConstraintSpec::Check(check))),
                    place,
                );
            }
            "drop_constraint" => {
                let kind = slot(arguments, (1, &["type_", "type"])).and_then(Value::as_text);
                let kind = match kind.as_deref() {
                    Some("unique") => ConstraintKind::Unique,
                    Some("foreignkey") => ConstraintKind::ForeignKey,
                    Some("primary") => ConstraintKind::Primary,
                    Some("check") => ConstraintKind::Check,
                    _ => ConstraintKind::Any,
                };
                let name = specs::given(slot(arguments, (0, &["constraint_name", "name"])));
                self.emit(evaluator, Change::DropConstraint(table, name, kind, dropping(arguments)), place);
            }
            "create_table_comment" | "drop_table_comment" | "f" => {}
            _ => {
                let reason = format!("op.{name}() is no operation of Alembic's");
                self.emit_opaque(evaluator, reason, vec![Touch::Relation(table)], place);
            }
        }
    }

    fn create_table(&self, evaluator: &mut Evaluator<'_>, arguments: &Arguments, place: &Place) -> Value {
        let kept = evaluator.keep("sqlalchemy.Table", arguments, place);
        let Some(name) = table_name(arguments.get(0, "table_name"), arguments.named("schema"), self.database)
        else {
            let value = arguments.get(0, "table_name");
            let reason = format!(
                "op.create_table(): the name is not known: {}",
                unknown_reason(value, "it is computed")
            );
            self.emit_opaque(evaluator, reason, vec![Touch::Schema(None)], place);
            return kept;
        };
        let temporary = arguments.named("prefixes").and_then(Value::items).is_some_and(|prefixes| {
            prefixes
                .iter()
                .any(|prefix| prefix.as_str().is_some_and(|prefix| prefix.to_uppercase().contains("TEMP")))
        });
        if temporary {
            self.emit(evaluator, Change::CreateTemporary(name), place);
            return kept;
        }
        let items = arguments.args.get(1..).unwrap_or_default().to_vec();
        let mut spec = specs::table(evaluator, name, &items, self.database);
        spec.if_not_exists = arguments.flag("if_not_exists") == Some(true);
        if let Some(unknown) = &arguments.more {
            spec.incomplete.get_or_insert(Arc::clone(&unknown.reason));
        }
        self.emit_table(evaluator, spec, place);
        kept
    }

    /// A table, and what of it cannot be read.
    pub(super) fn emit_table(
        &self,
        evaluator: &mut Evaluator<'_>,
        spec: crate::schema::effect::TableSpec,
        place: &Place,
    ) {
        let incomplete = spec.incomplete.clone();
        let touch = Touch::Relation(spec.name.clone());
        self.emit(evaluator, Change::CreateTable(Box::new(spec)), place);
        if let Some(reason) = incomplete {
            self.emit_opaque(
                evaluator,
                format!("a part of the table is not known: {reason}"),
                vec![touch],
                place,
            );
        }
    }

    fn add_column(&self, evaluator: &mut Evaluator<'_>, table: Name, arguments: &Arguments, place: &Place) {
        let value = slot(arguments, (0, &["column"]));
        let touch = vec![Touch::Relation(table.clone())];
        let if_not_exists = arguments.flag("if_not_exists") == Some(true);
        match value.map(|value| specs::item(evaluator, value, self.database)) {
            Some(Item::Column(mut column)) => {
                column.place = place.clone();
                self.emit(evaluator, Change::AddColumn(table, column, if_not_exists), place);
            }
            Some(Item::Unknown(reason)) => {
                self.emit_opaque(evaluator, format!("a column that is not known: {reason}"), touch, place);
            }
            _ => self.emit_opaque(evaluator, "a column that is not known", touch, place),
        }
    }

    fn alter_column(
        &self,
        evaluator: &mut Evaluator<'_>,
        table: Name,
        column: Arc<str>,
        arguments: &Arguments,
        place: &Place,
    ) {
        let touch = vec![Touch::Relation(table.clone())];
        let mut change = ColumnChange::default();
        match arguments.named("new_column_name").or_else(|| arguments.named("name")) {
            None | Some(Value::None) => {}
            Some(value) => match value.as_text() {
                Some(to) => change.rename = Some(to),
                None => {
                    let reason = unknown_reason(Some(value), "it is computed");
                    self.emit_opaque(evaluator, format!("the new name is not known: {reason}"), touch, place);
                    return;
                }
            },
        }
        if let Some(value) = arguments.named("type_").filter(|value| !value.is_none()) {
            change.ty = types::read(evaluator, value, self.database);
            let existing = arguments.named("existing_type").filter(|value| !value.is_none());
            change.existing = existing.and_then(|value| types::read(evaluator, value, self.database));
        }
        change.nullable = match arguments.named("nullable") {
            None | Some(Value::None) => None,
            Some(value) => {
                Some(truth(value).ok_or_else(|| Arc::from(unknown_reason(Some(value), "it is computed"))))
            }
        };
        change.default = match arguments.named("server_default") {
            None | Some(Value::Bool(false)) => None,
            Some(value) => Some(specs::server_default(value)),
        };
        self.emit(evaluator, Change::AlterColumn(table, column, Box::new(change)), place);
    }

    fn create_foreign_key(
        &self,
        evaluator: &mut Evaluator<'_>,
        table: Name,
        arguments: &Arguments,
        place: &Place,
    ) {
        let referent = slot(arguments, (1, &["referent_table", "referent"]));
        let schema = arguments.named("referent_schema");
        let parent = table_name(referent, schema, self.database);
        let columns = specs::names(slot(arguments, (2, &["local_cols", "local_columns"])));
        let ref_columns = specs::names(slot(arguments, (3, &["remote_cols", "remote_columns"])));
        let (Some(ref_table), Some(columns), Some(ref_columns)) = (parent, columns, ref_columns) else {
            let reason =
                format!("a foreign key that is not known: {}", unknown_reason(referent, "it is computed"));
            self.emit_opaque(evaluator, reason, vec![Touch::Relation(table)], place);
            return;
        };
        let action = |name: &str| {
            arguments.named(name).and_then(Value::as_text).map(|text| Arc::from(text.to_uppercase()))
        };
        let key = ForeignKeySpec {
            name: specs::given(slot(arguments, (0, &["constraint_name", "name"]))),
            columns,
            ref_table,
            ref_columns,
            on_delete: action("ondelete"),
            on_update: action("onupdate"),
            use_alter: false,
            place: place.clone(),
        };
        self.emit(evaluator, Change::AddConstraint(table, Box::new(ConstraintSpec::ForeignKey(key))), place);
    }

    pub(super) fn drop_index(
        &self,
        evaluator: &mut Evaluator<'_>,
        name: Option<&Value>,
        arguments: &Arguments,
        place: &Place,
    ) {
        let table = slot(arguments, (1, &["table_name", "tablename"]));
        let schema = specs::schema_of(arguments.named("schema"), self.database);
        match specs::given(name) {
            Given::Name(index) | Given::Final(index) => {
                let index = crate::schema::replay::index_name(&index);
                self.emit(
                    evaluator,
                    Change::DropIndex(Name { schema, name: index }, dropping(arguments)),
                    place,
                );
            }
            _ => {
                let touch = match table_name(table, arguments.named("schema"), self.database) {
                    Some(table) => Touch::Relation(table),
                    None => Touch::Schema(schema),
                };
                let reason = format!("the index is not known: {}", unknown_reason(name, "it is computed"));
                self.emit_opaque(evaluator, reason, vec![touch], place);
            }
        }
    }

    /// alembic_postgresql_enum: an enum type gets exactly these labels.
    fn sync_enum_values(&self, evaluator: &mut Evaluator<'_>, arguments: &Arguments, place: &Place) {
        // `(schema, name, values, …)`, or `(name, values, …)` of the oldest versions.
        let named = |name: &str| arguments.named(name).cloned();
        let old = matches!(arguments.args.get(1), Some(value) if value.items().is_some());
        let (schema, name, values) = match old {
            true => (None, arguments.args.first().cloned(), arguments.args.get(1).cloned()),
            false => (
                named("enum_schema").or_else(|| arguments.args.first().cloned()),
                named("enum_name").or_else(|| arguments.args.get(1).cloned()),
                named("new_values").or_else(|| arguments.args.get(2).cloned()),
            ),
        };
        let Some(name) = name.as_ref().and_then(Value::as_text) else {
            self.emit_opaque(
                evaluator,
                "an enum type whose name is not known is changed",
                vec![Touch::Anything],
                place,
            );
            return;
        };
        let name = Name { schema: specs::schema_of(schema.as_ref(), self.database), name };
        let labels = values.as_ref().and_then(|values| specs::names(Some(values)));
        let spec = EnumSpec { name: name.clone(), labels, created: EnumCreation::Explicitly };
        self.emit(evaluator, Change::DropType(name, Dropping { if_exists: true, cascade: false }), place);
        self.emit(evaluator, Change::CreateEnum(spec, false), place);
    }

    /// alembic_utils: functions, views and triggers as objects.
    fn entity(&self, evaluator: &mut Evaluator<'_>, name: &str, arguments: &Arguments, place: &Place) {
        let Some(Value::Construct(entity)) = arguments.args.first() else {
            self.emit_opaque(
                evaluator,
                format!("op.{name}() of something that is not known"),
                vec![Touch::Anything],
                place,
            );
            return;
        };
        let text = |name: &str| entity.kwarg(name).and_then(Value::as_text);
        let schema = entity.arg(0, "schema").and_then(Value::as_text).filter(|schema| &**schema != "public");
        let signature = text("signature").or_else(|| entity.args.get(1).and_then(Value::as_text));
        let Some(signature) = signature else { return };
        let bare = signature.split('(').next().unwrap_or(&signature).trim().trim_matches('"');
        let object = Name { schema, name: Arc::from(bare) };
        let drops = name == "drop_entity";
        let kind = entity.path().map(last_component).unwrap_or_default();
        let change = match (kind, drops) {
            ("PGFunction" | "PGProcedure", false) => Change::CreateFunction(object),
            ("PGFunction" | "PGProcedure", true) => Change::DropFunction(object),
            ("PGView", false) => Change::CreateView(object, false, true),
            ("PGMaterializedView", false) => Change::CreateView(object, true, true),
            ("PGView" | "PGMaterializedView", true) => Change::DropView(object, Dropping::default()),
            ("PGExtension", false) => Change::CreateExtension(object.name),
            ("PGExtension", true) => Change::DropExtension(object.name),
            // Triggers, policies and grants.
            _ => return,
        };
        self.emit(evaluator, change, place);
    }

    pub(super) fn enum_method(
        &self,
        evaluator: &mut Evaluator<'_>,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        if !matches!(name, "create" | "drop") {
            return None;
        }
        let is_postgresql = super::root_path(receiver).is_some_and(|path| path.contains("postgresql"));
        let checkfirst = match arguments.get(1, "checkfirst") {
            None => Some(is_postgresql),
            Some(value) => truth(value),
        };
        if self.database != crate::schema::types::Database::PostgreSql {
            return Some(Value::None);
        }
        match (types::enumeration(evaluator, receiver, self.database), checkfirst) {
            (Some(spec), Some(checkfirst)) => match name {
                "create" => self.emit(evaluator, Change::CreateEnum(spec, checkfirst), place),
                _ => {
                    let dropping = Dropping { if_exists: checkfirst, cascade: false };
                    self.emit(evaluator, Change::DropType(spec.name, dropping), place);
                }
            },
            (Some(spec), None) => self.emit_opaque(
                evaluator,
                "whether the type is made is not known",
                vec![Touch::Type(spec.name)],
                place,
            ),
            (None, _) => {
                let native = receiver
                    .as_construct()
                    .and_then(|construct| construct.kwarg("native_enum"))
                    .and_then(truth);
                if native != Some(false) {
                    self.emit_opaque(
                        evaluator,
                        "the enum type is not known",
                        vec![Touch::Schema(None)],
                        place,
                    );
                }
            }
        }
        Some(Value::None)
    }

    pub(super) fn table_method(
        &self,
        evaluator: &mut Evaluator<'_>,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        let checkfirst = arguments.get(1, "checkfirst").map_or(Some(false), truth).unwrap_or(true);
        match name {
            "create" => {
                let spec = self.table_spec(evaluator, receiver)?;
                let spec = crate::schema::effect::TableSpec { if_not_exists: checkfirst, ..spec };
                self.emit_table(evaluator, spec, place);
                Some(Value::None)
            }
            "drop" => {
                let table = table_name(Some(receiver), None, self.database)?;
                let dropping = Dropping { if_exists: checkfirst, cascade: false };
                self.emit(evaluator, Change::DropTable(table, dropping), place);
                Some(Value::None)
            }
            _ => None,
        }
    }

    /// The specification of a `Table(…)`.
    pub(super) fn table_spec(
        &self,
        evaluator: &mut Evaluator<'_>,
        table: &Value,
    ) -> Option<crate::schema::effect::TableSpec> {
        let construct = Rc::clone(table.as_construct()?);
        let name = table_name(Some(table), None, self.database)?;
        let items = construct.args.get(2..).unwrap_or_default().to_vec();
        Some(specs::table(evaluator, name, &items, self.database))
    }

    pub(super) fn metadata_method(
        &self,
        evaluator: &mut Evaluator<'_>,
        receiver: &Value,
        name: &str,
        place: &Place,
    ) -> Option<Value> {
        if !matches!(name, "create_all" | "drop_all") {
            return None;
        }
        let is_this = |metadata: &Value| match (metadata, receiver) {
            (Value::Construct(one), Value::Construct(other)) => Rc::ptr_eq(one, other),
            _ => false,
        };
        let tables: Vec<Value> = self
            .tables
            .borrow()
            .iter()
            .filter(|(metadata, _)| is_this(metadata))
            .map(|(_, t)| t.clone())
            .collect();
        for table in tables {
            match name {
                "create_all" => {
                    if let Some(spec) = self.table_spec(evaluator, &table) {
                        let spec = crate::schema::effect::TableSpec { if_not_exists: true, ..spec };
                        self.emit_table(evaluator, spec, place);
                    }
                }
                _ => {
                    if let Some(table) = table_name(Some(&table), None, self.database) {
                        let dropping = Dropping { if_exists: true, cascade: false };
                        self.emit(evaluator, Change::DropTable(table, dropping), place);
                    }
                }
            }
        }
        Some(Value::None)
    }

    /// Methods of values that are nothing special to a migration.
    pub(super) fn other_method(
        &self,
        evaluator: &mut Evaluator<'_>,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        let values = || arguments.args.iter().chain(arguments.kwargs.iter().map(|(_, value)| value));
        let has_connection = || values().any(|value| super::kind(value) == super::Kind::Connection);
        match name {
            // `Base.metadata.create_all(bind)`: the tables of all models.
            "create_all" | "drop_all" if has_connection() => {
                let reason = format!("{name}() makes or drops the tables of models");
                self.emit_opaque(evaluator, reason, vec![Touch::Schema(None)], place);
                Some(Value::None)
            }
            // `Model.__table__.create(bind)`.
            "create" | "drop" if has_connection() => {
                let reason = format!("{name}() of an object that is not known");
                self.emit_opaque(evaluator, reason, vec![Touch::Schema(None)], place);
                Some(Value::None)
            }
            _ => None,
        }
    }
}
