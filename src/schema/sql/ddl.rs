//! Statements that change the schema.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlparser::ast::{
    AlterColumnOperation, AlterIndexOperation, AlterTableOperation, AlterTypeAddValuePosition,
    AlterTypeOperation, ColumnDef, ColumnOption, ConstraintUsingIndex, CreateIndex, CreateTable,
    CreateTableLikeKind, DropBehavior, Expr, ForeignKeyConstraint, Ident, IndexColumn, IndexType, ObjectName,
    ObjectNamePart, ReferentialAction, RenameTableNameKind, Statement, TableConstraint,
    UserDefinedTypeRepresentation,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token as Lexeme;

use super::split::{Token, TokenKind, name_at, tokens};
use super::{Action, HARMLESS_OBJECTS, has_hole, name_of, opaque, types};
use crate::schema::effect::{
    Change, CheckSpec, ColumnChange, ColumnSpec, ConstraintKind, ConstraintSpec, Dropping, EnumCreation,
    EnumSpec, ForeignKeySpec, Given, IndexSpec, KeySpec, TableSpec,
};
use crate::schema::replay::kept_name;
use crate::schema::state::{Name, Place, Touch};

/// Expressions nested deeper are refused by the parser.
const MAX_NESTING: usize = 60;

/// The name of an object, as the database has it.
pub(super) fn object_name(name: &ObjectName) -> Option<Name> {
    let parts: Option<Vec<(String, bool)>> = name
        .0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Some((ident.value.clone(), ident.quote_style.is_some())),
            ObjectNamePart::Function(_) => None,
        })
        .collect();
    name_of(&parts?)
}

fn ident(ident: &Ident) -> Arc<str> {
    match ident.quote_style {
        Some(_) => kept_name(&ident.value),
        None => kept_name(&ident.value.to_lowercase()),
    }
}

fn idents(list: &[Ident]) -> Vec<Arc<str>> {
    list.iter().map(ident).collect()
}

fn given(name: Option<&Ident>) -> Given {
    name.map_or(Given::None, |name| Given::Final(ident(name)))
}

/// Names of `text` that may be columns.
pub(in crate::schema) fn identifiers(text: &str) -> BTreeSet<Arc<str>> {
    tokens(text)
        .into_iter()
        .filter_map(|token| match token.kind {
            TokenKind::Word(_) => Some(Arc::from(token.text.to_lowercase())),
            TokenKind::Quoted(name) => Some(Arc::from(name)),
            _ => None,
        })
        .collect()
}

fn parse(text: &str) -> Result<Statement, ParserError> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).with_recursion_limit(MAX_NESTING).try_with_sql(text)?;
    let statement = parser.parse_statement()?;
    match parser.peek_token().token {
        Lexeme::EOF => Ok(statement),
        other => Err(ParserError::ParserError(format!("unexpected {other}"))),
    }
}

/// Reads a statement that begins with CREATE, ALTER, DROP or RENAME.
pub(super) fn read(statement: &str, tokens: &[Token<'_>], unknown: &str, actions: &mut Vec<Action>) {
    let reader = Reader { statement, tokens, unknown };
    reader.read(actions);
}

struct Reader<'t> {
    statement: &'t str,
    tokens: &'t [Token<'t>],
    unknown: &'t str,
}

fn change(change: Change) -> Action {
    Action::Change(change)
}

