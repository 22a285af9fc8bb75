//! One job as the service keeps it: what was submitted, the engine's handle while it runs, and the events so far.
//!
//! It does not decide when a job may start or is dropped. Its content comes from the engine, so every seal was
//! confirmed on the CPU.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use cityseal_engine::{JobHandle, SealCoverage, SealFailure, SealOutcome, SealReport};
use cityseal_proto::v1;
use prost::Message;
use prost::bytes::Bytes;
use tokio::sync::watch;

use super::EXPIRED;
use super::log::{Counts, End, Event, EventKind, EventLog, NotKept};
use super::request::JobAbout;
use crate::device_facts::kind_to_wire;
use crate::limits::{COVERAGE_SPANS_MAX, JOB_INDEX_BYTES};
use crate::refusal::{NO_GPU, Refusal};

/// One job as the service keeps it.
#[derive(Debug)]
pub(crate) struct JobRecord {
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) epoch: u64,
    pub(crate) about: JobAbout,
    search: Mutex<Search>,
    log: Mutex<EventLog>,
    latest: watch::Sender<u64>,
    /// When its end was first requested.
    stopped: OnceLock<Instant>,
    acceptance: watch::Sender<Acceptance>,
}

/// Whether the job may be shown: with a journal only once it is on the disk.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Acceptance {
    Pending,
    Accepted,
    Refused(Refusal),
}

/// The engine's part of a job.
#[derive(Debug)]
enum Search {
    /// Not yet with the engine; a stop that was requested meanwhile.
    Starting(Option<Stop>),
    /// With the coverage that was last noted in the journal.
    Running(JobHandle, Option<SealCoverage>),
    /// The engine's report was read, and its memory is free.
    Ended,
}

/// A request to end a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// By this caller.
    Cancel(String),
    /// By this job or tip.
    Supersede(String),
}

impl Stop {
    fn apply(&self, handle: &JobHandle) {
        match self {
            Self::Cancel(by) => handle.cancel(by),
            Self::Supersede(by) => handle.supersede(by),
        }
    }
}

impl JobRecord {
    /// Creates an accepted job whose log has at least one event.
    pub(super) fn new(number: u64, id: String, epoch: u64, about: JobAbout, log: EventLog) -> Self {
        let latest = watch::Sender::new(log.last().seq);
        let search = if log.end().is_some() { Search::Ended } else { Search::Starting(None) };
        let acceptance = watch::Sender::new(Acceptance::Accepted);
        let (search, log) = (Mutex::new(search), Mutex::new(log));
        Self { number, id, epoch, about, search, log, latest, stopped: OnceLock::new(), acceptance }
    }

    /// The same job before it is accepted.
    pub(super) fn pending(self) -> Self {
        self.acceptance.send_replace(Acceptance::Pending);
        self
    }

    /// Accepts or refuses a pending job.
    pub(super) fn decide(&self, acceptance: Acceptance) {
        self.acceptance.send_replace(acceptance);
    }

    pub(super) fn is_accepted(&self) -> bool {
        *self.acceptance.borrow() == Acceptance::Accepted
    }

    /// Waits until the job is accepted.
    ///
    /// # Errors
    /// Returns the refusal if it could not be written to the journal.
    pub(crate) async fn accepted(&self) -> Result<(), Refusal> {
        let mut acceptance = self.acceptance.subscribe();
        // The sender is part of this record, so it is not gone.
        let decided = acceptance.wait_for(|acceptance| *acceptance != Acceptance::Pending).await;
        match decided.as_deref() {
            Ok(Acceptance::Refused(why)) => Err(why.clone()),
            Ok(Acceptance::Accepted | Acceptance::Pending) | Err(_) => Ok(()),
        }
    }

    /// The engine has started the job. Blocks on the engine if a stop was requested meanwhile.
    pub(super) fn started(&self, handle: &JobHandle) {
        let before = std::mem::replace(&mut *self.search(), Search::Running(handle.clone(), None));
        if let Search::Starting(Some(stop)) = before {
            stop.apply(handle);
        }
    }

