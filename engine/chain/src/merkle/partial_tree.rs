//! Partial Merkle trees of BIP37: the proof that some transactions stand under a header's root, as the message
//! `merkleblock` and `gettxoutproof` carry it.
//!
//! What is refused here is what Bitcoin Core refuses (`CPartialMerkleTree::ExtractMatches`), and bytes that are not
//! exactly one proof in its one encoding. The header is believed: whether it stands in a chain, and has work, is for
//! others to judge. Nor does the root commit to how many transactions there are, so a real transaction of 64 bytes can
//! pass for an inner node, and its halves for the ids of two that never were (CVE-2017-12842). Whoever must be sure of a
//! match also has the block's coinbase proved, bytes and all, under the same number of transactions.

use super::bitcoin::{Node, parent};
use crate::encoding::{EncodingKind, Reader, Stop, WEIGHT_MAX, WITNESS_SCALE};
use crate::hash::MerkleRoot;
use crate::header::BlockHeader;
use cityseal_hash::HEADER_LEN;
use thiserror::Error;

/// Fewest bytes of a transaction without its witnesses (Bitcoin Core: `MIN_TRANSACTION_WEIGHT`, a quarter of it).
const TRANSACTION_BYTES_MIN: u64 = 60;

/// Most transactions that a block may have by weight: 4,000,000 / (4 * 60). Their tree is 15 levels high.
pub const TRANSACTIONS_MAX: u32 = (WEIGHT_MAX / (WITNESS_SCALE * TRANSACTION_BYTES_MIN)) as u32;

/// Levels of the largest tree, leaves and root included: 2^14 < 16,666 <= 2^15.
const LEVELS_MAX: usize = 16;

/// Most bytes of flags: a bit for each node, of which level `k` has n / 2^k, rounded up; so less than 2n + 16 in all.
const FLAG_BYTES_MAX: usize = (2 * TRANSACTIONS_MAX as usize + LEVELS_MAX).div_ceil(8);

/// Most bytes of a proof: header, number of transactions, and both lists after counts of three bytes.
pub const PROOF_BYTES_MAX: usize = HEADER_LEN + 4 + 3 + 32 * TRANSACTIONS_MAX as usize + 3 + FLAG_BYTES_MAX;

/// Why bytes prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PartialTreeError {
    /// More bytes than the proof of a block's every transaction has.
    #[error("a proof has at most {most} bytes, found {found}")]
    TooLong {
        /// [`PROOF_BYTES_MAX`].
        most: usize,
        /// Bytes that there are.
        found: usize,
    },
    /// The bytes end inside a field, or a count stands for more than they hold.
    #[error("what begins at byte {at} needs a proof of at least {expected} bytes, found {found}")]
    Short {
        /// The byte at which the field begins.
        at: usize,
        /// Bytes that the proof would have at least.
        expected: u64,
        /// Bytes that it has.
        found: usize,
    },
    /// A compact size in more bytes than it needs (Bitcoin Core: `ReadCompactSize`).
    #[error("the compact size at byte {at} has more bytes than it needs")]
    LongSize {
        /// The byte at which it begins.
        at: usize,
    },
    /// Bytes after the flags.
    #[error("the proof ends before byte {expected}, found {found} bytes")]
    Trailing {
        /// Bytes of the proof.
        expected: usize,
        /// Bytes that there are.
        found: usize,
    },
    /// A block has at least one transaction.
    #[error("a tree needs at least one transaction, found 0")]
    NoTransactions,
    /// More transactions than fit into a block.
    #[error("a block has at most {most} transactions, found {found}")]
    TooManyTransactions {
        /// [`TRANSACTIONS_MAX`].
        most: u32,
        /// Transactions that the proof speaks of.
        found: u32,
    },
    /// More hashes than one for each transaction.
    #[error("a tree of {most} transactions has at most as many hashes, found {found}")]
    TooManyHashes {
        /// Transactions that the proof speaks of.
        most: u32,
        /// Hashes that it has.
        found: usize,
    },
    /// Fewer flag bits than hashes; each hash has one.
    #[error("{expected} hashes need at least as many flag bits, found {found}")]
    TooFewBits {
        /// Hashes that there are.
        expected: usize,
        /// Bits that there are, padding included.
        found: usize,
    },
    /// The flag bits end before the tree does.
    #[error("node {index} of level {level} needs flag bit {}, found {found}", u64::from(*found) + 1)]
    BitsEnd {
        /// The level, 0 for the transactions.
        level: u32,
        /// Index of the node in its level.
        index: u32,
        /// Bits that there are, padding included.
        found: u32,
    },
    /// The hashes end before the tree does.
    #[error("node {index} of level {level} needs hash {}, found {found}", u64::from(*found) + 1)]
    HashesEnd {
        /// The level, 0 for the transactions.
        level: u32,
        /// Index of the node in its level.
        index: u32,
        /// Hashes that there are.
        found: u32,
    },
    /// Bytes of flags after the one in which the tree ends.
    #[error("the tree has {expected} bytes of flags, found {found}")]
    BitsLeft {
        /// Bytes that the tree's bits fill, the last one in part.
        expected: usize,
        /// Bytes that there are.
        found: usize,
    },
    /// Hashes that belong to no node.
    #[error("the tree has {expected} hashes, found {found}")]
    HashesLeft {
        /// Hashes that the tree takes.
        expected: usize,
        /// Hashes that there are.
        found: usize,
    },
    /// Two neighbours under one parent are equal, which lets one transaction stand in two places (CVE-2012-2459).
    #[error("the nodes {left} and {} of level {level} are equal", left + 1)]
    Duplicated {
        /// The level, 0 for the transactions.
        level: u32,
        /// Index of the left one of the two nodes in its level.
        left: u32,
    },
    /// The tree is another one than the header's.
    #[error("the header has the root {expected}, the tree gives {found}")]
    Root {
        /// What stands in the header.
        expected: MerkleRoot,
        /// What the tree gives.
        found: MerkleRoot,
    },
}

