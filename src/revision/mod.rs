//! Migrations and the graph they form: plain data, no git and no files.

mod environment;
mod graph;
mod script;

pub use environment::{Environment, ExpectedHeads, VersionLocation};
pub use graph::{Duplicate, Missing, NumberClash, RevisionGraph, number_prefix};
pub use script::{
    Docstring, DynamicValue, Header, Id, IdList, Ignore, ListShape, MigrationFile, Problem, ProblemKind,
    Resolved, Script, Unreadable,
};
