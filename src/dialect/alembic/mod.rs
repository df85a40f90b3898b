//! Alembic: where its environments are, which files it loads, what their headers say.

mod edits;
mod environments;
pub mod file_names;
mod header;
mod ini;
mod literals;
mod mako;
mod scan;
mod template;

use crate::dialect::{Dialect, Finder, NewFile, NewScript, Refused};
use crate::revision::Header;
use crate::text::Edit;
use crate::vcs::RepoPath;

/// The dialect.
pub struct Alembic;

impl Dialect for Alembic {
    fn name(&self) -> &'static str {
        "alembic"
    }

    fn finder(&self) -> Box<dyn Finder> {
        Box::new(environments::AlembicFinder::default())
    }

    /// `alembic.script.base._only_source_rev_file`: `*.py`, neither `.#…` nor `__init__…`.
    fn loads(&self, name: &[u8]) -> bool {
        name.ends_with(b".py") && !name.starts_with(b".#") && !name.starts_with(b"__init__")
    }

    fn descends(&self, name: &[u8]) -> bool {
        !name.ends_with(b"__pycache__")
    }

    fn read(&self, bytes: &[u8]) -> Header {
        header::read(bytes)
    }

    /// `alembic.script.base._legacy_rev`: the name itself, where it is all hex digits.
    fn id_from_name(&self, name: &[u8]) -> Option<String> {
        let stem = name.strip_suffix(b".py")?;
        let hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        (!stem.is_empty() && stem.iter().all(hex)).then(|| String::from_utf8_lossy(stem).into_owned())
    }

    fn reparent(
        &self,
        header: &Header,
        text: &[u8],
        to: &[String],
        docstring: bool,
    ) -> Result<Vec<Edit>, Refused> {
        edits::reparent(header, text, to, docstring)
    }

    fn rename_id(
        &self,
        header: &Header,
        text: &[u8],
        to: &str,
        docstring: bool,
    ) -> Result<Vec<Edit>, Refused> {
        edits::rename_id(header, text, to, docstring)
    }

    fn replace_id(
        &self,
        header: &Header,
        text: &[u8],
        from: &str,
        to: &str,
        docstring: bool,
    ) -> Result<Vec<Edit>, Refused> {
        edits::replace_id(header, text, from, to, docstring)
    }

    fn mend_docstring(
        &self,
        header: &Header,
        text: &[u8],
        id: &str,
        parents: &[String],
    ) -> Result<Vec<Edit>, Refused> {
        edits::mend_docstring(header, text, id, parents)
    }

    fn template_name(&self) -> &'static str {
        "script.py.mako"
    }

    fn new_file(
        &self,
        directory: &RepoPath,
        template: Option<&[u8]>,
        file_template: Option<&str>,
        script: &NewScript<'_>,
    ) -> NewFile {
        template::new_file(directory, template, file_template, script)
    }
}
