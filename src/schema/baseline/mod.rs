//! The tables that a chain of migrations needs and never creates, as they were before its first revision.
//!
//! What is wanted in the end is what the models declare. From there every change of the chain is taken back, the newest
//! first (`undo`): what a revision adds was not there before, what it drops was. The `downgrade()` of the same
//! revision tells what it dropped. What the chain would refuse of the result is put right afterwards (`correct`), as
//! replays of the chain with the new revision in front show it. `write` makes Python of it, in Alembic's style.
//! What is not known on the way stays unknown, and the file says so.

mod correct;
mod types;
mod undo;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::effect::{Change, Effect};
use super::fault::{FaultKind, ReplayFault};
use super::models::Models;
use super::plain::extensions_of;
use super::replay::{Machine, Replay, Replayed};
use super::state::{ColumnType, Name, Place, Table, TableState};

pub use write::Written;

/// Tables before the first revision.
pub struct Baseline {
    /// The tables and types that the new revision makes.
    machine: Machine,
    /// Tables that the chain needs, by the names that they have first.
    needed: BTreeSet<Name>,
    /// Objects that are there only to be dropped, with the reason.
    made_up: BTreeMap<Name, Arc<str>>,
    /// Enum types that no column of a table here has, and that the chain needs.
    enums: BTreeSet<Name>,
    /// Extensions whose types and functions the chain uses and that no revision creates.
    extensions: BTreeSet<&'static str>,
    /// Faults that were acted on already: none is acted on twice.
    settled: BTreeSet<(FaultKind, Vec<Arc<str>>)>,
}

/// The tables that the chain needs and no revision creates.
pub fn needed(faults: &[ReplayFault]) -> BTreeSet<Name> {
    let never = faults.iter().filter(|fault| fault.kind == FaultKind::TableNeverCreated);
    never.filter_map(|fault| fault.objects.first()).map(|object| name_of(object)).collect()
}

impl Baseline {
    /// The tables that `replay` lacks, from the models as they are in the end and the changes of the chain taken back.
    /// `downgrades` holds what the `downgrade()` of each revision does. Without `all`, tables that the chain never
    /// mentions and that no needed one refers to are left out.
    pub fn new(
        models: &Models,
        replay: &Replay,
        downgrades: &BTreeMap<Arc<str>, Vec<Effect>>,
        all: bool,
    ) -> Self {
        let mut schema = models.schema.clone();
        schema.opaque.clear();
        schema.dropped.clear();
        // What the chain tells of a table that it does not create: all that is known where no model declares it, and
        // what a model may have forgotten.
        let partial = replay.schema.tables.values().filter(|table| table.state != TableState::Complete);
        for table in partial {
            match schema.table_mut(&table.name) {
                Some(known) => {
                    let more = table.columns.iter().filter(|column| known.column(&column.name).is_none());
                    let more: Vec<_> = more.cloned().collect();
                    known.columns.extend(more);
                }
                None => _ = schema.tables.insert(table.name.clone(), Arc::clone(table)),
            }
        }
        for (name, known) in &replay.schema.enums {
            schema.enums.entry(name.clone()).or_insert_with(|| Arc::clone(known));
        }
        let mut made = Self {
            machine: Machine::holding(replay.settings.clone(), schema),
            needed: needed(&replay.faults),
            made_up: BTreeMap::new(),
            enums: BTreeSet::new(),
            extensions: extensions(&replay.revisions),
            settled: BTreeSet::new(),
        };
        for revision in replay.revisions.iter().rev() {
            let down = downgrades.get(&revision.revision).map_or(&[][..], Vec::as_slice);
            for effect in revision.effects.iter().rev() {
                made.undo(effect, down);
            }
        }
        made.keep(replay, all);
        made
    }

