//! Puts right what the chain would refuse of the tables in front of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::undo::enum_in;
use super::{Baseline, IF_THERE, columns_of, name_of, origin, origin_of_key};
use crate::schema::effect::{
    Change, CheckSpec, ConstraintKind, ConstraintSpec, EnumCreation, EnumSpec, Given, IndexSpec, KeySpec,
};
use crate::schema::fault::{FaultKind, ReplayFault};
use crate::schema::models::Models;
use crate::schema::replay::{Replay, Replayed};
use crate::schema::state::{ColumnType, Name, Place, Table, TableState};
use crate::schema::types::is_integer;

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
                self.align_sides(fault, revisions) || is_own && self.drop_keys_of(fault)
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
            FaultKind::IndexMissing => {
                let name = name_of(object);
                let first = origin_of_key(revisions, &fault.place, &name.name);
                self.make_up_index(&name.sibling(first), &at)
            }
            FaultKind::ConstraintMissing => {
                let Some(table) = fault.objects.get(1) else { return false };
                let name = origin_of_key(revisions, &fault.place, object);
                self.make_up_constraint(&first(&name_of(table), "").0, &name, &at)
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

    /// Gives columns of unknown type the type of the column that a foreign key joins them with, be it of a table here or
    /// of one that the chain makes.
    pub(super) fn align(&mut self, replay: &Replay) -> bool {
        let end = Place::default();
        let mut found: Vec<(Name, Arc<str>, ColumnType)> = Vec::new();
        for table in replay.schema.tables.values() {
            for key in &table.foreign_keys {
                for (own, referred) in key.columns.iter().zip(&key.ref_columns) {
                    let sides = [(&table.name, own), (&key.ref_table, referred)].map(|(name, column)| {
                        let (first, before) = origin(&replay.revisions, &end, name, column);
                        let here = self.table(&first).and_then(|table| table.column(&before));
                        let built = || replay.schema.table(name)?.column(column);
                        let ty = here.or_else(built).map(|column| column.ty.clone());
                        (first, before, ty)
                    });
                    let unknown = |ty: &Option<ColumnType>| ty.as_ref().is_some_and(ColumnType::is_unknown);
                    match &sides {
                        [(name, column, one), (.., Some(other))] if unknown(one) && other.is_known() => {
                            found.push((name.clone(), Arc::clone(column), other.clone()));
                        }
                        [(.., Some(other)), (name, column, one)] if unknown(one) && other.is_known() => {
                            found.push((name.clone(), Arc::clone(column), other.clone()));
                        }
                        _ => {}
                    }
                }
            }
        }
        let mut changed = false;
        for (table, column, ty) in found {
            changed |= self.give_type(&table, &column, ty);
        }
        changed
    }

    /// The same for a foreign key that is refused, of a table that the chain may drop again.
    fn align_sides(&mut self, fault: &ReplayFault, revisions: &[Replayed]) -> bool {
        let stated = |table: &Name, column: &str| {
            let mut effects = revisions.iter().flat_map(|revision| revision.effects.iter());
            effects.find_map(|effect| match &effect.change {
                Change::CreateTable(spec) if spec.name == *table => {
                    spec.columns.iter().find(|own| *own.name == *column)?.ty.clone()
                }
                Change::AddColumn(of, own, _) if of == table && *own.name == *column => own.ty.clone(),
                _ => None,
            })
        };
        let side = |object: Option<&Arc<str>>| {
            let (table, columns) = columns_of(object?)?;
            let column = columns.into_iter().next()?;
            let (name, before) = origin(revisions, &fault.place, &table, &column);
            let here =
                self.table(&name).and_then(|table| table.column(&before)).map(|column| column.ty.clone());
            let ty = here.or_else(|| stated(&table, &column).map(|spec| spec.ty))?;
            Some((name, before, ty))
        };
        let (Some(child), Some(parent)) = (side(fault.objects.first()), side(fault.objects.get(1))) else {
            return false;
        };
        match (child.2.is_unknown(), parent.2.is_unknown()) {
            (true, false) => self.give_type(&child.0, &child.1, parent.2),
            (false, true) => self.give_type(&parent.0, &parent.1, child.2),
            _ => false,
        }
    }

    /// An integer key of one column counts up, as SQLAlchemy makes it.
    fn give_type(&mut self, table: &Name, column: &str, ty: ColumnType) -> bool {
        let Some(known) = self.machine.schema.table_mut(table) else { return false };
        let is_key =
            known.primary_key.as_ref().is_some_and(|key| key.columns.iter().all(|own| **own == *column));
        let refers = known.foreign_keys.iter().any(|key| key.columns.iter().any(|own| **own == *column));
        let Some(known) = known.column_mut(column).filter(|known| known.ty.is_unknown()) else {
            return false;
        };
        if is_key && !refers && is_integer(&ty.text) {
            known.default.get_or_insert_with(|| Arc::from("nextval"));
        }
        known.ty = ty;
        true
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
                (
                    table.uniques.len(),
                    table.foreign_keys.len(),
                    table.checks.len(),
                    table.primary_key.is_some(),
                )
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
        if self.machine.schema.has_index(&name.name) {
            return false;
        }
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
            let reason = format!("{at} drops or renames it, and nothing tells its columns");
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
        if self.made_up.contains_key(&table.sibling(name)) {
            return false;
        }
        // The primary key, which got its name from a convention that could not be read.
        let is_key = **name == *format!("pk_{}", table.name) || **name == *format!("{}_pkey", table.name);
        if let Some(now) = known.primary_key.as_ref().and_then(|key| key.name.clone()).filter(|_| is_key)
            && now != *name
        {
            self.change(Change::RenameConstraint(table.clone(), now, Arc::clone(name)));
            return true;
        }
        let inside = name.strip_prefix(&*table.name).and_then(|rest| rest.strip_prefix('_'));
        let column =
            inside.and_then(|rest| rest.strip_suffix("_key")).and_then(|column| known.column(column));
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
        let reason = format!("{at} drops or renames it, and nothing tells what it is");
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
