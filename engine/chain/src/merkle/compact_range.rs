//! Compact ranges: a run of leaves of an RFC 6962 tree, represented by the nodes of its maximal aligned subtrees.
//!
//! On level `k`, leaf `n` belongs to the subtree of the leaves that share `n / 2^k`. Any run of leaves is a row of such
//! subtrees, at most two per level, and two adjacent runs join to the row of both. So the root over a whole chain is
//! the same however its headers were split over threads, machines and files.
//!
//! Leaves are numbered from the first leaf of the tree. The caller is responsible for which leaves it passes.

use super::bitcoin::Node;
use super::rfc6962;
use crate::hex::{self, HexError};
use cityseal_hash::HashKernel;
use std::fmt::{self, Write};
use std::str::FromStr;
use thiserror::Error;

/// The highest level of a subtree: leaves are counted in 64 bits.
pub(crate) const LEVEL_MAX: u32 = u64::BITS;

/// The nodes of the maximal aligned subtrees over the leaves `first..end` of a tree.
///
/// Joining is associative, and the empty range is its identity. The text form is `first..end`, then a space and 64 hex
/// digits for each node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactRange {
    first: u64,
    end: u64,
    nodes: Vec<Node>,
}

impl CompactRange {
    /// The empty range before leaf `first`.
    pub const fn empty(first: u64) -> Self {
        Self { first, end: first, nodes: Vec::new() }
    }

    /// The range of these leaf hashes; the first of them is leaf `first` of the tree.
    ///
    /// Hashes whole levels at once, which keeps the kernel's lanes full.
    ///
    /// # Panics
    /// If the index of the last leaf does not fit into 64 bits.
    pub fn of_leaves(first: u64, leaf_hashes: &[Node], kernel: HashKernel) -> Self {
        let nodes = gather(first, leaf_hashes, LEVEL_MAX, kernel);
        Self { first, end: end_of(first, leaf_hashes), nodes }
    }

    /// The range with these nodes.
    pub(crate) const fn of_nodes(first: u64, end: u64, nodes: Vec<Node>) -> Self {
        Self { first, end, nodes }
    }

    /// Joins the range that follows directly.
    ///
    /// # Panics
    /// If `next` does not begin where this range ends, which is a bug of the caller.
    #[must_use]
    pub fn join(self, next: Self) -> Self {
        assert_eq!(self.end, next.first, "ranges join in the order of their leaves");
        let (first, end) = (self.first, next.end);
        Self { first, end, nodes: settle(self.into_pieces().chain(next.into_pieces()), LEVEL_MAX) }
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

    /// The nodes, from left to right.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The root of the tree of these leaves, equal to [`rfc6962::root`]; `None` unless the range begins at leaf 0.
    pub fn root(&self) -> Option<Node> {
        (self.first == 0).then(|| root_of_row(&self.nodes))
    }

    fn into_pieces(self) -> impl Iterator<Item = (Piece, Node)> {
        pieces(self.first, self.end, LEVEL_MAX).zip(self.nodes)
    }
}

/// The root over a row of subtrees whose levels descend from left to right; for an empty row, the hash of the empty
/// string.
pub(crate) fn root_of_row(nodes: &[Node]) -> Node {
    let up = |right: Node, left: &Node| rfc6962::parent(left, &right);
    let folded = nodes.split_last().map(|(last, before)| before.iter().rev().fold(*last, up));
    folded.unwrap_or_else(|| rfc6962::root(&[]))
}

/// An aligned subtree: 2^level leaves from `start`, which is a multiple of 2^level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) start: u64,
    pub(crate) level: u32,
}

impl Piece {
    /// Whether it is the left half of a subtree one level up.
    fn is_left(self) -> bool {
        self.start.trailing_zeros() > self.level
    }
}

/// The maximal aligned subtrees of `first..end` that are no higher than `level_max`, from left to right.
pub(crate) fn pieces(first: u64, end: u64, level_max: u32) -> impl Iterator<Item = Piece> {
    let mut start = first;
    std::iter::from_fn(move || {
        let room = (end - start).checked_ilog2()?;
        let piece = Piece { start, level: start.trailing_zeros().min(room).min(level_max) };
        start += 1 << piece.level;
        Some(piece)
    })
}