    /// Ends the job; does nothing if it has ended. Blocks on the engine.
    pub(crate) fn stop(&self, stop: Stop) {
        self.stopped.get_or_init(Instant::now);
        let handle = match &mut *self.search() {
            Search::Starting(wanted) => {
                wanted.get_or_insert(stop);
                return;
            }
            Search::Running(handle, _) => handle.clone(),
            Search::Ended => return,
        };
        stop.apply(&handle);
    }

    /// The engine's handle while the job runs.
    pub(super) fn handle(&self) -> Option<JobHandle> {
        match &*self.search() {
            Search::Running(handle, _) => Some(handle.clone()),
            Search::Starting(_) | Search::Ended => None,
        }
    }

    /// Keeps the coverage that was noted in the journal while the job runs.
    pub(super) fn keep_noted(&self, coverage: &SealCoverage) {
        if let Search::Running(_, noted) = &mut *self.search() {
            *noted = Some(coverage.clone());
        }
    }

    /// The coverage that was noted in the journal.
    pub(super) fn noted(&self) -> Option<SealCoverage> {
        match &*self.search() {
            Search::Running(_, noted) => noted.clone(),
            Search::Starting(_) | Search::Ended => None,
        }
    }

    /// Progress may be numbered up to `seq`.
    pub(super) fn reserve(&self, seq: u64) {
        self.lock().reserve(seq);
    }

    /// The number of the latest event, and whether fewer than `count` numbers are left for progress.
    pub(super) fn numbers_left(&self, count: u64) -> (u64, bool) {
        let log = self.lock();
        (log.last().seq, log.has_less_than(count))
    }

    /// Adds a progress event.
    pub(super) fn moved(&self) {
        let counts = self.counts();
        let seq = self.lock().push_progress(counts);
        self.latest.send_replace(seq);
    }

    /// The last event by the engine's report. Adds no more progress, and frees the engine's report.
    pub(super) fn end_of(&self, report: &SealReport) -> Event {
        let result = result_of(report, self.about.seals_returned_max);
        let (state, reason) = state_of(&report.outcome);
        let counts = Counts { hashes: saturated(report.hashes), seals: result.seals.len() as u64, ..self.counts() };
        self.last_event(counts, End { state, reason, result: Arc::new(result) })
    }

    /// The last event of a job that the engine did not end. Adds no more progress.
    pub(super) fn end_without_report(&self, state: v1::JobState, reason: String) -> Event {
        let counts = self.counts();
        // What was searched is known, but not by which devices of this run.
        let result = v1::SealResult { coverage_truncated: counts.hashes > 0, ..Default::default() };
        self.last_event(counts, End { state, reason, result: Arc::new(result) })
    }

    fn last_event(&self, counts: Counts, end: End) -> Event {
        let seq = self.lock().close();
        *self.search() = Search::Ended;
        Event { seq, counts, kind: EventKind::Ended(end) }
    }

    /// Shows the last event. Does nothing if the job has ended.
    pub(super) fn show_end(&self, event: Event) {
        let seq = event.seq;
        self.lock().finish(event);
        self.latest.send_replace(seq);
    }

    /// Memory of this record and its index entries in bytes.
    pub(super) fn bytes(&self) -> usize {
        let log = self.lock();
        let result = log.end().map_or(0, |end| bytes_of(&end.result));
        // The index holds both names once more.
        let about = &self.about;
        let names = 2 * (self.id.len() + about.request_id.len() + about.tenant.len())
            + about.chain.len()
            + about.supersedes.as_ref().map_or(0, String::len);
        size_of::<Self>() + names + log.bytes() + result + JOB_INDEX_BYTES
    }

