//! A chain verified by the service, and the verdict held against what was sent.

use std::io;

use cityseal_chain::{ChainWork, Fault, Network, Tip};
use cityseal_proto::v1::verify_chain_response::Part;
use cityseal_proto::{FieldError, fault_from_wire, tip_from_wire, v1};
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::Streaming;

use crate::check::{check_fault, check_valid};
use crate::connection::Client;
use crate::error::ClientError;
use crate::ledger::Ledger;
use crate::upload::Upload;

/// Messages that wait to be sent: 4 x 1 MiB keep the connection busy while the source is read.
const WAITING_MAX: usize = 4;

/// The rules that a chain is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainParameters {
    /// One of Bitcoin's networks.
    Network(Network),
    /// A city's parameters as TOML.
    Toml(String),
}

/// What is to be verified, and after what.
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifyRequest {
    parameters: ChainParameters,
    start_height: u64,
    context_headers: Bytes,
    start_work: ChainWork,
    now_s: Option<u64>,
}

impl VerifyRequest {
    /// A chain from its genesis on.
    pub fn new(parameters: ChainParameters) -> Self {
        let (context_headers, start_work) = (Bytes::new(), ChainWork::ZERO);
        Self { parameters, start_height: 0, context_headers, start_work, now_s: None }
    }

    /// The height of the first header.
    pub fn start_height(self, start_height: u64) -> Self {
        Self { start_height, ..self }
    }

    /// Trusted headers just before the first one: packed, 80 bytes each in wire order.
    pub fn context_headers(self, context_headers: Bytes) -> Self {
        Self { context_headers, ..self }
    }

    /// The chain's work before the first header.
    pub fn start_work(self, start_work: ChainWork) -> Self {
        Self { start_work, ..self }
    }

    /// The time for the rule on future times, in seconds since 1970. Default: the service's clock.
    pub fn now_s(self, now_s: u64) -> Self {
        Self { now_s: Some(now_s), ..self }
    }

    fn to_wire(&self) -> v1::VerifyChainRequest {
        let parameters = match &self.parameters {
            ChainParameters::Network(network) => v1::verify_begin::Parameters::Network(network.name().to_owned()),
            ChainParameters::Toml(text) => v1::verify_begin::Parameters::ParametersToml(text.clone()),
        };
        let begin = v1::VerifyBegin {
            parameters: Some(parameters),
            start_height: self.start_height,
            context_headers: self.context_headers.clone(),
            start_work: Bytes::copy_from_slice(&self.start_work.to_wire()),
            now_s: self.now_s,
        };
        v1::VerifyChainRequest { part: Some(v1::verify_chain_request::Part::Begin(begin)) }
    }
}

/// How far the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Headers that it took.
    pub received: u64,
    /// The height up to which all passed.
    pub validated_through: Option<u64>,
}

/// What the service concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerdictKind {
    /// Every header passed every rule that was judged, and all that was sent was seen: checked on this side.
    Valid,
    /// The first rule broken.
    Fault(Fault),
    /// Not all was seen.
    Incomplete {
        /// Why.
        reason: String,
    },
}

/// A verdict, held against what was sent.
#[derive(Clone, Debug)]
pub struct VerifyAnswer {
    /// The verdict.
    pub verdict: VerdictKind,
    /// Headers that passed all judged rules.
    pub count: u64,
    /// The last of them.
    pub tip: Option<Tip>,
    /// Rules that were not judged over some heights, by the service's word.
    pub not_checked: Vec<v1::NotChecked>,
    /// The digest of the parameters, 64 hex digits.
    pub parameters_digest: String,
    /// Who did how much, by the service's word.
    pub devices: Vec<v1::DeviceShare>,
    /// How long it took, by the service's word.
    pub seconds: f64,
}

impl Client {
    /// Sends a chain in pieces of any length and waits for the verdict.
    ///
    /// It is not made again when the connection breaks: the source is spent then.
    ///
    /// # Errors
    /// [`ClientError::FalseVerdict`] where the verdict does not speak of what was sent; [`ClientError::Source`] where the source
    /// fails; [`ClientError::Refused`] where the service does not take the call or a message.
    pub async fn verify_stream<S>(
        &self,
        request: &VerifyRequest,
        source: S,
        on_progress: impl FnMut(VerifyProgress),
    ) -> Result<VerifyAnswer, ClientError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let begin = tokio_stream::once(request.to_wire());
        let upload = Upload::new(Ledger::new(request.start_height, request.start_work), sender);
        let uploading = tokio::spawn(upload.run(source));
        let answering = self.verifier().verify_chain(begin.chain(ReceiverStream::new(receiver))).await;
        let verdict = match answering {
            Ok(answering) => wait_for_verdict(answering.into_inner(), on_progress).await,
            Err(status) => Err(status.into()),
        };
        // The call is over, which closes the sender and so ends the upload.
        let uploaded = uploading.await.map_err(io::Error::other)?;
        let sent = uploaded?;
        checked(verdict?, &sent)
    }

    /// Sends a chain that stands in memory.
    ///
    /// # Errors
    /// As [`Client::verify_stream`].
    pub async fn verify_bytes(&self, request: &VerifyRequest, packed: Bytes) -> Result<VerifyAnswer, ClientError> {
        self.verify_stream(request, tokio_stream::once(Ok(packed)), |_| ()).await
    }
}

async fn wait_for_verdict(
    mut answers: Streaming<v1::VerifyChainResponse>,
    mut on_progress: impl FnMut(VerifyProgress),
) -> Result<v1::Verdict, ClientError> {
    while let Some(answer) = answers.message().await? {
        match answer.part {
            Some(Part::Verdict(verdict)) => return Ok(verdict),
            Some(Part::Progress(progress)) => {
                let v1::VerifyProgress { received, validated_through } = progress;
                on_progress(VerifyProgress { received, validated_through });
            }
            // A kind of message that this build does not know.
            None => {}
        }
    }
    Err(ClientError::Cut { expected: "a verdict" })
}

fn checked(verdict: v1::Verdict, sent: &Ledger) -> Result<VerifyAnswer, ClientError> {
    let tip = verdict.tip.as_ref().map(tip_from_wire).transpose().map_err(|error| error.under("verdict.tip"))?;
    Ok(VerifyAnswer {
        verdict: checked_kind(&verdict, tip.as_ref(), sent)?,
        count: verdict.count,
        tip,
        not_checked: verdict.not_checked,
        parameters_digest: verdict.parameters_digest,
        devices: verdict.devices,
        seconds: verdict.seconds,
    })
}

fn checked_kind(verdict: &v1::Verdict, tip: Option<&Tip>, sent: &Ledger) -> Result<VerdictKind, ClientError> {
    match verdict.kind() {
        v1::VerdictKind::Valid => {
            check_valid(sent, verdict.count, tip)?;
            Ok(VerdictKind::Valid)
        }
        v1::VerdictKind::Fault => {
            let missing = || FieldError::missing("verdict.fault", "the rule that is broken");
            let fault = fault_from_wire(verdict.fault.as_ref().ok_or_else(missing)?)
                .map_err(|error| error.under("verdict.fault"))?;
            check_fault(sent, verdict.count, &fault)?;
            Ok(VerdictKind::Fault(fault))
        }
        v1::VerdictKind::Incomplete => Ok(VerdictKind::Incomplete { reason: verdict.incomplete_reason.clone() }),
        v1::VerdictKind::Unspecified => Err(FieldError::missing("verdict.kind", "VALID, FAULT or INCOMPLETE").into()),
    }
}
