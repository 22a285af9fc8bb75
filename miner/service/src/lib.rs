//! The gRPC service: `cityseal.v1` over HTTP/2, until it is asked to drain. On loopback it needs no configuration;
//! beyond it, TLS and the identity of each caller.
//!
//! Searching and validation are left to the engine. Callers are not trusted: every limit is in [`limits`]. Nothing is
//! printed; logging uses `tracing`.

mod access;
mod begin;
mod block_chunk;
mod call_note;
pub mod caller;
mod calls;
mod certificate;
mod connection;
mod deadline;
pub mod device_facts;
mod device_service;
mod drain;
mod echo;
mod error;
mod foreign;
mod gate;
mod jobs;
mod keys;
pub mod limits;
mod listener;
mod log_budget;
mod refusal;
mod reload;
mod rpcs;
mod seal_service;
pub mod sensors;
mod stamps;
mod tenants;
mod tls;
mod tokens;
mod transport;
mod upload;
mod verdict;
mod verify_service;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_engine::{DeviceState, DeviceStatus, Engine};
use cityseal_proto::FILE_DESCRIPTOR_SET;
use cityseal_proto::v1::device_service_server::DeviceServiceServer;
use cityseal_proto::v1::seal_service_server::SealServiceServer;
use cityseal_proto::v1::verify_service_server::VerifyServiceServer;
use cityseal_receipt::SecretKey;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tracing::{info, warn};

use self::access::Access;
pub use self::access::{AccessError, AccessSettings, AccessSource, ReloadStatus};
use self::calls::Calls;
use self::device_service::Devices;
use self::drain::{Drain, DrainSwitch, drain};
pub use self::error::ServeError;
use self::gate::Gate;
use self::jobs::{JobBook, SHUTDOWN};
use self::keys::Keys;
use self::limits::{
    CONNECTION_WINDOW_BYTES, CONNECTIONS_MAX, DRAIN_MAX, FRAME_BYTES_MAX, HEADER_LIST_BYTES_MAX, JOB_EVENTS_MAX,
    JOBS_RUNNING_MAX, JOBS_RUNNING_PER_TENANT_MAX, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, MESSAGE_BYTES_MAX,
    STREAM_WINDOW_BYTES, STREAMS_PER_CONNECTION_MAX, UPLOAD_MESSAGE_BYTES_MAX, UPLOADS_MAX,
};
use self::log_budget::LogBudget;
pub use self::reload::Reloader;
use self::seal_service::Sealing;
pub use self::tenants::{
    ScopeProblem, TENANT_URI_PREFIX, TenantLimits, TenantSettings, Tenants, TenantsError, WhenNoGpu, is_tenant_name,
    scopes_from,
};
pub use self::tls::{TlsError, TlsFiles};
pub use self::tokens::{NewToken, TokenFileError, TokenProblem};
use self::verify_service::Verification;

/// The services whose health is reported; the empty name means the whole server.
const HEALTH_NAMES: [&str; 4] =
    ["", "cityseal.v1.SealService", "cityseal.v1.VerifyService", "cityseal.v1.DeviceService"];

/// The commit in receipts of a program that does not name its own.
const COMMIT_UNKNOWN: &str = "unknown";

/// Configuration of a [`Service`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ServiceOptions {
    listen: SocketAddr,
    drain_max: Duration,
    job_events_max: usize,
    signer: Option<Arc<SecretKey>>,
    commit: &'static str,
    access: AccessSource,
}

impl ServiceOptions {
    /// Creates options for an address; with port 0 the operating system chooses a free port. Without
    /// [`access`](Self::access) it must be a loopback address.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            drain_max: DRAIN_MAX,
            job_events_max: JOB_EVENTS_MAX,
            signer: None,
            commit: COMMIT_UNKNOWN,
            access: AccessSource::default(),
        }
    }

    /// Sets who may call, and over which TLS. Default: everybody on loopback, without TLS.
    pub fn access(self, access: AccessSource) -> Self {
        Self { access, ..self }
    }

    /// Sets the key that signs receipts and from which the key for resume tokens is derived. Default: none, which means
    /// no receipts, and tokens that are valid only until the service ends.
    pub fn signer(self, key: Arc<SecretKey>) -> Self {
        Self { signer: Some(key), ..self }
    }

    /// The commit that the program was built from, for its receipts. Default: `unknown`.
    pub fn commit(self, commit: &'static str) -> Self {
        Self { commit, ..self }
    }

    /// Sets how long a drain waits for open calls before it closes them. Default [`DRAIN_MAX`].
    pub fn drain_max(self, drain_max: Duration) -> Self {
        Self { drain_max, ..self }
    }

    /// Sets how many events of a job are kept for late watchers. Default [`JOB_EVENTS_MAX`].
    pub fn job_events_max(self, job_events_max: usize) -> Self {
        Self { job_events_max, ..self }
    }
}

/// A bound service, which answers calls in [`Service::run`].
#[derive(Debug)]
pub struct Service {
    listener: TcpListener,
    address: SocketAddr,
    routes: Routes,
    health: HealthReporter,
    book: Arc<JobBook>,
    drain: DrainSwitch,
    drain_max: Duration,
    access: Arc<Access>,
}

