//! The request for a seal job, and the cell in which the engine publishes its progress.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cityseal_chain::{BlockHash, CoverageError, SealTemplate};

use crate::coverage::{PriorCoverage, SearchedRun};
use crate::fallback::WhenNoGpu;
use crate::outlook::Prospects;
use crate::seal_report::SealReport;

/// Most seals that a job keeps by default: 2^16 seals of about 200 bytes are 13 MiB.
pub(crate) const SEALS_MAX_DEFAULT: usize = 65_536;

/// What to seal, and how far to search.
#[derive(Clone, Debug)]
pub struct SealJob {
    pub(crate) template: SealTemplate,
    pub(crate) all: bool,
    pub(crate) seals_max: usize,
    pub(crate) deadline: Option<Instant>,
    pub(crate) tenant: String,
    pub(crate) priority: u8,
    pub(crate) when_no_gpu: WhenNoGpu,
    pub(crate) prior: Option<PriorCoverage>,
}

impl SealJob {
    /// A job of priority 0 without a deadline that ends with its first seal.
    pub fn new(template: SealTemplate) -> Self {
        Self {
            template,
            all: false,
            seals_max: SEALS_MAX_DEFAULT,
            deadline: None,
            tenant: String::new(),
            priority: 0,
            when_no_gpu: WhenNoGpu::default(),
            prior: None,
        }
    }

    /// Whether to search the whole space and keep every seal. Default false.
    #[must_use]
    pub fn all(mut self, all: bool) -> Self {
        self.all = all;
        self
    }

    /// Most seals that a job with [`Self::all`] may keep; it fails if it finds more. Default 65,536.
    #[must_use]
    pub fn seals_max(mut self, seals_max: usize) -> Self {
        self.seals_max = seals_max;
        self
    }

    /// When the job expires. Default: never.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// On whose behalf the job runs: tenants share device time by weight
    /// ([`Engine::set_tenants`](crate::Engine::set_tenants)). Default: the tenant without a name.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// The priority among the jobs and chains of the tenant. The weight is 1 + priority / 32: a job of priority 64 gets
    /// three times the device time of one of priority 0. Default 0.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Which devices work on the job, and what happens without a GPU. Default: all devices.
    #[must_use]
    pub fn when_no_gpu(mut self, when_no_gpu: WhenNoGpu) -> Self {
        self.when_no_gpu = when_no_gpu;
        self
    }

    /// Resumes an earlier search of the same template: `runs`, in any order, were searched and are not searched again.
    /// They count in the report's coverage and hashes. Seals of the earlier search are not known: the outcome
    /// speaks of the rest.
    ///
    /// Take the runs from [`JobHandle::resumable_coverage`](crate::JobHandle::resumable_coverage) while the earlier job
    /// runs. The report of an ended job also counts ranges that no canary has confirmed yet, and they would not be
    /// searched again.
    ///
    /// # Errors
    /// [`CoverageError`] if a run ends outside the template's space or overlaps another one.
    pub fn covered(self, runs: impl IntoIterator<Item = SearchedRun>) -> Result<Self, CoverageError> {
        let prior = PriorCoverage::new(*self.template.space(), runs)?;
        Ok(Self { prior: Some(prior), ..self })
    }

    /// The template to seal.
    pub fn template(&self) -> &SealTemplate {
        &self.template
    }
}

/// The progress of a job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobSnapshot {
    /// Whether the job has ended and its report is available.
    pub done: bool,
    /// Hashes searched so far.
    pub hashes: u128,
    /// Hashes of the whole space.
    pub volume: u128,
    /// Seals found so far.
    pub seals: usize,
    /// The lowest hash found so far that meets the target.
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

/// Called after each change of a job; it must return soon and must not call back into the job.
pub(crate) type Waker = Arc<dyn Fn() + Send + Sync>;

/// State of a job that its handles and the engine share.
pub(crate) struct JobCell {
    pub(crate) prospects: Prospects,
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
    pub(crate) fn new(job: &SealJob, now: Instant) -> Self {
        let snapshot = JobSnapshot { volume: job.template.space().volume(), ..JobSnapshot::default() };
        let state = Mutex::new(CellState { snapshot, ..CellState::default() });
        let prospects = Prospects::new(&job.template, job.all, job.deadline, now);
        Self { prospects, state, ended: Condvar::new() }
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

    pub(crate) fn snapshot(&self) -> JobSnapshot {
        self.lock().snapshot.clone()
    }

    pub(crate) fn report(&self) -> Option<SealReport> {
        self.lock().report.clone()
    }

    /// Waits for the report; `None`: the timeout passed.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Option<SealReport> {
        let until = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.lock();
        while state.report.is_none() {
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        state.report.clone()
    }

    /// Registers a waker, or calls it at once if the job has ended.
    pub(crate) fn on_change(&self, wake: Waker) {
        let mut state = self.lock();
        if state.report.is_none() {
            state.wakers.push(wake);
        } else {
            drop(state);
            wake();
        }
    }

    /// Ignores poisoning: every change to the state is one assignment.
    fn lock(&self) -> MutexGuard<'_, CellState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
