//! Why a journal cannot be opened or written.

use std::path::PathBuf;

/// The journal cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The folder or the file cannot be made or opened.
    #[error("journal {}: {source}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("journal {}: another process uses it; a state folder serves one process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error("journal {}: format {found}, expected {expected}; a newer version of the program wrote it", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The number in the file.
        found: u64,
        /// The number of this build.
        expected: u64,
    },
    /// It is damaged, or no journal.
    #[error(
        "journal {}: {message}; move the folder aside to start with an empty journal, and keep it for the report",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        message: String,
    },
}

/// A job was not written, so it must not run. The journal tries again by itself; a later submission may succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The disk refused, for instance because it is full.
    #[error("the journal cannot be written: {message}")]
    Failed {
        /// The system's error.
        message: String,
    },
    /// More waits to be written than the queue holds.
    #[error("the journal is busy: its queue is full")]
    Busy,
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}
