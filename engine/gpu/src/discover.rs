//! Finds the graphics adapters of this machine, and the reasons why some of them cannot be used. Opens none of them.

use std::fmt;
use std::time::Duration;

use cityseal_device::{AdapterLimits, BatchLimits, DeviceInfo, DeviceKind, OpenError, Opener};
use cityseal_hash::MIDSTATES_MAX;
use wgpu::{Adapter, AdapterInfo, Backends, DeviceType, Instance, InstanceDescriptor, InstanceFlags, Limits};

use crate::open::{GpuOpener, Plan, lacks, variant_for};
use crate::pace::AIM_DEFAULT;
use crate::remember::Remembered;
use crate::shader::Variant;
use crate::slot::{HITS_MAX, ITEMS_MAX};

/// Options of [`discover`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoverOptions<'a> {
    /// Whether software adapters (lavapipe, `SwiftShader`, WARP) may be used.
    pub allow_software: bool,
    /// How the variant of the shaders is chosen.
    pub variant: VariantChoice,
    /// Earlier measurements. Those of other devices, drivers or shaders are ignored.
    pub remembered: &'a [Remembered],
    /// How long a dispatch of a search should take: at most 200 ms, by default 20 ms.
    pub dispatch_time: Duration,
}

impl Default for DiscoverOptions<'_> {
    fn default() -> Self {
        Self { allow_software: false, variant: VariantChoice::default(), remembered: &[], dispatch_time: AIM_DEFAULT }
    }
}

/// How the variant of a device's shaders is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VariantChoice {
    /// The remembered variant. Without one, a GPU is measured when it is opened; software gets the variant that suits
    /// its driver.
    #[default]
    Auto,
    /// Measure every adapter when it is opened.
    Measured,
    /// This variant.
    Given(Variant),
}

/// One adapter.
pub struct Discovered {
    /// Its description.
    pub info: DeviceInfo,
    /// Whether it can be used.
    pub state: DiscoveredState,
}

impl fmt::Debug for Discovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovered").field("info", &self.info).field("state", &self.state).finish()
    }
}

/// Whether an adapter can be used.
pub enum DiscoveredState {
    /// It can be opened. A self-test must then show that its answers are correct.
    Ready(Box<dyn Opener>),
    /// It is not used.
    LeftOut(LeftOutReason),
}

impl fmt::Debug for DiscoveredState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(_) => f.write_str("Ready"),
            Self::LeftOut(reason) => f.debug_tuple("LeftOut").field(reason).finish(),
        }
    }
}

/// Why an adapter is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeftOutReason {
    /// The same card is used through another API or driver.
    #[error("the same device is already used as {kept}")]
    DuplicateOf {
        /// Id of the used adapter.
        kept: String,
    },
    /// It is a software adapter, and those are not allowed.
    #[error("a software adapter, slower than the CPU itself: used only if software adapters are allowed")]
    Software,
    /// It lacks something that the shaders need.
    #[error("{0}")]
    Unfit(OpenError),
}

/// A note for the user about the result of the discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverNote {
    /// No adapter was found.
    #[error("no graphics adapter was found: there is no GPU, or no driver or loader (Vulkan, Metal, DX12) for it")]
    NoAdapter,
}

/// The result of [`discover`].
#[derive(Debug)]
pub struct Discovery {
    /// Every adapter, the best API first.
    pub devices: Vec<Discovered>,
    /// A note for the user, if there is one.
    pub note: Option<DiscoverNote>,
}

/// Finds every adapter of this machine.
pub fn discover(options: DiscoverOptions<'_>) -> Discovery {
    let adapters = adapters();
    let identities: Vec<Identity> = adapters.iter().map(|adapter| Identity::of(&adapter.get_info())).collect();
    let ids = ids(&identities);
    let note = adapters.is_empty().then_some(DiscoverNote::NoAdapter);
    let devices = adapters.into_iter().enumerate().map(|(at, adapter)| {
        let duplicate =
            duplicate_of(&identities, at).map(|kept| LeftOutReason::DuplicateOf { kept: ids[kept].clone() });
        let software = (identities[at].is_software && !options.allow_software).then_some(LeftOutReason::Software);
        describe(adapter, ids[at].clone(), options, duplicate.or(software))
    });
    Discovery { devices: devices.collect(), note }
}

/// Finds the adapter with this id again, in a new enumeration.
pub(crate) fn find_adapter(id: &str) -> Option<Adapter> {
    let adapters = adapters();
    let identities: Vec<Identity> = adapters.iter().map(|adapter| Identity::of(&adapter.get_info())).collect();
    let at = ids(&identities).iter().position(|other| other == id)?;
    adapters.into_iter().nth(at)
}

