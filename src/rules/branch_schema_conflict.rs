use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::model_fault::{place, spot};
use super::multiple_heads::crowded_heads;
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::effect::{Change, ConstraintSpec, Effect, Given};
use crate::schema::replay::Replayed;
use crate::schema::{Name, Place};

/// Revisions of two branches that do not go together.
pub(super) struct BranchSchemaConflict;

static META: RuleMeta = RuleMeta {
    name: "branch-schema-conflict",
    summary: "Revisions of two branches do not go together",
    severity: Severity::Error,
    explanation: "Two heads are about to be joined, and what a revision of one branch does contradicts what one of the other
does:

    main     a1f3  op.drop_table(\"invoices\")
    branch   b2c4  op.add_column(\"invoices\", sa.Column(\"paid\", sa.Boolean()))
    ERROR: relation \"invoices\" does not exist

A merge revision, or a new `down_revision`, makes one head again and mends none of it: both branches create the same
table, column, index or type, one drops or renames what the other one uses, or they give a column two types. Revisions
that guard themselves (`IF EXISTS`, `IF NOT EXISTS`, a look at the inspector) go together, and branches that are joined
already are history.

Rebase the later branch, and write its revision for the schema that it then finds.",
};

/// What a revision does to one object.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    /// Makes it.
    Creates,
    /// Drops it, or gives it another name.
    Removes,
    /// Needs it to be there.
    Uses,
    /// Gives it this type.
    Types(Arc<str>),
}

/// An object that revisions share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Object {
    Table(Name),
    Column(Name, Arc<str>),
    Index(Name),
    Type(Name),
}

impl Object {
    fn text(&self) -> String {
        match self {
            Self::Table(name) => format!("the table {name}"),
            Self::Column(table, column) => format!("the column {table}.{column}"),
            Self::Index(name) => format!("the index {name}"),
            Self::Type(name) => format!("the type {name}"),
        }
    }
}

type Acts = Vec<(Object, Act, Place)>;

impl Rule for BranchSchemaConflict {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let graph = &cx.state.graph;
        // Branches that are meant to stay apart are never joined: `depends_on` orders them.
        let crowded = crowded_heads(cx.state);
        let heads: BTreeSet<&String> = crowded.iter().flat_map(|group| &group.heads).collect();
        if heads.len() < 2 || heads.len() > 16 {
            return;
        }
        let below: Vec<BTreeSet<&str>> = heads
            .iter()
            .map(|head| graph.ancestors(head).into_iter().chain([head.as_str()]).collect())
            .collect();
        let is_apart = |revision: &&Replayed| below.iter().any(|ids| !ids.contains(&*revision.revision));
        let apart = cx.revisions.iter().filter(is_apart);
        let acts: BTreeMap<&str, Acts> =
            apart.map(|revision| (&*revision.revision, acts_of(revision))).collect();
        let mut seen: BTreeSet<(String, String, Object)> = BTreeSet::new();
        for (at, one) in below.iter().enumerate() {
            for other in &below[at + 1..] {
                for id in one.difference(other) {
                    for other_id in other.difference(one) {
                        let (Some(mine), Some(theirs)) = (acts.get(id), acts.get(other_id)) else { continue };
                        let (Some((object, what, here, there)), first, second) =
                            (clash(mine, theirs), id, other_id)
                        else {
                            continue;
                        };
                        if seen.insert(((*first).to_owned(), (*second).to_owned(), object.clone())) {
                            sink.push(finding(first, second, &object, &what, &here, &there));
                        }
                    }
                }
            }
        }
    }
}

fn finding(one: &str, other: &str, object: &Object, what: &str, here: &Place, there: &Place) -> Diagnostic {
    let object = object.text();
    let message = format!("'{one}' and '{other}' of two branches do not go together: {what} {object}");
    Diagnostic::new(META.name, META.severity, message)
        .about(format!("{one} {other} {object}"))
        .revisions([one, other])
        .at(place(here))
        .at(place(there))
        .because(format!("'{one}' does so at {}", spot(here)))
        .because(format!("'{other}' does so at {}", spot(there)))
        .because("one head does not mend it: whichever runs second is refused, or undoes the other")
}

/// The first contradiction between two revisions.
fn clash(mine: &Acts, theirs: &Acts) -> Option<(Object, String, Place, Place)> {
    for (object, act, here) in mine {
        for (other, their_act, there) in theirs {
            // What goes takes its columns along.
            let under = match (object, other) {
                (Object::Table(table), Object::Column(of, _)) => table == of && *act == Act::Removes,
                (Object::Column(of, _), Object::Table(table)) => table == of && *their_act == Act::Removes,
                _ => false,
            };
            if object != other && !under {
                continue;
            }
            let what = match (act, their_act) {
                (Act::Creates, Act::Creates) => "both create".to_owned(),
                (Act::Removes, Act::Removes) => "both drop or rename".to_owned(),
                (Act::Removes, _) => "the first drops or renames, and the second uses,".to_owned(),
                (_, Act::Removes) => "the second drops or renames, and the first uses,".to_owned(),
                (Act::Types(one), Act::Types(two)) if one != two => {
                    format!("the first makes it {one}, the second {two}:")
                }
                _ => continue,
            };
            let told = if under && *act == Act::Removes { object } else { other };
            return Some((told.clone(), what, here.clone(), there.clone()));
        }
    }
    None
}

