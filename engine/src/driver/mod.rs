//! The driver: a state machine that makes every decision of the engine. Which job is served next, how large a batch is,
//! whether a report counts, which device is quarantined, when a job has ended.
//!
//! It starts no thread, reads no clock (`now` is an argument) and touches no device, so that a test can play through
//! every race step by step.

mod accounts;
mod chains;
mod cost;
mod forecast;
mod gpus;
mod jobs;
mod pick;
mod share;
mod sliding;
mod stuck;
mod trust;
mod usage;
mod workers;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::{DeviceTag, Lease, Seal};
use cityseal_device::known_answers::Case;
use cityseal_device::{DeviceError, DeviceInfo};

use crate::coverage::SealCoverage;
use crate::devices::{DeviceState, DeviceStatus};
use crate::policy::{AfterFailure, EnginePolicy};
use crate::seal_job::{JobSnapshot, SealJob};
use crate::seal_report::{SealFailure, SealOutcome, SealReport};
use crate::task::{Assignment, ChainTask, SearchAnswer, Seq, TaskCost};
use crate::tenant::{TenantShares, TenantUsage};
use crate::usage::{DeviceTimes, TimeKind};
use chains::{ChainKind, Chains};
use jobs::Job;
use share::{FairShare, Flow};
use workers::{Device, InFlight, Lent, Worker, WorkerState};

