//! How busy a long search keeps a device, and what the host spends beside it: from the CPU times of this process's threads.
//!
//! `cargo run --release -p cityseal-tests --example device-busy -- [seconds] [device]`, on Linux. The host is the main thread
//! and those that the engine has named; what is left are the threads of the driver, which with software Vulkan are the device.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Error, Write as _};
use std::time::{Duration, Instant};

use cityseal_engine::chain::{Network, Parameters, SealTemplate, Target};
use cityseal_engine::{Engine, SealJob};

/// How the engine's own threads are named.
const ENGINE_THREADS: &str = "cityseal-";

/// A thread that does less is none that hashes.
const HASHES_AT_LEAST: f64 = 0.1;

/// Clock ticks of `/proc` in a second, as on every Linux that this runs on (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// What is not measured in the beginning: the first dispatches compile, and are small.
const WARM_UP: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let seconds: u64 = words.first().map_or(Ok(10), |word| word.parse())?;
    let device = words.get(1).cloned().unwrap_or_else(|| "llvmpipe".to_owned());
    let engine = Engine::builder().devices(vec![device]).allow_software(true).build()?;
    // A target that nothing meets, over more nonces than can be searched.
    let target = Target::from_display_hex(&format!("{}1", "0".repeat(63)))?;
    let header = *Parameters::of(Network::Mainnet).genesis();
    let template = SealTemplate::builder(header).time_window_s(100_000).target(target).build()?;
    let job = engine.submit(SealJob::new(template));
    job.wait(Some(WARM_UP));
    let (before, hashes, began) = (cpu_times()?, job.snapshot().hashes, Instant::now());
    job.wait(Some(Duration::from_secs(seconds)));
    let (after, wall) = (cpu_times()?, began.elapsed().as_secs_f64());
    let hashes = job.snapshot().hashes - hashes;
    job.cancel("measured");
    let is_host = |(name, number): &(String, u32)| name.starts_with(ENGINE_THREADS) || *number == std::process::id();
    let spent = |host: bool| -> Vec<f64> {
        let own = after.iter().filter(|(key, _)| is_host(key) == host);
        own.map(|(key, ticks)| (ticks - before.get(key).unwrap_or(&0)) as f64 / TICKS_PER_S / wall).collect()
    };
    let mut out = std::io::stdout();
    for share in spent(false).into_iter().filter(|share| *share > HASHES_AT_LEAST) {
        writeln!(out, "a thread of the device: {:.1} % of a core", 100.0 * share)?;
    }
    writeln!(out, "the host, all threads:  {:.1} % of a core", 100.0 * spent(true).iter().sum::<f64>())?;
    writeln!(out, "{:.2} M hashes a second", hashes as f64 / wall / 1e6)?;
    Ok(())
}

/// CPU time of each thread of this process by name and number, in clock ticks (proc(5), `stat`, fields 14 and 15).
fn cpu_times() -> Result<BTreeMap<(String, u32), u64>, Error> {
    let mut times = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0);
        let stat = fs::read_to_string(path.join("stat"))?;
        // The name stands in brackets and may hold anything; the fields behind it are counted from the last bracket.
        let (name, fields) = stat.rsplit_once(')').ok_or_else(|| Error::other("a stat without a name"))?;
        let name = name.split_once('(').map_or("", |(_, name)| name).to_owned();
        let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        times.insert((name, number), ticks);
    }
    Ok(times)
}
