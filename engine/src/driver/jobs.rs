//! A job inside the driver: its lease book, its coverage, its seals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::{Coverage, DeviceTag, Lease, LeaseBook, Seal, SealTemplate};
use cityseal_device::{BatchLimits, SearchBatch};

use super::Work;
use super::workers::Device;
use crate::judge::plant;
use crate::{CoverageSpan, DeviceShare, EnginePolicy, JobSnapshot, SealFailure, SealJob, SealOutcome, SealReport};

/// Of the hits that a batch may report, the share that is expected: the rest is room for luck.
const HITS_EXPECTED_SHARE: u64 = 4;

/// A job that ends with its first seal searches no more in one batch than would give this many.
const SEALS_WORTH_OF_A_BATCH: u64 = 4;

/// What a worker would like to be lent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Hashes of its next batch.
    pub(crate) batch: u64,
    /// Hashes that it claims at once and cuts its batches from, where that is more.
    pub(crate) claim: u64,
    /// What its device can take.
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
    /// Hashes given out, divided by the weight: the job with the least is served next.
    served: f64,
    book: LeaseBook,
    coverage: Coverage,
    seals: BTreeSet<Seal>,
    /// By worker: what it has claimed and not begun. A claim is one piece of the space, so that the ledger stays short, and
    /// about a second of its worker's time.
    claims: BTreeMap<usize, Lease>,
    /// By worker: what it searched since its last canary. Not in the ledger yet.
    held: BTreeMap<usize, (DeviceTag, Vec<Lease>)>,
    /// No batch larger than this: a larger one gave more hits than a device can report.
    hashes_max: u64,
    started: Instant,
    told: Instant,
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
            told: now,
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

    /// Lends a worker the next batch of its claim, no more than the device and the density of hits allow. Where it has no
    /// claim it gets one; where nothing is open, half of the largest claim of another.
    pub(crate) fn lend(&mut self, worker: usize, wanted: Wanted, policy: &EnginePolicy) -> Option<Lease> {
        let limits = wanted.limits;
        let batch =
            wanted.batch.min(limits.search_nonces_max).min(self.hashes_max).min(self.dense_max(limits.hits_max));
        let versions_max = limits.search_midstates_max.min(policy.versions_per_batch);
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

    /// Hashes that nobody has begun, and the most of them in one batch of a device that wants a batch so large. A job that
    /// ends with its first seal has no more open than would give a few.
    pub(crate) fn open(&self, wanted: Wanted) -> (u64, u64) {
        let claimed: u128 = self.claims.values().map(|claim| u128::from(claim.hashes())).sum();
        let lent = self.book.outstanding_regions().map(|(_, region)| u128::from(region.hashes())).sum::<u128>();
        let begun = self.coverage.volume() + (lent - claimed);
        let open = u64::try_from(self.template.space().volume() - begun).unwrap_or(u64::MAX);
        let dense_max = self.dense_max(wanted.limits.hits_max);
        let open = if self.all { open } else { open.min(dense_max) };
        (open, open.min(wanted.batch).min(dense_max))
    }

    /// The first part of a lease, of about so many hashes, and the rest.
    fn cut(&mut self, lease: Lease, hashes: u64) -> (Lease, Option<Lease>) {
        let nonces = (hashes / u64::from(lease.versions().count())).max(1);
        if nonces >= lease.nonces().count() {
            return (lease, None);
        }
        let last = lease.nonces().first() + (nonces - 1) as u32;
        self.book.split(lease, last)
    }

    /// The later half of the largest claim, whose owner goes on with the other: so that nobody waits at the end of a space
    /// for a slower device. What is not worth a batch is left alone.
    fn half_of_another(&mut self, policy: &EnginePolicy) -> Option<Lease> {
        let (&owner, largest) = self.claims.iter().max_by_key(|(_, claim)| claim.hashes())?;
        if !is_worth_halving(largest, policy) {
            return None;
        }
        let hashes = largest.hashes();
        let claim = self.claims.remove(&owner)?;
        let (kept, half) = self.cut(claim, hashes / 2);
        self.claims.insert(owner, kept);
        half
    }

    /// The most hashes of a batch, given how often a hash is a hit.
    fn dense_max(&self, hits_max: usize) -> u64 {
        let hashes_per_hit = (1_u64 << 32) / (u64::from(self.template.top_word_max()) + 1);
        let reportable = (hits_max as u64 / HITS_EXPECTED_SHARE).max(1).saturating_mul(hashes_per_hit);
        let useful = if self.all { u64::MAX } else { SEALS_WORTH_OF_A_BATCH.saturating_mul(hashes_per_hit).max(4_096) };
        reportable.min(useful)
    }

    /// The search of a lease; with a canary planted in it, where its number is given.
    pub(crate) fn search_work(&self, lease: &Lease, hits_max: usize, canary: Option<u64>) -> Work {
        let region = *lease.region();
        let midstates = self.template.midstates(region.extranonce, region.versions);
        let tail = self.template.tail(region.extranonce, region.time);
        let mut batch = SearchBatch::new(midstates, tail, region.nonces, self.template.top_word_max(), hits_max);
        if let Some(number) = canary {
            batch = batch.with_planted(plant(&self.template, &region, number));
        }
        Work::Search { template: Arc::clone(&self.template), region, batch }
    }

    /// Keeps verified seals; the same seal found again (its lease was searched twice) counts once.
    pub(crate) fn keep(&mut self, seals: Vec<Seal>) {
        self.seals.extend(seals);
    }

    /// Enters a searched lease into the ledger.
    pub(crate) fn settle(&mut self, lease: Lease, device: DeviceTag) {
        self.coverage.record(lease.region(), device).expect("the book lends disjoint parts of the ledger's space");
        self.book.settle(lease);
    }

    /// Keeps back a lease that a device claims to have searched, until its next canary.
    pub(crate) fn hold(&mut self, worker: usize, device: DeviceTag, lease: Lease) {
        self.held.entry(worker).or_insert_with(|| (device, Vec::new())).1.push(lease);
    }

    /// The worker's canary sang: what it held is searched.
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

    /// Gives back what a worker claimed and did not begin; whether there was anything.
    pub(crate) fn give_back_claim(&mut self, worker: usize) -> bool {
        let claim = self.claims.remove(&worker);
        claim.map(|claim| self.book.give_back(claim)).is_some()
    }

    pub(crate) fn give_back(&mut self, lease: Lease) {
        self.book.give_back(lease);
    }

    /// Hashes that a worker has claimed and not begun.
    #[cfg(test)]
    pub(crate) fn claimed(&self, worker: usize) -> u64 {
        self.claims.get(&worker).map_or(0, Lease::hashes)
    }

    /// Breaks the ledger on purpose: strikes a lease from the book and enters it nowhere.
    #[cfg(test)]
    pub(crate) fn lose(&mut self, lease: Lease) {
        self.book.settle(lease);
    }

    /// The batch gave more hits than can be reported: the lease is searched again in smaller parts.
    pub(crate) fn too_many_hits(&mut self, lease: Lease) {
        self.hashes_max = (lease.hashes() / 4).max(1);
        self.book.give_back(lease);
    }

    /// Nothing that this device searched counts any more.
    pub(crate) fn revoke(&mut self, device: DeviceTag) {
        for stretch in self.coverage.revoke(device) {
            self.book.reopen(stretch);
        }
    }

    /// Whether a worker has searched something that waits for its canary.
    pub(crate) fn is_held_by(&self, worker: usize) -> bool {
        self.held.contains_key(&worker)
    }

    /// How the job ends, where it does.
    pub(crate) fn outcome(&self) -> Option<SealOutcome> {
        if self.all && self.seals.len() > self.seals_max {
            return Some(SealOutcome::Failed { reason: SealFailure::TooManySeals { max: self.seals_max } });
        }
        if !self.all && !self.seals.is_empty() {
            return Some(SealOutcome::Sealed);
        }
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
        self.told = now;
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

    /// Whether it is time to say again how far the job is.
    pub(crate) fn is_due(&self, now: Instant, interval: Duration) -> bool {
        now.saturating_duration_since(self.told) >= interval
    }

    /// The job's last word. What its devices still held counts as searched by them: only EXHAUSTED must be proven, and a
    /// job with anything held is not exhausted.
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
        // A batch may hold several hits; who asked for one seal gets one.
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

/// Whether both halves of a claim are worth a batch.
fn is_worth_halving(claim: &Lease, policy: &EnginePolicy) -> bool {
    claim.hashes() >= 2 * policy.batch_hashes_min
}
