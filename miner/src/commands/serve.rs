//! `cityseal serve`: runs the gRPC service until Ctrl-C or SIGTERM drains it; a second one ends it at once. SIGHUP
//! reloads certificates, tokens and tenants.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use cityseal_bench::RecordedRate;
use cityseal_cli::signals::{Asked, ServiceSignals, runtime};
use cityseal_cli::{CliError, Ending, Explain};
use cityseal_engine::Engine;
use cityseal_service::{
    DashboardOptions, RecordRow, RecordsError, ServeError, Service, ServiceControl, ServiceOptions,
};
use tokio::sync::oneshot;

use super::key::{self, KeyCommandError};
use crate::args::ServeArgs;
use crate::config::LISTEN_DEFAULT;
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
    /// The service.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl Explain for ServeCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Setup(error) => error.reason(),
            Self::Key(error) => error.reason(),
            Self::Serve(_) => "service-failed",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Setup(error) => error.place(),
            Self::Key(error) => error.place(),
            Self::Serve(_) => None,
        }
    }
}

pub(crate) fn run(context: &Context, args: &ServeArgs) -> Result<Ending, ServeCommandError> {
    let settings = context.settings(&args.engine)?;
    let listen = args.listen.or(settings.listen).unwrap_or(LISTEN_DEFAULT);
    let options = ServiceOptions::new(listen).commit(COMMIT).lame_duck(args.lame_duck).access(settings.access.clone());
    let options = match args.dashboard.or(settings.dashboard) {
        Some(address) => options.dashboard(dashboard(address, args.records.clone().or(settings.records.clone()))),
        None => options,
    };
    let options = match args.key.as_ref().or(settings.key.as_ref()) {
        Some(path) => options.signer(Arc::new(key::read(path)?)),
        None => options,
    };
    let runtime = runtime(SERVICE_THREADS).map_err(CliError::System)?;
    let signals = runtime.block_on(async { ServiceSignals::catch() }).map_err(CliError::System)?;
    let engine = context.engine_with_notes(&settings)?;
    let control = runtime.block_on(serve(context, options, engine.clone(), signals))?;
    if control.is_ending_now() {
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

/// Serves until a signal; returns the handle that knows whether a second one came.
async fn serve(
    context: &Context,
    options: ServiceOptions,
    engine: Engine,
    signals: ServiceSignals,
) -> Result<ServiceControl, ServeCommandError> {
    let service = Service::bind(options, engine).await?;
    let (address, control) = (service.local_addr(), service.control());
    let pages = service.dashboard_addr();
    context.output.note(format_args!("listening on {address}; Ctrl-C drains and stops"));
    if let Some(pages) = pages {
        context.output.note(format_args!("dashboard on {pages}"));
    }
    if context.output.wants_json() {
        let dashboard = pages.map(|address| address.to_string());
        let answer = ServeAnswer { listening: address.to_string(), dashboard };
        context.output.answer(&answer, |_| String::new()).map_err(CliError::Stdout)?;
    }
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        // The sender is used or kept by `obey`, which runs as long as the service.
        drop(stopped.await);
    };
    tokio::select! {
        ended = service.run(shutdown) => ended?,
        never = obey(context, signals, &control, stop) => match never {},
    }
    Ok(control)
}

/// Does what signals ask: the first stop signal drains the service, the next one ends it at once.
async fn obey(
    context: &Context,
    mut signals: ServiceSignals,
    control: &ServiceControl,
    stop: oneshot::Sender<()>,
) -> Infallible {
    let mut stop = Some(stop);
    loop {
        match (signals.asked().await, stop.take()) {
            (Asked::Stop(by), Some(stop)) => {
                context
                    .output
                    .note(format_args!("{by}: draining; health is NOT_SERVING, a second signal ends at once"));
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
                // In a task of its own: a file on a dead disk must not delay a stop signal. The service logs the
                // result.
                let control = control.clone();
                drop(tokio::spawn(async move { control.reload().await }));
            }
        }
    }
}
