//! Proofs of real blocks, as nodes returned them: they prove the blocks' transactions, and corrupted ones do not.

use crate::build::{packed, written};
use cityseal_chain::BlockHeader;
use cityseal_chain::body::ParsedBlock;
use cityseal_chain::merkle::Node;
use cityseal_chain::partial_tree::{Extracted, PartialTree, PartialTreeError};
use cityseal_hash::double_sha256;
use cityseal_testkit::data::data_bytes_if_any;
use cityseal_testkit::shipped::mainnet_block;
use std::ops::Range;

/// Each proof with its block and the indices of the proved transactions.
const PROOFS: [(&str, &str, &[u32]); 7] = [
    ("merkle/merkleblock_300025.raw", "blocks/mainnet_300025.raw", &[396, 397]),
    ("merkle/txoutproof_0830000-0.bin", "blocks/mainnet_830000_segwit.raw", &[0]),
    ("merkle/txoutproof_0830000-1.bin", "blocks/mainnet_830000_segwit.raw", &[1]),
    ("merkle/txoutproof_0830000-10.bin", "blocks/mainnet_830000_segwit.raw", &[10]),
    ("merkle/txoutproof_0830000-100.bin", "blocks/mainnet_830000_segwit.raw", &[100]),
    ("merkle/txoutproof_0830000-1000.bin", "blocks/mainnet_830000_segwit.raw", &[1000]),
    ("merkle/txoutproof_0830000-1850.bin", "blocks/mainnet_830000_segwit.raw", &[1850]),
];

/// The byte ranges of a proof's root and number of transactions.
const ROOT: Range<usize> = 36..68;
const TRANSACTIONS: Range<usize> = 80..84;

/// A proof with the expected values from its block.
struct Real {
    name: &'static str,
    proof: Vec<u8>,
    header: BlockHeader,
    txids: Vec<Node>,
    matches: Vec<(u32, Node)>,
}

fn txids(block: &[u8]) -> Vec<Node> {
    let parsed = ParsedBlock::parse(block).expect("a real block");
    parsed.transactions().iter().map(|span| double_sha256(&span.stripped(block).concat())).collect()
}

/// Combines a proof with its block and the indices of the proved transactions.
fn real(name: &'static str, proof: Vec<u8>, block: &[u8], places: &[u32]) -> Real {
    let header = BlockHeader::from_wire(block.first_chunk().expect("a block begins with its header"));
    let txids = txids(block);
    let matches = places.iter().map(|&place| (place, txids[place as usize])).collect();
    Real { name, proof, header, txids, matches }
}

/// A proof of two transactions of a large block, made by rust-bitcoin.
fn shipped_proof() -> Real {
    let places = [396, 397];
    let block: bitcoin::Block = bitcoin::consensus::deserialize(mainnet_block()).expect("a real block");
    let wanted = places.map(|place| block.txdata[place as usize].compute_txid());
    let proof = bitcoin::MerkleBlock::from_block_with_predicate(&block, |txid| wanted.contains(txid));
    real("block 702861 by rust-bitcoin", bitcoin::consensus::serialize(&proof), mainnet_block(), &places)
}

/// The shipped proof, and those from nodes if the folder of real chains is present.
fn real_proofs() -> Vec<Real> {
    let from_nodes = PROOFS.into_iter().filter_map(|(name, block, places)| {
        let (proof, block) = (data_bytes_if_any(name)?, data_bytes_if_any(block)?);
        Some(real(name, proof, &block, places))
    });
    [shipped_proof()].into_iter().chain(from_nodes).collect()
}

fn verified(proof: &[u8]) -> Result<(BlockHeader, Extracted), PartialTreeError> {
    let (header, tree) = PartialTree::parse(proof)?;
    Ok((header, tree.verify(&header)?))
}

#[test]
fn every_proof_names_its_block_and_the_transactions_at_its_indices() {
    let proofs = real_proofs();
    for real in &proofs {
        let (header, tree) = PartialTree::parse(&real.proof).unwrap();
        assert_eq!((header.hash(), header), (real.header.hash(), real.header), "{}", real.name);
        assert_eq!(tree.transactions() as usize, real.txids.len(), "{}", real.name);
        let expected = Extracted { root: real.header.merkle_root, matches: real.matches.clone() };
        assert_eq!(tree.verify(&header), Ok(expected), "{}", real.name);
    }
}

