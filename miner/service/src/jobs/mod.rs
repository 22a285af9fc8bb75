//! The jobs of the service: started once per request id, open to any watcher, dropped in the order in which they ended.
//!
//! A job belongs to no call and no connection. One task per job waits for the engine; no thread is blocked.

mod log;
mod record;
mod request;
mod shelf;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cityseal_engine::{Engine, SealReport};
use cityseal_proto::{FieldError, v1};
use tokio::sync::Notify;
use tracing::info;

pub(crate) use log::Event;
pub(crate) use record::{JobRecord, saturated, share_to_wire};
pub(crate) use request::{JobRequest, name};

use self::shelf::Shelf;
use super::echo::shown;
use super::limits::{ECHO_BYTES_MAX, PAGE_JOBS_MAX, PROGRESS_INTERVAL};
use super::log_budget::LogBudget;
use super::refusal::Refusal;

/// The reason of jobs that end with the service.
pub(crate) const SHUTDOWN: &str = "the service is shutting down";

/// All jobs of the service.
#[derive(Debug)]
pub(crate) struct JobBook {
    engine: Engine,
    epoch: u64,
    events_max: usize,
    shelf: Mutex<Shelf>,
    /// Limits the log lines about ended jobs.
    budget: LogBudget,
}

impl JobBook {
    /// Creates an empty book with its own epoch: the Unix time in nanoseconds, so that a later start has a greater
    /// epoch.
    pub(crate) fn new(engine: Engine, events_max: usize) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (epoch, budget) = (saturated(since_1970.as_nanos()), LogBudget::new(Instant::now()));
        Self { engine, epoch, events_max, shelf: Mutex::default(), budget }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Starts a job, or returns the one that the same request started before (`true`). `peer` is the caller's address,
    /// for the log.
    pub(crate) fn submit(
        self: &Arc<Self>,
        request: JobRequest,
        peer: Option<SocketAddr>,
    ) -> Result<(Arc<JobRecord>, bool), Refusal> {
        let mut shelf = self.lock();
        // The request id makes a retry after a lost answer idempotent.
        if let Some(before) = shelf.find_request(&request.tenant, &request.request_id) {
            return replayed(before, &request);
        }
        let superseded = self.superseded(&shelf, &request)?;
        shelf.check_room(&request.tenant, superseded.as_ref().map(|old| old.number))?;
        let record = self.start(&mut shelf, request);
        // The superseded job frees its place at once, although it ends a little later.
        if let Some(old) = superseded {
            shelf.leaves(old.number);
            old.handle.supersede(&record.id);
        }
        drop(shelf);
        tokio::spawn(follow(Arc::clone(self), Arc::clone(&record), peer));
        Ok((record, false))
    }

    pub(crate) fn find(&self, job_id: &str) -> Result<Arc<JobRecord>, Refusal> {
        self.find_on(&self.lock(), job_id)
    }

    /// Returns the jobs after the one whose id is `page_token`, and the token of the next page.
    pub(crate) fn list(&self, message: &v1::ListJobsRequest) -> Result<(Vec<v1::Job>, String), Refusal> {
        let page_size = match message.page_size as usize {
            0 => PAGE_JOBS_MAX,
            some => some.min(PAGE_JOBS_MAX),
        };
        let after = self.number_of_token(&message.page_token)?;
        let tenant = message.tenant.as_deref();
        // One record more than the page holds shows whether another page follows.
        let mut records = self.lock().after(after, tenant, page_size + 1);
        let is_last = records.len() <= page_size;
        records.truncate(page_size);
        let next = if is_last { None } else { records.last().map(|record| record.id.clone()) };
        Ok((records.iter().map(|record| record.job()).collect(), next.unwrap_or_default()))
    }

    /// Requests every running job to end.
    pub(crate) fn cancel_all(&self, by: &str) {
        let running = self.lock().running();
        for record in running {
            record.handle.cancel(by);
        }
    }

