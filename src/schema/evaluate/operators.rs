//! Truth, equality and rendering of values.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use super::{Evaluator, Frame, MAX_ITEMS, MAX_TEXT, first_reason};
use crate::python::tree::{BinOp, CmpOp};
use crate::schema::value::{Callee, Construct, TextPiece, Unknown, Value};
use crate::text::ByteSpan;

/// Values nested deeper are not compared.
const MAX_NESTING: usize = 50;

/// Whether `value` is true in a test; `None` where that is not known.
pub fn truth(value: &Value) -> Option<bool> {
    Some(match value {
        Value::None => false,
        Value::Bool(flag) => *flag,
        Value::Int(int) => *int != 0,
        Value::Float(float) => *float != 0.0,
        Value::Str(text) => !text.is_empty(),
        Value::Text(pieces) => {
            let known =
                pieces.iter().any(|piece| matches!(piece, TextPiece::Known(text) if !text.is_empty()));
            return known.then_some(true);
        }
        Value::Bytes(bytes) => !bytes.is_empty(),
        Value::Tuple(items) => !items.is_empty(),
        Value::List(items) | Value::Set(items) => !items.borrow().is_empty(),
        Value::Dict(items) => !items.borrow().is_empty(),
        Value::Rows(rows) => !rows.rows.is_empty(),
        Value::Ellipsis
        | Value::Function(_)
        | Value::Class(_)
        | Value::Instance(_)
        | Value::Member(_)
        | Value::Bound(_)
        | Value::Method(_)
        | Value::Module(_)
        | Value::Builtin(_) => true,
        // Objects without a length; expressions of SQL may compare.
        Value::Construct(construct)
            if matches!(
                construct.path(),
                Some("sqlalchemy.inspect" | "alembic.op.get_bind" | "alembic.op.get_context")
            ) =>
        {
            true
        }
        Value::External(_) | Value::Construct(_) | Value::Attribute(_) | Value::Import(_) => return None,
        Value::Unknown(_) => return None,
    })
}

const UNION: &str = "typing.Union";

/// Whether `one | other` is a union of types: both are types, `None`, or names of types to come.
fn is_union(one: &Value, other: &Value) -> bool {
    let is_type = |value: &Value| match value {
        Value::Builtin(_) | Value::Class(_) | Value::External(_) => true,
        Value::Construct(construct) => {
            matches!(&construct.callee, Callee::Method(Value::External(_) | Value::Builtin(_), name) if &**name == "__getitem__")
        }
        _ => false,
    };
    let may_be = |value: &Value| is_type(value) || matches!(value, Value::None | Value::Str(_));
    may_be(one) && may_be(other) && (is_type(one) || is_type(other))
}

/// The members of a union, or the one type.
fn union_members(value: &Value) -> Vec<Value> {
    if let Value::Construct(construct) = value
        && matches!(&construct.callee, Callee::Method(Value::External(path), _) if &**path == UNION)
        && let Some(Value::Tuple(members)) = construct.args.first()
    {
        return members.to_vec();
    }
    vec![value.clone()]
}

/// Whether two values are equal; `None` where that is not known.
pub fn equal(one: &Value, other: &Value) -> Option<bool> {
    equal_at(one, other, 0)
}

