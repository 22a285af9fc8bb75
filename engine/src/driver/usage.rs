//! Figures for metrics: device time by tenant, and how long jobs have waited.

use std::time::{Duration, Instant};

use super::Driver;
use super::share::Charge;
use super::workers::InFlight;
use crate::usage::{DeviceTime, TimeKind};

impl Driver {
    /// Replaces the estimated cost of a worker's task by the measured one, and counts it.
    pub(super) fn settle(
        &mut self,
        worker: usize,
        kind: Option<TimeKind>,
        charge: Option<Charge>,
        spent: Duration,
        now: Instant,
    ) {
        let Some(charge) = charge else { return };
        if let Some((kind, tenant)) = kind.zip(self.share.name_of(charge)) {
            self.times.add(tenant, self.workers[worker].device, kind, spent);
        }
        self.share.settle(charge, spent, now);
    }

    /// Device time by tenant, device and kind.
    pub(crate) fn device_times(&self) -> Vec<DeviceTime> {
        self.times.all(|device| self.devices[device].info.id.clone())
    }

    /// How long the running job that has waited longest for its first task has waited; `None` if no job waits.
    pub(crate) fn longest_wait(&self, now: Instant) -> Option<Duration> {
        self.jobs.values().filter_map(|job| job.waiting(now)).max()
    }
}

impl TimeKind {
    /// What a task is for; `None` for a canary, which nobody pays for.
    pub(super) const fn of(work: &InFlight) -> Option<Self> {
        match work {
            InFlight::Search { .. } => Some(Self::Search),
            InFlight::Headers(_) => Some(Self::Headers),
            InFlight::Blocks(_) => Some(Self::Blocks),
            InFlight::Canary => None,
        }
    }
}
