use super::model_fault::{place, spot};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::types::can_reference;
use crate::schema::{Column, Name, Schema, Table, TableState};

/// A column is named like a reference and is none.
pub(super) struct ColumnLooksLikeForeignKey;

static META: RuleMeta = RuleMeta {
    name: "column-looks-like-foreign-key",
    summary: "A column is named after a table and has the type of its key, but no foreign key (off unless configured)",
    severity: Severity::Info,
    explanation: "A column `user_id` beside a table `users`, with the type of its key, and no foreign key between them:

    op.create_table(\"users\", sa.Column(\"id\", sa.Uuid(), primary_key=True))
    op.create_table(\"orders\", ..., sa.Column(\"user_id\", sa.Uuid()))

PostgreSQL takes any value there, also ids of rows that are gone, and deleting a user leaves the orders behind. Many
such columns are meant to be as they are: ids of other systems, rows that must outlive what they name, tables of logs.
So the rule says nothing unless it is asked for in onehead.yaml:

    rules: {column-looks-like-foreign-key: info}

Nothing is said of names that usually mean something else (`external_id`, `session_id`, `trace_id`), of a pair such as
`object_type` and `object_id`, and of tables that are not known in full.

Add the foreign key, or accept the column with `# onehead: ignore[column-looks-like-foreign-key]` and a reason.",
};

/// What is an id of something else more often than a reference, even where a table has that name.
const OTHER_IDS: &[&str] = &[
    "client",
    "content",
    "correlation",
    "device",
    "external",
    "message",
    "object",
    "process",
    "remote",
    "request",
    "session",
    "span",
    "task",
    "thread",
    "trace",
    "transaction",
];

impl Rule for ColumnLooksLikeForeignKey {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn is_opt_in(&self) -> bool {
        true
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let is_read =
            |table: &Table| table.state == TableState::Complete && !cx.schema.may_be_touched(&table.name);
        for table in cx.schema.tables.values().filter(|table| is_read(table)) {
            for column in &table.columns {
                let Some((target, key)) = meant(cx.schema, table, column) else { continue };
                let (own, other) =
                    (format!("{}.{}", table.name, column.name), format!("{}.{}", target.name, key.name));
                let message = format!(
                    "{own} is {} like {other}, and no foreign key ties them together",
                    column.ty.text
                );
                sink.push(
                    Diagnostic::new(META.name, META.severity, message)
                        .about(own.clone())
                        .at(place(&column.place))
                        .at(place(&key.place))
                        .revisions(column.place.revision.as_deref())
                        .because(format!("{own} is made at {}", spot(&column.place)))
                        .because(format!("{other} is made at {}", spot(&key.place)))
                        .because("PostgreSQL takes any value there, also ids of rows that do not exist"),
                );
            }
        }
    }
}

/// The table whose key `column` seems to hold, and that key.
fn meant<'s>(schema: &'s Schema, table: &Table, column: &Column) -> Option<(&'s Table, &'s Column)> {
    let stem = column.name.strip_suffix("_id").filter(|stem| !stem.is_empty())?;
    let is_polymorphic = table.column(&format!("{stem}_type")).is_some();
    let is_tied = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
    if OTHER_IDS.contains(&stem) || is_polymorphic || is_tied {
        return None;
    }
    let plural = match stem.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{stem}es"),
    };
    let names = [stem.to_owned(), format!("{stem}s"), plural];
    let target = names.iter().find_map(|name| {
        schema.table(&Name { schema: table.name.schema.clone(), name: name.as_str().into() })
    })?;
    let [key] = target.primary_key.as_ref()?.columns.as_slice() else { return None };
    let key = target.column(key)?;
    let is_id = matches!(&*column.ty.text, "uuid" | "smallint" | "integer" | "bigint");
    let fits = column.ty.is_known() && is_id && can_reference(&column.ty, &key.ty) == Some(true);
    (fits && !std::ptr::eq(target, table)).then_some((target, key))
}
