//! The driver: every decision of the engine, and nothing else. Which job is served next, how large a batch is, what a
//! report is worth, who is quarantined, when a job has ended.
//!
//! It starts no thread, reads no clock (`now` is an argument) and touches no device; the shell around it does. So every
//! race that matters can be played through in a test, step by step.

mod checks;
mod jobs;
mod trees;
mod trust;
mod watch;
mod work;
mod workers;
mod worth;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::{DeviceTag, Lease};
use cityseal_device::known_answers::Case;
use cityseal_device::{DeviceError, DeviceInfo};

pub(crate) use checks::{BlocksTask, CheckTask};
pub(crate) use trees::TreesTask;
pub(crate) use work::Work;
pub(crate) use workers::Standing;
pub(crate) use worth::Worth;

use crate::judge::Judged;
use crate::{DeviceState, EnginePolicy, JobSnapshot, SealFailure, SealJob, SealOutcome, SealReport};
use checks::StreamQueue;
use jobs::{Job, Wanted};
use trees::TreesQueue;
use workers::{Device, Worker};

/// Names one assignment of one worker.
pub(crate) type Seq = u64;

/// Kinds of work that take turns: chains, searches, Merkle trees.
const KINDS: usize = 3;

/// What a worker is to do next.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) seq: Seq,
    pub(crate) work: Work,
    /// One in so many hashes of a device that is not the CPU is hashed again.
    pub(crate) recheck_every: usize,
}

/// What was lent to a worker and not answered yet.
#[derive(Debug)]
enum InFlight {
    Search { job: u64, lease: Lease },
    Check(CheckTask),
    Blocks(BlocksTask),
    Trees(TreesTask),
    Canary,
}

/// What the shell must tell the world.
#[derive(Debug)]
pub(crate) enum Event {
    /// A job has moved on.
    Changed(u64, JobSnapshot),
    /// A job has ended.
    Ended(u64, JobSnapshot, SealReport),
    /// There is new work, or a worker may do something else: wake those who wait.
    Wake,
    /// There is something to watch the clock for.
    Watch,
}

/// What a worker does after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// Open the device again after this pause.
    ReopenAfter(Duration),
    /// End.
    Retire,
}

