//! Names that nobody states: PostgreSQL's own, SQLAlchemy's, and those of naming conventions.

use std::collections::BTreeMap;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::schema::effect::Given;
use crate::schema::state::Name;

/// `NAMEDATALEN - 1`: longer identifiers are cut.
pub(super) const MAX_NAME: usize = 63;

/// `text` as PostgreSQL keeps it: cut at 63 bytes, never inside a character.
pub(super) fn cut(text: &str) -> Arc<str> {
    Arc::from(prefix(text, MAX_NAME))
}

fn prefix(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// PostgreSQL's `makeObjectName`: both names give way so that `name1_name2_label` fits.
pub(super) fn object_name(name1: &str, name2: Option<&str>, label: &str) -> String {
    let overhead = usize::from(!label.is_empty()) + label.len() + usize::from(name2.is_some());
    let available = MAX_NAME.saturating_sub(overhead);
    let (mut chars1, mut chars2) = (name1.len(), name2.map_or(0, str::len));
    while chars1 + chars2 > available {
        if chars1 > chars2 {
            chars1 -= 1;
        } else {
            chars2 -= 1;
        }
    }
    let mut made = prefix(name1, chars1).to_owned();
    if let Some(name2) = name2 {
        made.push('_');
        made.push_str(prefix(name2, chars2));
    }
    if !label.is_empty() {
        made.push('_');
        made.push_str(label);
    }
    made
}

/// The first of `name1_name2_label`, `…label1`, `…label2` that is not taken.
pub(super) fn free_name(
    name1: &str,
    name2: Option<&str>,
    label: &str,
    taken: impl Fn(&str) -> bool,
) -> Arc<str> {
    let mut made = object_name(name1, name2, label);
    let mut pass = 0;
    while taken(&made) && pass < 1000 {
        pass += 1;
        made = object_name(name1, name2, &format!("{label}{pass}"));
    }
    Arc::from(made)
}

/// Column names as PostgreSQL joins them for a name: no more than 63 bytes of them.
pub(super) fn joined(columns: &[Arc<str>]) -> String {
    let mut made = String::new();
    for column in columns {
        if !made.is_empty() {
            made.push('_');
        }
        made.push_str(column);
        if made.len() >= MAX_NAME {
            break;
        }
    }
    prefix(&made, MAX_NAME).to_owned()
}

/// A name that SQLAlchemy generated: where it is too long, 55 characters, `_`, and the last four hex digits
/// of its md5.
pub(super) fn shortened(name: &str) -> Arc<str> {
    if name.chars().count() <= MAX_NAME {
        return Arc::from(name);
    }
    let digest = format!("{:x}", md5::compute(name.as_bytes()));
    let start: String = name.chars().take(MAX_NAME - 8).collect();
    Arc::from(format!("{start}_{}", &digest[digest.len() - 4..]))
}

/// `MetaData(naming_convention=…)` of the `target_metadata`: templates by `ix`, `uq`, `ck`, `fk`, `pk`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NamingConvention(BTreeMap<Arc<str>, Arc<str>>);

impl Default for NamingConvention {
    fn default() -> Self {
        Self::new([("ix", "ix_%(column_0_label)s")])
    }
}

/// What a name is made for.
pub(super) struct Named<'n> {
    pub(super) table: &'n Name,
    pub(super) columns: &'n [Arc<str>],
    pub(super) referred: Option<(&'n Name, &'n [Arc<str>])>,
}

impl NamingConvention {
    /// The convention with these templates.
    pub fn new<K: AsRef<str>, V: AsRef<str>>(templates: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(templates.into_iter().map(|(k, v)| (Arc::from(k.as_ref()), Arc::from(v.as_ref()))).collect())
    }

    /// The name that an operation gives: stated, by convention, or none. `Err` where it is not known.
    pub(super) fn name(
        &self,
        kind: &str,
        given: &Given,
        named: &Named<'_>,
    ) -> Result<Option<Arc<str>>, Arc<str>> {
        let template = self.0.get(kind);
        match (given, template) {
            (Given::Unknown(reason), _) => Err(Arc::clone(reason)),
            (Given::Final(name), _) => Ok(Some(shortened(name))),
            (Given::Name(name), Some(template)) if template.contains("%(constraint_name)s") => {
                Ok(Some(self.expand(template, Some(name), named)?))
            }
            (Given::Name(name), _) => Ok(Some(cut(name))),
            (Given::None, Some(template)) if !template.contains("%(constraint_name)s") => {
                Ok(Some(self.expand(template, None, named)?))
            }
            (Given::None, _) => Ok(None),
        }
    }

