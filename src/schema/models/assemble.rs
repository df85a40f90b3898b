//! From classes and `Table(…)` calls to tables.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::classes::{Owner, Reader, Root, RootKind};
use super::columns::{Attrs, Homes, home_of, named};
use super::{ModelTable, Models, Target, opaque};
use crate::python::tree;
use crate::schema::effect::{
    Change, ColumnSpec, ConstraintSpec, Effect, EnumCreation, EnumSpec, ForeignKeySpec, IndexSpec, TableSpec,
    TypeSpec,
};
use crate::schema::evaluate::truth;
use crate::schema::fault::FaultKind;
use crate::schema::replay::{Machine, Settings};
use crate::schema::specs::{self, Item};
use crate::schema::state::{ColumnType, Name, Opaque, Place, TableState, Touch};
use crate::schema::value::{Class, Construct, Value};
use crate::text::ByteSpan;
use crate::vcs::RepoPath;

/// What the modules hold.
#[derive(Default)]
pub(super) struct Found {
    pub(super) classes: Vec<Rc<Class>>,
    pub(super) tables: Vec<Rc<Construct>>,
    pub(super) indexes: Vec<Rc<Construct>>,
    unread: Vec<Arc<Opaque>>,
    commented: Vec<(Arc<str>, Place)>,
    /// Spans of statements of modules' own blocks that may declare a table.
    statements: BTreeMap<RepoPath, Vec<ByteSpan>>,
}

impl Found {
    /// Notes the tables of classes that are commented out.
    pub(super) fn commented(&mut self, path: &RepoPath, text: &str) {
        for (at, line) in text.lines().enumerate() {
            let Some(rest) = line.trim_start().strip_prefix('#') else { continue };
            let Some(rest) = rest.trim_start_matches('#').trim_start().strip_prefix("__tablename__") else {
                continue;
            };
            let name = rest.trim_start_matches([' ', '=']).split(['"', '\'']).nth(1);
            let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
            let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
            self.commented.push((Arc::from(name), Place { path: path.clone(), line, ..Place::default() }));
        }
    }

    /// Notes which statements run whenever the module is imported.
    pub(super) fn note_statements(&mut self, path: &RepoPath, module: &tree::Module) {
        use tree::StmtKind as Kind;
        let spans = module.body.iter().filter_map(|statement| match &statement.kind {
            Kind::Class(_) | Kind::Assign(..) | Kind::AnnAssign(..) | Kind::Expr(_) => Some(statement.span),
            _ => None,
        });
        self.statements.insert(path.clone(), spans.collect());
    }

    fn is_unconditional(&self, place: &Place) -> bool {
        self.statements.get(&place.path).is_some_and(|spans| {
            spans.iter().any(|span| span.start <= place.span.start && place.span.end <= span.end)
        })
    }

    /// A file that cannot be read may declare any table.
    pub(super) fn unreadable(&mut self, reason: String, place: Place) {
        self.unread.push(opaque(reason, place, vec![Touch::Anything]));
    }
}

/// One table to make.
struct Entry {
    table: ModelTable,
    source: Source,
    root: Option<Root>,
    /// The schema of its metadata.
    schema: Option<Arc<str>>,
}

enum Source {
    /// A class with those that share its table.
    Class(Rc<Class>, Vec<Rc<Class>>),
    Table(Rc<Construct>),
}

