//! Methods of built-in values.

use std::rc::Rc;
use std::sync::Arc;

use super::{Arguments, Evaluator, MAX_ITEMS, MAX_TEXT, TextBuilder, equal, first_reason};
use crate::schema::state::Place;
use crate::schema::value::{Rows, Shape, TextPiece, Value};

/// `dict[key] = value`.
pub(super) fn dict_set(dict: &Value, key: Value, value: Value) {
    let Value::Dict(items) = dict else { return };
    let at = items.borrow().iter().position(|(other, _)| equal(other, &key) == Some(true));
    let mut items = items.borrow_mut();
    match at {
        Some(at) => items[at].1 = value,
        None if items.len() < MAX_ITEMS => items.push((key, value)),
        None => {}
    }
}

/// A row of a result: with its columns' names where they are known.
pub(super) fn row_value(columns: &[Arc<str>], row: &[Value]) -> Value {
    Value::Rows(Rc::new(Rows { columns: columns.to_vec(), rows: vec![row.to_vec()], shape: Shape::Row }))
}

/// The data attribute `name` of a row.
pub(super) fn row_attribute(row: &Value, name: &str) -> Option<Value> {
    let Value::Rows(rows) = row else { return None };
    match name {
        "rowcount" => return Some(Value::Int(rows.rows.len() as i64)),
        "_mapping" => return Some(row.clone()),
        _ => {}
    }
    let at = rows.columns.iter().position(|column| **column == *name)?;
    rows.rows.first()?.get(at).cloned()
}

/// What iterating over rows gives.
pub(super) fn row_items(rows: &Rows) -> Vec<Value> {
    match rows.shape {
        Shape::Result => rows.rows.iter().map(|row| row_value(&rows.columns, row)).collect(),
        Shape::Scalars => rows.rows.iter().filter_map(|row| row.first().cloned()).collect(),
        Shape::Row => rows.rows.first().cloned().unwrap_or_default(),
    }
}

