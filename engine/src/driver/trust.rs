//! Which devices the driver trusts: canaries, strikes, quarantine, probation, return.

use std::time::Instant;

use cityseal_chain::DeviceTag;

use super::workers::{InFlight, Lent, WorkerState};
use super::{Driver, Event};
use crate::devices::DeviceState;
use crate::judge::Caught;
use crate::policy::AfterFailure;
use crate::task::Seq;

/// A device on probation gets a canary after each batch.
const CANARY_EVERY_ON_PROBATION: u32 = 1;

impl Driver {
    /// A canary was answered correctly: what the worker searched before it counts.
    pub(crate) fn canary_answered(&mut self, worker: usize, seq: Seq, now: Instant) {
        let Some(Lent { work: InFlight::Canary, .. }) = self.workers[worker].take(seq, now) else { return };
        self.workers[worker].since_canary = 0;
        let device = self.workers[worker].device;
        self.devices[device].canary_answered();
        self.jobs.values_mut().for_each(|job| job.settle_held(worker));
        self.conclude(now);
    }

    /// A worker's device gave a wrong answer: everything that it searched for running jobs is searched again, and the
    /// device is quarantined. The CPU, which judges the others, is retired at once, and so is a device with too many
    /// strikes.
    pub(crate) fn caught(&mut self, worker: usize, caught: &Caught, now: Instant) -> AfterFailure {
        let device = self.workers[worker].device;
        let tag = DeviceTag(device as u16);
        for other in self.workers_of(device) {
            self.recall(other, now);
        }
        self.jobs.values_mut().for_each(|job| job.revoke(tag));
        let strikes = self.devices[device].strike(caught, now);
        let after = if self.devices[device].is_trusted() {
            AfterFailure::Retire
        } else {
            self.policy.quarantine_after(strikes)
        };
        let (state, until) = match after {
            AfterFailure::ReopenAfter(pause) => (WorkerState::Quarantined, Some(now + pause)),
            AfterFailure::Retire => (WorkerState::Retired, None),
        };
        self.devices[device].state = DeviceState::Quarantined { reason: caught.to_string(), until };
        for other in self.workers_of(device) {
            self.workers[other].state = state;
        }
        self.after_loss(&caught.to_string(), now);
        after
    }

    /// A worker's device was reopened and passed its self-test. If it was caught before, it is on probation.
    pub(crate) fn reopened(&mut self, worker: usize) {
        let device = self.workers[worker].device;
        self.devices[device].reopened(self.policy.probation_canaries);
        for other in self.workers_of(device) {
            if matches!(self.workers[other].state, WorkerState::Reopening | WorkerState::Quarantined) {
                self.workers[other].state = WorkerState::Serving;
            }
        }
        self.devices[device].state = self.devices[device].state_in_service();
        self.events.push(Event::Wake);
    }

    /// Whether an untrusted device has run enough batches for the next canary.
    pub(super) fn canary_is_due(&self, worker: usize) -> bool {
        let every = if self.devices[self.workers[worker].device].is_on_probation() {
            CANARY_EVERY_ON_PROBATION
        } else {
            self.policy.canary_every
        };
        self.may_get_canary(worker) && self.workers[worker].since_canary >= every
    }

    /// Whether a worker without a task needs a canary before it idles: a job may be waiting for the leases that it
    /// holds, and nothing would wake the worker for that.
    pub(super) fn needs_canary_before_idling(&self, worker: usize) -> bool {
        let holds = self.jobs.values().any(|job| job.is_held_by(worker));
        holds && self.may_get_canary(worker) && !self.workers[worker].is_searching()
    }

    /// Whether a job waits only for the canary of a worker, which would come late while the worker has other work. At
    /// most one canary for each batch time is sent for that, so that short jobs do not cost others more than that.
    pub(super) fn is_awaited_for_its_canary(&self, worker: usize, now: Instant) -> bool {
        let state = &self.workers[worker];
        let is_time = state.last_canary.is_none_or(|last| now.saturating_duration_since(last) >= state.batch_target());
        is_time && self.may_get_canary(worker) && self.jobs.values().any(|job| job.waits_for_canary_of(worker))
    }

    fn may_get_canary(&self, worker: usize) -> bool {
        let worker = &self.workers[worker];
        !self.devices[worker.device].is_trusted() && !worker.has_canary_in_flight()
    }

    fn workers_of(&self, device: usize) -> Vec<usize> {
        (0..self.workers.len()).filter(|&worker| self.workers[worker].device == device).collect()
    }
}
