//! Queries that migrations ask the database's catalogues, answered from a schema.
//!
//! Other queries find the tables of a fresh database empty.

mod tables;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, JoinConstraint,
    JoinOperator, LimitClause, Query, Select, SelectItem, SetExpr, Statement, TableFactor, UnaryOperator,
    Value,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::ddl::object_name;
use super::has_hole;
use crate::schema::state::{Name, Schema};
use tables::CatalogTable;

/// Combinations of rows that one query may look at.
const MAX_ROWS: usize = 200_000;

/// Queries inside queries deeper are not read.
const MAX_DEPTH: usize = 12;

/// A cell of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// `NULL`.
    Null,
    /// Text; names stand for the identifiers of objects, too.
    Text(Arc<str>),
    /// A number.
    Number(i64),
    /// A truth value.
    Bool(bool),
    /// A list of texts.
    List(Vec<Arc<str>>),
    /// Not known.
    Unknown,
}

/// What a query gives.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Answer {
    /// Names of the columns.
    pub columns: Vec<Arc<str>>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

/// Values of `:name` parameters; a list where one is bound to a sequence.
pub type Parameters = BTreeMap<Arc<str>, Cell>;

/// Whether the text asks the catalogues at all: others need no state.
pub fn asks_catalog(text: &str) -> bool {
    let lower = text.to_lowercase();
    ["information_schema", "pg_", "to_regclass", "to_regtype", "regclass", "sqlite_master", "current_schema"]
        .iter()
        .any(|word| lower.contains(word))
}

/// The rows that the query `text` gives; `None` where that is not known.
pub fn answer(schema: &Schema, default_schema: &str, text: &str, parameters: &Parameters) -> Option<Answer> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).with_recursion_limit(60).try_with_sql(text).ok()?;
    match parser.parse_statement().ok()? {
        Statement::Query(query) => Asker::new(schema, default_schema, parameters).query(&query),
        _ => None,
    }
}

/// Whether the condition of an `IF` holds; `None` where that is not known.
pub fn condition(schema: &Schema, default_schema: &str, text: &str, variables: &Parameters) -> Option<bool> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).with_recursion_limit(60).try_with_sql(text).ok()?;
    let expr = parser.parse_expr().ok()?;
    let mut asker = Asker::new(schema, default_schema, variables);
    match asker.eval(&expr, &[])? {
        Cell::Bool(flag) => Some(flag),
        Cell::Null => Some(false),
        _ => None,
    }
}

struct Asker<'s> {
    schema: &'s Schema,
    default_schema: &'s str,
    parameters: &'s Parameters,
    depth: usize,
    /// Combinations of rows looked at so far, in all queries.
    looked: usize,
    /// The catalogues' tables that were asked for.
    made: BTreeMap<Name, Option<Rc<CatalogTable>>>,
    /// Rows of the queries around a subquery, the outermost first.
    outer: Vec<OuterRow>,
}

/// A row of a query around a subquery.
struct OuterRow {
    alias: String,
    columns: Vec<&'static str>,
    cells: Vec<Cell>,
}

/// A row of one table of `FROM`.
struct Bound<'r> {
    alias: &'r str,
    columns: &'r [&'static str],
    cells: &'r [Cell],
}

/// A table of `FROM`.
struct Source {
    alias: String,
    table: Rc<CatalogTable>,
    /// Whether rows that match nothing are kept: `LEFT JOIN`.
    outer: bool,
}

