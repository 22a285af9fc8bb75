//! The JSON answers of all commands. Scripts rely on them: fields may be added, but not changed or removed.
//!
//! Hashes, targets and chain work are 64 hex digits, most significant first. Headers are 160 hex digits in wire order.
//! `version` and `bits` are 8 hex digits. Integers that can pass 2^53 are decimal strings. Times are Unix times.

mod access;
mod devices;
mod receipt;
mod verify;

use serde::Serialize;

pub(crate) use access::{CertsAddAnswer, CertsAnswer, CertsRevokeAnswer, ClientRow, ServerRow, TokenAnswer};
pub(crate) use devices::{CrossoverRow, DeviceRow, DevicesAnswer, HealthRow, LeftOutRow, LimitsRow, TuningRow};
pub(crate) use receipt::{KeyAnswer, ReceiptAnswer, RulesRow, SignedText, SpotCheckRow};
pub(crate) use verify::{
    BodiesRow, DamagedCopyRow, ForksRow, InvalidHeaderRow, ProofFaultRow, ProofRow, ProvedRow, ShardRow, StageRow,
    StaleRow, TipRow, UnconnectedRow, VerifyAnswer,
};

/// What one device contributed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ShareRow {
    /// Name of the device.
    pub(crate) name: String,
    /// Name of its kernel or shader variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kernel: Option<String>,
    /// Number of double hashes as a decimal string: nonces searched, or headers checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hashes: Option<String>,
    /// Number of headers hashed; absent in the answer of `seal`.
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
    /// Verified seals in the order of the space: extranonce, version, time, nonce.
    pub(crate) seals: Vec<SealRow>,
    /// Number of hashes as a decimal string; equals the volume of `coverage`.
    pub(crate) hashes: String,
    /// What was searched: sorted and disjoint.
    pub(crate) coverage: Vec<CoverageRow>,
    /// What each device contributed.
    pub(crate) devices: Vec<ShareRow>,
}

/// One verified seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SealRow {
    /// The sealed header, 160 hex digits.
    pub(crate) header: String,
    /// Its hash, 64 hex digits.
    pub(crate) hash: String,
    /// Its version, 8 hex digits.
    pub(crate) version: String,
    /// Its Unix time, in seconds.
    pub(crate) time: u32,
    /// Its nonce.
    pub(crate) nonce: u32,
    /// Extranonce as a decimal string, since it may have 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extranonce: Option<String>,
}

/// A range of nonces that one device searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CoverageRow {
    /// Extranonce as a decimal string, since it may have 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extranonce: Option<String>,
    /// Version, 8 hex digits.
    pub(crate) version: String,
    /// Its Unix time, in seconds.
    pub(crate) time: u32,
    /// The first nonce.
    pub(crate) nonce_first: u32,
    /// The last nonce (inclusive).
    pub(crate) nonce_last: u32,
    /// Name of the device.
    pub(crate) device: String,
}

/// The answer of `selftest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SelftestAnswer {
    /// A row for each kernel and device.
    pub(crate) rows: Vec<SelftestRow>,
    /// Adapters that were not tested, with the reason.
    pub(crate) left_out: Vec<LeftOutRow>,
}

/// The result of the known-answer tests of one kernel or device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SelftestRow {
    /// Name of the device.
    pub(crate) device: String,
    /// Name of its kernel or shader variant.
    pub(crate) kernel: String,
    /// `right` or `wrong`.
    pub(crate) answers: &'static str,
    /// Number of tests that passed.
    pub(crate) cases: usize,
    /// The test that failed, with both answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What `serve` prints once it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ServeAnswer {
    /// The address with the bound port.
    pub(crate) listening: String,
}

/// The answer of `demo`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DemoAnswer {
    /// Blocks sealed on top of the genesis block.
    pub(crate) blocks_sealed: u64,
    /// Hash of the last block, 64 hex digits.
    pub(crate) tip: String,
    /// The height of the fault in the forged headers.
    pub(crate) fault_height: u64,
    /// The broken rule, such as `R05`.
    pub(crate) fault_rule: String,
    /// The folder and files of `--keep`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<KeptRow>,
    /// Duration of the demonstration.
    pub(crate) seconds: f64,
}

/// What `demo --keep` wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeptRow {
    /// The folder as given on the command line.
    pub(crate) folder: String,
    /// The names of its files.
    pub(crate) files: Vec<&'static str>,
}
