//! The values of the evaluator: Python's own where they are known, constructs of libraries as they were
//! called, and [`Unknown`] with a reason for everything else.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::evaluate::Asked;
use super::state::Place;
use crate::python::tree;
use crate::vcs::RepoPath;

/// A list, set or dict: shared by whoever holds it, as in Python.
pub type Shared<T> = Rc<RefCell<T>>;

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// `None`.
    None,
    /// `...`.
    Ellipsis,
    /// `True`, `False`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(Arc<str>),
    /// A string of which some pieces are not known.
    Text(Rc<[TextPiece]>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A tuple.
    Tuple(Rc<[Value]>),
    /// A list; generators are lists, too.
    List(Shared<Vec<Value>>),
    /// A set, in the order of insertion.
    Set(Shared<Vec<Value>>),
    /// A dict, in the order of insertion.
    Dict(Shared<Vec<(Value, Value)>>),
    /// Something of a library, by its dotted name: `sqlalchemy.Column`.
    External(Arc<str>),
    /// What calling something of a library gave: `sqlalchemy.Column("id", …)`.
    Construct(Rc<Construct>),
    /// An attribute of a construct: a method that was not called yet, or data.
    Attribute(Rc<(Value, Arc<str>)>),
    /// A function of the repository.
    Function(Rc<Function>),
    /// A class of the repository.
    Class(Rc<Class>),
    /// An instance of such a class.
    Instance(Rc<Instance>),
    /// A member of an `enum.Enum` class of the repository.
    Member(Rc<EnumMember>),
    /// A method with its receiver.
    Bound(Rc<(Value, Value)>),
    /// A method of a built-in value: the receiver and the name.
    Method(Rc<(Value, Arc<str>)>),
    /// A module of the repository.
    Module(Rc<Module>),
    /// A name that an `import` bound and nobody has used yet.
    Import(Rc<Import>),
    /// A built-in function or class by its name.
    Builtin(&'static str),
    /// The rows that a query gives.
    Rows(Rc<Rows>),
    /// Not known.
    Unknown(Rc<Unknown>),
}

/// A piece of a text that is known in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextPiece {
    /// Known text.
    Known(Arc<str>),
    /// An unknown piece.
    Hole(Rc<Unknown>),
}

/// Why a value is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// One sentence without a full stop.
    pub reason: Arc<str>,
    /// Where it arose.
    pub place: Place,
}

/// What was called of a library.
#[derive(Clone, Debug)]
pub enum Callee {
    /// A dotted name: `sqlalchemy.Column`.
    Path(Arc<str>),
    /// A method of a value: `sa.String().with_variant`.
    Method(Value, Arc<str>),
}

/// A call of something of a library, kept as it was written.
#[derive(Debug)]
pub struct Construct {
    /// What was called.
    pub callee: Callee,
    /// Arguments by position.
    pub args: Vec<Value>,
    /// Arguments by name.
    pub kwargs: Vec<(Arc<str>, Value)>,
    /// An argument list that is not known in full: `*unknown`, `**unknown`.
    pub more: Option<Rc<Unknown>>,
    /// Where it is written.
    pub place: Place,
    /// Attributes that were set later.
    pub attributes: RefCell<Vec<(Arc<str>, Value)>>,
}

impl Construct {
    /// The dotted name, where a library's own name was called.
    pub fn path(&self) -> Option<&str> {
        match &self.callee {
            Callee::Path(path) => Some(path),
            Callee::Method(..) => None,
        }
    }

    /// The last component of the name called.
    pub fn name(&self) -> &str {
        match &self.callee {
            Callee::Path(path) => last_component(path),
            Callee::Method(_, name) => name,
        }
    }

    /// The argument called `name`.
    pub fn kwarg(&self, name: &str) -> Option<&Value> {
        self.kwargs.iter().find(|(key, _)| **key == *name).map(|(_, value)| value)
    }

