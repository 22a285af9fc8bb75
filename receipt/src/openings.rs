//! The nodes of one level of the tree over all header hashes, against which parts of a chain can be checked.

use cityseal_chain::TreeOutline;
use cityseal_chain::merkle::Node;
use cityseal_chain::rfc6962;
use serde::{Deserialize, Serialize};

use crate::digits;
use crate::error::OpeningError;

/// The roots of subtrees of 2^level leaves each (the last one may have fewer); at most [`TreeOutline::SUBTREES_MAX`].
///
/// The root of the whole tree follows from them, so a signature over the root covers them. A leaf is the RFC 6962 leaf
/// hash of a 32-byte item; for receipts, the item is the hash of a header in wire order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Openings {
    level: u32,
    #[serde(with = "digits::nodes")]
    nodes: Vec<Node>,
}

impl Openings {
    /// Returns the openings of a whole tree; `None` if its first leaves are missing.
    pub fn of(outline: &TreeOutline) -> Option<Self> {
        Some(Self { level: TreeOutline::level_of(outline.count()), nodes: outline.subtrees()? })
    }

    /// Returns the level: each subtree but the last has 2^level leaves.
    pub const fn level(&self) -> u32 {
        self.level
    }

    /// Returns the number of subtrees.
    pub const fn subtrees(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// Returns the root of the whole tree.
    pub fn root(&self) -> Node {
        rfc6962::root(&self.nodes)
    }

    /// Returns the index of the subtree that contains an item; both are counted from 0.
    pub const fn subtree_of(&self, item: u64) -> u64 {
        match item.checked_shr(self.level) {
            Some(subtree) => subtree,
            None => 0,
        }
    }

    /// Returns the range of the items in a subtree, in a tree of `count` items; empty if the subtree does not exist.
    pub fn items(&self, subtree: u64, count: u64) -> std::ops::Range<u64> {
        let size = 1_u64.checked_shl(self.level).unwrap_or(u64::MAX);
        let first = subtree.saturating_mul(size).min(count);
        first..first.saturating_add(size).min(count)
    }

    /// Whether the level and the number of nodes match a tree of `count` leaves.
    pub(crate) fn fit(&self, count: u64) -> bool {
        self.level == TreeOutline::level_of(count) && self.subtrees() == count.div_ceil(1 << self.level)
    }

    /// Checks that `items` are all items of a subtree, in order.
    ///
    /// # Errors
    /// [`OpeningError::NoSubtree`] or [`OpeningError::Node`].
    pub fn check(&self, subtree: u64, items: &[Node]) -> Result<(), OpeningError> {
        let node = usize::try_from(subtree).ok().and_then(|at| self.nodes.get(at));
        let expected = *node.ok_or(OpeningError::NoSubtree { subtree, subtrees: self.subtrees() })?;
        let leaves: Vec<Node> = items.iter().map(|item| rfc6962::leaf_hash(item)).collect();
        let found = rfc6962::root(&leaves);
        if found == expected { Ok(()) } else { Err(OpeningError::Node { subtree, expected, found }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cityseal_hash::HashKernel;

    fn items(count: u64) -> Vec<Node> {
        (0..count).map(|number| [number as u8; 32]).collect()
    }

    fn openings(items: &[Node]) -> Openings {
        let leaves: Vec<Node> = items.iter().map(|item| rfc6962::leaf_hash(item)).collect();
        Openings::of(&TreeOutline::of_leaves(0, &leaves, HashKernel::portable())).unwrap()
    }

    #[test]
    fn every_subtree_accepts_its_own_items_only() {
        let items = items(515);
        let openings = openings(&items);
        assert_eq!((openings.level(), openings.subtrees(), openings.fit(515)), (2, 129, true));
        assert!(!openings.fit(517) && !openings.fit(512) && !openings.fit(100));
        for subtree in 0..129 {
            let range = openings.items(subtree, 515);
            assert_eq!(openings.subtree_of(range.start), subtree);
            assert_eq!(openings.subtree_of(range.end - 1), subtree);
            let inside = &items[range.start as usize..range.end as usize];
            assert_eq!(openings.check(subtree, inside), Ok(()));
            assert!(matches!(openings.check(subtree, &inside[1..]), Err(OpeningError::Node { .. })));
            assert!(matches!(openings.check((subtree + 1) % 129, inside), Err(OpeningError::Node { .. })));
        }
        assert_eq!(openings.items(128, 515), 512..515);
        assert!(openings.items(129, 515).is_empty());
        assert_eq!(openings.check(129, &[]), Err(OpeningError::NoSubtree { subtree: 129, subtrees: 129 }));
    }

    #[test]
    fn an_empty_tree_has_no_subtrees_and_the_empty_root() {
        let openings = openings(&[]);
        assert_eq!((openings.subtrees(), openings.root()), (0, rfc6962::root(&[])));
        assert!(openings.fit(0));
    }

    #[test]
    fn an_impossible_level_does_not_panic() {
        let openings = Openings { level: u32::MAX, nodes: vec![[0; 32]] };
        assert!(!openings.fit(7));
        assert_eq!((openings.subtree_of(7), openings.items(0, 7)), (0, 0..7));
    }
}
