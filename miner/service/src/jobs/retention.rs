//! Which ended jobs are kept: for a day, at most a number of jobs per tenant, and at most a number of bytes in all.
//!
//! If the bytes are exceeded, the tenant that holds the most loses its oldest job, so that one tenant's flood drops
//! only its own jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::limit_table::Limits;

/// The ended jobs, by number.
#[derive(Debug, Default)]
pub(super) struct Retention {
    tenants: HashMap<Arc<str>, Kept>,
    /// The tenant of each kept job, in the order in which the jobs ended.
    by_age: BTreeMap<u64, Arc<str>>,
    /// The bytes of each tenant.
    by_bytes: BTreeSet<(usize, Arc<str>)>,
    bytes: usize,
    last_order: u64,
    limits: Limits,
}

/// The jobs of one tenant in the order in which they ended.
#[derive(Debug, Default)]
struct Kept {
    jobs: VecDeque<EndedJob>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct EndedJob {
    number: u64,
    bytes: usize,
    order: u64,
    ended: Instant,
}

impl Retention {
    pub(super) const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Adds a job that ended now and occupies that many bytes. Returns the jobs to drop; never the one just added.
    pub(super) fn push(&mut self, tenant: &Arc<str>, number: u64, bytes: usize, now: Instant) -> Vec<u64> {
        self.last_order += 1;
        let ended = EndedJob { number, bytes, order: self.last_order, ended: now };
        self.by_age.insert(ended.order, Arc::clone(tenant));
        self.change(tenant, |kept| {
            kept.bytes += bytes;
            kept.jobs.push_back(ended);
        });
        self.bytes += bytes;
        let mut dropped = self.expire(now);
        while self.tenants.get(tenant).is_some_and(|kept| kept.jobs.len() > self.limits.ended_jobs_per_tenant) {
            dropped.extend(self.pop(&Arc::clone(tenant)));
        }
        while self.bytes > self.limits.ended_jobs_bytes {
            // A tenant whose only job has just ended keeps it; the next largest one pays.
            let others = |(_, tenant): &&(usize, Arc<str>)| self.oldest(tenant) != Some(number);
            let Some((_, largest)) = self.by_bytes.iter().rev().find(others).cloned() else { break };
            dropped.extend(self.pop(&largest));
        }
        dropped
    }

    /// Returns the jobs that ended too long ago, and removes them.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<u64> {
        let mut dropped = Vec::new();
        while let Some(tenant) = self.by_age.values().next().cloned() {
            let oldest = self.tenants.get(&tenant).and_then(|kept| kept.jobs.front());
            if oldest.is_none_or(|job| now.saturating_duration_since(job.ended) < self.limits.ended_jobs_kept) {
                break;
            }
            dropped.extend(self.pop(&tenant));
        }
        dropped
    }

    fn oldest(&self, tenant: &Arc<str>) -> Option<u64> {
        self.tenants.get(tenant)?.jobs.front().map(|job| job.number)
    }

    /// Removes the oldest job of a tenant and returns its number.
    fn pop(&mut self, tenant: &Arc<str>) -> Option<u64> {
        let mut popped = None;
        self.change(tenant, |kept| {
            popped = kept.jobs.pop_front();
            kept.bytes -= popped.map_or(0, |job| job.bytes);
        });
        let job = popped?;
        self.bytes -= job.bytes;
        self.by_age.remove(&job.order);
        Some(job.number)
    }

    /// Changes the jobs of one tenant and keeps the index of bytes in step.
    fn change(&mut self, tenant: &Arc<str>, change: impl FnOnce(&mut Kept)) {
        let kept = self.tenants.entry(Arc::clone(tenant)).or_default();
        self.by_bytes.remove(&(kept.bytes, Arc::clone(tenant)));
        change(kept);
        if kept.jobs.is_empty() {
            self.tenants.remove(tenant);
        } else {
            self.by_bytes.insert((kept.bytes, Arc::clone(tenant)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::{JOB_KEPT_MAX, JOBS_ENDED_PER_TENANT_MAX, RETAINED_BYTES_MAX};

    fn tenant(name: &str) -> Arc<str> {
        name.into()
    }

    #[test]
    fn a_tenant_keeps_its_latest_jobs_whatever_another_tenant_ends() {
        let (mut retention, now) = (Retention::default(), Instant::now());
        assert!(retention.push(&tenant("victim"), 0, 1, now).is_empty());
        let flood = 1..=JOBS_ENDED_PER_TENANT_MAX as u64;
        assert!(flood.clone().all(|number| retention.push(&tenant("flood"), number, 1, now).is_empty()));
        let next = flood.end() + 1;
        assert_eq!(retention.push(&tenant("flood"), next, 1, now), [1]);
        assert_eq!(retention.push(&tenant("flood"), next + 1, 1, now), [2]);
        assert_eq!(retention.oldest(&tenant("victim")), Some(0));
    }

    #[test]
    fn the_tenant_with_the_most_bytes_loses_its_oldest_jobs_first() {
        let (mut retention, now) = (Retention::default(), Instant::now());
        let third = RETAINED_BYTES_MAX / 3;
        assert!(retention.push(&tenant("small"), 1, third / 2, now).is_empty());
        assert!(retention.push(&tenant("large"), 2, third, now).is_empty());
        assert!(retention.push(&tenant("large"), 3, third, now).is_empty());
        assert_eq!(retention.push(&tenant("small"), 4, third, now), [2]);
    }

    #[test]
    fn the_job_that_just_ended_is_kept_even_if_its_tenant_holds_the_most() {
        let (mut retention, now) = (Retention::default(), Instant::now());
        assert!(retention.push(&tenant("a"), 1, RETAINED_BYTES_MAX / 2, now).is_empty());
        assert_eq!(retention.push(&tenant("b"), 2, RETAINED_BYTES_MAX, now), [1]);
        assert_eq!(retention.oldest(&tenant("b")), Some(2));
    }

    #[test]
    fn a_job_is_dropped_a_day_after_its_end_and_not_sooner() {
        let (mut retention, now) = (Retention::default(), Instant::now());
        retention.push(&tenant("a"), 1, 1, now);
        retention.push(&tenant("b"), 2, 1, now + Duration::from_secs(1));
        assert!(retention.expire(now + JOB_KEPT_MAX.saturating_sub(Duration::from_nanos(1))).is_empty());
        assert_eq!(retention.expire(now + JOB_KEPT_MAX), [1]);
        assert_eq!(retention.push(&tenant("c"), 3, 1, now + 2 * JOB_KEPT_MAX), [2]);
        assert_eq!((retention.tenants.len(), retention.by_age.len(), retention.bytes), (1, 1, 1));
    }
}
