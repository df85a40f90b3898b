//! Puts right what the chain would refuse of the tables in front of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::undo::enum_in;
use super::{Baseline, IF_THERE, columns_of, name_of, origin};
use crate::schema::effect::{
    Change, CheckSpec, ConstraintKind, ConstraintSpec, EnumCreation, EnumSpec, Given, IndexSpec, KeySpec,
};
use crate::schema::fault::{FaultKind, ReplayFault};
use crate::schema::models::Models;
use crate::schema::replay::{Replay, Replayed};
use crate::schema::state::{ColumnType, Name, Place, Table, TableState};

impl Baseline {
    /// Changes what is here so that the fault goes; false where it is not about what is here.
    pub(super) fn settle(
        &mut self,
        fault: &ReplayFault,
        replay: &Replay,
        own: &str,
        models: &Models,
    ) -> bool {
        let revisions = &replay.revisions;
        let Some(object) = fault.objects.first() else { return false };
        let is_own = fault.place.revision.as_deref() == Some(own);
        let at = format!("{}:{}", fault.place.path, fault.place.line);
        let first = |name: &Name, column: &str| origin(revisions, &fault.place, name, column);
        match fault.kind {
            FaultKind::TableNeverCreated => self.add_table(&first(&name_of(object), "").0, models),
            FaultKind::TargetTableMissing if is_own => self.drop_keys_of(fault),
            FaultKind::TargetTableMissing if fault.earlier.is_none() => {
                let (name, _) = first(&name_of(object), "");
                models.schema.table(&name).is_some() && self.add_table(&name, models)
            }
            FaultKind::TypeMismatch => {
                self.align_types(fault, replay, &first) || is_own && self.drop_keys_of(fault)
            }
            FaultKind::TargetNotUnique if is_own => self.drop_keys_of(fault),
            FaultKind::TargetNotUnique => {
                let Some((table, columns)) = columns_of(object) else { return false };
                let renamed = columns.iter().map(|column| first(&table, column).1).collect();
                self.add_unique(&first(&table, "").0, Given::None, renamed)
            }
            FaultKind::TableExists => {
                let name = first(&name_of(object), "").0;
                let is_here = self.table(&name).is_some();
                self.change(Change::DropTable(name, IF_THERE));
                is_here
            }
            FaultKind::ColumnExists => {
                let Some((table, columns)) = columns_of(object) else { return false };
                let Some(column) = columns.first() else { return false };
                // A column that took the name may have been here under another one.
                let (table, column) = first(&table, column);
                let is_here = self.table(&table).is_some_and(|known| known.column(&column).is_some());
                if is_here {
                    self.change(Change::DropColumn(table, column, IF_THERE));
                }
                is_here
            }
            FaultKind::ColumnMissing | FaultKind::TargetColumnMissing => {
                let Some((table, columns)) = columns_of(object) else { return false };
                let mut added = false;
                for column in columns {
                    let (table, column) = first(&table, &column);
                    added |= !is_own && self.add_column(&table, &column, &at, models);
                }
                added || is_own && self.drop_what_needs(fault)
            }
            FaultKind::IndexExists => self.drop_named(&name_of(object)),
            FaultKind::ConstraintExists => {
                let table = fault.objects.get(1).map(|table| first(&name_of(table), "").0);
                match table {
                    Some(table) => self.drop_constraint(&table, object),
                    None => self.drop_named(&name_of(object)),
                }
            }
            FaultKind::IndexMissing => self.make_up_index(&name_of(object), &at),
            FaultKind::ConstraintMissing => {
                let Some(table) = fault.objects.get(1) else { return false };
                self.make_up_constraint(&first(&name_of(table), "").0, object, &at)
            }
            FaultKind::TypeExists | FaultKind::TypeExistsLater => self.drop_enum(&name_of(object)),
            FaultKind::TypeMissing => self.add_enum(&name_of(object), revisions, models),
            FaultKind::SecondPrimaryKey => {
                let table = first(&name_of(object), "").0;
                let key = self.table(&table).and_then(|table| table.primary_key.as_ref()?.name.clone());
                key.is_some_and(|key| self.drop_constraint(&table, &key))
            }
            _ => false,
        }
    }

    fn add_table(&mut self, name: &Name, models: &Models) -> bool {
        if self.table(name).is_some() {
            return false;
        }
        let table = match models.schema.tables.get(name) {
            Some(table) => Arc::clone(table),
            None => Arc::new(Table::new(name.clone(), TableState::Partial, Place::default())),
        };
        self.machine.schema.tables.insert(name.clone(), table);
        self.needed.insert(name.clone());
        self.drop_lost_keys(name);
        true
    }

