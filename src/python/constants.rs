//! The constants that a module assigns at its top level.
//!
//! What cannot be known by reading (imports, calls, values that depend on a condition) is
//! [`Binding::Unknown`], with the expression; nothing is guessed.

use std::collections::HashMap;

use ruff_python_ast::{Expr, FStringPart, InterpolatedStringElement, Number, Operator, Stmt, UnaryOp};
use ruff_text_size::{Ranged as _, TextRange};

use crate::text::ByteSpan;

/// Nested statements and expressions below this depth are not looked at.
const MAX_DEPTH: usize = 40;

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Const {
    /// `None`.
    None,
    /// A string, and its literal's place (or that of the expression that gives it).
    Text(String, ByteSpan),
    /// A number or a truth value, as written.
    Other(String),
    /// `(…)`.
    Tuple(Vec<Const>),
    /// `[…]`.
    List(Vec<Const>),
    /// `{…}`.
    Set(Vec<Const>),
}

/// What a name is bound to at the end of the module.
#[derive(Clone, Debug)]
pub enum Binding {
    /// A literal.
    Literal(Const, ByteSpan),
    /// An expression over constants of the same file.
    Folded(Const, ByteSpan),
    /// Anything else.
    Unknown(ByteSpan),
}

impl Binding {
    fn constant(&self) -> Option<&Const> {
        match self {
            Self::Literal(value, _) | Self::Folded(value, _) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

/// A module's top-level names.
#[derive(Debug, Default)]
pub struct Constants<'a> {
    bindings: HashMap<&'a str, Binding>,
}

/// A parser range as bytes of the file.
pub fn span(range: TextRange) -> ByteSpan {
    ByteSpan::new(range.start().into(), range.end().into())
}

impl<'a> Constants<'a> {
    /// Reads `body`, the last assignment winning. Assignments inside `try` and `with` count,
    /// those under a condition or in a loop leave the name unknown.
    pub fn of(body: &'a [Stmt]) -> Self {
        let mut this = Self::default();
        this.scan(body, false, 0);
        this
    }

    /// What `name` is bound to; `None` where the module does not bind it.
    pub fn get(&self, name: &str) -> Option<&Binding> {
        self.bindings.get(name)
    }

    fn scan(&mut self, body: &'a [Stmt], conditional: bool, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for statement in body {
            match statement {
                Stmt::Assign(assign) => {
                    for target in &assign.targets {
                        self.assign(target, &assign.value, conditional);
                    }
                }
                Stmt::AnnAssign(assign) => {
                    if let Some(value) = &assign.value {
                        self.assign(&assign.target, value, conditional);
                    }
                }
                Stmt::AugAssign(assign) => {
                    if let Expr::Name(name) = &*assign.target {
                        self.bind(&name.id, Binding::Unknown(span(assign.range)));
                    }
                }
                Stmt::ImportFrom(import) => {
                    for alias in &import.names {
                        let name = alias.asname.as_ref().unwrap_or(&alias.name);
                        self.bind(name.as_str(), Binding::Unknown(span(import.range)));
                    }
                }
                Stmt::Import(import) => {
                    for alias in &import.names {
                        let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                        let name = name.split('.').next().unwrap_or(name);
                        self.bind(name, Binding::Unknown(span(import.range)));
                    }
                }
                Stmt::FunctionDef(function) => {
                    self.bind(function.name.as_str(), Binding::Unknown(span(function.name.range)));
                }
                Stmt::ClassDef(class) => {
                    self.bind(class.name.as_str(), Binding::Unknown(span(class.name.range)));
                }
                Stmt::Try(block) => {
                    self.scan(&block.body, conditional, depth + 1);
                    for handler in &block.handlers {
                        let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                        self.scan(&handler.body, true, depth + 1);
                    }
                    self.scan(&block.orelse, conditional, depth + 1);
                    self.scan(&block.finalbody, conditional, depth + 1);
                }
                Stmt::With(block) => self.scan(&block.body, conditional, depth + 1),
                Stmt::If(block) => {
                    self.scan(&block.body, true, depth + 1);
                    for clause in &block.elif_else_clauses {
                        self.scan(&clause.body, true, depth + 1);
                    }
                }
                Stmt::For(block) => {
                    self.scan(&block.body, true, depth + 1);
                    self.scan(&block.orelse, true, depth + 1);
                }
                Stmt::While(block) => {
                    self.scan(&block.body, true, depth + 1);
                    self.scan(&block.orelse, true, depth + 1);
                }
                _ => {}
            }
        }
    }

    fn bind(&mut self, name: &'a str, binding: Binding) {
        self.bindings.insert(name, binding);
    }

    fn assign(&mut self, target: &'a Expr, value: &Expr, conditional: bool) {
        match target {
            Expr::Name(name) => {
                let binding = match conditional {
                    true => Binding::Unknown(span(value.range())),
                    false => self.binding(value),
                };
                self.bind(&name.id, binding);
            }
            Expr::Tuple(_) | Expr::List(_) => {
                let targets = elements(target).unwrap_or_default();
                let values = elements(value).filter(|values| values.len() == targets.len());
                for (at, target) in targets.iter().enumerate() {
                    let Expr::Name(name) = target else { continue };
                    let binding = match &values {
                        Some(values) if !conditional => self.binding(&values[at]),
                        _ => Binding::Unknown(span(value.range())),
                    };
                    self.bind(&name.id, binding);
                }
            }
            _ => {}
        }
    }

    fn binding(&self, value: &Expr) -> Binding {
        let place = span(value.range());
        if let Some(constant) = literal(value, 0) {
            return Binding::Literal(constant, place);
        }
        match self.fold(value, 0) {
            Some(constant) => Binding::Folded(constant, place),
            None => Binding::Unknown(place),
        }
    }

    fn fold(&self, value: &Expr, depth: usize) -> Option<Const> {
        if depth > MAX_DEPTH {
            return None;
        }
        if let Some(constant) = literal(value, depth) {
            return Some(constant);
        }
        let place = span(value.range());
        let text = |constant: Const| match constant {
            Const::Text(text, _) | Const::Other(text) => Some(text),
            _ => None,
        };
        match value {
            Expr::Name(name) => self.bindings.get(name.id.as_str())?.constant().cloned(),
            Expr::BinOp(operation) if operation.op == Operator::Add => {
                match (self.fold(&operation.left, depth + 1)?, self.fold(&operation.right, depth + 1)?) {
                    (Const::Text(left, _), Const::Text(right, _)) => Some(Const::Text(left + &right, place)),
                    (Const::Tuple(mut left), Const::Tuple(right)) => {
                        left.extend(right);
                        Some(Const::Tuple(left))
                    }
                    (Const::List(mut left), Const::List(right)) => {
                        left.extend(right);
                        Some(Const::List(left))
                    }
                    _ => None,
                }
            }
            Expr::FString(string) => {
                let mut out = String::new();
                for part in &string.value {
                    match part {
                        FStringPart::Literal(part) => out.push_str(&part.value),
                        FStringPart::FString(part) => {
                            for element in &part.elements {
                                match element {
                                    InterpolatedStringElement::Literal(part) => out.push_str(&part.value),
                                    InterpolatedStringElement::Interpolation(part) => {
                                        if part.format_spec.is_some()
                                            || part.debug_text.is_some()
                                            || part.conversion != ruff_python_ast::ConversionFlag::None
                                        {
                                            return None;
                                        }
                                        out.push_str(&text(self.fold(&part.expression, depth + 1)?)?);
                                    }
                                }
                            }
                        }
                    }
                }
                Some(Const::Text(out, place))
            }
            Expr::Tuple(_) | Expr::List(_) => {
                let folded =
                    elements(value)?.iter().map(|e| self.fold(e, depth + 1)).collect::<Option<_>>()?;
                Some(if value.is_tuple_expr() { Const::Tuple(folded) } else { Const::List(folded) })
            }
            Expr::Call(call) if call.arguments.keywords.is_empty() && call.arguments.args.len() == 1 => {
                let Expr::Name(function) = &*call.func else { return None };
                let (Const::Tuple(inner) | Const::List(inner) | Const::Set(inner)) =
                    self.fold(&call.arguments.args[0], depth + 1)?
                else {
                    return None;
                };
                match function.id.as_str() {
                    "tuple" => Some(Const::Tuple(inner)),
                    "list" => Some(Const::List(inner)),
                    "set" => Some(Const::Set(inner)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

fn elements(expression: &Expr) -> Option<&[Expr]> {
    match expression {
        Expr::Tuple(tuple) => Some(&tuple.elts),
        Expr::List(list) => Some(&list.elts),
        Expr::Set(set) => Some(&set.elts),
        _ => None,
    }
}

/// What Python's `ast.literal_eval` takes, as far as ids can be made of it.
fn literal(value: &Expr, depth: usize) -> Option<Const> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Expr::NoneLiteral(_) => Some(Const::None),
        Expr::StringLiteral(string) => {
            Some(Const::Text(string.value.to_str().to_owned(), span(string.range)))
        }
        Expr::BooleanLiteral(boolean) => {
            Some(Const::Other(if boolean.value { "True" } else { "False" }.into()))
        }
        Expr::NumberLiteral(number) => Some(Const::Other(match &number.value {
            Number::Int(int) => int.to_string(),
            Number::Float(float) => float.to_string(),
            Number::Complex { real, imag } => format!("{real}+{imag}j"),
        })),
        Expr::UnaryOp(operation) if matches!(operation.op, UnaryOp::USub | UnaryOp::UAdd) => {
            match literal(&operation.operand, depth + 1)? {
                Const::Other(number) if operation.op == UnaryOp::USub => {
                    Some(Const::Other(format!("-{number}")))
                }
                Const::Other(number) => Some(Const::Other(number)),
                _ => None,
            }
        }
        Expr::BytesLiteral(bytes) => {
            let text: Vec<u8> = bytes.value.bytes().collect();
            Some(Const::Other(String::from_utf8_lossy(&text).into_owned()))
        }
        Expr::Tuple(_) | Expr::List(_) | Expr::Set(_) => {
            let items = elements(value)?.iter().map(|e| literal(e, depth + 1)).collect::<Option<_>>()?;
            Some(match value {
                Expr::Tuple(_) => Const::Tuple(items),
                Expr::List(_) => Const::List(items),
                _ => Const::Set(items),
            })
        }
        _ => None,
    }
}