/// Makes the tables of what was found.
pub(super) fn assemble(
    reader: &mut Reader<'_, '_>,
    found: Found,
    target: &Target,
    reached: &BTreeSet<RepoPath>,
    settings: Settings,
) -> Models {
    let mut unread = found.unread.clone();
    let (classes, tables, indexes) = (found.classes.clone(), found.tables.clone(), found.indexes.clone());
    let mut entries = Vec::new();
    let mut sharing: Vec<(Rc<Class>, Rc<Class>)> = Vec::new();
    let mut of_class: BTreeSet<usize> = BTreeSet::new();
    for class in &classes {
        match reader.owner(class) {
            Owner::None => {}
            Owner::Inherits(parent) => sharing.push((topmost(reader, parent), Rc::clone(class))),
            Owner::Unreadable(reason) => {
                let key = reader.root(class).map(|root| root.key);
                if key.is_none_or(|key| target.keys.is_empty() || target.keys.contains(&key)) {
                    let touches = vec![Touch::Anything];
                    unread.push(opaque(
                        format!("class {}: {reason}", class.name()),
                        class.place.clone(),
                        touches,
                    ));
                }
            }
            Owner::Table(table) => {
                of_class.insert(Rc::as_ptr(&table) as usize);
                entries.extend(table_entry(reader, &table, Some(class), target, reached, &mut unread));
            }
            // Since version 3 of Flask-SQLAlchemy a bind has a metadata of its own; before, it shared one.
            Owner::Own(name) if has_bind(reader, class) => {
                let reason = format!("the table {name} belongs to a bind of Flask-SQLAlchemy");
                let touches = vec![Touch::Relation(Name::plain(&name))];
                unread.push(opaque(reason, class.place.clone(), touches));
            }
            Owner::Own(name) => entries.push(class_entry(reader, class, name, reached)),
        }
    }
    for table in &tables {
        if !of_class.contains(&(Rc::as_ptr(table) as usize)) {
            entries.extend(table_entry(reader, table, None, target, reached, &mut unread));
        }
    }
    for (parent, class) in sharing {
        let owner = entries.iter_mut().find_map(|entry| match &mut entry.source {
            Source::Class(owner, more) if Rc::ptr_eq(owner, &parent) => Some(more),
            _ => None,
        });
        if let Some(more) = owner {
            more.push(class);
        }
    }
    let mut models =
        Models { doubt: target.doubt.clone(), commented: found.commented.clone(), ..Models::default() };
    let is_known = !target.keys.is_empty();
    for entry in &mut entries {
        entry.table.unconditional = found.is_unconditional(&entry.table.place);
        entry.table.targeted = !is_known || target.keys.contains(&entry.table.metadata);
    }
    for entry in entries.iter().filter(|entry| entry.table.targeted && !entry.table.unconditional) {
        let (name, place) = (entry.table.name.clone(), entry.table.place.clone());
        unread.push(opaque(
            format!("the table {name} is declared under a test"),
            place,
            vec![Touch::Relation(name)],
        ));
    }
    // Where env.py reaches none of them, something else imports them.
    if !entries.iter().any(|entry| entry.table.targeted && entry.table.reached) {
        models.doubt = models.doubt.or_else(|| {
            (!entries.is_empty())
                .then(|| Arc::from("env.py imports no module that declares tables by itself"))
        });
        entries.iter_mut().for_each(|entry| entry.table.reached = true);
    }
    for key in &target.keys {
        if !key.contains(':') && &**key != "sqlmodel" {
            let reason = format!("{key} is another package's, and its tables are not in the repository");
            unread.push(opaque(reason, Place::default(), vec![Touch::Anything]));
        }
    }
    models.declared = entries.iter().map(|entry| entry.table.clone()).collect();
    models.declared.sort_by(|one, other| one.place.cmp(&other.place));
    build(reader, entries, &indexes, unread, settings, &mut models);
    models
}

/// Whether Flask-SQLAlchemy makes the table of `class` in another database.
fn has_bind(reader: &mut Reader<'_, '_>, class: &Rc<Class>) -> bool {
    reader.root(class).is_some_and(|root| root.kind == RootKind::Flask)
        && reader.line(class).classes.iter().any(|base| {
            let key = base.own("__bind_key__").and_then(|member| member.value);
            key.is_some_and(|key| !key.is_none())
        })
}

/// The class whose table `class` has in the end.
fn topmost(reader: &mut Reader<'_, '_>, class: Rc<Class>) -> Rc<Class> {
    let mut class = class;
    for _ in 0..16 {
        match reader.owner(&class) {
            Owner::Inherits(parent) => class = parent,
            _ => break,
        }
    }
    class
}

