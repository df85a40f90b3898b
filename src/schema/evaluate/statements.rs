use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Evaluator, Flow, Frame, MAX_ITEMS, equal, truth};
use crate::python::tree::{Expr, ExprKind, Handler, Stmt, StmtKind, Try};
use crate::schema::value::{Class, ClassMember, Scope, Value};
use crate::text::ByteSpan;

/// Iterations of one loop that are followed.
const MAX_LOOPS: usize = 10_000;

/// Rounds of a `while` after which it is left where it has done nothing to the schema.
const IDLE_LOOPS: usize = 64;

impl Evaluator<'_> {
    pub(super) fn block(&mut self, frame: &mut Frame, body: &[Stmt]) -> Flow {
        let conditions = self.conditions.len();
        let mut flow = Flow::Normal;
        for statement in body {
            if !self.pay(1) {
                break;
            }
            flow = self.statement(frame, statement);
            if !matches!(flow, Flow::Normal) {
                break;
            }
        }
        // What depends on a `return` that may have happened depends on it up to the function's end: the
        // caller of the function's body takes these conditions back, not each block.
        debug_assert!(self.conditions.len() >= conditions);
        flow
    }

    fn statement(&mut self, frame: &mut Frame, statement: &Stmt) -> Flow {
        match &statement.kind {
            StmtKind::Expr(value) => {
                let value = self.eval(frame, value);
                if let Value::Unknown(_) = &value {
                    // Whatever it was, nothing of it is used.
                }
            }
            StmtKind::Assign(targets, value) => {
                let value = self.eval(frame, value);
                for target in targets {
                    self.assign(frame, target, value.clone());
                }
            }
            StmtKind::AnnAssign(target, _, value) => {
                if let Some(value) = value {
                    let value = self.eval(frame, value);
                    self.assign(frame, target, value);
                }
            }
            StmtKind::AugAssign(target, op, value) => {
                let left = self.eval(frame, target);
                let right = self.eval(frame, value);
                let result = self.augmented(frame, statement.span, left, *op, right);
                self.assign(frame, target, result);
            }
            StmtKind::If(branches, orelse) => return self.branches(frame, branches, orelse),
            StmtKind::For(target, iter, body, orelse) => {
                return self.for_loop(frame, target, iter, body, orelse);
            }
            StmtKind::While(test, body, orelse) => return self.while_loop(frame, test, body, orelse),
            StmtKind::With(items, body) => return self.with(frame, items, body),
            StmtKind::Try(parts) => return self.try_statement(frame, parts),
            StmtKind::Return(value) => {
                let value = value.as_ref().map_or(Value::None, |value| self.eval(frame, value));
                return Flow::Return(value);
            }
            StmtKind::Raise(value) => {
                let value = value.as_ref().map_or(Value::None, |value| self.eval(frame, value));
                return Flow::Raise(value);
            }
            StmtKind::Delete(targets) => {
                for target in targets {
                    self.delete(frame, target);
                }
            }
            StmtKind::Function(definition) => {
                let function = self.define_function(frame, definition);
                frame.scope.set(Arc::clone(&definition.name), function);
            }
            StmtKind::Class(definition) => {
                let class = self.define_class(frame, definition);
                frame.scope.set(Arc::clone(&definition.name), class);
            }
            StmtKind::Import(aliases) => self.import(frame, aliases),
            StmtKind::ImportFrom(import) => self.import_from(frame, import),
            StmtKind::Match(subject, bodies) => {
                let subject = self.eval(frame, subject);
                let reason = match subject.reason() {
                    Some(unknown) => Arc::clone(&unknown.reason),
                    None => Arc::from("a match statement is not followed"),
                };
                for body in bodies {
                    self.under(reason.clone(), |this| this.block(frame, body));
                }
            }
            StmtKind::Global(names) => frame.globals.extend(names.iter().cloned()),
            StmtKind::Assert(_) | StmtKind::Pass | StmtKind::Other => {}
            StmtKind::Break => return Flow::Break,
            StmtKind::Continue => return Flow::Continue,
        }
        Flow::Normal
    }

    pub(super) fn assign(&mut self, frame: &mut Frame, target: &Expr, value: Value) {
        match &target.kind {
            ExprKind::Name(name) => self.bind(frame, name, value),
            ExprKind::Tuple(targets) | ExprKind::List(targets) => {
                self.unpack(frame, target.span, targets, value);
            }
            ExprKind::Starred(target) => self.assign(frame, target, value),
            ExprKind::Attribute(owner, name) => {
                let owner = self.eval(frame, owner);
                self.set_attribute(&owner, name, value);
            }
            ExprKind::Subscript(owner, index) => {
                let owner = self.eval(frame, owner);
                let index = self.eval(frame, index);
                set_item(&owner, &index, value);
            }
            _ => {}
        }
    }

    fn bind(&self, frame: &Frame, name: &Arc<str>, value: Value) {
        if !frame.globals.contains(name) {
            frame.scope.set(Arc::clone(name), value);
            return;
        }
        // `nonlocal` finds the nearest scope that has the name, `global` the module's.
        let mut scope = frame.scope.parent.clone();
        while let Some(outer) = scope {
            if outer.own(name).is_some() {
                outer.set(Arc::clone(name), value);
                return;
            }
            scope = outer.parent.clone();
        }
        frame.module.scope.set(Arc::clone(name), value);
    }

    fn unpack(&mut self, frame: &mut Frame, span: ByteSpan, targets: &[Expr], value: Value) {
        let star = targets.iter().position(|target| matches!(target.kind, ExprKind::Starred(_)));
        let items = self.iterate(&value);
        let enough = items.as_ref().is_some_and(|items| match star {
            Some(_) => items.len() + 1 >= targets.len(),
            None => items.len() == targets.len(),
        });
        let Some(items) = items.filter(|_| enough) else {
            let unknown = match value.reason() {
                Some(unknown) => Value::Unknown(Rc::clone(unknown)),
                None => self.unknown(frame, span, "its parts are not known"),
            };
            targets.iter().for_each(|target| self.assign(frame, target, unknown.clone()));
            return;
        };
        let after = star.map_or(0, |star| targets.len() - star - 1);
        let mut items = items.into_iter();
        for (at, target) in targets.iter().enumerate() {
            let item = if star == Some(at) {
                let rest = items.len() - after;
                Value::list(items.by_ref().take(rest).collect())
            } else {
                items.next().unwrap_or(Value::None)
            };
            self.assign(frame, target, item);
        }
    }

    fn set_attribute(&mut self, owner: &Value, name: &Arc<str>, value: Value) {
        let set = |attributes: &std::cell::RefCell<Vec<(Arc<str>, Value)>>| {
            let mut attributes = attributes.borrow_mut();
            match attributes.iter_mut().find(|(key, _)| key == name) {
                Some((_, old)) => *old = value.clone(),
                None => attributes.push((Arc::clone(name), value.clone())),
            }
        };
        match owner {
            Value::Instance(instance) => set(&instance.attributes),
            Value::Construct(construct) => set(&construct.attributes),
            Value::Module(module) => module.scope.set(Arc::clone(name), value),
            Value::Class(class) => class.members.borrow_mut().push(ClassMember {
                name: Arc::clone(name),
                value: Some(value),
                annotated: false,
                place: class.place.clone(),
            }),
            _ => {}
        }
    }

    fn delete(&mut self, frame: &mut Frame, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) => _ = frame.scope.names.borrow_mut().remove(name),
            ExprKind::Subscript(owner, index) => {
                let owner = self.eval(frame, owner);
                let index = self.eval(frame, index);
                match &owner {
                    Value::Dict(items) => {
                        items.borrow_mut().retain(|(key, _)| equal(key, &index) != Some(true));
                    }
                    Value::List(items) => {
                        let at = super::expressions::position(&index, items.borrow().len());
                        if let Some(at) = at {
                            items.borrow_mut().remove(at);
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn branches(&mut self, frame: &mut Frame, branches: &[(Expr, Vec<Stmt>)], orelse: &[Stmt]) -> Flow {
        let Some(((test, body), rest)) = branches.split_first() else { return self.block(frame, orelse) };
        let value = self.eval(frame, test);
        match truth(&value) {
            Some(true) => self.block(frame, body),
            Some(false) => self.branches(frame, rest, orelse),
            None => {
                let reason = self.test_reason(frame, test, &value);
                self.fork(
                    frame,
                    reason,
                    |this, frame| this.block(frame, body),
                    |this, frame| this.branches(frame, rest, orelse),
                )
            }
        }
    }

    /// Why the outcome of `test` is not known: `` `if x` depends on …``.
    fn test_reason(&self, frame: &Frame, test: &Expr, value: &Value) -> Arc<str> {
        let text = frame.module.tree.excerpt(test.span, 60);
        match value.reason() {
            Some(unknown) if !unknown.reason.is_empty() => {
                Arc::from(format!("it depends on `{text}`: {}", unknown.reason))
            }
            _ => Arc::from(format!("it depends on `{text}`")),
        }
    }

    /// Follows both branches of a test that is not known.
    fn fork(
        &mut self,
        frame: &mut Frame,
        reason: Arc<str>,
        first: impl FnOnce(&mut Self, &mut Frame) -> Flow,
        second: impl FnOnce(&mut Self, &mut Frame) -> Flow,
    ) -> Flow {
        let depth = self.conditions.len();
        let before = frame.scope.names.borrow().clone();
        self.conditions.push(Arc::clone(&reason));
        let one = first(self, frame);
        self.conditions.truncate(depth + 1);
        let after_first = frame.scope.names.replace(before);
        let other = second(self, frame);
        self.conditions.truncate(depth);
        let ends = |flow: &Flow| !matches!(flow, Flow::Normal);
        match (one, other) {
            // The way that raises is not the way of an upgrade that succeeds.
            (Flow::Raise(_), other) => other,
            (one, Flow::Raise(_)) => {
                frame.scope.names.replace(after_first);
                one
            }
            (Flow::Normal, Flow::Normal) => {
                self.join(frame, after_first, &reason);
                Flow::Normal
            }
            (Flow::Return(one), Flow::Return(other)) => match equal(&one, &other) {
                Some(true) => Flow::Return(one),
                _ => Flow::Return(Value::unknown(&reason, self.module_place(frame))),
            },
            (one, other) if ends(&one) && ends(&other) => one,
            // One of them leaves: what follows depends on the test.
            (one, _) => {
                if ends(&one) {
                    // The names are those of the second way already.
                } else {
                    frame.scope.names.replace(after_first);
                }
                self.conditions.push(reason);
                Flow::Normal
            }
        }
    }

    fn module_place(&self, frame: &Frame) -> crate::schema::state::Place {
        self.frame_place(frame, ByteSpan::new(0, 0))
    }

    /// Joins the names of two ways: what differs is not known.
    fn join(&mut self, frame: &Frame, other: FxHashMap<Arc<str>, Value>, reason: &Arc<str>) {
        let mut names = frame.scope.names.borrow_mut();
        let place = self.module_place(frame);
        #[expect(clippy::iter_over_hash_type, reason = "no name's fate depends on another's")]
        for (name, theirs) in other {
            match names.get(&name) {
                Some(ours) if same(ours, &theirs) => {}
                Some(_) => _ = names.insert(name, Value::unknown(reason, place.clone())),
                // Bound on one way only: used on that way only.
                None => _ = names.insert(name, theirs),
            }
        }
    }

    fn for_loop(
        &mut self,
        frame: &mut Frame,
        target: &Expr,
        iter: &Expr,
        body: &[Stmt],
        orelse: &[Stmt],
    ) -> Flow {
        let value = self.eval(frame, iter);
        let Some(items) = self.iterate(&value) else {
            let text = frame.module.tree.excerpt(iter.span, 60);
            let reason: Arc<str> = match value.reason() {
                Some(unknown) => Arc::from(format!("it is done for each of `{text}`: {}", unknown.reason)),
                None => Arc::from(format!("it is done for each of `{text}`")),
            };
            let item = Value::unknown(&reason, self.frame_place(frame, iter.span));
            return self.fork(
                frame,
                reason,
                |this, frame| {
                    this.assign(frame, target, item);
                    match this.block(frame, body) {
                        Flow::Break | Flow::Continue => Flow::Normal,
                        flow => flow,
                    }
                },
                |_, _| Flow::Normal,
            );
        };
        if items.len() > MAX_LOOPS {
            self.exhausted.get_or_insert("a loop goes on for too long");
            return Flow::Normal;
        }
        for item in items {
            if !self.pay(1) {
                return Flow::Normal;
            }
            self.assign(frame, target, item);
            match self.block(frame, body) {
                Flow::Normal | Flow::Continue => {}
                Flow::Break => return Flow::Normal,
                flow => return flow,
            }
        }
        self.block(frame, orelse)
    }

    fn while_loop(&mut self, frame: &mut Frame, test: &Expr, body: &[Stmt], orelse: &[Stmt]) -> Flow {
        let done = self.host.done();
        for round in 0..MAX_LOOPS {
            // It works on data until an exception ends it, and there are no data.
            if round == IDLE_LOOPS && self.host.done() == done {
                return Flow::Normal;
            }
            let value = self.eval(frame, test);
            match truth(&value) {
                Some(false) => return self.block(frame, orelse),
                Some(true) if self.exhausted.is_none() => {}
                Some(true) => return Flow::Normal,
                None => {
                    let reason = self.test_reason(frame, test, &value);
                    return self.fork(
                        frame,
                        reason,
                        |this, frame| match this.block(frame, body) {
                            Flow::Break | Flow::Continue => Flow::Normal,
                            flow => flow,
                        },
                        |_, _| Flow::Normal,
                    );
                }
            }
            let conditions = self.conditions.len();
            match self.block(frame, body) {
                Flow::Normal | Flow::Continue => {}
                Flow::Break => return Flow::Normal,
                flow => return flow,
            }
            // A way out that may have been taken: going round again tells nothing new.
            if self.conditions.len() > conditions {
                return Flow::Normal;
            }
        }
        self.exhausted.get_or_insert("a loop goes on for too long");
        Flow::Normal
    }

    fn with(&mut self, frame: &mut Frame, items: &[(Expr, Option<Expr>)], body: &[Stmt]) -> Flow {
        let host = Rc::clone(&self.host);
        let mut entered = Vec::new();
        for (context, target) in items {
            let value = self.eval(frame, context);
            host.enter(self, &value);
            if let Some(target) = target {
                let bound = self.entered(&value, self.frame_place(frame, context.span));
                self.assign(frame, target, bound);
            }
            entered.push(value);
        }
        let flow = self.block(frame, body);
        for value in entered.iter().rev() {
            host.exit(self, value);
        }
        match flow {
            Flow::Raise(_) if entered.iter().any(suppresses) => Flow::Normal,
            flow => flow,
        }
    }

    /// What `with value as x` binds.
    fn entered(&mut self, value: &Value, place: crate::schema::state::Place) -> Value {
        match value {
            Value::Instance(instance) => match self.class_attribute(&instance.class, "__enter__") {
                Some(method) => {
                    let bound = Value::Bound(Rc::new((value.clone(), method)));
                    self.call_value(&bound, Default::default(), &place)
                }
                None => value.clone(),
            },
            value => value.clone(),
        }
    }

    fn try_statement(&mut self, frame: &mut Frame, parts: &Try) -> Flow {
        let guards = !parts.handlers.is_empty() && parts.handlers.iter().any(|handler| !reraises(handler));
        self.guard_if(guards, true);
        let mut flow = self.block(frame, &parts.body);
        self.guard_if(guards, false);
        match flow {
            Flow::Raise(value) => {
                flow = match parts.handlers.first() {
                    Some(handler) => {
                        if let Some(name) = &handler.name {
                            frame.scope.set(Arc::clone(name), value);
                        }
                        self.block(frame, &handler.body)
                    }
                    None => Flow::Raise(value),
                };
            }
            Flow::Normal => flow = self.block(frame, &parts.orelse),
            _ => {}
        }
        match self.block(frame, &parts.finally) {
            Flow::Normal => flow,
            finally => finally,
        }
    }

    fn guard_if(&mut self, guards: bool, on: bool) {
        if guards {
            self.guard(on);
        }
    }

    fn define_class(&mut self, frame: &mut Frame, definition: &Arc<crate::python::tree::Class>) -> Value {
        let bases: Vec<Value> = definition.bases.iter().map(|base| self.eval(frame, base)).collect();
        let keywords = definition
            .keywords
            .iter()
            .filter_map(|(name, value)| Some((Arc::clone(name.as_ref()?), self.eval(frame, value))))
            .collect();
        let is_enum = bases.iter().any(is_enum_base);
        let class = Rc::new(Class {
            definition: Arc::clone(definition),
            module: Rc::clone(&frame.module),
            bases,
            keywords,
            members: Default::default(),
            place: self.frame_place(frame, definition.name_span),
            is_enum: std::cell::Cell::new(is_enum),
        });
        frame.module.classes.borrow_mut().push(Rc::clone(&class));
        // The names of a class body are not those of the functions in it.
        let mut inner = Frame {
            scope: Rc::new(Scope { names: Default::default(), parent: Some(Rc::clone(&frame.scope)) }),
            module: Rc::clone(&frame.module),
            globals: Vec::new(),
            yielded: None,
            method: None,
        };
        for statement in &definition.body {
            if !self.pay(1) {
                break;
            }
            let known: Vec<Arc<str>> = targets(statement);
            self.statement(&mut inner, statement);
            let annotated = matches!(statement.kind, StmtKind::AnnAssign(..));
            for name in known {
                let value = inner.scope.own(&name);
                if let Some(Value::Function(function)) = &value {
                    *function.owner.borrow_mut() = Some(Rc::clone(&class));
                }
                let bare = matches!(&statement.kind, StmtKind::AnnAssign(_, _, None));
                class.members.borrow_mut().push(ClassMember {
                    name,
                    value: if bare { None } else { value },
                    annotated,
                    place: self.frame_place(frame, statement.span),
                });
            }
        }
        let mut value = Value::Class(Rc::clone(&class));
        for decorator in definition.decorators.iter().rev() {
            let decorator = self.eval(frame, decorator);
            // A decorator of the repository may replace the class; a library's decorates it.
            if let Value::Function(_) = &decorator {
                let place = self.frame_place(frame, definition.name_span);
                let arguments = super::Arguments { args: vec![value.clone()], ..Default::default() };
                let result = self.call_value(&decorator, arguments, &place);
                if matches!(result, Value::Class(_)) {
                    value = result;
                }
            }
        }
        value
    }

    /// The items of a value, where they are known.
    pub(super) fn iterate(&mut self, value: &Value) -> Option<Vec<Value>> {
        let items = match value {
            Value::Str(text) => text.chars().take(MAX_ITEMS + 1).map(|c| Value::str(c.to_string())).collect(),
            Value::Class(class) if class.is_enum.get() => self.enum_members(class),
            Value::Rows(rows) => super::methods::row_items(rows),
            value => value.items()?,
        };
        self.pay(items.len() as u64 / 4);
        (items.len() <= MAX_ITEMS).then_some(items)
    }
}

/// `contextlib.suppress(…)`.
fn suppresses(value: &Value) -> bool {
    value.as_construct().is_some_and(|construct| construct.path() == Some("contextlib.suppress"))
}

/// Whether the handler only passes the exception on.
fn reraises(handler: &Handler) -> bool {
    matches!(handler.body.last().map(|last| &last.kind), Some(StmtKind::Raise(_)))
}

/// The names that a statement of a class body binds.
fn targets(statement: &Stmt) -> Vec<Arc<str>> {
    fn of(target: &Expr, names: &mut Vec<Arc<str>>) {
        match &target.kind {
            ExprKind::Name(name) => names.push(Arc::clone(name)),
            ExprKind::Tuple(targets) | ExprKind::List(targets) => targets.iter().for_each(|t| of(t, names)),
            _ => {}
        }
    }
    fn block(body: &[Stmt], names: &mut Vec<Arc<str>>) {
        body.iter().for_each(|statement| names.extend(targets(statement)));
    }
    let mut names = Vec::new();
    match &statement.kind {
        StmtKind::Assign(targets, _) => targets.iter().for_each(|target| of(target, &mut names)),
        StmtKind::AnnAssign(target, ..) | StmtKind::AugAssign(target, ..) => of(target, &mut names),
        StmtKind::Function(function) => names.push(Arc::clone(&function.name)),
        StmtKind::Class(class) => names.push(Arc::clone(&class.name)),
        StmtKind::If(branches, orelse) => {
            branches.iter().for_each(|(_, body)| block(body, &mut names));
            block(orelse, &mut names);
        }
        StmtKind::For(target, _, body, _) => {
            of(target, &mut names);
            block(body, &mut names);
        }
        StmtKind::With(_, body) => block(body, &mut names),
        StmtKind::Try(parts) => block(&parts.body, &mut names),
        _ => {}
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Bases that make a class an enum: `enum.Enum` and its kin, or an enum of the repository.
fn is_enum_base(base: &Value) -> bool {
    match base {
        Value::External(path) => {
            let name = crate::schema::value::last_component(path);
            matches!(name, "Enum" | "IntEnum" | "StrEnum" | "Flag" | "IntFlag") && path.starts_with("enum.")
                || matches!(name, "StrEnum" | "LowercaseStrEnum" | "DeclEnum")
        }
        Value::Class(class) => class.is_enum.get(),
        _ => false,
    }
}

/// Whether two ways left the same value.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::List(a), Value::List(b)) | (Value::Set(a), Value::Set(b)) => Rc::ptr_eq(a, b),
        (Value::Dict(a), Value::Dict(b)) => Rc::ptr_eq(a, b),
        (Value::Construct(a), Value::Construct(b)) => Rc::ptr_eq(a, b),
        (Value::Unknown(a), Value::Unknown(b)) => a == b,
        (Value::Instance(a), Value::Instance(b)) => Rc::ptr_eq(a, b),
        (Value::Rows(a), Value::Rows(b)) => Rc::ptr_eq(a, b),
        (Value::Import(a), Value::Import(b)) => Rc::ptr_eq(a, b),
        (Value::Attribute(a), Value::Attribute(b)) => Rc::ptr_eq(a, b),
        _ => equal(one, other) == Some(true),
    }
}

/// `owner[index] = value`.
fn set_item(owner: &Value, index: &Value, value: Value) {
    match owner {
        Value::Dict(items) => {
            let at = items.borrow().iter().position(|(key, _)| equal(key, index) == Some(true));
            let mut items = items.borrow_mut();
            match at {
                Some(at) => items[at].1 = value,
                None if items.len() < MAX_ITEMS => items.push((index.clone(), value)),
                None => {}
            }
        }
        Value::List(items) => {
            let at = super::expressions::position(index, items.borrow().len());
            if let Some(at) = at {
                items.borrow_mut()[at] = value;
            }
        }
        _ => {}
    }
}
