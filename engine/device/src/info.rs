//! Descriptions of devices.

/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceKind {
    /// Threads of the machine's processor.
    Cpu,
    /// A graphics processor.
    Gpu,
    /// A software implementation of a graphics API (lavapipe, WARP): correct, but slower than [`DeviceKind::Cpu`].
    Software,
}

impl DeviceKind {
    /// The name in JSON: `cpu`, `gpu`, `software`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Software => "software",
        }
    }
}

/// The limits of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most nonces of a search batch.
    pub search_nonces_max: u64,
    /// Most midstates of a search batch: 1 to 8.
    pub search_midstates_max: usize,
    /// Largest `hits_max` of a search batch.
    pub hits_max: usize,
    /// Most headers of a check batch.
    pub check_headers_max: usize,
    /// Most nodes of a Merkle batch.
    pub merkle_nodes_max: usize,
    /// Most leaves of all trees of a tree batch together.
    pub tree_leaves_max: usize,
}

/// The limits that a graphics adapter reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdapterLimits {
    /// Most bytes of a buffer.
    pub buffer_bytes_max: u64,
    /// Most bytes of a buffer binding.
    pub binding_bytes_max: u64,
    /// Most workgroups of a dispatch, per dimension.
    pub workgroups_max: u32,
    /// Most invocations of a workgroup.
    pub invocations_max: u32,
}

/// The description of a device, as far as its driver reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Stable id for selection: `cpu`, `vulkan-10de-2684-0000:01:00.0`, …
    pub id: String,
    /// Name for people: the processor's brand string, `NVIDIA GeForce RTX 4090`, …
    pub name: String,
    /// CPU, GPU or software.
    pub kind: DeviceKind,
    /// The API through which it is used: `cpu`, `vulkan`, `metal`, `dx12`, `gl`.
    pub api: String,
    /// Driver name and version, if there is one.
    pub driver: Option<String>,
    /// PCI address and vendor:device, if it has them.
    pub pci: Option<String>,
    /// The kernel or shader variant that it runs.
    pub kernel: String,
    /// The limits of its batches.
    pub limits: BatchLimits,
    /// The limits of its graphics adapter; `None` if it has none.
    pub adapter: Option<AdapterLimits>,
}