/// Index after the last of these leaves.
pub(crate) fn end_of(first: u64, leaf_hashes: &[Node]) -> u64 {
    first.checked_add(leaf_hashes.len() as u64).expect("leaves are counted in 64 bits")
}

/// The nodes of the maximal aligned subtrees of these leaves that are no higher than `level_max`.
pub(crate) fn gather(first: u64, leaf_hashes: &[Node], level_max: u32, kernel: HashKernel) -> Vec<Node> {
    let mut row = Row::default();
    let (mut level, mut start) = (row.climb(first, leaf_hashes, level_max, kernel), first);
    for levels_left in (0..level_max).rev() {
        if level.is_empty() {
            break;
        }
        start = start.div_ceil(2);
        level = row.climb(start, &level, levels_left, kernel);
    }
    row.ordered()
}

/// The nodes without a sibling, collected level by level: those on the left in order, those on the right in reverse.
#[derive(Default)]
struct Row {
    left: Vec<Node>,
    right: Vec<Node>,
}

impl Row {
    /// The level above `nodes`, whose first node has index `start` in its level. On the last level all nodes are kept.
    fn climb(&mut self, start: u64, nodes: &[Node], levels_left: u32, kernel: HashKernel) -> Vec<Node> {
        if levels_left == 0 {
            self.left.extend(nodes);
            return Vec::new();
        }
        let (odd, even) = nodes.split_at(nodes.len().min((start % 2) as usize));
        let (pairs, last) = even.split_at(even.len() / 2 * 2);
        self.left.extend(odd);
        self.right.extend(last);
        let mut parents = vec![[0; 32]; pairs.len() / 2];
        kernel.hash_nodes_rfc6962(pairs.as_flattened(), &mut parents);
        parents
    }

    fn ordered(mut self) -> Vec<Node> {
        self.left.extend(self.right.into_iter().rev());
        self.left
    }
}

/// Joins siblings, up to `level_max`, until none are left.
pub(crate) fn settle(pieces: impl Iterator<Item = (Piece, Node)>, level_max: u32) -> Vec<Node> {
    let mut row: Vec<(Piece, Node)> = Vec::new();
    for (mut piece, mut node) in pieces {
        while let Some((left, left_node)) =
            row.pop_if(|(left, _)| left.level == piece.level && piece.level < level_max && left.is_left())
        {
            piece = Piece { start: left.start, level: left.level + 1 };
            node = rfc6962::parent(&left_node, &node);
        }
        row.push((piece, node));
    }
    row.into_iter().map(|(_, node)| node).collect()
}

/// Why a text is not a range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RangeTextError {
    /// The leaves are not written as `first..end`.
    #[error("the leaves are not two numbers `first..end`, the second not below the first")]
    Leaves,
    /// The number of nodes does not fit the leaves.
    #[error("these leaves have {expected} nodes, found {found}")]
    Nodes {
        /// Nodes of these leaves.
        expected: usize,
        /// Nodes in the text.
        found: usize,
    },
    /// A node is not 64 hex digits.
    #[error("node {number}: {source}")]
    Node {
        /// Position of the node, counted from 1.
        number: usize,
        /// What is wrong with it.
        source: HexError,
    },
    /// The text can be read but is not in canonical form.
    #[error("not in canonical form: lower-case digits, one space between parts, no sign, no leading zero")]
    Form,
}

/// Writes a range in canonical form.
pub(crate) fn write_range(f: &mut impl Write, first: u64, end: u64, nodes: &[Node]) -> fmt::Result {
    write!(f, "{first}..{end}")?;
    nodes.iter().try_for_each(|node| write!(f, " {}", hex::encode(node)))
}

