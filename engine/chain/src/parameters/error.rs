//! Why a text is not a city's parameters: each reason with its line, its key, and both values.

use crate::hash::BlockHash;
use crate::header::HeaderHexError;
use crate::hex::HexError;
use crate::target::{CompactFault, CompactTarget, Target, TargetHexError};
use thiserror::Error;

/// The longest name of a city, in bytes; it stands in every verdict and log line.
pub const NAME_BYTES_MAX: usize = 64;

/// Why a text is not a city's parameters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// Not TOML, a key that is unknown or missing, or a value of the wrong type.
    #[error("line {line}: {message}")]
    Toml {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, naming the key.
        message: String,
    },
    /// A value that its key cannot take.
    #[error("line {line}: {key}: {fault}")]
    Value {
        /// The line, counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        fault: ValueFault,
    },
}

/// What is wrong with the value of a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValueFault {
    /// Not a header's digits.
    #[error(transparent)]
    Header(#[from] HeaderHexError),
    /// Not a full target's digits.
    #[error(transparent)]
    Target(#[from] TargetHexError),
    /// Not a compact target's digits.
    #[error(transparent)]
    Hex(#[from] HexError),
    /// Digits of a compact target that encodes none.
    #[error("{bits}: {fault}")]
    Compact {
        /// The bits.
        bits: CompactTarget,
        /// Why they encode no target.
        fault: CompactFault,
    },
    /// The header or the anchor is easier than the limit allows.
    #[error("target {found} is above the limit {limit}")]
    AboveLimit {
        /// The limit.
        limit: Target,
        /// The target of the bits given.
        found: Target,
    },
    /// The genesis header does not meet its own target.
    #[error("hash {found} is above the target {target} of the header's own bits")]
    ProofOfWork {
        /// What its bits encode.
        target: Target,
        /// What it hashes to.
        found: BlockHash,
    },
    /// The genesis header names a predecessor.
    #[error("a genesis header names no predecessor, found {found}")]
    Predecessor {
        /// The predecessor that it names.
        found: BlockHash,
    },
    /// The genesis header breaks a version rule that holds from height 0.
    #[error("version {found} is below {min}, which holds from height 0")]
    Version {
        /// The version that holds.
        min: i32,
        /// The genesis header's version.
        found: i32,
    },
    /// A word that the key does not know.
    #[error("expected {expected}, found {found:?}")]
    Word {
        /// The words that it knows.
        expected: &'static str,
        /// The word given.
        found: String,
    },
    /// A number outside the range.
    #[error("expected a number from {min} to {max}, found {found}")]
    Range {
        /// The smallest.
        min: i64,
        /// The greatest.
        max: i64,
        /// The number given.
        found: i64,
    },
    /// A key that another kind of difficulty has.
    #[error("only difficulty {kind:?} takes this key, beside its kind")]
    OtherKind {
        /// The kind that has it.
        kind: &'static str,
    },
    /// ASERT cannot do without this key.
    #[error("difficulty \"asert\" needs this key")]
    NeededForAsert,
    /// The anchor is given in part.
    #[error("an anchor needs anchor_height, anchor_parent_time and anchor_bits together")]
    PartOfAnchor,
    /// Version rules out of order.
    #[error("heights must ascend: {found} comes after {last}")]
    Descending {
        /// The height of the rule before.
        last: u64,
        /// The height of this rule.
        found: u64,
    },
    /// A name that cannot stand in a verdict.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters")]
    Name,
}
