//! Why a device could not be opened, or failed at work.

use std::time::Duration;

/// A failure of a device that its caller could not foresee.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The device is gone (reset, unplugged, driver fault).
    #[error("device lost: {reason}")]
    Lost {
        /// What the driver said.
        reason: String,
    },
    /// A batch did not end within the time that the engine allows.
    #[error("device hung: a batch was not done after {waited:?}")]
    Hung {
        /// How long the engine waited.
        waited: Duration,
    },
    /// The device has not enough memory for the batch.
    #[error("device out of memory: {reason}")]
    OutOfMemory {
        /// What the driver said.
        reason: String,
    },
    /// The result lacks the marks of a batch that ran to its end.
    #[error("incomplete result: {expected} workgroups expected, {found} reported")]
    Incomplete {
        /// Marks demanded.
        expected: u64,
        /// Marks found.
        found: u64,
    },
    /// The result contradicts itself (a hit outside the batch, more slots than hits).
    #[error("malformed result: {what}")]
    Malformed {
        /// What is wrong with it.
        what: String,
    },
    /// The worker that owned the device panicked.
    #[error("the worker of the device panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
}

/// Why a device could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The driver refused.
    #[error("the driver refused the device: {reason}")]
    Refused {
        /// What the driver said.
        reason: String,
    },
    /// The device is not there any more.
    #[error("the device is gone")]
    Gone,
    /// The device lacks something that the shaders need.
    #[error("the device lacks {what}: {wanted} wanted, {found} found")]
    Lacks {
        /// The limit or feature.
        what: String,
        /// What the engine needs.
        wanted: u64,
        /// What the device has.
        found: u64,
    },
}