/// What a revision does to objects that it did not make itself, and the objects that it makes; only what happens
/// whatever else is there.
fn acts_of(revision: &Replayed) -> Acts {
    let mut acts = Acts::new();
    let mut own: BTreeSet<Name> = BTreeSet::new();
    let sure = |effect: &&Effect| effect.condition.is_none() && !effect.guarded;
    for effect in revision.effects.iter().filter(sure) {
        let at = &effect.place;
        let mut add = |object, act| acts.push((object, act, at.clone()));
        match &effect.change {
            Change::CreateTable(spec) => {
                own.insert(spec.name.clone());
                if !spec.if_not_exists {
                    add(Object::Table(spec.name.clone()), Act::Creates);
                }
                let inside = spec.constraints.iter().filter_map(|constraint| match constraint {
                    ConstraintSpec::ForeignKey(key) => Some(key),
                    _ => None,
                });
                for key in spec.columns.iter().flat_map(|column| &column.foreign_keys).chain(inside) {
                    if key.ref_table != spec.name {
                        add(Object::Table(key.ref_table.clone()), Act::Uses);
                    }
                }
            }
            Change::DropTable(name, dropping) if !dropping.if_exists => {
                add(Object::Table(name.clone()), Act::Removes);
            }
            Change::RenameTable(name, to) => {
                add(Object::Table(name.clone()), Act::Removes);
                add(Object::Table(name.sibling(to)), Act::Creates);
            }
            Change::AddColumn(table, column, if_not_exists) => {
                add(Object::Table(table.clone()), Act::Uses);
                if !*if_not_exists {
                    add(Object::Column(table.clone(), Arc::clone(&column.name)), Act::Creates);
                }
                for key in &column.foreign_keys {
                    add(Object::Table(key.ref_table.clone()), Act::Uses);
                }
            }
            Change::DropColumn(table, column, dropping) => {
                add(Object::Table(table.clone()), Act::Uses);
                if !dropping.if_exists {
                    add(Object::Column(table.clone(), Arc::clone(column)), Act::Removes);
                }
            }
            Change::AlterColumn(table, column, change) => {
                add(Object::Table(table.clone()), Act::Uses);
                let object = Object::Column(table.clone(), Arc::clone(column));
                match (&change.rename, &change.ty) {
                    (Some(_), _) => add(object, Act::Removes),
                    (None, Some(ty)) if ty.ty.is_known() => add(object, Act::Types(Arc::clone(&ty.ty.text))),
                    _ => add(object, Act::Uses),
                }
            }
            Change::AddConstraint(table, constraint) => {
                add(Object::Table(table.clone()), Act::Uses);
                let columns = match &**constraint {
                    ConstraintSpec::PrimaryKey(key) | ConstraintSpec::Unique(key) => &key.columns,
                    ConstraintSpec::ForeignKey(key) => {
                        add(Object::Table(key.ref_table.clone()), Act::Uses);
                        &key.columns
                    }
                    ConstraintSpec::Check(check) => &check.columns,
                };
                for column in columns {
                    add(Object::Column(table.clone(), Arc::clone(column)), Act::Uses);
                }
            }
            Change::CreateIndex(table, spec) => {
                add(Object::Table(table.clone()), Act::Uses);
                if let (Given::Name(name) | Given::Final(name), false) = (&spec.name, spec.if_not_exists) {
                    add(Object::Index(table.sibling(name)), Act::Creates);
                }
                for column in &spec.needs {
                    add(Object::Column(table.clone(), Arc::clone(column)), Act::Uses);
                }
            }
            Change::DropIndex(name, dropping) if !dropping.if_exists => {
                add(Object::Index(name.clone()), Act::Removes);
            }
            Change::CreateEnum(spec, keep) if !*keep => add(Object::Type(spec.name.clone()), Act::Creates),
            Change::DropType(name, dropping) if !dropping.if_exists => {
                add(Object::Type(name.clone()), Act::Removes);
            }
            _ => {}
        }
    }
    // What happens to its own tables concerns nobody else; that both make them is told by their creation.
    acts.retain(|(object, act, _)| match object {
        Object::Table(table) => !own.contains(table) || *act == Act::Creates,
        Object::Column(table, _) => !own.contains(table),
        Object::Index(_) | Object::Type(_) => true,
    });
    acts
}

/// Without the findings on the same two revisions that the replay of one after the other gives: the conflict is
/// why.
pub(super) fn without_shadows(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let pairs: Vec<(Vec<String>, String)> = found
        .iter()
        .filter(|finding| finding.rule == META.name)
        .map(|finding| {
            let object = finding.subject.rsplit(' ').next().unwrap_or_default();
            (finding.revisions.clone(), object.to_owned())
        })
        .collect();
    let is_shadow = |finding: &Diagnostic| {
        finding.rule != META.name
            && pairs.iter().any(|(revisions, object)| {
                finding.revisions.iter().any(|revision| revisions.contains(revision))
                    && finding.subject.split(' ').any(|word| word == object)
            })
    };
    found.into_iter().filter(|finding| !is_shadow(finding)).collect()
}
