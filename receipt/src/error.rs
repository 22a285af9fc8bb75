//! Why something is no statement, no receipt, or no opening of one.

use cityseal_chain::merkle::Node;
use cityseal_chain::{BlockHash, CompactTarget, hex};
use thiserror::Error;

use crate::keys::PublicKey;
use crate::receipt::{FORMAT, FORMAT_WITHOUT_RULES, RECEIPT_BYTES_MAX};

/// Why parts are no statement: they contradict each other, or may not be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StatementError {
    /// A text or word that may not stand there.
    #[error("{field} {found:?}: {reason}")]
    Text {
        /// The field.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More or fewer rows than a list may have.
    #[error("{field} has {found} rows, at least {min} and at most {max} are wanted")]
    Rows {
        /// The field.
        field: &'static str,
        /// Rows that there are.
        found: usize,
        /// Fewest that there may be.
        min: usize,
        /// Most that there may be.
        max: usize,
    },
    /// A fault without its rule, or a rule broken in a valid chain.
    #[error("the verdict is {verdict}, and there is {found}")]
    Verdict {
        /// The verdict.
        verdict: &'static str,
        /// `a fault` or `no fault`.
        found: &'static str,
    },
    /// A valid chain of no items, or heights past what can be counted.
    #[error("{count} items from height {first_height} on are no chain that could have this verdict")]
    Count {
        /// The first height.
        first_height: u64,
        /// The number of items.
        count: u64,
    },
    /// The tip is not the last of the items that passed.
    #[error("the last item that passed has height {expected:?}, the tip has {found:?}")]
    Tip {
        /// The height that follows from the first height and the count; none if no item passed.
        expected: Option<u64>,
        /// The tip's height.
        found: Option<u64>,
    },
    /// The fault is not at the first item that did not pass.
    #[error("the first item that did not pass has height {expected}, the fault has {found}")]
    FaultHeight {
        /// The height that follows from the first height and the count.
        expected: u64,
        /// The fault's height.
        found: u64,
    },
    /// Headers with transactions, or blocks without a root over their contents.
    #[error("the items are {kind}, and what is said of their bodies does not fit")]
    Bodies {
        /// `headers` or `blocks`.
        kind: &'static str,
    },
    /// A range of heights backwards.
    #[error("not checked: {rule} from height {from} to {to}, which is before")]
    Range {
        /// The rule.
        rule: String,
        /// The first height.
        from: u64,
        /// The last height.
        to: u64,
    },
    /// The openings are of another level or number than a tree of so many items has.
    #[error("{found} openings of level {level} do not belong to {count} items")]
    Openings {
        /// Their number.
        found: u64,
        /// Their level.
        level: u32,
        /// The number of items.
        count: u64,
    },
    /// The openings do not fold to the root over the headers.
    #[error("the openings fold to {}, the root over the headers is {}", hex::encode(found), hex::encode(expected))]
    HeadersRoot {
        /// The root that is stated.
        expected: Node,
        /// The root of the openings.
        found: Node,
    },
    /// The date is not that of the seconds.
    #[error("{unix} seconds since 1970 are not {utc}")]
    Made {
        /// Seconds since 1970.
        unix: u64,
        /// The date.
        utc: String,
    },
    /// The signer named in the statement does not have the key that is to sign.
    #[error("the statement names {named} as its signer, the key is {key}")]
    Signer {
        /// The key that the statement names.
        named: PublicKey,
        /// The key at hand.
        key: PublicKey,
    },
}

