//! A service on a free port of loopback, its clients, and chains that are cheap to seal.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use cityseal_chain::body::coinbase_height_script;
use cityseal_chain::{BlockHeader, MerkleRoot, Network, NonceSpan, Parameters, SealTemplate, Target, hex};
use cityseal_client::{Client, ClientOptions, RetryPolicy, SealRequest};
use cityseal_engine::Engine;
use cityseal_hash::double_sha256;
use cityseal_proto::v1;
use cityseal_proto::v1::seal_service_client::SealServiceClient;
use cityseal_proto::v1::verify_service_client::VerifyServiceClient;
use cityseal_receipt::SecretKey;
use cityseal_service::{ServeError, Service, ServiceControl, ServiceOptions};
use prost::bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

/// A service that runs until the test stops it or ends.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) control: ServiceControl,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

pub(crate) fn loopback() -> ServiceOptions {
    ServiceOptions::new("127.0.0.1:0".parse().unwrap())
}

pub(crate) fn engine() -> Engine {
    Engine::builder().gpu(false).threads(2).build().unwrap()
}

pub(crate) async fn start() -> Running {
    start_with(loopback()).await
}

pub(crate) async fn start_with(options: ServiceOptions) -> Running {
    start_on(engine(), options).await
}

pub(crate) async fn start_on(engine: Engine, options: ServiceOptions) -> Running {
    let service = Service::bind(options, engine).await.unwrap();
    let (address, control) = (service.local_addr(), service.control());
    let (stop, stopped) = oneshot::channel();
    // Only the signal ends it: a test may drop the handle and keep its clients.
    let signal = async {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let task = tokio::spawn(service.run(signal));
    Running { address, control, stop, task }
}

impl Running {
    /// Asks the service to drain; returns its task.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), ServeError>> {
        self.stop.send(()).unwrap();
        self.task
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// A connection from that address of loopback.
    pub(crate) async fn channel_from(&self, address: [u8; 4]) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.local_address(Some(address.into())).connect().await.unwrap()
    }

    pub(crate) async fn sealer(&self) -> SealServiceClient<Channel> {
        SealServiceClient::new(self.channel().await)
    }

    pub(crate) async fn verifier(&self) -> VerifyServiceClient<Channel> {
        VerifyServiceClient::new(self.channel().await)
    }

    /// A client that does not retry, so that the test sees a refusal.
    pub(crate) async fn client(&self) -> Client {
        let once = RetryPolicy { give_up_after: std::time::Duration::ZERO, ..RetryPolicy::default() };
        Client::connect(ClientOptions::new(format!("http://{}", self.address)).retry(once)).await.unwrap()
    }
}

/// The reason in the service's refusal.
pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "cityseal");
    info.reason
}

/// The path of the refused field.
pub(crate) fn field(status: &Status) -> String {
    status.get_details_bad_request().unwrap().field_violations[0].field.clone()
}

pub(crate) fn regtest_genesis() -> BlockHeader {
    *Parameters::of(Network::Regtest).genesis()
}

/// A template over `nonces` nonces of which every second one seals. Each `salt` gives another block.
pub(crate) fn easy(salt: u32, nonces: u32) -> SealTemplate {
    let header = BlockHeader { time: salt, ..regtest_genesis() };
    SealTemplate::builder(header).nonces(NonceSpan::new(0, nonces - 1).unwrap()).build().unwrap()
}

/// A template that no hash meets, with a search space that cannot be exhausted.
pub(crate) fn endless(salt: u32) -> SealTemplate {
    let header = BlockHeader { time: salt, ..regtest_genesis() };
    SealTemplate::builder(header).version_mask(0x1fff_ffff).target(hardest()).build().unwrap()
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

/// A packed chain of regtest from its genesis header: every second nonce seals a header.
pub(crate) fn chain(headers: usize) -> Vec<u8> {
    let mut last = regtest_genesis();
    let mut packed = last.to_wire().to_vec();
    let target = last.bits.decode().unwrap();
    for _ in 1..headers {
        let (prev_block_hash, time, nonce) = (last.hash(), last.time + 600, 0);
        // Version 4 is accepted at every height, also after the buried deployments.
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

/// The body of Bitcoin's first block, which regtest shares: the coinbase of 2009.
const GENESIS_COINBASE: &str = concat!(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054",
    "696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420",
    "666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61",
    "deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000",
);

/// A coinbase for that height whose output script has `script` bytes, at least 253.
fn coinbase(height: u64, script: usize) -> Vec<u8> {
    let head = coinbase_height_script(height);
    let signature = [head.as_bytes(), &[0x51, 0x51]].concat();
    let input = [&[0; 32][..], &[0xff; 4], &[signature.len() as u8], &signature, &[0xff; 4]].concat();
    let len = match u16::try_from(script) {
        Ok(len) => [&[0xfd][..], &len.to_le_bytes()].concat(),
        Err(_) => [&[0xfe][..], &(script as u32).to_le_bytes()].concat(),
    };
    let output = [&50_u64.to_le_bytes()[..], &len, &vec![0x51; script]].concat();
    [&1_u32.to_le_bytes()[..], &[1], &input, &[1], &output, &[0; 4]].concat()
}

/// Seals a header of regtest on top of its parent.
fn sealed_after(parent: &BlockHeader, merkle_root: MerkleRoot) -> BlockHeader {
    let (prev_block_hash, time) = (parent.hash(), parent.time + 600);
    let mut header = BlockHeader { version: 4, prev_block_hash, merkle_root, time, nonce: 0, ..*parent };
    let target = header.bits.decode().unwrap();
    while !target.is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    header
}

/// A chain of regtest's blocks from its genesis block, each with only a coinbase whose script has `script` bytes.
pub(crate) fn blocks(count: usize, script: usize) -> Vec<Vec<u8>> {
    let mut last = regtest_genesis();
    let genesis = hex::decode(GENESIS_COINBASE).unwrap();
    let mut blocks = vec![[&last.to_wire()[..], &[1], &genesis].concat()];
    for height in 1..count as u64 {
        let coinbase = coinbase(height, script);
        last = sealed_after(&last, MerkleRoot::from_wire(double_sha256(&coinbase)));
        blocks.push([&last.to_wire()[..], &[1], &coinbase].concat());
    }
    blocks
}

/// The headers of blocks, packed.
pub(crate) fn headers_of(blocks: &[Vec<u8>]) -> Vec<u8> {
    blocks.iter().flat_map(|block| block[..80].to_vec()).collect()
}

/// A temporary folder, removed with its content when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cityseal-service-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes a secret key file into the folder, readable only by its owner.
    pub(crate) fn secret(&self, name: &str, key: &SecretKey) -> PathBuf {
        let path = self.file(name, key.to_file_text().as_bytes());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
