//! The driver: a state machine that makes every decision of the engine. Which job is served next, how large a batch is,
//! whether a report counts, which device is quarantined, when a job has ended.
//!
//! It starts no thread, reads no clock (`now` is an argument) and touches no device, so that a test can play through
//! every race step by step.

mod chain_queue;
mod cost;
mod jobs;
mod stuck;
mod trust;
mod workers;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::DeviceTag;
use cityseal_device::known_answers::Case;
use cityseal_device::{DeviceError, DeviceInfo};

use crate::devices::{DeviceState, DeviceStatus};
use crate::judge::Judged;
use crate::policy::{AfterFailure, EnginePolicy};
use crate::seal_job::{JobSnapshot, SealJob};
use crate::seal_report::{SealFailure, SealOutcome, SealReport};
use crate::task::{Assignment, ChainTask, Seq, Task};
use chain_queue::ChainQueue;
use jobs::{Job, Wanted};
use workers::{Device, InFlight, Worker, WorkerState};

/// Kinds of tasks that take turns: chains and searches.
const KINDS: usize = 2;

/// What the owner of the driver must publish.
#[derive(Debug)]
pub(crate) enum Event {
    /// A job has progressed.
    Changed(u64, JobSnapshot),
    /// A job has ended.
    Ended(u64, JobSnapshot, SealReport),
    /// There is new work: wake the waiting workers.
    Wake,
    /// There is a new deadline: wake the watchdog.
    Watch,
}

/// The state machine.
#[derive(Debug)]
pub(crate) struct Driver {
    policy: EnginePolicy,
    canary: Arc<Case>,
    devices: Vec<Device>,
    workers: Vec<Worker>,
    jobs: BTreeMap<u64, Job>,
    headers: ChainQueue,
    blocks: ChainQueue,
    jobs_seen: u64,
    seq: Seq,
    events: Vec<Event>,
    stopped: bool,
}

impl Driver {
    pub(crate) fn new(policy: EnginePolicy, canary: Arc<Case>) -> Self {
        Self {
            policy,
            canary,
            devices: Vec::new(),
            workers: Vec::new(),
            jobs: BTreeMap::new(),
            headers: ChainQueue::default(),
            blocks: ChainQueue::default(),
            jobs_seen: 0,
            seq: 0,
            events: Vec::new(),
            stopped: false,
        }
    }

    /// Adds a device that passed its self-test; returns its index. [`Self::add_worker`] adds its workers.
    pub(crate) fn add_device(&mut self, info: DeviceInfo) -> usize {
        let device = self.devices.len();
        self.devices.push(Device::new(info));
        device
    }

    /// Adds a worker of a device; returns its index.
    pub(crate) fn add_worker(&mut self, device: usize) -> usize {
        self.workers.push(Worker::new(device, &self.devices[device].info, &self.policy));
        self.workers.len() - 1
    }

    /// The events since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Adds a job; returns its number.
    pub(crate) fn add_job(&mut self, job: SealJob, now: Instant) -> u64 {
        self.jobs_seen += 1;
        let id = self.jobs_seen;
        let served_least = self.jobs.values().map(Job::served).min_by(f64::total_cmp).unwrap_or(0.0);
        self.jobs.insert(id, Job::new(job, served_least, now));
        self.events.extend([Event::Wake, Event::Watch]);
        if self.stopped {
            self.end_job(id, SealOutcome::Failed { reason: SealFailure::ShutDown }, now);
        } else if let Some(reason) = self.why_no_device() {
            self.end_job(id, SealOutcome::Failed { reason: SealFailure::NoDevice { reason } }, now);
        } else {
            self.expire(now);
        }
        id
    }

    /// Ends a job. Does nothing if it has ended.
    pub(crate) fn end_job(&mut self, id: u64, outcome: SealOutcome, now: Instant) {
        if let Some(mut job) = self.jobs.remove(&id) {
            let report = job.report(outcome, &self.devices);
            self.events.push(Event::Ended(id, job.snapshot(true, now), report));
            self.events.push(Event::Wake);
        }
    }

