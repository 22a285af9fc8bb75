//! `cityseal serve`: runs the gRPC service until Ctrl-C or SIGTERM drains it; a second one ends it at once. SIGHUP
//! reloads certificates, tokens and tenants. The service manager learns of each phase.

mod notify;

mod stopping;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cityseal_bench::RecordedRate;
use cityseal_cli::signals::{Asked, runtime};
use cityseal_cli::{CliError, Ending, Explain};
use cityseal_engine::Engine;
use cityseal_service::{
    DashboardOptions, RecordRow, RecordsError, ServeError, Service, ServiceControl, ServiceOptions,
};
use tokio::sync::oneshot;

use self::notify::{Manager, feed_watchdog};
use self::stopping::{PhaseHandle, Signals};
use super::journal::JournalCommandError;
use super::key::{self, KeyCommandError};
use crate::args::ServeArgs;
use crate::config::{LAME_DUCK_DEFAULT, LISTEN_DEFAULT};
use crate::context::{COMMIT, Context};
use crate::json::ServeAnswer;
use crate::setup::SetupError;

/// Threads that move bytes between connections and the engine, which hashes on threads of its own.
const SERVICE_THREADS: usize = 2;

/// Why `serve` did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ServeCommandError {
    /// Stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The configuration or the engine.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The key that signs receipts could not be read.
    #[error(transparent)]
    Key(#[from] KeyCommandError),
    /// The state folder.
    #[error(transparent)]
    Journal(#[from] JournalCommandError),
    /// The service.
    #[error(transparent)]
    Serve(ServeError),
}

impl From<ServeError> for ServeCommandError {
    fn from(error: ServeError) -> Self {
        if let ServeError::Journal(error) = error { Self::Journal(error.into()) } else { Self::Serve(error) }
    }
}

impl Explain for ServeCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Setup(error) => error.reason(),
            Self::Key(error) => error.reason(),
            Self::Journal(error) => error.reason(),
            Self::Serve(_) => "service-failed",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Setup(error) => error.place(),
            Self::Key(error) => error.place(),
            Self::Journal(error) => error.place(),
            Self::Serve(_) => None,
        }
    }
}

pub(crate) fn run(context: &Context, args: &ServeArgs) -> Result<Ending, ServeCommandError> {
    // First, so that a second signal ends a process that waits for a file or a device.
    let signals = Signals::catch(&context.output).map_err(CliError::System)?;
    let phase = PhaseHandle::of(&signals);
    let settings = context.settings(&args.engine)?;
    let listen = args.listen.or(settings.listen).unwrap_or(LISTEN_DEFAULT);
    let lame_duck = args.lame_duck.or(settings.lame_duck).unwrap_or(LAME_DUCK_DEFAULT);
    let options = ServiceOptions::new(listen).commit(COMMIT).access(settings.access.clone());
    let options = options.lame_duck(lame_duck).limits(settings.limits.clone());
    let options = match args.metrics.or(settings.metrics) {
        Some(address) => options.metrics(address),
        None => options,
    };
    let options = match args.events.as_ref().or(settings.events.as_ref()) {
        Some(folder) => options.events(folder),
        None => options,
    };
    let options = match args.dashboard.or(settings.dashboard) {
        Some(address) => options.dashboard(dashboard(address, args.records.clone().or(settings.records.clone()))),
        None => options,
    };
    let options = match args.key.as_ref().or(settings.key.as_ref()) {
        Some(path) => options.signer(Arc::new(key::read(path)?)),
        None => options,
    };
    let options = if let Some(folder) = args.state.as_ref().or(settings.state.as_ref()) {
        options.state(folder)
    } else {
        context.output.note("jobs are kept in memory only; with --state DIR they survive a restart");
        options
    };
    let runtime = runtime(SERVICE_THREADS).map_err(CliError::System)?;
    let engine = context.engine_with_notes(&settings)?;
    let phases = lame_duck + settings.limits.drain;
    let control = runtime.block_on(serve(context, options, engine.clone(), signals, phases))?;
    let has_second = phase.ended();
    if has_second || control.is_ending_now() {
        // Threads may still be waiting for a device; the process ends without them.
        runtime.shutdown_background();
        std::mem::forget(engine);
        context.output.note("stopped without waiting");
    } else {
        drop(runtime);
        context.output.note("drained; stopped");
    }
    Ok(Ending::Yes)
}

