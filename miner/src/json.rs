//! The shapes of every JSON answer, in one place. Scripts rely on them: fields may be added, never changed.
//!
//! Hashes, targets and chain work are 64 hex digits, most significant first; headers are 160 digits in wire order;
//! `version` and `bits` are 8 digits; numbers that can pass 2^53 are decimal strings, all others integers.

mod devices;
mod error;
mod receipt;
pub(crate) mod verify;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use verify::{
    BodiesRow, DamagedCopyRow, FaultRow, ForksRow, InvalidHeaderRow, NotCheckedRow, ShardRow, StageRow, StaleRow,
    TipRow, UnconnectedRow, VerifyAnswer,
};

pub(crate) use error::{ErrorAnswer, ErrorRow};

pub(crate) use devices::{CrossoverRow, DeviceRow, DevicesAnswer, HealthRow, LeftOutRow, LimitsRow, TuningRow};
pub(crate) use receipt::{KeyAnswer, ReceiptAnswer, RulesRow, SignedText, SpotCheckRow};

/// One device's part in the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ShareRow {
    /// The device.
    pub(crate) name: String,
    /// What it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kernel: Option<String>,
    /// Double hashes done, a decimal string: nonces searched, or headers checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hashes: Option<String>,
    /// Headers hashed; absent from the answer of `seal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) headers: Option<u64>,
    /// `ready`, `quarantined`, …
    pub(crate) state: String,
}

/// The answer of `seal`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SealAnswer {
    /// `sealed`, `exhausted`, `cancelled`, `expired`, `superseded` or `failed`.
    pub(crate) outcome: &'static str,
    /// Why it was cancelled or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Verified seals in the order of the space.
    pub(crate) seals: Vec<SealRow>,
    /// Hashes done: the volume of `coverage`, a decimal string.
    pub(crate) hashes: String,
    /// What was searched: sorted and disjoint.
    pub(crate) coverage: Vec<CoverageRow>,
    /// Who did how much.
    pub(crate) devices: Vec<ShareRow>,
}

/// One verified seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SealRow {
    /// 160 digits.
    pub(crate) header: String,
    /// 64 digits.
    pub(crate) hash: String,
    /// 8 digits.
    pub(crate) version: String,
    /// Seconds since 1970.
    pub(crate) time: u32,
    /// The nonce.
    pub(crate) nonce: u32,
    /// A decimal string: it may have 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extranonce: Option<String>,
}

/// One run of nonces that one device searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CoverageRow {
    /// A decimal string: it may have 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extranonce: Option<String>,
    /// 8 digits.
    pub(crate) version: String,
    /// Seconds since 1970.
    pub(crate) time: u32,
    /// The first nonce.
    pub(crate) nonce_first: u32,
    /// The last nonce, itself searched.
    pub(crate) nonce_last: u32,
    /// The device.
    pub(crate) device: String,
}

/// The answer of `selftest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SelftestAnswer {
    /// A row for each kernel and device.
    pub(crate) rows: Vec<SelftestRow>,
    /// Adapters that were not asked, with the reason.
    pub(crate) left_out: Vec<LeftOutRow>,
}

/// What one kernel or device made of the known answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SelftestRow {
    /// The device.
    pub(crate) device: String,
    /// What it ran.
    pub(crate) kernel: String,
    /// `right` or `wrong`.
    pub(crate) answers: &'static str,
    /// How many questions it answered rightly.
    pub(crate) cases: usize,
    /// The question that it failed, with both answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// The answer of `bench`, and the contents of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BenchAnswer {
    /// A row for each device, kernel and mode.
    pub(crate) rows: Vec<BenchRow>,
    /// How long one waits for each device, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) latencies: Vec<LatencyRow>,
    /// Where the figures come from.
    pub(crate) environment: BenchEnvironment,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BenchRow {
    /// The device.
    pub(crate) device: String,
    /// What it ran.
    pub(crate) kernel: String,
    /// `search`, …
    pub(crate) mode: String,
    /// CPU threads: of the device where it is the CPU, and of its baselines.
    pub(crate) threads: usize,
    /// Median rate.
    pub(crate) median: f64,
    /// Lowest rate.
    pub(crate) min: f64,
    /// Highest rate.
    pub(crate) max: f64,
    /// `hash/s`, `header/s` or `node/s`.
    pub(crate) unit: String,
    /// `right` or `wrong`.
    pub(crate) answers: String,
    /// Why the answers are wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// How many times the rate of each baseline, measured in between on as many threads.
    pub(crate) versus: BTreeMap<String, f64>,
    /// Hashes, headers or nodes of one batch, where the device is given batches of one size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batch_items: Option<u64>,
    /// The rate by the size of the batches, ascending, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) by_batch: Vec<BatchRow>,
    /// Clock of the CPU's cores between the laps, as a chain of additions shows it, in cycles a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clock_hz: Option<f64>,
    /// What one hash, header or node costs, where the machine tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) energy: Option<EnergyRow>,
}

/// Energy, as a counter of the machine told it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EnergyRow {
    /// For one hash, header or node, in nanojoules.
    pub(crate) nj_per_item: f64,
    /// `rapl`: all packages of the CPU; `nvml`: the GPU's board.
    pub(crate) source: String,
}

