//! Takes one change of the chain back.

use std::sync::Arc;

use super::{Baseline, IF_THERE};
use crate::schema::effect::{
    Change, ColumnChange, ColumnSpec, ConstraintKind, ConstraintSpec, Effect, EnumCreation, EnumSpec, Given,
    IndexSpec, TypeSpec,
};
use crate::schema::state::{Certainty, Column, ColumnType, Name, Table};

/// How names end that PostgreSQL gives to keys.
const GENERATED: [&str; 3] = ["_pkey", "_key", "_fkey"];

impl Baseline {
    /// Takes `effect` back. `down` is what the revision's own `downgrade()` does.
    pub(super) fn undo(&mut self, effect: &Effect, down: &[Effect]) {
        // What happens under a test that is not known finds the object there or not, and is content. What is caught
        // where it fails is meant to go well: in PostgreSQL a failure ends the transaction all the same.
        if effect.condition.is_some() && !matches!(effect.change, Change::CreateTable(_)) {
            return;
        }
        match &effect.change {
            Change::CreateTable(spec) => {
                self.change(Change::DropTable(spec.name.clone(), IF_THERE));
                let types = spec.columns.iter().filter_map(|column| column.ty.as_ref()?.enumeration.as_ref());
                for made in types.filter(|made| !spec.from_sql && made.created != EnumCreation::Explicitly) {
                    self.machine.schema.enums.remove(&made.name);
                }
            }
            Change::DropTable(name, _) => self.undrop_table(name, down),
            Change::RenameTable(from, to) => {
                let now = from.sibling(to);
                let is_table = self.table(&now).is_some();
                if is_table || self.machine.schema.has_index(to) {
                    self.change(Change::RenameTable(now, Arc::clone(&from.name)));
                }
                if is_table {
                    self.rename_generated(from, to);
                }
            }
            Change::MoveTable(from, schema) => {
                let now = Name { schema: schema.clone(), name: Arc::clone(&from.name) };
                if self.table(&now).is_some() {
                    self.change(Change::MoveTable(now, from.schema.clone()));
                }
            }
            Change::CreateEnum(spec, _) => _ = self.machine.schema.enums.remove(&spec.name),
            Change::DropType(name, _) => {
                if let Some(spec) = down.iter().find_map(|effect| enum_in(&effect.change, name)) {
                    self.change(Change::CreateEnum(spec, true));
                }
            }
            Change::RenameType(from, to) => {
                if self.machine.schema.enums.contains_key(&from.sibling(to)) {
                    self.change(Change::RenameType(from.sibling(to), Arc::clone(&from.name)));
                }
            }
            Change::AddEnumValue { name, label, .. } => {
                if let Some(known) = self.machine.schema.enums.get_mut(name).map(Arc::make_mut)
                    && let Some(labels) = &mut known.labels
                {
                    labels.retain(|known| known != label);
                }
            }
            Change::RenameEnumValue(name, from, to) => {
                self.change(Change::RenameEnumValue(name.clone(), Arc::clone(to), Arc::clone(from)));
            }
            Change::RenameIndex(from, to, _) => {
                if self.machine.schema.has_index(to) {
                    self.change(Change::RenameIndex(from.sibling(to), Arc::clone(&from.name), true));
                }
            }
            Change::DropIndex(name, _) => {
                let made = down.iter().find_map(|effect| match &effect.change {
                    Change::CreateIndex(table, spec) if is_named(&spec.name, &name.name) => {
                        Some((table.clone(), spec.clone()))
                    }
                    _ => None,
                });
                if let Some((table, spec)) = made.filter(|(table, _)| self.table(table).is_some()) {
                    self.change(Change::CreateIndex(table, spec));
                }
            }
            change => self.undo_in_table(change, effect, down),
        }
    }