/// Reads a range in canonical form; `level_max` gives the highest level of its subtrees from its number of leaves.
pub(crate) fn read_range(text: &str, level_max: impl Fn(u64) -> u32) -> Result<(u64, u64, Vec<Node>), RangeTextError> {
    let mut parts = text.split(' ');
    let (first, end) = parts.next().and_then(leaves).ok_or(RangeTextError::Leaves)?;
    let expected = pieces(first, end, level_max(end - first)).count();
    let found = parts.clone().count();
    if found != expected {
        return Err(RangeTextError::Nodes { expected, found });
    }
    let node =
        |(at, digits)| hex::decode_array(digits).map_err(|source| RangeTextError::Node { number: at + 1, source });
    let nodes = parts.enumerate().map(node).collect::<Result<Vec<Node>, _>>()?;
    // A text that is not what `write_range` writes is refused, so that equal ranges have equal texts.
    let mut again = String::with_capacity(text.len());
    match write_range(&mut again, first, end, &nodes) {
        Ok(()) if again == text => Ok((first, end, nodes)),
        Ok(()) | Err(fmt::Error) => Err(RangeTextError::Form),
    }
}

fn leaves(text: &str) -> Option<(u64, u64)> {
    let (first, end) = text.split_once("..")?;
    let (first, end) = (first.parse().ok()?, end.parse().ok()?);
    (first <= end).then_some((first, end))
}

impl fmt::Display for CompactRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_range(f, self.first, self.end, &self.nodes)
    }
}

impl FromStr for CompactRange {
    type Err = RangeTextError;

