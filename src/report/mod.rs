//! Documents, and their shapes for people and for machines.

pub mod model;
