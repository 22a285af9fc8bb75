//! What a device that nobody named is given: work at which it is worth using beside the CPU.

use cityseal_device::DeviceKind;

use super::jobs::Wanted;
use super::{Driver, Event};
use crate::crossover::{Cost, Costs, WorkKind, is_worth};

/// What batches cost on a device and on the whole CPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worth {
    /// On the device.
    pub(crate) device: Costs,
    /// On all threads of the CPU together.
    pub(crate) cpu: Costs,
    /// The device is software that runs on the CPU's own cores.
    pub(crate) shares_cores: bool,
}

impl Worth {
    /// Both costs of a kind of work; `None` where one of them was not measured.
    fn of(&self, kind: WorkKind) -> Option<(Cost, Cost)> {
        Some((self.device.of(kind)?, self.cpu.of(kind)?))
    }

    /// Whether the device should take `batch` of `open` items with `ahead` before it. Where a cost was not measured: whether
    /// it has cores of its own.
    fn is_worth(&self, kind: WorkKind, batch: u64, ahead: u64, open: u64) -> bool {
        let Some((device, cpu)) = self.of(kind) else { return !self.shares_cores };
        is_worth(device, cpu, self.shares_cores, batch, ahead, open)
    }
}

impl Driver {
    /// Weighs a device's worth against the CPU's from now on; `None`: it always works.
    pub(crate) fn set_worth(&mut self, device: usize, worth: Option<Worth>) {
        self.devices[device].worth = worth;
    }

    /// Whether a worker should take a batch of a job. One that should not lets go of what it had claimed of the job.
    pub(super) fn is_worth_searching(&mut self, worker: usize, id: u64, wanted: Wanted) -> bool {
        let Some(worth) = self.weighed(worker) else { return true };
        let ahead = self.workers[worker].ahead(WorkKind::Search);
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        let (open, batch) = job.open(wanted);
        let is_worth = worth.is_worth(WorkKind::Search, batch, ahead, open);
        if !is_worth && job.give_back_claim(worker) {
            self.events.push(Event::Wake);
        }
        is_worth
    }

    /// Whether a worker should take the next segment of a chain.
    pub(super) fn is_worth_a_segment(&self, worker: usize) -> bool {
        let Some(worth) = self.weighed(worker) else { return true };
        let Some((batch, open)) = self.checks.headers() else { return false };
        worth.is_worth(WorkKind::Headers, batch, self.workers[worker].ahead(WorkKind::Headers), open)
    }

    /// Whether a worker should take the next part of Merkle trees.
    pub(super) fn is_worth_trees(&self, worker: usize) -> bool {
        let Some(worth) = self.weighed(worker) else { return true };
        let Some((batch, open)) = self.trees.leaves() else { return false };
        worth.is_worth(WorkKind::Nodes, batch, self.workers[worker].ahead(WorkKind::Nodes), open)
    }

    /// The worth of a worker's device, where it is weighed: nobody declines what there is no CPU to do.
    fn weighed(&self, worker: usize) -> Option<Worth> {
        let worth = self.devices[self.workers[worker].device].worth?;
        let is_cpu = |device: usize| self.devices[device].info.kind == DeviceKind::Cpu;
        self.serving().any(|other| is_cpu(other.device)).then_some(worth)
    }
}
