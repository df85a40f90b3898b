//! The catalogues' tables, made from a schema: the columns that migrations ask about.

use std::sync::Arc;

use super::Cell;
use crate::schema::state::{Index, Name, Schema, Table};

/// One of the catalogues' tables.
pub(super) struct CatalogTable {
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Cell>>,
}

fn text(text: impl AsRef<str>) -> Cell {
    Cell::Text(Arc::from(text.as_ref()))
}

/// The table `name` of the catalogues; `None` where it is an application's.
pub(super) fn table(schema: &Schema, default_schema: &str, name: &Name) -> Option<CatalogTable> {
    let is = |catalog: &str| name.schema.as_deref() == Some(catalog);
    let maker = Maker { schema, default_schema };
    match &*name.name {
        table if is("information_schema") => maker.information_schema(table),
        table if is("pg_catalog") || name.schema.is_none() && table.starts_with("pg_") => {
            maker.pg_catalog(table)
        }
        "sqlite_master" if name.schema.is_none() => Some(maker.sqlite_master()),
        _ => None,
    }
}

/// Whether `name` is a catalogue whose content nobody can tell.
pub(super) fn is_unknown(name: &Name) -> bool {
    let empty = ["pg_trigger", "pg_policies", "pg_policy", "pg_roles", "pg_user", "pg_rules", "triggers"];
    let is_catalog = matches!(name.schema.as_deref(), Some("information_schema" | "pg_catalog"))
        || name.schema.is_none() && name.name.starts_with("pg_");
    is_catalog && !empty.contains(&&*name.name)
}

/// A constraint: its table, its name, its kind's letter, and its columns.
type NamedConstraint<'s> = (&'s Table, Arc<str>, char, Vec<Arc<str>>);

struct Maker<'s> {
    schema: &'s Schema,
    default_schema: &'s str,
}

