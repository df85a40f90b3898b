//! Error messages of Alembic, answered with what this repository's files and commits say.

mod answer;
mod message;

pub use answer::{Answer, Statement, answer};
pub use message::{Trouble, recognize};
