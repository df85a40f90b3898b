//! Tables as the statements of a migration, in Alembic's style.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Baseline, types};
use crate::schema::plain::{extensions_of, is_plain};
use crate::schema::sql;
use crate::schema::state::{
    Certainty, Check, Column, Enum, ForeignKey, Index, Name, Table, TableState, Unique,
};
use crate::schema::types::{is_integer, without_modifier};
use crate::text::printable;

/// The statements of a new revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// What stands above the functions.
    pub imports: String,
    /// The statements of `upgrade()`, all lines but the first one indented.
    pub upgrade: String,
    /// The statements of `downgrade()`, likewise.
    pub downgrade: String,
    /// The tables, in the order in which they are made.
    pub tables: Vec<Name>,
    /// What is not known, one sentence each.
    pub unknown: Vec<String>,
}

const HEADER: [&str; 3] = [
    "# READ BEFORE USE. Written by onehead from the models, and from what the revisions after this one change.",
    "# What could not be known is marked `unknown`. Compare this with the schema of a database that these revisions",
    "# were run on. Databases that have run them never run this one.",
];

/// What keeps `check` from asking to put the revision on top instead; it is about the whole file.
const ACCEPTED: &str =
    "\n# onehead: ignore[inserted-below-head] databases that have run a later revision have these tables";

impl Baseline {
    /// The revision that makes what is here.
    pub fn written(&self) -> Written {
        let order = self.order();
        let mut writer = Writer {
            enums: self.enums_to_make(),
            made_up: &self.made_up,
            unknown: Vec::new(),
            lines: Vec::new(),
        };
        writer.lines.extend(HEADER.iter().map(|line| (*line).to_owned()));
        for schema in order.iter().filter_map(|table| table.name.schema.as_ref()).collect::<BTreeSet<_>>() {
            writer.execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", identifier(schema)));
        }
        for extension in extensions(&order).union(&self.extensions) {
            writer.execute(&format!("CREATE EXTENSION IF NOT EXISTS {}", identifier(extension)));
        }
        for known in writer.enums.clone().values() {
            let labels = known.labels.iter().flatten().map(|label| sql_literal(label)).collect::<Vec<_>>();
            writer.execute(&format!(
                "CREATE TYPE {} AS ENUM ({})",
                qualified(&known.name),
                labels.join(", ")
            ));
        }
        let mut made: BTreeSet<&Name> = BTreeSet::new();
        let mut late: Vec<(&Table, &ForeignKey)> = Vec::new();
        for table in &order {
            made.insert(&table.name);
            let (now, later): (Vec<_>, Vec<_>) =
                table.foreign_keys.iter().partition(|key| made.contains(&key.ref_table));
            late.extend(later.into_iter().map(|key| (*table, key)));
            writer.create_table(table, &now);
            for index in &table.indexes {
                writer.create_index(table, index);
            }
        }
        for (table, key) in &late {
            writer.create_foreign_key(table, key);
        }
        let mut down: Vec<String> = late.iter().filter_map(|(table, key)| drop_key(table, key)).collect();
        down.extend(order.iter().rev().map(|table| {
            let schema = schema_argument("schema", &table.name);
            format!("op.drop_table({}{schema})", literal(&table.name.name))
        }));
        down.extend(writer.enums.values().map(|known| {
            format!("op.execute({})", literal(&format!("DROP TYPE {}", qualified(&known.name))))
        }));
        let upgrade = indented(&writer.lines);
        let mut imports = vec![ACCEPTED.to_owned()];
        if upgrade.contains("postgresql.") {
            imports.insert(0, "from sqlalchemy.dialects import postgresql\n".to_owned());
        }
        if upgrade.contains("NamedType(") {
            imports.push(format!("\n\n\n{}", types::NAMED));
        }
        Written {
            imports: imports.concat(),
            upgrade,
            downgrade: indented(&down),
            tables: order.iter().map(|table| table.name.clone()).collect(),
            unknown: writer.unknown,
        }
    }

    /// The tables, each after those that it refers to, as far as there is such an order.
    fn order(&self) -> Vec<&Table> {
        let mut left: Vec<&Table> = self.tables().collect();
        let mut order: Vec<&Table> = Vec::new();
        while !left.is_empty() {
            let names: BTreeSet<&Name> = left.iter().map(|table| &table.name).collect();
            let waits = |table: &Table| {
                let keys = table.foreign_keys.iter();
                keys.filter(|key| key.ref_table != table.name && names.contains(&key.ref_table)).count()
            };
            let free = left.iter().position(|table| waits(table) == 0);
            // In a circle, the one that waits for the fewest.
            let at = free.or_else(|| (0..left.len()).min_by_key(|at| waits(left[*at]))).unwrap_or(0);
            order.push(left.remove(at));
        }
        order
    }

