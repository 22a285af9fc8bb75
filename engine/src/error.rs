//! The errors of the engine's public operations, and who must act on them.

use std::fmt;

use cityseal_chain::HistoryError;

/// Who must act on an error. Exit codes and gRPC status are each one exhaustive match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// What the caller gave is wrong.
    Input,
    /// The other end of a connection.
    Peer,
    /// A device, or its absence.
    Device,
    /// The machine's storage or another source of bytes.
    Disk,
    /// CitySeal itself.
    Ours,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Peer => "peer",
            Self::Device => "device",
            Self::Disk => "disk",
            Self::Ours => "CitySeal",
        })
    }
}

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

impl BuildError {
    /// Who must act.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::UnknownDevice { .. } | Self::UnknownKernel { .. } | Self::OutOfRange { .. } => Blame::Input,
            Self::NotReady { .. } => Blame::Device,
            Self::NoThread { .. } => Blame::Ours,
        }
    }
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

impl VerifyRequestError {
    /// Who must act.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Context(_) | Self::Resumed { .. } => Blame::Input,
        }
    }
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

impl VerifyError {
    /// Who must act.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Read { .. } => Blame::Disk,
            Self::Request(error) => error.blame(),
        }
    }
}