impl PartialTreeError {
    fn of(stop: Stop, proof_len: usize) -> Self {
        let at = stop.fault.at as usize;
        match stop.fault.kind {
            EncodingKind::LongSize => Self::LongSize { at },
            EncodingKind::Cut
            | EncodingKind::Count
            | EncodingKind::Flag
            | EncodingKind::EmptyWitness
            | EncodingKind::Trailing
            | EncodingKind::TooLong => Self::Short { at, expected: stop.needs, found: proof_len },
        }
    }
}

/// A tree of which only the nodes are known that lead to some of its transactions (BIP37; Bitcoin Core:
/// `CPartialMerkleTree`).
///
/// Its counts fit one another; whether its bits and hashes make a tree, [`Self::extract`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialTree {
    transactions: u32,
    hashes: Vec<Node>,
    flags: Vec<u8>,
}

/// What a partial tree proves under its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// The root that the tree gives.
    pub root: MerkleRoot,
    /// The transactions that match, in their order: index in the block, counted from 0, and id in wire order.
    pub matches: Vec<(u32, Node)>,
}

impl PartialTree {
    /// Reads one proof: a header, the number of the block's transactions (32 bits, little-endian), the hashes after their
    /// count, the flags after the count of their bytes; both counts are compact sizes.
    ///
    /// # Errors
    /// Bytes that are not exactly one proof, by their place, and counts that no tree has.
    pub fn parse(proof: &[u8]) -> Result<(BlockHeader, Self), PartialTreeError> {
        if proof.len() > PROOF_BYTES_MAX {
            return Err(PartialTreeError::TooLong { most: PROOF_BYTES_MAX, found: proof.len() });
        }
        let mut reader = Reader::new(proof);
        let (header, tree) = read(&mut reader).map_err(|stop| PartialTreeError::of(stop, proof.len()))?;
        if reader.left() > 0 {
            return Err(PartialTreeError::Trailing { expected: reader.at(), found: proof.len() });
        }
        tree.check_counts()?;
        Ok((header, tree))
    }

    /// How many transactions the block has, by the proof's own word.
    pub const fn transactions(&self) -> u32 {
        self.transactions
    }

    /// The root, and the transactions that match, of a tree that is whole. Bits that pad the last byte may be anything, as
    /// for Bitcoin Core.
    ///
    /// # Errors
    /// Too few or too many bits or hashes, or two equal nodes under one parent.
    pub fn extract(&self) -> Result<Extracted, PartialTreeError> {
        let mut walk = Walk { tree: self, bits: 0, hashes: 0, matches: Vec::new() };
        let root = walk.node(self.root_level(), 0)?;
        walk.check_end()?;
        Ok(Extracted { root: MerkleRoot::from_wire(root), matches: walk.matches })
    }

    /// What is proved of the block with this header.
    ///
    /// # Errors
    /// As [`Self::extract`], or a root that is not the header's.
    pub fn verify(&self, header: &BlockHeader) -> Result<Extracted, PartialTreeError> {
        let extracted = self.extract()?;
        if extracted.root == header.merkle_root {
            Ok(extracted)
        } else {
            Err(PartialTreeError::Root { expected: header.merkle_root, found: extracted.root })
        }
    }