fn lower(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

impl<'s> Asker<'s> {
    fn new(schema: &'s Schema, default_schema: &'s str, parameters: &'s Parameters) -> Self {
        Self {
            schema,
            default_schema,
            parameters,
            depth: 0,
            looked: 0,
            made: BTreeMap::new(),
            outer: Vec::new(),
        }
    }

    fn table(&mut self, name: &Name) -> Option<Rc<CatalogTable>> {
        if let Some(made) = self.made.get(name) {
            return made.clone();
        }
        let made = tables::table(self.schema, self.default_schema, name).map(Rc::new);
        self.made.insert(name.clone(), made.clone());
        made
    }

    /// The answer of a query inside of a row of another one.
    fn subquery(&mut self, query: &Query, bound: &[Bound<'_>]) -> Option<Answer> {
        let outside = self.outer.len();
        self.outer.extend(bound.iter().map(|row| OuterRow {
            alias: row.alias.to_owned(),
            columns: row.columns.to_vec(),
            cells: row.cells.to_vec(),
        }));
        let answer = self.query(query);
        self.outer.truncate(outside);
        answer
    }

    fn query(&mut self, query: &Query) -> Option<Answer> {
        if self.depth > MAX_DEPTH || query.with.is_some() {
            return None;
        }
        self.depth += 1;
        let answer = match &*query.body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(inner) => self.query(inner),
            _ => None,
        };
        self.depth -= 1;
        let mut answer = answer?;
        if let Some(LimitClause::LimitOffset { limit: Some(Expr::Value(limit)), .. }) = &query.limit_clause
            && let Value::Number(limit, _) = &limit.value
        {
            answer.rows.truncate(limit.parse().ok()?);
        }
        Some(answer)
    }

    fn select(&mut self, select: &Select) -> Option<Answer> {
        let mut sources = Vec::new();
        let mut conditions: Vec<&Expr> = Vec::new();
        let mut is_data = false;
        for from in &select.from {
            self.source(&from.relation, false, &mut sources, &mut is_data)?;
            for join in &from.joins {
                let (constraint, outer) = match &join.join_operator {
                    JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) => {
                        (on, false)
                    }
                    JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (on, true),
                    _ => return None,
                };
                self.source(&join.relation, outer, &mut sources, &mut is_data)?;
                match constraint {
                    JoinConstraint::On(on) => conjuncts(on, &mut conditions),
                    JoinConstraint::None => {}
                    // `USING (a, b)` over catalogues is rare, and natural joins are rarer.
                    JoinConstraint::Using(_) | JoinConstraint::Natural if is_data => {}
                    JoinConstraint::Using(_) | JoinConstraint::Natural => return None,
                }
            }
        }
        if let Some(selection) = &select.selection {
            conjuncts(selection, &mut conditions);
        }
        let columns: Vec<Arc<str>> =
            select.projection.iter().flat_map(|item| self.names(item, &sources)).collect();
        // A table of the application: it is empty.
        if is_data {
            return Some(Answer { columns, rows: self.aggregates(select).into_iter().collect() });
        }
        let mut rows = Vec::new();
        let mut bound = Vec::new();
        self.combine(&sources, &conditions, &mut bound, &mut |this, bound| {
            rows.push(this.project(select, bound)?);
            Some(())
        })?;
        if let Some(row) = self.counted(select, rows.len()) {
            rows = vec![row];
        }
        if select.distinct.is_some() {
            let mut seen: Vec<Vec<Cell>> = Vec::new();
            rows.retain(|row| {
                let new = !seen.contains(row);
                if new {
                    seen.push(row.clone());
                }
                new
            });
        }
        Some(Answer { columns, rows })
    }

    fn source(
        &mut self,
        factor: &TableFactor,
        outer: bool,
        sources: &mut Vec<Source>,
        is_data: &mut bool,
    ) -> Option<()> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let name = object_name(name)?;
                if has_hole(&name.to_string()) {
                    *is_data = true;
                    return Some(());
                }
                let alias = alias.as_ref().map_or_else(|| name.name.to_string(), |alias| lower(&alias.name));
                match self.table(&name) {
                    Some(table) => sources.push(Source { alias, table, outer }),
                    None if tables::is_unknown(&name) => return None,
                    None => *is_data = true,
                }
                Some(())
            }
            TableFactor::Derived { subquery, .. } => {
                // Whatever it is made of, over empty tables it is empty.
                let inner = self.query(subquery)?;
                if !inner.rows.is_empty() {
                    return None;
                }
                *is_data = true;
                Some(())
            }
            _ => None,
        }
    }

    /// The names of the columns that an item of the projection gives.
    fn names(&self, item: &SelectItem, sources: &[Source]) -> Vec<Arc<str>> {
        match item {
            SelectItem::UnnamedExpr(expr) => vec![Arc::from(match expr {
                Expr::Identifier(name) => lower(name),
                Expr::CompoundIdentifier(parts) => parts.last().map(lower).unwrap_or_default(),
                Expr::Function(function) => function.name.to_string().to_lowercase(),
                Expr::Exists { .. } => "exists".to_owned(),
                _ => "?column?".to_owned(),
            })],
            SelectItem::ExprWithAlias { alias, .. } => vec![Arc::from(lower(alias))],
            SelectItem::Wildcard(_) => sources
                .iter()
                .flat_map(|source| source.table.columns.iter().map(|name| Arc::from(*name)))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The row of aggregates over no rows at all.
    fn aggregates(&mut self, select: &Select) -> Option<Vec<Cell>> {
        let over_nothing = |expr: &Expr| match expr {
            Expr::Function(function) => match function.name.to_string().to_lowercase().as_str() {
                "count" => Some(Cell::Number(0)),
                "max" | "min" | "sum" | "avg" | "array_agg" | "string_agg" | "bool_or" | "bool_and" => {
                    Some(Cell::Null)
                }
                "coalesce" => Some(Cell::Unknown),
                _ => None,
            },
            _ => None,
        };
        let cells: Option<Vec<Cell>> = select
            .projection
            .iter()
            .map(|item| match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => over_nothing(expr),
                _ => None,
            })
            .collect();
        cells.filter(
            |_| matches!(&select.group_by, sqlparser::ast::GroupByExpr::Expressions(by, _) if by.is_empty()),
        )
    }

    fn counted(&self, select: &Select, rows: usize) -> Option<Vec<Cell>> {
        match select.projection.as_slice() {
            [
                SelectItem::UnnamedExpr(Expr::Function(function))
                | SelectItem::ExprWithAlias { expr: Expr::Function(function), .. },
            ] if function.name.to_string().eq_ignore_ascii_case("count") => {
                Some(vec![Cell::Number(i64::try_from(rows).unwrap_or(i64::MAX))])
            }
            _ => None,
        }
    }

    /// Goes through all combinations of rows that meet the conditions.
    fn combine<'r>(
        &mut self,
        sources: &'r [Source],
        conditions: &[&Expr],
        bound: &mut Vec<Bound<'r>>,
        found: &mut dyn FnMut(&mut Self, &[Bound<'r>]) -> Option<()>,
    ) -> Option<()> {
        let at = bound.len();
        let Some(source) = sources.get(at) else {
            return found(self, bound);
        };
        let last = at + 1 == sources.len();
        let mut matched = false;
        'rows: for cells in &source.table.rows {
            self.looked += 1;
            if self.looked > MAX_ROWS {
                return None;
            }
            bound.push(Bound { alias: &source.alias, columns: &source.table.columns, cells });
            for condition in conditions {
                // A subquery may ask for columns of every table, and costs the most.
                if !last && has_subquery(condition) {
                    continue;
                }
                match self.eval(condition, bound) {
                    Some(Cell::Bool(true)) => {}
                    Some(Cell::Unknown) if last => return None,
                    // Columns of tables that come later are not bound yet.
                    None if !last => {}
                    None => return None,
                    Some(Cell::Unknown) => {}
                    Some(_) => {
                        bound.pop();
                        continue 'rows;
                    }
                }
            }
            matched = true;
            let done = self.combine(sources, conditions, bound, found);
            bound.pop();
            done?;
        }
        if source.outer && !matched {
            return None;
        }
        Some(())
    }

    fn project(&mut self, select: &Select, bound: &[Bound<'_>]) -> Option<Vec<Cell>> {
        let mut cells = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(Expr::Function(function))
                    if function.name.to_string().eq_ignore_ascii_case("count") =>
                {
                    cells.push(Cell::Unknown);
                }
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    cells.push(self.eval(expr, bound).unwrap_or(Cell::Unknown));
                }
                SelectItem::Wildcard(_) => {
                    bound.iter().for_each(|row| cells.extend(row.cells.iter().cloned()))
                }
                _ => return None,
            }
        }
        Some(cells)
    }

    /// The value of an expression; `None` where a column is not bound or the expression is not known.
    fn eval(&mut self, expr: &Expr, bound: &[Bound<'_>]) -> Option<Cell> {
        match expr {
            Expr::Nested(inner) => self.eval(inner, bound),
            Expr::Value(value) => self.literal(&value.value),
            Expr::TypedString(typed) => self.literal(&typed.value.value),
            Expr::Identifier(name) => {
                let name = lower(name);
                let column = bound.iter().find_map(|row| row.cell(&name));
                let column = column.or_else(|| self.outer.iter().rev().find_map(|row| row.cell(&name)));
                column.cloned().or_else(|| self.parameters.get(name.as_str()).cloned()).or_else(|| {
                    (name == "current_schema").then(|| Cell::Text(Arc::from(self.default_schema)))
                })
            }
            Expr::CompoundIdentifier(parts) => {
                let [.., table, column] = parts.as_slice() else { return None };
                let (table, column) = (lower(table), lower(column));
                match bound.iter().find(|row| row.alias == table) {
                    Some(row) => row.cell(&column).cloned(),
                    None if self.outer.iter().any(|row| row.alias == table) => {
                        let row = self.outer.iter().rev().find(|row| row.alias == table);
                        row.and_then(|row| row.cell(&column)).cloned()
                    }
                    None => self.parameters.get(format!("{table}.{column}").as_str()).cloned(),
                }
            }
            Expr::Cast { expr, data_type, .. } => {
                let value = self.eval(expr, bound)?;
                let target = data_type.to_string().to_lowercase();
                match value {
                    Cell::Text(text) if target.contains("regclass") => Some(Cell::Text(bare(&text))),
                    value => Some(value),
                }
            }
            Expr::Collate { expr, .. } => self.eval(expr, bound),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => match self.eval(expr, bound)? {
                Cell::Bool(flag) => Some(Cell::Bool(!flag)),
                other => Some(other),
            },
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, bound),
            Expr::IsNull(expr) => self.eval(expr, bound).and_then(is_null).map(Cell::Bool),
            Expr::IsNotNull(expr) => self.eval(expr, bound).and_then(is_null).map(|null| Cell::Bool(!null)),
            Expr::IsTrue(expr) => match self.eval(expr, bound)? {
                Cell::Bool(flag) => Some(Cell::Bool(flag)),
                _ => None,
            },
            Expr::InList { expr, list, negated } => {
                let value = self.eval(expr, bound)?;
                let mut within = false;
                for item in list {
                    match self.eval(item, bound)? {
                        Cell::Unknown => return Some(Cell::Unknown),
                        Cell::List(items) => {
                            within |= matches!(&value, Cell::Text(text) if items.contains(text))
                        }
                        item => within |= item == value,
                    }
                }
                Some(Cell::Bool(within != *negated))
            }
            Expr::InSubquery { expr, subquery, negated } => {
                let value = self.eval(expr, bound)?;
                let answer = self.subquery(subquery, bound)?;
                let within = answer.rows.iter().any(|row| row.first() == Some(&value));
                Some(Cell::Bool(within != *negated))
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
                let value = self.eval(left, bound)?;
                match self.eval(right, bound)? {
                    Cell::List(items) => {
                        Some(Cell::Bool(matches!(&value, Cell::Text(text) if items.contains(text))))
                    }
                    _ => Some(Cell::Unknown),
                }
            }
            Expr::Array(array) => {
                let items: Option<Vec<Arc<str>>> = array
                    .elem
                    .iter()
                    .map(|item| match self.eval(item, bound)? {
                        Cell::Text(text) => Some(text),
                        _ => None,
                    })
                    .collect();
                items.map(Cell::List)
            }
            Expr::Like { negated, expr, pattern, .. } | Expr::ILike { negated, expr, pattern, .. } => {
                match (self.eval(expr, bound)?, self.eval(pattern, bound)?) {
                    (Cell::Text(text), Cell::Text(pattern)) => {
                        Some(Cell::Bool(like(&text, &pattern) != *negated))
                    }
                    _ => Some(Cell::Unknown),
                }
            }
            Expr::Exists { subquery, negated } => {
                let answer = self.subquery(subquery, bound)?;
                Some(Cell::Bool(answer.rows.is_empty() == *negated))
            }
            Expr::Subquery(query) => {
                let answer = self.subquery(query, bound)?;
                Some(answer.rows.first().and_then(|row| row.first().cloned()).unwrap_or(Cell::Null))
            }
            Expr::Function(function) => self.function(function, bound),
            _ => None,
        }
    }

    fn literal(&self, value: &Value) -> Option<Cell> {
        Some(match value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => {
                if has_hole(text) {
                    Cell::Unknown
                } else {
                    Cell::Text(Arc::from(text.as_str()))
                }
            }
            Value::Number(number, _) => number.parse().map_or(Cell::Unknown, Cell::Number),
            Value::Boolean(flag) => Cell::Bool(*flag),
            Value::Null => Cell::Null,
            Value::Placeholder(name) => {
                let name = name.trim_start_matches([':', '$', '@']);
                self.parameters.get(name).cloned().unwrap_or(Cell::Unknown)
            }
            _ => return None,
        })
    }

    fn binary(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        bound: &[Bound<'_>],
    ) -> Option<Cell> {
        let (one, other) = (self.eval(left, bound), self.eval(right, bound));
        match op {
            BinaryOperator::And => match (one, other) {
                (Some(Cell::Bool(false)), _) | (_, Some(Cell::Bool(false))) => Some(Cell::Bool(false)),
                (Some(Cell::Bool(true)), Some(Cell::Bool(true))) => Some(Cell::Bool(true)),
                (None, _) | (_, None) => None,
                _ => Some(Cell::Unknown),
            },
            BinaryOperator::Or => match (one, other) {
                (Some(Cell::Bool(true)), _) | (_, Some(Cell::Bool(true))) => Some(Cell::Bool(true)),
                (Some(Cell::Bool(false)), Some(Cell::Bool(false))) => Some(Cell::Bool(false)),
                (None, _) | (_, None) => None,
                _ => Some(Cell::Unknown),
            },
            _ => {
                let (one, other) = (one?, other?);
                if one == Cell::Unknown || other == Cell::Unknown {
                    return Some(Cell::Unknown);
                }
                if one == Cell::Null || other == Cell::Null {
                    return Some(Cell::Null);
                }
                Some(match op {
                    BinaryOperator::Eq => Cell::Bool(same(&one, &other)),
                    BinaryOperator::NotEq => Cell::Bool(!same(&one, &other)),
                    BinaryOperator::Gt | BinaryOperator::GtEq | BinaryOperator::Lt | BinaryOperator::LtEq => {
                        let (Cell::Number(one), Cell::Number(other)) = (&one, &other) else {
                            return Some(Cell::Unknown);
                        };
                        Cell::Bool(match op {
                            BinaryOperator::Gt => one > other,
                            BinaryOperator::GtEq => one >= other,
                            BinaryOperator::Lt => one < other,
                            _ => one <= other,
                        })
                    }
                    BinaryOperator::StringConcat => match (one, other) {
                        (Cell::Text(one), Cell::Text(other)) => {
                            Cell::Text(Arc::from(format!("{one}{other}")))
                        }
                        _ => Cell::Unknown,
                    },
                    _ => Cell::Unknown,
                })
            }
        }
    }

    fn function(&mut self, function: &Function, bound: &[Bound<'_>]) -> Option<Cell> {
        let name = function.name.to_string().to_lowercase();
        let mut arguments = Vec::new();
        if let FunctionArguments::List(list) = &function.args {
            for argument in &list.args {
                match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                        arguments.push(self.eval(expr, bound)?)
                    }
                    _ => arguments.push(Cell::Unknown),
                }
            }
        }
        Some(match (name.trim_start_matches("pg_catalog."), arguments.as_slice()) {
            ("current_schema", []) => Cell::Text(Arc::from(self.default_schema)),
            ("current_schemas", _) => Cell::List(vec![Arc::from(self.default_schema)]),
            ("lower", [Cell::Text(text)]) => Cell::Text(Arc::from(text.to_lowercase())),
            ("upper", [Cell::Text(text)]) => Cell::Text(Arc::from(text.to_uppercase())),
            ("any" | "array" | "unnest", [list @ Cell::List(_)]) => list.clone(),
            ("coalesce", cells) => {
                cells.iter().find(|cell| **cell != Cell::Null).cloned().unwrap_or(Cell::Null)
            }
            ("to_regclass", [Cell::Text(text)]) => {
                let name = relation_name(text);
                let known = self.schema.table(&name).is_some()
                    || self.schema.views.contains_key(&name)
                    || self.schema.sequences.contains(&name)
                    || self.schema.has_index(&name.name);
                if known { Cell::Text(bare(text)) } else { Cell::Null }
            }
            ("to_regtype", [Cell::Text(text)]) => {
                let name = relation_name(text);
                let known = self.schema.enums.contains_key(&name) || self.schema.types.contains_key(&name);
                if known { Cell::Text(bare(text)) } else { Cell::Null }
            }
            // Only the owner's tables are asked about.
            ("pg_table_is_visible" | "pg_type_is_visible" | "has_table_privilege", _) => Cell::Bool(true),
            ("exists", [flag]) => flag.clone(),
            _ => Cell::Unknown,
        })
    }
}

