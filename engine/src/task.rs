//! Tasks: what the driver assigns to a worker. The owner of a task is behind a trait, so that neither the driver nor
//! the workers depend on it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cityseal_chain::{Region, RootedTemplate, SealTemplate};
use cityseal_device::known_answers::Case;
use cityseal_device::{Batch, DeviceInfo, Report, SearchBatch, SearchReport};
use cityseal_hash::HashKernel;

use crate::judge::{Caught, Judged, judge_search, plant};

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
    /// Search the regions of some leases; hits are judged against the template.
    Search(SearchTask),
    /// Hash and judge a segment of headers.
    Headers(Arc<dyn ChainTask>),
    /// Hash and judge a group of whole blocks.
    Blocks(Arc<dyn ChainTask>),
    /// Answer a batch whose answer is known, to show that the device still finds hits.
    Canary(Arc<Case>),
}

impl Task {
    /// The batch of a task that is one batch, for a device that takes Merkle trees of at most `leaves_max` leaves;
    /// `kernel` does the hashing that precedes it. `None` if nothing is left for the device, and for a search, which
    /// has [parts](SearchTask::part).
    pub(crate) fn batch(&self, kernel: HashKernel, leaves_max: usize) -> Option<Batch> {
        match self {
            Self::Search(_) => None,
            Self::Headers(task) | Self::Blocks(task) => task.batch(kernel, leaves_max),
            Self::Canary(case) => Some(case.batch.clone()),
        }
    }

    /// Whether reading a file or much hashing may precede the device's part.
    pub(crate) const fn needs_preparation(&self) -> bool {
        matches!(self, Self::Headers(_) | Self::Blocks(_))
    }
}

/// Most regions of one search task. A region costs the driver about half a microsecond, so the lock is held for at most
/// about 0.1 ms; a worker needs 5 us and more for each.
pub(crate) const REGIONS_MAX: usize = 256;

/// The search of one or more regions of a job, in their order.
#[derive(Debug)]
pub(crate) struct SearchTask {
    pub(crate) source: Arc<SearchSource>,
    /// 1 to [`REGIONS_MAX`].
    pub(crate) regions: Vec<Region>,
    /// Most hits that the batch of a region may report.
    pub(crate) hits_max: usize,
    /// The number from which the planted hit of each region derives; `None` for a device that needs no canary.
    pub(crate) canary: Option<u64>,
    /// The worker begins no further region after this time.
    pub(crate) time_max: Duration,
    /// Whether the job ends with its first seal.
    pub(crate) ends_at_seal: bool,
}

/// What all search tasks of a job share.
#[derive(Debug)]
pub(crate) struct SearchSource {
    template: Arc<SealTemplate>,
    /// The root that was computed last: consecutive tasks of a job mostly search the same extranonce.
    rooted: Mutex<Option<Arc<RootedTemplate>>>,
}

impl SearchSource {
    pub(crate) fn new(template: SealTemplate) -> Self {
        Self { template: Arc::new(template), rooted: Mutex::new(None) }
    }

    pub(crate) fn template(&self) -> &SealTemplate {
        &self.template
    }

    fn rooted(&self, extranonce: u64) -> Arc<RootedTemplate> {
        let known = self.rooted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.filter(|known| known.extranonce() == extranonce).unwrap_or_else(|| {
            // Without the lock: a large coinbase takes milliseconds.
            let rooted = Arc::new(RootedTemplate::new(Arc::clone(&self.template), extranonce));
            *self.rooted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&rooted));
            rooted
        })
    }
}

/// One region of a search task, prepared for a device.
#[derive(Debug)]
pub(crate) struct SearchPart {
    pub(crate) rooted: Arc<RootedTemplate>,
    pub(crate) region: Region,
    pub(crate) batch: SearchBatch,
}

impl SearchTask {
    /// Prepares the region with index `index`: computes its Merkle root and midstates.
    pub(crate) fn part(&self, index: usize) -> SearchPart {
        let region = self.regions[index];
        let rooted = self.source.rooted(region.extranonce);
        let input = rooted.region_input(&region);
        let mut batch = SearchBatch::new(input.midstates, input.tail, region.nonces, input.top_word_max, self.hits_max);
        if let Some(first) = self.canary {
            let number = first.wrapping_mul(REGIONS_MAX as u64).wrapping_add(index as u64);
            batch = batch.with_planted(plant(&rooted, &region, number));
        }
        SearchPart { rooted, region, batch }
    }
}

impl SearchPart {
    /// Rehashes the hits of the device's answer.
    ///
    /// # Errors
    /// The device's wrong answer.
    pub(crate) fn judge(&self, report: SearchReport) -> Result<Judged, Caught> {
        judge_search(&self.rooted, &self.region, &self.batch, report)
    }
}

/// The answer to a search task.
#[derive(Debug, Default)]
pub(crate) struct SearchAnswer {
    /// Number of regions searched, from the first one on.
    pub(crate) done: usize,
    /// The seals of these regions; `overflow` if the region after them had too many hits.
    pub(crate) judged: Judged,
    pub(crate) cost: TaskCost,
}

/// The time that a task took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TaskCost {
    /// The device's part.
    pub(crate) device: Duration,
    /// Everything: preparation, the device's part, judging.
    pub(crate) total: Duration,
}

/// Identifies the chain that a task belongs to. Never used again in this process, so that a later chain does not
/// inherit the account of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChainId(pub(crate) u64);

impl ChainId {
    /// The id of a new chain.
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

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

    /// On whose behalf the chain is verified.
    fn tenant(&self) -> &str;

    /// The chain's priority among the work of its tenant.
    fn priority(&self) -> u8;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chain_has_an_id_of_its_own() {
        let ids = [(); 3].map(|()| ChainId::next());
        assert!(ids[0] < ids[1] && ids[1] < ids[2], "{ids:?}");
    }
}
