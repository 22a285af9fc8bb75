//! Deadlines, of jobs and of worker threads that are stuck inside a graphics driver: their tasks go to others.
//!
//! A thread that waits for its device detects a hang by itself; this covers driver calls that never return.

use std::time::Instant;

use super::jobs::Job;
use super::workers::WorkerState;
use super::{Driver, Event};
use crate::devices::DeviceState;
use crate::seal_report::SealOutcome;

impl Driver {
    /// Ends the jobs past their deadline.
    pub(crate) fn expire(&mut self, now: Instant) {
        let late: Vec<u64> = self.jobs.iter().filter(|(_, job)| job.is_late(now)).map(|(&id, _)| id).collect();
        late.into_iter().for_each(|id| self.end_job(id, SealOutcome::Expired, now));
    }

    /// Takes the tasks of stuck workers back.
    pub(crate) fn recall_stuck(&mut self, now: Instant) {
        let stuck: Vec<usize> = self.watched().filter(|&(_, until)| until <= now).map(|(worker, _)| worker).collect();
        stuck.into_iter().for_each(|worker| self.mark_stuck(worker, now));
    }

    /// The whole process was suspended, which explains every worker's silence: their deadlines start again.
    pub(crate) fn was_suspended(&mut self, now: Instant) {
        self.workers.iter_mut().for_each(|worker| worker.restart_watch(now));
    }

    /// A worker prepares a batch, perhaps from a slow file, and is not watched until it is submitted.
    pub(crate) fn preparing(&mut self, worker: usize) {
        self.workers[worker].pause_watch();
    }

    /// When [`Self::expire`] and [`Self::recall_stuck`] must be called next: the earliest deadline of a job or a silent
    /// worker.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let of_workers = self.watched().map(|(_, until)| until);
        self.jobs.values().filter_map(Job::deadline).chain(of_workers).min()
    }

    /// A worker submitted a prepared batch to its device and is watched from now on.
    pub(crate) fn submitted(&mut self, worker: usize, now: Instant) {
        self.workers[worker].watch_from(now);
        self.events.push(Event::Watch);
    }

    /// Puts a stuck worker back into service, because it requests a task again. Its old tasks went to others; late
    /// results are discarded.
    pub(super) fn return_to_service(&mut self, worker: usize) {
        if self.workers[worker].state == WorkerState::Stuck {
            self.workers[worker].state = WorkerState::Serving;
            let device = &mut self.devices[self.workers[worker].device];
            device.state = device.state_in_service();
        }
    }

    /// Serving workers of devices other than the CPU, each with the time at which it counts as stuck.
    fn watched(&self) -> impl Iterator<Item = (usize, Instant)> {
        let limit = self.policy.hang_after + self.policy.stuck_after;
        self.workers.iter().enumerate().filter_map(move |(number, worker)| {
            let is_watched = worker.state == WorkerState::Serving && !self.devices[worker.device].is_trusted();
            worker.silent_since().filter(|_| is_watched).map(|since| (number, since + limit))
        })
    }

    fn mark_stuck(&mut self, worker: usize, now: Instant) {
        self.recall(worker, now);
        let reason = "its thread has been silent inside the driver for too long".to_owned();
        self.workers[worker].state = WorkerState::Stuck;
        let device = self.workers[worker].device;
        self.devices[device].state = DeviceState::Hung { reason: reason.clone() };
        self.after_loss(&reason, now);
    }
}
