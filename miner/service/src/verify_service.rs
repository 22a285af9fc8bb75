//! `VerifyService`: uploads that are read as fast as the verifier accepts them, each in its own task.
//!
//! Validation is left to the engine. A slow or silent upload holds only its own permits and windows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cityseal_chain::Verdict;
use cityseal_engine::{Engine, Finish};
use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_response::Part;
use cityseal_proto::v1::verify_service_server::VerifyService;
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Extensions, Request, Response, Status, Streaming};

use super::bodies::UPLOAD;
use super::call_note::{CallNote, peer_of};
use super::caller::Caller;
use super::connection::ConnectionInfo;
use super::deadline::deadline_of;
use super::drain::Drain;
use super::echo::cut;
use super::foreign::explained;
use super::heavy::Heavy;
use super::keys::Keys;
use super::limit_table::Limits;
use super::limits::{
    BEGIN_AT_ONCE_BYTES_MAX, BEGIN_THREADS_MAX, ECHO_BYTES_MAX, PROGRESS_INTERVAL, RESUME_TOKEN_INTERVAL,
};
use super::observer::Observer;
use super::places::take_place;
use super::refusal::Refusal;
use super::shares::{Holder, Place, Shares};
use super::upload::{Conclusion, Step, Upload};
use super::upload_rate::UploadRate;
use super::verdict;
use super::verifications::Verifications;

/// Answers that wait to be sent. Progress that does not fit is dropped, since the next message supersedes it.
const ANSWERS_WAITING_MAX: usize = 4;

type Answer = Result<v1::VerifyChainResponse, Status>;

#[derive(Debug)]
pub(crate) struct Verification {
    engine: Engine,
    keys: Arc<Keys>,
    uploads: Arc<Shares>,
    beginnings: Arc<Heavy>,
    drain: Drain,
    limits: Arc<Limits>,
    observer: Arc<Observer>,
    shown: Verifications,
}

impl Verification {
    /// Open verifications are published in `shown`.
    pub(super) fn new(
        engine: Engine,
        keys: Keys,
        drain: Drain,
        limits: Arc<Limits>,
        observer: Arc<Observer>,
        shown: Verifications,
    ) -> Self {
        let (uploads, beginnings) = (Shares::new(limits.uploads), Arc::new(Heavy::new(BEGIN_THREADS_MAX)));
        Self { engine, keys: Arc::new(keys), uploads, beginnings, drain, limits, observer, shown }
    }

    /// The places of the open uploads.
    pub(super) fn uploads(&self) -> Arc<Shares> {
        Arc::clone(&self.uploads)
    }

    fn admit(&self, extensions: &Extensions, caller: &Caller, peer: Option<SocketAddr>) -> Result<Admitted, Refusal> {
        if self.drain.has_begun() {
            return Err(Refusal::Draining);
        }
        let full = |subject: &str, max| Refusal::Quota { subject: subject.to_owned(), what: "uploads", max };
        let connection = extensions.get::<ConnectionInfo>();
        let of_connection = connection
            .map(|info| Arc::clone(&info.uploads).try_acquire_owned())
            .transpose()
            .map_err(|_| full("connection", self.limits.uploads_per_connection))?;
        let place = take_place(&self.uploads, caller, peer, caller.terms().limits.uploads)
            .map_err(|of| of.refusal("uploads", self.uploads.max()))?;
        Ok(Admitted { _of_connection: of_connection, place })
    }
}

/// Permits for one upload, released when dropped.
struct Admitted {
    _of_connection: Option<OwnedSemaphorePermit>,
    place: Place,
}

#[tonic::async_trait]
impl VerifyService for Verification {
    type VerifyChainStream = ReceiverStream<Answer>;

