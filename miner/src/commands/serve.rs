//! `cityseal serve`: runs the gRPC service until Ctrl-C or SIGTERM drains it. SIGHUP reloads certificates, tokens and
//! tenants.

use std::sync::Arc;

use cityseal_cli::signals::{ReloadSignals, StopSignals, runtime};
use cityseal_cli::{CliError, Ending, Explain};
use cityseal_engine::{BuildError, Engine};
use cityseal_service::{ServeError, Service, ServiceOptions};

use super::key::{self, KeyCommandError};
use crate::args::ServeArgs;
use crate::config::{ConfigError, LISTEN_DEFAULT};
use crate::context::{COMMIT, Context};
use crate::json::ServeAnswer;

/// Threads that move bytes between connections and the engine, which hashes on threads of its own.
const SERVICE_THREADS: usize = 2;

/// Why `serve` did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ServeCommandError {
    /// Stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The engine could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
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
            Self::Config(error) => error.reason(),
            Self::Build(_) => "no-engine",
            Self::Key(error) => error.reason(),
            Self::Serve(_) => "service-failed",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Config(error) => error.place(),
            Self::Key(error) => error.place(),
            Self::Build(_) | Self::Serve(_) => None,
        }
    }
}

pub(crate) fn run(context: &Context, args: &ServeArgs) -> Result<Ending, ServeCommandError> {
    let settings = context.settings(&args.engine)?;
    let listen = args.listen.or(settings.listen).unwrap_or(LISTEN_DEFAULT);
    let options = ServiceOptions::new(listen).commit(COMMIT).access(settings.access.clone());
    let options = match args.key.as_ref().or(settings.key.as_ref()) {
        Some(path) => options.signer(Arc::new(key::read(path)?)),
        None => options,
    };
    let runtime = runtime(SERVICE_THREADS).map_err(CliError::System)?;
    let mut stop = runtime.block_on(async { StopSignals::catch() }).map_err(CliError::System)?;
    // Before the service starts: without a handler this signal ends the process.
    let mut reload = runtime.block_on(async { ReloadSignals::catch() }).map_err(CliError::System)?;
    let engine = context.engine_with_notes(&settings)?;
    runtime.block_on(serve(context, options, engine, &mut stop, &mut reload))?;
    context.output.note("drained; stopped");
    Ok(Ending::Yes)
}

async fn serve(
    context: &Context,
    options: ServiceOptions,
    engine: Engine,
    stop: &mut StopSignals,
    reload: &mut ReloadSignals,
) -> Result<(), ServeCommandError> {
    let service = Service::bind(options, engine).await?;
    let address = service.local_addr();
    context.output.note(format_args!("listening on {address}; Ctrl-C drains and stops"));
    if context.output.wants_json() {
        let answer = ServeAnswer { listening: address.to_string() };
        context.output.answer(&answer, |_| String::new()).map_err(CliError::Stdout)?;
    }
    let asked = async {
        let by = stop.asked().await;
        context.output.note(format_args!("{by}: draining; no new work is accepted, open streams are notified"));
    };
    let reloader = service.reloader();
    let reloading = async {
        loop {
            reload.asked().await;
            // The service logs what comes of it.
            drop(reloader.reload().await);
        }
    };
    tokio::select! {
        ran = service.run(asked) => Ok(ran?),
        never = reloading => never,
    }
}
