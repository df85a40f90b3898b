//! `heads:`, a number or names.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

/// Intended heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Heads {
    /// This many.
    Count(usize),
    /// These ids or branch labels.
    Named(Vec<String>),
}

impl<'de> Deserialize<'de> for Heads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadsVisitor)
    }
}

struct HeadsVisitor;

impl HeadsVisitor {
    fn refuse<T, E: de::Error>() -> Result<T, E> {
        Err(E::custom(
            "heads must be a number from 1 or a list of ids or labels (in quotes where they look like numbers)",
        ))
    }
}

impl<'de> Visitor<'de> for HeadsVisitor {
    type Value = Heads;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 1 or a list of ids or labels")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Heads, E> {
        match usize::try_from(count) {
            Ok(count) if count > 0 => Ok(Heads::Count(count)),
            _ => Self::refuse(),
        }
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Heads, E> {
        u64::try_from(count).map_or_else(|_| Self::refuse(), |count| self.visit_u64(count))
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Heads, E> {
        Self::refuse()
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Heads, E> {
        Self::refuse()
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Heads, E> {
        Self::refuse()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Heads, E> {
        Self::refuse()
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Heads, E> {
        Self::refuse()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Heads, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = items.next_element().or_else(|_| Self::refuse())? {
            names.push(name);
        }
        Ok(Heads::Named(names))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Heads, A::Error> {
        Self::refuse()
    }
}

impl JsonSchema for Heads {
    fn schema_name() -> Cow<'static, str> {
        "Heads".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 1 },
            { "type": "array", "items": { "type": "string" } },
        ] })
    }
}