    /// Enum types that the tables have, or that the chain needs.
    fn enums_to_make(&self) -> BTreeMap<Name, Arc<Enum>> {
        let columns = self.tables().flat_map(|table| &table.columns);
        let used: BTreeSet<&Name> =
            columns.filter_map(|column| column.ty.enumeration.as_ref()).chain(&self.enums).collect();
        let known = used.into_iter().filter_map(|name| self.machine.schema.enums.get(name));
        known
            .filter(|known| known.labels.is_some())
            .map(|known| (known.name.clone(), Arc::clone(known)))
            .collect()
    }
}

struct Writer<'b> {
    enums: BTreeMap<Name, Arc<Enum>>,
    made_up: &'b BTreeMap<Name, Arc<str>>,
    unknown: Vec<String>,
    lines: Vec<String>,
}

impl Writer<'_> {
    fn execute(&mut self, sql: &str) {
        self.lines.push(format!("op.execute({})", literal(sql)));
    }

    /// A comment about what is not known, which the plan tells, too.
    fn mark(&mut self, indent: &str, text: &str) -> String {
        let text = comment(text);
        self.unknown.push(text.clone());
        format!("{indent}# unknown, read before use: {text}")
    }

    fn create_table(&mut self, table: &Table, keys: &[&ForeignKey]) {
        if table.state != TableState::Complete {
            let text = match table.columns.is_empty() {
                true => format!("{}: nothing tells its columns", table.name),
                false => format!("{} may have more columns", table.name),
            };
            let line = self.mark("", &text);
            self.lines.push(line);
        }
        self.lines.push("op.create_table(".into());
        self.lines.push(format!("    {},", literal(&table.name.name)));
        for column in &table.columns {
            self.column(table, column);
        }
        for check in &table.checks {
            self.check(table, check);
        }
        for key in keys {
            self.foreign_key(table, key);
        }
        if let Some(key) = &table.primary_key {
            let name = name_argument(key.name.as_ref());
            self.lines.push(format!("    sa.PrimaryKeyConstraint({}{name}),", literals(&key.columns)));
        }
        for unique in &table.uniques {
            self.unique(unique);
        }
        if let Some(schema) = &table.name.schema {
            self.lines.push(format!("    schema={},", literal(schema)));
        }
        self.lines.push(")".into());
    }

    fn column(&mut self, table: &Table, column: &Column) {
        let name = format!("{}.{}", table.name, column.name);
        let is_enum = column.ty.enumeration.is_some();
        let enumeration = column.ty.enumeration.as_ref().and_then(|name| self.enums.get(name));
        let (mut ty, mut doubt) = match (&column.ty.certainty, enumeration) {
            (Certainty::Unknown(reason), _) => {
                ("sa.Text()".to_owned(), Some(format!("the type of {name}: {reason}")))
            }
            (_, Some(known)) => (enum_type(known), None),
            (_, None) if is_enum => (
                "sa.Text()".to_owned(),
                Some(format!("the type of {name}: the labels of its enum are not known")),
            ),
            (_, None) => (types::expression(&column.ty.text), None),
        };
        if let Certainty::Family(reason) = &column.ty.certainty {
            doubt = Some(format!("the type of {name}: {reason}"));
        }
        if is_enum && column.ty.text.ends_with("[]") && ty.starts_with("postgresql.ENUM") {
            ty = format!("postgresql.ARRAY({ty})");
        }
        if let Some(doubt) = doubt {
            let line = self.mark("    ", &doubt);
            self.lines.push(line);
        }
        let mut arguments = format!("{}, {ty}", literal(&column.name));
        let counts = column.default.as_deref() == Some("nextval");
        match column.default.as_deref() {
            None | Some("nextval") => {}
            Some("identity") => arguments.push_str(", sa.Identity()"),
            Some(sql) if is_plain(sql) => arguments.push_str(&format!(", server_default={}", sql_text(sql))),
            Some(sql) => {
                let line = self.mark("    ", &format!("the default of {name}: {sql}"));
                self.lines.push(line);
            }
        }
        let key = table.primary_key.as_ref().map_or(&[][..], |key| &key.columns);
        let in_key = key.contains(&column.name);
        if in_key && is_integer(&column.ty.text) {
            let refers = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
            match counts {
                true if key.len() > 1 || refers => arguments.push_str(", autoincrement=True"),
                false if key.len() == 1 => arguments.push_str(", autoincrement=False"),
                _ => {}
            }
        }
        match column.nullable {
            Some(nullable) => {
                arguments.push_str(if nullable && !in_key { ", nullable=True" } else { ", nullable=False" })
            }
            None => {
                let line = self.mark("    ", &format!("whether {name} takes NULL"));
                self.lines.push(line);
                arguments.push_str(", nullable=True");
            }
        }
        self.lines.push(format!("    sa.Column({arguments}),"));
    }

    fn check(&mut self, table: &Table, check: &Check) {
        let label = check.name.as_deref().unwrap_or("a check");
        let reason = check.name.as_ref().and_then(|name| self.made_up.get(&table.name.sibling(name)));
        if let Some(reason) = reason.cloned() {
            let line = self.mark("    ", &format!("the constraint {label} of {}: {reason}", table.name));
            self.lines.push(line);
        }
        match &check.sql {
            // What is not known of the table may hold its columns: the chain asks for the name alone.
            Some(sql) if !check.exclusion && !speaks_of(sql, table) => {
                let text = format!("the constraint {label} of {}: {sql}", table.name);
                let line = self.mark("    ", &text);
                self.lines.push(line);
                let name = name_argument(check.name.as_ref());
                self.lines.push(format!("    sa.CheckConstraint({}{name}),", sql_text("true")));
            }
            Some(sql) if !check.exclusion && is_plain(sql) => {
                let name = name_argument(check.name.as_ref());
                self.lines.push(format!("    sa.CheckConstraint({}{name}),", sql_text(sql)));
            }
            _ => {
                let line =
                    self.mark("    ", &format!("the constraint {label} of {} is left out", table.name));
                self.lines.push(line);
            }
        }
    }

    fn foreign_key(&mut self, table: &Table, key: &ForeignKey) {
        let targets: Vec<String> =
            key.ref_columns.iter().map(|column| literal(&format!("{}.{column}", key.ref_table))).collect();
        let name = name_argument(key.name.as_ref());
        let _ = table;
        self.lines.push(format!(
            "    sa.ForeignKeyConstraint([{}], [{}]{name}{}),",
            literals(&key.columns),
            targets.join(", "),
            actions(key)
        ));
    }

    fn unique(&mut self, unique: &Unique) {
        let name = name_argument(unique.name.as_ref());
        self.lines.push(format!("    sa.UniqueConstraint({}{name}),", literals(&unique.columns)));
    }

    fn create_index(&mut self, table: &Table, index: &Index) {
        let reason = self.made_up.get(&table.name.sibling(&index.name));
        if let Some(reason) = reason.cloned() {
            let line = self.mark("", &format!("the index {}: {reason}", index.name));
            self.lines.push(line);
        }
        let is_column = |text: &Arc<str>| table.column(text).is_some();
        let expressions = || index.columns.iter().filter(|text| !is_column(text)).chain(&index.condition);
        let is_word = |text: &Arc<str>| text.chars().all(|c| c.is_alphanumeric() || c == '_');
        let is_lost = expressions().any(|text| !is_plain(text))
            || index.columns.iter().any(|c| is_word(c) && !is_column(c));
        if is_lost || !has_operators(table, index) || index.name.starts_with('<') {
            let line = self.mark("", &format!("the index {} on {} is left out", index.name, table.name));
            self.lines.push(line);
            return;
        }
        let items: Vec<String> = index
            .columns
            .iter()
            .map(|text| if is_column(text) { literal(text) } else { sql_text(text) })
            .collect();
        let unique = if index.unique { "True" } else { "False" };
        let mut more = schema_argument("schema", &table.name);
        if let Some(method) = &index.method {
            more.push_str(&format!(", postgresql_using={}", literal(method)));
        }
        if let Some(condition) = &index.condition {
            more.push_str(&format!(", postgresql_where={}", sql_text(condition)));
        }
        self.lines.push(format!(
            "op.create_index(op.f({}), {}, [{}], unique={unique}{more})",
            literal(&index.name),
            literal(&table.name.name),
            items.join(", ")
        ));
    }

    fn create_foreign_key(&mut self, table: &Table, key: &ForeignKey) {
        let name = key.name.as_ref().filter(|name| !name.starts_with('<'));
        let name = name.map_or_else(|| "None".to_owned(), |name| format!("op.f({})", literal(name)));
        self.lines.push(format!(
            "op.create_foreign_key({name}, {}, {}, [{}], [{}]{}{}{})",
            literal(&table.name.name),
            literal(&key.ref_table.name),
            literals(&key.columns),
            literals(&key.ref_columns),
            actions(key),
            schema_argument("source_schema", &table.name),
            schema_argument("referent_schema", &key.ref_table),
        ));
    }
}