    /// Returns the job and, once it has ended, its result.
    pub(crate) fn now(&self) -> (v1::Job, Option<Arc<v1::SealResult>>) {
        let log = self.lock();
        let result = log.end().map(|end| Arc::clone(&end.result));
        (self.job_at(log.last()), result)
    }

    pub(crate) fn job(&self) -> v1::Job {
        self.now().0
    }

    /// How long ago its end was requested; `None` if it was not.
    pub(super) fn stopping(&self) -> Option<Duration> {
        self.stopped.get().map(Instant::elapsed)
    }

    /// The state for the metrics: the name of the state of the protocol in lower case.
    pub(super) fn state_name(&self) -> &'static str {
        self.lock().end().map_or("running", |end| name_of(end.state))
    }

    /// Whether the last event was added.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().end().is_some()
    }

    /// Waits until the last event was added.
    pub(super) async fn wait_for_end(&self) {
        let mut latest = self.latest();
        while !self.has_ended() {
            // The sender is part of this record, so it is not gone.
            drop(latest.changed().await);
        }
    }

    /// Returns the events from a number on.
    pub(crate) fn events_since(&self, from_seq: u64) -> Result<Vec<Event>, NotKept> {
        self.lock().since(from_seq)
    }

    /// Returns a receiver that changes whenever an event was added.
    pub(crate) fn latest(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// Returns an event as its message.
    pub(crate) fn message_of(&self, event: &Event) -> v1::WatchJobResponse {
        use v1::watch_job_response::Event as Body;
        let body = match &event.kind {
            EventKind::Accepted => Body::Accepted(v1::JobAccepted {}),
            EventKind::Progress => Body::Progress(v1::JobProgress {}),
            EventKind::Ended(end) => Body::Ended(end.result.as_ref().clone()),
        };
        v1::WatchJobResponse { seq: event.seq, job: Some(self.job_at(event)), event: Some(body) }
    }

    fn counts(&self) -> Counts {
        let snapshot = match &*self.search() {
            Search::Running(handle, _) => handle.snapshot(),
            Search::Starting(_) | Search::Ended => return self.lock().last().counts,
        };
        Counts {
            hashes: saturated(snapshot.hashes),
            seals: snapshot.seals as u64,
            best: snapshot.best.map(cityseal_chain::BlockHash::to_wire),
            rate_hz: snapshot.rate_hz,
        }
    }

    pub(super) fn job_at(&self, event: &Event) -> v1::Job {
        let (state, reason) = match &event.kind {
            EventKind::Accepted | EventKind::Progress => (v1::JobState::Running, String::new()),
            EventKind::Ended(end) => (end.state, end.reason.clone()),
        };
        let about = &self.about;
        v1::Job {
            id: self.id.clone(),
            epoch: self.epoch,
            request_id: about.request_id.clone(),
            tenant: about.tenant.to_string(),
            state: state.into(),
            priority: about.priority.into(),
            generation: about.generation,
            hashes: event.counts.hashes,
            volume: about.volume.to_string(),
            seals_found: event.counts.seals,
            best_hash: event.counts.best.map_or_else(Bytes::new, |hash| Bytes::copy_from_slice(&hash)),
            rate_hz: event.counts.rate_hz,
            reason,
            latest_seq: event.seq,
            chain: about.chain.clone(),
            probability_by_deadline: about.probability_by_deadline,
            when_no_gpu: about.when_no_gpu.to_wire().into(),
        }
    }

    fn search(&self) -> MutexGuard<'_, Search> {
        self.search.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A poisoned lock is still usable: an event is added completely or not at all.
    fn lock(&self) -> MutexGuard<'_, EventLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Converts a count to 64 bits, saturating.
pub(crate) fn saturated(count: u128) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Converts the contribution of one device to its message.
pub(crate) fn share_to_wire(share: &cityseal_engine::DeviceShare) -> v1::DeviceShare {
    v1::DeviceShare {
        name: share.name.clone(),
        kind: kind_to_wire(share.kind).into(),
        kernel: share.kernel.clone(),
        hashes: saturated(share.hashes),
        headers: share.headers,
        state: share.state.name().to_owned(),
    }
}

/// The name of the state in which a job ends, and the reason.
pub(super) fn end_of(outcome: &SealOutcome) -> (&'static str, String) {
    let (state, reason) = state_of(outcome);
    (name_of(state), reason)
}

fn state_of(outcome: &SealOutcome) -> (v1::JobState, String) {
    match outcome {
        SealOutcome::Sealed => (v1::JobState::Sealed, String::new()),
        SealOutcome::Exhausted => (v1::JobState::Exhausted, String::new()),
        SealOutcome::Cancelled { by } => (v1::JobState::Cancelled, by.clone()),
        SealOutcome::Expired => (v1::JobState::Expired, EXPIRED.to_owned()),
        SealOutcome::Superseded { by } => (v1::JobState::Superseded, by.clone()),
        SealOutcome::Failed { reason: reason @ SealFailure::NoGpu { .. } } => {
            (v1::JobState::Failed, format!("{NO_GPU}: {reason}"))
        }
        SealOutcome::Failed { reason } => (v1::JobState::Failed, reason.to_string()),
        other => (v1::JobState::Failed, other.to_string()),
    }
}

const fn name_of(state: v1::JobState) -> &'static str {
    match state {
        v1::JobState::Unspecified => "unspecified",
        v1::JobState::Running => "running",
        v1::JobState::Sealed => "sealed",
        v1::JobState::Exhausted => "exhausted",
        v1::JobState::Cancelled => "cancelled",
        v1::JobState::Expired => "expired",
        v1::JobState::Superseded => "superseded",
        v1::JobState::Failed => "failed",
    }
}

