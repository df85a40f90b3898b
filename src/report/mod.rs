//! Documents, and their shapes for people and for machines.
//!
//! `model` holds the documents; every other module turns one of them into one format. The text
//! formats always write ANSI styles: whoever owns the stream strips them where they do not belong.

pub mod audit_convert;
pub mod audit_html;
pub mod audit_markdown;
pub mod audit_page;
pub mod audit_text;
mod audit_words;
pub mod branches_text;
pub mod check_github;
pub mod check_gitlab;
pub mod check_text;
pub mod convert;
pub mod diff_text;
pub mod explain_text;
mod fingerprint;
pub mod graph_dot;
pub mod graph_mermaid;
pub mod graph_svg;
pub mod graph_text;
pub mod heads_text;
mod lanes;
mod layout;
pub mod locate_text;
pub mod mail;
pub mod model;
pub mod patch;
pub mod plan_text;
pub mod rebase_text;
#[cfg(test)]
mod sample;
pub mod sarif;
pub mod schema;
pub mod schema_convert;
pub mod schema_diff_text;
pub mod schema_mermaid;
pub mod schema_sql;
pub mod schema_text;
mod style;
pub mod timeline_text;
