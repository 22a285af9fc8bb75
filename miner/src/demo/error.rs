//! Why the demonstration failed.

use std::path::PathBuf;

use cityseal_chain::TemplateError;
use cityseal_cli::{CliError, Explain};
use cityseal_client::ClientError;
use cityseal_receipt::KeyError;
use cityseal_service::ServeError;

use crate::setup::SetupError;

/// Error of the demonstration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DemoError {
    /// A file, stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The configuration or the engine.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The service.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The template of a block is invalid.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A call failed, or the client refused the service's answer.
    #[error("the client: {0}")]
    Client(#[source] Box<ClientError>),
    /// A step had an unexpected result.
    #[error("{step}: expected {expected}, found {found}")]
    Unexpected {
        /// The step.
        step: &'static str,
        /// The expected result.
        expected: String,
        /// The result found.
        found: String,
    },
    /// The audit office's key could not be created.
    #[error("the audit office's key: {0}")]
    Key(#[from] KeyError),
    /// The path of `--keep` is not a new or an empty folder.
    #[error("--keep {}: expected a new or an empty folder, found {found}; choose another path", path.display())]
    KeepFolder {
        /// The path given.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
}

impl From<ClientError> for DemoError {
    fn from(error: ClientError) -> Self {
        Self::Client(Box::new(error))
    }
}

impl Explain for DemoError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Setup(error) => error.reason(),
            Self::Serve(_) => "service-failed",
            Self::Template(_) => "bad-template",
            Self::Client(_) | Self::Unexpected { .. } | Self::Key(_) => "demo-failed",
            Self::KeepFolder { .. } => "bad-output",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Setup(error) => error.place(),
            Self::KeepFolder { path, .. } => Some(path.display().to_string()),
            Self::Serve(_) | Self::Template(_) | Self::Client(_) | Self::Unexpected { .. } | Self::Key(_) => None,
        }
    }
}
