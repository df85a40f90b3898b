//! Classes: their order of inheritance, the declarative base they stand on, the table they have.

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::host::is_flask;
use super::{Target, convention, library};
use crate::python::tree::ExprKind;
use crate::schema::evaluate::{Arguments, Evaluator, truth};
use crate::schema::state::{Name, Place};
use crate::schema::types::Database;
use crate::schema::value::{Callee, Class, Construct, Function, Value, last_component};
use crate::vcs::RepoPath;

/// Bases are followed so deep.
const MAX_BASES: usize = 24;

/// Reads classes with an evaluator.
pub(super) struct Reader<'e, 'a> {
    pub(super) evaluator: &'e mut Evaluator<'a>,
    pub(super) database: Database,
    owners: FxHashMap<*const Class, Owner>,
    /// The tables of classes, once they are known.
    pub(super) tables: FxHashMap<*const Class, Name>,
}

/// The declarative base that a class stands on.
#[derive(Clone, Debug)]
pub(super) struct Root {
    /// What tells its metadata from others.
    pub(super) key: Arc<str>,
    /// Its `MetaData(…)`, where one is stated.
    pub(super) metadata: Option<Rc<Construct>>,
    /// A class that every class on it inherits.
    pub(super) common: Option<Rc<Class>>,
    pub(super) kind: RootKind,
    /// `type_annotation_map`.
    pub(super) types: Option<Value>,
}

/// Kinds of declarative bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RootKind {
    Plain,
    /// Flask-SQLAlchemy names tables by their classes.
    Flask,
    SqlModel,
}

/// What table a class has.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// None: a mixin, an abstract base, or no model at all.
    None,
    /// Its own, by this name.
    Own(Arc<str>),
    /// Its own, a `Table(…)`.
    Table(Rc<Construct>),
    /// That of the class it inherits.
    Inherits(Rc<Class>),
    /// One whose name is not known.
    Unreadable(Arc<str>),
}

/// All classes that a class inherits, itself first, and the bases that are not the repository's.
#[derive(Clone, Default)]
pub(super) struct Line {
    pub(super) classes: Vec<Rc<Class>>,
    pub(super) outside: Vec<Value>,
}

impl<'e, 'a> Reader<'e, 'a> {
    pub(super) fn new(evaluator: &'e mut Evaluator<'a>, database: Database) -> Self {
        Self { evaluator, database, owners: FxHashMap::default(), tables: FxHashMap::default() }
    }

    /// What `target_metadata` in the file `env` is.
    pub(super) fn target(&mut self, env: &RepoPath) -> Target {
        let unknown = |reason: &str| Target { doubt: Some(Arc::from(reason)), ..Target::default() };
        let Some(module) = self.evaluator.module(env) else { return unknown("there is no env.py") };
        let Some(value) = self.evaluator.lookup(&module, "target_metadata") else {
            return unknown("env.py binds no target_metadata");
        };
        let values = match &value {
            Value::List(items) => items.borrow().clone(),
            Value::Tuple(items) => items.to_vec(),
            _ => vec![value.clone()],
        };
        let mut target = Target::default();
        for value in &values {
            match self.metadata(value, 0) {
                Some((key, metadata)) => {
                    target.keys.insert(key);
                    let named = metadata.and_then(|metadata| metadata.kwarg("naming_convention").cloned());
                    target.naming = target.naming.or_else(|| named.as_ref().and_then(convention));
                }
                None if value.is_none() => {}
                None => target.doubt = Some(Arc::from("what target_metadata is cannot be read")),
            }
        }
        if target.keys.is_empty() && target.doubt.is_none() {
            target.doubt = Some(Arc::from("target_metadata is None"));
        }
        target
    }

    /// The key and the construct of the metadata that a value is.
    pub(super) fn metadata(
        &mut self,
        value: &Value,
        depth: usize,
    ) -> Option<(Arc<str>, Option<Rc<Construct>>)> {
        if depth > MAX_BASES {
            return None;
        }
        match value {
            Value::Construct(construct) if construct.name() == "MetaData" => {
                Some((key(&construct.place), Some(Rc::clone(construct))))
            }
            Value::External(path) if path.starts_with("sqlmodel.") && path.ends_with(".metadata") => {
                Some((Arc::from("sqlmodel"), None))
            }
            Value::External(path) if path.ends_with(".metadata") => Some((Arc::clone(path), None)),
            Value::Attribute(attribute) if &*attribute.1 == "metadata" => match &attribute.0 {
                Value::Class(class) => {
                    let root = self.root(&Rc::clone(class))?;
                    Some((root.key, root.metadata))
                }
                owner => {
                    let root = self.root_of(owner, depth + 1)?;
                    Some((root.key, root.metadata))
                }
            },
            Value::Unknown(_) => None,
            _ => None,
        }
    }

