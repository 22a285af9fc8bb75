//! Each refusal of a proof: values at the limit pass, and values just beyond it are named with their position.

use crate::build::{Proof, leaf, leaves, node_over};
use cityseal_chain::partial_tree::{
    Extracted, PROOF_BYTES_MAX, PartialTree, PartialTreeError as Error, TRANSACTIONS_MAX,
};
use cityseal_chain::{MerkleRoot, merkle};

fn parsed(proof: &Proof) -> Result<PartialTree, Error> {
    let (header, tree) = PartialTree::parse(&proof.to_bytes())?;
    assert_eq!((header, tree.transactions()), (proof.header, proof.transactions));
    Ok(tree)
}

fn extracted(proof: &Proof) -> Result<Extracted, Error> {
    parsed(proof)?.extract()
}

/// The error of a proof with consistent counts.
fn broken(transactions: u32, hashes: &[merkle::Node], flags: &[u8]) -> Error {
    let tree = parsed(&Proof::raw(transactions, hashes, flags)).expect("the counts are consistent");
    tree.extract().expect_err("this is not a tree")
}

fn root_alone(transactions: u32) -> Proof {
    Proof::raw(transactions, &[leaf(0)], &[0])
}

/// A proof of two transactions that both match: three nodes.
fn two() -> Proof {
    Proof::of(&leaves(2), &[true; 2])
}

#[test]
fn a_tree_has_at_least_one_transaction_and_at_most_those_of_a_block() {
    assert_eq!(parsed(&Proof::raw(0, &[], &[])), Err(Error::NoTransactions));
    for transactions in [1, TRANSACTIONS_MAX] {
        let expected = Extracted { root: MerkleRoot::from_wire(leaf(0)), matches: vec![] };
        assert_eq!(extracted(&root_alone(transactions)), Ok(expected));
    }
    for found in [TRANSACTIONS_MAX + 1, u32::MAX] {
        assert_eq!(parsed(&root_alone(found)), Err(Error::TooManyTransactions { most: 16_666, found }));
    }
}

#[test]
fn a_single_transaction_is_its_own_root_and_may_match() {
    let expected = Extracted { root: MerkleRoot::from_wire(leaf(0)), matches: vec![(0, leaf(0))] };
    assert_eq!(extracted(&Proof::raw(1, &[leaf(0)], &[1])), Ok(expected));
}

#[test]
fn there_are_no_more_hashes_than_transactions() {
    assert!(extracted(&two()).is_ok());
    let three_hashes = Proof::raw(2, &leaves(3), &[0b111]);
    assert_eq!(parsed(&three_hashes), Err(Error::TooManyHashes { most: 2, found: 3 }));
}

#[test]
fn there_are_no_fewer_bits_than_hashes() {
    assert!(parsed(&Proof::raw(9, &leaves(8), &[0xff])).is_ok());
    assert_eq!(parsed(&Proof::raw(9, &leaves(9), &[0xff])), Err(Error::TooFewBits { expected: 9, found: 8 }));
    assert_eq!(parsed(&Proof::raw(1, &[leaf(0)], &[])), Err(Error::TooFewBits { expected: 1, found: 0 }));
}

#[test]
fn the_bits_must_cover_the_last_node() {
    // Eight of the fifteen nodes are visited before the root's right child.
    assert_eq!(broken(8, &leaves(8), &[0xff]), Error::BitsEnd { level: 2, index: 1, found: 8 });
    assert!(extracted(&Proof::raw(8, &leaves(8), &[0xff, 0x7f])).is_ok());
    assert_eq!(broken(1, &[], &[]), Error::BitsEnd { level: 0, index: 0, found: 0 });
}

#[test]
fn no_byte_of_flags_may_be_left_over_and_padding_may_have_any_value() {
    assert_eq!(broken(1, &[leaf(0)], &[1, 0]), Error::BitsLeft { expected: 1, found: 2 });
    assert_eq!(broken(8, &leaves(8), &[0xff, 0x7f, 0]), Error::BitsLeft { expected: 2, found: 3 });
    let clean = extracted(&two());
    let padded = Proof { flags: vec![0b1111_1111], ..two() };
    assert_eq!(extracted(&padded), clean);
}

#[test]
fn every_node_needs_its_hash_and_every_hash_its_node() {
    assert_eq!(broken(2, &leaves(1), &[0b111]), Error::HashesEnd { level: 0, index: 1, found: 1 });
    assert_eq!(broken(1, &[], &[1]), Error::HashesEnd { level: 0, index: 0, found: 0 });
    assert!(extracted(&Proof::raw(2, &leaves(2), &[0b111])).is_ok());
    assert_eq!(broken(2, &leaves(2), &[0]), Error::HashesLeft { expected: 1, found: 2 });
}

