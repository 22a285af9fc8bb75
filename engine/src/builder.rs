//! Chooses devices, opens and self-tests them, and builds an engine. Says of every device that is left out why.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cityseal_device::known_answers::{self, Case};
use cityseal_device::{Backend, CPU_DEVICE_ID, CpuBackend, CpuOpener, DeviceInfo, DeviceKind, Opener};
use cityseal_gpu::shader::Variant;
use cityseal_gpu::{DiscoverOptions, Discovered, DiscoveredState, Remembered, VariantChoice};
use cityseal_hash::HashKernel;

use crate::driver::AfterFailure;
use crate::memory;
use crate::shell::Member;
use crate::{BuildError, Engine};

/// Most threads that may be asked for: far above any machine, and far below what would exhaust one.
const THREADS_MAX: usize = 4_096;

/// Numbers that shape the engine's decisions. The defaults suit a node that also does other work.
#[derive(Clone, Debug, PartialEq)]
pub struct EnginePolicy {
    /// How long a search batch of a CPU worker takes: it bounds how long a cancel takes. Default 1 ms.
    pub cpu_batch_time: Duration,
    /// How long a search batch of a GPU takes. Default 20 ms, which a display survives.
    pub gpu_batch_time: Duration,
    /// Hashes of a worker's first batch; it doubles until it takes the time above. Default 2^14.
    pub batch_hashes_first: u64,
    /// No batch is smaller, unless hits are dense or the space ends. Default 256.
    pub batch_hashes_min: u64,
    /// Hits that a batch may report. Default 4,096.
    pub hits_max: usize,
    /// Rolled versions that share one message schedule, where the search space has them: 1 to 8. Default 4.
    pub versions_per_batch: usize,
    /// A device that is not the CPU is asked a question with a known answer after so many batches. Default 32.
    pub canary_every: u32,
    /// How much a worker claims of a job at once, in time at its own rate: batches are cut from the claim, and others may
    /// take half of what is left of it. Default 1 s.
    pub claim_time: Duration,
    /// A batch that takes longer makes its device hung. Default 4 s, so that with the time below a hang is seen within 5 s.
    pub hang_after: Duration,
    /// How much longer the thread of a device may be silent before it is taken to be stuck inside the driver. Default 500 ms.
    pub stuck_after: Duration,
    /// How long a device that was caught in a wrong answer gets no work; four times as long each time. Default 60 s.
    pub quarantine_first: Duration,
    /// A device that was caught more often than this gets no work any more. Default 3.
    pub strikes_max: u32,
    /// How many known questions in a row a device must answer after its quarantine, one behind each batch, before it is
    /// believed as before. Default 256.
    pub probation_canaries: u32,
    /// After so long without a wrong answer one strike is forgotten. Default 1 h.
    pub strike_forgotten_after: Duration,
    /// Pause before a lost device is opened again; it doubles each time. Default 1 s.
    pub reopen_first: Duration,
    /// How often a lost device is opened again in a row. Default 6: 1, 2, 4, 8, 16, 32 s.
    pub reopen_tries: u32,
    /// A job says how far it is no more often than this. Default 100 ms.
    pub progress_interval: Duration,
    /// Headers of a chain that are hashed and judged as one segment. Default 4,096: 320 KiB, which fits a core's cache.
    pub segment_headers: usize,
    /// Segments of one chain under way: its memory is this many segments. Default 8.
    pub segments_per_stream: usize,
    /// A device whose header rate is less than this share of the best worker's hashes no headers. Default 1/4.
    pub check_share_min: f64,
    /// One in so many header hashes of a device that is not the CPU is hashed again. Default 1,024.
    pub recheck_every: usize,
    /// The same while the device is on probation. Default 16.
    pub recheck_every_on_probation: usize,
}

