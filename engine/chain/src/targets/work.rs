//! Work: the expected number of hashes behind one header or a whole chain.
//!
//! Only `ChainWork` compares chains. Neither type claims that the work was done; rule R05 checks that.

use super::full::Target;
use crate::hex::{self, HexError};
use crate::u256::U256;
use std::fmt;
use std::str::FromStr;

/// The expected number of hashes for one header: 2^256 / (target + 1), rounded down (Bitcoin Core: `GetBlockProof`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work(U256);

impl Work {
    /// The work represented by a hash at or below `target`; at least 1.
    pub fn of_target(target: Target) -> Self {
        let target = target.to_number();
        if let Some(high) = target.high_u128_alone() {
            return Self(of_high(high));
        }
        match target.checked_add(U256::ONE) {
            // 2^256 itself does not fit, but (2^256 - (t + 1)) / (t + 1) + 1 is the same quotient.
            Some(divisor) => Self(target.not().div(divisor).overflowing_add(U256::ONE).0),
            None => Self(U256::ONE),
        }
    }
}

impl Target {
    /// The expected number of hashes until one meets this target.
    pub fn work(&self) -> Work {
        Work::of_target(*self)
    }
}

/// 2^256 / (high * 2^128 + 1), rounded down. Every compact target from 2^128 up has this form. `high` must not be zero.
///
/// With 2^128 = q * high + r, the `+ 1` in the divisor matters only if r is zero (otherwise r * 2^128 > q outweighs
/// it), and then it lowers the quotient by one. In both cases the result is (2^128 - 1) / high. Dividing out the
/// trailing zeros first lets easy targets use a 64-bit division.
fn of_high(high: u128) -> U256 {
    let zeros = high.trailing_zeros();
    let (dividend, divisor) = (u128::MAX >> zeros, high >> zeros);
    match (u64::try_from(dividend), u64::try_from(divisor)) {
        (Ok(dividend), Ok(divisor)) => U256::from_u64(dividend / divisor),
        _ => U256::from_u128(dividend / divisor),
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Work({:?})", self.0)
    }
}

/// The total work of a chain, in 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChainWork(U256);

impl ChainWork {
    /// No work: the state before the genesis header.
    pub const ZERO: Self = Self(U256::ZERO);

    /// Reads 64 hex digits, most significant first.
    ///
    /// # Errors
    /// If the text is not exactly 64 hex digits.
    pub fn from_display_hex(text: &str) -> Result<Self, HexError> {
        Ok(Self(U256::from_be_bytes(&hex::decode_array(text)?)))
    }

    /// Writes 64 hex digits, most significant first.
    pub fn to_display_hex(self) -> String {
        hex::encode(&self.0.to_be_bytes())
    }

    /// Reads 32 bytes in wire (little-endian) order.
    pub fn from_wire(bytes: &[u8; 32]) -> Self {
        Self(U256::from_le_bytes(bytes))
    }

    /// Returns the 32 bytes in wire (little-endian) order.
    pub fn to_wire(self) -> [u8; 32] {
        let mut bytes = self.0.to_be_bytes();
        bytes.reverse();
        bytes
    }

    /// The sum; `None` if it exceeds 2^256 - 1.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The sum, saturating at 2^256 - 1. It is associative, which joining summaries relies on.
    pub fn saturating_add(self, other: Self) -> Self {
        self.checked_add(other).unwrap_or(Self(U256::MAX))
    }

    /// `times` times this work, saturating at 2^256 - 1.
    pub fn saturating_mul(self, times: u64) -> Self {
        let (product, above) = self.0.widening_mul(times);
        Self(if above == 0 { product } else { U256::MAX })
    }
}

impl From<Work> for ChainWork {
    fn from(work: Work) -> Self {
        Self(work.0)
    }
}

impl FromStr for ChainWork {
    type Err = HexError;

    /// Reads 64 hex digits, most significant first.
    fn from_str(text: &str) -> Result<Self, HexError> {
        Self::from_display_hex(text)
    }
}

impl fmt::Display for ChainWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_display_hex())
    }
}

impl fmt::Debug for ChainWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainWork({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::compact::CompactTarget;
    use num_bigint::BigUint;
    use proptest::prelude::*;

    fn work_of_bits(bits: u32) -> ChainWork {
        CompactTarget::from_bits(bits).decode().unwrap().work().into()
    }

    #[test]
    fn work_of_difficulty_one_is_0x100010001() {
        assert_eq!(work_of_bits(0x1d00ffff), ChainWork(U256::from_u64(0x1_0001_0001)));
        assert_eq!(work_of_bits(0x207fffff), ChainWork(U256::from_u64(2)));
    }

    #[test]
    fn the_easiest_target_has_work_one_and_the_hardest_half_of_the_range() {
        assert_eq!(Work::of_target(Target::MAX), Work(U256::ONE));
        assert_eq!(work_of_bits(0x01010000), ChainWork(U256::ONE.shl(255)));
        assert_eq!(work_of_bits(0x20400000), ChainWork(U256::from_u64(3)), "2^256 / (2^254 + 1)");
    }

    #[test]
    fn addition_reports_an_overflow_of_256_bits() {
        let max = ChainWork(U256::MAX);
        assert_eq!(max.checked_add(ChainWork::ZERO), Some(max));
        assert_eq!(max.checked_add(work_of_bits(0x207fffff)), None);
        assert_eq!(max.saturating_add(work_of_bits(0x207fffff)), max);
    }

    #[test]
    fn a_multiple_of_work_equals_the_repeated_sum_and_saturates() {
        let work = work_of_bits(0x1d00ffff);
        assert_eq!(work.saturating_mul(0), ChainWork::ZERO);
        assert_eq!(work.saturating_mul(3), work.saturating_add(work).saturating_add(work));
        let half = work_of_bits(0x01010000);
        assert_eq!(half.saturating_mul(1), half);
        assert_eq!((half.saturating_mul(2), half.saturating_mul(3)), (ChainWork(U256::MAX), ChainWork(U256::MAX)));
    }

    proptest! {
        #[test]
        fn work_is_two_to_the_256_over_target_plus_one(
            bytes in proptest::array::uniform32(any::<u8>()), zeros in 0usize..32,
            end in prop_oneof![Just(32usize), 0usize..32],
        ) {
            let mut be = bytes;
            be[..zeros].fill(0);
            be[end..].fill(0);
            prop_assume!(be != [0; 32]);
            let target = Target::from_display_hex(&hex::encode(&be)).unwrap();
            let expected = (BigUint::from(1u8) << 256) / (BigUint::from_bytes_be(&be) + 1u8);
            let found = ChainWork::from(target.work()).to_display_hex();
            prop_assert_eq!(BigUint::parse_bytes(found.as_bytes(), 16).unwrap(), expected);
        }

        #[test]
        fn chain_work_survives_a_round_trip_through_text_and_wire(bytes in proptest::array::uniform32(any::<u8>())) {
            let work = ChainWork::from_wire(&bytes);
            prop_assert_eq!(work.to_wire(), bytes);
            prop_assert_eq!(work.to_string().parse(), Ok(work));
        }
    }
}
