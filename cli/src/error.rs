//! Errors of the process itself: its log, its priority, its files, its stdout.

use std::io;
use std::path::PathBuf;

use crate::error_answer::Explain;
use crate::files::OutputError;

/// Why the process could not read, write or set itself up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// The filter of the log cannot be parsed.
    #[error("--log {filter}: {message}")]
    LogFilter {
        /// The filter given.
        filter: String,
        /// The parser's message.
        message: String,
    },
    /// The system refused to lower the priority of the process.
    #[error("--nice {steps}: {source}")]
    Nice {
        /// The requested niceness.
        steps: u8,
        /// The system's error.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// An output was refused before the work started.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The answer cannot be written.
    #[error("stdout: {0}")]
    Stdout(#[source] io::Error),
    /// The system refused a thread, a signal handler or random numbers.
    #[error("the system refused: {0}")]
    System(#[source] io::Error),
}

impl Explain for CliError {
    fn reason(&self) -> &'static str {
        match self {
            Self::LogFilter { .. } => "bad-log-filter",
            Self::Nice { .. } => "nice-refused",
            Self::ReadFile { .. } => "cannot-read",
            Self::WriteFile { .. } | Self::Stdout(_) => "cannot-write",
            Self::Output(_) => "bad-output",
            Self::System(_) => "system-refused",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::ReadFile { path, .. } | Self::WriteFile { path, .. } => Some(path.display().to_string()),
            Self::LogFilter { .. } | Self::Nice { .. } | Self::Output(_) | Self::Stdout(_) | Self::System(_) => None,
        }
    }
}
