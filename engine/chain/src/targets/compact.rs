//! The compact form of a target, as a header carries it, and its conversion to and from the 256-bit form.
//!
//! A `CompactTarget` need not encode a valid target. Whether the network allows a target (R04) and whether it is the
//! required one (R07) are matters of the rules.

use super::full::Target;
use crate::u256::U256;
use std::fmt;
use thiserror::Error;

/// The 32-bit `nBits` of a header: a base-256 exponent (8 bits), a sign (1 bit) and a mantissa (23 bits).
///
/// It has no ordering: a target can have several encodings, and some values encode no target.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CompactTarget(u32);

/// Why a compact target encodes no threshold. Variants are declared in judging order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum CompactFault {
    /// The sign bit is set and the mantissa is not zero.
    #[error("the compact target is negative")]
    Negative,
    /// The mantissa is zero, as given or after the shift that an exponent below 3 causes.
    #[error("the compact target is zero")]
    Zero,
    /// The number does not fit into 256 bits.
    #[error("the compact target overflows 256 bits")]
    Overflow,
}

impl CompactTarget {
    /// Wraps the numeric value of the header field.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Returns the numeric value of the header field.
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// Decodes exactly as Bitcoin Core's `arith_uint256::SetCompact`.
    ///
    /// With an exponent of 3 or less the mantissa is shifted right **first**, and sign and zero are judged on the
    /// result: 0x01803456 has its sign bit set, but the shifted mantissa is zero, so it is zero and not negative.
    ///
    /// # Errors
    /// [`CompactFault`]: negative, zero or overflow, judged in this order.
    pub fn decode(self) -> Result<Target, CompactFault> {
        self.decode_scaled().map(|(word, shift)| Target(U256::from_shifted(word, shift)))
    }

    /// The target as `(word, shift)` with the value `word * 2^shift`, without expanding it to 256 bits.
    pub(crate) fn decode_scaled(self) -> Result<(u32, u32), CompactFault> {
        let exponent = self.0 >> 24;
        let mantissa = self.0 & 0x007f_ffff;
        let word = if exponent <= 3 { mantissa >> (8 * (3 - exponent)) } else { mantissa };
        if word == 0 {
            Err(CompactFault::Zero)
        } else if self.0 & 0x0080_0000 != 0 {
            Err(CompactFault::Negative)
        } else if overflows(exponent, word) {
            Err(CompactFault::Overflow)
        } else {
            Ok((word, 8 * exponent.saturating_sub(3)))
        }
    }

    /// Encodes `digits * 2^shift`, rounding down. `digits` must not be zero, and the product must be below 2^256.
    pub(crate) fn of_scaled(digits: u64, shift: u32) -> Self {
        let size = (64 - digits.leading_zeros() + shift).div_ceil(8);
        let up = i64::from(shift) - 8 * (i64::from(size) - 3);
        let mantissa = if up < 0 { digits >> up.unsigned_abs().min(63) } else { digits << up };
        Self::of_parts(mantissa as u32, size)
    }

    /// Combines mantissa and size. The mantissa's highest bit is the sign, so a mantissa that would set it moves down
    /// one byte.
    const fn of_parts(mantissa: u32, size: u32) -> Self {
        if mantissa & 0x0080_0000 != 0 { Self(mantissa >> 8 | (size + 1) << 24) } else { Self(mantissa | size << 24) }
    }
}

/// Whether `word * 256^(exponent - 3)` needs more than 256 bits.
fn overflows(exponent: u32, word: u32) -> bool {
    exponent > 34 || (exponent > 33 && word > 0xff) || (exponent > 32 && word > 0xffff)
}

impl fmt::Display for CompactTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for CompactTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompactTarget({self})")
    }
}

impl TryFrom<CompactTarget> for Target {
    type Error = CompactFault;

    fn try_from(bits: CompactTarget) -> Result<Self, CompactFault> {
        bits.decode()
    }
}

