//! SHA-256 states of unknown messages, one in each lane. Only the second hash of a digest is folded, because its
//! padding is always the same.

use super::bulk::hash_of_digest;
use super::cut::Block;
use super::lanes::Lanes;
use super::message::Full;
use super::rounds::compress;
use crate::constants::IV;

/// One state in each lane.
#[derive(Clone, Copy)]
pub(crate) struct States<L>([L; 8]);

impl<L: Lanes> States<L> {
    /// The initial hash value in every lane.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn new() -> Self {
        Self(IV.map(L::splat))
    }

    /// Compresses one block into each state.
    ///
    /// # Panics
    /// If there are fewer blocks than lanes.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn compress(&mut self, blocks: &[&Block]) {
        let [a, b, c, d] = L::load_block_columns(blocks, 0);
        let [e, f, g, h] = L::load_block_columns(blocks, 16);
        let [i, j, k, l] = L::load_block_columns(blocks, 32);
        let [m, n, o, p] = L::load_block_columns(blocks, 48);
        self.0 = compress::<L, Full>(self.0, [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p], &[0; 64]);
    }

    /// Writes the states as digests, in wire order.
    ///
    /// # Panics
    /// If there are fewer digests than lanes.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn store(&self, digests: &mut [[u8; 32]]) {
        let [a, b, c, d, e, f, g, h] = self.0;
        L::store_columns([a, b, c, d], digests, 0);
        L::store_columns([e, f, g, h], digests, 16);
    }

    /// Resets the lanes whose bits are set to the initial hash value.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn restart(&mut self, lanes: u32) {
        for (words, initial) in self.0.iter_mut().zip(IV) {
            *words = words.with(lanes, initial);
        }
    }

    /// SHA-256 of each digest, in place.
    ///
    /// # Panics
    /// If there are not as many digests as lanes.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn hash_digests(digests: &mut [[u8; 32]]) {
        let bytes = digests.as_flattened();
        let [a, b, c, d] = L::load_columns(bytes, 32, 0);
        let [e, f, g, h] = L::load_columns(bytes, 32, 16);
        Self(hash_of_digest([a, b, c, d, e, f, g, h])).store(digests);
    }
}