impl Maker<'_> {
    fn schema_of(&self, name: &Name) -> Cell {
        text(name.schema.as_deref().unwrap_or(self.default_schema))
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.schema.tables.values().map(Arc::as_ref)
    }

    /// Every constraint that has a name.
    fn constraints(&self) -> Vec<NamedConstraint<'_>> {
        let mut found = Vec::new();
        for table in self.tables() {
            let mut add = |name: &Option<Arc<str>>, letter: char, columns: &[Arc<str>]| {
                found.extend(name.clone().map(|name| (table, name, letter, columns.to_vec())));
            };
            table.primary_key.iter().for_each(|key| add(&key.name, 'p', &key.columns));
            table.uniques.iter().for_each(|unique| add(&unique.name, 'u', &unique.columns));
            table.foreign_keys.iter().for_each(|key| add(&key.name, 'f', &key.columns));
            table
                .checks
                .iter()
                .for_each(|check| add(&check.name, if check.exclusion { 'x' } else { 'c' }, &[]));
        }
        found
    }

    /// Every index, with those of constraints: the table's name, the index's, whether it is unique.
    fn indexes(&self) -> Vec<(Name, Arc<str>, bool)> {
        let mut found = Vec::new();
        for table in self.tables() {
            let mut add = |name: &Option<Arc<str>>| {
                found.extend(name.clone().map(|name| (table.name.clone(), name, true)));
            };
            table.primary_key.iter().for_each(|key| add(&key.name));
            table.uniques.iter().for_each(|unique| add(&unique.name));
            let own = |index: &Index| (table.name.clone(), Arc::clone(&index.name), index.unique);
            found.extend(table.indexes.iter().map(own));
        }
        for view in self.schema.views.values() {
            found.extend(view.indexes.iter().map(|i| (view.name.clone(), Arc::clone(&i.name), i.unique)));
        }
        found
    }

    /// The columns that each key rests on: a foreign key on those of its target.
    fn used_columns(&self) -> Vec<(Name, Option<Arc<str>>, Arc<str>)> {
        let mut used = Vec::new();
        for table in self.tables() {
            let mut add = |table: &Name, name: &Option<Arc<str>>, columns: &[Arc<str>]| {
                used.extend(columns.iter().map(|column| (table.clone(), name.clone(), Arc::clone(column))));
            };
            table.foreign_keys.iter().for_each(|key| add(&key.ref_table, &key.name, &key.ref_columns));
            table.uniques.iter().for_each(|unique| add(&table.name, &unique.name, &unique.columns));
            table.primary_key.iter().for_each(|key| add(&table.name, &key.name, &key.columns));
        }
        used
    }

    fn information_schema(&self, table: &str) -> Option<CatalogTable> {
        let (columns, rows): (Vec<&'static str>, Vec<Vec<Cell>>) = match table {
            "tables" => {
                (
                    vec!["table_schema", "table_name", "table_type"],
                    self.tables()
                        .map(|table| {
                            vec![self.schema_of(&table.name), text(&table.name.name), text("BASE TABLE")]
                        })
                        .chain(self.schema.views.values().filter(|view| !view.materialized).map(|view| {
                            vec![self.schema_of(&view.name), text(&view.name.name), text("VIEW")]
                        }))
                        .collect(),
                )
            }
            "views" => (
                vec!["table_schema", "table_name"],
                self.schema
                    .views
                    .values()
                    .filter(|view| !view.materialized)
                    .map(|view| vec![self.schema_of(&view.name), text(&view.name.name)])
                    .collect(),
            ),
            "columns" => (
                vec![
                    "table_schema",
                    "table_name",
                    "column_name",
                    "data_type",
                    "is_nullable",
                    "column_default",
                    "character_maximum_length",
                    "udt_name",
                    "ordinal_position",
                ],
                self.tables()
                    .flat_map(|table| {
                        table.columns.iter().zip(1..).map(|(column, at)| {
                            let kind = crate::schema::types::without_modifier(&column.ty.text);
                            let data_type = match (&column.ty.enumeration, kind.ends_with("[]")) {
                                _ if column.ty.is_unknown() => Cell::Unknown,
                                (_, true) => text("ARRAY"),
                                (Some(_), _) => text("USER-DEFINED"),
                                (None, false) => text(&kind),
                            };
                            let udt = match &column.ty.enumeration {
                                Some(name) => text(&name.name),
                                None => udt_name(&kind),
                            };
                            let length = column.ty.text.split_once('(').and_then(|(_, rest)| {
                                rest.trim_end_matches([')', '[', ']']).parse().ok().map(Cell::Number)
                            });
                            vec![
                                self.schema_of(&table.name),
                                text(&table.name.name),
                                text(&column.name),
                                data_type,
                                column.nullable.map_or(Cell::Unknown, |n| text(if n { "YES" } else { "NO" })),
                                column.default.as_ref().map_or(Cell::Null, text),
                                length.unwrap_or(Cell::Null),
                                udt,
                                Cell::Number(at),
                            ]
                        })
                    })
                    .collect(),
            ),
            "table_constraints" => (
                vec!["table_schema", "constraint_schema", "table_name", "constraint_name", "constraint_type"],
                self.constraints()
                    .into_iter()
                    .filter(|(_, _, letter, _)| *letter != 'x')
                    .map(|(table, name, letter, _)| {
                        let kind = match letter {
                            'p' => "PRIMARY KEY",
                            'u' => "UNIQUE",
                            'f' => "FOREIGN KEY",
                            _ => "CHECK",
                        };
                        let schema = self.schema_of(&table.name);
                        vec![schema.clone(), schema, text(&table.name.name), text(name), text(kind)]
                    })
                    .collect(),
            ),
            "key_column_usage" => (
                vec!["table_schema", "constraint_schema", "table_name", "constraint_name", "column_name"],
                self.constraints()
                    .into_iter()
                    .flat_map(|(table, name, _, columns)| {
                        let schema = self.schema_of(&table.name);
                        columns.into_iter().map(move |column| {
                            vec![
                                schema.clone(),
                                schema.clone(),
                                text(&table.name.name),
                                text(&name),
                                text(column),
                            ]
                        })
                    })
                    .collect(),
            ),
            "constraint_column_usage" => (
                vec!["table_schema", "constraint_schema", "table_name", "constraint_name", "column_name"],
                self.used_columns()
                    .into_iter()
                    .map(|(table, name, column)| {
                        let schema = self.schema_of(&table);
                        let name = name.map_or(Cell::Null, text);
                        vec![schema.clone(), schema, text(&table.name), name, text(column)]
                    })
                    .collect(),
            ),
            "referential_constraints" => (
                vec!["constraint_schema", "constraint_name", "delete_rule", "update_rule"],
                self.tables()
                    .flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key)))
                    .map(|(table, key)| {
                        let rule = |rule: &Option<Arc<str>>| text(rule.as_deref().unwrap_or("NO ACTION"));
                        vec![
                            self.schema_of(&table.name),
                            key.name.as_ref().map_or(Cell::Null, text),
                            rule(&key.on_delete),
                            rule(&key.on_update),
                        ]
                    })
                    .collect(),
            ),
            "schemata" => {
                let named = self.schema.schemas.iter().map(|name| vec![text(name)]);
                let own =
                    [self.default_schema, "information_schema", "pg_catalog"].map(|name| vec![text(name)]);
                (vec!["schema_name"], named.chain(own).collect())
            }
            "routines" => (
                vec!["routine_schema", "routine_name", "specific_name"],
                self.schema
                    .functions
                    .iter()
                    .map(|name| vec![self.schema_of(name), text(&name.name), Cell::Unknown])
                    .collect(),
            ),
            _ => return None,
        };
        Some(CatalogTable { columns, rows })
    }

    fn pg_catalog(&self, table: &str) -> Option<CatalogTable> {
        let (columns, rows): (Vec<&'static str>, Vec<Vec<Cell>>) = match table {
            "pg_tables" => (
                vec!["schemaname", "tablename"],
                self.tables()
                    .map(|table| vec![self.schema_of(&table.name), text(&table.name.name)])
                    .collect(),
            ),
            "pg_views" | "pg_matviews" => {
                let materialized = table == "pg_matviews";
                let name = if materialized { "matviewname" } else { "viewname" };
                let views = self.schema.views.values().filter(|view| view.materialized == materialized);
                (
                    vec!["schemaname", name],
                    views.map(|view| vec![self.schema_of(&view.name), text(&view.name.name)]).collect(),
                )
            }
            "pg_indexes" => (
                vec!["schemaname", "tablename", "indexname", "indexdef"],
                self.indexes()
                    .into_iter()
                    .map(|(table, name, unique)| {
                        let unique = if unique { "UNIQUE " } else { "" };
                        let definition = format!("CREATE {unique}INDEX {name} ON {}", table.name);
                        vec![self.schema_of(&table), text(&table.name), text(name), text(definition)]
                    })
                    .collect(),
            ),
            "pg_index" => (
                vec!["indexrelid", "indrelid", "indisvalid", "indisready", "indisunique"],
                self.indexes()
                    .into_iter()
                    .map(|(table, name, unique)| {
                        vec![
                            text(name),
                            text(&table.name),
                            Cell::Bool(true),
                            Cell::Bool(true),
                            Cell::Bool(unique),
                        ]
                    })
                    .collect(),
            ),
            "pg_class" => {
                let row = |name: &Name, kind: &str| {
                    vec![text(&name.name), text(&name.name), text(kind), self.schema_of(name)]
                };
                let mut rows: Vec<Vec<Cell>> = self.tables().map(|table| row(&table.name, "r")).collect();
                rows.extend(
                    self.indexes().into_iter().map(|(table, name, _)| row(&table.sibling(name), "i")),
                );
                rows.extend(
                    self.schema.views.values().map(|v| row(&v.name, if v.materialized { "m" } else { "v" })),
                );
                rows.extend(self.schema.sequences.iter().map(|name| row(name, "S")));
                (vec!["oid", "relname", "relkind", "relnamespace"], rows)
            }
            "pg_namespace" => {
                let named = self.schema.schemas.iter().map(|name| vec![text(name), text(name)]);
                let own = [vec![text(self.default_schema), text(self.default_schema)]];
                (vec!["oid", "nspname"], named.chain(own).collect())
            }
            "pg_type" => {
                let row = |name: &Name, kind: &str| {
                    vec![text(&name.name), text(&name.name), text(kind), self.schema_of(name)]
                };
                let mut rows: Vec<Vec<Cell>> = self.schema.enums.keys().map(|name| row(name, "e")).collect();
                rows.extend(
                    self.schema
                        .types
                        .iter()
                        .map(|(name, base)| row(name, if base.is_some() { "d" } else { "c" })),
                );
                (vec!["oid", "typname", "typtype", "typnamespace"], rows)
            }
            "pg_enum" => (
                vec!["enumtypid", "enumlabel", "enumsortorder"],
                self.schema
                    .enums
                    .values()
                    .flat_map(|known| {
                        // Labels that are not known cannot be told from one another.
                        let labels = known.labels.clone().map_or_else(
                            || vec![Cell::Unknown],
                            |labels| labels.into_iter().map(Cell::Text).collect(),
                        );
                        labels
                            .into_iter()
                            .zip(1..)
                            .map(|(label, at)| vec![text(&known.name.name), label, Cell::Number(at)])
                    })
                    .collect(),
            ),
            "pg_constraint" => (
                vec!["conname", "contype", "conrelid", "connamespace", "oid"],
                self.constraints()
                    .into_iter()
                    .map(|(table, name, letter, _)| {
                        vec![
                            text(&name),
                            text(letter.to_string()),
                            text(&table.name.name),
                            self.schema_of(&table.name),
                            text(&name),
                        ]
                    })
                    .collect(),
            ),
            "pg_attribute" => (
                vec!["attrelid", "attname", "attnotnull", "attnum", "attisdropped"],
                self.tables()
                    .flat_map(|table| {
                        table.columns.iter().zip(1..).map(|(column, at)| {
                            let not_null =
                                column.nullable.map_or(Cell::Unknown, |nullable| Cell::Bool(!nullable));
                            vec![
                                text(&table.name.name),
                                text(&column.name),
                                not_null,
                                Cell::Number(at),
                                Cell::Bool(false),
                            ]
                        })
                    })
                    .collect(),
            ),
            "pg_extension" => {
                (vec!["extname"], self.schema.extensions.iter().map(|name| vec![text(name)]).collect())
            }
            "pg_proc" => (
                vec!["proname", "pronamespace", "oid"],
                self.schema
                    .functions
                    .iter()
                    .map(|name| vec![text(&name.name), self.schema_of(name), text(&name.name)])
                    .collect(),
            ),
            "pg_sequences" => (
                vec!["schemaname", "sequencename"],
                self.schema
                    .sequences
                    .iter()
                    .map(|name| vec![self.schema_of(name), text(&name.name)])
                    .collect(),
            ),
            _ => return None,
        };
        Some(CatalogTable { columns, rows })
    }

    fn sqlite_master(&self) -> CatalogTable {
        let mut rows: Vec<Vec<Cell>> = self
            .tables()
            .map(|table| vec![text("table"), text(&table.name.name), text(&table.name.name)])
            .collect();
        rows.extend(
            self.indexes()
                .into_iter()
                .map(|(table, name, _)| vec![text("index"), text(name), text(&table.name)]),
        );
        CatalogTable { columns: vec!["type", "name", "tbl_name"], rows }
    }
}

/// PostgreSQL's internal names.
fn udt_name(kind: &str) -> Cell {
    text(match kind {
        "integer" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "boolean" => "bool",
        "character varying" => "varchar",
        "character" => "bpchar",
        "timestamp without time zone" => "timestamp",
        "timestamp with time zone" => "timestamptz",
        "double precision" => "float8",
        "real" => "float4",
        other => other,
    })
}