fn equal_at(one: &Value, other: &Value, depth: usize) -> Option<bool> {
    use Value as V;
    if depth > MAX_NESTING {
        return None;
    }
    let all = |a: &[Value], b: &[Value]| -> Option<bool> {
        if a.len() != b.len() {
            return Some(false);
        }
        let mut known = Some(true);
        for (one, other) in a.iter().zip(b) {
            match equal_at(one, other, depth + 1) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => known = None,
            }
        }
        known
    };
    match (one, other) {
        (V::Unknown(_) | V::Text(_), _) | (_, V::Unknown(_) | V::Text(_)) => None,
        (V::None, V::None) | (V::Ellipsis, V::Ellipsis) => Some(true),
        (V::Bool(a), V::Bool(b)) => Some(a == b),
        (V::Int(a), V::Int(b)) => Some(a == b),
        (V::Bool(a), V::Int(b)) | (V::Int(b), V::Bool(a)) => Some(i64::from(*a) == *b),
        (V::Float(a), V::Float(b)) => Some(a == b),
        (V::Float(a), V::Int(b)) | (V::Int(b), V::Float(a)) => Some(*a == *b as f64),
        (V::Str(a), V::Str(b)) => Some(a == b),
        (V::Bytes(a), V::Bytes(b)) => Some(a == b),
        (V::Tuple(a), V::Tuple(b)) => all(a, b),
        (V::List(a), V::List(b)) => {
            if Rc::ptr_eq(a, b) {
                return Some(true);
            }
            all(&a.borrow(), &b.borrow())
        }
        (V::Set(a), V::Set(b)) => {
            let (a, b) = (a.borrow(), b.borrow());
            let contains = |set: &[Value], item: &Value| {
                set.iter().any(|other| equal_at(item, other, depth + 1) == Some(true))
            };
            Some(a.len() == b.len() && a.iter().all(|item| contains(&b, item)))
        }
        (V::Dict(a), V::Dict(b)) => {
            if Rc::ptr_eq(a, b) {
                return Some(true);
            }
            let (a, b) = (a.borrow(), b.borrow());
            if a.len() != b.len() {
                return Some(false);
            }
            let mut known = Some(true);
            for (key, value) in a.iter() {
                let found = b.iter().find(|(other, _)| equal_at(key, other, depth + 1) == Some(true));
                match found.map(|(_, other)| equal_at(value, other, depth + 1)) {
                    Some(Some(true)) => {}
                    Some(None) => known = None,
                    _ => return Some(false),
                }
            }
            known
        }
        (V::Member(a), V::Member(b)) => Some(Rc::ptr_eq(&a.class, &b.class) && a.name == b.name),
        // Members of `class X(str, Enum)` equal their value.
        (V::Member(member), V::Str(_) | V::Int(_)) => equal_at(&member.value, other, depth + 1),
        (V::Str(_) | V::Int(_), V::Member(member)) => equal_at(one, &member.value, depth + 1),
        (V::Class(a), V::Class(b)) => Some(Rc::ptr_eq(a, b)),
        (V::Function(a), V::Function(b)) => Some(Rc::ptr_eq(a, b)),
        (V::Module(a), V::Module(b)) => Some(Rc::ptr_eq(a, b)),
        (V::Builtin(a), V::Builtin(b)) => Some(a == b),
        (V::External(a), V::External(b)) if a == b => Some(true),
        (V::Construct(a), V::Construct(b)) if Rc::ptr_eq(a, b) => Some(true),
        (V::Instance(a), V::Instance(b)) if Rc::ptr_eq(a, b) => Some(true),
        (
            V::External(_) | V::Construct(_) | V::Attribute(_) | V::Import(_) | V::Instance(_) | V::Rows(_),
            V::None,
        )
        | (
            V::None,
            V::External(_) | V::Construct(_) | V::Attribute(_) | V::Import(_) | V::Instance(_) | V::Rows(_),
        ) => {
            match (one, other) {
                // A library's data may well be `None`; what was constructed is not.
                (V::Construct(c), _) | (_, V::Construct(c)) if c.path().is_some() => Some(false),
                (V::Instance(_), _) | (_, V::Instance(_)) => Some(false),
                _ => None,
            }
        }
        (
            V::External(_) | V::Construct(_) | V::Attribute(_) | V::Import(_) | V::Instance(_) | V::Rows(_),
            _,
        )
        | (
            _,
            V::External(_) | V::Construct(_) | V::Attribute(_) | V::Import(_) | V::Instance(_) | V::Rows(_),
        ) => None,
        _ => Some(false),
    }
}

/// Orders two values, where Python would.
pub(super) fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        (Value::Tuple(a), Value::Tuple(b)) => {
            for (one, other) in a.iter().zip(b.iter()) {
                if equal(one, other)? {
                    continue;
                }
                return order(one, other);
            }
            Some(a.len().cmp(&b.len()))
        }
        _ => None,
    }
}

/// A text that is put together, with holes for what is not known.
#[derive(Debug, Default)]
pub struct TextBuilder {
    done: Vec<TextPiece>,
    tail: String,
}

impl TextBuilder {
    /// Appends known text.
    pub fn text(&mut self, text: &str) {
        // Longer texts are dropped in the end; what is beyond is not kept until then.
        if self.tail.len() <= MAX_TEXT {
            self.tail.push_str(text);
        }
    }

    /// Appends a hole.
    pub fn hole(&mut self, unknown: &Rc<Unknown>) {
        self.flush();
        self.done.push(TextPiece::Hole(Rc::clone(unknown)));
    }

    /// Appends a hole for something whose text is not known, for this reason.
    pub fn missing(&mut self, reason: &str) {
        self.hole(&Rc::new(Unknown { reason: Arc::from(reason), place: Default::default() }));
    }

