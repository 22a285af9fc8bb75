//! The numbers that shape the engine's decisions.

use std::time::Duration;

use crate::profile::Profile;

/// Numbers that shape the engine's decisions. The defaults suit a node that also does other work.
#[derive(Clone, Debug, PartialEq)]
pub struct EnginePolicy {
    /// Target duration of a search batch on a CPU worker; it bounds how long a cancel takes. Default 1 ms.
    pub cpu_batch_time: Duration,
    /// Target duration of a search batch on a GPU, at least one dispatch; set by
    /// [`EngineBuilder::profile`](crate::EngineBuilder::profile). Default 20 ms.
    pub gpu_batch_time: Duration,
    /// Hashes of a worker's first batch; the batch doubles until it takes the time above. Default 2^14.
    pub batch_hashes_first: u64,
    /// Smallest batch in hashes, unless hits are dense or the space ends. Default 256.
    pub batch_hashes_min: u64,
    /// Most hits that one batch may report. Default 4,096.
    pub hits_max: usize,
    /// Rolled versions that share one message schedule, if the search space has several: 1 to 8. Default 4.
    pub versions_per_batch: usize,
    /// A device other than the CPU gets a canary (a batch with a known answer) after this many batches. Default 32.
    pub canary_every: u32,
    /// How much of a job a worker claims at once, as time at its own rate. It cuts its batches from the claim, and
    /// other workers may take half of the rest. Default 1 s.
    pub claim_time: Duration,
    /// A device whose batch takes longer counts as hung. Default 4 s: with `stuck_after`, a hang is detected within 5
    /// s.
    pub hang_after: Duration,
    /// Extra time before a silent device thread counts as stuck inside the driver. Default 500 ms.
    pub stuck_after: Duration,
    /// How long a device that gave a wrong answer gets no work; four times as long at each repetition. Default 60 s.
    pub quarantine_first: Duration,
    /// A device with more wrong answers than this is retired. Default 3.
    pub strikes_max: u32,
    /// Canaries in a row, one after each batch, that a device must answer after its quarantine to end its probation.
    /// Default 256.
    pub probation_canaries: u32,
    /// One strike expires after this time without a wrong answer. Default 1 h.
    pub strike_forgotten_after: Duration,
    /// Pause before a lost device is reopened; it doubles with each attempt. Default 1 s.
    pub reopen_first: Duration,
    /// Attempts in a row to reopen a lost device. Default 6: after 1, 2, 4, 8, 16 and 32 s.
    pub reopen_tries: u32,
    /// The engine's own thread turns at least this often ([`Engine::rounds`](crate::Engine::rounds)). Default 1 s.
    pub heartbeat: Duration,
    /// Shortest interval between two progress reports of a job. Default 100 ms.
    pub progress_interval: Duration,
    /// Headers of a chain that are hashed and judged as one segment. Default 4,096: 320 KiB, which fits a core's cache.
    pub segment_headers: usize,
    /// Segments of one chain in flight, which bounds its memory. Default 8.
    pub segments_per_stream: usize,
    /// A device whose header rate is below this fraction of the best worker's rate hashes no headers. Default 1/4.
    pub check_share_min: f64,
    /// The CPU rehashes one in this many header hashes of any other device. Default 1,024.
    pub recheck_every: usize,
    /// The same while the device is on probation. Default 16.
    pub recheck_every_on_probation: usize,
}

impl Default for EnginePolicy {
    fn default() -> Self {
        Self {
            cpu_batch_time: Duration::from_millis(1),
            gpu_batch_time: Profile::Balanced.dispatch_time(),
            batch_hashes_first: 1 << 14,
            batch_hashes_min: 256,
            hits_max: 4_096,
            versions_per_batch: 4,
            canary_every: 32,
            claim_time: Duration::from_secs(1),
            hang_after: Duration::from_secs(4),
            stuck_after: Duration::from_millis(500),
            quarantine_first: Duration::from_mins(1),
            strikes_max: 3,
            probation_canaries: 256,
            strike_forgotten_after: Duration::from_hours(1),
            reopen_first: Duration::from_secs(1),
            reopen_tries: 6,
            heartbeat: Duration::from_secs(1),
            progress_interval: Duration::from_millis(100),
            segment_headers: 4_096,
            segments_per_stream: 8,
            check_share_min: 0.25,
            recheck_every: 1_024,
            recheck_every_on_probation: 16,
        }
    }
}

/// What a worker does after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// Reopen the device after this pause.
    ReopenAfter(Duration),
    /// End.
    Retire,
}

impl EnginePolicy {
    /// What a worker does after its `failures`-th failure in a row.
    pub(crate) fn reopen_after(&self, failures: u32) -> AfterFailure {
        if failures > self.reopen_tries {
            return AfterFailure::Retire;
        }
        AfterFailure::ReopenAfter(self.reopen_first * 2_u32.saturating_pow(failures.saturating_sub(1)))
    }

    /// What a worker does after the `strikes`-th wrong answer of its device.
    pub(crate) fn quarantine_after(&self, strikes: u32) -> AfterFailure {
        if strikes > self.strikes_max {
            return AfterFailure::Retire;
        }
        AfterFailure::ReopenAfter(self.quarantine_first * 4_u32.saturating_pow(strikes.saturating_sub(1)))
    }
}
