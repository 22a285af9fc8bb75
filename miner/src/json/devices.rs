//! The answer of `devices`, and the rows of devices in other answers.

use serde::Serialize;

/// The answer of `devices`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DevicesAnswer {
    /// Every adapter.
    pub(crate) devices: Vec<DeviceRow>,
    /// What else is worth knowing: why there is no GPU.
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
    /// Bytes of its own memory, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_bytes: Option<u64>,
    /// What its adapter allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<LimitsRow>,
    /// What it runs.
    pub(crate) kernel: String,
    /// `ready`, `software`, `duplicate`, `unfit`, `failed-self-test`, `not-selected`, `probation`, `quarantined`, `hung`,
    /// `reopening` or `failed`.
    pub(crate) state: &'static str,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Why it is in that state: the reason, or that it passed its self-test.
    pub(crate) why: String,
    /// The model of the CPU, where the system names it; absent for other devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Threads of the CPU that work, or would work; absent for other devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) threads: Option<usize>,
    /// The id of the device that is used in place of this duplicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duplicate_of: Option<String>,
    /// Seconds until its quarantine ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until_s: Option<u64>,
    /// How it is tuned, where it is a GPU or imitates one, and is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tuning: Option<TuningRow>,
    /// Its measured search rate, in hashes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate_hz: Option<f64>,
    /// How it answered what was known, where it was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) health: Option<HealthRow>,
}

/// What an adapter allows, as it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LimitsRow {
    /// Most bytes of a buffer.
    pub(crate) buffer_bytes: u64,
    /// Most bytes of a buffer that a shader sees.
    pub(crate) binding_bytes: u64,
    /// Most workgroups of a dispatch in one dimension.
    pub(crate) workgroups: u32,
    /// Most invocations of a workgroup.
    pub(crate) invocations: u32,
}

/// How a device is tuned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TuningRow {
    /// `interactive`, `balanced` or `throughput`: how long a dispatch should take.
    pub(crate) profile: &'static str,
    /// Nonces × midstates of a dispatch at present, where measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dispatch_nonces: Option<u64>,
    /// From which size on it beats the CPU; absent where it was not measured, since it was named or there is no CPU beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crossover: Option<CrossoverRow>,
}

/// The smallest batch, in items, that a device does sooner than the CPU; null: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CrossoverRow {
    /// Nonces.
    pub(crate) search: Option<u64>,
    /// Headers.
    pub(crate) headers: Option<u64>,
    /// Merkle nodes.
    pub(crate) nodes: Option<u64>,
}

/// How a device answered what was known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct HealthRow {
    /// Answers that were known to be there.
    pub(crate) canaries: u64,
    /// How many of them it missed.
    pub(crate) canaries_missed: u64,
    /// The share of them that it missed.
    pub(crate) false_negative_rate: f64,
    /// How often it was caught in a wrong answer, less what was forgotten since.
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
    /// What it would run.
    pub(crate) kernel: String,
    /// `software`, `duplicate`, `unfit` or `not-selected`.
    pub(crate) state: &'static str,
    /// Why it is not used.
    pub(crate) reason: String,
}
