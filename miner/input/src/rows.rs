//! Rows of JSON that saved parts and the answers of `verify` share. Scripts rely on them: fields may be added, never
//! changed.

use cityseal_chain::NotChecked;
use serde::{Deserialize, Serialize};

/// The first fault of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRow {
    /// The height of the header.
    pub height: u64,
    /// `R05`.
    pub rule: String,
    /// `proof-of-work`.
    pub name: String,
    /// The nearest value that would have passed, in the notation of its kind.
    pub expected: serde_json::Value,
    /// The value found, in the same notation.
    pub found: serde_json::Value,
    /// Where the header begins, in bytes of the decoded input.
    pub offset: u64,
    /// Its line in its file, where the input is hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Which transaction of the block breaks the rule, counted from 0, where a single one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<u32>,
}

/// A rule that was not judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotCheckedRow {
    /// Its number, or the name of what was left out.
    pub rule: String,
    /// The first height.
    pub from: u64,
    /// The last height.
    pub to: u64,
    /// Why.
    pub why: String,
}

impl NotCheckedRow {
    /// The row of a range of heights.
    pub fn of(range: &NotChecked) -> Self {
        Self { rule: range.rule.into(), from: range.from, to: range.to, why: range.why.as_str().into() }
    }
}
