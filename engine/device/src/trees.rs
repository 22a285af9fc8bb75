//! Roots of whole Merkle trees, many at once, on the CPU.
//!
//! The trees are computed level by level, the same level of all trees together, so that a kernel's lanes are full. A
//! GPU uses a different method, which shares no code with this one.

use std::sync::Arc;

use cityseal_hash::{HashKernel, MerkleKind, NODE_LEN};

/// Bytes of a leaf, a node or a root.
const HASH_LEN: usize = 32;

/// A request for the roots of Merkle trees over packed 32-byte leaves, which are already hashes.
#[derive(Clone, Debug)]
pub struct TreesBatch {
    leaves: Arc<Vec<u8>>,
    counts: Arc<Vec<u32>>,
    rule: MerkleKind,
}

impl TreesBatch {
    /// Creates a batch of trees whose leaves follow each other without gaps; `counts` are their numbers of leaves.
    ///
    /// # Panics
    /// If there is no tree, a tree has no leaf, or `leaves` does not hold 32 bytes for each leaf.
    pub fn new(leaves: Arc<Vec<u8>>, counts: Arc<Vec<u32>>, rule: MerkleKind) -> Self {
        assert!(
            !counts.is_empty() && !counts.contains(&0),
            "expected at least one tree, and at least one leaf in each"
        );
        let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        assert_eq!(leaves.len() as u64, all * HASH_LEN as u64, "{HASH_LEN} bytes for each of {all} leaves");
        Self { leaves, counts, rule }
    }

    /// The packed leaves of all trees, 32 bytes each in wire order.
    pub fn leaves(&self) -> &[u8] {
        &self.leaves
    }

    /// The number of leaves of all trees together.
    pub fn leaf_count(&self) -> usize {
        self.leaves.len() / HASH_LEN
    }

    /// The number of leaves of each tree: at least one.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// How a parent is computed from its children. An unpaired node is hashed with itself with [`MerkleKind::Bitcoin`],
    /// and moves up unchanged with [`MerkleKind::Rfc6962Sha256`].
    pub const fn rule(&self) -> MerkleKind {
        self.rule
    }
}

/// The result for one tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeRoot {
    /// The root, in wire order. The root of a single leaf is the leaf.
    pub root: [u8; HASH_LEN],
    /// Whether two children of one parent are equal on any level, so that the leaves may be a forgery of a shorter list
    /// (CVE-2012-2459). An unpaired node does not count. Always false with [`MerkleKind::Rfc6962Sha256`].
    pub mutated: bool,
}

/// One level of the trees whose roots are not computed yet.
struct Level {
    /// The nodes, tree by tree.
    nodes: Vec<[u8; HASH_LEN]>,
    /// The index of each tree and its number of nodes.
    trees: Vec<(usize, usize)>,
}

/// Computes the roots of a batch's trees, in order.
pub(crate) fn roots(kernel: HashKernel, batch: &TreesBatch) -> Vec<TreeRoot> {
    let mut roots = vec![TreeRoot::default(); batch.counts().len()];
    let trees = batch.counts().iter().map(|count| *count as usize).enumerate().collect();
    let mut level = Level { nodes: batch.leaves().as_chunks().0.to_vec(), trees };
    loop {
        level.take_roots(&mut roots);
        if level.trees.is_empty() {
            return roots;
        }
        level = level.above(kernel, batch.rule(), &mut roots);
    }
}

impl Level {
    /// Removes the trees that have one node left, their root.
    fn take_roots(&mut self, roots: &mut [TreeRoot]) {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        let mut rest = self.nodes.as_slice();
        self.trees.retain(|(tree, count)| {
            let (own, others) = rest.split_at(*count);
            rest = others;
            match own {
                [root] => roots[*tree].root = *root,
                _ => nodes.extend_from_slice(own),
            }
            *count > 1
        });
        self.nodes = nodes;
    }