fn class_entry(
    reader: &mut Reader<'_, '_>,
    class: &Rc<Class>,
    name: Arc<str>,
    reached: &BTreeSet<RepoPath>,
) -> Entry {
    let root = reader.root(class);
    let schema = root.as_ref().and_then(|root| metadata_schema(reader, root.metadata.as_ref()));
    let (_, options) = table_args(reader, class);
    let stated = options.as_ref().map(|options| option(options, "schema"));
    let own = match stated {
        Some(Some(value)) => specs::schema_of(Some(&value), reader.database),
        _ => schema.clone(),
    };
    let extends = options.as_ref().is_some_and(|options| {
        ["extend_existing", "keep_existing"]
            .iter()
            .any(|name| option(options, name).as_ref().and_then(truth) == Some(true))
    });
    let table = ModelTable {
        name: Name { schema: own, name },
        class: Arc::from(class.name()),
        place: class.place.clone(),
        metadata: root.as_ref().map(|root| Arc::clone(&root.key)).unwrap_or_default(),
        targeted: false,
        unconditional: false,
        reached: reached.contains(&class.place.path),
        extends,
    };
    Entry { table, source: Source::Class(Rc::clone(class), Vec::new()), root, schema }
}

fn table_entry(
    reader: &mut Reader<'_, '_>,
    table: &Rc<Construct>,
    class: Option<&Rc<Class>>,
    target: &Target,
    reached: &BTreeSet<RepoPath>,
    unread: &mut Vec<Arc<Opaque>>,
) -> Option<Entry> {
    let metadata = table.arg(1, "metadata").cloned().unwrap_or(Value::None);
    let known = reader.metadata(&metadata, 0);
    let key = known.as_ref().map(|(key, _)| Arc::clone(key));
    let matters = key.as_ref().is_none_or(|key| target.keys.is_empty() || target.keys.contains(key));
    let Some(name) = table.arg(0, "name").and_then(Value::as_text) else {
        if matters {
            let reason = "the name of a Table(…) is not known without running it";
            unread.push(opaque(reason, table.place.clone(), vec![Touch::Anything]));
        }
        return None;
    };
    let Some(key) = key else {
        let reason = format!("the metadata of the table {name} is not known");
        unread.push(opaque(reason, table.place.clone(), vec![Touch::Relation(Name::plain(&name))]));
        return None;
    };
    let schema = known.and_then(|(_, metadata)| metadata_schema(reader, metadata.as_ref()));
    let own = match table.kwarg("schema") {
        Some(value) => specs::schema_of(Some(value), reader.database),
        None => schema.clone(),
    };
    let flag = |name: &str| table.kwarg(name).and_then(truth) == Some(true);
    let table_model = ModelTable {
        class: class.map_or_else(|| Arc::clone(&name), |class| Arc::from(class.name())),
        name: Name { schema: own, name },
        place: table.place.clone(),
        metadata: key,
        targeted: false,
        unconditional: false,
        reached: reached.contains(&table.place.path),
        extends: flag("extend_existing") || flag("keep_existing"),
    };
    // `Table("name", metadata)` alone looks a table up.
    let is_lookup = table.args.len() <= 2 && class.is_none();
    (!is_lookup && table.kwarg("autoload_with").is_none()).then(|| Entry {
        table: table_model,
        source: Source::Table(Rc::clone(table)),
        root: None,
        schema,
    })
}

fn metadata_schema(reader: &Reader<'_, '_>, metadata: Option<&Rc<Construct>>) -> Option<Arc<str>> {
    specs::schema_of(
        metadata.and_then(|metadata| metadata.arg(0, "schema").filter(|value| value.as_str().is_some())),
        reader.database,
    )
}

/// The items and the options of `__table_args__`.
fn table_args(reader: &mut Reader<'_, '_>, class: &Rc<Class>) -> (Vec<Value>, Option<Value>) {
    let line = reader.line(class);
    for base in &line.classes {
        let is_other = !Rc::ptr_eq(base, class) && !matches!(reader.owner(base), Owner::None);
        if is_other {
            continue;
        }
        let Some(value) = base.own("__table_args__").and_then(|member| member.value) else { continue };
        let value = match value {
            Value::Function(function) => reader.declared(&function, class),
            value => value,
        };
        return match value {
            Value::Dict(_) => (Vec::new(), Some(value)),
            Value::None => (Vec::new(), None),
            value => match value.items() {
                Some(mut items) => {
                    let options = match items.last() {
                        Some(Value::Dict(_)) => items.pop(),
                        _ => None,
                    };
                    (items, options)
                }
                None => (vec![value], None),
            },
        };
    }
    (Vec::new(), None)
}

