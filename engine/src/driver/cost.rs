//! Which tasks an automatically selected device takes: those that pay off by its cost model.

use cityseal_device::DeviceKind;

use super::jobs::Wanted;
use super::{Driver, Event};
use crate::devices::{CostModel, WorkKind};

impl Driver {
    /// Sets the cost model of a device; `None`: it takes every task.
    pub(crate) fn set_cost_model(&mut self, device: usize, model: Option<CostModel>) {
        self.devices[device].cost_model = model;
    }

    /// Decides whether a worker takes a batch of a job. If it declines, its claim on the job is released.
    pub(super) fn accepts_search(&mut self, worker: usize, id: u64, wanted: Wanted) -> bool {
        let Some(model) = self.cost_model_of(worker) else { return true };
        let ahead = self.workers[worker].hashes_ahead();
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        // No CPU would take what this device declines.
        if job.when_no_gpu.needs_gpu() {
            return true;
        }
        let (open, batch) = job.open(wanted);
        // A batch that consists of several regions costs a dispatch for each of them.
        let region = job.region_hashes(wanted);
        let is_whole = region >= batch || model.is_faster_from(WorkKind::Search, region);
        let pays_off = is_whole && model.pays_off(WorkKind::Search, batch, ahead, open);
        if !pays_off && job.give_back_claim(worker) {
            self.events.push(Event::Wake);
        }
        pays_off
    }

    /// Whether it pays for a worker to take a segment of `count` headers.
    pub(super) fn pays_to_take_headers(&self, worker: usize, count: u64) -> bool {
        let Some(model) = self.cost_model_of(worker) else { return true };
        model.pays_off(WorkKind::Headers, count, self.workers[worker].headers_ahead(), self.chains.headers())
    }

    /// The cost model of a worker's device, if it applies: without a serving CPU, no task may be declined.
    fn cost_model_of(&self, worker: usize) -> Option<CostModel> {
        let model = self.devices[self.workers[worker].device].cost_model?;
        let is_cpu = |device: usize| self.devices[device].info.kind == DeviceKind::Cpu;
        self.serving().any(|other| is_cpu(other.device)).then_some(model)
    }
}
