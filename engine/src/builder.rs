//! Builds an engine: chooses, opens and self-tests devices, and reports why each other device is left out.

use std::path::PathBuf;
use std::sync::Arc;

use cityseal_device::known_answers::{self, Case};
use cityseal_device::{CpuBackend, DeviceKind, Opener};
use cityseal_hash::HashKernel;

use crate::devices::{
    AUTO, Chosen, DeviceProfile, Found, GpuOptions, LeftOut, NO_GPU_READY, OpenDevice, Selection, forget, may_have_gpu,
    measure_costs, open_and_test,
};
use crate::engine::Engine;
use crate::error::BuildError;
use crate::gpu::{self, Variant};
use crate::policy::EnginePolicy;
use crate::profile::Profile;

/// Most threads that a caller may request: more than any machine has processors, and few enough to start.
const THREADS_MAX: usize = 4_096;

/// Builds an [`Engine`]: which devices it may use, and how.
///
/// ```
/// use cityseal_engine::{DeviceState, Engine, Profile};
///
/// // Two threads of the CPU and no GPU. The default is every ready device.
/// let engine = Engine::builder().gpu(false).threads(2).profile(Profile::Interactive).build()?;
/// for device in engine.devices() {
///     println!("{device}"); // cpu (AMD EPYC 9454): ready
///     assert_eq!(device.state, DeviceState::Ready);
/// }
///
/// // A named device that does not exist is an error, never a silent fallback.
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
    quick_start: bool,
    tuning_cache: Option<PathBuf>,
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
    /// The devices to use: `cpu`, `gpu`, `software`, `all`, an id, a PCI address, vendor:device, or a part of a name
    /// (case does not matter). A device selected by name is always used, whatever its speed; a software adapter must
    /// also be allowed ([`Self::allow_software`]). Empty (the default) or `auto`: every ready device, each for the work
    /// at which it beats the CPU.
    #[must_use]
    pub fn devices(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }

    /// Whether software adapters (lavapipe) count as devices. Default false: a named one is then an error.
    #[must_use]
    pub fn allow_software(mut self, allow_software: bool) -> Self {
        self.allow_software = allow_software;
        self
    }

    /// The kernel of the CPU, by name. Default: the fastest that this CPU can run. The name of a shader variant
    /// ([`Engine::shader_variants`]) applies to GPUs instead, which then run it rather than their fastest one.
    #[must_use]
    pub fn kernel(mut self, kernel: impl Into<String>) -> Self {
        self.kernel = Some(kernel.into());
        self
    }

    /// Threads of the CPU, 1 to 4,096. Default: one per logical processor.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Whether to look for GPUs. Default true. Without the feature `gpu` none is found, and a note says so.
    #[must_use]
    pub fn gpu(mut self, gpu: bool) -> Self {
        self.no_gpu = !gpu;
        self
    }

    /// Whether to skip loading GPU drivers, which takes about 50 ms, if the operating system shows no GPU. Default
    /// false. Ignored if a device is named, software adapters are allowed, or a shader variant is selected. Devices
    /// that were not looked for are missing in [`Engine::devices`].
    #[must_use]
    pub fn quick_start(mut self, quick_start: bool) -> Self {
        self.quick_start = quick_start;
        self
    }

    /// The file of the tuning cache, which keeps measurements of GPUs between runs. It may be deleted at any time.
    /// Without one (the default), GPUs are measured at each start. Without the feature `gpu` the file is not used.
    #[must_use]
    pub fn tuning_cache(mut self, file: impl Into<PathBuf>) -> Self {
        self.tuning_cache = Some(file.into());
        self
    }

    /// Adds a device of the caller. It takes every task, as a named one does.
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

    /// The duration of a GPU dispatch and a GPU search batch; it overrides [`EnginePolicy::gpu_batch_time`]. Default
    /// [`Profile::Balanced`].
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// The policy with the profile's dispatch time.
    fn policy_of_profile(&self) -> EnginePolicy {
        let mut policy = self.policy.clone();
        if let Some(profile) = self.profile {
            policy.gpu_batch_time = profile.dispatch_time();
        }
        policy
    }

    /// Finds and chooses devices without opening any.
    ///
    /// # Errors
    /// [`BuildError`] if a name matches nothing, or only devices that cannot be used.
    pub fn select(self) -> Result<Selection, BuildError> {
        let variant = self.kernel.as_deref().and_then(Variant::by_name);
        let kernel = choose_kernel(self.kernel.as_deref().filter(|_| variant.is_none()))?;
        let threads = choose_threads(self.threads)?;
        let mut found = Found::new(kernel, self.added);
        let is_auto = self.names.iter().all(|name| name.eq_ignore_ascii_case(AUTO));
        let can_skip = self.quick_start && is_auto && !self.allow_software && variant.is_none();
        if !self.no_gpu && (!can_skip || may_have_gpu()) {
            let options = GpuOptions {
                allow_software: self.allow_software,
                dispatch_time: self.profile.unwrap_or_default().dispatch_time(),
                variant,
                is_expected: variant.is_some() || self.kernel.is_none(),
            };
            found.look_for_gpus(options, self.tuning_cache.as_deref());
        }
        let selection = found.choose(&self.names, threads, kernel)?;
        // A shader variant is pointless without a GPU, but an error only if one was possible.
        let wants_gpu = !self.no_gpu || !self.names.is_empty();
        match variant.filter(|_| wants_gpu) {
            Some(variant) if selection.devices.iter().all(|opener| opener.info().kind == DeviceKind::Cpu) => {
                Err(BuildError::UnknownKernel {
                    name: variant.name().to_owned(),
                    reason: "it is a shader variant, and no GPU is chosen".to_owned(),
                    known: cpu_kernels(),
                })
            }
            _ => Ok(selection),
        }
    }

    /// Finds, opens and self-tests devices, and starts the engine's threads.
    ///
    /// # Errors
    /// [`BuildError`] if a named device does not exist or is not ready, or if a setting is invalid.
    pub fn build(self) -> Result<Engine, BuildError> {
        // A requested variant is not the fastest one that was measured, so it stays out of the tuning cache.
        let is_given = self.kernel.as_deref().and_then(Variant::by_name).is_some();
        let policy = self.policy_of_profile();
        let cache = self.tuning_cache.clone().filter(|_| !is_given);
        let selection = self.select()?;
        let (threads, kernel) = (selection.threads, selection.kernel);
        let (mut left_out, mut notes) = (selection.left_out, selection.notes);
        let mut devices = Vec::new();
        let mut has_gpu = false;
        for (mut opener, chosen) in selection.devices.into_iter().zip(selection.chosen) {
            match open_and_test(&mut *opener) {
                Ok(backend) => {
                    has_gpu |= opener.info().kind != DeviceKind::Cpu;
                    let profile = DeviceProfile::new(&*opener, chosen, cache.as_deref());
                    devices.push(OpenDevice::new(opener, backend, profile));
                }
                Err(reason) if chosen == Chosen::ByName => {
                    let (name, reason) = (opener.info().name.clone(), reason.to_string());
                    return Err(BuildError::NotReady { name, reason });
                }
                Err(reason) => left_out.push(LeftOut { info: opener.info().clone(), reason }),
            }
        }
        // The selection had GPUs, but none of them opened.
        if selection.expects_gpu && !has_gpu && notes.is_empty() {
            notes.push(NO_GPU_READY.to_owned());
        }
        left_out.extend(measure_costs(&mut devices, threads, kernel));
        if let Some(file) = &cache {
            // Its cached tuning may be the reason that a device fails.
            let failed = left_out.iter().filter(|left| left.reason.is_failure() && left.info.kind == DeviceKind::Gpu);
            failed.for_each(|left| forget(file, &left.info.id));
        }
        for device in &mut devices {
            device.add_cpu_workers(threads, kernel);
        }
        Engine::start(policy, canary(), devices, left_out, notes)
    }
}

impl Engine {
    /// A builder with the default settings.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// The names of the shader variants; a GPU runs the fastest one that passes its self-test. Empty without the
    /// feature `gpu`.
    pub fn shader_variants() -> impl Iterator<Item = &'static str> {
        gpu::variant_names()
    }
}

/// The canary of running devices: a batch with several hits, none of them at an edge.
fn canary() -> Arc<Case> {
    let cases = known_answers::cases(&CpuBackend::new(HashKernel::portable()));
    Arc::new(cases.into_iter().find(|case| case.name == known_answers::CANARY).expect("the suite includes the canary"))
}

fn choose_kernel(name: Option<&str>) -> Result<HashKernel, BuildError> {
    let Some(name) = name else { return Ok(HashKernel::detect()) };
    HashKernel::by_name(name).map_err(|error| {
        let is_shader = !gpu::IS_BUILT && name.starts_with(gpu::VARIANT_PREFIX);
        let reason = if is_shader {
            format!("it is a shader variant for GPUs, and {}", gpu::NOT_BUILT)
        } else {
            error.to_string()
        };
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