    /// The argument at `position`, or the one called `name`.
    pub fn arg(&self, position: usize, name: &str) -> Option<&Value> {
        self.args.get(position).or_else(|| self.kwarg(name))
    }
}

/// `c` of `a.b.c`.
pub fn last_component(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// A function with what it closes over.
pub struct Function {
    /// Its definition.
    pub definition: Arc<tree::Function>,
    /// The module whose globals it uses.
    pub module: Rc<Module>,
    /// The names of the function around it.
    pub enclosing: Option<Rc<Scope>>,
    /// Defaults of its parameters, by the parameter's position.
    pub defaults: Vec<Option<Value>>,
    /// The class it was defined in.
    pub owner: RefCell<Option<Rc<Class>>>,
    /// Decorators as values, the outermost first.
    pub decorators: Vec<Value>,
}

/// A class. Its body is evaluated when it is defined.
pub struct Class {
    /// Its definition.
    pub definition: Arc<tree::Class>,
    /// The module it was defined in.
    pub module: Rc<Module>,
    /// Its bases.
    pub bases: Vec<Value>,
    /// `metaclass=…`, `table=True`.
    pub keywords: Vec<(Arc<str>, Value)>,
    /// Its attributes in order, those without a value included; a later one of the same name wins.
    pub members: RefCell<Vec<ClassMember>>,
    /// Where `class NAME` stands.
    pub place: Place,
    /// Whether it is an `enum.Enum`.
    pub is_enum: Cell<bool>,
}

/// One attribute of a class.
#[derive(Clone, Debug)]
pub struct ClassMember {
    /// Its name.
    pub name: Arc<str>,
    /// Its value; `None` for a bare annotation.
    pub value: Option<Value>,
    /// Whether it is annotated: the annotation is an expression of `statement`'s file.
    pub annotated: bool,
    /// Where the statement stands.
    pub place: Place,
}

impl Class {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// The member of this class itself, not of its bases.
    pub fn own(&self, name: &str) -> Option<ClassMember> {
        self.members.borrow().iter().rev().find(|member| *member.name == *name).cloned()
    }

    /// The annotation of `name` in this class.
    pub fn annotation(&self, name: &str) -> Option<&tree::Expr> {
        self.definition.body.iter().rev().find_map(|statement| match &statement.kind {
            tree::StmtKind::AnnAssign(target, annotation, _) if target.as_name() == Some(name) => {
                Some(annotation)
            }
            _ => None,
        })
    }

    /// The classes among its bases.
    pub fn base_classes(&self) -> impl Iterator<Item = &Rc<Class>> {
        self.bases.iter().filter_map(|base| match base {
            Value::Class(class) => Some(class),
            _ => None,
        })
    }
}

/// An instance of a class of the repository.
pub struct Instance {
    /// Its class.
    pub class: Rc<Class>,
    /// Its attributes.
    pub attributes: RefCell<Vec<(Arc<str>, Value)>>,
    /// The arguments that it was made with, where its class has no `__init__` that could be read.
    pub construct: Rc<Construct>,
}

/// A member of an enum class.
pub struct EnumMember {
    /// The class.
    pub class: Rc<Class>,
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Value,
}

/// A module of the repository.
pub struct Module {
    /// Its file.
    pub path: RepoPath,
    /// Its dotted name, where it was imported by one.
    pub dotted: RefCell<Arc<str>>,
    /// Its text and tree.
    pub tree: Arc<tree::Module>,
    /// Its names.
    pub scope: Rc<Scope>,
    /// The modules whose names it takes with `*`.
    pub stars: RefCell<Vec<Value>>,
    /// What was asked of the tree to evaluate it.
    pub asked: RefCell<Vec<Asked>>,
    /// Every class that its code defined, also where a later one took the name.
    pub classes: RefCell<Vec<Rc<Class>>>,
}

/// Names and their values.
#[derive(Default)]
pub struct Scope {
    /// The names.
    pub names: RefCell<FxHashMap<Arc<str>, Value>>,
    /// The scope around it; `None` for a module's.
    pub parent: Option<Rc<Scope>>,
}

impl Scope {
    /// What `name` is bound to in this scope alone.
    pub fn own(&self, name: &str) -> Option<Value> {
        self.names.borrow().get(name).cloned()
    }

    /// Binds `name`.
    pub fn set(&self, name: Arc<str>, value: Value) {
        self.names.borrow_mut().insert(name, value);
    }
}

/// A name that an `import` statement bound.
#[derive(Debug)]
pub struct Import {
    /// The module's dotted name, absolute.
    pub module: Arc<str>,
    /// The file or directory that holds it.
    pub path: RepoPath,
    /// The name imported of it; `None` for the module itself.
    pub name: Option<Arc<str>>,
}

/// What a query gives.
#[derive(Debug, Default)]
pub struct Rows {
    /// Column names, where they are known.
    pub columns: Vec<Arc<str>>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
    /// Which part of a result this is.
    pub shape: Shape,
}

/// Parts of a query's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Shape {
    /// All rows.
    #[default]
    Result,
    /// The first column of all rows.
    Scalars,
    /// One row.
    Row,
}

