//! Bitcoin's Merkle tree: root, branch, and detection of the forgery that its odd levels allow.
//!
//! A level of odd length pairs its last node with itself, so a list whose tail is repeated can have the same root as
//! the original list (CVE-2012-2459). Every root computed here looks for such a pair on every level. Leaves are 32-byte
//! hashes in wire order; this file does not parse transactions.

use crate::hash::MerkleRoot;
use cityseal_hash::double_sha256;
use thiserror::Error;

/// A node or a leaf: 32 bytes in wire order.
pub type Node = [u8; 32];

/// Why leaves or a branch have no trustworthy root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MerkleError {
    /// There is no leaf.
    #[error("a Merkle tree needs at least one leaf")]
    Empty,
    /// Two children of one parent are equal: the list may be forged from a shorter one (CVE-2012-2459).
    #[error("the nodes {left} and {} of level {level} are equal: a duplicated leaf forges root {root}", left + 1)]
    Duplicated {
        /// The level, 0 for the leaves.
        level: u32,
        /// Index of the left node within its level.
        left: u64,
        /// The root of the list.
        root: MerkleRoot,
    },
    /// The index is outside the tree.
    #[error("leaf {index} is outside a tree of {leaves} leaves")]
    NoSuchLeaf {
        /// The index given.
        index: u64,
        /// Number of leaves, or of positions for leaves.
        leaves: u64,
    },
}

/// The parent of two nodes: double SHA-256 over both.
pub fn parent(left: &Node, right: &Node) -> Node {
    let mut both = [0; 64];
    both[..32].copy_from_slice(left);
    both[32..].copy_from_slice(right);
    double_sha256(&both)
}

/// The root over the leaves (Bitcoin Core: `ComputeMerkleRoot`, whose `mutated` flag is an error here).
///
/// # Errors
/// If there are no leaves, or one parent has two equal children on any level; the error names the lowest level and its
/// leftmost pair.
pub fn root(leaves: &[Node]) -> Result<MerkleRoot, MerkleError> {
    let mut level = leaves.to_vec();
    let mut equal = None;
    for height in 0.. {
        equal = equal.or_else(|| equal_pair(&level).map(|left| (height, left)));
        match level.len() {
            0 => return Err(MerkleError::Empty),
            1 => break,
            _ => level = parents(&level),
        }
    }
    let root = MerkleRoot::from_wire(level[0]);
    match equal {
        Some((level, left)) => Err(MerkleError::Duplicated { level, left, root }),
        None => Ok(root),
    }
}

/// Index of the left node of the first complete pair of equal nodes.
fn equal_pair(level: &[Node]) -> Option<u64> {
    level.as_chunks::<2>().0.iter().position(|[left, right]| left == right).map(|pair| 2 * pair as u64)
}

/// The level above; an unpaired last node is paired with itself.
fn parents(level: &[Node]) -> Vec<Node> {
    level.chunks(2).map(|pair| parent(&pair[0], &pair[pair.len() - 1])).collect()
}

/// The siblings on the path from one leaf to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleBranch {
    /// Index of the leaf, counted from 0.
    pub index: u64,
    /// The sibling on each level, from the leaves up, in wire order.
    pub siblings: Vec<Node>,
}

impl MerkleBranch {
    /// The branch of leaf `index`. For index 0 it is what Stratum sends as `merkle_branch`.
    ///
    /// # Errors
    /// If there are no leaves, or none with that index.
    pub fn of_leaf(leaves: &[Node], index: u64) -> Result<Self, MerkleError> {
        let count = leaves.len() as u64;
        if index >= count {
            return Err(if count == 0 { MerkleError::Empty } else { MerkleError::NoSuchLeaf { index, leaves: count } });
        }
        let mut level = leaves.to_vec();
        let mut at = index as usize;
        let mut siblings = Vec::new();
        while level.len() > 1 {
            siblings.push(level[(at ^ 1).min(level.len() - 1)]);
            level = parents(&level);
            at /= 2;
        }
        Ok(Self { index, siblings })
    }

    /// Folds a leaf with its siblings up to the root.
    ///
    /// # Errors
    /// If the index needs more levels than there are siblings, or if a right node equals its left sibling. No valid
    /// tree has such a node: the legitimate repetition is to the right of its original.
    pub fn fold(&self, leaf: &Node) -> Result<MerkleRoot, MerkleError> {
        let depth = self.siblings.len() as u32;
        let places = 1u64.checked_shl(depth).unwrap_or(u64::MAX);
        if self.index >= places {
            return Err(MerkleError::NoSuchLeaf { index: self.index, leaves: places });
        }
        let mut node = *leaf;
        let mut equal = None;
        for (level, sibling) in (0u32..).zip(&self.siblings) {
            let at = self.index.checked_shr(level).unwrap_or(0);
            let is_right = at % 2 == 1;
            if is_right && *sibling == node {
                equal = equal.or(Some((level, at - 1)));
            }
            node = if is_right { parent(sibling, &node) } else { parent(&node, sibling) };
        }
        let root = MerkleRoot::from_wire(node);
        equal.map_or(Ok(root), |(level, left)| Err(MerkleError::Duplicated { level, left, root }))
    }
}

