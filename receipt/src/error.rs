//! Errors of statements, receipts and openings.

use cityseal_chain::merkle::Node;
use cityseal_chain::{BlockHash, CompactTarget, hex};
use thiserror::Error;

use crate::format::{FORMAT, FORMAT_WITHOUT_RULES, RECEIPT_BYTES_MAX};
use crate::keys::PublicKey;

/// Why parts do not form a statement: they contradict each other or contain texts that are not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StatementError {
    /// A text or word that is not allowed in its field.
    #[error("{field} {found:?}: {reason}")]
    Text {
        /// The field.
        field: &'static str,
        /// The field's value.
        found: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A list with too many or too few rows.
    #[error("{field} has {found} rows; expected {min} to {max}")]
    Rows {
        /// The field.
        field: &'static str,
        /// Number of rows.
        found: usize,
        /// Minimum number of rows.
        min: usize,
        /// Maximum number of rows.
        max: usize,
    },
    /// A verdict `fault` without a fault, or a verdict `valid` with one.
    #[error("the verdict is {verdict}, but the statement has {found}")]
    Verdict {
        /// The verdict.
        verdict: &'static str,
        /// `a fault` or `no fault`.
        found: &'static str,
    },
    /// A valid chain of no items, or heights above `u64::MAX`.
    #[error("{count} items from height {first_height} on cannot have this verdict")]
    Count {
        /// The first height.
        first_height: u64,
        /// The number of items.
        count: u64,
    },
    /// The tip is not the last of the items that passed.
    #[error("the last item that passed has height {expected:?}, but the tip has {found:?}")]
    Tip {
        /// The height that follows from the first height and the count; `None` if no item passed.
        expected: Option<u64>,
        /// The tip's height.
        found: Option<u64>,
    },
    /// The fault is not at the first item that did not pass.
    #[error("the first item that did not pass has height {expected}, but the fault has {found}")]
    FaultHeight {
        /// The height that follows from the first height and the count.
        expected: u64,
        /// The fault's height.
        found: u64,
    },
    /// Headers with totals over bodies, or blocks without a root over their contents.
    #[error("the items are {kind}, but the fields on their bodies do not match")]
    Bodies {
        /// `headers` or `blocks`.
        kind: &'static str,
    },
    /// A range of heights that ends before it starts.
    #[error("not_checked: the range of {rule} ends at height {to}, before it starts at {from}")]
    Range {
        /// The rule.
        rule: String,
        /// The first height.
        from: u64,
        /// The last height.
        to: u64,
    },
    /// The level or the number of the openings does not match the number of items.
    #[error("{found} openings of level {level} do not match {count} items")]
    Openings {
        /// Number of openings.
        found: u64,
        /// Level of the openings.
        level: u32,
        /// The number of items.
        count: u64,
    },
    /// The root of the openings differs from the root over the headers.
    #[error("the openings have the root {}, but headers_root is {}", hex::encode(found), hex::encode(expected))]
    HeadersRoot {
        /// The stated root over the headers.
        expected: Node,
        /// The root of the openings.
        found: Node,
    },
    /// The Unix time and the date differ.
    #[error("Unix time {unix} is not {utc}")]
    Made {
        /// Unix time.
        unix: u64,
        /// The stated date.
        utc: String,
    },
    /// The statement names another signer than the key that is to sign.
    #[error("the statement names {named} as its signer, but the key is {key}")]
    Signer {
        /// The key that the statement names.
        named: PublicKey,
        /// The public half of the signing key.
        key: PublicKey,
    },
}

