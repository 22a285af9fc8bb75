//! R24 to R34: the rules about single transactions, each at its limit.

use crate::build::{Block, HEIGHT, Input, MONEY_MAX, NO_PREVOUT, Tx, breaks, context, judged, prevout, regtest};
use cityseal_chain::Rule;
use cityseal_chain::body::{ParsedBlock, coinbase_height_script};

const CHECKSIG: u8 = 0xac;
const CHECKMULTISIG: u8 = 0xae;

#[test]
fn r24_requires_a_coinbase_first() {
    let mut block = Block::of(2);
    block.transactions.swap(0, 1);
    let expected = "a coinbase as the first transaction";
    assert_eq!(
        block.broken(),
        breaks(Rule::CoinbaseMissing, Some(0), expected, "a transaction that is not a coinbase")
    );
    block.transactions.clear();
    assert_eq!(block.broken(), breaks(Rule::CoinbaseMissing, None, expected, "no transaction"));
}

#[test]
fn r24_recognises_a_coinbase_by_its_only_input() {
    let mut block = Block::of(1);
    block.coinbase().inputs.push(Input::of(prevout(8, 0)));
    assert_eq!(block.broken().unwrap().0, Rule::CoinbaseMissing, "a coinbase has one input");
    let near_misses = [[0; 36], prevout(0, u32::MAX - 1), [0xff; 36]];
    for near_miss in near_misses {
        let mut block = Block::of(1);
        block.coinbase().inputs[0].prevout = near_miss;
        assert_eq!(block.broken().unwrap().0, Rule::CoinbaseMissing, "{near_miss:?}");
    }
}

#[test]
fn r25_refuses_a_second_coinbase() {
    let mut block = Block::of(3);
    block.transactions[2] = Tx::coinbase(7);
    let expected =
        breaks(Rule::CoinbaseMultiple, Some(2), "only the first transaction may be a coinbase", "a second coinbase");
    assert_eq!(block.broken(), expected);
}

#[test]
fn r26_requires_inputs() {
    let mut block = Block::of(3);
    block.transactions[2] = Tx { inputs: vec![], outputs: vec![], lock_time: 0 };
    assert_eq!(block.broken(), breaks(Rule::InputsEmpty, Some(2), 1, 0));
}

#[test]
fn r27_requires_outputs() {
    let mut block = Block::of(3);
    block.transactions[3].outputs.clear();
    assert_eq!(block.broken(), breaks(Rule::OutputsEmpty, Some(3), 1, 0));
    let mut block = Block::of(3);
    block.coinbase().outputs.clear();
    assert_eq!(block.broken(), breaks(Rule::OutputsEmpty, Some(0), 1, 0));
}

fn paying(values: &[i64]) -> Block {
    let mut block = Block::of(3);
    block.transactions[2].outputs = values.iter().map(|&value| (value, vec![0x51])).collect();
    block
}

#[test]
fn r29_accepts_amounts_from_zero_to_the_maximum_supply() {
    paying(&[0]).passes();
    paying(&[MONEY_MAX]).passes();
    assert_eq!(paying(&[5, -1]).broken(), breaks(Rule::OutputValue, Some(2), 0, -1));
    assert_eq!(paying(&[MONEY_MAX + 1]).broken(), breaks(Rule::OutputValue, Some(2), MONEY_MAX, MONEY_MAX + 1));
    assert_eq!(paying(&[i64::MIN]).broken(), breaks(Rule::OutputValue, Some(2), 0, i64::MIN));
    assert_eq!(paying(&[i64::MAX, -1]).broken(), breaks(Rule::OutputValue, Some(2), MONEY_MAX, i64::MAX));
}

#[test]
fn r30_accepts_totals_up_to_the_maximum_supply() {
    paying(&[MONEY_MAX - 1, 1, 0]).passes();
    assert_eq!(paying(&[MONEY_MAX, 1]).broken(), breaks(Rule::OutputTotal, Some(2), MONEY_MAX, MONEY_MAX + 1));
    let mut block = paying(&[MONEY_MAX]);
    block.transactions[1].outputs[0].0 = MONEY_MAX;
    block.passes();
}

#[test]
fn r30_saturates_a_sum_beyond_64_bits() {
    let expected = breaks(Rule::OutputTotal, Some(2), MONEY_MAX, i64::MAX);
    assert_eq!(paying(&vec![MONEY_MAX; 4_400]).broken(), expected);
    assert_eq!(paying(&vec![MONEY_MAX; 9_000]).broken(), expected);
}

fn spending(prevouts: &[[u8; 36]]) -> Block {
    let mut block = Block::of(3);
    block.transactions[2].inputs = prevouts.iter().copied().map(Input::of).collect();
    block
}

#[test]
fn r31_refuses_to_spend_an_output_twice_in_one_transaction() {
    let expected = "inputs that spend no output twice";
    for count in [2, 3, 8, 9, 40, 300] {
        let mut prevouts: Vec<_> = (0..count).map(|index| prevout(7, index)).collect();
        spending(&prevouts).passes();
        let last = prevouts.len() - 1;
        prevouts[last] = prevouts[0];
        assert_eq!(spending(&prevouts).broken(), breaks(Rule::DuplicateInput, Some(2), expected, last), "{count}");
    }
}

