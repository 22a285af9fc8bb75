//! The gRPC service: `cityseal.v1` over HTTP/2, until it is asked to drain. On loopback it needs no configuration;
//! beyond it, TLS and the identity of each caller.
//!
//! Searching and validation are left to the engine. Callers are not trusted: every limit is in [`limits`]. Nothing is
//! printed; logging uses `tracing`.

mod access;
pub mod advice;
mod begin;
mod block_chunk;
mod bodies;
mod call_note;
pub mod caller;
mod calls;
mod certificate;
mod connection;
mod control;
mod dashboard;
mod deadline;
pub mod device_facts;
mod device_service;
pub mod discard;
mod drain;
mod echo;
mod error;
mod event_log;
mod foreign;
mod gate;
mod health;
mod heavy;
mod history;
mod http2;
mod idle;
mod jobs;
mod keys;
mod limit_table;
pub mod limits;
mod listener;
mod log_budget;
mod metrics_server;
mod monitoring;
mod observer;
mod options;
mod places;
mod refusal;
mod refusals;
mod reload;
mod rpcs;
mod scrape;
mod seal_service;
pub mod sensors;
mod shares;
mod stamps;
mod state_events;
mod status;
mod status_service;
mod tally;
mod tenant_shares;
mod tenants;
mod terms;
mod tls;
mod tokens;
mod trace;
mod transport;
mod unread;
mod upload;
mod upload_rate;
mod verdict;
mod verifications;
mod verify_service;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_engine::{DeviceStatus, Engine};
use cityseal_proto::FILE_DESCRIPTOR_SET;
use cityseal_proto::v1;
use cityseal_proto::v1::device_service_server::DeviceServiceServer;
use cityseal_proto::v1::seal_service_server::SealServiceServer;
use cityseal_proto::v1::status_service_server::StatusServiceServer;
use cityseal_proto::v1::verify_service_server::VerifyServiceServer;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::{Routes, RoutesBuilder};
use tonic_health::ServingStatus;
use tracing::{info, warn};

use self::access::Access;
pub use self::access::{AccessError, AccessSettings, AccessSource, ReloadStatus};
use self::bodies::BodyBudget;
use self::calls::{Calls, Shared};
pub use self::control::ServiceControl;
use self::dashboard::Dashboard;
pub use self::dashboard::{DashboardOptions, RecordRow, RecordsError};
use self::device_service::Devices;
use self::drain::{Drain, DrainSwitch, drain};
pub use self::error::ServeError;
use self::event_log::Event;
use self::gate::Gate;
use self::health::Health;
use self::heavy::Heavy;
use self::http2::server;
use self::jobs::{JobBook, SHUTDOWN};
use self::keys::Keys;
pub use self::limit_table::{LIMIT_KEYS, LimitKey, LimitMemory, Limits};
use self::limits::{
    CLOSE_MAX, ENGINE_THREADS_MAX, MESSAGE_BYTES_MAX, UPLOAD_MESSAGE_BYTES_MAX, WAITING_LARGE_MAX, WAITING_SMALL_MAX,
};
use self::listener::Listening;
use self::log_budget::LogBudgets;
use self::monitoring::Monitoring;
use self::observer::Observer;
pub use self::observer::{JournalFacts, JournalMetrics};
pub use self::options::ServiceOptions;
pub use self::reload::Reloader;
use self::scrape::Sources;
use self::seal_service::Sealing;
use self::shares::Shares;
use self::status::{StatusBoard, listener as listener_status};
use self::status_service::Statuses;
pub use self::tenants::{
    ScopeProblem, TENANT_URI_PREFIX, TenantSettings, Tenants, TenantsError, is_tenant_name, scopes_from,
};
pub use self::terms::{TenantLimits, WhenNoGpu};
use self::tls::Protocol;
pub use self::tls::{TlsError, TlsFiles};
pub use self::tokens::{NewToken, TokenFileError, TokenProblem};
use self::trace::TraceIds;
use self::verify_service::Verification;