fn option(options: &Value, name: &str) -> Option<Value> {
    let Value::Dict(items) = options else { return None };
    items.borrow().iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value.clone())
}

/// The parts of a table before its keys are resolved.
struct Made {
    spec: TableSpec,
    place: Place,
    schema: Option<Arc<str>>,
}

fn build(
    reader: &mut Reader<'_, '_>,
    entries: Vec<Entry>,
    indexes: &[Rc<Construct>],
    mut unread: Vec<Arc<Opaque>>,
    settings: Settings,
    models: &mut Models,
) {
    let entries: Vec<Entry> =
        entries.into_iter().filter(|entry| entry.table.targeted && entry.table.reached).collect();
    // First every column's home, as keys and indexes may name columns of any class.
    let mut homes = Homes::default();
    let mut all: Vec<Option<Attrs>> = Vec::new();
    for entry in &entries {
        reader.evaluator.refill();
        all.push(attrs_of(reader, entry));
        let name = &entry.table.name;
        if let Some(attrs) = all.last().and_then(Option::as_ref) {
            for attr in &attrs.columns {
                if let Ok(column) = &attr.column {
                    homes.entry(Rc::as_ptr(column)).or_default().push((name.clone(), attr.column_name()));
                }
            }
        }
        if let Source::Table(table) = &entry.source {
            // The table itself has no name of a column.
            homes.entry(Rc::as_ptr(table)).or_default().push((name.clone(), Arc::from("")));
            for arg in &table.args {
                if let Value::Construct(column) = arg
                    && column.name() == "Column"
                    && let Some(own) = column.args.first().and_then(Value::as_text)
                {
                    homes.entry(Rc::as_ptr(column)).or_default().push((name.clone(), own));
                }
            }
        }
    }
    for entry in &entries {
        if let Source::Class(class, sharing) = &entry.source {
            for class in sharing.iter().chain([class]) {
                reader.tables.insert(Rc::as_ptr(class), entry.table.name.clone());
            }
        }
    }
    let mut made: Vec<Made> = Vec::new();
    let mut used: BTreeSet<usize> = BTreeSet::new();
    for (entry, attrs) in entries.iter().zip(all) {
        reader.evaluator.refill();
        let table = table_of(reader, entry, attrs, &homes, &mut unread, &mut used, models);
        match made.iter_mut().find(|known| known.spec.name == table.spec.name) {
            // Declared again: the first stays, an extension adds its columns.
            Some(known) => {
                let twice = "it is declared more than once";
                known.spec.incomplete.get_or_insert_with(|| Arc::from(twice));
                for column in table.spec.columns {
                    if !known.spec.columns.iter().any(|other| other.name == column.name) {
                        known.spec.columns.push(column);
                    }
                }
            }
            None => made.push(table),
        }
    }
    // `Index(…)`, `UniqueConstraint(…)` beside a class.
    for index in indexes {
        if used.contains(&(Rc::as_ptr(index) as usize)) {
            continue;
        }
        let tables = &reader.tables;
        let home = index.args.iter().find_map(|arg| home_of(arg, &homes, tables, 0));
        let Some(home) = home else { continue };
        let value = named(&Value::Construct(Rc::clone(index)), &home, &homes, 0);
        let Some(table) = made.iter_mut().find(|table| table.spec.name == home) else { continue };
        match specs::item(reader.evaluator, &value, reader.database) {
            Item::Index(index) => table.spec.indexes.push(index),
            Item::Constraint(constraint) => table.spec.constraints.push(constraint),
            _ => _ = models.unread_uniques.insert(home),
        }
    }
    schemas_of_targets(&mut made);
    types_of_keys(&mut made);
    run(made, unread, settings, models);
}

fn attrs_of(reader: &mut Reader<'_, '_>, entry: &Entry) -> Option<Attrs> {
    let Source::Class(class, sharing) = &entry.source else { return None };
    let root = entry.root.as_ref()?;
    let mut attrs = own_attrs(reader, class, root);
    for class in sharing {
        let more = own_attrs(reader, class, root);
        let known: BTreeSet<Arc<str>> = attrs.columns.iter().map(super::columns::Attr::column_name).collect();
        attrs.columns.extend(more.columns.into_iter().filter(|attr| !known.contains(&attr.column_name())));
        attrs.unknown.extend(more.unknown);
    }
    Some(attrs)
}

