//! Partial Merkle trees of BIP37: the proof that some transactions are under a header's root, as the message
//! `merkleblock` and the RPC `gettxoutproof` carry it.
//!
//! This file refuses what Bitcoin Core refuses (`CPartialMerkleTree::ExtractMatches`), and bytes that are not exactly
//! one canonically encoded proof. It trusts the header: the caller checks that the header is in a chain and has work.
//!
//! The root does not commit to the number of transactions. So a real transaction of 64 bytes can pass for an inner
//! node, and its halves for the ids of two transactions that never existed (CVE-2017-12842). To rule that out, also
//! have the block's coinbase proved, including its bytes, for the same number of transactions.

use super::bitcoin::{Node, parent};
use crate::encoding::{EncodingKind, Reader, Stop, WEIGHT_MAX, WITNESS_SCALE};
use crate::hash::MerkleRoot;
use crate::header::BlockHeader;
use cityseal_hash::HEADER_LEN;
use thiserror::Error;

/// Minimum bytes of a transaction without its witnesses (Bitcoin Core: a quarter of `MIN_TRANSACTION_WEIGHT`).
const TRANSACTION_BYTES_MIN: u64 = 60;

/// Maximum number of transactions that fit into a block by weight: 4,000,000 / (4 * 60). Their tree has a height of 15.
pub const TRANSACTIONS_MAX: u32 = (WEIGHT_MAX / (WITNESS_SCALE * TRANSACTION_BYTES_MIN)) as u32;

/// Levels of the largest tree, leaves and root included: 2^14 < 16,666 <= 2^15.
const LEVELS_MAX: usize = 16;

/// Maximum bytes of flags: one bit per node. Level `k` has n / 2^k nodes, rounded up, so all have less than 2n + 16.
const FLAG_BYTES_MAX: usize = (2 * TRANSACTIONS_MAX as usize + LEVELS_MAX).div_ceil(8);

/// Maximum bytes of a proof: header, number of transactions, and both lists, each after a count of three bytes.
pub const PROOF_BYTES_MAX: usize = HEADER_LEN + 4 + 3 + 32 * TRANSACTIONS_MAX as usize + 3 + FLAG_BYTES_MAX;

