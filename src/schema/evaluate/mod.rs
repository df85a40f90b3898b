//! A small evaluator of Python: enough for `upgrade()` bodies and for model modules, no more.
//!
//! It follows statements, calls functions of the repository's own modules at the same commit, and keeps
//! calls of libraries as constructs. Everything that it does not know becomes
//! [`Value::Unknown`] with a reason. A test that is not known makes it follow both branches, with
//! [`Evaluator::condition`] saying why what happens there is uncertain. Budgets on steps, calls, iterations
//! and sizes bound the work; hitting one is told to the [`Host`] as something opaque.

mod asked;
mod calls;
mod expressions;
mod files;
mod host;
mod imports;
mod methods;
mod operators;
mod reach;
mod statements;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

pub use asked::{Answers, Asked, Kept};
pub use files::{Files, NoFiles, ParsedFiles, TreeFiles};
pub use host::{Arguments, Host, NoHost};
pub use operators::{TextBuilder, equal, truth};

use super::state::Place;
use super::value::{Module, Scope, Unknown, Value};
use crate::python::tree;
use crate::text::ByteSpan;
use crate::vcs::RepoPath;

/// Steps (statements, expressions, copied items) that one [`Evaluator::refill`] allows.
pub const STEPS: u64 = 400_000;

/// Steps that loading one module may take beside.
const MODULE_STEPS: u64 = 1_000_000;

/// Steps that one statement of a module's body may take.
const STATEMENT_STEPS: u64 = 200_000;

/// Calls nested deeper are not followed.
const MAX_CALLS: usize = 30;

/// Longer strings are not built.
const MAX_TEXT: usize = 1 << 20;

/// Longer sequences are not built.
const MAX_ITEMS: usize = 20_000;

/// Evaluates modules of one tree.
pub struct Evaluator<'a> {
    files: &'a dyn Files,
    host: Rc<dyn Host + 'a>,
    /// Directories that modules are imported from, in order.
    roots: Vec<RepoPath>,
    modules: FxHashMap<RepoPath, Option<Rc<Module>>>,
    found: FxHashMap<Arc<str>, Option<imports::Found>>,
    steps: u64,
    calls: usize,
    exhausted: Option<&'static str>,
    conditions: Vec<Arc<str>>,
    guards: usize,
    revision: Option<Arc<str>>,
    asked: RefCell<BTreeSet<Asked>>,
    /// What was asked before the last refill.
    asked_before: RefCell<BTreeSet<Asked>>,
    /// Values of expressions that only the running program knows, by the expression as written.
    assumed: Vec<(String, Value)>,
}

/// Where the evaluator is: one function call, or a module's body.
pub(super) struct Frame {
    pub(super) scope: Rc<Scope>,
    pub(super) module: Rc<Module>,
    /// Names that `global` declared.
    pub(super) globals: Vec<Arc<str>>,
    /// What a generator has given so far.
    pub(super) yielded: Option<Vec<Value>>,
    /// The class that `super()` starts from, and `self`.
    pub(super) method: Option<(Rc<super::value::Class>, Value)>,
}

/// How a statement ended.
pub(super) enum Flow {
    /// By its end.
    Normal,
    /// By `return`.
    Return(Value),
    /// By `raise`, with what was raised.
    Raise(Value),
    /// By `break`.
    Break,
    /// By `continue`.
    Continue,
}

impl<'a> Evaluator<'a> {
    /// An evaluator that imports modules from `roots`, the first that has it, and tells `host` of library
    /// calls.
    pub fn new(files: &'a dyn Files, host: Rc<dyn Host + 'a>, roots: Vec<RepoPath>) -> Self {
        Self {
            files,
            host,
            roots,
            modules: FxHashMap::default(),
            found: FxHashMap::default(),
            steps: STEPS,
            calls: 0,
            exhausted: None,
            conditions: Vec::new(),
            guards: 0,
            revision: None,
            asked: RefCell::default(),
            asked_before: RefCell::default(),
            assumed: Vec::new(),
        }
    }

    /// The text of any file, where it is small.
    pub fn file_text(&self, path: &RepoPath) -> Option<Vec<u8>> {
        self.note_read(path);
        self.files.text(path)
    }

    /// Takes the dotted name or call `expression`, as written, to be `value`.
    pub fn assume(&mut self, expression: &str, value: Value) {
        self.assumed.push((expression.split_whitespace().collect(), value));
    }

    /// Forgets the module of `path`, so that what it built is freed.
    pub fn forget(&mut self, path: &RepoPath) {
        self.modules.remove(path);
    }

    /// Gives the next evaluation its full budget and forgets what the last one asked of the tree.
    pub fn refill(&mut self) {
        self.steps = STEPS;
        self.exhausted = None;
        self.conditions.clear();
        self.guards = 0;
        self.asked_before.borrow_mut().append(&mut self.asked.borrow_mut());
    }

