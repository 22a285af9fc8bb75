//! The watch over threads that may be stuck inside a graphics driver: what they hold is lent again, and nobody waits for
//! them. A thread that only waits for its device sees by itself that the device hangs; this is for the call that never
//! returns.

use std::time::Instant;

use super::{Driver, Event, Job, Standing};
use crate::{DeviceState, SealOutcome};

impl Driver {
    /// Ends the jobs whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant) {
        let late: Vec<u64> = self.jobs.iter().filter(|(_, job)| job.is_late(now)).map(|(&id, _)| id).collect();
        late.into_iter().for_each(|id| self.end_job(id, SealOutcome::Expired, now));
    }

    /// Takes back what stuck workers hold.
    pub(crate) fn take_back(&mut self, now: Instant) {
        let stuck: Vec<usize> = self.watched().filter(|&(_, until)| until <= now).map(|(worker, _)| worker).collect();
        stuck.into_iter().for_each(|worker| self.is_stuck(worker, now));
    }

    /// The whole process stood still, and no worker's silence is its own: they are watched anew from now on.
    pub(crate) fn stood_still(&mut self, now: Instant) {
        self.workers.iter_mut().for_each(|worker| worker.is_watched_anew(now));
    }

    /// A worker is about to read a file for its device.
    pub(crate) fn reads(&mut self, worker: usize) {
        self.workers[worker].reads();
    }

    /// When [`Self::expire`] and [`Self::take_back`] must be asked next: the earliest deadline, of a job or of a silent worker.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let of_workers = self.watched().map(|(_, until)| until);
        self.jobs.values().filter_map(Job::deadline).chain(of_workers).min()
    }

    /// A worker's device has the batch of an assignment, which had to be read before: from now on it is watched.
    pub(crate) fn submitted(&mut self, worker: usize, now: Instant) {
        self.workers[worker].watch_from(now);
        self.events.push(Event::Watch);
    }

    /// A worker that was taken to be stuck asks for work again. What it held was lent to others; what it brings is nobody's.
    pub(super) fn is_back(&mut self, worker: usize) {
        if self.workers[worker].standing == Standing::Stuck {
            self.workers[worker].standing = Standing::Serving;
            let device = &mut self.devices[self.workers[worker].device];
            device.state = device.state_in_service();
        }
    }

    /// Workers of devices with a driver, with the time at which their silence is too long.
    fn watched(&self) -> impl Iterator<Item = (usize, Instant)> {
        let bears = self.policy.hang_after + self.policy.stuck_after;
        self.workers.iter().enumerate().filter_map(move |(number, worker)| {
            let is_watched = worker.standing == Standing::Serving && !self.devices[worker.device].is_trusted();
            worker.silent_since().filter(|_| is_watched).map(|since| (number, since + bears))
        })
    }

    fn is_stuck(&mut self, worker: usize, now: Instant) {
        self.recall(worker);
        let reason = "its thread has been silent inside the driver for too long".to_owned();
        self.workers[worker].standing = Standing::Stuck;
        let device = self.workers[worker].device;
        self.devices[device].state = DeviceState::Hung { reason: reason.clone() };
        self.after_a_loss(&reason, now);
    }
}
