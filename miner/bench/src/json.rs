//! The JSON answers of measurements and drills, and the records of figures. Scripts rely on them: fields may be added,
//! never changed.

use std::collections::BTreeMap;

use cityseal_cli::{Output, Paint};
use serde::{Deserialize, Serialize};

/// The answer of `bench`, and the contents of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BenchAnswer {
    /// A row for each device, kernel and mode.
    pub(crate) rows: Vec<BenchRow>,
    /// Latencies of each device; only in mode `latency`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) latencies: Vec<LatencyRow>,
    /// The machine and the program.
    pub(crate) environment: BenchEnvironment,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BenchRow {
    /// Name of the device.
    pub(crate) device: String,
    /// Name of its kernel or shader variant.
    pub(crate) kernel: String,
    /// `search`, …
    pub(crate) mode: String,
    /// Number of CPU threads of the baselines, and of the device if it is the CPU.
    pub(crate) threads: usize,
    /// Median rate.
    pub(crate) median: f64,
    /// Lowest rate.
    pub(crate) min: f64,
    /// Highest rate.
    pub(crate) max: f64,
    /// `hash/s`, `header/s` or `node/s`.
    pub(crate) unit: String,
    /// Whether all answers were right.
    pub(crate) answers: Answers,
    /// Why the answers are wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The rate divided by the rate of each baseline, which is measured between the laps on as many threads.
    pub(crate) versus: BTreeMap<String, f64>,
    /// Hashes, headers or nodes per batch, if the device gets batches of one size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batch_items: Option<u64>,
    /// The rate by batch size, ascending; only with `--by-batch`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) by_batch: Vec<BatchRow>,
    /// Clock of the CPU cores between the laps, measured with a chain of additions, in cycles per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clock_hz: Option<f64>,
    /// Energy of one hash, header or node, if the machine has a sensor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) energy: Option<EnergyRow>,
}

/// Whether answers are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answers {
    Right,
    Wrong,
}

impl Answers {
    /// `Right` if nothing is wrong with them.
    pub(crate) const fn of(is_right: bool) -> Self {
        if is_right { Self::Right } else { Self::Wrong }
    }

    /// The name, as in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }

    /// The name in its colour.
    pub(crate) fn painted(self, output: &Output) -> String {
        output.paint(if self == Self::Right { Paint::Good } else { Paint::Bad }, self.name())
    }
}

/// Energy as measured by a counter of the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EnergyRow {
    /// Nanojoules per hash, header or node.
    pub(crate) nj_per_item: f64,
    /// `rapl`: all packages of the CPU; `nvml`: the board of the GPU.
    pub(crate) source: String,
}

/// The rate with batches of one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchRow {
    /// Hashes, headers or nodes per batch.
    pub(crate) batch_items: u64,
    /// Median rate, in the row's unit.
    pub(crate) median: f64,
    /// Lowest rate.
    pub(crate) min: f64,
    /// Highest rate.
    pub(crate) max: f64,
}

/// Latencies of a device in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LatencyRow {
    /// Name of the device.
    pub(crate) device: String,
    /// Name of its kernel or shader variant.
    pub(crate) kernel: String,
    /// Number of CPU threads.
    pub(crate) threads: usize,
    /// Number of trials of each latency.
    pub(crate) trials: usize,
    /// From the submission of an easy job to its seal.
    pub(crate) first_hit_us: Spread,
    /// From the cancellation of a job to its end.
    pub(crate) cancel_us: Spread,
    /// From the submission of a batch of one header to its hash.
    pub(crate) round_trip_us: Spread,
    /// Whether all answers were right.
    pub(crate) answers: Answers,
    /// Why the answers are wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// Median, minimum and maximum of several trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// Median.
    pub(crate) median: f64,
    /// Minimum.
    pub(crate) min: f64,
    /// Maximum.
    pub(crate) max: f64,
}

/// The machine and the program that were measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BenchEnvironment {
    /// Name of the processor.
    pub(crate) cpu: String,
    /// Clock of the processor as the system reports it, in cycles per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clock_hz: Option<u64>,
    /// Driver of the measured GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) driver: Option<String>,
    /// The commit that the program was built from, with `-dirty` if the sources differed from it.
    pub(crate) commit: String,
    /// Operating system and its version.
    pub(crate) os: String,
    /// Time of the measurement in UTC: `2026-11-22T23:59:07Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) measured_at: Option<String>,
}

/// The answer of `bench compare`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CompareAnswer {
    /// Rows that both sides have.
    pub(crate) rows: Vec<CompareRow>,
    /// Rows that only the first side has.
    pub(crate) only_in_a: Vec<RowName>,
    /// Rows that only the second side has.
    pub(crate) only_in_b: Vec<RowName>,
    /// Minimum noise of every row.
    pub(crate) noise_min: f64,
    /// Notes, such as that the figures are of different machines.
    pub(crate) notes: Vec<String>,
}

/// The key of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct RowName {
    /// Name of the processor, if a side has figures of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) machine: Option<String>,
    /// Name of the device.
    pub(crate) device: String,
    /// Name of its kernel or shader variant.
    pub(crate) kernel: String,
    /// `search`, …
    pub(crate) mode: String,
    /// Number of CPU threads.
    pub(crate) threads: usize,
}

/// The comparison of one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CompareRow {
    /// The key of the row.
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
    /// Spread of the laps, (max − min) / median, of the noisier side, and at least `noise_min`.
    pub(crate) noise: f64,
    /// Which side is faster.
    pub(crate) verdict: Change,
}

/// The second side of a comparison, compared with the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    Better,
    Same,
    Worse,
    /// A side has wrong answers.
    Wrong,
}

impl Change {
    /// The name, as in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Same => "same",
            Self::Worse => "worse",
            Self::Wrong => "wrong",
        }
    }
}

/// The answer of `bench report`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ReportAnswer {
    /// Path of the page.
    pub(crate) page: String,
    /// Paths of the plots written for `--svg`.
    pub(crate) plots: Vec<String>,
    /// Number of rows on the page.
    pub(crate) rows: usize,
}

/// The answer of `drill`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DrillAnswer {
    /// Time after which a device counts as hung.
    pub(crate) hang_after_ms: f64,
    /// A row for each device and fault.
    pub(crate) rows: Vec<DrillRow>,
}

/// The result of one injected fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DrillRow {
    /// Name of the device; `cpu-as-device` if the CPU is drilled.
    pub(crate) device: String,
    /// `loss`, `hang`, `stuck`, `false-hits`, `missed-hits`, `zeros` or `wrong-hashes`.
    pub(crate) fault: &'static str,
    /// How often the fault was injected.
    pub(crate) injected: u64,
    /// `right` if the answer equals that of the CPU alone and has no gaps; otherwise `wrong`.
    pub(crate) answer: Answers,
    /// From the first fault until a CPU thread started the device's work; null if no work had to be repeated, because
    /// the CPU corrected the answer while checking it.
    pub(crate) takeover_ms: Option<f64>,
    /// Duration of the job or of the verification.
    pub(crate) job_ms: f64,
    /// The device's state at the end: `ready`, `quarantined`, …
    pub(crate) state: &'static str,
}
