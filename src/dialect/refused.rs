/// Why a file's header is not edited. Each is one sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The value is computed; changing what it is computed from may change more than the header.
    #[error("`{name}` is computed (`{expression}`), so it has no literal to rewrite")]
    Dynamic {
        /// The field.
        name: &'static str,
        /// The expression as written, shortened.
        expression: String,
    },
    /// The value is a literal of another kind than a string, or holds one.
    #[error("`{name}` is not made of plain strings alone")]
    NotStrings {
        /// The field.
        name: &'static str,
    },
    /// Nothing to edit.
    #[error("the file does not assign `{name}`")]
    NotAssigned {
        /// The field.
        name: &'static str,
    },
    /// git's conflict markers stand in the file; which of its values counts is not known.
    #[error("the file holds git's conflict markers")]
    ConflictMarkers,
    /// Alembic has no such id.
    #[error("an id cannot be empty")]
    EmptyId,
    /// The file, read again after the edit, does not say what was asked and nothing else.
    #[error("the edited file would not say exactly what was asked")]
    Unproven,
}
