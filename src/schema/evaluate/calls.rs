//! Calls: functions and classes of the repository, built-in functions, libraries.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::imports::Found;
use super::{Arguments, Evaluator, Flow, Frame, MAX_CALLS, MAX_ITEMS, equal, first_reason, truth};
use crate::python::tree::{self, Call, ExprKind, ParameterKind};
use crate::schema::state::Place;
use crate::schema::value::{
    Callee, Class, Construct, EnumMember, Function, Instance, Scope, Value, last_component,
};
use crate::text::ByteSpan;
use crate::vcs::RepoPath;

impl<'a> Evaluator<'a> {
    pub(super) fn call_expr(&mut self, frame: &mut Frame, span: ByteSpan, call: &Call) -> Value {
        let callee = self.eval(frame, &call.callee);
        if let Value::Builtin("super") = &callee
            && call.args.is_empty()
        {
            return match &frame.method {
                Some((class, receiver)) => {
                    Value::Bound(Rc::new((receiver.clone(), Value::Class(Rc::clone(class)))))
                }
                None => self.unknown(frame, span, "super() outside of a method"),
            };
        }
        let arguments = self.arguments(frame, call);
        let place = self.frame_place(frame, span);
        self.call_value(&callee, arguments, &place)
    }

    fn arguments(&mut self, frame: &mut Frame, call: &Call) -> Arguments {
        let mut arguments = Arguments { args: Vec::with_capacity(call.args.len()), ..Default::default() };
        for arg in &call.args {
            let value = self.eval(frame, arg);
            match &arg.kind {
                ExprKind::Starred(_) => match self.iterate(&value) {
                    Some(items) => arguments.args.extend(items),
                    None => arguments.more = Some(self.cause(frame, arg.span, &value)),
                },
                _ => arguments.args.push(value),
            }
        }
        for (name, value) in &call.keywords {
            let value = self.eval(frame, value);
            match (name, value) {
                (Some(name), value) => arguments.kwargs.push((Arc::clone(name), value)),
                (None, Value::Dict(items)) => {
                    for (key, value) in items.borrow().iter() {
                        if let Value::Str(key) = key {
                            arguments.kwargs.push((Arc::clone(key), value.clone()));
                        }
                    }
                }
                (None, other) => arguments.more = Some(self.cause(frame, call.callee.span, &other)),
            }
        }
        arguments
    }

    fn cause(&self, frame: &Frame, span: ByteSpan, value: &Value) -> Rc<crate::schema::value::Unknown> {
        value.reason().cloned().unwrap_or_else(|| {
            let reason = Arc::from("its arguments are not known without running it");
            Rc::new(crate::schema::value::Unknown { reason, place: self.frame_place(frame, span) })
        })
    }

    pub(super) fn call_value(&mut self, callee: &Value, arguments: Arguments, place: &Place) -> Value {
        if !self.pay(1) {
            return Value::unknown("it takes more steps than are allowed", place.clone());
        }
        match callee {
            Value::Function(function) => self.call_function(function, None, arguments, place),
            Value::Class(class) => self.instantiate(class, arguments, place),
            Value::Bound(bound) => match &bound.1 {
                Value::Function(function) => {
                    self.call_function(function, Some(bound.0.clone()), arguments, place)
                }
                _ => Value::unknown("what is called is not known", place.clone()),
            },
            Value::Method(method) => self.builtin_method(&method.0, &method.1, arguments, place),
            Value::Builtin(name) => self.builtin(name, arguments, place),
            Value::External(path) => {
                let host = Rc::clone(&self.host);
                if let Some(value) = host.call(self, path, &arguments, place) {
                    return value;
                }
                self.library(path, arguments, place)
            }
            Value::Attribute(attribute) => {
                // `super().__init__(…)` of a library's class: what its type gets.
                if let (Value::Bound(bound), "__init__") = (&attribute.0, &*attribute.1) {
                    if let Value::Instance(instance) = &bound.0 {
                        let given =
                            self.method_construct(bound.0.clone(), "__init__", arguments, place.clone());
                        let name = Arc::from(crate::schema::types::SUPER_INIT);
                        instance.attributes.borrow_mut().push((name, given));
                    }
                    return Value::None;
                }
                let host = Rc::clone(&self.host);
                if let Some(value) = host.method(self, &attribute.0, &attribute.1, &arguments, place) {
                    return value;
                }
                self.method_construct(attribute.0.clone(), &attribute.1, arguments, place.clone())
            }
            Value::Instance(instance) => match self.class_attribute(&instance.class, "__call__") {
                Some(Value::Function(function)) => {
                    self.call_function(&function, Some(callee.clone()), arguments, place)
                }
                _ => Value::unknown("what is called is not known", place.clone()),
            },
            Value::Unknown(unknown) => {
                self.unknown_call(&unknown.reason.clone(), &arguments, place);
                Value::Unknown(Rc::clone(unknown))
            }
            Value::Construct(construct) => match (construct.path(), construct.args.split_first()) {
                (Some("functools.partial"), Some((function, given))) => {
                    let mut kwargs = construct.kwargs.clone();
                    kwargs.retain(|(name, _)| arguments.named(name).is_none());
                    kwargs.extend(arguments.kwargs);
                    let args = given.iter().cloned().chain(arguments.args).collect();
                    let more = arguments.more.or_else(|| construct.more.clone());
                    self.call_value(function, Arguments { args, kwargs, more }, place)
                }
                _ => self.method_construct(callee.clone(), "__call__", arguments, place.clone()),
            },
            _ => Value::unknown("what is called is not known", place.clone()),
        }
    }

