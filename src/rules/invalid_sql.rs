use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// A statement that PostgreSQL does not know.
pub(super) struct InvalidSql;

static META: RuleMeta = RuleMeta {
    name: "invalid-sql",
    summary: "A statement that PostgreSQL does not know",
    severity: Severity::Error,
    explanation: "The text given to `op.execute` has a form that PostgreSQL rejects whatever the schema is:

    CREATE TYPE IF NOT EXISTS status AS ENUM ('open')
    ALTER TABLE users ADD CONSTRAINT IF NOT EXISTS uq UNIQUE (email)

Only forms that are known to be wrong are reported; what the parser merely does not know is not. What works instead is a
block that catches the error, or a constraint that is dropped first:

    DO $$ BEGIN CREATE TYPE status AS ENUM ('open'); EXCEPTION WHEN duplicate_object THEN NULL; END $$
    ALTER TABLE users DROP CONSTRAINT IF EXISTS uq, ADD CONSTRAINT uq UNIQUE (email)",
};

impl Rule for InvalidSql {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::InvalidSql);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