    /// Queues a segment of headers.
    pub(crate) fn add_headers(&mut self, task: Arc<dyn ChainTask>) {
        if self.stopped || self.why_no_device().is_some() {
            task.abandon();
        } else {
            self.headers.push_back(task);
            // One wake-up is enough for a row of segments.
            if !matches!(self.events.last(), Some(Event::Wake)) {
                self.events.push(Event::Wake);
            }
        }
    }

    /// Queues a group of whole blocks.
    pub(crate) fn add_blocks(&mut self, task: Arc<dyn ChainTask>) {
        if self.stopped || self.why_no_device().is_some() {
            task.abandon();
        } else {
            self.blocks.push_back(task);
            self.events.push(Event::Wake);
        }
    }

    /// The next task for a worker; `None` if there is none at present.
    pub(crate) fn next(&mut self, worker: usize, now: Instant) -> Option<Assignment> {
        self.expire(now);
        self.return_to_service(worker);
        if self.stopped || !self.is_serving(worker) {
            return None;
        }
        let (in_flight, task) = self.pick(worker)?;
        self.seq += 1;
        if self.workers[worker].lend(self.seq, in_flight, now) {
            self.events.push(Event::Watch);
        }
        let device = &self.devices[self.workers[worker].device];
        let policy = &self.policy;
        let recheck_every =
            if device.is_on_probation() { policy.recheck_every_on_probation } else { policy.recheck_every };
        Some(Assignment { seq: self.seq, task, recheck_every })
    }

    /// Ends all jobs and chains; no task is assigned any more.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.stopped = true;
        let all: Vec<u64> = self.jobs.keys().copied().collect();
        all.into_iter().for_each(|id| self.end_job(id, SealOutcome::Failed { reason: SealFailure::ShutDown }, now));
        self.headers.abandon();
        self.blocks.abandon();
        self.events.extend([Event::Wake, Event::Watch]);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// A search is complete, and the CPU has judged its hits.
    pub(crate) fn searched(&mut self, worker: usize, seq: Seq, judged: Judged, busy: Duration, now: Instant) {
        let Some(InFlight::Search { job: id, lease }) = self.workers[worker].take(seq, now) else { return };
        self.workers[worker].measure_search(lease.hashes(), busy);
        let device = self.workers[worker].device;
        self.devices[device].worked(now, &self.policy);
        let trusted = self.devices[device].is_trusted();
        // The job may have ended in the meantime.
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if judged.overflow {
            job.too_many_hits(lease);
            self.events.push(Event::Wake);
            return;
        }
        self.devices[device].hashes += u128::from(lease.hashes());
        let found = !judged.seals.is_empty();
        job.keep(judged.seals);
        if trusted {
            job.settle(lease, DeviceTag(device as u16));
        } else {
            // It counts once the device has answered its next canary.
            job.hold(worker, DeviceTag(device as u16), lease);
        }
        if let Some(outcome) = job.outcome() {
            self.end_job(id, outcome, now);
        } else if found || job.is_due(now, self.policy.progress_interval) {
            let snapshot = job.snapshot(false, now);
            self.events.push(Event::Changed(id, snapshot));
        }
    }

    /// A segment was hashed and judged.
    pub(crate) fn judged_headers(&mut self, worker: usize, seq: Seq, headers: usize, busy: Duration, now: Instant) {
        let Some(InFlight::Headers(_)) = self.workers[worker].take(seq, now) else { return };
        self.workers[worker].measure_headers(headers as u64, busy);
        let device = self.workers[worker].device;
        self.devices[device].headers += headers as u64;
    }

    /// A group of blocks was hashed and judged.
    pub(crate) fn judged_blocks(&mut self, worker: usize, seq: Seq, blocks: usize, now: Instant) {
        if self.workers[worker].take(seq, now).is_some() {
            self.workers[worker].reset_failures();
            let device = self.workers[worker].device;
            self.devices[device].headers += blocks as u64;
        }
    }

    /// A task turned out to have nothing for the device.
    pub(crate) fn skipped(&mut self, worker: usize, seq: Seq, now: Instant) {
        self.workers[worker].take(seq, now);
    }