    fn check_counts(&self) -> Result<(), PartialTreeError> {
        let (transactions, hashes, bits) = (self.transactions, self.hashes.len(), 8 * self.flags.len());
        if transactions == 0 {
            return Err(PartialTreeError::NoTransactions);
        }
        if transactions > TRANSACTIONS_MAX {
            return Err(PartialTreeError::TooManyTransactions { most: TRANSACTIONS_MAX, found: transactions });
        }
        if hashes > transactions as usize {
            return Err(PartialTreeError::TooManyHashes { most: transactions, found: hashes });
        }
        if bits < hashes {
            return Err(PartialTreeError::TooFewBits { expected: hashes, found: bits });
        }
        Ok(())
    }

    /// How many nodes a level has.
    const fn width(&self, level: u32) -> u32 {
        self.transactions.div_ceil(1 << level)
    }

    /// The level that has one node.
    const fn root_level(&self) -> u32 {
        self.transactions.next_power_of_two().ilog2()
    }

    fn flag(&self, bit: u32) -> Option<bool> {
        self.flags.get(bit as usize / 8).map(|byte| byte >> (bit % 8) & 1 == 1)
    }
}

fn read(reader: &mut Reader<'_>) -> Result<(BlockHeader, PartialTree), Stop> {
    let header = BlockHeader::from_wire(reader.field()?);
    let transactions = reader.word()?;
    let count = reader.count(32)?;
    let hashes = (0..count).map(|_| reader.field().copied()).collect::<Result<_, _>>()?;
    let flags = reader.bytes()?.to_vec();
    Ok((header, PartialTree { transactions, hashes, flags }))
}

/// The way through a tree, depth first and left before right: how its bits and hashes are written.
struct Walk<'t> {
    tree: &'t PartialTree,
    bits: u32,
    hashes: u32,
    matches: Vec<(u32, Node)>,
}

impl Walk<'_> {
    /// A node, from its children where its bit is set, else from the hashes. It calls itself once for each level.
    fn node(&mut self, level: u32, index: u32) -> Result<Node, PartialTreeError> {
        let end = PartialTreeError::BitsEnd { level, index, found: self.bits };
        let flag = self.tree.flag(self.bits).ok_or(end)?;
        self.bits += 1;
        if flag && level > 0 {
            return self.parent(level, index);
        }
        let end = PartialTreeError::HashesEnd { level, index, found: self.hashes };
        let hash = *self.tree.hashes.get(self.hashes as usize).ok_or(end)?;
        self.hashes += 1;
        if flag {
            self.matches.push((index, hash));
        }
        Ok(hash)
    }

    fn parent(&mut self, level: u32, index: u32) -> Result<Node, PartialTreeError> {
        let (level, left) = (level - 1, 2 * index);
        let first = self.node(level, left)?;
        if left + 1 == self.tree.width(level) {
            return Ok(parent(&first, &first));
        }
        let second = self.node(level, left + 1)?;
        if first == second {
            return Err(PartialTreeError::Duplicated { level, left });
        }
        Ok(parent(&first, &second))
    }

    /// All hashes were taken, and all bits but those that pad the last byte.
    fn check_end(&self) -> Result<(), PartialTreeError> {
        let (flag_bytes, hashes) = (self.bits.div_ceil(8) as usize, self.hashes as usize);
        if flag_bytes != self.tree.flags.len() {
            return Err(PartialTreeError::BitsLeft { expected: flag_bytes, found: self.tree.flags.len() });
        }
        if hashes != self.tree.hashes.len() {
            return Err(PartialTreeError::HashesLeft { expected: hashes, found: self.tree.hashes.len() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(transactions: u32) -> PartialTree {
        PartialTree { transactions, hashes: Vec::new(), flags: Vec::new() }
    }

    #[test]
    fn the_level_of_the_root_is_the_lowest_that_has_one_node() {
        for transactions in 1..=TRANSACTIONS_MAX {
            let tree = tree(transactions);
            let level = tree.root_level();
            assert_eq!(tree.width(level), 1, "{transactions}");
            assert!(level == 0 || tree.width(level - 1) == 2, "{transactions}");
        }
    }

    #[test]
    fn the_largest_tree_has_the_levels_and_the_flags_that_the_limits_count() {
        let largest = tree(TRANSACTIONS_MAX);
        assert_eq!(TRANSACTIONS_MAX, 16_666);
        assert_eq!(largest.root_level() as usize + 1, LEVELS_MAX);
        let nodes: u32 = (0..=largest.root_level()).map(|level| largest.width(level)).sum();
        assert!(nodes.div_ceil(8) as usize <= FLAG_BYTES_MAX);
    }
}
