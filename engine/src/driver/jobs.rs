//! A seal job inside the driver: its lease book, coverage and seals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::{Coverage, DeviceTag, Lease, LeaseBook, Seal, SealTemplate};
use cityseal_device::{BatchLimits, SearchBatch};

use super::workers::Device;
use crate::devices::DeviceShare;
use crate::judge::plant;
use crate::policy::EnginePolicy;
use crate::seal_job::{JobSnapshot, SealJob};
use crate::seal_report::{CoverageSpan, SealFailure, SealOutcome, SealReport};
use crate::task::Task;

/// A batch is sized so that one in this many of the hits that it may report is expected; the rest is reserve for
/// variance.
const HITS_EXPECTED_SHARE: u64 = 4;

/// Most seals that are expected in one batch of a job that ends with its first seal.
const SEALS_PER_BATCH_MAX: u64 = 4;

/// A worker's request for a lease.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Hashes of its next batch.
    pub(crate) batch: u64,
    /// Hashes to claim at once, from which batches are cut; at least one batch.
    pub(crate) claim: u64,
    /// Limits of its device.
    pub(crate) limits: BatchLimits,
}

/// A running job.
#[derive(Debug)]
pub(crate) struct Job {
    template: Arc<SealTemplate>,
    all: bool,
    seals_max: usize,
    deadline: Option<Instant>,
    weight: f64,
    /// Hashes lent, divided by the weight: the job with the lowest value is served next.
    served: f64,
    book: LeaseBook,
    coverage: Coverage,
    seals: BTreeSet<Seal>,
    /// By worker: what it has claimed and not started. A claim is one piece of the space, so that the coverage stays
    /// short, and takes its worker about a second.
    claims: BTreeMap<usize, Lease>,
    /// By worker: what it searched since its last canary, not in the coverage yet.
    held: BTreeMap<usize, (DeviceTag, Vec<Lease>)>,
    /// Upper limit for a batch, after a larger one had more hits than a device can report.
    hashes_max: u64,
    started: Instant,
    reported: Instant,
}

impl Job {
    pub(crate) fn new(job: SealJob, served_least: f64, now: Instant) -> Self {
        let template = Arc::new(job.template);
        let space = *template.space();
        Self {
            all: job.all,
            seals_max: job.seals_max,
            deadline: job.deadline,
            weight: f64::from(job.priority.max(1)),
            served: served_least,
            book: LeaseBook::new(space),
            coverage: Coverage::new(space),
            seals: BTreeSet::new(),
            claims: BTreeMap::new(),
            held: BTreeMap::new(),
            hashes_max: u64::MAX,
            started: now,
            reported: now,
            template,
        }
    }

