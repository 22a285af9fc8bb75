//! Any bytes as a block: parser and judge equal the reference implementation, under the given header and under one with
//! the matching root. The end of a block is found whatever follows it, and truncations are recognised.

use cityseal_chain::body::{
    BodyContext, BodyJudgement, BodyRoots, Extent, ParsedBlock, block_extent, judge_body, reference,
};
use cityseal_chain::{Network, Parameters};

use crate::cursor::Cursor;

/// The coinbase of 2009, with which regtest begins.
const COINBASE_OF_2009: &str = "\
    01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d01\
    04455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f662073\
    65636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe55482719\
    67f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a\
    4c702b6bf11d5fac00000000";

/// A coinbase of height 3 with a witness and an output that commits to arbitrary bytes.
fn committing() -> Vec<u8> {
    let commitment = [&[0; 8][..], &[38, 0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed], &[1; 32]].concat();
    let input = [&[0; 32][..], &[0xff; 4], &[2, 0x53, 0], &[0xff; 4]].concat();
    [&[2, 0, 0, 0, 0, 1, 1][..], &input, &[1], &commitment, &[1, 32], &[5; 32], &[0; 4]].concat()
}

/// A payment of two inputs, the second with a witness, that is locked until height 2.
fn payment() -> Vec<u8> {
    let input = |index: u8| [&[7; 32][..], &[index, 0, 0, 0, 1, 0xac], &[0xfe; 4]].concat();
    let output = [&[9, 0, 0, 0, 0, 0, 0, 0, 22, 0, 20][..], &[3; 20]].concat();
    [&[2, 0, 0, 0, 0, 1, 2][..], &input(0), &input(1), &[1], &output, &[0, 2, 1, 6, 0], &[2, 0, 0, 0]].concat()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let coinbase = cityseal_chain::hex::decode(COINBASE_OF_2009).expect("the digits are valid");
    let genesis = Parameters::of(Network::Regtest).genesis().to_wire();
    let block = |decisions: [u8; 2], transactions: &[Vec<u8>]| {
        [&decisions[..], &genesis, &[transactions.len() as u8], &transactions.concat()].concat()
    };
    vec![
        block([0, 0], std::slice::from_ref(&coinbase)),
        block([1, 3], &[committing(), payment()]),
        block([2, 3], &[committing(), payment(), payment()]),
        block([3, 200], &[coinbase, payment()]),
        vec![],
    ]
}

/// Regtest, or custom network parameters with a transaction log.
fn parameters(log: bool) -> Parameters {
    let regtest = Parameters::of(Network::Regtest);
    let genesis = regtest.genesis().to_hex();
    let city = format!(
        "name = \"town\"\ngenesis = \"{genesis}\"\npow_limit = \"207fffff\"\ndifficulty = \"fixed\"\n\
         merkle = \"rfc6962-sha256\"\n[body]\nwitness_from = 2\nmedian_time_from = 5\n"
    );
    if log { Parameters::from_toml(&city).expect("the parameters are valid") } else { regtest }
}

pub(crate) fn body(data: &[u8]) {
    judge_both_ways(data);
}

/// The judgements under both headers; in each the fast judge must equal the reference.
fn judge_both_ways(data: &[u8]) -> [BodyJudgement; 2] {
    let mut cursor = Cursor::new(data);
    let (decisions, height) = (cursor.byte(), u64::from(cursor.byte()));
    let parameters = parameters(decisions & 1 == 1);
    let context = BodyContext { height, median_time: (decisions & 2 == 0).then_some(1_296_688_602) };
    let block = cursor.rest();
    let Ok(parsed) = ParsedBlock::parse(block) else {
        let judgement = judged(&parameters, &context, block);
        return [judgement.clone(), judgement];
    };
    find_its_end(block);
    let mut matching = block.to_vec();
    matching[36..68].copy_from_slice(&BodyRoots::of(&parameters, &context, block, &parsed).merkle);
    [judged(&parameters, &context, block), judged(&parameters, &context, &matching)]
}

fn judged(parameters: &Parameters, context: &BodyContext, block: &[u8]) -> BodyJudgement {
    let fast = ParsedBlock::parse(block).map_or_else(BodyJudgement::from, |parsed| {
        let roots = BodyRoots::of(parameters, context, block, &parsed);
        judge_body(parameters, context, block, &parsed, &roots)
    });
    assert_eq!(fast, reference::judge_block(parameters, context, block));
    fast
}

fn find_its_end(block: &[u8]) {
    assert_eq!(block_extent(&[block, &[1, 2, 3]].concat()), Ok(Extent::Whole(block.len())));
    for len in [0, 79, 80, block.len() / 2, block.len() - 1] {
        assert_eq!(block_extent(&block[..len.min(block.len() - 1)]), Ok(Extent::Cut));
    }
}

#[test]
fn the_seeds_contain_a_valid_block_and_several_kinds_of_faults() {
    let judgements: Vec<_> = seeds().iter().flat_map(|seed| judge_both_ways(seed)).collect();
    assert!(judgements.iter().any(|judgement| judgement.broken.is_none()));
    let rules: std::collections::HashSet<_> =
        judgements.iter().filter_map(|judgement| Some(judgement.broken?.rule)).collect();
    assert!(rules.len() >= 4, "{rules:?}");
}