impl Bound<'_> {
    fn cell(&self, name: &str) -> Option<&Cell> {
        let at = self.columns.iter().position(|column| *column == name)?;
        self.cells.get(at)
    }
}

impl OuterRow {
    fn cell(&self, name: &str) -> Option<&Cell> {
        let at = self.columns.iter().position(|column| *column == name)?;
        self.cells.get(at)
    }
}

/// Whether a condition asks a query of its own.
fn has_subquery(condition: &Expr) -> bool {
    match condition {
        Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Subquery(_) => true,
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => has_subquery(inner),
        Expr::BinaryOp { left, right, .. } => has_subquery(left) || has_subquery(right),
        _ => false,
    }
}

fn is_null(cell: Cell) -> Option<bool> {
    match cell {
        Cell::Null => Some(true),
        Cell::Unknown => None,
        _ => Some(false),
    }
}

fn same(one: &Cell, other: &Cell) -> bool {
    match (one, other) {
        (Cell::Text(one), Cell::Bool(flag)) | (Cell::Bool(flag), Cell::Text(one)) => {
            one.eq_ignore_ascii_case(if *flag { "true" } else { "false" })
        }
        _ => one == other,
    }
}

/// The conditions that are joined by `AND`.
fn conjuncts<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left, found);
            conjuncts(right, found);
        }
        Expr::Nested(inner) => conjuncts(inner, found),
        _ => found.push(expr),
    }
}