impl Reader<'_> {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).and_then(Token::word).unwrap_or("")
    }

    /// The place after the words at `at` that are among `words`.
    fn skip(&self, mut at: usize, words: &[&str]) -> usize {
        while words.contains(&self.word(at)) {
            at += 1;
        }
        at
    }

    fn opaque(&self, touches: Vec<Touch>) -> Action {
        // A name with an unknown piece is no name.
        let touches = touches.into_iter().map(|touch| match touch {
            Touch::Relation(name) if has_hole(&name.to_string()) => Touch::Schema(None),
            Touch::Type(name) if has_hole(&name.to_string()) => Touch::Schema(None),
            touch => touch,
        });
        opaque(self.unknown, touches.collect())
    }

    fn read(&self, actions: &mut Vec<Action>) {
        let verb = self.word(0);
        let modifiers = [
            "OR",
            "REPLACE",
            "TEMP",
            "TEMPORARY",
            "UNLOGGED",
            "GLOBAL",
            "LOCAL",
            "UNIQUE",
            "RECURSIVE",
            "TRUSTED",
            "PROCEDURAL",
        ];
        let at = self.skip(1, &modifiers);
        let is_temporary = (1..at).any(|at| matches!(self.word(at), "TEMP" | "TEMPORARY"));
        let object = self.word(at);
        // Whatever it is called, it is gone with the session.
        if is_temporary && verb == "CREATE" {
            let at = self.skip(at + 1, &["IF", "NOT", "EXISTS"]);
            if let Some((name, _)) = name_at(self.tokens, at).filter(|_| object == "TABLE") {
                actions.push(change(Change::CreateTemporary(name)));
            }
            return;
        }
        if HARMLESS_OBJECTS.contains(&object) {
            return;
        }
        match (verb, object) {
            ("CREATE", "FUNCTION" | "PROCEDURE") => {
                if let Some((name, _)) = name_at(self.tokens, at + 1) {
                    actions.push(change(Change::CreateFunction(name)));
                }
            }
            ("DROP", "FUNCTION" | "PROCEDURE" | "ROUTINE") => {
                let at = self.skip(at + 1, &["IF", "EXISTS"]);
                if let Some((name, _)) = name_at(self.tokens, at) {
                    actions.push(change(Change::DropFunction(name)));
                }
            }
            ("ALTER", "FUNCTION" | "PROCEDURE" | "ROUTINE" | "EXTENSION" | "SEQUENCE") => {}
            ("CREATE", "TABLE") => self.create_table(at + 1, actions),
            ("CREATE", "INDEX") => self.create_index(at + 1, actions),
            ("CREATE", "VIEW" | "MATERIALIZED") => {
                let materialized = object == "MATERIALIZED";
                let start = self.skip(at + 1, &["VIEW", "IF", "NOT", "EXISTS"]);
                let replaces = (1..start).any(|at| matches!(self.word(at), "REPLACE" | "EXISTS"));
                match name_at(self.tokens, start) {
                    Some((name, _)) if !has_hole(&name.name) => {
                        actions.push(change(Change::CreateView(name, materialized, replaces)));
                    }
                    _ => actions.push(self.opaque(vec![Touch::Schema(None)])),
                }
            }
            ("ALTER", "VIEW" | "MATERIALIZED") => self.alter_view(at, actions),
            ("CREATE", "TYPE") => self.create_type(at + 1, actions),
            ("CREATE", "DOMAIN") => match (parse(self.statement), name_at(self.tokens, at + 1)) {
                (Ok(Statement::CreateDomain(domain)), _) => {
                    if let Some(name) = object_name(&domain.name) {
                        let base = types::spec(&domain.data_type);
                        let base = base.ty.is_known().then_some(base.ty.text);
                        actions.push(change(Change::CreateType(name, base)));
                    }
                }
                (_, Some((name, _))) if !has_hole(&name.name) => {
                    actions.push(change(Change::CreateType(name, None)))
                }
                _ => actions.push(self.opaque(vec![Touch::Schema(None)])),
            },
            ("ALTER", "TYPE") => self.alter_type(at + 1, actions),
            ("ALTER", "DOMAIN") => {}
            ("CREATE", "SEQUENCE") => {
                let start = self.skip(at + 1, &["IF", "NOT", "EXISTS"]);
                if let Some((name, _)) = name_at(self.tokens, start) {
                    actions.push(change(Change::CreateSequence(name, start > at + 1)));
                }
            }
            ("CREATE", "EXTENSION") => {
                let start = self.skip(at + 1, &["IF", "NOT", "EXISTS"]);
                if let Some((name, _)) = name_at(self.tokens, start) {
                    actions.push(change(Change::CreateExtension(name.name)));
                }
            }
            ("CREATE", "SCHEMA") => {
                let start = self.skip(at + 1, &["IF", "NOT", "EXISTS", "AUTHORIZATION"]);
                if let Some((name, _)) = name_at(self.tokens, start) {
                    actions.push(change(Change::CreateSchema(name.name)));
                }
            }
            ("ALTER", "TABLE") => self.alter_table(at + 1, actions),
            ("ALTER", "INDEX") => self.alter_index(at + 1, actions),
            ("ALTER", "SCHEMA") => actions.push(self.opaque(match name_at(self.tokens, at + 1) {
                Some((name, _)) => vec![Touch::Schema(Some(name.name))],
                None => vec![Touch::Anything],
            })),
            ("DROP", _) => self.drop(at, actions),
            ("RENAME", "TABLE") => self.rename_tables(at + 1, actions),
            _ => actions.push(self.opaque(vec![Touch::Anything])),
        }
    }

    fn create_table(&self, at: usize, actions: &mut Vec<Action>) {
        let start = self.skip(at, &["IF", "NOT", "EXISTS"]);
        let Some((name, after)) = name_at(self.tokens, start) else {
            actions.push(self.opaque(vec![Touch::Anything]));
            return;
        };
        match parse(self.statement) {
            Ok(Statement::CreateTable(table)) => match table_spec(&table) {
                Some(spec) if !spec_has_hole(&spec) => {
                    actions.push(change(Change::CreateTable(Box::new(spec))))
                }
                _ => actions.push(self.opaque(vec![Touch::Relation(name)])),
            },
            // `CREATE TABLE a PARTITION OF b FOR VALUES …` in a form that the parser does not know.
            _ if self.word(after) == "PARTITION" && self.word(after + 1) == "OF" && !has_hole(&name.name) => {
                match name_at(self.tokens, after + 2) {
                    Some((parent, _)) => {
                        let spec = partition(name, parent, start > at);
                        actions.push(change(Change::CreateTable(Box::new(spec))));
                    }
                    None => actions.push(self.opaque(vec![Touch::Relation(name)])),
                }
            }
            _ => actions.push(self.opaque(vec![Touch::Relation(name)])),
        }
    }

    fn create_index(&self, at: usize, actions: &mut Vec<Action>) {
        match parse(self.statement) {
            Ok(Statement::CreateIndex(index)) => match index_spec(&index) {
                Some((table, spec)) if !has_hole(&format!("{table} {:?}", spec.name)) => {
                    actions.push(change(Change::CreateIndex(table, Box::new(spec))));
                }
                _ => actions.push(self.opaque(self.index_touches(at))),
            },
            _ => actions.push(self.opaque(self.index_touches(at))),
        }
    }

    /// The index and the table that words of CREATE INDEX name.
    fn index_touches(&self, at: usize) -> Vec<Touch> {
        let at = self.skip(at, &["CONCURRENTLY", "IF", "NOT", "EXISTS"]);
        let mut touches = Vec::new();
        if self.word(at) != "ON"
            && let Some((name, _)) = name_at(self.tokens, at)
        {
            touches.push(Touch::Relation(name));
        }
        let on = self.tokens.iter().position(|token| token.word() == Some("ON"));
        match on.and_then(|on| name_at(self.tokens, self.skip(on + 1, &["ONLY"]))) {
            Some((table, _)) => touches.push(Touch::Relation(table)),
            None => touches.push(Touch::Anything),
        }
        touches
    }

    /// The type named at `at`, with the place after it; where that is not known, what it may touch is told instead.
    fn type_name(&self, at: usize, actions: &mut Vec<Action>) -> Option<(Name, usize)> {
        match name_at(self.tokens, at) {
            Some((name, after)) if !has_hole(&name.to_string()) => Some((name, after)),
            named => {
                let touched = named.map_or(Touch::Anything, |(name, _)| Touch::Type(name));
                actions.push(self.opaque(vec![touched]));
                None
            }
        }
    }

    fn create_type(&self, at: usize, actions: &mut Vec<Action>) {
        if self.word(at) == "IF" {
            let message = "syntax error at or near \"NOT\"";
            actions.push(change(Change::InvalidSql(Arc::from(message))));
            return;
        }
        let Some((name, after)) = self.type_name(at, actions) else { return };
        match parse(self.statement) {
            Ok(Statement::CreateType {
                representation: Some(UserDefinedTypeRepresentation::Enum { labels }),
                ..
            }) => {
                let labels: Vec<Arc<str>> =
                    labels.iter().map(|label| Arc::from(label.value.as_str())).collect();
                let labels = (!labels.iter().any(|label| has_hole(label))).then_some(labels);
                let spec = EnumSpec { name, labels, created: EnumCreation::Explicitly };
                actions.push(change(Change::CreateEnum(spec, false)));
            }
            // Labels that are put in by an unknown piece.
            _ if self.word(after) == "AS" && self.word(after + 1) == "ENUM" => {
                let spec = EnumSpec { name, labels: None, created: EnumCreation::Explicitly };
                actions.push(change(Change::CreateEnum(spec, false)));
            }
            _ => actions.push(change(Change::CreateType(name, None))),
        }
    }

    fn alter_type(&self, at: usize, actions: &mut Vec<Action>) {
        let Some((name, after)) = self.type_name(at, actions) else { return };
        let text_at = |at: usize| match self.tokens.get(at).map(|token| &token.kind) {
            Some(TokenKind::Text(text)) if !has_hole(text) => Some(Arc::from(text.as_str())),
            _ => None,
        };
        let found = match (self.word(after), self.word(after + 1)) {
            ("ADD", "VALUE") => {
                let if_not_exists = self.word(after + 2) == "IF";
                let value = self.skip(after + 2, &["IF", "NOT", "EXISTS"]);
                text_at(value).map(|label| {
                    let before = match self.word(value + 1) {
                        "BEFORE" => Some(true),
                        "AFTER" => Some(false),
                        _ => None,
                    };
                    let at = before.and_then(|before| Some((before, text_at(value + 2)?)));
                    Change::AddEnumValue { name: name.clone(), label, if_not_exists, at }
                })
            }
            ("RENAME", "VALUE") => match (text_at(after + 2), text_at(after + 4)) {
                (Some(from), Some(to)) => Some(Change::RenameEnumValue(name.clone(), from, to)),
                _ => None,
            },
            ("RENAME", "TO") => name_at(self.tokens, after + 2)
                .filter(|(to, _)| !has_hole(&to.name))
                .map(|(to, _)| Change::RenameType(name.clone(), to.name)),
            ("OWNER", _) => return,
            _ => match parse(self.statement) {
                Ok(Statement::AlterType(alter)) => match alter.operation {
                    AlterTypeOperation::Rename(rename) => {
                        Some(Change::RenameType(name.clone(), ident(&rename.new_name)))
                    }
                    AlterTypeOperation::AddValue(add) => Some(Change::AddEnumValue {
                        name: name.clone(),
                        label: Arc::from(add.value.value.as_str()),
                        if_not_exists: add.if_not_exists,
                        at: add.position.map(|position| match position {
                            AlterTypeAddValuePosition::Before(label) => {
                                (true, Arc::from(label.value.as_str()))
                            }
                            AlterTypeAddValuePosition::After(label) => {
                                (false, Arc::from(label.value.as_str()))
                            }
                        }),
                    }),
                    AlterTypeOperation::RenameValue(rename) => Some(Change::RenameEnumValue(
                        name.clone(),
                        Arc::from(rename.from.value.as_str()),
                        Arc::from(rename.to.value.as_str()),
                    )),
                },
                _ => None,
            },
        };
        match found {
            Some(found) => actions.push(change(found)),
            None => actions.push(self.opaque(vec![Touch::Type(name)])),
        }
    }

    fn alter_view(&self, at: usize, actions: &mut Vec<Action>) {
        let start = self.skip(at, &["MATERIALIZED", "VIEW", "IF", "EXISTS"]);
        let Some((name, after)) = name_at(self.tokens, start) else { return };
        if self.word(after) == "RENAME"
            && self.word(after + 1) == "TO"
            && let Some((to, _)) = name_at(self.tokens, after + 2)
        {
            actions.push(change(Change::RenameTable(name, to.name)));
        }
    }

    fn alter_index(&self, at: usize, actions: &mut Vec<Action>) {
        let start = self.skip(at, &["IF", "EXISTS"]);
        let if_exists = start > at;
        let Some((name, after)) = name_at(self.tokens, start) else {
            actions.push(self.opaque(vec![Touch::Anything]));
            return;
        };
        match (self.word(after), self.word(after + 1)) {
            ("RENAME", "TO") => match name_at(self.tokens, after + 2) {
                Some((to, _)) if !has_hole(&format!("{name}{to}")) => {
                    actions.push(change(Change::RenameIndex(name, to.name, if_exists)));
                }
                _ => actions.push(self.opaque(vec![Touch::Relation(name)])),
            },
            // SET, RESET, ATTACH PARTITION, ALTER COLUMN … SET STATISTICS are nothing that is told here.
            _ => {
                if let Ok(Statement::AlterIndex {
                    operation: AlterIndexOperation::RenameIndex { index_name },
                    ..
                }) = parse(self.statement)
                    && let Some(to) = object_name(&index_name)
                {
                    actions.push(change(Change::RenameIndex(name, to.name, if_exists)));
                }
            }
        }
    }

    fn rename_tables(&self, at: usize, actions: &mut Vec<Action>) {
        match (name_at(self.tokens, at), ()) {
            (Some((from, after)), ()) if self.word(after) == "TO" => {
                if let Some((to, _)) = name_at(self.tokens, after + 1) {
                    actions.push(change(Change::RenameTable(from, to.name)));
                }
            }
            _ => actions.push(self.opaque(vec![Touch::Anything])),
        }
    }

    fn drop(&self, at: usize, actions: &mut Vec<Action>) {
        let kind = self.word(at);
        let start = self.skip(at + 1, &["VIEW", "CONCURRENTLY", "IF", "EXISTS"]);
        let has = |word: &str| self.tokens.iter().any(|token| token.word() == Some(word));
        let dropping =
            Dropping { if_exists: (at..start).any(|at| self.word(at) == "EXISTS"), cascade: has("CASCADE") };
        let mut names = Vec::new();
        let mut next = start;
        while let Some((name, after)) = name_at(self.tokens, next) {
            names.push(name);
            if !self.tokens.get(after).is_some_and(|token| token.is(',')) {
                break;
            }
            next = after + 1;
        }
        if names.is_empty() {
            actions.push(self.opaque(vec![Touch::Anything]));
        }
        for name in names {
            if has_hole(&name.to_string()) {
                actions.push(self.opaque(vec![Touch::Schema(None)]));
                continue;
            }
            actions.push(change(match kind {
                "TABLE" => Change::DropTable(name, dropping),
                "INDEX" => Change::DropIndex(name, dropping),
                "VIEW" | "MATERIALIZED" => Change::DropView(name, dropping),
                "TYPE" | "DOMAIN" => Change::DropType(name, dropping),
                "SEQUENCE" => Change::DropSequence(name, dropping),
                "SCHEMA" => Change::DropSchema(name.name, dropping),
                "EXTENSION" => Change::DropExtension(name.name),
                _ => {
                    actions.push(self.opaque(vec![Touch::Anything]));
                    continue;
                }
            }));
        }
    }

    fn alter_table(&self, at: usize, actions: &mut Vec<Action>) {
        let start = self.skip(at, &["IF", "EXISTS", "ONLY"]);
        let if_exists = (at..start).any(|at| self.word(at) == "EXISTS");
        let Some((name, after)) = name_at(self.tokens, start) else {
            actions.push(self.opaque(vec![Touch::Anything]));
            return;
        };
        let after = after + usize::from(self.tokens.get(after).is_some_and(|token| token.is('*')));
        if has_hole(&name.to_string()) {
            actions.push(self.opaque(vec![Touch::Schema(None)]));
            return;
        }
        let mut found = Vec::new();
        // One action at a time, so that one that the parser does not know leaves the others alone.
        for (from, to) in self.commas(after) {
            self.alter_table_action(&name, from, to, &mut found);
        }
        // `ALTER TABLE IF EXISTS`: nothing happens where there is no table.
        match if_exists {
            true => actions.push(Action::Guarded(found)),
            false => actions.extend(found),
        }
    }

    /// The parts of the statement from token `from` on, split at commas outside of brackets.
    fn commas(&self, from: usize) -> Vec<(usize, usize)> {
        let mut parts = Vec::new();
        let (mut depth, mut start) = (0usize, from);
        for at in from..self.tokens.len() {
            match self.tokens[at].kind {
                TokenKind::Symbol('(' | '[') => depth += 1,
                TokenKind::Symbol(')' | ']') => depth = depth.saturating_sub(1),
                TokenKind::Symbol(',') if depth == 0 => {
                    parts.push((start, at));
                    start = at + 1;
                }
                _ => {}
            }
        }
        parts.push((start, self.tokens.len()));
        parts
    }

    fn alter_table_action(&self, table: &Name, from: usize, to: usize, actions: &mut Vec<Action>) {
        let (Some(first), Some(last)) = (self.tokens.get(from), self.tokens.get(to.saturating_sub(1))) else {
            return;
        };
        let text = &self.statement[first.start..last.end()];
        let words: Vec<&str> = (from..to.min(from + 6)).map(|at| self.word(at)).collect();
        let word = |at: usize| words.get(at).copied().unwrap_or("");
        match (word(0), word(1)) {
            (
                "OWNER" | "ENABLE" | "DISABLE" | "FORCE" | "NO" | "CLUSTER" | "VALIDATE" | "REPLICA"
                | "RESET",
                _,
            )
            | ("SET", "TABLESPACE" | "WITHOUT" | "LOGGED" | "UNLOGGED" | "ACCESS" | "")
            | ("INHERIT" | "OF" | "NOT", _) => return,
            ("SET", "SCHEMA") => {
                if let Some((to, _)) = name_at(self.tokens, from + 2) {
                    let schema = Some(to.name).filter(|schema| &**schema != "public");
                    actions.push(change(Change::MoveTable(table.clone(), schema)));
                    return;
                }
            }
            ("ATTACH" | "DETACH", "PARTITION") => {
                if let Some((partition, _)) = name_at(self.tokens, from + 2) {
                    actions.push(change(match word(0) {
                        "ATTACH" => Change::AttachPartition(table.clone(), partition),
                        _ => Change::DetachPartition(table.clone(), partition),
                    }));
                    return;
                }
            }
            ("ADD", "CONSTRAINT") if word(2) == "IF" => {
                let message = "syntax error at or near \"NOT\"";
                actions.push(change(Change::InvalidSql(Arc::from(message))));
                return;
            }
            _ => {}
        }
        // `ALTER COLUMN c SET STATISTICS 100` and the like.
        if word(0) == "ALTER" {
            let column = if word(1) == "COLUMN" { from + 2 } else { from + 1 };
            if let Some((_, after)) = name_at(self.tokens, column) {
                let harmless = ["STATISTICS", "STORAGE", "COMPRESSION", "GENERATED", "SEQUENCE"];
                let is_set = matches!(self.word(after), "SET" | "RESET");
                let is_counter = self.word(after) == "RESTART";
                let is_options = is_set && self.tokens.get(after + 1).is_some_and(|token| token.is('('));
                let is_identity =
                    self.word(after) == "DROP" && matches!(self.word(after + 1), "IDENTITY" | "EXPRESSION");
                if is_counter
                    || is_options
                    || is_identity
                    || is_set && harmless.contains(&self.word(after + 1))
                {
                    return;
                }
            }
        }
        let sql = format!("ALTER TABLE t {text}");
        let operations = match parse(&sql) {
            Ok(Statement::AlterTable(alter)) => alter.operations,
            _ => {
                actions.push(self.opaque(vec![Touch::Relation(table.clone())]));
                return;
            }
        };
        for operation in operations {
            let before = actions.len();
            if !operation_changes(table, operation, actions) {
                actions.truncate(before);
                actions.push(self.opaque(vec![Touch::Relation(table.clone())]));
            }
            if actions[before..].iter().any(|action| has_hole(&format!("{action:?}"))) {
                actions.truncate(before);
                actions.push(self.opaque(vec![Touch::Relation(table.clone())]));
            }
        }
    }
}

