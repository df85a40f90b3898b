//! Tables and columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::machine::{Machine, Relation, column_object, object, stated};
use super::naming::{Named, cut};
use crate::schema::effect::{
    ColumnChange, ColumnSpec, ConstraintSpec, Dropping, Given, IndexSpec, KeySpec, TableSpec,
};
use crate::schema::fault::FaultKind;
use crate::schema::state::{Column, ColumnType, Name, Place, Rows, Table, TableState};
use crate::schema::types::{Database, is_integer};

impl Machine {
    pub(super) fn create_table(&mut self, spec: &TableSpec, place: &Place) {
        let name = Name { schema: spec.name.schema.clone(), name: cut(&spec.name.name) };
        if !spec.from_sql {
            // Before the table, even where the table is there already.
            for column in &spec.columns {
                if let Some(enumeration) = column.ty.as_ref().and_then(|ty| ty.enumeration.as_ref()) {
                    self.create_enum_with_table(enumeration, place);
                }
            }
        }
        self.note_created(&name);
        if self.relations.contains_key(&name) {
            let is_view = self.schema.views.contains_key(&name);
            if !spec.if_not_exists {
                self.fault_relation_exists(FaultKind::TableExists, &name, place);
            }
            // A table that was only seen by its uses is this one.
            let partial = self.schema.table(&name).is_some_and(|table| table.state != TableState::Complete);
            if is_view || !partial {
                return;
            }
            self.remove_table(&name, place);
        }
        let mut table = Table::new(name.clone(), TableState::Complete, place.clone());
        if spec.incomplete.is_some() {
            table.state = TableState::Partial;
        }
        table.partition_of = spec.partition_of.clone();
        for copied in &spec.copies {
            match self.schema.table(copied) {
                Some(parent) => {
                    table.columns.extend(parent.columns.iter().cloned());
                    table.state = table.state.max(parent.state);
                }
                None => table.state = TableState::Partial,
            }
        }
        let untyped = spec.columns.iter().find(|column| column.ty.is_none());
        if let Some(column) = untyped {
            let message = format!(
                "(in table '{}', column '{}'): Can't generate DDL for NullType(); did you forget to specify a type on this Column?",
                name.name, column.name
            );
            let column_place = stated(&column.place, place);
            let objects = vec![column_object(&name, &column.name)];
            self.fault(FaultKind::ColumnWithoutType, &column_place, None, objects, message);
        }
        for column in &spec.columns {
            let made = self.column(column, place, column.primary_key);
            // What a parent has, too, is merged.
            table.columns.retain(|known| known.name != made.name);
            table.columns.push(made);
        }
        self.relations.insert(name.clone(), Relation::Table);
        self.schema.tables.insert(name.clone(), Arc::new(table));
        self.schema.dropped.remove(&name);
        let constraints = self.merged_constraints(spec, place);
        for constraint in &constraints {
            self.constrain(&name, constraint, place, true);
        }
        self.count_up(&name, spec);
        for index in table_indexes(spec, place) {
            self.create_index(&name, &index, place);
        }
    }

