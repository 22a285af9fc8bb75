//! The outline of an RFC 6962 tree: a run of leaves as the nodes of one level, plus smaller subtrees at its ends.
//!
//! It is a [`CompactRange`] whose subtrees stay small enough that a run has up to 256 of them, so that a few leaves can
//! be proved later: rehashing the 2^level leaves of one subtree must give its node. The level depends only on the
//! number of leaves, so any split of a run joins to the same outline.

use super::bitcoin::Node;
use super::compact_range::{
    CompactRange, LEVEL_MAX, Piece, RangeTextError, end_of, gather, pieces, read_range, root_of_row, settle,
    write_range,
};
use cityseal_hash::HashKernel;
use std::fmt;
use std::str::FromStr;

/// The nodes of the maximal aligned subtrees over the leaves `first..end` of a tree, no higher than
/// [`TreeOutline::level_of`] the number of leaves.
///
/// Joining is associative, and the empty outline is its identity. The text form is that of a [`CompactRange`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeOutline {
    first: u64,
    end: u64,
    nodes: Vec<Node>,
}

impl TreeOutline {
    /// Maximum number of subtrees of a tree: 256 nodes of 32 bytes are 8 KiB, and with a million headers each subtree
    /// has 4,096, which are 320 KiB to read.
    pub const SUBTREES_MAX: u64 = 256;

    /// The lowest level on which a tree of this many leaves has at most [`Self::SUBTREES_MAX`] nodes, a partial last
    /// one included.
    pub const fn level_of(leaves: u64) -> u32 {
        // ceil(leaves / 256) leaves per subtree, rounded up to a power of two.
        match leaves.div_ceil(Self::SUBTREES_MAX) {
            0 | 1 => 0,
            least => (least - 1).ilog2() + 1,
        }
    }

    /// The empty outline before leaf `first`.
    pub const fn empty(first: u64) -> Self {
        Self { first, end: first, nodes: Vec::new() }
    }

    /// The outline of these leaf hashes; the first of them is leaf `first` of the tree.
    ///
    /// # Panics
    /// If the index of the last leaf does not fit into 64 bits.
    pub fn of_leaves(first: u64, leaf_hashes: &[Node], kernel: HashKernel) -> Self {
        let nodes = gather(first, leaf_hashes, Self::level_of(leaf_hashes.len() as u64), kernel);
        Self { first, end: end_of(first, leaf_hashes), nodes }
    }

    /// Joins the outline that follows directly.
    ///
    /// # Panics
    /// If `next` does not begin where this outline ends, which is a bug of the caller.
    #[must_use]
    pub fn join(self, next: Self) -> Self {
        assert_eq!(self.end, next.first, "outlines join in the order of their leaves");
        let (first, end) = (self.first, next.end);
        let nodes = settle(self.into_pieces().chain(next.into_pieces()), Self::level_of(end - first));
        Self { first, end, nodes }
    }

    /// Index of the first leaf.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Index after the last leaf.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Number of leaves.
    pub const fn count(&self) -> u64 {
        self.end - self.first
    }

    /// The same run as a compact range.
    pub fn to_compact_range(&self) -> CompactRange {
        let nodes = settle(self.clone().into_pieces(), LEVEL_MAX);
        CompactRange::of_nodes(self.first, self.end, nodes)
    }

    /// The root of the tree of these leaves, equal to [`crate::rfc6962::root`]; `None` unless the run begins at leaf 0.
    pub fn root(&self) -> Option<Node> {
        self.to_compact_range().root()
    }

    /// The roots of the subtrees of 2^[`Self::level_of`] leaves each, at most [`Self::SUBTREES_MAX`]; the last subtree
    /// may have fewer leaves. [`crate::rfc6962::root`] over them is the root of the tree. `None` unless the run begins
    /// at leaf 0.
    pub fn subtrees(&self) -> Option<Vec<Node>> {
        let whole = (self.count() >> Self::level_of(self.count())) as usize;
        let (whole, rest) = (self.first == 0).then(|| self.nodes.split_at(whole))?;
        let mut subtrees = whole.to_vec();
        if !rest.is_empty() {
            subtrees.push(root_of_row(rest));
        }
        Some(subtrees)
    }

    fn into_pieces(self) -> impl Iterator<Item = (Piece, Node)> {
        let level_max = Self::level_of(self.count());
        pieces(self.first, self.end, level_max).zip(self.nodes)
    }
}