/// What takes a foreign key away that was made after its table.
fn drop_key(table: &Table, key: &ForeignKey) -> Option<String> {
    let name = key.name.as_ref().filter(|name| !name.starts_with('<'))?;
    let schema = schema_argument("schema", &table.name);
    let (name, table) = (literal(name), literal(&table.name.name));
    Some(format!("op.drop_constraint(op.f({name}), {table}, type_=\"foreignkey\"{schema})"))
}

/// Extensions that the tables' types and defaults come from.
fn extensions(tables: &[&Table]) -> BTreeSet<&'static str> {
    let columns = tables.iter().flat_map(|table| &table.columns);
    let texts = columns.flat_map(|column| [Some(&column.ty.text), column.default.as_ref()]).flatten();
    let indexed = tables.iter().flat_map(|table| &table.indexes).flat_map(|index| &index.columns);
    texts.chain(indexed).flat_map(|text| extensions_of(text)).collect()
}

/// Whether a condition speaks of columns of the table, as far as all of these are known.
fn speaks_of(sql: &str, table: &Table) -> bool {
    let named = sql::identifiers(sql);
    table.state == TableState::Complete
        || &*sql.to_lowercase() == "true"
        || named.iter().any(|name| table.column(name).is_some())
}

/// Whether the index method takes the types of plain columns without being told operators, which are not kept.
fn has_operators(table: &Table, index: &Index) -> bool {
    let columns = index.columns.iter().filter_map(|text| table.column(text));
    let types = columns.map(|column| without_modifier(&column.ty.text));
    let lists = ["jsonb", "tsvector", "hstore"];
    let ranges = ["tsvector", "geometry", "geography", "ltree"];
    let mut types = types;
    types.all(|ty| match index.method.as_deref() {
        Some("gin") => lists.contains(&&*ty) || ty.ends_with("[]"),
        Some("gist") => ranges.contains(&&*ty) || ty.ends_with("range"),
        Some("btree" | "hash" | "brin") | None => true,
        Some(_) => false,
    })
}

