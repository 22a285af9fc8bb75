//! The host's part of a search: everything that does not depend on the nonce, computed once per batch.
//!
//! A header's second block consists of twelve bytes of tail, the nonce, and padding. Words 0 to 2 of its message
//! schedule do not depend on the nonce, and neither do the first three rounds and parts of later ones.

use cityseal_device::SearchBatch;
use cityseal_hash::constants::{HEADER_BITS, K, PAD};
use cityseal_hash::{MIDSTATES_MAX, Midstate};

use crate::layout::{FixedWords, MidstateWords, SearchWords};
use crate::sha256::{Sigma, ch, maj};

/// Returns bytes 64 to 76 of a header as big-endian words.
pub fn tail_words(tail: [u8; 12]) -> [u32; 3] {
    std::array::from_fn(|i| u32::from_be_bytes([tail[4 * i], tail[4 * i + 1], tail[4 * i + 2], tail[4 * i + 3]]))
}

impl FixedWords {
    /// Computes the words for a header's tail.
    pub fn of(tail: [u32; 3]) -> Self {
        let [w0, w1, w2] = tail;
        let w16 = w0.wrapping_add(Sigma::Small0.of(w1));
        let w17 = sum([w1, Sigma::Small0.of(w2), Sigma::Small1.of(HEADER_BITS)]);
        Self {
            h1_w16: w16,
            h1_t16_fixed: w16.wrapping_add(K[16]),
            h1_w17: w17,
            h1_t17_fixed: w17.wrapping_add(K[17]),
            h1_w18_fixed: w2.wrapping_add(Sigma::Small1.of(w16)),
            h1_w19_fixed: Sigma::Small0.of(PAD).wrapping_add(Sigma::Small1.of(w17)),
            h1_w31_fixed: HEADER_BITS.wrapping_add(Sigma::Small0.of(w16)),
            h1_w32_fixed: w16.wrapping_add(Sigma::Small0.of(w17)),
        }
    }
}

impl MidstateWords {
    /// Computes the words for a midstate and a header's tail.
    pub fn of(midstate: Midstate, tail: [u32; 3]) -> Self {
        let after_0 = round(midstate.0, 0, tail[0]);
        let after_1 = round(after_0, 1, tail[1]);
        let after_2 = round(after_1, 2, tail[2]);
        let after_3_but_nonce = round(after_2, 3, 0);
        let [h1_a2, h1_a1, h1_a0, _, h1_e2, h1_e1, h1_e0, _] = after_2;
        Self {
            state: midstate.0,
            h1_a0,
            h1_e1,
            h1_a1,
            h1_e2,
            h1_a2,
            h1_e3_fixed: after_3_but_nonce[4],
            h1_a3_fixed: after_3_but_nonce[0],
            h1_t4_fixed: sum([h1_e0, K[4], PAD]),
            h1_t5_fixed: h1_e1.wrapping_add(K[5]),
            h1_t6_fixed: h1_e2.wrapping_add(K[6]),
            unused: [0; 2],
        }
    }
}

/// One round of the compression function (FIPS 180-4, section 6.2.2, step 3).
fn round(state: [u32; 8], t: usize, word: u32) -> [u32; 8] {
    let [a, b, c, d, e, f, g, h] = state;
    let t1 = sum([h, Sigma::Big1.of(e), ch(e, f, g), K[t], word]);
    let t2 = Sigma::Big0.of(a).wrapping_add(maj(a, b, c));
    [t1.wrapping_add(t2), a, b, c, d.wrapping_add(t1), e, f, g]
}

fn sum<const N: usize>(words: [u32; N]) -> u32 {
    words.into_iter().fold(0, u32::wrapping_add)
}

/// Returns the bits that are zero in state word 7 of every hit: the bound's leading zeros, in reversed byte order.
pub const fn reject_mask(top_word_max: u32) -> u32 {
    let leading = top_word_max.leading_zeros();
    let mask = if leading == 0 { 0 } else { u32::MAX << (32 - leading) };
    mask.swap_bytes()
}

/// Returns the blocks of `2^block_bits` nonces that cover a range: index of the first block, and number of blocks.
pub const fn blocks_of(nonce_first: u32, nonce_last: u32, block_bits: u32) -> (u32, u64) {
    let first = nonce_first >> block_bits;
    (first, (nonce_last >> block_bits) as u64 - first as u64 + 1)
}

/// Computes the words that all dispatches of a batch share; `block_first` and `blocks` are zero.
pub fn search_words(batch: &SearchBatch, block_bits: u32, tag: u32) -> SearchWords {
    let tail = tail_words(batch.tail);
    let mut midstates = [MidstateWords::default(); MIDSTATES_MAX];
    for (words, midstate) in midstates.iter_mut().zip(batch.midstates()) {
        *words = MidstateWords::of(*midstate, tail);
    }
    SearchWords {
        block_bits,
        midstate_count: batch.midstates().len() as u32,
        nonce_first: batch.nonces.first(),
        nonce_last: batch.nonces.last(),
        top_word_max: batch.top_word_max,
        reject_mask: reject_mask(batch.top_word_max),
        hits_max: batch.hits_max as u32,
        tag,
        planted_state_7: batch.planted().map_or(0, |planted| planted.top_word.swap_bytes()),
        planted_nonce: batch.planted().map_or(0, |planted| planted.at.nonce),
        planted_midstate: batch.planted().map_or(u32::MAX, |planted| u32::from(planted.at.midstate)),
        fixed: FixedWords::of(tail),
        midstates,
        ..SearchWords::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reject_mask_lets_every_hit_pass_and_covers_the_leading_zeros_of_the_bound() {
        for bits in 0..32 {
            let bound = u32::MAX >> bits;
            assert_eq!(bound.swap_bytes() & reject_mask(bound), 0);
            assert_eq!(reject_mask(bound).count_ones(), bits);
        }
        assert_eq!(reject_mask(0), u32::MAX);
    }

    #[test]
    fn blocks_cover_the_range_and_no_more() {
        assert_eq!(blocks_of(0, u32::MAX, 6), (0, 1 << 26));
        assert_eq!(blocks_of(0, u32::MAX, 0), (0, 1 << 32));
        assert_eq!(blocks_of(63, 64, 6), (0, 2));
        assert_eq!(blocks_of(64, 127, 6), (1, 1));
        assert_eq!(blocks_of(u32::MAX, u32::MAX, 8), (0xff_ffff, 1));
    }
}
