//! What counts as a fault. One file a rule; the file's name is the rule's.
//!
//! A new rule is one file that implements [`Rule`] and one line in [`RULES`]. Rules look at data
//! that others have gathered: no I/O, no failure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::diagnostic::{Diagnostic, Severity};
use crate::history::{Delta, Snapshot};
use crate::project::{Creator, Project};
use crate::schema::compare::Aspect;
use crate::schema::models::Models;
use crate::schema::replay::Replayed;
use crate::schema::types::Database;
use crate::schema::{ReplayFault, Schema};
use crate::vcs::Conflict;

mod alembic_without_environment;
mod alters_missing_object;
mod branch_schema_conflict;
mod column_added_twice;
mod column_looks_like_foreign_key;
mod competing_merge_revisions;
mod constraint_created_twice;
mod create_all_in_application;
mod deleted_after_landing;
mod deploy_without_upgrade;
mod divergent_revision;
mod duplicate_number;
mod duplicate_revision;
mod duplicate_tablename;
mod dynamic_identifier;
mod edited_after_landing;
mod empty_migration;
mod enum_not_created;
mod env_async_url;
mod env_models_not_imported;
mod env_no_metadata;
mod filename_mismatch;
mod fk_missing_target;
mod fk_type_mismatch;
mod implausible_revision_id;
mod incomplete_baseline;
mod index_created_twice;
mod inserted_below_head;
mod invalid_revision_id;
mod invalid_sql;
mod merge_conflict;
mod missing_dependency;
mod missing_parent;
mod model_fault;
mod model_without_migration;
mod multiple_bases;
mod multiple_heads;
mod needless_merge_revision;
mod renamed_after_landing;
mod reparented_after_landing;
mod reused_revision_id;
mod revision_cycle;
mod revision_id_too_long;
mod schema_drift;
mod schema_fault;
mod stale_docstring;
mod sync_engine_async_url;
mod table_created_twice;
mod table_without_model;
mod type_created_twice;
mod unmanaged_metadata;
mod unreadable_revision;
mod unscanned_migrations;
mod unused_suppression;

pub use implausible_revision_id::is_typed_in;
pub use multiple_heads::{HeadGroup, crowded_heads};
pub use schema_drift::{DRIFT_KINDS, SCHEMA_DRIFT};
pub use unused_suppression::{UNUSED_SUPPRESSION, unused_suppression};

/// A rule's name and documentation.
#[derive(Debug)]
pub struct RuleMeta {
    /// Its name in reports, configuration and `explain`.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Severity where nothing lowers or raises it.
    pub severity: Severity,
    /// The page that `explain` prints, as Markdown.
    pub explanation: &'static str,
}

/// A rule.
pub trait Rule: Sync {
    /// Its name and documentation.
    fn meta(&self) -> &'static RuleMeta;

    /// What has to be looked at to know that there is none of its faults.
    fn decided_by(&self) -> DecidedBy {
        DecidedBy::State
    }

    /// Whether it is silent unless the configuration gives it a severity.
    fn is_opt_in(&self) -> bool {
        false
    }

    /// Reports its faults in the state of one environment.
    fn check(&self, _cx: &RuleCx<'_>, _sink: &mut Vec<Diagnostic>) {}

    /// Reports its faults in what surrounds the environments of a tree.
    fn check_project(&self, _cx: &ProjectCx<'_>, _sink: &mut Vec<Diagnostic>) {}

    /// Reports its faults in the schema that one environment's migrations build.
    fn check_schema(&self, _cx: &SchemaCx<'_>, _sink: &mut Vec<Diagnostic>) {}
}

/// What rules see of a schema.
#[derive(Clone, Copy)]
pub struct SchemaCx<'a> {
    /// The environment.
    pub state: &'a Snapshot,
    /// What the database would refuse, in the order of the replay.
    pub faults: &'a [ReplayFault],
    /// The schema after the last revision.
    pub schema: &'a Schema,
    /// The database that it is read for.
    pub database: Database,
    /// The revisions in the order of the upgrade, with what each does.
    pub revisions: &'a [Replayed],
    /// What the models declare, where that was read.
    pub models: Option<&'a Models>,
    /// What beside the revisions may create the tables that they lack, where that was looked for.
    pub creators: Option<&'a [Creator]>,
    /// Kinds of drift that nobody asks for.
    pub uncompared: &'a BTreeSet<Aspect>,
}

/// What decides whether a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// The state of one environment.
    State,
    /// What a merge changes: the same state has the fault once and never again.
    Merge,
    /// What surrounds the environments.
    Project,
    /// What the bodies of an environment's revisions do in their order, told only where the graph is whole.
    Bodies,
}

/// What rules see of a whole tree.
pub struct ProjectCx<'a> {
    /// What its files say of start-up and deployment.
    pub project: &'a Project,
    /// Its environments.
    pub states: &'a [Snapshot],
}

