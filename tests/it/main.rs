//! The integration tests: one binary, so that they link once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    unreachable_pub,
    reason = "a test that cannot go on should stop with a message"
)]

mod audit;
mod cache;
mod faults;
mod fix;
mod histories;
mod hooks;
mod layering;
mod middle;
mod models;
mod rebase;
mod repairs;
mod small_commands;
mod support;
