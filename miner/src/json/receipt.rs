//! The answers of `key` and `receipt`.

use serde::Serialize;

/// The answer of `key new` and `key show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeyAnswer {
    /// The public key, 64 hex digits.
    pub(crate) public_key: String,
    /// The label in the key file: the name that the signer chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

/// The answer of `receipt show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SignedText {
    /// The text that was signed.
    pub(crate) text: String,
    /// The signer's public key, 64 hex digits.
    pub(crate) public_key: String,
    /// The signature, 128 hex digits.
    pub(crate) signature: String,
    /// The rules by which the chain was judged.
    pub(crate) rules: RulesRow,
}

/// The rules that a receipt names, and those of this build for the same kind of items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RulesRow {
    /// `same` (as this build's), `other`, or `unnamed` in receipts of format 1.
    pub(crate) compared: &'static str,
    /// The digest that the receipt names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
    /// The digests of this build, one for each kind of Merkle tree that the chain can have.
    pub(crate) this_build: Vec<String>,
}

/// The answer of `receipt verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ReceiptAnswer {
    /// `good` or `refused`.
    pub(crate) receipt: &'static str,
    /// `trusted`, `unchecked` (no key was given) or `foreign`; absent if the receipt itself is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<&'static str>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The signer's public key, 64 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<String>,
    /// The name that the signer chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// The fields of the signed statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<serde_json::Value>,
    /// The statement as text; not in the JSON.
    #[serde(skip)]
    pub(crate) text: String,
    /// The rules by which the chain was judged; absent if the receipt itself is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rules: Option<RulesRow>,
    /// The result of the spot check; only with `--spot-check`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spot_check: Option<SpotCheckRow>,
}

/// The result of a spot check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SpotCheckRow {
    /// `right`, `wrong`, or `impossible` if the receipt covers no items.
    pub(crate) result: &'static str,
    /// The heights of the random items.
    pub(crate) items: Vec<u64>,
    /// Number of subtrees compared.
    pub(crate) subtrees: u64,
    /// Number of headers read.
    pub(crate) headers: u64,
    /// Why the result is not `right`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}
