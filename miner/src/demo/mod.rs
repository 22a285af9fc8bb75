//! `cityseal demo`: the whole at work on a small chain of city blocks, told in words that a newcomer understands.
//!
//! Nothing is staged: the service listens on a loopback port, the node speaks to it through the client crate, every
//! seal is searched, and the verdicts are the engine's. It succeeds only if everything comes out as told.

mod ledger;
mod story;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use cityseal_chain::Rule;
use cityseal_client::{Client, ClientError, ClientOptions};
use cityseal_engine::{DeviceState, Engine};
use tokio::sync::oneshot;

use crate::Context;
use crate::args::DemoArgs;
use crate::city::City;
use crate::error::CommandError;
use crate::exit::Ending;
use crate::json::DemoAnswer;
use crate::output::{Paint, spoken};
use crate::service::{Service, ServiceOptions};
use crate::signals::runtime;

use story::Story;

/// Threads for the service and the node together.
const DEMO_THREADS: usize = 2;

/// Why the demonstration did not come out as told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DemoError {
    /// The node's call failed, or the client refused what the service said.
    #[error("the node: {0}")]
    Client(#[from] Box<ClientError>),
    /// A step had another result than it should.
    #[error("{step}: expected {expected}, found {found}")]
    Unexpected {
        /// The step.
        step: &'static str,
        /// What it should give.
        expected: String,
        /// What it gave.
        found: String,
    },
}

impl From<ClientError> for DemoError {
    fn from(error: ClientError) -> Self {
        Self::Client(Box::new(error))
    }
}

pub(crate) fn run(context: &Context, args: &DemoArgs) -> Result<Ending, CommandError> {
    let started = Instant::now();
    let settings = context.settings(&args.engine)?;
    let runtime = runtime(DEMO_THREADS).map_err(CommandError::System)?;
    let engine = context.engine_with_notes(&settings)?;
    let city = ledger::found(&engine)?;
    let mut answer = runtime.block_on(play(context, engine, &city))?;
    answer.seconds = started.elapsed().as_secs_f64();
    let farewell = |output: &crate::output::Output| {
        format!(
            "\n{} in {}. Next: `cityseal verify --help`, `cityseal seal --help`, `cityseal serve`.",
            output.paint(Paint::Good, "Everything came out as told,"),
            spoken(started.elapsed())
        )
    };
    context.output.answer(&answer, farewell).map_err(CommandError::Stdout)?;
    Ok(Ending::Yes)
}

async fn play(context: &Context, engine: Engine, city: &City) -> Result<DemoAnswer, CommandError> {
    let workers = workers(&engine);
    let service = Service::bind(ServiceOptions::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))), engine).await?;
    let address = service.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(service.run(async {
        // The sender sends or is dropped; either way the service is done.
        let _done = stopped.await;
    }));
    let told = tell(&Story::new(context), city, address, &workers).await;
    let _already_stopped = stop.send(());
    serving.await.map_err(|error| CommandError::System(error.into()))??;
    told
}

async fn tell(story: &Story<'_>, city: &City, address: SocketAddr, workers: &str) -> Result<DemoAnswer, CommandError> {
    story.service(address, workers)?;
    let client = Client::connect(ClientOptions::new(format!("http://{address}"))).await.map_err(DemoError::from)?;
    story.city(city)?;
    let chain = ledger::seal_all(&client, city, story).await?;
    let tip = ledger::expect_valid(&client, city, &chain, story).await?;
    let fault = ledger::expect_fault(&client, city, chain, story).await?;
    Ok(DemoAnswer {
        blocks_sealed: tip.height,
        tip: tip.hash.to_display_hex(),
        fault_height: fault.height,
        fault_rule: Rule::code(fault.rule).into(),
        seconds: 0.0,
    })
}

/// The devices that work, in words.
fn workers(engine: &Engine) -> String {
    let devices = engine.devices();
    let ready = devices.iter().filter(|device| device.state == DeviceState::Ready);
    let named = ready.map(|device| format!("{} ({})", device.info.name, device.info.kernel));
    named.collect::<Vec<_>>().join(" and ")
}
