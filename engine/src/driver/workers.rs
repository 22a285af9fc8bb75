//! Workers and devices inside the driver: what each holds, how fast it is, whether it is believed.

use std::collections::BTreeMap;
use std::time::Duration;

use cityseal_device::{DeviceInfo, DeviceKind};

use super::{InFlight, Seq};
use crate::{DeviceShare, DeviceState, DeviceStatus, EnginePolicy};

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
    /// It never will again.
    Gone,
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
    failures: u32,
    turn: bool,
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
            failures: 0,
            turn: false,
        }
    }

    pub(crate) fn lend(&mut self, seq: Seq, in_flight: InFlight) {
        self.in_flight.insert(seq, in_flight);
    }

    pub(crate) fn take(&mut self, seq: Seq) -> Option<InFlight> {
        self.in_flight.remove(&seq)
    }

    pub(crate) fn take_all(&mut self) -> Vec<InFlight> {
        std::mem::take(&mut self.in_flight).into_values().collect()
    }

    pub(crate) fn has_canary_in_flight(&self) -> bool {
        self.in_flight.values().any(|work| matches!(work, InFlight::Canary))
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

    /// Searches and checks take turns, where there are both.
    pub(crate) fn alternate(&mut self) -> bool {
        self.turn = !self.turn;
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
}

impl Device {
    pub(crate) fn new(info: DeviceInfo) -> Self {
        Self { info, state: DeviceState::Ready, hashes: 0, headers: 0 }
    }

    /// The CPU judges the others; nobody judges the CPU.
    pub(crate) fn is_trusted(&self) -> bool {
        self.info.kind == DeviceKind::Cpu
    }

    pub(crate) fn quarantine(&mut self, what: &str) {
        self.state = DeviceState::Quarantined { reason: what.to_owned() };
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
        let state = if serving > 0 { DeviceState::Ready } else { self.state.clone() };
        DeviceStatus { info: self.info.clone(), state, workers: serving, hashes, headers, rate_hz }
    }
}
