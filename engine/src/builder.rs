//! Chooses devices, opens and self-tests them, and builds an engine. Says of every device that is left out why.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cityseal_device::known_answers::{self, Case};
use cityseal_device::{Backend, CpuBackend, DeviceKind, Opener};
use cityseal_hash::HashKernel;

use crate::driver::AfterFailure;
use crate::fitting::{Fitting, fit};
use crate::gpu::{self, Variant};
use crate::memory;
use crate::select::{Chosen, Found, GpuOptions, LeftOut, LeftOutReason, NO_GPU_READY, Selection};
use crate::shell::Member;
use crate::{BuildError, Engine, Profile};

/// Most threads that may be asked for: far above any machine, and far below what would exhaust one.
const THREADS_MAX: usize = 4_096;

/// Numbers that shape the engine's decisions. The defaults suit a node that also does other work.
#[derive(Clone, Debug, PartialEq)]
pub struct EnginePolicy {
    /// How long a search batch of a CPU worker takes: it bounds how long a cancel takes. Default 1 ms.
    pub cpu_batch_time: Duration,
    /// How long a search batch of a GPU takes: no less than a dispatch, so [`EngineBuilder::profile`] sets it. Default 20 ms.
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
            gpu_batch_time: Profile::Balanced.dispatch_time(),
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

/// Says which devices an engine may use, and builds it.
///
/// ```
/// use cityseal_engine::{DeviceState, Engine, Profile};
///
/// // Two threads of the CPU and no GPU. Without these settings: every ready device that is worth using.
/// let engine = Engine::builder().gpu(false).threads(Some(2)).profile(Profile::Interactive).build()?;
/// for device in engine.devices() {
///     println!("{device}"); // cpu (AMD EPYC 9454): ready
///     assert_eq!(device.state, DeviceState::Ready);
/// }
///
/// // A device that is asked for by name and is not there is an error, never a silent fallback.
/// let refused = Engine::builder().gpu(false).devices(vec!["no such device".to_owned()]).build();
/// assert!(refused.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    profile: Option<Profile>,
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
    /// The devices to use: `cpu`, `gpu`, `software`, `all`, an id, a PCI address or vendor:device, or a part of a name,
    /// whatever its case. A device selected by name is always used, whatever its speed; a software adapter must be allowed
    /// too ([`Self::allow_software`]). Empty (the default) or `auto`: every device that is ready, each for the work at which
    /// it beats the CPU.
    #[must_use]
    pub fn devices(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }

    /// Lets software adapters (lavapipe) count as devices. Default false: one that is named is then refused.
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

    /// Whether to look for GPUs at all. Default true. Without the feature `gpu` none is found, and a note says so.
    #[must_use]
    pub fn gpu(mut self, gpu: bool) -> Self {
        self.no_gpu = !gpu;
        self
    }

    /// A file in which is kept what was measured of GPUs when they were opened, so that it need not be measured again. It may
    /// be deleted at any time. `None` (the default): they are measured each time. Without the feature `gpu` nothing is kept.
    #[must_use]
    pub fn device_memory(mut self, file: Option<PathBuf>) -> Self {
        self.memory = file;
        self
    }

    /// Adds a device of the caller's own making. It always works, as one that is named.
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

