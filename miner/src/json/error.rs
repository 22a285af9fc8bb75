//! The shape of the answer of every command that gave none.

use serde::Serialize;

/// What `--json` prints where there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorAnswer {
    /// Why the command has no answer.
    pub(crate) error: ErrorRow,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorRow {
    /// A word in kebab case that stays the same.
    pub(crate) reason: &'static str,
    /// The same for people.
    pub(crate) message: String,
    /// The file, with its line or byte; or a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}
