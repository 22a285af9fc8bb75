//! The errors of the engine's public operations.

use cityseal_chain::HistoryError;

/// Why no engine could be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The name matches no device.
    #[error("no device is called '{name}'; known: {}", known.join(", "))]
    UnknownDevice {
        /// The name given.
        name: String,
        /// The names of all devices found.
        known: Vec<String>,
    },
    /// The named device exists but cannot be used.
    #[error("device '{name}' was requested but is not ready: {reason}")]
    NotReady {
        /// The name given.
        name: String,
        /// Why it is not ready, and what to do.
        reason: String,
    },
    /// No kernel has that name, or this CPU cannot run it.
    #[error("kernel '{name}' cannot be used: {reason}; on this machine: {}", known.join(", "))]
    UnknownKernel {
        /// The name given.
        name: String,
        /// Whether it is unknown or not supported by this CPU.
        reason: String,
        /// The kernels that this CPU can run.
        known: Vec<String>,
    },
    /// A number out of range.
    #[error("{what}: expected {expected}, found {found}")]
    OutOfRange {
        /// The setting.
        what: &'static str,
        /// The valid range.
        expected: String,
        /// The value given.
        found: u64,
    },
    /// The operating system refused a thread.
    #[error("cannot start a worker thread: {reason}")]
    NoThread {
        /// The error of the system.
        reason: String,
    },
}

/// Why a verification could not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyRequestError {
    /// The trusted headers before the first one are invalid.
    #[error("context: {0}")]
    Context(#[from] HistoryError),
    /// The state to resume from is inconsistent, or belongs to another chain.
    #[error(
        "resumed state: expected a history that continues at height {expected}, at or above {start_height}; it \
         continues at {found}"
    )]
    Resumed {
        /// The height of the first header of the whole input.
        start_height: u64,
        /// The height after the proved items.
        expected: u64,
        /// The height after the history.
        found: u64,
    },
}

/// Why a verification of a reader ended without a verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The reader failed.
    #[error("reading failed after {offset} bytes: {source}")]
    Read {
        /// Bytes read before the failure.
        offset: u64,
        /// The error of the reader.
        source: std::io::Error,
    },
    /// The request is invalid.
    #[error(transparent)]
    Request(#[from] VerifyRequestError),
}
