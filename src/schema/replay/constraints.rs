//! Keys, constraints and indexes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::machine::{Machine, Relation, column_object, object, stated};
use super::naming::{Named, free_name, joined};
use crate::schema::effect::{
    CheckSpec, ConstraintKind, ConstraintSpec, Dropping, ForeignKeySpec, Given, IndexSpec, KeySpec,
};
use crate::schema::fault::FaultKind;
use crate::schema::state::{
    Check, Column, ColumnType, ForeignKey, Index, Name, Place, PrimaryKey, Table, TableState, Unique,
};
use crate::schema::types::{Database, can_reference};

impl Machine {
    pub(super) fn add_constraint(&mut self, table: &Name, constraint: &ConstraintSpec, place: &Place) {
        if self.table_for(table, place).is_some() {
            self.constrain(table, constraint, place, false);
        }
    }

    /// Adds a constraint to a table that is there; `inside` of `CREATE TABLE` or by `ALTER TABLE`.
    pub(super) fn constrain(
        &mut self,
        table: &Name,
        constraint: &ConstraintSpec,
        place: &Place,
        inside: bool,
    ) {
        match constraint {
            ConstraintSpec::PrimaryKey(spec) => self.add_primary_key(table, spec, place),
            ConstraintSpec::Unique(spec) => self.add_unique(table, spec, place),
            ConstraintSpec::ForeignKey(spec) => self.add_foreign_key(table, spec, place, inside),
            ConstraintSpec::Check(spec) => self.add_check(table, spec, place),
        }
    }

    /// The stated or conventional name of a constraint; `None` where the database gives one.
    fn stated_name(&self, kind: &str, given: &Given, named: &Named<'_>) -> Option<Arc<str>> {
        match self.settings.naming.name(kind, given, named) {
            Ok(name) => name,
            // A name that is not known is still a name: nothing else can be this one.
            Err(reason) => Some(Arc::from(format!("<unknown: {reason}>"))),
        }
    }

    fn is_taken(&self, table: &Name, name: &str) -> bool {
        self.relations.contains_key(&table.sibling(name))
    }

    /// The columns that a table that is known in full does not have.
    fn missing_column(&self, table: &Name, columns: &[Arc<str>]) -> Option<Arc<str>> {
        if !self.is_complete(table) {
            return None;
        }
        let known = self.schema.table(table)?;
        columns.iter().find(|column| known.column(column).is_none()).cloned()
    }

    fn fault_key_column_missing(&mut self, table: &Name, column: &str, place: &Place) {
        let message = format!("column \"{column}\" named in key does not exist");
        let earlier = self.schema.table(table).map(|table| table.place.clone());
        let objects = vec![column_object(table, column)];
        self.fault(FaultKind::ColumnMissing, place, earlier, objects, message);
    }

    /// Takes the index that becomes a constraint.
    fn take_index(&mut self, table: &Name, name: &Arc<str>) -> Option<Index> {
        let known = self.schema.table_mut(table)?;
        let at = known.indexes.iter().position(|index| index.name == *name)?;
        let index = known.indexes.remove(at);
        self.relations.remove(&table.sibling(name));
        Some(index)
    }