/// All adapters, the best API first. OpenGL (feature `gl`) is tried only if no other API finds a GPU: otherwise it
/// would load one more driver to find duplicates.
fn adapters() -> Vec<Adapter> {
    let mut adapters = adapters_of(Backends::VULKAN | Backends::METAL | Backends::DX12);
    if cfg!(feature = "gl") && adapters.iter().all(|adapter| is_software(&adapter.get_info())) {
        adapters.extend(adapters_of(Backends::GL));
    }
    adapters.sort_by_key(|adapter| Identity::of(&adapter.get_info()).rank);
    adapters
}

fn adapters_of(backends: Backends) -> Vec<Adapter> {
    // No flags: no validation layers, and no debug messages, which drivers would print.
    let flags = InstanceFlags::empty();
    let instance =
        Instance::new(InstanceDescriptor { backends, flags, ..InstanceDescriptor::new_without_display_handle() });
    pollster::block_on(instance.enumerate_adapters(backends))
}

/// The properties that distinguish adapters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    api: &'static str,
    /// Preference of the API: lower is better.
    rank: u8,
    vendor: u32,
    device: u32,
    /// PCI address; empty if the API does not report it.
    pci: String,
    is_software: bool,
}

impl Identity {
    fn of(info: &AdapterInfo) -> Self {
        let (api, rank) = match info.backend {
            wgpu::Backend::Vulkan => ("vulkan", 0),
            wgpu::Backend::Metal => ("metal", 0),
            wgpu::Backend::Dx12 => ("dx12", 1),
            wgpu::Backend::Gl => ("gl", 2),
            wgpu::Backend::BrowserWebGpu => ("webgpu", 3),
            wgpu::Backend::Noop => ("noop", 4),
        };
        let (vendor, device, pci) = (info.vendor, info.device, info.device_pci_bus_id.clone());
        Self { api, rank, vendor, device, pci, is_software: is_software(info) }
    }

    /// `vulkan-10de-2684-0000:01:00.0`; without the last part if there is no PCI address.
    fn id(&self) -> String {
        let ids = format!("{}-{:04x}-{:04x}", self.api, self.vendor, self.device);
        if self.pci.is_empty() { ids } else { format!("{ids}-{}", self.pci) }
    }

    /// Whether both are the same device. Compares the PCI addresses if both have one; otherwise vendor and device
    /// numbers, but only of different APIs, since one API lists two equal cards separately. OpenGL reports no device
    /// number.
    fn is_same_device(&self, other: &Self) -> bool {
        if self.is_software != other.is_software {
            return false;
        }
        if !self.pci.is_empty() && !other.pci.is_empty() {
            return self.pci == other.pci;
        }
        let one_is_gl = self.api == "gl" || other.api == "gl";
        self.api != other.api && self.vendor == other.vendor && (self.device == other.device || one_is_gl)
    }
}

/// Unique ids: the second of two equal ones ends with `-2`, and so on.
fn ids(identities: &[Identity]) -> Vec<String> {
    let plain: Vec<String> = identities.iter().map(Identity::id).collect();
    let numbered = |(at, id): (usize, &String)| match plain[..at].iter().filter(|before| *before == id).count() {
        0 => id.clone(),
        before => format!("{id}-{}", before + 1),
    };
    plain.iter().enumerate().map(numbered).collect()
}

/// The first adapter before `at` that is the same device. Adapters are sorted by rank, so it is at least as good.
fn duplicate_of(identities: &[Identity], at: usize) -> Option<usize> {
    identities[..at].iter().position(|before| before.is_same_device(&identities[at]))
}

fn is_software(info: &AdapterInfo) -> bool {
    const NAMES: [&str; 5] = ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "microsoft basic render"];
    let name = info.name.to_ascii_lowercase();
    info.device_type == DeviceType::Cpu || NAMES.iter().any(|software| name.contains(software))
}

fn describe(adapter: Adapter, id: String, options: DiscoverOptions<'_>, left_out: Option<LeftOutReason>) -> Discovered {
    let suggested = variant_for(&adapter.get_info());
    let mut info = device_info(&adapter, id, suggested);
    let plan = plan(&info, suggested, options);
    plan.variant.name().clone_into(&mut info.kernel);
    let state = match left_out.or_else(|| lacks(&adapter).map(LeftOutReason::Unfit)) {
        Some(reason) => DiscoveredState::LeftOut(reason),
        None => DiscoveredState::Ready(Box::new(GpuOpener::new(info.clone(), &plan, adapter))),
    };
    Discovered { info, state }
}

