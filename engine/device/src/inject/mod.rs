//! Faults on purpose: an opener around any other that spoils, by a plan, what the real device does.
//!
//! Where [`crate::fake`] is a device that never was, an [`Injector`] makes a real one faulty (a GPU, lavapipe, a kernel of
//! the CPU posing as a GPU): its batches run, and their answers are changed on the way. The plan is data, and what was done
//! is counted ([`Injected`]), so that a test can demand that so many faults really happened.

mod flip;
mod plan;
mod witness;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use flip::{Place, flip_a_bit};
pub use plan::{Fault, Injection, When};
pub use witness::{Injected, Witness};

use crate::fake::Lie;
use crate::known_answers;
use crate::{Backend, Batch, Completed, DeviceError, DeviceInfo, DeviceKind, OpenError, Opener, Report, Ticket};

/// How long a hung device keeps its caller at most; a caller that waits longer asks again.
const HUNG_NAP: Duration = Duration::from_millis(1);

/// Opens a device whose answers are spoiled by a plan. See the module's text.
///
/// Batches are counted from 0 over all openings. Those with which each opening is self-tested are left alone and not counted,
/// so that a device gets in, and gets in again after it was lost.
pub struct Injector {
    inner: Box<dyn Opener>,
    info: DeviceInfo,
    is_posing: bool,
    plan: Arc<[Injection]>,
    injected: Arc<Injected>,
}

impl std::fmt::Debug for Injector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Injector").field("info", &self.info).field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Injector {
    /// Spoils the answers of `inner`. Where several injections of the plan fit a batch, the first of them is made.
    pub fn new(inner: Box<dyn Opener>, plan: Vec<Injection>) -> Self {
        let info = inner.info().clone();
        Self { inner, info, is_posing: false, plan: plan.into(), injected: Arc::default() }
    }

    /// Lets the device pass for a GPU of that id and name, so that its word is not taken as the CPU's is.
    #[must_use]
    pub fn posing_as(mut self, id: &str) -> Self {
        id.clone_into(&mut self.info.id);
        id.clone_into(&mut self.info.name);
        self.info.kind = DeviceKind::Gpu;
        self.is_posing = true;
        self
    }

    /// What is injected, to be kept by who wants to know.
    pub fn injected(&self) -> Arc<Injected> {
        Arc::clone(&self.injected)
    }
}

impl Opener for Injector {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn open(&mut self) -> Result<Box<dyn Backend>, OpenError> {
        let inner = self.inner.open()?;
        let mut info = inner.info().clone();
        if self.is_posing {
            info = DeviceInfo { limits: info.limits, kernel: info.kernel, ..self.info.clone() };
        }
        Ok(Box::new(Spoiled {
            spared: known_answers::cases(&*inner).len() as u64,
            inner,
            info,
            plan: Arc::clone(&self.plan),
            injected: Arc::clone(&self.injected),
            queue: VecDeque::new(),
            end: None,
        }))
    }
}

/// How a device came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Lost,
    Hung,
    Stuck,
}

/// What is to become of a batch in flight.
struct Fate {
    /// Which batch it is; it seeds what is random about it.
    number: u64,
    fault: Fault,
    batch: Batch,
}

struct Spoiled {
    inner: Box<dyn Backend>,
    info: DeviceInfo,
    /// Batches of the self-test that are still to come.
    spared: u64,
    plan: Arc<[Injection]>,
    injected: Arc<Injected>,
    /// One entry a batch in flight.
    queue: VecDeque<Option<Fate>>,
    end: Option<End>,
}

impl Spoiled {
    fn fate(&mut self, batch: &Batch) -> Option<Fate> {
        if self.spared > 0 {
            self.spared -= 1;
            return None;
        }
        let number = self.injected.count_batch();
        let fault = self.plan.iter().find(|injection| injection.when.fits(number))?.fault;
        Some(Fate { number, fault, batch: batch.clone() })
    }

    /// Where the oldest batch is one that ends the device: ends it.
    fn end_where_due(&mut self) {
        let Some(Some(fate)) = self.queue.front() else { return };
        self.end = match fate.fault {
            Fault::Loss => Some(End::Lost),
            Fault::Hang => Some(End::Hung),
            Fault::Stuck => Some(End::Stuck),
            Fault::Panic => {
                self.injected.note(fate.fault, &fate.batch);
                panic!("a panic was injected");
            }
            Fault::MissedHits | Fault::FalseHits | Fault::Zeros | Fault::WrongHashes | Fault::BitFlip { .. } => return,
        };
        self.injected.note(fate.fault, &fate.batch);
    }

    fn spoil(&self, fate: &Fate, report: &mut Report) {
        let is_changed = match (fate.fault.lie(), fate.fault) {
            (Some(behaviour), _) => Lie::about(&fate.batch).tell_in_place(report, behaviour),
            (None, Fault::BitFlip { seed }) => {
                self.injected.note_flip(flip_a_bit(report, plan::random(seed, fate.number)));
                true
            }
            (None, _) => false,
        };
        // A lie that changes nothing (no hits left out where there were none) is none.
        if is_changed {
            self.injected.note(fate.fault, &fate.batch);
        }
    }
}

impl Backend for Spoiled {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn depth(&self) -> usize {
        self.inner.depth()
    }

    fn submit(&mut self, batch: Batch) -> Result<Ticket, DeviceError> {
        let fate = self.fate(&batch);
        let ticket = self.inner.submit(batch)?;
        self.queue.push_back(fate);
        Ok(ticket)
    }

    fn collect(&mut self, timeout: Duration) -> Result<Option<Completed>, DeviceError> {
        if self.end.is_none() {
            self.end_where_due();
        }
        match self.end {
            Some(End::Lost) => return Err(DeviceError::Lost { reason: "a loss was injected".to_owned() }),
            Some(End::Hung) => {
                std::thread::park_timeout(timeout.min(HUNG_NAP));
                return Ok(None);
            }
            Some(End::Stuck) => loop {
                std::thread::park();
            },
            None => {}
        }
        let Some(mut done) = self.inner.collect(timeout)? else { return Ok(None) };
        if let Some(fate) = self.queue.pop_front().flatten() {
            self.spoil(&fate, &mut done.report);
        }
        Ok(Some(done))
    }

    fn reuse(&mut self, hashes: Vec<[u8; 32]>) {
        self.inner.reuse(hashes);
    }
}

#[cfg(test)]
mod tests;
