//! Messages of any length hashed abreast, as long as they take the same number of blocks: transactions of many blocks,
//! sorted by length. Nothing of them is known before, so nothing is folded.

use super::bulk::{CacheAligned, block, hash_of_digest};
use super::lanes::{LANES_MAX, Lanes};
use super::message::Full;
use super::rounds::compress;
use crate::constants::IV;
use crate::{BLOCK_LEN, message_blocks};

/// Hashes messages twice into as many digests, in wire order.
///
/// # Panics
/// If a message takes another number of blocks than the first one, or there are more or fewer digests than messages.
#[inline(always)]
pub(crate) fn hash_messages<L: Lanes>(messages: &[&[u8]], digests: &mut [[u8; 32]]) {
    let blocks = crate::assert_alike(messages, digests.len());
    let mut rows = CacheAligned([0; LANES_MAX * BLOCK_LEN]);
    let mut hashed = [[0; 32]; LANES_MAX];
    for (messages, digests) in messages.chunks(L::COUNT).zip(digests.chunks_mut(L::COUNT)) {
        let mut state = IV.map(L::splat);
        for index in 0..blocks {
            for (row, message) in rows.0.as_chunks_mut::<BLOCK_LEN>().0.iter_mut().zip(messages) {
                write_block(row, message, index, blocks);
            }
            state = compress::<L, Full>(state, block(&rows.0, BLOCK_LEN), &[0; 64]);
        }
        let [a, b, c, d, e, f, g, h] = hash_of_digest(state);
        L::store_columns([a, b, c, d], &mut hashed, 0);
        L::store_columns([e, f, g, h], &mut hashed, 16);
        digests.copy_from_slice(&hashed[..digests.len()]);
    }
}

/// Block `index` of a message of so many blocks, padded (FIPS 180-4, section 5.1.1).
#[inline]
fn write_block(row: &mut [u8; BLOCK_LEN], message: &[u8], index: usize, blocks: usize) {
    debug_assert_eq!(message_blocks(message.len()), blocks, "all messages take the same number of blocks");
    let from = index * BLOCK_LEN;
    let rest = message.get(from..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk::<BLOCK_LEN>() {
        *row = *whole;
        return;
    }
    row[..rest.len()].copy_from_slice(rest);
    row[rest.len()..].fill(0);
    // The padding bit stands behind the last byte, which may have been the last one of the block before.
    if from <= message.len() {
        row[rest.len()] = 0x80;
    }
    if index + 1 == blocks {
        let bits = 8 * message.len() as u64;
        row[BLOCK_LEN - 8..].copy_from_slice(&bits.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The padded message, block by block.
    fn padded(message: &[u8]) -> Vec<u8> {
        let blocks = message_blocks(message.len());
        let mut row = [0x5a; BLOCK_LEN];
        (0..blocks)
            .flat_map(|index| {
                write_block(&mut row, message, index, blocks);
                row
            })
            .collect()
    }

    #[test]
    fn every_length_is_padded_as_the_standard_says() {
        for len in 0..=3 * BLOCK_LEN {
            let message = vec![0xee; len];
            let zeros = (2 * BLOCK_LEN - 9 - len % BLOCK_LEN) % BLOCK_LEN;
            let expected = [&message[..], &[0x80], &vec![0; zeros], &(8 * len as u64).to_be_bytes()].concat();
            assert_eq!(padded(&message), expected, "{len} bytes");
        }
    }
}
