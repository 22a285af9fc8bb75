//! Measures the time from a superseding submission to the end of the older job, as a watcher of that job sees it,
//! against a service on the CPU: alone, and beside 32 jobs of others.
//!
//! `cargo xtask measure supersede` builds and runs it: `supersede [--service target/release/cityseal] [--rounds 1000]`.
//! Exit code 1 if the 99th percentile is above 100 ms.

use std::error::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use cityseal_client::{Client, ClientOptions, JobEvent, JobState, SealOutcome, SealRequest};
use cityseal_engine::chain::{BlockHeader, Network, Parameters, SealTemplate, Target};
use cityseal_tests::served::Served;

/// The goal of the 99th percentile.
const GOAL: Duration = Duration::from_millis(100);

/// Jobs of others in the second measurement.
const OTHERS: u32 = 32;

/// A template that no hash meets and no search exhausts.
fn endless(salt: u32) -> Result<SealTemplate, Box<dyn Error>> {
    let header = BlockHeader { time: salt, ..*Parameters::of(Network::Mainnet).genesis() };
    Ok(SealTemplate::builder(header).version_mask(0x1fff_e000).target(Target::ONE).build()?)
}

/// Supersedes a job again and again; returns the times, ascending.
async fn supersede(client: &Client, rounds: u32) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut times = Vec::new();
    let mut running = client.submit(&SealRequest::new(endless(0)?).tenant("measured")).await?;
    for round in 1..=rounds {
        let mut watch = client.watch(&running.id, 0);
        watch.next().await?.ok_or("the job has no events")?;
        let next = SealRequest::new(endless(round)?).tenant("measured").supersedes(&running.id);
        let began = Instant::now();
        let (submitted, ended) = tokio::join!(client.submit(&next), async {
            loop {
                match watch.next().await {
                    Ok(Some(JobEvent::Ended { job, .. })) => return Ok((began.elapsed(), job.state)),
                    Ok(Some(_)) => {}
                    Ok(None) => return Err("the watch ended before the job".into()),
                    Err(error) => return Err(Box::<dyn Error>::from(error)),
                }
            }
        });
        let (took, state) = ended?;
        if !matches!(state, JobState::Ended(SealOutcome::Superseded { .. })) {
            return Err(format!("expected a superseded job, found {state}").into());
        }
        times.push(took);
        running = submitted?;
    }
    client.cancel(&running.id, "").await?;
    times.sort_unstable();
    Ok(times)
}

fn print(what: &str, times: &[Duration]) -> Result<Duration, Box<dyn Error>> {
    // The smallest value that is at least as large as that part of all.
    let at = |part: f64| times[((times.len() as f64 * part).ceil() as usize).clamp(1, times.len()) - 1];
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (rounds, p99) = (times.len(), at(0.99));
    let [p50, p90, p999, most] = [0.5, 0.9, 0.999, 1.0].map(|part| ms(at(part)));
    writeln!(
        io::stdout(),
        "{what}: {rounds} times, in ms: p50 {p50:.2}, p90 {p90:.2}, p99 {:.2}, p99.9 {p999:.2}, max {most:.2}",
        ms(p99)
    )?;
    Ok(p99)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut program, mut rounds) = ("target/release/cityseal".to_owned(), 1_000);
    let words: Vec<String> = std::env::args().skip(1).collect();
    for pair in words.chunks(2) {
        match pair {
            [name, value] if name == "--service" => program.clone_from(value),
            [name, value] if name == "--rounds" => rounds = value.parse::<u32>()?.max(1),
            other => return Err(format!("unknown option or no value: {other:?}").into()),
        }
    }
    let service = Served::start(&program)?;
    let client = Client::connect(ClientOptions::new(format!("http://{}", service.address))).await?;
    let alone = print("alone", &supersede(&client, rounds).await?)?;
    for salt in 0..OTHERS {
        client.submit(&SealRequest::new(endless(salt)?).tenant("others")).await?;
    }
    let beside = print("beside 32 jobs", &supersede(&client, rounds).await?)?;
    let worst = alone.max(beside);
    if worst > GOAL { Err(format!("p99 {worst:?}; expected at most {GOAL:?}").into()) } else { Ok(()) }
}
