//! Applies effects to a schema as PostgreSQL takes them, and records what it would refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::naming::NamingConvention;
use crate::schema::effect::{Change, Effect, EnumCreation, EnumSpec};
use crate::schema::fault::{FaultKind, ReplayFault, Sureness};
use crate::schema::state::{
    Certainty, ColumnType, Enum, Name, Opaque, Place, Rows, Schema, Table, TableState, Touch, View,
};
use crate::schema::types::Database;

/// How migrations are run.
#[derive(Clone, Debug, PartialEq, Eq, Default, BorshSerialize)]
pub struct Settings {
    /// The database.
    pub database: Database,
    /// The naming convention of `target_metadata`.
    pub naming: NamingConvention,
    /// Whether SQLAlchemy is 2.1 or later, where that is known.
    pub sqlalchemy_21: bool,
    /// Each revision runs in a process of its own, as deployments do that are never behind.
    pub one_at_a_time: bool,
}

/// What a name of the namespace of relations belongs to.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) enum Relation {
    /// A table.
    Table,
    /// A view.
    View,
    /// A sequence.
    Sequence,
    /// An index of this table or materialized view.
    Index(Name),
    /// The index of a constraint of this table.
    Constraint(Name),
}

/// The state of a replay.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Machine {
    /// The schema so far.
    pub schema: Schema,
    /// What would be refused so far.
    pub faults: Vec<ReplayFault>,
    /// Who keeps a state says again how the migrations are run.
    #[borsh(skip)]
    pub(super) settings: Settings,
    /// Tables, indexes, views and sequences share one namespace per schema.
    pub(super) relations: BTreeMap<Name, Relation>,
    /// Enum types that `create_table` has seen in this process, with the place.
    pub(super) memo: BTreeMap<Name, Place>,
    /// Tables and views that were there at any time because a revision made or renamed them.
    created: BTreeSet<Name>,
    /// Tables of the session: what is done to them leaves nothing behind.
    temporary: BTreeSet<Name>,
    /// Enum types of the running revision, and labels added to older ones in its transaction.
    made_now: BTreeSet<Name>,
    added_now: Vec<(Name, Arc<str>, Place)>,
}

impl Machine {
    /// An empty database.
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// A database that has this schema already.
    pub fn holding(settings: Settings, schema: Schema) -> Self {
        let mut relations = BTreeMap::new();
        for (name, table) in &schema.tables {
            relations.insert(name.clone(), Relation::Table);
            let keys = table.primary_key.iter().filter_map(|key| key.name.as_ref());
            let uniques = table.uniques.iter().filter_map(|unique| unique.name.as_ref());
            let exclusions = table.checks.iter().filter(|check| check.exclusion);
            for own in keys.chain(uniques).chain(exclusions.filter_map(|check| check.name.as_ref())) {
                relations.insert(name.sibling(own), Relation::Constraint(name.clone()));
            }
            for index in &table.indexes {
                relations.insert(name.sibling(&index.name), Relation::Index(name.clone()));
            }
        }
        relations.extend(schema.views.keys().map(|name| (name.clone(), Relation::View)));
        relations.extend(schema.sequences.iter().map(|name| (name.clone(), Relation::Sequence)));
        Self { schema, relations, ..Self::new(settings) }
    }

