//! The mode `service`: verifies a chain through one `VerifyChain` stream over loopback, with the service and its client
//! in this process. The client checks each verdict against the chain that it sent.

use std::time::{Duration, Instant};

use cityseal_client::{ChainParameters, Client, ClientOptions, VerdictKind, VerifyRequest};
use prost::bytes::Bytes;
use tokio::runtime::Runtime;

use super::chain::ChainFile;
use super::race::Contestant;
use crate::builder;
use crate::config::Settings;
use crate::error::CommandError;
use crate::service::{Service, ServiceOptions};
use crate::signals::runtime;

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
    pub(super) fn new(chain: &'a ChainFile, settings: &Settings) -> Result<Self, CommandError> {
        let packed = chain.read()?.into();
        let engine = builder(settings).build()?;
        let runtime = runtime(STREAM_THREADS).map_err(CommandError::System)?;
        let client = runtime.block_on(async {
            let service = Service::bind(ServiceOptions::new(([127, 0, 0, 1], 0).into()), engine).await?;
            let address = service.local_addr();
            // The service ends with the runtime.
            tokio::spawn(service.run(std::future::pending()));
            Ok::<_, CommandError>(Client::connect(ClientOptions::new(format!("http://{address}"))).await?)
        })?;
        Ok(Self { chain, runtime, client, packed, wrong: None })
    }

    fn verify(&self) -> Result<Option<String>, CommandError> {
        let request = VerifyRequest::new(ChainParameters::Toml(self.chain.toml().to_owned()));
        let request = request.now_s(self.chain.last_time().into());
        let answer = self.runtime.block_on(self.client.verify_bytes(&request, self.packed.clone()))?;
        let right = matches!(answer.verdict, VerdictKind::Valid) && answer.count == self.chain.headers();
        Ok((!right).then(|| format!("{:?}, {} of {} headers", answer.verdict, answer.count, self.chain.headers())))
    }
}

impl Contestant for StreamRunner<'_> {
    fn lap(&mut self, tickets: u64) -> Result<Duration, CommandError> {
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