/// The state machine. See the module's text.
#[derive(Debug)]
pub(crate) struct Driver {
    policy: EnginePolicy,
    canary: Arc<Case>,
    devices: Vec<Device>,
    workers: Vec<Worker>,
    jobs: BTreeMap<u64, Job>,
    checks: StreamQueue<CheckTask>,
    blocks: StreamQueue<BlocksTask>,
    trees: TreesQueue,
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
            checks: StreamQueue::default(),
            blocks: StreamQueue::default(),
            trees: TreesQueue::default(),
            jobs_seen: 0,
            seq: 0,
            events: Vec::new(),
            stopped: false,
        }
    }

    /// Adds a device that passed its self-test, with one worker; further workers by [`Self::add_worker`].
    pub(crate) fn add_device(&mut self, info: DeviceInfo) -> usize {
        let device = self.devices.len();
        self.devices.push(Device::new(info));
        device
    }

    /// Adds a worker of a device; returns its number.
    pub(crate) fn add_worker(&mut self, device: usize) -> usize {
        self.workers.push(Worker::new(device, &self.devices[device].info, &self.policy));
        self.workers.len() - 1
    }

    /// What happened since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Takes a job in; returns its number.
    pub(crate) fn add_job(&mut self, job: SealJob, now: Instant) -> u64 {
        self.jobs_seen += 1;
        let id = self.jobs_seen;
        let served_least = self.jobs.values().map(Job::served).min_by(f64::total_cmp).unwrap_or(0.0);
        self.jobs.insert(id, Job::new(job, served_least, now));
        self.events.extend([Event::Wake, Event::Watch]);
        if self.stopped {
            self.end_job(id, SealOutcome::Failed { reason: SealFailure::ShutDown }, now);
        } else if let Some(reason) = self.nobody_left() {
            self.end_job(id, SealOutcome::Failed { reason: SealFailure::NoDevice { reason } }, now);
        } else {
            self.expire(now);
        }
        id
    }

    /// Ends a job; one that has ended already is left alone.
    pub(crate) fn end_job(&mut self, id: u64, outcome: SealOutcome, now: Instant) {
        if let Some(mut job) = self.jobs.remove(&id) {
            let report = job.report(outcome, &self.devices);
            self.events.push(Event::Ended(id, job.snapshot(true, now), report));
            self.events.push(Event::Wake);
        }
    }

    /// Puts a segment of a chain into the queue.
    pub(crate) fn add_check(&mut self, task: CheckTask) {
        if self.stopped || self.nobody_left().is_some() {
            task.stream.abandon();
        } else {
            self.checks.push_back(task);
            if !matches!(self.events.last(), Some(Event::Wake)) {
                self.events.push(Event::Wake);
            }
        }
    }

    /// Puts whole blocks into the queue.
    pub(crate) fn add_blocks(&mut self, task: BlocksTask) {
        if self.stopped || self.nobody_left().is_some() {
            task.stream.abandon();
        } else {
            self.blocks.push_back(task);
            self.events.push(Event::Wake);
        }
    }

    /// Puts Merkle trees into the queue.
    pub(crate) fn add_trees(&mut self, task: TreesTask) {
        if self.stopped || self.nobody_left().is_some() {
            task.call.abandon();
        } else {
            self.trees.push_back(task);
            self.events.push(Event::Wake);
        }
    }

    /// The next piece of work for a worker; `None` where there is none at present.
    pub(crate) fn next(&mut self, worker: usize, now: Instant) -> Option<Assignment> {
        self.expire(now);
        self.is_back(worker);
        if self.stopped || !self.is_serving(worker) {
            return None;
        }
        let (in_flight, work) = self.pick(worker)?;
        self.seq += 1;
        if self.workers[worker].lend(self.seq, in_flight, now) {
            self.events.push(Event::Watch);
        }
        let device = &self.devices[self.workers[worker].device];
        let policy = &self.policy;
        let recheck_every =
            if device.is_on_probation() { policy.recheck_every_on_probation } else { policy.recheck_every };
        Some(Assignment { seq: self.seq, work, recheck_every })
    }

    /// Ends everything: no work is given out any more.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.stopped = true;
        let all: Vec<u64> = self.jobs.keys().copied().collect();
        all.into_iter().for_each(|id| self.end_job(id, SealOutcome::Failed { reason: SealFailure::ShutDown }, now));
        self.checks.abandon();
        self.blocks.abandon();
        self.trees.abandon();
        self.events.extend([Event::Wake, Event::Watch]);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// A search has run to its end, and its hits were judged on the CPU.
    pub(crate) fn searched(&mut self, worker: usize, seq: Seq, judged: Judged, busy: Duration, now: Instant) {
        let Some(InFlight::Search { job: id, lease }) = self.workers[worker].take(seq, now) else { return };
        self.workers[worker].measure_search(lease.hashes(), busy);
        let device = self.workers[worker].device;
        self.devices[device].worked(now, &self.policy);
        let trusted = self.devices[device].is_trusted();
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
    pub(crate) fn checked(&mut self, worker: usize, seq: Seq, headers: usize, busy: Duration, now: Instant) {
        let Some(InFlight::Check(_)) = self.workers[worker].take(seq, now) else { return };
        self.workers[worker].measure_check(headers as u64, busy);
        let device = self.workers[worker].device;
        self.devices[device].headers += headers as u64;
    }

    /// Blocks were hashed and judged.
    pub(crate) fn judged_blocks(&mut self, worker: usize, seq: Seq, blocks: usize, now: Instant) {
        if self.workers[worker].take(seq, now).is_some() {
            self.workers[worker].worked();
            let device = self.workers[worker].device;
            self.devices[device].headers += blocks as u64;
        }
    }

    /// Trees were hashed and judged.
    pub(crate) fn hashed_trees(&mut self, worker: usize, seq: Seq, now: Instant) {
        if self.workers[worker].take(seq, now).is_some() {
            self.workers[worker].worked();
        }
    }

    /// Nothing could be hashed of a piece of work.
    pub(crate) fn dropped(&mut self, worker: usize, seq: Seq, now: Instant) {
        self.workers[worker].take(seq, now);
    }

    /// A worker's device failed: what it held is lent again.
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
        self.workers[worker].standing = match after {
            AfterFailure::ReopenAfter(_) => Standing::Away,
            AfterFailure::Retire => Standing::Gone,
        };
        self.after_a_loss(&error.to_string(), now);
        after
    }

    /// Every device that was opened: info, state, workers, counters, rate.
    pub(crate) fn statuses(&self) -> Vec<crate::DeviceStatus> {
        self.devices.iter().enumerate().map(|(index, device)| device.status(index, &self.workers)).collect()
    }

    /// Whether a worker will never get work again.
    pub(crate) fn is_dismissed(&self, worker: usize) -> bool {
        self.stopped || self.workers[worker].standing == Standing::Gone
    }

    fn is_serving(&self, worker: usize) -> bool {
        self.workers[worker].standing == Standing::Serving
    }

    fn pick(&mut self, worker: usize) -> Option<(InFlight, Work)> {
        if self.canary_is_due(worker) {
            return Some(self.pick_canary(worker));
        }
        let first = self.workers[worker].next_turn();
        let found = (0..KINDS).find_map(|turn| match (first + turn) % KINDS {
            // Headers and blocks take turns too.
            0 if first.is_multiple_of(2) => self.pick_check(worker).or_else(|| self.pick_blocks(worker)),
            0 => self.pick_blocks(worker).or_else(|| self.pick_check(worker)),
            1 => self.pick_search(worker),
            _ => self.pick_trees(worker),
        });
        found.or_else(|| self.must_sing_before_it_sleeps(worker).then(|| self.pick_canary(worker)))
    }

    fn pick_canary(&mut self, worker: usize) -> (InFlight, Work) {
        self.workers[worker].since_canary = 0;
        (InFlight::Canary, Work::Canary(Arc::clone(&self.canary)))
    }

    fn pick_trees(&mut self, worker: usize) -> Option<(InFlight, Work)> {
        if !self.is_worth_trees(worker) {
            return None;
        }
        let task = self.trees.pop_front()?;
        Some((InFlight::Trees(task.clone()), Work::Trees(task)))
    }

    fn pick_check(&mut self, worker: usize) -> Option<(InFlight, Work)> {
        if !self.is_worth_a_segment(worker) {
            return None;
        }
        if self.may_be_passed_over(worker)
            && !self.is_worth_checking_with(worker)
            && !self.workers[worker].is_passed_over_for_long()
        {
            return None;
        }
        // Segments of a chain whose verdict stands are of no use to anybody.
        let task = std::iter::from_fn(|| self.checks.pop_front()).find(CheckTask::is_wanted)?;
        Some((InFlight::Check(task.clone()), Work::Check(task)))
    }

    /// Blocks are taken apart and their transactions hashed by the worker's own thread, which is the CPU all the same: the
    /// worker of another device does it only where no worker of the CPU serves.
    fn pick_blocks(&mut self, worker: usize) -> Option<(InFlight, Work)> {
        let is_trusted = |device: usize| self.devices[device].is_trusted();
        if !is_trusted(self.workers[worker].device) && self.serving().any(|other| is_trusted(other.device)) {
            return None;
        }
        let task = std::iter::from_fn(|| self.blocks.pop_front()).find(BlocksTask::is_wanted)?;
        Some((InFlight::Blocks(task.clone()), Work::Blocks(task)))
    }

    /// The CPU takes what a weighed device may decline: somebody must.
    fn may_be_passed_over(&self, worker: usize) -> bool {
        let is_cpu = self.devices[self.workers[worker].device].is_trusted();
        !(is_cpu && self.serving().any(|other| self.devices[other.device].worth.is_some()))
    }

    /// A device that hashes headers much slower than the best one would only hold up the chain behind it. Workers of one
    /// device are alike: one that began slowly, on a busy core, is as good as the others.
    fn is_worth_checking_with(&self, worker: usize) -> bool {
        let device = self.workers[worker].device;
        let best_of = |workers: &mut dyn Iterator<Item = &Worker>| {
            workers.filter_map(|other| other.check_rate).max_by(f64::total_cmp)
        };
        let mine =
            self.workers[worker].check_rate.and(best_of(&mut self.serving().filter(|other| other.device == device)));
        match (mine, best_of(&mut self.serving())) {
            (Some(mine), Some(best)) => mine >= best * self.policy.check_share_min,
            (None, _) | (_, None) => !self.workers[worker].is_checking(),
        }
    }

    fn serving(&self) -> impl Iterator<Item = &Worker> {
        self.workers.iter().filter(|worker| worker.standing == Standing::Serving)
    }

    /// The job that has had the least of its share, and has something open.
    fn pick_search(&mut self, worker: usize) -> Option<(InFlight, Work)> {
        let state = &self.workers[worker];
        let mut limits = self.devices[state.device].info.limits;
        limits.hits_max = limits.hits_max.min(self.policy.hits_max);
        let (batch, claim) = (state.batch_hashes(&self.policy), state.claim_hashes(&self.policy));
        let wanted = Wanted { batch, claim, limits };
        let mut order: Vec<(f64, u64)> = self.jobs.iter().map(|(&id, job)| (job.served(), id)).collect();
        order.sort_by(|one, two| one.0.total_cmp(&two.0).then(one.1.cmp(&two.1)));
        let (id, lease) = order.into_iter().find_map(|(_, id)| {
            let is_worth = self.is_worth_searching(worker, id, wanted);
            Some((id, self.jobs.get_mut(&id).filter(|_| is_worth)?.lend(worker, wanted, &self.policy)?))
        })?;
        let canary = (!self.devices[self.workers[worker].device].is_trusted()).then_some(self.seq);
        let work = self.jobs.get_mut(&id)?.search_work(&lease, wanted.limits.hits_max, canary);
        self.workers[worker].since_canary += 1;
        Some((InFlight::Search { job: id, lease }, work))
    }

    /// Gives back all that a worker held, and what it searched since its last canary: nobody can ask it any more.
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
                // Nobody will take it any more.
                InFlight::Check(task) if self.stopped => task.stream.abandon(),
                InFlight::Check(task) => self.checks.push_front(task),
                InFlight::Blocks(task) if self.stopped => task.stream.abandon(),
                InFlight::Blocks(task) => self.blocks.push_front(task),
                InFlight::Trees(task) if self.stopped => task.call.abandon(),
                InFlight::Trees(task) => self.trees.push_front(task),
                InFlight::Canary => {}
            }
        }
        self.events.push(Event::Wake);
    }

    fn after_a_loss(&mut self, reason: &str, now: Instant) {
        if self.workers.iter().all(|worker| worker.standing.is_hopeless()) {
            let reason = SealFailure::NoDevice { reason: reason.to_owned() };
            let all: Vec<u64> = self.jobs.keys().copied().collect();
            all.into_iter().for_each(|id| self.end_job(id, SealOutcome::Failed { reason: reason.clone() }, now));
            self.checks.abandon();
            self.blocks.abandon();
            self.trees.abandon();
        }
        self.events.push(Event::Wake);
    }

    /// Why nobody can work any more, where that is so.
    fn nobody_left(&self) -> Option<String> {
        let hopeless = self.workers.iter().all(|worker| worker.standing.is_hopeless());
        hopeless.then(|| {
            let mut reasons = self.devices.iter().filter_map(|device| device.state.reason());
            reasons.next_back().unwrap_or_else(|| "no device was opened".to_owned())
        })
    }

    /// Ends the jobs that were only waiting for a device to be believed.
    fn conclude(&mut self, now: Instant) {
        let ended: Vec<(u64, SealOutcome)> =
            self.jobs.iter().filter_map(|(&id, job)| Some((id, job.outcome()?))).collect();
        ended.into_iter().for_each(|(id, outcome)| self.end_job(id, outcome, now));
    }
}