    async fn verify_chain(
        &self,
        request: Request<Streaming<v1::VerifyChainRequest>>,
    ) -> Result<Response<Self::VerifyChainStream>, Status> {
        let (caller, peer) = (Caller::of(request.extensions()), peer_of(request.extensions()));
        let admitted = self.admit(request.extensions(), &caller, peer)?;
        let deadline = deadline_of(request.metadata());
        let (answers, receiver) = mpsc::channel(ANSWERS_WAITING_MAX);
        let (engine, keys) = (self.engine.clone(), Arc::clone(&self.keys));
        let note = CallNote::of(request.extensions());
        note.tenant(caller.tenant().map_or("", |tenant| tenant));
        let (beginnings, holder) = (Arc::clone(&self.beginnings), Holder::of_work(&caller, peer));
        let (messages, sent) = (request.into_inner(), Sent::default());
        let (paid_by, observer, limits) = (caller.pays_as(), Arc::clone(&self.observer), Arc::clone(&self.limits));
        let (tenant, shown) = (caller.tenant().cloned(), self.shown.clone());
        let call = Call {
            engine,
            keys,
            messages,
            answers,
            sent,
            note,
            admitted,
            beginnings,
            holder,
            paid_by,
            limits,
            observer,
            tenant,
            shown,
        };
        tokio::spawn(call.run(deadline));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

struct Call {
    engine: Engine,
    keys: Arc<Keys>,
    messages: Streaming<v1::VerifyChainRequest>,
    answers: mpsc::Sender<Answer>,
    sent: Sent,
    note: CallNote,
    admitted: Admitted,
    beginnings: Arc<Heavy>,
    holder: Holder,
    /// The tenant whose share of the devices pays.
    paid_by: Arc<str>,
    limits: Arc<Limits>,
    observer: Arc<Observer>,
    tenant: Option<Arc<str>>,
    shown: Verifications,
}

/// The progress that was sent last.
#[derive(Default)]
struct Sent {
    progress: v1::VerifyProgress,
    /// Time from which the next token is due.
    token_due: Option<Instant>,
}

/// The next event of an upload.
enum Event {
    Message(Option<v1::VerifyChainRequest>),
    Tick,
}

impl Call {
    async fn run(mut self, deadline: Duration) {
        let (answers, displaced) = (self.answers.clone(), self.admitted.place.displaced());
        let max = self.admitted.place.max();
        let ended = tokio::select! {
            ended = timeout(deadline, self.verify()) => ended.unwrap_or_else(|_| Err(Refusal::Deadline.into())),
            () = displaced => Err(Refusal::Displaced { what: "uploads", max }.into()),
            // The caller no longer waits for the verdict.
            () = answers.closed() => return,
        };
        let answer = ended.and_then(|conclusion| self.answer(&conclusion));
        // A caller that has disconnected needs no answer.
        drop(self.answers.send(answer).await);
    }

    fn answer(&self, conclusion: &Conclusion) -> Answer {
        let Conclusion { items, report, .. } = conclusion;
        self.note.outcome(report.verdict.name());
        let passed = format!("{} {} passed", report.count, items.as_str());
        self.note.detail(&match &report.verdict {
            Verdict::Valid => passed,
            Verdict::Fault(fault) => format!("{passed}; {fault}"),
            Verdict::Incomplete(cut) => format!("{passed}; {cut}"),
        });
        let verdict = verdict::to_wire(conclusion, &self.keys)?;
        Ok(v1::VerifyChainResponse { part: Some(Part::Verdict(verdict)) })
    }

    /// Reads the first message and starts the upload.
    async fn begin(&mut self) -> Result<Upload, Status> {
        let expected = Refusal::UploadOrder { message_index: 0, problem: "expected Begin" };
        // Like any other request.
        let limit = self.limits.request_deadline;
        let first = match timeout(limit, self.messages.message()).await {
            Ok(message) => message.map_err(unreadable)?.ok_or(expected)?,
            Err(_) => return Err(Refusal::BodyDeadline { limit_s: limit.as_secs() }.into()),
        };
        let (engine, keys, paid_by) = (self.engine.clone(), Arc::clone(&self.keys), Arc::clone(&self.paid_by));
        if first.encoded_len() <= BEGIN_AT_ONCE_BYTES_MAX {
            return Ok(Upload::begin(&engine, &keys, &paid_by, first)?);
        }
        let begin = move || Upload::begin(&engine, &keys, &paid_by, first);
        Ok(self.beginnings.run(self.holder.clone(), begin).await??)
    }

    async fn verify(&mut self) -> Result<Conclusion, Status> {
        let mut upload = self.begin().await?;
        self.note.network(upload.network());
        let shown = self.shown.add(self.tenant.clone(), cut(upload.network(), ECHO_BYTES_MAX));
        let mut ticks = interval(PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rate = UploadRate::new(&self.limits, Instant::now());
        loop {
            let event = tokio::select! {
                // Checked first, so that progress is sent even if the upload never pauses.
                biased;
                _ = ticks.tick() => Event::Tick,
                message = self.next(&rate) => Event::Message(message?),
            };
            match event {
                Event::Tick => {
                    shown.publish(upload.shown());
                    self.send_progress(&upload);
                }
                Event::Message(None) => return conclude(upload, None).await,
                Event::Message(Some(message)) => {
                    let (began, before) = (Instant::now(), upload.offset());
                    if let Step::Finish(finish) = upload.take(message).await? {
                        return conclude(upload, Some(finish)).await;
                    }
                    let (now, bytes) = (Instant::now(), (upload.offset() - before) as usize);
                    rate.received(bytes, now - began, now);
                    self.observer.tally.upload(bytes as u64);
                    self.admitted.place.touch();
                }
            }
            if upload.is_decided() {
                // No later message can change the verdict, so the rest of the upload is not read.
                return conclude(upload, None).await;
            }
        }
    }

    /// Returns the next message; `None` if the upload ended, which also happens for cancelled calls and broken
    /// connections.
    async fn next(&mut self, rate: &UploadRate) -> Result<Option<v1::VerifyChainRequest>, Status> {
        match timeout_at(rate.ends(), self.messages.message()).await {
            Ok(message) => message.map_err(unreadable),
            Err(_) => Err(rate.too_slow().into()),
        }
    }

    /// Sends the progress if it has changed and the channel has space.
    fn send_progress(&mut self, upload: &Upload) {
        let now = Instant::now();
        let is_token_due = self.sent.token_due.is_none_or(|due| now >= due);
        let progress = upload.progress(is_token_due.then_some(&self.keys));
        let has_moved = progress.received != self.sent.progress.received
            || progress.validated_through != self.sent.progress.validated_through;
        let has_token = !progress.resume_token.is_empty();
        if !has_moved && (!has_token || progress.resume_token == self.sent.progress.resume_token) {
            return;
        }
        let part = Some(Part::Progress(progress.clone()));
        if self.answers.try_send(Ok(v1::VerifyChainResponse { part })).is_ok() {
            let before = std::mem::replace(&mut self.sent.progress, progress);
            if has_token {
                self.sent.token_due = Some(now + RESUME_TOKEN_INTERVAL);
            } else {
                // Keeps the last token for the next comparison.
                self.sent.progress.resume_token = before.resume_token;
            }
        }
    }
}

/// Converts a message that tonic could not read.
fn unreadable(status: Status) -> Status {
    explained(status, UPLOAD)
}

/// Waits for the segments in progress: a few milliseconds, on a thread that may block.
async fn conclude(upload: Upload, finish: Option<Finish>) -> Result<Conclusion, Status> {
    let concluded = tokio::task::spawn_blocking(move || upload.finish(finish)).await;
    concluded.map_err(|_| Refusal::Broken)?.map_err(Status::from)
}
