//! What can go wrong at the engine's door, and who is to blame.

use std::fmt;

use cityseal_chain::HistoryError;

/// Who must act on an error. Exit codes and gRPC status are each one exhaustive match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// What the caller gave is wrong.
    Input,
    /// The program at the other end of a connection.
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
    /// No device has that id, and none has it as a part of its name.
    #[error("no device is called '{name}'; known: {}", known.join(", "))]
    UnknownDevice {
        /// The name given.
        name: String,
        /// The names of all devices found.
        known: Vec<String>,
    },
    /// A device that was asked for is there and can not be used.
    #[error("device '{name}' was asked for and is not ready: {reason}")]
    NotReady {
        /// The name given.
        name: String,
        /// Why it is not ready, and what would help.
        reason: String,
    },
    /// No kernel has that name, or this CPU can not run it.
    #[error("kernel '{name}' cannot be used: {reason}; on this machine: {}", known.join(", "))]
    UnknownKernel {
        /// The name given.
        name: String,
        /// Unknown, or not on this CPU.
        reason: String,
        /// The kernels that this CPU can run.
        known: Vec<String>,
    },
    /// A number that makes no sense.
    #[error("{what}: expected {expected}, found {found}")]
    OutOfRange {
        /// The setting.
        what: &'static str,
        /// What would do.
        expected: String,
        /// What was given.
        found: u64,
    },
    /// The operating system gave no thread.
    #[error("cannot start a worker thread: {reason}")]
    NoThread {
        /// What the system said.
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

/// Why Merkle trees could not be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreesError {
    /// A tree has no leaves.
    #[error("tree {index} has no leaves: expected one or more")]
    Empty {
        /// Its number, from 0.
        index: usize,
    },
    /// No device is left.
    #[error("no device is left that could check the trees")]
    NoDevice,
}

impl TreesError {
    /// Who must act.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Empty { .. } => Blame::Input,
            Self::NoDevice => Blame::Device,
        }
    }
}

/// Why a verification could not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyRequestError {
    /// The trusted headers before the first one do not fit.
    #[error("context: {0}")]
    Context(#[from] HistoryError),
    /// What is to be gone on from does not fit together, or not this chain.
    #[error(
        "resumed state: begins at or above height {start_height} and goes on at {expected}, its history goes on at {found}"
    )]
    Resumed {
        /// The height of the first header of the whole input.
        start_height: u64,
        /// The height behind what was proved.
        expected: u64,
        /// The height behind the headers that are remembered.
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
        /// How many bytes were read before.
        offset: u64,
        /// What the reader said.
        source: std::io::Error,
    },
    /// The request itself.
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
