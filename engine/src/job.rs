//! A seal job as its owner sees it: what is asked for, and the handle on it while it runs.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cityseal_chain::{BlockHash, SealTemplate};

use crate::shell::Control;
use crate::{SealOutcome, SealReport};

/// Most seals that a job keeps by default: 2^16 seals of about 200 bytes are 13 MiB.
pub(crate) const SEALS_MAX_DEFAULT: usize = 65_536;

/// What is to be sealed, and how far to go.
#[derive(Clone, Debug)]
pub struct SealJob {
    pub(crate) template: SealTemplate,
    pub(crate) all: bool,
    pub(crate) seals_max: usize,
    pub(crate) deadline: Option<Instant>,
    pub(crate) tenant: String,
    pub(crate) priority: u8,
}

impl SealJob {
    /// A job that ends with the first seal, without a deadline, of priority 1.
    pub fn new(template: SealTemplate) -> Self {
        Self { template, all: false, seals_max: SEALS_MAX_DEFAULT, deadline: None, tenant: String::new(), priority: 1 }
    }

    /// Search the whole space and keep every seal.
    #[must_use]
    pub fn all(mut self, all: bool) -> Self {
        self.all = all;
        self
    }

    /// With more seals than this a job that keeps all of them fails. Default 65,536.
    #[must_use]
    pub fn seals_max(mut self, seals_max: usize) -> Self {
        self.seals_max = seals_max;
        self
    }

    /// When the job expires.
    #[must_use]
    pub fn deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// On whose behalf it runs; for people and logs.
    #[must_use]
    pub fn tenant(mut self, tenant: String) -> Self {
        self.tenant = tenant;
        self
    }

    /// Its weight against other jobs: one of priority 3 gets three times the device time of one of priority 1. 0 counts as 1.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// The template that is to be sealed.
    pub fn template(&self) -> &SealTemplate {
        &self.template
    }
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobSnapshot {
    /// It has ended; its report is there.
    pub done: bool,
    /// Hashes searched so far.
    pub hashes: u128,
    /// Hashes of the whole space.
    pub volume: u128,
    /// Seals found so far.
    pub seals: usize,
    /// The lowest hash found so far, where one met the target.
    pub best: Option<BlockHash>,
    /// Hashes per second since the job began.
    pub rate_hz: f64,
}

impl fmt::Display for JobSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.done { "ended" } else { "running" };
        let Self { hashes, volume, seals, rate_hz, .. } = self;
        write!(f, "{state}; {hashes} of {volume} hashes, {seals} seals, {rate_hz:.0} hashes/s")
    }
}

/// Called when a job has moved on; must return soon and must not call back into the job.
pub(crate) type Waker = Arc<dyn Fn() + Send + Sync>;

/// The part of a job that its handles and the engine share.
#[derive(Default)]
pub(crate) struct JobCell {
    state: Mutex<CellState>,
    ended: Condvar,
}

#[derive(Default)]
struct CellState {
    snapshot: JobSnapshot,
    report: Option<SealReport>,
    wakers: Vec<Waker>,
}

impl JobCell {
    pub(crate) fn new(volume: u128) -> Self {
        let snapshot = JobSnapshot { volume, ..JobSnapshot::default() };
        Self { state: Mutex::new(CellState { snapshot, ..CellState::default() }), ended: Condvar::new() }
    }

    pub(crate) fn publish(&self, snapshot: JobSnapshot) {
        let wakers = {
            let mut state = self.lock();
            state.snapshot = snapshot;
            state.wakers.clone()
        };
        wakers.iter().for_each(|wake| wake());
    }

    pub(crate) fn end(&self, snapshot: JobSnapshot, report: SealReport) {
        let wakers = {
            let mut state = self.lock();
            state.snapshot = snapshot;
            state.report = Some(report);
            std::mem::take(&mut state.wakers)
        };
        self.ended.notify_all();
        wakers.iter().for_each(|wake| wake());
    }

    /// A poisoned lock is entered all the same: every change to the state is one assignment.
    fn lock(&self) -> MutexGuard<'_, CellState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle on a job. Clones refer to the same job; dropping them all does not end it.
///
/// ```
/// use cityseal_engine::chain::{Network, Parameters, SealTemplate, Target};
/// use cityseal_engine::{Engine, SealJob, SealOutcome};
///
/// let engine = Engine::builder().gpu(false).threads(Some(1)).build()?;
/// let genesis = *Parameters::of(Network::Regtest).genesis();
/// // A target of 1, which no hash meets, so that the job searches its 2^32 nonces until it is cancelled.
/// let mut lowest = [0; 32];
/// lowest[0] = 1;
/// let target = Target::from_wire(&lowest).ok_or("a target is above zero")?;
/// let handle = engine.submit(SealJob::new(SealTemplate::builder(genesis).target(target).build()?));
/// println!("{handle}"); // job 1: running; 0 of 4294967296 hashes, 0 seals, 0 hashes/s
///
/// handle.cancel("the operator");
/// let report = handle.wait(None).ok_or("a wait without a limit ends with the job")?;
/// assert_eq!(report.outcome, SealOutcome::Cancelled { by: "the operator".to_owned() });
/// assert!(handle.snapshot().done);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct JobHandle {
    id: u64,
    cell: Arc<JobCell>,
    control: Control,
}

impl fmt::Display for JobHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}: {}", self.id, self.snapshot())
    }
}

impl fmt::Debug for JobHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").field("id", &self.id).field("snapshot", &self.snapshot()).finish_non_exhaustive()
    }
}

impl JobHandle {
    pub(crate) fn new(id: u64, cell: Arc<JobCell>, control: Control) -> Self {
        Self { id, cell, control }
    }

    /// The job's number in its engine.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How far the job is. While it runs the numbers are at most about a tenth of a second old.
    pub fn snapshot(&self) -> JobSnapshot {
        self.cell.lock().snapshot.clone()
    }

    /// The report, once the job has ended.
    pub fn report(&self) -> Option<SealReport> {
        self.cell.lock().report.clone()
    }

    /// Waits until the job has ended, `timeout` at most (`None`: as long as it takes).
    pub fn wait(&self, timeout: Option<Duration>) -> Option<SealReport> {
        let until = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.cell.lock();
        while state.report.is_none() {
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.cell.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => self.cell.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        state.report.clone()
    }

    /// Ends the job as CANCELLED by `by`; a job that has ended stays as it is.
    pub fn cancel(&self, by: &str) {
        self.control.end_job(self.id, SealOutcome::Cancelled { by: by.to_owned() });
    }

    /// Ends the job as SUPERSEDED by `by`; a job that has ended stays as it is.
    pub fn supersede(&self, by: &str) {
        self.control.end_job(self.id, SealOutcome::Superseded { by: by.to_owned() });
    }

    /// Calls `wake` whenever the job has moved on (a seal, progress at a bounded rate, its end), from a worker's thread.
    /// It must return soon. Where the job has ended already it is called at once, on this thread.
    pub fn on_change(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        let mut state = self.cell.lock();
        if state.report.is_none() {
            state.wakers.push(wake);
        } else {
            drop(state);
            wake();
        }
    }
}
