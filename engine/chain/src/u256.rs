//! Unsigned 256-bit integers, with just the operations that targets and chain work need.
//!
//! Not a general bignum: no sign, no decimal text, and only the divisions that the domain uses. Each function documents
//! its overflow. The tests below compare every operation with a big-integer oracle.

use std::cmp::Ordering;
use std::fmt;

/// An unsigned 256-bit number, as four 64-bit limbs, the least significant first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct U256([u64; 4]);

impl U256 {
    pub(crate) const ZERO: Self = Self([0; 4]);
    pub(crate) const ONE: Self = Self([1, 0, 0, 0]);
    pub(crate) const MAX: Self = Self([u64::MAX; 4]);

    pub(crate) const fn from_u64(value: u64) -> Self {
        Self([value, 0, 0, 0])
    }

    pub(crate) const fn from_u128(value: u128) -> Self {
        Self([value as u64, (value >> 64) as u64, 0, 0])
    }

    /// `word * 2^bits`, for `bits` below 256; bits above 2^256 are lost.
    pub(crate) fn from_shifted(word: u32, bits: u32) -> Self {
        let (at, wide) = ((bits / 64) as usize, u128::from(word) << (bits % 64));
        let mut limbs = [0; 4];
        limbs[at] = wide as u64;
        if let Some(above) = limbs.get_mut(at + 1) {
            *above = (wide >> 64) as u64;
        }
        Self(limbs)
    }

    pub(crate) fn from_le_bytes(bytes: &[u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*chunk);
        }
        Self(limbs)
    }

    pub(crate) fn from_be_bytes(bytes: &[u8; 32]) -> Self {
        let mut reversed = *bytes;
        reversed.reverse();
        Self::from_le_bytes(&reversed)
    }

    pub(crate) fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0.iter().rev()) {
            *chunk = limb.to_be_bytes();
        }
        bytes
    }

    /// The most significant 64 bits.
    pub(crate) const fn high_u64(self) -> u64 {
        self.0[3]
    }

    /// The most significant 128 bits; `None` unless all others are zero.
    pub(crate) fn high_u128_alone(self) -> Option<u128> {
        let [a, b, c, d] = self.0;
        (a | b == 0).then(|| u128::from(d) << 64 | u128::from(c))
    }

    /// The least significant 64 bits.
    pub(crate) const fn low_u64(self) -> u64 {
        self.0[0]
    }

    pub(crate) fn is_zero(self) -> bool {
        self.0 == [0; 4]
    }

    /// How many bits the number needs: 0 for zero, 256 at most.
    pub(crate) fn bit_length(self) -> u32 {
        match self.0.iter().rposition(|&limb| limb != 0) {
            Some(top) => top as u32 * 64 + (64 - self.0[top].leading_zeros()),
            None => 0,
        }
    }

    /// The sum modulo 2^256, and whether it overflowed.
    pub(crate) fn overflowing_add(self, other: Self) -> (Self, bool) {
        let mut limbs = [0; 4];
        let mut carry = false;
        for (limb, (a, b)) in limbs.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            (*limb, carry) = a.carrying_add(b, carry);
        }
        (Self(limbs), carry)
    }

    /// The sum; `None` on overflow.
    pub(crate) fn checked_add(self, other: Self) -> Option<Self> {
        let (sum, overflow) = self.overflowing_add(other);
        (!overflow).then_some(sum)
    }

    /// Inverts every bit.
    pub(crate) fn not(self) -> Self {
        Self(self.0.map(|limb| !limb))
    }

    /// Shifts left; bits above 2^256 are lost, and a shift by 256 or more gives zero.
    pub(crate) fn shl(self, bits: u32) -> Self {
        let (limbs_up, bits_up) = ((bits / 64) as usize, bits % 64);
        let below = |i: usize| i.checked_sub(limbs_up).map_or(0, |at| self.0[at]);
        Self(std::array::from_fn(|i| {
            let carried = if bits_up == 0 || i == 0 { 0 } else { below(i - 1) >> (64 - bits_up) };
            (below(i) << bits_up) | carried
        }))
    }

    /// Shifts right; a shift by 256 or more gives zero.
    pub(crate) fn shr(self, bits: u32) -> Self {
        let (limbs_down, bits_down) = ((bits / 64) as usize, bits % 64);
        let above = |i: usize| self.0.get(i.saturating_add(limbs_down)).copied().unwrap_or(0);
        Self(std::array::from_fn(|i| {
            let carried = if bits_down == 0 { 0 } else { above(i + 1) << (64 - bits_down) };
            (above(i) >> bits_down) | carried
        }))
    }

    /// The product with a 64-bit factor: its low 256 bits, and the 64 bits above them.
    pub(crate) fn widening_mul(self, factor: u64) -> (Self, u64) {
        let mut limbs = [0; 4];
        let mut carry = 0;
        for (limb, a) in limbs.iter_mut().zip(self.0) {
            let product = u128::from(a) * u128::from(factor) + u128::from(carry);
            *limb = product as u64;
            carry = (product >> 64) as u64;
        }
        (Self(limbs), carry)
    }

    /// `(high * 2^256 + low) / divisor`, rounded down; `None` if the quotient overflows. The divisor must not be zero.
    pub(crate) fn div_wide_u64((low, high): (Self, u64), divisor: u64) -> Option<Self> {
        if high >= divisor {
            return None;
        }
        let mut limbs = [0; 4];
        let mut remainder = high;
        for (limb, a) in limbs.iter_mut().zip(low.0).rev() {
            let dividend = (u128::from(remainder) << 64) | u128::from(a);
            *limb = (dividend / u128::from(divisor)) as u64;
            remainder = (dividend % u128::from(divisor)) as u64;
        }
        Some(Self(limbs))
    }

    /// The quotient, rounded down. The divisor must not be zero. (Knuth, TAOCP 2, 4.3.1, algorithm D.)
    pub(crate) fn div(self, divisor: Self) -> Self {
        debug_assert!(!divisor.is_zero(), "division by zero");
        let used = (divisor.bit_length() as usize).div_ceil(64);
        if used <= 1 {
            return Self::div_wide_u64((self, 0), divisor.0[0]).unwrap_or(Self::MAX);
        }
        // Normalise: with the divisor's top bit set, a guessed digit is at most two too large.
        let shift = divisor.0[used - 1].leading_zeros();
        let divisor = divisor.shl(shift);
        let mut rest = self.shl_into_five(shift);
        let mut quotient = [0; 4];
        for (at, digit) in quotient[..=4 - used].iter_mut().enumerate().rev() {
            *digit = quotient_digit(&mut rest[at..=at + used], &divisor.0[..used]);
        }
        Self(quotient)
    }

    /// Shifts left by less than 64 bits, keeping the bits above 2^256 in a fifth limb.
    fn shl_into_five(self, bits: u32) -> [u64; 5] {
        let top = if bits == 0 { 0 } else { self.0[3] >> (64 - bits) };
        let [a, b, c, d] = self.shl(bits).0;
        [a, b, c, d, top]
    }
}