    /// Takes back what happens inside of one table, if that is here.
    fn undo_in_table(&mut self, change: &Change, effect: &Effect, down: &[Effect]) {
        let table = match change {
            Change::AddColumn(table, ..)
            | Change::DropColumn(table, ..)
            | Change::AlterColumn(table, ..)
            | Change::AddConstraint(table, _)
            | Change::DropConstraint(table, ..)
            | Change::RenameConstraint(table, ..)
            | Change::CreateIndex(table, _) => table,
            _ => return,
        };
        let Some(known) = self.table(table).cloned() else { return };
        match change {
            Change::AddColumn(_, spec, _) => {
                self.change(Change::DropColumn(table.clone(), Arc::clone(&spec.name), IF_THERE));
            }
            Change::DropColumn(_, name, dropping) if known.column(name).is_none() && !dropping.if_exists => {
                self.undrop_column(table, name, effect, down);
            }
            Change::AlterColumn(_, name, change) => self.unalter(&known, name, change, effect, down),
            Change::AddConstraint(_, spec) => {
                if let Some(name) = constraint_in(&known, spec) {
                    let dropped = Change::DropConstraint(
                        table.clone(),
                        Given::Final(name),
                        ConstraintKind::Any,
                        IF_THERE,
                    );
                    self.change(dropped);
                }
            }
            Change::DropConstraint(_, given, kind, _) => {
                let made = down.iter().find_map(|effect| match &effect.change {
                    Change::AddConstraint(of, spec) if of == table && is_dropped(spec, given, *kind) => {
                        Some(spec.clone())
                    }
                    _ => None,
                });
                if let Some(spec) = made
                    && constraint_in(&known, &spec).is_none()
                {
                    let named = with_name(*spec, given);
                    self.change(Change::AddConstraint(table.clone(), Box::new(named)));
                }
            }
            Change::RenameConstraint(_, from, to) => {
                self.change(Change::RenameConstraint(table.clone(), Arc::clone(to), Arc::clone(from)));
            }
            Change::CreateIndex(_, spec) => self.unindex(&known, spec),
            _ => {}
        }
    }

    /// A table that was dropped was there: as the downgrade makes it again, else with what earlier revisions tell.
    fn undrop_table(&mut self, name: &Name, down: &[Effect]) {
        if self.table(name).is_some() {
            return;
        }
        let made = down.iter().find_map(|effect| match &effect.change {
            Change::CreateTable(spec) if spec.name == *name => Some(spec.clone()),
            _ => None,
        });
        let Some(spec) = made else { return };
        for column in &spec.columns {
            if let Some(known) = column.ty.as_ref().and_then(|ty| ty.enumeration.clone()) {
                self.change(Change::CreateEnum(known, true));
            }
        }
        self.change(Change::CreateTable(spec));
        for effect in down {
            match &effect.change {
                Change::CreateIndex(table, _) if table == name => self.change(effect.change.clone()),
                _ => {}
            }
        }
    }

    fn undrop_column(&mut self, table: &Name, name: &Arc<str>, effect: &Effect, down: &[Effect]) {
        let made = down.iter().find_map(|effect| match &effect.change {
            Change::AddColumn(of, spec, _) if of == table && spec.name == *name => Some(spec.clone()),
            _ => None,
        });
        match made {
            Some(spec) if spec.ty.is_some() => {
                if let Some(known) = spec.ty.as_ref().and_then(|ty| ty.enumeration.clone()) {
                    self.change(Change::CreateEnum(known, true));
                }
                // Its keys and indexes are what the rest of the chain tells.
                let bare = ColumnSpec { index: false, unique: false, foreign_keys: Vec::new(), ..*spec };
                self.change(Change::AddColumn(table.clone(), Box::new(bare), true));
            }
            _ => {
                let place = &effect.place;
                let reason =
                    format!("{}:{} drops it, and no downgrade tells its type", place.path, place.line);
                self.add_unknown(table, name, reason);
            }
        }
    }

    /// Adds a column of which nothing but the name is known.
    pub(super) fn add_unknown(&mut self, table: &Name, name: &Arc<str>, reason: String) {
        let Some(known) = self.machine.schema.table_mut(table) else { return };
        let place = known.place.clone();
        known.columns.push(Column {
            name: Arc::clone(name),
            ty: ColumnType::unknown("", reason),
            nullable: None,
            default: None,
            type_place: place.clone(),
            place,
        });
    }