    /// The declarative base of a class.
    pub(super) fn root(&mut self, class: &Rc<Class>) -> Option<Root> {
        self.class_root(class, 0)
    }

    fn class_root(&mut self, class: &Rc<Class>, depth: usize) -> Option<Root> {
        if depth > MAX_BASES {
            return None;
        }
        let is_declared = |base: &Value| match base {
            Value::External(path) => {
                matches!(last_component(path), "DeclarativeBase" | "DeclarativeBaseNoMeta")
            }
            _ => false,
        };
        if class.bases.iter().any(is_declared) {
            return Some(self.own_root(class, depth));
        }
        if let Some(root) = self.decorated_root(class, depth) {
            return Some(root);
        }
        let bases = class.bases.clone();
        let mut root = bases.iter().find_map(|base| match base {
            Value::Class(base) => self.class_root(base, depth + 1),
            base => self.root_of(base, depth + 1),
        })?;
        // `metadata = …` on an abstract base in between.
        if let Some(member) = class.own("metadata").and_then(|member| member.value)
            && let Some((key, metadata)) = self.metadata(&member, depth + 1)
        {
            root.key = key;
            root.metadata = metadata;
        }
        Some(root)
    }

    /// The root that a decorator gives a class: `@as_declarative()`, and a registry's `mapped` and the like.
    fn decorated_root(&mut self, class: &Rc<Class>, depth: usize) -> Option<Root> {
        let definition = Arc::clone(&class.definition);
        definition.decorators.iter().find_map(|decorator| {
            let callee = match &decorator.kind {
                ExprKind::Call(call) => &call.callee,
                _ => decorator,
            };
            let dotted = callee.dotted()?;
            match (last_component(&dotted), &callee.kind) {
                ("as_declarative", _) => Some(self.own_root(class, depth)),
                ("mapped" | "mapped_as_dataclass" | "as_declarative_base", ExprKind::Attribute(owner, _)) => {
                    let registry = self.evaluator.expression(&class.module, owner);
                    self.root_of(&registry, depth + 1)
                }
                _ => None,
            }
        })
    }

    /// Whether a class is a declarative base itself: it has no table, and what it states its classes inherit.
    fn is_base(class: &Rc<Class>) -> bool {
        let declared = class.bases.iter().any(|base| match base {
            Value::External(path) => last_component(path) == "DeclarativeBase",
            _ => false,
        });
        declared
            || class.definition.decorators.iter().any(|decorator| {
                let callee = match &decorator.kind {
                    ExprKind::Call(call) => &call.callee,
                    _ => decorator,
                };
                let dotted = callee.dotted().unwrap_or_default();
                matches!(last_component(&dotted), "as_declarative" | "as_declarative_base")
            })
    }

    /// The root that a class on `DeclarativeBase` is.
    fn own_root(&mut self, class: &Rc<Class>, depth: usize) -> Root {
        let mut root = Root {
            key: key(&class.place),
            metadata: None,
            common: None,
            kind: RootKind::Plain,
            types: class.own("type_annotation_map").and_then(|member| member.value),
        };
        let registry = class.own("registry").and_then(|member| member.value);
        let stated = class.own("metadata").and_then(|member| member.value);
        let registry_argument = |name: &str| {
            registry
                .as_ref()
                .and_then(Value::as_construct)
                .and_then(|construct| construct.kwarg(name))
                .cloned()
        };
        let stated = stated.or_else(|| registry_argument("metadata"));
        root.types = root.types.take().or_else(|| registry_argument("type_annotation_map"));
        if let Some((key, metadata)) = stated.and_then(|stated| self.metadata(&stated, depth + 1)) {
            root.key = key;
            root.metadata = metadata;
        }
        root
    }