/// The rate with batches of one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchRow {
    /// Hashes, headers or nodes of one batch.
    pub(crate) batch_items: u64,
    /// Median rate, in the row's unit.
    pub(crate) median: f64,
    /// Lowest rate.
    pub(crate) min: f64,
    /// Highest rate.
    pub(crate) max: f64,
}

/// How long one waits for a device. All times in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LatencyRow {
    /// The device.
    pub(crate) device: String,
    /// What it ran.
    pub(crate) kernel: String,
    /// CPU threads.
    pub(crate) threads: usize,
    /// How often each wait was tried.
    pub(crate) trials: usize,
    /// From the submission of an easy job to its seal.
    pub(crate) first_hit_us: Spread,
    /// From the word to the end of a job that is cancelled.
    pub(crate) cancel_us: Spread,
    /// From the submission of a batch of one header to its hash.
    pub(crate) round_trip_us: Spread,
    /// `right` or `wrong`.
    pub(crate) answers: String,
    /// Why the answers are wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// The middle and the ends of several trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// The middle one.
    pub(crate) median: f64,
    /// The lowest.
    pub(crate) min: f64,
    /// The highest.
    pub(crate) max: f64,
}

/// The machine and the program that were measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BenchEnvironment {
    /// The processor's name.
    pub(crate) cpu: String,
    /// Its clock as the system tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clock_hz: Option<u64>,
    /// Driver of the GPUs measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) driver: Option<String>,
    /// The commit that the program was built from; `-dirty` where its sources differed.
    pub(crate) commit: String,
    /// Operating system and its version.
    pub(crate) os: String,
    /// When it was measured, in UTC: `2026-11-22T23:59:07Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) measured_at: Option<String>,
}

/// The answer of `bench compare`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CompareAnswer {
    /// Rows that both sides have.
    pub(crate) rows: Vec<CompareRow>,
    /// Rows of the first side alone.
    pub(crate) only_in_a: Vec<RowName>,
    /// Rows of the second side alone.
    pub(crate) only_in_b: Vec<RowName>,
    /// No row's noise counts as less than this.
    pub(crate) noise_min: f64,
    /// What else is worth knowing: figures of different machines.
    pub(crate) notes: Vec<String>,
}

/// What one row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct RowName {
    /// The processor, where one side has figures of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) machine: Option<String>,
    /// The device.
    pub(crate) device: String,
    /// What it ran.
    pub(crate) kernel: String,
    /// `search`, …
    pub(crate) mode: String,
    /// CPU threads.
    pub(crate) threads: usize,
}

/// One row of both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CompareRow {
    /// What it is about.
    #[serde(flatten)]
    pub(crate) name: RowName,
    /// `hash/s`, `header/s` or `node/s`.
    pub(crate) unit: String,
    /// Median of the first side.
    pub(crate) a: f64,
    /// Median of the second side.
    pub(crate) b: f64,
    /// `b / a`.
    pub(crate) ratio: f64,
    /// The spread of the laps, (max − min) / median, of the noisier side; `noise_min` at least.
    pub(crate) noise: f64,
    /// `better`, `same`, `worse`; `wrong` where the answers of a side were.
    pub(crate) verdict: &'static str,
}

/// The answer of `bench report`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ReportAnswer {
    /// The page.
    pub(crate) page: String,
    /// Files of single plots, where they were asked for.
    pub(crate) plots: Vec<String>,
    /// Rows that the page shows.
    pub(crate) rows: usize,
}

/// What `serve` says once it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ServeAnswer {
    /// The address, with the port that was bound.
    pub(crate) listening: String,
}

/// The answer of `demo`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DemoAnswer {
    /// Blocks sealed on top of the genesis block.
    pub(crate) blocks_sealed: u64,
    /// Hash of the last one, 64 digits.
    pub(crate) tip: String,
    /// The height of the fault in the forged headers.
    pub(crate) fault_height: u64,
    /// Its rule, such as `R05`.
    pub(crate) fault_rule: String,
    /// The folder and files of `--keep`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<KeptRow>,
    /// How long the demonstration took.
    pub(crate) seconds: f64,
}

/// What `demo --keep` wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeptRow {
    /// The folder as it was given.
    pub(crate) folder: String,
    /// The names of its files.
    pub(crate) files: Vec<&'static str>,
}

/// The answer of `drill`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DrillAnswer {
    /// How long a batch may take before its device counts as hung.
    pub(crate) hang_after_ms: f64,
    /// A row for each device and fault.
    pub(crate) rows: Vec<DrillRow>,
}

/// What became of one injected fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DrillRow {
    /// The device; `cpu-as-device` where the CPU poses as one.
    pub(crate) device: String,
    /// `loss`, `hang`, `stuck`, `false-hits`, `missed-hits`, `zeros` or `wrong-hashes`.
    pub(crate) fault: &'static str,
    /// How often it was injected.
    pub(crate) injected: u64,
    /// `right` where the answer is that of the CPU alone, and nothing was left out; otherwise `wrong`.
    pub(crate) answer: &'static str,
    /// From the first fault until a thread of the CPU began with what the device had been asked; null where none had to,
    /// since the judge had hashed it again on the spot.
    pub(crate) takeover_ms: Option<f64>,
    /// How long the job or the chain took.
    pub(crate) job_ms: f64,
    /// The device's state at the end: `ready`, `quarantined`, …
    pub(crate) state: &'static str,
}