    fn unalter(
        &mut self,
        known: &Table,
        name: &Arc<str>,
        change: &ColumnChange,
        effect: &Effect,
        down: &[Effect],
    ) {
        let table = &known.name;
        let now = change.rename.as_ref().unwrap_or(name);
        if known.column(now).is_none() {
            return;
        }
        let before = |wanted: &dyn Fn(&ColumnChange) -> bool| {
            down.iter().find_map(|effect| match &effect.change {
                Change::AlterColumn(of, column, back)
                    if of == table && (column == now || column == name) && wanted(back) =>
                {
                    Some((**back).clone())
                }
                _ => None,
            })
        };
        let mut back = ColumnChange::default();
        if now != name {
            back.rename = Some(Arc::clone(name));
        }
        let mut doubt = None;
        if let Some(altered) = &change.ty {
            let known_before: Option<TypeSpec> = before(&|back| back.ty.is_some())
                .and_then(|back| back.ty)
                .or_else(|| change.existing.clone())
                .filter(|ty| !ty.ty.is_unknown());
            match known_before {
                Some(ty) => {
                    if let Some(spec) =
                        ty.enumeration.clone().filter(|_| altered.enumeration != ty.enumeration)
                    {
                        self.change(Change::CreateEnum(spec, true));
                    }
                    back.ty = Some(ty);
                }
                None => {
                    doubt = Some(format!(
                        "{}:{} gives it this type, and what it was before is not told",
                        effect.place.path, effect.place.line
                    ))
                }
            }
        }
        if let Some(Ok(nullable)) = change.nullable {
            let told = before(&|back| back.nullable.is_some()).and_then(|back| back.nullable?.ok());
            let in_key = known.primary_key.as_ref().is_some_and(|key| key.columns.contains(now));
            back.nullable = Some(Ok(told.unwrap_or(!nullable) && !in_key));
        }
        if change.default.is_some()
            && known.column(now).is_some_and(|c| c.default.as_deref() != Some("nextval"))
        {
            let told = before(&|back| back.default.is_some()).and_then(|back| back.default);
            back.default = Some(told.flatten());
        }
        if now != name {
            // Names that the database made keep the column's first name.
            self.rename_keys(table, |own| {
                let rest = own.strip_prefix(&*table.name)?.strip_prefix('_')?.strip_prefix(&**now)?;
                GENERATED.contains(&rest).then(|| format!("{}_{name}{rest}", table.name))
            });
        }
        self.change(Change::AlterColumn(table.clone(), Arc::clone(now), Box::new(back)));
        if let Some(doubt) = doubt
            && let Some(column) =
                self.machine.schema.table_mut(table).and_then(|table| table.column_mut(name))
            && column.ty.is_known()
        {
            column.ty.certainty = Certainty::Family(Arc::from(doubt));
        }
    }

    /// An index that the chain makes was not there, under this name or for the same columns.
    fn unindex(&mut self, known: &Table, spec: &IndexSpec) {
        let named = match &spec.name {
            Given::Name(name) | Given::Final(name) => known
                .indexes
                .iter()
                .find(|index| index.name == *name || index.name == crate::schema::replay::index_name(name)),
            _ => None,
        };
        let same = || {
            known.indexes.iter().find(|index| index.columns == spec.columns && index.unique == spec.unique)
        };
        if let Some(index) = named.or_else(same) {
            self.change(Change::DropIndex(known.name.sibling(&index.name), IF_THERE));
            return;
        }
        // A unique constraint of the models may be a unique index here.
        let unique = known.uniques.iter().find(|unique| spec.unique && unique.columns == spec.columns);
        if let Some(name) = unique.and_then(|unique| unique.name.clone()) {
            let table = known.name.clone();
            self.change(Change::DropConstraint(table, Given::Final(name), ConstraintKind::Any, IF_THERE));
        }
    }

    /// Names that the database made of a table's name keep the name that this had first.
    fn rename_generated(&mut self, table: &Name, to: &str) {
        self.rename_keys(table, |own| {
            let rest = own.strip_prefix(to).filter(|rest| rest.starts_with('_'))?;
            GENERATED.iter().any(|end| rest.ends_with(end)).then(|| format!("{}{rest}", table.name))
        });
    }

    /// Gives keys of the table the names that `to` makes of theirs.
    fn rename_keys(&mut self, table: &Name, to: impl Fn(&str) -> Option<String>) {
        let Some(known) = self.table(table) else { return };
        let keys = known.primary_key.iter().filter_map(|key| key.name.clone());
        let keys = keys.chain(known.uniques.iter().filter_map(|key| key.name.clone()));
        let keys = keys.chain(known.foreign_keys.iter().filter_map(|key| key.name.clone()));
        let renamed: Vec<(Arc<str>, Arc<str>)> =
            keys.filter_map(|name| Some((Arc::clone(&name), Arc::from(to(&name)?)))).collect();
        for (from, to) in renamed {
            self.change(Change::RenameConstraint(table.clone(), from, to));
        }
    }
}

fn is_named(given: &Given, name: &str) -> bool {
    matches!(given, Given::Name(own) | Given::Final(own) if **own == *name)
}

fn given_name(spec: &ConstraintSpec) -> &Given {
    match spec {
        ConstraintSpec::PrimaryKey(key) | ConstraintSpec::Unique(key) => &key.name,
        ConstraintSpec::ForeignKey(key) => &key.name,
        ConstraintSpec::Check(check) => &check.name,
    }
}

