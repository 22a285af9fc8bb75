//! Bulk hashing of headers and Merkle nodes in parallel lanes, from packed bytes to digests.

use super::lanes::{LANES_MAX, Lanes};
use super::message::{Full, OneWord, Padded, Window, eight_words, four_words};
use super::rounds::{compress, compress_from_iv};
use crate::constants::{DIGEST_BITS, HEADER_BITS, NODE_BITS, PAD, PREFIXED_NODE_BITS, RFC6962_NODE_PREFIX};
use crate::{HEADER_LEN, NODE_LEN};

/// A message of fixed length and how it is hashed.
pub(crate) trait Row {
    /// Bytes in one message.
    const LEN: usize;

    /// Hashes the first `L::COUNT` messages of `rows`.
    fn hash<L: Lanes>(rows: &[u8]) -> [L; 8];
}

/// How many groups ahead to prefetch. Hashing a group takes half a microsecond, several times a main memory access.
/// Without prefetching, batches larger than the caches run at two thirds of the speed.
const PREFETCHED_GROUPS: usize = 2;

/// Hashes packed messages into as many digests, in wire order.
///
/// # Panics
/// If `rows` does not hold `R::LEN` bytes for each digest.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn hash_rows<L: Lanes, R: Row>(rows: &[u8], digests: &mut [[u8; 32]]) {
    assert_eq!(rows.len(), R::LEN * digests.len(), "{} bytes a message", R::LEN);
    let mut last_rows = CacheAligned([0; LANES_MAX * HEADER_LEN]);
    let mut last_digests = [[0; 32]; LANES_MAX];
    let group_len = R::LEN * L::COUNT;
    let mut ahead = rows.chunks(group_len).skip(PREFETCHED_GROUPS);
    for (rows, digests) in rows.chunks(group_len).zip(digests.chunks_mut(L::COUNT)) {
        ahead.next().into_iter().for_each(L::prefetch);
        let count = digests.len();
        let is_whole = count == L::COUNT;
        if !is_whole {
            last_rows.0[..rows.len()].copy_from_slice(rows);
        }
        // Only one call for both cases, because thousands of instructions are inlined here.
        let [a, b, c, d, e, f, g, h] = R::hash::<L>(if is_whole { rows } else { &last_rows.0 });
        let target = if is_whole { &mut *digests } else { &mut last_digests };
        L::store_columns([a, b, c, d], target, 0);
        L::store_columns([e, f, g, h], target, 16);
        if !is_whole {
            digests.copy_from_slice(&last_digests[..count]);
        }
    }
}

/// Aligns the whole stack frame: otherwise the compiler lets spilled vectors straddle cache lines.
#[repr(align(64))]
struct CacheAligned<const N: usize>([u8; N]);

/// Double SHA-256 of an 80-byte header.
pub(crate) struct HeaderRow;

impl Row for HeaderRow {
    const LEN: usize = HEADER_LEN;

    #[cfg_attr(not(unoptimised), inline(always))]
    fn hash<L: Lanes>(rows: &[u8]) -> [L; 8] {
        let midstate = compress_from_iv::<L, Full>(block(rows, Self::LEN), &[0; 64]);
        let tail = four_words(L::load_columns(rows, Self::LEN, 64));
        hash_of_digest(compress::<L, Padded<4>>(midstate, tail, const { &Padded::<4>::sums(HEADER_BITS) }))
    }
}

/// Double SHA-256 of a 64-byte Merkle node.
pub(crate) struct NodeRow;

impl Row for NodeRow {
    const LEN: usize = NODE_LEN;

    #[cfg_attr(not(unoptimised), inline(always))]
    fn hash<L: Lanes>(rows: &[u8]) -> [L; 8] {
        let state = compress_from_iv::<L, Full>(block(rows, Self::LEN), &[0; 64]);
        hash_of_digest(compress::<L, Padded<0>>(
            state,
            four_words([L::splat(0); 4]),
            const { &Padded::<0>::sums(NODE_BITS) },
        ))
    }
}

/// SHA-256 of 0x01 and a 64-byte Merkle node (RFC 6962, section 2.1).
pub(crate) struct PrefixedNodeRow;

impl Row for PrefixedNodeRow {
    const LEN: usize = NODE_LEN;

    #[cfg_attr(not(unoptimised), inline(always))]
    fn hash<L: Lanes>(rows: &[u8]) -> [L; 8] {
        let mut words = block::<L>(rows, Self::LEN);
        // The prefix byte moves every byte on by one: each word gets the last byte of the word before it.
        let mut carried = L::splat(u32::from(RFC6962_NODE_PREFIX) << 24);
        for word in &mut words {
            let moved_on = word.shl::<24>();
            *word = carried.add(word.shr::<8>());
            carried = moved_on;
        }
        let state = compress_from_iv::<L, Full>(words, &[0; 64]);
        let zero = L::splat(0);
        let last = four_words([carried.add(L::splat(PAD >> 8)), zero, zero, zero]);
        compress::<L, OneWord>(state, last, const { &OneWord::sums(PREFIXED_NODE_BITS) })
    }
}

/// The first 64 bytes of each row as words.
#[cfg_attr(not(unoptimised), inline(always))]
fn block<L: Lanes>(rows: &[u8], row_len: usize) -> Window<L> {
    let [a, b, c, d] = L::load_columns(rows, row_len, 0);
    let [e, f, g, h] = L::load_columns(rows, row_len, 16);
    let [i, j, k, l] = L::load_columns(rows, row_len, 32);
    let [m, n, o, p] = L::load_columns(rows, row_len, 48);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// SHA-256 of a digest.
#[cfg_attr(not(unoptimised), inline(always))]
pub(super) fn hash_of_digest<L: Lanes>(digest: [L; 8]) -> [L; 8] {
    compress_from_iv::<L, Padded<8>>(eight_words(digest), const { &Padded::<8>::sums(DIGEST_BITS) })
}
