use super::model_fault::{place, spot};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};

/// Two classes declare one table.
pub(super) struct DuplicateTablename;

static META: RuleMeta = RuleMeta {
    name: "duplicate-tablename",
    summary: "Two classes declare one table",
    severity: Severity::Error,
    explanation: "Two classes, or a class and a `Table()`, give one metadata a table of the same name:

    class User(Base):                 class Account(Base):
        __tablename__ = \"users\"           __tablename__ = \"users\"
    InvalidRequestError: Table 'users' is already defined for this MetaData instance.

Whatever imports both stops there: the application, and `env.py`. On two metadata SQLAlchemy says nothing, and both
classes write to one table; that is a warning. Classes under a test, inheritance that shares a table, and tables that
`extend_existing` are fine.

Give one of them another name, or make it inherit the other one.",
};

impl Rule for DuplicateTablename {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(models) = cx.models.filter(|models| models.doubt.is_none()) else { return };
        let all: Vec<_> = models
            .declared
            .iter()
            .filter(|table| table.targeted && table.reached && table.unconditional && !table.extends)
            .collect();
        for (at, table) in all.iter().enumerate() {
            let Some(earlier) = all[..at].iter().find(|earlier| earlier.name == table.name) else { continue };
            if earlier.place == table.place {
                continue;
            }
            let (severity, what) = match earlier.metadata == table.metadata {
                true => (
                    META.severity,
                    format!("Table '{}' is already defined for this MetaData instance", table.name),
                ),
                false => {
                    (Severity::Warning, "they belong to two metadata: both write to one table".to_owned())
                }
            };
            let message =
                format!("{} and {} both declare the table {}", earlier.class, table.class, table.name);
            sink.push(
                Diagnostic::new(META.name, severity, message)
                    .about(format!("{} {} {}", table.name, earlier.class, table.class))
                    .at(place(&table.place))
                    .at(place(&earlier.place))
                    .because(what)
                    .because(format!("the other one is at {}", spot(&earlier.place))),
            );
        }
    }
}
