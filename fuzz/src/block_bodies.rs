//! Any bytes as a block: the fast parse and judge of its body say what the slow twin says, and where a block ends is found
//! alike with and without more behind it.

use cityseal_chain::body::{
    BLOCK_BYTES_MAX, BodyContext, BodyJudgement, BodyRoots, EncodingKind, Extent, ParsedBlock, block_extent,
    judge_body, twin,
};
use cityseal_chain::{Network, Parameters, hex};
use cityseal_hash::HEADER_LEN;

use crate::cursor::Cursor;

/// Heights at the edges of how they are written in a coinbase, and high ones.
const HEIGHTS: [u64; 8] = [0, 1, 16, 17, 128, 32_768, 500_000, 900_000];

/// Where a header names the root of its transactions.
const ROOT: std::ops::Range<usize> = 36..68;

/// The coinbase of 2009.
const COINBASE: &str = concat!(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054",
    "696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420",
    "666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61",
    "deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000"
);

/// A coinbase at height 17 that commits to witnesses, and another transaction with a witness of two items.
const WITH_WITNESS: [&str; 2] = [
    concat!(
        "010000000001010000000000000000000000000000000000000000000000000000000000000000ffffffff03011151ffffffff02",
        "00f2052a010000000151",
        "0000000000000000266a24aa21a9ed4444444444444444444444444444444444444444444444444444444444444444",
        "0120000000000000000000000000000000000000000000000000000000000000000000000000"
    ),
    concat!(
        "02000000000101070707070707070707070707070707070707070707070707070707070707070700000000",
        "00fdffffff02e8030000000000001600140303030303030303030303030303030303030303",
        "e8030000000000000151",
        "0202aaaa03bbbbbb00000000"
    ),
];

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let block = |transactions: &[&str]| {
        let bodies = transactions.iter().flat_map(|text| hex::decode(text).unwrap_or_default());
        let header = Parameters::of(Network::Regtest).genesis().to_wire();
        header.into_iter().chain([transactions.len() as u8]).chain(bodies).collect::<Vec<u8>>()
    };
    let [first, second] = WITH_WITNESS;
    let blocks = [block(&[COINBASE]), block(&[first, second]), block(&[first, second, second]), block(&[])];
    // The network, the height, the median time, and whether the header's root is set right.
    let decisions = [[4, 0, 0, 0], [4, 3, 1, 1], [0, 6, 2, 1]];
    decisions.iter().flat_map(|decisions| blocks.iter().map(|block| [&decisions[..], block].concat())).collect()
}

pub(crate) fn body(data: &[u8]) {
    judge_both_ways(data);
}

fn judge_both_ways(data: &[u8]) -> BodyJudgement {
    let mut cursor = Cursor::new(data);
    let parameters = Parameters::of(Network::ALL[usize::from(cursor.byte()) % Network::ALL.len()]);
    let height = HEIGHTS[usize::from(cursor.byte()) % HEIGHTS.len()];
    let median_time = [None, Some(0), Some(1_600_000_000)][usize::from(cursor.byte()) % 3];
    let context = BodyContext { height, median_time };
    let sets_root = cursor.byte() & 1 == 1;
    let mut block = cursor.rest().to_vec();
    end_of(&block);
    let fast = match ParsedBlock::parse(&block) {
        Ok(parsed) => {
            let roots = BodyRoots::of(&parameters, &context, &block, &parsed);
            if sets_root {
                block[ROOT].copy_from_slice(&roots.merkle);
            }
            judge_body(&parameters, &context, &block, &parsed, &roots)
        }
        Err(fault) => fault.into(),
    };
    assert_eq!(fast, twin::judge_block(&parameters, &context, &block), "{} at {height}", parameters.name());
    fast
}

/// What is said of where the block ends fits what the parse says of all bytes, and of that many.
fn end_of(bytes: &[u8]) {
    let parsed = ParsedBlock::parse(bytes).map(|_| ());
    match block_extent(bytes) {
        Ok(Extent::Whole(len)) => {
            assert!(len > HEADER_LEN && ParsedBlock::parse(&bytes[..len]).is_ok());
            assert_eq!(parsed.is_ok(), len == bytes.len());
            assert_eq!(block_extent(&bytes[..len]), Ok(Extent::Whole(len)), "bytes behind a block do not count");
            assert_eq!(block_extent(&bytes[..len - 1]), Ok(Extent::Cut), "a block less its last byte is cut");
        }
        Ok(Extent::Cut) => assert!(matches!(parsed, Err(fault) if fault.kind != EncodingKind::Trailing)),
        Err(fault) if bytes.len() <= BLOCK_BYTES_MAX => assert_eq!(parsed, Err(fault)),
        Err(_) => assert!(parsed.is_err()),
    }
}

#[test]
fn the_seeds_hold_a_block_that_passes_and_several_kinds_of_broken_ones() {
    let judgements: Vec<_> = seeds().iter().map(|seed| judge_both_ways(seed)).collect();
    assert!(judgements.iter().any(|judgement| judgement.broken.is_none()));
    let rules: std::collections::HashSet<_> =
        judgements.iter().filter_map(|judgement| Some(judgement.broken?.rule)).collect();
    assert!(rules.len() >= 4, "{rules:?}");
}
