//! Partial Merkle trees: extracted matches are in order, and verify only under the header with the tree's root.

use cityseal_chain::partial_tree::PartialTree;
use cityseal_chain::{BlockHeader, MerkleRoot};

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let proof = |transactions: u32, hashes: &[[u8; 32]], bits: &[u8]| {
        let counts = (transactions.to_le_bytes(), [hashes.len() as u8], [bits.len() as u8]);
        [&[1; 80][..], &counts.0, &counts.1, hashes.as_flattened(), &counts.2, bits].concat()
    };
    vec![
        proof(1, &[[1; 32]], &[1]),
        proof(2, &[[1; 32], [2; 32]], &[0b111]),
        proof(7, &[[1; 32], [2; 32], [3; 32], [4; 32]], &[0b0001_0111]),
        proof(300, &[[9; 32]], &[0]),
    ]
}

pub(crate) fn body(data: &[u8]) {
    let (header, tree) = match PartialTree::parse(data) {
        Ok(parsed) => parsed,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(data.first_chunk().map(BlockHeader::from_wire), Some(header));
    let Ok(extracted) = tree.extract() else { return assert!(tree.verify(&header).is_err()) };
    assert!(extracted.matches.is_sorted_by_key(|(index, _)| *index));
    assert!(extracted.matches.iter().all(|(index, _)| *index < tree.transactions()));
    let fitting = BlockHeader { merkle_root: extracted.root, ..header };
    assert!(tree.verify(&fitting).is_ok_and(|verified| verified == extracted));
    let mut other = extracted.root.to_wire();
    other[0] ^= 1;
    assert!(tree.verify(&BlockHeader { merkle_root: MerkleRoot::from_wire(other), ..header }).is_err());
}

#[test]
fn some_seeds_are_proofs() {
    let seeds = seeds();
    let extracts = |seed: &Vec<u8>| PartialTree::parse(seed).is_ok_and(|(_, tree)| tree.extract().is_ok());
    assert!(seeds[..2].iter().all(extracts));
}