fn dropping(if_exists: bool, behavior: Option<DropBehavior>) -> Dropping {
    Dropping { if_exists, cascade: behavior == Some(DropBehavior::Cascade) }
}

/// The changes of one action; `false` where it is not known.
fn operation_changes(table: &Name, operation: AlterTableOperation, actions: &mut Vec<Action>) -> bool {
    use AlterTableOperation as A;
    let mut add = |made: Change| actions.push(change(made));
    let alter =
        |name: &Ident, made: ColumnChange| Change::AlterColumn(table.clone(), ident(name), Box::new(made));
    match operation {
        A::AddColumn { if_not_exists, column_def, .. } => {
            let Some((column, constraints)) = column_spec(&column_def) else { return false };
            add(Change::AddColumn(table.clone(), Box::new(column), if_not_exists));
            for constraint in constraints {
                add(Change::AddConstraint(table.clone(), Box::new(constraint)));
            }
        }
        A::DropColumn { column_names, if_exists, drop_behavior, .. } => {
            for name in &column_names {
                add(Change::DropColumn(table.clone(), ident(name), dropping(if_exists, drop_behavior)));
            }
        }
        A::RenameColumn { old_column_name, new_column_name } => {
            let rename = Some(ident(&new_column_name));
            add(alter(&old_column_name, ColumnChange { rename, ..ColumnChange::default() }));
        }
        A::RenameTable { table_name: RenameTableNameKind::To(to) | RenameTableNameKind::As(to) } => {
            let Some(to) = object_name(&to) else { return false };
            add(Change::RenameTable(table.clone(), to.name));
        }
        A::RenameConstraint { old_name, new_name } => {
            add(Change::RenameConstraint(table.clone(), ident(&old_name), ident(&new_name)));
        }
        A::AddConstraint { constraint, .. } => {
            let Some(constraint) = constraint_spec(&constraint) else { return false };
            add(Change::AddConstraint(table.clone(), Box::new(constraint)));
        }
        A::DropConstraint { if_exists, name, drop_behavior } => {
            let name = Given::Final(ident(&name));
            let how = dropping(if_exists, drop_behavior);
            add(Change::DropConstraint(table.clone(), name, ConstraintKind::Any, how));
        }
        A::DropForeignKey { name, .. } => {
            let name = Given::Final(ident(&name));
            add(Change::DropConstraint(table.clone(), name, ConstraintKind::ForeignKey, Dropping::default()));
        }
        A::DropPrimaryKey { .. } => {
            add(Change::DropConstraint(
                table.clone(),
                Given::None,
                ConstraintKind::Primary,
                Dropping::default(),
            ));
        }
        A::DropIndex { name } => add(Change::DropIndex(table.sibling(ident(&name)), Dropping::default())),
        A::AlterColumn { column_name, op } => {
            let made = match op {
                AlterColumnOperation::SetNotNull => {
                    ColumnChange { nullable: Some(Ok(false)), ..Default::default() }
                }
                AlterColumnOperation::DropNotNull => {
                    ColumnChange { nullable: Some(Ok(true)), ..Default::default() }
                }
                AlterColumnOperation::SetDefault { value } => {
                    ColumnChange { default: Some(Some(Arc::from(value.to_string()))), ..Default::default() }
                }
                AlterColumnOperation::DropDefault => {
                    ColumnChange { default: Some(None), ..Default::default() }
                }
                AlterColumnOperation::SetDataType { data_type, .. } => {
                    ColumnChange { ty: Some(types::spec(&data_type)), ..Default::default() }
                }
                AlterColumnOperation::AddGenerated { .. } => {
                    ColumnChange { default: Some(Some(Arc::from("identity"))), ..Default::default() }
                }
            };
            add(alter(&column_name, made));
        }
        A::ModifyColumn { col_name, data_type, options, .. } => {
            add(alter(&col_name, mysql_column(None, &data_type, &options)));
        }
        A::ChangeColumn { old_name, new_name, data_type, options, .. } => {
            add(alter(&old_name, mysql_column(Some(&new_name), &data_type, &options)));
        }
        A::DisableRowLevelSecurity
        | A::EnableRowLevelSecurity
        | A::ForceRowLevelSecurity
        | A::NoForceRowLevelSecurity
        | A::DisableRule { .. }
        | A::DisableTrigger { .. }
        | A::EnableTrigger { .. }
        | A::EnableRule { .. }
        | A::OwnerTo { .. }
        | A::ReplicaIdentity { .. }
        | A::SetLogged
        | A::SetUnlogged
        | A::Algorithm { .. }
        | A::Lock { .. }
        | A::AutoIncrement { .. }
        | A::ValidateConstraint { .. }
        | A::SetOptionsParens { .. }
        | A::SetTblProperties { .. } => {}
        _ => return false,
    }
    true
}