    /// The revision that places are marked with from now on.
    pub fn set_revision(&mut self, revision: Option<Arc<str>>) {
        self.revision = revision;
    }

    /// What was asked of the tree since the last [`Evaluator::refill`].
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().iter().cloned().collect()
    }

    /// What this evaluator asked of the tree since it was made.
    pub fn asked_at_all(&self) -> BTreeSet<Asked> {
        let now = self.asked.borrow();
        self.asked_before.borrow().union(&now).cloned().collect()
    }

    /// The module in the file `path`, evaluated; `None` where there is no such file.
    pub fn module(&mut self, path: &RepoPath) -> Option<Rc<Module>> {
        self.load(path)
    }

    /// What `name` is bound to in `module`, star imports included, imports followed.
    pub fn lookup(&mut self, module: &Rc<Module>, name: &str) -> Option<Value> {
        let value = self.module_name(module, name)?;
        Some(self.force(value))
    }

    /// Calls `callee`, as `callee(*args, **kwargs)` at `place` would.
    pub fn call(&mut self, callee: &Value, arguments: Arguments, place: &Place) -> Value {
        self.call_value(callee, arguments, place)
    }

    /// The attribute `name` of `value`.
    pub fn attribute(&mut self, value: &Value, name: &str, place: &Place) -> Value {
        self.attribute_of(value, name, place)
    }

    /// The call `path(*args, **kwargs)` kept as a construct.
    pub fn keep(&self, path: &str, arguments: &Arguments, place: &Place) -> Value {
        Value::Construct(Rc::new(super::value::Construct {
            callee: super::value::Callee::Path(Arc::from(path)),
            args: arguments.args.clone(),
            kwargs: arguments.kwargs.clone(),
            more: arguments.more.clone(),
            place: place.clone(),
            attributes: RefCell::default(),
        }))
    }

    /// Ends the evaluation: nothing more is followed until the next [`Evaluator::refill`].
    pub fn stop(&mut self, reason: &'static str) {
        self.exhausted.get_or_insert(reason);
    }

    /// Evaluates an expression of `module` with the names of its top level.
    pub fn expression(&mut self, module: &Rc<Module>, expression: &tree::Expr) -> Value {
        let mut frame = self.module_frame(module);
        self.eval(&mut frame, expression)
    }

    /// The test that cannot be known on which everything depends now, the outermost first.
    pub fn condition(&self) -> Option<Arc<str>> {
        self.conditions.first().cloned()
    }

    /// Whether a failure would be caught now.
    pub fn is_guarded(&self) -> bool {
        self.guards > 0
    }

    /// Counts a guard in or out: for hosts whose context managers catch failures.
    pub fn guard(&mut self, on: bool) {
        self.guards = if on { self.guards + 1 } else { self.guards.saturating_sub(1) };
    }

    /// Runs `work` with everything depending on a test that cannot be known.
    pub fn under<R>(&mut self, reason: Arc<str>, work: impl FnOnce(&mut Self) -> R) -> R {
        self.conditions.push(reason);
        let result = work(self);
        self.conditions.pop();
        result
    }

    /// The budget that ran out, where one did.
    pub fn exhausted(&self) -> Option<&'static str> {
        self.exhausted
    }

    /// The place of `span` in `module`.
    pub fn place(&self, module: &Module, span: ByteSpan) -> Place {
        Place {
            path: module.path.clone(),
            line: module.tree.line(span),
            span,
            revision: self.revision.clone(),
        }
    }

    fn module_frame(&self, module: &Rc<Module>) -> Frame {
        Frame {
            scope: Rc::clone(&module.scope),
            module: Rc::clone(module),
            globals: Vec::new(),
            yielded: None,
            method: None,
        }
    }

    fn frame_place(&self, frame: &Frame, span: ByteSpan) -> Place {
        self.place(&frame.module, span)
    }

    /// Pays for `steps`; `false` where they are used up.
    fn pay(&mut self, steps: u64) -> bool {
        match self.steps.checked_sub(steps) {
            Some(rest) => self.steps = rest,
            None => {
                self.steps = 0;
                self.exhausted.get_or_insert("it takes more steps than are allowed");
            }
        }
        self.exhausted.is_none()
    }

    fn unknown(&self, frame: &Frame, span: ByteSpan, reason: impl AsRef<str>) -> Value {
        Value::unknown(reason, self.frame_place(frame, span))
    }

    fn note_read(&self, path: &RepoPath) {
        self.note(&Asked::File(path.clone()));
    }

    fn note(&self, asked: &Asked) {
        let mut known = self.asked.borrow_mut();
        if !known.contains(asked) {
            known.insert(asked.clone());
        }
    }
}

/// One reason out of several values that are not known.
fn first_reason<'v>(values: impl IntoIterator<Item = &'v Value>) -> Option<Rc<Unknown>> {
    values.into_iter().find_map(|value| value.reason().cloned())
}
