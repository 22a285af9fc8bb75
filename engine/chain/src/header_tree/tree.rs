//! The tree of headers and the queries on it.

use crate::hash::BlockHash;
use crate::rules::{FaultValue, Rule};
use crate::targets::ChainWork;

/// Marks the absence of a parent or of a depth.
pub(super) const NONE: u32 = u32::MAX;

/// The rank of a block that never became complete, for [`HeaderTree::build_by_arrival`].
pub const NEVER: u32 = u32::MAX;

/// The base of the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The genesis header of the parameters, which must be among the headers.
    Genesis,
    /// A known header that is not among the headers.
    Above {
        /// Its hash.
        hash: BlockHash,
        /// Its height.
        height: u64,
    },
    /// The header without a parent in the set that has the most work above it, at this height.
    Heaviest {
        /// The height assigned to it.
        height: u64,
    },
}

/// A header that breaks one of R01 to R05; nothing is built on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidHeader {
    /// Index of the header, counted from 0.
    pub index: u32,
    /// Its height, if its parent is connected.
    pub height: Option<u64>,
    /// The broken rule.
    pub rule: Rule,
    /// The value that would have passed.
    pub expected: FaultValue,
    /// The value in the header.
    pub found: FaultValue,
}

/// A header without a path down to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unconnected {
    /// Index of the header, counted from 0.
    pub index: u32,
    /// Its parent, if among the headers: another unconnected header, or an invalid one.
    pub parent: Option<u32>,
}

/// A header that was given more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Index of the header, counted from 0.
    pub index: u32,
    /// Index of the first equal header.
    pub first: u32,
}

/// A header of a chain, by height and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: BlockHash,
}

/// A branch off the best chain, from its fork to one tip; branches with a common fork may share headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleBranch {
    /// The last header that it shares with the best chain.
    pub fork: Fork,
    /// Index of its tip among all headers, counted from 0.
    pub tip: u32,
    /// The tip's height.
    pub tip_height: u64,
    /// The tip's hash.
    pub tip_hash: BlockHash,
    /// Work from the root to the tip, including the root's own if it is among the headers; saturates at 2^256 - 1.
    pub tip_work: ChainWork,
    /// Number of headers after the fork, up to and including the tip.
    pub blocks: u64,
}

/// The path from one tip to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reorganisation {
    /// The last header that both chains share.
    pub fork: Fork,
    /// Headers to disconnect, the old tip first.
    pub disconnect: Vec<u32>,
    /// Headers to connect, the new tip last.
    pub connect: Vec<u32>,
}

/// The tree of a set of headers. Headers are identified by their index, counted from 0 in the order given.
#[derive(Clone, Debug)]
pub struct HeaderTree {
    pub(super) hashes: Vec<[u8; 32]>,
    /// The parent of each connected header; [`NONE`] at the root.
    pub(super) parents: Vec<u32>,
    /// Heights relative to [`Self::first_height`]; [`NONE`] for unconnected headers.
    pub(super) depths: Vec<u32>,
    pub(super) first_height: u64,
    /// The header below all others, if the root is not among them.
    pub(super) below: Option<Fork>,
    pub(super) best: Vec<u32>,
    pub(super) work: ChainWork,
    pub(super) stale: Vec<StaleBranch>,
    pub(super) stale_blocks: u64,
    pub(super) unconnected: Vec<Unconnected>,
    pub(super) invalid: Vec<InvalidHeader>,
    pub(super) duplicates: Vec<Duplicate>,
}

impl HeaderTree {
    /// The chain with the most work, from the root up; empty if nothing is connected to the root.
    ///
    /// Of tips with equal work, the one that was connected first wins. A block is connected when the last block on its
    /// path to the root arrives. Blocks connected by one arrival are connected breadth first, and children of one
    /// parent in the order of their arrival (Bitcoin Core: `CBlockIndex::nSequenceId`, `ReceivedBlockTransactions`,
    /// `CBlockIndexWorkComparator`).
    pub fn best(&self) -> &[u32] {
        &self.best
    }

    /// Work of the best chain, including the root's own if it is among the headers; saturates at 2^256 - 1.
    pub const fn work(&self) -> ChainWork {
        self.work
    }

    /// Height of the best chain's first header.
    pub const fn first_height(&self) -> u64 {
        self.first_height
    }

    /// The stale branches, one for each tip, in the order in which the tips were given.
    pub fn stale(&self) -> &[StaleBranch] {
        &self.stale
    }

    /// Number of connected headers that are not in the best chain.
    pub const fn stale_blocks(&self) -> u64 {
        self.stale_blocks
    }

    /// The headers without a path to the root, in the order given.
    pub fn unconnected(&self) -> &[Unconnected] {
        &self.unconnected
    }

    /// The headers that break one of R01 to R05, in the order given.
    pub fn invalid_headers(&self) -> &[InvalidHeader] {
        &self.invalid
    }

    /// The repeated headers, in the order given.
    pub fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }

    /// Number of headers given.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether no header was given.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The hash of a header.
    ///
    /// # Panics
    /// If there is no header with that index.
    pub fn hash(&self, index: u32) -> BlockHash {
        BlockHash::from_wire(self.hashes[index as usize])
    }

    /// The height of a header; `None` if it is unconnected or does not exist.
    pub fn height(&self, index: u32) -> Option<u64> {
        self.depth(index).map(|depth| self.first_height.saturating_add(u64::from(depth)))
    }

    /// The parent of a connected header; `None` at the root and for unconnected headers.
    pub fn parent(&self, index: u32) -> Option<u32> {
        self.depth(index)?;
        Some(self.parents[index as usize]).filter(|parent| *parent != NONE)
    }

    fn depth(&self, index: u32) -> Option<u32> {
        self.depths.get(index as usize).copied().filter(|depth| *depth != NONE)
    }

    /// The last header of the best chain, if there is one.
    pub fn tip(&self) -> Option<u32> {
        self.best.last().copied()
    }

    /// Computes the path from one tip to another; `None` if one of them is unconnected.
    pub fn reorganisation(&self, from: u32, to: u32) -> Option<Reorganisation> {
        let (mut old, mut new) = ((from, self.depth(from)?), (to, self.depth(to)?));
        let (mut disconnect, mut connect) = (Vec::new(), Vec::new());
        // Step down from the deeper tip, from both at equal depth, until the two paths meet.
        while old.0 != new.0 {
            let (old_depth, new_depth) = (old.1, new.1);
            if old_depth >= new_depth {
                disconnect.push(old.0);
                old = self.step_down(old);
            }
            if new_depth >= old_depth {
                connect.push(new.0);
                new = self.step_down(new);
            }
        }
        connect.reverse();
        Some(Reorganisation { fork: self.fork_at(old.0), disconnect, connect })
    }

    /// The parent and its depth; below the lowest header it is [`NONE`], whose depth is never used.
    fn step_down(&self, (index, depth): (u32, u32)) -> (u32, u32) {
        (self.parents[index as usize], depth.wrapping_sub(1))
    }

    /// The header with that index, or the base if there is none.
    pub(super) fn fork_at(&self, index: u32) -> Fork {
        let known = self.height(index).map(|height| Fork { height, hash: self.hash(index) });
        known.or(self.below).unwrap_or(Fork { height: self.first_height, hash: BlockHash::ZERO })
    }
}
