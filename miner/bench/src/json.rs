//! The JSON answers of measurements and drills, and the records of figures. Scripts rely on them: fields may be added,
//! never changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
