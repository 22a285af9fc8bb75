//! The client recovers from broken connections, dropped events, and jobs lost by a restarted service.

#![allow(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cityseal_chain::{Network, Parameters, SealTemplate, Target};
use cityseal_client::{Client, ClientError, ClientOptions, JobEvent, RetryPolicy, SealOutcome, SealRequest};
use cityseal_proto::v1;
use cityseal_proto::v1::seal_service_server::{SealService, SealServiceServer};
use cityseal_proto::v1::watch_job_response::Event;
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Iter, iter};
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

type Events = Vec<Result<v1::WatchJobResponse, Status>>;

/// A service that answers watches by a script, one after another, and records the requests.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    /// Refusals of the first submissions.
    refusals: VecDeque<Status>,
    watches: VecDeque<Result<Events, Status>>,
    submitted: Vec<v1::SubmitSealRequest>,
    watched: Vec<v1::WatchJobRequest>,
}

/// A template whose target every hash meets.
fn template() -> SealTemplate {
    SealTemplate::builder(*Parameters::of(Network::Regtest).genesis()).target(Target::MAX).build().unwrap()
}

fn job_in(state: v1::JobState) -> v1::Job {
    v1::Job { state: state.into(), volume: "4294967296".to_owned(), ..Default::default() }
}

fn event(seq: u64, event: Event) -> v1::WatchJobResponse {
    v1::WatchJobResponse { seq, job: Some(job_in(v1::JobState::Sealed)), event: Some(event) }
}

#[expect(clippy::unnecessary_wraps, reason = "a script holds events and failures")]
fn accepted() -> Result<v1::WatchJobResponse, Status> {
    Ok(event(1, Event::Accepted(v1::JobAccepted {})))
}

#[expect(clippy::unnecessary_wraps, reason = "a script holds events and failures")]
fn ended(seq: u64) -> Result<v1::WatchJobResponse, Status> {
    let header = template().header().to_owned();
    let hash = Bytes::copy_from_slice(&header.hash().to_wire());
    let seal = v1::Seal { header: Bytes::copy_from_slice(&header.to_wire()), hash, extranonce: None };
    Ok(event(seq, Event::Ended(v1::SealResult { seals: vec![seal], ..Default::default() })))
}

fn rich(code: Code, reason: &str, numbers: &[(&str, &str)]) -> Status {
    let metadata: HashMap<String, String> = numbers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Status::with_error_details(code, reason, ErrorDetails::with_error_info(reason, "cityseal", metadata))
}

fn not_found() -> Status {
    rich(Code::NotFound, "JOB_NOT_FOUND", &[("epoch", "2")])
}

async fn serve(watches: impl IntoIterator<Item = Result<Events, Status>>) -> (Scripted, Client) {
    let scripted = Scripted::default();
    scripted.0.lock().unwrap().watches = watches.into_iter().collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Server::builder().add_service(SealServiceServer::new(scripted.clone()));
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    let retry = RetryPolicy { pause_first: Duration::from_millis(1), ..RetryPolicy::default() };
    let client = Client::connect(ClientOptions::new(format!("http://{address}")).retry(retry)).await.unwrap();
    (scripted, client)
}

impl Scripted {
    fn seqs_asked_for(&self) -> Vec<u64> {
        self.0.lock().unwrap().watched.iter().map(|request| request.from_seq).collect()
    }
}

#[tokio::test]
async fn a_broken_watch_resumes_at_the_next_event() {
    let broken = vec![accepted(), Err(Status::unavailable("gone"))];
    let (service, client) = serve([Ok(broken), Err(Status::unavailable("still gone")), Ok(vec![ended(2)])]).await;
    let answer = client.seal(&SealRequest::new(template())).await.unwrap();
    assert_eq!((answer.outcome, answer.seals.len()), (SealOutcome::Sealed, 1));
    assert_eq!(service.seqs_asked_for(), [1, 2, 2]);
    assert_eq!(service.0.lock().unwrap().submitted.len(), 1);
}

#[tokio::test]
async fn a_watch_that_ends_before_the_job_is_reopened() {
    let (service, client) = serve([Ok(vec![accepted()]), Ok(vec![ended(2)])]).await;
    assert!(client.seal(&SealRequest::new(template())).await.is_ok());
    assert_eq!(service.seqs_asked_for(), [1, 2]);
}

#[tokio::test]
async fn a_watch_continues_with_the_oldest_event_that_the_service_keeps() {
    let lost = rich(Code::OutOfRange, "SEQ_OUT_OF_RANGE", &[("oldest_seq", "40"), ("latest_seq", "90")]);
    let (service, client) = serve([Err(lost), Ok(vec![ended(40)])]).await;
    let mut watch = client.watch("1-1", 3);
    assert!(matches!(watch.next().await.unwrap(), Some(JobEvent::Ended { .. })));
    assert!(watch.next().await.unwrap().is_none());
    assert_eq!(service.seqs_asked_for(), [3, 40]);
}

#[tokio::test]
async fn a_job_lost_by_a_restarted_service_is_resubmitted_with_the_same_request_id() {
    let (service, client) = serve([Ok(vec![accepted()]), Err(not_found()), Ok(vec![accepted(), ended(2)])]).await;
    let answer = client.seal(&SealRequest::new(template()).supersedes("1-0")).await.unwrap();
    assert_eq!(answer.outcome, SealOutcome::Sealed);
    let script = service.0.lock().unwrap();
    let [first, second] = &script.submitted[..] else { panic!("{} submissions", script.submitted.len()) };
    assert_eq!(first.request_id, second.request_id);
    // The superseded job is lost too, so the service would refuse its id.
    assert_eq!((first.supersedes_job_id.as_str(), second.supersedes_job_id.as_str()), ("1-0", ""));
}

