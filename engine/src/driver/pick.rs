//! Which task a worker gets next: the first that it can take, in the order of fair shares.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::Lease;

use super::Driver;
use super::chains::ChainKind;
use super::jobs::Wanted;
use super::share::{Flow, RESERVE_MIN};
use super::workers::{InFlight, Lent, Worker};
use crate::task::{ChainId, Task};

/// A task for a worker, and its expected cost.
type Picked = (InFlight, Task, Duration);

impl Driver {
    pub(super) fn pick(&mut self, worker: usize, now: Instant) -> Option<(Lent, Task)> {
        if self.canary_is_due(worker) || self.is_awaited_for_its_canary(worker, now) {
            return Some(self.pick_canary(worker, now));
        }
        let found = self.pick_by_share(worker, now);
        found.or_else(|| self.needs_canary_before_idling(worker).then(|| self.pick_canary(worker, now)))
    }

    /// The first task that the worker can take. What it cannot take keeps its place in the order for other workers.
    fn pick_by_share(&mut self, worker: usize, now: Instant) -> Option<(Lent, Task)> {
        let workers = self.serving().count();
        // Decided once for all chains: a worker that is too slow counts the skip.
        let mut is_skipped = None;
        for tenant in self.share.tenant_order(workers, now) {
            for flow in self.share.flow_order(tenant) {
                let picked = match flow {
                    Flow::Job(id) => self.pick_search(worker, id),
                    Flow::Chain(id) => self.pick_chain(worker, id, &mut is_skipped),
                };
                let lent = picked.map(|(work, task, cost)| {
                    let charge = Some(self.share.lend(tenant, flow, cost, workers, now));
                    (Lent { work, charge }, task)
                });
                if let Flow::Chain(id) = flow
                    && !self.chains.has(id)
                {
                    self.share.pause(tenant, flow);
                }
                if lent.is_some() {
                    if let Flow::Job(id) = flow
                        && let Some(job) = self.jobs.get_mut(&id)
                    {
                        job.begin(now);
                    }
                    return lent;
                }
            }
        }
        None
    }

    fn pick_canary(&mut self, worker: usize, now: Instant) -> (Lent, Task) {
        self.workers[worker].since_canary = 0;
        self.workers[worker].last_canary = Some(now);
        (Lent { work: InFlight::Canary, charge: None }, Task::Canary(Arc::clone(&self.canary)))
    }

    /// Leases of a job, if it has open space and the device is not better left to larger work.
    fn pick_search(&mut self, worker: usize, id: u64) -> Option<Picked> {
        let state = &self.workers[worker];
        if !self.may_work_for(state, self.jobs.get(&id)?.when_no_gpu) {
            return None;
        }
        let mut limits = self.devices[state.device].info.limits;
        limits.hits_max = limits.hits_max.min(self.policy.hits_max);
        let (batch, claim) = (state.batch_hashes(&self.policy), state.claim_hashes(&self.policy));
        let wanted = Wanted { batch, claim, time: state.batch_target(), limits };
        if !self.accepts_search(worker, id, wanted) {
            return None;
        }
        // A planted hit shows whether an untrusted device looked at the whole batch.
        let canary = (!self.devices[self.workers[worker].device].is_trusted()).then_some(self.seq);
        let job = self.jobs.get_mut(&id)?;
        let leases = job.lend(worker, wanted, &self.policy)?;
        let task = job.search_task(&leases, wanted, canary);
        let hashes = leases.iter().map(Lease::hashes).sum();
        let state = &mut self.workers[worker];
        // Each region is a batch.
        state.since_canary += leases.len() as u32;
        let cost = state.search_time(hashes).max(RESERVE_MIN * leases.len() as u32);
        Some((InFlight::Search { job: id, leases }, Task::Search(task), cost))
    }

    /// The next task of a chain, if the worker is one for its kind.
    fn pick_chain(&mut self, worker: usize, id: ChainId, is_skipped: &mut Option<bool>) -> Option<Picked> {
        let (kind, count) = self.chains.next_of(id)?;
        let is_for_worker = match kind {
            ChainKind::Headers => {
                self.pays_to_take_headers(worker, count)
                    && !*is_skipped.get_or_insert_with(|| self.is_skipped_for_headers(worker))
            }
            ChainKind::Blocks => self.is_for_blocks(worker),
        };
        if !is_for_worker {
            return None;
        }
        let task = self.chains.pop(id)?;
        let state = &self.workers[worker];
        Some(match kind {
            ChainKind::Headers => {
                let cost = state.header_time(task.count() as u64);
                (InFlight::Headers(Arc::clone(&task)), Task::Headers(task), cost)
            }
            ChainKind::Blocks => (InFlight::Blocks(Arc::clone(&task)), Task::Blocks(task), state.group_time()),
        })
    }

    /// Whether a worker is skipped for headers because it is slow. It is tried now and then: it may have been slow only
    /// for a while.
    fn is_skipped_for_headers(&mut self, worker: usize) -> bool {
        self.may_be_skipped(worker) && !self.is_fast_enough(worker) && !self.workers[worker].count_skip()
    }

    /// The worker's own thread, and so the CPU, parses blocks and hashes their transactions. So a worker of another
    /// device takes blocks only if no worker of the CPU is serving.
    fn is_for_blocks(&self, worker: usize) -> bool {
        let is_trusted = |device: usize| self.devices[device].is_trusted();
        is_trusted(self.workers[worker].device) || !self.serving().any(|other| is_trusted(other.device))
    }

    /// Whether a worker may be skipped for being slow. Not the CPU if another device may decline tasks by its cost
    /// model: one of them must take every task.
    pub(super) fn may_be_skipped(&self, worker: usize) -> bool {
        let is_cpu = self.devices[self.workers[worker].device].is_trusted();
        !(is_cpu && self.serving().any(|other| self.devices[other.device].cost_model.is_some()))
    }

    /// Whether a worker's device hashes headers fast enough: a much slower device than the best one would delay the
    /// chain. The best rate among the workers of a device counts, because one may have started slowly on a busy core.
    pub(super) fn is_fast_enough(&self, worker: usize) -> bool {
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
}
