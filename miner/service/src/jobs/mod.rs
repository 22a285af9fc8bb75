//! The jobs of the service: started once per request id, open to any watcher of their tenant, dropped in the order in
//! which they ended.
//!
//! A job belongs to no call and no connection. One task per job waits for the engine; no thread is blocked. With a
//! journal a job is shown once it is on the disk, and so is its end.

mod checkpoint;
mod follow;
mod ids;
mod log;
mod prospects;
mod record;
mod reports;
mod request;
mod restore;
mod retention;
mod shelf;
mod stored;
mod tips;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cityseal_engine::{Engine, JobOutlook, SealReport};
use cityseal_journal::{Journal, JournalHealth, Submission, Submitted, Tip, Unavailable};
use cityseal_proto::{FieldError, v1};
use prost::Message;
use tokio::sync::{oneshot, watch};
use tracing::{error, info};

pub(crate) use checkpoint::checkpoints;
pub(crate) use log::Event;
pub(crate) use record::{JobRecord, Stop, saturated, share_to_wire};
pub(crate) use request::{JobRequest, name};
pub(crate) use restore::{OpenError, Unfinished};
pub(crate) use stored::{StoredEnd, StoredRequest};

use self::follow::{OpenJob, OpenJobs};
use self::ids::Ids;
use self::log::EventLog;
use self::prospects::Prospects;
use self::record::Acceptance;
use self::reports::submitted;
use self::shelf::Shelf;
use self::stored::{id_of, unix_ms};
use super::caller::Caller;
use super::echo::shown;
use super::heavy::Heavy;
use super::limit_table::Limits;
use super::limits::{ECHO_BYTES_MAX, ENDING_JOBS_MAX, PAGE_JOBS_MAX, SEQS_RESERVED};
use super::log_budget::LogBudget;
use super::observer::Observer;
use super::refusal::Refusal;
use super::shares::Holder;

/// The reason of jobs that end with the service.
pub(crate) const SHUTDOWN: &str = "the service is shutting down";

/// The reason of jobs whose deadline passed.
const EXPIRED: &str = "its deadline passed";

/// All jobs of the service.
#[derive(Debug)]
pub(crate) struct JobBook {
    engine: Engine,
    ids: Ids,
    epoch: u64,
    events_max: usize,
    shelf: Mutex<Shelf>,
    /// `None`: jobs are in memory only.
    journal: Option<Journal>,
    /// Whether the jobs stop and continue in the next run of the service.
    suspended: watch::Sender<bool>,
    open: OpenJobs,
    /// Talks to the engine about jobs when no call does: starts those that are on the disk, and reads the reports of
    /// those that have ended.
    engine_work: Heavy,
    /// Limits the log lines about ended jobs.
    budget: LogBudget,
    observer: Arc<Observer>,
}

/// A job with what is to be expected of it.
#[derive(Clone, Debug)]
pub(crate) struct JobSeen {
    pub(crate) job: v1::Job,
    /// The searched fraction of its space.
    pub(crate) progress: f64,
    /// `None` if it does not run.
    pub(crate) outlook: Option<JobOutlook>,
}

/// A job that has a place and is not with the engine yet.
struct Placed {
    open: OpenJob,
    request: JobRequest,
    superseded: Option<Arc<JobRecord>>,
    peer: Option<SocketAddr>,
}

/// The effect of a new tip.
#[derive(Debug)]
pub(crate) struct Advanced {
    superseded: u32,
    written: Option<oneshot::Receiver<Result<(), Unavailable>>>,
}

impl Advanced {
    /// Waits until the tip is in the journal, if there is one. Returns the number of superseded jobs.
    ///
    /// # Errors
    /// Returns [`Refusal::Journal`]: after a restart the tip may be unknown.
    pub(crate) async fn written(self) -> Result<u32, Refusal> {
        if let Some(written) = self.written {
            let result = written.await.unwrap_or(Err(Unavailable::Closed));
            result.map_err(|why| Refusal::Journal { problem: why.to_string() })?;
        }
        Ok(self.superseded)
    }
}

impl JobBook {
    /// Creates an empty book without a journal, with a random epoch.
    ///
    /// # Errors
    /// Returns the error of the operating system if it provides no random numbers.
    pub(crate) fn new(engine: Engine, events_max: usize) -> io::Result<Self> {
        let ids = Ids::new()?;
        let (epoch, engine_work) = (ids.epoch(), Heavy::new(ENDING_JOBS_MAX));
        Ok(Self {
            engine,
            ids,
            epoch,
            events_max,
            shelf: Mutex::default(),
            journal: None,
            suspended: watch::Sender::new(false),
            open: OpenJobs::default(),
            engine_work,
            budget: LogBudget::new(Instant::now()),
            observer: Arc::default(),
        })
    }