    /// A function that is not known was called: with a connection it may change anything.
    fn unknown_call(&mut self, reason: &str, arguments: &Arguments, place: &Place) {
        let told = format!("a function that cannot be read gets the connection: {reason}");
        self.opaque_with_connection(arguments, &told, place);
    }

    /// Tells the host that a call may change anything, where it passes a connection on.
    fn opaque_with_connection(&mut self, arguments: &Arguments, told: &str, place: &Place) {
        let mut values = arguments.args.iter().chain(arguments.kwargs.iter().map(|(_, value)| value));
        if values.any(is_connection) {
            let host = Rc::clone(&self.host);
            host.opaque(self, told, place);
        }
    }

    fn construct(&self, callee: Callee, arguments: Arguments, place: Place) -> Value {
        Value::Construct(Rc::new(Construct {
            callee,
            args: arguments.args,
            kwargs: arguments.kwargs,
            more: arguments.more,
            place,
            attributes: RefCell::default(),
        }))
    }

    pub(super) fn method_construct(
        &self,
        receiver: Value,
        name: &str,
        arguments: Arguments,
        place: Place,
    ) -> Value {
        self.construct(Callee::Method(receiver, Arc::from(name)), arguments, place)
    }

    /// A library call without a meaning for the host: a few are values, the others constructs.
    fn library(&mut self, path: &Arc<str>, arguments: Arguments, place: &Place) -> Value {
        let first = arguments.args.first();
        match (&**path, first) {
            ("collections.OrderedDict" | "collections.defaultdict", _) => {
                let start = if path.ends_with("OrderedDict") { arguments.args } else { Vec::new() };
                return self.builtin("dict", Arguments { args: start, ..Default::default() }, place);
            }
            ("collections.namedtuple", _) => {}
            ("textwrap.dedent" | "inspect.cleandoc", Some(Value::Str(_) | Value::Text(_))) => {
                // Indentation means nothing to SQL.
                return arguments.args[0].clone();
            }
            ("copy.copy" | "copy.deepcopy" | "typing.cast", Some(_)) => {
                return arguments.args.into_iter().next_back().unwrap_or(Value::None);
            }
            ("itertools.chain" | "itertools.chain.from_iterable", _) => {
                let parts = if path.ends_with("from_iterable") {
                    first.and_then(|first| self.iterate(first))
                } else {
                    Some(arguments.args.clone())
                };
                let items: Option<Vec<Vec<Value>>> =
                    parts.and_then(|parts| parts.iter().map(|part| self.iterate(part)).collect());
                if let Some(items) = items {
                    return Value::list(items.concat());
                }
            }
            ("enum.auto", None) => {
                return self.construct(Callee::Path(Arc::clone(path)), arguments, place.clone());
            }
            // `Enum("Name", "a b")`, the functional form.
            (_, Some(Value::Str(_))) if path.starts_with("enum.") && arguments.args.len() == 2 => {
                if let Some(value) = self.functional_enum(path, &arguments, place) {
                    return value;
                }
            }
            _ => {}
        }
        self.unknown_library(path, &arguments, place);
        self.construct(Callee::Path(Arc::clone(path)), arguments, place.clone())
    }

    /// Libraries that get the connection and are not known may change the schema.
    fn unknown_library(&mut self, path: &str, arguments: &Arguments, place: &Place) {
        let known = [
            "sqlalchemy.",
            "sqlmodel.",
            "alembic.",
            "logging.",
            "builtins.",
            "contextlib.",
            "typing.",
            "functools.",
        ];
        if known.iter().any(|known| path.starts_with(known)) {
            return;
        }
        let told = format!("{path} is another package's function and gets the connection");
        self.opaque_with_connection(arguments, &told, place);
    }

    fn functional_enum(&mut self, path: &Arc<str>, arguments: &Arguments, place: &Place) -> Option<Value> {
        let name = arguments.args.first()?.as_str()?.to_owned();
        let members: Vec<(Arc<str>, Value)> = match arguments.args.get(1)? {
            Value::Str(text) => {
                let names = text.split([' ', ',']).filter(|name| !name.is_empty());
                names.zip(1..).map(|(name, at)| (Arc::from(name), Value::Int(at))).collect()
            }
            Value::Dict(items) => items
                .borrow()
                .iter()
                .map(|(key, value)| Some((key.as_text()?, value.clone())))
                .collect::<Option<_>>()?,
            other => {
                let mut members = Vec::new();
                for (at, item) in (1..).zip(other.items()?) {
                    match &item {
                        Value::Str(name) => members.push((Arc::clone(name), Value::Int(at))),
                        Value::Tuple(pair) => members.push((pair.first()?.as_text()?, pair.get(1)?.clone())),
                        _ => return None,
                    }
                }
                members
            }
        };
        let definition = Arc::new(tree::Class {
            name: Arc::from(name),
            span: place.span,
            name_span: place.span,
            bases: Vec::new(),
            keywords: Vec::new(),
            body: Vec::new(),
            decorators: Vec::new(),
        });
        let members = members.into_iter().map(|(name, value)| crate::schema::value::ClassMember {
            name,
            value: Some(value),
            annotated: false,
            place: place.clone(),
        });
        Some(Value::Class(Rc::new(Class {
            definition,
            module: self.load(&place.path)?,
            bases: vec![Value::External(Arc::clone(path))],
            keywords: Vec::new(),
            members: RefCell::new(members.collect()),
            place: place.clone(),
            is_enum: std::cell::Cell::new(true),
        })))
    }

