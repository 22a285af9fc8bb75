//! Why a device could not be opened, or failed during its work.

use std::time::Duration;

/// A failure of a device that its caller cannot foresee.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The device was lost (reset, unplugged, driver fault).
    #[error("device lost: {reason}")]
    Lost {
        /// The driver's message.
        reason: String,
    },
    /// A batch did not finish within the time that the engine allows.
    #[error("device hung: a batch was not finished after {waited:?}")]
    Hung {
        /// How long the engine waited.
        waited: Duration,
    },
    /// The device has not enough memory for the batch.
    #[error("device out of memory: {reason}")]
    OutOfMemory {
        /// The driver's message.
        reason: String,
    },
    /// The result lacks completion marks, which show that a batch ran to its end.
    #[error("incomplete result: expected {expected} completion marks, found {found}")]
    Incomplete {
        /// Expected marks.
        expected: u64,
        /// Marks in the result.
        found: u64,
    },
    /// The result contradicts itself (a hit outside the batch, more slots than hits).
    #[error("malformed result: {what}")]
    Malformed {
        /// The contradiction.
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
    /// The driver refused to open the device.
    #[error("the driver refused to open the device: {reason}")]
    Refused {
        /// The driver's message.
        reason: String,
    },
    /// The device no longer exists.
    #[error("the device is no longer present")]
    Gone,
    /// The device lacks something that the shaders need.
    #[error("the device lacks {what}: expected at least {wanted}, found {found}")]
    Lacks {
        /// The limit or feature.
        what: String,
        /// The required value.
        wanted: u64,
        /// The device's value.
        found: u64,
    },
}