    /// Leaves out what is not for the new revision to make, and makes up what nothing is known of.
    fn keep(&mut self, replay: &Replay, all: bool) {
        let end = &replay.schema;
        for name in self.needed.clone() {
            if self.machine.schema.table(&name).is_none() {
                let table = Table::new(name.clone(), TableState::Partial, Place::default());
                self.machine.schema.tables.insert(name, Arc::new(table));
            }
        }
        let tables = &self.machine.schema.tables;
        let mut kept: BTreeSet<Name> = self.needed.clone();
        kept.extend(mentioned(&replay.revisions).filter(|name| tables.contains_key(name)));
        if all {
            kept.extend(tables.keys().filter(|name| !end.may_be_touched(name)).cloned());
        }
        // What a foreign key of a kept table refers to is kept, too.
        let mut pending: Vec<Name> = kept.iter().cloned().collect();
        while let Some(name) = pending.pop() {
            for key in tables.get(&name).iter().flat_map(|table| &table.foreign_keys) {
                if tables.contains_key(&key.ref_table) && kept.insert(key.ref_table.clone()) {
                    pending.push(key.ref_table.clone());
                }
            }
        }
        let others: Vec<Name> = tables.keys().filter(|name| !kept.contains(name)).cloned().collect();
        for name in others {
            self.change(Change::DropTable(name, IF_THERE));
        }
        for name in kept {
            self.drop_lost_keys(&name);
        }
        let schema = &mut self.machine.schema;
        let enums = schema.enums.clone();
        for table in schema.tables.values_mut() {
            let lost =
                |ty: &ColumnType| ty.enumeration.as_ref().is_some_and(|name| !enums.contains_key(name));
            if table.columns.iter().any(|column| lost(&column.ty)) {
                for column in Arc::make_mut(table).columns.iter_mut().filter(|column| lost(&column.ty)) {
                    let reason = format!("a later revision makes the type {}", column.ty.text);
                    column.ty = ColumnType::unknown("", reason);
                }
            }
        }
    }

    /// Takes away foreign keys to tables that are not here.
    fn drop_lost_keys(&mut self, name: &Name) {
        let tables = &self.machine.schema.tables;
        let Some(table) = tables.get(name) else { return };
        let is_there = |key: &super::ForeignKey| {
            let columns = |table: &Table, names: &[Arc<str>]| names.iter().all(|c| table.column(c).is_some());
            columns(table, &key.columns)
                && tables.get(&key.ref_table).is_some_and(|target| columns(target, &key.ref_columns))
        };
        let kept: Vec<_> = table.foreign_keys.iter().filter(|key| is_there(key)).cloned().collect();
        if let Some(table) = self.machine.schema.table_mut(name) {
            table.foreign_keys = kept;
        }
    }

    /// The tables, by name.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.machine.schema.tables.values().map(Arc::as_ref)
    }

    /// Whether the chain needs the table.
    pub fn needs(&self, name: &Name) -> bool {
        self.needed.contains(name)
    }

    /// Puts right what the replay of the chain with this in front, as the revision `own`, refuses; false where there is
    /// nothing of it that can be put right here.
    pub fn correct(&mut self, replay: &Replay, own: &str, models: &Models) -> bool {
        let mut changed = self.align(replay);
        for fault in &replay.faults {
            let key = (fault.kind, fault.objects.clone());
            if !self.settled.contains(&key) && self.settle(fault, replay, own, models) {
                self.settled.insert(key);
                changed = true;
            }
        }
        changed
    }

    /// Changes the tables; what the machine would refuse is left undone.
    fn change(&mut self, change: Change) {
        let place = Place::default();
        self.machine.apply(&Effect { change, place, condition: None, guarded: false, autocommit: false });
        self.machine.faults.clear();
    }

    fn table(&self, name: &Name) -> Option<&Table> {
        self.machine.schema.table(name)
    }
}

/// Tables that the chain alters or writes rows to, by their first names. Not all are told as missing: a failure may be
/// caught, and behind something that cannot be read nothing is known to be missing.
fn mentioned(revisions: &[Replayed]) -> impl Iterator<Item = Name> {
    let effects = || revisions.iter().flat_map(|revision| revision.effects.iter());
    let moved: BTreeSet<&Arc<str>> = effects()
        .filter_map(|effect| match &effect.change {
            Change::RenameTable(_, to) => Some(to),
            Change::MoveTable(from, _) => Some(&from.name),
            _ => None,
        })
        .collect();
    effects().filter(|effect| effect.condition.is_none()).filter_map(move |effect| {
        let table = match &effect.change {
            Change::Write(table, ..)
            | Change::AddColumn(table, ..)
            | Change::DropColumn(table, ..)
            | Change::AlterColumn(table, ..)
            | Change::AddConstraint(table, _)
            | Change::DropConstraint(table, ..)
            | Change::CreateIndex(table, _) => table,
            _ => return None,
        };
        match moved.contains(&table.name) {
            true => Some(origin(revisions, &effect.place, table, "").0),
            false => Some(table.clone()),
        }
    })
}