    /// Sets the limits of running and ended jobs; without it they have their defaults.
    pub(crate) fn limited(self, limits: &Limits) -> Self {
        self.lock().set_limits(limits);
        self
    }

    /// Reports what happens to the jobs.
    pub(crate) fn observed_by(self, observer: Arc<Observer>) -> Self {
        Self { observer, ..self }
    }

    /// How many jobs are kept, by tenant and state.
    pub(crate) fn counts(&self) -> HashMap<(Arc<str>, &'static str), u64> {
        let mut counts = HashMap::new();
        // The records are looked at without the lock of the shelf.
        let records = self.lock().all();
        for record in records {
            *counts.entry((Arc::clone(&record.about.tenant), record.state_name())).or_default() += 1;
        }
        counts
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The state of the journal; `None` without one.
    pub(crate) fn journal_health(&self) -> Option<JournalHealth> {
        self.journal.as_ref().map(Journal::health)
    }

    pub(crate) const fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// Starts a job, or returns the one that the same request started before (`true`). With a journal it starts once it
    /// is on the disk: see [`JobRecord::accepted`]. `peer` is the caller's address, for the log. Blocks on the engine,
    /// so it must not be called from an async task; it must be called in a runtime.
    pub(crate) fn submit(
        self: &Arc<Self>,
        mut request: JobRequest,
        caller: &Caller,
        peer: Option<SocketAddr>,
    ) -> Result<(Arc<JobRecord>, bool), Refusal> {
        // Without the shelf's lock: the engine may be busy, and other calls only read.
        let job = request.to_job(Instant::now());
        let replaced = request.about.supersedes.as_ref().and_then(|job_id| self.find(job_id, caller).ok()?.handle());
        let prospects = Prospects::of(&self.engine, &job, replaced.as_ref());
        request.about.probability_by_deadline = prospects.probability;
        let (open, superseded) = {
            let mut shelf = self.lock();
            self.forget(&shelf.expire(Instant::now()));
            // The request id makes a retry after a lost answer idempotent.
            if let Some(before) = shelf.find_request(&request.about.tenant, &request.about.request_id) {
                return replayed(before, &request);
            }
            prospects.check(caller.terms())?;
            self.place(&mut shelf, &request, caller)?
        };
        let record = Arc::clone(&open.record);
        let placed = Placed { open, request, superseded, peer };
        match &self.journal {
            None => self.begin(placed),
            Some(journal) => {
                let answer = self.write(journal, &placed);
                tokio::spawn(Arc::clone(self).begin_once_written(placed, answer));
            }
        }
        Ok((record, false))
    }

    /// Queues a job for the journal.
    fn write(&self, journal: &Journal, placed: &Placed) -> oneshot::Receiver<Result<Submitted, Unavailable>> {
        let Placed { open, request, .. } = placed;
        let submitted_unix_ms = unix_ms();
        let submission = Submission {
            id: id_of(&open.record),
            tenant: request.about.tenant.to_string(),
            request_id: request.about.request_id.clone(),
            fingerprint: request.about.fingerprint,
            request: StoredRequest::of(request).encode_to_vec().into(),
            epoch: self.epoch,
            submitted_unix_ms,
            expires_unix_ms: submitted_unix_ms.saturating_add(request.deadline().as_millis() as u64),
        };
        let (told, answer) = oneshot::channel();
        journal.submit(submission, move |result| drop(told.send(result)));
        answer
    }

    /// Accepts the job and gives it to the engine once it is in the journal; otherwise drops it.
    async fn begin_once_written(
        self: Arc<Self>,
        placed: Placed,
        answer: oneshot::Receiver<Result<Submitted, Unavailable>>,
    ) {
        let record = Arc::clone(&placed.open.record);
        let refusal = match answer.await {
            Ok(Ok(Submitted::New)) => {
                record.decide(Acceptance::Accepted);
                let holder = Holder::Tenant(Arc::clone(&record.about.tenant));
                let book = Arc::clone(&self);
                drop(self.engine_work.run(holder, move || book.begin(placed)).await);
                return;
            }
            Ok(Ok(Submitted::Known(job))) => {
                error!(job_id = %job.submission.id, "the journal has a job that the service does not know");
                Refusal::Broken
            }
            Ok(Err(why)) => Refusal::Journal { problem: why.to_string() },
            Err(_) => Refusal::Journal { problem: Unavailable::Closed.to_string() },
        };
        let mut shelf = self.lock();
        shelf.withdraw(record.number);
        if let Some(old) = &placed.superseded {
            shelf.stays(old);
        }
        drop(shelf);
        record.decide(Acceptance::Refused(refusal));
    }

    /// Gives a job to the engine, and ends the one that it replaces. Blocks on the engine.
    fn begin(&self, placed: Placed) {
        let Placed { open, request, superseded, peer } = placed;
        let record = Arc::clone(&open.record);
        self.start(open, &request, peer);
        if let Some(old) = superseded {
            old.stop(Stop::Supersede(record.id.clone()));
        }
        self.observer.event(&submitted(&record, peer));
    }

    fn start(&self, open: OpenJob, request: &JobRequest, peer: Option<SocketAddr>) {
        open.record.started(&self.engine.submit(request.to_job(Instant::now())));
        tokio::spawn(open.follow(peer));
    }

    /// Removes jobs from the journal.
    fn forget(&self, dropped: &[Arc<JobRecord>]) {
        if let Some(journal) = self.journal.as_ref().filter(|_| !dropped.is_empty()) {
            journal.forget(dropped.iter().map(|record| id_of(record)).collect());
        }
    }

    /// Records a new tip: ends the running jobs of that chain with a lower generation. With a journal the tip is in
    /// force before it is written. Blocks on the engine, so it must not be called from an async task.
    pub(crate) fn advance(&self, tenant: &Arc<str>, chain: &str, generation: u64) -> Result<Advanced, Refusal> {
        let (stale, written) = {
            let mut shelf = self.lock();
            let dropped = shelf.tips.advance(tenant, chain, generation, Instant::now())?;
            let running = shelf.running().into_iter().filter(|record| {
                let about = &record.about;
                about.tenant == *tenant && about.chain == chain && about.generation < generation
            });
            let stale: Vec<Arc<JobRecord>> = running.inspect(|record| shelf.leaves(record.number)).collect();
            // Under the lock, so that the journal gets the tips of a chain in their order.
            let journal = self.journal.as_ref();
            let written = journal.map(|journal| write_tip(journal, dropped, tenant, chain, generation));
            (stale, written)
        };
        let by = by_tip(chain, generation);
        stale.iter().for_each(|record| record.stop(Stop::Supersede(by.clone())));
        Ok(Advanced { superseded: stale.len() as u32, written })
    }

    /// Returns the job with that id if the caller may see it. Otherwise the refusal is the same as for an unknown id.
    pub(crate) fn find(&self, job_id: &str, caller: &Caller) -> Result<Arc<JobRecord>, Refusal> {
        self.find_on(&self.lock(), job_id, |tenant| caller.may_see(tenant))
    }

    /// Returns the jobs that the caller may see after the page that ended with `page_token`, and the token of the next
    /// page.
    pub(crate) fn list(
        &self,
        message: &v1::ListJobsRequest,
        caller: &Caller,
    ) -> Result<(Vec<v1::Job>, String), Refusal> {
        let page_size = match message.page_size as usize {
            0 => PAGE_JOBS_MAX,
            some => some.min(PAGE_JOBS_MAX),
        };
        let after = self.number_of_token(&message.page_token)?;
        let tenant = caller.visible(message.tenant.as_deref())?;
        // One record more than the page holds shows whether another page follows.
        let mut records = self.lock().after(after, tenant.as_deref(), page_size + 1);
        let is_last = records.len() <= page_size;
        records.truncate(page_size);
        let next = if is_last { None } else { records.last().map(|record| self.ids.page_token(record.number)) };
        Ok((records.iter().map(|record| record.job()).collect(), next.unwrap_or_default()))
    }

    /// Returns up to `count` jobs that the caller may see, running ones first, each with its outlook while it runs, and
    /// how many of them run in all.
    pub(crate) fn latest(&self, caller: &Caller, count: usize) -> (Vec<JobSeen>, usize) {
        let Ok(tenant) = caller.visible(None) else { return (Vec::new(), 0) };
        let (records, running) = {
            let shelf = self.lock();
            (shelf.latest(tenant.as_deref(), count), shelf.count_running(tenant.as_deref()))
        };
        (records.iter().map(|record| JobSeen::of(record)).collect(), running)
    }

    /// Cancels every running job, and waits for their ends.
    pub(crate) async fn cancel_all(&self, by: &'static str) {
        let running = self.lock().running();
        let stopped = running.clone();
        let stop = move || stopped.iter().for_each(|record| record.stop(Stop::Cancel(by.to_owned())));
        // Waits for the engine, on a thread that may block.
        drop(tokio::task::spawn_blocking(stop).await);
        for record in running {
            record.wait_for_end().await;
        }
    }

    /// Gives the job a place, if it may have one; also returns the job that it supersedes.
    fn place(
        self: &Arc<Self>,
        shelf: &mut Shelf,
        request: &JobRequest,
        caller: &Caller,
    ) -> Result<(OpenJob, Option<Arc<JobRecord>>), Refusal> {
        let about = &request.about;
        shelf.tips.check(&about.tenant, &about.chain, about.generation, Instant::now())?;
        let superseded = self.superseded(shelf, request, caller)?;
        let own_max = caller.terms().limits.jobs;
        shelf.check_room(&about.tenant, own_max, superseded.as_ref().map(|old| old.number))?;
        // The superseded job frees its place at once, although it ends a little later.
        if let Some(old) = &superseded {
            shelf.leaves(old.number);
        }
        let number = shelf.next_number();
        let log = EventLog::new(self.events_max);
        let (log, is_pending) = match self.journal {
            Some(_) => (log.with_progress_max(SEQS_RESERVED), true),
            None => (log, false),
        };
        let record = JobRecord::new(number, self.ids.job_id(number), self.epoch, about.clone(), log);
        let record = Arc::new(if is_pending { record.pending() } else { record });
        shelf.insert(Arc::clone(&record));
        Ok((OpenJob::new(self, record), superseded))
    }

    fn log_end(&self, record: &JobRecord, report: &SealReport, peer: Option<SocketAddr>, took: Duration) {
        let Some(left_out) = self.budget.take(Instant::now()) else { return };
        let about = &record.about;
        let tenant = (!about.tenant.is_empty()).then_some(&*about.tenant);
        info!(
            job_id = record.id,
            peer = peer.map(tracing::field::display),
            tenant,
            request_id = about.request_id,
            generation = about.generation,
            outcome = report.outcome.to_string(),
            seals = report.seals.len(),
            hashes = saturated(report.hashes),
            duration_ms = took.as_millis() as u64,
            call_id = about.trace.map(|trace| tracing::field::display(trace.call_id)),
            trace_id = about.trace.map(|trace| tracing::field::display(trace.trace_id)),
            left_out = (left_out > 0).then_some(left_out),
            "job ended"
        );
    }

    fn superseded(
        &self,
        shelf: &Shelf,
        request: &JobRequest,
        caller: &Caller,
    ) -> Result<Option<Arc<JobRecord>>, Refusal> {
        let Some(job_id) = &request.about.supersedes else { return Ok(None) };
        let about = &request.about;
        let old = self.find_on(shelf, job_id, |tenant| *tenant == *about.tenant && caller.may_see(tenant))?;
        let (found, expected_min) = (about.generation, old.about.generation);
        if found < expected_min {
            return Err(Refusal::StaleGeneration { job_id: job_id.clone(), expected_min, found });
        }
        Ok(Some(old))
    }

    fn find_on(
        &self,
        shelf: &Shelf,
        job_id: &str,
        is_visible: impl FnOnce(&str) -> bool,
    ) -> Result<Arc<JobRecord>, Refusal> {
        let is_shown = |record: &Arc<JobRecord>| record.is_accepted() && is_visible(&record.about.tenant);
        let record = shelf.find(job_id).filter(is_shown);
        record.ok_or_else(|| Refusal::JobNotFound { job_id: shown(job_id, ECHO_BYTES_MAX), epoch: self.epoch })
    }

    fn number_of_token(&self, page_token: &str) -> Result<u64, FieldError> {
        if page_token.is_empty() {
            return Ok(0);
        }
        let problem = "expected a page token of this service since its start; begin with an empty token";
        self.ids.number_in(page_token).ok_or_else(|| FieldError::refused("page_token", &problem))
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobSeen {
    fn of(record: &JobRecord) -> Self {
        let (job, volume) = (record.job(), record.about.volume);
        let progress = if volume == 0 { 1.0 } else { (job.hashes as f64 / volume as f64).min(1.0) };
        Self { job, progress, outlook: record.handle().map(|handle| handle.outlook()) }
    }
}

fn replayed(before: Arc<JobRecord>, request: &JobRequest) -> Result<(Arc<JobRecord>, bool), Refusal> {
    if before.about.fingerprint == request.about.fingerprint {
        return Ok((before, true));
    }
    Err(Refusal::RequestIdReused { request_id: request.about.request_id.clone(), job_id: before.id.clone() })
}

/// Queues a tip for the journal, and the removal of those that were dropped for it.
fn write_tip(
    journal: &Journal,
    dropped: Vec<(Arc<str>, String)>,
    tenant: &str,
    chain: &str,
    generation: u64,
) -> oneshot::Receiver<Result<(), Unavailable>> {
    if !dropped.is_empty() {
        journal.forget_tips(dropped.into_iter().map(|(tenant, chain)| (tenant.to_string(), chain)).collect());
    }
    let (told, answer) = oneshot::channel();
    let (tenant, chain, advanced_unix_ms) = (tenant.to_owned(), chain.to_owned(), unix_ms());
    let tip = Tip { tenant, chain, generation, advanced_unix_ms };
    journal.note_tip(tip, move |result| drop(told.send(result)));
    answer
}

/// What superseded the older jobs of a chain.
fn by_tip(chain: &str, generation: u64) -> String {
    format!("generation {generation} of chain '{chain}'")
}

#[cfg(test)]
mod tests;