/// A bound service, which answers calls in [`Service::run`].
#[derive(Debug)]
pub struct Service {
    listener: TcpListener,
    address: SocketAddr,
    routes: Routes,
    health: Health,
    book: Arc<JobBook>,
    drain: DrainSwitch,
    traces: TraceIds,
    control: ServiceControl,
    lame_duck: Duration,
    limits: Arc<Limits>,
    access: Arc<Access>,
    monitoring: Monitoring,
    uploads: Arc<Shares>,
    board: Arc<StatusBoard>,
    dashboard: Option<Dashboard>,
    commit: &'static str,
}

impl Service {
    /// Binds the address and builds the services over an engine whose devices have passed their self-test.
    ///
    /// # Errors
    /// Returns [`ServeError::NotLoopback`], [`ServeError::DashboardAccess`], [`ServeError::Access`],
    /// [`ServeError::PortInUse`], [`ServeError::Bind`], [`ServeError::Events`] or [`ServeError::Random`].
    pub async fn bind(options: ServiceOptions, engine: Engine) -> Result<Self, ServeError> {
        let wanted = options.listen;
        let settings = options.access.settings();
        settings.check_for(wanted).map_err(|missing| ServeError::NotLoopback { address: wanted, missing })?;
        let monitoring = Monitoring::open(options.metrics, options.events, settings).await?;
        let access = Arc::new(Access::load(options.access)?);
        let listener = TcpListener::bind(wanted).await.map_err(|error| ServeError::from_bind(wanted, error))?;
        let address = listener.local_addr().map_err(|error| ServeError::from_bind(wanted, error))?;
        let keys = Keys::new(options.signer, options.commit).map_err(|source| ServeError::Random { source })?;
        let limits = Arc::new(options.limits);
        let book = JobBook::new(engine.clone(), limits.job_events);
        let book = book.map_err(|source| ServeError::Random { source })?.limited(&limits);
        let book = Arc::new(book.observed_by(Arc::clone(&monitoring.observer)));
        let traces = TraceIds::new().map_err(|source| ServeError::Random { source })?;
        let (reporter, health_service) = tonic_health::server::health_reporter();
        let health = Health::new(reporter, engine.clone());
        health.look().await;
        let (switch, drain) = drain();
        let mut routes = RoutesBuilder::default();
        routes.add_service(health_service);
        add_reflection(&mut routes)?;
        let board = Arc::new(StatusBoard::new(Arc::clone(&book), Arc::clone(&access), options.commit));
        let observer = Arc::clone(&monitoring.observer);
        let shown = board.verifications.clone();
        let verification = Verification::new(engine.clone(), keys, drain.clone(), Arc::clone(&limits), observer, shown);
        let uploads = verification.uploads();
        add_services(&mut routes, &engine, &book, verification, &drain, limits.watchers, &board);
        let dashboard = match options.dashboard {
            Some(options) => Some(Dashboard::bind(options, Arc::clone(&board), Arc::clone(&access)).await?),
            None => None,
        };
        board.set_listeners(listeners_of(address, &monitoring, dashboard.as_ref(), &access));
        let lame_duck = options.lame_duck;
        let control = ServiceControl::new(Reloader::new(Arc::clone(&access)), health.serving());
        tenant_shares::apply(&access.tenants(), &engine);
        Ok(Self {
            listener,
            address,
            routes: routes.routes(),
            health,
            book,
            drain: switch,
            traces,
            control,
            lame_duck,
            limits,
            access,
            monitoring,
            uploads,
            board,
            dashboard,
            commit: options.commit,
        })
    }