    /// The table's constraints in the order in which PostgreSQL makes them, equal keys merged as `CREATE TABLE`
    /// merges them: the first one stays, and takes a name where it has none.
    fn merged_constraints(&self, spec: &TableSpec, place: &Place) -> Vec<ConstraintSpec> {
        let mut primary: Option<KeySpec> = None;
        let (mut uniques, mut others, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
        let key = |name: Given, columns: Vec<Arc<str>>, at: &Place| KeySpec {
            name,
            columns,
            using_index: None,
            place: stated(at, place),
        };
        for column in &spec.columns {
            if column.unique && !column.index {
                uniques.push(key(Given::None, vec![Arc::clone(&column.name)], &column.place));
            }
            foreign.extend(column.foreign_keys.iter().filter(|key| !key.use_alter).cloned());
            others.extend(column.checks.iter().cloned());
        }
        for constraint in &spec.constraints {
            match constraint {
                ConstraintSpec::PrimaryKey(made) => primary = Some(made.clone()),
                ConstraintSpec::Unique(made) => uniques.push(made.clone()),
                ConstraintSpec::ForeignKey(made) if made.use_alter && !spec.from_sql => {}
                ConstraintSpec::ForeignKey(made) => foreign.push(made.clone()),
                ConstraintSpec::Check(made) => others.push(made.clone()),
            }
        }
        let flagged: Vec<Arc<str>> =
            spec.columns.iter().filter(|c| c.primary_key).map(|column| Arc::clone(&column.name)).collect();
        if primary.as_ref().is_none_or(|made| made.columns.is_empty() && made.using_index.is_none())
            && !flagged.is_empty()
        {
            let name = primary.map_or(Given::None, |made| made.name);
            primary = Some(key(name, flagged, &Place::default()));
        }
        let primary = primary.filter(|made| !made.columns.is_empty() || made.using_index.is_some());
        let mut keys: Vec<(bool, KeySpec)> = primary.into_iter().map(|key| (true, key)).collect();
        for unique in uniques {
            let prior = keys.iter_mut().find(|(_, prior)| prior.columns == unique.columns);
            match prior {
                Some((is_primary, prior)) if self.settings.database == Database::PostgreSql => {
                    let kind = if *is_primary { "pk" } else { "uq" };
                    // The name counts as it reaches the database: a convention's is one.
                    let named = |key: &KeySpec, kind: &str| {
                        let of = Named { table: &spec.name, columns: &key.columns, referred: None };
                        !matches!(self.settings.naming.name(kind, &key.name, &of), Ok(None))
                    };
                    if !named(prior, kind) && named(&unique, "uq") {
                        let of = Named { table: &spec.name, columns: &unique.columns, referred: None };
                        prior.name = match self.settings.naming.name("uq", &unique.name, &of) {
                            Ok(Some(name)) => Given::Final(name),
                            _ => unique.name,
                        };
                    }
                }
                _ => keys.push((false, unique)),
            }
        }
        let keys = keys.into_iter().map(|(primary, key)| match primary {
            true => ConstraintSpec::PrimaryKey(key),
            false => ConstraintSpec::Unique(key),
        });
        keys.chain(others.into_iter().map(ConstraintSpec::Check))
            .chain(foreign.into_iter().map(ConstraintSpec::ForeignKey))
            .collect()
    }

    /// An integer key of one column counts up by itself.
    fn count_up(&mut self, name: &Name, spec: &TableSpec) {
        if spec.from_sql {
            return;
        }
        let Some(table) = self.schema.table_mut(name) else { return };
        let key = table.primary_key.as_ref().map(|key| key.columns.clone()).unwrap_or_default();
        for column in &spec.columns {
            let alone = key.len() == 1 && column.foreign_keys.is_empty() && column.counts_up != Some(false);
            let counts = key.contains(&column.name) && (alone || column.counts_up == Some(true));
            let foreign = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
            if let Some(made) = table.column_mut(&column.name)
                && counts
                && (!foreign || column.counts_up == Some(true))
                && made.default.is_none()
                && is_integer(&made.ty.text)
            {
                made.default = Some(Arc::from("nextval"));
            }
        }
    }

    /// A column as it is made.
    fn column(&mut self, spec: &ColumnSpec, place: &Place, in_key: bool) -> Column {
        let place = stated(&spec.place, place);
        let ty = match &spec.ty {
            Some(spec) => self.resolve_type(&spec.ty, spec.enumeration.as_ref(), &place),
            None => ColumnType::unknown("", "it has no type"),
        };
        let nullable = match &spec.nullable {
            Ok(Some(nullable)) => Some(*nullable && !in_key),
            Ok(None) => Some(!spec.primary_key),
            Err(_) => None,
        };
        Column {
            name: cut(&spec.name),
            ty,
            nullable,
            default: spec.default.clone(),
            type_place: place.clone(),
            place,
        }
    }

    pub(super) fn add_column(&mut self, table: &Name, spec: &ColumnSpec, if_not_exists: bool, place: &Place) {
        if self.table_for(table, place).is_none() {
            return;
        }
        if spec.ty.is_none() {
            let message = format!(
                "(in table '{}', column '{}'): Can't generate DDL for NullType(); did you forget to specify a type on this Column?",
                table.name, spec.name
            );
            let objects = vec![column_object(table, &spec.name)];
            self.fault(FaultKind::ColumnWithoutType, place, None, objects, message);
        }
        let made = self.column(spec, place, false);
        let Some(known) = self.schema.table(table) else { return };
        if let Some(column) = known.column(&made.name) {
            if !if_not_exists && !column.ty.is_unknown() {
                let earlier = Some(column.place.clone());
                let message =
                    format!("column \"{}\" of relation \"{}\" already exists", made.name, table.name);
                let objects = vec![column_object(table, &made.name)];
                self.fault_unless_touched(&[table], |this| {
                    this.fault(FaultKind::ColumnExists, place, earlier, objects, message);
                });
            }
            return;
        }
        let refuses_null = made.nullable == Some(false) && made.default.is_none() && spec.counts_up.is_none();
        if refuses_null && known.rows == Rows::Some && self.settings.database == Database::PostgreSql {
            let earlier = None;
            let message =
                format!("column \"{}\" of relation \"{}\" contains null values", made.name, table.name);
            let objects = vec![column_object(table, &made.name)];
            self.fault(FaultKind::NotNullWithoutDefault, place, earlier, objects, message);
        }
        let name = Arc::clone(&made.name);
        if let Some(known) = self.schema.table_mut(table) {
            known.columns.push(made);
        }
        if spec.unique && !spec.index {
            let key = KeySpec {
                name: Given::None,
                columns: vec![Arc::clone(&name)],
                using_index: None,
                place: spec.place.clone(),
            };
            self.constrain(table, &ConstraintSpec::Unique(key), place, false);
        }
        for check in &spec.checks {
            self.constrain(table, &ConstraintSpec::Check(check.clone()), place, false);
        }
        for key in spec.foreign_keys.iter() {
            self.constrain(table, &ConstraintSpec::ForeignKey(key.clone()), place, false);
        }
        if spec.index {
            self.create_index(table, &column_index(spec, place), place);
        }
    }

    pub(super) fn drop_column(&mut self, table: &Name, column: &Arc<str>, dropping: Dropping, place: &Place) {
        if self.table_for(table, place).is_none() {
            return;
        }
        let complete = self.is_complete(table);
        let Some(known) = self.schema.table(table) else { return };
        if known.column(column).is_none() {
            if !dropping.if_exists && complete {
                self.fault_column_missing(table, column, place);
            }
            return;
        }
        self.remove_column(table, column);
    }

    pub(super) fn fault_column_missing(&mut self, table: &Name, column: &str, place: &Place) {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
        let earlier = self.schema.table(table).map(|table| table.place.clone());
        let objects = vec![column_object(table, column)];
        self.fault(FaultKind::ColumnMissing, place, earlier, objects, message);
    }

    /// Takes a column away, with its indexes, constraints and the foreign keys that name it.
    fn remove_column(&mut self, table: &Name, column: &Arc<str>) {
        let Some(known) = self.schema.table_mut(table) else { return };
        known.columns.retain(|known| known.name != *column);
        let mut gone: Vec<Arc<str>> = Vec::new();
        let mut without = |columns: &[Arc<str>], name: &Option<Arc<str>>| {
            let keep = !columns.contains(column);
            if !keep {
                gone.extend(name.clone());
            }
            keep
        };
        known.uniques.retain(|unique| without(&unique.columns, &unique.name));
        if known.primary_key.as_ref().is_some_and(|key| !without(&key.columns, &key.name)) {
            known.primary_key = None;
        }
        known.foreign_keys.retain(|key| !key.columns.contains(column));
        known.indexes.retain(|index| {
            let keep = !index.needs.contains(column);
            if !keep {
                gone.push(Arc::clone(&index.name));
            }
            keep
        });
        known.checks.retain(|check| {
            let named =
                check.sql.as_ref().is_some_and(|sql| crate::schema::sql::identifiers(sql).contains(column));
            if named {
                gone.extend(check.name.clone());
            }
            !named
        });
        for name in gone {
            self.relations.remove(&table.sibling(name));
        }
        for other in self.schema.tables.values_mut() {
            let refers = |table: &Table, name: &Name| {
                table
                    .foreign_keys
                    .iter()
                    .any(|key| key.ref_table == *name && key.ref_columns.contains(column))
            };
            if refers(other, table) {
                Arc::make_mut(other)
                    .foreign_keys
                    .retain(|key| !(key.ref_table == *table && key.ref_columns.contains(column)));
            }
        }
    }

    pub(super) fn drop_table(&mut self, name: &Name, dropping: Dropping, place: &Place) {
        if self.forget_temporary(name) {
            return;
        }
        if !self.schema.tables.contains_key(name) {
            if !dropping.if_exists && !self.schema.views.contains_key(name) {
                let earlier = self.schema.dropped.get(name).cloned();
                let message = format!("table \"{name}\" does not exist");
                let objects = vec![object(name)];
                self.fault_unless_touched(&[name], |this| {
                    this.fault(FaultKind::TableMissing, place, earlier, objects, message);
                });
            }
            return;
        }
        self.remove_table(name, place);
    }

    /// Takes a table away, with its indexes and the foreign keys that point at it. Its enum types stay.
    pub(super) fn remove_table(&mut self, name: &Name, place: &Place) {
        self.schema.tables.remove(name);
        self.relations.retain(|own, relation| {
            own != name
                && !matches!(relation, Relation::Index(table) | Relation::Constraint(table) if table == name)
        });
        let partitions: Vec<Name> = self
            .schema
            .tables
            .values()
            .filter(|table| table.partition_of.as_ref() == Some(name))
            .map(|table| table.name.clone())
            .collect();
        for partition in partitions {
            self.remove_table(&partition, place);
        }
        // SQLite keeps foreign keys as text: they go with their own table alone.
        let keeps = self.settings.database == Database::Sqlite;
        for other in self.schema.tables.values_mut().filter(|_| !keeps) {
            if other.foreign_keys.iter().any(|key| key.ref_table == *name) {
                Arc::make_mut(other).foreign_keys.retain(|key| key.ref_table != *name);
            }
        }
        self.schema.dropped.insert(name.clone(), place.clone());
    }

    /// `ALTER TABLE … RENAME TO`, which PostgreSQL takes for every kind of relation.
    pub(super) fn rename_relation(&mut self, name: &Name, to: &Arc<str>, place: &Place) {
        let renamed = name.sibling(cut(to));
        if self.relations.contains_key(&renamed) && renamed != *name {
            self.fault_relation_exists(FaultKind::TableExists, &renamed, place);
            return;
        }
        match self.relations.get(name).cloned() {
            // Of a table that something else made, it may be the index.
            None if is_index_name(&name.name) => self.fault_index_missing(name, place),
            None => {
                if self.table_for(name, place).is_some() {
                    self.move_relation(name, &renamed, place);
                }
            }
            Some(Relation::Table | Relation::View | Relation::Sequence) => {
                self.move_relation(name, &renamed, place)
            }
            Some(relation @ (Relation::Index(_) | Relation::Constraint(_))) => {
                self.relations.remove(name);
                let (Relation::Index(owner) | Relation::Constraint(owner)) = &relation else { return };
                let owner = owner.clone();
                self.relations.insert(renamed.clone(), relation);
                if let Some(view) = self.schema.views.get_mut(&owner).map(Arc::make_mut) {
                    for index in view.indexes.iter_mut().filter(|index| index.name == name.name) {
                        index.name = Arc::clone(&renamed.name);
                    }
                }
                // An index that a constraint owns lends it its name.
                if let Some(table) = self.schema.table_mut(&owner) {
                    table.rename_key(&name.name, &renamed.name);
                    for index in table.indexes.iter_mut().filter(|index| index.name == name.name) {
                        index.name = Arc::clone(&renamed.name);
                    }
                }
            }
        }
    }

    pub(super) fn move_table(&mut self, name: &Name, schema: Option<Arc<str>>, place: &Place) {
        if self.table_for(name, place).is_some() {
            let renamed = Name { schema, name: Arc::clone(&name.name) };
            self.move_relation(name, &renamed, place);
        }
    }

    fn move_relation(&mut self, name: &Name, to: &Name, place: &Place) {
        self.note_created(to);
        if let Some(relation) = self.relations.remove(name) {
            self.relations.insert(to.clone(), relation);
        }
        if let Some(mut table) = self.schema.tables.remove(name) {
            Arc::make_mut(&mut table).name = to.clone();
            self.schema.tables.insert(to.clone(), table);
        }
        if let Some(mut view) = self.schema.views.remove(name) {
            Arc::make_mut(&mut view).name = to.clone();
            self.schema.views.insert(to.clone(), view);
        }
        if self.schema.sequences.remove(name) {
            self.schema.sequences.insert(to.clone());
        }
        let owned: Vec<(Name, Relation)> = self
            .relations
            .iter()
            .filter_map(|(own, relation)| match relation {
                Relation::Index(table) if table == name => Some((own.clone(), Relation::Index(to.clone()))),
                Relation::Constraint(table) if table == name => {
                    Some((own.clone(), Relation::Constraint(to.clone())))
                }
                _ => None,
            })
            .collect();
        for (own, relation) in owned {
            self.relations.remove(&own);
            // Indexes live in the schema of their table.
            self.relations.insert(to.sibling(&own.name), relation);
        }
        // A table that makes room for a new one of its name is the usual case on SQLite.
        let keeps = self.settings.database == Database::Sqlite;
        for other in self.schema.tables.values_mut() {
            let refers = !keeps && other.foreign_keys.iter().any(|key| key.ref_table == *name);
            if refers || other.partition_of.as_ref() == Some(name) {
                let other = Arc::make_mut(other);
                for key in other.foreign_keys.iter_mut().filter(|key| key.ref_table == *name) {
                    key.ref_table = to.clone();
                }
                if other.partition_of.as_ref() == Some(name) {
                    other.partition_of = Some(to.clone());
                }
            }
        }
        self.schema.dropped.insert(name.clone(), place.clone());
        self.schema.dropped.remove(to);
    }

    pub(super) fn alter_column(
        &mut self,
        table: &Name,
        column: &Arc<str>,
        change: &ColumnChange,
        place: &Place,
    ) {
        if self.table_for(table, place).is_none() {
            return;
        }
        let ty = change
            .ty
            .as_ref()
            .map(|ty| (self.resolve_type(&ty.ty, ty.enumeration.as_ref(), place), ty.serial));
        let complete = self.is_complete(table);
        let Some(known) = self.schema.table_mut(table) else { return };
        let Some(made) = known.column_mut(column) else {
            if complete {
                self.fault_column_missing(table, column, place);
            } else if let Some((ty, _)) = ty {
                // It is there, or the migration would fail.
                known.columns.push(Column {
                    name: change.rename.clone().unwrap_or_else(|| Arc::clone(column)),
                    ty,
                    nullable: change.nullable.as_ref().and_then(|nullable| nullable.clone().ok()),
                    default: None,
                    place: place.clone(),
                    type_place: place.clone(),
                });
            }
            return;
        };
        if let Some((ty, _)) = ty {
            made.ty = ty;
            made.type_place = place.clone();
        }
        if let Some(nullable) = &change.nullable {
            made.nullable = nullable.clone().ok();
        }
        if let Some(default) = &change.default {
            made.default = default.clone();
        }
        if let Some(to) = &change.rename {
            self.rename_column(table, column, &cut(to), place);
        }
    }

    fn rename_column(&mut self, table: &Name, from: &Arc<str>, to: &Arc<str>, place: &Place) {
        if from == to {
            return;
        }
        let Some(known) = self.schema.table(table) else { return };
        if let Some(other) = known.column(to) {
            let earlier = Some(other.place.clone());
            let message = format!("column \"{to}\" of relation \"{}\" already exists", table.name);
            let objects = vec![column_object(table, to)];
            self.fault_unless_touched(&[table], |this| {
                this.fault(FaultKind::ColumnExists, place, earlier, objects, message);
            });
            return;
        }
        let swap = |columns: &mut Vec<Arc<str>>| {
            for column in columns.iter_mut().filter(|column| *column == from) {
                *column = Arc::clone(to);
            }
        };
        if let Some(known) = self.schema.table_mut(table) {
            for column in known.columns.iter_mut().filter(|column| column.name == *from) {
                column.name = Arc::clone(to);
            }
            known.primary_key.iter_mut().for_each(|key| swap(&mut key.columns));
            known.uniques.iter_mut().for_each(|unique| swap(&mut unique.columns));
            known.foreign_keys.iter_mut().for_each(|key| swap(&mut key.columns));
            for sql in known.checks.iter_mut().filter_map(|check| check.sql.as_mut()) {
                *sql = renamed_in(sql, from, to);
            }
            for index in &mut known.indexes {
                swap(&mut index.columns);
                if index.needs.remove(from) {
                    index.needs.insert(Arc::clone(to));
                    for text in index.columns.iter_mut().chain(&mut index.condition) {
                        *text = renamed_in(text, from, to);
                    }
                }
            }
        }
        for other in self.schema.tables.values_mut() {
            let refers = |table: &Name, key: &crate::schema::state::ForeignKey| {
                key.ref_table == *table && key.ref_columns.contains(from)
            };
            if other.foreign_keys.iter().any(|key| refers(table, key)) {
                for key in Arc::make_mut(other).foreign_keys.iter_mut().filter(|key| refers(table, key)) {
                    swap(&mut key.ref_columns);
                }
            }
        }
    }
}

impl Table {
    /// Gives the key or unique constraint `from` the name `to`.
    pub(super) fn rename_key(&mut self, from: &Arc<str>, to: &Arc<str>) -> bool {
        let names = self.primary_key.iter_mut().map(|key| &mut key.name);
        let names = names.chain(self.uniques.iter_mut().map(|unique| &mut unique.name));
        let names = names.chain(self.foreign_keys.iter_mut().map(|key| &mut key.name));
        let names = names.chain(self.checks.iter_mut().map(|check| &mut check.name));
        let mut found = false;
        for name in names.filter(|name| name.as_ref() == Some(from)) {
            *name = Some(Arc::clone(to));
            found = true;
        }
        found
    }
}

/// The expression with the name of a column changed, as PostgreSQL keeps columns by number.
fn renamed_in(sql: &Arc<str>, from: &str, to: &str) -> Arc<str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut made = String::new();
    let mut end = 0;
    for (at, word) in sql.match_indices(from) {
        let whole = !sql[..at].ends_with(is_word) && !sql[at + word.len()..].starts_with(is_word);
        let quoted = sql[..at].matches('\'').count() % 2 == 1;
        made.push_str(&sql[end..at]);
        made.push_str(if whole && !quoted { to } else { word });
        end = at + word.len();
    }
    made.push_str(&sql[end..]);
    if end == 0 { Arc::clone(sql) } else { Arc::from(made) }
}

/// Whether PostgreSQL or SQLAlchemy would give an index such a name, and hardly anybody a table.
fn is_index_name(name: &str) -> bool {
    ["ix_", "idx_", "uq_", "pk_"].iter().any(|start| name.starts_with(start))
        || ["_pkey", "_key", "_idx"].iter().any(|end| name.ends_with(end))
}

/// The index that `index=True` makes; with `unique=True` it is unique, and no constraint is made.
fn column_index(column: &ColumnSpec, place: &Place) -> IndexSpec {
    IndexSpec {
        name: Given::None,
        unique: column.unique,
        columns: vec![Arc::clone(&column.name)],
        needs: BTreeSet::from([Arc::clone(&column.name)]),
        method: None,
        condition: None,
        if_not_exists: false,
        place: stated(&column.place, place),
    }
}

fn table_indexes(spec: &TableSpec, place: &Place) -> Vec<IndexSpec> {
    let flagged = spec.columns.iter().filter(|column| column.index).map(|column| column_index(column, place));
    flagged.chain(spec.indexes.iter().cloned()).collect()
}
