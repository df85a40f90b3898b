//! How far an edit of a migration file reaches, on the syntax tree.
//!
//! Both trees are brought into one form (see `Tidy`), cut into the names that the module binds,
//! and compared name by name; what is equal then is cosmetic. A name that differs counts for the
//! function that reaches it, by name and transitively. Where that says nothing, it is `upgrade`:
//! rather too high than too low.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use ruff_python_ast::comparable::ComparableStmt;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::transformer::{self, Transformer};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Alias, ExceptHandler, Expr, ModModule, Parameter, Stmt, StmtAssign, StmtImport, StmtImportFrom,
    StringFlags as _, Suite,
};
use ruff_python_parser::Parsed;
use ruff_text_size::{Ranged as _, TextRange};

/// How far an edit reaches; of several kinds at once the highest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
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
    /// The tokens that are code, without the module's docstring and, on request, header lines.
    fn tokens(self, without_header: bool) -> Vec<(TokenKind, &'a str)> {
        let left_out = |(at, statement): &(usize, &Stmt)| match statement {
            Stmt::Expr(first) => *at == 0 && first.value.is_string_literal_expr(),
            // An unclosed bracket can make a header statement swallow what follows.
            _ => {
                let header = without_header && HEADER.contains(&name(statement));
                header && !self.text[statement.range()].contains(['\n', '\r'])
            }
        };
        let body = self.parsed.syntax().body.iter().enumerate();
        let left_out: Vec<TextRange> =
            body.filter(left_out).map(|(_, statement)| statement.range()).collect();
        let (mut tokens, mut skipping) = (Vec::new(), false);
        for token in self.parsed.tokens().iter().filter(|token| !token.kind().is_trivia()) {
            let (kind, range) = (token.kind(), token.range());
            if kind != TokenKind::Newline {
                let next = left_out.partition_point(|out| out.end() <= range.start());
                let inside = left_out.get(next).is_some_and(|out| out.contains_range(range));
                // An unclosed docstring holds all of the file.
                let unclosed = token.string_flags().is_some_and(|flags| flags.is_unclosed());
                skipping = inside && !unclosed && kind != TokenKind::Unknown;
            }
            let layout = matches!(kind, TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent);
            if !skipping {
                tokens.push((kind, if layout { "" } else { &self.text[range] }));
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
                Stmt::Import(mut import) => imports.extend(
                    std::mem::take(&mut import.names)
                        .into_iter()
                        .map(|alias| Stmt::Import(StmtImport { names: vec![alias], ..import.clone() })),
                ),
                Stmt::ImportFrom(mut import) => {
                    imports.extend(std::mem::take(&mut import.names).into_iter().map(|alias| {
                        Stmt::ImportFrom(StmtImportFrom { names: vec![alias], ..import.clone() })
                    }))
                }
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
    body: &'a [Stmt],
    items: BTreeMap<&'a str, Item<'a>>,
    /// For a name, the items whose making may change what it is bound to: `Table("users", metadata)`
    /// changes `metadata`, and so what `metadata.create_all()` does.
    changed_by: BTreeMap<&'a str, Vec<&'a str>>,
}

/// The statements that bind a name, the names that they mention, and whether they call anything.
#[derive(Default)]
struct Item<'a> {
    code: Vec<&'a Stmt>,
    names: BTreeSet<&'a str>,
    calls: bool,
}

impl<'a> Outline<'a> {
    fn of(body: &'a [Stmt]) -> Self {
        let mut items: BTreeMap<&str, Item<'_>> = BTreeMap::new();
        for statement in body {
            let item = items.entry(name(statement)).or_default();
            item.code.push(statement);
            item.visit_stmt(statement);
        }
        for name in &HEADER[2..] {
            let is_none =
                |statement: &Stmt| matches!(statement, Stmt::Assign(it) if it.value.is_none_literal_expr());
            if items.get(name).is_some_and(|item| item.code.iter().all(|statement| is_none(statement))) {
                items.remove(name);
            }
        }
        let mut changed_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (user, item) in items.iter().filter(|(_, item)| item.calls && !item.is_function()) {
            for name in &item.names {
                changed_by.entry(*name).or_default().push(*user);
            }
        }
        Self { body, items, changed_by }
    }

    fn code(&self, name: &str) -> Option<Vec<ComparableStmt<'a>>> {
        Some(self.items.get(name)?.code.iter().map(|statement| ComparableStmt::from(*statement)).collect())
    }

    /// Whether nothing but imports binds `name`.
    fn imports(&self, name: &str) -> bool {
        self.items
            .get(name)
            .is_none_or(|item| item.code.iter().all(|statement| import_name(statement).is_some()))
    }

    /// What the module runs when it is loaded, apart from imports and the header, without `changed`.
    fn order(&self, changed: &BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
        let runs =
            self.body.iter().filter(|item| !item.is_function_def_stmt() && import_name(item).is_none());
        runs.map(name).filter(|name| !changed.contains(name) && !HEADER.contains(name))
    }

    /// The items that `roots` reach.
    fn reach(&self, roots: &[&'static str]) -> BTreeSet<&'a str> {
        let (mut reached, mut all) = (BTreeSet::new(), false);
        let mut queue: Vec<&str> = roots.to_vec();
        while let Some(name) = queue.pop() {
            let Some((name, item)) = self.items.get_key_value(name) else { continue };
            if !reached.insert(*name) {
                continue;
            }
            queue.extend(&item.names);
            if item.calls && !item.is_function() {
                queue.extend(self.changed_by.get(name).into_iter().flatten());
            }
            if !all && DYNAMIC.iter().any(|name| item.names.contains(name)) {
                all = true;
                let named = self.items.keys().filter(|name| !self.imports(name));
                queue.extend(
                    named.filter(|name| roots.contains(&"downgrade") || !name.starts_with("downgrade")),
                );
            }
        }
        reached
    }
}

impl Item<'_> {
    fn is_function(&self) -> bool {
        self.code.iter().all(|statement| statement.is_function_def_stmt())
    }
}

impl<'a> Visitor<'a> for Item<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        self.calls |= statement.is_class_def_stmt();
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression {
            self.names.insert(name.id.as_str());
        }
        self.calls |= expression.is_call_expr();
        visitor::walk_expr(self, expression);
    }
}

