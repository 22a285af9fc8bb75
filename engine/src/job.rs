//! The handle of a running seal job.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::control::Control;
use crate::coverage::SealCoverage;
use crate::outlook::JobOutlook;
use crate::seal_job::{JobCell, JobSnapshot};
use crate::seal_report::{SealOutcome, SealReport};

/// A handle on a job. Clones refer to the same job; dropping them all does not end it.
///
/// ```
/// use cityseal_engine::chain::{Network, Parameters, SealTemplate, Target};
/// use cityseal_engine::{Engine, SealJob, SealOutcome};
///
/// let engine = Engine::builder().gpu(false).threads(1).build()?;
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

impl JobHandle {
    /// The job's number in its engine.
    pub(crate) const fn number(&self) -> u64 {
        self.id
    }
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

    /// The job's progress, at most about a tenth of a second old while it runs.
    pub fn snapshot(&self) -> JobSnapshot {
        self.cell.snapshot()
    }

    /// What is to be expected of the job, by its rate so far.
    pub fn outlook(&self) -> JobOutlook {
        let JobSnapshot { hashes, volume, seals, rate_hz, .. } = self.cell.snapshot();
        self.cell.prospects.outlook(volume.saturating_sub(hashes), seals > 0, rate_hz, Instant::now())
    }

    /// The report, once the job has ended.
    pub fn report(&self) -> Option<SealReport> {
        self.cell.report()
    }

    /// What was searched so far, which a later job need not search again
    /// ([`SealJob::covered`](crate::SealJob::covered)). While the job runs, ranges whose device has not answered its
    /// next canary are left out. Copies the runs.
    pub fn coverage(&self) -> SealCoverage {
        loop {
            if let Some(coverage) = self.control.with(|driver| driver.coverage(self.id)) {
                return coverage;
            }
            if let Some(report) = self.cell.wait(None) {
                return report.coverage;
            }
        }
    }

    /// What a later job need not search again if this one is interrupted now; as [`Self::coverage`] while the job runs.
    /// `None` once the job has ended, and with [`SealJob::all`](crate::SealJob::all) once it has found a seal: a search
    /// of the rest would not find that seal again. Copies the runs.
    pub fn resumable_coverage(&self) -> Option<SealCoverage> {
        self.control.with(|driver| driver.resumable_coverage(self.id))
    }

    /// Waits at most `timeout` (`None`: without a limit) for the end of the job and returns its report.
    pub fn wait(&self, timeout: Option<Duration>) -> Option<SealReport> {
        self.cell.wait(timeout)
    }

    /// Ends the job as CANCELLED by `by`. Does nothing if the job has ended.
    pub fn cancel(&self, by: &str) {
        self.control.end_job(self.id, SealOutcome::Cancelled { by: by.to_owned() });
    }

    /// Ends the job as SUPERSEDED by `by`. Does nothing if the job has ended.
    pub fn supersede(&self, by: &str) {
        self.control.end_job(self.id, SealOutcome::Superseded { by: by.to_owned() });
    }

    /// Registers `wake`, which a worker's thread calls after each change (a seal, progress at a bounded rate, the end).
    /// It must return soon. If the job has already ended, this thread calls it at once.
    pub fn on_change(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        self.cell.on_change(wake);
    }
}
