//! Whom the driver believes, and how far: canaries, strikes, quarantine, probation, return.

use std::time::Instant;

use cityseal_chain::DeviceTag;

use super::{AfterFailure, Driver, Event, InFlight, Seq, Standing};
use crate::DeviceState;
use crate::judge::Caught;

/// A device on probation is asked a known question behind so many batches.
const CANARY_EVERY_ON_PROBATION: u32 = 1;

impl Driver {
    /// A canary came back with the right answer: what the worker searched before it counts.
    pub(crate) fn canary_sang(&mut self, worker: usize, seq: Seq, now: Instant) {
        let Some(InFlight::Canary) = self.workers[worker].take(seq, now) else { return };
        self.workers[worker].since_canary = 0;
        let device = self.workers[worker].device;
        self.devices[device].canary_answered();
        self.jobs.values_mut().for_each(|job| job.settle_held(worker));
        self.conclude(now);
    }

    /// A worker's device was caught in a wrong answer: all that it ever searched for a living job is searched again, and it
    /// gets no work for a while; none any more where it is the CPU, which judges the others, or was caught too often.
    pub(crate) fn lied(&mut self, worker: usize, caught: &Caught, now: Instant) -> AfterFailure {
        let device = self.workers[worker].device;
        let tag = DeviceTag(device as u16);
        for other in self.workers_of(device) {
            self.recall(other);
        }
        self.jobs.values_mut().for_each(|job| job.revoke(tag));
        let strikes = self.devices[device].strike(caught, now);
        let after = if self.devices[device].is_trusted() {
            AfterFailure::Retire
        } else {
            self.policy.quarantine_after(strikes)
        };
        let (standing, until) = match after {
            AfterFailure::ReopenAfter(pause) => (Standing::Quarantined, Some(now + pause)),
            AfterFailure::Retire => (Standing::Gone, None),
        };
        self.devices[device].state = DeviceState::Quarantined { reason: caught.to_string(), until };
        for other in self.workers_of(device) {
            self.workers[other].standing = standing;
        }
        self.after_a_loss(&caught.to_string(), now);
        after
    }

    /// A worker's device was opened again and passed its self-test. One that was caught before is on probation.
    pub(crate) fn reopened(&mut self, worker: usize) {
        let device = self.workers[worker].device;
        self.devices[device].reopened(self.policy.probation_canaries);
        for other in self.workers_of(device) {
            if matches!(self.workers[other].standing, Standing::Away | Standing::Quarantined) {
                self.workers[other].standing = Standing::Serving;
            }
        }
        self.devices[device].state = self.devices[device].state_in_service();
        self.events.push(Event::Wake);
    }

    /// A device that is not trusted is asked a known question now and then.
    pub(super) fn canary_is_due(&self, worker: usize) -> bool {
        let every = if self.devices[self.workers[worker].device].is_on_probation() {
            CANARY_EVERY_ON_PROBATION
        } else {
            self.policy.canary_every
        };
        self.may_sing(worker) && self.workers[worker].since_canary >= every
    }

    /// Whoever finds nothing to do is asked a known question before it sleeps, where a job waits for it: a job may end on its
    /// word, and nobody would wake it for that.
    pub(super) fn must_sing_before_it_sleeps(&self, worker: usize) -> bool {
        let holds = self.jobs.values().any(|job| job.is_held_by(worker));
        holds && self.may_sing(worker) && !self.workers[worker].is_searching()
    }

    fn may_sing(&self, worker: usize) -> bool {
        let state = &self.workers[worker];
        !self.devices[state.device].is_trusted() && !state.has_canary_in_flight()
    }

    fn workers_of(&self, device: usize) -> Vec<usize> {
        (0..self.workers.len()).filter(|&worker| self.workers[worker].device == device).collect()
    }
}
