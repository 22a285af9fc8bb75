//! `SealService`: jobs that outlive the calls that submitted them.
//!
//! It checks requests and finds jobs; the jobs themselves are in `jobs`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cityseal_proto::v1::seal_service_server::SealService;
use cityseal_proto::{FieldError, v1};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::call_note::{CallNote, peer_of};
use super::caller::Caller;
use super::deadline::deadline_of;
use super::drain::Drain;
use super::heavy::Heavy;
use super::jobs::{JobBook, JobRecord, JobRequest, Stop, name};
use super::limits::WATCHERS_MAX;
use super::refusal::Refusal;
use super::shares::{Holder, Place, Shares};
use super::trace::CallTrace;

/// Events waiting to be sent to one watcher: the log keeps the others.
const EVENTS_WAITING_MAX: usize = 4;

/// The canceller's name if the caller gives none.
const CANCELLED_BY_DEFAULT: &str = "a caller";

type Answer = Result<v1::WatchJobResponse, Status>;

#[derive(Debug)]
pub(crate) struct Sealing {
    book: Arc<JobBook>,
    heavy: Arc<Heavy>,
    watchers: Arc<Shares>,
    drain: Drain,
}

impl Sealing {
    pub(crate) fn new(book: Arc<JobBook>, heavy: Arc<Heavy>, drain: Drain) -> Self {
        Self { book, heavy, watchers: Shares::new(WATCHERS_MAX), drain }
    }

    fn check_open(&self) -> Result<(), Refusal> {
        if self.drain.has_begun() { Err(Refusal::Draining) } else { Ok(()) }
    }

    /// Returns the job with that id if the caller may see it, and adds it to the log line.
    fn find(&self, job_id: &str, context: &CallContext) -> Result<Arc<JobRecord>, Refusal> {
        context.note.job_id(job_id);
        let record = self.book.find(job_id, &context.caller)?;
        context.note_label(&record.about.tenant);
        Ok(record)
    }

    fn watcher(&self, context: &CallContext) -> Result<Place, Refusal> {
        let full = || Refusal::Quota { subject: "service".to_owned(), what: "watchers", max: WATCHERS_MAX };
        self.watchers.take(Holder::of(&context.caller, context.peer)).ok_or_else(full)
    }

    /// Runs work that waits for the engine.
    async fn run<R: Send + 'static>(
        &self,
        context: &CallContext,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        self.heavy.run(Holder::of_work(&context.caller, context.peer), work).await
    }
}

/// Who makes a call, and its log line.
#[derive(Clone, Debug)]
struct CallContext {
    caller: Caller,
    peer: Option<SocketAddr>,
    note: CallNote,
    trace: Option<CallTrace>,
}

impl CallContext {
    fn of<T>(request: &Request<T>) -> Self {
        let extensions = request.extensions();
        let caller = Caller::of(extensions);
        let note = CallNote::of(extensions);
        note.tenant(caller.tenant().map_or("", |tenant| tenant));
        Self { caller, peer: peer_of(extensions), note, trace: CallTrace::of(extensions) }
    }

    /// Notes the tenant that a local caller names. The log names an identity's own tenant, whatever it asks for.
    fn note_label(&self, tenant: &str) {
        if self.caller.tenant().is_none() {
            self.note.tenant(tenant);
        }
    }
}

#[tonic::async_trait]
impl SealService for Sealing {
    type WatchJobStream = ReceiverStream<Answer>;

    async fn submit_seal(
        &self,
        request: Request<v1::SubmitSealRequest>,
    ) -> Result<Response<v1::SubmitSealResponse>, Status> {
        let context = CallContext::of(&request);
        let note = &context.note;
        let message = request.into_inner();
        context.note_label(&message.tenant);
        note.request_id(&message.request_id);
        self.check_open()?;
        let (book, caller, peer) = (Arc::clone(&self.book), context.caller.clone(), context.peer);
        let trace = context.trace;
        // Hashes the coinbase and waits for the engine.
        let submit = move || book.submit(JobRequest::read(message, &caller)?.traced(trace), &caller, peer);
        let (record, replayed) = self.run(&context, submit).await??;
        note.job_id(&record.id);
        note.outcome(if replayed { "replayed" } else { "accepted" });
        Ok(Response::new(v1::SubmitSealResponse { job: Some(record.job()), replayed }))
    }