    /// The root that a base which is no class of the repository is.
    pub(super) fn root_of(&mut self, base: &Value, depth: usize) -> Option<Root> {
        if depth > MAX_BASES {
            return None;
        }
        let plain = |key: Arc<str>, kind| Root { key, metadata: None, common: None, kind, types: None };
        match base {
            Value::Class(class) => self.class_root(&Rc::clone(class), depth + 1),
            Value::External(path) if path.starts_with("sqlmodel") && last_component(path) == "SQLModel" => {
                Some(plain(Arc::from("sqlmodel"), RootKind::SqlModel))
            }
            Value::Construct(construct) => {
                let name = construct.name();
                let makes = matches!(name, "declarative_base" | "automap_base" | "generate_base");
                let is_registry = name == "registry";
                if !makes && !is_registry && !is_flask(base) {
                    return None;
                }
                let kind = if is_flask(base) { RootKind::Flask } else { RootKind::Plain };
                let mut root = plain(key(&construct.place), kind);
                root.types = construct.kwarg("type_annotation_map").cloned();
                let mut stated = construct.kwarg("metadata").cloned();
                if let Callee::Method(registry @ Value::Construct(_), _) = &construct.callee {
                    let inner = self.root_of(&registry.clone(), depth + 1);
                    root = inner.unwrap_or(root);
                }
                let common = construct.kwarg("cls").or(construct.kwarg("model_class"));
                if let Some(Value::Class(common)) = common {
                    let of_class = self.class_root(common, depth + 1);
                    root.types =
                        root.types.take().or_else(|| of_class.as_ref().and_then(|root| root.types.clone()));
                    if let (None, Some(of_class)) = (&stated, of_class)
                        && of_class.metadata.is_some()
                    {
                        root.metadata = of_class.metadata.clone();
                    }
                    if stated.is_none() {
                        stated = common.own("metadata").and_then(|member| member.value);
                    }
                    root.common = Some(Rc::clone(common));
                }
                if let Some((key, metadata)) = stated.and_then(|stated| self.metadata(&stated, depth + 1)) {
                    // Flask-SQLAlchemy's own place stays the key: `db.metadata` leads there, too.
                    root.key = key;
                    root.metadata = metadata;
                }
                Some(root)
            }
            // `db.Model`.
            Value::Attribute(attribute) if &*attribute.1 == "Model" && is_flask(&attribute.0) => {
                self.root_of(&attribute.0.clone(), depth + 1)
            }
            Value::Instance(instance) if is_flask(base) => {
                let made = Rc::clone(&instance.construct);
                let mut root = plain(key(&made.place), RootKind::Flask);
                let stated = made.kwarg("metadata").cloned();
                if let Some((key, metadata)) = stated.and_then(|stated| self.metadata(&stated, depth + 1)) {
                    root.key = key;
                    root.metadata = metadata;
                }
                Some(root)
            }
            _ => None,
        }
    }

    /// Python's order of the classes that `class` inherits; where that is contradictory, depth first.
    pub(super) fn line(&mut self, class: &Rc<Class>) -> Line {
        let mut line = Line::default();
        self.linearize(class, 0, &mut line);
        // What comes again comes last.
        let mut kept: Vec<Rc<Class>> = Vec::new();
        for class in line.classes.iter().rev() {
            if !kept.iter().any(|known| Rc::ptr_eq(known, class)) {
                kept.push(Rc::clone(class));
            }
        }
        kept.reverse();
        line.classes = kept;
        if let Some(common) = self.root(class).and_then(|root| root.common)
            && !line.classes.iter().any(|known| Rc::ptr_eq(known, &common))
        {
            self.linearize(&common, 0, &mut line);
        }
        line
    }

    fn linearize(&mut self, class: &Rc<Class>, depth: usize, line: &mut Line) {
        if depth > MAX_BASES || line.classes.len() > 400 {
            return;
        }
        line.classes.push(Rc::clone(class));
        for base in &class.bases {
            match base {
                Value::Class(base) => self.linearize(base, depth + 1, line),
                // `Generic[T]`, `Base[int]`.
                Value::Construct(construct) => match &construct.callee {
                    Callee::Method(Value::Class(base), name) if &**name == "__getitem__" => {
                        self.linearize(base, depth + 1, line);
                    }
                    Callee::Method(owner, name) if &**name == "__getitem__" => {
                        line.outside.push(owner.clone())
                    }
                    _ => line.outside.push(base.clone()),
                },
                base => line.outside.push(base.clone()),
            }
        }
    }

    /// What table `class` has.
    pub(super) fn owner(&mut self, class: &Rc<Class>) -> Owner {
        if let Some(known) = self.owners.get(&Rc::as_ptr(class)) {
            return known.clone();
        }
        // Circles of bases end here.
        self.owners.insert(Rc::as_ptr(class), Owner::None);
        let owner = self.find_owner(class);
        self.owners.insert(Rc::as_ptr(class), owner.clone());
        owner
    }

