//! The compound parts of a statement, as plain values; `statement.rs` checks them.

use cityseal_chain::{BlockHash, ChainWork, Fault, NotChecked, Tip};
use serde::{Deserialize, Serialize};

use crate::digits;
use crate::utc::utc_text;

/// What no verification covers, neither of headers nor of blocks: script execution, whether spent outputs exist and are
/// unspent, and therefore whether amounts add up.
pub const OUT_OF_SCOPE: [&str; 3] = ["scripts", "unspent-outputs", "amounts"];

/// The verdict. An incomplete run has no verdict that can be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    /// Every item passed every rule that could be checked.
    Valid,
    /// An item breaks a rule; all items before it passed.
    Fault,
}

impl VerdictKind {
    /// Returns `valid` or `fault`, as in every other answer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => cityseal_chain::VerdictKind::Valid.name(),
            Self::Fault => cityseal_chain::VerdictKind::Fault.name(),
        }
    }
}

/// The kind of the chain's items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    /// Headers alone.
    Headers,
    /// Whole blocks.
    Blocks,
}

impl ItemKind {
    /// Returns `headers` or `blocks`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Blocks => "blocks",
        }
    }
}

/// The last item that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TipRow {
    /// Its height.
    pub height: u64,
    /// The hash of its header.
    #[serde(with = "digits")]
    pub hash: BlockHash,
    /// The work of the chain up to and including this item.
    #[serde(with = "digits")]
    pub chain_work: ChainWork,
}

impl From<&Tip> for TipRow {
    fn from(tip: &Tip) -> Self {
        Self { height: tip.height, hash: tip.hash, chain_work: tip.chain_work }
    }
}

/// The first fault, with its values formatted as in verdicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRow {
    /// The height of the item.
    pub height: u64,
    /// The rule's number: `R05`.
    pub rule: String,
    /// The rule's name: `proof-of-work`.
    pub name: String,
    /// The value that the rule requires.
    pub expected: String,
    /// The value in the item.
    pub found: String,
    /// Offset of the item in the input, in bytes.
    pub offset: u64,
    /// Index of the transaction, counted from 0, if the rule concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<u32>,
}

impl From<&Fault> for FaultRow {
    fn from(fault: &Fault) -> Self {
        Self {
            height: fault.height,
            rule: fault.rule.code().into(),
            name: fault.rule.name().into(),
            expected: fault.expected.to_string(),
            found: fault.found.to_string(),
            offset: fault.offset,
            transaction: fault.transaction,
        }
    }
}

/// A rule that was not checked over a range of heights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotCheckedRow {
    /// The rule's number or name: one word.
    pub rule: String,
    /// The first height.
    pub from: u64,
    /// The last height.
    pub to: u64,
    /// The reason.
    pub why: String,
}

impl From<&NotChecked> for NotCheckedRow {
    fn from(range: &NotChecked) -> Self {
        Self { rule: range.rule.into(), from: range.from, to: range.to, why: range.why.as_str().into() }
    }
}

/// The build of the program that checked the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Its version: one word.
    pub version: String,
    /// The commit it was built from: one word.
    pub commit: String,
}

/// A device that took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRow {
    /// Its name.
    pub name: String,
    /// The kernel it ran: one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Number of items it processed.
    pub items: u64,
}

/// The time at which a receipt was made, by the signer's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Unix time.
    pub(crate) unix: u64,
    /// The same time as a date and time of day.
    pub(crate) utc: String,
}

impl Made {
    /// Converts a Unix time; `None` from the year 10000 on.
    pub fn at(unix: u64) -> Option<Self> {
        Some(Self { unix, utc: utc_text(unix)? })
    }

    /// Returns the Unix time.
    pub const fn unix(&self) -> u64 {
        self.unix
    }

    /// Returns the date and time of day: `2026-11-25T14:52:08Z`.
    pub fn utc(&self) -> &str {
        &self.utc
    }
}
