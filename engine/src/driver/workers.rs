//! Workers and devices inside the driver: what each holds, how fast it is, whether it is believed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cityseal_device::{DeviceInfo, DeviceKind};

use super::{InFlight, Seq, Worth};
use crate::judge::Caught;
use crate::{DeviceShare, DeviceState, DeviceStatus, EnginePolicy, WorkKind};

/// How fast an average forgets: the newest measurement weighs a quarter.
const RATE_NEWEST: f64 = 0.25;

/// A worker too slow for headers is tried again after so many segments that it was not given.
const TRY_AGAIN_AFTER: u32 = 64;

/// Whether a worker takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Serving,
    /// Its device is being opened again.
    Away,
    /// Its device was caught in a wrong answer and is kept away for a while.
    Quarantined,
    /// It is stuck inside its driver. Should it come back, it serves again.
    Stuck,
    /// It never will again.
    Gone,
}

impl Standing {
    /// Whether work that needs this worker would wait for ever, or longer than anybody should.
    pub(crate) const fn is_hopeless(self) -> bool {
        matches!(self, Self::Quarantined | Self::Stuck | Self::Gone)
    }
}

/// One thread that owns one back end.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) device: usize,
    pub(crate) standing: Standing,
    /// Batches since the last canary was sent.
    pub(crate) since_canary: u32,
    /// Headers per second, where measured.
    pub(crate) check_rate: Option<f64>,
    /// Looks at the queue in a row that ended with nothing, since it is too slow.
    passed_over: u32,
    search_rate: Option<f64>,
    /// Hashes of the next search batch.
    batch: u64,
    batch_target: Duration,
    in_flight: BTreeMap<Seq, InFlight>,
    /// When it was last heard of, while its device has something to do.
    silent_since: Option<Instant>,
    failures: u32,
    turn: usize,
}

impl Worker {
    pub(crate) fn new(device: usize, info: &DeviceInfo, policy: &EnginePolicy) -> Self {
        let cpu = info.kind == DeviceKind::Cpu;
        Self {
            device,
            standing: Standing::Serving,
            since_canary: 0,
            check_rate: None,
            passed_over: 0,
            search_rate: None,
            batch: policy.batch_hashes_first,
            batch_target: if cpu { policy.cpu_batch_time } else { policy.gpu_batch_time },
            in_flight: BTreeMap::new(),
            silent_since: None,
            failures: 0,
            turn: 0,
        }
    }

    /// Notes what it was given; whether it is watched only from now on. A segment of a chain may have to be read first, and
    /// for as long as that takes nobody is to blame ([`Self::watch_from`]).
    pub(crate) fn lend(&mut self, seq: Seq, in_flight: InFlight, now: Instant) -> bool {
        let begins = self.silent_since.is_none() && !matches!(in_flight, InFlight::Check(_) | InFlight::Blocks(_));
        if begins {
            self.silent_since = Some(now);
        }
        self.in_flight.insert(seq, in_flight);
        begins
    }

    /// It reads a file now, for as long as that takes, and nobody is to blame.
    pub(crate) const fn reads(&mut self) {
        self.silent_since = None;
    }

    /// Its device has work since now, unless it had before.
    pub(crate) fn watch_from(&mut self, now: Instant) {
        self.silent_since.get_or_insert(now);
    }

    /// Its silence begins now, where it is silent at all.
    pub(crate) fn is_watched_anew(&mut self, now: Instant) {
        self.silent_since = self.silent_since.map(|_| now);
    }

    pub(crate) const fn silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// Takes out what it has answered.
    pub(crate) fn take(&mut self, seq: Seq, now: Instant) -> Option<InFlight> {
        let taken = self.in_flight.remove(&seq);
        self.silent_since = (!self.in_flight.is_empty()).then_some(now);
        taken
    }

    pub(crate) fn take_all(&mut self) -> Vec<InFlight> {
        self.silent_since = None;
        std::mem::take(&mut self.in_flight).into_values().collect()
    }

    pub(crate) fn has_canary_in_flight(&self) -> bool {
        self.in_flight.values().any(|work| matches!(work, InFlight::Canary))
    }

    /// Hashes of its searches, headers of its segments or leaves of its trees that it has not answered yet.
    pub(crate) fn ahead(&self, kind: WorkKind) -> u64 {
        let items = self.in_flight.values().map(|work| match (kind, work) {
            (WorkKind::Search, InFlight::Search { lease, .. }) => lease.hashes(),
            (WorkKind::Headers, InFlight::Check(task)) => task.segment.count() as u64,
            (WorkKind::Nodes, InFlight::Trees(task)) => task.leaves(),
            (
                _,
                InFlight::Search { .. }
                | InFlight::Check(_)
                | InFlight::Blocks(_)
                | InFlight::Trees(_)
                | InFlight::Canary,
            ) => 0,
        });
        items.sum()
    }

    pub(crate) fn is_searching(&self) -> bool {
        self.in_flight.values().any(|work| matches!(work, InFlight::Search { .. }))
    }

    pub(crate) fn is_checking(&self) -> bool {
        self.in_flight.values().any(|work| matches!(work, InFlight::Check(_)))
    }

    /// Counts a piece of work that was not given to it; now and then it gets one all the same, since it may have been slow
    /// only for a while.
    pub(crate) fn is_passed_over_for_long(&mut self) -> bool {
        self.passed_over = (self.passed_over + 1) % TRY_AGAIN_AFTER;
        self.passed_over == 0 && !self.is_checking()
    }

