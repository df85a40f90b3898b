//! JSON Schemas of the documents, generated from their types and committed as
//! `fixtures/schemas/KIND.json`.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::model::schema::SchemaDocument;
use super::model::schema_diff::SchemaDiffDocument;
use super::model::{
    AuditDocument, BranchesDocument, CheckDocument, DiffDocument, ExplainDocument, GraphDocument,
    HeadsDocument, LocateDocument, PlanDocument, TimelineRecord,
};

/// Every kind of document with its schema, sorted by kind. `timeline` is the schema of one line.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("audit", schema::<AuditDocument>("audit")),
        ("branches", schema::<BranchesDocument>("branches")),
        ("check", schema::<CheckDocument>("check")),
        ("diff", schema::<DiffDocument>("diff")),
        ("explain", schema::<ExplainDocument>("explain")),
        ("graph", schema::<GraphDocument>("graph")),
        ("heads", schema::<HeadsDocument>("heads")),
        ("locate", schema::<LocateDocument>("locate")),
        ("plan", schema::<PlanDocument>("plan")),
        ("schema", schema::<SchemaDocument>("schema")),
        ("schema-diff", schema::<SchemaDiffDocument>("schema-diff")),
        ("timeline", schema::<TimelineRecord>("timeline")),
    ]
}

/// As the document is written, so that a field that is null when absent is a required one.
fn schema<T: JsonSchema>(kind: &str) -> Schema {
    let mut schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
    if let Some(field) = schema.pointer_mut("/properties/schema").and_then(|field| field.as_object_mut()) {
        field.insert("const".to_owned(), format!("onehead/{kind}/v1").into());
    }
    schema
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use serde::Serialize;

    use super::*;
    use crate::report::sample::{
        audit, broken, check, diff, explain, graph, heads, hostile, labelled, merged, record,
    };

    fn file(kind: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/schemas").join(format!("{kind}.json"))
    }

    fn text(schema: &Schema) -> String {
        serde_json::to_string_pretty(schema).unwrap() + "\n"
    }

    #[test]
    fn committed_schemas_are_the_generated_ones() {
        for (kind, schema) in schemas() {
            let committed = fs::read_to_string(file(kind)).unwrap_or_default();
            assert!(
                committed == text(&schema),
                "fixtures/schemas/{kind}.json is out of date: cargo test write_schemas -- --ignored"
            );
        }
    }

    /// Not a test: writes the files that the test above reads.
    #[test]
    #[ignore = "writes fixtures/schemas"]
    fn write_schemas() {
        for (kind, schema) in schemas() {
            fs::create_dir_all(file(kind).parent().unwrap()).unwrap();
            fs::write(file(kind), text(&schema)).unwrap();
        }
    }

    #[test]
    fn documents_are_valid() {
        let environments = || vec![merged(), labelled(), broken(), hostile()];
        valid("audit", &audit());
        valid("check", &check());
        valid("diff", &diff());
        valid("explain", &explain());
        valid("graph", &graph(environments()));
        valid("heads", &heads());
        valid("timeline", &record(&["1a"]));
    }

    #[test]
    fn other_documents_are_not() {
        let mut wrong_kind = graph(vec![merged()]);
        wrong_kind.schema = "onehead/graph/v2";
        assert_eq!(faults("graph", &wrong_kind), ["\"onehead/graph/v1\" was expected"]);
        assert_eq!(
            faults(
                "graph",
                &serde_json::json!({"schema": "onehead/graph/v1", "version": "0", "environments": []})
            ),
            ["\"commit\" is a required property"]
        );
    }

    fn valid(kind: &str, document: &impl Serialize) {
        assert_eq!(faults(kind, document), Vec::<String>::new(), "{kind}");
    }

    fn faults(kind: &str, document: &impl Serialize) -> Vec<String> {
        let (_, schema) = schemas().into_iter().find(|(name, _)| *name == kind).unwrap();
        let validator = jsonschema::validator_for(schema.as_value()).unwrap();
        let document = serde_json::to_value(document).unwrap();
        validator.iter_errors(&document).map(|error| error.to_string()).collect()
    }
}
