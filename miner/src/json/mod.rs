//! The shapes of every JSON answer, in one place. Scripts rely on them: fields may be added, never changed.
//!
//! Hashes, targets and chain work are 64 hex digits, most significant first; headers are 160 digits in wire order;
//! `version` and `bits` are 8 digits; numbers that can pass 2^53 are decimal strings, all others integers.

mod devices;
mod receipt;
mod verify;

use serde::Serialize;

pub(crate) use devices::{CrossoverRow, DeviceRow, DevicesAnswer, HealthRow, LeftOutRow, LimitsRow, TuningRow};
pub(crate) use receipt::{KeyAnswer, ReceiptAnswer, RulesRow, SignedText, SpotCheckRow};
pub(crate) use verify::{
    BodiesRow, DamagedCopyRow, ForksRow, InvalidHeaderRow, ShardRow, StageRow, StaleRow, TipRow, UnconnectedRow,
    VerifyAnswer,
};

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
