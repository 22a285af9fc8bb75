//! Interrupted uploads: the client resumes from the last token, starts over if the token is refused, and refuses
//! missing or malformed receipts.

#![allow(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cityseal_chain::{BlockHeader, ChainWork, Network, Parameters};
use cityseal_client::{
    ChainParameters, Client, ClientError, ClientOptions, FalseReceipt, FalseVerdict, Position, RetryPolicy, Verdict,
    VerifyRequest,
};
use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_request::Part as Asked;
use cityseal_proto::v1::verify_chain_response::Part;
use cityseal_proto::v1::verify_service_server::{VerifyService, VerifyServiceServer};
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Iter, iter};
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};

type Answers = Vec<Result<v1::VerifyChainResponse, Status>>;

/// What one call sent: its first message, the headers, and its closing message.
#[derive(Clone, Debug, Default)]
struct Call {
    begin: v1::VerifyBegin,
    headers: Vec<u8>,
    finish: Option<v1::VerifyFinish>,
}

/// A service that answers each call by a script, after it has received the whole call.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<Answers>>>,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// Ten headers; their links and work do not matter, because the scripted service checks nothing.
fn chain() -> Vec<BlockHeader> {
    let genesis = *Parameters::of(Network::Regtest).genesis();
    (0..10).map(|nonce| BlockHeader { nonce, ..genesis }).collect()
}

fn packed() -> Bytes {
    chain().iter().flat_map(BlockHeader::to_wire).collect::<Vec<u8>>().into()
}

/// The true verdict on [`chain`]: the work of each header is 2 hashes.
fn valid() -> v1::Verdict {
    let work = ChainWork::from_display_hex(&format!("{:064x}", 20)).unwrap();
    let hash = Bytes::copy_from_slice(&chain()[9].hash().to_wire());
    let tip = v1::Tip { height: 9, hash, chain_work: Bytes::copy_from_slice(&work.to_wire()) };
    v1::Verdict { kind: v1::VerdictKind::Valid.into(), count: 10, tip: Some(tip), ..Default::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "a script holds answers and failures")]
fn verdict(verdict: v1::Verdict) -> Result<v1::VerifyChainResponse, Status> {
    Ok(v1::VerifyChainResponse { part: Some(Part::Verdict(verdict)) })
}

#[expect(clippy::unnecessary_wraps, reason = "a script holds answers and failures")]
fn token(token: &'static [u8], items: u64) -> Result<v1::VerifyChainResponse, Status> {
    let progress = v1::VerifyProgress {
        received: items,
        validated_through: Some(items - 1),
        resume_token: Bytes::from_static(token),
        validated_bytes: items * 80,
    };
    Ok(v1::VerifyChainResponse { part: Some(Part::Progress(progress)) })
}

fn gone() -> Result<v1::VerifyChainResponse, Status> {
    Err(Status::unavailable("gone"))
}

fn refused(reason: &str) -> Result<v1::VerifyChainResponse, Status> {
    let details = ErrorDetails::with_error_info(reason, "cityseal", HashMap::new());
    Err(Status::with_error_details(Code::InvalidArgument, "another key", details))
}

async fn serve(answers: impl IntoIterator<Item = Answers>) -> (Scripted, Client) {
    let scripted = Scripted { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Scripted::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Server::builder().add_service(VerifyServiceServer::new(scripted.clone()));
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    let retry = RetryPolicy { pause_first: Duration::from_millis(1), ..RetryPolicy::default() };
    let client = Client::connect(ClientOptions::new(format!("http://{address}")).retry(retry)).await.unwrap();
    (scripted, client)
}

fn request() -> VerifyRequest {
    VerifyRequest::new(ChainParameters::Network(Network::Regtest))
}

impl Scripted {
    /// The token, the first header's nonce and the closing count of each call.
    fn received(&self) -> Vec<(Bytes, u8, Option<u64>)> {
        let calls = self.calls.lock().unwrap();
        let row = |call: &Call| {
            (call.begin.resume_token.clone(), call.headers[76], call.finish.as_ref().map(|finish| finish.count))
        };
        calls.iter().map(row).collect()
    }
}

#[tokio::test]
async fn an_interrupted_call_resumes_from_the_last_token_and_counts_what_it_sends() {
    let broken = vec![token(b"a", 3), token(b"b", 6), gone()];
    let (service, client) = serve([broken, vec![gone()], vec![verdict(valid())]]).await;
    let answer = client.verify_bytes(&request(), packed()).await.unwrap();
    assert_eq!((answer.verdict, answer.count), (Verdict::Valid, 10));
    let b = || Bytes::from_static(b"b");
    assert_eq!(service.received(), [(Bytes::new(), 0, Some(10)), (b(), 6, Some(4)), (b(), 6, Some(4))]);
}

#[tokio::test]
async fn a_chain_whose_token_is_refused_is_sent_from_its_beginning() {
    // Another service issued it, or the build checks other rules.
    for reason in ["RESUME_TOKEN_REFUSED", "RULES_DIFFER"] {
        let script = [vec![token(b"a", 3), gone()], vec![refused(reason)], vec![verdict(valid())]];
        let (service, client) = serve(script).await;
        let answer = client.verify_bytes(&request(), packed()).await;
        assert!(answer.is_ok(), "{reason}: {answer:?}");
        let empty = Bytes::new;
        assert_eq!(
            service.received(),
            [(empty(), 0, Some(10)), (Bytes::from_static(b"a"), 3, Some(7)), (empty(), 0, Some(10))]
        );
    }
}

#[tokio::test]
async fn a_refused_token_does_not_restart_a_call_that_had_none() {
    let (service, client) = serve([vec![refused("RULES_DIFFER")], vec![verdict(valid())]]).await;
    let error = client.verify_bytes(&request(), packed()).await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused { reason, .. } if reason == "RULES_DIFFER"), "{error}");
    assert_eq!(service.received().len(), 1);
}

