//! Streams a synthetic chain, generated on the fly, to a service, and prints the rate and the service's peak memory.
//!
//! `cargo build --release -p cityseal && cargo run --release -p cityseal-tests --example upload-stream -- --bytes 10GiB
//! --block-bytes 1MiB [--peak-max 256MiB] [--service target/release/cityseal] [--threads N]`
//!
//! Starts the service on the CPU only, on Linux with a limit of `--peak-max` on its data segment (`prlimit --data`:
//! allocations and thread stacks), and stops it at the end. The chain is a regtest chain. Exit code 1 if the verdict is
//! not VALID or the peak is above the limit.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use cityseal_client::{ChainParameters, Client, ClientOptions, Verdict, VerifyAnswer, VerifyRequest};
use cityseal_engine::chain::Network;
use cityseal_tests::synthetic::{BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, Home, Plan, each_block};
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Capacity of the queue between the block generator and the client, in blocks.
const WAITING_MAX: usize = 4;

/// The command line's options.
struct Options {
    bytes: u64,
    block_bytes: usize,
    peak_max: u64,
    threads: usize,
    service: String,
}

/// The service's process; killed on drop.
struct Service {
    process: Child,
    address: String,
}

impl Service {
    fn start(options: &Options) -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new("prlimit")
            .arg(format!("--data={}", options.peak_max))
            .args([options.service.as_str(), "serve", "--listen", "127.0.0.1:0", "--device", "cpu", "--json"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("the service has no stdout pipe")?).read_line(&mut line)?;
        let started: serde_json::Value = serde_json::from_str(&line)?;
        let address = started["listening"].as_str().ok_or("the service did not print its address")?.to_owned();
        Ok(Self { process, address })
    }

    /// Peak resident memory of the service in bytes.
    fn peak(&self) -> Result<u64, Box<dyn Error>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("/proc/PID/status has no VmHWM")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Errors mean that it has already ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options = Options::of(&words)?;
    let plan = Plan::of_bytes(Home::regtest(), 1, options.bytes, options.block_bytes);
    let service = Service::start(&options)?;
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let answer = runtime.block_on(upload(&service.address, plan.clone(), options.threads))?;
    let seconds = began.elapsed().as_secs_f64();
    let (peak, bytes) = (service.peak()?, plan.bytes());
    let (rate, mib) = (bytes as f64 / seconds / 1e6, peak as f64 / f64::from(1 << 20));
    let word = if answer.verdict == Verdict::Valid { "VALID" } else { "not VALID" };
    let transactions = answer.bodies.map_or(0, |bodies| bodies.transactions);
    let blocks = answer.count;
    writeln!(
        io::stdout(),
        "{word}: {blocks} blocks, {transactions} transactions, {bytes} bytes in {seconds:.1} s ({rate:.0} MB/s, generated \
         at the same time on {} threads); peak memory of the service: {mib:.0} MiB",
        options.threads
    )?;
    if answer.verdict != Verdict::Valid || peak > options.peak_max {
        let max = options.peak_max;
        return Err(format!("expected VALID and at most {max} bytes; found {:?} and {peak}", answer.verdict).into());
    }
    Ok(())
}

async fn upload(address: &str, plan: Plan, threads: usize) -> Result<VerifyAnswer, Box<dyn Error>> {
    let client = Client::connect(ClientOptions::new(format!("http://{address}"))).await?;
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let maker = tokio::task::spawn_blocking(move || {
        each_block(&plan, threads, |block| {
            sender.blocking_send(Ok(Bytes::from(block))).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
        })
    });
    // A time after every block of the chain.
    let request = VerifyRequest::new(ChainParameters::Network(Network::Regtest)).blocks().now(u64::from(u32::MAX));
    let answer = client.verify_stream(&request, ReceiverStream::new(receiver), |_| ()).await?;
    // After an early verdict the generator fails with a broken pipe, which is not an error here.
    drop(maker.await?);
    Ok(answer)
}

impl Options {
    fn of(words: &[String]) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            bytes: 1 << 30,
            block_bytes: 1 << 20,
            peak_max: 256 << 20,
            threads: 1,
            service: "target/release/cityseal".to_owned(),
        };
        for pair in words.chunks(2) {
            let [name, value] = pair else { return Err(format!("{} has no value", pair[0]).into()) };
            match name.as_str() {
                "--bytes" => options.bytes = bytes_of(value)?,
                "--block-bytes" => options.block_bytes = usize::try_from(bytes_of(value)?)?,
                "--peak-max" => options.peak_max = bytes_of(value)?,
                "--threads" => options.threads = value.parse()?,
                "--service" => value.clone_into(&mut options.service),
                _ => return Err(format!("unknown option {name:?}").into()),
            }
        }
        let allowed = BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX;
        if !allowed.contains(&options.block_bytes) {
            let (min, max) = (BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
            return Err(format!("--block-bytes {}: expected {min} to {max}", options.block_bytes).into());
        }
        Ok(options)
    }
}

/// Parses `10GiB`, `64MiB`, `300KiB` or plain bytes.
fn bytes_of(text: &str) -> Result<u64, Box<dyn Error>> {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let (digits, shift) =
        units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift))).unwrap_or((text, 0));
    Ok(digits.parse::<u64>()? << shift)
}