/// MySQL states the whole column again.
fn mysql_column(
    name: Option<&Ident>,
    data_type: &sqlparser::ast::DataType,
    options: &[ColumnOption],
) -> ColumnChange {
    let not_null = options.iter().any(|option| matches!(option, ColumnOption::NotNull));
    ColumnChange {
        rename: name.map(ident),
        ty: Some(types::spec(data_type)),
        nullable: Some(Ok(!not_null)),
        ..ColumnChange::default()
    }
}

fn action(action: &ReferentialAction) -> Arc<str> {
    Arc::from(action.to_string())
}

fn foreign_key(
    key: &ForeignKeyConstraint,
    name: Option<&Ident>,
    columns: Vec<Arc<str>>,
) -> Option<ForeignKeySpec> {
    Some(ForeignKeySpec {
        name: given(key.name.as_ref().or(name)),
        columns,
        ref_table: object_name(&key.foreign_table)?,
        ref_columns: idents(&key.referred_columns),
        on_delete: key.on_delete.as_ref().map(action),
        on_update: key.on_update.as_ref().map(action),
        use_alter: false,
        place: Place::default(),
    })
}

fn check(name: Option<&Ident>, expr: &Expr) -> CheckSpec {
    let sql = expr.to_string();
    CheckSpec {
        name: given(name),
        columns: identifiers(&sql).into_iter().collect(),
        sql: Some(Arc::from(sql)),
        exclusion: false,
        place: Place::default(),
    }
}

