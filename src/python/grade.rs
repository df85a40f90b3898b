//! How far an edit of a migration file reaches, on the syntax tree.
//!
//! Both trees are brought into one form (see [`Tidy`]), cut into the names that the module binds,
//! and compared name by name; what is equal then is cosmetic. A name that differs counts for the
//! function that reaches it, by name and transitively. Where that says nothing, it is `upgrade`:
//! an edit may be graded too high, never too low.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::comparable::ComparableStmt;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::transformer::{self, Transformer};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Alias, ExceptHandler, Expr, ModModule, Parameter, Stmt, StmtAssign, StmtImport, StmtImportFrom, Suite,
};
use ruff_python_parser::Parsed;
use ruff_text_size::{Ranged as _, TextRange};

/// How far an edit reaches; of several kinds at once the highest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Nothing that runs: whitespace, comments, docstrings, quotes, annotations, the order of
    /// imports and functions, imports that nothing uses.
    Cosmetic,
    /// `revision`, `down_revision`, `depends_on`, `branch_labels`, and what only they are made of.
    Header,
    /// `downgrade()`, and what only it reaches.
    Downgrade,
    /// Anything else.
    Upgrade,
}

/// The assignments that Alembic reads. The last two may be absent, which means `None`.
const HEADER: [&str; 4] = ["revision", "down_revision", "depends_on", "branch_labels"];
/// Look-ups that can reach a function without naming it (Alembic's `multidb` template does).
const DYNAMIC: [&str; 5] = ["globals", "locals", "vars", "eval", "exec"];
/// The key of statements that bind no single name; the module runs them when it is loaded.
const LOOSE: &str = "";

/// Grades the edit between two modules without syntax errors; for others, [`grade_files`].
///
/// Visits the trees recursively, as deep as they are nested: call it with the stack for that.
pub fn grade(before: &ModModule, after: &ModModule) -> Grade {
    let (before, after) = (tidy(before), tidy(after));
    let (before, after) = (Outline::of(&before), Outline::of(&after));
    let changed: BTreeSet<&str> = (before.items.keys().chain(after.items.keys()).copied())
        .filter(|name| before.code(name) != after.code(name))
        .collect();
    if !before.order(&changed).eq(after.order(&changed)) {
        return Grade::Upgrade;
    }
    let reached = |roots: &[&'static str]| {
        let mut names = before.reach(roots);
        names.extend(after.reach(roots));
        names
    };
    let (upgrade, downgrade) = (reached(&["upgrade", LOOSE, "*"]), reached(&["downgrade"]));
    let header = reached(&HEADER);
    let grades = changed.into_iter().map(|name| match name {
        _ if HEADER.contains(&name) => Grade::Header,
        _ if upgrade.contains(name) => Grade::Upgrade,
        _ if downgrade.contains(name) => Grade::Downgrade,
        _ if header.contains(name) => Grade::Header,
        _ if before.imports(name) && after.imports(name) => Grade::Cosmetic,
        _ => Grade::Upgrade,
    });
    grades.max().unwrap_or(Grade::Cosmetic)
}

/// A file and what the parser made of it.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// What was parsed.
    pub text: &'a str,
    /// The tree, the tokens, the errors.
    pub parsed: &'a Parsed<ModModule>,
}

/// Grades the edit between two files. A recovered tree does not hold all that was written, so
/// with a syntax error (Python 2, say) on either side the tokens decide: an edit is less than
/// [`Grade::Upgrade`] only where it stays within the module's docstring and its header lines.
pub fn grade_files(before: File<'_>, after: File<'_>) -> Grade {
    if before.parsed.has_valid_syntax() && after.parsed.has_valid_syntax() {
        grade(before.parsed.syntax(), after.parsed.syntax())
    } else if before.tokens(false) == after.tokens(false) {
        Grade::Cosmetic
    } else if before.tokens(true) == after.tokens(true) {
        Grade::Header
    } else {
        Grade::Upgrade
    }
}

impl<'a> File<'a> {
    /// The tokens that are code, without the module's docstring and, on request, without header
    /// lines.
    fn tokens(self, without_header: bool) -> Vec<(TokenKind, &'a str)> {
        let body = &self.parsed.syntax().body;
        let docstring =
            body.first().filter(|first| is_idle(first) && self.text[first.range()].ends_with(['"', '\'']));
        let header = body.iter().filter(|statement| without_header && HEADER.contains(&name(statement)));
        // An unclosed bracket can make a header statement swallow what follows.
        let header = header.filter(|statement| !self.text[statement.range()].contains(['\n', '\r']));
        let out: Vec<TextRange> =
            docstring.into_iter().chain(header).map(|statement| statement.range()).collect();
        let mut skipping = false;
        let mut tokens = Vec::new();
        for token in self.parsed.tokens() {
            let kind = token.kind();
            if kind.is_trivia() {
                continue;
            }
            skipping = match kind {
                TokenKind::Newline => skipping,
                _ => out.iter().any(|range| range.contains_range(token.range())),
            };
            let layout = matches!(kind, TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent);
            if !skipping {
                tokens.push((kind, if layout { "" } else { &self.text[token.range()] }));
            }
        }
        tokens
    }
}

