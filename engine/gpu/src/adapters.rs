//! Finds the adapters of this machine and identifies them across APIs.

use wgpu::{Adapter, AdapterInfo, Backends, DeviceType, Instance, InstanceDescriptor, InstanceFlags};

/// Finds the adapter with this id again, in a new enumeration.
pub(crate) fn find_adapter(id: &str) -> Option<Adapter> {
    let adapters = adapters();
    let identities: Vec<Identity> = adapters.iter().map(|adapter| Identity::of(&adapter.get_info())).collect();
    let at = ids(&identities).iter().position(|other| other == id)?;
    adapters.into_iter().nth(at)
}

/// All adapters, the best API first. OpenGL (feature `gl`) is tried only if no other API finds a GPU: otherwise it
/// would load one more driver to find duplicates.
pub(crate) fn adapters() -> Vec<Adapter> {
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
pub(crate) struct Identity {
    pub(crate) api: &'static str,
    /// Preference of the API: lower is better.
    pub(crate) rank: u8,
    pub(crate) vendor: u32,
    pub(crate) device: u32,
    /// PCI address; empty if the API does not report it.
    pub(crate) pci: String,
    pub(crate) is_software: bool,
}

impl Identity {
    pub(crate) fn of(info: &AdapterInfo) -> Self {
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
    pub(crate) fn id(&self) -> String {
        let ids = format!("{}-{:04x}-{:04x}", self.api, self.vendor, self.device);
        if self.pci.is_empty() { ids } else { format!("{ids}-{}", self.pci) }
    }

    /// Whether both are the same device. Compares the PCI addresses if both have one; otherwise vendor and device
    /// numbers, but only of different APIs, since one API lists two equal cards separately. OpenGL reports no device
    /// number.
    pub(crate) fn is_same_device(&self, other: &Self) -> bool {
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
pub(crate) fn ids(identities: &[Identity]) -> Vec<String> {
    let plain: Vec<String> = identities.iter().map(Identity::id).collect();
    let numbered = |(at, id): (usize, &String)| match plain[..at].iter().filter(|before| *before == id).count() {
        0 => id.clone(),
        before => format!("{id}-{}", before + 1),
    };
    plain.iter().enumerate().map(numbered).collect()
}

pub(crate) fn is_software(info: &AdapterInfo) -> bool {
    const NAMES: [&str; 5] = ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "microsoft basic render"];
    let name = info.name.to_ascii_lowercase();
    info.device_type == DeviceType::Cpu || NAMES.iter().any(|software| name.contains(software))
}
