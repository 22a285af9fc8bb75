//! Random trees are extracted as they were built, and any proof is judged in the order of Bitcoin Core's checks.

use crate::build::{Proof, leaf, leaves, node_over};
use cityseal_chain::merkle::{self, Node};
use cityseal_chain::partial_tree::{Extracted, PartialTree, TRANSACTIONS_MAX};
use cityseal_chain::{BlockHeader, MerkleRoot};
use proptest::prelude::*;

/// What a proof proves, if it is valid.
fn extracted(bytes: &[u8]) -> Option<(BlockHeader, Extracted)> {
    let (header, tree) = PartialTree::parse(bytes).ok()?;
    Some((header, tree.extract().ok()?))
}

/// The reference implementation: continues after a fault with a zero hash, as Bitcoin Core does, and judges at the end.
struct Slow<'p> {
    proof: &'p Proof,
    bits: Vec<bool>,
    bits_used: usize,
    hashes_used: usize,
    is_bad: bool,
    matches: Vec<(u32, Node)>,
}

impl Slow<'_> {
    fn judged(proof: &Proof) -> Option<Extracted> {
        let bits: Vec<bool> = proof.flags.iter().flat_map(|byte| (0..8).map(move |bit| byte & 1 << bit != 0)).collect();
        let (transactions, hashes) = (proof.transactions, proof.hashes.len());
        let counts_fit =
            (1..=TRANSACTIONS_MAX).contains(&transactions) && hashes <= transactions as usize && hashes <= bits.len();
        if !counts_fit {
            return None;
        }
        let mut slow = Slow { proof, bits, bits_used: 0, hashes_used: 0, is_bad: false, matches: Vec::new() };
        let height = (0..32).find(|&height| slow.width(height) == 1)?;
        let root = slow.node(height, 0);
        let all_bits = slow.bits_used.div_ceil(8) == proof.flags.len();
        let is_good = !slow.is_bad && all_bits && slow.hashes_used == hashes;
        is_good.then(|| Extracted { root: MerkleRoot::from_wire(root), matches: slow.matches })
    }

    fn width(&self, height: u32) -> u64 {
        (u64::from(self.proof.transactions) + (1 << height) - 1) >> height
    }

    fn bit(&mut self) -> Option<bool> {
        self.bits_used += 1;
        self.bits.get(self.bits_used - 1).copied()
    }

    fn node(&mut self, height: u32, at: u64) -> Node {
        match self.bit() {
            None => self.bad(),
            Some(true) if height > 0 => {
                let left = self.node(height - 1, 2 * at);
                let has_right = 2 * at + 1 < self.width(height - 1);
                let right = if has_right { self.node(height - 1, 2 * at + 1) } else { left };
                self.is_bad |= has_right && left == right;
                node_over(&left, &right)
            }
            Some(is_match) => {
                let Some(&hash) = self.proof.hashes.get(self.hashes_used) else { return self.bad() };
                self.hashes_used += 1;
                if is_match {
                    self.matches.push((u32::try_from(at).expect("few leaves"), hash));
                }
                hash
            }
        }
    }

    fn bad(&mut self) -> Node {
        self.is_bad = true;
        [0; 32]
    }
}

/// Parts that are often consistent: few transactions, few different hashes, about as many bits as nodes.
fn any_parts() -> impl Strategy<Value = Proof> {
    let hashes = proptest::collection::vec(0_u32..5, 0..6);
    let flags = proptest::collection::vec(any::<u8>(), 0..3);
    (0_u32..7, hashes, flags).prop_map(|(transactions, hashes, flags)| {
        let hashes: Vec<Node> = hashes.into_iter().map(leaf).collect();
        Proof::raw(transactions, &hashes, &flags)
    })
}

#[test]
fn every_match_set_of_small_trees_is_extracted_with_its_indices() {
    for count in 1..=7_u32 {
        let leaves = leaves(count);
        let root = merkle::root(&leaves).unwrap();
        for set in 0..1_u32 << count {
            let matches: Vec<bool> = (0..count).map(|at| set >> at & 1 == 1).collect();
            let proof = Proof::of(&leaves, &matches);
            let (header, tree) = PartialTree::parse(&proof.to_bytes()).unwrap();
            let expected = (0..count).filter(|at| set >> at & 1 == 1).map(|at| (at, leaf(at))).collect();
            let expected = Extracted { root, matches: expected };
            assert_eq!(tree.verify(&header), Ok(expected), "{set:#b} of {count}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_trees_are_extracted_with_their_matches(matches in proptest::collection::vec(any::<bool>(), 1..=40)) {
        let leaves = leaves(u32::try_from(matches.len()).unwrap());
        let proof = Proof::of(&leaves, &matches);
        let (header, tree) = PartialTree::parse(&proof.to_bytes()).unwrap();
        prop_assert_eq!(header, proof.header);
        let found = tree.verify(&header).unwrap();
        prop_assert_eq!(found.root, merkle::root(&leaves).unwrap());
        let expected: Vec<(u32, Node)> =
            (0..).zip(leaves).zip(&matches).filter(|(_, is_match)| **is_match).map(|(leaf, _)| leaf).collect();
        prop_assert_eq!(found.matches, expected);
    }

    #[test]
    fn a_corrupted_proof_of_a_random_tree_is_judged_like_the_reference(
        matches in proptest::collection::vec(any::<bool>(), 1..=40),
        count in 0_u32..48,
        flag in any::<prop::sample::Index>(),
        corruption in 0..3,
    ) {
        let mut proof = Proof::of(&leaves(u32::try_from(matches.len()).unwrap()), &matches);
        match corruption {
            0 => proof.transactions = count,
            1 => {
                let bit = flag.index(8 * proof.flags.len());
                proof.flags[bit / 8] ^= 1 << (bit % 8);
            }
            _ => drop(proof.hashes.remove(flag.index(proof.hashes.len()))),
        }
        let expected = Slow::judged(&proof).map(|extracted| (proof.header, extracted));
        prop_assert_eq!(extracted(&proof.to_bytes()), expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = extracted(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn any_parts_are_judged_like_the_reference(proof in any_parts()) {
        let expected = Slow::judged(&proof).map(|extracted| (proof.header, extracted));
        prop_assert_eq!(extracted(&proof.to_bytes()), expected);
    }
}
