//! Measures how two tenants with certificates share one service on the CPU, by the hashes of their jobs:
//!
//! - beside 8 jobs of another tenant that have one nonce per extranonce and the largest coinbase,
//! - beside 1, 8 and 64 endless jobs of another tenant, and with weights of 1 to 3,
//! - then the end of one such job after some minutes: time of the cancel call, and memory.
//!
//! `cargo xtask measure tenants` builds and runs it: `tenants [--service target/release/cityseal] [--seconds 300]`.
//! Exit code 1 if a figure misses its goal.

use std::error::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use cityseal_client::{Client, ClientOptions, Job, SealRequest, Tls};
use cityseal_engine::chain::{
    BlockHeader, CoinbaseParts, Network, NonceSpan, Parameters, SealTemplate, SealTemplateBuilder, Target,
};
use cityseal_tests::folder::Folder;
use cityseal_tests::served::{Served, TenantFiles};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The largest coinbase that the service accepts, without its extranonce, in bytes.
const COINBASE_BYTES: usize = 100_000;

/// How long the jobs run side by side in one measurement.
const WINDOW: Duration = Duration::from_secs(10);

/// Goals: share of device time, fairness index, relative error of weights, calls, cancel, and growth of memory.
const SHARE_MIN: f64 = 0.45;
const JAIN_MIN: f64 = 0.98;
const WEIGHT_ERROR_MAX: f64 = 0.03;
const CALL_MAX: Duration = Duration::from_millis(50);
const CANCEL_MAX: Duration = Duration::from_millis(100);
const GROWTH_MAX_KIB: u64 = 64 * 1024;

fn builder(salt: u32) -> SealTemplateBuilder {
    let header = BlockHeader { time: salt, ..*Parameters::of(Network::Mainnet).genesis() };
    SealTemplate::builder(header).target(Target::ONE)
}

/// A template that no hash meets and no search exhausts.
fn endless(salt: u32) -> Outcome<SealTemplate> {
    Ok(builder(salt).version_mask(0x1fff_e000).build()?)
}

/// The same with one nonce for each extranonce, so that every hash needs a coinbase of its own.
fn one_nonce(salt: u32) -> Outcome<SealTemplate> {
    let coinbase = CoinbaseParts::new(vec![1; COINBASE_BYTES / 2], vec![2; COINBASE_BYTES / 2], 8)?;
    Ok(builder(salt).coinbase(coinbase, Vec::new()).nonces(NonceSpan::single(0)).build()?)
}

/// What was measured, with its goal.
fn report(what: &str, is_met: bool, missed: &mut Vec<String>) -> Outcome<()> {
    writeln!(io::stdout(), "{what}{}", if is_met { "" } else { "  MISSED" })?;
    if !is_met {
        missed.push(what.to_owned());
    }
    Ok(())
}

async fn submit(client: &Client, template: SealTemplate) -> Outcome<Job> {
    Ok(client.submit(&SealRequest::new(template)).await?)
}

/// A service with two tenants of these weights, and a client of each.
async fn start(program: &str, folder: &Folder, weights: [u32; 2]) -> Outcome<(Served, [Client; 2])> {
    let tenants = [("own", weights[0]), ("others", weights[1])];
    let (service, files) = Served::with_tenants(program, folder.path(), &tenants)?;
    let mut clients = Vec::new();
    for TenantFiles { ca, certificate, key } in files {
        let tls = Tls::new(ca).identity(certificate, key).server_name("localhost");
        let options = ClientOptions::new(format!("https://{}", service.address)).tls(tls);
        clients.push(Client::connect(options).await?);
    }
    let clients = clients.try_into().map_err(|_| "expected two clients")?;
    Ok((service, clients))
}

async fn hashes(client: &Client, jobs: &[Job]) -> Outcome<u64> {
    let mut sum = 0;
    for job in jobs {
        sum += client.job(&job.id).await?.job.hashes;
    }
    Ok(sum)
}

async fn cancel(client: &Client, jobs: &[Job]) -> Outcome<()> {
    for job in jobs {
        client.cancel(&job.id, "").await?;
    }
    Ok(())
}

