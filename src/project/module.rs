//! What one Python file says about tables, engines, start-up and imports. Depends on the bytes alone.

use borsh::{BorshDeserialize, BorshSerialize};
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_text_size::{Ranged as _, TextSize};

use super::files::MAX_BYTES;
use crate::python::{decode, with_module};
use crate::text::LineIndex;

/// `import module` or `from module import name as alias`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Import {
    /// Dots before the module's name.
    pub(super) level: u32,
    /// The module; empty for `from . import x`.
    pub(super) module: String,
    /// What is taken from it; `None` for `import module`.
    pub(super) name: Option<String>,
    /// What it is called here; `*` for a star import.
    pub(super) alias: String,
}

/// A call, `callee(…)`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Call {
    /// The dotted name of what is called.
    pub(super) callee: String,
    /// Dotted names and texts of its arguments, in order; `None` for anything else.
    pub(super) arguments: Vec<Option<Argument>>,
    /// Names of its keyword arguments with their values where dotted or text.
    pub(super) keywords: Vec<(String, Option<Argument>)>,
    /// The function that holds it, as an index of [`Module::functions`]; `None` at module level.
    pub(super) function: Option<usize>,
    /// Whether it stands under `if __name__ == "__main__"`.
    pub(super) in_main: bool,
    /// Whether it stands under another condition.
    pub(super) conditional: bool,
    /// Whether such a condition speaks of SQLite.
    pub(super) for_sqlite: bool,
    /// Its line, from 1.
    pub(super) line: u32,
}

/// A value as far as it is told.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) enum Argument {
    /// A name with attributes.
    Dotted(String),
    /// A string.
    Text(String),
    /// A list or tuple of strings.
    Texts(Vec<String>),
    /// `os.environ["X"]`, `os.getenv("X", …)` and the like: the variable, and the default.
    Variable(String, Option<String>),
    /// `None`.
    None,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Function {
    /// Its name.
    pub(super) name: String,
    /// Dotted names of its decorators, with the first text argument where there is one.
    pub(super) decorators: Vec<(String, Option<String>)>,
}

/// A class or `Table()` that declares a table, or may.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Table {
    /// The class; for `Table()` the name it is bound to.
    pub(super) name: String,
    /// The table's name where it is a literal.
    pub(super) table: Option<String>,
    /// Dotted names of base classes; for `Table()` the metadata.
    pub(super) bases: Vec<String>,
    /// Whether the class says that it is a table by itself: `__tablename__`, `__table__`, or `table=True`.
    pub(super) declared: bool,
    /// Whether it is a class.
    pub(super) mapped: bool,
    /// Its line, from 1.
    pub(super) line: u32,
}

/// A value bound at module level (or to a class attribute, as `Class.name`).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Bound {
    /// The name.
    pub(super) name: String,
    /// What it is bound to, where that is told.
    pub(super) value: Option<Argument>,
    /// The dotted name of the function whose call gives the value.
    pub(super) made_by: Option<String>,
    /// The dotted names of a list's or tuple's members.
    pub(super) members: Vec<String>,
    /// Its line, from 1.
    pub(super) line: u32,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Module {
    pub(super) imports: Vec<Import>,
    pub(super) calls: Vec<Call>,
    pub(super) functions: Vec<Function>,
    pub(super) tables: Vec<Table>,
    pub(super) bound: Vec<Bound>,
    /// Whether it could be read; what is not read is unknown.
    pub(super) readable: bool,
}

impl Module {
    /// Reads a file.
    pub(super) fn read(bytes: &[u8]) -> Self {
        if bytes.len() > MAX_BYTES {
            return Self::default();
        }
        let source = decode(bytes);
        let read = with_module(&source.text, |parsed| {
            let mut reader = Reader {
                module: Self { readable: parsed.errors().is_empty(), ..Self::default() },
                lines: LineIndex::new(source.text.as_bytes()),
                source: &source.text,
                functions: Vec::new(),
                classes: Vec::new(),
                in_main: false,
                conditional: false,
                for_sqlite: false,
            };
            for statement in parsed.suite() {
                reader.visit_stmt(statement);
            }
            reader.module
        });
        read.unwrap_or_default()
    }

    /// What the module's top level binds `name` to last.
    pub(super) fn bound(&self, name: &str) -> Option<&Bound> {
        self.bound.iter().rev().find(|bound| bound.name == name)
    }

    /// Whether it loads modules by names that are made at run time.
    pub(super) fn imports_dynamically(&self) -> bool {
        self.calls.iter().any(|call| {
            let last = call.callee.rsplit('.').next().unwrap_or_default();
            [
                "import_module",
                "__import__",
                "walk_packages",
                "iter_modules",
                "find_modules",
                "import_string",
                "exec_module",
                "exec",
                "load_entry_point",
                "entry_points",
                "iter_entry_points",
                "autodiscover",
            ]
            .contains(&last)
                || call.callee.ends_with("config.scan")
        })
    }
}

