//! The calls that verify a chain: one call, or more if the connection breaks and the source can be reopened.

use std::fmt;
use std::io;

use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_response::Part;
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;
use tracing::debug;

use crate::answer::VerifyAnswer;
use crate::connection::Client;
use crate::error::{ClientError, reason_of};
use crate::frames::UploadBody;
use crate::ledger::Ledger;
use crate::request::{Items, VerifyRequest};
use crate::retry::{Attempts, is_transient, wanted_pause};
use crate::upload::{Cutter, Upload};
use crate::verify::VerifyProgress;

/// Capacity of the send queue in messages: 4 x 1 MiB keep the connection busy while the source is read.
const WAITING_MAX: usize = 4;

/// The service's reasons for refusing a token: another service issued it, or the service's build checks other rules.
/// The chain is then sent from its beginning.
const TOKEN_REFUSED: [&str; 2] = ["RESUME_TOKEN_REFUSED", "RULES_DIFFER"];

/// A position in a chain at which a source starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Headers or blocks before it.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} items, at byte {}", self.items, self.bytes)
    }
}

/// Where the next call resumes.
#[derive(Clone, Debug, Default)]
struct Resume {
    token: Bytes,
    position: Position,
}

/// Why a call ended without a verdict.
enum Broken {
    Refused(Status),
    Cut,
}

impl From<Broken> for ClientError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Refused(status) => status.into(),
            Broken::Cut => Self::Cut { expected: "a verdict" },
        }
    }
}

impl Client {
    /// Sends a chain in chunks of any length and waits for the verdict.
    ///
    /// Not retried, because the source cannot be rewound; use [`Client::verify_source`] for that.
    ///
    /// # Errors
    /// [`ClientError::FalseVerdict`] if the verdict does not match what was sent, [`ClientError::FalseReceipt`] if the
    /// receipt does not; [`ClientError::Source`] if the source fails; [`ClientError::Refused`] if the service refuses
    /// the call or a message, or the connection breaks.
    pub async fn verify_stream<S>(
        &self,
        request: &VerifyRequest,
        source: S,
        mut on_progress: impl FnMut(VerifyProgress),
    ) -> Result<VerifyAnswer, ClientError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let ledger = Ledger::new(request.start_height, request.start_work);
        let begin = request.to_wire(false, Bytes::new());
        let on_progress = |progress: &v1::VerifyProgress| on_progress(progress_of(progress));
        let (sent, verdict) = self.call(request, begin, ledger, source, on_progress).await?;
        VerifyAnswer::checked(request, &sent, &verdict?)
    }

    /// Sends a chain from a source that can be opened at any position, and waits for the verdict. If the connection
    /// breaks, the upload resumes from the last resume token. It starts over if the service refuses the token, because
    /// it was restarted without a key or its build checks other rules.
    ///
    /// `open` returns the chain's bytes from a [`Position`] on.
    ///
    /// # Errors
    /// As for [`Client::verify_stream`], and the error of the last attempt if the retry policy gives up.
    pub async fn verify_source<S>(
        &self,
        request: &VerifyRequest,
        mut open: impl FnMut(Position) -> S,
        mut on_progress: impl FnMut(VerifyProgress),
    ) -> Result<VerifyAnswer, ClientError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let mut attempts = self.attempts();
        let mut ledger = Ledger::new(request.start_height, request.start_work);
        let mut resume = Resume::default();
        loop {
            ledger.begin_again(resume.position.items);
            let begin = request.to_wire(true, resume.token.clone());
            // Collected separately, because a token of this call is used only if it fits what the call has sent.
            let mut latest = Resume::default();
            let (sent, verdict) = self
                .call(request, begin, ledger, open(resume.position), |progress| {
                    latest.note(request, progress);
                    on_progress(progress_of(progress));
                })
                .await?;
            ledger = sent;
            match verdict {
                Ok(verdict) => return VerifyAnswer::checked(request, &ledger, &verdict),
                Err(broken) => resume = resume.after(broken, latest, &ledger, &mut attempts).await?,
            }
        }
    }

    /// Sends a chain from memory: packed headers, or blocks one after another.
    ///
    /// # Errors
    /// As for [`Client::verify_source`].
    pub async fn verify_bytes(&self, request: &VerifyRequest, packed: Bytes) -> Result<VerifyAnswer, ClientError> {
        let from = |position: Position| packed.slice((position.bytes as usize).min(packed.len())..);
        self.verify_source(request, |position| tokio_stream::once(Ok(from(position))), |_| ()).await
    }

    /// Makes one call. Returns what was sent, and the verdict or why there is none.
    async fn call<S>(
        &self,
        request: &VerifyRequest,
        begin: v1::VerifyChainRequest,
        ledger: Ledger,
        source: S,
        on_progress: impl FnMut(&v1::VerifyProgress),
    ) -> Result<(Ledger, Result<v1::Verdict, Broken>), ClientError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let cutter = match request.items {
            Items::Headers => Cutter::headers(),
            Items::Blocks => Cutter::blocks(),
        };
        let uploading = tokio::spawn(Upload::new(ledger, cutter, sender).run(source));
        let verdict = match self.open_upload(UploadBody::new(begin, receiver)).await {
            Ok(answers) => wait_for_verdict(answers, on_progress).await,
            Err(status) => Err(Broken::Refused(status)),
        };
        // The call is over: its receiver is dropped, which ends the upload.
        let (sent, failed) = uploading.await.map_err(io::Error::other)?;
        failed?;
        Ok((sent, verdict))
    }
}