/// The columns of a class without those of the mapped classes that it inherits.
fn own_attrs(reader: &mut Reader<'_, '_>, class: &Rc<Class>, root: &Root) -> Attrs {
    let line = reader.line(class);
    let mut above: Vec<Rc<Class>> = Vec::new();
    for base in line.classes.iter().skip(1) {
        if !matches!(reader.owner(base), Owner::None) {
            above.extend(reader.line(base).classes);
        }
    }
    let sources: Vec<Rc<Class>> = line
        .classes
        .iter()
        .filter(|base| !above.iter().any(|known| Rc::ptr_eq(known, base)))
        .cloned()
        .collect();
    let mut line = line;
    if !above.is_empty() {
        line.outside.clear();
    }
    reader.attrs(class, &sources, &line, root)
}

fn table_of(
    reader: &mut Reader<'_, '_>,
    entry: &Entry,
    attrs: Option<Attrs>,
    homes: &Homes,
    unread: &mut Vec<Arc<Opaque>>,
    used: &mut BTreeSet<usize>,
    models: &mut Models,
) -> Made {
    let name = entry.table.name.clone();
    let place = entry.table.place.clone();
    let mut loose = Vec::new();
    let mut incomplete: Option<Arc<str>> = None;
    let mut columns: Vec<ColumnSpec> = Vec::new();
    let types = entry.root.as_ref().and_then(|root| root.types.clone());
    let mut attrs_keys = Vec::new();
    let args = match &entry.source {
        Source::Class(class, _) => {
            if let Some(attrs) = attrs {
                attrs_keys.extend(attrs.columns.iter().filter_map(|attr| attr.column.clone().ok()));
                for attr in &attrs.columns {
                    match reader.spec(attr, homes, types.as_ref(), &mut loose) {
                        Ok(column) => columns.push(column),
                        Err(reason) => _ = incomplete.get_or_insert(reason),
                    }
                }
                incomplete = incomplete.or(attrs.unknown.into_iter().next().map(|(reason, _)| reason));
            }
            table_args(reader, class).0
        }
        Source::Table(table) => {
            if let Some(more) = &table.more {
                incomplete = Some(Arc::clone(&more.reason));
            }
            table.args.iter().skip(2).cloned().collect()
        }
    };
    let mut spec = TableSpec { columns, ..TableSpec::new(name) };
    let mut is_unread = false;
    for arg in &args {
        let Value::Construct(construct) = arg else {
            is_unread = true;
            if let Value::Unknown(unknown) = arg {
                incomplete.get_or_insert_with(|| Arc::clone(&unknown.reason));
            }
            continue;
        };
        if matches!(construct.name(), "Index" | "UniqueConstraint") {
            used.insert(Rc::as_ptr(construct) as usize);
        }
        let is_column = matches!(construct.name(), "Column" | "mapped_column");
        if is_column {
            is_unread |= may_be_unique(construct);
            let attr = super::columns::Attr {
                name: construct.args.first().and_then(Value::as_text).unwrap_or_default(),
                column: Ok(Rc::clone(construct)),
                annotation: None,
                place: construct.place.clone(),
            };
            match reader.spec(&attr, homes, None, &mut loose) {
                Ok(column) => spec.columns.push(column),
                Err(reason) => _ = incomplete.get_or_insert(reason),
            }
            continue;
        }
        let value = named(arg, &spec.name, homes, 0);
        match specs::item(reader.evaluator, &value, reader.database) {
            Item::Column(column) => spec.columns.push(*column),
            Item::Constraint(constraint) => spec.constraints.push(constraint),
            Item::Index(index) => spec.indexes.push(index),
            Item::Other => {}
            // What is no column hides none.
            Item::Unknown(_) => is_unread = true,
        }
    }
    if is_unread || attrs_keys.iter().any(|column| may_be_unique(column)) {
        models.unread_uniques.insert(spec.name.clone());
    }
    rename_keys(&mut spec, &keys_of(&args, attrs_keys));
    if let Some(reason) = &incomplete {
        let touches = Vec::new();
        unread.push(opaque(format!("table {}: {reason}", spec.name), place.clone(), touches));
    }
    if !loose.is_empty() {
        models.unread_keys.insert(spec.name.clone());
    }
    for (reason, at) in loose {
        unread.push(opaque(format!("table {}: {reason}", spec.name), at, Vec::new()));
    }
    spec.incomplete = incomplete;
    Made { spec, place, schema: entry.schema.clone() }
}

