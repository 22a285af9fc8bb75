//! Counters of injected faults, and how long it takes until another device repeats the work of the first faulty batch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::flip::Place;
use super::plan::Fault;
use crate::{Backend, Batch, Completed, DeviceError, DeviceInfo, OpenError, Opener, Ticket};

/// How long a witness waits for the first fault ([`Witness::after_the_first_fault`]).
const FIRST_FAULT_PATIENCE: Duration = Duration::from_secs(3);

/// How often it checks for the fault.
const NAP: Duration = Duration::from_millis(1);

/// Counters of injected faults, shared by the faulty device, its witness and the test.
#[derive(Debug, Default)]
pub struct Injected {
    batches: AtomicU64,
    faults: [AtomicU64; Fault::KINDS],
    flips: [AtomicU64; Place::KINDS],
    first: Mutex<Option<FirstFault>>,
}

/// The first fault: its batch, its time, and how long it took until another device got the same work.
#[derive(Debug)]
struct FirstFault {
    batch: Batch,
    at: Instant,
    taken_over: Option<Duration>,
}

impl Injected {
    /// Batches submitted to the faulty device, without those of self-tests.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::SeqCst)
    }

    /// How often a fault of this kind was injected; the seed of a bit flip is ignored. A fault that did not change the
    /// answer is not counted.
    pub fn count(&self, fault: Fault) -> u64 {
        self.faults[fault.kind()].load(Ordering::SeqCst)
    }

    /// How many faults of any kind were injected.
    pub fn total(&self) -> u64 {
        self.faults.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// How many bits were flipped in this place.
    pub fn flips(&self, place: Place) -> u64 {
        self.flips[place.kind()].load(Ordering::SeqCst)
    }

    /// The time from the first fault until a [`Witness`] got the same work or a part of it; `None` if that has not
    /// happened.
    pub fn taken_over(&self) -> Option<Duration> {
        self.first().as_ref()?.taken_over
    }

    pub(super) fn count_batch(&self) -> u64 {
        self.batches.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn note(&self, fault: Fault, batch: &Batch) {
        self.faults[fault.kind()].fetch_add(1, Ordering::SeqCst);
        self.first().get_or_insert_with(|| FirstFault { batch: batch.clone(), at: Instant::now(), taken_over: None });
    }

    pub(super) fn note_flip(&self, place: Place) {
        self.flips[place.kind()].fetch_add(1, Ordering::SeqCst);
    }

    fn see(&self, batch: &Batch) {
        if let Some(first) = self.first().as_mut()
            && first.taken_over.is_none()
            && overlap(&first.batch, batch)
        {
            first.taken_over = Some(first.at.elapsed());
        }
    }

    fn first(&self) -> MutexGuard<'_, Option<FirstFault>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two batches have at least one hash in common.
fn overlap(one: &Batch, two: &Batch) -> bool {
    match (one, two) {
        (Batch::Search(one), Batch::Search(two)) => {
            let shares_midstate = one.midstates().iter().any(|midstate| two.midstates().contains(midstate));
            let shares_nonce = one.nonces.first() <= two.nonces.last() && two.nonces.first() <= one.nonces.last();
            one.tail == two.tail && shares_midstate && shares_nonce
        }
        (Batch::Check(one), Batch::Check(two)) => one.headers() == two.headers(),
        (Batch::Merkle(one), Batch::Merkle(two)) => one.rule() == two.rule() && one.nodes() == two.nodes(),
        (Batch::Trees(one), Batch::Trees(two)) => {
            (one.rule(), one.counts(), one.leaves()) == (two.rule(), two.counts(), two.leaves())
        }
        (Batch::Search(_) | Batch::Check(_) | Batch::Merkle(_) | Batch::Trees(_), _) => false,
    }
}

/// Opens a correct device that records when it gets the work of a faulty one ([`Injected::taken_over`]).
pub struct Witness {
    inner: Box<dyn Opener>,
    info: DeviceInfo,
    injected: Arc<Injected>,
    waits_for_fault: bool,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Witness {
    /// Watches for the work of the device whose faults `injected` counts.
    pub fn new(inner: Box<dyn Opener>, injected: Arc<Injected>) -> Self {
        let info = inner.info().clone();
        Self { inner, info, injected, waits_for_fault: false }
    }

    /// Changes the id of the device; its name stays.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.info.id);
        self
    }

    /// Holds answers back until the first fault, for 3 s at most, so that a short job cannot end before it.
    #[must_use]
    pub const fn after_the_first_fault(mut self) -> Self {
        self.waits_for_fault = true;
        self
    }
}

impl Opener for Witness {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn open(&mut self) -> Result<Box<dyn Backend>, OpenError> {
        let inner = self.inner.open()?;
        let self_test_left = crate::known_answers::cases(&*inner).len() as u64;
        let (injected, info) = (Arc::clone(&self.injected), self.info.clone());
        Ok(Box::new(Watching {
            inner,
            info,
            injected,
            self_test_left,
            waits: self.waits_for_fault,
            waiting_since: None,
        }))
    }
}

struct Watching {
    inner: Box<dyn Backend>,
    info: DeviceInfo,
    injected: Arc<Injected>,
    /// Self-test batches that are still to be answered.
    self_test_left: u64,
    /// Whether answers are held back until the first fault.
    waits: bool,
    /// When the first answer was held back.
    waiting_since: Option<Instant>,
}

impl Watching {
    /// Decides whether to hold the next answer back.
    fn hold_back(&mut self) -> bool {
        if !self.waits || self.self_test_left > 0 {
            self.self_test_left = self.self_test_left.saturating_sub(1);
            return false;
        }
        let waited = self.waiting_since.get_or_insert_with(Instant::now).elapsed();
        self.waits = self.injected.total() == 0 && waited < FIRST_FAULT_PATIENCE;
        self.waits
    }
}

impl Backend for Watching {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn depth(&self) -> usize {
        self.inner.depth()
    }

    fn submit(&mut self, batch: Batch) -> Result<Ticket, DeviceError> {
        self.injected.see(&batch);
        self.inner.submit(batch)
    }

    fn collect(&mut self, timeout: Duration) -> Result<Option<Completed>, DeviceError> {
        if self.hold_back() {
            std::thread::park_timeout(timeout.min(NAP));
            return Ok(None);
        }
        self.inner.collect(timeout)
    }

    fn reuse(&mut self, hashes: Vec<[u8; 32]>) {
        self.inner.reuse(hashes);
    }
}