/// Chooses the first variant, whether to measure all variants when the device is opened, and the first pace.
fn plan(info: &DeviceInfo, suggested: Variant, options: DiscoverOptions<'_>) -> Plan {
    let remembered = || options.remembered.iter().find_map(|known| Some((known.variant_for(info)?, known.tuned)));
    let (variant, must_measure, tuned) = match options.variant {
        VariantChoice::Given(variant) => (variant, false, None),
        VariantChoice::Measured => (suggested, true, None),
        VariantChoice::Auto => match remembered() {
            Some((variant, tuned)) => (variant, false, tuned),
            None => (suggested, info.kind == DeviceKind::Gpu, None),
        },
    };
    Plan { variant, must_measure, dispatch_time: options.dispatch_time, tuned }
}

fn device_info(adapter: &Adapter, id: String, variant: Variant) -> DeviceInfo {
    let info = &adapter.get_info();
    let identity = Identity::of(info);
    let numbers = format!("{:04x}:{:04x}", identity.vendor, identity.device);
    DeviceInfo {
        id,
        name: info.name.clone(),
        kind: if identity.is_software { DeviceKind::Software } else { DeviceKind::Gpu },
        api: identity.api.to_owned(),
        driver: driver(info),
        pci: (!identity.pci.is_empty()).then(|| format!("{} {numbers}", identity.pci)),
        kernel: variant.name().to_owned(),
        limits: BatchLimits {
            search_nonces_max: 1 << 32,
            search_midstates_max: MIDSTATES_MAX,
            hits_max: HITS_MAX,
            check_headers_max: ITEMS_MAX,
            merkle_nodes_max: ITEMS_MAX,
            tree_leaves_max: ITEMS_MAX,
        },
        adapter: Some(adapter_limits(&adapter.limits())),
    }
}

fn adapter_limits(limits: &Limits) -> AdapterLimits {
    AdapterLimits {
        buffer_bytes_max: limits.max_buffer_size,
        binding_bytes_max: limits.max_storage_buffer_binding_size,
        workgroups_max: limits.max_compute_workgroups_per_dimension,
        invocations_max: limits.max_compute_invocations_per_workgroup,
    }
}

fn driver(info: &AdapterInfo) -> Option<String> {
    let words = format!("{} {}", info.driver, info.driver_info);
    let words = words.trim();
    (!words.is_empty()).then(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(api: &'static str, rank: u8, numbers: (u32, u32), pci: &str) -> Identity {
        Identity { api, rank, vendor: numbers.0, device: numbers.1, pci: pci.to_owned(), is_software: false }
    }

    const CARD: (u32, u32) = (0x10de, 0x2684);

    #[test]
    fn a_card_seen_through_three_apis_is_used_once() {
        let seen = [card("vulkan", 0, CARD, "0000:01:00.0"), card("dx12", 1, CARD, ""), card("gl", 2, (0x10de, 0), "")];
        assert_eq!([0, 1, 2].map(|at| duplicate_of(&seen, at)), [None, Some(0), Some(0)]);
    }

    #[test]
    fn a_card_seen_through_two_drivers_of_one_api_is_used_once() {
        let seen = [card("vulkan", 0, CARD, "0000:01:00.0"), card("vulkan", 0, CARD, "0000:01:00.0")];
        assert_eq!(duplicate_of(&seen, 1), Some(0));
    }

    #[test]
    fn two_equal_cards_are_both_used() {
        let seen = [card("vulkan", 0, CARD, "0000:01:00.0"), card("vulkan", 0, CARD, "0000:02:00.0")];
        assert_eq!(duplicate_of(&seen, 1), None);
        let without_address = [card("metal", 0, CARD, ""), card("metal", 0, CARD, "")];
        assert_eq!(duplicate_of(&without_address, 1), None);
        assert_eq!(ids(&without_address), ["metal-10de-2684", "metal-10de-2684-2"]);
    }

    #[test]
    fn a_software_adapter_is_never_taken_for_a_card() {
        let mut software = card("gl", 2, (0x10de, 0), "");
        software.is_software = true;
        assert_eq!(duplicate_of(&[card("vulkan", 0, CARD, "0000:01:00.0"), software], 1), None);
    }

    #[test]
    fn an_id_holds_api_numbers_and_address() {
        assert_eq!(card("vulkan", 0, CARD, "0000:01:00.0").id(), "vulkan-10de-2684-0000:01:00.0");
    }
}