/// Whether it is not known if the column is unique.
fn may_be_unique(column: &Construct) -> bool {
    column.more.is_some() || column.kwarg("unique").is_some_and(|flag| truth(flag).is_none())
}

/// The keys of columns (`key=`) by which constraints name them, with the names that they have.
fn keys_of(args: &[Value], columns: Vec<Rc<Construct>>) -> BTreeMap<Arc<str>, Arc<str>> {
    let own = args.iter().filter_map(Value::as_construct).filter(|construct| construct.name() == "Column");
    own.chain(columns.iter())
        .filter_map(|column| {
            let key = column.kwarg("key").and_then(Value::as_text)?;
            Some((key, column.arg(0, "name").and_then(Value::as_text)?))
        })
        .collect()
}

fn rename_keys(spec: &mut TableSpec, keys: &BTreeMap<Arc<str>, Arc<str>>) {
    let rename = |names: &mut Vec<Arc<str>>| {
        for name in names.iter_mut() {
            if let Some(real) = keys.get(name) {
                *name = Arc::clone(real);
            }
        }
    };
    if keys.is_empty() {
        return;
    }
    for constraint in &mut spec.constraints {
        match constraint {
            ConstraintSpec::ForeignKey(key) => rename(&mut key.columns),
            ConstraintSpec::Unique(unique) => rename(&mut unique.columns),
            ConstraintSpec::PrimaryKey(key) => rename(&mut key.columns),
            _ => {}
        }
    }
    for index in &mut spec.indexes {
        rename(&mut index.columns);
        index.needs = index.needs.iter().map(|name| keys.get(name).unwrap_or(name).clone()).collect();
    }
}

/// Targets without a schema lie in that of their metadata.
fn schemas_of_targets(made: &mut [Made]) {
    for table in made {
        let Some(schema) = table.schema.clone() else { continue };
        for key in keys_mut(&mut table.spec) {
            key.ref_table.schema.get_or_insert_with(|| Arc::clone(&schema));
        }
    }
}

fn keys_mut(spec: &mut TableSpec) -> impl Iterator<Item = &mut ForeignKeySpec> {
    let of_columns = spec.columns.iter_mut().flat_map(|column| column.foreign_keys.iter_mut());
    let own = spec.constraints.iter_mut().filter_map(|constraint| match constraint {
        ConstraintSpec::ForeignKey(key) => Some(key),
        _ => None,
    });
    of_columns.chain(own)
}

