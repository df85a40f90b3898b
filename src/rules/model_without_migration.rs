use std::collections::BTreeMap;

use super::model_fault::{place, spot};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx, listing};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;
use crate::schema::models::ModelTable;
use crate::vcs::RepoPath;

/// A model whose table no revision creates.
pub(super) struct ModelWithoutMigration;

static META: RuleMeta = RuleMeta {
    name: "model-without-migration",
    summary: "A model's table is created by no revision",
    severity: Severity::Warning,
    explanation: "A class on the base of `target_metadata` declares a table, and no revision creates it:

    class Order(Base):
        __tablename__ = \"orders\"

On a database that migrations made, the first query says `relation \"orders\" does not exist`. On a developer's machine it
works where `create_all()` made the table. Models are told module by module. Nothing is said where a revision does
something that cannot be read, where `env.py` leaves tables out of the comparison, or where what it imports is not known.

Run `alembic revision --autogenerate`, or drop the class.",
};

impl Rule for ModelWithoutMigration {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(models) = cx.models.filter(|models| models.doubt.is_none() && !models.filtered) else {
            return;
        };
        // Where the chain rests on tables that something else makes, that makes others, too.
        if cx.faults.iter().any(|fault| fault.kind == FaultKind::TableNeverCreated) {
            return;
        }
        // Migrations that create nothing that a model declares belong to other tables.
        if !models.declared.iter().any(|table| cx.schema.tables.contains_key(&table.name)) {
            return;
        }
        let mut modules: BTreeMap<&RepoPath, Vec<&ModelTable>> = BTreeMap::new();
        for table in
            models.declared.iter().filter(|table| table.targeted && table.reached && table.unconditional)
        {
            let there =
                cx.schema.tables.contains_key(&table.name) || cx.schema.views.contains_key(&table.name);
            if !there && !cx.schema.may_be_touched(&table.name) {
                modules.entry(&table.place.path).or_default().push(table);
            }
        }
        for (path, tables) in modules {
            let mut names: Vec<String> = tables.iter().map(|table| table.name.to_string()).collect();
            names.sort();
            names.dedup();
            let (noun, verb) = if names.len() == 1 { ("table", "is") } else { ("tables", "are") };
            let message = format!(
                "{path} declares the {noun} {}, which {verb} created by no revision",
                listing(&names)
            );
            let mut finding = Diagnostic::new(META.name, META.severity, message)
                .about(format!("{path} {}", names.join(" ")))
                .extent(names.len());
            for table in &tables {
                finding = finding.at(place(&table.place));
                if let Some(dropped) = cx.schema.dropped.get(&table.name) {
                    finding = finding.because(format!(
                        "{} was dropped or renamed at {}",
                        table.name,
                        spot(dropped)
                    ));
                }
            }
            sink.push(finding);
        }
    }
}