/// What a node writes for the block after the header and the number of transactions: the number of bits, and all bytes.
fn as_a_node_writes(real: &Real) -> (usize, Vec<u8>) {
    let places = 0..u32::try_from(real.txids.len()).expect("a block has few transactions");
    let is_match = |place: u32| real.matches.iter().any(|(matched, _)| *matched == place);
    let (bits, hashes) = written(&real.txids, &places.map(is_match).collect::<Vec<_>>());
    let flags = packed(&bits);
    (bits.len(), [&[hashes.len() as u8][..], hashes.as_flattened(), &[flags.len() as u8], &flags].concat())
}

#[test]
fn every_proof_equals_the_one_built_from_its_block() {
    let proofs = real_proofs();
    for real in &proofs {
        assert_eq!(as_a_node_writes(real).1, real.proof[TRANSACTIONS.end..], "{}", real.name);
    }
}

#[test]
fn every_truncation_of_a_proof_and_every_extra_byte_is_refused() {
    let proofs = real_proofs();
    for real in &proofs {
        for len in 0..real.proof.len() {
            let found = PartialTree::parse(&real.proof[..len]);
            assert!(matches!(found, Err(PartialTreeError::Short { found, .. }) if found == len), "{} {len}", real.name);
        }
        let long = [&real.proof[..], &[0]].concat();
        let expected = PartialTreeError::Trailing { expected: real.proof.len(), found: long.len() };
        assert_eq!(PartialTree::parse(&long), Err(expected), "{}", real.name);
    }
}

/// Whether a proof with this bit flipped is still accepted. If so, its root is the same, and everything it proves must
/// be true of the block.
fn is_still_accepted(real: &Real, bit: usize) -> bool {
    let mut corrupted = real.proof.clone();
    corrupted[bit / 8] ^= 1 << (bit % 8);
    let Ok((header, extracted)) = verified(&corrupted) else { return false };
    let is_in_header = bit / 8 < TRANSACTIONS.start;
    assert_eq!(header.hash() != real.header.hash(), is_in_header, "{}: bit {bit}", real.name);
    assert_eq!(extracted.root, real.header.merkle_root, "{}: bit {bit}", real.name);
    for (place, txid) in extracted.matches {
        assert_eq!(real.txids.get(place as usize), Some(&txid), "{}: bit {bit}", real.name);
    }
    true
}

/// Number of transactions whose own hashes are in the proof: its matches and their siblings.
fn transactions_met(real: &Real) -> usize {
    let mut met: Vec<u32> = real.matches.iter().flat_map(|(place, _)| [*place, place ^ 1]).collect();
    met.sort_unstable();
    met.dedup();
    met.into_iter().filter(|&place| (place as usize) < real.txids.len()).count()
}

#[test]
fn every_flipped_bit_is_refused_or_leaves_a_proof_of_true_statements() {
    let proofs = real_proofs();
    for real in &proofs {
        let (bits, _) = as_a_node_writes(real);
        let flags_from = 8 * (real.proof.len() - bits.div_ceil(8));
        let flips = |bits: Range<usize>| bits.filter(|&bit| is_still_accepted(real, bit)).count();
        // A different header over the same root, whose work the caller judges.
        assert_eq!(flips(0..8 * ROOT.start), 8 * ROOT.start, "{}", real.name);
        assert_eq!(flips(8 * ROOT.start..8 * ROOT.end), 0, "{}", real.name);
        assert_eq!(flips(8 * ROOT.end..8 * TRANSACTIONS.start), 8 * (TRANSACTIONS.start - ROOT.end), "{}", real.name);
        // The root does not commit to the number of transactions, but few numbers give a tree of this shape.
        assert!(flips(8 * TRANSACTIONS.start..8 * TRANSACTIONS.end) < 12, "{}", real.name);
        assert_eq!(flips(8 * TRANSACTIONS.end..flags_from), 0, "{}", real.name);
        // A transaction's own bit says whether it matches; only such bits may have either value.
        assert_eq!(flips(flags_from..flags_from + bits), transactions_met(real), "{}", real.name);
        let padding = flags_from + bits..8 * real.proof.len();
        assert_eq!(flips(padding.clone()), padding.len(), "{}", real.name);
    }
}