/// Hashes per second of each group of jobs over one window, and the times of a call that is repeated meanwhile,
/// ascending.
async fn rates(groups: &[(&Client, &[Job])]) -> Outcome<(Vec<f64>, Vec<Duration>)> {
    let mut before = Vec::new();
    for (client, jobs) in groups {
        before.push(hashes(client, jobs).await?);
    }
    let (began, mut calls) = (Instant::now(), Vec::new());
    while began.elapsed() < WINDOW {
        let call = Instant::now();
        groups[0].0.devices().await?;
        calls.push(call.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut rates = Vec::new();
    for ((client, jobs), before) in groups.iter().zip(before) {
        rates.push((hashes(client, jobs).await? - before) as f64 / began.elapsed().as_secs_f64());
    }
    calls.sort_unstable();
    Ok((rates, calls))
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted[(sorted.len() * 99).div_ceil(100) - 1]
}

/// (sum of rates)^2 / (n x sum of squares): 1 if all are equal.
fn jain(rates: &[f64]) -> f64 {
    let (sum, squares): (f64, f64) = (rates.iter().sum(), rates.iter().map(|rate| rate * rate).sum());
    sum * sum / (rates.len() as f64 * squares)
}

async fn beside_one_nonce_jobs([one, other]: &[Client; 2], missed: &mut Vec<String>) -> Outcome<()> {
    let own = [submit(one, endless(0)?).await?];
    let (alone, _) = rates(&[(one, &own)]).await?;
    let mut others = Vec::new();
    for salt in 0..8 {
        others.push(submit(other, one_nonce(salt)?).await?);
    }
    let (beside, calls) = rates(&[(one, &own)]).await?;
    let (share, slowest) = (beside[0] / alone[0], p99(&calls));
    let met = share >= SHARE_MIN && slowest <= CALL_MAX;
    report(&format!("8 one-nonce jobs: the other tenant keeps {share:.3}; calls p99 {slowest:.1?}"), met, missed)?;
    cancel(other, &others).await?;
    cancel(one, &own).await
}

async fn beside_many_jobs([one, other]: &[Client; 2], missed: &mut Vec<String>) -> Outcome<()> {
    for count in [1, 8, 64] {
        let own = [submit(one, endless(0)?).await?];
        let mut others = Vec::new();
        for salt in 0..count {
            others.push(submit(other, endless(1 + salt)?).await?);
        }
        let (rates, _) = rates(&[(one, &own), (other, &others)]).await?;
        let index = jain(&rates);
        let met = index >= JAIN_MIN;
        report(&format!("1 job against {count}: {:.3?} of the rate; Jain {index:.4}", parts(&rates)), met, missed)?;
        cancel(other, &others).await?;
        cancel(one, &own).await?;
    }
    Ok(())
}

fn parts(rates: &[f64]) -> Vec<f64> {
    let sum: f64 = rates.iter().sum();
    rates.iter().map(|rate| rate / sum).collect()
}

async fn end_of_a_long_job(service: &Served, client: &Client, run: Duration, missed: &mut Vec<String>) -> Outcome<()> {
    let before = service.resident_kib()?;
    let job = submit(client, one_nonce(9)?).await?;
    tokio::time::sleep(run).await;
    let began = Instant::now();
    client.cancel(&job.id, "").await?;
    let took = began.elapsed();
    let growth = service.resident_kib()?.saturating_sub(before);
    let met = took <= CANCEL_MAX && growth <= GROWTH_MAX_KIB;
    let ran = run.as_secs();
    report(&format!("one-nonce job, cancelled after {ran} s: in {took:.1?}; {growth} KiB more"), met, missed)
}

async fn weights([light, heavy]: &[Client; 2], missed: &mut Vec<String>) -> Outcome<()> {
    let jobs = [[submit(light, endless(0)?).await?], [submit(heavy, endless(1)?).await?]];
    let (rates, _) = rates(&[(light, &jobs[0]), (heavy, &jobs[1])]).await?;
    let ratio = rates[1] / rates[0];
    let met = (ratio / 3.0 - 1.0).abs() <= WEIGHT_ERROR_MAX;
    report(&format!("weights 1 and 3: the rates are as 1 to {ratio:.3}"), met, missed)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let (mut program, mut seconds) = ("target/release/cityseal".to_owned(), 300);
    let words: Vec<String> = std::env::args().skip(1).collect();
    for pair in words.chunks(2) {
        match pair {
            [name, value] if name == "--service" => program.clone_from(value),
            [name, value] if name == "--seconds" => seconds = value.parse::<u64>()?,
            other => return Err(format!("unknown option or no value: {other:?}").into()),
        }
    }
    let mut missed = Vec::new();
    let folder = Folder::new();
    let (service, clients) = start(&program, &folder, [1, 1]).await?;
    beside_one_nonce_jobs(&clients, &mut missed).await?;
    beside_many_jobs(&clients, &mut missed).await?;
    end_of_a_long_job(&service, &clients[0], Duration::from_secs(seconds), &mut missed).await?;
    drop(service);
    let folder = Folder::new();
    let (_service, clients) = start(&program, &folder, [1, 3]).await?;
    weights(&clients, &mut missed).await?;
    if missed.is_empty() { Ok(()) } else { Err(format!("{} of the goals were missed", missed.len()).into()) }
}