    /// How long a dispatch of a GPU takes, and with it a batch of a search, whatever the policy says. Default
    /// [`Profile::Balanced`].
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// The policy, with what the profile says of it.
    fn policy_of_profile(&self) -> EnginePolicy {
        let mut policy = self.policy.clone();
        if let Some(profile) = self.profile {
            policy.gpu_batch_time = profile.dispatch_time();
        }
        policy
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
            let options = GpuOptions {
                allow_software: self.allow_software,
                dispatch_time: self.profile.unwrap_or_default().dispatch_time(),
                variant,
                is_expected: variant.is_some() || self.kernel.is_none(),
            };
            found.look_for_gpus(options, self.memory.as_deref());
        }
        let selection = found.choose(&self.names, threads, kernel)?;
        // Who only asked for an engine without GPUs has nothing to run it on, and is told nothing.
        let wants_gpu = !self.no_gpu || !self.names.is_empty();
        match variant.filter(|_| wants_gpu) {
            Some(variant) if selection.devices.iter().all(|opener| opener.info().kind == DeviceKind::Cpu) => {
                Err(BuildError::UnknownKernel {
                    name: variant.name().to_owned(),
                    reason: "it is a variant of the shaders, and no GPU is chosen".to_owned(),
                    known: cpu_kernels(),
                })
            }
            _ => Ok(selection),
        }
    }

    /// Finds, opens and self-tests devices, and starts their workers.
    ///
    /// # Errors
    /// [`BuildError`] where a device that was asked for is not there or not ready, or a setting makes no sense.
    pub fn build(self) -> Result<Engine, BuildError> {
        // A variant that was asked for was not measured, and is not remembered as the fastest.
        let is_given = self.kernel.as_deref().and_then(Variant::by_name).is_some();
        let (policy, memory) = (self.policy_of_profile(), self.memory.clone().filter(|_| !is_given));
        let selection = self.select()?;
        let (threads, kernel) = (selection.threads, selection.kernel);
        let (mut left_out, mut notes) = (selection.left_out, selection.notes);
        let mut members = Vec::new();
        let mut has_gpu = false;
        for (mut opener, chosen) in selection.devices.into_iter().zip(selection.chosen) {
            match open_and_test(&mut *opener) {
                Ok(backend) => {
                    has_gpu |= opener.info().kind != DeviceKind::Cpu;
                    let fitting = Fitting::new(&*opener, chosen, memory.as_deref());
                    members.push(Member::new(opener, backend, fitting));
                }
                Err(reason) if chosen == Chosen::ByName => {
                    let (name, reason) = (opener.info().name.clone(), reason.to_string());
                    return Err(BuildError::NotReady { name, reason });
                }
                Err(reason) => left_out.push(LeftOut { info: opener.info().clone(), reason }),
            }
        }
        if selection.expects_gpu && !has_gpu && notes.is_empty() {
            notes.push(NO_GPU_READY.to_owned());
        }
        left_out.extend(fit(&mut members, threads, kernel));
        if let Some(file) = &memory {
            let failed = left_out.iter().filter(|left| left.reason.is_failure() && left.info.kind == DeviceKind::Gpu);
            failed.for_each(|left| memory::forget(file, &left.info.id));
        }
        for member in &mut members {
            member.add_cpu_workers(threads, kernel);
        }
        Engine::start(policy, canary(), members, left_out, notes)
    }
}

impl Engine {
    /// The names of the shader variants, of which a GPU runs the fastest that is right. Empty without the feature `gpu`.
    pub fn shader_variants() -> impl Iterator<Item = &'static str> {
        gpu::variant_names()
    }
}

/// Opens a device and puts the known-answer questions to it.
///
/// # Errors
/// Why it can not be used.
pub(crate) fn open_and_test(opener: &mut dyn Opener) -> Result<Box<dyn Backend>, LeftOutReason> {
    let mut backend = opener.open()?;
    known_answers::run(&mut *backend)
        .map_err(|failure| LeftOutReason::FailedSelfTest { reason: failure.to_string() })?;
    Ok(backend)
}

/// The question that a running device is asked now and then: several hits, none of them at an edge.
fn canary() -> Arc<Case> {
    let cases = known_answers::cases(&CpuBackend::new(HashKernel::portable()));
    Arc::new(cases.into_iter().find(|case| case.name == known_answers::CANARY).expect("the suite holds the canary"))
}

fn choose_kernel(name: Option<&str>) -> Result<HashKernel, BuildError> {
    let Some(name) = name else { return Ok(HashKernel::detect()) };
    HashKernel::by_name(name).map_err(|error| {
        let is_shader = !gpu::IS_BUILT && name.starts_with(gpu::VARIANT_PREFIX);
        let reason = if is_shader { format!("it is for GPUs, and {}", gpu::NOT_BUILT) } else { error.to_string() };
        BuildError::UnknownKernel { name: name.to_owned(), reason, known: cpu_kernels() }
    })
}

fn cpu_kernels() -> Vec<String> {
    HashKernel::all_available().iter().map(|kernel| kernel.name().to_owned()).collect()
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