    fn add_primary_key(&mut self, table: &Name, spec: &KeySpec, place: &Place) {
        let place = stated(&spec.place, place);
        let mut columns = spec.columns.clone();
        let named = Named { table, columns: &columns, referred: None };
        let mut name = self.stated_name("pk", &spec.name, &named);
        if let Some(index) = &spec.using_index {
            if let Some(taken) = self.take_index(table, index) {
                columns = taken.columns;
            }
            name.get_or_insert_with(|| Arc::clone(index));
        }
        if let Some(column) = self.missing_column(table, &columns) {
            self.fault_key_column_missing(table, &column, &place);
            return;
        }
        let existing = self.schema.table(table).and_then(|table| table.primary_key.clone());
        if let Some(existing) = existing {
            let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
            let objects = vec![object(table)];
            self.fault_unless_touched(&[table], |this| {
                this.fault(FaultKind::SecondPrimaryKey, &place, Some(existing.place), objects, message);
            });
            return;
        }
        let name =
            name.unwrap_or_else(|| free_name(&table.name, None, "pkey", |name| self.is_taken(table, name)));
        if self.is_taken(table, &name) {
            self.fault_relation_exists(FaultKind::ConstraintExists, &table.sibling(&name), &place);
            return;
        }
        self.relations.insert(table.sibling(&name), Relation::Constraint(table.clone()));
        if let Some(known) = self.schema.table_mut(table) {
            for column in &columns {
                if let Some(column) = known.column_mut(column) {
                    column.nullable = Some(false);
                }
            }
            known.primary_key = Some(PrimaryKey { name: Some(name), columns, place });
        }
    }

    fn add_unique(&mut self, table: &Name, spec: &KeySpec, place: &Place) {
        let place = stated(&spec.place, place);
        let mut columns = spec.columns.clone();
        let named = Named { table, columns: &columns, referred: None };
        let mut name = self.stated_name("uq", &spec.name, &named);
        if let Some(index) = &spec.using_index {
            if let Some(taken) = self.take_index(table, index) {
                columns = taken.columns;
            }
            name.get_or_insert_with(|| Arc::clone(index));
        }
        if let Some(column) = self.missing_column(table, &columns) {
            self.fault_key_column_missing(table, &column, &place);
            return;
        }
        let name = name.unwrap_or_else(|| {
            free_name(&table.name, Some(&joined(&columns)), "key", |name| self.is_taken(table, name))
        });
        if self.is_taken(table, &name) {
            self.fault_relation_exists(FaultKind::ConstraintExists, &table.sibling(&name), &place);
            return;
        }
        self.relations.insert(table.sibling(&name), Relation::Constraint(table.clone()));
        if let Some(known) = self.schema.table_mut(table) {
            known.uniques.push(Unique { name: Some(name), columns, place });
        }
    }

    fn add_check(&mut self, table: &Name, spec: &CheckSpec, place: &Place) {
        let place = stated(&spec.place, place);
        let named = Named { table, columns: &spec.columns, referred: None };
        let name = self.stated_name("ck", &spec.name, &named);
        let name = name.unwrap_or_else(|| {
            let known = self.schema.table(table);
            let own: Vec<Arc<str>> = spec
                .columns
                .iter()
                .filter(|column| known.is_some_and(|table| table.column(column).is_some()))
                .cloned()
                .collect();
            let column = match own.as_slice() {
                [column] => Some(&**column),
                _ => None,
            };
            let label = if spec.exclusion { "excl" } else { "check" };
            let taken = |name: &str| {
                known
                    .is_some_and(|table| table.checks.iter().any(|check| check.name.as_deref() == Some(name)))
            };
            free_name(&table.name, column, label, taken)
        });
        let Some(known) = self.schema.table_mut(table) else { return };
        if let Some(other) = known.checks.iter().find(|check| check.name.as_ref() == Some(&name)) {
            let earlier = Some(other.place.clone());
            let message = format!("constraint \"{name}\" for relation \"{}\" already exists", table.name);
            let objects = vec![Arc::clone(&name), object(table)];
            self.fault_unless_touched(&[table], |this| {
                this.fault(FaultKind::ConstraintExists, &place, earlier, objects, message);
            });
            return;
        }
        let check =
            Check { name: Some(Arc::clone(&name)), sql: spec.sql.clone(), exclusion: spec.exclusion, place };
        known.checks.push(check);
        if spec.exclusion {
            self.relations.insert(table.sibling(&name), Relation::Constraint(table.clone()));
        }
    }

