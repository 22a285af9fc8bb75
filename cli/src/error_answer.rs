//! What `--json` prints when a command has no answer, and the trait of errors that can be printed so.

use std::error::Error;

use serde::Serialize;

/// An error that a program can act on without reading its message.
pub trait Explain: Error {
    /// A word in kebab case that names the kind of error. It never changes, so that scripts may depend on it.
    fn reason(&self) -> &'static str;

    /// The file, with the line, column or byte where that is known; or the device.
    fn place(&self) -> Option<String> {
        None
    }

    /// What to do.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// What `--json` prints when there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorAnswer {
    /// Why the command has no answer.
    pub error: ErrorRow,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorRow {
    /// A word in kebab case that names the kind of error.
    pub reason: &'static str,
    /// The message for people.
    pub message: String,
    /// The file, with its line or byte; or the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl ErrorAnswer {
    /// The answer that reports this error.
    pub fn of(error: &dyn Explain) -> Self {
        let (reason, message, place, hint) = (error.reason(), error.to_string(), error.place(), error.hint());
        Self { error: ErrorRow { reason, message, place, hint } }
    }
}