/// What rules see of one environment.
pub struct RuleCx<'a> {
    /// The state under study: at a commit, or after a merge.
    pub state: &'a Snapshot,
    /// Where the state is that of a merge: what is merged.
    pub merge: Option<MergeCx<'a>>,
    /// What the history knows of ids that are not there; empty where it was not asked.
    pub history: &'a HistoryFacts,
}

/// The sides of a merge.
pub struct MergeCx<'a> {
    /// The published side.
    pub base: &'a Snapshot,
    /// The side that comes.
    pub head: &'a Snapshot,
    /// The merge base.
    pub ancestor: &'a Snapshot,
    /// What the merge changes on the published side. Changes that the trunk has already, and
    /// changes of revisions that were never published, are left out.
    pub published_changes: &'a Delta,
    /// Ids that both sides added and whose `upgrade()` differs between them.
    pub divergent: &'a BTreeSet<String>,
    /// Files of this environment that git cannot merge.
    pub conflicts: &'a [Conflict],
}

/// What the history tells of ids, gathered for those that need it.
#[derive(Debug, Default)]
pub struct HistoryFacts {
    /// Ids that are missing now and were there once: what is known of them.
    pub seen: BTreeMap<String, SeenRevision>,
    /// Whether the history was searched at all.
    pub searched: bool,
    /// Published revisions that a tag contains: the first such tag.
    pub released: BTreeMap<String, String>,
    /// Ids that stood for another file once: where.
    pub reused: BTreeMap<String, SeenRevision>,
}

/// The most telling thing that the history knows of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRevision {
    /// What happened to it.
    pub event: SeenEvent,
    /// Its file: after a removal the one it had.
    pub path: String,
    /// The commit that did it, as people read it.
    pub commit: String,
}

/// What happened to a revision, least telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeenEvent {
    /// It came.
    Added,
    /// Its file went elsewhere.
    Moved,
    /// It went.
    Removed,
}

/// What follows "'id' was" or "it was".
impl fmt::Display for SeenRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, path, commit } = self;
        match event {
            SeenEvent::Added => write!(f, "added as {path} in {commit}"),
            SeenEvent::Moved => write!(f, "moved to {path} in {commit}"),
            SeenEvent::Removed => write!(f, "{path}, removed in {commit}"),
        }
    }
}

