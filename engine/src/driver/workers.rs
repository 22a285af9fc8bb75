//! Workers and devices inside the driver: their tasks, their speed, and whether they are trusted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::Lease;
use cityseal_device::{DeviceInfo, DeviceKind};

use super::share::Charge;
use crate::devices::{CostModel, DeviceShare, DeviceState, DeviceStatus};
use crate::judge::Caught;
use crate::policy::EnginePolicy;
use crate::task::{ChainTask, Seq, TaskCost};

/// Weight of the newest measurement in an average rate.
const RATE_NEWEST: f64 = 0.25;

/// Time constant of [`Pace`] in seconds of work.
const PACE_S: f64 = 1.0;

/// A worker too slow for headers is tried again after this many skipped segments.
const TRY_AGAIN_AFTER: u32 = 64;

/// Whether a worker takes tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerState {
    Serving,
    /// Its device is being reopened.
    Reopening,
    /// Its device gave a wrong answer and gets no work for a while.
    Quarantined,
    /// It is stuck inside the driver; it serves again if it returns.
    Stuck,
    Retired,
}

impl WorkerState {
    /// Whether a task that needs this worker would wait too long, or forever.
    pub(super) const fn is_unavailable(self) -> bool {
        matches!(self, Self::Quarantined | Self::Stuck | Self::Retired)
    }
}

/// A task that a worker has not answered yet.
#[derive(Debug)]
pub(super) enum InFlight {
    Search { job: u64, leases: Vec<Lease> },
    Headers(Arc<dyn ChainTask>),
    Blocks(Arc<dyn ChainTask>),
    Canary,
}

/// A lent task and what was charged for it; nothing for a canary.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) work: InFlight,
    pub(super) charge: Option<Charge>,
}

/// One thread that owns one back end.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) device: usize,
    pub(crate) state: WorkerState,
    /// Batches lent since the last canary was sent, and when that was.
    pub(crate) since_canary: u32,
    pub(crate) last_canary: Option<Instant>,
    /// Headers per second, where measured.
    pub(crate) header_rate: Option<f64>,
    /// Segments in a row for which it was skipped as too slow.
    skipped: u32,
    search_rate: Option<f64>,
    pub(crate) pace: Pace,
    /// Groups of blocks per second, preparation included.
    group_rate: Option<f64>,
    /// Hashes of the next search batch.
    batch: u64,
    batch_target: Duration,
    in_flight: BTreeMap<Seq, Lent>,
    /// Time of its last sign of life, while its device has a batch.
    silent_since: Option<Instant>,
    failures: u32,
}

impl Worker {
    pub(crate) fn new(device: usize, info: &DeviceInfo, policy: &EnginePolicy) -> Self {
        let cpu = info.kind == DeviceKind::Cpu;
        Self {
            device,
            state: WorkerState::Serving,
            since_canary: 0,
            last_canary: None,
            header_rate: None,
            skipped: 0,
            search_rate: None,
            pace: Pace::default(),
            group_rate: None,
            batch: policy.batch_hashes_first,
            batch_target: if cpu { policy.cpu_batch_time } else { policy.gpu_batch_time },
            in_flight: BTreeMap::new(),
            silent_since: None,
            failures: 0,
        }
    }

    /// Records a task; returns whether the worker is watched from now on. A chain task may have to be read first, so it
    /// is watched only once it is submitted ([`Self::watch_from`]).
    pub(crate) fn lend(&mut self, seq: Seq, lent: Lent, now: Instant) -> bool {
        let begins = self.silent_since.is_none() && !matches!(lent.work, InFlight::Headers(_) | InFlight::Blocks(_));
        if begins {
            self.silent_since = Some(now);
        }
        self.in_flight.insert(seq, lent);
        begins
    }

    /// Stops the watch while the worker prepares a batch.
    pub(crate) const fn pause_watch(&mut self) {
        self.silent_since = None;
    }

    /// Starts the watch at `now`, unless it is running.
    pub(crate) fn watch_from(&mut self, now: Instant) {
        self.silent_since.get_or_insert(now);
    }

    /// Restarts the watch at `now`, if it is running.
    pub(crate) fn restart_watch(&mut self, now: Instant) {
        self.silent_since = self.silent_since.map(|_| now);
    }

    pub(crate) const fn silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// Removes an answered task.
    pub(crate) fn take(&mut self, seq: Seq, now: Instant) -> Option<Lent> {
        let taken = self.in_flight.remove(&seq);
        self.silent_since = (!self.in_flight.is_empty()).then_some(now);
        taken
    }

    pub(crate) fn take_all(&mut self) -> Vec<Lent> {
        self.silent_since = None;
        std::mem::take(&mut self.in_flight).into_values().collect()
    }

    pub(crate) fn has_canary_in_flight(&self) -> bool {
        self.in_flight.values().any(|lent| matches!(lent.work, InFlight::Canary))
    }