impl Default for EnginePolicy {
    fn default() -> Self {
        Self {
            cpu_batch_time: Duration::from_millis(1),
            gpu_batch_time: Duration::from_millis(20),
            batch_hashes_first: 1 << 14,
            batch_hashes_min: 256,
            hits_max: 4_096,
            versions_per_batch: 4,
            canary_every: 32,
            claim_time: Duration::from_secs(1),
            hang_after: Duration::from_secs(4),
            stuck_after: Duration::from_millis(500),
            quarantine_first: Duration::from_mins(1),
            strikes_max: 3,
            probation_canaries: 256,
            strike_forgotten_after: Duration::from_hours(1),
            reopen_first: Duration::from_secs(1),
            reopen_tries: 6,
            progress_interval: Duration::from_millis(100),
            segment_headers: 4_096,
            segments_per_stream: 8,
            check_share_min: 0.25,
            recheck_every: 1_024,
            recheck_every_on_probation: 16,
        }
    }
}

impl EnginePolicy {
    /// What a worker does after its `failures`-th failure in a row.
    pub(crate) fn reopen_after(&self, failures: u32) -> AfterFailure {
        if failures > self.reopen_tries {
            return AfterFailure::Retire;
        }
        AfterFailure::ReopenAfter(self.reopen_first * 2_u32.saturating_pow(failures.saturating_sub(1)))
    }

    /// What a worker does after its device was caught for the `strikes`-th time.
    pub(crate) fn quarantine_after(&self, strikes: u32) -> AfterFailure {
        if strikes > self.strikes_max {
            return AfterFailure::Retire;
        }
        AfterFailure::ReopenAfter(self.quarantine_first * 4_u32.saturating_pow(strikes.saturating_sub(1)))
    }
}

/// A device that is not used.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// What it is.
    pub info: DeviceInfo,
    /// Why, in words that a person can act on.
    pub reason: String,
}

/// The devices that were chosen, not opened yet.
pub struct Selection {
    /// The chosen devices, the CPU first. The CPU is one entry, whatever the number of its threads.
    pub devices: Vec<Box<dyn Opener>>,
    /// Every other device that was found.
    pub left_out: Vec<LeftOut>,
    /// What a person should be told once.
    pub notes: Vec<String>,
    /// Threads of the CPU.
    pub threads: usize,
    /// The kernel of the CPU.
    pub kernel: HashKernel,
    /// Whether the devices were asked for by name: then one that is not ready is an error.
    by_name: bool,
}

impl std::fmt::Debug for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let devices: Vec<&DeviceInfo> = self.devices.iter().map(|opener| opener.info()).collect();
        f.debug_struct("Selection")
            .field("devices", &devices)
            .field("left_out", &self.left_out)
            .field("notes", &self.notes)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Says which devices an engine may use, and builds it.
#[derive(Default)]
pub struct EngineBuilder {
    names: Vec<String>,
    allow_software: bool,
    kernel: Option<String>,
    threads: Option<usize>,
    no_gpu: bool,
    memory: Option<PathBuf>,
    added: Vec<Box<dyn Opener>>,
    policy: EnginePolicy,
}

