//! onehead: database-migration history read from git.
pub mod report;
pub mod revision;
pub mod text;
pub mod vcs;