/// Fewest hashes of a region from which a search rate is measured: below it the cost of a batch dominates. At 40
/// million hashes per second 256 take 6 us.
const MEASURED_MIN: u64 = 256;

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
    chains: Chains,
    share: FairShare,
    times: DeviceTimes,
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
            chains: Chains::default(),
            share: FairShare::default(),
            times: DeviceTimes::default(),
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
        let refusal = self.refusal_of(job.when_no_gpu);
        let tenant = self.share.join(&job.tenant, Flow::Job(id), job.priority);
        self.jobs.insert(id, Job::new(job, tenant, now));
        self.events.extend([Event::Wake, Event::Watch]);
        if self.stopped {
            self.end_job(id, SealOutcome::Failed { reason: SealFailure::ShutDown }, now);
        } else if let Some(reason) = refusal {
            self.end_job(id, SealOutcome::Failed { reason }, now);
        } else {
            self.expire(now);
            // A job that resumes a complete search has nothing to lend.
            if let Some(outcome) = self.jobs.get(&id).and_then(Job::outcome) {
                self.end_job(id, outcome, now);
            }
        }
        id
    }

    /// What a running job has searched so far, as far as it counts; `None` if it has ended.
    pub(crate) fn coverage(&self, id: u64) -> Option<SealCoverage> {
        Some(self.jobs.get(&id)?.searched(&self.devices))
    }

    /// As [`Self::coverage`]; `None` also if the job has found a seal, which a search of the rest would miss.
    pub(crate) fn resumable_coverage(&self, id: u64) -> Option<SealCoverage> {
        let job = self.jobs.get(&id).filter(|job| !job.has_seals())?;
        Some(job.searched(&self.devices))
    }

    /// Replaces the shares of tenants.
    pub(crate) fn set_tenants(&mut self, shares: TenantShares) {
        self.share.set_tenants(shares);
    }

    /// The tenants that had work within the last minute.
    pub(crate) fn usage(&mut self, now: Instant) -> Vec<TenantUsage> {
        self.share.usage(now)
    }
    /// Ends a job. Does nothing if it has ended.
    pub(crate) fn end_job(&mut self, id: u64, outcome: SealOutcome, now: Instant) {
        if let Some(mut job) = self.jobs.remove(&id) {
            self.share.end(job.tenant, Flow::Job(id));
            let snapshot = job.snapshot(true, now);
            self.events.push(Event::Ended(id, snapshot, job.report(outcome, &self.devices)));
            self.events.push(Event::Wake);
        }
    }

    /// Queues a segment of headers.
    pub(crate) fn add_headers(&mut self, task: Arc<dyn ChainTask>) {
        self.add_chain_task(ChainKind::Headers, task);
    }

    /// Queues a group of whole blocks.
    pub(crate) fn add_blocks(&mut self, task: Arc<dyn ChainTask>) {
        self.add_chain_task(ChainKind::Blocks, task);
    }

    fn add_chain_task(&mut self, kind: ChainKind, task: Arc<dyn ChainTask>) {
        if self.stopped || self.why_no_device().is_some() {
            task.abandon();
            return;
        }
        let tenant = self.share.join(task.tenant(), Flow::Chain(task.chain()), task.priority());
        self.chains.push_back(kind, tenant, task);
        // One wake-up is enough for a row of tasks.
        if !matches!(self.events.last(), Some(Event::Wake)) {
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
        let (lent, task) = self.pick(worker, now)?;
        self.seq += 1;
        if self.workers[worker].lend(self.seq, lent, now) {
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
        self.abandon_chains();
        self.events.extend([Event::Wake, Event::Watch]);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Regions of a search are complete, and the CPU has judged their hits. The others are returned.
    pub(crate) fn searched(&mut self, worker: usize, seq: Seq, answer: SearchAnswer, now: Instant) {
        let Some(Lent { work: InFlight::Search { job: id, leases }, charge }) = self.workers[worker].take(seq, now)
        else {
            return;
        };
        self.settle(worker, Some(TimeKind::Search), charge, answer.cost.total, now);
        let lent = leases.len();
        let mut rest = leases.into_iter();
        let done: Vec<Lease> = rest.by_ref().take(answer.done).collect();
        let hashes: u64 = done.iter().map(Lease::hashes).sum();
        // Tiny regions show what a batch costs, not how fast the device is.
        if hashes > 0 && hashes >= done.len() as u64 * MEASURED_MIN {
            self.workers[worker].measure_search(hashes, answer.cost);
        } else {
            self.workers[worker].reset_failures();
        }
        let device = self.workers[worker].device;
        let batches = answer.done + usize::from(answer.judged.overflow);
        self.workers[worker].uncount_batches(lent.saturating_sub(batches));
        self.devices[device].worked(batches as u64, now, &self.policy);
        let target = self.workers[worker].batch_target();
        // The job may have ended in the meantime.
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.learn_leases(worker, lent, done.len(), answer.cost.total, target);
        if answer.judged.overflow
            && let Some(lease) = rest.next()
        {
            job.too_many_hits(lease);
            self.events.push(Event::Wake);
        }
        if rest.len() > 0 {
            rest.for_each(|lease| job.give_back(lease));
            self.events.push(Event::Wake);
        }
        self.devices[device].hashes += u128::from(hashes);
        let found = !answer.judged.seals.is_empty();
        job.keep(answer.judged.seals);
        let tag = DeviceTag(device as u16);
        if self.devices[device].is_trusted() {
            done.into_iter().for_each(|lease| job.settle(lease, tag));
        } else {
            // They count once the device has answered its next canary.
            done.into_iter().for_each(|lease| job.hold(worker, tag, lease));
        }
        if let Some(outcome) = job.outcome() {
            self.end_job(id, outcome, now);
        } else if found || job.is_due(now, self.policy.progress_interval) {
            let snapshot = job.snapshot(false, now);
            self.events.push(Event::Changed(id, snapshot));
        }
    }

    /// Keeps the seals of a search that its worker cannot complete. The CPU has confirmed them, so they count whatever
    /// becomes of the device.
    pub(crate) fn confirmed(&mut self, worker: usize, seq: Seq, seals: Vec<Seal>, now: Instant) {
        let Some(id) = self.workers[worker].job_of(seq) else { return };
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.keep(seals);
        if let Some(outcome) = job.outcome() {
            self.end_job(id, outcome, now);
        } else {
            let snapshot = job.snapshot(false, now);
            self.events.push(Event::Changed(id, snapshot));
        }
    }

    /// A segment was hashed and judged.
    pub(crate) fn judged_headers(&mut self, worker: usize, seq: Seq, headers: usize, cost: TaskCost, now: Instant) {
        let Some(Lent { work: InFlight::Headers(_), charge }) = self.workers[worker].take(seq, now) else { return };
        self.workers[worker].measure_headers(headers as u64, cost.device);
        self.settle(worker, Some(TimeKind::Headers), charge, cost.total, now);
        let device = self.workers[worker].device;
        self.devices[device].headers += headers as u64;
    }

    /// A group of blocks was hashed and judged.
    pub(crate) fn judged_blocks(&mut self, worker: usize, seq: Seq, blocks: usize, cost: TaskCost, now: Instant) {
        let Some(Lent { work: InFlight::Blocks(_), charge }) = self.workers[worker].take(seq, now) else { return };
        self.workers[worker].measure_blocks(cost);
        self.settle(worker, Some(TimeKind::Blocks), charge, cost.total, now);
        let device = self.workers[worker].device;
        self.devices[device].headers += blocks as u64;
    }

    /// A task turned out to have nothing for the device. Its preparation took `spent`.
    pub(crate) fn skipped(&mut self, worker: usize, seq: Seq, spent: Duration, now: Instant) {
        let Some(Lent { work, charge }) = self.workers[worker].take(seq, now) else { return };
        self.settle(worker, TimeKind::of(&work), charge, spent, now);
    }

    /// A worker's device failed: its tasks go to others.
    pub(crate) fn failed(&mut self, worker: usize, error: &DeviceError, now: Instant) -> AfterFailure {
        self.recall(worker, now);
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

    fn serving(&self) -> impl Iterator<Item = &Worker> {
        self.workers.iter().filter(|worker| worker.state == WorkerState::Serving)
    }

    /// Returns all tasks of a worker, and the leases that it searched since its last canary, because that canary will
    /// never be answered. What the tasks were charged is refunded: nobody has their results.
    fn recall(&mut self, worker: usize, now: Instant) {
        self.jobs.values_mut().for_each(|job| job.give_back_held(worker));
        self.jobs.values_mut().for_each(|job| _ = job.give_back_claim(worker));
        for Lent { work, charge } in self.workers[worker].take_all() {
            charge.into_iter().for_each(|charge| self.share.settle(charge, Duration::ZERO, now));
            match work {
                InFlight::Search { job, leases } => {
                    if let Some(job) = self.jobs.get_mut(&job) {
                        leases.into_iter().for_each(|lease| job.give_back(lease));
                    }
                }
                InFlight::Headers(task) | InFlight::Blocks(task) if self.stopped => task.abandon(),
                InFlight::Headers(task) => self.requeue(ChainKind::Headers, task),
                InFlight::Blocks(task) => self.requeue(ChainKind::Blocks, task),
                InFlight::Canary => {}
            }
        }
        self.events.push(Event::Wake);
    }

    /// Queues a returned task before the other tasks of its chain.
    fn requeue(&mut self, kind: ChainKind, task: Arc<dyn ChainTask>) {
        let tenant = self.share.join(task.tenant(), Flow::Chain(task.chain()), task.priority());
        self.chains.push_front(kind, tenant, task);
    }

    /// Informs the owners of all queued chain tasks that no worker will take them.
    fn abandon_chains(&mut self) {
        for (chain, tenant) in self.chains.abandon() {
            self.share.end(tenant, Flow::Chain(chain));
        }
    }

    /// Fails the jobs for which no device is left, and everything else if no worker can serve any more.
    fn after_loss(&mut self, reason: &str, now: Instant) {
        self.fail_without_device(reason, now);
        if self.why_no_device().is_some() {
            self.abandon_chains();
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
