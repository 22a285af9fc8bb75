//! Whole Merkle trees on the device: the place of each node, and how it is computed.
//!
//! The nodes of all trees are in one buffer: first the leaves of all trees in input order, then all nodes of the level
//! above, and so on; last a copy of each tree's root, so that all roots can be read in one piece. Each level is one
//! dispatch; all dispatches are one submission. Uses no device.

use cityseal_device::{DeviceError, MerkleKind, Report, TreeRoot, TreesBatch};

use crate::layout::LevelWords;
use crate::marks::read_inverted;
use crate::shader::Shader;

/// Most nodes of all trees, including the copies of the roots: five for two leaves. A tree of n leaves has at most 12 n
/// / 5 nodes; a tree of five leaves reaches that (5 + 3 + 2 + 1 + 1).
pub(crate) const fn nodes_max(leaves: usize) -> usize {
    leaves * 5 / 2
}

/// Most levels above the leaves, including that of the copies. `leaves` is a power of two.
pub(crate) const fn levels_max(leaves: usize) -> usize {
    leaves.ilog2() as usize + 1
}

// How a node is computed: the lowest two bits of its source. The other bits are the index of its left child.
const OF_TWO: u32 = 0;
const OF_ONE: u32 = 1;
const COPIED: u32 = 2;

/// Consecutive nodes that one dispatch computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// Index of the first node.
    pub(crate) first: u32,
    /// Number of nodes.
    pub(crate) count: u32,
}

/// The places of the nodes of a batch's trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The source of each node above the leaves.
    pub(crate) sources: Vec<u32>,
    /// The levels above the leaves; the last one is the copies of the roots.
    pub(crate) levels: Vec<Level>,
    leaves: u32,
}

impl Plan {
    fn of(counts: &[u32], rule: MerkleKind) -> Self {
        let leaves: u32 = counts.iter().sum();
        let mut plan = Self { sources: Vec::with_capacity(nodes_max(leaves as usize)), levels: Vec::new(), leaves };
        let starts = counts.iter().scan(0, |end, count| Some(std::mem::replace(end, *end + count)));
        let mut tops: Vec<(u32, u32)> = starts.zip(counts.iter().copied()).collect();
        while tops.iter().any(|(_, count)| *count > 1) {
            let first = plan.next();
            tops.iter_mut().filter(|(_, count)| *count > 1).for_each(|top| *top = plan.add_parents(*top, rule));
            plan.end_level(first);
        }
        let first = plan.next();
        plan.sources.extend(tops.iter().map(|(root, _)| root << 2 | COPIED));
        plan.end_level(first);
        plan
    }

    /// Adds the parents of one tree's level; returns their first index and their number.
    fn add_parents(&mut self, (first, count): (u32, u32), rule: MerkleKind) -> (u32, u32) {
        let unpaired = if rule == MerkleKind::Bitcoin { OF_ONE } else { COPIED };
        let start = self.next();
        self.sources.extend((0..count / 2).map(|pair| (first + 2 * pair) << 2 | OF_TWO));
        self.sources.extend((count % 2 == 1).then_some((first + count - 1) << 2 | unpaired));
        (start, count.div_ceil(2))
    }

    fn end_level(&mut self, first: u32) {
        self.levels.push(Level { first, count: self.next() - first });
    }

    /// The index of the next node.
    fn next(&self) -> u32 {
        self.leaves + self.sources.len() as u32
    }

    /// The copies of the roots.
    pub(crate) fn roots(&self) -> Level {
        self.levels.last().copied().unwrap_or(Level { first: 0, count: 0 })
    }
}

/// The trees of a batch.
#[derive(Debug)]
pub(crate) struct TreesWork {
    batch: TreesBatch,
    tag: u32,
    /// The places of their nodes.
    pub(crate) plan: Plan,
    /// Whether they were sent.
    pub(crate) is_sent: bool,
}

impl TreesWork {
    /// Creates work whose results are marked with `tag`.
    pub(crate) fn new(batch: TreesBatch, tag: u32) -> Self {
        let plan = Plan::of(batch.counts(), batch.rule());
        Self { batch, tag, plan, is_sent: false }
    }

    /// The leaves' bytes.
    pub(crate) fn leaves(&self) -> &[u8] {
        self.batch.leaves()
    }

    /// The shader for them.
    pub(crate) const fn shader(&self) -> Shader {
        match self.batch.rule() {
            MerkleKind::Bitcoin => Shader::TreeNodes,
            MerkleKind::Rfc6962Sha256 => Shader::Rfc6962TreeNodes,
        }
    }