    fn find_owner(&mut self, class: &Rc<Class>) -> Owner {
        let is_abstract = class.own("__abstract__").and_then(|member| member.value);
        if is_abstract.as_ref().and_then(truth) == Some(true) {
            return Owner::None;
        }
        if Self::is_base(class) {
            return Owner::None;
        }
        let Some(root) = self.root(class) else { return self.rootless(class) };
        let line = self.line(class);
        if root.kind == RootKind::SqlModel {
            let keyword = class.keywords.iter().find(|(name, _)| &**name == "table").map(|(_, value)| value);
            match keyword.map(truth) {
                Some(Some(true)) => {}
                _ => return Owner::None,
            }
        }
        let parent = line.classes.iter().skip(1).find(|base| !matches!(self.owner(base), Owner::None));
        let parent = parent.cloned();
        let above: Vec<Rc<Class>> = match &parent {
            Some(parent) => self.line(parent).classes,
            None => Vec::new(),
        };
        let is_above = |class: &Rc<Class>| above.iter().any(|known| Rc::ptr_eq(known, class));
        if let Some(table) = class.own("__table__").and_then(|member| member.value) {
            return match table {
                Value::Construct(table) if table.name() == "Table" => Owner::Table(table),
                _ => Owner::Unreadable(Arc::from("its __table__ is not known")),
            };
        }
        for base in &line.classes {
            let Some(member) = base.own("__tablename__") else { continue };
            let value = match member.value {
                // A function of a mixin names each class; a plain name of a mapped parent is the parent's.
                Some(Value::Function(function)) => self.declared(&function, class),
                Some(_) if is_above(base) => break,
                Some(value) => value,
                None => continue,
            };
            return match value {
                Value::None => match parent {
                    Some(parent) => Owner::Inherits(parent),
                    None => Owner::None,
                },
                value => match value.as_text() {
                    Some(name) => Owner::Own(name),
                    None => Owner::Unreadable(match value.reason() {
                        Some(unknown) => Arc::clone(&unknown.reason),
                        None => Arc::from("its __tablename__ is not known without running it"),
                    }),
                },
            };
        }
        if root.kind == RootKind::SqlModel {
            return match parent {
                Some(parent) => Owner::Inherits(parent),
                None => Owner::Own(Arc::from(class.name().to_lowercase())),
            };
        }
        if let Some(parent) = parent {
            // A key of its own makes Flask-SQLAlchemy join tables.
            let own: Vec<_> = line.classes.iter().filter(|class| !is_above(class)).cloned().collect();
            return match root.kind == RootKind::Flask && has_key(&own) {
                true => Owner::Own(Arc::from(snake_case(class.name()))),
                false => Owner::Inherits(parent),
            };
        }
        for base in &line.outside {
            match base {
                Value::External(path) => {
                    if let Some(table) = library::base(path).and_then(|base| base.table) {
                        return Owner::Own(Arc::from(table));
                    }
                }
                Value::Unknown(unknown) => {
                    return Owner::Unreadable(Arc::from(format!(
                        "one of its bases is not known: {}",
                        unknown.reason
                    )));
                }
                _ => {}
            }
        }
        match root.kind {
            RootKind::Flask if has_key(&line.classes) => Owner::Own(Arc::from(snake_case(class.name()))),
            _ => Owner::None,
        }
    }

    /// A class on no declarative base that is known: where it names a table, it may be one.
    fn rootless(&mut self, class: &Rc<Class>) -> Owner {
        let Some(member) = class.own("__tablename__").and_then(|member| member.value) else {
            return Owner::None;
        };
        let unknown = class.bases.iter().any(|base| matches!(base, Value::Unknown(_) | Value::Attribute(_)))
            || class.bases.iter().any(|base| match base {
                Value::External(path) => library::base(path).is_none(),
                _ => false,
            });
        match (unknown, member.as_text()) {
            (true, Some(name)) => {
                Owner::Unreadable(Arc::from(format!("the base of the class of table {name} is not known")))
            }
            (true, None) => Owner::Unreadable(Arc::from("its base and its table name are not known")),
            (false, _) => Owner::None,
        }
    }

    /// What a `declared_attr` gives for `class`.
    pub(super) fn declared(&mut self, function: &Rc<Function>, class: &Rc<Class>) -> Value {
        let arguments = Arguments { args: vec![Value::Class(Rc::clone(class))], ..Arguments::default() };
        self.evaluator.call(&Value::Function(Rc::clone(function)), arguments, &class.place.clone())
    }
}

/// Flask-SQLAlchemy names the table of a class that has a primary key.
fn has_key(classes: &[Rc<Class>]) -> bool {
    classes.iter().any(|class| {
        class.members.borrow().iter().any(|member| match &member.value {
            Some(Value::Construct(construct)) => construct.kwarg("primary_key").and_then(truth) == Some(true),
            _ => false,
        })
    })
}

/// `path:line` of what makes a metadata.
fn key(place: &Place) -> Arc<str> {
    Arc::from(format!("{}:{}", place.path, place.line))
}

/// Whether a function is `@declared_attr`, in any of its forms.
pub(super) fn is_declared_attr(function: &Function) -> bool {
    function.decorators.iter().any(|decorator| match decorator {
        Value::External(path) => path.split('.').any(|part| part == "declared_attr"),
        Value::Construct(construct) => construct.path().is_some_and(|path| path.contains("declared_attr")),
        _ => false,
    })
}

/// Flask-SQLAlchemy's table name of a class.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut made = String::new();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let after = chars.get(at + 1);
        let starts = c.is_uppercase()
            && before.is_some_and(|before| {
                before != '_' && (!before.is_uppercase() || after.is_some_and(|after| after.is_lowercase()))
            });
        if starts {
            made.push('_');
        }
        made.extend(c.to_lowercase());
    }
    made
}