    /// As the model declares it, else with an unknown type.
    fn add_column(&mut self, table: &Name, column: &Arc<str>, at: &str, models: &Models) -> bool {
        let is_missing = self.table(table).is_some_and(|known| known.column(column).is_none());
        if !is_missing {
            return false;
        }
        let declared = models.schema.table(table).and_then(|model| model.column(column)).cloned();
        match declared {
            Some(declared) => {
                if let Some(known) = self.machine.schema.table_mut(table) {
                    known.columns.push(declared);
                }
            }
            None => self.add_unknown(table, column, format!("{at} needs it, and nothing tells its type")),
        }
        true
    }

    /// Foreign keys of a table here that a database would refuse.
    fn drop_keys_of(&mut self, fault: &ReplayFault) -> bool {
        let sides = fault.objects.iter().filter_map(|object| columns_of(object));
        let mut dropped = false;
        for (table, columns) in sides {
            let Some(known) = self.machine.schema.table_mut(&table) else { continue };
            let before = known.foreign_keys.len();
            known.foreign_keys.retain(|key| {
                let same = key.columns == columns;
                let holds = columns.len() == 1 && key.columns.contains(&columns[0]);
                !(same || holds)
            });
            dropped |= known.foreign_keys.len() < before;
        }
        dropped
    }

    /// What the new revision itself makes over a column that is not there.
    fn drop_what_needs(&mut self, fault: &ReplayFault) -> bool {
        let Some((table, columns)) = fault.objects.first().and_then(|object| columns_of(object)) else {
            return false;
        };
        let Some(known) = self.machine.schema.table_mut(&table) else { return false };
        let lacks = |of: &[Arc<str>]| of.iter().any(|column| columns.contains(column));
        known.uniques.retain(|unique| !lacks(&unique.columns));
        known.indexes.retain(|index| !lacks(&index.columns));
        known.foreign_keys.retain(|key| !lacks(&key.columns));
        if known.primary_key.as_ref().is_some_and(|key| lacks(&key.columns)) {
            known.primary_key = None;
        }
        true
    }

    /// Gives a column of unknown type that of the column it joins.
    fn align_types(
        &mut self,
        fault: &ReplayFault,
        replay: &Replay,
        first: &dyn Fn(&Name, &str) -> (Name, Arc<str>),
    ) -> bool {
        let side = |object: Option<&Arc<str>>| {
            let (table, columns) = columns_of(object?)?;
            let column = Arc::clone(columns.first()?);
            Some((first(&table, &column), table, column))
        };
        let (Some(child), Some(parent)) = (side(fault.objects.first()), side(fault.objects.get(1))) else {
            return false;
        };
        // A table of the chain itself is told by the replay.
        let ty = |this: &Self, ((name, first), table, column): &((Name, Arc<str>), Name, Arc<str>)| {
            let here = this.table(name).and_then(|table| table.column(first));
            let here = here.or_else(|| replay.schema.table(table)?.column(column));
            here.map(|column| column.ty.clone())
        };
        let (of_child, of_parent) = (ty(self, &child), ty(self, &parent));
        let (child, parent) = (child.0, parent.0);
        let (target, ty) = match (of_child, of_parent) {
            (Some(child_type), Some(other)) if child_type.is_unknown() => (child, other),
            (Some(other), Some(parent_type)) if parent_type.is_unknown() => (parent, other),
            _ => return false,
        };
        let column = self.machine.schema.table_mut(&target.0).and_then(|table| table.column_mut(&target.1));
        column.map(|column| column.ty = ty).is_some()
    }

    fn add_unique(&mut self, table: &Name, name: Given, columns: Vec<Arc<str>>) -> bool {
        let has_all = |table: &Table| columns.iter().all(|column| table.column(column).is_some());
        if !self.table(table).is_some_and(has_all) {
            return false;
        }
        let key = KeySpec { name, columns, using_index: None, place: Place::default() };
        self.change(Change::AddConstraint(table.clone(), Box::new(ConstraintSpec::Unique(key))));
        true
    }

    fn drop_constraint(&mut self, table: &Name, name: &Arc<str>) -> bool {
        let size = |this: &Self| {
            this.table(table).map(|table| {
                (table.uniques.len(), table.foreign_keys.len(), table.checks.len(), table.primary_key.is_some())
            })
        };
        let before = size(self);
        if before.is_some() {
            let name = Given::Final(Arc::clone(name));
            self.change(Change::DropConstraint(table.clone(), name, ConstraintKind::Any, IF_THERE));
        }
        size(self) != before
    }

