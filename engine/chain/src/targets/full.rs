//! The 256-bit threshold that a hash is compared with.

use crate::hash::BlockHash;
use crate::hex::{self, HexError};
use crate::u256::U256;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A 256-bit threshold above zero: a hash, read as a little-endian number, passes if it is at or below it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(pub(super) U256);

/// Why a text is not a target.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TargetHexError {
    /// The text is not 64 hex digits.
    #[error(transparent)]
    Hex(#[from] HexError),
    /// The target is zero, which no hash meets.
    #[error("a target must be above zero")]
    Zero,
}

impl Target {
    /// The easiest target, which every hash meets.
    pub const MAX: Self = Self(U256::MAX);

    /// The hardest target.
    pub const ONE: Self = Self(U256::ONE);

    /// Reads 64 hex digits, most significant first.
    ///
    /// # Errors
    /// If the text is not exactly 64 hex digits, or the target is zero.
    pub fn from_display_hex(text: &str) -> Result<Self, TargetHexError> {
        Self::from_number(U256::from_be_bytes(&hex::decode_array(text)?)).ok_or(TargetHexError::Zero)
    }

    /// Writes 64 hex digits, most significant first.
    pub fn to_display_hex(self) -> String {
        hex::encode(&self.0.to_be_bytes())
    }

    /// Reads 32 bytes in wire (little-endian) order; `None` if all are zero.
    pub fn from_wire(bytes: &[u8; 32]) -> Option<Self> {
        Self::from_number(U256::from_le_bytes(bytes))
    }

    /// Returns the 32 bytes in wire (little-endian) order.
    pub fn to_wire(self) -> [u8; 32] {
        let mut bytes = self.0.to_be_bytes();
        bytes.reverse();
        bytes
    }

    pub(crate) fn from_number(number: U256) -> Option<Self> {
        (!number.is_zero()).then_some(Self(number))
    }

    pub(crate) const fn to_number(self) -> U256 {
        self.0
    }

    /// Whether the hash is at or below this threshold, compared over all 256 bits.
    pub fn is_met_by(&self, hash: &BlockHash) -> bool {
        hash.to_number() <= self.0
    }

    /// The most significant 32 bits. A hash whose top word is above them misses the target, one whose top word is below
    /// them meets it, and one whose top word equals them needs the full comparison.
    pub const fn top_word_max(&self) -> u32 {
        (self.0.high_u64() >> 32) as u32
    }
}

impl FromStr for Target {
    type Err = TargetHexError;

    /// Reads 64 hex digits, most significant first.
    fn from_str(text: &str) -> Result<Self, TargetHexError> {
        Self::from_display_hex(text)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_display_hex())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}