impl fmt::Display for TreeOutline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_range(f, self.first, self.end, &self.nodes)
    }
}

impl FromStr for TreeOutline {
    type Err = RangeTextError;

    fn from_str(text: &str) -> Result<Self, RangeTextError> {
        let (first, end, nodes) = read_range(text, Self::level_of)?;
        Ok(Self { first, end, nodes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::rfc6962;
    use proptest::prelude::*;
    use proptest::sample::Index;

    fn leaf_hashes(first: u64, count: usize) -> Vec<Node> {
        (first..).take(count).map(|number| rfc6962::leaf_hash(&number.to_le_bytes())).collect()
    }

    fn outline(first: u64, leaves: &[Node]) -> TreeOutline {
        TreeOutline::of_leaves(first, leaves, HashKernel::portable())
    }

    #[test]
    fn the_level_rises_when_one_more_leaf_would_exceed_the_maximum_of_subtrees() {
        for (leaves, level) in [(0, 0), (1, 0), (256, 0), (257, 1), (512, 1), (513, 2), (1024, 2), (900_000, 12)] {
            assert_eq!(TreeOutline::level_of(leaves), level, "{leaves}");
        }
        assert_eq!(TreeOutline::level_of(u64::MAX), 56);
        assert_eq!(u64::MAX.div_ceil(1 << 56), TreeOutline::SUBTREES_MAX);
    }

    #[test]
    fn the_subtrees_are_roots_over_their_leaves_and_the_tree_is_the_root_over_them() {
        for count in [0, 1, 2, 255, 256, 257, 511, 512, 513, 1000, 1025, 2049] {
            let leaves = leaf_hashes(0, count);
            let outline = outline(0, &leaves);
            let size = 1 << TreeOutline::level_of(count as u64);
            let expected: Vec<Node> = leaves.chunks(size).map(rfc6962::root).collect();
            let subtrees = outline.subtrees().unwrap();
            assert_eq!(subtrees, expected, "{count}");
            assert_eq!(
                (outline.root(), rfc6962::root(&subtrees)),
                (Some(rfc6962::root(&leaves)), rfc6962::root(&leaves))
            );
        }
        assert_eq!(outline(1, &leaf_hashes(1, 5)).subtrees(), None);
    }

    #[test]
    #[should_panic(expected = "outlines join in the order of their leaves")]
    fn joining_outlines_with_a_gap_panics() {
        let _ = TreeOutline::empty(5).join(TreeOutline::empty(6));
    }

    #[test]
    fn the_text_of_an_outline_has_the_number_of_nodes_that_its_level_implies() {
        let leaves = leaf_hashes(0, 256);
        let text = outline(0, &leaves).to_string();
        assert_eq!(text.split(' ').count(), 1 + 256);
        let compact = CompactRange::of_leaves(0, &leaves, HashKernel::portable()).to_string();
        let expected = RangeTextError::Nodes { expected: 256, found: 1 };
        assert_eq!(compact.parse::<TreeOutline>().unwrap_err(), expected);
    }

    proptest! {
        #[test]
        fn any_split_joins_to_the_same_outline(first in 0_u64..600, count in 0_usize..1500, cuts: Vec<Index>) {
            let leaves = leaf_hashes(first, count);
            let whole = outline(first, &leaves);
            let mut cuts: Vec<usize> = cuts.iter().take(6).map(|cut| cut.index(count + 1)).collect();
            cuts.extend([0, count]);
            cuts.sort_unstable();
            let parts: Vec<TreeOutline> =
                cuts.windows(2).map(|cut| outline(first + cut[0] as u64, &leaves[cut[0]..cut[1]])).collect();
            let from_the_left = parts.iter().cloned().fold(TreeOutline::empty(first), TreeOutline::join);
            let end = TreeOutline::empty(first + count as u64);
            let from_the_right = parts.into_iter().rev().fold(end, |right, left| left.join(right));
            prop_assert_eq!(&from_the_left, &whole);
            prop_assert_eq!(&from_the_right, &whole);
            prop_assert_eq!(whole.to_compact_range(), CompactRange::of_leaves(first, &leaves, HashKernel::portable()));
            prop_assert_eq!(whole.to_string().parse::<TreeOutline>(), Ok(whole));
        }
    }
}