    pub(super) fn define_function(&mut self, frame: &mut Frame, definition: &Arc<tree::Function>) -> Value {
        let defaults = definition
            .parameters
            .iter()
            .map(|parameter| parameter.default.as_ref().map(|default| self.eval(frame, default)))
            .collect();
        let decorators: Vec<Value> =
            definition.decorators.iter().map(|decorator| self.eval(frame, decorator)).collect();
        let is_module = Rc::ptr_eq(&frame.scope, &frame.module.scope);
        Value::Function(Rc::new(Function {
            definition: Arc::clone(definition),
            module: Rc::clone(&frame.module),
            enclosing: (!is_module).then(|| Rc::clone(&frame.scope)),
            defaults,
            owner: RefCell::default(),
            decorators,
        }))
    }

    fn call_function(
        &mut self,
        function: &Rc<Function>,
        receiver: Option<Value>,
        arguments: Arguments,
        place: &Place,
    ) -> Value {
        let definition = &function.definition;
        if self.calls >= MAX_CALLS {
            self.exhausted.get_or_insert("calls are nested too deep");
            return Value::unknown("calls are nested too deep", place.clone());
        }
        let scope = Rc::new(Scope { names: RefCell::default(), parent: function.enclosing.clone() });
        let mut positional = receiver.iter().cloned().chain(arguments.args);
        let mut named = arguments.kwargs;
        for (at, parameter) in definition.parameters.iter().enumerate() {
            let taken = match parameter.kind {
                ParameterKind::Rest => Some(Value::tuple(positional.by_ref().collect())),
                ParameterKind::Keywords => {
                    let rest = std::mem::take(&mut named);
                    Some(Value::dict(rest.into_iter().map(|(key, value)| (Value::Str(key), value)).collect()))
                }
                ParameterKind::PositionOnly => positional.next(),
                ParameterKind::NameOnly => None,
                ParameterKind::Plain => positional.next(),
            };
            let by_name = |named: &mut Vec<(Arc<str>, Value)>| {
                let at = named.iter().position(|(name, _)| *name == parameter.name)?;
                Some(named.remove(at).1)
            };
            let value = taken.or_else(|| by_name(&mut named));
            let value = value.or_else(|| function.defaults.get(at).cloned().flatten());
            let value = value.unwrap_or_else(|| match &arguments.more {
                Some(unknown) => Value::Unknown(Rc::clone(unknown)),
                None => Value::unknown(format!("{} is not given", parameter.name), place.clone()),
            });
            scope.set(Arc::clone(&parameter.name), value);
        }
        let owner = function.owner.borrow().clone();
        let mut frame = Frame {
            scope,
            module: Rc::clone(&function.module),
            globals: Vec::new(),
            yielded: definition.is_generator.then(Vec::new),
            method: owner.zip(receiver),
        };
        self.note_read(&function.module.path);
        self.calls += 1;
        let conditions = self.conditions.len();
        // Deep calls of deep expressions need more stack than threads are given.
        let flow = stacker::maybe_grow(256 << 10, 4 << 20, || self.block(&mut frame, &definition.body));
        let uncertain = self.conditions.get(conditions).cloned();
        self.conditions.truncate(conditions);
        self.calls -= 1;
        if let Some(yielded) = frame.yielded.take() {
            return Value::list(yielded);
        }
        match (flow, uncertain) {
            // It may have returned something else before.
            (Flow::Return(value), Some(reason)) if !value.is_none() => Value::unknown(reason, place.clone()),
            (Flow::Return(value), _) => value,
            _ => Value::None,
        }
    }