impl Target {
    /// Encodes the target with 23 bits of mantissa, rounding down (Bitcoin Core: `arith_uint256::GetCompact`).
    pub fn to_compact_lossy(self) -> CompactTarget {
        let size = self.0.bit_length().div_ceil(8);
        let mantissa = match size {
            0..=3 => self.0.low_u64() << (8 * (3 - size)),
            _ => self.0.shr(8 * (size - 3)).low_u64(),
        };
        CompactTarget::of_parts(mantissa as u32, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::BlockHash;
    use crate::targets::TargetHexError;
    use num_bigint::{BigInt, BigUint};
    use proptest::prelude::*;

    fn decode(bits: u32) -> Result<Target, CompactFault> {
        CompactTarget::from_bits(bits).decode()
    }

    /// `SetCompact` in unbounded integers: the shift is a product or a truncating quotient.
    fn decode_by_oracle(bits: u32) -> Result<BigUint, CompactFault> {
        let exponent = bits >> 24;
        let mantissa = BigInt::from(bits & 0x007f_ffff);
        let magnitude = match exponent {
            0..3 => mantissa / BigInt::from(256).pow(3 - exponent),
            _ => mantissa * BigInt::from(256).pow(exponent - 3),
        };
        let value = if bits & 0x0080_0000 != 0 { -magnitude } else { magnitude };
        if value < BigInt::ZERO {
            return Err(CompactFault::Negative);
        }
        let value = value.to_biguint().unwrap();
        if value == BigUint::ZERO {
            Err(CompactFault::Zero)
        } else if value.bits() > 256 {
            Err(CompactFault::Overflow)
        } else {
            Ok(value)
        }
    }

    #[test]
    fn a_sign_bit_with_a_mantissa_shifted_to_zero_is_zero_and_not_negative() {
        for bits in [0x0180_3456, 0x0080_3456, 0x0280_0056, 0x0380_0000, 0x0480_0000, 0xff80_0000] {
            assert_eq!(decode(bits), Err(CompactFault::Zero), "{bits:08x}");
        }
        assert_eq!(decode(0x01fe_dcba), Err(CompactFault::Negative));
        assert_eq!(decode(0x0492_3456), Err(CompactFault::Negative));
    }

    #[test]
    fn negative_is_judged_before_overflow_and_zero_before_overflow() {
        assert_eq!(decode(0xff80_0001), Err(CompactFault::Negative));
        assert_eq!(decode(0xff00_0000), Err(CompactFault::Zero));
        assert_eq!(decode(0xff00_0001), Err(CompactFault::Overflow));
    }

    #[test]
    fn overflow_begins_exactly_past_256_bits() {
        for (fits, overflows) in [(0x2000_ffff, 0x2101_0000), (0x2100_ffff, 0x2200_0100), (0x2200_00ff, 0x2300_0001)] {
            assert!(decode(fits).is_ok(), "{fits:08x}");
            assert_eq!(decode(overflows), Err(CompactFault::Overflow), "{overflows:08x}");
        }
    }

    #[test]
    fn every_mantissa_edge_under_every_exponent_equals_the_oracle() {
        let edges = [0, 1, 0xff, 0x100, 0xffff, 0x1_0000, 0x7f_ffff, 0x80_0000, 0x80_0001, 0x80_ffff, 0xff_ffff];
        for exponent in 0..=0xffu32 {
            for mantissa in edges {
                let bits = exponent << 24 | mantissa;
                let found = decode(bits).map(|target| BigUint::from_bytes_be(&target.0.to_be_bytes()));
                assert_eq!(found, decode_by_oracle(bits), "{bits:08x}");
            }
        }
    }

    #[test]
    fn a_hash_equal_to_the_target_meets_it_and_the_next_one_does_not() {
        let target = decode(0x1d00_ffff).unwrap();
        let mut wire = target.to_wire();
        assert!(target.is_met_by(&BlockHash::from_wire(wire)));
        wire[0] = 1;
        assert!(!target.is_met_by(&BlockHash::from_wire(wire)));
        assert_eq!(Target::try_from(CompactTarget::from_bits(0x1d00_ffff)), Ok(target));
        assert_eq!(target.top_word_max(), 0);
        assert_eq!(Target::MAX.top_word_max(), u32::MAX);
    }

    #[test]
    fn refuses_a_target_of_zero() {
        assert_eq!(Target::from_display_hex(&"0".repeat(64)), Err(TargetHexError::Zero));
        assert_eq!(Target::from_wire(&[0; 32]), None);
    }

    proptest! {
        #[test]
        fn decoding_equals_the_oracle(bits: u32) {
            let found = decode(bits).map(|target| BigUint::from_bytes_be(&target.0.to_be_bytes()));
            prop_assert_eq!(found, decode_by_oracle(bits));
        }

        #[test]
        fn encoding_rounds_down_and_loses_at_most_the_bits_below_the_mantissa(
            bytes in proptest::array::uniform32(any::<u8>()), zeros in 0usize..32,
        ) {
            let mut be = bytes;
            be[..zeros].fill(0);
            prop_assume!(be != [0; 32]);
            let target = Target(U256::from_be_bytes(&be));
            let again = target.to_compact_lossy().decode().unwrap();
            prop_assert!(again <= target);
            prop_assert_eq!(again.to_compact_lossy(), target.to_compact_lossy());
            let lost = BigUint::from_bytes_be(&be) - BigUint::from_bytes_be(&again.0.to_be_bytes());
            prop_assert!(lost.bits() <= u64::from(target.0.bit_length().saturating_sub(15)));
        }

        #[test]
        fn a_scaled_number_is_encoded_like_its_256_bit_form(
            digits in 1u64..1 << 41, zeros in 0u32..41, shift in 0u32..216,
        ) {
            let digits = (digits >> zeros).max(1);
            let whole = Target(U256::from_u64(digits).shl(shift));
            prop_assert_eq!(CompactTarget::of_scaled(digits, shift), whole.to_compact_lossy());
        }
    }
}
