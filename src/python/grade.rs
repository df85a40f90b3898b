//! How far an edit of a migration reaches.
use ruff_python_ast::ModModule;
use ruff_python_parser::Parsed;

/// Grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Nothing that runs.
    Cosmetic,
    /// Header fields.
    Header,
    /// Only `downgrade()`.
    Downgrade,
    /// What `upgrade()` does.
    Upgrade,
}

/// Placeholder until merged.
pub fn grade(_before: &Parsed<ModModule>, _after: &Parsed<ModModule>) -> Grade {
    Grade::Upgrade
}