    /// Hashes of its unanswered searches.
    pub(crate) fn hashes_ahead(&self) -> u64 {
        let leases = self.in_flight.values().filter_map(|lent| match &lent.work {
            InFlight::Search { leases, .. } => Some(leases),
            InFlight::Headers(_) | InFlight::Blocks(_) | InFlight::Canary => None,
        });
        leases.flatten().map(Lease::hashes).sum()
    }

    /// Headers of its unanswered segments.
    pub(crate) fn headers_ahead(&self) -> u64 {
        let headers = |lent: &Lent| if let InFlight::Headers(task) = &lent.work { task.count() as u64 } else { 0 };
        self.in_flight.values().map(headers).sum()
    }

    pub(crate) fn is_searching(&self) -> bool {
        self.in_flight.values().any(|lent| matches!(lent.work, InFlight::Search { .. }))
    }

    pub(crate) fn is_hashing_headers(&self) -> bool {
        self.in_flight.values().any(|lent| matches!(lent.work, InFlight::Headers(_)))
    }

    /// Counts a segment for which the worker was skipped; returns whether it is to be tried again now.
    pub(crate) fn count_skip(&mut self) -> bool {
        self.skipped = (self.skipped + 1) % TRY_AGAIN_AFTER;
        self.skipped == 0 && !self.is_hashing_headers()
    }

    /// Updates the search rate and sizes the next batch: to the target time, at most twice the last one.
    pub(crate) fn measure_search(&mut self, hashes: u64, cost: TaskCost) {
        self.failures = 0;
        self.pace.add(hashes, cost.total);
        let rate = learn(&mut self.search_rate, hashes, cost.device);
        let within_target = (rate * self.batch_target.as_secs_f64()) as u64;
        self.batch = within_target.clamp(1, self.batch.saturating_mul(2));
    }

    pub(crate) fn measure_headers(&mut self, headers: u64, busy: Duration) {
        self.failures = 0;
        learn(&mut self.header_rate, headers, busy);
    }

    pub(crate) fn measure_blocks(&mut self, cost: TaskCost) {
        self.failures = 0;
        learn(&mut self.group_rate, 1, cost.total);
    }

    /// The expected time of a search of `hashes`; zero before a rate is known.
    pub(crate) fn search_time(&self, hashes: u64) -> Duration {
        expected(hashes, self.search_rate)
    }

    /// The expected time of a segment of `headers`.
    pub(crate) fn header_time(&self, headers: u64) -> Duration {
        expected(headers, self.header_rate)
    }

    /// The expected time of a group of blocks.
    pub(crate) fn group_time(&self) -> Duration {
        expected(1, self.group_rate)
    }

    #[cfg(test)]
    pub(crate) const fn search_rate(&self) -> Option<f64> {
        self.search_rate
    }

    pub(crate) const fn batch_target(&self) -> Duration {
        self.batch_target
    }

    pub(crate) fn batch_hashes(&self, policy: &EnginePolicy) -> u64 {
        self.batch.max(policy.batch_hashes_min)
    }

    /// How much of a job it claims at once; 0 (one batch) before its rate is known.
    pub(crate) fn claim_hashes(&self, policy: &EnginePolicy) -> u64 {
        self.search_rate.map_or(0, |rate| (rate * policy.claim_time.as_secs_f64()) as u64)
    }

    /// The job of an unanswered search.
    pub(crate) fn job_of(&self, seq: Seq) -> Option<u64> {
        match self.in_flight.get(&seq)?.work {
            InFlight::Search { job, .. } => Some(job),
            InFlight::Headers(_) | InFlight::Blocks(_) | InFlight::Canary => None,
        }
    }

    /// Corrects the count since the last canary: that many regions of a search were lent and not begun.
    pub(crate) const fn uncount_batches(&mut self, not_begun: usize) {
        self.since_canary = self.since_canary.saturating_sub(not_begun as u32);
    }

    /// Resets the count of consecutive failures.
    pub(crate) const fn reset_failures(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure; returns the number of consecutive failures.
    pub(crate) fn fail(&mut self) -> u32 {
        self.failures += 1;
        self.failures
    }
}

/// The speed of a worker over its last second of work or so, with preparation and judging. Unlike an average of rates,
/// it is right for a worker that other programs interrupt: their time is in the sum.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    hashes: f64,
    seconds: f64,
}

impl Pace {
    fn add(&mut self, hashes: u64, spent: Duration) {
        let spent = spent.as_secs_f64().max(1e-9);
        let kept = (-spent / PACE_S).exp();
        self.hashes = self.hashes * kept + hashes as f64;
        self.seconds = self.seconds * kept + spent;
    }

    /// Hashes per second; `None` before the first measurement.
    pub(crate) fn rate_hz(self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.hashes / self.seconds)
    }
}

/// Updates a moving average of items per second; returns it.
fn learn(rate: &mut Option<f64>, items: u64, busy: Duration) -> f64 {
    let seconds = busy.as_secs_f64().max(1e-9);
    let newest = items as f64 / seconds;
    let average = rate.map_or(newest, |known| known + (newest - known) * RATE_NEWEST);
    *rate = Some(average);
    average
}

