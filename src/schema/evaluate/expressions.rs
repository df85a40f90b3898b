use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::operators::TextBuilder;
use super::{Arguments, Evaluator, Frame, MAX_ITEMS, equal, first_reason, truth};
use crate::python::tree::{BoolOp, Builds, Comprehension, Expr, ExprKind, Piece, UnaryOp};
use crate::schema::value::{Scope, Shape, Value};
use crate::text::ByteSpan;

/// Built-in functions and classes that are known.
const BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "bool",
    "bytes",
    "callable",
    "dict",
    "enumerate",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "hasattr",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "object",
    "print",
    "property",
    "classmethod",
    "staticmethod",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "sorted",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "zip",
];

impl Evaluator<'_> {
    pub(super) fn eval(&mut self, frame: &mut Frame, expr: &Expr) -> Value {
        if !self.pay(1) {
            return self.unknown(frame, expr.span, "it takes more steps than are allowed");
        }
        if !self.assumed.is_empty()
            && let Some(value) = self.assumed_value(frame, expr)
        {
            return value;
        }
        match &expr.kind {
            ExprKind::None => Value::None,
            ExprKind::Ellipsis => Value::Ellipsis,
            ExprKind::Bool(flag) => Value::Bool(*flag),
            ExprKind::Int(int) => Value::Int(*int),
            ExprKind::Float(float) => Value::Float(*float),
            ExprKind::Str(text) => Value::Str(Arc::clone(text)),
            ExprKind::Bytes(bytes) => Value::Bytes(Arc::clone(bytes)),
            ExprKind::FString(pieces) => {
                let mut text = TextBuilder::default();
                self.f_string(frame, pieces, &mut text);
                self.built(text).unwrap_or_else(|| self.unknown(frame, expr.span, "a text is too long"))
            }
            ExprKind::Name(name) => self.name(frame, expr.span, name),
            ExprKind::Attribute(owner, name) => {
                let owner = self.eval(frame, owner);
                let place = self.frame_place(frame, expr.span);
                self.attribute_of(&owner, name, &place)
            }
            ExprKind::Subscript(owner, index) => self.subscript(frame, expr.span, owner, index),
            ExprKind::Slice(_) => Value::None,
            ExprKind::Call(call) => self.call_expr(frame, expr.span, call),
            ExprKind::Tuple(items) => Value::tuple(self.items_of(frame, items)),
            ExprKind::List(items) => Value::list(self.items_of(frame, items)),
            ExprKind::Set(items) => {
                let mut set = Vec::new();
                for item in self.items_of(frame, items) {
                    self.insert(&mut set, item);
                }
                Value::Set(Rc::new(RefCell::new(set)))
            }
            ExprKind::Dict(items) => self.dict(frame, items),
            ExprKind::Binary(left, op, right) => {
                let left = self.eval(frame, left);
                let right = self.eval(frame, right);
                self.binary(frame, expr.span, left, *op, right)
            }
            ExprKind::Unary(op, value) => {
                let value = self.eval(frame, value);
                match (op, &value) {
                    (UnaryOp::Not, _) => match truth(&value) {
                        Some(flag) => Value::Bool(!flag),
                        None => self.opaque_of(frame, expr.span, &[value]),
                    },
                    (UnaryOp::Minus, Value::Int(int)) => Value::Int(int.saturating_neg()),
                    (UnaryOp::Minus, Value::Float(float)) => Value::Float(-float),
                    (UnaryOp::Plus, Value::Int(_) | Value::Float(_)) => value,
                    _ => self.opaque_of(frame, expr.span, &[value]),
                }
            }
            ExprKind::Bool2(op, values) => self.bool_op(frame, expr.span, *op, values),
            ExprKind::Compare(left, rest) => {
                let mut left = self.eval(frame, left);
                let mut known = Some(true);
                let mut reason = None;
                for (op, right) in rest {
                    let right = self.eval(frame, right);
                    match self.compare(&left, *op, &right) {
                        Some(true) => {}
                        Some(false) => return Value::Bool(false),
                        None => {
                            known = None;
                            reason = reason.or_else(|| first_reason([&left, &right]));
                        }
                    }
                    left = right;
                }
                match (known, reason) {
                    (Some(flag), _) => Value::Bool(flag),
                    (None, Some(unknown)) => Value::Unknown(unknown),
                    (None, None) => self.unknown(frame, expr.span, ""),
                }
            }
            ExprKind::If(parts) => {
                let [test, body, orelse] = &**parts;
                let value = self.eval(frame, test);
                match truth(&value) {
                    Some(true) => self.eval(frame, body),
                    Some(false) => self.eval(frame, orelse),
                    None => {
                        let (one, other) = (self.eval(frame, body), self.eval(frame, orelse));
                        match equal(&one, &other) {
                            Some(true) => one,
                            _ => self.opaque_of(frame, expr.span, &[value]),
                        }
                    }
                }
            }
            ExprKind::Lambda(definition) => self.define_function(frame, definition),
            ExprKind::Comprehension(comprehension) => self.comprehension(frame, expr.span, comprehension),
            ExprKind::Starred(value) => self.eval(frame, value),
            ExprKind::Await(value) => self.eval(frame, value),
            ExprKind::Named(target, value) => {
                let value = self.eval(frame, value);
                self.assign(frame, target, value.clone());
                value
            }
            ExprKind::Yield(value) => {
                let value = value.as_ref().map_or(Value::None, |value| self.eval(frame, value));
                if let Some(yielded) = &mut frame.yielded {
                    yielded.push(value);
                }
                Value::None
            }
            ExprKind::Number | ExprKind::Other => {
                self.unknown(frame, expr.span, "an expression of this kind is not read")
            }
        }
    }

    /// The value that an expression is assumed to have.
    fn assumed_value(&self, frame: &Frame, expr: &Expr) -> Option<Value> {
        if !matches!(expr.kind, ExprKind::Attribute(..) | ExprKind::Call(_) | ExprKind::Name(_)) {
            return None;
        }
        let text = frame.module.tree.text.get(expr.span.range())?;
        let is = |(assumed, _): &&(String, Value)| {
            text.len() >= assumed.len() && text.split_whitespace().collect::<String>() == *assumed
        };
        self.assumed.iter().find(is).map(|(_, value)| value.clone())
    }

    /// An unknown value, for the reason of one of its parts.
    fn opaque_of(&self, frame: &Frame, span: ByteSpan, parts: &[Value]) -> Value {
        match first_reason(parts) {
            Some(unknown) => Value::Unknown(unknown),
            None => self.unknown(frame, span, ""),
        }
    }

    fn name(&mut self, frame: &mut Frame, span: ByteSpan, name: &Arc<str>) -> Value {
        let mut scope = Some(Rc::clone(&frame.scope));
        while let Some(inner) = scope {
            if let Some(value) = inner.own(name) {
                if !matches!(value, Value::Import(_)) {
                    return value;
                }
                let forced = self.force(value);
                inner.set(Arc::clone(name), forced.clone());
                return forced;
            }
            scope = inner.parent.clone();
        }
        let module = Rc::clone(&frame.module);
        let builtin = BUILTINS.iter().find(|builtin| ***builtin == **name).map(|name| Value::Builtin(name));
        match self.module_name(&module, name) {
            // `from sqlalchemy import *` does not bind `len`.
            Some(Value::External(_)) if builtin.is_some() && module.scope.own(name).is_none() => {
                builtin.unwrap_or(Value::None)
            }
            Some(value) => {
                let is_import = matches!(value, Value::Import(_));
                let value = self.force(value);
                if is_import {
                    module.scope.set(Arc::clone(name), value.clone());
                }
                value
            }
            None => match (builtin, &**name) {
                (Some(builtin), _) => builtin,
                (None, "__name__") => Value::Str(Arc::clone(&module.dotted.borrow())),
                (None, "__file__") => Value::str(module.path.to_string()),
                (None, name) if name.ends_with("Error") || name.ends_with("Exception") => {
                    Value::External(Arc::from(format!("builtins.{name}")))
                }
                (None, _) => self.unknown(frame, span, format!("the name {name} is not known")),
            },
        }
    }

    pub(super) fn items_of(&mut self, frame: &mut Frame, items: &[Expr]) -> Vec<Value> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let value = self.eval(frame, item);
            match &item.kind {
                ExprKind::Starred(_) => match self.iterate(&value) {
                    Some(items) => values.extend(items),
                    // One unknown item stands for all of them.
                    None => values.push(self.opaque_of(frame, item.span, &[value])),
                },
                _ => values.push(value),
            }
        }
        values
    }

    pub(super) fn insert(&mut self, set: &mut Vec<Value>, item: Value) {
        self.pay(set.len() as u64 / 8);
        if !set.iter().any(|other| equal(other, &item) == Some(true)) && set.len() < MAX_ITEMS {
            set.push(item);
        }
    }

    fn dict(&mut self, frame: &mut Frame, items: &[(Option<Expr>, Expr)]) -> Value {
        let dict = Value::dict(Vec::with_capacity(items.len()));
        for (key, value) in items {
            let key = key.as_ref().map(|key| self.eval(frame, key));
            let value = self.eval(frame, value);
            match (key, value) {
                (Some(key), value) => {
                    self.pay(items.len() as u64 / 16);
                    super::methods::dict_set(&dict, key, value);
                }
                (None, Value::Dict(more)) => {
                    for (key, value) in more.borrow().iter() {
                        super::methods::dict_set(&dict, key.clone(), value.clone());
                    }
                }
                (None, other) => return self.opaque_of(frame, ByteSpan::new(0, 0), &[other]),
            }
        }
        dict
    }

    fn bool_op(&mut self, frame: &mut Frame, span: ByteSpan, op: BoolOp, values: &[Expr]) -> Value {
        let stops = op == BoolOp::Or;
        let mut unknown: Option<Value> = None;
        let mut last = Value::Bool(!stops);
        for value in values {
            last = self.eval(frame, value);
            match truth(&last) {
                Some(flag) if flag == stops => {
                    // `unknown or True` is true, whatever else it may be.
                    return match unknown {
                        Some(_) => Value::Bool(stops),
                        None => last,
                    };
                }
                Some(_) => {}
                None => _ = unknown.get_or_insert(last.clone()),
            }
        }
        match unknown {
            // `data or default`: a library's value.
            Some(value @ (Value::Construct(_) | Value::Attribute(_) | Value::External(_)))
                if values.len() == 1 =>
            {
                value
            }
            Some(value) => self.opaque_of(frame, span, &[value]),
            None => last,
        }
    }

    fn f_string(&mut self, frame: &mut Frame, pieces: &[Piece], text: &mut TextBuilder) {
        for piece in pieces {
            match piece {
                Piece::Text(known) => text.text(known),
                Piece::Field { value, repr, format, debug } => {
                    let value = self.eval(frame, value);
                    if let Some(debug) = debug {
                        text.text(debug);
                    }
                    let is_plain = format.as_ref().is_none_or(Vec::is_empty);
                    if is_plain && !*repr && debug.is_none() {
                        text.value(&value);
                        continue;
                    }
                    let shown = match (repr, is_plain) {
                        (true, true) => super::operators::representation(&value, 0),
                        _ => None,
                    };
                    match (shown, &value) {
                        (Some(shown), _) => text.text(&shown),
                        (None, Value::Unknown(unknown)) => text.hole(unknown),
                        (None, _) => text.missing("a text is formatted in a way that is not read"),
                    }
                }
            }
        }
    }

    fn subscript(&mut self, frame: &mut Frame, span: ByteSpan, owner: &Expr, index: &Expr) -> Value {
        let owner = self.eval(frame, owner);
        if let ExprKind::Slice(parts) = &index.kind {
            let bounds: Vec<Value> = parts
                .iter()
                .map(|part| part.as_ref().map_or(Value::None, |part| self.eval(frame, part)))
                .collect();
            return match slice(&owner, &bounds) {
                Some(value) => value,
                None => self.opaque_of(frame, span, &[owner]),
            };
        }
        let index = self.eval(frame, index);
        let found = match (&owner, &index) {
            (Value::Dict(items), _) => {
                self.pay(items.borrow().len() as u64 / 16);
                items
                    .borrow()
                    .iter()
                    .find(|(key, _)| equal(key, &index) == Some(true))
                    .map(|(_, value)| value.clone())
            }
            (Value::List(items), _) => {
                let items = items.borrow();
                position(&index, items.len()).and_then(|at| items.get(at).cloned())
            }
            (Value::Tuple(items), _) => position(&index, items.len()).and_then(|at| items.get(at).cloned()),
            (Value::Str(text), _) => {
                let characters = text.chars().count();
                position(&index, characters)
                    .and_then(|at| text.chars().nth(at))
                    .map(|c| Value::str(c.to_string()))
            }
            (Value::Rows(_), Value::Str(name)) => super::methods::row_attribute(&owner, name),
            (Value::Rows(rows), Value::Int(_)) => match (rows.shape, rows.rows.first()) {
                (Shape::Row, Some(row)) => position(&index, row.len()).and_then(|at| row.get(at).cloned()),
                _ => None,
            },
            (Value::Class(class), Value::Str(name)) if class.is_enum.get() => self.enum_member(class, name),
            // `list[int]`, `Mapped[int]`, `Annotated[…]`: kept as a construct.
            (
                Value::External(_)
                | Value::Builtin(_)
                | Value::Class(_)
                | Value::Attribute(_)
                | Value::Construct(_),
                _,
            ) => {
                let place = self.frame_place(frame, span);
                let arguments = Arguments { args: vec![index.clone()], ..Default::default() };
                Some(self.method_construct(owner.clone(), "__getitem__", arguments, place))
            }
            _ => None,
        };
        found.unwrap_or_else(|| self.opaque_of(frame, span, &[owner, index]))
    }

    fn comprehension(&mut self, frame: &mut Frame, span: ByteSpan, comprehension: &Comprehension) -> Value {
        let mut inner = Frame {
            scope: Rc::new(Scope { names: RefCell::default(), parent: Some(Rc::clone(&frame.scope)) }),
            module: Rc::clone(&frame.module),
            globals: Vec::new(),
            yielded: None,
            method: frame.method.clone(),
        };
        let mut results = Vec::new();
        match self.generate(&mut inner, comprehension, 0, &mut results) {
            Ok(()) => {}
            Err(cause) => return self.opaque_of(frame, span, &[cause]),
        }
        match comprehension.builds {
            Builds::List | Builds::Generator => {
                Value::list(results.into_iter().map(|(value, _)| value).collect())
            }
            Builds::Set => {
                let mut set = Vec::new();
                for (value, _) in results {
                    self.insert(&mut set, value);
                }
                Value::Set(Rc::new(RefCell::new(set)))
            }
            Builds::Dict => {
                let dict = Value::dict(Vec::new());
                for (key, value) in results {
                    super::methods::dict_set(&dict, key, value);
                }
                dict
            }
        }
    }

    fn generate(
        &mut self,
        frame: &mut Frame,
        comprehension: &Comprehension,
        level: usize,
        results: &mut Vec<(Value, Value)>,
    ) -> Result<(), Value> {
        let Some((target, iter, tests)) = comprehension.generators.get(level) else {
            if results.len() >= MAX_ITEMS || !self.pay(1) {
                return Err(Value::unknown("a comprehension gives too much", Default::default()));
            }
            let element = self.eval(frame, &comprehension.element);
            let value = comprehension.value.as_ref().map_or(Value::None, |value| self.eval(frame, value));
            results.push((element, value));
            return Ok(());
        };
        let iter = self.eval(frame, iter);
        let Some(items) = self.iterate(&iter) else { return Err(iter) };
        'items: for item in items {
            if !self.pay(1) {
                return Err(Value::unknown("it takes more steps than are allowed", Default::default()));
            }
            self.assign(frame, target, item);
            for test in tests {
                let value = self.eval(frame, test);
                match truth(&value) {
                    Some(true) => {}
                    Some(false) => continue 'items,
                    None => return Err(value),
                }
            }
            self.generate(frame, comprehension, level + 1, results)?;
        }
        Ok(())
    }
}