/// The name of a plain column of an index.
fn plain_column(expr: &Expr) -> Option<Arc<str>> {
    match expr {
        Expr::Identifier(name) => Some(ident(name)),
        Expr::Nested(inner) => plain_column(inner),
        _ => None,
    }
}

fn key_columns(columns: &[IndexColumn]) -> Option<Vec<Arc<str>>> {
    columns.iter().map(|column| plain_column(&column.column.expr)).collect()
}

fn key(name: Given, columns: Vec<Arc<str>>) -> KeySpec {
    KeySpec { name, columns, using_index: None, place: Place::default() }
}

fn constraint_spec(constraint: &TableConstraint) -> Option<ConstraintSpec> {
    let using = |using: &ConstraintUsingIndex| KeySpec {
        using_index: Some(ident(&using.index_name)),
        ..key(given(using.name.as_ref()), Vec::new())
    };
    Some(match constraint {
        TableConstraint::Unique(unique) => ConstraintSpec::Unique(key(
            given(unique.name.as_ref().or(unique.index_name.as_ref())),
            key_columns(&unique.columns)?,
        )),
        TableConstraint::PrimaryKey(primary) => {
            ConstraintSpec::PrimaryKey(key(given(primary.name.as_ref()), key_columns(&primary.columns)?))
        }
        TableConstraint::ForeignKey(foreign) => {
            ConstraintSpec::ForeignKey(foreign_key(foreign, None, idents(&foreign.columns))?)
        }
        TableConstraint::Check(made) => ConstraintSpec::Check(check(made.name.as_ref(), &made.expr)),
        TableConstraint::Exclude(exclude) => ConstraintSpec::Check(CheckSpec {
            name: given(exclude.name.as_ref()),
            sql: None,
            columns: identifiers(&exclude.to_string()).into_iter().collect(),
            exclusion: true,
            place: Place::default(),
        }),
        TableConstraint::UniqueUsingIndex(made) => ConstraintSpec::Unique(using(made)),
        TableConstraint::PrimaryKeyUsingIndex(made) => ConstraintSpec::PrimaryKey(using(made)),
        TableConstraint::Index(_) | TableConstraint::FulltextOrSpatial(_) => return None,
    })
}

