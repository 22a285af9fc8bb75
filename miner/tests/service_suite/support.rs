//! A service on a free port of loopback, a caller, and chains that cost nothing to seal.

use std::net::SocketAddr;

use cityseal::service::{ServeError, Service, ServiceOptions};
use cityseal_chain::{BlockHeader, Network, NonceSpan, Parameters, SealTemplate, Target};
use cityseal_client::{Client, ClientOptions, RetryPolicy, SealRequest};
use cityseal_engine::Engine;
use cityseal_proto::v1;
use cityseal_proto::v1::seal_service_client::SealServiceClient;
use cityseal_proto::v1::verify_service_client::VerifyServiceClient;
use prost::bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

/// A service that runs until the test tells it to drain, or ends.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

pub(crate) fn loopback() -> ServiceOptions {
    ServiceOptions::new("127.0.0.1:0".parse().unwrap())
}

pub(crate) fn engine() -> Engine {
    Engine::builder().gpu(false).threads(Some(2)).build().unwrap()
}

pub(crate) async fn start() -> Running {
    start_with(loopback()).await
}

pub(crate) async fn start_with(options: ServiceOptions) -> Running {
    let service = Service::bind(options, engine()).await.unwrap();
    let address = service.local_addr();
    let (stop, stopped) = oneshot::channel();
    // Only the word ends it: a test may let go of it and keep its callers.
    let told = async {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let task = tokio::spawn(service.run(told));
    Running { address, stop, task }
}

impl Running {
    /// Tells the service to drain; the task ends with it.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), ServeError>> {
        self.stop.send(()).unwrap();
        self.task
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn sealer(&self) -> SealServiceClient<Channel> {
        SealServiceClient::new(self.channel().await)
    }

    pub(crate) async fn verifier(&self) -> VerifyServiceClient<Channel> {
        VerifyServiceClient::new(self.channel().await)
    }

    /// A node's client that does not try again: a refusal is what the test asks for.
    pub(crate) async fn client(&self) -> Client {
        let once = RetryPolicy { give_up_after: std::time::Duration::ZERO, ..RetryPolicy::default() };
        Client::connect(ClientOptions::new(format!("http://{}", self.address)).retry(once)).await.unwrap()
    }
}

/// The service's word for a refusal.
pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "cityseal");
    info.reason
}

/// The path of the field that is refused.
pub(crate) fn field(status: &Status) -> String {
    status.get_details_bad_request().unwrap().field_violations[0].field.clone()
}

pub(crate) fn regtest_genesis() -> BlockHeader {
    *Parameters::of(Network::Regtest).genesis()
}

/// A template that every second nonce seals, over `nonces` nonces. Each `salt` is another block.
pub(crate) fn easy(salt: u32, nonces: u32) -> SealTemplate {
    let header = BlockHeader { time: salt, ..regtest_genesis() };
    SealTemplate::builder(header).nonces(NonceSpan::new(0, nonces - 1).unwrap()).build().unwrap()
}

/// A template that no hash meets, over more hashes than anybody can do.
pub(crate) fn endless(salt: u32) -> SealTemplate {
    let header = BlockHeader { time: salt, ..regtest_genesis() };
    SealTemplate::builder(header).version_mask(u32::MAX).target(hardest()).build().unwrap()
}

pub(crate) fn hardest() -> Target {
    let mut one = [0; 32];
    one[0] = 1;
    Target::from_wire(&one).unwrap()
}

pub(crate) fn submission(request_id: &str, template: &SealTemplate) -> v1::SubmitSealRequest {
    let (template, target) = cityseal_proto::template_to_wire(template);
    let template = Some(template);
    v1::SubmitSealRequest { request_id: request_id.to_owned(), template, target, priority: 1, ..Default::default() }
}

pub(crate) fn request(template: SealTemplate) -> SealRequest {
    SealRequest::new(template)
}

/// A chain of regtest from its genesis, packed: every second nonce seals a header.
pub(crate) fn chain(headers: usize) -> Vec<u8> {
    let mut last = regtest_genesis();
    let mut packed = last.to_wire().to_vec();
    let target = last.bits.decode().unwrap();
    for _ in 1..headers {
        let (prev_block_hash, time, nonce) = (last.hash(), last.time + 600, 0);
        // Version 4 stands after every buried height.
        last = BlockHeader { version: 4, prev_block_hash, time, nonce, ..last };
        while !target.is_met_by(&last.hash()) {
            last.nonce += 1;
        }
        packed.extend_from_slice(&last.to_wire());
    }
    packed
}

pub(crate) fn last_hash(packed: &[u8]) -> Bytes {
    let last: &[u8; 80] = packed.last_chunk().unwrap();
    Bytes::copy_from_slice(&BlockHeader::from_wire(last).hash().to_wire())
}
