use super::Evaluator;
use crate::schema::state::Place;
use crate::schema::value::Value;

/// The arguments of a call.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// By position.
    pub args: Vec<Value>,
    /// By name.
    pub kwargs: Vec<(std::sync::Arc<str>, Value)>,
    /// Why there may be more: `*unknown`.
    pub more: Option<std::rc::Rc<crate::schema::value::Unknown>>,
}

impl Arguments {
    /// The argument at `position`, or the one called `name`.
    pub fn get(&self, position: usize, name: &str) -> Option<&Value> {
        self.args.get(position).or_else(|| self.named(name))
    }

    /// The argument called `name`.
    pub fn named(&self, name: &str) -> Option<&Value> {
        self.kwargs.iter().find(|(key, _)| **key == *name).map(|(_, value)| value)
    }

    /// The truth of the argument called `name`, where it is a constant.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.named(name)? {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }
}

/// What the world outside of the repository's own Python does: library calls that mean something.
///
/// Every method may answer `None`: then the evaluator keeps the call as a construct.
pub trait Host {
    /// How much has been done so far; the same number after something that changed nothing.
    fn done(&self) -> usize {
        0
    }

    /// Calling `path`, a library's dotted name.
    fn call(
        &self,
        evaluator: &mut Evaluator<'_>,
        path: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        let _ = (evaluator, path, arguments, place);
        None
    }

    /// Calling the method `name` of a construct or an attribute of one.
    fn method(
        &self,
        evaluator: &mut Evaluator<'_>,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        let _ = (evaluator, receiver, name, arguments, place);
        None
    }

    /// The attribute `name` of a construct, of an attribute of one, or of a library's name.
    fn attribute(&self, evaluator: &mut Evaluator<'_>, receiver: &Value, name: &str) -> Option<Value> {
        let _ = (evaluator, receiver, name);
        None
    }

    /// Entering `with value`.
    fn enter(&self, evaluator: &mut Evaluator<'_>, value: &Value) {
        let _ = (evaluator, value);
    }

    /// Leaving `with value`.
    fn exit(&self, evaluator: &mut Evaluator<'_>, value: &Value) {
        let _ = (evaluator, value);
    }

    /// Something at `place` could not be evaluated and may have had an effect.
    fn opaque(&self, evaluator: &mut Evaluator<'_>, reason: &str, place: &Place) {
        let _ = (evaluator, reason, place);
    }
}

/// A host that keeps every call as a construct: what models are read with.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {}