    /// Appends `str(value)`.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Str(text) => self.text(text),
            Value::Text(pieces) => pieces.iter().for_each(|piece| match piece {
                TextPiece::Known(text) => self.text(text),
                TextPiece::Hole(unknown) => self.hole(unknown),
            }),
            Value::Unknown(unknown) => self.hole(unknown),
            value => match plain_text(value, 0) {
                Some(text) => self.text(&text),
                None => self.missing("its text is not known without running it"),
            },
        }
    }

    fn flush(&mut self) {
        if !self.tail.is_empty() {
            self.done.push(TextPiece::Known(Arc::from(std::mem::take(&mut self.tail))));
        }
    }

    /// The pieces.
    pub fn pieces(mut self) -> Vec<TextPiece> {
        self.flush();
        self.done
    }
}

/// A string of pieces: plain where all are known.
fn text_value(mut pieces: Vec<TextPiece>) -> Value {
    match pieces.as_mut_slice() {
        [] => Value::str(""),
        [TextPiece::Known(text)] => Value::Str(Arc::clone(text)),
        _ => Value::Text(Rc::from(pieces)),
    }
}

fn plain_text(value: &Value, depth: usize) -> Option<String> {
    if depth == 0
        && let Value::Str(text) = value
    {
        return Some(text.to_string());
    }
    representation(value, depth)
}

/// `repr(value)`, where it is known.
pub(super) fn representation(value: &Value, depth: usize) -> Option<String> {
    if depth > 10 {
        return None;
    }
    let list = |items: &[Value]| -> Option<String> {
        let mut texts = Vec::new();
        let mut length = 0;
        for item in items {
            let text = representation(item, depth + 1)?;
            length += text.len() + 2;
            if length > MAX_TEXT {
                return None;
            }
            texts.push(text);
        }
        Some(texts.join(", "))
    };
    Some(match value {
        Value::None => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) if float.fract() == 0.0 && float.abs() < 1e16 => format!("{float:.1}"),
        Value::Float(float) => float.to_string(),
        Value::Str(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let escaped = text.replace('\\', "\\\\").replace('\n', "\\n");
            let escaped = if quote == '\'' { escaped.replace('\'', "\\'") } else { escaped };
            format!("{quote}{escaped}{quote}")
        }
        Value::Tuple(items) if items.len() == 1 => format!("({},)", list(items)?),
        Value::Tuple(items) => format!("({})", list(items)?),
        Value::List(items) => format!("[{}]", list(&items.borrow())?),
        Value::Set(items) if !items.borrow().is_empty() => format!("{{{}}}", list(&items.borrow())?),
        // `str(member)` differs between kinds of enums; with a string as base it is rarely meant otherwise.
        Value::Member(member) if depth == 0 => {
            let is_text = member.class.bases.iter().any(|base| match base {
                Value::External(path) => path.ends_with("StrEnum") || path.ends_with("IntEnum"),
                _ => false,
            });
            match is_text {
                true => plain_text(&member.value, 0)?,
                false => format!("{}.{}", member.class.name(), member.name),
            }
        }
        Value::Construct(construct) => match construct.path() {
            // Types that the inspector gave.
            Some(_) if construct.attributes.borrow().iter().any(|(key, _)| &**key == "__str__") => {
                let attributes = construct.attributes.borrow();
                attributes.iter().find(|(key, _)| &**key == "__str__")?.1.as_str()?.to_owned()
            }
            // `str(text("…"))` is the text.
            Some(path) if path.starts_with("sqlalchemy") && path.ends_with(".text") => {
                construct.args.first()?.as_str()?.to_owned()
            }
            _ => return None,
        },
        _ => return None,
    })
}