    /// Which kind of work comes first this time: they take turns, where there are several.
    pub(crate) const fn next_turn(&mut self) -> usize {
        self.turn = self.turn.wrapping_add(1);
        self.turn
    }

    /// Learns from a search batch how fast the device is, and sizes the next one: it may double, or fall to what fits.
    pub(crate) fn measure_search(&mut self, hashes: u64, busy: Duration) {
        self.failures = 0;
        let rate = learn(&mut self.search_rate, hashes, busy);
        let fitting = (rate * self.batch_target.as_secs_f64()) as u64;
        self.batch = fitting.clamp(1, self.batch.saturating_mul(2));
    }

    pub(crate) fn measure_check(&mut self, headers: u64, busy: Duration) {
        self.failures = 0;
        learn(&mut self.check_rate, headers, busy);
    }

    pub(crate) fn batch_hashes(&self, policy: &EnginePolicy) -> u64 {
        self.batch.max(policy.batch_hashes_min)
    }

    /// How much of a job it claims at once; no more than a batch before its rate is known.
    pub(crate) fn claim_hashes(&self, policy: &EnginePolicy) -> u64 {
        self.search_rate.map_or(0, |rate| (rate * policy.claim_time.as_secs_f64()) as u64)
    }

    /// It did something right: the failures before it are no row any more.
    pub(crate) const fn worked(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure; returns how many there were in a row.
    pub(crate) fn fail(&mut self) -> u32 {
        self.failures += 1;
        self.failures
    }
}

fn learn(rate: &mut Option<f64>, items: u64, busy: Duration) -> f64 {
    let seconds = busy.as_secs_f64().max(1e-9);
    let newest = items as f64 / seconds;
    let learnt = rate.map_or(newest, |known| known + (newest - known) * RATE_NEWEST);
    *rate = Some(learnt);
    learnt
}

/// A device, with one worker or (the CPU) several.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) info: DeviceInfo,
    pub(crate) state: DeviceState,
    pub(crate) hashes: u128,
    pub(crate) headers: u64,
    /// Where its worth is weighed against the CPU's.
    pub(crate) worth: Option<Worth>,
    strikes: Strikes,
    /// It was caught since it was opened last: it comes back on probation.
    must_prove: bool,
    /// Known questions that it must still answer before it is believed as before.
    probation_left: u32,
    canaries: u64,
    canaries_missed: u64,
}

/// How often a device was caught in a wrong answer.
#[derive(Debug, Default)]
struct Strikes {
    count: u32,
    /// The last time, or when the last one was forgotten.
    since: Option<Instant>,
    /// What it was caught in last.
    last: String,
}

impl Device {
    pub(crate) fn new(info: DeviceInfo) -> Self {
        Self {
            info,
            state: DeviceState::Ready,
            hashes: 0,
            headers: 0,
            worth: None,
            strikes: Strikes::default(),
            must_prove: false,
            probation_left: 0,
            canaries: 0,
            canaries_missed: 0,
        }
    }

    /// The CPU judges the others; nobody judges the CPU.
    pub(crate) fn is_trusted(&self) -> bool {
        self.info.kind == DeviceKind::Cpu
    }

    /// Counts a wrong answer; returns how many there were, less those forgotten.
    pub(crate) fn strike(&mut self, caught: &Caught, now: Instant) -> u32 {
        let missed = u64::from(caught.is_miss());
        self.canaries += missed;
        self.canaries_missed += missed;
        (self.must_prove, self.probation_left) = (true, 0);
        self.strikes = Strikes { count: self.strikes.count + 1, since: Some(now), last: caught.to_string() };
        self.strikes.count
    }

    /// A batch came back right, with what was planted in it: long enough after a strike, one is forgotten.
    pub(crate) fn worked(&mut self, now: Instant, policy: &EnginePolicy) {
        self.canaries += u64::from(!self.is_trusted());
        let is_long_ago = |since: Instant| now.saturating_duration_since(since) >= policy.strike_forgotten_after;
        if self.strikes.count > 0 && self.strikes.since.is_some_and(is_long_ago) {
            self.strikes.count -= 1;
            self.strikes.since = Some(now);
        }
    }

    /// It was opened again: where it was caught before, it has so many known questions to answer.
    pub(crate) const fn reopened(&mut self, canaries: u32) {
        if std::mem::replace(&mut self.must_prove, false) {
            self.probation_left = canaries;
        }
    }

    pub(crate) const fn is_on_probation(&self) -> bool {
        self.probation_left > 0
    }

    /// A known question was answered rightly.
    pub(crate) fn canary_answered(&mut self) {
        self.canaries += 1;
        if self.is_on_probation() {
            self.probation_left -= 1;
            self.state = self.state_in_service();
        }
    }

    /// The state of a device that takes work.
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
            kernel: self.info.kernel.clone(),
            hashes,
            headers,
            state: self.state.name().to_owned(),
        }
    }

    pub(crate) fn status(&self, index: usize, workers: &[Worker]) -> DeviceStatus {
        let mine = || workers.iter().filter(|worker| worker.device == index);
        let serving = mine().filter(|worker| worker.standing == Standing::Serving).count();
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
            canaries: self.canaries,
            canaries_missed: self.canaries_missed,
            ..DeviceStatus::new(self.info.clone(), state)
        }
    }
}
