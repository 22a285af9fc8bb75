//! How operators see the service: the port of the metrics and the event log, from the start to the end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tracing::info;

use super::access::AccessSettings;
use super::error::ServeError;
use super::event_log::Event;
use super::limits::CLOSE_MAX;
use super::log_budget::LogBudget;
use super::metrics_server::MetricsServer;
use super::observer::Observer;
use super::scrape::{Scrape, Sources};
use super::state_events::{self, Looked};

/// The port of the metrics and the observer that everything reports to.
#[derive(Debug)]
pub(crate) struct Monitoring {
    pub(crate) observer: Arc<Observer>,
    metrics: Option<(TcpListener, SocketAddr)>,
}

impl Monitoring {
    /// Binds the port of the metrics and opens the event log, if they are wanted.
    pub(crate) async fn open(
        metrics: Option<SocketAddr>,
        events: Option<PathBuf>,
        settings: &AccessSettings,
    ) -> Result<Self, ServeError> {
        let observer = match Observer::with_events(events.as_deref()) {
            Ok(observer) => Arc::new(observer),
            Err(source) => return Err(ServeError::Events { folder: events.unwrap_or_default(), source }),
        };
        let Some(wanted) = metrics else { return Ok(Self { observer, metrics: None }) };
        settings.check_for(wanted).map_err(|missing| ServeError::NotLoopback { address: wanted, missing })?;
        let refuse = |error| ServeError::from_bind(wanted, error);
        let listener = TcpListener::bind(wanted).await.map_err(refuse)?;
        let address = listener.local_addr().map_err(refuse)?;
        Ok(Self { observer, metrics: Some((listener, address)) })
    }

    /// The address of the metrics, with the port that the operating system chose for port 0.
    pub(crate) fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(_, address)| *address)
    }

    /// Starts to serve the metrics and to look for events.
    pub(crate) fn start(
        self,
        sources: Sources,
        budget: Arc<LogBudget>,
        cut: watch::Receiver<bool>,
        tasks: &mut JoinSet<()>,
    ) {
        let Self { observer, metrics } = self;
        if observer.event_counts().is_some() {
            let (engine, access) = (sources.engine.clone(), Arc::clone(&sources.access));
            let is_serving = sources.is_serving.clone();
            tasks.spawn(state_events::follow(Looked { engine, access, is_serving, observer: Arc::clone(&observer) }));
        }
        let Some((listener, address)) = metrics else { return };
        let access = needs_identity(address).then(|| Arc::clone(&sources.access));
        let scrape = Arc::new(Scrape::new(sources));
        let server = MetricsServer { scrape, access, observer, budget, turn: Arc::new(Semaphore::new(1)) };
        info!(%address, "metrics at /metrics");
        tasks.spawn(server.run(listener, cut));
    }
}

/// Whether readers on this address need TLS and a credential.
pub(crate) fn needs_identity(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Adds the last events and writes what is waiting, for a short time.
pub(crate) async fn close(observer: Arc<Observer>) {
    observer.event(&Event::Drain { phase: "stopped" });
    drop(timeout(CLOSE_MAX, spawn_blocking(move || observer.close())).await);
}

/// Adds the start of the service.
pub(crate) fn started(observer: &Observer, address: SocketAddr, epoch: u64, commit: &'static str) {
    let (address, version) = (address.to_string(), env!("CARGO_PKG_VERSION"));
    observer.event(&Event::Start { address, epoch, version, commit });
}
