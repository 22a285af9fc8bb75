//! How engines are built: which devices work, with which kernel and how many threads.

use std::path::PathBuf;

use cityseal_device::{CPU_DEVICE_ID, CpuOpener, DeviceKind, Opener};
use cityseal_engine::{Engine, EngineBuilder, Profile, Selection};
use cityseal_hash::HashKernel;

/// The settings of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineSettings {
    /// Names of devices; empty for the default.
    pub devices: Vec<String>,
    /// Whether software adapters may work.
    pub allow_software: bool,
    /// Target duration of a GPU dispatch.
    pub profile: Profile,
    /// Name of a CPU kernel or of a variant of the GPU's shaders.
    pub kernel: Option<String>,
    /// Number of CPU threads.
    pub threads: Option<usize>,
    /// The file of the tuning cache: measurements of GPUs.
    pub tuning_cache: Option<PathBuf>,
}

impl EngineSettings {
    /// Whether only the CPU was named, so that no GPU driver has to be loaded.
    pub fn is_cpu_only(&self) -> bool {
        !self.devices.is_empty() && self.devices.iter().all(|name| name.eq_ignore_ascii_case(CPU_DEVICE_ID))
    }

    /// Starts to build an engine with these settings.
    pub fn builder(&self) -> EngineBuilder {
        let mut builder = Engine::builder()
            .gpu(!self.is_cpu_only())
            .devices(self.devices.clone())
            .allow_software(self.allow_software)
            .profile(self.profile);
        if let Some(kernel) = &self.kernel {
            builder = builder.kernel(kernel);
        }
        if let Some(threads) = self.threads {
            builder = builder.threads(threads);
        }
        if let Some(file) = &self.tuning_cache {
            builder = builder.tuning_cache(file);
        }
        builder
    }
}

/// Openers of the CPU, one for each kernel that it supports (or only the named one), and of every other device.
pub fn openers(selection: Selection, only_named: bool) -> Vec<Box<dyn Opener>> {
    let kernels = if only_named { vec![selection.kernel] } else { HashKernel::all_available() };
    let mut openers: Vec<Box<dyn Opener>> = Vec::new();
    for device in selection.devices {
        if device.info().kind == DeviceKind::Cpu {
            openers.extend(kernels.iter().map(|kernel| Box::new(CpuOpener::new(*kernel)) as Box<dyn Opener>));
        } else {
            openers.push(device);
        }
    }
    openers
}