    fn start(&self, shelf: &mut Shelf, request: JobRequest) -> Arc<JobRecord> {
        let handle = self.engine.submit(request.to_job(Instant::now()));
        let record = Arc::new(JobRecord::new(shelf.next_number(), self.epoch, request, handle, self.events_max));
        shelf.insert(Arc::clone(&record));
        record
    }

    fn log_end(&self, record: &JobRecord, report: &SealReport, peer: Option<SocketAddr>, took: Duration) {
        let Some(left_out) = self.budget.take(Instant::now()) else { return };
        let request = &record.request;
        let tenant = (!request.tenant.is_empty()).then_some(request.tenant.as_str());
        info!(
            job_id = record.id,
            peer = peer.map(tracing::field::display),
            tenant,
            request_id = request.request_id,
            generation = request.generation,
            outcome = report.outcome.to_string(),
            seals = report.seals.len(),
            hashes = saturated(report.hashes),
            duration_ms = took.as_millis() as u64,
            left_out = (left_out > 0).then_some(left_out),
            "job ended"
        );
    }

    fn superseded(&self, shelf: &Shelf, request: &JobRequest) -> Result<Option<Arc<JobRecord>>, Refusal> {
        let Some(job_id) = &request.supersedes else { return Ok(None) };
        let old = self.find_on(shelf, job_id)?;
        if old.request.tenant != request.tenant {
            return Err(self.not_found(job_id));
        }
        let (found, expected_min) = (request.generation, old.request.generation);
        if found < expected_min {
            return Err(Refusal::StaleGeneration { job_id: job_id.clone(), expected_min, found });
        }
        Ok(Some(old))
    }

    fn find_on(&self, shelf: &Shelf, job_id: &str) -> Result<Arc<JobRecord>, Refusal> {
        self.number_of(job_id).and_then(|number| shelf.find(number)).ok_or_else(|| self.not_found(job_id))
    }

    fn not_found(&self, job_id: &str) -> Refusal {
        Refusal::JobNotFound { job_id: shown(job_id, ECHO_BYTES_MAX), epoch: self.epoch }
    }

    /// Returns the number in an id of this epoch.
    fn number_of(&self, job_id: &str) -> Option<u64> {
        let (epoch, number) = job_id.split_once('-')?;
        let number = number.parse().ok()?;
        // Only the canonical spelling is valid: "1-07" and "1-+7" are not ids.
        (epoch == format!("{:x}", self.epoch) && job_id == format!("{epoch}-{number}")).then_some(number)
    }

    fn number_of_token(&self, page_token: &str) -> Result<u64, FieldError> {
        if page_token.is_empty() {
            return Ok(0);
        }
        let problem = "expected a page token of this service since its start; begin with an empty token";
        self.number_of(page_token).ok_or_else(|| FieldError::refused("page_token", &problem))
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replayed(before: Arc<JobRecord>, request: &JobRequest) -> Result<(Arc<JobRecord>, bool), Refusal> {
    if before.request.fingerprint == request.fingerprint {
        return Ok((before, true));
    }
    Err(Refusal::RequestIdReused { request_id: request.request_id.clone(), job_id: before.id.clone() })
}

/// Converts the engine's notifications about a job to events, until the job ends.
async fn follow(book: Arc<JobBook>, record: Arc<JobRecord>, peer: Option<SocketAddr>) {
    let began = Instant::now();
    let woken = Arc::new(Notify::new());
    let wake = Arc::clone(&woken);
    record.handle.on_change(Arc::new(move || wake.notify_one()));
    let mut quiet_until = Instant::now();
    loop {
        woken.notified().await;
        if let Some(report) = record.handle.report() {
            let size = record.ended(&report);
            book.lock().ended(record.number, size);
            book.log_end(&record, &report, peer, began.elapsed());
            return;
        }
        // Progress that comes too soon is dropped: the next event supersedes it.
        if Instant::now() >= quiet_until {
            record.moved();
            quiet_until = Instant::now() + PROGRESS_INTERVAL;
        }
    }
}