/// A column, and the constraints that stand with it.
fn column_spec(column: &ColumnDef) -> Option<(ColumnSpec, Vec<ConstraintSpec>)> {
    let name = ident(&column.name);
    let ty = types::spec(&column.data_type);
    let mut nullable = ty.serial.then_some(false);
    let mut default = ty.serial.then(|| Arc::from("nextval"));
    let mut constraints = Vec::new();
    for option in &column.options {
        let label = option.name.as_ref();
        match &option.option {
            ColumnOption::Null => nullable = Some(true),
            ColumnOption::NotNull => nullable = Some(false),
            ColumnOption::Default(value) => default = Some(Arc::from(value.to_string())),
            ColumnOption::PrimaryKey(_) => {
                nullable = Some(false);
                constraints.push(ConstraintSpec::PrimaryKey(key(given(label), vec![Arc::clone(&name)])));
            }
            ColumnOption::Unique(_) => {
                constraints.push(ConstraintSpec::Unique(key(given(label), vec![Arc::clone(&name)])));
            }
            ColumnOption::ForeignKey(foreign) => {
                constraints.push(ConstraintSpec::ForeignKey(foreign_key(
                    foreign,
                    label,
                    vec![Arc::clone(&name)],
                )?));
            }
            ColumnOption::Check(made) => {
                constraints.push(ConstraintSpec::Check(check(made.name.as_ref().or(label), &made.expr)));
            }
            ColumnOption::Generated { generation_expr, .. } => {
                // An identity column is NOT NULL, a computed one is as it says.
                if generation_expr.is_none() {
                    nullable = nullable.or(Some(false));
                }
                default = Some(Arc::from("generated"));
            }
            ColumnOption::Identity(_) => {
                nullable = nullable.or(Some(false));
                default = Some(Arc::from("identity"));
            }
            _ => {}
        }
    }
    let spec = ColumnSpec {
        name,
        ty: Some(ty),
        nullable: Ok(nullable),
        // The constraint is among the others.
        primary_key: false,
        unique: false,
        index: false,
        default,
        counts_up: None,
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        place: Place::default(),
    };
    Some((spec, constraints))
}