/// Why bytes are not a receipt that can be believed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Larger than any receipt.
    #[error("{found} bytes are more than the {RECEIPT_BYTES_MAX} of the largest receipt")]
    TooLarge {
        /// Bytes that there are.
        found: usize,
    },
    /// The JSON ends too early.
    #[error("cut off: {message}")]
    Cut {
        /// What the parser said, with the place.
        message: String,
    },
    /// Not JSON.
    #[error("not JSON: {message}")]
    NotJson {
        /// What the parser said, with the place.
        message: String,
    },
    /// JSON of another format, or of another version of this one.
    #[error("the format is {found:?}; expected {FORMAT:?} or {FORMAT_WITHOUT_RULES:?}")]
    Format {
        /// The format named.
        found: String,
    },
    /// A field that is missing, unknown, twice there, or not what it should be.
    #[error("a field is not as the format wants it: {message}")]
    Field {
        /// What the parser said, with the place.
        message: String,
    },
    /// The text does not say what the fields say.
    #[error("line {line} of the signed text is not what the fields say")]
    TextDiffers {
        /// The first line that differs, counted from 1.
        line: usize,
    },
    /// All is there, but not in the one form in which receipts are written.
    #[error("byte {at} is not as receipts are written: there is one form, down to blanks and line ends")]
    Form {
        /// The first byte that differs.
        at: usize,
    },
    /// The key beside the signature is not the one that the text names.
    #[error("the text names {named} as its signer, the signature is said to be of {key}")]
    Signer {
        /// The key in the text.
        named: PublicKey,
        /// The key beside the signature.
        key: PublicKey,
    },
    /// The signature is not this key's over this text.
    #[error("the signature is not of {key} over this text: forged, or changed after it was signed")]
    Signature {
        /// The key that is said to have signed.
        key: PublicKey,
    },
    /// What was signed contradicts itself, or its openings were exchanged.
    #[error("the statement does not hold together: {0}")]
    Statement(#[from] StatementError),
    /// Signed well, by somebody whom nobody trusts here.
    #[error("signed well, but by {key}, which is none of the trusted keys")]
    Foreign {
        /// The key that signed.
        key: PublicKey,
    },
}

impl ReceiptError {
    /// It is a receipt, and the answer is no: changed, forged, or signed by a stranger. Otherwise it is no receipt at all.
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

/// Why headers are not what a receipt says that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// There is no such subtree.
    #[error("there is no subtree {subtree} among {subtrees}")]
    NoSubtree {
        /// The subtree, counted from 0.
        subtree: u64,
        /// How many there are.
        subtrees: u64,
    },
    /// Another number of headers than the subtree has.
    #[error("subtree {subtree} has {expected} headers of 80 bytes, {found} bytes are given")]
    Length {
        /// The subtree, counted from 0.
        subtree: u64,
        /// Headers that it has.
        expected: u64,
        /// Bytes that were given.
        found: usize,
    },
    /// They are other items, or in another order.
    #[error(
        "subtree {subtree} is not what was signed: its node is {}, these items give {}",
        hex::encode(expected),
        hex::encode(found)
    )]
    Node {
        /// The subtree, counted from 0.
        subtree: u64,
        /// The node that was signed.
        expected: Node,
        /// The node of these items.
        found: Node,
    },
    /// What was signed as checked has no target at all (R01 to R03).
    #[error("height {height} was signed as checked, and its bits {bits} are no target")]
    Bits {
        /// The height.
        height: u64,
        /// The bits.
        bits: CompactTarget,
    },
    /// What was signed as checked does not meet its target (R05).
    #[error("height {height} was signed as checked, and its hash {hash} does not meet its target (R05)")]
    ProofOfWork {
        /// The height.
        height: u64,
        /// The hash.
        hash: BlockHash,
    },
    /// What was signed as checked does not follow its predecessor (R06).
    #[error("height {height} was signed as checked, and names {found} as its predecessor, which is {expected} (R06)")]
    Link {
        /// The height.
        height: u64,
        /// The hash of the header before.
        expected: BlockHash,
        /// The hash that the header names.
        found: BlockHash,
    },
    /// The last header is not the tip that was signed.
    #[error("the tip was signed as {expected}, and the last header has hash {found}")]
    Tip {
        /// The tip's hash.
        expected: BlockHash,
        /// The last header's.
        found: BlockHash,
    },
}
