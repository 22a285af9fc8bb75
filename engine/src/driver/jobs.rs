//! A seal job inside the driver: its lease book, coverage and seals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::{Coverage, DeviceTag, Lease, LeaseBook, Seal, SearchSpace};
use cityseal_device::BatchLimits;

use super::share::TenantId;
use super::workers::Device;
use crate::coverage::{DeviceNames, SealCoverage};
use crate::fallback::WhenNoGpu;
use crate::policy::EnginePolicy;
use crate::seal_job::{JobSnapshot, SealJob};
use crate::seal_report::{SealFailure, SealOutcome, SealReport};
use crate::task::{REGIONS_MAX, SearchSource, SearchTask};

/// A batch is sized so that one in this many of the hits that it may report is expected; the rest is reserve for
/// variance.
const HITS_EXPECTED_SHARE: u64 = 4;

/// Most seals that are expected in one batch of a job that ends with its first seal.
const SEALS_PER_BATCH_MAX: u64 = 4;

/// Leases of a worker's first batch of a job with small regions; the number doubles until the batch takes long enough.
const LEASES_FIRST: usize = 8;

/// A worker's request for leases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Hashes of its next batch.
    pub(crate) batch: u64,
    /// Hashes to claim at once, from which batches are cut; at least one batch.
    pub(crate) claim: u64,
    /// Target duration of a batch.
    pub(crate) time: Duration,
    /// Limits of its device.
    pub(crate) limits: BatchLimits,
}

/// A running job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) tenant: TenantId,
    pub(crate) when_no_gpu: WhenNoGpu,
    source: Arc<SearchSource>,
    all: bool,
    seals_max: usize,
    deadline: Option<Instant>,
    book: LeaseBook,
    coverage: Coverage,
    seals: BTreeSet<Seal>,
    /// By worker: what it has claimed and not started. A claim is one piece of the space, so that the coverage stays
    /// short, and takes its worker about a second.
    claims: BTreeMap<usize, Lease>,
    /// By worker: how many leases its next batch may have.
    leases: BTreeMap<usize, usize>,
    /// Names of the devices of the search that this job resumes, and its hashes.
    prior_names: Vec<String>,
    prior_hashes: u128,
    /// By worker: what it searched since its last canary, not in the coverage yet.
    held: BTreeMap<usize, (DeviceTag, Vec<Lease>)>,
    /// Upper limit for a batch, after a larger one had more hits than a device can report.
    hashes_max: u64,
    started: Instant,
    /// When its first task was lent.
    begun: Option<Instant>,
    reported: Instant,
}

impl Job {
    pub(crate) fn new(job: SealJob, tenant: TenantId, now: Instant) -> Self {
        let space = *job.template.space();
        let (coverage, prior_names) =
            job.prior.map_or_else(|| (Coverage::new(space), Vec::new()), |prior| (prior.coverage, prior.names));
        Self {
            tenant,
            when_no_gpu: job.when_no_gpu,
            source: Arc::new(SearchSource::new(job.template)),
            all: job.all,
            seals_max: job.seals_max,
            deadline: job.deadline,
            book: LeaseBook::of(space, coverage.gaps()),
            prior_hashes: coverage.volume(),
            coverage,
            seals: BTreeSet::new(),
            claims: BTreeMap::new(),
            leases: BTreeMap::new(),
            prior_names,
            held: BTreeMap::new(),
            hashes_max: u64::MAX,
            started: now,
            begun: None,
            reported: now,
        }
    }

    fn space(&self) -> &SearchSpace {
        self.book.space()
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// A task of the job was lent.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.begun.get_or_insert(now);
    }

    /// How long the job has waited for its first task; `None` if it has had one.
    pub(crate) fn waiting(&self, now: Instant) -> Option<Duration> {
        self.begun.is_none().then(|| now.saturating_duration_since(self.started))
    }

    /// Lends a worker its next batch, as large as the device and the density of hits allow: mostly one lease; several
    /// if regions are small.
    pub(crate) fn lend(&mut self, worker: usize, wanted: Wanted, policy: &EnginePolicy) -> Option<Vec<Lease>> {
        let limits = wanted.limits;
        let dense_max = self.dense_max(limits.hits_max);
        let mut left = wanted.batch.min(limits.search_nonces_max).min(self.hashes_max).min(dense_max);
        let count_max = self.leases.get(&worker).copied().unwrap_or(LEASES_FIRST);
        let mut leases = vec![self.lend_one(worker, left, wanted, policy, true)?];
        loop {
            left = left.saturating_sub(leases[leases.len() - 1].hashes());
            // What is left after rounding is no batch.
            if left < policy.batch_hashes_min || leases.len() >= count_max {
                return Some(leases);
            }
            match self.lend_one(worker, left, wanted, policy, false) {
                Some(lease) => leases.push(lease),
                None => return Some(leases),
            }
        }
    }

    /// Lends about `hashes` of the worker's claim. A worker without a claim gets one; if nothing is open and it
    /// `may_halve`, half of the largest claim of another worker.
    fn lend_one(
        &mut self,
        worker: usize,
        hashes: u64,
        wanted: Wanted,
        policy: &EnginePolicy,
        may_halve: bool,
    ) -> Option<Lease> {
        let versions_max = wanted.limits.search_midstates_max.min(policy.versions_per_batch);
        let claim = self
            .claims
            .remove(&worker)
            .or_else(|| self.book.lend(wanted.claim.max(hashes), versions_max))
            .or_else(|| if may_halve { self.half_of_another(policy) } else { None })?;
        let (lease, rest) = self.cut(claim, hashes);
        self.claims.extend(rest.map(|rest| (worker, rest)));
        Some(lease)
    }

