//! What the tests share: histories as data, the repositories built from them, and the comparison of answers.

pub mod expect;
pub mod history;
pub mod model;
pub mod onehead;
pub mod render;
pub mod repository;
