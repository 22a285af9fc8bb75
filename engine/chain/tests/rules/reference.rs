//! The fast judge over any split equals the reference implementation over the whole, on valid and corrupted chains.

use crate::chain::{Chain, hashes_of, packed, sealed};
use cityseal_chain::{BlockHeader, CompactTarget, History, PERIOD_HEADERS, Parameters, Summary, judge, reference};
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::LazyLock;

/// One chain of each kind of difficulty, across two retargets, with irregular times.
pub(crate) static CHAINS: LazyLock<Vec<Chain>> = LazyLock::new(|| {
    let versions = "\n[[version]]\nmin = 2\nfrom_height = 1000\n[[version]]\nmin = 4\nfrom_height = 3000";
    let of = |rest: &str| irregular(Chain::of_city(0x207f_ffff, &format!("{rest}{versions}")));
    vec![
        of("difficulty = \"fixed\""),
        of("[difficulty]\nkind = \"asert\"\nspacing_s = 492\nhalf_life_s = 7200"),
        of("difficulty = \"bitcoin-2016\""),
        of("[difficulty]\nkind = \"bitcoin-2016\"\nmin_difficulty = true"),
        of("[difficulty]\nkind = \"bitcoin-2016\"\nmin_difficulty = true\nbip94 = true"),
    ]
});

/// Grows the chain by steps from a fixed table, 492 s on average: mostly forward, some back, some above twenty minutes.
fn irregular(mut chain: Chain) -> Chain {
    const STEPS_S: [i64; 13] = [600, 30, 900, -200, 450, 1300, 600, 10, -900, 1201, 1200, 700, 500];
    while chain.height() < 2 * PERIOD_HEADERS + 60 {
        let step = STEPS_S[(chain.height() * 7 % 13) as usize];
        let time = (i64::from(chain.tip().time) + step) as u32;
        chain.grow(time.max(earliest(&chain)));
    }
    chain
}

/// The earliest time that R08 and R09 allow.
fn earliest(chain: &Chain) -> u32 {
    let mut times: Vec<u32> = chain.headers.iter().rev().take(11).map(|header| header.time).collect();
    times.sort_unstable();
    let past_median = times[times.len() / 2] + 1;
    let starts_period = (chain.height() + 1).is_multiple_of(PERIOD_HEADERS);
    if starts_period { past_median.max(chain.tip().time - 600) } else { past_median }
}

/// A corruption of one header of a valid chain.
#[derive(Clone, Debug)]
pub(crate) enum Corruption {
    Nothing,
    /// Inverts one bit of the header.
    Bit(Index),
    /// Inverts the bit with this number.
    BitAt(usize),
    /// Changes a field, and seals this header and all later ones again.
    Time(i32),
    Bits(u32),
    Version(i32),
    /// Leaves the header out, and links and seals all later ones again.
    LeftOut,
}

fn any_corruption() -> impl Strategy<Value = Corruption> {
    let bits = prop_oneof![
        Just(0x207f_ffff),
        0x2000_ff00u32..0x207f_ffff,
        Just(0x0180_3456),
        Just(0x2180_0001),
        Just(0x2300_0100),
        Just(0x2100_ffff),
    ];
    prop_oneof![
        1 => Just(Corruption::Nothing),
        3 => any::<Index>().prop_map(Corruption::Bit),
        4 => prop_oneof![-8000i32..8000, any::<i32>()].prop_map(Corruption::Time),
        2 => bits.prop_map(Corruption::Bits),
        1 => prop_oneof![0i32..5, any::<i32>()].prop_map(Corruption::Version),
        1 => Just(Corruption::LeftOut),
    ]
}

/// Number of headers after a corrupted one that are sealed again: beyond every window but a period.
const RESEALED: usize = 40;

pub(crate) fn corrupted(valid: &[BlockHeader], at: usize, corruption: &Corruption) -> Vec<BlockHeader> {
    let mut headers = valid[..valid.len().min(at + RESEALED)].to_vec();
    match corruption {
        Corruption::Nothing => return headers,
        Corruption::Bit(bit) => return corrupted(valid, at, &Corruption::BitAt(bit.index(640))),
        Corruption::BitAt(bit) => {
            let mut wire = headers[at].to_wire();
            wire[bit / 8] ^= 1 << (bit % 8);
            headers[at] = BlockHeader::from_wire(&wire);
            return headers;
        }
        Corruption::Time(by) => headers[at].time = headers[at].time.wrapping_add_signed(*by),
        Corruption::Bits(bits) => headers[at].bits = CompactTarget::from_bits(*bits),
        Corruption::Version(version) => headers[at].version = *version,
        Corruption::LeftOut => drop(headers.remove(at)),
    }
    for height in at..headers.len() {
        if height > 0 {
            headers[height].prev_block_hash = headers[height - 1].hash();
        }
        headers[height] = sealed(headers[height]);
    }
    headers
}

