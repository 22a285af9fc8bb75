//! Cases of whole Merkle trees: one of Bitcoin's blocks, trees of every small size, trees with repeated leaves.

use std::sync::Arc;

use super::{Case, patterned};
use crate::{Batch, MerkleKind, TreesBatch};

/// The hashes of the four transactions of Bitcoin's block 100,000, in wire order.
const BLOCK_100000: [[u8; 32]; 4] = [
    *b"\
        \x87\x6d\xd0\xa3\xef\x4a\x28\x16\xff\xd1\xc1\x2a\xb6\x49\x82\x5a\
        \x95\x8b\x0f\xf3\xbb\x3d\x6f\x3e\x12\x50\xf1\x3d\xdb\xf0\x14\x8c",
    *b"\
        \xc4\x02\x97\xf7\x30\xdd\x7b\x5a\x99\x56\x7e\xb8\xd2\x7b\x78\x75\
        \x8f\x60\x75\x07\xc5\x22\x92\xd0\x2d\x40\x31\x89\x5b\x52\xf2\xff",
    *b"\
        \xc4\x6e\x23\x9a\xb7\xd2\x8e\x2c\x01\x9b\x6d\x66\xad\x8f\xae\x98\
        \xa5\x6e\xf1\xf2\x1a\xee\xcb\x94\xd1\xb1\x71\x81\x86\xf0\x59\x63",
    *b"\
        \x1d\x0c\xb8\x37\x21\x52\x9a\x06\x2d\x96\x75\xb9\x8d\x6e\x5c\x58\
        \x7e\x4a\x77\x0f\xc8\x4e\xd0\x0a\xbc\x5a\x5d\xe0\x45\x68\xa6\xe9",
];

/// The Merkle root in the header of that block.
#[cfg(test)]
pub(super) const ROOT_100000: [u8; 32] = *b"\
    \x66\x57\xa9\x25\x2a\xac\xd5\xc0\xb2\x94\x09\x96\xec\xff\x95\x22\
    \x28\xc3\x06\x7c\xc3\x8d\x48\x85\xef\xb5\xa4\xac\x42\x47\xe9\xf3";

/// Leaves of the trees of one batch: every size up to nine, those around a power of two, a large one.
const SIZES: [u32; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 1, 1_025, 127, 2];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![block_100000()];
    for (rule, [leaf, pair, three, many]) in [
        (
            MerkleKind::Bitcoin,
            ["a tree of one leaf", "a tree of two leaves", "a tree of three leaves", "trees of many sizes"],
        ),
        (
            MerkleKind::Rfc6962Sha256,
            [
                "a tree of one leaf of RFC 6962",
                "a tree of two leaves of RFC 6962",
                "a tree of three leaves of RFC 6962",
                "trees of many sizes of RFC 6962",
            ],
        ),
    ] {
        cases.extend([
            unrepeated(leaf, &[1], rule),
            unrepeated(pair, &[2], rule),
            unrepeated(three, &[3], rule),
            unrepeated(many, &SIZES, rule),
        ]);
    }
    cases.push(mutated("trees whose tails are repeated", MerkleKind::Bitcoin));
    cases.push(mutated("trees of RFC 6962 whose tails are repeated", MerkleKind::Rfc6962Sha256));
    cases
}

fn block_100000() -> Case {
    case("the tree of block 100,000", BLOCK_100000.as_flattened().to_vec(), &[4], MerkleKind::Bitcoin)
}

fn unrepeated(name: &'static str, sizes: &[u32], rule: MerkleKind) -> Case {
    let leaves = patterned(sizes.iter().sum::<u32>() as usize, 32);
    case(name, leaves, sizes, rule)
}

/// Trees whose last one, two or four leaves are repeated, so that they have the root of a shorter tree, between valid
/// ones.
fn mutated(name: &'static str, rule: MerkleKind) -> Case {
    let (mut leaves, mut sizes) = (Vec::new(), Vec::new());
    for (original, repeated) in [(3, 0), (3, 1), (6, 0), (6, 2), (12, 4), (1, 1), (5, 1), (127, 1), (9, 0)] {
        let own = patterned(original, 32);
        leaves.extend_from_slice(&own);
        leaves.extend_from_slice(&own[32 * (original - repeated)..]);
        sizes.push((original + repeated) as u32);
    }
    case(name, leaves, &sizes, rule)
}

fn case(name: &'static str, leaves: Vec<u8>, sizes: &[u32], rule: MerkleKind) -> Case {
    Case::new(name, Batch::Trees(TreesBatch::new(Arc::new(leaves), Arc::new(sizes.to_vec()), rule)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;

    #[test]
    fn repeated_leaves_make_trees_of_bitcoin_mutated_and_no_others() {
        let mutated_of = |name, rule| {
            let Report::Trees(trees) = mutated(name, rule).right_answer() else { panic!("expected a report of trees") };
            trees.iter().map(|tree| tree.mutated).collect::<Vec<bool>>()
        };
        let expected = [false, true, false, true, true, true, true, true, false];
        assert_eq!(mutated_of("trees whose tails are repeated", MerkleKind::Bitcoin), expected);
        assert_eq!(mutated_of("trees of RFC 6962 whose tails are repeated", MerkleKind::Rfc6962Sha256), [false; 9]);
    }
}
