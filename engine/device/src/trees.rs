//! Whole Merkle trees: many at once, leaves up, roots down.
//!
//! The CPU's way stands here: level by level, the like levels of all trees together, so that a kernel's lanes are full. It
//! is plain, and shares nothing with a GPU's way but the question.

use std::sync::Arc;

use cityseal_hash::{HashKernel, MerkleKind, NODE_LEN};

/// Bytes of a leaf, a node or a root.
const HASH_LEN: usize = 32;

/// A request for the roots of Merkle trees over packed 32-byte leaves, which are hashes already.
#[derive(Clone, Debug)]
pub struct TreesBatch {
    leaves: Arc<Vec<u8>>,
    counts: Arc<Vec<u32>>,
    rule: MerkleKind,
}

impl TreesBatch {
    /// A batch over trees whose leaves follow each other without gaps; `counts` are their numbers of leaves.
    ///
    /// # Panics
    /// If there is no tree, one without a leaf, or the leaves are not just those of the trees: a broken promise of the
    /// caller.
    pub fn new(leaves: Arc<Vec<u8>>, counts: Arc<Vec<u32>>, rule: MerkleKind) -> Self {
        assert!(!counts.is_empty() && !counts.contains(&0), "one tree or more, each of one leaf or more");
        let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        assert_eq!(leaves.len() as u64, all * HASH_LEN as u64, "{HASH_LEN} bytes for each of {all} leaves");
        Self { leaves, counts, rule }
    }

    /// The packed leaves of all trees, 32 bytes each in wire order.
    pub fn leaves(&self) -> &[u8] {
        &self.leaves
    }

    /// How many leaves all trees have together.
    pub fn leaf_count(&self) -> usize {
        self.leaves.len() / HASH_LEN
    }

    /// How many leaves each tree has: at least one.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// How a parent is made of its children, and what becomes of a node without a neighbour: under
    /// [`MerkleKind::Bitcoin`] it is its own neighbour, under [`MerkleKind::Rfc6962Sha256`] it rises unhashed.
    pub const fn rule(&self) -> MerkleKind {
        self.rule
    }
}

/// What a tree comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeRoot {
    /// The root, in wire order; of a single leaf, the leaf.
    pub root: [u8; HASH_LEN],
    /// Whether two neighbours under one parent are equal on any level, so that the leaves may be a forgery of a shorter
    /// list (CVE-2012-2459). A node that is its own neighbour is none; under [`MerkleKind::Rfc6962Sha256`] never.
    pub mutated: bool,
}

/// One level of the trees that have not come to their roots.
struct Level {
    /// The nodes, tree by tree.
    nodes: Vec<[u8; HASH_LEN]>,
    /// For each tree its number and how many of the nodes are its own.
    trees: Vec<(usize, usize)>,
}

/// The roots of a batch's trees, in order, by the kernel.
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
    /// Takes out the trees that have one node left.
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

    /// The level above; marks the trees in which a pair of equal nodes stands.
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

    /// Puts each node without a neighbour, as it is, in the place of its parent: there a hash stands that nobody wants.
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
    fn a_lonely_node_is_hashed_with_itself_or_rises_as_it_is() {
        let both = |left: [u8; 32], right: [u8; 32]| [left, right].concat();
        let [a, b, c] = [1, 2, 3].map(leaf);
        let bitcoin = double_sha256(&both(double_sha256(&both(a, b)), double_sha256(&both(c, c))));
        assert_eq!(roots_of(&[&[1, 2, 3]], MerkleKind::Bitcoin), [TreeRoot { root: bitcoin, mutated: false }]);
        let node = |left, right| sha256(&[&[1][..], &both(left, right)].concat());
        let rfc6962 = node(node(a, b), c);
        assert_eq!(roots_of(&[&[1, 2, 3]], MerkleKind::Rfc6962Sha256), [TreeRoot { root: rfc6962, mutated: false }]);
    }

    #[test]
    fn trees_of_all_sizes_beside_each_other_have_the_roots_that_they_have_alone() {
        let trees: [&[u8]; 6] = [&[1, 2, 3, 4, 5], &[6], &[1, 1], &[1, 2, 3, 4, 5, 6, 7, 7], &[9], &[1, 2, 3]];
        for rule in [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256] {
            let alone: Vec<TreeRoot> = trees.iter().flat_map(|tree| roots_of(&[tree], rule)).collect();
            assert_eq!(roots_of(&trees, rule), alone);
            let mutated: Vec<bool> = alone.iter().map(|tree| tree.mutated).collect();
            assert_eq!(mutated.contains(&true), rule == MerkleKind::Bitcoin);
        }
    }

    #[test]
    fn a_forged_tree_has_the_root_of_the_honest_one_and_is_told_apart() {
        for (honest, forged) in [
            (&[1, 2, 3][..], &[1, 2, 3, 3][..]),
            (&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5, 6, 5, 6]),
            (&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5, 5]),
        ] {
            let [one, two] = roots_of(&[honest, forged], MerkleKind::Bitcoin).try_into().unwrap();
            assert_eq!((one.root, one.mutated, two.mutated), (two.root, false, true));
        }
        let equal_cousins = roots_of(&[&[1, 2, 2, 1]], MerkleKind::Bitcoin);
        assert!(!equal_cousins[0].mutated);
    }

    #[test]
    #[should_panic(expected = "each of one leaf or more")]
    fn a_tree_without_a_leaf_is_refused() {
        let _refused = TreesBatch::new(Arc::new(vec![0; 32]), Arc::new(vec![1, 0]), MerkleKind::Bitcoin);
    }
}