/// Judges each piece by itself, after a history that skipped the pieces before it, and joins in order.
fn joined(parameters: &Parameters, history: &History, headers: &[BlockHeader], cuts: &[usize], now: u64) -> Summary {
    let mut history = *history;
    let bounds: Vec<usize> = [&[0], cuts, &[headers.len()]].concat();
    let mut pieces = Vec::new();
    for bound in bounds.windows(2) {
        let bytes = packed(&headers[bound[0]..bound[1]]);
        pieces.push(judge(parameters, &history, &bytes, &hashes_of(&bytes), now, 80 * bound[0] as u64));
        history.advance(parameters, &bytes);
    }
    let empty = Summary::empty(pieces[0].first_height);
    let from_left = pieces.iter().cloned().fold(empty, Summary::join);
    assert_eq!(in_a_tree(&pieces), from_left, "joining is associative");
    from_left
}

fn in_a_tree(pieces: &[Summary]) -> Summary {
    if let [only] = pieces {
        return only.clone();
    }
    let (left, right) = pieces.split_at(pieces.len() / 2);
    let left = in_a_tree(left);
    // After a fault the heights of later pieces do not match, so they are not joined.
    if left.fault.is_some() { left } else { left.join(in_a_tree(right)) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_split_of_any_chain_equals_the_reference(
        kind in 0usize..5,
        start in prop_oneof![
            Just(0u64), Just(1), Just(2), 3u64..4000,
            Just(PERIOD_HEADERS - 1), Just(PERIOD_HEADERS), 2000u64..2040,
        ],
        context in prop_oneof![Just(0u64), 1u64..14, Just(PERIOD_HEADERS), 0u64..5000],
        length in prop_oneof![1usize..60, 1usize..2100],
        at in any::<Index>(),
        corruption in any_corruption(),
        cuts in proptest::collection::vec(any::<Index>(), 0..6),
        early in 0u64..4,
    ) {
        let chain = &CHAINS[kind];
        let (first, context) = (start as usize, context.min(start) as usize);
        let context = &chain.headers[first - context..first];
        let valid = &chain.headers[first..chain.headers.len().min(first + length)];
        let headers = corrupted(valid, at.index(valid.len()), &corruption);
        prop_assume!(!headers.is_empty());
        // In one of four cases the clock is before some of the chain, so that R10 is reached as well.
        let middle = u64::from(headers[headers.len() / 2].time);
        let now = if early == 0 { middle.saturating_sub(7200) } else { 1 << 33 };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(headers.len() + 1)).collect();
        cuts.sort_unstable();
        let history = History::before(&chain.parameters, start, &packed(context)).unwrap();
        let slow = reference::judge_headers(&chain.parameters, start, context, &headers, now);
        prop_assert_eq!(&joined(&chain.parameters, &history, &headers, &[], now), &slow);
        prop_assert_eq!(&joined(&chain.parameters, &history, &headers, &cuts, now), &slow);
    }

    #[test]
    fn any_bytes_are_judged_without_panic(
        kind in 0usize..5, start in prop_oneof![0u64..5, any::<u64>()],
        headers in proptest::collection::vec(any::<u8>(), 0..800),
        easy: bool, now: u64,
    ) {
        let parameters = &CHAINS[kind].parameters;
        let whole = &headers[..headers.len() / 80 * 80];
        if let Ok(history) = History::before(parameters, start, &[]) {
            // Hashes of zero let any header reach the later rules.
            let hashes = if easy { vec![[0; 32]; whole.len() / 80] } else { hashes_of(whole) };
            let summary = judge(parameters, &history, whole, &hashes, now, u64::MAX / 2);
            prop_assert!(summary.count <= hashes.len() as u64);
        }
        let _ = History::before(parameters, start, &headers);
    }
}

#[test]
fn the_chains_of_these_tests_are_valid_and_have_every_kind_of_bits() {
    for chain in CHAINS.iter() {
        let summary = reference::judge_headers(&chain.parameters, 0, &[], &chain.headers, 1 << 33);
        assert_eq!((summary.fault, summary.count), (None, chain.headers.len() as u64));
    }
    let distinct = |chain: &Chain| {
        let mut bits: Vec<_> = chain.headers.iter().map(|header| header.bits.to_bits()).collect();
        bits.sort_unstable();
        bits.dedup();
        bits.len()
    };
    let counts: Vec<usize> = CHAINS.iter().map(distinct).collect();
    assert!(counts[0] == 1 && counts[1] > 100 && counts[2..].iter().all(|&count| count > 1), "{counts:?}");
}