    /// A worker's device failed: its tasks go to others.
    pub(crate) fn failed(&mut self, worker: usize, error: &DeviceError, now: Instant) -> AfterFailure {
        self.recall(worker);
        let tries = self.workers[worker].fail();
        let device = self.workers[worker].device;
        let after = self.policy.reopen_after(tries);
        let state = match after {
            AfterFailure::ReopenAfter(_) => DeviceState::Reopening { reason: error.to_string() },
            AfterFailure::Retire => DeviceState::Failed { reason: error.to_string() },
        };
        self.devices[device].state = state;
        self.workers[worker].state = match after {
            AfterFailure::ReopenAfter(_) => WorkerState::Reopening,
            AfterFailure::Retire => WorkerState::Retired,
        };
        self.after_loss(&error.to_string(), now);
        after
    }

    /// The status of every device that was opened.
    pub(crate) fn statuses(&self) -> Vec<DeviceStatus> {
        self.devices.iter().enumerate().map(|(index, device)| device.status(index, &self.workers)).collect()
    }

    /// Whether a worker will never get a task again.
    pub(crate) fn is_dismissed(&self, worker: usize) -> bool {
        self.stopped || self.workers[worker].state == WorkerState::Retired
    }

    fn is_serving(&self, worker: usize) -> bool {
        self.workers[worker].state == WorkerState::Serving
    }

    fn pick(&mut self, worker: usize) -> Option<(InFlight, Task)> {
        if self.canary_is_due(worker) {
            return Some(self.pick_canary(worker));
        }
        let first = self.workers[worker].next_turn();
        let found = (0..KINDS).find_map(|turn| match (first + turn) % KINDS {
            // Headers and blocks take turns too.
            0 if (first / KINDS).is_multiple_of(2) => self.pick_headers(worker).or_else(|| self.pick_blocks(worker)),
            0 => self.pick_blocks(worker).or_else(|| self.pick_headers(worker)),
            _ => self.pick_search(worker),
        });
        found.or_else(|| self.needs_canary_before_idling(worker).then(|| self.pick_canary(worker)))
    }

    fn pick_canary(&mut self, worker: usize) -> (InFlight, Task) {
        self.workers[worker].since_canary = 0;
        (InFlight::Canary, Task::Canary(Arc::clone(&self.canary)))
    }

    fn pick_headers(&mut self, worker: usize) -> Option<(InFlight, Task)> {
        if !self.pays_to_take_headers(worker) {
            return None;
        }
        // A slow worker is skipped, but tried now and then: it may have been slow only for a while.
        if self.may_be_skipped(worker) && !self.is_fast_enough(worker) && !self.workers[worker].count_skip() {
            return None;
        }
        // Segments of a chain with a final verdict are dropped.
        let task = std::iter::from_fn(|| self.headers.pop_front()).find(|task| task.is_wanted())?;
        Some((InFlight::Headers(Arc::clone(&task)), Task::Headers(task)))
    }

    /// The worker's own thread, and so the CPU, parses blocks and hashes their transactions. So a worker of another
    /// device takes blocks only if no worker of the CPU is serving.
    fn pick_blocks(&mut self, worker: usize) -> Option<(InFlight, Task)> {
        let is_trusted = |device: usize| self.devices[device].is_trusted();
        if !is_trusted(self.workers[worker].device) && self.serving().any(|other| is_trusted(other.device)) {
            return None;
        }
        let task = std::iter::from_fn(|| self.blocks.pop_front()).find(|task| task.is_wanted())?;
        Some((InFlight::Blocks(Arc::clone(&task)), Task::Blocks(task)))
    }

    /// Whether a worker may be skipped for being slow. Not the CPU if another device may decline tasks by its cost
    /// model: one of them must take every task.
    fn may_be_skipped(&self, worker: usize) -> bool {
        let is_cpu = self.devices[self.workers[worker].device].is_trusted();
        !(is_cpu && self.serving().any(|other| self.devices[other.device].cost_model.is_some()))
    }

