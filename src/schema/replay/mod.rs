//! The replay.

mod constraints;
mod machine;
mod naming;
mod tables;

pub use machine::{Machine, Settings};
pub use naming::NamingConvention;
