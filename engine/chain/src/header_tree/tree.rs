//! The tree of headers as it is read.

use crate::hash::BlockHash;
use crate::rules::{FaultValue, Rule};
use crate::target::ChainWork;

/// Number of a header that is none, as parent and as depth.
pub(super) const NONE: u32 = u32::MAX;

/// The rank of a block that never became whole, for [`HeaderTree::build_by_arrival`].
pub const NEVER: u32 = u32::MAX;

/// What the best chain must stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The genesis header of the parameters, which must be among the headers.
    Genesis,
    /// A header that is known and not among the headers.
    Above {
        /// Its hash.
        hash: BlockHash,
        /// Its height.
        height: u64,
    },
    /// Whichever header without a parent in the set carries the most work, at this height.
    Heaviest {
        /// The height given to it.
        height: u64,
    },
}

/// A header that breaks one of R01 to R05; nothing is built on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidHeader {
    /// Which header, counted from 0.
    pub index: u32,
    /// Its height, where its parent is connected.
    pub height: Option<u64>,
    /// The rule that it breaks.
    pub rule: Rule,
    /// What would have passed.
    pub expected: FaultValue,
    /// What stands there.
    pub found: FaultValue,
}

/// A header from which no way leads down to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unconnected {
    /// Which header, counted from 0.
    pub index: u32,
    /// Its parent, where that is among the headers: another unconnected one, or an invalid one.
    pub parent: Option<u32>,
}

/// A header given once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Which header, counted from 0.
    pub index: u32,
    /// The first one that is equal.
    pub first: u32,
}

/// A chain's header by height and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: BlockHash,
}

/// A branch beside the best chain, from where it leaves that to one tip; branches that leave it together share headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleBranch {
    /// The last header that it shares with the best chain.
    pub fork: Fork,
    /// Its tip, counted from 0 among all headers.
    pub tip: u32,
    /// The tip's height.
    pub tip_height: u64,
    /// The tip's hash.
    pub tip_hash: BlockHash,
    /// Work from the root to the tip, the root's own included where it is among the headers; held at 2^256 - 1.
    pub tip_work: ChainWork,
    /// Headers from the fork, which does not count, to the tip.
    pub blocks: u64,
}

/// The way from one tip to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reorganisation {
    /// The last header that both have.
    pub fork: Fork,
    /// What is taken off, the old tip first.
    pub disconnect: Vec<u32>,
    /// What is put on, the new tip last.
    pub connect: Vec<u32>,
}

/// The tree of a set of headers. Headers are known by their number, counted from 0 in the order given.
#[derive(Clone, Debug)]
pub struct HeaderTree {
    pub(super) hashes: Vec<[u8; 32]>,
    /// For each connected header; [`NONE`] at the root.
    pub(super) parents: Vec<u32>,
    /// Heights, counted from [`Self::first_height`]; [`NONE`] for what is not connected.
    pub(super) depths: Vec<u32>,
    pub(super) first_height: u64,
    /// The header below all others, where the root is not among them.
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
    /// The chain with the most work, from the root up; empty where the root has nothing.
    ///
    /// Of tips with equal work it ends at the one that was connected first. A block is connected when the last block on its
    /// way down to the root has arrived; of those that one arrival connects, breadth first, and among the children of one
    /// parent in the order in which they arrived (Bitcoin Core: `CBlockIndex::nSequenceId`, `ReceivedBlockTransactions`,
    /// `CBlockIndexWorkComparator`).
    pub fn best(&self) -> &[u32] {
        &self.best
    }

    /// Work of the best chain, the root's own included where it is among the headers; held at 2^256 - 1.
    pub const fn work(&self) -> ChainWork {
        self.work
    }

    /// Height of the best chain's first header.
    pub const fn first_height(&self) -> u64 {
        self.first_height
    }

    /// The branches beside the best chain, one for each tip, in the order in which the tips were given.
    pub fn stale(&self) -> &[StaleBranch] {
        &self.stale
    }

    /// How many connected headers are not of the best chain.
    pub const fn stale_blocks(&self) -> u64 {
        self.stale_blocks
    }

    /// The headers from which no way leads to the root, in the order given.
    pub fn unconnected(&self) -> &[Unconnected] {
        &self.unconnected
    }

    /// The headers that break one of R01 to R05, in the order given.
    pub fn invalid_headers(&self) -> &[InvalidHeader] {
        &self.invalid
    }

    /// The headers that were given before, in the order given.
    pub fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }

    /// How many headers were given.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The hash of a header.
    ///
    /// # Panics
    /// If there is no header of that number.
    pub fn hash(&self, index: u32) -> BlockHash {
        BlockHash::from_wire(self.hashes[index as usize])
    }

    /// The height of a header; none where it is not connected, or there is no such header.
    pub fn height(&self, index: u32) -> Option<u64> {
        self.depth(index).map(|depth| self.first_height.saturating_add(u64::from(depth)))
    }

    /// The parent of a connected header; none at the root, and where the header is not connected.
    pub fn parent(&self, index: u32) -> Option<u32> {
        self.depth(index)?;
        Some(self.parents[index as usize]).filter(|parent| *parent != NONE)
    }

    fn depth(&self, index: u32) -> Option<u32> {
        self.depths.get(index as usize).copied().filter(|depth| *depth != NONE)
    }

    /// The last header of the best chain, where there is one.
    pub fn tip(&self) -> Option<u32> {
        self.best.last().copied()
    }

    /// How one comes from one tip to another; none where one of them is not connected.
    pub fn reorganisation(&self, from: u32, to: u32) -> Option<Reorganisation> {
        let (mut old, mut new) = ((from, self.depth(from)?), (to, self.depth(to)?));
        let (mut disconnect, mut connect) = (Vec::new(), Vec::new());
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

    /// The parent and its depth; below the lowest header stands [`NONE`], whose depth is never looked at.
    fn step_down(&self, (index, depth): (u32, u32)) -> (u32, u32) {
        (self.parents[index as usize], depth.wrapping_sub(1))
    }

    /// The header of that number, or what all stand on.
    pub(super) fn fork_at(&self, index: u32) -> Fork {
        let known = self.height(index).map(|height| Fork { height, hash: self.hash(index) });
        known.or(self.below).unwrap_or(Fork { height: self.first_height, hash: BlockHash::ZERO })
    }
}