    /// Whether a worker's device hashes headers fast enough: a much slower device than the best one would delay the
    /// chain. The best rate among the workers of a device counts, because one may have started slowly on a busy core.
    fn is_fast_enough(&self, worker: usize) -> bool {
        let device = self.workers[worker].device;
        let best_of = |workers: &mut dyn Iterator<Item = &Worker>| {
            workers.filter_map(|other| other.header_rate).max_by(f64::total_cmp)
        };
        let mine =
            self.workers[worker].header_rate.and(best_of(&mut self.serving().filter(|other| other.device == device)));
        match (mine, best_of(&mut self.serving())) {
            (Some(mine), Some(best)) => mine >= best * self.policy.check_share_min,
            (None, _) | (_, None) => !self.workers[worker].is_hashing_headers(),
        }
    }

    fn serving(&self) -> impl Iterator<Item = &Worker> {
        self.workers.iter().filter(|worker| worker.state == WorkerState::Serving)
    }

    /// A lease of the job that was served least for its priority and has open space.
    fn pick_search(&mut self, worker: usize) -> Option<(InFlight, Task)> {
        let state = &self.workers[worker];
        let mut limits = self.devices[state.device].info.limits;
        limits.hits_max = limits.hits_max.min(self.policy.hits_max);
        let (batch, claim) = (state.batch_hashes(&self.policy), state.claim_hashes(&self.policy));
        let wanted = Wanted { batch, claim, limits };
        let mut order: Vec<(f64, u64)> = self.jobs.iter().map(|(&id, job)| (job.served(), id)).collect();
        order.sort_by(|one, two| one.0.total_cmp(&two.0).then(one.1.cmp(&two.1)));
        let (id, lease) = order.into_iter().find_map(|(_, id)| {
            if !self.accepts_search(worker, id, wanted) {
                return None;
            }
            Some((id, self.jobs.get_mut(&id)?.lend(worker, wanted, &self.policy)?))
        })?;
        // A planted hit shows whether an untrusted device looked at the whole batch.
        let canary = (!self.devices[self.workers[worker].device].is_trusted()).then_some(self.seq);
        let task = self.jobs.get_mut(&id)?.search_task(&lease, wanted.limits.hits_max, canary);
        self.workers[worker].since_canary += 1;
        Some((InFlight::Search { job: id, lease }, task))
    }

    /// Returns all tasks of a worker, and the leases that it searched since its last canary, because that canary will
    /// never be answered.
    fn recall(&mut self, worker: usize) {
        self.jobs.values_mut().for_each(|job| job.give_back_held(worker));
        self.jobs.values_mut().for_each(|job| _ = job.give_back_claim(worker));
        for in_flight in self.workers[worker].take_all() {
            match in_flight {
                InFlight::Search { job, lease } => {
                    if let Some(job) = self.jobs.get_mut(&job) {
                        job.give_back(lease);
                    }
                }
                InFlight::Headers(task) | InFlight::Blocks(task) if self.stopped => task.abandon(),
                InFlight::Headers(task) => self.headers.push_front(task),
                InFlight::Blocks(task) => self.blocks.push_front(task),
                InFlight::Canary => {}
            }
        }
        self.events.push(Event::Wake);
    }

    /// Fails everything if no worker can serve any more.
    fn after_loss(&mut self, reason: &str, now: Instant) {
        if self.workers.iter().all(|worker| worker.state.is_unavailable()) {
            let reason = SealFailure::NoDevice { reason: reason.to_owned() };
            let all: Vec<u64> = self.jobs.keys().copied().collect();
            all.into_iter().for_each(|id| self.end_job(id, SealOutcome::Failed { reason: reason.clone() }, now));
            self.headers.abandon();
            self.blocks.abandon();
        }
        self.events.push(Event::Wake);
    }

    /// Why no device can work any more; `None` if one can.
    fn why_no_device(&self) -> Option<String> {
        let are_unavailable = self.workers.iter().all(|worker| worker.state.is_unavailable());
        are_unavailable.then(|| {
            let mut reasons = self.devices.iter().filter_map(|device| device.state.reason());
            reasons.next_back().unwrap_or_else(|| "no device was opened".to_owned())
        })
    }

    /// Ends the jobs that were only waiting for a canary.
    fn conclude(&mut self, now: Instant) {
        let ended: Vec<(u64, SealOutcome)> =
            self.jobs.iter().filter_map(|(&id, job)| Some((id, job.outcome()?))).collect();
        ended.into_iter().for_each(|(id, outcome)| self.end_job(id, outcome, now));
    }
}