    fn instantiate(&mut self, class: &Rc<Class>, arguments: Arguments, place: &Place) -> Value {
        if class.is_enum.get() {
            // `Color("red")` is the member with that value.
            let members = self.enum_members(class);
            let asked = arguments.args.first().cloned().unwrap_or(Value::None);
            let found = members.into_iter().find(|member| match member {
                Value::Member(member) => equal(&member.value, &asked) == Some(true),
                _ => false,
            });
            return found.unwrap_or_else(|| Value::unknown("no such member is known", place.clone()));
        }
        let construct = Rc::new(Construct {
            callee: Callee::Path(Arc::from(format!("{}.{}", class.module.dotted.borrow(), class.name()))),
            args: arguments.args.clone(),
            kwargs: arguments.kwargs.clone(),
            more: arguments.more.clone(),
            place: place.clone(),
            attributes: RefCell::default(),
        });
        let instance = Value::Instance(Rc::new(Instance {
            class: Rc::clone(class),
            attributes: RefCell::default(),
            construct,
        }));
        match self.class_attribute(class, "__init__") {
            Some(Value::Function(init)) => {
                self.call_function(&init, Some(instance.clone()), arguments, place);
            }
            _ => {
                // Dataclasses and named tuples: fields in order.
                let fields: Vec<Arc<str>> = class
                    .members
                    .borrow()
                    .iter()
                    .filter(|member| member.annotated)
                    .map(|member| Arc::clone(&member.name))
                    .collect();
                if let Value::Instance(instance) = &instance {
                    let mut attributes = instance.attributes.borrow_mut();
                    attributes.extend(fields.into_iter().zip(arguments.args));
                    attributes.extend(arguments.kwargs);
                }
            }
        }
        instance
    }

    /// The members of an enum class, in order, without aliases.
    pub(super) fn enum_members(&mut self, class: &Rc<Class>) -> Vec<Value> {
        let mut members: Vec<Value> = Vec::new();
        let mut count = 0;
        let own = class.members.borrow().clone();
        for member in own {
            let Some(mut value) = member.value else { continue };
            if member.name.starts_with('_')
                || matches!(value, Value::Function(_) | Value::Class(_) | Value::Builtin(_))
            {
                continue;
            }
            count += 1;
            let is_auto = value.as_construct().is_some_and(|construct| construct.path() == Some("enum.auto"));
            if is_auto {
                let is_text = class.bases.iter().any(|base| match base {
                    Value::External(path) => path.ends_with("StrEnum"),
                    _ => false,
                });
                value = if is_text { Value::str(member.name.to_lowercase()) } else { Value::Int(count) };
            }
            let is_alias = members.iter().any(|known| match known {
                Value::Member(known) => {
                    equal(&known.value, &value) == Some(true) || known.name == member.name
                }
                _ => false,
            });
            if !is_alias {
                members.push(Value::Member(Rc::new(EnumMember {
                    class: Rc::clone(class),
                    name: member.name,
                    value,
                })));
            }
        }
        members
    }

    pub(super) fn enum_member(&mut self, class: &Rc<Class>, name: &str) -> Option<Value> {
        let members = self.enum_members(class);
        let found =
            members.iter().find(|member| matches!(member, Value::Member(member) if *member.name == *name));
        if let Some(found) = found {
            return Some(found.clone());
        }
        // An alias is the member that has its value.
        let value = class.own(name)?.value?;
        members.into_iter().find(|member| match member {
            Value::Member(member) => equal(&member.value, &value) == Some(true),
            _ => false,
        })
    }

    /// The attribute `name` of a class or of its bases.
    pub(super) fn class_attribute(&mut self, class: &Rc<Class>, name: &str) -> Option<Value> {
        self.class_attribute_at(class, name, 0)
    }

    fn class_attribute_at(&mut self, class: &Rc<Class>, name: &str, depth: usize) -> Option<Value> {
        if depth > MAX_CALLS || !self.pay(1) {
            return None;
        }
        if let Some(member) = class.own(name) {
            return member.value;
        }
        let bases: Vec<Rc<Class>> = class.base_classes().cloned().collect();
        bases.iter().find_map(|base| self.class_attribute_at(base, name, depth + 1))
    }