    fn add_foreign_key(&mut self, table: &Name, spec: &ForeignKeySpec, place: &Place, inside: bool) {
        let place = stated(&spec.place, place);
        let _ = inside;
        let parent = spec.ref_table.clone();
        let named = Named { table, columns: &spec.columns, referred: Some((&parent, &spec.ref_columns)) };
        let name = self.stated_name("fk", &spec.name, &named);
        let name = name.unwrap_or_else(|| {
            let known = self.schema.table(table);
            let taken = |name: &str| {
                known.is_some_and(|table| {
                    table.foreign_keys.iter().any(|key| key.name.as_deref() == Some(name))
                })
            };
            free_name(&table.name, Some(&joined(&spec.columns)), "fkey", taken)
        });
        let Some(known) = self.schema.table(table) else { return };
        if let Some(other) = known.foreign_keys.iter().find(|key| key.name.as_ref() == Some(&name)) {
            let earlier = Some(other.place.clone());
            let message = format!("constraint \"{name}\" for relation \"{}\" already exists", table.name);
            let objects = vec![Arc::clone(&name), object(table)];
            self.fault_unless_touched(&[table], |this| {
                this.fault(FaultKind::ConstraintExists, &place, earlier, objects, message);
            });
            return;
        }
        if let Some(column) = self.missing_column(table, &spec.columns) {
            let message = format!("column \"{column}\" referenced in foreign key constraint does not exist");
            let earlier = self.schema.table(table).map(|table| table.place.clone());
            let objects = vec![column_object(table, &column)];
            self.fault(FaultKind::ColumnMissing, &place, earlier, objects, message);
        }
        let ref_columns = self.check_target(table, spec, &place);
        let key = ForeignKey {
            name: Some(name),
            columns: spec.columns.clone(),
            ref_table: parent,
            ref_columns,
            on_delete: spec.on_delete.clone(),
            on_update: spec.on_update.clone(),
            place,
        };
        if let Some(known) = self.schema.table_mut(table) {
            known.foreign_keys.push(key);
        }
    }

    /// What PostgreSQL asks of a foreign key's target; the columns referred to.
    fn check_target(&mut self, table: &Name, spec: &ForeignKeySpec, place: &Place) -> Vec<Arc<str>> {
        let parent = &spec.ref_table;
        let stated_columns = spec.ref_columns.clone();
        let Some(target) = self.schema.table(parent).cloned() else {
            let earlier = self.schema.dropped.get(parent).cloned();
            let message = format!("relation \"{parent}\" does not exist");
            let objects = vec![object(parent), column_object(table, &spec.columns.join(","))];
            self.fault_unless_touched(&[parent], |this| {
                this.fault(FaultKind::TargetTableMissing, place, earlier, objects, message);
            });
            return stated_columns;
        };
        let ref_columns = match (stated_columns.is_empty(), &target.primary_key) {
            (true, Some(key)) => key.columns.clone(),
            _ => stated_columns,
        };
        let complete = self.is_complete(parent);
        let missing = ref_columns.iter().find(|column| target.column(column).is_none());
        if let Some(column) = missing {
            if complete {
                let message =
                    format!("column \"{column}\" referenced in foreign key constraint does not exist");
                let objects =
                    vec![column_object(parent, column), column_object(table, &spec.columns.join(","))];
                let earlier = Some(target.place.clone());
                self.fault(FaultKind::TargetColumnMissing, place, earlier, objects, message);
            }
            return ref_columns;
        }
        if complete && !target.is_unique_over(&ref_columns) && self.settings.database == Database::PostgreSql
        {
            let message = format!(
                "there is no unique constraint matching given keys for referenced table \"{}\"",
                parent.name
            );
            let objects = vec![
                column_object(parent, &ref_columns.join(",")),
                column_object(table, &spec.columns.join(",")),
            ];
            self.fault(FaultKind::TargetNotUnique, place, Some(target.place.clone()), objects, message);
            return ref_columns;
        }
        self.check_types(table, spec, &target, &ref_columns, place);
        ref_columns
    }