    /// Adapts the number of leases of a worker's next batch: `lent` leases were in its last one, of which it searched
    /// `done` within `spent`.
    pub(crate) fn learn_leases(&mut self, worker: usize, lent: usize, done: usize, spent: Duration, target: Duration) {
        let ratio = target.as_secs_f64() / spent.as_secs_f64().max(1e-9);
        let within_target = (done as f64 * ratio) as usize;
        self.leases.insert(worker, within_target.clamp(1, (2 * lent).min(REGIONS_MAX)));
    }

    /// Hashes of the largest region that a worker can get.
    pub(crate) fn region_hashes(&self, wanted: Wanted) -> u64 {
        let versions = self.space().versions().count().min(wanted.limits.search_midstates_max as u64);
        self.space().nonces().count().saturating_mul(versions)
    }

    /// Hashes that no worker has started, and the size of the next batch for `wanted`. A job that ends with its first
    /// seal counts only the hashes that are expected to yield a few.
    pub(crate) fn open(&self, wanted: Wanted) -> (u64, u64) {
        // Claims are lent, but only their started part counts as begun.
        let claimed: u128 = self.claims.values().map(|claim| u128::from(claim.hashes())).sum();
        let lent = self.book.outstanding_regions().map(|(_, region)| u128::from(region.hashes())).sum::<u128>();
        let begun = self.coverage.volume() + (lent - claimed);
        let open = u64::try_from(self.space().volume() - begun).unwrap_or(u64::MAX);
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
        let hashes_per_hit = (1_u64 << 32) / (u64::from(self.source.template().top_word_max()) + 1);
        let reportable = (hits_max as u64 / HITS_EXPECTED_SHARE).max(1).saturating_mul(hashes_per_hit);
        let useful = if self.all { u64::MAX } else { SEALS_PER_BATCH_MAX.saturating_mul(hashes_per_hit).max(4_096) };
        reportable.min(useful)
    }

    /// The search of some leases, with a planted hit in each if `canary` numbers them.
    pub(crate) fn search_task(&self, leases: &[Lease], wanted: Wanted, canary: Option<u64>) -> SearchTask {
        SearchTask {
            source: Arc::clone(&self.source),
            regions: leases.iter().map(|lease| *lease.region()).collect(),
            hits_max: wanted.limits.hits_max,
            canary,
            time_max: wanted.time,
            ends_at_seal: !self.all,
        }
    }

    /// Adds verified seals. A seal found twice, because its lease was searched twice, counts once.
    pub(crate) fn keep(&mut self, seals: Vec<Seal>) {
        self.seals.extend(seals);
    }

    pub(crate) fn has_seals(&self) -> bool {
        !self.seals.is_empty()
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

    /// Whether everything is searched, and the job waits only for the canary of this worker (perhaps of others too).
    pub(crate) fn waits_for_canary_of(&self, worker: usize) -> bool {
        let held = || self.held.values().map(|(_, leases)| leases.len()).sum::<usize>();
        self.is_held_by(worker) && self.book.is_drained() && self.book.outstanding() == held()
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
            volume: self.space().volume(),
            seals: self.seals.len(),
            best: self
                .seals
                .iter()
                .map(Seal::hash)
                .min_by(|one, two| one.as_bytes().iter().rev().cmp(two.as_bytes().iter().rev())),
            rate_hz: if seconds > 0.0 { (hashes - self.prior_hashes) as f64 / seconds } else { 0.0 },
        }
    }

    /// Whether the next progress report is due.
    pub(crate) fn is_due(&self, now: Instant, interval: Duration) -> bool {
        now.saturating_duration_since(self.reported) >= interval
    }

    /// What was searched so far, without the leases that wait for a canary. Copies the runs.
    pub(crate) fn searched(&self, devices: &[Device]) -> SealCoverage {
        SealCoverage::new(self.coverage.clone(), self.names(devices))
    }

    fn names(&self, devices: &[Device]) -> DeviceNames {
        let current = devices.iter().map(|device| device.info.name.clone()).collect();
        DeviceNames { current, prior: self.prior_names.clone() }
    }

    /// The final report. Held leases count as searched: only EXHAUSTED must be proven, and a job with held leases is
    /// not exhausted. The coverage moves into the report as it is, so that the driver's lock is not held for long.
    pub(crate) fn report(mut self, outcome: SealOutcome, devices: &[Device]) -> SealReport {
        let holders: Vec<usize> = self.held.keys().copied().collect();
        holders.into_iter().for_each(|worker| self.settle_held(worker));
        let names = self.names(devices);
        let share = |(index, device): (usize, &Device)| {
            let hashes = names.tags_of(index).map(|tag| self.coverage.volume_of(tag)).sum();
            device.share(hashes, 0)
        };
        let devices = devices.iter().enumerate().map(share).collect();
        // A batch may have several hits, but the job requested one seal.
        let wanted = if self.all { usize::MAX } else { 1 };
        SealReport {
            outcome,
            seals: self.seals.into_iter().take(wanted).collect(),
            hashes: self.coverage.volume(),
            devices,
            waited: self.begun.map(|begun| begun.saturating_duration_since(self.started)),
            coverage: SealCoverage::new(self.coverage, names),
        }
    }
}

/// Whether both halves of a claim are at least a smallest batch.
fn is_divisible(claim: &Lease, policy: &EnginePolicy) -> bool {
    claim.hashes() >= 2 * policy.batch_hashes_min
}