/// One digit of a long division: guesses it from the leading limbs, subtracts the product from `rest`, and adds the
/// divisor back as long as the guess was too large (at most twice). `rest` has one limb more than the divisor.
fn quotient_digit(rest: &mut [u64], divisor: &[u64]) -> u64 {
    let used = divisor.len();
    let lead = (u128::from(rest[used]) << 64) | u128::from(rest[used - 1]);
    let mut guess =
        if rest[used] >= divisor[used - 1] { u64::MAX } else { (lead / u128::from(divisor[used - 1])) as u64 };
    let mut borrowed = sub_product(rest, divisor, guess);
    while borrowed {
        guess -= 1;
        borrowed = !add_back(rest, divisor);
    }
    guess
}

/// `rest -= divisor * digit`; returns whether it borrowed, that is, went below zero.
fn sub_product(rest: &mut [u64], divisor: &[u64], digit: u64) -> bool {
    let mut carry = 0;
    let mut borrow = false;
    for (limb, &d) in rest.iter_mut().zip(divisor.iter().chain(&[0])) {
        let product = u128::from(d) * u128::from(digit) + u128::from(carry);
        (*limb, borrow) = limb.borrowing_sub(product as u64, borrow);
        carry = (product >> 64) as u64;
    }
    borrow
}

