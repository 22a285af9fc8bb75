//! `VerifyService`: uploads that are drained as fast as the verifier takes them, each in a task of its own.
//!
//! It judges nothing. One slow or silent upload holds its own permits and windows and nobody else's.

use std::sync::Arc;
use std::time::Duration;

use cityseal_chain::Verdict;
use cityseal_engine::{Engine, VerifyReport};
use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_response::Part;
use cityseal_proto::v1::verify_service_server::VerifyService;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::{debug, info};

use super::connection::ConnectionInfo;
use super::deadline::deadline_of;
use super::drain::Drain;
use super::jobs::share_to_wire;
use super::limits::{PROGRESS_INTERVAL, UPLOAD_IDLE_MAX, UPLOADS_MAX, UPLOADS_PER_CONNECTION_MAX};
use super::refusal::{Refusal, with_reason};
use super::upload::{Step, Upload};

/// Answers that wait to be sent: progress that finds no place is left out, since the next tells the same and more.
const ANSWERS_WAITING_MAX: usize = 4;

type Answer = Result<v1::VerifyChainResponse, Status>;

#[derive(Debug)]
pub(crate) struct Verification {
    engine: Engine,
    uploads: Arc<Semaphore>,
    drain: Drain,
}

impl Verification {
    pub(crate) fn new(engine: Engine, drain: Drain) -> Self {
        Self { engine, uploads: Arc::new(Semaphore::new(UPLOADS_MAX)), drain }
    }

    fn admit(&self, connection: Option<&ConnectionInfo>) -> Result<Admitted, Refusal> {
        if self.drain.has_begun() {
            return Err(Refusal::Draining);
        }
        let full = |subject: &str, max| Refusal::Quota { subject: subject.to_owned(), what: "uploads", max };
        let of_connection = connection
            .map(|info| Arc::clone(&info.uploads).try_acquire_owned())
            .transpose()
            .map_err(|_| full("connection", UPLOADS_PER_CONNECTION_MAX))?;
        let of_service = Arc::clone(&self.uploads).try_acquire_owned().map_err(|_| full("service", UPLOADS_MAX))?;
        Ok(Admitted { _of_connection: of_connection, _of_service: of_service })
    }
}

/// The right to one upload, until it is dropped.
struct Admitted {
    _of_connection: Option<OwnedSemaphorePermit>,
    _of_service: OwnedSemaphorePermit,
}

#[tonic::async_trait]
impl VerifyService for Verification {
    type VerifyChainStream = ReceiverStream<Answer>;

    async fn verify_chain(
        &self,
        request: Request<Streaming<v1::VerifyChainRequest>>,
    ) -> Result<Response<Self::VerifyChainStream>, Status> {
        let admitted = self.admit(request.extensions().get::<ConnectionInfo>())?;
        let deadline = deadline_of(request.metadata());
        let (answers, receiver) = mpsc::channel(ANSWERS_WAITING_MAX);
        let call = Call { engine: self.engine.clone(), messages: request.into_inner(), answers };
        tokio::spawn(async move {
            call.run(deadline).await;
            drop(admitted);
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

struct Call {
    engine: Engine,
    messages: Streaming<v1::VerifyChainRequest>,
    answers: mpsc::Sender<Answer>,
}

impl Call {
    async fn run(mut self, deadline: Duration) {
        let answers = self.answers.clone();
        let ended = tokio::select! {
            ended = timeout(deadline, self.judge()) => ended.unwrap_or_else(|_| Err(Refusal::Deadline.into())),
            // Nobody waits for the verdict any more.
            () = answers.closed() => return,
        };
        let answer = ended.map(|report| {
            info!(verdict = report.verdict.name(), count = report.count, seconds = report.seconds, "chain judged");
            v1::VerifyChainResponse { part: Some(Part::Verdict(verdict_to_wire(&report))) }
        });
        if let Err(status) = &answer {
            debug!(%status, "upload refused");
        }
        // A caller that has gone needs no answer.
        drop(self.answers.send(answer).await);
    }

    async fn judge(&mut self) -> Result<VerifyReport, Status> {
        let first = self.next().await?.ok_or(Refusal::UploadOrder { message_index: 0, problem: "expected Begin" })?;
        let mut upload = Upload::begin(&self.engine, first)?;
        let mut quiet_until = Instant::now() + PROGRESS_INTERVAL;
        while let Some(message) = self.next().await? {
            if let Step::Finish(finish) = upload.take(message).await? {
                return off_the_runtime(move || upload.finish(finish)).await;
            }
            if upload.progress().is_decided {
                // Nothing that follows can change the verdict: the rest of the upload is not waited for.
                break;
            }
            if Instant::now() >= quiet_until {
                self.tell_progress(&upload);
                quiet_until = Instant::now() + PROGRESS_INTERVAL;
            }
        }
        off_the_runtime(move || upload.finish_cut()).await
    }

    /// The next message; `None` where the upload ended, which a cancelled call and a broken connection may look like too.
    async fn next(&mut self) -> Result<Option<v1::VerifyChainRequest>, Status> {
        match timeout(UPLOAD_IDLE_MAX, self.messages.message()).await {
            Ok(message) => message.map_err(with_reason),
            Err(_) => Err(Refusal::UploadIdle { idle_s: UPLOAD_IDLE_MAX.as_secs() }.into()),
        }
    }

    fn tell_progress(&self, upload: &Upload) {
        let progress = upload.progress();
        let part = Part::Progress(v1::VerifyProgress {
            received: progress.received,
            validated_through: progress.validated_through,
        });
        drop(self.answers.try_send(Ok(v1::VerifyChainResponse { part: Some(part) })));
    }
}

/// Concluding waits for the segments that are under way: a few milliseconds on a thread that may wait.
async fn off_the_runtime(conclude: impl FnOnce() -> VerifyReport + Send + 'static) -> Result<VerifyReport, Status> {
    tokio::task::spawn_blocking(conclude).await.map_err(|_| Refusal::Broken.into())
}

fn verdict_to_wire(report: &VerifyReport) -> v1::Verdict {
    let (kind, fault, incomplete_reason) = match &report.verdict {
        Verdict::Valid => (v1::VerdictKind::Valid, None, String::new()),
        Verdict::Fault(fault) => (v1::VerdictKind::Fault, Some(v1::Fault::from(fault)), String::new()),
        Verdict::Incomplete(cut) => (v1::VerdictKind::Incomplete, None, cut.to_string()),
    };
    v1::Verdict {
        kind: kind.into(),
        count: report.count,
        tip: report.tip.as_ref().map(v1::Tip::from),
        fault,
        incomplete_reason,
        not_checked: report.not_checked.iter().map(v1::NotChecked::from).collect(),
        parameters_digest: report.parameters.clone(),
        devices: report.devices.iter().map(share_to_wire).collect(),
        seconds: report.seconds,
    }
}