/// Memory of a result in bytes: its structures, and the byte strings in them.
fn bytes_of(result: &v1::SealResult) -> usize {
    let seals = result.seals.len() * size_of::<v1::Seal>();
    let spans = result.coverage.len() * size_of::<v1::CoverageSpan>();
    let devices = result.devices.len() * size_of::<v1::DeviceShare>();
    seals + spans + devices + result.encoded_len()
}

fn result_of(report: &SealReport, seals_max: usize) -> v1::SealResult {
    let mut devices: Vec<v1::DeviceShare> = report.devices.iter().map(share_to_wire).collect();
    devices.extend(shares_of_earlier_devices(report));
    let index_of = |name: &str| devices.iter().position(|share| share.name == name);
    let span = |span: cityseal_engine::CoverageSpan| v1::CoverageSpan {
        extranonce: span.extranonce,
        version: span.version,
        time: span.time,
        nonce_first: span.nonce_first,
        nonce_last: span.nonce_last,
        device: index_of(&span.device).map_or(u32::MAX, |index| index as u32),
    };
    v1::SealResult {
        seals: report.seals.iter().take(seals_max).map(v1::Seal::from).collect(),
        coverage: report.coverage.iter().take(COVERAGE_SPANS_MAX).map(span).collect(),
        coverage_truncated: report.coverage.has_more_than(COVERAGE_SPANS_MAX),
        devices,
    }
}

/// What the devices of earlier runs of the service contributed that this run does not have.
fn shares_of_earlier_devices(report: &SealReport) -> Vec<v1::DeviceShare> {
    let mut shares: Vec<(String, u128)> = Vec::new();
    for run in report.coverage.runs() {
        if report.devices.iter().any(|share| share.name == run.device) {
            continue;
        }
        match shares.iter_mut().find(|(name, _)| *name == run.device) {
            Some((_, hashes)) => *hashes += run.stretch.hashes(),
            None => shares.push((run.device, run.stretch.hashes())),
        }
    }
    let wire = |(name, hashes)| v1::DeviceShare {
        name,
        hashes: saturated(hashes),
        // As of a device that exists but is not used.
        state: "not-selected".to_owned(),
        ..Default::default()
    };
    shares.into_iter().map(wire).collect()
}