fn table_spec(table: &CreateTable) -> Option<TableSpec> {
    let name = object_name(&table.name)?;
    let mut columns = Vec::new();
    let mut constraints = Vec::new();
    for column in &table.columns {
        let (spec, own) = column_spec(column)?;
        columns.push(spec);
        constraints.extend(own);
    }
    for constraint in &table.constraints {
        constraints.push(constraint_spec(constraint)?);
    }
    let mut copies: Vec<Name> = table.inherits.iter().flatten().filter_map(object_name).collect();
    if let Some(CreateTableLikeKind::Parenthesized(like) | CreateTableLikeKind::Plain(like)) = &table.like {
        copies.extend(object_name(&like.name));
    }
    let partition_of = table.partition_of.as_ref().and_then(object_name);
    copies.extend(partition_of.clone());
    Some(TableSpec {
        columns,
        constraints,
        if_not_exists: table.if_not_exists,
        copies,
        partition_of,
        from_sql: true,
        incomplete: table.query.as_ref().map(|_| Arc::from("its columns are those of a query")),
        ..TableSpec::new(name)
    })
}

fn partition(name: Name, parent: Name, if_not_exists: bool) -> TableSpec {
    TableSpec {
        if_not_exists,
        copies: vec![parent.clone()],
        partition_of: Some(parent),
        from_sql: true,
        ..TableSpec::new(name)
    }
}

