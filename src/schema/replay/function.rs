//! The call of one `upgrade()` or `downgrade()`.

use std::rc::Rc;
use std::sync::Arc;

use super::{Assumed, Options};
use crate::python::tree::ParameterKind;
use crate::revision::Script;
use crate::schema::evaluate::{Arguments, Evaluator, Host as _};
use crate::schema::ops::Migration;
use crate::schema::state::Place;
use crate::schema::value::Value;
use crate::text::ByteSpan;

/// Has the evaluator take the settings that are assumed.
pub(super) fn assume(evaluator: &mut Evaluator<'_>, options: &Options) {
    for (expression, value) in &options.assume {
        let value = match value {
            Assumed::Flag(flag) => Value::Bool(*flag),
            Assumed::Text(text) => Value::str(text),
            Assumed::Number(number) => Value::Int(*number),
        };
        evaluator.assume(expression, value);
    }
}

/// Evaluates the `upgrade()` or `downgrade()` of one file; what it does goes to `migration`.
pub(super) fn run_function(
    evaluator: &mut Evaluator<'_>,
    migration: &Rc<Migration>,
    script: &Script,
    name: &'static str,
) {
    evaluator.refill();
    evaluator.set_revision(Some(Arc::clone(&script.revision)));
    let place = Place {
        path: script.path.clone(),
        line: 1,
        span: ByteSpan::new(0, 0),
        revision: Some(Arc::clone(&script.revision)),
    };
    let Some(module) = evaluator.module(&script.path) else {
        migration.unreadable(evaluator, "the file cannot be read", &place);
        return;
    };
    if module.tree.error.is_some() && module.tree.body.is_empty() {
        let reason = module.tree.error.as_ref().map_or("", |(reason, _)| reason.as_str());
        migration.unreadable(evaluator, &format!("the file cannot be parsed: {reason}"), &place);
        return;
    }
    match evaluator.lookup(&module, name) {
        Some(function @ (Value::Function(_) | Value::Bound(_))) => {
            let arguments = handed(&function);
            evaluator.call(&function, arguments, &place);
        }
        Some(Value::Unknown(unknown)) => migration.unreadable(evaluator, &unknown.reason, &unknown.place),
        Some(_) => {
            let reason = format!("its {name} is no function of the repository");
            migration.unreadable(evaluator, &reason, &place);
        }
        // Alembic takes a file without the function for one that does nothing.
        None => {}
    }
    if let Some(reason) = evaluator.exhausted().filter(|_| !migration.asked()) {
        evaluator.refill();
        migration.unreadable(evaluator, reason, &place);
    }
    evaluator.forget(&script.path);
}

/// What `context.run_migrations(op=op, …)` of an `env.py` hands to `upgrade(op, …)`: Alembic's `op` by that name, and
/// what is not known by others.
fn handed(function: &Value) -> Arguments {
    let Value::Function(function) = function else { return Arguments::default() };
    let asked = function.definition.parameters.iter().filter(|parameter| {
        parameter.default.is_none()
            && matches!(parameter.kind, ParameterKind::Plain | ParameterKind::PositionOnly)
    });
    let kwargs = asked.map(|parameter| {
        let value = match &*parameter.name {
            "op" => Value::External(Arc::from("alembic.op")),
            name => Value::External(Arc::from(format!("env.{name}"))),
        };
        (Arc::clone(&parameter.name), value)
    });
    Arguments { kwargs: kwargs.collect(), ..Arguments::default() }
}

impl Migration {
    /// Records that a migration cannot be read.
    fn unreadable(&self, evaluator: &mut Evaluator<'_>, reason: &str, place: &Place) {
        self.opaque(evaluator, reason, place);
    }
}