#[test]
fn equal_children_are_refused_on_every_level_but_an_unpaired_node_is_not() {
    assert_eq!(broken(2, &[leaf(5); 2], &[0b111]), Error::Duplicated { level: 0, left: 0 });
    assert_eq!(broken(4, &[leaf(5); 2], &[0b001]), Error::Duplicated { level: 1, left: 0 });
    let cousins = Proof::raw(4, &[leaf(1), leaf(2), leaf(2), leaf(1)], &[0b111_1111]);
    assert!(extracted(&cousins).is_ok(), "equal nodes under different parents are valid");
    assert!(extracted(&Proof::of(&leaves(3), &[true; 3])).is_ok());
}

#[test]
fn a_repeated_tail_cannot_prove_a_transaction_at_a_second_position() {
    // Three transactions claimed to be four: the root is the same, and the last one would appear twice.
    let original = Proof::of(&leaves(3), &[false, false, true]);
    let forged = Proof::of(&[leaves(3), vec![leaf(2)]].concat(), &[false, false, false, true]);
    assert_eq!(original.header, forged.header);
    assert!(parsed(&original).unwrap().verify(&original.header).is_ok());
    let tree = parsed(&forged).unwrap();
    assert_eq!(tree.verify(&forged.header), Err(Error::Duplicated { level: 0, left: 2 }));
}

#[test]
fn a_root_that_is_not_the_headers_is_reported_with_both_values() {
    let proof = two();
    let tree = parsed(&proof).unwrap();
    let root = MerkleRoot::from_wire(node_over(&leaf(0), &leaf(1)));
    assert_eq!(tree.verify(&proof.header).unwrap().root, root);
    let mut other = proof.header;
    other.merkle_root = MerkleRoot::ZERO;
    assert_eq!(tree.verify(&other), Err(Error::Root { expected: MerkleRoot::ZERO, found: root }));
}

#[test]
fn the_largest_proof_is_accepted_and_one_byte_more_is_not_parsed() {
    let all = Proof::of(&leaves(TRANSACTIONS_MAX), &vec![true; TRANSACTIONS_MAX as usize]);
    let bytes = all.to_bytes();
    assert!((PROOF_BYTES_MAX - 2..=PROOF_BYTES_MAX).contains(&bytes.len()), "{}", bytes.len());
    let matches = parsed(&all).unwrap().verify(&all.header).unwrap().matches;
    assert_eq!(matches, (0..).zip(leaves(TRANSACTIONS_MAX)).collect::<Vec<_>>());
    let expected = Error::TooLong { most: PROOF_BYTES_MAX, found: PROOF_BYTES_MAX + 1 };
    assert_eq!(PartialTree::parse(&vec![0; PROOF_BYTES_MAX + 1]), Err(expected));
    assert_eq!(PartialTree::parse(&vec![0; PROOF_BYTES_MAX]), {
        Err(Error::Trailing { expected: 86, found: PROOF_BYTES_MAX })
    });
}

#[test]
fn a_truncated_field_is_named_by_its_first_byte() {
    let bytes = two().to_bytes();
    let short = |len: usize| PartialTree::parse(&bytes[..len]).unwrap_err();
    let expected = |at, expected, found| Error::Short { at, expected, found };
    assert_eq!(short(0), expected(0, 80, 0));
    assert_eq!(short(79), expected(0, 80, 79));
    assert_eq!(short(83), expected(80, 84, 83));
    assert_eq!(short(84), expected(84, 85, 84));
    assert_eq!(short(148), expected(84, 149, 148));
    assert_eq!(short(149), expected(149, 150, 149));
    assert_eq!(short(150), expected(149, 151, 150));
    assert_eq!(bytes.len(), 151);
    assert_eq!(PartialTree::parse(&[&bytes[..], &[0]].concat()), Err(Error::Trailing { expected: 151, found: 152 }));
}

#[test]
fn a_count_that_exceeds_the_bytes_allocates_nothing() {
    let head = &two().to_bytes()[..84];
    let proof = [head, &[0xff; 9]].concat();
    assert_eq!(PartialTree::parse(&proof), Err(Error::Short { at: 84, expected: u64::MAX, found: 93 }));
}

#[test]
fn a_compact_size_that_is_not_the_shortest_is_refused_in_both_places() {
    let bytes = two().to_bytes();
    for (at, count) in [(84, 2), (149, 1)] {
        for long in [&[0xfd, count, 0][..], &[0xfe, count, 0, 0, 0], &[0xff, count, 0, 0, 0, 0, 0, 0, 0]] {
            let written = [&bytes[..at], long, &bytes[at + 1..]].concat();
            assert_eq!(PartialTree::parse(&written), Err(Error::LongSize { at }));
        }
    }
}

#[test]
fn a_refusal_names_the_place_the_expected_and_the_found_value() {
    let message = |error: Error| error.to_string();
    let short = Error::Short { at: 84, expected: 149, found: 148 };
    assert_eq!(message(short), "the field at byte 84 needs a proof of at least 149 bytes, found 148");
    let bits = Error::BitsEnd { level: 2, index: 1, found: 8 };
    assert_eq!(message(bits), "node 1 of level 2 needs flag bit 9, found 8");
    assert_eq!(message(Error::Duplicated { level: 1, left: 6 }), "the nodes 6 and 7 of level 1 are equal");
}