struct Reader<'s> {
    module: Module,
    lines: LineIndex,
    source: &'s str,
    functions: Vec<usize>,
    classes: Vec<String>,
    in_main: bool,
    conditional: bool,
    for_sqlite: bool,
}

impl Reader<'_> {
    fn line(&self, at: TextSize) -> u32 {
        self.lines.line(at.into())
    }

    /// Whether a test holds on SQLite, or (`false`) on anything else; `None` where it does not speak of it.
    fn sqlite(&self, test: &Expr) -> Option<bool> {
        let text = self.source.get(test.range().to_std_range())?.to_ascii_lowercase();
        let denies = text.contains("not ") || text.contains("!=");
        text.contains("sqlite").then_some(!denies)
    }

    fn bind(&mut self, target: &Expr, value: &Expr) {
        let Expr::Name(name) = target else { return };
        if !self.functions.is_empty() {
            return;
        }
        let (made_by, members) = match value {
            Expr::Call(call) => (dotted(&call.func), Vec::new()),
            Expr::List(list) => (None, list.elts.iter().filter_map(dotted).collect()),
            Expr::Tuple(tuple) => (None, tuple.elts.iter().filter_map(dotted).collect()),
            _ => (None, Vec::new()),
        };
        let class = self.classes.last().map_or(String::new(), |class| format!("{class}."));
        let line = self.line(target.start());
        if let (Expr::Call(call), Some("Table")) = (value, made_by.as_deref().and_then(last)) {
            let mut arguments = call.arguments.args.iter();
            let table = arguments.next().and_then(text);
            let bases = arguments.next().and_then(dotted).into_iter().collect();
            let name = name.id.to_string();
            self.module.tables.push(Table { name, table, bases, declared: true, mapped: false, line });
        }
        self.module.bound.push(Bound {
            name: format!("{class}{}", name.id),
            value: argument(value),
            made_by,
            members,
            line,
        });
    }

    fn class(&mut self, class: &StmtClassDef) {
        let arguments = class.arguments.as_deref();
        let mut table = Table {
            name: class.name.to_string(),
            table: None,
            bases: arguments.map_or(Vec::new(), |a| a.args.iter().filter_map(dotted).collect()),
            declared: false,
            mapped: true,
            line: self.line(class.name.start()),
        };
        for keyword in arguments.into_iter().flat_map(|arguments| &arguments.keywords) {
            let is_true = matches!(&keyword.value, Expr::BooleanLiteral(value) if value.value);
            table.declared |= keyword.arg.as_ref().is_some_and(|name| name == "table") && is_true;
        }
        for statement in &class.body {
            let (target, value) = match statement {
                Stmt::Assign(assign) => (assign.targets.first(), Some(&*assign.value)),
                Stmt::AnnAssign(assign) => (Some(&*assign.target), assign.value.as_deref()),
                _ => continue,
            };
            let (Some(Expr::Name(name)), Some(value)) = (target, value) else { continue };
            match name.id.as_str() {
                "__tablename__" => {
                    table.declared = true;
                    table.table = text(value);
                }
                "__table__" => table.declared = true,
                "__abstract__" if matches!(value, Expr::BooleanLiteral(value) if value.value) => {
                    // An abstract class has no table of its own, whatever its name.
                    table.declared = false;
                    table.table = None;
                    break;
                }
                _ => {}
            }
        }
        self.module.tables.push(table);
    }

    fn function(&mut self, function: &StmtFunctionDef) {
        let decorators = function
            .decorator_list
            .iter()
            .filter_map(|decorator| match &decorator.expression {
                Expr::Call(call) => Some((dotted(&call.func)?, call.arguments.args.first().and_then(text))),
                other => Some((dotted(other)?, None)),
            })
            .collect();
        self.module.functions.push(Function { name: function.name.to_string(), decorators });
    }
}