impl std::fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineBuilder")
            .field("names", &self.names)
            .field("allow_software", &self.allow_software)
            .field("kernel", &self.kernel)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl EngineBuilder {
    /// The devices to use: `cpu`, `gpu`, `all`, an id, or a part of a name, whatever its case. Empty (the default): every
    /// device that is ready.
    #[must_use]
    pub fn devices(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }

    /// Lets software adapters (lavapipe) count as devices.
    #[must_use]
    pub fn allow_software(mut self, allow_software: bool) -> Self {
        self.allow_software = allow_software;
        self
    }

    /// The kernel of the CPU, by name; `None` (the default): the best that this CPU can run. The name of a variant of the
    /// shaders ([`Engine::shader_variants`]) is meant for GPUs, which then run it instead of the one that suits them best.
    #[must_use]
    pub fn kernel(mut self, kernel: Option<String>) -> Self {
        self.kernel = kernel;
        self
    }

    /// Threads of the CPU; `None` (the default): one for each of its logical processors.
    #[must_use]
    pub fn threads(mut self, threads: Option<usize>) -> Self {
        self.threads = threads;
        self
    }

    /// Whether to look for GPUs at all. Default true.
    #[must_use]
    pub fn gpu(mut self, gpu: bool) -> Self {
        self.no_gpu = !gpu;
        self
    }

    /// A file in which is kept what was measured of GPUs when they were opened, so that it need not be measured again. It may
    /// be deleted at any time. `None` (the default): they are measured each time.
    #[must_use]
    pub fn device_memory(mut self, file: Option<PathBuf>) -> Self {
        self.memory = file;
        self
    }

    /// Adds a device of the caller's own making.
    #[must_use]
    pub fn add_device(mut self, opener: Box<dyn Opener>) -> Self {
        self.added.push(opener);
        self
    }

    /// Numbers that shape the engine's decisions.
    #[must_use]
    pub fn policy(mut self, policy: EnginePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Finds and chooses devices, and opens none.
    ///
    /// # Errors
    /// [`BuildError`] where a name fits nothing, or only devices that can not be used.
    pub fn select(self) -> Result<Selection, BuildError> {
        let variant = self.kernel.as_deref().and_then(Variant::by_name);
        let kernel = choose_kernel(self.kernel.as_deref().filter(|_| variant.is_none()))?;
        let threads = choose_threads(self.threads)?;
        let mut found = Found::new(kernel, self.added);
        if !self.no_gpu {
            found.look_for_gpus(self.allow_software, self.memory.as_deref(), variant);
        }
        found.choose(&self.names, threads, kernel)
    }

    /// Finds, opens and self-tests devices, and starts their workers.
    ///
    /// # Errors
    /// [`BuildError`] where a device that was asked for is not there or not ready, or a setting makes no sense.
    pub fn build(self) -> Result<Engine, BuildError> {
        let policy = self.policy.clone();
        // A variant that was asked for was not measured, and is not remembered as the fastest.
        let is_given = self.kernel.as_deref().and_then(Variant::by_name).is_some();
        let memory = self.memory.clone().filter(|_| !is_given);
        let selection = self.select()?;
        let (threads, kernel, by_name) = (selection.threads, selection.kernel, selection.by_name);
        let mut left_out = selection.left_out;
        let mut members = Vec::new();
        for mut opener in selection.devices {
            let opened = open_and_test(&mut *opener);
            remember(memory.as_deref(), opener.info(), opened.is_ok());
            match opened {
                Ok(backend) => members.push(Member::new(opener, backend)),
                Err(reason) if by_name => {
                    return Err(BuildError::NotReady { name: opener.info().name.clone(), reason });
                }
                Err(reason) => left_out.push(LeftOut { info: opener.info().clone(), reason }),
            }
        }
        for member in &mut members {
            member.add_cpu_workers(threads, kernel);
        }
        Engine::start(policy, canary(), members, left_out, selection.notes)
    }
}

impl Engine {
    /// The names of the shaders' variants, of which a GPU runs the fastest that is right.
    pub fn shader_variants() -> impl Iterator<Item = &'static str> {
        Variant::ALL.into_iter().map(Variant::name)
    }
}

/// Keeps what was measured of a GPU that passed its test, and forgets one that did not.
fn remember(file: Option<&Path>, info: &DeviceInfo, has_passed: bool) {
    match file.filter(|_| info.kind == DeviceKind::Gpu) {
        Some(file) if has_passed => memory::keep(file, Remembered::of(info)),
        Some(file) => memory::forget(file, &info.id),
        None => {}
    }
}

/// Opens a device and puts the known-answer questions to it.
///
/// # Errors
/// Why it can not be used, in words.
pub(crate) fn open_and_test(opener: &mut dyn Opener) -> Result<Box<dyn Backend>, String> {
    let mut backend = opener.open().map_err(|error| error.to_string())?;
    known_answers::run(&mut *backend).map_err(|failure| format!("self-test failed: {failure}"))?;
    Ok(backend)
}

/// The question that a running device is asked now and then: several hits, none of them at an edge.
fn canary() -> Arc<Case> {
    let cases = known_answers::cases(&CpuBackend::new(HashKernel::portable()));
    Arc::new(cases.into_iter().find(|case| case.name == known_answers::CANARY).expect("the suite holds the canary"))
}

fn choose_kernel(name: Option<&str>) -> Result<HashKernel, BuildError> {
    let Some(name) = name else { return Ok(HashKernel::detect()) };
    HashKernel::by_name(name).map_err(|error| BuildError::UnknownKernel {
        name: name.to_owned(),
        reason: error.to_string(),
        known: HashKernel::all_available().iter().map(|kernel| kernel.name().to_owned()).collect(),
    })
}

