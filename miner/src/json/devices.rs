//! The answer of `devices`, and the rows of devices in other answers.

use serde::Serialize;

/// The answer of `devices`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DevicesAnswer {
    /// Every adapter.
    pub(crate) devices: Vec<DeviceRow>,
    /// Notes, such as why there is no GPU.
    pub(crate) notes: Vec<String>,
}

/// One adapter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DeviceRow {
    /// The name that `--device` takes.
    pub(crate) id: String,
    /// The name for people.
    pub(crate) name: String,
    /// `cpu`, `gpu` or `software`.
    pub(crate) kind: &'static str,
    /// `cpu`, `vulkan`, …
    pub(crate) api: String,
    /// Driver and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) driver: Option<String>,
    /// PCI address and ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pci: Option<String>,
    /// Size of its own memory, if the system reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_bytes: Option<u64>,
    /// Limits of its adapter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<LimitsRow>,
    /// Name of its kernel or shader variant.
    pub(crate) kernel: String,
    /// `ready`, `software`, `duplicate`, `unfit`, `failed-self-test`, `not-selected`, `probation`, `quarantined`,
    /// `hung`, `reopening` or `failed`.
    pub(crate) state: &'static str,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Why it is in that state: `reason`, or that it passed its self-test.
    pub(crate) why: String,
    /// Model of the CPU, if the system reports it; absent for other devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Number of CPU threads that work, or would if the CPU were selected; absent for other devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) threads: Option<usize>,
    /// Id of the device that is used instead of this duplicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duplicate_of: Option<String>,
    /// Seconds until its quarantine ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until_s: Option<u64>,
    /// Tuning of a GPU or software adapter that is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tuning: Option<TuningRow>,
    /// Measured search rate in hashes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate_hz: Option<f64>,
    /// Results of its canaries, if it had any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) health: Option<HealthRow>,
}

/// Limits that an adapter reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LimitsRow {
    /// Maximum size of a buffer.
    pub(crate) buffer_bytes: u64,
    /// Maximum size of a buffer binding of a shader.
    pub(crate) binding_bytes: u64,
    /// Maximum number of workgroups per dimension of a dispatch.
    pub(crate) workgroups: u32,
    /// Maximum number of invocations per workgroup.
    pub(crate) invocations: u32,
}

/// Tuning of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TuningRow {
    /// Target duration of a dispatch: `interactive`, `balanced` or `throughput`.
    pub(crate) profile: &'static str,
    /// Nonces × midstates per dispatch at present, if measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dispatch_nonces: Option<u64>,
    /// Batch sizes from which it is faster than the CPU; absent if not measured, because the device was selected by
    /// name or the CPU is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crossover: Option<CrossoverRow>,
}

/// The smallest batch, in items, that a device finishes sooner than the CPU; null: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CrossoverRow {
    /// Nonces.
    pub(crate) search: Option<u64>,
    /// Headers.
    pub(crate) headers: Option<u64>,
    /// Merkle nodes.
    pub(crate) nodes: Option<u64>,
}

/// How a device answered work with known answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct HealthRow {
    /// Number of known answers (canaries).
    pub(crate) canaries: u64,
    /// Number of canaries that it missed.
    pub(crate) canaries_missed: u64,
    /// Fraction of canaries that it missed, 0 to 1.
    pub(crate) false_negative_rate: f64,
    /// Number of wrong answers, minus those that have expired.
    pub(crate) strikes: u32,
}

/// One adapter that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOutRow {
    /// The name that `--device` takes.
    pub(crate) id: String,
    /// The name for people.
    pub(crate) name: String,
    /// `cpu`, `gpu` or `software`.
    pub(crate) kind: &'static str,
    /// `cpu`, `vulkan`, …
    pub(crate) api: String,
    /// Driver and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) driver: Option<String>,
    /// PCI address and ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pci: Option<String>,
    /// Name of the kernel or shader variant that it would run.
    pub(crate) kernel: String,
    /// `software`, `duplicate`, `unfit` or `not-selected`.
    pub(crate) state: &'static str,
    /// Why it is not used.
    pub(crate) reason: String,
}