    /// Drops the index or the constraint of this name, whatever table it belongs to.
    fn drop_named(&mut self, name: &Name) -> bool {
        let tables: Vec<Name> = self.machine.schema.tables.keys().cloned().collect();
        let has = |this: &Self, table: &Name| {
            this.table(table).is_some_and(|table| table.indexes.iter().any(|index| index.name == name.name))
        };
        if let Some(table) = tables.iter().find(|table| has(self, table)) {
            let name = table.sibling(&name.name);
            self.change(Change::DropIndex(name, IF_THERE));
            return true;
        }
        tables.iter().any(|table| self.drop_constraint(table, &name.name))
    }

    /// An index that the chain drops, over the columns that its name tells.
    fn make_up_index(&mut self, name: &Name, at: &str) -> bool {
        let tables = self.machine.schema.tables.values();
        let named = tables.filter(|table| table.name.schema == name.schema && !table.columns.is_empty());
        let named = named.filter(|table| name.name.contains(&*table.name.name));
        let Some(table) = named.max_by_key(|table| table.name.name.len()) else { return false };
        let rest = name.name.rsplit(&*table.name.name).next().unwrap_or("").trim_matches('_');
        let told = table.column(rest).map(|column| Arc::clone(&column.name));
        let Some(column) = told.clone().or_else(|| table.columns.first().map(|c| Arc::clone(&c.name))) else {
            return false;
        };
        let table = table.name.clone();
        if told.is_none() {
            let reason = format!("{at} drops it, and nothing tells its columns");
            self.made_up.insert(name.clone(), Arc::from(reason));
        }
        let spec = IndexSpec {
            name: Given::Final(Arc::clone(&name.name)),
            unique: false,
            columns: vec![Arc::clone(&column)],
            needs: BTreeSet::from([column]),
            method: None,
            condition: None,
            if_not_exists: false,
            place: Place::default(),
        };
        self.change(Change::CreateIndex(table, Box::new(spec)));
        true
    }

    /// A constraint that the chain drops: a unique one where its name tells the columns, else one that checks nothing.
    fn make_up_constraint(&mut self, table: &Name, name: &Arc<str>, at: &str) -> bool {
        let Some(known) = self.table(table) else { return false };
        let inside = name.strip_prefix(&*table.name).and_then(|rest| rest.strip_prefix('_'));
        let column = inside.and_then(|rest| rest.strip_suffix("_key")).and_then(|column| known.column(column));
        if let Some(column) = column.map(|column| Arc::clone(&column.name)) {
            return self.add_unique(table, Given::Final(Arc::clone(name)), vec![column]);
        }
        let check = CheckSpec {
            name: Given::Final(Arc::clone(name)),
            sql: Some(Arc::from("true")),
            columns: Vec::new(),
            exclusion: false,
            place: Place::default(),
        };
        self.change(Change::AddConstraint(table.clone(), Box::new(ConstraintSpec::Check(check))));
        let reason = format!("{at} drops it, and nothing tells what it is");
        self.made_up.insert(table.sibling(name), Arc::from(reason));
        true
    }

    /// The chain makes the type: what has it here is something else before.
    fn drop_enum(&mut self, name: &Name) -> bool {
        let is_here = self.machine.schema.enums.remove(name).is_some();
        for table in self.machine.schema.tables.values_mut() {
            let has = |ty: &ColumnType| ty.enumeration.as_ref() == Some(name);
            if table.columns.iter().any(|column| has(&column.ty)) {
                for column in Arc::make_mut(table).columns.iter_mut().filter(|column| has(&column.ty)) {
                    column.ty = ColumnType::unknown("", format!("a later revision makes the type {name}"));
                }
            }
        }
        is_here
    }

    fn add_enum(&mut self, name: &Name, revisions: &[Replayed], models: &Models) -> bool {
        let effects = || revisions.iter().flat_map(|revision| revision.effects.iter());
        let told = effects().find_map(|effect| enum_in(&effect.change, name));
        let declared = models.schema.enums.get(name).and_then(|known| known.labels.clone());
        let added: BTreeSet<&Arc<str>> = effects()
            .filter_map(|effect| match &effect.change {
                Change::AddEnumValue { name: of, label, .. } if of == name => Some(label),
                _ => None,
            })
            .collect();
        let labels = declared.or_else(|| told.and_then(|spec| spec.labels)).unwrap_or_default();
        let labels = labels.into_iter().filter(|label| !added.contains(label)).collect();
        let spec = EnumSpec { name: name.clone(), labels: Some(labels), created: EnumCreation::Explicitly };
        self.change(Change::CreateEnum(spec, true));
        self.enums.insert(name.clone())
    }
}