impl Resume {
    /// Keeps the latest token.
    fn note(&mut self, request: &VerifyRequest, progress: &v1::VerifyProgress) {
        let Some(height) = progress.validated_through.filter(|_| !progress.resume_token.is_empty()) else { return };
        let Some(items) = (height + 1).checked_sub(request.start_height) else { return };
        let position = Position { items, bytes: progress.validated_bytes };
        *self = Self { token: progress.resume_token.clone(), position };
    }

    /// Waits as the retry policy requires, and returns where to resume after a call that ended with `broken` and had
    /// received `latest`.
    async fn after(
        self,
        broken: Broken,
        latest: Self,
        sent: &Ledger,
        attempts: &mut Attempts,
    ) -> Result<Self, ClientError> {
        let Broken::Refused(status) = &broken else { return Err(broken.into()) };
        debug!(%status, "the call ended without a verdict");
        // A refused token cannot become valid again: start over at once, without a pause.
        if !self.token.is_empty() && reason_of(status).is_some_and(|reason| TOKEN_REFUSED.contains(&reason.as_str())) {
            return Ok(Self::default());
        }
        // A token that covers more than was sent cannot belong to this chain.
        let is_usable = !latest.token.is_empty() && latest.position.items <= sent.count();
        if is_usable {
            attempts.succeeded();
        }
        if is_transient(status) && attempts.wait(wanted_pause(status)).await {
            return Ok(if is_usable { latest } else { self });
        }
        Err(broken.into())
    }
}

async fn wait_for_verdict(
    mut answers: tonic::Streaming<v1::VerifyChainResponse>,
    mut on_progress: impl FnMut(&v1::VerifyProgress),
) -> Result<v1::Verdict, Broken> {
    while let Some(answer) = answers.message().await.map_err(Broken::Refused)? {
        match answer.part {
            Some(Part::Verdict(verdict)) => return Ok(verdict),
            Some(Part::Progress(progress)) => on_progress(&progress),
            // A message kind that this build does not know.
            None => {}
        }
    }
    Err(Broken::Cut)
}

fn progress_of(progress: &v1::VerifyProgress) -> VerifyProgress {
    VerifyProgress { received: progress.received, validated_through: progress.validated_through }
}