#[test]
fn r31_names_the_first_repeat_and_judges_each_transaction_by_itself() {
    let [a, b] = [prevout(7, 0), prevout(8, 0)];
    let broken = spending(&[a, b, b, a, a]).broken();
    assert_eq!(broken, breaks(Rule::DuplicateInput, Some(2), "inputs that spend no output twice", 2));
    let mut block = spending(&[a, b]);
    block.transactions[3].inputs = vec![Input::of(b), Input::of(a)];
    block.passes();
}

#[test]
fn r31_distinguishes_outputs_that_differ_in_any_byte() {
    let equal: Vec<_> = (0..36)
        .map(|at| {
            let mut other = prevout(7, 0);
            other[at] ^= 0x80;
            other
        })
        .collect();
    spending(&[&[prevout(7, 0)], &equal[..]].concat()).passes();
}

#[test]
fn r32_accepts_a_coinbase_script_of_2_to_100_bytes() {
    let of_len = |len: usize| {
        let mut block = Block::of(1);
        let mut script = coinbase_height_script(HEIGHT).as_bytes().to_vec();
        script.resize(len, 0);
        block.coinbase().inputs[0].script = script;
        block
    };
    of_len(2).passes();
    of_len(100).passes();
    assert_eq!(of_len(1).broken(), breaks(Rule::CoinbaseScriptLength, Some(0), 2, 1));
    assert_eq!(of_len(0).broken(), breaks(Rule::CoinbaseScriptLength, Some(0), 2, 0));
    assert_eq!(of_len(101).broken(), breaks(Rule::CoinbaseScriptLength, Some(0), 100, 101));
}

#[test]
fn r33_refuses_an_input_that_names_no_output_next_to_others() {
    let expected = breaks(Rule::NullPrevout, Some(2), "inputs that name an output", 1);
    assert_eq!(spending(&[prevout(7, 0), NO_PREVOUT]).broken(), expected);
    spending(&[prevout(7, 0), prevout(0, 0)]).passes();
    spending(&[prevout(7, 0), prevout(1, u32::MAX)]).passes();
}

fn checking(script: &[u8], times: usize) -> Block {
    let mut block = Block::of(3);
    block.transactions[2].outputs = vec![(0, vec![CHECKSIG; 10_000]), (0, script.repeat(times))];
    block
}

#[test]
fn r34_accepts_a_cost_of_80000_and_refuses_one_more_check() {
    checking(&[CHECKSIG], 10_000).passes();
    assert_eq!(checking(&[CHECKSIG], 10_001).broken(), breaks(Rule::Sigops, None, 80_000, 80_004));
    checking(&[0x52, CHECKMULTISIG], 500).passes();
    assert_eq!(checking(&[0x52, CHECKMULTISIG], 501).broken(), breaks(Rule::Sigops, None, 80_000, 80_080));
}

#[test]
fn r34_counts_scripts_of_inputs_and_of_the_coinbase_but_not_pushed_data_or_witnesses() {
    let full = || checking(&[CHECKSIG], 10_000);
    let mut block = full();
    block.transactions[3].inputs[0].script = vec![2, CHECKSIG, CHECKSIG];
    block.transactions[3].inputs[0].witness = vec![vec![CHECKSIG; 5]];
    block.commit();
    block.passes();
    let mut block = full();
    block.transactions[3].inputs[0].script = vec![CHECKSIG];
    assert_eq!(block.broken().unwrap().0, Rule::Sigops);
    let mut block = full();
    block.coinbase().inputs[0].script.push(CHECKSIG);
    assert_eq!(block.broken().unwrap().0, Rule::Sigops);
}

#[test]
fn r34_stops_counting_a_script_at_a_push_beyond_its_end() {
    let mut block = checking(&[CHECKSIG], 9_999);
    block.transactions[1].outputs[0].1 = vec![CHECKSIG, 3, CHECKSIG, CHECKSIG];
    block.passes();
    block.transactions[1].outputs[0].1 = vec![CHECKSIG, 1, CHECKSIG, CHECKSIG];
    assert_eq!(block.broken().unwrap().0, Rule::Sigops);
}

#[test]
fn the_first_rule_in_judging_order_is_the_fault_whatever_comes_first_in_the_block() {
    let mut block = Block::of(3);
    block.transactions[1].outputs[0].0 = -1;
    block.transactions[3].outputs.clear();
    assert_eq!(block.broken().unwrap().0, Rule::OutputsEmpty);
    let mut bytes = block.bytes();
    bytes[40] ^= 1;
    assert_eq!(judged(&regtest(), &context(HEIGHT), &bytes).broken.unwrap().rule, Rule::MerkleRoot);
    bytes.push(0);
    assert!(ParsedBlock::parse(&bytes).is_err());
}