    pub(super) fn attribute_of(&mut self, owner: &Value, name: &str, place: &Place) -> Value {
        if !self.pay(1) {
            return Value::unknown("it takes more steps than are allowed", place.clone());
        }
        let attribute = |owner: &Value| Value::Attribute(Rc::new((owner.clone(), Arc::from(name))));
        match owner {
            Value::External(path) => {
                let host = Rc::clone(&self.host);
                match host.attribute(self, owner, name) {
                    Some(value) => value,
                    None => Value::External(Arc::from(format!("{path}.{name}"))),
                }
            }
            Value::Construct(construct) => {
                let set = construct.attributes.borrow().iter().find(|(key, _)| **key == *name).cloned();
                if let Some((_, value)) = set {
                    return value;
                }
                let host = Rc::clone(&self.host);
                host.attribute(self, owner, name).unwrap_or_else(|| attribute(owner))
            }
            Value::Attribute(_) => {
                let host = Rc::clone(&self.host);
                host.attribute(self, owner, name).unwrap_or_else(|| attribute(owner))
            }
            Value::Module(module) => match self.lookup(module, name) {
                Some(value) => value,
                None => {
                    // A submodule of a package.
                    let dotted = format!("{}.{name}", module.dotted.borrow());
                    let sub = module.path.parent().join(name);
                    let import = |path| {
                        Value::Import(Rc::new(crate::schema::value::Import {
                            module: Arc::from(dotted.as_str()),
                            path,
                            name: None,
                        }))
                    };
                    match module.path.name() == "__init__.py" {
                        true => match self.submodule(&sub) {
                            Some(path) => self.force(import(path)),
                            None => Value::unknown(format!("{dotted} is not known"), place.clone()),
                        },
                        false => Value::unknown(format!("{dotted} is not known"), place.clone()),
                    }
                }
            },
            // A directory without `__init__.py`.
            Value::Import(import) => {
                let next = Value::Import(Rc::new(crate::schema::value::Import {
                    module: Arc::clone(&import.module),
                    path: import.path.clone(),
                    name: Some(Arc::from(name)),
                }));
                self.force(next)
            }
            Value::Class(class) => {
                if class.is_enum.get() {
                    if let Some(member) = self.enum_member(class, name) {
                        return member;
                    }
                    if name == "__members__" {
                        let members = self.enum_members(class);
                        let pairs = members.into_iter().filter_map(|value| match &value {
                            Value::Member(member) => {
                                Some((Value::Str(Arc::clone(&member.name)), value.clone()))
                            }
                            _ => None,
                        });
                        return Value::dict(pairs.collect());
                    }
                }
                match (self.class_attribute(class, name), name) {
                    // What a `declared_attr` gives, as a mapped class has it.
                    (Some(Value::Function(function)), _) if is_decorated(&function, "declared_attr") => {
                        self.call_function(&function, Some(owner.clone()), Arguments::default(), place)
                    }
                    (Some(Value::Function(function)), _) if is_decorated(&function, "classmethod") => {
                        Value::Bound(Rc::new((owner.clone(), Value::Function(function))))
                    }
                    // Which class it is a column of is lost with the column alone.
                    (Some(Value::Construct(column)), _)
                        if matches!(column.name(), "Column" | "mapped_column")
                            && class.own(name).is_none() =>
                    {
                        attribute(owner)
                    }
                    (Some(value), _) => value,
                    (None, "__name__" | "__qualname__") => Value::str(class.name()),
                    (None, "__module__") => Value::Str(Arc::clone(&class.module.dotted.borrow())),
                    (None, _) => attribute(owner),
                }
            }
            Value::Instance(instance) => {
                let own = instance.attributes.borrow().iter().rev().find(|(key, _)| **key == *name).cloned();
                if let Some((_, value)) = own {
                    return value;
                }
                let found = self.class_attribute(&Rc::clone(&instance.class), name);
                if !matches!(found, Some(Value::Function(_))) && is_settings(&instance.class, 0) {
                    let reason = format!("{}.{name} is a setting", instance.class.name());
                    return Value::unknown(reason, place.clone());
                }
                match found {
                    Some(Value::Function(function)) if is_decorated(&function, "property") => {
                        self.call_function(&function, Some(owner.clone()), Arguments::default(), place)
                    }
                    Some(Value::Function(function)) if is_decorated(&function, "staticmethod") => {
                        Value::Function(function)
                    }
                    Some(Value::Function(function)) => {
                        Value::Bound(Rc::new((owner.clone(), Value::Function(function))))
                    }
                    Some(value) => value,
                    None if name == "__class__" => Value::Class(Rc::clone(&instance.class)),
                    None => {
                        let host = Rc::clone(&self.host);
                        host.attribute(self, owner, name).unwrap_or_else(|| attribute(owner))
                    }
                }
            }
            Value::Member(member) => match name {
                "value" | "_value_" => member.value.clone(),
                "name" | "_name_" => Value::Str(Arc::clone(&member.name)),
                _ => match self.class_attribute(&Rc::clone(&member.class), name) {
                    Some(Value::Function(function)) if is_decorated(&function, "property") => {
                        self.call_function(&function, Some(owner.clone()), Arguments::default(), place)
                    }
                    Some(Value::Function(function)) => {
                        Value::Bound(Rc::new((owner.clone(), Value::Function(function))))
                    }
                    Some(value) => value,
                    // Methods of the string it is.
                    None => self.attribute_of(&member.value, name, place),
                },
            },
            // `super().__init__`.
            Value::Bound(bound) => match &bound.1 {
                Value::Class(class) => {
                    let bases: Vec<Rc<Class>> = class.base_classes().cloned().collect();
                    match bases.iter().find_map(|base| self.class_attribute(base, name)) {
                        Some(method @ Value::Function(_)) => Value::Bound(Rc::new((bound.0.clone(), method))),
                        Some(value) => value,
                        None => attribute(owner),
                    }
                }
                _ => Value::unknown("an attribute of a method", place.clone()),
            },
            Value::Function(function) => match name {
                "__name__" => Value::Str(Arc::clone(&function.definition.name)),
                _ => Value::unknown("an attribute of a function", place.clone()),
            },
            Value::Rows(_) => match super::methods::row_attribute(owner, name) {
                Some(value) => value,
                None => Value::Method(Rc::new((owner.clone(), Arc::from(name)))),
            },
            Value::Str(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Set(_)
            | Value::Dict(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Builtin(_)
            | Value::Method(_) => Value::Method(Rc::new((owner.clone(), Arc::from(name)))),
            Value::Unknown(unknown) => Value::Unknown(Rc::clone(unknown)),
            Value::None | Value::Ellipsis | Value::Bool(_) => {
                Value::unknown(format!("{name} of a value that has none"), place.clone())
            }
        }
    }

    fn submodule(&self, path: &RepoPath) -> Option<RepoPath> {
        self.found_at(path).map(|(Found::File(path) | Found::Directory(path))| path)
    }

    fn builtin(&mut self, name: &'static str, arguments: Arguments, place: &Place) -> Value {
        let Arguments { args, kwargs, .. } = &arguments;
        let first = args.first();
        let items = |this: &mut Self, value: Option<&Value>| value.and_then(|value| this.iterate(value));
        let known = match (name, first) {
            ("len", Some(value)) => match value {
                Value::Str(text) => Some(Value::Int(text.chars().count() as i64)),
                value => self.iterate(value).map(|items| Value::Int(items.len() as i64)),
            },
            ("str", None) => Some(Value::str("")),
            ("str", Some(value)) => {
                let mut text = super::TextBuilder::default();
                text.value(value);
                self.built(text)
            }
            ("repr", Some(value)) => super::operators::representation(value, 0).map(Value::str),
            ("int", Some(Value::Int(int))) => Some(Value::Int(*int)),
            ("int", Some(Value::Bool(flag))) => Some(Value::Int(i64::from(*flag))),
            ("int", Some(Value::Str(text))) => text.trim().parse().ok().map(Value::Int),
            ("float", Some(Value::Int(int))) => Some(Value::Float(*int as f64)),
            ("bool", Some(value)) => truth(value).map(Value::Bool),
            ("bool", None) => Some(Value::Bool(false)),
            ("list" | "iter" | "reversed", _) => match first {
                None => Some(Value::list(Vec::new())),
                Some(value) => self.iterate(value).map(|mut items| {
                    if name == "reversed" {
                        items.reverse();
                    }
                    Value::list(items)
                }),
            },
            ("tuple", None) => Some(Value::tuple(Vec::new())),
            ("tuple", Some(value)) => self.iterate(value).map(Value::tuple),
            ("set" | "frozenset", None) => Some(Value::Set(Default::default())),
            ("set" | "frozenset", Some(value)) => self.iterate(value).map(|items| {
                let mut set = Vec::new();
                for item in items {
                    self.insert(&mut set, item);
                }
                Value::Set(Rc::new(RefCell::new(set)))
            }),
            ("dict", _) => {
                let dict = match first {
                    None => Some(Value::dict(Vec::new())),
                    Some(Value::Dict(items)) => Some(Value::dict(items.borrow().clone())),
                    Some(value) => self.iterate(value).and_then(|pairs| {
                        let dict = Value::dict(Vec::new());
                        for pair in pairs {
                            let pair = self.iterate(&pair)?;
                            let [key, value] = <[Value; 2]>::try_from(pair).ok()?;
                            super::methods::dict_set(&dict, key, value);
                        }
                        Some(dict)
                    }),
                };
                if let Some(dict) = &dict {
                    for (key, value) in kwargs {
                        super::methods::dict_set(dict, Value::Str(Arc::clone(key)), value.clone());
                    }
                }
                dict
            }
            ("range", Some(_)) => {
                let bounds: Option<Vec<i64>> = args
                    .iter()
                    .map(|arg| match arg {
                        Value::Int(int) => Some(*int),
                        _ => None,
                    })
                    .collect();
                let (start, end, step) = match bounds.as_deref() {
                    Some([end]) => (0, *end, 1),
                    Some([start, end]) => (*start, *end, 1),
                    Some([start, end, step]) => (*start, *end, *step),
                    _ => return Value::unknown("its bounds are not known", place.clone()),
                };
                let mut items = Vec::new();
                let mut at = start;
                while (step > 0 && at < end) || (step < 0 && at > end) {
                    if items.len() >= MAX_ITEMS || !self.pay(1) {
                        return Value::unknown("a range is too long", place.clone());
                    }
                    items.push(Value::Int(at));
                    at = at.saturating_add(step);
                }
                Some(Value::list(items))
            }
            ("enumerate", Some(value)) => {
                let start = match arguments.get(1, "start") {
                    Some(Value::Int(start)) => *start,
                    _ => 0,
                };
                self.iterate(value).map(|items| {
                    let pairs = items.into_iter().zip(start..);
                    Value::list(pairs.map(|(item, at)| Value::tuple(vec![Value::Int(at), item])).collect())
                })
            }
            ("zip", Some(_)) => {
                let columns: Option<Vec<Vec<Value>>> = args.iter().map(|arg| self.iterate(arg)).collect();
                columns.map(|columns| {
                    let length = columns.iter().map(Vec::len).min().unwrap_or(0);
                    let row =
                        |at: usize| Value::tuple(columns.iter().map(|column| column[at].clone()).collect());
                    Value::list((0..length).map(row).collect())
                })
            }
            ("any" | "all", Some(value)) => {
                let stops = name == "any";
                self.iterate(value).and_then(|items| {
                    let truths: Vec<Option<bool>> = items.iter().map(truth).collect();
                    match truths.contains(&Some(stops)) {
                        true => Some(Value::Bool(stops)),
                        false => truths.iter().all(Option::is_some).then_some(Value::Bool(!stops)),
                    }
                })
            }
            ("sorted", Some(value)) => {
                self.iterate(value).and_then(|items| self.sorted(items, &arguments, place))
            }
            ("min" | "max", Some(_)) => {
                let items = if args.len() == 1 { items(self, first) } else { Some(args.clone()) };
                items.filter(|items| !items.is_empty()).and_then(|items| {
                    let sorted =
                        self.sorted(items, &Arguments { args: Vec::new(), ..arguments.clone() }, place)?;
                    let sorted = sorted.items()?;
                    if name == "min" { sorted.first().cloned() } else { sorted.last().cloned() }
                })
            }
            ("sum", Some(value)) => self.iterate(value).and_then(|items| {
                let mut total = 0i64;
                for item in items {
                    let Value::Int(int) = item else { return None };
                    total = total.checked_add(int)?;
                }
                Some(Value::Int(total))
            }),
            ("next", Some(value)) => self.iterate(value).and_then(|items| match items.into_iter().next() {
                Some(item) => Some(item),
                None => args.get(1).cloned(),
            }),
            ("map", Some(function)) if args.len() == 2 => {
                let function = function.clone();
                items(self, args.get(1)).map(|items| {
                    let call = |item| {
                        let arguments = Arguments { args: vec![item], ..Default::default() };
                        self.call_value(&function, arguments, place)
                    };
                    Value::list(items.into_iter().map(call).collect())
                })
            }
            ("filter", Some(function)) if args.len() == 2 => {
                let function = function.clone();
                items(self, args.get(1)).and_then(|items| {
                    let mut kept = Vec::new();
                    for item in items {
                        let keep = match &function {
                            Value::None => truth(&item),
                            function => {
                                let arguments = Arguments { args: vec![item.clone()], ..Default::default() };
                                truth(&self.call_value(function, arguments, place))
                            }
                        };
                        if keep? {
                            kept.push(item);
                        }
                    }
                    Some(Value::list(kept))
                })
            }
            ("isinstance", Some(value)) => {
                args.get(1).and_then(|class| is_instance(value, class)).map(Value::Bool)
            }
            ("callable", Some(value)) => match value {
                Value::Function(_) | Value::Class(_) | Value::Bound(_) | Value::Builtin(_) => {
                    Some(Value::Bool(true))
                }
                Value::Str(_) | Value::None | Value::List(_) | Value::Int(_) => Some(Value::Bool(false)),
                _ => None,
            },
            ("getattr", Some(value)) => match args.get(1) {
                Some(Value::Str(name)) => match (self.attribute_of(value, name, place), args.get(2)) {
                    (Value::Unknown(_), Some(default)) if !matches!(value, Value::Unknown(_)) => {
                        Some(default.clone())
                    }
                    (found, _) => Some(found),
                },
                _ => None,
            },
            ("hasattr", Some(value)) => match (value, args.get(1)) {
                (
                    Value::Instance(_) | Value::Class(_) | Value::Module(_) | Value::Member(_),
                    Some(Value::Str(name)),
                ) => {
                    let found = self.attribute_of(value, name, place);
                    Some(Value::Bool(!matches!(found, Value::Unknown(_) | Value::Attribute(_))))
                }
                _ => None,
            },
            ("setattr", Some(_)) | ("print", _) => Some(Value::None),
            ("type", Some(value)) if args.len() == 1 => match value {
                Value::Instance(instance) => Some(Value::Class(Rc::clone(&instance.class))),
                Value::Member(member) => Some(Value::Class(Rc::clone(&member.class))),
                Value::Str(_) => Some(Value::Builtin("str")),
                Value::Int(_) => Some(Value::Builtin("int")),
                _ => None,
            },
            ("classmethod" | "staticmethod" | "property", Some(value)) => Some(value.clone()),
            ("object", None) => Some(Value::External(Arc::from("builtins.object"))),
            _ => None,
        };
        known.unwrap_or_else(|| match first_reason(args) {
            Some(unknown) => Value::Unknown(unknown),
            None => Value::unknown(format!("{name}() of a value that is not known"), place.clone()),
        })
    }

    pub(super) fn sorted(
        &mut self,
        items: Vec<Value>,
        arguments: &Arguments,
        place: &Place,
    ) -> Option<Value> {
        let key = arguments.named("key").cloned();
        self.pay(items.len() as u64);
        let mut keyed: Vec<(Value, Value)> = items
            .into_iter()
            .map(|item| {
                let rank = match &key {
                    Some(key) if !key.is_none() => {
                        let arguments = Arguments { args: vec![item.clone()], ..Default::default() };
                        self.call_value(key, arguments, place)
                    }
                    _ => item.clone(),
                };
                (rank, item)
            })
            .collect();
        let comparable =
            keyed.windows(2).all(|pair| super::operators::order(&pair[0].0, &pair[1].0).is_some());
        if !comparable {
            return None;
        }
        // Members of one kind all compare with each other, so the order is total where neighbours agree.
        keyed.sort_by(|one, other| {
            super::operators::order(&one.0, &other.0).unwrap_or(std::cmp::Ordering::Equal)
        });
        if arguments.flag("reverse") == Some(true) {
            keyed.reverse();
        }
        Some(Value::list(keyed.into_iter().map(|(_, item)| item).collect()))
    }
}

/// Whether a class takes its values from the environment: pydantic's `BaseSettings`.
fn is_settings(class: &Rc<Class>, depth: usize) -> bool {
    depth < MAX_CALLS
        && class.bases.iter().any(|base| match base {
            Value::External(path) => path.ends_with(".BaseSettings"),
            Value::Class(base) => is_settings(base, depth + 1),
            _ => false,
        })
}

/// Whether `function` has the decorator `name`.
pub(super) fn is_decorated(function: &Function, name: &str) -> bool {
    function.decorators.iter().any(|decorator| match decorator {
        Value::Builtin(builtin) => *builtin == name,
        Value::External(path) => last_component(path) == name,
        _ => false,
    })
}

/// Whether a value is a database connection or session, or leads to one.
pub(super) fn is_connection(value: &Value) -> bool {
    match value {
        Value::Construct(construct) => match &construct.callee {
            Callee::Path(path) => {
                matches!(&**path, "alembic.op.get_bind" | "alembic.op.get_context")
                    || (last_component(path).ends_with("Session") || last_component(path) == "sessionmaker")
                        && construct
                            .args
                            .iter()
                            .chain(construct.kwargs.iter().map(|(_, value)| value))
                            .any(is_connection)
            }
            Callee::Method(receiver, _) => is_connection(receiver),
        },
        Value::Attribute(attribute) => is_connection(&attribute.0),
        Value::External(path) => &**path == "alembic.op",
        _ => false,
    }
}

/// Whether SQLAlchemy's type class `own` is the class `asked` or one of its kind; `None` where that is not known.
fn is_type_of(own: &str, asked: &str) -> Option<bool> {
    let kinds: &[&[&str]] = &[
        &["VARCHAR", "String", "Unicode", "CHAR", "TEXT", "Text", "UnicodeText", "ENUM", "Enum"],
        &["INTEGER", "Integer", "INT", "SMALLINT", "SmallInteger", "BIGINT", "BigInteger"],
        &["TIMESTAMP", "DateTime", "DATETIME"],
        &["NUMERIC", "Numeric", "DECIMAL", "FLOAT", "Float", "DOUBLE_PRECISION", "Double", "REAL"],
        &["BOOLEAN", "Boolean"],
        &["UUID", "Uuid"],
        &["JSON", "JSONB"],
        &["BYTEA", "LargeBinary"],
        &["ARRAY"],
        &["DATE", "Date"],
    ];
    let kind = |name: &str| kinds.iter().position(|names| names.contains(&name));
    let (one, other) = (kind(own)?, kind(asked)?);
    if one != other {
        return Some(false);
    }
    let exact = |name: &str| name.to_ascii_uppercase();
    if exact(own) == exact(asked) {
        return Some(true);
    }
    // The general class of a kind takes in all of it; nothing is told of two special ones.
    let general =
        ["String", "Integer", "DateTime", "Numeric", "Boolean", "Uuid", "JSON", "LargeBinary", "Date"];
    if general.contains(&asked) {
        return Some(true);
    }
    match (own, asked) {
        ("VARCHAR", "TEXT" | "Text") | ("TEXT", "VARCHAR") => Some(false),
        ("JSON", "JSONB") => Some(false),
        ("INTEGER", "BIGINT" | "BigInteger" | "SMALLINT" | "SmallInteger") => Some(false),
        _ => None,
    }
}

fn is_instance(value: &Value, class: &Value) -> Option<bool> {
    if let Value::Tuple(classes) = class {
        let answers: Vec<Option<bool>> = classes.iter().map(|class| is_instance(value, class)).collect();
        if answers.contains(&Some(true)) {
            return Some(true);
        }
        return answers.iter().all(|answer| *answer == Some(false)).then_some(false);
    }
    match (value, class) {
        (Value::Unknown(_), _) => None,
        (Value::Str(_) | Value::Text(_), Value::Builtin(name)) => Some(*name == "str"),
        (Value::Int(_), Value::Builtin(name)) => Some(*name == "int"),
        (Value::Bool(_), Value::Builtin(name)) => Some(*name == "bool" || *name == "int"),
        (Value::List(_), Value::Builtin(name)) => Some(*name == "list"),
        (Value::Tuple(_), Value::Builtin(name)) => Some(*name == "tuple"),
        (Value::Dict(_), Value::Builtin(name)) => Some(*name == "dict"),
        (Value::None, Value::Builtin(_)) => Some(false),
        (Value::Construct(construct), Value::External(path)) => {
            let own = construct.path()?;
            let both = own.starts_with("sqlalchemy.") && path.starts_with("sqlalchemy.");
            if own == &**path {
                return Some(true);
            }
            both.then(|| is_type_of(last_component(own), last_component(path))).flatten()
        }
        (Value::Str(_) | Value::None | Value::Int(_) | Value::Bool(_), Value::External(path)) => {
            (!path.starts_with("typing.")).then_some(false)
        }
        (Value::Instance(instance), Value::Class(class)) => {
            fn descends(from: &Rc<Class>, to: &Rc<Class>, depth: usize) -> bool {
                Rc::ptr_eq(from, to)
                    || depth < 30 && from.base_classes().any(|base| descends(base, to, depth + 1))
            }
            Some(descends(&instance.class, class, 0))
        }
        _ => None,
    }
}