#[cfg(test)]
mod tests {
    use ruff_python_ast::PySourceType;
    use ruff_python_parser::parse_unchecked_source;

    use super::Grade::{Cosmetic, Downgrade, Header, Upgrade};
    use super::{File, Grade, grade_files};

    /// The grade of an edit; undoing it is the same edit.
    fn of(before: &str, after: &str) -> Grade {
        let parse = |text| parse_unchecked_source(text, PySourceType::Python);
        let (one, two) = (parse(before), parse(after));
        let (one, two) = (File { text: before, parsed: &one }, File { text: after, parsed: &two });
        let grade = grade_files(one, two);
        assert_eq!(grade_files(two, one), grade, "undone");
        assert_eq!((grade_files(one, one), grade_files(two, two)), (Cosmetic, Cosmetic), "no edit");
        grade
    }

    /// Replaces parts of a text, each of which it holds once, and grades that.
    fn edit(text: &str, edits: &[(&str, &str)]) -> Grade {
        let after = edits.iter().fold(text.to_owned(), |text, (from, to)| {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text.replace(from, to)
        });
        of(text, &after)
    }

    const SCRIPT: &str = r#""""Add archived to files

Revision ID: d142f435bb39
Revises: c978a4eaa0f6
Create Date: 2023-04-11 17:04:08.069126
"""
import sqlalchemy as sa
from alembic import op
import citext

revision = 'd142f435bb39'
down_revision = 'c978a4eaa0f6'

SIZES = ('s', 'm')
OLD_SIZES = ('s',)


def _rename(old, new):
    op.alter_column('files', old, new_column_name=new)


def _restore():
    _swap()


def _swap():
    op.execute("UPDATE files SET size = 's'")


def upgrade():
    op.add_column('files', sa.Column('archived', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_check_constraint('sizes', 'files', sa.column('size').in_(SIZES))
    _rename('kind', 'type')


def downgrade():
    _restore()
    op.create_check_constraint('sizes', 'files', sa.column('size').in_(OLD_SIZES))
    op.drop_column('files', 'archived')
"#;

    #[test]
    fn formatters_are_cosmetic() {
        let black = SCRIPT
            .replace(
                "import sqlalchemy as sa\nfrom alembic import op\nimport citext",
                "import citext\nimport sqlalchemy as sa\n\nfrom alembic import op",
            )
            .replace(
                "\nrevision = 'd142f435bb39'",
                "\n# revision identifiers\nrevision: str = u\"d142f435bb39\"",
            )
            .replace(
                "down_revision = '",
                "branch_labels = None\ndepends_on: str | None = None\ndown_revision: str | None = '",
            )
            .replace("'s', 'm')", "\n    's',\n    ('m'),\n)")
            .replace(
                "def _rename(old, new):",
                "def _rename(old: str, new: str) -> None:\n    '''Renames.'''\n    pass",
            )
            .replace(
                "\"UPDATE files SET size = 's'\"",
                "\n        \"UPDATE files\"\n        ' SET size = \\'s\\''\n    ",
            )
            .replace("upgrade():", "upgrade() -> None:\n    scratch: int")
            .replace("Revises: c978a4eaa0f6\n", "");
        assert_eq!(of(SCRIPT, &black), Cosmetic);
        assert_eq!(of(SCRIPT, &SCRIPT.replace('\n', "\r\n")), Cosmetic);
        assert_eq!(of(SCRIPT, &format!("\u{feff}{SCRIPT}\n# end\n")), Cosmetic);
        assert_eq!(
            of("def downgrade():\n    pass\n", "def downgrade():\n    \"\"\"Nothing.\"\"\"\n    ...\n"),
            Cosmetic
        );
    }

    #[test]
    fn what_a_string_holds_is_not_cosmetic() {
        assert_eq!(edit(SCRIPT, &[("'kind', 'type'", "'kind ', 'type'")]), Upgrade);
        assert_eq!(edit(SCRIPT, &[("size = 's'\"", "size  = 's'\"")]), Downgrade);
        assert_eq!(edit(SCRIPT, &[("'s', 'm')", "'s' 'm')")]), Upgrade);
        assert_eq!(edit(SCRIPT, &[("'kind', 'type'", "b'kind', 'type'")]), Upgrade);
    }

    #[test]
    fn header_values_are_header() {
        assert_eq!(
            edit(SCRIPT, &[("= 'c978a4eaa0f6'", "= 'e8f6e8f6e8f6'"), ("Revises: c978", "Revises: e8f6")]),
            Header
        );
        assert_eq!(edit(SCRIPT, &[("= 'c978a4eaa0f6'", "= ('c978a4eaa0f6', 'e8f6e8f6e8f6')")]), Header);
        assert_eq!(edit(SCRIPT, &[("\nSIZES", "\ndepends_on = 'e8f6e8f6e8f6'\nSIZES")]), Header);
        assert_eq!(edit(SCRIPT, &[("\nSIZES", "\nbranch_labels = ('files',)\nSIZES")]), Header);
        // Alembic needs these two: absent is not `None`.
        assert_eq!(edit(SCRIPT, &[("down_revision = 'c978a4eaa0f6'\n", "")]), Header);
        assert_eq!(of("down_revision = None\n", ""), Header);
        assert_eq!(of("depends_on = branch_labels = None\n", ""), Upgrade);
        let named = "PARENT = 'a1'\ndown_revision = PARENT\ndef upgrade(): pass\n";
        assert_eq!(edit(named, &[("'a1'", "'b2'")]), Header);
        assert_eq!(edit(&named.replace("pass", "print(PARENT)"), &[("'a1'", "'b2'")]), Upgrade);
    }

    #[test]
    fn what_only_downgrade_reaches_is_downgrade() {
        assert_eq!(edit(SCRIPT, &[("    op.drop_column('files', 'archived')\n", "")]), Downgrade);
        assert_eq!(edit(SCRIPT, &[("UPDATE files", "UPDATE release_files")]), Downgrade);
        assert_eq!(edit(SCRIPT, &[("OLD_SIZES = ('s',)", "OLD_SIZES = ('s', 'l')")]), Downgrade);
        assert_eq!(
            edit(SCRIPT, &[("    _rename('kind', 'type')\n", "    _rename('kind', 'type')\n    _swap()\n")]),
            Upgrade
        );
        let shared = SCRIPT.replace("    _rename('kind'", "    _swap()\n    _rename('kind'");
        assert_eq!(edit(&shared, &[("UPDATE files", "UPDATE release_files")]), Upgrade);
        // An upgrade that undoes the downgrade's work.
        let calls = SCRIPT.replace("    _rename('kind'", "    downgrade()\n    _rename('kind'");
        assert_eq!(edit(&calls, &[("    op.drop_column('files', 'archived')\n", "")]), Upgrade);
        let header_too = edit(SCRIPT, &[("'s',)", "'l',)"), ("= 'c978a4eaa0f6'", "= 'e8f6e8f6e8f6'")]);
        assert_eq!(header_too, Downgrade);
    }

    #[test]
    fn anything_else_is_upgrade() {
        assert_eq!(edit(SCRIPT, &[("nullable=False", "nullable=True")]), Upgrade);
        assert_eq!(edit(SCRIPT, &[("new_column_name=new", "new_column_name=old")]), Upgrade);
        assert_eq!(edit(SCRIPT, &[("'s', 'm')", "'s', 'm', 'l')")]), Upgrade);
        assert_eq!(edit(SCRIPT, &[("\n\ndef _swap", "\n\nop.get_bind()\n\ndef _swap")]), Upgrade);
        assert_eq!(
            edit(SCRIPT, &[("\n\ndef _swap", "\n\n@sa.event.listens_for(op, 'x')\ndef _swap")]),
            Upgrade
        );
        assert_eq!(edit(SCRIPT, &[("\n\ndef _swap", "\n\ndef _unused():\n    pass\n\ndef _swap")]), Upgrade);
        assert_eq!(edit(SCRIPT, &[("nullable=False", "nullable=True"), ("'s',)", "'l',)")]), Upgrade);
        // An annotation that SQLAlchemy reads.
        let model =
            "class File(Base):\n    size: Mapped[int] = mapped_column()\n\ndef upgrade():\n    File()\n";
        assert_eq!(edit(model, &[("[int]", "[str]")]), Upgrade);
        assert_eq!(of("a = f()\nb = g()\n", "b = g()\na = f()\n"), Upgrade);
        assert_eq!(of("def a(): pass\ndef b(): 1\n", "def b(): 1\ndef a(): pass\n"), Cosmetic);
        assert_eq!(of("def a(): pass\ndef a(): 1\n", "def a(): 1\ndef a(): pass\n"), Upgrade);
    }

    #[test]
    fn imports_count_for_who_uses_them() {
        assert_eq!(edit(SCRIPT, &[("import citext\n", "")]), Cosmetic);
        assert_eq!(
            edit(SCRIPT, &[("import citext\n", "from citext import CIText\nimport re, json as j\n")]),
            Cosmetic
        );
        assert_eq!(
            edit(SCRIPT, &[("from alembic import op", "from alembic import (context, op)")]),
            Cosmetic
        );
        assert_eq!(edit(SCRIPT, &[("import citext\n", "from citext import *\n")]), Upgrade);
        assert_eq!(edit(SCRIPT, &[("import sqlalchemy as sa", "import sqlmodel as sa")]), Upgrade);
        assert_eq!(edit(SCRIPT, &[("import citext\n", "import citext\nfrom app import _rename\n")]), Upgrade);
        let two = "from alembic.op import add_column, drop_column\n\ndef upgrade():\n    add_column('a')\n\ndef downgrade():\n    drop_column('a')\n";
        let moved = "from alembic.op import add_column\nfrom app.migrate import drop_column\n";
        assert_eq!(edit(two, &[("from alembic.op import add_column, drop_column\n", moved)]), Downgrade);
        assert_eq!(edit(two, &[("add_column, drop_column", "drop_column, add_column")]), Cosmetic);
        assert_eq!(edit(two, &[("from alembic.op import", "from app.op import")]), Upgrade);
        // Imports that only annotations use, as newer templates have them.
        let typed =
            "from typing import Sequence, Union\nrevision: Union[str, None] = 'a1'\nlabels: Sequence = ()\n";
        assert_eq!(
            of(typed, "from collections.abc import Sequence\nrevision: str = 'a1'\nlabels = ()\n"),
            Cosmetic
        );
        // Of two that bind the same name the last wins; two modules of a package do not compete.
        assert_eq!(
            of("from a import x\nfrom b import x\nx()\n", "from b import x\nfrom a import x\nx()\n"),
            Upgrade
        );
        assert_eq!(of("import a.b\nimport a.c\na.b()\n", "import a.c\nimport a.b, a.c\na.b()\n"), Cosmetic);
        let inner = "def upgrade():\n    import json\n    from sqlalchemy import text\n    from slack_sdk import WebClient\n    json, text\n";
        let sorted = "def upgrade():\n    import json\n\n    from slack_sdk import WebClient\n    from sqlalchemy import text\n    json, text\n";
        assert_eq!(of(inner, sorted), Cosmetic);
    }

    #[test]
    fn several_databases_are_reached_by_look_up() {
        let multidb = "import re\ndef upgrade(engine):\n    globals()['upgrade_%s' % engine]()\ndef downgrade(engine):\n    globals()['downgrade_%s' % engine]()\ndef upgrade_a():\n    one()\ndef downgrade_a():\n    two()\n";
        assert_eq!(edit(multidb, &[("one()", "three()")]), Upgrade);
        assert_eq!(edit(multidb, &[("two()", "three()")]), Downgrade);
        assert_eq!(edit(multidb, &[("import re\n", "")]), Cosmetic);
    }

    #[test]
    fn a_table_counts_for_who_uses_its_metadata() {
        let tables = "metadata = MetaData()\nusers = Table('users', metadata)\ndef upgrade():\n    metadata.create_all()\ndef downgrade():\n    users.drop()\n";
        assert_eq!(edit(tables, &[("'users'", "'user'")]), Upgrade);
        let other = tables.replace("metadata.create_all()", "op.create_table('users')");
        assert_eq!(edit(&other, &[("'users', metadata", "'user', metadata")]), Downgrade);
        let enums = "names = ('a', 'b')\nold = Enum(*names)\nnew = Enum(*names, 'c')\ndef upgrade(): new.create()\ndef downgrade(): old.create()\n";
        assert_eq!(edit(enums, &[("old = Enum(*names)", "old = Enum(*names, 'd')")]), Downgrade);
    }

    const PYTHON_2: &str = "\"\"\"Add draft\n\nRevises: a1\n\"\"\"\nrevision = 'b2'\ndown_revision = 'a1'  # parent\n\ndef upgrade():\n    print \"Adding\"\n    op.add_column('q', 'draft')\n\ndef downgrade():\n    exec \"drop()\"\n";

    #[test]
    fn with_syntax_errors_the_tokens_decide() {
        assert_eq!(
            edit(PYTHON_2, &[("Revises: a1\n", ""), ("# parent", ""), ("    op.", "    # add\n    op.")]),
            Cosmetic
        );
        assert_eq!(edit(PYTHON_2, &[("Revises: a1", "Revises: c3"), ("= 'a1'", "= 'c3'")]), Header);
        assert_eq!(edit(PYTHON_2, &[("def upgrade", "depends_on = ('c3',)\n\ndef upgrade")]), Header);
        // A tree without the words that Python 3 does not know would not show these.
        assert_eq!(edit(PYTHON_2, &[("exec \"drop()\"", "exec \"drop_all()\"")]), Upgrade);
        assert_eq!(
            edit(PYTHON_2, &[("print \"Adding\"", "print(\"Adding\")"), ("exec \"drop()\"", "pass")]),
            Upgrade
        );
    }

    #[test]
    fn what_recovery_swallows_is_not_cosmetic() {
        let conflict = "revision = 'b2'\n<<<<<<< HEAD\ndown_revision = 'a1'\n=======\ndown_revision = 'c3'\n>>>>>>> theirs\ndef upgrade():\n    one()\n";
        assert_eq!(
            of(conflict, "revision = 'b2'\ndown_revision = 'c3'\ndef upgrade():\n    one()\n"),
            Upgrade
        );
        let open = "revision = 'b2'\ndown_revision = ('a1'\ndef upgrade():\n    one()\n";
        assert_eq!(edit(open, &[("('a1'", "'a1'")]), Upgrade);
        assert_eq!(edit(open, &[("one()", "two()")]), Upgrade);
        let docstring = "\"\"\"Add draft\nrevision = 'b2'\ndef upgrade():\n    one('x')\n'";
        assert_eq!(edit(docstring, &[("one", "two")]), Upgrade);
        assert_eq!(edit("revision = 'b2'\nop.execute(((\n'a'\n", &[("'a'", "'b'")]), Upgrade);
    }

    #[test]
    fn hostile_files_are_graded_in_time() {
        let many = 20_000;
        let names = (0..many).map(|n| format!("n{n}")).collect::<Vec<_>>();
        let import = format!("from a import {}\n", names.join(", "));
        assert_eq!(of(&import, &format!("{import}x = 1\n")), Upgrade);
        let calls: String = names.iter().map(|name| format!("{name} = n0(n1, eval)\n")).collect();
        assert_eq!(of(&calls, &format!("{calls}x = 1\n")), Upgrade);
        let header = "revision = 'a'\n".repeat(many);
        assert_eq!(of(&format!("{header}print 1"), &format!("{header}revision = 'b'\nprint 1")), Header);
        let deep = format!("x = {}1{}\n", "(".repeat(100), ")".repeat(100));
        assert_eq!(of(&deep, "x = 1\n"), Cosmetic);
    }
}
