//! What was injected, and when another device took over the work that the first fault befell.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::flip::Place;
use super::plan::Fault;
use crate::{Backend, Batch, Completed, DeviceError, DeviceInfo, OpenError, Opener, Ticket};

/// How long those who let the faulty device go first wait for its first fault.
const FIRST_FAULT_PATIENCE: Duration = Duration::from_secs(3);

/// How long one wait for that fault lasts before it is looked for again.
const NAP: Duration = Duration::from_millis(1);

/// Counts of what was injected. Shared by the device, who watches it and who wants to know.
#[derive(Debug, Default)]
pub struct Injected {
    batches: AtomicU64,
    faults: [AtomicU64; Fault::KINDS],
    flips: [AtomicU64; Place::KINDS],
    first: Mutex<Option<Harm>>,
}

/// The first fault: what was asked, when it came, and how long it took until somebody else was asked the same.
#[derive(Debug)]
struct Harm {
    batch: Batch,
    at: Instant,
    taken_over: Option<Duration>,
}

impl Injected {
    /// Batches that the device took, those of self-tests apart.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::SeqCst)
    }

    /// How often a fault of this kind was injected; the seed of a bit flip does not matter. A lie that happened to be the
    /// truth is not counted.
    pub fn count(&self, fault: Fault) -> u64 {
        self.faults[fault.kind()].load(Ordering::SeqCst)
    }

    /// How many faults of any kind were injected.
    pub fn total(&self) -> u64 {
        self.faults.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// How many bits of this kind were flipped.
    pub fn flips(&self, place: Place) -> u64 {
        self.flips[place.kind()].load(Ordering::SeqCst)
    }

    /// From the first fault until a [`Witness`] was asked (a part of) the same question; `None` where none was yet.
    pub fn taken_over(&self) -> Option<Duration> {
        self.first().as_ref()?.taken_over
    }

    pub(super) fn count_batch(&self) -> u64 {
        self.batches.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn note(&self, fault: Fault, batch: &Batch) {
        self.faults[fault.kind()].fetch_add(1, Ordering::SeqCst);
        self.first().get_or_insert_with(|| Harm { batch: batch.clone(), at: Instant::now(), taken_over: None });
    }

    pub(super) fn note_flip(&self, place: Place) {
        self.flips[place.kind()].fetch_add(1, Ordering::SeqCst);
    }

    fn see(&self, batch: &Batch) {
        if let Some(harm) =
            self.first().as_mut().filter(|harm| harm.taken_over.is_none() && overlap(&harm.batch, batch))
        {
            harm.taken_over = Some(harm.at.elapsed());
        }
    }

    fn first(&self) -> MutexGuard<'_, Option<Harm>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two batches ask for one hash at least that is the same.
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

/// Opens an honest device that notes when it is asked what a faulty one was asked ([`Injected::taken_over`]).
pub struct Witness {
    inner: Box<dyn Opener>,
    info: DeviceInfo,
    injected: Arc<Injected>,
    lets_it_go_first: bool,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Witness {
    /// Watches for the work of the device whose faults are counted there.
    pub fn new(inner: Box<dyn Opener>, injected: Arc<Injected>) -> Self {
        let info = inner.info().clone();
        Self { inner, info, injected, lets_it_go_first: false }
    }

    /// Goes by this id; its name stays.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.info.id);
        self
    }

    /// Holds its answers back until the first fault has come (3 s at most), so that a short job can not end before.
    #[must_use]
    pub const fn after_the_first_fault(mut self) -> Self {
        self.lets_it_go_first = true;
        self
    }
}

impl Opener for Witness {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn open(&mut self) -> Result<Box<dyn Backend>, OpenError> {
        let inner = self.inner.open()?;
        let spared = crate::known_answers::cases(&*inner).len() as u64;
        let (injected, info) = (Arc::clone(&self.injected), self.info.clone());
        Ok(Box::new(Watching { inner, info, injected, spared, waits: self.lets_it_go_first, waiting_since: None }))
    }
}

struct Watching {
    inner: Box<dyn Backend>,
    info: DeviceInfo,
    injected: Arc<Injected>,
    /// Batches of the self-test that are still to be answered.
    spared: u64,
    /// It holds its answers back until the first fault.
    waits: bool,
    /// Since when, once it has an answer to hold back.
    waiting_since: Option<Instant>,
}

impl Watching {
    /// Whether the answer is to be held back still.
    fn holds_back(&mut self) -> bool {
        if !self.waits || self.spared > 0 {
            self.spared = self.spared.saturating_sub(1);
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
        if self.holds_back() {
            std::thread::park_timeout(timeout.min(NAP));
            return Ok(None);
        }
        self.inner.collect(timeout)
    }

    fn reuse(&mut self, hashes: Vec<[u8; 32]>) {
        self.inner.reuse(hashes);
    }
}
