//! The answers of `key` and `receipt`.

use serde::Serialize;

/// The answer of `key new` and `key show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeyAnswer {
    /// The public key, 64 digits.
    pub(crate) public_key: String,
    /// What the key says that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

/// The answer of `receipt show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SignedText {
    /// The text that was signed.
    pub(crate) text: String,
    /// By whom, 64 digits.
    pub(crate) public_key: String,
    /// The signature, 128 digits.
    pub(crate) signature: String,
    /// By which rules it was judged.
    pub(crate) rules: RulesRow,
}

/// The rules that a receipt names, and those of this build for such a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RulesRow {
    /// `same` as this build's, `other`, or `unnamed` in receipts of format 1.
    pub(crate) compared: &'static str,
    /// The digest that the receipt names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
    /// The digests of this build, one for each kind of Merkle tree that such a chain can have.
    pub(crate) this_build: Vec<String>,
}

/// The answer of `receipt verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ReceiptAnswer {
    /// `good` or `refused`.
    pub(crate) receipt: &'static str,
    /// `trusted`, `unchecked` where no key was given, or `foreign`; absent where the receipt itself is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<&'static str>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Who signed, 64 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<String>,
    /// How the signer calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// What is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<serde_json::Value>,
    /// The same as text, for people.
    #[serde(skip)]
    pub(crate) text: String,
    /// By which rules it was judged; absent where the receipt itself is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rules: Option<RulesRow>,
    /// What the spot check came to, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spot_check: Option<SpotCheckRow>,
}

/// What a spot check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SpotCheckRow {
    /// `right`, `wrong`, or `impossible` where the receipt is about no items.
    pub(crate) result: &'static str,
    /// The heights that were chosen.
    pub(crate) items: Vec<u64>,
    /// Subtrees that were opened.
    pub(crate) subtrees: u64,
    /// Headers that were read for it.
    pub(crate) headers: u64,
    /// Why it is not right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}
