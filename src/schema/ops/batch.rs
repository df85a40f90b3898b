//! `with op.batch_alter_table("t") as batch_op`.

use super::{Migration, table_name, unknown_reason};
use crate::schema::evaluate::{Arguments, Evaluator};
use crate::schema::state::{Place, Touch};
use crate::schema::value::Value;

impl Migration {
    /// An operation of a batch: its table is that of the batch.
    pub(super) fn batch(
        &self,
        evaluator: &mut Evaluator<'_>,
        batch: &Value,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        if name == "f" {
            return Some(evaluator.keep("alembic.op.f", arguments, place));
        }
        let construct = batch.as_construct()?;
        let schema = construct.kwarg("schema");
        let Some(table) = table_name(construct.arg(0, "table_name"), schema, self.database) else {
            let reason = unknown_reason(construct.arg(0, "table_name"), "it is computed");
            let reason = format!("a batch on a table whose name is not known: {reason}");
            self.emit_opaque(evaluator, reason, vec![Touch::Schema(None)], place);
            return Some(Value::None);
        };
        match name {
            "drop_index" => {
                let mut arguments = arguments.clone();
                if let Some(schema) = schema {
                    arguments.kwargs.push((std::sync::Arc::from("schema"), schema.clone()));
                }
                let index = arguments.args.first().or_else(|| arguments.named("index_name")).cloned();
                self.drop_index(evaluator, index.as_ref(), &arguments, place);
            }
            "get_bind" | "execute" => return None,
            _ => self.on_table(evaluator, name, table, arguments, place),
        }
        Some(Value::None)
    }
}
