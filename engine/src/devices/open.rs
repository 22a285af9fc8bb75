//! Opens devices, self-tests them and measures their costs.

use cityseal_device::{Backend, CpuBackend, CpuOpener, DeviceInfo, DeviceKind, Opener, known_answers};
use cityseal_hash::HashKernel;

use super::cost_model::Costs;
use super::device_profile::DeviceProfile;
use super::measure::{KnownBatches, measure};
use super::select::{LeftOut, LeftOutReason};

/// An open device, with one back end per worker.
pub(crate) struct OpenDevice {
    pub(crate) workers: Vec<(Box<dyn Opener>, Box<dyn Backend>)>,
    pub(crate) profile: DeviceProfile,
}

impl OpenDevice {
    pub(crate) fn new(opener: Box<dyn Opener>, backend: Box<dyn Backend>, profile: DeviceProfile) -> Self {
        Self { workers: vec![(opener, backend)], profile }
    }

    pub(crate) fn info(&self) -> &DeviceInfo {
        self.workers[0].0.info()
    }

    /// Adds workers to the CPU, which is one device with a worker per thread. Does nothing for other devices.
    pub(crate) fn add_cpu_workers(&mut self, threads: usize, kernel: HashKernel) {
        if self.info().kind != DeviceKind::Cpu {
            return;
        }
        while self.workers.len() < threads {
            self.workers.push((Box::new(CpuOpener::new(kernel)), Box::new(CpuBackend::new(kernel))));
        }
    }
}

/// Opens a device and runs the known-answer tests.
///
/// # Errors
/// Why the device cannot be used.
pub(crate) fn open_and_test(opener: &mut dyn Opener) -> Result<Box<dyn Backend>, LeftOutReason> {
    let mut backend = opener.open()?;
    known_answers::run(&mut *backend)
        .map_err(|failure| LeftOutReason::FailedSelfTest { reason: failure.to_string() })?;
    Ok(backend)
}

/// Measures the costs of the automatically selected devices and of the CPU, if there are both. Removes devices that
/// answer wrongly during the measurement.
pub(crate) fn measure_costs(devices: &mut Vec<OpenDevice>, threads: usize, kernel: HashKernel) -> Vec<LeftOut> {
    let needs_costs = |device: &OpenDevice| device.profile.needs_costs(device.info().kind);
    let has_cpu = devices.iter().any(|device| device.info().kind == DeviceKind::Cpu);
    if !has_cpu || !devices.iter().any(needs_costs) {
        return Vec::new();
    }
    let known = KnownBatches::new(kernel);
    let Ok(one_thread) = measure(&mut CpuBackend::new(kernel), &known) else { return Vec::new() };
    let cpu = one_thread.shared_by(threads);
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for mut device in std::mem::take(devices) {
        let measured = if needs_costs(&device) { compare(&mut device, cpu, &known) } else { Ok(()) };
        match measured {
            Ok(()) => kept.push(device),
            Err(reason) => {
                let reason = LeftOutReason::FailedSelfTest { reason };
                left_out.push(LeftOut { info: device.info().clone(), reason });
            }
        }
    }
    for device in kept.iter_mut().filter(|device| device.info().kind == DeviceKind::Cpu) {
        device.profile.costs = cpu;
    }
    *devices = kept;
    left_out
}

/// Completes the profile of a device with its costs, cached or measured now, and those of the CPU.
fn compare(device: &mut OpenDevice, cpu: Costs, known: &KnownBatches) -> Result<(), String> {
    if !device.profile.is_measured() {
        device.profile.costs = measure(&mut *device.workers[0].1, known)?;
        device.profile.keep(&device.info().clone());
    }
    device.profile.cpu = Some(cpu);
    Ok(())
}
