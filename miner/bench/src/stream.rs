//! The mode `service`: verifies a chain through one `VerifyChain` stream over loopback, with the service and its client
//! in this process. The client checks each verdict against the chain that it sent.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use cityseal_cli::CliError;
use cityseal_cli::signals::runtime;
use cityseal_client::bytes::Bytes;
use cityseal_client::{ChainParameters, Client, ClientOptions, Verdict, VerifyRequest};
use cityseal_service::discard::DiscardService;
use cityseal_service::{Service, ServiceOptions};
use tokio::runtime::Runtime;

use super::chain::ChainFile;
use super::error::BenchError;
use super::race::{BaselineRunner, Contestant};
use super::settings::EngineSettings;

const ANY_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// Number of I/O threads for the service and its client together.
const STREAM_THREADS: usize = 2;

/// What answers the uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    /// The service.
    Verifying,
    /// A service that judges nothing: the rate of the transport alone.
    Discarding,
}

/// A service on a loopback port, and a client that streams the chain to it repeatedly.
pub(super) struct StreamRunner<'a> {
    chain: &'a ChainFile,
    server: Server,
    runtime: Runtime,
    client: Client,
    packed: Bytes,
    wrong: Option<String>,
}

impl<'a> StreamRunner<'a> {
    /// Uploads to the service with an engine of these settings.
    pub(super) fn new(chain: &'a ChainFile, settings: &EngineSettings) -> Result<Self, BenchError> {
        let engine = settings.builder().build()?;
        let service = async || Service::bind(ServiceOptions::new(ANY_PORT), engine).await;
        Self::start(chain, Server::Verifying, async || {
            let service = service().await?;
            let address = service.local_addr();
            // The service ends with the runtime.
            tokio::spawn(service.run(std::future::pending()));
            Ok(address)
        })
    }

    /// Uploads the same messages to a service that judges nothing.
    pub(super) fn discarding(chain: &'a ChainFile) -> Result<Self, BenchError> {
        Self::start(chain, Server::Discarding, async || {
            let service = DiscardService::bind(ANY_PORT).await.map_err(CliError::System)?;
            let address = service.local_addr().map_err(CliError::System)?;
            tokio::spawn(service.run());
            Ok(address)
        })
    }

    fn start(
        chain: &'a ChainFile,
        server: Server,
        serve: impl AsyncFnOnce() -> Result<SocketAddr, BenchError>,
    ) -> Result<Self, BenchError> {
        let packed = chain.read()?.into();
        let runtime = runtime(STREAM_THREADS).map_err(CliError::System)?;
        let client = runtime.block_on(async {
            let address = serve().await?;
            Ok::<_, BenchError>(Client::connect(ClientOptions::new(format!("http://{address}"))).await?)
        })?;
        Ok(Self { chain, server, runtime, client, packed, wrong: None })
    }

    fn verify(&self) -> Result<Option<String>, BenchError> {
        let request = VerifyRequest::new(ChainParameters::Toml(self.chain.toml().to_owned()));
        let request = request.now(self.chain.last_time().into());
        let answer = self.runtime.block_on(self.client.verify_bytes(&request, self.packed.clone()))?;
        let is_expected = match self.server {
            Server::Verifying => matches!(answer.verdict, Verdict::Valid),
            Server::Discarding => matches!(answer.verdict, Verdict::Incomplete { .. }),
        };
        let right = is_expected && answer.count == self.chain.headers();
        Ok((!right).then(|| format!("{:?}, {} of {} headers", answer.verdict, answer.count, self.chain.headers())))
    }
}

impl Contestant for StreamRunner<'_> {
    fn lap(&mut self, tickets: u64) -> Result<Duration, BenchError> {
        let started = Instant::now();
        for _ in 0..tickets {
            if let Some(reason) = self.verify()? {
                self.wrong.get_or_insert(reason);
            }
        }
        Ok(started.elapsed())
    }

    fn items_per_ticket(&self) -> u64 {
        self.chain.headers()
    }

    fn wrong(&self) -> Option<String> {
        self.wrong.clone()
    }
}

impl BaselineRunner for StreamRunner<'_> {
    fn name(&self) -> &'static str {
        match self.server {
            Server::Verifying => "service",
            Server::Discarding => "raw_stream",
        }
    }
}