    async fn get_job(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::GetJobResponse>, Status> {
        let context = CallContext::of(&request);
        let (job, result) = self.find(&request.into_inner().job_id, &context)?.now();
        Ok(Response::new(v1::GetJobResponse { job: Some(job), result: result.map(Arc::unwrap_or_clone) }))
    }

    async fn watch_job(&self, request: Request<v1::WatchJobRequest>) -> Result<Response<Self::WatchJobStream>, Status> {
        self.check_open()?;
        let (context, deadline) = (CallContext::of(&request), deadline_of(request.metadata()));
        let v1::WatchJobRequest { job_id, from_seq } = request.into_inner();
        let record = self.find(&job_id, &context)?;
        // Checked here once, so that a refusal ends the call and not its stream.
        events_since(&record, from_seq)?;
        let place = self.watcher(&context)?;
        let (answers, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
        let watcher = Watcher { record, next_seq: from_seq.max(1), answers, place, drain: self.drain.clone() };
        tokio::spawn(watcher.run(deadline));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn cancel_job(
        &self,
        request: Request<v1::CancelJobRequest>,
    ) -> Result<Response<v1::CancelJobResponse>, Status> {
        let context = CallContext::of(&request);
        let v1::CancelJobRequest { job_id, cancelled_by } = request.into_inner();
        context.note.detail(&cancelled_by);
        name("cancelled_by", &cancelled_by).map_err(Refusal::from)?;
        let record = self.find(&job_id, &context)?;
        let by = if cancelled_by.is_empty() { CANCELLED_BY_DEFAULT.to_owned() } else { cancelled_by };
        let cancelled = Arc::clone(&record);
        self.run(&context, move || cancelled.stop(Stop::Cancel(by))).await?;
        Ok(Response::new(v1::CancelJobResponse { job: Some(record.job()) }))
    }

    async fn list_jobs(&self, request: Request<v1::ListJobsRequest>) -> Result<Response<v1::ListJobsResponse>, Status> {
        let context = CallContext::of(&request);
        let message = request.into_inner();
        if let Some(tenant) = &message.tenant {
            context.note_label(tenant);
        }
        let (jobs, next_page_token) = self.book.list(&message, &context.caller)?;
        Ok(Response::new(v1::ListJobsResponse { jobs, next_page_token, epoch: self.book.epoch() }))
    }

    async fn advance_tip(
        &self,
        request: Request<v1::AdvanceTipRequest>,
    ) -> Result<Response<v1::AdvanceTipResponse>, Status> {
        let context = CallContext::of(&request);
        let v1::AdvanceTipRequest { tenant, chain, generation } = request.into_inner();
        name("tenant", &tenant).map_err(Refusal::from)?;
        name("chain", &chain).map_err(Refusal::from)?;
        if chain.is_empty() {
            return Err(Refusal::from(FieldError::missing("chain", "the name of a chain")).into());
        }
        let tenant = context.caller.tenant_for(&tenant).map_err(Refusal::from)?;
        context.note_label(&tenant);
        context.note.detail(&format!("generation {generation} of chain '{chain}'"));
        self.check_open()?;
        let book = Arc::clone(&self.book);
        let superseded = self.run(&context, move || book.advance(&tenant, &chain, generation)).await??;
        Ok(Response::new(v1::AdvanceTipResponse { superseded }))
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
    place: Place,
    drain: Drain,
}

impl Watcher {
    async fn run(mut self, deadline: Duration) {
        let (answers, mut drain, displaced) = (self.answers.clone(), self.drain.clone(), self.place.displaced());
        let ended = tokio::select! {
            ended = timeout(deadline, self.send_events()) => ended.unwrap_or(Err(Refusal::Deadline)),
            () = drain.begins() => Err(Refusal::Draining),
            () = displaced => Err(Refusal::Displaced { what: "watchers", max: WATCHERS_MAX }),
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
                self.place.touch();
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

#[cfg(test)]
mod tests;