/// The place of `index` in a sequence of this length, negative ones counted from the end.
pub(super) fn position(index: &Value, length: usize) -> Option<usize> {
    let Value::Int(index) = index else { return None };
    let at = if *index < 0 { index.checked_add(i64::try_from(length).ok()?)? } else { *index };
    usize::try_from(at).ok().filter(|at| *at < length)
}

fn slice(owner: &Value, bounds: &[Value]) -> Option<Value> {
    let cut = |items: &[Value]| -> Option<Vec<Value>> {
        let bound = |value: &Value, default: usize| -> Option<usize> {
            match value {
                Value::None => Some(default),
                Value::Int(at) if *at < 0 => {
                    Some(items.len().saturating_sub(usize::try_from(at.unsigned_abs()).ok()?))
                }
                Value::Int(at) => Some(usize::try_from(*at).ok()?.min(items.len())),
                _ => None,
            }
        };
        let reversed = match bounds.get(2) {
            Some(Value::Int(-1)) => true,
            Some(Value::None | Value::Int(1)) | None => false,
            _ => return None,
        };
        let (start, end) = (bound(bounds.first()?, 0)?, bound(bounds.get(1)?, items.len())?);
        let mut part: Vec<Value> = items.get(start..end.max(start)).unwrap_or_default().to_vec();
        if reversed {
            if !bounds[0].is_none() || !bounds[1].is_none() {
                return None;
            }
            part.reverse();
        }
        Some(part)
    };
    match owner {
        Value::List(items) => cut(&items.borrow()).map(Value::list),
        Value::Tuple(items) => cut(items).map(Value::tuple),
        Value::Str(text) => {
            let characters: Vec<Value> =
                text.chars().take(MAX_ITEMS).map(|c| Value::str(c.to_string())).collect();
            if text.len() > MAX_ITEMS {
                return None;
            }
            let part = cut(&characters)?;
            Some(Value::str(part.iter().filter_map(Value::as_str).collect::<String>()))
        }
        _ => None,
    }
}
