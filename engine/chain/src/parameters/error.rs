//! Why a text is not valid custom network parameters: each reason with its line, its key and both values.

use crate::hash::BlockHash;
use crate::header::HeaderHexError;
use crate::hex::HexError;
use crate::targets::{CompactFault, CompactTarget, Target, TargetHexError};
use thiserror::Error;

/// Maximum length of a network's name in bytes; it appears in every verdict and log line.
pub const NAME_BYTES_MAX: usize = 64;

/// Why a text is not valid custom network parameters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// The text is not TOML, a key is unknown or missing, or a value has the wrong type.
    #[error("line {line}: {message}")]
    Toml {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, with the name of the key.
        message: String,
    },
    /// A key has a value that it cannot take.
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
    /// The value is not the hex form of a header.
    #[error(transparent)]
    Header(#[from] HeaderHexError),
    /// The value is not the hex form of a full target.
    #[error(transparent)]
    Target(#[from] TargetHexError),
    /// The value is not hex of the required length.
    #[error(transparent)]
    Hex(#[from] HexError),
    /// The bits encode no target.
    #[error("{bits}: {fault}")]
    Compact {
        /// The bits.
        bits: CompactTarget,
        /// Why they encode no target.
        fault: CompactFault,
    },
    /// The target of the header or of the anchor is above the limit.
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
        /// The target that its bits encode.
        target: Target,
        /// Its hash.
        found: BlockHash,
    },
    /// The genesis header names a predecessor.
    #[error("a genesis header must name no predecessor, found {found}")]
    Predecessor {
        /// The predecessor that it names.
        found: BlockHash,
    },
    /// The genesis header breaks a version rule that applies from height 0.
    #[error("version {found} is below the minimum {min} in force from height 0")]
    Version {
        /// The minimum version in force.
        min: i32,
        /// The genesis header's version.
        found: i32,
    },
    /// The key does not accept this word.
    #[error("expected {expected}, found {found:?}")]
    Word {
        /// The words that it accepts.
        expected: &'static str,
        /// The word given.
        found: String,
    },
    /// The number is out of range.
    #[error("expected a number from {min} to {max}, found {found}")]
    Range {
        /// The smallest.
        min: i64,
        /// The greatest.
        max: i64,
        /// The number given.
        found: i64,
    },
    /// The key belongs to another kind of difficulty.
    #[error("only difficulty {kind:?} takes this key")]
    OtherKind {
        /// The kind that takes it.
        kind: &'static str,
    },
    /// ASERT requires this key.
    #[error("difficulty \"asert\" requires this key")]
    NeededForAsert,
    /// The anchor is given only in part.
    #[error("an anchor needs anchor_height, anchor_parent_time and anchor_bits together")]
    PartOfAnchor,
    /// The version rules are out of order.
    #[error("heights must ascend, found {found} after {last}")]
    Descending {
        /// The height of the preceding rule.
        last: u64,
        /// The height of this rule.
        found: u64,
    },
    /// The name is empty, too long, or has control characters.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters")]
    Name,
}
