//! `cityseal serve`: runs the gRPC service on a loopback address until Ctrl-C or SIGTERM drains it.

use std::sync::Arc;

use cityseal_engine::Engine;

use super::key;
use crate::Context;
use crate::args::ServeArgs;
use crate::config::LISTEN_DEFAULT;
use crate::error::CommandError;
use crate::exit::Ending;
use crate::json::ServeAnswer;
use crate::service::{Service, ServiceOptions};
use crate::signals::{StopSignals, runtime};

/// Threads that move bytes between connections and the engine, which hashes on threads of its own.
const SERVICE_THREADS: usize = 2;

pub(crate) fn run(context: &Context, args: &ServeArgs) -> Result<Ending, CommandError> {
    let settings = context.settings(&args.engine)?;
    let listen = args.listen.or(settings.listen).unwrap_or(LISTEN_DEFAULT);
    let options = match args.key.as_ref().or(settings.key.as_ref()) {
        Some(path) => ServiceOptions::new(listen).signer(Arc::new(key::read(path)?)),
        None => ServiceOptions::new(listen),
    };
    let runtime = runtime(SERVICE_THREADS).map_err(CommandError::System)?;
    let mut stop = runtime.block_on(async { StopSignals::catch() }).map_err(CommandError::System)?;
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
) -> Result<(), CommandError> {
    let service = Service::bind(options, engine).await?;
    let address = service.local_addr();
    context.output.note(format_args!("listening on {address}; Ctrl-C drains and stops"));
    if context.output.wants_json() {
        let answer = ServeAnswer { listening: address.to_string() };
        context.output.answer(&answer, |_| String::new()).map_err(CommandError::Stdout)?;
    }
    let asked = async {
        let by = stop.asked().await;
        context.output.note(format_args!("{by}: draining; no new work is accepted, open streams are notified"));
    };
    Ok(service.run(asked).await?)
}