impl<'a> Visitor<'a> for Reader<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.module.imports.push(Import {
                        level: 0,
                        module: alias.name.to_string(),
                        name: None,
                        alias: alias.asname.as_ref().unwrap_or(&alias.name).to_string(),
                    });
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    self.module.imports.push(Import {
                        level: import.level,
                        module: import.module.as_ref().map_or(String::new(), ToString::to_string),
                        name: Some(alias.name.to_string()),
                        alias: alias.asname.as_ref().unwrap_or(&alias.name).to_string(),
                    });
                }
            }
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.bind(target, &assign.value);
                }
                walk_stmt(self, statement);
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.bind(&assign.target, value);
                }
                walk_stmt(self, statement);
            }
            Stmt::ClassDef(class) => {
                if self.functions.is_empty() {
                    self.class(class);
                }
                self.classes.push(class.name.to_string());
                walk_stmt(self, statement);
                self.classes.pop();
            }
            Stmt::FunctionDef(function) => {
                self.function(function);
                self.functions.push(self.module.functions.len() - 1);
                let outer = (self.conditional, self.for_sqlite);
                (self.conditional, self.for_sqlite) = (false, false);
                walk_stmt(self, statement);
                (self.conditional, self.for_sqlite) = outer;
                self.functions.pop();
            }
            Stmt::If(branch) if is_type_checking(&branch.test) => {
                // Never runs: what it imports is not imported.
                for clause in &branch.elif_else_clauses {
                    for statement in &clause.body {
                        self.visit_stmt(statement);
                    }
                }
            }
            Stmt::If(branch) if is_main(&branch.test) => {
                let outer = std::mem::replace(&mut self.in_main, true);
                walk_stmt(self, statement);
                self.in_main = outer;
            }
            Stmt::If(branch) => {
                self.visit_expr(&branch.test);
                let outer = (self.conditional, self.for_sqlite);
                self.conditional = true;
                let first = self.sqlite(&branch.test);
                self.for_sqlite = outer.1 || first == Some(true);
                branch.body.iter().for_each(|statement| self.visit_stmt(statement));
                for clause in &branch.elif_else_clauses {
                    let test = clause.test.as_ref();
                    test.into_iter().for_each(|test| self.visit_expr(test));
                    let speaks = match test {
                        Some(test) => self.sqlite(test) == Some(true),
                        None => first == Some(false) && branch.elif_else_clauses.len() == 1,
                    };
                    self.for_sqlite = outer.1 || speaks;
                    clause.body.iter().for_each(|statement| self.visit_stmt(statement));
                }
                (self.conditional, self.for_sqlite) = outer;
            }
            Stmt::Match(_) => {
                let outer = std::mem::replace(&mut self.conditional, true);
                walk_stmt(self, statement);
                self.conditional = outer;
            }
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && let Some(callee) = dotted(&call.func)
        {
            let keywords = call.arguments.keywords.iter();
            self.module.calls.push(Call {
                callee,
                arguments: call.arguments.args.iter().map(argument).collect(),
                keywords: keywords
                    .filter_map(|keyword| Some((keyword.arg.as_ref()?.to_string(), argument(&keyword.value))))
                    .collect(),
                function: self.functions.last().copied(),
                in_main: self.in_main,
                conditional: self.conditional,
                for_sqlite: self.for_sqlite,
                line: self.line(expression.start()),
            });
        }
        walk_expr(self, expression);
    }
}

fn is_main(test: &Expr) -> bool {
    matches!(test, Expr::Compare(compare) if matches!(&*compare.left, Expr::Name(name) if name.id == "__name__"))
}

fn is_type_checking(test: &Expr) -> bool {
    dotted(test).is_some_and(|name| last(&name) == Some("TYPE_CHECKING"))
}

/// The last part of a dotted name.
pub(super) fn last(dotted: &str) -> Option<&str> {
    dotted.rsplit('.').next()
}

/// `a.b.c` as written; calls on the way count as what is called, so that `a().b` is `a.b`.
fn dotted(expression: &Expr) -> Option<String> {
    let mut parts = Vec::new();
    let mut at = expression;
    loop {
        match at {
            Expr::Attribute(attribute) => {
                parts.push(attribute.attr.as_str());
                at = &attribute.value;
            }
            Expr::Call(call) if !parts.is_empty() => at = &call.func,
            Expr::Name(name) => {
                parts.push(name.id.as_str());
                parts.reverse();
                return Some(parts.join("."));
            }
            _ => return None,
        }
    }
}

fn text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::StringLiteral(literal) => Some(literal.value.to_str().to_owned()),
        _ => None,
    }
}

fn argument(expression: &Expr) -> Option<Argument> {
    let texts = |items: &[Expr]| {
        let texts: Option<Vec<String>> = items.iter().map(text).collect();
        texts.map(Argument::Texts)
    };
    match expression {
        Expr::NoneLiteral(_) => Some(Argument::None),
        Expr::StringLiteral(_) => text(expression).map(Argument::Text),
        Expr::List(list) => texts(&list.elts),
        Expr::Tuple(tuple) => texts(&tuple.elts),
        Expr::Call(call) => {
            let callee = dotted(&call.func)?;
            let asks = ["getenv", "os.environ.get", "environ.get"].iter().any(|name| callee.ends_with(name));
            let mut arguments = call.arguments.args.iter();
            match (asks, arguments.next().and_then(text)) {
                (true, Some(name)) => Some(Argument::Variable(name, arguments.next().and_then(text))),
                _ => None,
            }
        }
        Expr::Subscript(subscript) => {
            let is_environment = dotted(&subscript.value).is_some_and(|name| last(&name) == Some("environ"));
            let name = text(&subscript.slice).filter(|_| is_environment)?;
            Some(Argument::Variable(name, None))
        }
        other => dotted(other).map(Argument::Dotted),
    }
}
