//! Jobs that only GPUs may work on: whether a GPU is usable, and which jobs fail without one.

use std::time::Instant;

use cityseal_device::DeviceKind;

use super::Driver;
use super::jobs::Job;
use super::workers::Worker;
use crate::fallback::WhenNoGpu;
use crate::seal_report::{SealFailure, SealOutcome};

impl Driver {
    /// Whether a GPU takes tasks at present.
    pub(crate) fn has_usable_gpu(&self) -> bool {
        self.serving().any(|worker| self.is_gpu(worker))
    }

    /// Whether a worker may work on a job.
    pub(super) fn may_work_for(&self, worker: &Worker, when_no_gpu: WhenNoGpu) -> bool {
        !when_no_gpu.needs_gpu() || self.is_gpu(worker)
    }

    /// Why a new job cannot run; `None` if it can, or waits for a GPU.
    pub(super) fn refusal_of(&self, when_no_gpu: WhenNoGpu) -> Option<SealFailure> {
        match when_no_gpu {
            WhenNoGpu::Cpu => self.why_no_device().map(|reason| SealFailure::NoDevice { reason }),
            WhenNoGpu::Wait => None,
            WhenNoGpu::Fail => (!self.has_usable_gpu()).then(|| SealFailure::NoGpu { reason: self.why_no_gpu() }),
        }
    }

    /// Fails the jobs for which no device is left after a loss.
    pub(super) fn fail_without_device(&mut self, reason: &str, now: Instant) {
        let (has_device, has_gpu) = (self.why_no_device().is_none(), self.has_usable_gpu());
        if has_device && has_gpu {
            return;
        }
        let reason = || reason.to_owned();
        let failure = |job: &Job| match job.when_no_gpu {
            WhenNoGpu::Cpu if !has_device => Some(SealFailure::NoDevice { reason: reason() }),
            WhenNoGpu::Fail if !has_gpu => Some(SealFailure::NoGpu { reason: reason() }),
            WhenNoGpu::Cpu | WhenNoGpu::Wait | WhenNoGpu::Fail => None,
        };
        let failed: Vec<(u64, SealFailure)> =
            self.jobs.iter().filter_map(|(&id, job)| Some((id, failure(job)?))).collect();
        failed.into_iter().for_each(|(id, reason)| self.end_job(id, SealOutcome::Failed { reason }, now));
    }

    fn is_gpu(&self, worker: &Worker) -> bool {
        self.devices[worker.device].info.kind != DeviceKind::Cpu
    }

    /// What happened to the last GPU, in words.
    fn why_no_gpu(&self) -> String {
        let gpus = self.devices.iter().filter(|device| device.info.kind != DeviceKind::Cpu);
        gpus.filter_map(|gpu| gpu.state.reason()).next_back().unwrap_or_else(|| "none was opened".to_owned())
    }
}
