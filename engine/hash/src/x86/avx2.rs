//! AVX2: eight lanes. A rotation is two shifts and an or; `Ch` and `Maj` are three two-input operations each. The
//! algorithm is in `lanewise`; this file has the vector operations and the entry functions with the target feature.

use core::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm_storeu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_blendv_epi8,
    _mm256_castsi128_si256, _mm256_cmpeq_epi32, _mm256_extracti128_si256, _mm256_inserti128_si256,
    _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi32, _mm256_setr_epi8, _mm256_setr_epi32,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::impl_parallel_lanes;
use crate::lanewise::bulk::{HeaderRow, NodeRow, PrefixedNodeRow, hash_rows};
use crate::lanewise::cut::Block;
use crate::lanewise::lanes::{LANES_MAX, Lanes};
use crate::lanewise::states::States;
use crate::lanewise::{each, search};
use crate::messages::Treatment;
use crate::{BLOCK_LEN, HitBuffer, SearchInput};

/// Lanes of one vector.
const COUNT: usize = 8;

/// One block in all lanes takes 310 ns, however many are in use; `sha2` takes 150 ns for one block without SHA
/// instructions. With SHA instructions `sha2` is always faster, and this kernel is not the preferred one.
const SEQUENTIAL_MAX: usize = 2;

/// Eight words. The type is private, and only the entry functions below name it.
#[derive(Clone, Copy)]
struct Ymm(__m256i);

/// Evaluates intrinsics that access no memory.
macro_rules! on_avx2 {
    ($value:expr) => {
        // SAFETY: only the entry functions below use `Ymm`, and their callers guarantee that the CPU has AVX2.
        unsafe { $value }
    };
}

impl Lanes for Ymm {
    const COUNT: usize = COUNT;

