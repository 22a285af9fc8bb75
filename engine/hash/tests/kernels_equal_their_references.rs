//! Compares every kernel that this CPU can run with its reference implementation, `sha2` over whole messages: on random
//! input (proptest) and on edge cases.
#![allow(clippy::unwrap_used, reason = "a test helper that cannot unwrap fails the test")]

use cityseal_hash::{
    HashKernel, Hit, HitBuffer, MIDSTATES_MAX, Midstate, SearchInput, baseline, double_sha256, sha256,
};
use proptest::prelude::*;

/// More hits than any test here expects.
const PLENTY: usize = 1 << 16;

/// Different first blocks with the same tail.
#[derive(Clone, Debug)]
struct Blocks {
    first: Vec<[u8; 64]>,
    tail: [u8; 12],
}

impl Blocks {
    fn midstates(&self) -> Vec<Midstate> {
        self.first.iter().map(Midstate::of).collect()
    }

    fn header76(&self, midstate: usize) -> [u8; 76] {
        core::array::from_fn(|i| if i < 64 { self.first[midstate][i] } else { self.tail[i - 64] })
    }

    fn scan(&self, kernel: HashKernel, range: (u32, u32), top_word_max: u32) -> Vec<Hit> {
        let midstates = self.midstates();
        let mut hits = HitBuffer::new(PLENTY);
        kernel.scan(&SearchInput { midstates: &midstates, tail: self.tail, top_word_max }, range.0, range.1, &mut hits);
        assert!(!hits.overflow());
        hits.into_sorted()
    }

    fn reference(&self, (first, last): (u32, u32), top_word_max: u32) -> Vec<Hit> {
        let mut all = Vec::new();
        for midstate in 0..self.first.len() {
            let mut hits = HitBuffer::new(PLENTY);
            baseline::sha2_whole_header_scan(&self.header76(midstate), first, last, top_word_max, &mut hits);
            all.extend(hits.into_sorted().into_iter().map(|hit| Hit { midstate: midstate as u8, ..hit }));
        }
        all
    }
}

fn some_blocks(count: usize) -> Blocks {
    let first = (0..count).map(|b| core::array::from_fn(|i| (b * 67 + i * 31) as u8)).collect();
    Blocks { first, tail: *b"twelve bytes" }
}

fn array_of<const N: usize>() -> impl Strategy<Value = [u8; N]> {
    prop::collection::vec(any::<u8>(), N).prop_map(|bytes| bytes.try_into().unwrap())
}

fn blocks() -> impl Strategy<Value = Blocks> {
    (prop::collection::vec(array_of::<64>(), 1..=MIDSTATES_MAX), array_of::<12>())
        .prop_map(|(first, tail)| Blocks { first, tail })
}

/// Short ranges anywhere in the nonce space, including both ends.
fn range() -> impl Strategy<Value = (u32, u32)> {
    let first = prop_oneof![any::<u32>(), Just(0), u32::MAX - 100..=u32::MAX];
    (first, 0..100_u32).prop_map(|(first, length)| (first, first.saturating_add(length)))
}

/// Bounds from one hit in thousands of nonces to every nonce, and powers of two with their neighbours.
fn bound() -> impl Strategy<Value = u32> {
    prop_oneof![
        any::<u32>(),
        Just(u32::MAX),
        Just(0),
        (0..32_u32).prop_map(|n| 1 << n),
        (0..32_u32).prop_map(|n| u32::MAX >> n)
    ]
}

/// Start and length of each message: mostly short ones, and a few that are much longer.
fn spans() -> impl Strategy<Value = Vec<(usize, usize)>> {
    let len = prop_oneof![24 => 0..=300_usize, 6 => 0..=2_000_usize, 1 => 10_000..=40_000_usize];
    prop::collection::vec((0..1_000_usize, len), 0..=70)
}

/// As many bytes as the spans can reach, without long repetitions.
fn some_bytes() -> Vec<u8> {
    (0..41_000_u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 21) as u8).collect()
}

fn leaf(message: &[u8]) -> [u8; 32] {
    sha256(&[&[0x00], message].concat())
}

