//! `cityseal demo`: shows all parts of CitySeal on a small chain of city blocks, with an explanation for newcomers.
//!
//! Nothing is simulated: the service listens on a loopback port, the client crate connects to it, every seal is
//! searched, and the engine gives the verdicts. The command succeeds only if every answer is the expected one. Without
//! `--keep` it leaves no files.

mod error;
mod keep;
mod ledger;
mod records;
mod texts;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use cityseal_bench::city::City;
use cityseal_chain::Rule;
use cityseal_cli::signals::runtime;
use cityseal_cli::{CliError, Ending, Output};
use cityseal_client::{Client, ClientOptions};
use cityseal_engine::{DeviceState, Engine};
use cityseal_receipt::{Receipt, SecretKey};
use cityseal_service::{Service, ServiceOptions};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::args::DemoArgs;
use crate::commands::key::random_seed;
use crate::context::{COMMIT, Context};
use crate::json::DemoAnswer;

pub(crate) use error::DemoError;
use keep::KeepFolder;
use records::Chain;
use texts::Texts;

/// Threads for the service and the client together.
const DEMO_THREADS: usize = 2;

/// The signer's label in the receipts of the city's auditor.
const LABEL: &str = "Riverside audit office";

pub(crate) fn run(context: &Context, args: &DemoArgs) -> Result<Ending, DemoError> {
    // The folder is checked before the work starts.
    let folder = args.keep.as_deref().map(KeepFolder::open).transpose()?;
    let started = Instant::now();
    let played = play(context, args);
    let (mut answer, scene) = match played {
        Ok(played) => played,
        Err(error) => {
            folder.into_iter().for_each(KeepFolder::abandon);
            return Err(error);
        }
    };
    let kept = folder.map(|folder| folder.write(&scene.city, &scene.chain, &scene.key, &scene.receipt)).transpose()?;
    answer.kept = kept;
    answer.seconds = started.elapsed().as_secs_f64();
    let end = |_: &Output| Texts::new(context).end(answer.kept.as_ref(), started.elapsed());
    context.output.answer(&answer, end).map_err(CliError::Stdout)?;
    Ok(Ending::Yes)
}

/// The results of the demonstration.
struct Scene {
    city: City,
    chain: Chain,
    key: Arc<SecretKey>,
    receipt: Receipt,
}

fn play(context: &Context, args: &DemoArgs) -> Result<(DemoAnswer, Scene), DemoError> {
    let settings = context.settings(&args.engine)?;
    let runtime = runtime(DEMO_THREADS).map_err(CliError::System)?;
    let engine = context.engine_with_notes(&settings)?;
    let city = ledger::found(&engine)?;
    let seed = Zeroizing::new(random_seed()?);
    let key = Arc::new(SecretKey::from_seed(&seed, Some(LABEL.to_owned()))?);
    runtime.block_on(run_with_service(context, engine, city, key))
}

/// Runs the service and the steps of its client, and stops the service at the end.
async fn run_with_service(
    context: &Context,
    engine: Engine,
    city: City,
    key: Arc<SecretKey>,
) -> Result<(DemoAnswer, Scene), DemoError> {
    let workers = workers(&engine);
    let options =
        ServiceOptions::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).commit(COMMIT).signer(Arc::clone(&key));
    let service = Service::bind(options, engine).await?;
    let address = service.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(service.run(async {
        // A message and a dropped sender both mean that the service is no longer needed.
        let _done = stopped.await;
    }));
    let texts = Texts::new(context);
    texts.service(address, &workers)?;
    let answer = run_steps(&texts, city, key, address).await;
    let _already_stopped = stop.send(());
    serving.await.map_err(|error| CliError::System(error.into()))??;
    answer
}

async fn run_steps(
    texts: &Texts<'_>,
    city: City,
    key: Arc<SecretKey>,
    address: SocketAddr,
) -> Result<(DemoAnswer, Scene), DemoError> {
    let client = Client::connect(ClientOptions::new(format!("http://{address}"))).await?;
    texts.city(&city)?;
    let chain = ledger::seal_all(&client, &city, texts).await?;
    let (tip, receipt) = ledger::expect_valid(&client, &city, &chain, key.public_key(), texts).await?;
    let fault = ledger::expect_faults(&client, &city, &chain, texts).await?;
    let answer = DemoAnswer {
        blocks_sealed: tip.height,
        tip: tip.hash.to_display_hex(),
        fault_height: fault.height,
        fault_rule: Rule::code(fault.rule).into(),
        kept: None,
        seconds: 0.0,
    };
    Ok((answer, Scene { city, chain, key, receipt }))
}

/// The ready devices with their kernels, in words.
fn workers(engine: &Engine) -> String {
    let devices = engine.devices();
    let ready = devices.iter().filter(|device| device.state == DeviceState::Ready);
    let named = ready.map(|device| format!("{} ({})", device.info.name, device.info.kernel));
    named.collect::<Vec<_>>().join(" and ")
}