    /// The same, where the migrations are run in this way.
    pub(super) fn with(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// How the migrations are run.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Tables and views that revisions made, or gave their name.
    pub(super) fn created(&self) -> &BTreeSet<Name> {
        &self.created
    }

    /// Something of this name is made.
    pub(super) fn note_created(&mut self, name: &Name) {
        if !self.created.contains(name) {
            self.created.insert(name.clone());
        }
    }

    /// Whether the name is that of a temporary table, which hides others.
    pub(super) fn is_temporary(&self, name: &Name) -> bool {
        name.schema.is_none() && self.temporary.contains(name)
    }

    /// Drops a temporary table, if that is what the name means.
    pub(super) fn forget_temporary(&mut self, name: &Name) -> bool {
        name.schema.is_none() && self.temporary.remove(name)
    }

    /// Takes back that the faults from `since` on are certain.
    pub(super) fn doubt_since(&mut self, since: usize, doubt: &str) {
        for fault in self.faults.iter_mut().skip(since) {
            fault.sureness = Sureness::Likely;
            fault.doubt = Some(Arc::from(doubt));
        }
    }

    /// A revision begins.
    pub fn begin(&mut self) {
        self.made_now.clear();
        self.added_now.clear();
        if self.settings.one_at_a_time {
            self.memo.clear();
        }
    }

    /// Applies one effect.
    pub fn apply(&mut self, effect: &Effect) {
        if let Some(reason) = &effect.condition {
            self.apply_uncertain(effect, reason);
            return;
        }
        let faults = self.faults.len();
        if effect.guarded {
            // What is refused is caught, and leaves no trace.
            if self.may_fail(&effect.change) {
                let before = self.clone();
                self.change(effect);
                if self.faults.len() > faults {
                    *self = before;
                }
            } else {
                self.change(effect);
            }
            return;
        }
        self.change(effect);
    }

    /// Whether applying the change can record a fault at all.
    fn may_fail(&self, change: &Change) -> bool {
        !matches!(
            change,
            Change::Opaque(..) | Change::Commit | Change::CreateFunction(_) | Change::DropFunction(_)
        )
    }

    fn change(&mut self, effect: &Effect) {
        let place = &effect.place;
        match &effect.change {
            Change::CreateTable(spec) => self.create_table(spec, place),
            Change::CreateTemporary(name) => _ = self.temporary.insert(name.clone()),
            Change::DropTable(name, dropping) => self.drop_table(name, *dropping, place),
            Change::RenameTable(name, to) => self.rename_relation(name, to, place),
            Change::MoveTable(name, schema) => self.move_table(name, schema.clone(), place),
            Change::AddColumn(table, column, if_not_exists) => {
                self.add_column(table, column, *if_not_exists, place);
            }
            Change::DropColumn(table, column, dropping) => self.drop_column(table, column, *dropping, place),
            Change::AlterColumn(table, column, change) => self.alter_column(table, column, change, place),
            Change::AddConstraint(table, constraint) => self.add_constraint(table, constraint, place),
            Change::DropConstraint(table, name, kind, dropping) => {
                self.drop_constraint(table, name, *kind, *dropping, place);
            }
            Change::RenameConstraint(table, from, to) => self.rename_constraint(table, from, to, place),
            Change::CreateIndex(table, spec) => self.create_index(table, spec, place),
            Change::DropIndex(name, dropping) => self.drop_index(name, *dropping, place),
            Change::RenameIndex(name, to, if_exists) => {
                if self.relations.contains_key(name) {
                    self.rename_relation(name, to, place);
                } else if !*if_exists {
                    self.fault_index_missing(name, place);
                }
            }
            Change::CreateEnum(spec, keep) => self.create_enum(spec, *keep, place),
            Change::CreateType(name, base) => {
                if self.type_exists(name) {
                    self.fault_type_exists(name, place);
                } else {
                    self.schema.types.insert(name.clone(), base.clone());
                    self.schema.dropped.remove(name);
                }
            }
            Change::DropType(name, dropping) => {
                let known =
                    self.schema.enums.remove(name).is_some() | self.schema.types.remove(name).is_some();
                if known {
                    self.schema.dropped.insert(name.clone(), place.clone());
                } else if !dropping.if_exists {
                    self.fault_type_missing(name, place);
                }
            }
            Change::RenameType(name, to) => self.rename_type(name, to, place),
            Change::AddEnumValue { name, label, if_not_exists, at } => {
                let position = at.as_ref().map(|(before, label)| (*before, label));
                self.add_enum_value(name, label, *if_not_exists, position, effect);
            }
            Change::RenameEnumValue(name, from, to) => {
                if let Some(known) = self.schema.enums.get_mut(name).map(Arc::make_mut) {
                    for label in known.labels.iter_mut().flatten().filter(|label| *label == from) {
                        *label = Arc::clone(to);
                    }
                }
            }
            Change::CreateView(name, materialized, keep) => {
                if let Some(relation) = self.relations.get(name) {
                    if !keep || *relation != Relation::View {
                        self.fault_relation_exists(FaultKind::TableExists, name, place);
                    }
                    return;
                }
                self.relations.insert(name.clone(), Relation::View);
                self.note_created(name);
                let view = View {
                    name: name.clone(),
                    materialized: *materialized,
                    indexes: Vec::new(),
                    place: place.clone(),
                };
                self.schema.views.insert(name.clone(), Arc::new(view));
                self.schema.dropped.remove(name);
            }
            Change::DropView(name, _) => {
                // A view that is not known is no fault: many are made by functions of applications.
                if let Some(view) = self.schema.views.remove(name) {
                    for index in &view.indexes {
                        self.relations.remove(&name.sibling(&index.name));
                    }
                    self.relations.remove(name);
                    self.schema.dropped.insert(name.clone(), place.clone());
                }
            }
            Change::CreateSequence(name, _) => {
                self.schema.sequences.insert(name.clone());
                self.relations.entry(name.clone()).or_insert(Relation::Sequence);
            }
            Change::DropSequence(name, _) => {
                self.schema.sequences.remove(name);
                if self.relations.get(name) == Some(&Relation::Sequence) {
                    self.relations.remove(name);
                }
            }
            Change::CreateFunction(name) => _ = self.schema.functions.insert(name.clone()),
            Change::DropFunction(name) => _ = self.schema.functions.remove(name),
            Change::CreateExtension(name) => _ = self.schema.extensions.insert(Arc::clone(name)),
            Change::DropExtension(name) => _ = self.schema.extensions.remove(name),
            Change::CreateSchema(name) => _ = self.schema.schemas.insert(Arc::clone(name)),
            Change::DropSchema(name, _) => self.drop_schema(name, place),
            Change::AttachPartition(parent, child) => {
                if let Some(child) = self.schema.table_mut(child) {
                    child.partition_of = Some(parent.clone());
                }
            }
            Change::DetachPartition(_, child) => {
                if let Some(child) = self.schema.table_mut(child) {
                    child.partition_of = None;
                }
            }
            Change::Write(table, certain, texts) => self.write(table, *certain, texts, effect),
            Change::ColumnWithoutType(table, column) => {
                let message = format!(
                    "(in table '{}', column '{column}'): Can't generate DDL for NullType(); did you forget to specify a type on this Column?",
                    table.name
                );
                let objects = vec![column_object(table, column)];
                self.fault(FaultKind::ColumnWithoutType, place, None, objects, message);
            }
            Change::Commit => {
                self.added_now.clear();
                self.made_now.clear();
            }
            Change::InvalidSql(message) => {
                self.fault(FaultKind::InvalidSql, place, None, Vec::new(), message.to_string());
            }
            Change::Opaque(reason, touches) => self.opaque(reason, touches, place),
        }
    }

    /// An effect that depends on a test that cannot be known: what it may touch is marked, nothing is refused.
    fn apply_uncertain(&mut self, effect: &Effect, reason: &Arc<str>) {
        let place = &effect.place;
        let mut touches = Vec::new();
        match &effect.change {
            Change::CreateTable(spec) => {
                if !self.relations.contains_key(&spec.name) {
                    let faults = self.faults.len();
                    self.create_table(spec, place);
                    self.faults.truncate(faults);
                }
                touches.push(Touch::Relation(spec.name.clone()));
            }
            Change::DropTable(name, _) | Change::RenameTable(name, _) | Change::MoveTable(name, _) => {
                touches.push(Touch::Relation(name.clone()));
            }
            Change::AddColumn(table, column, _) => {
                let known = self.schema.table(table).and_then(|table| table.column(&column.name)).is_some();
                if !known && self.schema.tables.contains_key(table) {
                    let faults = self.faults.len();
                    self.add_column(table, column, true, place);
                    self.faults.truncate(faults);
                    self.doubt_column(table, &column.name, reason);
                }
                touches.push(Touch::Relation(table.clone()));
            }
            Change::DropColumn(table, column, _) => {
                self.doubt_column(table, column, reason);
                touches.push(Touch::Relation(table.clone()));
            }
            Change::AlterColumn(table, column, change) => {
                if change.rename.is_some() || change.ty.is_some() {
                    self.doubt_column(table, column, reason);
                }
                if change.nullable.is_some()
                    && let Some(column) =
                        self.schema.table_mut(table).and_then(|table| table.column_mut(column))
                {
                    column.nullable = None;
                }
                touches.push(Touch::Relation(table.clone()));
            }
            Change::AddConstraint(table, _)
            | Change::DropConstraint(table, ..)
            | Change::RenameConstraint(table, ..)
            | Change::CreateIndex(table, _) => touches.push(Touch::Relation(table.clone())),
            Change::DropIndex(name, _) | Change::RenameIndex(name, ..) | Change::DropView(name, _) => {
                touches.push(Touch::Relation(name.clone()));
            }
            Change::CreateView(name, ..) => {
                touches.push(Touch::Relation(name.clone()));
            }
            Change::CreateEnum(spec, _) => touches.push(Touch::Type(spec.name.clone())),
            Change::CreateType(name, _) | Change::DropType(name, _) | Change::RenameType(name, _) => {
                touches.push(Touch::Type(name.clone()));
            }
            Change::AddEnumValue { name, .. } | Change::RenameEnumValue(name, ..) => {
                if let Some(known) = self.schema.enums.get_mut(name).map(Arc::make_mut) {
                    known.labels = None;
                }
                touches.push(Touch::Type(name.clone()));
            }
            Change::DropSchema(name, _) => touches.push(Touch::Schema(Some(Arc::clone(name)))),
            Change::AttachPartition(_, child) | Change::DetachPartition(_, child) => {
                touches.push(Touch::Relation(child.clone()));
            }
            Change::Write(table, ..) => {
                self.mark_rows(table, Rows::Perhaps);
                return;
            }
            Change::Opaque(own, touches) => {
                self.opaque(own, touches, place);
                return;
            }
            Change::CreateSequence(..)
            | Change::DropSequence(..)
            | Change::CreateFunction(_)
            | Change::DropFunction(_)
            | Change::CreateExtension(_)
            | Change::DropExtension(_)
            | Change::CreateSchema(_)
            | Change::ColumnWithoutType(..)
            | Change::Commit
            | Change::InvalidSql(_) => return,
            Change::CreateTemporary(name) => {
                self.temporary.insert(name.clone());
                return;
            }
        }
        self.opaque(reason, &touches, place);
    }

    /// A column that may not be there, or not as it is told.
    fn doubt_column(&mut self, table: &Name, column: &str, reason: &Arc<str>) {
        if let Some(column) = self.schema.table_mut(table).and_then(|table| table.column_mut(column)) {
            column.ty.certainty = Certainty::Unknown(Arc::clone(reason));
            column.nullable = None;
        }
    }

    /// Records a change that cannot be read, and marks the tables it may touch.
    pub(super) fn opaque(&mut self, reason: &Arc<str>, touches: &[Touch], place: &Place) {
        for touch in touches {
            let Touch::Relation(name) = touch else { continue };
            let owner = match self.relations.get(name) {
                Some(Relation::Index(owner) | Relation::Constraint(owner)) => owner.clone(),
                _ => name.clone(),
            };
            if let Some(table) = self.schema.table_mut(&owner) {
                table.state = TableState::Opaque;
            }
        }
        let opaque = Opaque { place: place.clone(), reason: Arc::clone(reason), touches: touches.to_vec() };
        self.schema.opaque.push(Arc::new(opaque));
    }

    /// Records a fault.
    pub(super) fn fault(
        &mut self,
        kind: FaultKind,
        place: &Place,
        earlier: Option<Place>,
        objects: Vec<Arc<str>>,
        message: String,
    ) {
        self.faults.push(ReplayFault {
            kind,
            place: place.clone(),
            earlier,
            objects,
            sureness: Sureness::Certain,
            doubt: None,
            message,
            stops: true,
        });
    }

    /// Records a fault that something opaque could explain, unless it could well.
    pub(super) fn fault_unless_touched(&mut self, names: &[&Name], fault: impl FnOnce(&mut Self)) {
        if names.iter().any(|name| self.schema.may_be_touched(name)) {
            return;
        }
        fault(self);
    }

    pub(super) fn fault_relation_exists(&mut self, kind: FaultKind, name: &Name, place: &Place) {
        let earlier = self.place_of(name);
        let message = format!("relation \"{}\" already exists", name.name);
        let objects = vec![object(name)];
        self.fault_unless_touched(&[&name.clone()], |this| {
            this.fault(kind, place, earlier, objects, message)
        });
    }

    /// Where the relation `name` was made.
    pub(super) fn place_of(&self, name: &Name) -> Option<Place> {
        match self.relations.get(name)? {
            Relation::Table => self.schema.table(name).map(|table| table.place.clone()),
            Relation::View => self.schema.views.get(name).map(|view| view.place.clone()),
            Relation::Sequence => None,
            Relation::Index(owner) => {
                let on_table = self.schema.table(owner).map(|table| &table.indexes);
                let indexes = on_table.or_else(|| self.schema.views.get(owner).map(|view| &view.indexes))?;
                indexes.iter().find(|index| index.name == name.name).map(|index| index.place.clone())
            }
            Relation::Constraint(owner) => {
                let table = self.schema.table(owner)?;
                let is = |of: &Option<Arc<str>>| of.as_ref() == Some(&name.name);
                let key = table.primary_key.iter().find(|key| is(&key.name)).map(|key| &key.place);
                let unique = table.uniques.iter().find(|unique| is(&unique.name)).map(|unique| &unique.place);
                let check = table.checks.iter().find(|check| is(&check.name)).map(|check| &check.place);
                key.or(unique).or(check).cloned()
            }
        }
    }

    /// The table, made up where it is not known: then it is partial, and its absence is told.
    pub(super) fn table_for(&mut self, name: &Name, place: &Place) -> Option<&mut Table> {
        if self.is_temporary(name) {
            return None;
        }
        if !self.schema.tables.contains_key(name) {
            if self.schema.views.contains_key(name) {
                return None;
            }
            self.fault_table_missing(name, place);
            let mut table = Table::new(name.clone(), TableState::Partial, place.clone());
            table.rows = Rows::Perhaps;
            if self.schema.may_be_touched(name) {
                table.state = TableState::Opaque;
            }
            self.relations.insert(name.clone(), Relation::Table);
            self.schema.tables.insert(name.clone(), Arc::new(table));
        }
        self.schema.table_mut(name)
    }

    pub(super) fn fault_table_missing(&mut self, name: &Name, place: &Place) {
        let earlier = self.schema.dropped.get(name).cloned();
        let message = format!("relation \"{name}\" does not exist");
        let objects = vec![object(name)];
        self.fault_unless_touched(&[name], |this| {
            this.fault(FaultKind::TableMissing, place, earlier, objects, message);
        });
    }

    /// Whether everything of the table was read, so that what is not there is missing.
    pub(super) fn is_complete(&self, name: &Name) -> bool {
        self.schema.table(name).is_some_and(|table| table.state == TableState::Complete)
            && !self.schema.opaque.iter().any(|opaque| {
                opaque.touches.iter().any(|touch| match touch {
                    Touch::Anything => true,
                    Touch::Schema(schema) => *schema == name.schema,
                    Touch::Relation(touched) => touched == name,
                    Touch::Type(_) => false,
                })
            })
    }

    // Types.

    pub(super) fn type_exists(&self, name: &Name) -> bool {
        self.schema.enums.contains_key(name) || self.schema.types.contains_key(name)
    }

    fn fault_type_exists(&mut self, name: &Name, place: &Place) {
        if self.schema.type_may_be_touched(name) {
            return;
        }
        let earlier = self.schema.enums.get(name).map(|known| known.place.clone());
        let message = format!("type \"{}\" already exists", name.name);
        self.fault(FaultKind::TypeExists, place, earlier, vec![object(name)], message);
    }

    fn fault_type_missing(&mut self, name: &Name, place: &Place) {
        if self.schema.type_may_be_touched(name) || self.settings.database != Database::PostgreSql {
            return;
        }
        let earlier = self.schema.dropped.get(name).cloned();
        let message = format!("type \"{name}\" does not exist");
        self.fault(FaultKind::TypeMissing, place, earlier, vec![object(name)], message);
    }

    fn create_enum(&mut self, spec: &EnumSpec, keep: bool, place: &Place) {
        if self.type_exists(&spec.name) {
            if !keep {
                self.fault_type_exists(&spec.name, place);
            }
            return;
        }
        let made = Enum { name: spec.name.clone(), labels: spec.labels.clone(), place: place.clone() };
        self.schema.enums.insert(spec.name.clone(), Arc::new(made));
        self.schema.dropped.remove(&spec.name);
        self.made_now.insert(spec.name.clone());
    }

    /// `create_table` makes the enum types of its columns: each once a process.
    pub(super) fn create_enum_with_table(&mut self, spec: &EnumSpec, place: &Place) {
        let created = match spec.created {
            EnumCreation::WithTable => true,
            EnumCreation::WithTableBefore21 => !self.settings.sqlalchemy_21,
            EnumCreation::Explicitly => false,
        };
        if self.settings.database != Database::PostgreSql || !created {
            return;
        }
        if let Some(earlier) = self.memo.get(&spec.name) {
            let is_later = earlier.revision != place.revision;
            if is_later && self.type_exists(&spec.name) && !self.schema.type_may_be_touched(&spec.name) {
                self.faults.push(ReplayFault {
                    kind: FaultKind::TypeExistsLater,
                    place: place.clone(),
                    earlier: Some(earlier.clone()),
                    objects: vec![object(&spec.name)],
                    sureness: Sureness::Certain,
                    doubt: None,
                    message: format!("type \"{}\" already exists", spec.name.name),
                    stops: false,
                });
            }
            return;
        }
        self.memo.insert(spec.name.clone(), place.clone());
        let faults = self.faults.len();
        self.create_enum(spec, false, place);
        if spec.created == EnumCreation::WithTableBefore21 {
            self.doubt_since(faults, "SQLAlchemy 2.1 and later leave the type alone");
        }
    }

    /// Finds the enum or domain that a type's text names, and tells where it is missing.
    pub(super) fn resolve_type(
        &mut self,
        ty: &ColumnType,
        stated: Option<&EnumSpec>,
        place: &Place,
    ) -> ColumnType {
        let mut ty = ty.clone();
        if ty.is_unknown() || self.settings.database != Database::PostgreSql {
            return ty;
        }
        let item = ty.text.trim_end_matches("[]");
        let name = match (&ty.enumeration, item.split_once('.')) {
            (Some(name), _) => name.clone(),
            (None, Some((schema, name))) => Name::new(Some(schema), name),
            (None, None) => Name::plain(item),
        };
        if self.schema.enums.contains_key(&name) {
            ty.enumeration = Some(name);
        } else if stated.is_some() && !self.schema.types.contains_key(&name) {
            self.fault_type_missing(&name, place);
        }
        ty
    }

    fn rename_type(&mut self, name: &Name, to: &Arc<str>, place: &Place) {
        let renamed = name.sibling(to);
        if let Some(mut known) = self.schema.enums.remove(name) {
            Arc::make_mut(&mut known).name = renamed.clone();
            self.schema.enums.insert(renamed.clone(), known);
        } else if let Some(base) = self.schema.types.remove(name) {
            self.schema.types.insert(renamed.clone(), base);
        } else {
            self.fault_type_missing(name, place);
            return;
        }
        self.schema.dropped.insert(name.clone(), place.clone());
        let (old, new) = (name.to_string(), renamed.to_string());
        for table in self.schema.tables.values_mut() {
            let uses = |ty: &ColumnType| {
                ty.enumeration.as_ref() == Some(name)
                    || *ty.text == *old
                    || ty.text.strip_suffix("[]") == Some(&*old)
            };
            if !table.columns.iter().any(|column| uses(&column.ty)) {
                continue;
            }
            for column in &mut Arc::make_mut(table).columns {
                if uses(&column.ty) {
                    let suffix = if column.ty.text.ends_with("[]") { "[]" } else { "" };
                    column.ty.text = Arc::from(format!("{new}{suffix}"));
                    if column.ty.enumeration.is_some() {
                        column.ty.enumeration = Some(renamed.clone());
                    }
                }
            }
        }
    }

    fn add_enum_value(
        &mut self,
        name: &Name,
        label: &Arc<str>,
        if_not_exists: bool,
        at: Option<(bool, &Arc<str>)>,
        effect: &Effect,
    ) {
        let Some(known) = self.schema.enums.get_mut(name).map(Arc::make_mut) else {
            self.fault_type_missing(name, &effect.place);
            return;
        };
        if let Some(labels) = &mut known.labels {
            if labels.contains(label) {
                let _ = if_not_exists;
                return;
            }
            let place = at.and_then(|(before, other)| {
                let at = labels.iter().position(|known| known == other)?;
                Some(if before { at } else { at + 1 })
            });
            match place {
                Some(place) => labels.insert(place, Arc::clone(label)),
                None => labels.push(Arc::clone(label)),
            }
        }
        // A type of the same transaction takes its new values at once.
        if !effect.autocommit && !self.made_now.contains(name) {
            self.added_now.push((name.clone(), Arc::clone(label), effect.place.clone()));
        }
    }

    fn write(&mut self, table: &Name, certain: bool, texts: &[Arc<str>], effect: &Effect) {
        self.mark_rows(table, if certain { Rows::Some } else { Rows::Perhaps });
        if effect.autocommit {
            return;
        }
        let used = self.added_now.iter().find(|(name, label, _)| {
            texts.contains(label)
                && self.schema.table(table).is_some_and(|table| {
                    table.columns.iter().any(|column| column.ty.enumeration.as_ref() == Some(name))
                })
        });
        if let Some((name, label, place)) = used.cloned() {
            let message = format!("unsafe use of new value \"{label}\" of enum type {name}");
            let objects = vec![object(&name), Arc::clone(&label)];
            self.fault(FaultKind::NewValueUsed, &effect.place, Some(place), objects, message);
        }
    }

    fn mark_rows(&mut self, table: &Name, rows: Rows) {
        if let Some(table) = self.schema.tables.get_mut(table)
            && table.rows < rows
        {
            Arc::make_mut(table).rows = rows;
        }
    }

    fn drop_schema(&mut self, name: &Arc<str>, place: &Place) {
        self.schema.schemas.remove(name);
        let inside = |of: &Name| of.schema.as_ref() == Some(name);
        let tables: Vec<Name> = self.schema.tables.keys().filter(|table| inside(table)).cloned().collect();
        for table in tables {
            self.remove_table(&table, place);
        }
        self.schema.enums.retain(|name, _| !inside(name));
        self.schema.types.retain(|name, _| !inside(name));
        self.schema.views.retain(|name, _| !inside(name));
        self.relations.retain(|name, _| !inside(name));
    }
}

/// An object's name in a fault.
pub(super) fn object(name: &Name) -> Arc<str> {
    Arc::from(name.to_string())
}

/// A column's name in a fault.
pub(super) fn column_object(table: &Name, column: &str) -> Arc<str> {
    Arc::from(format!("{table}.{column}"))
}

/// The place that a specification states, or the effect's where it states none.
pub(super) fn stated(place: &Place, effect: &Place) -> Place {
    if place.line == 0 { effect.clone() } else { place.clone() }
}
