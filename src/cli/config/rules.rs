//! `rules:`, what becomes of a rule's findings, and for a rule of many kinds which of them are looked at.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::Level;
use super::values::RuleName;
use crate::rules::{DRIFT_KINDS, SCHEMA_DRIFT};
use crate::schema::compare::Aspect;

/// The settings of all rules that have some, each rule once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    levels: BTreeMap<String, Level>,
    without: BTreeSet<Aspect>,
}

impl Rules {
    /// The severity that the rule is to have, where one is given.
    pub(super) fn level(&self, rule: &str) -> Option<Level> {
        self.levels.get(rule).copied()
    }

    /// Every rule with a severity.
    pub(super) fn levels(&self) -> impl Iterator<Item = (&str, Level)> {
        self.levels.iter().map(|(rule, level)| (rule.as_str(), *level))
    }

    /// The kinds of difference that `schema-drift` leaves out.
    pub(super) fn without(&self) -> &BTreeSet<Aspect> {
        &self.without
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RulesVisitor)
    }
}

struct RulesVisitor;

impl<'de> Visitor<'de> for RulesVisitor {
    type Value = Rules;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rules with their severities")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rules, A::Error> {
        let mut seen = BTreeSet::new();
        let mut rules = Rules::default();
        while let Some(RuleName(name)) = map.next_key()? {
            let level = match name == SCHEMA_DRIFT {
                true => {
                    let Drift { severity, except } = map.next_value()?;
                    rules.without = except.into_iter().map(|kind| kind.0).collect();
                    severity
                }
                false => Some(map.next_value()?),
            };
            if !seen.insert(name.clone()) {
                return Err(de::Error::custom(format!("the rule '{name}' is there twice")));
            }
            rules.levels.extend(level.map(|level| (name, level)));
        }
        Ok(rules)
    }
}

/// What `schema-drift` is given: a severity, or that and the kinds it leaves out.
#[derive(Default)]
struct Drift {
    severity: Option<Level>,
    except: Vec<Kind>,
}

/// A severity, and the kinds of difference that are left out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct DriftMap {
    /// What becomes of its findings. Default: warning.
    severity: Option<Level>,
    /// Kinds of difference that are not told.
    #[serde(default)]
    except: Vec<Kind>,
}

impl<'de> Deserialize<'de> for Drift {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Drift;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a severity, or a map of `severity` and `except`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Drift, E> {
                let level = Level::deserialize(StrDeserializer::new(text))?;
                Ok(Drift { severity: Some(level), except: Vec::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Drift, A::Error> {
                let DriftMap { severity, except } = DriftMap::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Drift { severity, except })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A kind of difference, by name.
struct Kind(Aspect);

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        match DRIFT_KINDS.iter().find(|kind| kind.name() == name) {
            Some(kind) => Ok(Self(*kind)),
            None => Err(de::Error::custom(format!(
                "{SCHEMA_DRIFT} has no kind '{name}', but {}",
                crate::rules::listing(DRIFT_KINDS.iter().map(|kind| kind.name()))
            ))),
        }
    }
}

impl JsonSchema for Kind {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DriftKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kinds: Vec<&str> = DRIFT_KINDS.iter().map(|kind| kind.name()).collect();
        json_schema!({ "type": "string", "enum": kinds })
    }
}

impl JsonSchema for Rules {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Rules".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = BTreeMap::<RuleName, Level>::json_schema(generator);
        let drift = json_schema!({
            "anyOf": [generator.subschema_for::<Level>(), generator.subschema_for::<DriftMap>()],
        });
        if let Some(rule) = schema.pointer_mut(&format!("/properties/{SCHEMA_DRIFT}")) {
            *rule = drift.into();
        }
        schema
    }
}