    /// Returns the address of the metrics; `None` without metrics.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.monitoring.metrics_addr()
    }

    /// Returns a handle that adds a journal to the metrics.
    pub fn journal_metrics(&self) -> JournalMetrics {
        JournalMetrics::new(Arc::clone(&self.monitoring.observer))
    }

    /// Returns a handle with which the process reloads the service, or ends it without waiting.
    pub fn control(&self) -> ServiceControl {
        self.control.clone()
    }

    /// Returns a handle that reloads certificates, tokens and tenants. [`Service::run`] does so when a file changes.
    pub fn reloader(&self) -> Reloader {
        Reloader::new(Arc::clone(&self.access))
    }

    /// Returns the address of the listener, with the port that the operating system chose for port 0.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of the dashboard, if there is one, with the port that the operating system chose for port 0.
    pub fn dashboard_addr(&self) -> Option<SocketAddr> {
        self.dashboard.as_ref().map(|dashboard| dashboard.address)
    }

    /// Serves until `shutdown` completes, then drains: health becomes `NOT_SERVING`, and after the lame duck phase new
    /// connections and jobs are refused, watchers are asked to reconnect elsewhere, and uploads may reach their
    /// verdict; calls that are still open after the limit are closed. At the end the running jobs are cancelled.
    ///
    /// # Errors
    /// Returns [`ServeError::Transport`] or [`ServeError::Stopped`] if the server ended by itself.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (closer, cut) = watch::channel(false);
        let (stop, stopped) = oneshot::channel::<()>();
        // They end with this function.
        let mut tasks = JoinSet::new();
        let (parts, calls, incoming) = self.start(cut, &mut tasks);
        let Parts { address, health, book, drain, control, lame_duck, limits, observer, board } = parts;
        let serving = server(limits.uploads_per_connection).serve_with_incoming_shutdown(calls, incoming, async {
            // A dropped sender stops the server too.
            drop(stopped.await);
        });
        let mut serving = std::pin::pin!(serving);
        log_start(address, &book, &limits);
        tokio::select! {
            ended = &mut serving => return Err(stopped_by_itself(ended)),
            never = health.follow() => match never {},
            () = shutdown => {}
        }
        board.set_leaving();
        // Health first, so that load balancers stop sending callers before anything is refused.
        health.report(ServingStatus::NotServing).await;
        info!(lame_duck_s = lame_duck.as_secs_f64(), "health is NOT_SERVING");
        observer.event(&Event::Drain { phase: "lame-duck" });
        tokio::select! {
            ended = &mut serving => return Err(stopped_by_itself(ended)),
            () = sleep(lame_duck) => {}
            () = control.ending_now() => {}
        }
        info!("draining");
        observer.event(&Event::Drain { phase: "draining" });
        drain.begin();
        drop(stop);
        if !drained(serving.as_mut(), limits.drain, &control).await {
            closer.send_replace(true);
            // Each connection ends when its socket is polled next, which this signal triggers.
            drop(timeout(CLOSE_MAX, &mut serving).await);
        }
        drop(timeout(CLOSE_MAX, book.cancel_all(SHUTDOWN)).await);
        monitoring::close(observer).await;
        Ok(())
    }

    /// Starts to accept connections, and the tasks beside them.
    fn start(
        self,
        cut: watch::Receiver<bool>,
        tasks: &mut JoinSet<()>,
    ) -> (Parts, Calls, ReceiverStream<listener::Accepted>) {
        let Self { address, health, book, drain, control, lame_duck, limits, access, monitoring, board, .. } = self;
        let (engine, observer) = (book.engine().clone(), Arc::clone(&monitoring.observer));
        let budgets = LogBudgets::new(Instant::now());
        let listening = Listening::calls(Arc::clone(&access), &limits);
        let sources = Sources {
            engine: engine.clone(),
            book: Arc::clone(&book),
            access: Arc::clone(&access),
            connections: listening.connections.clone(),
            uploads: self.uploads,
            is_serving: health.serving(),
            observer: Arc::clone(&observer),
            commit: self.commit,
        };
        monitoring::started(&observer, address, book.epoch(), self.commit);
        monitoring.start(sources, Arc::clone(&budgets.refused), cut.clone(), tasks);
        let history = board.history.clone().follow(engine.clone());
        tasks.spawn(async { match history.await {} });
        if let Some(dashboard) = self.dashboard {
            info!(address = %dashboard.address, "dashboard");
            tasks.spawn(dashboard.run(cut.clone(), Arc::clone(&budgets.refused)));
        }
        let incoming = listener::accept(self.listener, listening, cut, Arc::clone(&budgets.refused));
        let gate = Gate::new(self.routes.prepare(), Arc::clone(&access));
        let bodies = Arc::new(BodyBudget::new(&limits));
        let shared = Shared {
            budgets,
            observer: Arc::clone(&observer),
            traces: self.traces,
            refusals: Arc::clone(&board.refusals),
            bodies,
            answer_deadline: limits.answer_deadline,
        };
        tasks.spawn(tenant_shares::follow(access.subscribe(), engine));
        tasks.spawn(reload::watch_files(access));
        let parts = Parts { address, health, book, drain, control, lame_duck, limits, observer, board };
        (parts, Calls::new(gate, shared), ReceiverStream::new(incoming))
    }
}

