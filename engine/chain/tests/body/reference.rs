//! The fast judge equals its reference implementation on any bytes: random blocks, valid and corrupted, and a small
//! block with every byte flipped. Corrupted blocks are also judged under a header with the matching root, so that the
//! rules after R21 are reached.

use crate::build::{Block, HEIGHT, Input, NO_PREVOUT, TIME, Tx, city, judged, prevout, regtest};
use cityseal_chain::body::{BodyContext, BodyJudgement, BodyRoots, Extent, ParsedBlock, block_extent};
use cityseal_chain::{MerkleKind, Parameters, Rule};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

/// Parameters with all rules, with few rules, and with a transaction log.
fn chains() -> [Parameters; 3] {
    let log =
        city("merkle = \"rfc6962-sha256\"\n[body]\ncoinbase_height_from = 0\nmedian_time_from = 0\nwitness_from = 0\n");
    [regtest(), city("[body]\nwitness_from = 7\n"), log]
}

/// The judgements of the bytes, and of the same body under a header with the matching root.
fn judged_with_any_root(parameters: &Parameters, context: &BodyContext, block: &[u8]) -> [BodyJudgement; 2] {
    let first = judged(parameters, context, block);
    let mut fitting = block.to_vec();
    if let Ok(parsed) = ParsedBlock::parse(block) {
        assert_eq!(block_extent(block), Ok(Extent::Whole(block.len())));
        fitting[36..68].copy_from_slice(&BodyRoots::of(parameters, context, block, &parsed).merkle);
    }
    [first, judged(parameters, context, &fitting)]
}

#[test]
fn every_flipped_byte_of_a_small_block_is_judged_like_the_reference() {
    let block = Block::with_witness().bytes();
    let context = BodyContext { height: HEIGHT, median_time: Some(TIME) };
    let mut met = BTreeSet::new();
    for at in 80..block.len() {
        for flip in [1, 2, 4, 8, 16, 32, 64, 128, 0xff] {
            let mut flipped = block.clone();
            flipped[at] ^= flip;
            let [plain, fitting] = judged_with_any_root(&regtest(), &context, &flipped);
            assert!(plain.broken.is_some(), "byte {at} with {flip:02x} goes unnoticed");
            met.extend(plain.broken.into_iter().chain(fitting.broken).map(|broken| broken.rule));
        }
    }
    let expected = [
        Rule::BlockEncoding,
        Rule::MerkleRoot,
        Rule::CoinbaseMissing,
        Rule::OutputValue,
        Rule::CoinbaseHeight,
        Rule::WitnessCommitment,
    ];
    assert!(expected.iter().all(|rule| met.contains(rule)), "{met:?}");
}

fn scripts() -> impl Strategy<Value = Vec<u8>> {
    let usual = vec![
        [&[0x76, 0xa9, 20][..], &[3; 20], &[0x88, 0xac]].concat(),
        [&[0, 20][..], &[0xac; 20]].concat(),
        [&[0xa9, 20][..], &[0xae; 20], &[0x87]].concat(),
        [&[0x51, 32][..], &[0xac; 32]].concat(),
        vec![0xac, 0xae, 0xad],
        [&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &[1; 32]].concat(),
    ];
    prop_oneof![prop::sample::select(usual), vec(any::<u8>(), 0..12), vec(any::<u8>(), 250..256)]
}

fn inputs() -> impl Strategy<Value = Input> {
    let prevouts =
        prop_oneof![12 => (1u8..4, 0u32..3).prop_map(|(number, index)| prevout(number, index)), 1 => Just(NO_PREVOUT)];
    let sequences = prop_oneof![Just(u32::MAX), any::<u32>()];
    let witnesses = prop_oneof![3 => Just(vec![]), 1 => vec(vec(any::<u8>(), 0..40), 0..3)];
    (prevouts, scripts(), sequences, witnesses).prop_map(|(prevout, script, sequence, witness)| Input {
        prevout,
        script,
        sequence,
        witness,
    })
}

fn transactions() -> impl Strategy<Value = Tx> {
    let values = prop_oneof![12 => 0i64..1_000, 1 => Just(2_100_000_000_000_000), 1 => any::<i64>()];
    let locks = prop_oneof![4 => Just(0u32), 1 => 0u32..40, 1 => TIME - 3..TIME + 3, 1 => any::<u32>()];
    let parts = (vec(inputs(), 1..4), vec((values, scripts()), 0..6), locks);
    let any = parts.prop_map(|(inputs, outputs, lock_time)| Tx { inputs, outputs, lock_time });
    let empty = Tx { inputs: vec![], outputs: vec![], lock_time: 0 };
    prop_oneof![20 => (1u8..9).prop_map(Tx::plain), 8 => any, 1 => Just(empty)]
}