    fn expand(&self, template: &str, given: Option<&str>, named: &Named<'_>) -> Result<Arc<str>, Arc<str>> {
        let mut made = String::new();
        let mut rest = template;
        while let Some(at) = rest.find("%(") {
            made.push_str(&rest[..at]);
            let Some((token, after)) = rest[at + 2..].split_once(")s") else { break };
            rest = after;
            match token_text(token, given, named) {
                Some(text) => made.push_str(&text),
                None => return Err(Arc::from(format!("the naming convention's %({token})s is not known"))),
            }
        }
        made.push_str(rest);
        Ok(shortened(&made))
    }
}

fn token_text(token: &str, given: Option<&str>, named: &Named<'_>) -> Option<String> {
    match token {
        "table_name" => return Some(named.table.name.to_string()),
        "constraint_name" => return given.map(str::to_owned),
        "referred_table_name" => return named.referred.map(|(table, _)| table.name.to_string()),
        _ => {}
    }
    let (columns, table, token) = match token.strip_prefix("referred_") {
        Some(token) => {
            let (table, columns) = named.referred?;
            (columns, table, token)
        }
        None => (named.columns, named.table, token),
    };
    let rest = token.strip_prefix("column_")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let at: usize = rest[..digits].parse().ok()?;
    let rest = &rest[digits..];
    // `column_0_name`, `column_0N_name` (all, joined), `column_0_N_name` (all, joined with `_`).
    let (all, separator, what) = match rest {
        _ if rest.starts_with("N_") => (true, "", &rest[2..]),
        _ if rest.starts_with("_N_") => (true, "_", &rest[3..]),
        _ => (false, "", rest.strip_prefix('_')?),
    };
    let text = |column: &Arc<str>| match what {
        "name" | "key" => Some(column.to_string()),
        "label" => Some(match &table.schema {
            Some(schema) => format!("{}_{}_{column}", schema.replace('.', "_"), table.name),
            None => format!("{}_{column}", table.name),
        }),
        _ => None,
    };
    match all {
        true => {
            columns.get(at..)?.iter().map(text).collect::<Option<Vec<_>>>().map(|parts| parts.join(separator))
        }
        false => text(columns.get(at)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured: `long_names` of the behaviour table.
    #[test]
    fn long_names_are_cut_as_postgresql_and_sqlalchemy_cut_them() {
        let table = "a_table_with_a_really_long_name_that_goes_on_and_on";
        let column = "a_column_with_quite_a_long_name_too";
        assert_eq!(
            object_name(table, None, "pkey"),
            "a_table_with_a_really_long_name_that_goes_on_and_on_pkey"
        );
        assert_eq!(
            object_name(table, Some(column), "key"),
            "a_table_with_a_really_long_na_a_column_with_quite_a_long_na_key"
        );
        assert_eq!(
            object_name(table, Some(column), "fkey"),
            "a_table_with_a_really_long_na_a_column_with_quite_a_long_n_fkey"
        );
        let index = shortened(&format!("ix_{table}_{column}"));
        assert_eq!(index.len(), 60);
        assert!(index.starts_with("ix_a_table_with_a_really_long_name_that_goes_on_and_on__"), "{index}");
    }

    #[test]
    fn a_taken_name_gets_a_number() {
        let taken = ["t_a_key".to_owned(), "t_a_key1".to_owned()];
        assert_eq!(&*free_name("t", Some("a"), "key", |name| taken.contains(&name.to_owned())), "t_a_key2");
    }

    #[test]
    fn conventions_apply_where_no_name_is_final() {
        let convention = NamingConvention::new([
            ("ck", "ck_%(table_name)s_%(constraint_name)s"),
            ("fk", "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s"),
            ("ix", "ix_%(column_0_label)s"),
        ]);
        let (table, other) = (Name::new(Some("s"), "t"), Name::plain("o"));
        let columns = [Arc::from("a"), Arc::from("b")];
        let key = [Arc::from("id")];
        let named = Named { table: &table, columns: &columns, referred: Some((&other, &key)) };
        let name = |kind: &str, given: Given| convention.name(kind, &given, &named).unwrap();
        assert_eq!(name("ck", Given::Name(Arc::from("pos"))).as_deref(), Some("ck_t_pos"));
        assert_eq!(name("ck", Given::Final(Arc::from("pos"))).as_deref(), Some("pos"));
        assert_eq!(name("ck", Given::None), None);
        assert_eq!(name("fk", Given::None).as_deref(), Some("fk_t_a_b_o"));
        assert_eq!(name("fk", Given::Name(Arc::from("x"))).as_deref(), Some("x"));
        assert_eq!(name("ix", Given::None).as_deref(), Some("ix_s_t_a"));
        assert_eq!(name("uq", Given::None), None);
    }
}
