//! Fault injection: wraps the opener of a real device and injects faults by a plan.
//!
//! Unlike [`crate::fake`], an [`Injector`] makes a real device faulty (a GPU, lavapipe, or a CPU kernel posing as a
//! GPU): its batches run, and their answers are changed. The plan is data, and all injected faults are counted
//! ([`Injected`]), so that a test can check that the faults really happened.

mod flip;
mod plan;
mod witness;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use flip::{Place, flip_a_bit};
pub use plan::{Fault, Injection, When};
pub use witness::{Injected, Witness};

use crate::fake::Corruption;
use crate::known_answers;
use crate::{Backend, Batch, Completed, DeviceError, DeviceInfo, DeviceKind, OpenError, Opener, Report, Ticket};

/// Longest wait of one `collect` on a hung device; a caller that wants to wait longer calls again.
const HUNG_NAP: Duration = Duration::from_millis(1);

/// Opens a device with faults by a plan.
///
/// Batches are counted from 0 over all openings. The self-test batches of each opening are left unchanged and are not
/// counted, so that the device passes its self-test, also when it is reopened.
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
    /// Injects faults into the device of `inner`. If several injections of the plan match a batch, the first one
    /// applies.
    pub fn new(inner: Box<dyn Opener>, plan: Vec<Injection>) -> Self {
        let info = inner.info().clone();
        Self { inner, info, is_posing: false, plan: plan.into(), injected: Arc::default() }
    }

    /// Makes the device look like a GPU with this id and name, so that the engine does not trust it as it trusts the
    /// CPU.
    #[must_use]
    pub fn posing_as(mut self, id: &str) -> Self {
        id.clone_into(&mut self.info.id);
        id.clone_into(&mut self.info.name);
        self.info.kind = DeviceKind::Gpu;
        self.is_posing = true;
        self
    }

    /// The counters of injected faults. They stay valid when the injector is moved into an engine.
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
        Ok(Box::new(FaultyBackend {
            self_test_left: known_answers::cases(&*inner).len() as u64,
            inner,
            info,
            plan: Arc::clone(&self.plan),
            injected: Arc::clone(&self.injected),
            queue: VecDeque::new(),
            end: None,
        }))
    }
}

/// Why a device stopped working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Lost,
    Hung,
    Stuck,
}

/// The fault of a batch in flight.
struct PlannedFault {
    /// The batch's number, which seeds a random fault.
    number: u64,
    fault: Fault,
    batch: Batch,
}

struct FaultyBackend {
    inner: Box<dyn Backend>,
    info: DeviceInfo,
    /// Self-test batches that are still to come.
    self_test_left: u64,
    plan: Arc<[Injection]>,
    injected: Arc<Injected>,
    /// One entry per batch in flight.
    queue: VecDeque<Option<PlannedFault>>,
    end: Option<End>,
}

impl FaultyBackend {
    fn next_fault(&mut self, batch: &Batch) -> Option<PlannedFault> {
        if self.self_test_left > 0 {
            self.self_test_left -= 1;
            return None;
        }
        let number = self.injected.count_batch();
        let fault = self.plan.iter().find(|injection| injection.when.matches(number))?.fault;
        Some(PlannedFault { number, fault, batch: batch.clone() })
    }

    /// Ends the device if the fault of the oldest batch does that.
    fn end_if_planned(&mut self) {
        let Some(Some(planned)) = self.queue.front() else { return };
        self.end = match planned.fault {
            Fault::Loss => Some(End::Lost),
            Fault::Hang => Some(End::Hung),
            Fault::Stuck => Some(End::Stuck),
            Fault::Panic => {
                self.injected.note(planned.fault, &planned.batch);
                panic!("a panic was injected");
            }
            Fault::MissedHits | Fault::FalseHits | Fault::Zeros | Fault::WrongHashes | Fault::BitFlip { .. } => return,
        };
        self.injected.note(planned.fault, &planned.batch);
    }

    fn apply(&self, planned: &PlannedFault, report: &mut Report) {
        let is_changed = match (planned.fault.behaviour(), planned.fault) {
            (Some(behaviour), _) => Corruption::of(&planned.batch).apply_in_place(report, behaviour),
            (None, Fault::BitFlip { seed }) => {
                self.injected.note_flip(flip_a_bit(report, plan::random(seed, planned.number)));
                true
            }
            (None, _) => false,
        };
        // A fault that changes nothing, such as leaving out the hits of a search without hits, does not count.
        if is_changed {
            self.injected.note(planned.fault, &planned.batch);
        }
    }
}

impl Backend for FaultyBackend {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn depth(&self) -> usize {
        self.inner.depth()
    }

    fn submit(&mut self, batch: Batch) -> Result<Ticket, DeviceError> {
        let fault = self.next_fault(&batch);
        let ticket = self.inner.submit(batch)?;
        self.queue.push_back(fault);
        Ok(ticket)
    }

    fn collect(&mut self, timeout: Duration) -> Result<Option<Completed>, DeviceError> {
        if self.end.is_none() {
            self.end_if_planned();
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
        if let Some(planned) = self.queue.pop_front().flatten() {
            self.apply(&planned, &mut done.report);
        }
        Ok(Some(done))
    }

    fn reuse(&mut self, hashes: Vec<[u8; 32]>) {
        self.inner.reuse(hashes);
    }
}

#[cfg(test)]
mod tests;