/// Every kernel returns the digests of `double_sha256`, and for leaves those of `sha256` with the prefix, in order.
fn assert_same_as_one_by_one(messages: &[&[u8]]) {
    let twice: Vec<[u8; 32]> = messages.iter().map(|message| double_sha256(message)).collect();
    let leaves: Vec<[u8; 32]> = messages.iter().map(|message| leaf(message)).collect();
    for kernel in HashKernel::all_available() {
        let mut digests = vec![[0xaa; 32]; messages.len()];
        kernel.hash_each(messages, &mut digests);
        assert_eq!(digests, twice, "{kernel:?}");
        kernel.hash_leaves_rfc6962(messages, &mut digests);
        assert_eq!(digests, leaves, "{kernel:?}");
    }
}

#[test]
fn no_messages_give_no_digests() {
    assert_same_as_one_by_one(&[]);
}

#[test]
fn messages_of_every_length_up_to_five_blocks_are_hashed_right() {
    let bytes = some_bytes();
    let messages: Vec<&[u8]> = (0..=5 * 64).map(|len| &bytes[len..2 * len]).collect();
    assert_same_as_one_by_one(&messages);
    for len in [0, 1, 54, 55, 56, 62, 63, 64, 65, 118, 119, 120, 126, 127, 128, 129] {
        for count in [1, 7, 40] {
            assert_same_as_one_by_one(&vec![&bytes[..len]; count]);
        }
    }
}

#[test]
fn one_message_much_longer_than_the_others_is_hashed_right_at_any_position() {
    let bytes = some_bytes();
    for place in [0, 20, 39] {
        let mut messages: Vec<&[u8]> = (0..40).map(|i| &bytes[i..250 + 2 * i]).collect();
        messages[place] = &bytes;
        assert_same_as_one_by_one(&messages);
    }
}