/// A column without a type of its own has that of the column it refers to.
fn types_of_keys(made: &mut [Made]) {
    for _ in 0..10 {
        let mut known: BTreeMap<(Name, Arc<str>), TypeSpec> = BTreeMap::new();
        for table in made.iter() {
            for column in &table.spec.columns {
                if let Some(ty) = &column.ty {
                    known.insert((table.spec.name.clone(), Arc::clone(&column.name)), ty.clone());
                }
            }
        }
        let mut changed = false;
        for table in made.iter_mut() {
            let composite: Vec<ForeignKeySpec> = keys_mut(&mut table.spec).map(|key| key.clone()).collect();
            for column in table.spec.columns.iter_mut().filter(|column| column.ty.is_none()) {
                let target = composite.iter().find_map(|key| {
                    let at = key.columns.iter().position(|own| *own == column.name)?;
                    Some((key.ref_table.clone(), Arc::clone(key.ref_columns.get(at)?)))
                });
                if let Some(ty) = target.and_then(|target| known.get(&target)) {
                    let mut ty = ty.clone();
                    ty.serial = false;
                    column.ty = Some(ty);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    for table in made {
        for column in table.spec.columns.iter_mut().filter(|column| column.ty.is_none()) {
            let reason = match column.foreign_keys.first() {
                Some(key) => format!("its type is that of {}, which is not known", key.ref_table),
                None => "no type is stated".to_owned(),
            };
            column.ty =
                Some(TypeSpec { ty: ColumnType::unknown("", reason), enumeration: None, serial: false });
        }
    }
}

/// The columns of each unique constraint and column of a table.
fn uniques_of(spec: &TableSpec) -> impl Iterator<Item = Vec<Arc<str>>> {
    let constraints = spec.constraints.iter().filter_map(|constraint| match constraint {
        ConstraintSpec::Unique(key) => Some(key.columns.clone()),
        _ => None,
    });
    let columns = spec.columns.iter().filter(|column| column.unique);
    let columns = columns.map(|column| vec![Arc::clone(&column.name)]);
    let is_whole = |index: &&IndexSpec| index.unique && index.condition.is_none();
    let indexes = spec.indexes.iter().filter(is_whole).map(|index| index.columns.clone());
    constraints.chain(columns).chain(indexes)
}

/// Makes the tables, then their foreign keys, as `create_all` sorts them.
fn run(made: Vec<Made>, unread: Vec<Arc<Opaque>>, settings: Settings, models: &mut Models) {
    let mut machine = Machine::new(settings);
    machine.schema.opaque = unread;
    let effect = |change, place: &Place| Effect {
        change,
        place: place.clone(),
        condition: None,
        guarded: false,
        autocommit: false,
    };
    let mut keys: Vec<(Name, ForeignKeySpec)> = Vec::new();
    let mut indexes: Vec<(Name, IndexSpec)> = Vec::new();
    let uniques: Vec<(Name, Vec<Arc<str>>)> = made
        .iter()
        .flat_map(|made| uniques_of(&made.spec).map(|columns| (made.spec.name.clone(), columns)))
        .collect();
    for Made { mut spec, place, .. } in made {
        for column in &mut spec.columns {
            for key in column.foreign_keys.drain(..) {
                keys.push((spec.name.clone(), key));
            }
            if let Some(enumeration) = column.ty.as_ref().and_then(|ty| ty.enumeration.as_ref()) {
                let made = EnumSpec { created: EnumCreation::Explicitly, ..enumeration.clone() };
                machine.apply(&effect(Change::CreateEnum(made, true), &column.place));
            }
        }
        let (foreign, own): (Vec<_>, Vec<_>) = spec
            .constraints
            .drain(..)
            .partition(|constraint| matches!(constraint, ConstraintSpec::ForeignKey(_)));
        spec.constraints = own;
        keys.extend(foreign.into_iter().filter_map(|constraint| match constraint {
            ConstraintSpec::ForeignKey(key) => Some((spec.name.clone(), key)),
            _ => None,
        }));
        indexes.extend(spec.indexes.drain(..).map(|index| (spec.name.clone(), index)));
        machine.apply(&effect(Change::CreateTable(Box::new(spec)), &place));
    }
    for (table, index) in indexes {
        let place = index.place.clone();
        machine.apply(&effect(Change::CreateIndex(table, Box::new(index)), &place));
    }
    for (table, mut key) in keys {
        let place = key.place.clone();
        key.use_alter = false;
        machine
            .apply(&effect(Change::AddConstraint(table, Box::new(ConstraintSpec::ForeignKey(key))), &place));
    }
    // What has a name that is taken is declared all the same.
    let is_there = |(table, columns): &(Name, Vec<Arc<str>>)| {
        machine.schema.table(table).is_none_or(|table| table.is_unique_over(columns))
    };
    models
        .unread_uniques
        .extend(uniques.into_iter().filter(|unique| !is_there(unique)).map(|(table, _)| table));
    models.faults = machine.faults;
    models.faults.retain(|fault| {
        matches!(
            fault.kind,
            FaultKind::TypeMismatch
                | FaultKind::TargetTableMissing
                | FaultKind::TargetColumnMissing
                | FaultKind::TargetNotUnique
        )
    });
    models.schema = machine.schema;
    debug_assert!(models.schema.tables.values().all(|table| table.state != TableState::Opaque));
}