/// The expected time of `items` at a rate; zero if it is not known. At most an hour, so that it is always a duration.
fn expected(items: u64, rate: Option<f64>) -> Duration {
    rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64((items as f64 / rate.max(1e-9)).min(3_600.0)))
}

/// A device, with one worker or (the CPU) several.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) info: DeviceInfo,
    pub(crate) state: DeviceState,
    pub(crate) hashes: u128,
    pub(crate) headers: u64,
    /// Decides which tasks pay off; `None`: it takes all.
    pub(crate) cost_model: Option<CostModel>,
    strikes: Strikes,
    /// Wrong answers, also those that have expired.
    mismatches: u64,
    /// Whether it gave a wrong answer since it was opened: it returns on probation.
    was_caught: bool,
    /// Canaries that it must still answer to end its probation.
    probation_left: u32,
    canaries: u64,
    canaries_missed: u64,
}

/// Wrong answers of a device.
#[derive(Debug, Default)]
struct Strikes {
    count: u32,
    /// Time of the last strike, or of the last expiry of one.
    since: Option<Instant>,
    /// The last wrong answer.
    last: String,
}

impl Device {
    pub(crate) fn new(info: DeviceInfo) -> Self {
        Self {
            info,
            state: DeviceState::Ready,
            hashes: 0,
            headers: 0,
            cost_model: None,
            strikes: Strikes::default(),
            mismatches: 0,
            was_caught: false,
            probation_left: 0,
            canaries: 0,
            canaries_missed: 0,
        }
    }

    /// Whether answers count without a check: those of the CPU, which judges all others.
    pub(crate) fn is_trusted(&self) -> bool {
        self.info.kind == DeviceKind::Cpu
    }

    /// Counts a wrong answer; returns the number of strikes, minus those that have expired.
    pub(crate) fn strike(&mut self, caught: &Caught, now: Instant) -> u32 {
        let missed = u64::from(caught.is_miss());
        self.canaries += missed;
        self.canaries_missed += missed;
        self.mismatches += 1;
        self.was_caught = true;
        self.probation_left = 0;
        self.strikes = Strikes { count: self.strikes.count + 1, since: Some(now), last: caught.to_string() };
        self.strikes.count
    }

    /// Counts the correct batches of an answer, each with its planted hit; removes a strike that is old enough.
    pub(crate) fn worked(&mut self, batches: u64, now: Instant, policy: &EnginePolicy) {
        self.canaries += if self.is_trusted() { 0 } else { batches };
        let is_long_ago = |since: Instant| now.saturating_duration_since(since) >= policy.strike_forgotten_after;
        if self.strikes.count > 0 && self.strikes.since.is_some_and(is_long_ago) {
            self.strikes.count -= 1;
            self.strikes.since = Some(now);
        }
    }

    /// Records that the device was reopened; if it was caught before, a probation of `canaries` canaries begins.
    pub(crate) const fn reopened(&mut self, canaries: u32) {
        if std::mem::replace(&mut self.was_caught, false) {
            self.probation_left = canaries;
        }
    }

    pub(crate) const fn is_on_probation(&self) -> bool {
        self.probation_left > 0
    }

    /// Counts a correctly answered canary.
    pub(crate) fn canary_answered(&mut self) {
        self.canaries += 1;
        if self.is_on_probation() {
            self.probation_left -= 1;
            self.state = self.state_in_service();
        }
    }

    /// The state of a device that takes tasks.
    pub(crate) fn state_in_service(&self) -> DeviceState {
        if self.is_on_probation() {
            DeviceState::Probation { reason: self.strikes.last.clone() }
        } else {
            DeviceState::Ready
        }
    }

    pub(crate) fn share(&self, hashes: u128, headers: u64) -> DeviceShare {
        DeviceShare {
            name: self.info.name.clone(),
            kind: self.info.kind,
            kernel: self.info.kernel.clone(),
            hashes,
            headers,
            state: self.state.clone(),
        }
    }

    pub(crate) fn status(&self, index: usize, workers: &[Worker]) -> DeviceStatus {
        let mine = || workers.iter().filter(|worker| worker.device == index);
        let serving = mine().filter(|worker| worker.state == WorkerState::Serving).count();
        let rates: Vec<f64> = mine().filter_map(|worker| worker.search_rate).collect();
        let rate_hz = (!rates.is_empty()).then(|| rates.iter().sum());
        let (hashes, headers) = (self.hashes, self.headers);
        // A device with several workers (the CPU) is ready while one of them is.
        let state = if serving > 0 { self.state_in_service() } else { self.state.clone() };
        DeviceStatus {
            workers: serving,
            hashes,
            headers,
            rate_hz,
            strikes: self.strikes.count,
            mismatches: self.mismatches,
            canaries: self.canaries,
            canaries_missed: self.canaries_missed,
            ..DeviceStatus::new(self.info.clone(), state)
        }
    }
}
