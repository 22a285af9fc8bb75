//! The parts of a statement that have parts of their own. Plain values: `statement.rs` says what must hold for them.

use cityseal_chain::{BlockHash, ChainWork, Fault, NotChecked, Tip};
use serde::{Deserialize, Serialize};

use crate::digits;
use crate::utc::utc_text;

/// What no verification here looks at, whatever the items are: the running of scripts, whether an output spent was there
/// and unspent, and so whether amounts add up.
pub const OUT_OF_SCOPE: [&str; 3] = ["scripts", "unspent-outputs", "amounts"];

/// What the verdict was. A run that did not come to its end has none that could be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    /// Every item passed every rule that could be judged.
    Valid,
    /// A rule is broken; the items before it passed.
    Fault,
}

impl VerdictKind {
    /// `valid` or `fault`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Fault => "fault",
        }
    }
}

/// What the items of the chain were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    /// Headers alone.
    Headers,
    /// Whole blocks.
    Blocks,
}

impl ItemKind {
    /// `headers` or `blocks`.
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
    /// The work of the chain up to and with it.
    #[serde(with = "digits")]
    pub chain_work: ChainWork,
}

impl From<&Tip> for TipRow {
    fn from(tip: &Tip) -> Self {
        Self { height: tip.height, hash: tip.hash, chain_work: tip.chain_work }
    }
}

/// The first fault, in words and numbers as a verdict has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRow {
    /// The height of the item.
    pub height: u64,
    /// The rule's number: `R05`.
    pub rule: String,
    /// The rule's name: `proof-of-work`.
    pub name: String,
    /// What would have passed.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// Where the item begins, in bytes of the input.
    pub offset: u64,
    /// The transaction, counted from 0, where the rule is about one.
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

/// A rule that was not judged over a range of heights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotCheckedRow {
    /// The rule's number or name: one word.
    pub rule: String,
    /// The first height.
    pub from: u64,
    /// The last height.
    pub to: u64,
    /// Why not.
    pub why: String,
}

impl From<&NotChecked> for NotCheckedRow {
    fn from(range: &NotChecked) -> Self {
        Self { rule: range.rule.into(), from: range.from, to: range.to, why: range.why.as_str().into() }
    }
}

/// The program that checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Its version: one word.
    pub version: String,
    /// The commit that it was built from: one word.
    pub commit: String,
}

/// A device that took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRow {
    /// Its name.
    pub name: String,
    /// What it ran: one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// How many items it worked on.
    pub items: u64,
}

/// When a receipt was made, by the clock of whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Seconds since 1970.
    pub(crate) unix: u64,
    /// The same as a date and time of day.
    pub(crate) utc: String,
}

impl Made {
    /// That moment; none from the year 10000 on.
    pub fn at(unix: u64) -> Option<Self> {
        Some(Self { unix, utc: utc_text(unix)? })
    }

    /// Seconds since 1970.
    pub const fn unix(&self) -> u64 {
        self.unix
    }

    /// Date and time of day: `2026-11-25T14:52:08Z`.
    pub fn utc(&self) -> &str {
        &self.utc
    }
}
