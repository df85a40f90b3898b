//! From a replay to its document.

use std::sync::Arc;

use super::model::schema::{
    CheckModel, ColumnModel, Coverage, EnumModel, EnvironmentSchema, ForeignKeyModel, IndexModel, KeyModel,
    OpaqueModel, TableKnown, TableModel, TypeKnown, ViewModel,
};
use crate::revision::Environment;
use crate::schema::replay::Replay;
use crate::schema::types::Database;
use crate::schema::{Certainty, Name, Schema, Table, TableState};

/// The document of one environment.
pub fn environment_schema(
    environment: &Environment,
    replay: &Replay,
    database: Database,
) -> EnvironmentSchema {
    EnvironmentSchema {
        coverage: Coverage { revisions: replay.revisions.len(), opaque_revisions: replay.opaque_revisions() },
        ..schema_model(environment, &replay.schema, database)
    }
}

/// The document of any schema, its coverage left out.
pub fn schema_model(environment: &Environment, schema: &Schema, database: Database) -> EnvironmentSchema {
    let enums = schema.enums.values().map(|known| EnumModel {
        schema: schema_name(&known.name, database),
        name: known.name.name.to_string(),
        labels: known.labels.as_ref().map(|labels| texts(labels)),
    });
    let opaque = schema.opaque.iter().map(|opaque| OpaqueModel {
        path: opaque.place.path.to_string(),
        line: opaque.place.line,
        reason: opaque.reason.to_string(),
        touches: opaque.touches.iter().map(ToString::to_string).collect(),
    });
    let views = schema.views.values().map(|view| ViewModel {
        schema: schema_name(&view.name, database),
        name: view.name.name.to_string(),
        materialized: view.materialized,
    });
    EnvironmentSchema {
        name: environment.name.clone(),
        directory: environment.directory.to_string(),
        tables: schema.tables.values().map(|table| table_model(table, database)).collect(),
        enums: enums.collect(),
        views: views.collect(),
        extensions: schema.extensions.iter().map(ToString::to_string).collect(),
        opaque: opaque.collect(),
        coverage: Coverage { revisions: 0, opaque_revisions: 0 },
    }
}

fn schema_name(name: &Name, database: Database) -> String {
    name.schema.as_deref().unwrap_or(database.default_schema()).to_owned()
}

fn texts(list: &[Arc<str>]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn optional(name: &Option<Arc<str>>) -> Option<String> {
    name.as_ref().map(ToString::to_string)
}

fn table_model(table: &Table, database: Database) -> TableModel {
    let mut foreign_keys: Vec<ForeignKeyModel> = table
        .foreign_keys
        .iter()
        .map(|key| ForeignKeyModel {
            name: optional(&key.name),
            columns: texts(&key.columns),
            ref_schema: schema_name(&key.ref_table, database),
            ref_table: key.ref_table.name.to_string(),
            ref_columns: texts(&key.ref_columns),
            on_delete: optional(&key.on_delete),
        })
        .collect();
    foreign_keys.sort_by(|one, other| (&one.name, &one.columns).cmp(&(&other.name, &other.columns)));
    let mut uniques: Vec<KeyModel> = table
        .uniques
        .iter()
        .map(|unique| KeyModel { name: optional(&unique.name), columns: texts(&unique.columns) })
        .collect();
    uniques.sort_by(|one, other| (&one.name, &one.columns).cmp(&(&other.name, &other.columns)));
    let mut indexes: Vec<IndexModel> = table
        .indexes
        .iter()
        .map(|index| IndexModel {
            name: index.name.to_string(),
            unique: index.unique,
            columns: texts(&index.columns),
            method: optional(&index.method),
            condition: optional(&index.condition),
        })
        .collect();
    indexes.sort_by(|one, other| one.name.cmp(&other.name));
    let mut checks: Vec<CheckModel> = table
        .checks
        .iter()
        .map(|check| CheckModel {
            name: optional(&check.name),
            sql: optional(&check.sql),
            exclusion: check.exclusion,
        })
        .collect();
    checks.sort_by(|one, other| one.name.cmp(&other.name));
    let columns = table.columns.iter().map(|column| {
        let (certainty, reason) = match &column.ty.certainty {
            Certainty::Known => (TypeKnown::Known, None),
            Certainty::Family(reason) => (TypeKnown::Family, Some(reason.to_string())),
            Certainty::Unknown(reason) => (TypeKnown::Unknown, Some(reason.to_string())),
        };
        ColumnModel {
            name: column.name.to_string(),
            r#type: column.ty.text.to_string(),
            nullable: column.nullable,
            default: optional(&column.default),
            certainty,
            reason,
            path: column.place.path.to_string(),
            line: column.place.line,
        }
    });
    TableModel {
        schema: schema_name(&table.name, database),
        name: table.name.name.to_string(),
        state: match table.state {
            TableState::Complete => TableKnown::Complete,
            TableState::Partial => TableKnown::Partial,
            TableState::Opaque => TableKnown::Opaque,
        },
        columns: columns.collect(),
        primary_key: table
            .primary_key
            .as_ref()
            .map(|key| KeyModel { name: optional(&key.name), columns: texts(&key.columns) }),
        foreign_keys,
        uniques,
        indexes,
        checks,
    }
}
