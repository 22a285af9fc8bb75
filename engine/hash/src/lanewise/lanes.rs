//! The operations that SHA-256 needs on vectors of 32-bit words, for any vector length and instruction set.

use super::cut::Block;

/// A vector of 32-bit words. Operations work on each lane separately, modulo 2^32.
///
/// In optimised builds every implementation must inline every method: the whole algorithm must become straight-line
/// code inside one entry function that has the target features.
pub(crate) trait Lanes: Copy {
    /// Number of lanes: a power of two, at most [`LANES_MAX`].
    const COUNT: usize;

    /// The same word in every lane.
    fn splat(word: u32) -> Self;
    /// Each lane's number in its most significant byte, with zeros below.
    fn lane_numbers_in_top_byte() -> Self;
    /// Sum.
    fn add(self, other: Self) -> Self;
    /// Rotation right by `R`; `L` is 32 − `R`, for instruction sets that have only shifts.
    fn rotr<const R: i32, const L: i32>(self) -> Self;
    /// Shift right by `N`.
    fn shr<const N: i32>(self) -> Self;
    /// Shift left by `N`.
    fn shl<const N: i32>(self) -> Self;
    /// Exclusive or of three.
    fn xor3(self, second: Self, third: Self) -> Self;
    /// `Ch` of FIPS 180-4: the bits of `on_one` where `self` has ones, and of `on_zero` where it has zeros.
    fn choose(self, on_one: Self, on_zero: Self) -> Self;
    /// `Maj` of FIPS 180-4: each bit is the majority of the three.
    fn majority(self, second: Self, third: Self) -> Self;
    /// `word` in the lanes whose bits are set in `lanes`, `self` in the others.
    fn with(self, lanes: u32, word: u32) -> Self;
    /// Whether at least one lane has no bit in common with `mask`.
    fn some_lane_is_zero_under(self, mask: u32) -> bool;
    /// Writes the lanes to the front of `words`.
    fn store(self, words: &mut [u32; LANES_MAX]);

    /// Prefetches bytes that will be read soon.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn prefetch(_bytes: &[u8]) {}

    /// Reads four big-endian words at `offset` of each of `COUNT` rows, which are `stride` bytes apart: word `i` of row
    /// `r` becomes lane `r` of vector `i`.
    ///
    /// # Panics
    /// If `rows` ends before the last word.
    fn load_columns(rows: &[u8], stride: usize, offset: usize) -> [Self; 4];

    /// Like [`Lanes::load_columns`], for `COUNT` blocks anywhere in memory.
    ///
    /// # Panics
    /// If there are fewer blocks than lanes, or they end before the last word.
    fn load_block_columns(blocks: &[&Block], offset: usize) -> [Self; 4];

    /// Writes four vectors as big-endian words at byte `offset` (0 or 16) of each of `COUNT` digests: the inverse of
    /// [`Lanes::load_columns`].
    ///
    /// # Panics
    /// If there are fewer digests than lanes.
    fn store_columns(columns: [Self; 4], digests: &mut [[u8; 32]], offset: usize);
}

/// The most lanes of an implementation. The low byte of a nonce numbers the lanes, so 256 is the upper limit.
pub(crate) const LANES_MAX: usize = 32;

/// `Σ0` of FIPS 180-4, section 4.1.2.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn big_sigma0<L: Lanes>(x: L) -> L {
    x.rotr::<2, 30>().xor3(x.rotr::<13, 19>(), x.rotr::<22, 10>())
}

/// `Σ1` of FIPS 180-4, section 4.1.2.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn big_sigma1<L: Lanes>(x: L) -> L {
    x.rotr::<6, 26>().xor3(x.rotr::<11, 21>(), x.rotr::<25, 7>())
}

/// `σ0` of FIPS 180-4, section 4.1.2.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn small_sigma0<L: Lanes>(x: L) -> L {
    x.rotr::<7, 25>().xor3(x.rotr::<18, 14>(), x.shr::<3>())
}

/// `σ1` of FIPS 180-4, section 4.1.2.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn small_sigma1<L: Lanes>(x: L) -> L {
    x.rotr::<17, 15>().xor3(x.rotr::<19, 13>(), x.shr::<10>())
}
