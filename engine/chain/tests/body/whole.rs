//! R21 to R23, R40 and R41: trees, sizes and weight, each rule at its limit.

use crate::build::{Block, HEIGHT, Tx, breaks, city, context, judged, regtest, root_value};
use cityseal_chain::body::{BodyContext, BodyJudgement, BrokenBody};
use cityseal_chain::{MerkleKind, MerkleRoot, Parameters, Rule};

const MILLION: usize = 1_000_000;

/// The block's bytes with another root in the header.
fn with_root(block: &Block, root: [u8; 32]) -> Vec<u8> {
    let mut bytes = block.bytes();
    bytes[36..68].copy_from_slice(&root);
    bytes
}

#[test]
fn a_valid_block_passes_every_rule() {
    Block::of(0).passes();
    Block::of(9).passes();
    Block::with_witness().passes();
}

#[test]
fn r21_refuses_a_root_that_is_not_that_of_the_ids() {
    let block = Block::of(4);
    let mut other = block.root();
    other[0] ^= 1;
    let broken = judged(&regtest(), &context(HEIGHT), &with_root(&block, other)).broken.unwrap();
    let (expected, found) = (root_value(other), root_value(block.root()));
    assert_eq!(broken, BrokenBody { rule: Rule::MerkleRoot, expected, found, transaction: None });
    let written = MerkleRoot::from_wire(block.root()).to_string();
    assert_eq!(broken.found.to_string(), written, "as explorers show it");
}

#[test]
fn r21_ignores_witnesses() {
    let block = Block::with_witness();
    let mut stripped = block.clone();
    stripped.transactions.iter_mut().flat_map(|tx| &mut tx.inputs).for_each(|input| input.witness.clear());
    assert_eq!(stripped.root(), block.root());
}

#[test]
fn r22_refuses_the_forged_list_of_every_level_and_accepts_the_original() {
    // Repeating the last 2^k transactions forges any list whose level k has an odd length above 1.
    for (transactions, repeated) in [(3, 1), (5, 1), (6, 2), (12, 4), (24, 8), (48, 16), (96, 32)] {
        let original = Block::of(transactions - 1);
        original.passes();
        let mut forged = original.clone();
        let tail = original.transactions.len() - repeated;
        forged.transactions.extend_from_slice(&original.transactions[tail..]);
        assert_eq!(forged.root(), original.root());
        let (expected, found) = ("no two equal nodes under one parent", "two equal nodes under one parent");
        assert_eq!(forged.broken(), breaks(Rule::MerkleMutation, None, expected, found), "{transactions}");
    }
}

#[test]
fn r22_accepts_equal_transactions_under_different_parents() {
    let mut block = Block::of(2);
    block.transactions[2] = block.transactions[1].clone();
    block.passes();
}

#[test]
fn r23_accepts_a_million_bytes_without_witnesses_and_refuses_one_more() {
    let mut block = Block::of(0);
    let rest = MILLION - block.stripped_len();
    block.coinbase().pad(rest);
    assert_eq!(block.stripped_len(), MILLION);
    block.passes();
    let mut block = Block::of(0);
    block.coinbase().pad(rest + 1);
    assert_eq!(block.broken(), breaks(Rule::BlockSize, None, 1_000_000, 1_000_001));
}

#[test]
fn r23_is_broken_before_r28_because_a_block_contains_its_transactions() {
    let mut block = Block::of(0);
    block.coinbase().pad(MILLION);
    let len = block.stripped_len() as u64;
    assert!(block.transactions[0].bytes(false).len() > MILLION);
    assert_eq!(block.broken(), breaks(Rule::BlockSize, None, 1_000_000, len));
}

/// A block of half a million bytes without witnesses, and of this weight with them.
fn of_weight(weight: usize) -> Block {
    let mut block = Block::of(1);
    let input = &mut block.transactions[1].inputs[0];
    input.witness = vec![vec![0; 100]];
    block.commit();
    let rest = MILLION / 2 - block.stripped_len();
    block.transactions[1].pad(rest);
    let bytes = weight - 3 * block.stripped_len();
    // The commitment already has its final length; only the witness grows by the missing bytes.
    let lacking = bytes - block.bytes().len();
    let item = 100 + lacking - (crate::build::size(100 + lacking).len() - 1);
    block.transactions[1].inputs[0].witness = vec![vec![0; item]];
    block.coinbase().outputs.pop();
    block.commit();
    assert_eq!(3 * block.stripped_len() + block.bytes().len(), weight);
    block
}

#[test]
fn r40_accepts_a_weight_of_four_million_and_refuses_one_more() {
    of_weight(4_000_000).passes();
    assert_eq!(of_weight(4_000_001).broken(), breaks(Rule::Weight, None, 4_000_000, 4_000_001));
}

fn log_city() -> Parameters {
    city("merkle = \"rfc6962-sha256\"\n[body]\nwitness_from = 0\n")
}

fn logged(block: Block) -> Block {
    Block { merkle: MerkleKind::Rfc6962Sha256, ..block }
}

#[test]
fn r41_refuses_a_root_that_is_not_that_of_the_log() {
    let block = logged(Block::of(4));
    let at = BodyContext { height: 3, median_time: None };
    assert_eq!(judged(&log_city(), &at, &block.bytes()), BodyJudgement::default());
    let bitcoin = Block { merkle: MerkleKind::Bitcoin, ..block.clone() };
    let broken = judged(&log_city(), &at, &bitcoin.bytes()).broken.unwrap();
    let (expected, found) = (root_value(bitcoin.root()), root_value(block.root()));
    assert_eq!(broken, BrokenBody { rule: Rule::TransactionLogRoot, expected, found, transaction: None });
    let broken = judged(&regtest(), &context(HEIGHT), &block.bytes()).broken.unwrap();
    assert_eq!(broken.rule, Rule::MerkleRoot, "Bitcoin's chains have no log");
}

#[test]
fn r41_covers_witnesses_and_order() {
    let at = context(3);
    let block = logged(Block::with_witness());
    assert_eq!(judged(&log_city(), &at, &block.bytes()).broken, None);
    let mut other = block.clone();
    other.transactions[1].inputs[1].witness[0][0] ^= 1;
    assert_ne!(other.root(), block.root());
    other.transactions.swap(1, 2);
    let swapped = with_root(&other, block.root());
    assert_eq!(
        judged(&log_city(), &at, &swapped).broken.unwrap().rule,
        Rule::WitnessCommitment,
        "which is judged first"
    );
    let plain = logged(Block::of(3));
    let mut other = plain.clone();
    other.transactions.swap(1, 2);
    let broken = judged(&log_city(), &at, &with_root(&other, plain.root())).broken.unwrap();
    assert_eq!(broken.rule, Rule::TransactionLogRoot);
}

#[test]
fn a_log_cannot_be_forged_by_repeating_its_tail_so_r22_does_not_apply() {
    let mut block = logged(Block::of(2));
    let original = block.root();
    let last = Tx::plain(2);
    block.transactions.push(last);
    assert_ne!(block.root(), original);
    assert_eq!(judged(&log_city(), &context(3), &block.bytes()).broken, None);
}
