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
    /// What the spot check came to, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spot_check: Option<SpotCheckRow>,
}

/// What a spot check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SpotCheckRow {
    /// `right` or `wrong`.
    pub(crate) result: &'static str,
    /// The heights that were chosen.
    pub(crate) items: Vec<u64>,
    /// Subtrees that were opened.
    pub(crate) subtrees: u64,
    /// Headers that were read for it.
    pub(crate) headers: u64,
    /// Why it is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}