fn enum_type(known: &Enum) -> String {
    let labels: Vec<String> = known.labels.iter().flatten().map(|label| literal(label)).collect();
    let schema = schema_argument("schema", &known.name);
    let labels = if labels.is_empty() { String::new() } else { format!("{}, ", labels.join(", ")) };
    format!("postgresql.ENUM({labels}name={}{schema}, create_type=False)", literal(&known.name.name))
}

/// `, name=op.f("…")`, so that no naming convention puts anything around it.
fn name_argument(name: Option<&Arc<str>>) -> String {
    match name.filter(|name| !name.starts_with('<')) {
        Some(name) => format!(", name=op.f({})", literal(name)),
        None => String::new(),
    }
}

fn actions(key: &ForeignKey) -> String {
    let action = |word: &str, action: &Option<Arc<str>>| match action {
        Some(action) => format!(", {word}={}", literal(action)),
        None => String::new(),
    };
    action("ondelete", &key.on_delete) + &action("onupdate", &key.on_update)
}

fn schema_argument(word: &str, name: &Name) -> String {
    name.schema.as_ref().map_or_else(String::new, |schema| format!(", {word}={}", literal(schema)))
}

fn literals(texts: &[Arc<str>]) -> String {
    texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join(", ")
}

/// A Python string literal.
pub(super) fn literal(text: &str) -> String {
    let mut made = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => made.push_str("\\\""),
            '\\' => made.push_str("\\\\"),
            '\n' => made.push_str("\\n"),
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                made.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => made.push(c),
        }
    }
    made.push('"');
    made
}

/// `sa.text("…")`: a colon that SQLAlchemy would take for a parameter is escaped.
fn sql_text(sql: &str) -> String {
    let mut made = String::new();
    let mut before = ' ';
    let mut rest = sql.chars().peekable();
    while let Some(character) = rest.next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        if character == ':'
            && before != ':'
            && !is_word(before)
            && rest.peek().is_some_and(|next| is_word(*next))
        {
            made.push('\\');
        }
        made.push(character);
        before = character;
    }
    format!("sa.text({})", literal(&made))
}

fn sql_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn qualified(name: &Name) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", identifier(schema), identifier(&name.name)),
        None => identifier(&name.name),
    }
}

/// Text that stays in one line and starts nothing of its own.
fn comment(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")).replace("onehead:", "onehead")
}

fn indented(lines: &[String]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| if at == 0 || line.is_empty() { line.clone() } else { format!("    {line}") })
        .collect();
    if lines.is_empty() { "pass".into() } else { lines.join("\n") }
}