#[test]
fn every_kernel_refuses_different_numbers_of_messages_and_digests() {
    for kernel in HashKernel::all_available() {
        for digests in [0, 1, 3, 40] {
            let mut out = vec![[0; 32]; digests];
            let refused = std::panic::catch_unwind(move || kernel.hash_each(&[&[1], &[2]], &mut out));
            assert!(refused.is_err(), "{kernel:?} hashed two messages into {digests} digests");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_of_any_lengths_have_the_digests_of_the_reference_in_order(spans in spans()) {
        let bytes = some_bytes();
        let messages: Vec<&[u8]> = spans.iter().map(|(start, len)| &bytes[*start..start + len]).collect();
        assert_same_as_one_by_one(&messages);
    }

    #[test]
    fn every_kernel_finds_the_hits_of_whole_headers(blocks in blocks(), range in range(), bound in bound()) {
        let expected = blocks.reference(range, bound);
        for kernel in HashKernel::all_available() {
            prop_assert_eq!(&blocks.scan(kernel, range, bound), &expected, "{:?}", kernel);
        }
    }

    #[test]
    fn a_hash_equal_to_the_bound_is_a_hit_and_one_above_is_not(blocks in blocks(), nonce in any::<u32>()) {
        let header: Vec<u8> = blocks.header76(0).into_iter().chain(nonce.to_le_bytes()).collect();
        let top_word = baseline::top_word(&double_sha256(&header));
        let hit = Hit { midstate: 0, nonce };
        for kernel in HashKernel::all_available() {
            prop_assert!(blocks.scan(kernel, (nonce, nonce), top_word).contains(&hit), "{:?}", kernel);
            if let Some(below) = top_word.checked_sub(1) {
                prop_assert!(!blocks.scan(kernel, (nonce, nonce), below).contains(&hit), "{:?}", kernel);
            }
        }
    }

    #[test]
    fn every_kernel_hashes_headers_like_sha2(headers in prop::collection::vec(array_of::<80>(), 0..70)) {
        assert_same_digests(headers.as_flattened(), headers.len(), HashKernel::hash_headers, baseline::sha2_headers);
    }

    #[test]
    fn every_kernel_hashes_nodes_like_sha2(nodes in prop::collection::vec(array_of::<64>(), 0..70)) {
        let bytes = nodes.as_flattened();
        assert_same_digests(bytes, nodes.len(), HashKernel::hash_nodes, baseline::sha2_nodes);
        assert_same_digests(bytes, nodes.len(), HashKernel::hash_nodes_rfc6962, baseline::sha2_nodes_rfc6962);
    }
}

fn assert_same_digests(
    rows: &[u8],
    count: usize,
    hash: fn(HashKernel, &[u8], &mut [[u8; 32]]),
    reference: fn(&[u8], &mut [[u8; 32]]),
) {
    let mut expected = vec![[0; 32]; count];
    reference(rows, &mut expected);
    for kernel in HashKernel::all_available() {
        let mut digests = vec![[0xaa; 32]; count];
        hash(kernel, rows, &mut digests);
        assert_eq!(digests, expected, "{kernel:?}");
    }
}

#[test]
fn the_first_and_the_last_nonce_are_hits_with_an_all_ones_bound() {
    for count in [1, MIDSTATES_MAX] {
        let blocks = some_blocks(count);
        for kernel in HashKernel::all_available() {
            for nonce in [0, u32::MAX] {
                let expected: Vec<_> = (0..count as u8).map(|midstate| Hit { midstate, nonce }).collect();
                assert_eq!(blocks.scan(kernel, (nonce, nonce), u32::MAX), expected, "{kernel:?}");
            }
        }
    }
}

#[test]
fn with_an_all_ones_bound_every_nonce_of_a_short_range_is_a_hit_exactly_once() {
    let blocks = some_blocks(1);
    for kernel in HashKernel::all_available() {
        for first in (0..70).chain(u32::MAX - 70..=u32::MAX) {
            for last in [first, first.saturating_add(1), first.saturating_add(40)] {
                let nonces: Vec<_> = blocks.scan(kernel, (first, last), u32::MAX).iter().map(|hit| hit.nonce).collect();
                assert_eq!(nonces, (first..=last).collect::<Vec<_>>(), "{kernel:?}");
            }
        }
    }
}

#[test]
fn a_full_buffer_is_no_overflow_but_one_more_hit_is() {
    let blocks = some_blocks(2);
    let midstates = blocks.midstates();
    let input = SearchInput { midstates: &midstates, tail: blocks.tail, top_word_max: u32::MAX };
    for kernel in HashKernel::all_available() {
        for (last, overflow) in [(99, false), (100, true)] {
            let mut hits = HitBuffer::new(200);
            kernel.scan(&input, 0, last, &mut hits);
            assert_eq!((hits.as_slice().len(), hits.overflow()), (200, overflow), "{kernel:?}");
            hits.clear();
            assert_eq!((hits.as_slice().len(), hits.overflow()), (0, false));
        }
    }
}

#[test]
fn hits_of_one_midstate_are_in_ascending_order() {
    let blocks = some_blocks(3);
    let midstates = blocks.midstates();
    let input = SearchInput { midstates: &midstates, tail: blocks.tail, top_word_max: u32::MAX / 5 };
    for kernel in HashKernel::all_available() {
        let mut hits = HitBuffer::new(PLENTY);
        kernel.scan(&input, 17, 2_000, &mut hits);
        for midstate in 0..3 {
            let nonces: Vec<_> =
                hits.as_slice().iter().filter(|hit| hit.midstate == midstate).map(|hit| hit.nonce).collect();
            assert!(nonces.len() > 100 && nonces.is_sorted(), "{kernel:?}");
        }
    }
}

#[test]
#[should_panic(expected = "a nonce range runs upwards")]
fn a_range_that_runs_backwards_is_refused() {
    some_blocks(1).scan(HashKernel::portable(), (1, 0), 0);
}

#[test]
#[should_panic(expected = "1 to 8 midstates, not 9")]
fn one_midstate_more_than_the_maximum_is_refused() {
    some_blocks(MIDSTATES_MAX + 1).scan(HashKernel::detect(), (0, 0), 0);
}

#[test]
fn every_kernel_refuses_input_that_is_not_a_whole_number_of_headers() {
    for kernel in HashKernel::all_available() {
        for bytes in [79, 81, 160] {
            let headers = vec![0; bytes];
            let refused = std::panic::catch_unwind(|| kernel.hash_headers(&headers, &mut [[0; 32]; 1]));
            assert!(refused.is_err(), "{kernel:?} hashed {bytes} bytes as one header");
        }
    }
}
