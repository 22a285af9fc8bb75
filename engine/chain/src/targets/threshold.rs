//! Reads the threshold of a search as a person writes it: 8 digits for a compact target, 64 for the full number.

use super::compact::{CompactFault, CompactTarget};
use super::full::{Target, TargetHexError};
use crate::hex::{self, HexError};

/// Why a text is not a threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdHexError {
    /// The text has neither of the two lengths.
    #[error("expected 8 hex digits (compact) or 64 (full), found {found_digits}")]
    Length {
        /// Characters in the text.
        found_digits: usize,
    },
    /// One of eight characters is not a hex digit.
    #[error(transparent)]
    Hex(#[from] HexError),
    /// The eight digits encode no target.
    #[error("{bits} is not a target: {fault}")]
    Compact {
        /// The compact target.
        bits: CompactTarget,
        /// What is wrong with it.
        fault: CompactFault,
    },
    /// The 64 characters are not a target above zero.
    #[error(transparent)]
    Full(#[from] TargetHexError),
}

impl Target {
    /// Reads 8 hex digits as a compact target, or 64 as the full number, most significant digit first.
    ///
    /// # Errors
    /// [`ThresholdHexError`]: neither length, a character that is not a hex digit, or not a target above zero.
    pub fn from_threshold_hex(text: &str) -> Result<Self, ThresholdHexError> {
        match text.chars().count() {
            8 => {
                let bits = CompactTarget::from_bits(hex::decode_u32(text)?);
                bits.decode().map_err(|fault| ThresholdHexError::Compact { bits, fault })
            }
            64 => Ok(Self::from_display_hex(text)?),
            found_digits => Err(ThresholdHexError::Length { found_digits }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_compact_form_and_the_full_one() {
        let full = "00000000ffff0000000000000000000000000000000000000000000000000000";
        let target = Target::from_threshold_hex("1d00ffff").unwrap();
        assert_eq!(target.to_display_hex(), full);
        assert_eq!(Target::from_threshold_hex(full), Ok(target));
    }

    #[test]
    fn refuses_zero_in_both_forms_and_any_other_length() {
        let refused = |text: &str| Target::from_threshold_hex(text).unwrap_err().to_string();
        assert_eq!(refused("1d000000"), "1d000000 is not a target: the compact target is zero");
        assert_eq!(refused(&"0".repeat(64)), "a target must be above zero");
        assert_eq!(refused("1d00fff"), "expected 8 hex digits (compact) or 64 (full), found 7");
        assert_eq!(refused(&"f".repeat(63)), "expected 8 hex digits (compact) or 64 (full), found 63");
        assert_eq!(refused("1d00fffg"), "bad hex digit 'g' at position 8");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in ".{0,70}") {
            let _ = Target::from_threshold_hex(&text);
        }
    }
}
