//! A hundred thousand random chains, corruptions, splits and orders of joining equal the sequential reference, and
//! their commitments are those of the headers that passed.

use crate::chain::{hashes_of, packed};
use crate::reference::{CHAINS, Corruption, corrupted};
use cityseal_chain::reference::judge_headers;
use cityseal_chain::{
    BlockHeader, Commitments, History, PERIOD_HEADERS, Parameters, Summary, TreeOutline, judge, rfc6962,
};
use cityseal_hash::{HashKernel, double_sha256};

const CASES: u64 = 100_000;

/// A generator of the same random numbers in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn outline(first: u64, hashes: &[[u8; 32]], kernel: HashKernel) -> TreeOutline {
    let leaves: Vec<[u8; 32]> = hashes.iter().map(|hash| rfc6962::leaf_hash(hash)).collect();
    TreeOutline::of_leaves(first, &leaves, kernel)
}

/// Judges each piece by itself, with its commitments.
fn pieces(
    parameters: &Parameters,
    mut history: History,
    headers: &[BlockHeader],
    cuts: &[usize],
    now: u64,
    kernel: HashKernel,
) -> Vec<Summary> {
    let bounds: Vec<usize> = [&[0], cuts, &[headers.len()]].concat();
    let piece = |bound: &[usize]| {
        let bytes = packed(&headers[bound[0]..bound[1]]);
        let hashes = hashes_of(&bytes);
        let mut summary = judge(parameters, &history, &bytes, &hashes, now, 80 * bound[0] as u64);
        let headers = outline(bound[0] as u64, &hashes[..summary.count as usize], kernel);
        summary.commitments = Some(Commitments { headers, contents: None });
        history.advance(parameters, &bytes);
        summary
    };
    bounds.windows(2).map(piece).collect()
}

/// Joins adjacent summaries, chosen at random, until one is left.
fn join_in_any_order(mut pieces: Vec<Summary>, dice: &mut Dice) -> Summary {
    while pieces.len() > 1 {
        let at = dice.below(pieces.len() as u64 - 1) as usize;
        let right = pieces.remove(at + 1);
        let left = pieces[at].clone();
        pieces[at] = left.join(right);
    }
    pieces.remove(0)
}

fn any_corruption(dice: &mut Dice, length: usize) -> (usize, Corruption) {
    let at = dice.below(length as u64) as usize;
    let corruption = match dice.below(9) {
        0 | 1 => Corruption::Nothing,
        2..=4 => Corruption::BitAt(dice.below(640) as usize),
        5 => Corruption::Time(dice.below(16_000) as i32 - 8_000),
        6 => Corruption::Bits(0x2000_ff00 + dice.below(0x7f_0000) as u32),
        7 => Corruption::Version(dice.below(6) as i32),
        _ => Corruption::LeftOut,
    };
    (at, corruption)
}

#[test]
fn a_hundred_thousand_splits_orders_and_corruptions_equal_the_sequential_reference() {
    let (mut dice, kernel) = (Dice(20_261_125), HashKernel::detect());
    let (mut faults, mut whole) = (0, 0);
    for case in 0..CASES {
        let chain = &CHAINS[dice.below(CHAINS.len() as u64) as usize];
        let start = if dice.below(3) == 0 { PERIOD_HEADERS - 8 + dice.below(16) } else { dice.below(30) } as usize;
        let context = dice.below(14).min(start as u64) as usize;
        let valid = &chain.headers[start..start + 1 + dice.below(14) as usize];
        let (at, corruption) = any_corruption(&mut dice, valid.len());
        let headers = corrupted(valid, at, &corruption);
        if headers.is_empty() {
            continue;
        }
        let middle = u64::from(headers[headers.len() / 2].time);
        let now = if dice.below(6) == 0 { middle.saturating_sub(7200) } else { 1 << 33 };
        let mut cuts: Vec<usize> = (0..dice.below(5)).map(|_| dice.below(headers.len() as u64 + 1) as usize).collect();
        cuts.sort_unstable();
        let context = &chain.headers[start - context..start];
        let slow = judge_headers(&chain.parameters, start as u64, context, &headers, now);
        let history = History::before(&chain.parameters, start as u64, &packed(context)).unwrap();
        let pieces = pieces(&chain.parameters, history, &headers, &cuts, now, kernel);
        let mut joined = join_in_any_order(pieces, &mut dice);
        let commitments = joined.commitments.take().unwrap();
        assert_eq!(joined, slow, "case {case}: {corruption:?} at {at}, cuts {cuts:?}");
        let passed: Vec<[u8; 32]> =
            headers[..slow.count as usize].iter().map(|header| double_sha256(&header.to_wire())).collect();
        assert_eq!(commitments.headers, outline(0, &passed, kernel), "case {case}");
        if slow.fault.is_some() { faults += 1 } else { whole += 1 }
    }
    assert!(faults > CASES / 4 && whole > CASES / 8, "{faults} faults, {whole} without");
}
