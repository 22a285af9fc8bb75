//! Rows of JSON that saved parts and the answers of `verify` share. Scripts rely on them: fields may be added, never
//! changed.

use cityseal_chain::NotChecked;
use serde::{Deserialize, Serialize};

/// The first fault of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRow {
    /// Height of the header.
    pub height: u64,
    /// Number of the rule: `R05`.
    pub rule: String,
    /// Name of the rule: `proof-of-work`.
    pub name: String,
    /// The nearest value that would have passed, in the notation of its kind.
    pub expected: serde_json::Value,
    /// The value found, in the same notation.
    pub found: serde_json::Value,
    /// Offset of the header in bytes of the decoded input.
    pub offset: u64,
    /// Line of the header in its file; only for hex input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Index of the transaction that breaks the rule, counted from 0; absent if the rule is about the whole block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<u32>,
}

/// A rule that was not judged over a range of heights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotCheckedRow {
    /// Number of the rule, or the name of the check that was left out.
    pub rule: String,
    /// The first height.
    pub from: u64,
    /// The last height (inclusive).
    pub to: u64,
    /// The reason.
    pub why: String,
}

impl NotCheckedRow {
    /// The row of a range of heights.
    pub fn of(range: &NotChecked) -> Self {
        Self { rule: range.rule.into(), from: range.from, to: range.to, why: range.why.as_str().into() }
    }
}
