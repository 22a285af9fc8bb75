//! The answers of `key` and `receipt`.

use cityseal_receipt::Statement;
use serde::Serialize;

use crate::answers::{CheckedReceipt, NamedRules, SpotCheck};

/// The answer of `key new` and `key show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeyAnswer {
    pub(crate) public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

/// The answer of `receipt show`.
#[derive(Debug, Serialize)]
pub(crate) struct SignedText {
    pub(crate) text: String,
    pub(crate) public_key: String,
    pub(crate) signature: String,
    pub(crate) rules: RulesRow,
}

/// The rules that a receipt names, and those of this build for the same kind of items.
#[derive(Debug, Serialize)]
pub(crate) struct RulesRow {
    /// `same` (as this build's), `other`, or `unnamed` in receipts of format 1.
    compared: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// The digests of this build, one for each kind of Merkle tree that the chain can have.
    this_build: Vec<String>,
}

impl From<&NamedRules> for RulesRow {
    fn from(rules: &NamedRules) -> Self {
        let compared = match rules.digest {
            None => "unnamed",
            Some(_) if rules.are_same() => "same",
            Some(_) => "other",
        };
        let this_build = rules.this_build.iter().map(ToString::to_string).collect();
        Self { compared, digest: rules.digest.map(|digest| digest.to_string()), this_build }
    }
}

/// The answer of `receipt verify`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ReceiptAnswer<'a> {
    /// `good` or `refused`.
    receipt: &'static str,
    /// `trusted`, `unchecked` (no key was given) or `foreign`; absent if the receipt itself is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<serde_json::Value>,
    /// The rules by which the chain was judged; absent if the receipt itself is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<RulesRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spot_check: Option<SpotCheckRow<'a>>,
}

impl<'a> From<&'a CheckedReceipt> for ReceiptAnswer<'a> {
    fn from(checked: &'a CheckedReceipt) -> Self {
        let judged = match checked {
            CheckedReceipt::Refused(error) => {
                return Self { receipt: "refused", reason: Some(error.to_string()), ..Self::default() };
            }
            CheckedReceipt::Judged(judged) => judged,
        };
        let statement = judged.receipt.statement();
        Self {
            receipt: if judged.reason.is_none() { "good" } else { "refused" },
            key: Some(judged.trust.name()),
            reason: judged.reason.clone(),
            public_key: Some(judged.receipt.public_key().to_string()),
            label: statement.parts().signer.label.as_deref(),
            statement: Some(fields(statement)),
            rules: Some(RulesRow::from(&NamedRules::of(statement))),
            spot_check: judged.spot_check.as_ref().map(SpotCheckRow::from),
        }
    }
}

/// The fields of the statement without the tree nodes, which are of no use to a reader.
fn fields(statement: &Statement) -> serde_json::Value {
    let mut fields = serde_json::to_value(statement.parts()).unwrap_or_default();
    fields.as_object_mut().and_then(|fields| fields.remove("openings"));
    fields
}

/// The result of a spot check.
#[derive(Debug, Serialize)]
struct SpotCheckRow<'a> {
    /// `right`, `wrong`, or `impossible` if the receipt covers no items.
    result: &'static str,
    items: &'a [u64],
    subtrees: u64,
    headers: u64,
    /// Why the result is not `right`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> From<&'a SpotCheck> for SpotCheckRow<'a> {
    fn from(check: &'a SpotCheck) -> Self {
        let SpotCheck { result, heights, subtrees, headers } = check;
        let (subtrees, headers) = (*subtrees, *headers);
        Self { result: result.name(), items: heights, subtrees, headers, reason: result.reason() }
    }
}
