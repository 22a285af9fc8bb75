//! The test that a kernel must pass before it can be used: Bitcoin's first block as a known fact, then edge cases and
//! odd lengths compared with `sha2`. It takes about 0.1 ms.

use crate::{HEADER_LEN, HashKernel, Hit, HitBuffer, Midstate, NODE_LEN, SearchInput, double_sha256, sha256};

/// Bitcoin's first header, in wire format.
const GENESIS: [u8; HEADER_LEN] = {
    let mut header = [0; HEADER_LEN];
    place(&mut header, 0, &1_u32.to_le_bytes());
    place(&mut header, 36, &GENESIS_MERKLE_ROOT);
    place(&mut header, 68, &1_231_006_505_u32.to_le_bytes());
    place(&mut header, 72, &0x1d00_ffff_u32.to_le_bytes());
    place(&mut header, 76, &GENESIS_NONCE.to_le_bytes());
    header
};

const GENESIS_NONCE: u32 = 2_083_236_893;

const GENESIS_MERKLE_ROOT: [u8; 32] = [
    0x3b, 0xa3, 0xed, 0xfd, 0x7a, 0x7b, 0x12, 0xb2, 0x7a, 0xc7, 0x2c, 0x3e, 0x67, 0x76, 0x8f, 0x61, 0x7f, 0xc8, 0x1b,
    0xc3, 0x88, 0x8a, 0x51, 0x32, 0x3a, 0x9f, 0xb8, 0xaa, 0x4b, 0x1e, 0x5e, 0x4a,
];

/// The hash of the first header, in wire order.
const GENESIS_HASH: [u8; 32] = [
    0x6f, 0xe2, 0x8c, 0x0a, 0xb6, 0xf1, 0xb3, 0x72, 0xc1, 0xa6, 0xa2, 0x46, 0xae, 0x63, 0xf7, 0x4f, 0x93, 0x1e, 0x83,
    0x65, 0xe1, 0x5a, 0x08, 0x9c, 0x68, 0xd6, 0x19, 0x00, 0x00, 0x00, 0x00, 0x00,
];

/// Messages in one run: more than any kernel has lanes, and a multiple of no lane count.
const RAGGED: usize = 37;

const fn place(header: &mut [u8; HEADER_LEN], at: usize, bytes: &[u8]) {
    let mut i = 0;
    while i < bytes.len() {
        header[at + i] = bytes[i];
        i += 1;
    }
}

/// Whether every answer of the kernel is right.
pub(crate) fn holds(kernel: HashKernel) -> bool {
    finds_the_genesis_nonce(kernel)
        && [0, u32::MAX].into_iter().all(|nonce| judges_edge_nonce(kernel, nonce))
        && hashes_headers(kernel)
        && hashes_nodes(kernel)
        && hashes_messages(kernel)
}

fn genesis_input(midstates: &[Midstate], top_word_max: u32) -> SearchInput<'_> {
    let mut tail = [0; 12];
    tail.copy_from_slice(&GENESIS[64..76]);
    SearchInput { midstates, tail, top_word_max }
}

fn genesis_midstate() -> Midstate {
    let mut block = [0; 64];
    block.copy_from_slice(&GENESIS[..64]);
    Midstate::of(&block)
}

fn found(kernel: HashKernel, input: &SearchInput<'_>, first: u32, last: u32) -> Vec<Hit> {
    let mut hits = HitBuffer::new(RAGGED);
    kernel.scan(input, first, last, &mut hits);
    hits.into_sorted()
}

/// The only hit of the range is with the second of two midstates.
fn finds_the_genesis_nonce(kernel: HashKernel) -> bool {
    let midstates = [Midstate([0; 8]), genesis_midstate()];
    let hits = found(kernel, &genesis_input(&midstates, 0), GENESIS_NONCE - 40, GENESIS_NONCE + 3);
    hits == [Hit { midstate: 1, nonce: GENESIS_NONCE }]
}

/// The nonce of a one-nonce range is a hit for the bounds `u32::MAX` and its own top word, and no hit for one less.
fn judges_edge_nonce(kernel: HashKernel, nonce: u32) -> bool {
    let midstates = [genesis_midstate()];
    let digest = double_sha256(&header_with(nonce));
    let top_word = u32::from_le_bytes([digest[28], digest[29], digest[30], digest[31]]);
    let is_hit = |bound| found(kernel, &genesis_input(&midstates, bound), nonce, nonce) == [Hit { midstate: 0, nonce }];
    is_hit(u32::MAX) && is_hit(top_word) && !is_hit(top_word - 1)
}

fn header_with(nonce: u32) -> [u8; HEADER_LEN] {
    let mut header = GENESIS;
    place(&mut header, 76, &nonce.to_le_bytes());
    header
}

fn hashes_headers(kernel: HashKernel) -> bool {
    let headers: Vec<_> = (0..RAGGED as u32).map(|i| header_with(GENESIS_NONCE.wrapping_add(i))).collect();
    let mut digests = [[0; 32]; RAGGED];
    kernel.hash_headers(headers.as_flattened(), &mut digests);
    digests[0] == GENESIS_HASH && headers.iter().zip(&digests).all(|(header, digest)| double_sha256(header) == *digest)
}

fn hashes_nodes(kernel: HashKernel) -> bool {
    let nodes: Vec<[u8; NODE_LEN]> =
        (0..RAGGED as u8).map(|i| core::array::from_fn(|j| i ^ (j as u8).rotate_left(3))).collect();
    let mut digests = [[0; 32]; RAGGED];
    kernel.hash_nodes(nodes.as_flattened(), &mut digests);
    let twice = nodes.iter().zip(&digests).all(|(node, digest)| double_sha256(node) == *digest);
    kernel.hash_nodes_rfc6962(nodes.as_flattened(), &mut digests);
    let prefixed = nodes.iter().zip(&digests).all(|(node, digest)| sha256(&[&[0x01], &node[..]].concat()) == *digest);
    twice && prefixed
}

/// Messages around the lengths at which the padding changes, and one that is much longer, hashed twice and as leaves.
fn hashes_messages(kernel: HashKernel) -> bool {
    let bytes: [u8; 700] = core::array::from_fn(|i| (i as u8).wrapping_mul(29) ^ (i >> 8) as u8);
    let lengths = [0_usize, 1, 54, 55, 700, 56, 62, 63, 64, 65, 118, 119, 127, 182, 183, 300];
    let messages: Vec<&[u8]> =
        (0..RAGGED).map(|i| &bytes[i % 7..][..lengths[i % lengths.len()].saturating_sub(i % 7)]).collect();
    let mut digests = [[0; 32]; RAGGED];
    kernel.hash_each(&messages, &mut digests);
    let twice = messages.iter().zip(&digests).all(|(message, digest)| double_sha256(message) == *digest);
    kernel.hash_leaves_rfc6962(&messages, &mut digests);
    let leaves =
        messages.iter().zip(&digests).all(|(message, digest)| sha256(&[&[0x00], *message].concat()) == *digest);
    twice && leaves
}
