//! Migrations and the graph they form: plain data, no git and no files.

mod environment;
mod graph;
mod ignore;
mod script;

pub use environment::{Environment, ExpectedHeads, VersionLocation};
pub use graph::{Duplicate, Missing, NumberClash, RevisionGraph, number_prefix};
pub use ignore::{Ignore, Scope};
pub use script::{
    Docstring, DynamicValue, Header, Id, IdList, ListShape, MigrationFile, Problem, ProblemKind, Resolved,
    Script, Unreadable,
};