/// `name` of `public.name`, quotes off.
fn bare(text: &str) -> Arc<str> {
    Arc::from(relation_name(text).name.as_ref())
}

fn relation_name(text: &str) -> Name {
    let clean = |part: &str| match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
        Some(quoted) => quoted.to_owned(),
        None => part.to_lowercase(),
    };
    match text.split_once('.') {
        Some((schema, name)) => match clean(schema).as_str() {
            "public" => Name::plain(clean(name)),
            schema => Name::new(Some(schema), clean(name)),
        },
        None => Name::plain(clean(text)),
    }
}

/// `text LIKE pattern`.
fn like(text: &str, pattern: &str) -> bool {
    fn matches(text: &[char], pattern: &[char], budget: &mut usize) -> bool {
        *budget = budget.saturating_sub(1);
        if *budget == 0 {
            return false;
        }
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => {
                matches(text, rest, budget) || !text.is_empty() && matches(&text[1..], pattern, budget)
            }
            ['\\', literal, rest @ ..] => text.first() == Some(literal) && matches(&text[1..], rest, budget),
            ['_', rest @ ..] => !text.is_empty() && matches(&text[1..], rest, budget),
            [first, rest @ ..] => text.first() == Some(first) && matches(&text[1..], rest, budget),
        }
    }
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    matches(&text, &pattern, &mut 20_000)
}