    fn from_str(text: &str) -> Result<Self, RangeTextError> {
        let (first, end, nodes) = read_range(text, |_| LEVEL_MAX)?;
        Ok(Self { first, end, nodes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::Index;

    fn leaf_hashes(first: u64, count: usize) -> Vec<Node> {
        (first..).take(count).map(|number| rfc6962::leaf_hash(&number.to_le_bytes())).collect()
    }

    fn kernel() -> HashKernel {
        HashKernel::portable()
    }

    /// By definition: for each maximal aligned subtree, the root over its leaves.
    fn by_definition(first: u64, leaves: &[Node]) -> Vec<Node> {
        let root = |piece: Piece| {
            let at = (piece.start - first) as usize;
            rfc6962::root(&leaves[at..at + (1 << piece.level)])
        };
        pieces(first, end_of(first, leaves), LEVEL_MAX).map(root).collect()
    }

    #[test]
    fn a_run_is_a_row_of_its_maximal_aligned_subtrees() {
        let levels = |first, end| pieces(first, end, LEVEL_MAX).map(|piece| piece.level).collect::<Vec<_>>();
        assert_eq!(levels(0, 8), [3]);
        assert_eq!(levels(0, 7), [2, 1, 0]);
        assert_eq!(levels(1, 8), [0, 1, 2]);
        assert_eq!(levels(3, 13), [0, 2, 2, 0]);
        assert_eq!(levels(5, 5), [0_u32; 0]);
        assert_eq!(levels(u64::MAX - 1, u64::MAX), [0]);
        let capped: Vec<_> = pieces(0, 8, 1).map(|piece| (piece.start, piece.level)).collect();
        assert_eq!(capped, [(0, 1), (2, 1), (4, 1), (6, 1)]);
    }

    #[test]
    fn the_empty_range_is_the_identity_and_has_the_root_of_the_empty_tree() {
        let run = CompactRange::of_leaves(5, &leaf_hashes(5, 6), kernel());
        assert_eq!(CompactRange::empty(5).join(run.clone()), run);
        assert_eq!(run.clone().join(CompactRange::empty(11)), run);
        assert_eq!(CompactRange::empty(0).root(), Some(rfc6962::root(&[])));
        assert_eq!((run.count(), run.root()), (6, None));
    }

    #[test]
    #[should_panic(expected = "ranges join in the order of their leaves")]
    fn joining_ranges_with_a_gap_panics() {
        let _ = CompactRange::empty(5).join(CompactRange::empty(6));
    }

    #[test]
    fn a_text_that_is_not_canonical_is_refused_with_the_reason() {
        let text = CompactRange::of_leaves(2, &leaf_hashes(2, 3), kernel()).to_string();
        assert!(text.starts_with("2..5 "), "{text}");
        let refused = |text: &str| text.parse::<CompactRange>().unwrap_err();
        assert_eq!(refused(&text.to_uppercase()), RangeTextError::Form);
        assert_eq!(refused(&text.replacen("2..", "02..", 1)), RangeTextError::Form);
        assert_eq!(refused(&text.replacen("2..", "+2..", 1)), RangeTextError::Form);
        assert_eq!(refused(&format!("{text} ")), RangeTextError::Nodes { expected: 2, found: 3 });
        assert_eq!(refused(&text.replacen(' ', "  ", 1)), RangeTextError::Nodes { expected: 2, found: 3 });
        assert_eq!(refused(&text[..4]), RangeTextError::Nodes { expected: 2, found: 0 });
        assert!(matches!(refused(&text[..text.len() - 1]), RangeTextError::Node { number: 2, .. }));
        for bad in ["", "2", "5..2", "2..x", "-1..5", "0..18446744073709551616"] {
            assert_eq!(refused(bad), RangeTextError::Leaves, "{bad}");
        }
    }

    #[test]
    fn a_range_of_more_leaves_than_its_text_has_nodes_for_is_refused_early() {
        let text = format!("1..{}", u64::MAX);
        let expected = RangeTextError::Nodes { expected: 126, found: 0 };
        assert_eq!(text.parse::<CompactRange>().unwrap_err(), expected);
    }

    proptest! {
        #[test]
        fn every_kernel_matches_the_definition(first in 0_u64..5000, count in 0_usize..300) {
            let leaves = leaf_hashes(first, count);
            for kernel in HashKernel::all_available() {
                let range = CompactRange::of_leaves(first, &leaves, kernel);
                prop_assert_eq!(range.nodes(), by_definition(first, &leaves), "{}", kernel.name());
            }
        }

        #[test]
        fn any_split_joined_in_any_order_gives_the_same_range(
            first in 0_u64..100, count in 0_usize..200, cuts: Vec<Index>, order: Vec<Index>,
        ) {
            let leaves = leaf_hashes(first, count);
            let whole = CompactRange::of_leaves(first, &leaves, kernel());
            let mut cuts: Vec<usize> = cuts.iter().take(8).map(|cut| cut.index(count + 1)).collect();
            cuts.extend([0, count]);
            cuts.sort_unstable();
            let part = |cut: &[usize]| {
                CompactRange::of_leaves(first + cut[0] as u64, &leaves[cut[0]..cut[1]], kernel())
            };
            let mut parts: Vec<CompactRange> = cuts.windows(2).map(part).collect();
            let mut order = order.iter();
            while parts.len() > 1 {
                let at = order.next().map_or(0, |index| index.index(parts.len() - 1));
                let next = parts.remove(at + 1);
                let left = parts[at].clone();
                parts[at] = left.join(next);
            }
            prop_assert_eq!(&parts[0], &whole);
            prop_assert_eq!(whole.to_string().parse::<CompactRange>(), Ok(whole));
        }

        #[test]
        fn the_root_is_that_of_the_tree(count in 0_usize..300) {
            let leaves = leaf_hashes(0, count);
            let root = CompactRange::of_leaves(0, &leaves, kernel()).root();
            prop_assert_eq!(root, Some(rfc6962::root(&leaves)));
        }

        #[test]
        fn an_aligned_subtree_is_included_in_the_tree_by_the_path_of_its_node(
            level in 0_u32..5, index in 0_u64..20, more in 0_usize..60,
        ) {
            let (start, size) = (index << level, 1_usize << level);
            let leaves = leaf_hashes(0, start as usize + size + more);
            let inside = &leaves[start as usize..start as usize + size];
            let subtree = CompactRange::of_leaves(start, inside, kernel());
            let [node] = subtree.nodes() else { return Err(TestCaseError::fail("one node")) };
            let level_above: Vec<Node> = leaves.chunks(size).map(rfc6962::root).collect();
            let path = rfc6962::audit_path(&level_above, index).unwrap();
            prop_assert_eq!(rfc6962::fold(node, index, level_above.len() as u64, &path), Some(rfc6962::root(&leaves)));
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "[0-9a-f.+ ]{0,200}") {
            if let Ok(range) = text.parse::<CompactRange>() {
                prop_assert_eq!(range.to_string(), text);
            }
        }
    }
}
