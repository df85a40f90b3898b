//! The constants that a module assigns at its top level.
//!
//! What cannot be known by reading (imports, calls, values that depend on a condition) is
//! [`Binding::Unknown`], with the expression; nothing is guessed.

use std::cell::Cell;
use std::collections::HashMap;

use ruff_python_ast::{Expr, FStringPart, InterpolatedStringElement, Number, Operator, Stmt, UnaryOp};
use ruff_text_size::{Ranged as _, TextRange};

use crate::text::ByteSpan;

/// Nested statements and expressions below this depth are not looked at.
const MAX_DEPTH: usize = 40;

/// Bytes that all uses of names in one module may copy, an item counted as [`ITEM_BYTES`]: what a
/// file says itself is as long as the file, while a name that stands twice in the next name's value
/// doubles with every line.
const MAX_COPIED: usize = 256 << 10;
const ITEM_BYTES: usize = 25;

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

impl Const {
    /// Takes what a copy costs from `left`; `false`, with what looking has cost, where it is not enough.
    fn pay(&self, left: &mut usize) -> bool {
        let length = match self {
            Self::Text(text, _) | Self::Other(text) => text.len(),
            _ => 0,
        };
        match left.checked_sub(ITEM_BYTES + length) {
            Some(rest) => *left = rest,
            None => return false,
        }
        match self {
            Self::Tuple(items) | Self::List(items) | Self::Set(items) => {
                items.iter().all(|item| item.pay(left))
            }
            _ => true,
        }
    }
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
#[derive(Debug)]
pub struct Constants<'a> {
    bindings: HashMap<&'a str, Binding>,
    /// What remains of [`MAX_COPIED`].
    left: Cell<usize>,
}

/// A parser range as bytes of the file.
pub fn span(range: TextRange) -> ByteSpan {
    ByteSpan::new(range.start().into(), range.end().into())
}

impl<'a> Constants<'a> {
    /// Reads `body`, the last assignment winning. Assignments inside `try` and `with` count,
    /// those under a condition or in a loop leave the name unknown.
    pub fn of(body: &'a [Stmt]) -> Self {
        let mut this = Self { bindings: HashMap::new(), left: Cell::new(MAX_COPIED) };
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
                    for (at, target) in assign.targets.iter().enumerate() {
                        // `a = b = …` copies as a name does.
                        let copied = if at == 0 { 0 } else { assign.value.range().len().to_usize() };
                        let left = self.left.get().checked_sub(copied);
                        self.left.set(left.unwrap_or(self.left.get()));
                        self.assign(target, &assign.value, conditional || left.is_none());
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
            Expr::Name(name) => {
                let constant = self.bindings.get(name.id.as_str())?.constant()?;
                let mut left = self.left.get();
                let paid = constant.pay(&mut left);
                self.left.set(left);
                paid.then(|| constant.clone())
            }
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

#[cfg(test)]
mod tests {
    use super::{Binding, Const, Constants};
    use crate::python::with_module;

    /// How many of `names` are known, and whether `last` is.
    fn known(text: &str, last: &str) -> (usize, bool) {
        with_module(text, |module| {
            let constants = Constants::of(module.suite());
            let known = |binding: &Binding| binding.constant().is_some();
            (
                constants.bindings.values().filter(|binding| known(binding)).count(),
                constants.get(last).is_some_and(known),
            )
        })
        .unwrap()
    }

    #[test]
    fn names_that_grow_with_every_line_become_unknown() {
        for (first, next) in [
            ("('x',)", "{a}+{a}"),
            ("'x'", "{a}+{a}"),
            ("'x'", "f'{{{a}}}{{{a}}}{{{a}}}{{{a}}}'"),
            ("'x'", "({a},{a},{a},{a})"),
            ("['x']", "[*{a}]+{a}"),
        ] {
            let mut text = format!("a0 = {first}\n");
            for line in 1..64 {
                text += &format!(
                    "a{line} = {}\n",
                    next.replace("{{", "{").replace("}}", "}").replace("{a}", &format!("a{}", line - 1))
                );
            }
            let (count, last) = known(&text, "a63");
            assert!((1..20).contains(&count) && !last, "{next}: {count}");
        }
        let copies: String = (0..10_000).map(|at| format!("b{at} = a\n")).collect();
        let (count, _) = known(&format!("a = '{}'\n{copies}", "x".repeat(50_000)), "a");
        assert_eq!(count, 6, "a and five copies");
        let chain = format!(
            "{}({})\n",
            (0..2000).map(|at| format!("b{at} = ")).collect::<String>(),
            "1,".repeat(5000)
        );
        assert_eq!(known(&chain, "b1999"), (27, false));
    }

    #[test]
    fn what_is_large_as_written_and_what_grows_a_little_is_known() {
        let items = "'a',".repeat(50_000);
        assert_eq!(known(&format!("a = ({items})\nb = 'x'\nc = b + b\n"), "c"), (3, true));
        let text = "id = '1a'\nparts = (id, id + '_x')\nnames = parts + ('y',)\na = b = names\n";
        with_module(text, |module| {
            let constants = Constants::of(module.suite());
            let Some(Binding::Folded(Const::Tuple(items), _)) = constants.get("b") else { panic!() };
            let texts: Vec<&str> = items
                .iter()
                .map(|item| match item {
                    Const::Text(text, _) => text.as_str(),
                    _ => "?",
                })
                .collect();
            assert_eq!(texts, ["1a", "1a_x", "y"]);
        })
        .unwrap();
    }

    #[test]
    fn a_large_name_leaves_the_others_their_share() {
        let text = format!("sql = '{}'\nboth = sql + 'x'\nid = 'b2'\nrevision = id\n", "x".repeat(300_000));
        assert_eq!(known(&text, "both"), (3, false));
        assert_eq!(known(&text, "revision"), (3, true));
    }
}
