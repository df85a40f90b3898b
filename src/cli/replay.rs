//! How the configuration wants migrations to be replayed.

use std::collections::BTreeMap;

use super::config::{Config, Scalar, SqlDialect};
use super::session::Session;
use crate::schema::replay::{Assumed, Options};
use crate::schema::types::Database;

impl Session<'_> {
    /// The options of a replay: `dialect`, `assume` and the kinds of `schema-drift` of the configuration, the rest as the project tells.
    pub(super) fn replay_options(&self) -> Options {
        let uncompared = self.config.undrawn().clone();
        let mut options = Options { assume: assumed(&self.config), uncompared, ..Options::of_project() };
        if let Some(dialect) = &self.config.dialect {
            options.find_database = false;
            options.settings.database = match dialect {
                SqlDialect::Postgresql => Database::PostgreSql,
                SqlDialect::Mysql => Database::MySql,
                SqlDialect::Sqlite => Database::Sqlite,
            };
        }
        options
    }
}

/// What the configuration takes settings to be.
fn assumed(config: &Config) -> BTreeMap<String, Assumed> {
    let value = |value: &Scalar| match value {
        Scalar::Bool(flag) => Some(Assumed::Flag(*flag)),
        Scalar::Int(number) => Some(Assumed::Number(*number)),
        Scalar::Text(text) => Some(Assumed::Text(text.clone())),
        // What the evaluator has no value for stays unknown.
        Scalar::Null | Scalar::Float(_) => None,
    };
    config.assume.iter().filter_map(|(name, assumed)| Some((name.clone(), value(assumed)?))).collect()
}
