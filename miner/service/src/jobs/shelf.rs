//! The jobs that are kept: counting, finding and dropping them, by number and by request.
//!
//! It does not start or end jobs. Its limits are in `limits.rs`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::record::JobRecord;
use crate::limits::{JOBS_ENDED_MAX, JOBS_RUNNING_MAX, JOBS_RUNNING_PER_TENANT_MAX, RESULTS_BYTES_MAX};
use crate::refusal::Refusal;

/// All jobs that are kept.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    last_number: u64,
    jobs: BTreeMap<u64, Arc<JobRecord>>,
    /// Job numbers by tenant and request id.
    by_request: HashMap<(String, String), u64>,
    /// The jobs that count as running, each with its tenant.
    running: BTreeMap<u64, String>,
    ended: EndedQueue,
}

impl Shelf {
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn insert(&mut self, record: Arc<JobRecord>) {
        let (tenant, request_id) = (record.request.tenant.clone(), record.request.request_id.clone());
        self.running.insert(record.number, tenant.clone());
        self.by_request.insert((tenant, request_id), record.number);
        self.jobs.insert(record.number, record);
    }

    pub(super) fn find(&self, number: u64) -> Option<Arc<JobRecord>> {
        self.jobs.get(&number).cloned()
    }

    pub(super) fn find_request(&self, tenant: &str, request_id: &str) -> Option<Arc<JobRecord>> {
        let number = self.by_request.get(&(tenant.to_owned(), request_id.to_owned()))?;
        self.find(*number)
    }

    /// Returns up to `count` jobs after number `after`, ascending.
    pub(super) fn after(&self, after: u64, tenant: Option<&str>, count: usize) -> Vec<Arc<JobRecord>> {
        let later = self.jobs.range((Excluded(after), Unbounded)).map(|(_, record)| record);
        later
            .filter(|record| tenant.is_none_or(|tenant| record.request.tenant == tenant))
            .take(count)
            .cloned()
            .collect()
    }

    pub(super) fn running(&self) -> Vec<Arc<JobRecord>> {
        self.running.keys().filter_map(|number| self.find(*number)).collect()
    }

    /// Checks whether one more job of a tenant may run, if the job `leaving` makes room for it.
    pub(super) fn check_room(&self, tenant: &str, leaving: Option<u64>) -> Result<(), Refusal> {
        let staying = || self.running.iter().filter(|(number, _)| Some(**number) != leaving);
        let quota = |subject: String, max| Refusal::Quota { subject, what: "running jobs", max };
        if staying().filter(|(_, of)| *of == tenant).count() >= JOBS_RUNNING_PER_TENANT_MAX {
            return Err(quota(format!("tenant '{tenant}'"), JOBS_RUNNING_PER_TENANT_MAX));
        }
        if staying().count() >= JOBS_RUNNING_MAX {
            return Err(quota("service".to_owned(), JOBS_RUNNING_MAX));
        }
        Ok(())
    }

    /// Stops counting the job as running, because its end was requested.
    pub(super) fn leaves(&mut self, number: u64) {
        self.running.remove(&number);
    }

    /// Records that the job has ended, with a result of `size` bytes. Drops the oldest jobs that no longer fit.
    pub(super) fn ended(&mut self, number: u64, size: usize) {
        self.leaves(number);
        for forgotten in self.ended.push(number, size) {
            self.forget(forgotten);
        }
    }

    fn forget(&mut self, number: u64) {
        if let Some(record) = self.jobs.remove(&number) {
            self.by_request.remove(&(record.request.tenant.clone(), record.request.request_id.clone()));
        }
    }
}

/// Ended jobs in the order in which they ended, with the size of their results.
#[derive(Debug, Default)]
struct EndedQueue {
    jobs: VecDeque<(u64, usize)>,
    bytes: usize,
}

impl EndedQueue {
    /// Adds a job and returns those that no longer fit; never the one just added.
    fn push(&mut self, number: u64, size: usize) -> Vec<u64> {
        self.jobs.push_back((number, size));
        self.bytes += size;
        let mut forgotten = Vec::new();
        while self.jobs.len() > JOBS_ENDED_MAX || (self.bytes > RESULTS_BYTES_MAX && self.jobs.len() > 1) {
            let Some((number, size)) = self.jobs.pop_front() else { break };
            self.bytes -= size;
            forgotten.push(number);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_as_many_ended_jobs_as_the_limit_and_drops_the_oldest_first() {
        let mut queue = EndedQueue::default();
        for number in 0..JOBS_ENDED_MAX as u64 {
            assert!(queue.push(number, 1).is_empty());
        }
        assert_eq!(queue.push(9999, 1), [0]);
        assert_eq!(queue.push(9998, 1), [1]);
    }

    #[test]
    fn drops_as_many_small_results_as_a_large_one_needs() {
        let mut queue = EndedQueue::default();
        for number in 0..3 {
            assert!(queue.push(number, RESULTS_BYTES_MAX / 3).is_empty());
        }
        assert_eq!(queue.push(3, RESULTS_BYTES_MAX / 3 * 2), [0, 1]);
    }

    #[test]
    fn keeps_the_job_that_just_ended_whatever_its_size() {
        let mut queue = EndedQueue::default();
        assert!(queue.push(1, RESULTS_BYTES_MAX + 1).is_empty());
        assert_eq!(queue.push(2, 1), [1]);
    }
}
