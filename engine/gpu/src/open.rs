//! Opens an adapter: requests the limits that the shaders need, chooses their variant, builds everything.

use std::sync::Arc;
use std::time::Duration;

use cityseal_device::{Backend, DeviceInfo, OpenError, Opener, Tuned, Tuning};
use wgpu::{Adapter, Limits};

use crate::adapters::find_adapter;
use crate::backend::{DEPTH, GpuBackend, WORKGROUPS_MAX};
use crate::fastest_variant::fastest;
use crate::machine::{Machine, WORKGROUP};
use crate::shader::{Choose, Rotate, Shader, Variant};
use crate::slot::ITEMS_MAX;

/// PCI vendor id of NVIDIA.
const NVIDIA: u32 = 0x10de;

/// PCI vendor id of AMD.
const AMD: u32 = 0x1002;

/// Opens one GPU, and reopens it after a loss.
#[derive(Debug)]
pub struct GpuOpener {
    info: DeviceInfo,
    variant: Variant,
    /// Whether the variants are still to be measured; this happens once.
    must_measure: bool,
    /// What a dispatch should take.
    dispatch_time: Duration,
    /// The tuning of the device, kept when it is reopened.
    tuning: Arc<Tuning>,
    adapter: Adapter,
}

/// How to open an adapter.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The first variant.
    pub(crate) variant: Variant,
    /// Whether to measure all variants.
    pub(crate) must_measure: bool,
    /// What a dispatch should take.
    pub(crate) dispatch_time: Duration,
    /// Earlier tuning of the device.
    pub(crate) tuned: Option<Tuned>,
}

impl GpuOpener {
    /// Creates an opener of `adapter`, which `info` describes.
    pub(crate) fn new(info: DeviceInfo, plan: &Plan, adapter: Adapter) -> Self {
        let tuning = Arc::<Tuning>::default();
        plan.tuned.into_iter().for_each(|tuned| tuning.set(tuned));
        let Plan { variant, must_measure, dispatch_time, .. } = *plan;
        Self { info, variant, must_measure, dispatch_time, tuning, adapter }
    }

    /// Chooses the variant by measurement. Its rate determines the size of the first dispatch.
    fn measure(&mut self, device: &wgpu::Device, queue: &wgpu::Queue) {
        let (variant, rate) = fastest((device, queue), &self.info, self.variant, self.dispatch_time);
        self.variant = variant;
        variant.name().clone_into(&mut self.info.kernel);
        if let Some(rate) = rate {
            let dispatch_nonces = (rate * self.dispatch_time.as_secs_f64()) as u64;
            self.tuning.set(Tuned { dispatch_nonces, rate_hz: rate as u64 });
        }
    }

    /// Requests a device. If that fails, enumerates the adapters again, which is necessary after a driver reset.
    fn request(&mut self) -> Result<(wgpu::Device, wgpu::Queue), OpenError> {
        if let Ok(opened) = request_device(&self.adapter) {
            return Ok(opened);
        }
        self.adapter = find_adapter(&self.info.id).ok_or(OpenError::Gone)?;
        request_device(&self.adapter)
    }
}

impl Opener for GpuOpener {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn open(&mut self) -> Result<Box<dyn Backend>, OpenError> {
        let (device, queue) = self.request()?;
        if std::mem::take(&mut self.must_measure) {
            self.measure(&device, &queue);
        }
        let machine = Machine::new(device, queue, (self.variant, &Shader::ALL), WORKGROUP, DEPTH)?;
        let pace = (self.dispatch_time, Arc::clone(&self.tuning));
        Ok(Box::new(GpuBackend::new(self.info.clone(), machine, WORKGROUP, pace)))
    }

    fn tuning(&self) -> Option<Arc<Tuning>> {
        Some(Arc::clone(&self.tuning))
    }
}

/// The variant with the fewest instructions by the driver's compiler (`cargo xtask isa`). Mesa's compilers for AMD and
/// NVIDIA recognise a rotation only if its amount is loaded, all others if it is constant. Only a suggestion, since
/// GPUs are measured.
pub(crate) fn variant_for(info: &wgpu::AdapterInfo) -> Variant {
    variant_of(info.vendor, mesa_major(&info.driver_info))
}