/// Brings a tree into the form in which cosmetic differences are gone, as far as the comparison
/// does not overlook them itself (quotes, prefixes, string concatenation, parentheses, ranges).
struct Tidy {
    /// Annotations of class attributes mean something: SQLAlchemy makes columns of them.
    in_class: bool,
}

fn tidy(module: &ModModule) -> Suite {
    let mut body = module.body.clone();
    let tidy = Tidy { in_class: false };
    tidy.body(&mut body);
    tidy.visit_body(&mut body);
    body
}

impl Transformer for Tidy {
    fn visit_stmt(&self, statement: &mut Stmt) {
        let inner = Self {
            in_class: statement.is_class_def_stmt() || self.in_class && !statement.is_function_def_stmt(),
        };
        if let Stmt::FunctionDef(function) = statement {
            function.returns = None;
        }
        bodies(statement).into_iter().for_each(|body| inner.body(body));
        transformer::walk_stmt(&inner, statement);
    }

    fn visit_parameter(&self, parameter: &mut Parameter) {
        parameter.annotation = None;
    }
}

impl Tidy {
    /// Drops what does nothing, turns annotated assignments into plain ones, and gives every run
    /// of imports one name a statement, in the order of the names.
    fn body(&self, body: &mut Suite) {
        let mut imports = Vec::new();
        for statement in std::mem::take(body) {
            match statement {
                Stmt::Import(import) => {
                    imports.extend(import.names.iter().map(|alias| {
                        Stmt::Import(StmtImport { names: vec![alias.clone()], ..import.clone() })
                    }))
                }
                Stmt::ImportFrom(import) => imports.extend(import.names.iter().map(|alias| {
                    Stmt::ImportFrom(StmtImportFrom { names: vec![alias.clone()], ..import.clone() })
                })),
                statement if is_idle(&statement) => {}
                statement => {
                    flush(&mut imports, body);
                    match statement {
                        Stmt::AnnAssign(assign) if !self.in_class => body.extend(assign.value.map(|value| {
                            let (targets, range) = (vec![*assign.target], assign.range);
                            Stmt::Assign(StmtAssign { node_index: assign.node_index, range, targets, value })
                        })),
                        statement => body.push(statement),
                    }
                }
            }
        }
        flush(&mut imports, body);
    }
}

/// Moves a run of imports. The sort is stable: of two that bind the same name the last wins.
fn flush(imports: &mut Vec<Stmt>, body: &mut Suite) {
    imports.sort_by(|one, other| import_name(one).cmp(&import_name(other)));
    imports.dedup_by(|one, other| ComparableStmt::from(&*one) == ComparableStmt::from(&*other));
    body.extend(imports.drain(..));
}

/// Whether a statement does nothing: `pass`, `...`, a docstring.
fn is_idle(statement: &Stmt) -> bool {
    match statement {
        Stmt::Pass(_) => true,
        Stmt::Expr(statement) => {
            statement.value.is_string_literal_expr() || statement.value.is_ellipsis_literal_expr()
        }
        _ => false,
    }
}

fn bodies(statement: &mut Stmt) -> Vec<&mut Suite> {
    match statement {
        Stmt::FunctionDef(function) => vec![&mut function.body],
        Stmt::ClassDef(class) => vec![&mut class.body],
        Stmt::With(with) => vec![&mut with.body],
        Stmt::For(block) => vec![&mut block.body, &mut block.orelse],
        Stmt::While(block) => vec![&mut block.body, &mut block.orelse],
        Stmt::If(block) => {
            let clauses = block.elif_else_clauses.iter_mut().map(|clause| &mut clause.body);
            std::iter::once(&mut block.body).chain(clauses).collect()
        }
        Stmt::Match(block) => block.cases.iter_mut().map(|case| &mut case.body).collect(),
        Stmt::Try(block) => {
            let handlers =
                block.handlers.iter_mut().map(|ExceptHandler::ExceptHandler(handler)| &mut handler.body);
            [&mut block.body, &mut block.orelse, &mut block.finalbody].into_iter().chain(handlers).collect()
        }
        _ => Vec::new(),
    }
}

