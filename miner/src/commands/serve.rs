//! `cityseal serve`: runs the gRPC service on a loopback address until Ctrl-C or SIGTERM drains it.

use std::sync::Arc;

use cityseal_cli::signals::{StopSignals, runtime};
use cityseal_cli::{CliError, Ending, Explain};
use cityseal_engine::Engine;
use cityseal_service::{ServeError, Service, ServiceOptions};

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
    let options = ServiceOptions::new(listen).commit(COMMIT);
    let options = match args.key.as_ref().or(settings.key.as_ref()) {
        Some(path) => options.signer(Arc::new(key::read(path)?)),
        None => options,
    };
    let runtime = runtime(SERVICE_THREADS).map_err(CliError::System)?;
    let mut stop = runtime.block_on(async { StopSignals::catch() }).map_err(CliError::System)?;
    let engine = context.engine_with_notes(&settings)?;
    runtime.block_on(serve(context, options, engine, &mut stop))?;
    context.output.note("drained; stopped");
    Ok(Ending::Yes)
}

async fn serve(
    context: &Context,
    options: ServiceOptions,
    engine: Engine,
    stop: &mut StopSignals,
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
    Ok(service.run(asked).await?)
}