/// `rest += divisor`; returns whether it carried, that is, undid a borrow.
fn add_back(rest: &mut [u64], divisor: &[u64]) -> bool {
    let mut carry = false;
    for (limb, &d) in rest.iter_mut().zip(divisor.iter().chain(&[0])) {
        (*limb, carry) = limb.carrying_add(d, carry);
    }
    carry
}

impl Ord for U256 {
    fn cmp(&self, other: &Self) -> Ordering {
        let halves =
            |[a, b, c, d]: [u64; 4]| (u128::from(d) << 64 | u128::from(c), u128::from(b) << 64 | u128::from(a));
        halves(self.0).cmp(&halves(other.0))
    }
}

impl PartialOrd for U256 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for U256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", crate::hex::encode(&self.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigUint;
    use proptest::prelude::*;

    fn big(number: U256) -> BigUint {
        BigUint::from_bytes_be(&number.to_be_bytes())
    }

    fn modulus() -> BigUint {
        BigUint::from(1u8) << 256
    }

    /// Numbers of every length, with runs of ones and zeros, which are the hard cases of long division.
    fn any_u256() -> impl Strategy<Value = U256> {
        let limb = prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), Just(1), Just(1 << 63)];
        (proptest::array::uniform4(limb), 0u32..=256).prop_map(|(limbs, shift)| U256(limbs).shr(shift))
    }

    #[test]
    fn divides_when_the_first_guess_of_a_digit_is_too_large() {
        let dividend = U256([0, 0, u64::MAX - 1, u64::MAX >> 1]);
        let divisor = U256([u64::MAX, 0, 1 << 63, 0]);
        assert_eq!(big(dividend.div(divisor)), big(dividend) / big(divisor));
    }

    proptest! {
        #[test]
        fn adds_like_the_oracle(a in any_u256(), b in any_u256()) {
            let (sum, overflow) = a.overflowing_add(b);
            prop_assert_eq!(big(sum), (big(a) + big(b)) % modulus());
            prop_assert_eq!(overflow, big(a) + big(b) >= modulus());
            prop_assert_eq!(a.checked_add(b).is_none(), overflow);
        }

        #[test]
        fn shifts_like_the_oracle(a in any_u256(), bits in 0u32..300) {
            prop_assert_eq!(big(a.shl(bits)), (big(a) << bits) % modulus());
            prop_assert_eq!(big(a.shr(bits)), big(a) >> bits);
        }

        #[test]
        fn builds_shifted_words_like_the_oracle(word: u32, bits in 0u32..256) {
            prop_assert_eq!(big(U256::from_shifted(word, bits)), (BigUint::from(word) << bits) % modulus());
        }

        #[test]
        fn multiplies_and_divides_by_a_word_like_the_oracle(a in any_u256(), factor: u64, divisor in 1u64..) {
            let (low, high) = a.widening_mul(factor);
            let product = big(a) * factor;
            prop_assert_eq!((BigUint::from(high) << 256) + big(low), product.clone());
            let quotient = product / divisor;
            let expected = (quotient < modulus()).then_some(quotient);
            prop_assert_eq!(U256::div_wide_u64((low, high), divisor).map(big), expected);
        }

        #[test]
        fn divides_like_the_oracle(a in any_u256(), b in any_u256()) {
            prop_assume!(!b.is_zero());
            prop_assert_eq!(big(a.div(b)), big(a) / big(b));
        }

        #[test]
        fn compares_measures_and_inverts_like_the_oracle(a in any_u256(), b in any_u256()) {
            prop_assert_eq!(a.cmp(&b), big(a).cmp(&big(b)));
            prop_assert_eq!(u64::from(a.bit_length()), big(a).bits());
            prop_assert_eq!(big(a.not()) + big(a) + 1u8, modulus());
            prop_assert_eq!(a.is_zero(), big(a) == BigUint::ZERO);
            let high = a.shr(128).shl(128);
            prop_assert_eq!(high.high_u128_alone().map(BigUint::from), Some(big(a) >> 128));
            prop_assert_eq!(a.high_u128_alone().is_some(), a == high);
        }

        #[test]
        fn bytes_survive_a_round_trip_in_both_orders(a in any_u256()) {
            let be = a.to_be_bytes();
            let mut le = be;
            le.reverse();
            prop_assert_eq!(U256::from_be_bytes(&be), a);
            prop_assert_eq!(U256::from_le_bytes(&le), a);
        }
    }
}