/// The dashboard, with the records of a folder.
fn dashboard(address: SocketAddr, records: Option<PathBuf>) -> DashboardOptions {
    let options = DashboardOptions::new(address);
    let Some(folder) = records else { return options };
    options.records(move || {
        let rates =
            cityseal_bench::rates_of_this_machine(&folder).map_err(|error| RecordsError::new(error.to_string()))?;
        Ok(rates.into_iter().map(record_row).collect())
    })
}

fn record_row(rate: RecordedRate) -> RecordRow {
    let RecordedRate { device, kernel, mode, threads, median, min, max, unit, is_right, commit, when } = rate;
    RecordRow { device, kernel, mode, threads, median, min, max, unit, is_right, commit, when }
}

/// Serves until a signal; returns the handle that knows whether a second one came. `phases`: how long a drain may take.
async fn serve(
    context: &Context,
    options: ServiceOptions,
    engine: Engine,
    signals: Signals,
    phases: Duration,
) -> Result<ServiceControl, ServeCommandError> {
    let service = Service::bind(options, engine.clone()).await?;
    let (address, metrics, control) = (service.local_addr(), service.metrics_addr(), service.control());
    let (manager, pages) = (Manager::new(address, phases), service.dashboard_addr());
    context.output.note(format_args!("listening on {address}; Ctrl-C drains and stops"));
    if let Some(pages) = pages {
        context.output.note(format_args!("dashboard on {pages}"));
    }
    if context.output.wants_json() {
        let (metrics, dashboard) =
            (metrics.map(|address| address.to_string()), pages.map(|address| address.to_string()));
        let answer = ServeAnswer { listening: address.to_string(), metrics, dashboard };
        context.output.answer(&answer, |_| String::new()).map_err(CliError::Stdout)?;
    }
    signals.serving();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        // The sender is used or kept by `obey`, which runs as long as the service.
        drop(stopped.await);
    };
    tokio::select! {
        ended = service.run(shutdown) => ended?,
        never = obey(context, signals, &control, &manager, stop) => match never {},
        never = follow_health(&control, &manager) => match never {},
        never = feed_watchdog(engine) => match never {},
    }
    Ok(control)
}

/// Reports each change of the health to the service manager.
async fn follow_health(control: &ServiceControl, manager: &Manager) -> Infallible {
    let mut serving = control.serving();
    loop {
        let is_serving = *serving.borrow_and_update();
        manager.health(is_serving);
        if serving.changed().await.is_err() {
            // The service has ended.
            return std::future::pending().await;
        }
    }
}

/// Does what signals ask: the first stop signal drains the service, the next one ends it at once.
async fn obey(
    context: &Context,
    mut signals: Signals,
    control: &ServiceControl,
    manager: &Manager,
    stop: oneshot::Sender<()>,
) -> Infallible {
    let mut stop = Some(stop);
    loop {
        match (signals.asked().await, stop.take()) {
            (Asked::Stop(by), Some(stop)) => {
                context
                    .output
                    .note(format_args!("{by}: draining; health is NOT_SERVING, a second signal ends at once"));
                manager.stopping();
                // An error means that the service has ended by itself.
                let _ended = stop.send(());
            }
            (Asked::Stop(by), None) => {
                context.output.note(format_args!("{by} again: ending without waiting for open calls"));
                control.end_now();
            }
            (Asked::Reload, unused) => {
                stop = unused;
                context.output.note("SIGHUP: reading the files again");
                manager.reloading();
                // In a task of its own: a file on a dead disk must not delay a stop signal. The service logs the
                // result.
                let (control, manager) = (control.clone(), manager.clone());
                drop(tokio::spawn(async move { manager.reloaded(&control.reload().await) }));
            }
        }
    }
}