#[tokio::test]
async fn a_job_that_is_lost_repeatedly_is_given_up() {
    let (_service, client) = serve((0..9).map(|_| Err(not_found()))).await;
    let error = client.seal(&SealRequest::new(template())).await.unwrap_err();
    assert!(matches!(error, ClientError::JobLost { times: 9, .. }), "{error}");
}

#[tokio::test]
async fn a_submission_is_retried_when_the_service_requests_it_and_not_when_it_refuses() {
    let (service, client) = serve([Ok(vec![ended(1)])]).await;
    let mut busy = ErrorDetails::with_error_info("QUOTA_EXCEEDED", "cityseal", HashMap::new());
    busy.set_retry_info(Some(Duration::from_millis(1)));
    let busy = Status::with_error_details(Code::ResourceExhausted, "full", busy);
    service.0.lock().unwrap().refusals = VecDeque::from([busy, Status::unavailable("restarting")]);
    assert!(client.seal(&SealRequest::new(template())).await.is_ok());
    assert_eq!(service.0.lock().unwrap().submitted.len(), 3);
    service.0.lock().unwrap().refusals = VecDeque::from([rich(Code::InvalidArgument, "INVALID_FIELD", &[])]);
    let error = client.seal(&SealRequest::new(template())).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { code: Code::InvalidArgument, .. }), "{error}");
    assert_eq!(service.0.lock().unwrap().submitted.len(), 4);
}

#[tokio::test]
async fn an_address_without_a_service_is_unreachable_when_the_policy_gives_up() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let once = RetryPolicy { give_up_after: Duration::ZERO, ..RetryPolicy::default() };
    let error = Client::connect(ClientOptions::new(unused.to_string()).retry(once)).await.unwrap_err();
    let is_named = |address: &str| address == format!("http://{unused}");
    assert!(matches!(&error, ClientError::Unreachable { address, .. } if is_named(address)), "{error}");
    assert!(error.to_string().contains("refused"), "the system's message is missing: {error}");
}

/// A policy whose first pause is longer than the test: only a decision without a retry passes.
fn patient() -> RetryPolicy {
    let hour = Duration::from_hours(1);
    RetryPolicy { pause_first: hour, pause_max: hour, give_up_after: hour }
}

#[tokio::test]
async fn an_invalid_address_is_refused_immediately_with_its_reason() {
    let reasons = [
        ("", "empty"),
        ("grpc://127.0.0.1:50051", "http://"),
        (":50051", "host is missing"),
        ("127.0.0.1", "port is missing"),
        ("127.0.0.1:0", "from 1 to 65535"),
        ("127.0.0.1:70000", "from 1 to 65535"),
        ("127.0.0.1:50051/cityseal", "no path"),
        ("not an address:50051", "neither a name nor an IP address"),
        ("::1:50051", "[::1]:50051"),
    ];
    for (address, reason) in reasons {
        let error = Client::connect(ClientOptions::new(address).retry(patient())).await.unwrap_err();
        assert!(matches!(error, ClientError::Address { .. }), "{address}: {error}");
        assert!(error.to_string().contains(reason) && error.to_string().contains(address), "{error}");
    }
}

#[tokio::test]
async fn every_spelling_of_an_address_connects() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let spellings = ["127.0.0.1:PORT", "localhost:PORT", " http://127.0.0.1:PORT/\n", "HTTP://127.0.0.1:PORT"];
    for spelling in spellings {
        let address = spelling.replace("PORT", &port.to_string());
        Client::connect(ClientOptions::new(address).retry(patient())).await.unwrap();
    }
}

#[tonic::async_trait]
impl SealService for Scripted {
    type WatchJobStream = Iter<std::vec::IntoIter<Result<v1::WatchJobResponse, Status>>>;

    async fn submit_seal(
        &self,
        request: Request<v1::SubmitSealRequest>,
    ) -> Result<Response<v1::SubmitSealResponse>, Status> {
        let mut script = self.0.lock().unwrap();
        script.submitted.push(request.into_inner());
        if let Some(refusal) = script.refusals.pop_front() {
            return Err(refusal);
        }
        let job = v1::Job { id: format!("1-{}", script.submitted.len()), ..job_in(v1::JobState::Running) };
        Ok(Response::new(v1::SubmitSealResponse { job: Some(job), replayed: false }))
    }

    async fn watch_job(&self, request: Request<v1::WatchJobRequest>) -> Result<Response<Self::WatchJobStream>, Status> {
        let mut script = self.0.lock().unwrap();
        script.watched.push(request.into_inner());
        let watch = script.watches.pop_front().unwrap_or_else(|| Err(Status::internal("the script has ended")));
        Ok(Response::new(iter(watch?)))
    }

    async fn get_job(&self, _: Request<v1::GetJobRequest>) -> Result<Response<v1::GetJobResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn cancel_job(&self, _: Request<v1::CancelJobRequest>) -> Result<Response<v1::CancelJobResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn list_jobs(&self, _: Request<v1::ListJobsRequest>) -> Result<Response<v1::ListJobsResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn advance_tip(&self, _: Request<v1::AdvanceTipRequest>) -> Result<Response<v1::AdvanceTipResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
}
