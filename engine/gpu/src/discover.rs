//! Finds the graphics adapters of this machine, and the reasons why some of them cannot be used. Opens none of them.

use std::fmt;
use std::time::Duration;

use cityseal_device::{AdapterLimits, BatchLimits, DeviceInfo, DeviceKind, LeftOutReason, Opener};
use cityseal_hash::MIDSTATES_MAX;
use wgpu::{Adapter, AdapterInfo, Limits};

use crate::adapters::{Identity, adapters, ids};
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
        let duplicate = duplicate_of(&identities, at).map(|kept| LeftOutReason::Duplicate { of: ids[kept].clone() });
        let software = (identities[at].is_software && !options.allow_software).then_some(LeftOutReason::Software);
        describe(adapter, ids[at].clone(), options, duplicate.or(software))
    });
    Discovery { devices: devices.collect(), note }
}

/// The first adapter before `at` that is the same device. Adapters are sorted by rank, so it is at least as good.
fn duplicate_of(identities: &[Identity], at: usize) -> Option<usize> {
    identities[..at].iter().position(|before| before.is_same_device(&identities[at]))
}

fn describe(adapter: Adapter, id: String, options: DiscoverOptions<'_>, left_out: Option<LeftOutReason>) -> Discovered {
    let suggested = variant_for(&adapter.get_info());
    let mut info = device_info(&adapter, id, suggested);
    let plan = plan(&info, suggested, options);
    plan.variant.name().clone_into(&mut info.kernel);
    let state = match left_out.or_else(|| lacks(&adapter).map(LeftOutReason::from)) {
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
