//! `SealService`: jobs that outlive the calls that submitted them.
//!
//! It checks requests and finds jobs; the jobs themselves are in `jobs`.

use std::sync::Arc;
use std::time::Duration;

use cityseal_proto::v1;
use cityseal_proto::v1::seal_service_server::SealService;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::call_note::{CallNote, peer_of};
use super::deadline::deadline_of;
use super::drain::Drain;
use super::jobs::{JobBook, JobRecord, JobRequest, name};
use super::limits::WATCHERS_MAX;
use super::refusal::Refusal;

/// Events waiting to be sent to one watcher: the log keeps the others.
const EVENTS_WAITING_MAX: usize = 4;

/// The canceller's name if the caller gives none.
const CANCELLED_BY_DEFAULT: &str = "a caller";

type Answer = Result<v1::WatchJobResponse, Status>;

#[derive(Debug)]
pub(crate) struct Sealing {
    book: Arc<JobBook>,
    watchers: Arc<Semaphore>,
    drain: Drain,
}

impl Sealing {
    pub(crate) fn new(book: Arc<JobBook>, drain: Drain) -> Self {
        Self { book, watchers: Arc::new(Semaphore::new(WATCHERS_MAX)), drain }
    }

    fn check_open(&self) -> Result<(), Refusal> {
        if self.drain.has_begun() { Err(Refusal::Draining) } else { Ok(()) }
    }

    /// Returns the job with that id, and adds it to the log line.
    fn find(&self, job_id: &str, note: &CallNote) -> Result<Arc<JobRecord>, Refusal> {
        note.job_id(job_id);
        let record = self.book.find(job_id)?;
        note.tenant(&record.request.tenant);
        Ok(record)
    }

    fn watcher(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let full = || Refusal::Quota { subject: "service".to_owned(), what: "watchers", max: WATCHERS_MAX };
        Arc::clone(&self.watchers).try_acquire_owned().map_err(|_| full())
    }
}

#[tonic::async_trait]
impl SealService for Sealing {
    type WatchJobStream = ReceiverStream<Answer>;

    async fn submit_seal(
        &self,
        request: Request<v1::SubmitSealRequest>,
    ) -> Result<Response<v1::SubmitSealResponse>, Status> {
        let (note, peer) = (CallNote::of(request.extensions()), peer_of(request.extensions()));
        let message = request.into_inner();
        note.tenant(&message.tenant);
        note.request_id(&message.request_id);
        self.check_open()?;
        let request = JobRequest::try_from(message).map_err(Refusal::from)?;
        let (record, replayed) = self.book.submit(request, peer)?;
        note.job_id(&record.id);
        note.outcome(if replayed { "replayed" } else { "accepted" });
        Ok(Response::new(v1::SubmitSealResponse { job: Some(record.job()), replayed }))
    }

    async fn get_job(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::GetJobResponse>, Status> {
        let note = CallNote::of(request.extensions());
        let (job, result) = self.find(&request.into_inner().job_id, &note)?.now();
        Ok(Response::new(v1::GetJobResponse { job: Some(job), result: result.map(Arc::unwrap_or_clone) }))
    }

    async fn watch_job(&self, request: Request<v1::WatchJobRequest>) -> Result<Response<Self::WatchJobStream>, Status> {
        self.check_open()?;
        let (note, deadline) = (CallNote::of(request.extensions()), deadline_of(request.metadata()));
        let v1::WatchJobRequest { job_id, from_seq } = request.into_inner();
        let record = self.find(&job_id, &note)?;
        // Checked here once, so that a refusal ends the call and not its stream.
        events_since(&record, from_seq)?;
        let permit = self.watcher()?;
        let (answers, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
        let watcher = Watcher { record, next_seq: from_seq.max(1), answers, drain: self.drain.clone() };
        tokio::spawn(async move {
            watcher.run(deadline).await;
            drop(permit);
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn cancel_job(
        &self,
        request: Request<v1::CancelJobRequest>,
    ) -> Result<Response<v1::CancelJobResponse>, Status> {
        let note = CallNote::of(request.extensions());
        let v1::CancelJobRequest { job_id, cancelled_by } = request.into_inner();
        note.detail(&cancelled_by);
        name("cancelled_by", &cancelled_by).map_err(Refusal::from)?;
        let record = self.find(&job_id, &note)?;
        record.handle.cancel(if cancelled_by.is_empty() { CANCELLED_BY_DEFAULT } else { &cancelled_by });
        Ok(Response::new(v1::CancelJobResponse { job: Some(record.job()) }))
    }

    async fn list_jobs(&self, request: Request<v1::ListJobsRequest>) -> Result<Response<v1::ListJobsResponse>, Status> {
        let note = CallNote::of(request.extensions());
        let message = request.into_inner();
        note.tenant(message.tenant.as_deref().unwrap_or_default());
        let (jobs, next_page_token) = self.book.list(&message)?;
        Ok(Response::new(v1::ListJobsResponse { jobs, next_page_token, epoch: self.book.epoch() }))
    }
}

fn events_since(record: &JobRecord, from_seq: u64) -> Result<Vec<super::jobs::Event>, Refusal> {
    record.events_since(from_seq).map_err(|kept| Refusal::SeqOutOfRange {
        job_id: record.id.clone(),
        from_seq,
        oldest: kept.oldest,
        latest: kept.latest,
    })
}

/// One watcher of one job.
struct Watcher {
    record: Arc<JobRecord>,
    next_seq: u64,
    answers: mpsc::Sender<Answer>,
    drain: Drain,
}

impl Watcher {
    async fn run(mut self, deadline: Duration) {
        let (answers, mut drain) = (self.answers.clone(), self.drain.clone());
        let ended = tokio::select! {
            ended = timeout(deadline, self.send_events()) => ended.unwrap_or(Err(Refusal::Deadline)),
            () = drain.begins() => Err(Refusal::Draining),
            // The watcher has disconnected; the job continues.
            () = answers.closed() => return,
        };
        if let Err(refusal) = ended {
            // A watcher that has disconnected needs no reason.
            drop(answers.send(Err(refusal.into())).await);
        }
    }

    /// Sends events as they occur, until the job ends.
    async fn send_events(&mut self) -> Result<(), Refusal> {
        let mut latest = self.record.latest();
        loop {
            // Both are checked before the log is read, so that an event in between is not missed.
            latest.mark_unchanged();
            let is_whole = self.record.has_ended();
            for event in events_since(&self.record, self.next_seq)? {
                self.next_seq = event.seq + 1;
                if self.answers.send(Ok(self.record.message_of(&event))).await.is_err() {
                    return Ok(());
                }
            }
            if is_whole {
                return Ok(());
            }
            if latest.changed().await.is_err() {
                return Err(Refusal::Broken);
            }
        }
    }
}