/// Corrupts what the rules require of a coinbase, in about half of all blocks.
fn twist(block: &mut Block, twist: u8) {
    let last = block.transactions.len() - 1;
    let coinbase = &mut block.transactions[0];
    match twist {
        0 => coinbase.inputs[0].script.truncate(1),
        1 => coinbase.inputs[0].script.resize(101, 0),
        2 => coinbase.inputs[0].prevout = prevout(9, 9),
        3 => coinbase.inputs[0].witness.push(vec![5; 31]),
        4 => coinbase.inputs[0].witness = vec![vec![6; 32]],
        5 => block.transactions.push(block.transactions[last].clone()),
        _ => {}
    }
}

fn blocks() -> impl Strategy<Value = Block> {
    (vec(transactions(), 0..5), any::<bool>(), any::<bool>(), 0u8..12).prop_map(|(more, log, commits, corruption)| {
        let merkle = if log { MerkleKind::Rfc6962Sha256 } else { MerkleKind::Bitcoin };
        let mut block = Block { transactions: [vec![Tx::coinbase(HEIGHT)], more].concat(), merkle, time: TIME };
        if commits {
            block.commit();
        }
        twist(&mut block, corruption);
        block
    })
}

fn contexts() -> impl Strategy<Value = BodyContext> {
    let heights = prop_oneof![Just(HEIGHT), 0u64..40];
    (heights, prop::option::of(TIME - 2..TIME + 2))
        .prop_map(|(height, median_time)| BodyContext { height, median_time })
}

/// Corrupts the block: `at` is the position as a fraction of the length, `what` the kind of corruption.
fn corrupt(block: &mut Vec<u8>, at: u16, what: u8, byte: u8) {
    let at = 80 + (block.len() - 80) * usize::from(at) / (1 << 16);
    match what {
        0 => block.truncate(at),
        1 => block.insert(at, byte),
        2 => _ = block.remove(at),
        _ => block[at] = byte,
    }
}

#[test]
fn random_blocks_break_every_rule_that_a_small_block_can_break() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeSet::new();
    for _ in 0..3_000 {
        let (block, context, chain) = (blocks(), contexts(), 0usize..3).new_tree(&mut runner).unwrap().current();
        let judgements = judged_with_any_root(&chains()[chain], &context, &block.bytes());
        met.extend(judgements.into_iter().filter_map(|judgement| judgement.broken).map(|broken| broken.rule));
    }
    // Generated blocks are validly encoded, and these four rules need a large block.
    met.insert(Rule::BlockEncoding);
    let large = [Rule::BlockSize, Rule::TransactionSize, Rule::Sigops, Rule::Weight];
    let missed: Vec<Rule> =
        Rule::OF_BODIES.into_iter().filter(|rule| !met.contains(rule) && !large.contains(rule)).collect();
    assert_eq!(missed, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_block_is_judged_like_the_reference(block in blocks(), context in contexts(), chain in 0usize..3) {
        judged_with_any_root(&chains()[chain], &context, &block.bytes());
    }

    #[test]
    fn any_corrupted_block_is_judged_like_the_reference(
        block in blocks(),
        context in contexts(),
        chain in 0usize..3,
        corruptions in vec((any::<u16>(), 0u8..8, prop_oneof![any::<u8>(), 0u8..4, 0xfcu8..=0xff]), 1..4),
    ) {
        let mut bytes = block.bytes();
        for (at, what, byte) in corruptions {
            if bytes.len() > 81 {
                corrupt(&mut bytes, at, what, byte);
            }
        }
        judged_with_any_root(&chains()[chain], &context, &bytes);
    }

    #[test]
    fn any_bytes_are_parsed_or_refused_like_the_reference(tail in vec(prop_oneof![any::<u8>(), 0u8..3], 0..200)) {
        let bytes = [&[0; 80][..], &tail].concat();
        judged_with_any_root(&regtest(), &BodyContext { height: 1, median_time: None }, &bytes);
    }

    #[test]
    fn an_extent_is_where_the_block_ends_whatever_follows(block in blocks(), more in vec(any::<u8>(), 0..50)) {
        let bytes = block.bytes();
        prop_assert_eq!(block_extent(&[&bytes[..], &more].concat()), Ok(Extent::Whole(bytes.len())));
    }
}
