//! The jobs that are kept: counting, finding and dropping them, by number, by id and by request.
//!
//! It does not start or end jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::time::Instant;

use super::record::JobRecord;
use super::retention::Retention;
use super::tips::Tips;
use crate::limit_table::Limits;
use crate::refusal::Refusal;

/// All jobs that are kept.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    last_number: u64,
    jobs: BTreeMap<u64, Arc<JobRecord>>,
    /// Job numbers by id.
    by_id: HashMap<String, u64>,
    /// Job numbers by tenant and request id.
    by_request: HashMap<(Arc<str>, String), u64>,
    /// Job numbers by tenant.
    by_tenant: HashMap<Arc<str>, BTreeSet<u64>>,
    /// The jobs that count as running, each with its tenant.
    running: BTreeMap<u64, Arc<str>>,
    ended: Retention,
    pub(super) tips: Tips,
    limits: Limits,
}

impl Shelf {
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        self.limits = limits.clone();
        self.ended.set_limits(limits.clone());
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn insert(&mut self, record: Arc<JobRecord>) {
        let (number, tenant) = (record.number, Arc::clone(&record.about.tenant));
        self.running.insert(number, Arc::clone(&tenant));
        self.by_id.insert(record.id.clone(), number);
        self.by_request.insert((Arc::clone(&tenant), record.about.request_id.clone()), number);
        self.by_tenant.entry(tenant).or_default().insert(number);
        self.jobs.insert(number, record);
    }

    pub(super) fn find(&self, job_id: &str) -> Option<Arc<JobRecord>> {
        self.by_number(*self.by_id.get(job_id)?)
    }

    pub(super) fn find_request(&self, tenant: &Arc<str>, request_id: &str) -> Option<Arc<JobRecord>> {
        self.by_number(*self.by_request.get(&(Arc::clone(tenant), request_id.to_owned()))?)
    }

    /// Returns up to `count` accepted jobs after number `after`, ascending; with a tenant only its jobs.
    pub(super) fn after(&self, after: u64, tenant: Option<&str>, count: usize) -> Vec<Arc<JobRecord>> {
        let later = (Excluded(after), Unbounded);
        let shown = |record: &&Arc<JobRecord>| record.is_accepted();
        let Some(tenant) = tenant else {
            return self.jobs.range(later).map(|(_, record)| record).filter(shown).take(count).cloned().collect();
        };
        let Some(numbers) = self.by_tenant.get(tenant) else { return Vec::new() };
        numbers.range(later).filter_map(|number| self.jobs.get(number)).filter(shown).take(count).cloned().collect()
    }

    pub(super) fn all(&self) -> Vec<Arc<JobRecord>> {
        self.jobs.values().cloned().collect()
    }

    /// Returns up to `count` jobs, with a tenant only its own: those that count as running, then the others; each the
    /// newest first.
    pub(super) fn latest(&self, tenant: Option<&str>, count: usize) -> Vec<Arc<JobRecord>> {
        let is_of = |of: &str| tenant.is_none_or(|tenant| tenant == of);
        let running = self.running.iter().rev().filter(|(_, of)| is_of(of)).map(|(number, _)| *number);
        let others: Box<dyn Iterator<Item = u64> + '_> = match tenant {
            None => Box::new(self.jobs.keys().rev().copied()),
            Some(tenant) => Box::new(self.by_tenant.get(tenant).into_iter().flatten().rev().copied()),
        };
        let others = others.filter(|number| !self.running.contains_key(number));
        running.chain(others).take(count).filter_map(|number| self.by_number(number)).collect()
    }

    /// How many jobs count as running, with a tenant only its own.
    pub(super) fn count_running(&self, tenant: Option<&str>) -> usize {
        self.running.values().filter(|of| tenant.is_none_or(|tenant| *tenant == ***of)).count()
    }

    pub(super) fn running(&self) -> Vec<Arc<JobRecord>> {
        self.running.keys().filter_map(|number| self.by_number(*number)).collect()
    }

    /// Checks whether one more job of a tenant may run, if the job `leaving` makes room. `own_max` is the tenant's own
    /// limit, if it has one.
    pub(super) fn check_room(
        &self,
        tenant: &Arc<str>,
        own_max: Option<usize>,
        leaving: Option<u64>,
    ) -> Result<(), Refusal> {
        let own_max = own_max.unwrap_or(self.limits.jobs_per_tenant);
        let staying = || self.running.iter().filter(|(number, _)| Some(**number) != leaving);
        let quota = |subject: String, max| Refusal::Quota { subject, what: "running jobs", max };
        if staying().filter(|(_, of)| *of == tenant).count() >= own_max {
            return Err(quota(format!("tenant '{tenant}'"), own_max));
        }
        if staying().count() >= self.limits.jobs {
            return Err(quota("service".to_owned(), self.limits.jobs));
        }
        Ok(())
    }

    /// Stops counting the job as running, because its end was requested.
    pub(super) fn leaves(&mut self, number: u64) {
        self.running.remove(&number);
    }

    /// Counts a job as running again that was to be replaced by one that was not accepted.
    pub(super) fn stays(&mut self, record: &JobRecord) {
        if self.jobs.contains_key(&record.number) && !record.has_ended() {
            self.running.insert(record.number, Arc::clone(&record.about.tenant));
        }
    }

    /// Drops a job that was not accepted.
    pub(super) fn withdraw(&mut self, number: u64) {
        self.leaves(number);
        self.forget(vec![number]);
    }

    /// Records that the job has ended at this time. Drops the jobs that are no longer kept, and returns them.
    pub(super) fn ended(&mut self, record: &JobRecord, at: Instant) -> Vec<Arc<JobRecord>> {
        self.leaves(record.number);
        let dropped = self.ended.push(&record.about.tenant, record.number, record.bytes(), at);
        self.forget(dropped)
    }

    /// Drops the jobs that ended too long ago, and returns them.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Arc<JobRecord>> {
        let dropped = self.ended.expire(now);
        self.forget(dropped)
    }

    fn by_number(&self, number: u64) -> Option<Arc<JobRecord>> {
        self.jobs.get(&number).cloned()
    }

    fn forget(&mut self, numbers: Vec<u64>) -> Vec<Arc<JobRecord>> {
        let mut forgotten = Vec::new();
        for number in numbers {
            let Some(record) = self.jobs.remove(&number) else { continue };
            let tenant = &record.about.tenant;
            self.by_id.remove(&record.id);
            self.by_request.remove(&(Arc::clone(tenant), record.about.request_id.clone()));
            if let Some(numbers) = self.by_tenant.get_mut(tenant) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.by_tenant.remove(tenant);
                }
            }
            forgotten.push(record);
        }
        forgotten
    }
}