/// The major version of Mesa, if the driver is Mesa's.
fn mesa_major(driver_info: &str) -> Option<u32> {
    let version = driver_info.split_once("Mesa ")?.1;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

const fn variant_of(vendor: u32, mesa: Option<u32>) -> Variant {
    match (vendor, mesa) {
        // On RDNA 3, RADV of Mesa 26 needs 2,560 instructions per nonce with exclusive ors and 2,677 with ors; RADV of
        // Mesa 25 needs 2,909 and 2,796.
        (AMD, Some(26..)) => Variant { rotate: Rotate::Loaded, choose: Choose::Xor },
        // NVK needs 2,463 with ors and 2,577 with exclusive ors.
        (AMD | NVIDIA, Some(_)) => Variant { rotate: Rotate::Loaded, choose: Choose::Or },
        _ => Variant { rotate: Rotate::Constant, choose: Choose::Xor },
    }
}

/// The limits that the shaders need, and no more, so that as many adapters as possible qualify.
fn wanted_limits() -> Limits {
    Limits {
        max_storage_buffer_binding_size: (ITEMS_MAX * cityseal_hash::HEADER_LEN) as u64,
        max_buffer_size: (ITEMS_MAX * cityseal_hash::HEADER_LEN) as u64,
        max_storage_buffers_per_shader_stage: 3,
        max_compute_invocations_per_workgroup: WORKGROUP,
        max_compute_workgroup_size_x: WORKGROUP,
        max_compute_workgroup_size_y: 1,
        max_compute_workgroup_size_z: 1,
        max_compute_workgroups_per_dimension: WORKGROUPS_MAX,
        ..Limits::downlevel_webgl2_defaults()
    }
}

/// The first requirement that the adapter does not meet, if any.
pub(crate) fn lacks(adapter: &Adapter) -> Option<OpenError> {
    if !adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
        return Some(OpenError::Lacks { what: "compute shaders".to_owned(), wanted: 1, found: 0 });
    }
    let mut lacking = None;
    wanted_limits().check_limits_with_fail_fn(&adapter.limits(), true, |what, wanted, found| {
        lacking = Some(OpenError::Lacks { what: what.to_owned(), wanted, found });
    });
    lacking
}

fn request_device(adapter: &Adapter) -> Result<(wgpu::Device, wgpu::Queue), OpenError> {
    if let Some(lacking) = lacks(adapter) {
        return Err(lacking);
    }
    let descriptor =
        wgpu::DeviceDescriptor { label: Some("cityseal"), required_limits: wanted_limits(), ..Default::default() };
    pollster::block_on(adapter.request_device(&descriptor))
        .map_err(|error| OpenError::Refused { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use cityseal_device::{DeviceError, known_answers};

    use super::*;
    use crate::{DiscoverOptions, discover};

    /// As in `tests/common`, which a unit test cannot use.
    fn skip(test: &str) {
        let required = std::env::var("CITYSEAL_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|name| name.trim() == "lavapipe"), "{test}: lavapipe is required");
        writeln!(std::io::stderr(), "SKIPPED: {test}: no lavapipe was found").unwrap();
        if let Ok(path) = std::env::var("CITYSEAL_SKIP_LOG") {
            let mut log = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            writeln!(log, "{test}: no lavapipe was found").unwrap();
        }
    }

    /// An opener of lavapipe, or `None` with a printed note if there is none.
    fn lavapipe(test: &str) -> Option<GpuOpener> {
        let found = discover(DiscoverOptions { allow_software: true, ..DiscoverOptions::default() });
        let Some(device) = found.devices.into_iter().find(|device| device.info.name.contains("llvmpipe")) else {
            skip(test);
            return None;
        };
        let adapter = find_adapter(&device.info.id).expect("what was found is found again");
        let variant = variant_for(&adapter.get_info());
        let dispatch_time = Duration::from_millis(20);
        let plan = Plan { variant, must_measure: false, dispatch_time, tuned: None };
        Some(GpuOpener::new(device.info, &plan, adapter))
    }

    #[test]
    fn a_device_that_the_api_destroys_is_lost_and_opens_again() {
        let Some(mut opener) = lavapipe("a_device_that_the_api_destroys_is_lost_and_opens_again") else { return };
        let (device, queue) = opener.request().unwrap();
        let doomed = device.clone();
        let machine = Machine::new(device, queue, (opener.variant, &Shader::ALL), WORKGROUP, DEPTH).unwrap();
        let pace = (opener.dispatch_time, Arc::clone(&opener.tuning));
        let mut backend = GpuBackend::new(opener.info.clone(), machine, WORKGROUP, pace);
        known_answers::run(&mut backend).unwrap();
        doomed.destroy();
        let question = known_answers::cases(&backend).swap_remove(0).batch;
        let answer = backend.submit(question).and_then(|_| backend.collect(Duration::from_secs(20)));
        assert!(matches!(answer, Err(DeviceError::Lost { .. })), "{answer:?}");
        drop(backend);
        let mut again = opener.open().unwrap();
        known_answers::run(&mut *again).unwrap();
    }

    fn chosen(vendor: u32, driver_info: &str) -> &'static str {
        variant_of(vendor, mesa_major(driver_info)).name()
    }

    #[test]
    fn each_compiler_gets_its_best_variant() {
        assert_eq!(chosen(AMD, "Mesa 25.0.7-2~bpo12+1"), "wgsl-loaded-or");
        assert_eq!(chosen(AMD, "Mesa 26.0.0"), "wgsl-loaded-xor");
        assert_eq!(chosen(NVIDIA, "Mesa 26.0.0"), "wgsl-loaded-or");
        assert_eq!(chosen(NVIDIA, "580.65.06"), "wgsl-constant-xor");
        assert_eq!(chosen(AMD, "25.Q3.1 (LLPC)"), "wgsl-constant-xor");
        assert_eq!(chosen(0x10005, "Mesa 22.3.6 (LLVM 15.0.6)"), "wgsl-constant-xor");
    }
}