    /// The uniform words of each level, `stride` bytes apart.
    pub(crate) fn words(&self, stride: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.plan.levels.len() * stride];
        for (place, level) in bytes.chunks_exact_mut(stride).zip(&self.plan.levels) {
            let words = LevelWords {
                first: level.first,
                count: level.count,
                leaves: self.plan.leaves,
                tag: self.tag,
                ..LevelWords::default()
            };
            place[..size_of::<LevelWords>()].copy_from_slice(bytemuck::bytes_of(&words));
        }
        bytes
    }

    /// Reads the result: roots, then their marks.
    ///
    /// # Errors
    /// [`DeviceError::Incomplete`] unless each root has its mark, which it has only if all nodes below it were
    /// computed.
    pub(crate) fn report(&self, bytes: &[u8]) -> Result<Report, DeviceError> {
        let Level { first, count } = self.plan.roots();
        let (roots, marks) = bytes.split_at(count as usize * 32);
        let mutated = read_inverted(marks, self.tag.wrapping_add(first), count as usize)?;
        let roots = roots.as_chunks::<32>().0.iter().zip(mutated);
        Ok(Report::Trees(roots.map(|(root, mutated)| TreeRoot { root: *root, mutated }).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(first: u32, count: u32) -> Level {
        Level { first, count }
    }

    #[test]
    fn levels_of_all_trees_are_consecutive_and_the_roots_are_last() {
        let plan = Plan::of(&[3, 1, 2], MerkleKind::Bitcoin);
        // Leaves are 0 to 5; above them are 6 and 7 of the first tree and 8 of the third; 9 is the root of the first.
        assert_eq!(plan.levels, [level(6, 3), level(9, 1), level(10, 3)]);
        let (two, one, copy) = (|left: u32| left << 2, |left: u32| left << 2 | 1, |left: u32| left << 2 | 2);
        assert_eq!(plan.sources, [two(0), one(2), two(4), two(6), copy(9), copy(3), copy(8)]);
        let rfc6962 = Plan::of(&[3, 1, 2], MerkleKind::Rfc6962Sha256);
        assert_eq!((rfc6962.sources[1], rfc6962.levels), (copy(2), plan.levels));
    }

    #[test]
    fn no_tree_needs_more_nodes_or_levels_than_the_maximum() {
        for leaves in (1..3_000).chain([65_535, 65_536]) {
            let plan = Plan::of(&[leaves], MerkleKind::Bitcoin);
            let nodes = leaves as usize + plan.sources.len();
            assert!(nodes * 5 <= leaves as usize * 12, "{nodes} nodes for {leaves} leaves");
            assert!(plan.levels.len() <= levels_max(leaves.next_power_of_two() as usize));
            assert_eq!(plan.roots().count, 1);
        }
    }

    #[test]
    fn a_root_without_its_mark_is_refused_and_an_inverted_mark_means_a_mutated_tree() {
        let batch = TreesBatch::new(vec![7; 3 * 32].into(), vec![2, 1].into(), MerkleKind::Bitcoin);
        let work = TreesWork::new(batch, 0x9e37_79b9);
        let first = work.plan.roots().first;
        let own = work.tag + first;
        let read = |marks: [u32; 2]| work.report(&[&[5; 64][..], bytemuck::cast_slice(&marks)].concat());
        let root = |mutated| TreeRoot { root: [5; 32], mutated };
        assert_eq!(read([!own, own + 1]), Ok(Report::Trees(vec![root(true), root(false)])));
        for wrong in [0, own ^ 1, own + 1, work.tag] {
            assert_eq!(read([wrong, own + 1]), Err(DeviceError::Incomplete { expected: 2, found: 1 }), "{wrong:#x}");
        }
    }

    #[test]
    fn the_words_of_each_level_are_at_their_stride() {
        let batch = TreesBatch::new(vec![7; 3 * 32].into(), vec![3].into(), MerkleKind::Rfc6962Sha256);
        let work = TreesWork::new(batch, 11);
        let bytes = work.words(256);
        assert_eq!(bytes.len(), 3 * 256);
        let second: LevelWords = bytemuck::pod_read_unaligned(&bytes[256..256 + size_of::<LevelWords>()]);
        assert_eq!((second.first, second.count, second.leaves, second.tag), (5, 1, 3, 11));
    }
}