#[tokio::test]
async fn a_token_that_covers_more_than_was_sent_is_ignored() {
    let (service, client) = serve([vec![token(b"a", 11), gone()], vec![verdict(valid())]]).await;
    assert!(client.verify_bytes(&request(), packed()).await.is_ok());
    assert_eq!(service.received(), [(Bytes::new(), 0, Some(10)), (Bytes::new(), 0, Some(10))]);
}

#[tokio::test]
async fn a_stream_that_cannot_be_reopened_requests_no_tokens_and_is_not_retried() {
    let (service, client) = serve([vec![gone()], vec![verdict(valid())]]).await;
    let error = client.verify_stream(&request(), tokio_stream::once(Ok(packed())), |_| ()).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { code: Code::Unavailable, .. }), "{error}");
    let calls = service.calls.lock().unwrap();
    assert_eq!((calls.len(), calls[0].begin.want_resume_tokens), (1, false));
}

#[tokio::test]
async fn a_source_that_returns_another_chain_when_reopened_is_refused() {
    let (_service, client) = serve([vec![token(b"a", 3), gone()], vec![verdict(valid())]]).await;
    let open = |position: Position| {
        let mut bytes = packed()[position.bytes as usize..].to_vec();
        if position.items > 0 {
            // Change the last header.
            let at = bytes.len() - 1;
            bytes[at] ^= 1;
        }
        tokio_stream::once(Ok(Bytes::from(bytes)))
    };
    let error = client.verify_source(&request(), open, |_| ()).await.unwrap_err();
    assert!(matches!(&error, ClientError::Source(source) if source.to_string().contains("another chain")), "{error}");
}

#[tokio::test]
async fn a_verdict_without_the_items_sent_before_the_interruption_is_refused() {
    let of_the_rest = v1::Verdict { count: 7, ..valid() };
    let (_service, client) = serve([vec![token(b"a", 3), gone()], vec![verdict(of_the_rest)]]).await;
    let error = client.verify_bytes(&request(), packed()).await.unwrap_err();
    let is_refused = matches!(error, ClientError::FalseVerdict(FalseVerdict::Count { expected: 10, found: 7 }));
    assert!(is_refused, "{error}");
}

#[tokio::test]
async fn a_missing_or_malformed_receipt_is_refused() {
    let malformed = v1::Verdict { receipt: Bytes::from_static(b"{}"), ..valid() };
    let (_service, client) = serve([vec![verdict(valid())], vec![verdict(malformed)]]).await;
    let error = client.verify_bytes(&request().receipt(Vec::new()), packed()).await.unwrap_err();
    assert!(matches!(error, ClientError::FalseReceipt(FalseReceipt::Absent)), "{error}");
    let error = client.verify_bytes(&request().receipt(Vec::new()), packed()).await.unwrap_err();
    assert!(matches!(error, ClientError::FalseReceipt(FalseReceipt::Refused(_))), "{error}");
}

#[tonic::async_trait]
impl VerifyService for Scripted {
    type VerifyChainStream = Iter<std::vec::IntoIter<Result<v1::VerifyChainResponse, Status>>>;

    async fn verify_chain(
        &self,
        request: Request<Streaming<v1::VerifyChainRequest>>,
    ) -> Result<Response<Self::VerifyChainStream>, Status> {
        let mut upload = request.into_inner();
        let mut call = Call::default();
        while let Some(message) = upload.message().await? {
            match message.part {
                Some(Asked::Begin(begin)) => call.begin = begin,
                Some(Asked::Chunk(chunk)) => {
                    if let Some(v1::verify_chunk::Payload::PackedHeaders(headers)) = chunk.payload {
                        call.headers.extend_from_slice(&headers);
                    }
                }
                Some(Asked::Finish(finish)) => call.finish = Some(finish),
                None => {}
            }
        }
        self.calls.lock().unwrap().push(call);
        let answers = self.answers.lock().unwrap().pop_front();
        Ok(Response::new(iter(answers.unwrap_or_else(|| vec![Err(Status::internal("the script has ended"))]))))
    }
}