/// The constraint with the name under which it is dropped.
fn with_name(mut spec: ConstraintSpec, given: &Given) -> ConstraintSpec {
    let name = match &mut spec {
        ConstraintSpec::PrimaryKey(key) | ConstraintSpec::Unique(key) => &mut key.name,
        ConstraintSpec::ForeignKey(key) => &mut key.name,
        ConstraintSpec::Check(check) => &mut check.name,
    };
    if matches!(given, Given::Name(_) | Given::Final(_)) {
        *name = given.clone();
    }
    spec
}

/// Whether `spec` is what a revision drops under the name `given`.
fn is_dropped(spec: &ConstraintSpec, given: &Given, kind: ConstraintKind) -> bool {
    let of_kind = matches!(
        (spec, kind),
        (_, ConstraintKind::Any)
            | (ConstraintSpec::PrimaryKey(_), ConstraintKind::Primary)
            | (ConstraintSpec::Unique(_), ConstraintKind::Unique)
            | (ConstraintSpec::ForeignKey(_), ConstraintKind::ForeignKey)
            | (ConstraintSpec::Check(_), ConstraintKind::Check)
    );
    of_kind
        && match (given, given_name(spec)) {
            (Given::Name(name) | Given::Final(name), own @ (Given::Name(_) | Given::Final(_))) => {
                is_named(own, name)
            }
            // A foreign key that the downgrade makes without a name has the database's.
            (Given::Name(name) | Given::Final(name), Given::None) => match spec {
                ConstraintSpec::PrimaryKey(_) => kind == ConstraintKind::Primary,
                ConstraintSpec::Unique(key) => names_columns(name, &key.columns, "_key"),
                ConstraintSpec::ForeignKey(key) => names_columns(name, &key.columns, "_fkey"),
                ConstraintSpec::Check(_) => false,
            },
            _ => false,
        }
}

fn names_columns(name: &str, columns: &[Arc<str>], end: &str) -> bool {
    name.ends_with(&format!("_{}{end}", columns.join("_")))
}

/// The name, in the table, of the constraint that `spec` makes: by its name, else by what it says.
fn constraint_in(table: &Table, spec: &ConstraintSpec) -> Option<Arc<str>> {
    let given = match given_name(spec) {
        Given::Name(name) | Given::Final(name) => Some(name),
        Given::None | Given::Unknown(_) => None,
    };
    let all = (table.primary_key.iter().map(|key| &key.name))
        .chain(table.uniques.iter().map(|key| &key.name))
        .chain(table.foreign_keys.iter().map(|key| &key.name))
        .chain(table.checks.iter().map(|check| &check.name));
    let by_name = all.flatten().find(|name| given == Some(name)).cloned();
    by_name.or_else(|| match spec {
        ConstraintSpec::PrimaryKey(_) => table.primary_key.as_ref()?.name.clone(),
        ConstraintSpec::Unique(key) => {
            table.uniques.iter().find(|unique| unique.columns == key.columns)?.name.clone()
        }
        ConstraintSpec::ForeignKey(key) => {
            let same = |other: &&crate::schema::ForeignKey| {
                other.columns == key.columns && other.ref_table == key.ref_table
            };
            table.foreign_keys.iter().find(same)?.name.clone()
        }
        ConstraintSpec::Check(check) => {
            let named = table.checks.iter().find(|known| match (&known.name, given) {
                // A convention may have put more around it.
                (Some(own), Some(name)) => own.ends_with(&**name),
                _ => known.sql.is_some() && known.sql == check.sql,
            });
            named?.name.clone()
        }
    })
}

/// The enum type `name` as the change makes it or needs it.
pub(super) fn enum_in(change: &Change, name: &Name) -> Option<EnumSpec> {
    let of_column = |column: &ColumnSpec| column.ty.as_ref().and_then(|ty| ty.enumeration.clone());
    let found: Vec<EnumSpec> = match change {
        Change::CreateEnum(spec, _) => vec![spec.clone()],
        Change::CreateTable(spec) => spec.columns.iter().filter_map(of_column).collect(),
        Change::AddColumn(_, column, _) => of_column(column).into_iter().collect(),
        Change::AlterColumn(_, _, change) => {
            let types = [&change.ty, &change.existing];
            types.into_iter().flatten().filter_map(|ty| ty.enumeration.clone()).collect()
        }
        _ => Vec::new(),
    };
    found.into_iter().find(|spec| spec.name == *name && spec.labels.is_some())
}