    /// Computes the level above, and marks the trees with a pair of equal nodes as mutated.
    fn above(&self, kernel: HashKernel, rule: MerkleKind, roots: &mut [TreeRoot]) -> Self {
        let mut pairs = Vec::with_capacity(self.nodes.len() * HASH_LEN + NODE_LEN);
        let mut rest = self.nodes.as_slice();
        for (tree, count) in &self.trees {
            let (own, others) = rest.split_at(*count);
            rest = others;
            for pair in own.chunks(2) {
                roots[*tree].mutated |= rule == MerkleKind::Bitcoin && matches!(pair, [left, right] if left == right);
                pairs.extend_from_slice(&pair[0]);
                pairs.extend_from_slice(&pair[pair.len() - 1]);
            }
        }
        let mut nodes = vec![[0; HASH_LEN]; pairs.len() / NODE_LEN];
        match rule {
            MerkleKind::Bitcoin => kernel.hash_nodes(&pairs, &mut nodes),
            MerkleKind::Rfc6962Sha256 => {
                kernel.hash_nodes_rfc6962(&pairs, &mut nodes);
                self.promote(&mut nodes);
            }
        }
        Self { nodes, trees: self.trees.iter().map(|(tree, count)| (*tree, count.div_ceil(2))).collect() }
    }

    /// Moves each unpaired node up unchanged, over the hash that was computed for its parent.
    fn promote(&self, above: &mut [[u8; HASH_LEN]]) {
        let (mut end, mut end_above) = (0, 0);
        for (_, count) in &self.trees {
            (end, end_above) = (end + count, end_above + count.div_ceil(2));
            if count % 2 == 1 {
                above[end_above - 1] = self.nodes[end - 1];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cityseal_hash::{double_sha256, sha256};

    use super::*;

    fn leaf(number: u8) -> [u8; 32] {
        sha256(&[number])
    }

    fn roots_of(trees: &[&[u8]], rule: MerkleKind) -> Vec<TreeRoot> {
        let leaves = trees.iter().flat_map(|tree| tree.iter().flat_map(|number| leaf(*number))).collect();
        let counts = trees.iter().map(|tree| tree.len() as u32).collect();
        roots(HashKernel::detect(), &TreesBatch::new(Arc::new(leaves), Arc::new(counts), rule))
    }

    #[test]
    fn an_unpaired_node_is_hashed_with_itself_or_moves_up_unchanged() {
        let both = |left: [u8; 32], right: [u8; 32]| [left, right].concat();
        let [a, b, c] = [1, 2, 3].map(leaf);
        let bitcoin = double_sha256(&both(double_sha256(&both(a, b)), double_sha256(&both(c, c))));
        assert_eq!(roots_of(&[&[1, 2, 3]], MerkleKind::Bitcoin), [TreeRoot { root: bitcoin, mutated: false }]);
        let node = |left, right| sha256(&[&[1][..], &both(left, right)].concat());
        let rfc6962 = node(node(a, b), c);
        assert_eq!(roots_of(&[&[1, 2, 3]], MerkleKind::Rfc6962Sha256), [TreeRoot { root: rfc6962, mutated: false }]);
    }

    #[test]
    fn trees_have_the_same_roots_in_one_batch_and_alone() {
        let trees: [&[u8]; 6] = [&[1, 2, 3, 4, 5], &[6], &[1, 1], &[1, 2, 3, 4, 5, 6, 7, 7], &[9], &[1, 2, 3]];
        for rule in [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256] {
            let alone: Vec<TreeRoot> = trees.iter().flat_map(|tree| roots_of(&[tree], rule)).collect();
            assert_eq!(roots_of(&trees, rule), alone);
            let mutated: Vec<bool> = alone.iter().map(|tree| tree.mutated).collect();
            assert_eq!(mutated.contains(&true), rule == MerkleKind::Bitcoin);
        }
    }

    #[test]
    fn a_forged_tree_has_the_root_of_the_original_and_is_marked_as_mutated() {
        for (original, forged) in [
            (&[1, 2, 3][..], &[1, 2, 3, 3][..]),
            (&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5, 6, 5, 6]),
            (&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5, 5]),
        ] {
            let [one, two] = roots_of(&[original, forged], MerkleKind::Bitcoin).try_into().unwrap();
            assert_eq!((one.root, one.mutated, two.mutated), (two.root, false, true));
        }
        let equal_cousins = roots_of(&[&[1, 2, 2, 1]], MerkleKind::Bitcoin);
        assert!(!equal_cousins[0].mutated);
    }

    #[test]
    #[should_panic(expected = "at least one leaf in each")]
    fn a_tree_without_a_leaf_is_refused() {
        let _refused = TreesBatch::new(Arc::new(vec![0; 32]), Arc::new(vec![1, 0]), MerkleKind::Bitcoin);
    }
}
