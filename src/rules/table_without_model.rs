use super::model_fault::{place, spot};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::TableState;

/// A table that no model declares.
pub(super) struct TableWithoutModel;

static META: RuleMeta = RuleMeta {
    name: "table-without-model",
    summary: "The migrations build a table that no model declares",
    severity: Severity::Info,
    explanation: "The revisions create a table that no class and no `Table()` of the repository declares:

    op.create_table(\"invoices\", ...)          # and no model has __tablename__ = \"invoices\"

The next `alembic revision --autogenerate` proposes to drop it, with its rows. Nothing is said where a model cannot be
read in full, where `target_metadata` holds tables of another package, or where `env.py` leaves tables out of the
comparison. Where the class is commented out, the message says so.

Drop the table in a revision, bring its model back, or leave it out with `include_object`.",
};

impl Rule for TableWithoutModel {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(models) = cx.models.filter(|models| models.is_closed() && !models.filtered) else { return };
        // With no table in common, these are not the models of these migrations.
        if !models.schema.tables.keys().any(|name| cx.schema.tables.contains_key(name)) {
            return;
        }
        for (name, table) in &cx.schema.tables {
            let read = table.state == TableState::Complete && !cx.schema.may_be_touched(name);
            let declared = models.declared.iter().any(|model| model.name == *name);
            if !read || declared || table.partition_of.is_some() || &*name.name == "alembic_version" {
                continue;
            }
            let message = format!("the migrations build the table {name}, and no model declares it");
            let mut finding = Diagnostic::new(META.name, META.severity, message)
                .about(name.to_string())
                .at(place(&table.place))
                .revisions(table.place.revision.as_deref());
            if let Some((_, at)) = models.commented.iter().find(|(commented, _)| *commented == name.name) {
                finding =
                    finding.at(place(at)).because(format!("its class is commented out at {}", spot(at)));
            }
            sink.push(finding);
        }
    }
}
