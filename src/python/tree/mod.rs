//! An owned syntax tree of one Python file: what the schema's readers evaluate.
//!
//! The parser's own tree stays behind `python`; this one can be shared between threads, keeps function
//! and class bodies alive on their own, and is never deeper than [`MAX_DEPTH`], so that whoever walks it
//! needs no stack of its own.

mod read;

use std::sync::Arc;

use crate::text::{ByteSpan, LineIndex};

pub use read::MAX_DEPTH;

/// A parsed file.
#[derive(Debug)]
pub struct Module {
    /// The decoded text; spans are offsets of the file's bytes.
    pub text: Arc<str>,
    /// Its statements.
    pub body: Vec<Stmt>,
    /// Its lines.
    pub lines: LineIndex,
    /// The first thing the parser refused, with its offset; the statements around it are there.
    pub error: Option<(String, u32)>,
}

impl Module {
    /// Reads a file's bytes. Never fails: what cannot be read is absent, and `error` says why.
    pub fn read(bytes: &[u8]) -> Self {
        read::module(bytes)
    }

    /// Line of `span`'s beginning, from 1.
    pub fn line(&self, span: ByteSpan) -> u32 {
        self.lines.line(span.start)
    }

    /// The text of `span`, shortened to `most` characters on one line.
    pub fn excerpt(&self, span: ByteSpan, most: usize) -> String {
        let text = self.text.get(span.range()).unwrap_or_default();
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(most) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }
}

/// A statement.
#[derive(Debug)]
pub struct Stmt {
    /// Its bytes.
    pub span: ByteSpan,
    /// What it does.
    pub kind: StmtKind,
}

/// Kinds of statements.
#[derive(Debug)]
pub enum StmtKind {
    /// An expression on its own.
    Expr(Expr),
    /// `a = b = value`.
    Assign(Vec<Expr>, Expr),
    /// `target: annotation = value`.
    AnnAssign(Expr, Expr, Option<Expr>),
    /// `target op= value`.
    AugAssign(Expr, BinOp, Expr),
    /// `if`, each `elif`, and `else`.
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    /// `for target in iter: body else: orelse`.
    For(Expr, Expr, Vec<Stmt>, Vec<Stmt>),
    /// `while test: body else: orelse`.
    While(Expr, Vec<Stmt>, Vec<Stmt>),
    /// `with a as b, c: body`.
    With(Vec<(Expr, Option<Expr>)>, Vec<Stmt>),
    /// `try` with all its parts.
    Try(Box<Try>),
    /// `return value`.
    Return(Option<Expr>),
    /// `raise value`.
    Raise(Option<Expr>),
    /// `del targets`.
    Delete(Vec<Expr>),
    /// `assert test`.
    Assert(Expr),
    /// `def`.
    Function(Arc<Function>),
    /// `class`.
    Class(Arc<Class>),
    /// `import a.b as c, …`.
    Import(Vec<Alias>),
    /// `from module import a as b, …`; the number of leading dots; `*` is a name.
    ImportFrom(ImportFrom),
    /// `match subject: …`: the subject and all bodies.
    Match(Expr, Vec<Vec<Stmt>>),
    /// `global` and `nonlocal` names.
    Global(Vec<Arc<str>>),
    /// `pass`.
    Pass,
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// Nested deeper than [`MAX_DEPTH`], or nothing that matters here.
    Other,
}

/// The parts of a `try` statement.
#[derive(Debug)]
pub struct Try {
    /// `try:`.
    pub body: Vec<Stmt>,
    /// `except type as name:`.
    pub handlers: Vec<Handler>,
    /// `else:`.
    pub orelse: Vec<Stmt>,
    /// `finally:`.
    pub finally: Vec<Stmt>,
}

/// `except kind as name: body`.
#[derive(Debug)]
pub struct Handler {
    /// The exceptions caught.
    pub kind: Option<Expr>,
    /// The name they are bound to.
    pub name: Option<Arc<str>>,
    /// What is done.
    pub body: Vec<Stmt>,
}

/// `name as asname`.
#[derive(Debug)]
pub struct Alias {
    /// The imported name, dotted for `import`.
    pub name: Arc<str>,
    /// The name it is bound to.
    pub asname: Option<Arc<str>>,
    /// Its bytes.
    pub span: ByteSpan,
}

/// `from .module import names`.
#[derive(Debug)]
pub struct ImportFrom {
    /// The module, dotted, without leading dots; empty for `from . import`.
    pub module: Arc<str>,
    /// The names.
    pub names: Vec<Alias>,
    /// Leading dots.
    pub level: u32,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name; `<lambda>` for a lambda.
    pub name: Arc<str>,
    /// Where the whole definition stands, decorators included.
    pub span: ByteSpan,
    /// Parameters in order, `*` and `**` included.
    pub parameters: Vec<Parameter>,
    /// Its statements; a lambda returns its expression.
    pub body: Vec<Stmt>,
    /// Decorators, the outermost first.
    pub decorators: Vec<Expr>,
    /// The annotation of its result.
    pub returns: Option<Expr>,
    /// Whether it is `async`.
    pub is_async: bool,
    /// Whether it contains `yield`.
    pub is_generator: bool,
}

/// How a parameter takes arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// By position only.
    PositionOnly,
    /// By position or by name.
    Plain,
    /// `*args`.
    Rest,
    /// By name only.
    NameOnly,
    /// `**kwargs`.
    Keywords,
}

/// One parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: Arc<str>,
    /// How it takes arguments.
    pub kind: ParameterKind,
    /// Its default.
    pub default: Option<Expr>,
    /// Its annotation.
    pub annotation: Option<Expr>,
}

