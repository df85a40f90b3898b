//! The schema that migrations build, told without running them.
//!
//! ```text
//!  bytes            values           effects           state and faults
//!  python::tree ──► evaluate ──────► effect ─────────► replay ──► Schema, ReplayFault
//!                   op.*, SQL text   what one          graph order, as PostgreSQL
//!                                    upgrade() does    would take it
//! ```
//!
//! What cannot be known by reading is marked with its reason and its place: a column's type, a table, an
//! effect. Nothing is guessed, and nothing that is unknown is dropped.

pub mod baseline;
pub mod compare;
pub mod effect;
pub mod evaluate;
pub mod fault;
pub mod models;
pub mod ops;
pub mod plain;
pub mod replay;
pub mod specs;
pub mod sql;
pub mod state;
pub mod types;
pub mod value;

pub use fault::{FaultKind, ReplayFault};
pub use state::{
    Certainty, Check, Column, ColumnType, Enum, ForeignKey, Index, Name, Opaque, Place, PrimaryKey, Schema,
    Table, TableState, Touch, Unique, View,
};