    /// A domain's columns join as its base type does.
    fn base_type(&self, ty: &ColumnType) -> ColumnType {
        let name = match ty.text.split_once('.') {
            Some((schema, name)) => Name::new(Some(schema), name),
            None => Name::plain(&ty.text),
        };
        match self.schema.types.get(&name) {
            Some(Some(base)) => ColumnType { text: Arc::clone(base), ..ty.clone() },
            Some(None) => ColumnType::unknown(&ty.text, "it is a type that a migration made"),
            None => ty.clone(),
        }
    }

    fn check_types(
        &mut self,
        table: &Name,
        spec: &ForeignKeySpec,
        target: &Table,
        ref_columns: &[Arc<str>],
        place: &Place,
    ) {
        if self.settings.database != Database::PostgreSql {
            return;
        }
        for (own, referred) in spec.columns.iter().zip(ref_columns) {
            let column =
                |table: Option<&Table>, name: &str| table.and_then(|table| table.column(name)).cloned();
            let child: Option<Column> = column(self.schema.table(table), own);
            let parent: Option<Column> = column(Some(target), referred);
            let (Some(child), Some(parent)) = (child, parent) else { continue };
            if can_reference(&self.base_type(&child.ty), &self.base_type(&parent.ty)) != Some(false) {
                continue;
            }
            let name = match &spec.name {
                Given::Name(name) | Given::Final(name) => Arc::clone(name),
                _ => free_name(&table.name, Some(&joined(&spec.columns)), "fkey", |_| false),
            };
            let message = format!(
                "foreign key constraint \"{name}\" cannot be implemented: key columns \"{own}\" and \"{referred}\" are of incompatible types: {} and {}",
                child.ty.text, parent.ty.text
            );
            let objects = vec![column_object(table, own), column_object(&target.name, referred)];
            let earlier = Some(parent.type_place.clone());
            let touched = [table, &target.name];
            self.fault_unless_touched(&touched, |this| {
                this.fault(FaultKind::TypeMismatch, place, earlier, objects, message);
            });
        }
    }

