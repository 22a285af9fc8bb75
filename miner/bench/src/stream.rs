//! The mode `service`: verifies a chain through one `VerifyChain` stream over loopback, with the service and its client
//! in this process. The client checks each verdict against the chain that it sent.

use std::time::{Duration, Instant};

use cityseal_cli::CliError;
use cityseal_cli::signals::runtime;
use cityseal_client::bytes::Bytes;
use cityseal_client::{ChainParameters, Client, ClientOptions, Verdict, VerifyRequest};
use cityseal_service::{Service, ServiceOptions};
use tokio::runtime::Runtime;

use super::chain::ChainFile;
use super::error::BenchError;
use super::race::Contestant;
use super::settings::EngineSettings;

/// Number of I/O threads for the service and its client together.
const STREAM_THREADS: usize = 2;

/// A service on a loopback port, and a client that streams the chain to it repeatedly.
pub(super) struct StreamRunner<'a> {
    chain: &'a ChainFile,
    runtime: Runtime,
    client: Client,
    packed: Bytes,
    wrong: Option<String>,
}

impl<'a> StreamRunner<'a> {
    pub(super) fn new(chain: &'a ChainFile, settings: &EngineSettings) -> Result<Self, BenchError> {
        let packed = chain.read()?.into();
        let engine = settings.builder().build()?;
        let runtime = runtime(STREAM_THREADS).map_err(CliError::System)?;
        let client = runtime.block_on(async {
            let service = Service::bind(ServiceOptions::new(([127, 0, 0, 1], 0).into()), engine).await?;
            let address = service.local_addr();
            // The service ends with the runtime.
            tokio::spawn(service.run(std::future::pending()));
            Ok::<_, BenchError>(Client::connect(ClientOptions::new(format!("http://{address}"))).await?)
        })?;
        Ok(Self { chain, runtime, client, packed, wrong: None })
    }

    fn verify(&self) -> Result<Option<String>, BenchError> {
        let request = VerifyRequest::new(ChainParameters::Toml(self.chain.toml().to_owned()));
        let request = request.now(self.chain.last_time().into());
        let answer = self.runtime.block_on(self.client.verify_bytes(&request, self.packed.clone()))?;
        let right = matches!(answer.verdict, Verdict::Valid) && answer.count == self.chain.headers();
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