/// Why a receipt is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Larger than the largest possible receipt.
    #[error("{found} bytes; a receipt has at most {RECEIPT_BYTES_MAX}")]
    TooLarge {
        /// Size in bytes.
        found: usize,
    },
    /// The JSON ends too early.
    #[error("truncated: {message}")]
    Cut {
        /// The parser's message, with the place.
        message: String,
    },
    /// Not JSON.
    #[error("not JSON: {message}")]
    NotJson {
        /// The parser's message, with the place.
        message: String,
    },
    /// JSON of another format, or of another version of this one.
    #[error("the format is {found:?}; expected {FORMAT:?} or {FORMAT_WITHOUT_RULES:?}")]
    Format {
        /// The format that the file names.
        found: String,
    },
    /// A field that is missing, unknown, duplicated or malformed.
    #[error("a field does not conform to the format: {message}")]
    Field {
        /// The parser's message, with the place.
        message: String,
    },
    /// The signed text and the fields differ.
    #[error("line {line} of the signed text differs from the fields")]
    TextDiffers {
        /// The first line that differs, counted from 1.
        line: usize,
    },
    /// The content is right, but not in the one form in which receipts are written.
    #[error("not in canonical form at byte {at}: a receipt has exactly one form, including whitespace and line ends")]
    Form {
        /// The first byte that differs.
        at: usize,
    },
    /// The key next to the signature is not the signer's key in the text.
    #[error("the text names {named} as its signer, but public_key is {key}")]
    Signer {
        /// The key in the text.
        named: PublicKey,
        /// The key next to the signature.
        key: PublicKey,
    },
    /// The signature does not match the text and the key.
    #[error("the signature by {key} does not match the text: the receipt is forged, or was changed after signing")]
    Signature {
        /// The claimed signer's key.
        key: PublicKey,
    },
    /// The signed statement contradicts itself, or its openings were replaced.
    #[error("the statement is inconsistent: {0}")]
    Statement(#[from] StatementError),
    /// A valid signature by a key that is not trusted.
    #[error("the signature is valid, but {key} is not one of the trusted keys")]
    Foreign {
        /// The key that signed.
        key: PublicKey,
    },
}

impl ReceiptError {
    /// Whether the bytes are a receipt that must be rejected: changed, forged, or signed by an untrusted key. `false`
    /// if they are not a receipt.
    pub const fn is_clear_no(&self) -> bool {
        match self {
            Self::TextDiffers { .. }
            | Self::Signer { .. }
            | Self::Signature { .. }
            | Self::Statement(_)
            | Self::Foreign { .. } => true,
            Self::TooLarge { .. }
            | Self::Cut { .. }
            | Self::NotJson { .. }
            | Self::Format { .. }
            | Self::Field { .. }
            | Self::Form { .. } => false,
        }
    }
}

/// Why headers do not match what a receipt states as checked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// No subtree has this index.
    #[error("subtree {subtree} does not exist; the receipt has {subtrees} subtrees")]
    NoSubtree {
        /// Index of the subtree, counted from 0.
        subtree: u64,
        /// Number of subtrees.
        subtrees: u64,
    },
    /// The number of headers differs from the size of the subtree.
    #[error("subtree {subtree} has {expected} headers of 80 bytes; found {found} bytes")]
    Length {
        /// Index of the subtree, counted from 0.
        subtree: u64,
        /// Number of headers in the subtree.
        expected: u64,
        /// Number of bytes given.
        found: usize,
    },
    /// Other items than those signed, or another order.
    #[error(
        "subtree {subtree} differs from what was signed: its node is {}, but these items give {}",
        hex::encode(expected),
        hex::encode(found)
    )]
    Node {
        /// Index of the subtree, counted from 0.
        subtree: u64,
        /// The signed node.
        expected: Node,
        /// The node of these items.
        found: Node,
    },
    /// The bits of a header signed as checked do not encode a target (R01 to R03).
    #[error("height {height} was signed as checked, but its bits {bits} do not encode a target (R01 to R03)")]
    Bits {
        /// The height.
        height: u64,
        /// The bits.
        bits: CompactTarget,
    },
    /// A header signed as checked does not meet its target (R05).
    #[error("height {height} was signed as checked, but its hash {hash} does not meet its target (R05)")]
    ProofOfWork {
        /// The height.
        height: u64,
        /// The hash.
        hash: BlockHash,
    },
    /// A header signed as checked does not follow its predecessor (R06).
    #[error("height {height} was signed as checked, but names {found} as its predecessor instead of {expected} (R06)")]
    Link {
        /// The height.
        height: u64,
        /// The hash of the previous header.
        expected: BlockHash,
        /// The hash that the header names.
        found: BlockHash,
    },
    /// The last header is not the signed tip.
    #[error("the tip was signed as {expected}, but the last header has the hash {found}")]
    Tip {
        /// The tip's hash.
        expected: BlockHash,
        /// The hash of the last header.
        found: BlockHash,
    },
}