fn spec_has_hole(spec: &TableSpec) -> bool {
    has_hole(&spec.name.to_string())
        || spec.columns.iter().any(|column| has_hole(&column.name))
        || spec.constraints.iter().any(|constraint| has_hole(&format!("{constraint:?}")))
}

fn index_spec(index: &CreateIndex) -> Option<(Name, IndexSpec)> {
    let table = object_name(&index.table_name)?;
    let mut columns = Vec::new();
    let mut needs = BTreeSet::new();
    for column in &index.columns {
        match plain_column(&column.column.expr) {
            Some(name) => {
                needs.insert(Arc::clone(&name));
                columns.push(name);
            }
            None => {
                let text = column.column.expr.to_string();
                needs.extend(identifiers(&text));
                columns.push(Arc::from(text));
            }
        }
    }
    let condition = index.predicate.as_ref().map(|predicate| predicate.to_string());
    needs.extend(condition.as_deref().map(identifiers).unwrap_or_default());
    needs.extend(index.include.iter().map(ident));
    let method = match &index.using {
        None | Some(IndexType::BTree) => None,
        Some(method) => Some(Arc::from(method.to_string().to_lowercase())),
    };
    let name = match &index.name {
        Some(name) => Given::Final(object_name(name)?.name),
        None => Given::None,
    };
    Some((
        table,
        IndexSpec {
            name,
            unique: index.unique,
            columns,
            needs,
            method,
            condition: condition.map(Arc::from),
            if_not_exists: index.if_not_exists,
            place: Place::default(),
        },
    ))
}
