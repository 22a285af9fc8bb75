//! Measures how busy a long search keeps a device, and how much CPU time the host needs, from the CPU times of this
//! process's threads.
//!
//! `cargo run --release -p cityseal-tests --example device-busy -- [seconds] [device]`, on Linux. The main thread and
//! the threads named by the engine count as the host. All other threads belong to the driver; with software Vulkan they
//! are the device.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Error, Write as _};
use std::time::{Duration, Instant};

use cityseal_engine::chain::{Network, Parameters, SealTemplate, Target};
use cityseal_engine::{Engine, SealJob};

/// Prefix of the names of the engine's threads.
const ENGINE_THREADS: &str = "cityseal-";

/// Driver threads below this load (1.0 is one core) do not hash and are not printed.
const DEVICE_LOAD_MIN: f64 = 0.1;

/// Clock ticks of `/proc` per second (`USER_HZ`), the same on all supported Linux systems.
const TICKS_PER_S: f64 = 100.0;

/// Time before the measurement: the first dispatches are small, and the shaders are compiled.
const WARM_UP: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let seconds: u64 = words.first().map_or(Ok(10), |word| word.parse())?;
    let device = words.get(1).cloned().unwrap_or_else(|| "llvmpipe".to_owned());
    let engine = Engine::builder().devices(vec![device]).allow_software(true).build()?;
    // A target that no hash meets, and a larger space than can be searched.
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
    for load in spent(false).into_iter().filter(|load| *load > DEVICE_LOAD_MIN) {
        writeln!(out, "device thread:     {:.1} % of a core", 100.0 * load)?;
    }
    writeln!(out, "all host threads:  {:.1} % of a core", 100.0 * spent(true).iter().sum::<f64>())?;
    writeln!(out, "{:.2} MH/s", hashes as f64 / wall / 1e6)?;
    Ok(())
}

/// CPU time of each thread of this process by name and number, in clock ticks (proc(5), `stat`, fields 14 and 15).
fn cpu_times() -> Result<BTreeMap<(String, u32), u64>, Error> {
    let mut times = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0);
        let stat = fs::read_to_string(path.join("stat"))?;
        // The name is in parentheses and may contain any character, so the other fields start after the last one.
        let no_name = || Error::other(format!("{}/stat has no thread name in parentheses", path.display()));
        let (name, fields) = stat.rsplit_once(')').ok_or_else(no_name)?;
        let name = name.split_once('(').map_or("", |(_, name)| name).to_owned();
        let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        times.insert((name, number), ticks);
    }
    Ok(times)
}