/// A class.
#[derive(Debug)]
pub struct Class {
    /// Its name.
    pub name: Arc<str>,
    /// Where the whole definition stands, decorators included.
    pub span: ByteSpan,
    /// Where `class NAME` stands.
    pub name_span: ByteSpan,
    /// Base classes.
    pub bases: Vec<Expr>,
    /// `metaclass=…`, `table=True`.
    pub keywords: Vec<(Option<Arc<str>>, Expr)>,
    /// Its statements.
    pub body: Vec<Stmt>,
    /// Decorators, the outermost first.
    pub decorators: Vec<Expr>,
}

/// An expression.
#[derive(Debug)]
pub struct Expr {
    /// Its bytes.
    pub span: ByteSpan,
    /// What it is.
    pub kind: ExprKind,
}

/// Kinds of expressions.
#[derive(Debug)]
pub enum ExprKind {
    /// `None`.
    None,
    /// `...`.
    Ellipsis,
    /// `True`, `False`.
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// A float.
    Float(f64),
    /// A larger or complex number.
    Number,
    /// A string; adjacent literals are joined.
    Str(Arc<str>),
    /// A bytes literal.
    Bytes(Arc<[u8]>),
    /// An f-string.
    FString(Vec<Piece>),
    /// A name.
    Name(Arc<str>),
    /// `value.name`.
    Attribute(Box<Expr>, Arc<str>),
    /// `value[index]`.
    Subscript(Box<Expr>, Box<Expr>),
    /// `lower:upper:step`.
    Slice(Box<[Option<Expr>; 3]>),
    /// A call.
    Call(Box<Call>),
    /// `(…)`.
    Tuple(Vec<Expr>),
    /// `[…]`.
    List(Vec<Expr>),
    /// `{…}`.
    Set(Vec<Expr>),
    /// `{key: value, **rest}`: a rest has no key.
    Dict(Vec<(Option<Expr>, Expr)>),
    /// `left op right`.
    Binary(Box<Expr>, BinOp, Box<Expr>),
    /// `op value`.
    Unary(UnaryOp, Box<Expr>),
    /// `a and b`, `a or b`.
    Bool2(BoolOp, Vec<Expr>),
    /// `left op right op …`.
    Compare(Box<Expr>, Vec<(CmpOp, Expr)>),
    /// `body if test else orelse`, as test, body, orelse.
    If(Box<[Expr; 3]>),
    /// `lambda`.
    Lambda(Arc<Function>),
    /// A comprehension or generator.
    Comprehension(Box<Comprehension>),
    /// `*value`.
    Starred(Box<Expr>),
    /// `await value`, read as `value`.
    Await(Box<Expr>),
    /// `name := value`.
    Named(Box<Expr>, Box<Expr>),
    /// `yield`, with its value.
    Yield(Option<Box<Expr>>),
    /// Nested deeper than [`MAX_DEPTH`], or nothing that is evaluated.
    Other,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// What is called.
    pub callee: Expr,
    /// Arguments by position, stars included.
    pub args: Vec<Expr>,
    /// Arguments by name; `**rest` has none.
    pub keywords: Vec<(Option<Arc<str>>, Expr)>,
}

impl Call {
    /// The argument called `name`.
    pub fn keyword(&self, name: &str) -> Option<&Expr> {
        self.keywords.iter().find(|(key, _)| key.as_deref() == Some(name)).map(|(_, value)| value)
    }
}

/// A piece of an f-string.
#[derive(Debug)]
pub enum Piece {
    /// Text.
    Text(Arc<str>),
    /// `{value!conversion:format}`.
    Field {
        /// The value.
        value: Expr,
        /// `r` or `a` asks for the representation.
        repr: bool,
        /// The format; `None` where there is none.
        format: Option<Vec<Piece>>,
        /// The text of `{value=}`.
        debug: Option<Arc<str>>,
    },
}

/// What a comprehension builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builds {
    /// `[…]`.
    List,
    /// `{…}`.
    Set,
    /// `{key: value …}`.
    Dict,
    /// `(…)`.
    Generator,
}

/// A comprehension.
#[derive(Debug)]
pub struct Comprehension {
    /// What it builds.
    pub builds: Builds,
    /// The element, or the key.
    pub element: Expr,
    /// The value of a dict comprehension.
    pub value: Option<Expr>,
    /// `for target in iter if conditions`.
    pub generators: Vec<(Expr, Expr, Vec<Expr>)>,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinOp {
    /// `+`.
    Add,
    /// `-`.
    Sub,
    /// `*`.
    Mul,
    /// `/`.
    Div,
    /// `//`.
    FloorDiv,
    /// `%`.
    Mod,
    /// `|`.
    Or,
    /// `&`.
    And,
    /// The others.
    Other,
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `not`.
    Not,
    /// `-`.
    Minus,
    /// `+`.
    Plus,
    /// `~`.
    Invert,
}

/// Boolean operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoolOp {
    /// `and`.
    And,
    /// `or`.
    Or,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CmpOp {
    /// `==`.
    Eq,
    /// `!=`.
    NotEq,
    /// `<`.
    Lt,
    /// `<=`.
    LtE,
    /// `>`.
    Gt,
    /// `>=`.
    GtE,
    /// `is`.
    Is,
    /// `is not`.
    IsNot,
    /// `in`.
    In,
    /// `not in`.
    NotIn,
}

impl Expr {
    /// The name, where this is one.
    pub fn as_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The string, where this is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Str(text) => Some(text),
            _ => None,
        }
    }

    /// `a.b.c` as written, where this is names and dots alone.
    pub fn dotted(&self) -> Option<String> {
        match &self.kind {
            ExprKind::Name(name) => Some(name.to_string()),
            ExprKind::Attribute(value, name) => Some(format!("{}.{name}", value.dotted()?)),
            _ => None,
        }
    }
}
