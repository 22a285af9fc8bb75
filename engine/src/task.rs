//! Tasks: what the driver assigns to a worker. The owner of a task is behind a trait, so that neither the driver nor
//! the workers depend on it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cityseal_chain::{Region, SealTemplate};
use cityseal_device::known_answers::Case;
use cityseal_device::{Batch, DeviceInfo, Report, SearchBatch};
use cityseal_hash::HashKernel;

use crate::judge::Caught;

/// The number of one assignment in its engine.
pub(crate) type Seq = u64;

/// What a worker does next.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) seq: Seq,
    pub(crate) task: Task,
    /// The CPU rehashes one in this many header hashes of any other device.
    pub(crate) recheck_every: usize,
}

/// One unit of scheduling.
#[derive(Debug)]
pub(crate) enum Task {
    /// Search a lease; hits are judged against the template.
    Search { template: Arc<SealTemplate>, region: Region, batch: SearchBatch },
    /// Hash and judge a segment of headers.
    Headers(Arc<dyn ChainTask>),
    /// Hash and judge a group of whole blocks.
    Blocks(Arc<dyn ChainTask>),
    /// Answer a batch whose answer is known, to show that the device still finds hits.
    Canary(Arc<Case>),
}

impl Task {
    /// The batch for the device, which takes Merkle trees of at most `leaves_max` leaves; `kernel` does the hashing
    /// that precedes it. `None` if nothing is left for the device.
    pub(crate) fn batch(&self, kernel: HashKernel, leaves_max: usize) -> Option<Batch> {
        match self {
            Self::Search { batch, .. } => Some(Batch::Search(batch.clone())),
            Self::Headers(task) | Self::Blocks(task) => task.batch(kernel, leaves_max),
            Self::Canary(case) => Some(case.batch.clone()),
        }
    }

    /// Whether reading a file or much hashing may precede the device's part.
    pub(crate) const fn needs_preparation(&self) -> bool {
        matches!(self, Self::Headers(_) | Self::Blocks(_))
    }
}

/// Identifies the chain that a task belongs to: the address of its shared state, unique while one of its tasks exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainId(pub(crate) usize);

/// A device's answer to a task, and what the CPU checks it with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) device: &'a DeviceInfo,
    pub(crate) report: &'a Report,
    /// How long the device was busy.
    pub(crate) busy: Duration,
    /// The kernel for rehashing.
    pub(crate) cpu: HashKernel,
    /// The CPU rehashes one in this many header hashes of any other device.
    pub(crate) recheck_every: usize,
}

/// Consecutive headers or blocks of one chain under verification.
pub(crate) trait ChainTask: fmt::Debug + Send + Sync {
    fn chain(&self) -> ChainId;

    /// Number of headers or blocks.
    fn count(&self) -> usize;

    /// Whether the verdict may still depend on this task.
    fn is_wanted(&self) -> bool;

    /// Loads and prepares the batch for the device. `None` if nothing is left for the device: the input cannot be read
    /// (the owner has recorded that), or the task was judged without the device.
    fn batch(&self, kernel: HashKernel, leaves_max: usize) -> Option<Batch>;

    /// Judges the answer. The CPU is trusted; the claims of any other device are sampled, and rechecked in full if they
    /// show a fault.
    ///
    /// # Errors
    /// The device's wrong answer.
    fn judge(&self, answer: &Answer<'_>) -> Result<(), Caught>;

    /// Informs the owner that no worker will take this task or any other of its chain.
    fn abandon(&self);
}
