//! How fast a further job would be: the measured rates of the devices that may work on it, and its share of them.

use super::Driver;
use super::share::Flow;
use crate::devices::WorkKind;
use crate::seal_job::SealJob;

impl Driver {
    /// Hashes per second that a further job would get at present. `None` if no device may work on it now, or if the
    /// rate of one of them is not known yet. `replaced`: the job that it replaces.
    pub(crate) fn rate_of_new(&self, job: &SealJob, replaced: Option<u64>) -> Option<f64> {
        let (mut rate_hz, mut able) = (0.0, 0);
        for (number, worker) in self.workers.iter().enumerate() {
            if self.is_serving(number) && self.may_work_for(worker, job.when_no_gpu) {
                rate_hz += self.expected_rate(worker.device)?;
                able += 1;
            }
        }
        if able == 0 {
            return None;
        }
        // A share is one of the time of all workers; a job that fewer of them may work on gets it from these.
        let share = self.share.share_of_new(&job.tenant, job.priority, replaced.map(Flow::Job))
            * self.serving().count() as f64
            / f64::from(able);
        Some(rate_hz * share.min(1.0))
    }

    /// Hashes per second of one worker of a device: the mean of those that have searched; before the first search, what
    /// its cost model says.
    fn expected_rate(&self, device: usize) -> Option<f64> {
        let workers = self.workers.iter().filter(|worker| worker.device == device);
        let paces: Vec<f64> = workers.filter_map(|worker| worker.pace.rate_hz()).collect();
        if paces.is_empty() {
            let costs = self.devices[device].cost_model?.device;
            return Some(costs.of(WorkKind::Search)?.rate_hz());
        }
        Some(paces.iter().sum::<f64>() / paces.len() as f64)
    }
}