fn choose_threads(threads: Option<usize>) -> Result<usize, BuildError> {
    match threads {
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        Some(threads) if (1..=THREADS_MAX).contains(&threads) => Ok(threads),
        Some(threads) => Err(BuildError::OutOfRange {
            what: "threads",
            expected: format!("1 to {THREADS_MAX}"),
            found: threads as u64,
        }),
    }
}

/// Everything that was found, before anything is chosen.
struct Found {
    openers: Vec<Box<dyn Opener>>,
    left_out: Vec<LeftOut>,
    notes: Vec<String>,
}

impl Found {
    fn new(kernel: HashKernel, added: Vec<Box<dyn Opener>>) -> Self {
        let mut openers: Vec<Box<dyn Opener>> = vec![Box::new(CpuOpener::new(kernel))];
        openers.extend(added);
        Self { openers, left_out: Vec::new(), notes: Vec::new() }
    }

    fn look_for_gpus(&mut self, allow_software: bool, file: Option<&Path>, variant: Option<Variant>) {
        let remembered = file.map(memory::load).unwrap_or_default();
        let options = DiscoverOptions { allow_software, remembered: &remembered, ..DiscoverOptions::default() };
        let options = match variant {
            Some(variant) => DiscoverOptions { variant: VariantChoice::Given(variant), ..options },
            None => options,
        };
        let discovery = cityseal_gpu::discover(options);
        self.notes.extend(discovery.note.map(|note| note.to_string()));
        for Discovered { info, state } in discovery.devices {
            match state {
                DiscoveredState::Ready(opener) => self.openers.push(opener),
                DiscoveredState::LeftOut(reason) => self.left_out.push(LeftOut { info, reason: reason.to_string() }),
            }
        }
    }

    fn choose(mut self, names: &[String], threads: usize, kernel: HashKernel) -> Result<Selection, BuildError> {
        let by_name = !names.is_empty();
        let mut chosen = vec![!by_name; self.openers.len()];
        for name in names {
            self.mark(name, &mut chosen)?;
        }
        let mut devices = Vec::new();
        for (opener, chosen) in std::mem::take(&mut self.openers).into_iter().zip(chosen) {
            if chosen {
                devices.push(opener);
            } else {
                self.left_out.push(LeftOut { info: opener.info().clone(), reason: "not selected".to_owned() });
            }
        }
        if !by_name && devices.iter().all(|opener| opener.info().kind == DeviceKind::Cpu) {
            let why = "no GPU is ready, so the CPU does all the work (`cityseal devices` says why)";
            self.notes.push(why.to_owned());
        }
        Ok(Selection { devices, left_out: self.left_out, notes: self.notes, threads, kernel, by_name })
    }

    /// Marks the openers that a name fits.
    fn mark(&self, name: &str, chosen: &mut [bool]) -> Result<(), BuildError> {
        let mut any = false;
        for (opener, chosen) in self.openers.iter().zip(chosen) {
            if fits(name, opener.info()) {
                *chosen = true;
                any = true;
            }
        }
        if any { Ok(()) } else { Err(self.refusal(name)) }
    }

    fn refusal(&self, name: &str) -> BuildError {
        let reasons: Vec<String> = self
            .left_out
            .iter()
            .filter(|left| fits(name, &left.info))
            .map(|left| format!("{}: {}", left.info.name, left.reason))
            .collect();
        let name = name.to_owned();
        if !reasons.is_empty() {
            return BuildError::NotReady { name, reason: reasons.join("; ") };
        }
        if name.eq_ignore_ascii_case("gpu") {
            return BuildError::NotReady { name, reason: "no GPU was found".to_owned() };
        }
        let openers = self.openers.iter().map(|opener| opener.info().name.clone());
        let known = openers.chain(self.left_out.iter().map(|left| left.info.name.clone()));
        BuildError::UnknownDevice { name, known: known.collect() }
    }
}

/// Whether a name given by a person means this device.
fn fits(name: &str, info: &DeviceInfo) -> bool {
    let name = name.to_lowercase();
    match name.as_str() {
        "" => false,
        "all" => true,
        CPU_DEVICE_ID => info.kind == DeviceKind::Cpu,
        "gpu" => info.kind != DeviceKind::Cpu,
        part => info.id.to_lowercase() == part || info.name.to_lowercase().contains(part),
    }
}
