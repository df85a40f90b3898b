//! The keys of the configuration with their documentation, as the types have it.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Config;

/// Every key in the order in which people meet them; `[]` stands for the entries of a list.
const ORDER: [&str; 21] = [
    "trunk",
    "heads",
    "environments",
    "environments[].name",
    "environments[].dialect",
    "environments[].script_location",
    "environments[].version_locations",
    "environments[].recursive_version_locations",
    "environments[].heads",
    "deployed",
    "rules",
    "baseline",
    "baseline[].rule",
    "baseline[].environment",
    "baseline[].path",
    "baseline[].revision",
    "baseline[].subject",
    "baseline[].reason",
    "baseline[].expires",
    "dialect",
    "assume",
];

/// The JSON Schema of the configuration.
pub(in crate::cli) fn schema() -> Schema {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<Config>()
}

/// Every key with its documentation.
pub(in crate::cli) fn keys() -> Vec<(&'static str, String)> {
    let schema = schema();
    let described = |key: &'static str| {
        let pointer = format!("/properties/{}/description", key.replace("[].", "/items/properties/"));
        let text = schema.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
        (key, text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    ORDER.into_iter().map(described).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/schemas/config.json")
    }

    fn text() -> String {
        serde_json::to_string_pretty(&schema()).unwrap() + "\n"
    }

    #[test]
    fn the_committed_schema_is_the_generated_one() {
        let committed = std::fs::read_to_string(file()).unwrap_or_default();
        assert!(
            committed == text(),
            "fixtures/schemas/config.json is out of date: cargo test write_schema -- --ignored"
        );
    }

    /// Not a test: writes the file that the test above reads.
    #[test]
    #[ignore = "writes fixtures/schemas"]
    fn write_schema_of_the_configuration() {
        std::fs::write(file(), text()).unwrap();
    }

    #[test]
    fn every_key_is_documented() {
        let schema = serde_json::to_value(schema()).unwrap();
        let mut found = Vec::new();
        for (name, key) in schema["properties"].as_object().unwrap() {
            found.push(name.clone());
            let nested = key.pointer("/items/properties").and_then(Value::as_object);
            found.extend(nested.into_iter().flatten().map(|(nested, _)| format!("{name}[].{nested}")));
        }
        found.sort();
        let mut listed = ORDER.map(str::to_owned).to_vec();
        listed.sort();
        assert_eq!(found, listed);
        for (key, text) in keys() {
            assert!(text.len() > 8 && text.ends_with('.'), "{key}: {text}");
        }
    }

    #[test]
    fn the_schema_takes_what_the_reader_takes() {
        let schema = serde_json::to_value(schema()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (yaml, is_valid) in [
            (include_str!("../init.yaml"), true),
            ("heads: 2", true),
            ("heads: [a, '1']", true),
            ("heads: 0", false),
            ("environments: [{script_location: m}]", true),
            ("environments: [{name: m}]", false),
            ("rules: {multiple-heads: off}", true),
            ("rules: {multiple-heads: loud}", false),
            ("rules: {no-rule: off}", false),
            ("baseline: [{rule: multiple-heads, revision: [a, b], reason: r, expires: 2025-06-30}]", true),
            ("baseline: [{rule: multiple-heads}]", false),
            ("dialect: mysql", true),
            ("dialect: oracle", false),
            ("assume: {DEBUG: false, NAME: x, N: 1, F: 1.5, NONE: null}", true),
            ("assume: {DEBUG: []}", false),
            ("colour: blue", false),
        ] {
            let parsed: Value = serde_yaml::from_str(yaml).unwrap();
            // A file of comments alone is no mapping, and no configuration.
            let parsed = if parsed.is_null() { serde_json::json!({}) } else { parsed };
            assert_eq!(validator.is_valid(&parsed), is_valid, "{yaml}");
            assert_eq!(Config::parse("c", yaml.as_bytes()).is_ok(), is_valid, "{yaml}");
        }
    }
}
