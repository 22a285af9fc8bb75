//! The `Backend` trait: one device, spoken to by exactly one thread.

use std::sync::Arc;
use std::time::Duration;

use crate::{Batch, DeviceError, DeviceInfo, OpenError, Report, Tuning};

/// Names one submitted batch of one back end; ascending in the order of submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A batch that has run to its end.
#[derive(Clone, Debug)]
pub struct Completed {
    /// The ticket that `submit` gave.
    pub ticket: Ticket,
    /// What the device claims.
    pub report: Report,
    /// How long the device itself worked on this batch, as well as the back end can tell.
    pub busy: Duration,
}

/// One device. Object-safe; owned by one thread.
///
/// Batches complete in the order of their submission. A back end may fail only with what its caller could not
/// foresee: lost, hung, out of memory, an incomplete result. After an error every batch in flight is void, and the
/// back end is dropped.
pub trait Backend: Send {
    /// What the device is, and how large its batches may be.
    fn info(&self) -> &DeviceInfo;

    /// How many batches may be in flight at once; at least 1.
    fn depth(&self) -> usize;

    /// Hands over a batch within [`DeviceInfo::limits`].
    ///
    /// # Errors
    /// [`DeviceError`] where the device can not take it.
    ///
    /// # Panics
    /// If more than [`Self::depth`] batches are in flight, or the batch passes the limits: a broken promise of the caller.
    fn submit(&mut self, batch: Batch) -> Result<Ticket, DeviceError>;

    /// Waits for the oldest batch in flight, `timeout` at most; `None` where it is not done by then or nothing is in flight.
    ///
    /// # Errors
    /// [`DeviceError`] where the device was lost or its result is not complete.
    fn collect(&mut self, timeout: Duration) -> Result<Option<Completed>, DeviceError>;

    /// Takes back the room of hashes that it gave and that are judged by now; a back end may use it again.
    fn reuse(&mut self, hashes: Vec<[u8; 32]>) {
        drop(hashes);
    }
}

/// Opens a device, and opens it again after it was lost.
pub trait Opener: Send {
    /// What the device is, as known before it is opened.
    fn info(&self) -> &DeviceInfo;

    /// Opens the device and builds all that it needs; slow (up to seconds).
    ///
    /// # Errors
    /// [`OpenError`] with the reason, in words that a person can act on.
    fn open(&mut self) -> Result<Box<dyn Backend>, OpenError>;

    /// Where its back ends say how they have tuned themselves; `None` where they do not.
    fn tuning(&self) -> Option<Arc<Tuning>> {
        None
    }
}