impl Evaluator<'_> {
    pub(super) fn builtin_method(
        &mut self,
        receiver: &Value,
        name: &str,
        arguments: Arguments,
        place: &Place,
    ) -> Value {
        self.pay(2);
        let known = match receiver {
            Value::Str(_) | Value::Text(_) => self.text_method(receiver, name, &arguments),
            Value::List(_) => self.list_method(receiver, name, &arguments, place),
            Value::Dict(_) => self.dict_method(receiver, name, &arguments),
            Value::Set(_) => self.set_method(receiver, name, &arguments),
            Value::Tuple(items) => match (name, arguments.args.first()) {
                ("index", Some(item)) => {
                    let at = items.iter().position(|other| equal(other, item) == Some(true));
                    at.map(|at| Value::Int(at as i64))
                }
                ("count", Some(item)) => Some(Value::Int(
                    items.iter().filter(|other| equal(other, item) == Some(true)).count() as i64,
                )),
                _ => None,
            },
            Value::Rows(rows) => rows_method(receiver, rows, name, &arguments),
            Value::Builtin("dict") if name == "fromkeys" => {
                let keys = arguments.args.first().and_then(|keys| self.iterate(keys));
                let value = arguments.args.get(1).cloned().unwrap_or(Value::None);
                keys.map(|keys| {
                    let dict = Value::dict(Vec::new());
                    keys.into_iter().for_each(|key| dict_set(&dict, key, value.clone()));
                    dict
                })
            }
            _ => None,
        };
        known.unwrap_or_else(|| {
            let cause = first_reason(std::iter::once(receiver).chain(&arguments.args));
            match cause {
                Some(unknown) => Value::Unknown(unknown),
                None => Value::unknown(format!("what {name}() gives is not known"), place.clone()),
            }
        })
    }

    fn text_method(&mut self, receiver: &Value, name: &str, arguments: &Arguments) -> Option<Value> {
        let argument = |at: usize| arguments.args.get(at);
        match name {
            "format" => return self.format(receiver, arguments),
            "join" => {
                let items = self.iterate(argument(0)?)?;
                let mut text = TextBuilder::default();
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        text.value(receiver);
                    }
                    text.value(item);
                }
                return self.built(text);
            }
            // Case and white space at the ends mean nothing to the holes.
            "strip" | "rstrip" | "lstrip" if matches!(receiver, Value::Text(_)) => {
                return Some(receiver.clone());
            }
            _ => {}
        }
        let text = receiver.as_str()?;
        self.pay(text.len() as u64 / 16);
        let trimmed = |which: fn(&str, &[char]) -> String, whole: fn(&str) -> &str| match argument(0) {
            None => Some(Value::str(whole(text))),
            Some(Value::Str(set)) => Some(Value::str(which(text, &set.chars().collect::<Vec<_>>()))),
            _ => None,
        };
        match name {
            "lower" | "casefold" => Some(Value::str(text.to_lowercase())),
            "upper" => Some(Value::str(text.to_uppercase())),
            "title" => {
                let mut start = true;
                let titled = text.chars().map(|c| {
                    let cased = if start { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
                    start = !c.is_alphabetic();
                    cased
                });
                Some(Value::str(titled.collect::<String>()))
            }
            "capitalize" => {
                let mut characters = text.chars();
                let first = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
                Some(Value::str(first + &characters.as_str().to_lowercase()))
            }
            "strip" => trimmed(|text, set| text.trim_matches(set).to_owned(), str::trim),
            "lstrip" => trimmed(|text, set| text.trim_start_matches(set).to_owned(), str::trim_start),
            "rstrip" => trimmed(|text, set| text.trim_end_matches(set).to_owned(), str::trim_end),
            "removeprefix" => {
                let prefix = argument(0)?.as_str()?;
                Some(Value::str(text.strip_prefix(prefix).unwrap_or(text)))
            }
            "removesuffix" => {
                let suffix = argument(0)?.as_str()?;
                Some(Value::str(text.strip_suffix(suffix).unwrap_or(text)))
            }
            "replace" => {
                let (from, to) = (argument(0)?.as_str()?, argument(1)?.as_text()?);
                let grows = text.matches(from).count().checked_mul(to.len())?;
                (grows + text.len() <= MAX_TEXT && self.pay((grows + text.len()) as u64 / 16))
                    .then(|| Value::str(text.replace(from, &to)))
            }
            "split" | "rsplit" => {
                let most = match arguments.get(1, "maxsplit") {
                    Some(Value::Int(most)) if *most >= 0 => usize::try_from(*most).ok()?,
                    None => usize::MAX - 1,
                    _ => return None,
                };
                let parts: Vec<String> = match argument(0) {
                    None | Some(Value::None) if most == usize::MAX - 1 => {
                        text.split_whitespace().map(str::to_owned).collect()
                    }
                    Some(Value::Str(by)) if !by.is_empty() && name == "split" => {
                        text.splitn(most + 1, &**by).map(str::to_owned).collect()
                    }
                    Some(Value::Str(by)) if !by.is_empty() => {
                        let mut parts: Vec<String> =
                            text.rsplitn(most + 1, &**by).map(str::to_owned).collect();
                        parts.reverse();
                        parts
                    }
                    _ => return None,
                };
                (parts.len() <= MAX_ITEMS).then(|| Value::list(parts.into_iter().map(Value::str).collect()))
            }
            "splitlines" => Some(Value::list(text.lines().take(MAX_ITEMS).map(Value::str).collect())),
            "partition" => {
                let by = argument(0)?.as_str()?;
                let parts = match text.split_once(by) {
                    Some((before, after)) => [before, by, after],
                    None => [text, "", ""],
                };
                Some(Value::tuple(parts.into_iter().map(Value::str).collect()))
            }
            "startswith" | "endswith" => {
                let test = |part: &str| match name {
                    "startswith" => text.starts_with(part),
                    _ => text.ends_with(part),
                };
                match argument(0)? {
                    Value::Str(part) => Some(Value::Bool(test(part))),
                    Value::Tuple(parts) => {
                        let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
                        Some(Value::Bool(parts?.into_iter().any(test)))
                    }
                    _ => None,
                }
            }
            "isdigit" => Some(Value::Bool(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit()))),
            "isupper" => Some(Value::Bool(
                text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase),
            )),
            "find" => {
                let at = text.find(argument(0)?.as_str()?);
                Some(Value::Int(at.map_or(-1, |at| text[..at].chars().count() as i64)))
            }
            "count" => Some(Value::Int(text.matches(argument(0)?.as_str()?).count() as i64)),
            "encode" => Some(Value::Bytes(Arc::from(text.as_bytes()))),
            "zfill" => match argument(0)? {
                Value::Int(width @ 0..=1000) => {
                    Some(Value::str(format!("{text:0>width$}", width = *width as usize)))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// `template.format(…)`.
    fn format(&mut self, template: &Value, arguments: &Arguments) -> Option<Value> {
        let mut whole = TextBuilder::default();
        whole.value(template);
        let mut text = TextBuilder::default();
        let mut next = 0usize;
        for piece in whole.pieces() {
            let known = match &piece {
                TextPiece::Known(known) => known,
                TextPiece::Hole(unknown) => {
                    text.hole(unknown);
                    continue;
                }
            };
            let mut rest: &str = known;
            while let Some(at) = rest.find(['{', '}']) {
                text.text(&rest[..at]);
                let doubled = &rest[at..];
                if doubled.starts_with("{{") || doubled.starts_with("}}") {
                    text.text(&doubled[..1]);
                    rest = &doubled[2..];
                    continue;
                }
                let field = doubled.strip_prefix('{')?;
                let end = field.find('}')?;
                let (field, after) = (&field[..end], &field[end + 1..]);
                rest = after;
                let (field, conversion) = match field.find(['!', ':']) {
                    Some(at) => (&field[..at], &field[at..]),
                    None => (field, ""),
                };
                let mut path = field.split('.');
                let key = path.next().unwrap_or_default();
                let mut value = if key.is_empty() {
                    next += 1;
                    arguments.args.get(next - 1).cloned()
                } else if let Ok(at) = key.parse::<usize>() {
                    arguments.args.get(at).cloned()
                } else {
                    arguments.named(key).cloned()
                };
                for name in path {
                    value = value.map(|value| self.attribute_of(&value, name, &Place::default()));
                }
                match (value, conversion) {
                    (Some(value), "" | "!s") => text.value(&value),
                    (Some(value), "!r") => match super::operators::representation(&value, 0) {
                        Some(shown) => text.text(&shown),
                        None => text.missing("its text is not known without running it"),
                    },
                    _ => text.missing("a text is formatted with an argument that is not known"),
                }
            }
            text.text(rest);
        }
        self.built(text)
    }

    fn list_method(
        &mut self,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        let Value::List(items) = receiver else { return None };
        let first = arguments.args.first();
        match name {
            "append" => {
                if items.borrow().len() < MAX_ITEMS {
                    items.borrow_mut().push(first?.clone());
                }
                Some(Value::None)
            }
            "extend" => {
                let more = self.iterate(first?).unwrap_or_else(|| {
                    // One unknown item stands for all of them.
                    let reason = "a list grows by something that is not known";
                    vec![Value::unknown(reason, place.clone())]
                });
                if items.borrow().len() + more.len() <= MAX_ITEMS {
                    items.borrow_mut().extend(more);
                }
                Some(Value::None)
            }
            "insert" => {
                let length = items.borrow().len();
                let Some(Value::Int(at)) = first else { return None };
                let at = usize::try_from(*at).unwrap_or(0).min(length);
                if length < MAX_ITEMS {
                    items.borrow_mut().insert(at, arguments.args.get(1)?.clone());
                }
                Some(Value::None)
            }
            "pop" => match first {
                None => items.borrow_mut().pop(),
                Some(index) => {
                    let at = super::expressions::position(index, items.borrow().len())?;
                    Some(items.borrow_mut().remove(at))
                }
            },
            "remove" => {
                let at = items
                    .borrow()
                    .iter()
                    .position(|item| first.is_some_and(|f| equal(item, f) == Some(true)));
                if let Some(at) = at {
                    items.borrow_mut().remove(at);
                }
                Some(Value::None)
            }
            "index" => {
                let at = items
                    .borrow()
                    .iter()
                    .position(|item| first.is_some_and(|f| equal(item, f) == Some(true)));
                at.map(|at| Value::Int(at as i64))
            }
            "count" => {
                let count = items
                    .borrow()
                    .iter()
                    .filter(|item| first.is_some_and(|f| equal(item, f) == Some(true)))
                    .count();
                Some(Value::Int(count as i64))
            }
            "copy" => Some(Value::list(items.borrow().clone())),
            "reverse" => {
                items.borrow_mut().reverse();
                Some(Value::None)
            }
            "clear" => {
                items.borrow_mut().clear();
                Some(Value::None)
            }
            "sort" => {
                let all = items.borrow().clone();
                let sorted = self.sorted(all, arguments, place)?.items()?;
                *items.borrow_mut() = sorted;
                Some(Value::None)
            }
            _ => None,
        }
    }

    fn dict_method(&mut self, receiver: &Value, name: &str, arguments: &Arguments) -> Option<Value> {
        let Value::Dict(items) = receiver else { return None };
        let first = arguments.args.first();
        self.pay(items.borrow().len() as u64 / 16);
        let find = |key: &Value| items.borrow().iter().position(|(other, _)| equal(other, key) == Some(true));
        match name {
            "items" => {
                let pairs =
                    items.borrow().iter().map(|(k, v)| Value::tuple(vec![k.clone(), v.clone()])).collect();
                Some(Value::list(pairs))
            }
            "keys" => Some(Value::list(items.borrow().iter().map(|(key, _)| key.clone()).collect())),
            "values" => Some(Value::list(items.borrow().iter().map(|(_, value)| value.clone()).collect())),
            "get" => {
                let key = first?;
                match find(key) {
                    Some(at) => items.borrow().get(at).map(|(_, value)| value.clone()),
                    None if key.reason().is_some() => None,
                    None => Some(arguments.args.get(1).cloned().unwrap_or(Value::None)),
                }
            }
            "pop" => {
                let key = first?;
                match find(key) {
                    Some(at) => Some(items.borrow_mut().remove(at).1),
                    None => arguments.args.get(1).cloned(),
                }
            }
            "setdefault" => {
                let key = first?;
                let value = arguments.args.get(1).cloned().unwrap_or(Value::None);
                match find(key) {
                    Some(at) => items.borrow().get(at).map(|(_, value)| value.clone()),
                    None => {
                        dict_set(receiver, key.clone(), value.clone());
                        Some(value)
                    }
                }
            }
            "update" => {
                if let Some(Value::Dict(more)) = first {
                    let more = more.borrow().clone();
                    more.into_iter().for_each(|(key, value)| dict_set(receiver, key, value));
                }
                for (key, value) in &arguments.kwargs {
                    dict_set(receiver, Value::Str(Arc::clone(key)), value.clone());
                }
                Some(Value::None)
            }
            "copy" => Some(Value::dict(items.borrow().clone())),
            "clear" => {
                items.borrow_mut().clear();
                Some(Value::None)
            }
            _ => None,
        }
    }

    fn set_method(&mut self, receiver: &Value, name: &str, arguments: &Arguments) -> Option<Value> {
        let Value::Set(items) = receiver else { return None };
        let first = arguments.args.first();
        match name {
            "add" => {
                let mut set = items.borrow().clone();
                self.insert(&mut set, first?.clone());
                *items.borrow_mut() = set;
                Some(Value::None)
            }
            "discard" | "remove" => {
                let item = first?;
                items.borrow_mut().retain(|other| equal(other, item) != Some(true));
                Some(Value::None)
            }
            "update" | "union" => {
                let more = self.iterate(first?)?;
                let mut set = items.borrow().clone();
                for item in more {
                    self.insert(&mut set, item);
                }
                if name == "update" {
                    *items.borrow_mut() = set;
                    return Some(Value::None);
                }
                Some(Value::Set(Rc::new(std::cell::RefCell::new(set))))
            }
            "difference" | "intersection" | "issubset" | "issuperset" => {
                let other = self.iterate(first?)?;
                let within = |set: &[Value], item: &Value| set.iter().any(|o| equal(o, item) == Some(true));
                let own = items.borrow().clone();
                match name {
                    "issubset" => return Some(Value::Bool(own.iter().all(|item| within(&other, item)))),
                    "issuperset" => return Some(Value::Bool(other.iter().all(|item| within(&own, item)))),
                    _ => {}
                }
                let keep = name == "intersection";
                let kept = own.into_iter().filter(|item| within(&other, item) == keep).collect();
                Some(Value::Set(Rc::new(std::cell::RefCell::new(kept))))
            }
            "copy" => Some(Value::Set(Rc::new(std::cell::RefCell::new(items.borrow().clone())))),
            _ => None,
        }
    }
}

/// Methods of results and rows. A row is a result with one row.
fn rows_method(receiver: &Value, rows: &Rc<Rows>, name: &str, arguments: &Arguments) -> Option<Value> {
    let cell = |row: &Vec<Value>| row.first().cloned().unwrap_or(Value::None);
    let row = |row: &Vec<Value>| row_value(&rows.columns, row);
    match name {
        "fetchall" | "all" | "fetchmany" | "unique" | "partitions" => Some(Value::list(row_items(rows))),
        "fetchone" | "first" | "one_or_none" | "one" => match rows.shape {
            Shape::Scalars => Some(rows.rows.first().map_or(Value::None, cell)),
            _ => Some(rows.rows.first().map_or(Value::None, row)),
        },
        "scalar" | "scalar_one_or_none" | "scalar_one" => Some(rows.rows.first().map_or(Value::None, cell)),
        "scalars" => Some(Value::Rows(Rc::new(Rows {
            columns: Vec::new(),
            rows: rows.rows.iter().map(|row| vec![cell(row)]).collect(),
            shape: Shape::Scalars,
        }))),
        // Results as mappings, and queries of the ORM that are refined.
        "mappings" | "execution_options" | "yield_per" | "tuples" | "filter" | "filter_by" | "join"
        | "outerjoin" | "order_by" | "limit" | "offset" | "options" | "distinct" | "group_by" | "having"
        | "with_entities" | "select_from" | "where" | "columns" | "enable_eagerloads" | "with_for_update"
        | "populate_existing" => Some(receiver.clone()),
        "update" | "delete" => Some(Value::Int(0)),
        "exists" | "subquery" => Some(receiver.clone()),
        "keys" => {
            Some(Value::list(rows.columns.iter().map(|column| Value::Str(Arc::clone(column))).collect()))
        }
        "close" => Some(Value::None),
        "get" => {
            let key = arguments.args.first()?.as_str()?;
            Some(row_attribute(receiver, key).unwrap_or(Value::None))
        }
        "count" => Some(Value::Int(rows.rows.len() as i64)),
        _ => None,
    }
}