/// What an import of one name binds, dots included.
fn import_name(statement: &Stmt) -> Option<&str> {
    let (Stmt::Import(StmtImport { names, .. }) | Stmt::ImportFrom(StmtImportFrom { names, .. })) = statement
    else {
        return None;
    };
    let [Alias { name, asname, .. }] = &names[..] else { return None };
    Some(asname.as_ref().unwrap_or(name).as_str())
}

/// The name that a top-level statement binds and does no more than that.
fn name(statement: &Stmt) -> &str {
    let target = match statement {
        Stmt::FunctionDef(function)
            if function.decorator_list.is_empty() || function.name.as_str() == "downgrade" =>
        {
            return function.name.as_str();
        }
        Stmt::ClassDef(class) if class.decorator_list.is_empty() => return class.name.as_str(),
        Stmt::Assign(assign) if assign.targets.len() == 1 => &assign.targets[0],
        Stmt::AnnAssign(assign) => &*assign.target,
        _ => return import_name(statement).map_or(LOOSE, |name| name.split('.').next().unwrap_or(name)),
    };
    target.as_name_expr().map_or(LOOSE, |target| target.id.as_str())
}

/// A tidy module by the names that it binds.
struct Outline<'a> {
    items: BTreeMap<&'a str, Vec<&'a Stmt>>,
    /// The names that each item mentions.
    uses: BTreeMap<&'a str, Names<'a>>,
    body: &'a [Stmt],
}

impl<'a> Outline<'a> {
    fn of(body: &'a [Stmt]) -> Self {
        let mut this = Self { items: BTreeMap::new(), uses: BTreeMap::new(), body };
        for statement in body {
            let name = name(statement);
            this.items.entry(name).or_default().push(statement);
            this.uses.entry(name).or_default().visit_stmt(statement);
        }
        for name in &HEADER[2..] {
            let absent = |item: &Vec<&Stmt>| match item[..] {
                [Stmt::Assign(assign)] => assign.value.is_none_literal_expr(),
                _ => false,
            };
            if this.items.get(name).is_some_and(absent) {
                this.items.remove(name);
            }
        }
        this
    }

    fn code(&self, name: &str) -> Option<Vec<ComparableStmt<'a>>> {
        Some(self.items.get(name)?.iter().map(|statement| ComparableStmt::from(*statement)).collect())
    }

    /// Whether only imports bind `name`.
    fn imports(&self, name: &str) -> bool {
        self.items.get(name).is_none_or(|item| item.iter().all(|statement| import_name(statement).is_some()))
    }

    /// What the module runs when it is loaded, apart from imports and the header, without `changed`.
    fn order(&self, changed: &BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
        let runs =
            self.body.iter().filter(|item| !item.is_function_def_stmt() && import_name(item).is_none());
        runs.map(name).filter(|name| !changed.contains(name) && !HEADER.contains(name))
    }

    /// The items that `roots` reach.
    fn reach(&self, roots: &[&'static str]) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut queue: Vec<&str> = roots.to_vec();
        while let Some(name) = queue.pop() {
            let (Some((name, item)), Some(uses)) = (self.items.get_key_value(name), self.uses.get(name))
            else {
                continue;
            };
            if !reached.insert(*name) {
                continue;
            }
            queue.extend(&uses.names);
            if DYNAMIC.iter().any(|name| uses.names.contains(name)) {
                let named = self.items.keys().filter(|name| !self.imports(name));
                queue.extend(
                    named.filter(|name| roots.contains(&"downgrade") || !name.starts_with("downgrade")),
                );
            }
            // `Table("users", metadata)` changes `metadata`, and so what `metadata.create_all()` does.
            if uses.call && !item.iter().any(|statement| statement.is_function_def_stmt()) {
                let users = self.uses.iter().filter(|(_, uses)| uses.call && uses.names.contains(name));
                queue.extend(users.map(|(user, _)| user).filter(|user| self.runs(user)));
            }
        }
        reached
    }

    /// Whether loading the module runs what `name` is bound to.
    fn runs(&self, name: &str) -> bool {
        self.items
            .get(name)
            .is_some_and(|item| !item.iter().any(|statement| statement.is_function_def_stmt()))
    }
}

/// The names that code mentions, and whether it calls anything.
#[derive(Default)]
struct Names<'a> {
    names: BTreeSet<&'a str>,
    call: bool,
}

impl<'a> Visitor<'a> for Names<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                self.names.insert(name.id.as_str());
            }
            Expr::Call(_) => self.call = true,
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}