impl Evaluator<'_> {
    pub(super) fn binary(
        &mut self,
        frame: &Frame,
        span: ByteSpan,
        left: Value,
        op: BinOp,
        right: Value,
    ) -> Value {
        let result = match (&left, op, &right) {
            (Value::Int(a), BinOp::Add, Value::Int(b)) => a.checked_add(*b).map(Value::Int),
            (Value::Int(a), BinOp::Sub, Value::Int(b)) => a.checked_sub(*b).map(Value::Int),
            (Value::Int(a), BinOp::Mul, Value::Int(b)) => a.checked_mul(*b).map(Value::Int),
            (Value::Int(a), BinOp::FloorDiv, Value::Int(b)) if *b > 0 => Some(Value::Int(a.div_euclid(*b))),
            (Value::Int(a), BinOp::Mod, Value::Int(b)) if *b > 0 => Some(Value::Int(a.rem_euclid(*b))),
            (Value::Int(a), BinOp::Div, Value::Int(b)) if *b != 0 => {
                Some(Value::Float(*a as f64 / *b as f64))
            }
            (Value::Float(a), BinOp::Add, Value::Float(b)) => Some(Value::Float(a + b)),
            (Value::Float(a), BinOp::Mul, Value::Float(b)) => Some(Value::Float(a * b)),
            (Value::Str(_) | Value::Text(_), BinOp::Add, Value::Str(_) | Value::Text(_)) => {
                self.concatenated(&left, &right)
            }
            // A text stays a text with a hole in it.
            (Value::Str(_) | Value::Text(_), BinOp::Add, Value::Unknown(_))
            | (Value::Unknown(_), BinOp::Add, Value::Str(_) | Value::Text(_)) => {
                self.concatenated(&left, &right)
            }
            (Value::Str(text), BinOp::Mul, Value::Int(times))
            | (Value::Int(times), BinOp::Mul, Value::Str(text)) => {
                let times = usize::try_from(*times).unwrap_or(0);
                let fits = text.len().saturating_mul(times) <= MAX_TEXT;
                (fits && self.pay((text.len() * times) as u64 / 16)).then(|| Value::str(text.repeat(times)))
            }
            (Value::Str(_) | Value::Text(_), BinOp::Mod, _) => Some(self.percent(&left, &right)),
            (Value::List(a), BinOp::Add, Value::List(b)) => {
                self.joined(&a.borrow(), &b.borrow()).map(Value::list)
            }
            (Value::Tuple(a), BinOp::Add, Value::Tuple(b)) => self.joined(a, b).map(Value::tuple),
            (Value::List(items), BinOp::Mul, Value::Int(times)) => {
                let items = items.borrow().clone();
                let times = usize::try_from(*times).unwrap_or(0);
                let fits = items.len().saturating_mul(times) <= MAX_ITEMS;
                (fits && self.pay((items.len() * times) as u64))
                    .then(|| Value::list((0..times).flat_map(|_| items.iter().cloned()).collect()))
            }
            (Value::Set(a), BinOp::Or | BinOp::And | BinOp::Sub, Value::Set(b)) => {
                let (a, b) = (a.borrow().clone(), b.borrow().clone());
                self.pay((a.len() * b.len()) as u64 / 8);
                let within =
                    |set: &[Value], item: &Value| set.iter().any(|other| equal(item, other) == Some(true));
                let items = match op {
                    BinOp::Or => {
                        let new = b.iter().filter(|item| !within(&a, item)).cloned().collect::<Vec<_>>();
                        a.iter().cloned().chain(new).collect()
                    }
                    BinOp::And => a.into_iter().filter(|item| within(&b, item)).collect(),
                    _ => a.into_iter().filter(|item| !within(&b, item)).collect(),
                };
                Some(Value::Set(Rc::new(std::cell::RefCell::new(items))))
            }
            (Value::Dict(a), BinOp::Or, Value::Dict(b)) => {
                let merged = Value::dict(a.borrow().clone());
                for (key, value) in b.borrow().iter() {
                    super::methods::dict_set(&merged, key.clone(), value.clone());
                }
                Some(merged)
            }
            // `int | None`: the union of types.
            (one, BinOp::Or, other) if is_union(one, other) => {
                let mut members = union_members(one);
                members.extend(union_members(other));
                let place = self.frame_place(frame, span);
                let union = Callee::Method(Value::External(Arc::from(UNION)), Arc::from("__getitem__"));
                Some(Value::Construct(Rc::new(Construct {
                    callee: union,
                    args: vec![Value::tuple(members)],
                    kwargs: Vec::new(),
                    more: None,
                    place,
                    attributes: std::cell::RefCell::default(),
                })))
            }
            _ => None,
        };
        match result {
            Some(value) => value,
            None => match first_reason([&left, &right]) {
                Some(unknown) => Value::Unknown(unknown),
                None => self.unknown(frame, span, "its value is not known without running it"),
            },
        }
    }

    /// `left op= right`: lists grow in place.
    pub(super) fn augmented(
        &mut self,
        frame: &Frame,
        span: ByteSpan,
        left: Value,
        op: BinOp,
        right: Value,
    ) -> Value {
        if let (Value::List(items), BinOp::Add) = (&left, op)
            && let Some(more) = self.iterate(&right)
            && items.borrow().len() + more.len() <= MAX_ITEMS
        {
            items.borrow_mut().extend(more);
            return left;
        }
        self.binary(frame, span, left, op, right)
    }

    fn concatenated(&mut self, left: &Value, right: &Value) -> Option<Value> {
        let mut text = TextBuilder::default();
        text.value(left);
        text.value(right);
        self.built(text)
    }

    /// The text, where it is not too long.
    pub(super) fn built(&mut self, text: TextBuilder) -> Option<Value> {
        let pieces = text.pieces();
        let length: usize = pieces
            .iter()
            .map(|piece| match piece {
                TextPiece::Known(text) => text.len(),
                TextPiece::Hole(_) => 8,
            })
            .sum();
        (length <= MAX_TEXT && self.pay(length as u64 / 16)).then(|| text_value(pieces))
    }

    fn joined(&mut self, a: &[Value], b: &[Value]) -> Option<Vec<Value>> {
        let length = a.len() + b.len();
        (length <= MAX_ITEMS && self.pay(length as u64 / 4)).then(|| [a, b].concat())
    }

    /// `template % arguments`.
    fn percent(&mut self, template: &Value, arguments: &Value) -> Value {
        let mut parts = TextBuilder::default();
        parts.value(template);
        let given = match arguments {
            Value::Tuple(items) => items.to_vec(),
            other => vec![other.clone()],
        };
        let mut given = given.into_iter();
        let mut text = TextBuilder::default();
        const MISSING: &str = "a text is formatted with an argument that is not known";
        for part in parts.pieces() {
            let part = match &part {
                TextPiece::Known(part) => part,
                TextPiece::Hole(unknown) => {
                    text.hole(unknown);
                    continue;
                }
            };
            let mut rest: &str = part;
            while let Some(at) = rest.find('%') {
                text.text(&rest[..at]);
                rest = &rest[at + 1..];
                if let Some(after) = rest.strip_prefix('%') {
                    text.text("%");
                    rest = after;
                    continue;
                }
                let mut key = None;
                if let Some((name, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
                    key = Some(name);
                    rest = after;
                }
                let flags = rest.trim_start_matches(|c: char| c.is_ascii_digit() || "-+ #.".contains(c));
                let plain = flags.len() == rest.len();
                let mut letters = flags.chars();
                let letter = letters.next();
                rest = letters.as_str();
                let value = match key {
                    Some(key) => match arguments {
                        Value::Dict(items) => items
                            .borrow()
                            .iter()
                            .find(|(name, _)| name.as_str() == Some(key))
                            .map(|(_, value)| value.clone()),
                        _ => None,
                    },
                    None => given.next(),
                };
                match (value, letter) {
                    (Some(value), Some('s' | 'd' | 'i')) if plain => text.value(&value),
                    (Some(value), Some('r')) if plain => match representation(&value, 0) {
                        Some(shown) => text.text(&shown),
                        None => text.missing(MISSING),
                    },
                    _ => text.missing(MISSING),
                }
            }
            text.text(rest);
        }
        self.built(text).unwrap_or_else(|| Value::unknown("a text is too long", Default::default()))
    }

    pub(super) fn compare(&mut self, left: &Value, op: CmpOp, right: &Value) -> Option<bool> {
        self.pay(1);
        match op {
            CmpOp::Eq => equal(left, right),
            CmpOp::NotEq => equal(left, right).map(|equal| !equal),
            CmpOp::Is => equal(left, right),
            CmpOp::IsNot => equal(left, right).map(|equal| !equal),
            CmpOp::Lt => order(left, right).map(Ordering::is_lt),
            CmpOp::LtE => order(left, right).map(Ordering::is_le),
            CmpOp::Gt => order(left, right).map(Ordering::is_gt),
            CmpOp::GtE => order(left, right).map(Ordering::is_ge),
            CmpOp::In => self.contains(right, left),
            CmpOp::NotIn => self.contains(right, left).map(|within| !within),
        }
    }

    /// `item in container`.
    pub(super) fn contains(&mut self, container: &Value, item: &Value) -> Option<bool> {
        if let (Value::Str(text), Value::Str(part)) = (container, item) {
            return Some(text.contains(&**part));
        }
        if matches!(container, Value::Str(_)) {
            return None;
        }
        let items = self.iterate(container)?;
        let mut known = Some(false);
        for other in &items {
            match equal(item, other) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => known = None,
            }
        }
        known
    }
}
