//! R35 to R39: the rules that depend on height, time and the coinbase's commitment, each at its limit.

use crate::build::{
    Block, HEIGHT, Input, MEDIAN, TIME, Tx, breaks, city, context, judged, prevout, regtest, root_value,
};
use cityseal_chain::body::{BodyContext, BodyJudgement, coinbase_height_script};
use cityseal_chain::{Parameters, Rule, Unjudged};

/// A block with a transaction of that lock time, which one of its sequences makes effective.
fn locked(lock_time: u32) -> Block {
    let mut block = Block::of(3);
    let tx = &mut block.transactions[2];
    tx.inputs.push(Input { sequence: u32::MAX - 1, ..Input::of(prevout(9, 0)) });
    tx.lock_time = lock_time;
    block
}

fn rule_at(parameters: &Parameters, context: &BodyContext, block: &Block) -> Option<Rule> {
    judged(parameters, context, &block.bytes()).broken.map(|broken| broken.rule)
}

#[test]
fn r35_accepts_a_lock_by_height_when_that_height_is_below() {
    let height = HEIGHT as u32;
    locked(0).passes();
    locked(height - 1).passes();
    assert_eq!(locked(height).broken(), breaks(Rule::Finality, Some(2), HEIGHT - 1, HEIGHT));
    assert_eq!(locked(499_999_999).broken(), breaks(Rule::Finality, Some(2), HEIGHT - 1, 499_999_999));
}

#[test]
fn r35_compares_a_lock_by_time_with_the_median_and_not_with_the_time_of_the_block() {
    locked(500_000_000).passes();
    locked(MEDIAN - 1).passes();
    assert_eq!(locked(MEDIAN).broken(), breaks(Rule::Finality, Some(2), MEDIAN - 1, MEDIAN));
    assert_eq!(locked(TIME - 1).broken(), breaks(Rule::Finality, Some(2), MEDIAN - 1, TIME - 1));
}

#[test]
fn r35_ignores_the_lock_if_every_sequence_disables_it() {
    let mut block = locked(u32::MAX);
    block.transactions[2].inputs[1].sequence = u32::MAX;
    block.passes();
    block.transactions[2].inputs[0].sequence = 0;
    assert_eq!(block.broken().unwrap().0, Rule::Finality);
    let mut block = Block::of(1);
    block.coinbase().lock_time = u32::MAX;
    block.passes();
    block.coinbase().inputs[0].sequence = 0;
    assert_eq!(block.broken().unwrap().1, Some(0), "the coinbase is not exempt");
}

#[test]
fn r35_uses_the_time_of_the_block_below_the_height_of_the_median_rule_and_at_height_0() {
    let city = city("[body]\nmedian_time_from = 20\n");
    let at = |height, lock| rule_at(&city, &context(height), &locked(lock));
    assert_eq!((at(19, TIME - 1), at(19, TIME)), (None, Some(Rule::Finality)));
    assert_eq!((at(20, TIME - 1), at(20, MEDIAN - 1)), (Some(Rule::Finality), None));
    let from_0 = crate::build::city("[body]\nmedian_time_from = 0\n");
    let genesis = BodyContext { height: 0, median_time: None };
    assert_eq!(rule_at(&from_0, &genesis, &locked(TIME - 1)), None);
    assert_eq!(judged(&from_0, &genesis, &Block::of(1).bytes()), BodyJudgement::default());
    assert_eq!(rule_at(&from_0, &genesis, &locked(1)), Some(Rule::Finality), "no height is below 0");
}

#[test]
fn r35_is_not_judged_without_the_median_but_later_rules_are() {
    let unknown = BodyContext { height: HEIGHT, median_time: None };
    let left_out = vec![(Rule::Finality, Unjudged::MedianAbsent)];
    let passed = BodyJudgement { broken: None, not_checked: left_out.clone() };
    assert_eq!(judged(&regtest(), &unknown, &Block::of(1).bytes()), passed);
    assert_eq!(judged(&regtest(), &unknown, &locked(HEIGHT as u32).bytes()), passed, "not even locks by height");
    let other = BodyContext { height: HEIGHT + 1, ..unknown };
    let judgement = judged(&regtest(), &other, &Block::of(1).bytes());
    assert_eq!((judgement.broken.unwrap().rule, judgement.not_checked), (Rule::CoinbaseHeight, left_out));
    let mut earlier = Block::of(1);
    earlier.transactions[1].outputs.clear();
    assert_eq!(judged(&regtest(), &unknown, &earlier.bytes()).not_checked, [], "an earlier rule is broken");
}

#[test]
fn r36_requires_the_height_at_the_start_of_the_coinbase() {
    for height in [1, 2, 16, 17, 127, 128, 255, 256, 32_767, 32_768, 8_388_607, 8_388_608, 1 << 31, 1 << 40] {
        let mut block = Block::of(1);
        block.transactions[0] = Tx::coinbase(height);
        assert_eq!(rule_at(&regtest(), &context(height), &block), None, "{height}");
        for other in [height - 1, height + 1] {
            let broken = judged(&regtest(), &context(other), &block.bytes()).broken;
            let is_genesis = other == 0;
            assert_eq!(broken.map(|broken| broken.rule), (!is_genesis).then_some(Rule::CoinbaseHeight), "{height}");
        }
    }
}