impl Service {
    /// Binds the address and builds the services over an engine whose devices have passed their self-test.
    ///
    /// # Errors
    /// Returns [`ServeError::NotLoopback`], [`ServeError::Access`], [`ServeError::PortInUse`], [`ServeError::Bind`] or
    /// [`ServeError::Random`].
    pub async fn bind(options: ServiceOptions, engine: Engine) -> Result<Self, ServeError> {
        let wanted = options.listen;
        let settings = options.access.settings();
        settings.check_for(wanted).map_err(|missing| ServeError::NotLoopback { address: wanted, missing })?;
        let access = Arc::new(Access::load(options.access)?);
        let listener = TcpListener::bind(wanted).await.map_err(|error| ServeError::from_bind(wanted, error))?;
        let address = listener.local_addr().map_err(|error| ServeError::from_bind(wanted, error))?;
        let keys = Keys::new(options.signer, options.commit).map_err(|source| ServeError::Random { source })?;
        let book = Arc::new(JobBook::new(engine.clone(), options.job_events_max));
        let (health, health_service) = tonic_health::server::health_reporter();
        report(&health, health_of(&engine)).await;
        let (switch, drain) = drain();
        let mut routes = RoutesBuilder::default();
        routes.add_service(health_service);
        add_reflection(&mut routes)?;
        let verification = Verification::new(engine.clone(), keys, drain.clone());
        add_services(&mut routes, &engine, &book, verification, &drain);
        let drain_max = options.drain_max;
        Ok(Self { listener, address, routes: routes.routes(), health, book, drain: switch, drain_max, access })
    }

    /// Returns a handle that reloads certificates, tokens and tenants. [`Service::run`] does so when a file changes.
    pub fn reloader(&self) -> Reloader {
        Reloader::new(Arc::clone(&self.access))
    }

    /// Returns the address of the listener, with the port that the operating system chose for port 0.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes, then drains: health becomes `NOT_SERVING`, new connections and jobs are
    /// refused, watchers are asked to reconnect elsewhere, and uploads may reach their verdict; calls that are still
    /// open after the limit are closed.
    ///
    /// # Errors
    /// Returns [`ServeError::Transport`] or [`ServeError::Stopped`] if the server ended by itself.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (closer, cut) = watch::channel(false);
        let (stop, stopped) = oneshot::channel::<()>();
        let budget = Arc::new(LogBudget::new(Instant::now()));
        let access = Arc::clone(&self.access);
        let incoming = ReceiverStream::new(listener::accept(self.listener, access, cut, Arc::clone(&budget)));
        let gate = Gate::new(self.routes.prepare(), Arc::clone(&self.access));
        let calls = Calls::new(gate, budget);
        // Ends with this function.
        let mut tasks = JoinSet::new();
        tasks.spawn(reload::watch_files(self.access));
        let serving = server().serve_with_incoming_shutdown(calls, incoming, async {
            // A dropped sender stops the server too.
            drop(stopped.await);
        });
        let mut serving = std::pin::pin!(serving);
        self.book.engine().devices().iter().for_each(log_device);
        info!(
            address = %self.address, epoch = self.book.epoch(), connections_max = CONNECTIONS_MAX,
            uploads_max = UPLOADS_MAX, jobs_max = JOBS_RUNNING_MAX, jobs_per_tenant_max = JOBS_RUNNING_PER_TENANT_MAX,
            "serving"
        );
        tokio::select! {
            ended = &mut serving => return Err(stopped_by_itself(ended)),
            () = shutdown => {}
        }
        info!("draining");
        // Health first, so that load balancers stop sending callers before jobs are refused.
        report(&self.health, ServingStatus::NotServing).await;
        self.drain.begin();
        drop(stop);
        if timeout(self.drain_max, &mut serving).await.is_err() {
            warn!(limit_s = self.drain_max.as_secs_f64(), "drain limit reached, closing open calls");
            closer.send_replace(true);
            // Each connection ends when its socket is polled next, which this signal triggers.
            drop(timeout(self.drain_max, &mut serving).await);
        }
        self.book.cancel_all(SHUTDOWN);
        Ok(())
    }
}

fn log_device(status: &DeviceStatus) {
    let DeviceStatus { info, state, workers, .. } = status;
    let (kernel, reason) = (info.kernel.as_str(), state.reason());
    info!(device = info.id, name = info.name, state = state.name(), reason, kernel, workers, "device");
}

fn stopped_by_itself(ended: Result<(), tonic::transport::Error>) -> ServeError {
    match ended {
        Ok(()) => ServeError::Stopped,
        Err(source) => ServeError::Transport { source },
    }
}

fn server() -> Server {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
}

fn add_services(
    routes: &mut RoutesBuilder,
    engine: &Engine,
    book: &Arc<JobBook>,
    verification: Verification,
    drain: &Drain,
) {
    let sealing = SealServiceServer::new(Sealing::new(Arc::clone(book), drain.clone()))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let verification = VerifyServiceServer::new(verification)
        .max_decoding_message_size(UPLOAD_MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let devices = DeviceServiceServer::new(Devices::new(engine.clone()))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    routes.add_service(sealing).add_service(verification).add_service(devices);
}

/// Adds reflection in both versions: many clients still request only v1alpha.
fn add_reflection(routes: &mut RoutesBuilder) -> Result<(), ServeError> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let broken = |source| ServeError::Reflection { source };
    routes.add_service(builder().build_v1().map_err(broken)?);
    routes.add_service(builder().build_v1alpha().map_err(broken)?);
    Ok(())
}

/// SERVING if at least one device is ready.
fn health_of(engine: &Engine) -> ServingStatus {
    let is_ready = engine.devices().iter().any(|status| status.state == DeviceState::Ready);
    if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}

async fn report(health: &HealthReporter, status: ServingStatus) {
    for name in HEALTH_NAMES {
        health.set_service_status(name, status).await;
    }
}
