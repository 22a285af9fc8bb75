//! The JSON answers of all commands. Scripts rely on them: fields may be added, but not changed or removed.
//!
//! Hashes, targets and chain work are 64 hex digits, most significant first. Headers are 160 hex digits in wire order.
//! `version` and `bits` are 8 hex digits. Integers that can pass 2^53 are decimal strings. Times are Unix times.

mod access;
mod config;
mod devices;
mod journal;
mod receipt;
mod status;
mod verify;

use cityseal_chain::Seal;
use cityseal_engine::{CoverageSpan, DeviceShare, SealReport};
use serde::Serialize;

use crate::answers::{SelfTest, Work, seal_reason};
pub(crate) use access::{CertsAddAnswer, CertsAnswer, CertsRevokeAnswer, ClientRow, ServerRow, TokenAnswer};
pub(crate) use config::{CompletionsAnswer, ConfigCheckAnswer, ConfigPrintAnswer, ManAnswer, MemoryRow, SettingRow};
pub(crate) use devices::{CrossoverRow, DeviceRow, DevicesAnswer, HealthRow, LeftOutRow, LimitsRow, TuningRow};
pub(crate) use journal::JournalAnswer;
pub(crate) use receipt::{KeyAnswer, ReceiptAnswer, RulesRow, SignedText};
pub(crate) use status::{StatusAnswer, outcome_name};
pub(crate) use verify::VerifyAnswer;

/// What one device contributed.
#[derive(Debug, Serialize)]
struct ShareRow<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<&'a str>,
    /// Number of double hashes as a decimal string: nonces searched, or headers checked.
    hashes: String,
    /// Number of headers hashed; absent in the answer of `seal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<u64>,
    /// `ready`, `quarantined`, …
    state: &'static str,
}

impl<'a> ShareRow<'a> {
    fn of(share: &'a DeviceShare, work: Work) -> Self {
        Self {
            name: &share.name,
            kernel: Some(share.kernel.as_str()).filter(|kernel| !kernel.is_empty()),
            // Checking a header takes one hash, so `hashes` is comparable in the answers of all commands.
            hashes: work.done(share).to_string(),
            headers: (work != Work::Hashes).then_some(share.headers),
            state: share.state.name(),
        }
    }
}

/// The answer of `seal`.
#[derive(Debug, Serialize)]
pub(crate) struct SealAnswer<'a> {
    /// `sealed`, `exhausted`, `cancelled`, `expired`, `superseded` or `failed`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Verified seals in the order of the space: extranonce, version, time, nonce.
    seals: Vec<SealRow>,
    /// Number of hashes as a decimal string; equals the volume of `coverage`.
    hashes: String,
    /// What was searched: sorted and disjoint.
    coverage: Vec<CoverageRow>,
    devices: Vec<ShareRow<'a>>,
}

impl<'a> From<&'a SealReport> for SealAnswer<'a> {
    fn from(report: &'a SealReport) -> Self {
        Self {
            outcome: report.outcome.name(),
            reason: seal_reason(&report.outcome),
            seals: report.seals.iter().map(SealRow::from).collect(),
            hashes: report.hashes.to_string(),
            coverage: report.coverage.iter().map(CoverageRow::from).collect(),
            devices: report.devices.iter().map(|share| ShareRow::of(share, Work::Hashes)).collect(),
        }
    }
}

/// One verified seal.
#[derive(Debug, Serialize)]
struct SealRow {
    header: String,
    /// Its hash, 64 hex digits.
    hash: String,
    /// Its version, 8 hex digits.
    version: String,
    time: u32,
    nonce: u32,
    /// Extranonce as a decimal string, since it may have 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    extranonce: Option<String>,
}

impl From<&Seal> for SealRow {
    fn from(seal: &Seal) -> Self {
        let header = seal.header();
        Self {
            header: header.to_hex(),
            hash: seal.hash().to_display_hex(),
            version: format!("{:08x}", header.version),
            time: header.time,
            nonce: header.nonce,
            extranonce: seal.extranonce().map(|value| value.to_string()),
        }
    }
}

/// A range of nonces that one device searched.
#[derive(Debug, Serialize)]
struct CoverageRow {
    /// Extranonce as a decimal string, since it may have 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    extranonce: Option<String>,
    /// Version, 8 hex digits.
    version: String,
    time: u32,
    nonce_first: u32,
    nonce_last: u32,
    device: String,
}

impl From<CoverageSpan> for CoverageRow {
    fn from(span: CoverageSpan) -> Self {
        Self {
            extranonce: span.extranonce.map(|value| value.to_string()),
            version: format!("{:08x}", span.version),
            time: span.time,
            nonce_first: span.nonce_first,
            nonce_last: span.nonce_last,
            device: span.device,
        }
    }
}

/// The answer of `selftest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SelftestAnswer<'a> {
    pub(crate) rows: Vec<SelftestRow<'a>>,
    pub(crate) left_out: Vec<LeftOutRow>,
}

/// The result of the known-answer tests of one kernel or device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SelftestRow<'a> {
    device: &'a str,
    kernel: &'a str,
    /// `right` or `wrong`.
    answers: &'static str,
    cases: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> From<&'a SelfTest> for SelftestRow<'a> {
    fn from(test: &'a SelfTest) -> Self {
        let SelfTest { device, kernel, result } = test;
        let (answers, cases, reason) = match result {
            Ok(cases) => ("right", *cases, None),
            Err(reason) => ("wrong", 0, Some(reason.as_str())),
        };
        Self { device, kernel, answers, cases, reason }
    }
}

/// What `serve` prints once it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ServeAnswer {
    pub(crate) listening: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<String>,
    /// The address of the dashboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dashboard: Option<String>,
}

/// The answer of `demo`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DemoAnswer {
    pub(crate) blocks_sealed: u64,
    /// Hash of the last block, 64 hex digits.
    pub(crate) tip: String,
    pub(crate) fault_height: u64,
    pub(crate) fault_rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<KeptRow>,
    pub(crate) seconds: f64,
}

/// What `demo --keep` wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeptRow {
    pub(crate) folder: String,
    pub(crate) files: Vec<&'static str>,
}
