//! AVX-512: sixteen lanes with native rotations and three-input logic. The algorithm is in `lanewise`; this file has
//! the vector operations and the entry functions with the target features.

use core::arch::x86_64::{
    __m128i, __m512i, __mmask16, _mm_loadu_si128, _mm_setr_epi8, _mm_storeu_si128, _mm512_add_epi32,
    _mm512_broadcast_i32x4, _mm512_castsi128_si512, _mm512_extracti32x4_epi32, _mm512_inserti32x4,
    _mm512_mask_set1_epi32, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_setr_epi32, _mm512_shuffle_epi8,
    _mm512_slli_epi32, _mm512_sllv_epi32, _mm512_srlv_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
    _mm512_testn_epi32_mask, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

use super::impl_parallel_lanes;
use crate::lanewise::bulk::{HeaderRow, NodeRow, PrefixedNodeRow, hash_rows};
use crate::lanewise::cut::Block;
use crate::lanewise::lanes::{LANES_MAX, Lanes};
use crate::lanewise::states::States;
use crate::lanewise::{each, search};
use crate::messages::Treatment;
use crate::{BLOCK_LEN, HitBuffer, SearchInput};

// The truth tables of the three-input functions, indexed by the bits of the operands, the first operand highest.
const XOR3: i32 = 0b1001_0110;
const CHOOSE: i32 = 0b1100_1010;
const MAJORITY: i32 = 0b1110_1000;

/// Lanes of one vector.
const COUNT: usize = 16;

/// One block in all lanes takes 240 ns, however many are in use; `sha2` takes 35 ns for one block with SHA
/// instructions, which all but the first few CPUs with AVX-512 have.
const SEQUENTIAL_MAX: usize = 6;

/// Sixteen words. The type is private, and only the entry functions below name it.
#[derive(Clone, Copy)]
struct Zmm(__m512i);

/// Evaluates intrinsics that access no memory.
macro_rules! on_avx512 {
    ($value:expr) => {
        // SAFETY: only the entry functions below use `Zmm`, and their callers guarantee that the CPU has AVX-512F and
        // BW.
        unsafe { $value }
    };
}

impl Lanes for Zmm {
    const COUNT: usize = COUNT;

    #[cfg_attr(not(unoptimised), inline(always))]
    fn splat(word: u32) -> Self {
        on_avx512!(Self(_mm512_set1_epi32(word.cast_signed())))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn lane_numbers_in_top_byte() -> Self {
        on_avx512!(Self(_mm512_slli_epi32::<24>(_mm512_setr_epi32(
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        ))))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn add(self, other: Self) -> Self {
        on_avx512!(Self(_mm512_add_epi32(self.0, other.0)))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn rotr<const R: i32, const L: i32>(self) -> Self {
        on_avx512!(Self(_mm512_ror_epi32::<R>(self.0)))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn shr<const N: i32>(self) -> Self {
        on_avx512!(Self(_mm512_srlv_epi32(self.0, _mm512_set1_epi32(N))))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn shl<const N: i32>(self) -> Self {
        on_avx512!(Self(_mm512_sllv_epi32(self.0, _mm512_set1_epi32(N))))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn xor3(self, second: Self, third: Self) -> Self {
        on_avx512!(Self(_mm512_ternarylogic_epi32::<XOR3>(self.0, second.0, third.0)))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn choose(self, on_one: Self, on_zero: Self) -> Self {
        on_avx512!(Self(_mm512_ternarylogic_epi32::<CHOOSE>(self.0, on_one.0, on_zero.0)))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn majority(self, second: Self, third: Self) -> Self {
        on_avx512!(Self(_mm512_ternarylogic_epi32::<MAJORITY>(self.0, second.0, third.0)))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn with(self, lanes: u32, word: u32) -> Self {
        on_avx512!(Self(_mm512_mask_set1_epi32(self.0, lanes as __mmask16, word.cast_signed())))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn some_lane_is_zero_under(self, mask: u32) -> bool {
        on_avx512!(_mm512_testn_epi32_mask(self.0, _mm512_set1_epi32(mask.cast_signed())) != 0)
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn store(self, words: &mut [u32; LANES_MAX]) {
        // SAFETY: the instruction as above; `words` has room for more than 16 words, and the store needs no alignment.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) }
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn prefetch(bytes: &[u8]) {
        super::prefetch(bytes);
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn load_columns(rows: &[u8], stride: usize, offset: usize) -> [Self; 4] {
        assert!(stride * (COUNT - 1) + offset + 16 <= rows.len(), "rows end before the last word");
        // SAFETY: the instructions as above; the assertion keeps the 16 bytes at `offset` of all 16 rows inside `rows`.
        unsafe { load_transposed(|row| rows.as_ptr().add(stride * row + offset)) }
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn load_block_columns(blocks: &[&Block], offset: usize) -> [Self; 4] {
        assert!(blocks.len() >= COUNT && offset + 16 <= BLOCK_LEN, "fewer blocks than lanes");
        // SAFETY: the instructions as above; the assertion keeps the 16 bytes at `offset` of 16 blocks inside them.
        unsafe { load_transposed(|row| blocks.get_unchecked(row).as_ptr().add(offset)) }
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn store_columns(columns: [Self; 4], digests: &mut [[u8; 32]], offset: usize) {
        assert!(digests.len() >= COUNT && offset + 16 <= 32, "fewer digests than lanes");
        // SAFETY: the instructions as above; the assertion keeps the 16 bytes at `offset` of 16 digests inside
        // `digests`.
        unsafe { store_transposed(columns, digests.as_mut_ptr().cast::<u8>().add(offset)) }
    }
}

/// Reads 16 bytes from each of 16 rows as big-endian words, and transposes them.
///
/// # Safety
/// For each row from 0 to 15, 16 bytes must be readable at the address that `row` returns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load_transposed(row: impl Fn(usize) -> *const u8) -> [Zmm; 4] {
    // SAFETY: the groups of rows (0, 4, 8, 12) to (3, 7, 11, 15) are the caller's sixteen rows.
    let [a, b, c, d] = unsafe {
        [
            load_every_fourth_row([row(0), row(4), row(8), row(12)]),
            load_every_fourth_row([row(1), row(5), row(9), row(13)]),
            load_every_fourth_row([row(2), row(6), row(10), row(14)]),
            load_every_fourth_row([row(3), row(7), row(11), row(15)]),
        ]
    };
    let [a, b, c, d] = transpose([a, b, c, d]);
    [Zmm(a), Zmm(b), Zmm(c), Zmm(d)]
}

/// Reads 16 bytes from each of four rows as big-endian words.
///
/// # Safety
/// 16 bytes must be readable at each of the four.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load_every_fourth_row([first, second, third, fourth]: [*const u8; 4]) -> __m512i {
    // SAFETY: the caller guarantees it; the loads need no alignment.
    let [first, second, third, fourth] = unsafe {
        [
            _mm_loadu_si128(first.cast::<__m128i>()),
            _mm_loadu_si128(second.cast::<__m128i>()),
            _mm_loadu_si128(third.cast::<__m128i>()),
            _mm_loadu_si128(fourth.cast::<__m128i>()),
        ]
    };
    let rows = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(first), second);
    let rows = _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(rows, third), fourth);
    bytes_reversed(rows)
}

/// Writes words to 16 digests as big-endian bytes: the inverse of [`load_transposed`].
///
/// # Safety
/// 16 bytes must be writable at `start` and at each of the 15 following multiples of 32 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn store_transposed([a, b, c, d]: [Zmm; 4], start: *mut u8) {
    let rows = transpose([a.0, b.0, c.0, d.0]);
    for (row, quads) in rows.into_iter().enumerate() {
        let quads = bytes_reversed(quads);
        // SAFETY: `row` is below 4, so all four are among the caller's sixteen rows; the stores need no alignment.
        unsafe {
            let start = start.add(32 * row).cast::<__m128i>();
            _mm_storeu_si128(start, _mm512_extracti32x4_epi32::<0>(quads));
            _mm_storeu_si128(start.byte_add(4 * 32), _mm512_extracti32x4_epi32::<1>(quads));
            _mm_storeu_si128(start.byte_add(8 * 32), _mm512_extracti32x4_epi32::<2>(quads));
            _mm_storeu_si128(start.byte_add(12 * 32), _mm512_extracti32x4_epi32::<3>(quads));
        }
    }
}

/// Transposes the 4 × 4 words in each quarter of four vectors.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab_low, cd_low),
        _mm512_unpackhi_epi64(ab_low, cd_low),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// Reverses the bytes of each word.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn bytes_reversed(words: __m512i) -> __m512i {
    let order = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
    _mm512_shuffle_epi8(words, _mm512_broadcast_i32x4(order))
}

/// Searches a nonce range.
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn scan(input: &SearchInput<'_>, first: u32, last: u32, hits: &mut HitBuffer) {
    search::scan::<Zmm>(input, first, last, hits);
}

/// Hashes headers.
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn hash_headers(headers: &[u8], digests: &mut [[u8; 32]]) {
    hash_rows::<Zmm, HeaderRow>(headers, digests);
}

/// Hashes Merkle nodes twice.
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn hash_nodes(nodes: &[u8], digests: &mut [[u8; 32]]) {
    hash_rows::<Zmm, NodeRow>(nodes, digests);
}

/// Hashes prefixed Merkle nodes once.
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn hash_nodes_rfc6962(nodes: &[u8], digests: &mut [[u8; 32]]) {
    hash_rows::<Zmm, PrefixedNodeRow>(nodes, digests);
}

impl_parallel_lanes!(Zmm, "avx512f,avx512bw");

/// Hashes messages of any lengths.
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn hash_each(treatment: Treatment, messages: &[&[u8]], digests: &mut [[u8; 32]]) {
    // SAFETY: this function has the target features.
    unsafe { each::hash::<COUNT, States<Zmm>>(treatment, messages, digests) }
}
