//! The JSON of a command that has no answer.

use serde::Serialize;

/// What `--json` prints if there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorAnswer {
    /// Why the command has no answer.
    pub(crate) error: ErrorRow,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorRow {
    /// A stable word in kebab case.
    pub(crate) reason: &'static str,
    /// The message that people see.
    pub(crate) message: String,
    /// The file with its line or byte, the flag, or the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}