/// Extensions that columns of the chain need and no revision creates.
fn extensions(revisions: &[Replayed]) -> BTreeSet<&'static str> {
    let effects =
        || revisions.iter().flat_map(|revision| revision.effects.iter().map(|effect| &effect.change));
    let columns = effects().flat_map(|change| match change {
        Change::CreateTable(spec) => spec.columns.iter().collect(),
        Change::AddColumn(_, column, _) => vec![&**column],
        _ => Vec::new(),
    });
    let texts =
        columns.flat_map(|column| [column.ty.as_ref().map(|ty| &ty.ty.text), column.default.as_ref()]);
    let mut needed: BTreeSet<&'static str> = texts.flatten().flat_map(|text| extensions_of(text)).collect();
    for change in effects() {
        if let Change::CreateExtension(name) = change {
            needed.remove(&**name);
        }
    }
    needed
}

/// Dropped where it is there, with what rests on it.
const IF_THERE: super::effect::Dropping = super::effect::Dropping { if_exists: true, cascade: true };

/// The name that a fault's object is: `table`, or `schema.table`.
fn name_of(object: &str) -> Name {
    match object.split_once('.') {
        Some((schema, name)) => Name::new(Some(schema), name),
        None => Name::plain(object),
    }
}

/// The table and the columns of a fault's object: `table.column`, `schema.table.one,other`.
fn columns_of(object: &str) -> Option<(Name, Vec<Arc<str>>)> {
    let (table, columns) = object.rsplit_once('.')?;
    Some((name_of(table), columns.split(',').map(Arc::from).collect()))
}

/// What the table, and a column of it, were called before the first revision, by their names at `place`.
fn origin(revisions: &[Replayed], place: &Place, table: &Name, column: &str) -> (Name, Arc<str>) {
    let (mut table, mut column): (Name, Arc<str>) = (table.clone(), Arc::from(column));
    for effect in before(revisions, place) {
        match &effect.change {
            Change::RenameTable(from, to) if from.sibling(to) == table => table = from.clone(),
            Change::MoveTable(from, schema) if from.name == table.name && *schema == table.schema => {
                table = from.clone();
            }
            Change::AlterColumn(of, from, change)
                if *of == table && change.rename.as_ref() == Some(&column) =>
            {
                column = Arc::clone(from);
            }
            _ => {}
        }
    }
    (table, column)
}

/// What the constraint or index was called before the first revision.
fn origin_of_key(revisions: &[Replayed], place: &Place, name: &Arc<str>) -> Arc<str> {
    let mut name = Arc::clone(name);
    for effect in before(revisions, place) {
        match &effect.change {
            Change::RenameConstraint(_, from, to) if *to == name => name = Arc::clone(from),
            Change::RenameTable(from, to) | Change::RenameIndex(from, to, _) if *to == name => {
                name = Arc::clone(&from.name);
            }
            _ => {}
        }
    }
    name
}

/// What certainly happens before `place`, the newest first.
fn before<'r>(revisions: &'r [Replayed], place: &'r Place) -> impl Iterator<Item = &'r Effect> {
    let own = place.revision.as_deref();
    let end = revisions.iter().position(|revision| Some(&*revision.revision) == own);
    let until = &revisions[..end.map_or(revisions.len(), |end| end + 1)];
    until.iter().rev().flat_map(move |revision| {
        let is_own = Some(&*revision.revision) == own;
        revision.effects.iter().rev().filter(move |effect| {
            let is_earlier = effect.place.path == place.path && effect.place.line < place.line;
            effect.condition.is_none() && (!is_own || is_earlier)
        })
    })
}
