//! The kernel for any CPU: the block function of the `sha2` crate, one message at a time.

use sha2::block_api::compress256;

use crate::constants::{DIGEST_BITS, HEADER_BITS, IV, NODE_BITS, PREFIXED_NODE_BITS, RFC6962_NODE_PREFIX};
use crate::messages::Treatment;
use crate::{HEADER_LEN, Hit, HitBuffer, NODE_LEN, SearchInput};

/// The last block of a message of `bits` bits, with zeros in place of its last `tail_len` bytes: padding bit, zeros,
/// length.
const fn padded(bits: u32, tail_len: usize) -> [u8; 64] {
    let mut block = [0; 64];
    block[tail_len] = 0x80;
    let [_, _, high, low] = bits.to_be_bytes();
    block[62] = high;
    block[63] = low;
    block
}

const HEADER_END: [u8; 64] = padded(HEADER_BITS, 16);
const NODE_END: [u8; 64] = padded(NODE_BITS, 0);
const PREFIXED_NODE_END: [u8; 64] = padded(PREFIXED_NODE_BITS, 1);
const DIGEST_END: [u8; 64] = padded(DIGEST_BITS, 32);

/// Searches a nonce range.
pub(crate) fn scan(input: &SearchInput<'_>, first: u32, last: u32, hits: &mut HitBuffer) {
    input.assert_valid();
    let mut block = HEADER_END;
    block[..12].copy_from_slice(&input.tail);
    for nonce in first..=last {
        block[12..16].copy_from_slice(&nonce.to_le_bytes());
        for (index, midstate) in input.midstates.iter().enumerate() {
            let mut state = midstate.0;
            compress256(&mut state, &[block]);
            if hash_of_digest(state)[7].swap_bytes() <= input.top_word_max {
                hits.push(Hit { midstate: index as u8, nonce });
            }
        }
    }
}

/// Hashes headers.
pub(crate) fn hash_headers(headers: &[u8], digests: &mut [[u8; 32]]) {
    assert_eq!(headers.len(), HEADER_LEN * digests.len(), "{HEADER_LEN} bytes a header");
    for (header, digest) in headers.as_chunks::<HEADER_LEN>().0.iter().zip(digests) {
        let mut blocks = [[0; 64], HEADER_END];
        blocks[0].copy_from_slice(&header[..64]);
        blocks[1][..16].copy_from_slice(&header[64..]);
        *digest = to_bytes(hash_of_digest(compressed(&blocks)));
    }
}

/// Hashes Merkle nodes twice.
pub(crate) fn hash_nodes(nodes: &[u8], digests: &mut [[u8; 32]]) {
    assert_eq!(nodes.len(), NODE_LEN * digests.len(), "{NODE_LEN} bytes a node");
    for (node, digest) in nodes.as_chunks::<NODE_LEN>().0.iter().zip(digests) {
        *digest = to_bytes(hash_of_digest(compressed(&[*node, NODE_END])));
    }
}

/// Hashes prefixed Merkle nodes once.
pub(crate) fn hash_nodes_rfc6962(nodes: &[u8], digests: &mut [[u8; 32]]) {
    assert_eq!(nodes.len(), NODE_LEN * digests.len(), "{NODE_LEN} bytes a node");
    for (node, digest) in nodes.as_chunks::<NODE_LEN>().0.iter().zip(digests) {
        let mut blocks = [[RFC6962_NODE_PREFIX; 64], PREFIXED_NODE_END];
        blocks[0][1..].copy_from_slice(&node[..63]);
        blocks[1][0] = node[63];
        *digest = to_bytes(compressed(&blocks));
    }
}

/// Hashes messages of any lengths.
pub(crate) fn hash_each(treatment: Treatment, messages: &[&[u8]], digests: &mut [[u8; 32]]) {
    assert_eq!(messages.len(), digests.len(), "one digest for each message");
    for (message, digest) in messages.iter().zip(digests) {
        *digest = treatment.of(message);
    }
}

fn compressed(blocks: &[[u8; 64]]) -> [u32; 8] {
    let mut state = IV;
    compress256(&mut state, blocks);
    state
}

/// SHA-256 of a digest, both as state words.
fn hash_of_digest(digest: [u32; 8]) -> [u32; 8] {
    let mut block = DIGEST_END;
    block[..32].copy_from_slice(&to_bytes(digest));
    compressed(&[block])
}

pub(crate) fn to_bytes(state: [u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    bytes
}
