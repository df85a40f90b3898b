//! Migration tools: each turns files into [`Header`]s and finds its environments in a tree.
//!
//! A new tool is one module that implements [`Dialect`] and one line in [`DIALECTS`].

pub mod alembic;
mod new_file;
mod refused;

pub use new_file::{Body, CreateDate, NewFile, NewScript};
pub use refused::Refused;

use crate::revision::{Environment, Header};
use crate::text::Edit;
use crate::vcs::{BlobId, Error, Objects, RepoPath, TreeId};

/// A migration tool.
pub trait Dialect: Sync {
    /// Its name in documents and configuration.
    fn name(&self) -> &'static str;

    /// A finder of environments; it may remember directories between trees.
    fn finder(&self) -> Box<dyn Finder>;

    /// Whether the tool would load a file of this name from a version location.
    fn loads(&self, name: &[u8]) -> bool;

    /// Whether the tool descends into a sub-directory of this name of a recursive version location.
    fn descends(&self, name: &[u8]) -> bool;

    /// What a file says. Never fails: trouble is part of the answer.
    fn read(&self, bytes: &[u8]) -> Header;

    /// The id that a file without one has by its name (without directory), in old formats.
    fn id_from_name(&self, name: &[u8]) -> Option<String>;

    /// Edits of `text`, whose header is `header`, that make `to` its parents, each once; none makes
    /// it a base. With `docstring`, the docstring's lines follow where there are such lines.
    ///
    /// # Errors
    /// When the value is not a literal, or the edited file would not say exactly this.
    fn reparent(
        &self,
        header: &Header,
        text: &[u8],
        to: &[String],
        docstring: bool,
    ) -> Result<Vec<Edit>, Refused>;

    /// Edits that give the file the id `to`.
    ///
    /// # Errors
    /// When the value is not a literal, or the edited file would not say exactly this.
    fn rename_id(
        &self,
        header: &Header,
        text: &[u8],
        to: &str,
        docstring: bool,
    ) -> Result<Vec<Edit>, Refused>;

    /// Edits that name `to` where the file names `from` as a parent or a dependency; none where it
    /// does not.
    ///
    /// # Errors
    /// When such a value is not a literal, or the edited file would not say exactly this.
    fn replace_id(
        &self,
        header: &Header,
        text: &[u8],
        from: &str,
        to: &str,
        docstring: bool,
    ) -> Result<Vec<Edit>, Refused>;

    /// Edits that make the docstring, where it names ids, name these.
    ///
    /// # Errors
    /// When the edited file would not say exactly this.
    fn mend_docstring(
        &self,
        header: &Header,
        text: &[u8],
        id: &str,
        parents: &[String],
    ) -> Result<Vec<Edit>, Refused>;

    /// The tool's template for new files, below an environment's directory.
    fn template_name(&self) -> &'static str;

    /// A new file in the version location `directory`, as the tool would write it: from the
    /// environment's own `template` (its bytes) and `file_template`, where there are such.
    fn new_file(
        &self,
        directory: &RepoPath,
        template: Option<&[u8]>,
        file_template: Option<&str>,
        script: &NewScript<'_>,
    ) -> NewFile;
}

/// Finds a tool's environments.
pub trait Finder {
    /// The environments in the tree `root`, sorted by directory, then name.
    ///
    /// # Errors
    /// When a tree object is damaged.
    fn find(&mut self, objects: &Objects, root: TreeId) -> Result<Vec<Environment>, Error>;

    /// Files in the tree `root` whose content decides which environments there are.
    ///
    /// # Errors
    /// When an object is damaged.
    fn configuration_files(&mut self, objects: &Objects, root: TreeId) -> Result<Vec<RepoPath>, Error>;

    /// What such a file says, as a text that is equal where the meaning is.
    ///
    /// # Errors
    /// When the object is damaged.
    fn configuration_meaning(
        &mut self,
        objects: &Objects,
        path: &RepoPath,
        blob: BlobId,
    ) -> Result<String, Error>;

    /// Whether the directory `tree` holds migrations in sub-directories.
    ///
    /// # Errors
    /// When an object is damaged.
    fn nests_migrations(&mut self, objects: &Objects, tree: TreeId) -> Result<bool, Error>;

    /// Directories inside `environment` that hold migrations and are not scanned, with the number
    /// of files in each; sorted.
    ///
    /// # Errors
    /// When an object is damaged.
    fn unscanned(
        &mut self,
        objects: &Objects,
        root: TreeId,
        environment: &Environment,
    ) -> Result<Vec<(RepoPath, usize)>, Error>;
}

/// Every tool that onehead knows.
pub static DIALECTS: &[&dyn Dialect] = &[&alembic::Alembic];

/// The tool called `name`.
pub fn by_name(name: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|dialect| dialect.name() == name)
}