/// What a running service needs until its end.
struct Parts {
    address: SocketAddr,
    health: Health,
    book: Arc<JobBook>,
    drain: DrainSwitch,
    control: ServiceControl,
    lame_duck: Duration,
    limits: Arc<Limits>,
    observer: Arc<Observer>,
    board: Arc<StatusBoard>,
}

/// Waits for the end of all calls; returns false if it took too long or nobody wants to wait.
async fn drained(serving: Pin<&mut impl Future>, limit: Duration, control: &ServiceControl) -> bool {
    tokio::select! {
        _ended = serving => return true,
        () = sleep(limit) => warn!(limit_s = limit.as_secs_f64(), "drain limit reached, closing open calls"),
        () = control.ending_now() => warn!("told to end now, closing open calls"),
    }
    false
}

fn log_start(address: SocketAddr, book: &JobBook, limits: &Limits) {
    book.engine().devices().iter().for_each(log_device);
    info!(
        %address, epoch = book.epoch(), connections_max = limits.connections, uploads_max = limits.uploads,
        jobs_max = limits.jobs, jobs_per_tenant_max = limits.jobs_per_tenant, "serving"
    );
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

/// The listeners for the status.
fn listeners_of(
    address: SocketAddr,
    monitoring: &Monitoring,
    dashboard: Option<&Dashboard>,
    access: &Access,
) -> Vec<v1::Listener> {
    let has_tls = access.tls(Protocol::Http2).is_some();
    let of_metrics = monitoring.metrics_addr();
    let metrics = of_metrics.map(|address| ("metrics", address, has_tls && monitoring::needs_identity(address)));
    let pages = dashboard.map(|dashboard| ("dashboard", dashboard.address, has_tls));
    let all = [("grpc", address, has_tls)].into_iter().chain(metrics).chain(pages);
    all.map(|(name, address, has_tls)| listener_status(name, address, has_tls)).collect()
}

fn add_services(
    routes: &mut RoutesBuilder,
    engine: &Engine,
    book: &Arc<JobBook>,
    verification: Verification,
    drain: &Drain,
    watchers_max: usize,
    board: &Arc<StatusBoard>,
) {
    // One limit for all calls to the engine: they wait for the same lock.
    let heavy = Arc::new(Heavy::with_queue(ENGINE_THREADS_MAX, WAITING_SMALL_MAX, WAITING_LARGE_MAX));
    let sealing = Sealing::new(Arc::clone(book), Arc::clone(&heavy), drain.clone(), watchers_max);
    let sealing = SealServiceServer::new(sealing)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let verification = VerifyServiceServer::new(verification)
        .max_decoding_message_size(UPLOAD_MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let statuses = StatusServiceServer::new(Statuses::new(Arc::clone(board), Arc::clone(&heavy)))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let devices = DeviceServiceServer::new(Devices::new(engine.clone(), heavy))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    routes.add_service(sealing).add_service(verification).add_service(devices).add_service(statuses);
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