/// Folds the leftmost leaf (a coinbase) with its siblings. Such a fold has no index that could be wrong.
pub fn fold_leftmost(leaf: &Node, siblings: &[Node]) -> MerkleRoot {
    MerkleRoot::from_wire(siblings.iter().fold(*leaf, |node, sibling| parent(&node, sibling)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::BlockHash;
    use proptest::prelude::*;

    fn leaf(number: u64) -> Node {
        double_sha256(&number.to_le_bytes())
    }

    fn leaves(count: u64) -> Vec<Node> {
        (0..count).map(leaf).collect()
    }

    fn wire(display: &str) -> Node {
        BlockHash::from_display_hex(display).unwrap().to_wire()
    }

    /// The textbook definition: repeat an odd tail, hash pairs, recurse.
    fn root_by_recursion(leaves: &[Node]) -> Node {
        if let [only] = leaves {
            return *only;
        }
        let mut even = leaves.to_vec();
        if even.len() % 2 == 1 {
            even.push(even[even.len() - 1]);
        }
        let above: Vec<Node> = even.chunks(2).map(|pair| parent(&pair[0], &pair[1])).collect();
        root_by_recursion(&above)
    }

    #[test]
    fn the_root_of_mainnet_block_100000_comes_from_its_four_transactions() {
        let txids = [
            "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
            "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
            "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
            "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
        ]
        .map(wire);
        let expected = "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766";
        assert_eq!(root(&txids).unwrap().to_string(), expected);
        let branch = MerkleBranch::of_leaf(&txids, 2).unwrap();
        assert_eq!(branch.fold(&txids[2]).unwrap().to_string(), expected);
    }

    #[test]
    fn a_single_leaf_is_its_own_root() {
        assert_eq!(root(&leaves(1)).unwrap().to_wire(), leaf(0));
        assert_eq!(root(&[]), Err(MerkleError::Empty));
        assert_eq!(MerkleBranch::of_leaf(&[], 0), Err(MerkleError::Empty));
    }

    #[test]
    fn refuses_the_forged_list_of_every_odd_level() {
        // Repeating the last 2^k leaves forges any list whose level k has an odd length above 1.
        for (original, repeated, level) in [(3, 1, 0), (5, 1, 0), (6, 2, 1), (12, 4, 2), (24, 8, 3)] {
            let original = leaves(original);
            let mut forged = original.clone();
            forged.extend_from_slice(&original[original.len() - repeated..]);
            let root_of_original = root(&original).unwrap();
            let left = (forged.len() / repeated - 2) as u64;
            assert_eq!(root(&forged), Err(MerkleError::Duplicated { level, left, root: root_of_original }));
        }
    }

    #[test]
    fn names_the_lowest_equal_pair_and_accepts_equal_cousins() {
        let [a, b] = [leaf(1), leaf(2)];
        assert!(root(&[a, b, b, a]).is_ok(), "equal nodes under different parents are valid");
        assert!(matches!(root(&[b, a, a, a]), Err(MerkleError::Duplicated { level: 0, left: 2, .. })));
        assert!(matches!(root(&[a, b, a, b]), Err(MerkleError::Duplicated { level: 1, left: 0, .. })));
    }

    #[test]
    fn a_branch_refuses_a_leaf_outside_the_tree() {
        let five = leaves(5);
        let expected = MerkleError::NoSuchLeaf { index: 5, leaves: 5 };
        assert_eq!(MerkleBranch::of_leaf(&five, 5), Err(expected));
        let branch = MerkleBranch { index: 8, siblings: five[..3].to_vec() };
        assert_eq!(branch.fold(&five[0]), Err(MerkleError::NoSuchLeaf { index: 8, leaves: 8 }));
        let deep = MerkleBranch { index: u64::MAX - 1, siblings: vec![leaf(9); 64] };
        assert!(deep.fold(&leaf(0)).is_ok());
    }

    #[test]
    fn a_branch_of_the_repeated_leaf_is_refused_and_that_of_its_original_is_not() {
        let three = leaves(3);
        let siblings = vec![three[2], parent(&three[0], &three[1])];
        let original = MerkleBranch { index: 2, siblings: siblings.clone() };
        assert_eq!(original.fold(&three[2]), root(&three));
        let repeated = MerkleBranch { index: 3, siblings };
        assert!(matches!(repeated.fold(&three[2]), Err(MerkleError::Duplicated { level: 0, left: 2, .. })));
    }

    proptest! {
        #[test]
        fn root_and_every_branch_agree_with_the_recursive_definition(count in 1u64..70) {
            let leaves = leaves(count);
            let expected = root(&leaves).unwrap();
            prop_assert_eq!(expected.to_wire(), root_by_recursion(&leaves));
            for (index, leaf) in (0..).zip(&leaves) {
                let branch = MerkleBranch::of_leaf(&leaves, index).unwrap();
                prop_assert_eq!(branch.fold(leaf), Ok(expected));
                if index == 0 {
                    prop_assert_eq!(fold_leftmost(leaf, &branch.siblings), expected);
                }
            }
        }
    }
}
