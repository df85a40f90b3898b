//! onehead: database-migration history read from git.
pub mod audit;
pub mod branches;
pub mod check;
pub mod cli;
pub mod diagnostic;
pub mod dialect;
pub mod history;
pub mod locate;
pub mod plan;
pub mod project;
pub mod python;
pub mod report;
pub mod revision;
pub mod rules;
pub mod text;
pub mod vcs;
