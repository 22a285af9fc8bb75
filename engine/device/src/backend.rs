//! The `Backend` trait: one device, used by exactly one thread.

use std::sync::Arc;
use std::time::Duration;

use crate::{Batch, DeviceError, DeviceInfo, OpenError, Report, Tuning};

/// Identifies a submitted batch of one back end. Tickets ascend in the order of submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A finished batch.
#[derive(Clone, Debug)]
pub struct Completed {
    /// The ticket that `submit` returned.
    pub ticket: Ticket,
    /// The device's answer.
    pub report: Report,
    /// How long the device worked on this batch, as far as the back end can measure it.
    pub busy: Duration,
}

/// One device. The trait is object-safe; one thread owns the device.
///
/// Batches complete in the order of their submission. A back end may fail only for reasons that its caller cannot
/// foresee: lost, hung, out of memory, an incomplete result. After an error all batches in flight are void, and the
/// caller must drop the back end.
pub trait Backend: Send {
    /// Describes the device and the limits of its batches.
    fn info(&self) -> &DeviceInfo;

    /// The number of batches that may be in flight at once: at least 1.
    fn depth(&self) -> usize;

    /// Submits a batch within [`DeviceInfo::limits`].
    ///
    /// # Errors
    /// [`DeviceError`] if the device cannot take it.
    ///
    /// # Panics
    /// If more than [`Self::depth`] batches would be in flight, or the batch exceeds the limits.
    fn submit(&mut self, batch: Batch) -> Result<Ticket, DeviceError>;

    /// Waits for the oldest batch in flight, for at most `timeout`. Returns `None` if it is not finished by then, or if
    /// nothing is in flight.
    ///
    /// # Errors
    /// [`DeviceError`] if the device was lost or its result is incomplete.
    fn collect(&mut self, timeout: Duration) -> Result<Option<Completed>, DeviceError>;

    /// Returns the memory of hashes that are no longer needed, so that the back end can reuse it.
    fn reuse(&mut self, hashes: Vec<[u8; 32]>) {
        drop(hashes);
    }
}

/// Opens a device, and reopens it after a loss.
pub trait Opener: Send {
    /// Describes the device, as far as known before it is opened.
    fn info(&self) -> &DeviceInfo;

    /// Opens the device and builds everything it needs. This can take seconds.
    ///
    /// # Errors
    /// [`OpenError`] if the device cannot be opened.
    fn open(&mut self) -> Result<Box<dyn Backend>, OpenError>;

    /// The measurements of its back ends; `None` if they do not tune themselves.
    fn tuning(&self) -> Option<Arc<Tuning>> {
        None
    }
}