    pub(crate) const fn served(&self) -> f64 {
        self.served
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// Lends a worker the next batch of its claim, as large as the device and the density of hits allow. A worker
    /// without a claim gets one; if nothing is open, half of the largest claim of another worker.
    pub(crate) fn lend(&mut self, worker: usize, wanted: Wanted, policy: &EnginePolicy) -> Option<Lease> {
        let limits = wanted.limits;
        let batch =
            wanted.batch.min(limits.search_nonces_max).min(self.hashes_max).min(self.dense_max(limits.hits_max));
        let versions_max = limits.search_midstates_max.min(policy.versions_per_batch);
        // First what the worker has claimed, then open space, then half of another worker's claim.
        let claim = self
            .claims
            .remove(&worker)
            .or_else(|| self.book.lend(wanted.claim.max(batch), versions_max))
            .or_else(|| self.half_of_another(policy))?;
        let (lease, rest) = self.cut(claim, batch);
        self.claims.extend(rest.map(|rest| (worker, rest)));
        self.served += lease.hashes() as f64 / self.weight;
        Some(lease)
    }

    /// Hashes that no worker has started, and the size of the next batch for `wanted`. A job that ends with its first
    /// seal counts only the hashes that are expected to yield a few.
    pub(crate) fn open(&self, wanted: Wanted) -> (u64, u64) {
        // Claims are lent, but only their started part counts as begun.
        let claimed: u128 = self.claims.values().map(|claim| u128::from(claim.hashes())).sum();
        let lent = self.book.outstanding_regions().map(|(_, region)| u128::from(region.hashes())).sum::<u128>();
        let begun = self.coverage.volume() + (lent - claimed);
        let open = u64::try_from(self.template.space().volume() - begun).unwrap_or(u64::MAX);
        let dense_max = self.dense_max(wanted.limits.hits_max);
        let open = if self.all { open } else { open.min(dense_max) };
        (open, open.min(wanted.batch).min(dense_max))
    }

    /// Splits a lease into a first part of about `hashes` hashes and the rest.
    fn cut(&mut self, lease: Lease, hashes: u64) -> (Lease, Option<Lease>) {
        let nonces = (hashes / u64::from(lease.versions().count())).max(1);
        if nonces >= lease.nonces().count() {
            return (lease, None);
        }
        let last = lease.nonces().first() + (nonces - 1) as u32;
        self.book.split(lease, last)
    }

    /// Takes the second half of the largest claim from its owner, so that a slow device does not delay the end of the
    /// search. Claims too small for two batches are left alone.
    fn half_of_another(&mut self, policy: &EnginePolicy) -> Option<Lease> {
        let (&owner, largest) = self.claims.iter().max_by_key(|(_, claim)| claim.hashes())?;
        if !is_divisible(largest, policy) {
            return None;
        }
        let hashes = largest.hashes();
        let claim = self.claims.remove(&owner)?;
        let (kept, half) = self.cut(claim, hashes / 2);
        self.claims.insert(owner, kept);
        half
    }

    /// The most hashes of a batch, given the density of hits.
    fn dense_max(&self, hits_max: usize) -> u64 {
        let hashes_per_hit = (1_u64 << 32) / (u64::from(self.template.top_word_max()) + 1);
        let reportable = (hits_max as u64 / HITS_EXPECTED_SHARE).max(1).saturating_mul(hashes_per_hit);
        let useful = if self.all { u64::MAX } else { SEALS_PER_BATCH_MAX.saturating_mul(hashes_per_hit).max(4_096) };
        reportable.min(useful)
    }

    /// The search of a lease, with a planted hit if `canary` numbers one.
    pub(crate) fn search_task(&self, lease: &Lease, hits_max: usize, canary: Option<u64>) -> Task {
        let region = *lease.region();
        let midstates = self.template.midstates(region.extranonce, region.versions);
        let tail = self.template.tail(region.extranonce, region.time);
        let mut batch = SearchBatch::new(midstates, tail, region.nonces, self.template.top_word_max(), hits_max);
        if let Some(number) = canary {
            batch = batch.with_planted(plant(&self.template, &region, number));
        }
        Task::Search { template: Arc::clone(&self.template), region, batch }
    }

    /// Adds verified seals. A seal found twice, because its lease was searched twice, counts once.
    pub(crate) fn keep(&mut self, seals: Vec<Seal>) {
        self.seals.extend(seals);
    }

    /// Records a searched lease in the coverage.
    pub(crate) fn settle(&mut self, lease: Lease, device: DeviceTag) {
        self.coverage.record(lease.region(), device).expect("the book lends disjoint parts of the space");
        self.book.settle(lease);
    }

    /// Holds a searched lease until the device has answered its next canary.
    pub(crate) fn hold(&mut self, worker: usize, device: DeviceTag, lease: Lease) {
        self.held.entry(worker).or_insert_with(|| (device, Vec::new())).1.push(lease);
    }

    /// The worker answered a canary: its held leases count as searched.
    pub(crate) fn settle_held(&mut self, worker: usize) {
        if let Some((device, leases)) = self.held.remove(&worker) {
            leases.into_iter().for_each(|lease| self.settle(lease, device));
        }
    }

    pub(crate) fn give_back_held(&mut self, worker: usize) {
        if let Some((_, leases)) = self.held.remove(&worker) {
            leases.into_iter().for_each(|lease| self.book.give_back(lease));
        }
    }

    /// Returns a worker's claim; reports whether there was one.
    pub(crate) fn give_back_claim(&mut self, worker: usize) -> bool {
        let claim = self.claims.remove(&worker);
        claim.map(|claim| self.book.give_back(claim)).is_some()
    }

    pub(crate) fn give_back(&mut self, lease: Lease) {
        self.book.give_back(lease);
    }

    /// Hashes that a worker has claimed and not started.
    #[cfg(test)]
    pub(crate) fn claimed(&self, worker: usize) -> u64 {
        self.claims.get(&worker).map_or(0, Lease::hashes)
    }

    /// Corrupts the state on purpose: removes a lease from the book without recording it.
    #[cfg(test)]
    pub(crate) fn lose(&mut self, lease: Lease) {
        self.book.settle(lease);
    }

    /// The batch had more hits than can be reported: its lease is searched again in smaller parts.
    pub(crate) fn too_many_hits(&mut self, lease: Lease) {
        self.hashes_max = (lease.hashes() / 4).max(1);
        self.book.give_back(lease);
    }

    /// Reopens everything that a device searched.
    pub(crate) fn revoke(&mut self, device: DeviceTag) {
        for region in self.coverage.revoke(device) {
            self.book.reopen(region);
        }
    }

    /// Whether leases that a worker searched wait for its canary.
    pub(crate) fn is_held_by(&self, worker: usize) -> bool {
        self.held.contains_key(&worker)
    }

    /// The outcome; `None` while the job runs.
    pub(crate) fn outcome(&self) -> Option<SealOutcome> {
        if self.all && self.seals.len() > self.seals_max {
            return Some(SealOutcome::Failed { reason: SealFailure::TooManySeals { max: self.seals_max } });
        }
        if !self.all && !self.seals.is_empty() {
            return Some(SealOutcome::Sealed);
        }
        // Only a drained book with a complete coverage proves exhaustion.
        if !self.book.is_drained() || self.book.outstanding() > 0 {
            return None;
        }
        Some(match self.coverage.first_gap() {
            Some(gap) => SealOutcome::Failed { reason: SealFailure::CoverageGap { gap: gap.to_string() } },
            None if self.seals.is_empty() => SealOutcome::Exhausted,
            None => SealOutcome::Sealed,
        })
    }

    fn hashes(&self) -> u128 {
        let held = self.held.values().flat_map(|(_, leases)| leases).map(|lease| u128::from(lease.hashes()));
        self.coverage.volume() + held.sum::<u128>()
    }

    pub(crate) fn snapshot(&mut self, done: bool, now: Instant) -> JobSnapshot {
        self.reported = now;
        let hashes = self.hashes();
        let seconds = now.saturating_duration_since(self.started).as_secs_f64();
        JobSnapshot {
            done,
            hashes,
            volume: self.template.space().volume(),
            seals: self.seals.len(),
            best: self
                .seals
                .iter()
                .map(Seal::hash)
                .min_by(|one, two| one.as_bytes().iter().rev().cmp(two.as_bytes().iter().rev())),
            rate_hz: if seconds > 0.0 { hashes as f64 / seconds } else { 0.0 },
        }
    }

    /// Whether the next progress report is due.
    pub(crate) fn is_due(&self, now: Instant, interval: Duration) -> bool {
        now.saturating_duration_since(self.reported) >= interval
    }

    /// The final report. Held leases count as searched: only EXHAUSTED must be proven, and a job with held leases is
    /// not exhausted.
    pub(crate) fn report(&mut self, outcome: SealOutcome, devices: &[Device]) -> SealReport {
        let holders: Vec<usize> = self.held.keys().copied().collect();
        holders.into_iter().for_each(|worker| self.settle_held(worker));
        let name = |tag: DeviceTag| devices[usize::from(tag.0)].info.name.clone();
        let coverage = self.coverage.entries().map(|entry| CoverageSpan {
            extranonce: entry.extranonce,
            version: entry.version,
            time: entry.time,
            nonce_first: entry.nonce_first,
            nonce_last: entry.nonce_last,
            device: name(entry.device),
        });
        // A batch may have several hits, but the job requested one seal.
        let wanted = if self.all { usize::MAX } else { 1 };
        SealReport {
            coverage: coverage.collect(),
            outcome,
            seals: std::mem::take(&mut self.seals).into_iter().take(wanted).collect(),
            hashes: self.coverage.volume(),
            devices: self.shares(devices),
        }
    }

    fn shares(&self, devices: &[Device]) -> Vec<DeviceShare> {
        let share = |(index, device): (usize, &Device)| {
            let hashes = self.coverage.volume_of(DeviceTag(index as u16));
            device.share(hashes, 0)
        };
        devices.iter().enumerate().map(share).collect()
    }
}

/// Whether both halves of a claim are at least a smallest batch.
fn is_divisible(claim: &Lease, policy: &EnginePolicy) -> bool {
    claim.hashes() >= 2 * policy.batch_hashes_min
}