    pub(super) fn drop_constraint(
        &mut self,
        table: &Name,
        name: &Given,
        kind: ConstraintKind,
        dropping: Dropping,
        place: &Place,
    ) {
        if dropping.if_exists && !self.schema.tables.contains_key(table) {
            return;
        }
        if self.table_for(table, place).is_none() {
            return;
        }
        let word = match kind {
            ConstraintKind::Any => "",
            ConstraintKind::Unique => "uq",
            ConstraintKind::ForeignKey => "fk",
            ConstraintKind::Primary => "pk",
            ConstraintKind::Check => "ck",
        };
        let named = Named { table, columns: &[], referred: None };
        let name = match (self.settings.naming.name(word, name, &named), kind) {
            (Ok(Some(name)), _) => name,
            (Ok(None), ConstraintKind::Primary) => {
                let key = self.schema.table(table).and_then(|table| table.primary_key.as_ref());
                match key.and_then(|key| key.name.clone()) {
                    Some(name) => name,
                    None => return,
                }
            }
            _ => {
                let reason = Arc::from("a constraint is dropped whose name is not known");
                self.opaque(&reason, &[crate::schema::state::Touch::Relation(table.clone())], place);
                return;
            }
        };
        let complete = self.is_complete(table);
        let Some(known) = self.schema.table_mut(table) else { return };
        let is = |of: &Option<Arc<str>>| of.as_ref() == Some(&name);
        let size = known.size();
        let mut dropped_key: Option<Vec<Arc<str>>> = None;
        if known.primary_key.as_ref().is_some_and(|key| is(&key.name)) {
            dropped_key = known.primary_key.take().map(|key| key.columns);
        }
        if let Some(unique) = known.uniques.iter().find(|unique| is(&unique.name)) {
            dropped_key = Some(unique.columns.clone());
        }
        known.uniques.retain(|unique| !is(&unique.name));
        known.foreign_keys.retain(|key| !is(&key.name));
        known.checks.retain(|check| !is(&check.name));
        let found = known.size() < size;
        if found {
            self.relations.remove(&table.sibling(&name));
            if dropping.cascade
                && let Some(columns) = dropped_key
            {
                self.drop_references(table, &columns);
            }
            return;
        }
        let before_12 = self.named_before_12(table, &name);
        if let Some(now) = &before_12
            && let Some(known) = self.schema.table_mut(table)
        {
            known.foreign_keys.retain(|key| key.name.as_ref() != Some(now));
        }
        if dropping.if_exists || !complete || self.settings.database != Database::PostgreSql {
            return;
        }
        let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name);
        let earlier = self.schema.table(table).map(|table| table.place.clone());
        let objects = vec![Arc::clone(&name), object(table)];
        let faults = self.faults.len();
        self.fault(FaultKind::ConstraintMissing, place, earlier, objects, message);
        if before_12.is_some() {
            self.doubt_since(
                faults,
                "PostgreSQL 11 and older name a foreign key after its first column only",
            );
        } else if self.may_come_with_type(table, kind) {
            self.doubt_since(faults, "the type of a column may bring a constraint of its own");
        }
    }

    /// The name, today, of the foreign key over several columns that PostgreSQL 11 and older call `asked`:
    /// they took the first column only.
    fn named_before_12(&self, table: &Name, asked: &str) -> Option<Arc<str>> {
        let keys = &self.schema.table(table)?.foreign_keys;
        let generated = |columns: &str| free_name(&table.name, Some(columns), "fkey", |_| false);
        let found = keys.iter().filter(|key| key.columns.len() > 1).find(|key| {
            key.name.as_ref() == Some(&generated(&joined(&key.columns)))
                && key.columns.first().is_some_and(|first| *generated(first) == *asked)
        })?;
        found.name.clone()
    }

    /// Whether a constraint that nobody wrote may be there: `Boolean`, `Enum` and types of applications make
    /// check constraints with some versions and options.
    fn may_come_with_type(&self, table: &Name, kind: ConstraintKind) -> bool {
        let plain = |ty: &ColumnType| {
            ty.is_known() && ty.enumeration.is_none() && !matches!(&*ty.text, "boolean" | "smallint")
        };
        match kind {
            ConstraintKind::Check => true,
            ConstraintKind::Any => self
                .schema
                .table(table)
                .is_none_or(|table| !table.columns.iter().all(|column| plain(&column.ty))),
            ConstraintKind::Unique | ConstraintKind::ForeignKey | ConstraintKind::Primary => false,
        }
    }

    /// `CASCADE` takes the foreign keys that rest on a key.
    fn drop_references(&mut self, table: &Name, columns: &[Arc<str>]) {
        let asked: BTreeSet<&Arc<str>> = columns.iter().collect();
        let rests = |key: &ForeignKey| {
            key.ref_table == *table && key.ref_columns.iter().collect::<BTreeSet<_>>() == asked
        };
        for other in self.schema.tables.values_mut() {
            if other.foreign_keys.iter().any(rests) {
                Arc::make_mut(other).foreign_keys.retain(|key| !rests(key));
            }
        }
    }

    pub(super) fn rename_constraint(&mut self, table: &Name, from: &Arc<str>, to: &Arc<str>, place: &Place) {
        if self.table_for(table, place).is_none() {
            return;
        }
        let complete = self.is_complete(table);
        let found = self.schema.table_mut(table).is_some_and(|known| known.rename_key(from, to));
        if found {
            if let Some(relation) = self.relations.remove(&table.sibling(from)) {
                self.relations.insert(table.sibling(to), relation);
            }
        } else if complete {
            let message = format!("constraint \"{from}\" for table \"{}\" does not exist", table.name);
            let earlier = self.schema.table(table).map(|table| table.place.clone());
            let objects = vec![Arc::clone(from), object(table)];
            self.fault(FaultKind::ConstraintMissing, place, earlier, objects, message);
        }
    }

    pub(super) fn create_index(&mut self, table: &Name, spec: &IndexSpec, place: &Place) {
        let place = stated(&spec.place, place);
        if self.is_temporary(table) {
            return;
        }
        let is_view = self.schema.views.contains_key(table);
        if !is_view && self.table_for(table, &place).is_none() {
            return;
        }
        let named = Named { table, columns: &spec.columns, referred: None };
        let name = self.stated_name("ix", &spec.name, &named).unwrap_or_else(|| {
            let columns: Vec<Arc<str>> = spec
                .columns
                .iter()
                .map(|column| if column.contains('(') { Arc::from("expr") } else { Arc::clone(column) })
                .collect();
            free_name(&table.name, Some(&joined(&columns)), "idx", |name| self.is_taken(table, name))
        });
        let own = table.sibling(&name);
        if self.relations.contains_key(&own) {
            if !spec.if_not_exists {
                self.fault_relation_exists(FaultKind::IndexExists, &own, &place);
            }
            return;
        }
        let plain: Vec<Arc<str>> =
            spec.columns.iter().filter(|column| spec.needs.contains(*column)).cloned().collect();
        if let Some(column) = self.missing_column(table, &plain) {
            let message = format!("column \"{column}\" does not exist");
            let earlier = self.schema.table(table).map(|table| table.place.clone());
            let objects = vec![column_object(table, &column)];
            self.fault(FaultKind::ColumnMissing, &place, earlier, objects, message);
            return;
        }
        let mut index = Index {
            name,
            unique: spec.unique,
            columns: spec.columns.clone(),
            needs: spec.needs.clone(),
            method: spec.method.clone(),
            condition: spec.condition.clone(),
            place,
        };
        self.relations.insert(own, Relation::Index(table.clone()));
        if let Some(view) = self.schema.views.get_mut(table).map(Arc::make_mut) {
            view.indexes.push(index);
        } else if let Some(known) = self.schema.table_mut(table) {
            // Words of an expression that are no columns are functions and keywords.
            if known.state == TableState::Complete {
                index.needs.retain(|name| known.column(name).is_some());
            }
            known.indexes.push(index);
        }
    }

    pub(super) fn drop_index(&mut self, name: &Name, dropping: Dropping, place: &Place) {
        // Without a schema the search path finds it where its table lives.
        let found = match self.relations.get(name) {
            Some(Relation::Index(owner)) => Some((name.clone(), owner.clone())),
            Some(_) => None,
            None if name.schema.is_none() => None,
            None => None,
        };
        let Some((own, owner)) = found else {
            let is_constraint = matches!(self.relations.get(name), Some(Relation::Constraint(_)));
            if is_constraint && self.settings.database != Database::PostgreSql {
                return;
            }
            if !dropping.if_exists && !is_constraint {
                self.fault_index_missing(name, place);
            }
            return;
        };
        self.relations.remove(&own);
        if let Some(table) = self.schema.table_mut(&owner) {
            table.indexes.retain(|index| index.name != own.name);
        }
        if let Some(view) = self.schema.views.get_mut(&owner).map(Arc::make_mut) {
            view.indexes.retain(|index| index.name != own.name);
        }
        self.schema.dropped.insert(own, place.clone());
    }

    pub(super) fn fault_index_missing(&mut self, name: &Name, place: &Place) {
        // A table that is known in part may well have it.
        let all_known = self.schema.tables.values().all(|table| table.state == TableState::Complete);
        if all_known && self.settings.database == Database::PostgreSql {
            let earlier = self.schema.dropped.get(name).cloned();
            let message = format!("index \"{name}\" does not exist");
            let objects = vec![object(name)];
            self.fault_unless_touched(&[name], |this| {
                this.fault(FaultKind::IndexMissing, place, earlier, objects, message);
            });
        }
    }
}

impl Table {
    /// The number of its constraints.
    fn size(&self) -> usize {
        usize::from(self.primary_key.is_some())
            + self.uniques.len()
            + self.foreign_keys.len()
            + self.checks.len()
    }
}
