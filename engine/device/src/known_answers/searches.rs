//! Cases of nonce searches: hits at every edge of a batch, several midstates, planted nonces.

use cityseal_hash::{HEADER_LEN, Hit, MIDSTATES_MAX, Midstate, double_sha256};

use super::Case;
use crate::{Batch, NonceSpan, Planted, SearchBatch};

/// The header of Bitcoin's first block, whose nonce is public knowledge.
pub(super) const GENESIS: [u8; HEADER_LEN] = *b"\x01\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \x3b\xa3\xed\xfd\x7a\x7b\x12\xb2\x7a\xc7\x2c\x3e\x67\x76\x8f\x61\
    \x7f\xc8\x1b\xc3\x88\x8a\x51\x32\x3a\x9f\xb8\xaa\x4b\x1e\x5e\x4a\
    \x29\xab\x5f\x49\xff\xff\0\x1d\x1d\xac\x2b\x7c";

/// The nonce of [`GENESIS`].
pub(super) const GENESIS_NONCE: u32 = 2_083_236_893;

/// Nonces in each ranged case: a few hundred lanes, and not a multiple of any lane count.
const SPAN: u32 = 5_003;

/// The name of the case that serves as the canary of running devices: several hits, none of them at an edge of the
/// batch.
pub const CANARY: &str = "several hits";

pub(super) fn cases() -> Vec<Case> {
    let one = |name, (first, last): (u32, u32), top, max| case(name, search(1, (first, last), top, max));
    let mut cases = vec![
        // With a bound of zero the genesis nonce is the only hit.
        one("hit in the first lane", (GENESIS_NONCE, GENESIS_NONCE + SPAN), 0, 64),
        one("hit in a middle lane", (GENESIS_NONCE - SPAN / 2, GENESIS_NONCE + SPAN / 2), 0, 64),
        one("hit in the last lane", (GENESIS_NONCE - SPAN, GENESIS_NONCE), 0, 64),
        one("no hit", (0, SPAN), 0, 64),
        one(CANARY, (100_000, 100_000 + SPAN), 0x00ff_ffff, 256),
        one("nonce 0 with an all-ones target", (0, 40), u32::MAX, 64),
        one("nonce 0xffffffff with an all-ones target", (u32::MAX - 40, u32::MAX), u32::MAX, 64),
        one("a range of one nonce", (77, 77), u32::MAX, 1),
        one("exactly as many hits as allowed", (1_000, 1_063), u32::MAX, 64),
        one("one hit more than allowed", (1_000, 1_064), u32::MAX, 64),
    ];
    let several =
        [("two midstates", 2), ("three midstates", 3), ("four midstates", 4), ("eight midstates", MIDSTATES_MAX)];
    for (name, midstates) in several {
        cases.push(case(name, search(midstates, (5_000, 5_000 + SPAN / 4), 0x01ff_ffff, 512)));
    }
    cases.extend(planted_cases());
    cases
}

/// Canaries inside a batch, at its ends and among hits, and one with a wrong top word.
fn planted_cases() -> [Case; 5] {
    let planted = |name, midstates, at: Hit, top_word_max, word_mask: u32| {
        let batch = search(midstates, (7_000, 7_000 + SPAN), top_word_max, 64);
        case(name, batch.with_planted(Planted { at, top_word: top_word_of(at) ^ word_mask }))
    };
    let at = |midstate, nonce| Hit { midstate, nonce };
    [
        planted("a planted nonce", 1, at(0, 9_876), 0, 0),
        planted("a planted first nonce, among hits", 1, at(0, 7_000), 0x00ff_ffff, 0),
        planted("a planted last nonce of the last midstate", 4, at(3, 7_000 + SPAN), 0, 0),
        planted("a planted nonce with more hits than allowed", 1, at(0, 8_000), u32::MAX, 0),
        planted("a planted nonce with a wrong top word", 1, at(0, 9_876), 0, 1),
    ]
}

fn case(name: &'static str, search: SearchBatch) -> Case {
    Case::new(name, Batch::Search(search))
}

fn search(midstates: usize, (first, last): (u32, u32), top_word_max: u32, hits_max: usize) -> SearchBatch {
    let states = (0..midstates).map(|index| Midstate::of(&rolled_first_block(index as u8))).collect();
    let mut tail = [0; 12];
    tail.copy_from_slice(&GENESIS[64..76]);
    let range = NonceSpan::new(first, last).expect("the cases' ranges are not empty");
    SearchBatch::new(states, tail, range, top_word_max, hits_max)
}

/// The first block of the genesis header with its version rolled; index 0 leaves it unchanged.
fn rolled_first_block(index: u8) -> [u8; 64] {
    let mut block = [0; 64];
    block.copy_from_slice(&GENESIS[..64]);
    block[2] = index;
    block
}

/// The top word of the hash that a nonce gives with one of the midstates.
fn top_word_of(at: Hit) -> u32 {
    let mut header = GENESIS;
    header[..64].copy_from_slice(&rolled_first_block(at.midstate));
    header[76..].copy_from_slice(&at.nonce.to_le_bytes());
    let [.., a, b, c, d] = double_sha256(&header);
    u32::from_le_bytes([a, b, c, d])
}
