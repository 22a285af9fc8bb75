//! What a device is.

/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceKind {
    /// Threads of the machine's own processor.
    Cpu,
    /// A graphics processor.
    Gpu,
    /// A software implementation of a graphics API (lavapipe, WARP): right, and slower than [`DeviceKind::Cpu`].
    Software,
}

impl DeviceKind {
    /// The kind as it stands in JSON: `cpu`, `gpu`, `software`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Software => "software",
        }
    }
}

/// How large a batch may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most nonces of a search batch.
    pub search_nonces_max: u64,
    /// Most midstates of a search batch: 1 to 8.
    pub search_midstates_max: usize,
    /// Most hits that a search batch may ask for.
    pub hits_max: usize,
    /// Most headers of a check batch.
    pub check_headers_max: usize,
    /// Most nodes of a Merkle batch.
    pub merkle_nodes_max: usize,
    /// Most leaves of all trees of a batch together.
    pub tree_leaves_max: usize,
}

/// How large things may be on an adapter, as it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdapterLimits {
    /// Most bytes of a buffer.
    pub buffer_bytes_max: u64,
    /// Most bytes of a buffer that a shader sees.
    pub binding_bytes_max: u64,
    /// Most workgroups of a dispatch in one dimension.
    pub workgroups_max: u32,
    /// Most invocations of a workgroup.
    pub invocations_max: u32,
}

/// What a device is, as far as its driver tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Stable name for selection: `cpu`, `vulkan-10de-2684-0000:01:00.0`, …
    pub id: String,
    /// Name for people: the processor's brand string, `NVIDIA GeForce RTX 4090`, …
    pub name: String,
    /// CPU, GPU or software.
    pub kind: DeviceKind,
    /// The API that it is spoken to through: `cpu`, `vulkan`, `metal`, `dx12`, `gl`.
    pub api: String,
    /// Driver name and version, where there is one.
    pub driver: Option<String>,
    /// PCI address and vendor:device, where it has them.
    pub pci: Option<String>,
    /// The kernel or shader variant that it runs.
    pub kernel: String,
    /// How large its batches may be.
    pub limits: BatchLimits,
    /// What its adapter allows; `None` where it has none.
    pub adapter: Option<AdapterLimits>,
}
