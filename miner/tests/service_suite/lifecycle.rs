//! Start, health, reflection and shutdown of the service.

use std::time::Duration;

use cityseal_client::{Client, ClientOptions, DeviceKind, DeviceState, SealOutcome};
use cityseal_device::fake::{Behaviour, FakeOpener};
use cityseal_device::{CpuBackend, known_answers};
use cityseal_engine::{Engine, EnginePolicy};
use cityseal_hash::HashKernel;
use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_service::limits::{HEALTH_INTERVAL, LAME_DUCK_MAX};
use cityseal_service::{ServeError, Service, ServiceOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::{v1 as reflection_v1, v1alpha as reflection_v1alpha};

use crate::support::{chain, easy, endless, engine, last_hash, loopback, reason, request, start, start_on, start_with};

#[tokio::test]
async fn an_address_beyond_loopback_is_refused_with_the_reason() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:50051"] {
        let options = ServiceOptions::new(address.parse().unwrap());
        let error = Service::bind(options, engine()).await.unwrap_err();
        assert!(matches!(error, ServeError::NotLoopback { .. }), "{error}");
        assert!(error.to_string().contains("lacks TLS and the identity of its callers"), "{error}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = start().await;
    let error = Service::bind(ServiceOptions::new(first.address), engine()).await.unwrap_err();
    assert!(matches!(error, ServeError::PortInUse { .. }), "{error}");
    assert!(error.to_string().contains(&first.address.port().to_string()), "{error}");
}

#[tokio::test]
async fn every_service_is_serving_and_an_unknown_one_is_not_found() {
    let mut health = HealthClient::new(start().await.channel().await);
    let services = ["", "cityseal.v1.SealService", "cityseal.v1.VerifyService", "cityseal.v1.DeviceService"];
    for service in services.map(str::to_owned) {
        let answer = health.check(HealthCheckRequest { service }).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    let unknown = health.check(HealthCheckRequest { service: "x".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

const SERVICES: [&str; 3] = ["cityseal.v1.DeviceService", "cityseal.v1.SealService", "cityseal.v1.VerifyService"];

#[tokio::test]
async fn reflection_lists_the_services_in_its_current_version() {
    use reflection_v1::server_reflection_request::MessageRequest;
    use reflection_v1::server_reflection_response::MessageResponse;
    let mut client =
        reflection_v1::server_reflection_client::ServerReflectionClient::new(start().await.channel().await);
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let question = reflection_v1::ServerReflectionRequest { host: String::new(), message_request };
    let call = client.server_reflection_info(tokio_stream::once(question)).await.unwrap();
    let answer = call.into_inner().message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    assert!(SERVICES.iter().all(|name| names.iter().any(|listed| listed == name)), "{names:?}");
}

#[tokio::test]
async fn reflection_lists_the_services_in_its_old_version() {
    use reflection_v1alpha::server_reflection_request::MessageRequest;
    use reflection_v1alpha::server_reflection_response::MessageResponse;
    let channel = start().await.channel().await;
    let mut client = reflection_v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let question = reflection_v1alpha::ServerReflectionRequest { host: String::new(), message_request };
    let call = client.server_reflection_info(tokio_stream::once(question)).await.unwrap();
    let answer = call.into_inner().message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    assert!(SERVICES.iter().all(|name| names.iter().any(|listed| listed == name)), "{names:?}");
}

#[tokio::test]
async fn the_cpu_is_listed_as_ready() {
    let devices = start().await.client().await.devices().await.unwrap().devices;
    let cpu = devices.iter().find(|device| device.id == "cpu").unwrap();
    assert_eq!((cpu.kind, cpu.state, cpu.reason.as_deref()), (DeviceKind::Cpu, DeviceState::Ready, None));
    assert_eq!((cpu.pci.as_deref(), cpu.quarantine_left), (None, None));
}

#[tokio::test]
async fn a_drain_shows_in_health_informs_watchers_and_ends() {
    let service = start().await;
    let mut health = HealthClient::new(service.channel().await);
    let mut states = health.watch(HealthCheckRequest { service: String::new() }).await.unwrap().into_inner();
    let status = |answer: Option<HealthCheckResponse>| answer.unwrap().status();
    assert_eq!(status(states.message().await.unwrap()), ServingStatus::Serving);
    let job = service.client().await.submit(&request(endless(1))).await.unwrap();
    let watched = v1::WatchJobRequest { job_id: job.id, from_seq: 0 };
    let mut events = service.sealer().await.watch_job(watched).await.unwrap().into_inner();
    assert!(events.message().await.unwrap().is_some());
    let ended = service.stop();
    assert_eq!(status(states.message().await.unwrap()), ServingStatus::NotServing);
    let refusal = loop {
        match events.message().await {
            Ok(event) => assert!(event.is_some(), "the job does not end by itself"),
            Err(status) => break status,
        }
    };
    assert_eq!((refusal.code(), reason(&refusal).as_str()), (Code::Unavailable, "DRAINING"));
    drop((states, health));
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_service_goes_on_serving_for_its_lame_duck_phase() {
    let service = start_with(loopback().lame_duck(LAME_DUCK_MAX)).await;
    let (address, control) = (service.address, service.control.clone());
    let mut health = HealthClient::new(service.channel().await);
    let mut states = health.watch(HealthCheckRequest { service: String::new() }).await.unwrap().into_inner();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let ended = service.stop();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    // A new connection, and a new job on it.
    let client = Client::connect(ClientOptions::new(format!("http://{address}"))).await.unwrap();
    assert_eq!(client.seal(&request(easy(1, 64))).await.unwrap().outcome, SealOutcome::Sealed);
    control.end_now();
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_with_an_open_upload_ends_at_once_if_told_so() {
    let service = start_with(loopback().drain_max(Duration::from_hours(1))).await;
    let control = service.control.clone();
    let (sender, receiver) = mpsc::channel(1);
    sender.send(crate::wire::begin()).await.unwrap();
    let mut answers = service.verifier().await.verify_chain(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let ended = service.stop();
    control.end_now();
    ended.await.unwrap().unwrap();
    assert!(answers.message().await.is_err(), "the call was closed without a verdict");
    drop(sender);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_follows_the_devices_while_the_service_runs() {
    // The only device is lost after its self-test, and comes back later than the service looks.
    let self_test = known_answers::cases(&CpuBackend::new(HashKernel::portable())).len() as u64;
    let fake = FakeOpener::new("only").from_batch(self_test, Behaviour::Lost);
    let policy = EnginePolicy { reopen_first: 3 * HEALTH_INTERVAL, ..EnginePolicy::default() };
    let builder = Engine::builder().gpu(false).devices(vec!["only".to_owned()]).policy(policy);
    let service = start_on(builder.add_device(Box::new(fake)).build().unwrap(), loopback()).await;
    let mut health = HealthClient::new(service.channel().await);
    let mut states = health.watch(HealthCheckRequest { service: String::new() }).await.unwrap().into_inner();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    service.client().await.submit(&request(endless(1))).await.unwrap();
    for expected in [ServingStatus::NotServing, ServingStatus::Serving] {
        assert_eq!(states.message().await.unwrap().unwrap().status(), expected);
    }
}

#[tokio::test]
async fn an_open_upload_reaches_its_verdict_during_the_drain() {
    let service = start().await;
    let packed = chain(10);
    let (sender, receiver) = mpsc::channel(4);
    let parameters = Some(v1::verify_begin::Parameters::Network("regtest".to_owned()));
    let begin = v1::VerifyBegin { parameters, ..Default::default() };
    let send = async |part| sender.send(v1::VerifyChainRequest { part: Some(part) }).await.unwrap();
    send(Part::Begin(begin)).await;
    let mut answers = service.verifier().await.verify_chain(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let ended = service.stop();
    let payload = Some(v1::verify_chunk::Payload::PackedHeaders(packed.clone().into()));
    send(Part::Chunk(v1::VerifyChunk { payload })).await;
    send(Part::Finish(v1::VerifyFinish { count: 10, last_block_hash: last_hash(&packed) })).await;
    let answer = answers.message().await.unwrap().unwrap().part;
    let Some(v1::verify_chain_response::Part::Verdict(verdict)) = answer else { panic!("{answer:?}") };
    assert_eq!(verdict.kind(), v1::VerdictKind::Valid);
    drop(answers);
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_upload_that_does_not_end_is_closed_at_the_drain_limit() {
    let service = start_with(loopback().drain_max(Duration::from_millis(20))).await;
    let (sender, receiver) = mpsc::channel(1);
    let parameters = Some(v1::verify_begin::Parameters::Network("regtest".to_owned()));
    let begin = v1::VerifyBegin { parameters, ..Default::default() };
    sender.send(v1::VerifyChainRequest { part: Some(Part::Begin(begin)) }).await.unwrap();
    let mut answers = service.verifier().await.verify_chain(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    service.stop().await.unwrap().unwrap();
    assert!(answers.message().await.is_err(), "the call was closed without a verdict");
    drop(sender);
}

#[tokio::test]
async fn an_ended_service_accepts_no_connection_and_frees_its_port() {
    let service = start().await;
    let address = service.address;
    service.stop().await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    let again = Service::bind(ServiceOptions::new(address), engine()).await.unwrap();
    assert_eq!(again.local_addr(), address);
}

#[tokio::test]
async fn a_connection_without_http_2_is_closed_and_others_are_served() {
    let service = start().await;
    let mut stranger = tokio::net::TcpStream::connect(service.address).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    service.client().await.devices().await.unwrap();
    let mut received = Vec::new();
    // Closed or reset: in both cases this connection ends.
    drop(stranger.read_to_end(&mut received).await);
    service.client().await.devices().await.unwrap();
}