    #[cfg_attr(not(unoptimised), inline(always))]
    fn splat(word: u32) -> Self {
        on_avx2!(Self(_mm256_set1_epi32(word.cast_signed())))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn lane_numbers_in_top_byte() -> Self {
        on_avx2!(Self(_mm256_slli_epi32::<24>(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn add(self, other: Self) -> Self {
        on_avx2!(Self(_mm256_add_epi32(self.0, other.0)))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn rotr<const R: i32, const L: i32>(self) -> Self {
        on_avx2!(Self(_mm256_or_si256(_mm256_srli_epi32::<R>(self.0), _mm256_slli_epi32::<L>(self.0))))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn shr<const N: i32>(self) -> Self {
        on_avx2!(Self(_mm256_srli_epi32::<N>(self.0)))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn shl<const N: i32>(self) -> Self {
        on_avx2!(Self(_mm256_slli_epi32::<N>(self.0)))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn xor3(self, second: Self, third: Self) -> Self {
        on_avx2!(Self(_mm256_xor_si256(_mm256_xor_si256(self.0, second.0), third.0)))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn choose(self, on_one: Self, on_zero: Self) -> Self {
        let differing = on_avx2!(_mm256_xor_si256(on_one.0, on_zero.0));
        on_avx2!(Self(_mm256_xor_si256(on_zero.0, _mm256_and_si256(self.0, differing))))
    }

    /// `self ^ second` of one round is `second ^ third` of the next round: the compiler computes it once.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn majority(self, second: Self, third: Self) -> Self {
        let (newer, older) = on_avx2!((_mm256_xor_si256(self.0, second.0), _mm256_xor_si256(second.0, third.0)));
        on_avx2!(Self(_mm256_xor_si256(second.0, _mm256_and_si256(newer, older))))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn with(self, lanes: u32, word: u32) -> Self {
        let bits = on_avx2!(_mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128));
        on_avx2!({
            let set = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(lanes.cast_signed()), bits), bits);
            Self(_mm256_blendv_epi8(self.0, _mm256_set1_epi32(word.cast_signed()), set))
        })
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn some_lane_is_zero_under(self, mask: u32) -> bool {
        on_avx2!({
            let masked = _mm256_and_si256(self.0, _mm256_set1_epi32(mask.cast_signed()));
            _mm256_movemask_epi8(_mm256_cmpeq_epi32(masked, _mm256_setzero_si256())) != 0
        })
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn store(self, words: &mut [u32; LANES_MAX]) {
        // SAFETY: the instruction as above; `words` has room for more than 8 words, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast::<__m256i>(), self.0) }
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn prefetch(bytes: &[u8]) {
        super::prefetch(bytes);
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn load_columns(rows: &[u8], stride: usize, offset: usize) -> [Self; 4] {
        assert!(stride * (COUNT - 1) + offset + 16 <= rows.len(), "rows end before the last word");
        // SAFETY: the instructions as above; the assertion keeps the 16 bytes at `offset` of all 8 rows inside `rows`.
        unsafe { load_transposed(|row| rows.as_ptr().add(stride * row + offset)) }
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn load_block_columns(blocks: &[&Block], offset: usize) -> [Self; 4] {
        assert!(blocks.len() >= COUNT && offset + 16 <= BLOCK_LEN, "fewer blocks than lanes");
        // SAFETY: the instructions as above; the assertion keeps the 16 bytes at `offset` of 8 blocks inside them.
        unsafe { load_transposed(|row| blocks.get_unchecked(row).as_ptr().add(offset)) }
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn store_columns(columns: [Self; 4], digests: &mut [[u8; 32]], offset: usize) {
        assert!(digests.len() >= COUNT && offset + 16 <= 32, "fewer digests than lanes");
        // SAFETY: the instructions as above; the assertion keeps the 16 bytes at `offset` of 8 digests inside
        // `digests`.
        unsafe { store_transposed(columns, digests.as_mut_ptr().cast::<u8>().add(offset)) }
    }
}

/// Reads 16 bytes from each of 8 rows as big-endian words, and transposes them.
///
/// # Safety
/// For each row from 0 to 7, 16 bytes must be readable at the address that `row` returns.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_transposed(row: impl Fn(usize) -> *const u8) -> [Ymm; 4] {
    // SAFETY: the pairs of rows (0, 4) to (3, 7) are the caller's eight rows.
    let [a, b, c, d] = unsafe {
        [
            load_every_fourth_row([row(0), row(4)]),
            load_every_fourth_row([row(1), row(5)]),
            load_every_fourth_row([row(2), row(6)]),
            load_every_fourth_row([row(3), row(7)]),
        ]
    };
    let [a, b, c, d] = transpose([a, b, c, d]);
    [Ymm(a), Ymm(b), Ymm(c), Ymm(d)]
}

/// Reads 16 bytes from each of two rows as big-endian words.
///
/// # Safety
/// 16 bytes must be readable at both.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_every_fourth_row([first, second]: [*const u8; 2]) -> __m256i {
    // SAFETY: the caller guarantees it; the loads need no alignment.
    let (first, second) =
        unsafe { (_mm_loadu_si128(first.cast::<__m128i>()), _mm_loadu_si128(second.cast::<__m128i>())) };
    bytes_reversed(_mm256_inserti128_si256::<1>(_mm256_castsi128_si256(first), second))
}

/// Writes words to 8 digests as big-endian bytes: the inverse of [`load_transposed`].
///
/// # Safety
/// 16 bytes must be writable at `start` and at each of the 7 following multiples of 32 bytes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_transposed([a, b, c, d]: [Ymm; 4], start: *mut u8) {
    let rows = transpose([a.0, b.0, c.0, d.0]);
    for (row, halves) in rows.into_iter().enumerate() {
        let halves = bytes_reversed(halves);
        // SAFETY: `row` is below 4, so both are among the caller's eight rows; the stores need no alignment.
        unsafe {
            let start = start.add(32 * row).cast::<__m128i>();
            _mm_storeu_si128(start, _mm256_extracti128_si256::<0>(halves));
            _mm_storeu_si128(start.byte_add(4 * 32), _mm256_extracti128_si256::<1>(halves));
        }
    }
}

/// Transposes the 4 × 4 words in each half of four vectors.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    let (ab_low, ab_high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(ab_low, cd_low),
        _mm256_unpackhi_epi64(ab_low, cd_low),
        _mm256_unpacklo_epi64(ab_high, cd_high),
        _mm256_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// Reverses the bytes of each word.
#[inline]
#[target_feature(enable = "avx2")]
fn bytes_reversed(words: __m256i) -> __m256i {
    let order = _mm256_setr_epi8(
        3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12,
    );
    _mm256_shuffle_epi8(words, order)
}

/// Searches a nonce range.
#[target_feature(enable = "avx2")]
pub(crate) fn scan(input: &SearchInput<'_>, first: u32, last: u32, hits: &mut HitBuffer) {
    search::scan::<Ymm>(input, first, last, hits);
}

/// Hashes headers.
#[target_feature(enable = "avx2")]
pub(crate) fn hash_headers(headers: &[u8], digests: &mut [[u8; 32]]) {
    hash_rows::<Ymm, HeaderRow>(headers, digests);
}

/// Hashes Merkle nodes twice.
#[target_feature(enable = "avx2")]
pub(crate) fn hash_nodes(nodes: &[u8], digests: &mut [[u8; 32]]) {
    hash_rows::<Ymm, NodeRow>(nodes, digests);
}

/// Hashes prefixed Merkle nodes once.
#[target_feature(enable = "avx2")]
pub(crate) fn hash_nodes_rfc6962(nodes: &[u8], digests: &mut [[u8; 32]]) {
    hash_rows::<Ymm, PrefixedNodeRow>(nodes, digests);
}

impl_parallel_lanes!(Ymm, "avx2");

/// Hashes messages of any lengths.
#[target_feature(enable = "avx2")]
pub(crate) fn hash_each(treatment: Treatment, messages: &[&[u8]], digests: &mut [[u8; 32]]) {
    // SAFETY: this function has the target feature.
    unsafe { each::hash::<COUNT, States<Ymm>>(treatment, messages, digests) }
}