/// Every rule, sorted by name.
pub static RULES: &[&dyn Rule] = &[
    &alembic_without_environment::AlembicWithoutEnvironment,
    &alters_missing_object::AltersMissingObject,
    &branch_schema_conflict::BranchSchemaConflict,
    &column_added_twice::ColumnAddedTwice,
    &column_looks_like_foreign_key::ColumnLooksLikeForeignKey,
    &competing_merge_revisions::CompetingMergeRevisions,
    &constraint_created_twice::ConstraintCreatedTwice,
    &create_all_in_application::CreateAllInApplication,
    &deleted_after_landing::DeletedAfterLanding,
    &deploy_without_upgrade::DeployWithoutUpgrade,
    &divergent_revision::DivergentRevision,
    &duplicate_number::DuplicateNumber,
    &duplicate_revision::DuplicateRevision,
    &duplicate_tablename::DuplicateTablename,
    &dynamic_identifier::DynamicIdentifier,
    &edited_after_landing::EditedAfterLanding,
    &empty_migration::EmptyMigration,
    &enum_not_created::EnumNotCreated,
    &env_async_url::EnvAsyncUrl,
    &env_models_not_imported::EnvModelsNotImported,
    &env_no_metadata::EnvNoMetadata,
    &filename_mismatch::FilenameMismatch,
    &fk_missing_target::FkMissingTarget,
    &fk_type_mismatch::FkTypeMismatch,
    &implausible_revision_id::ImplausibleRevisionId,
    &incomplete_baseline::IncompleteBaseline,
    &index_created_twice::IndexCreatedTwice,
    &inserted_below_head::InsertedBelowHead,
    &invalid_revision_id::InvalidRevisionId,
    &invalid_sql::InvalidSql,
    &merge_conflict::MergeConflict,
    &missing_dependency::MissingDependency,
    &missing_parent::MissingParent,
    &model_without_migration::ModelWithoutMigration,
    &multiple_bases::MultipleBases,
    &multiple_heads::MultipleHeads,
    &needless_merge_revision::NeedlessMergeRevision,
    &renamed_after_landing::RenamedAfterLanding,
    &reparented_after_landing::ReparentedAfterLanding,
    &reused_revision_id::ReusedRevisionId,
    &revision_cycle::RevisionCycle,
    &revision_id_too_long::RevisionIdTooLong,
    &schema_drift::SchemaDrift,
    &stale_docstring::StaleDocstring,
    &sync_engine_async_url::SyncEngineAsyncUrl,
    &table_created_twice::TableCreatedTwice,
    &table_without_model::TableWithoutModel,
    &type_created_twice::TypeCreatedTwice,
    &unmanaged_metadata::UnmanagedMetadata,
    &unreadable_revision::UnreadableRevision,
    &unscanned_migrations::UnscannedMigrations,
    &unused_suppression::UnusedSuppression,
];

/// The rule called `name`.
pub fn by_name(name: &str) -> Option<&'static dyn Rule> {
    RULES.iter().copied().find(|rule| rule.meta().name == name)
}

/// Runs every rule.
pub fn run(cx: &RuleCx<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in RULES {
        rule.check(cx, &mut found);
    }
    for diagnostic in &mut found {
        diagnostic.environment = Some(cx.state.environment.name.clone());
    }
    found
}

/// Runs every rule on a schema.
pub fn run_schema(cx: &SchemaCx<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in RULES {
        rule.check_schema(cx, &mut found);
    }
    for diagnostic in &mut found {
        diagnostic.environment = Some(cx.state.environment.name.clone());
    }
    found
}

/// The findings without those that say again what a conflict of branches says.
pub fn without_shadows(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    branch_schema_conflict::without_shadows(found)
}

/// Whether `finding` is the fault `old` of another state, and says no more than that one says.
pub fn says_again(finding: &Diagnostic, old: &Diagnostic) -> bool {
    let is_same = || {
        finding.subject == old.subject
            || schema_drift::is_part(finding, old)
            || incomplete_baseline::is_part(finding, old)
    };
    finding.rule == old.rule && finding.extent <= old.extent && is_same()
}

/// Runs every rule on what surrounds the environments.
pub fn run_project(cx: &ProjectCx<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in RULES {
        rule.check_project(cx, &mut found);
    }
    found
}

/// `'a', 'b' and 'c'`.
pub(crate) fn listing<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = items.into_iter().map(|item| format!("'{}'", item.as_ref())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The ids that only the state under study has; all of them where nothing is merged.
fn new_ids<'s>(cx: &RuleCx<'s>) -> BTreeSet<&'s str> {
    cx.state
        .graph
        .ids()
        .filter(|id| cx.merge.as_ref().is_none_or(|merge| !merge.base.graph.contains(id)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn names_are_sorted_unique_and_documented() {
        let names: Vec<&str> = RULES.iter().map(|rule| rule.meta().name).collect();
        assert!(names.is_sorted_by(|one, two| one < two), "{names:?}");
        for rule in RULES {
            let meta = rule.meta();
            assert!(meta.explanation.len() > 200, "{} has no page", meta.name);
            assert!(!meta.summary.ends_with('.'), "{}", meta.name);
        }
    }
}