impl Value {
    /// A string.
    pub fn str(text: impl AsRef<str>) -> Self {
        Self::Str(Arc::from(text.as_ref()))
    }

    /// A new list.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Rc::new(RefCell::new(items)))
    }

    /// A new tuple.
    pub fn tuple(items: Vec<Value>) -> Self {
        Self::Tuple(Rc::from(items))
    }

    /// A new dict.
    pub fn dict(items: Vec<(Value, Value)>) -> Self {
        Self::Dict(Rc::new(RefCell::new(items)))
    }

    /// An unknown value.
    pub fn unknown(reason: impl AsRef<str>, place: Place) -> Self {
        Self::Unknown(Rc::new(Unknown { reason: Arc::from(reason.as_ref()), place }))
    }

    /// The string, where this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The string of a string or of an enum member that is one (`class X(str, Enum)`).
    pub fn as_text(&self) -> Option<Arc<str>> {
        match self {
            Self::Str(text) => Some(Arc::clone(text)),
            Self::Member(member) => member.value.as_text(),
            _ => None,
        }
    }

    /// Whether this is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The construct, where this is one.
    pub fn as_construct(&self) -> Option<&Rc<Construct>> {
        match self {
            Self::Construct(construct) => Some(construct),
            _ => None,
        }
    }

    /// The items of a list, tuple or set, or the keys of a dict.
    pub fn items(&self) -> Option<Vec<Value>> {
        match self {
            Self::List(items) | Self::Set(items) => Some(items.borrow().clone()),
            Self::Tuple(items) => Some(items.to_vec()),
            Self::Dict(items) => Some(items.borrow().iter().map(|(key, _)| key.clone()).collect()),
            _ => None,
        }
    }

    /// Why this is not known, where it is not.
    pub fn reason(&self) -> Option<&Rc<Unknown>> {
        match self {
            Self::Unknown(unknown) => Some(unknown),
            Self::Text(pieces) => pieces.iter().find_map(|piece| match piece {
                TextPiece::Hole(unknown) => Some(unknown),
                TextPiece::Known(_) => None,
            }),
            _ => None,
        }
    }
}

macro_rules! named {
    ($($kind:ident => |$this:ident| $name:expr),* $(,)?) => {
        $(impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $this = self;
                write!(f, concat!(stringify!($kind), "({})"), $name)
            }
        })*
    };
}

// These refer to each other in circles.
named! {
    Function => |this| this.definition.name,
    Class => |this| this.definition.name,
    Instance => |this| this.class.definition.name,
    EnumMember => |this| this.name,
    Module => |this| this.path,
    Scope => |this| this.names.borrow().len(),
}