#[test]
fn r36_compares_the_bytes_that_the_height_takes() {
    let with = |script: &[u8]| {
        let mut block = Block::of(1);
        block.coinbase().inputs[0].script = script.to_vec();
        block
    };
    with(&[1, 20]).passes();
    with(&[1, 20, 0xff, 0xff]).passes();
    assert_eq!(with(&[1, 21, 9]).broken(), breaks(Rule::CoinbaseHeight, Some(0), "0114", "0115"));
    assert_eq!(with(&[2, 20, 0]).broken(), breaks(Rule::CoinbaseHeight, Some(0), "0114", "0214"));
    let mut short = with(&[3, 0]);
    short.transactions[0].lock_time = 0;
    let broken = judged(&regtest(), &context(70_000), &short.bytes()).broken.unwrap();
    assert_eq!((broken.expected.to_string().as_str(), broken.found.to_string().as_str()), ("03701101", "0300"));
}

#[test]
fn r36_applies_from_its_height() {
    let city = city("[body]\ncoinbase_height_from = 100\n");
    let block = Block::of(1);
    assert_eq!(rule_at(&city, &context(99), &block), None);
    assert_eq!(rule_at(&city, &context(100), &block), Some(Rule::CoinbaseHeight));
    assert_eq!(coinbase_height_script(HEIGHT).to_string(), "0114");
}

/// A block whose coinbase has this witness after committing.
fn reserving(witness: Vec<Vec<u8>>) -> Block {
    let mut block = Block::with_witness();
    block.coinbase().inputs[0].witness = witness;
    block
}

#[test]
fn r37_requires_one_reserved_value_of_32_bytes() {
    reserving(vec![vec![5; 32]]).passes();
    let refused = |expected, found| breaks(Rule::WitnessReservedValue, Some(0), expected, found);
    assert_eq!(reserving(vec![]).broken(), refused(1, 0));
    assert_eq!(reserving(vec![vec![5; 32], vec![]]).broken(), refused(1, 2));
    assert_eq!(reserving(vec![vec![5; 31]]).broken(), refused(32, 31));
    assert_eq!(reserving(vec![vec![5; 33]]).broken(), refused(32, 33));
    assert_eq!(reserving(vec![vec![]]).broken(), refused(32, 0));
}

#[test]
fn r38_refuses_witnesses_that_are_not_those_committed_to() {
    let mut block = Block::with_witness();
    let commitment: [u8; 32] = block.transactions[0].outputs[1].1[6..].try_into().unwrap();
    block.transactions[1].inputs[1].witness[0][3] ^= 1;
    let broken = judged(&regtest(), &context(HEIGHT), &block.bytes()).broken.unwrap();
    assert_eq!((broken.rule, broken.transaction), (Rule::WitnessCommitment, None));
    assert_eq!(broken.expected, root_value(commitment));
    let other = reserving(vec![vec![6; 32]]);
    assert_eq!(other.broken().unwrap().0, Rule::WitnessCommitment, "the reserved value is part of the commitment");
}

#[test]
fn r38_uses_the_last_committing_output_of_the_coinbase() {
    let mut block = Block::with_witness();
    let right = block.transactions[0].outputs[1].clone();
    let mut wrong = right.clone();
    wrong.1[20] ^= 1;
    block.coinbase().outputs.insert(1, wrong.clone());
    block.passes();
    block.coinbase().outputs.push(wrong);
    assert_eq!(block.broken().unwrap().0, Rule::WitnessCommitment);
    block.coinbase().outputs[3].1.pop();
    block.passes();
    block.coinbase().outputs[3].1 = [&right.1[..], &[1, 2, 3]].concat();
    block.passes();
    block.coinbase().outputs[3].1[6] ^= 1;
    assert_eq!(block.broken().unwrap().0, Rule::WitnessCommitment, "more bytes may follow a commitment");
    block.coinbase().outputs[3].1[1] = 0x25;
    block.passes();
}

#[test]
fn r38_is_judged_even_if_no_transaction_has_a_witness() {
    let mut block = Block::of(2);
    block.commit();
    block.passes();
    block.coinbase().outputs[1].1[30] ^= 1;
    assert_eq!(block.broken().unwrap().0, Rule::WitnessCommitment);
}

#[test]
fn r39_refuses_a_witness_without_a_commitment() {
    let mut block = Block::with_witness();
    block.coinbase().outputs.pop();
    let expected =
        |at| breaks(Rule::UnexpectedWitness, Some(at), "no witness, since no commitment covers it", "a witness");
    assert_eq!(block.broken(), expected(0));
    block.coinbase().inputs[0].witness.clear();
    assert_eq!(block.broken(), expected(1));
    let outside = block.transactions[3].outputs[0].1.clone();
    block.transactions[3].outputs[0].1 = Block::with_witness().transactions[0].outputs[1].1.clone();
    assert_eq!(block.broken(), expected(1), "only the coinbase commits");
    block.transactions[3].outputs[0].1 = outside;
    block.transactions[1].inputs[1].witness.clear();
    block.passes();
}

#[test]
fn r37_to_r39_change_at_the_height_of_witnesses() {
    let city = city("[body]\nwitness_from = 100\n");
    let (block, mut wrong) = (Block::with_witness(), Block::of(2));
    assert_eq!(rule_at(&city, &context(99), &block), Some(Rule::UnexpectedWitness));
    assert_eq!(rule_at(&city, &context(100), &block), None);
    wrong.commit();
    wrong.coinbase().outputs[1].1[30] ^= 1;
    wrong.coinbase().inputs[0].witness.clear();
    assert_eq!(rule_at(&city, &context(99), &wrong), None, "commitments are not checked yet");
    assert_eq!(rule_at(&city, &context(100), &wrong), Some(Rule::WitnessReservedValue));
    let never = crate::build::city("");
    assert_eq!(rule_at(&never, &context(1 << 40), &block), Some(Rule::UnexpectedWitness));
}