/// Why bytes are not a valid proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PartialTreeError {
    /// The proof is longer than one of every transaction of the largest block.
    #[error("a proof has at most {most} bytes, found {found}")]
    TooLong {
        /// [`PROOF_BYTES_MAX`].
        most: usize,
        /// Bytes given.
        found: usize,
    },
    /// The bytes end inside a field, or a count exceeds what they can hold.
    #[error("the field at byte {at} needs a proof of at least {expected} bytes, found {found}")]
    Short {
        /// Offset of the field.
        at: usize,
        /// Minimum length of a proof with this field.
        expected: u64,
        /// Bytes given.
        found: usize,
    },
    /// A compact size uses more bytes than it needs (Bitcoin Core: `ReadCompactSize`).
    #[error("the compact size at byte {at} has more bytes than it needs")]
    LongSize {
        /// Its offset.
        at: usize,
    },
    /// Bytes follow the flags.
    #[error("the proof ends before byte {expected}, found {found} bytes")]
    Trailing {
        /// Bytes of the proof.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The proof names no transaction.
    #[error("a tree needs at least one transaction, found 0")]
    NoTransactions,
    /// The proof names more transactions than fit into a block.
    #[error("a block has at most {most} transactions, found {found}")]
    TooManyTransactions {
        /// [`TRANSACTIONS_MAX`].
        most: u32,
        /// Transactions of the block, according to the proof.
        found: u32,
    },
    /// There are more hashes than transactions.
    #[error("a tree of {most} transactions has at most {most} hashes, found {found}")]
    TooManyHashes {
        /// Transactions of the block, according to the proof.
        most: u32,
        /// Hashes of the proof.
        found: usize,
    },
    /// There are fewer flag bits than hashes; each hash has one.
    #[error("{expected} hashes need at least as many flag bits, found {found}")]
    TooFewBits {
        /// Hashes of the proof.
        expected: usize,
        /// Flag bits of the proof, padding included.
        found: usize,
    },
    /// The flag bits end before the tree does.
    #[error("node {index} of level {level} needs flag bit {}, found {found}", u64::from(*found) + 1)]
    BitsEnd {
        /// The level, 0 for the transactions.
        level: u32,
        /// Index of the node within its level.
        index: u32,
        /// Flag bits of the proof, padding included.
        found: u32,
    },
    /// The hashes end before the tree does.
    #[error("node {index} of level {level} needs hash {}, found {found}", u64::from(*found) + 1)]
    HashesEnd {
        /// The level, 0 for the transactions.
        level: u32,
        /// Index of the node within its level.
        index: u32,
        /// Hashes of the proof.
        found: u32,
    },
    /// The flags go on after the byte in which the tree ends.
    #[error("the tree has {expected} bytes of flags, found {found}")]
    BitsLeft {
        /// Bytes that the tree's bits occupy, a partial last one included.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// Some hashes belong to no node.
    #[error("the tree has {expected} hashes, found {found}")]
    HashesLeft {
        /// Hashes that the tree uses.
        expected: usize,
        /// Hashes of the proof.
        found: usize,
    },
    /// Two children of one parent are equal, which lets one transaction appear at two positions (CVE-2012-2459).
    #[error("the nodes {left} and {} of level {level} are equal", left + 1)]
    Duplicated {
        /// The level, 0 for the transactions.
        level: u32,
        /// Index of the left node within its level.
        left: u32,
    },
    /// The tree's root is not the header's.
    #[error("expected the header's root {expected}, found {found}")]
    Root {
        /// The header's root.
        expected: MerkleRoot,
        /// The tree's root.
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

/// A Merkle tree reduced to the nodes that lead to some of its transactions (BIP37; Bitcoin Core:
/// `CPartialMerkleTree`).
///
/// Its counts are consistent; [`Self::extract`] checks that its bits and hashes form a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialTree {
    transactions: u32,
    hashes: Vec<Node>,
    flags: Vec<u8>,
}

/// What a partial tree proves under its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// The tree's root.
    pub root: MerkleRoot,
    /// The matching transactions in block order: index in the block, counted from 0, and id in wire order.
    pub matches: Vec<(u32, Node)>,
}

impl PartialTree {
    /// Parses one proof: a header, the number of the block's transactions (32 bits, little-endian), the hashes after
    /// their count, and the flags after their byte count. Both counts are compact sizes.
    ///
    /// # Errors
    /// If the bytes are not exactly one proof, with the offset, or if no tree has these counts.
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

    /// Number of the block's transactions, as the proof claims.
    pub const fn transactions(&self) -> u32 {
        self.transactions
    }

    /// Computes the root and the matching transactions. Bits that pad the last byte may have any value, as in Bitcoin
    /// Core.
    ///
    /// # Errors
    /// If there are too few or too many bits or hashes, or two equal children of one parent.
    pub fn extract(&self) -> Result<Extracted, PartialTreeError> {
        let mut walk = Walk { tree: self, bits: 0, hashes: 0, matches: Vec::new() };
        let root = walk.node(self.root_level(), 0)?;
        walk.check_end()?;
        Ok(Extracted { root: MerkleRoot::from_wire(root), matches: walk.matches })
    }

    /// Checks the proof against a header and returns what it proves about that block.
    ///
    /// # Errors
    /// Those of [`Self::extract`], and a root that is not the header's.
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

    /// Number of nodes on a level.
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

/// A walk through a tree, depth first and left before right, which is the order of its bits and hashes.
struct Walk<'t> {
    tree: &'t PartialTree,
    bits: u32,
    hashes: u32,
    matches: Vec<(u32, Node)>,
}

impl Walk<'_> {
    /// Computes a node: from its children if its bit is set, otherwise from the next hash. Recurses once per level.
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

    /// Checks that all hashes were used, and all bits but those that pad the last byte.
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
    fn the_largest_tree_fits_the_limits_of_levels_and_flags() {
        let largest = tree(TRANSACTIONS_MAX);
        assert_eq!(TRANSACTIONS_MAX, 16_666);
        assert_eq!(largest.root_level() as usize + 1, LEVELS_MAX);
        let nodes: u32 = (0..=largest.root_level()).map(|level| largest.width(level)).sum();
        assert!(nodes.div_ceil(8) as usize <= FLAG_BYTES_MAX);
    }
}
