//! Conversions from and to the types of rust-bitcoin 0.32 (cargo feature `bitcoin`).
//!
//! Each one keeps the value; none checks a rule. All are `From` in both directions, with two exceptions: a target of
//! rust-bitcoin may be zero, so it is converted by `TryFrom`; and [`Work`] is always the work of a target, so it is not
//! made from a number ([`ChainWork`] is).

use ::bitcoin::block::{self, Version};
use ::bitcoin::hashes::Hash;
use thiserror::Error;

use crate::hash::{BlockHash, MerkleRoot};
use crate::header::BlockHeader;
use crate::parameters::Network;
use crate::targets::{ChainWork, CompactTarget, Target, Work};

/// A target of zero, which no hash meets and [`Target`] excludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a target must be above zero")]
pub struct ZeroTarget;

impl From<BlockHeader> for block::Header {
    fn from(header: BlockHeader) -> Self {
        let BlockHeader { version, prev_block_hash, merkle_root, time, bits, nonce } = header;
        Self {
            version: Version::from_consensus(version),
            prev_blockhash: prev_block_hash.into(),
            merkle_root: merkle_root.into(),
            time,
            bits: bits.into(),
            nonce,
        }
    }
}

impl From<block::Header> for BlockHeader {
    fn from(header: block::Header) -> Self {
        let block::Header { version, prev_blockhash, merkle_root, time, bits, nonce } = header;
        Self {
            version: version.to_consensus(),
            prev_block_hash: prev_blockhash.into(),
            merkle_root: merkle_root.into(),
            time,
            bits: bits.into(),
            nonce,
        }
    }
}

impl From<BlockHash> for ::bitcoin::BlockHash {
    fn from(hash: BlockHash) -> Self {
        Self::from_byte_array(hash.to_wire())
    }
}

impl From<::bitcoin::BlockHash> for BlockHash {
    fn from(hash: ::bitcoin::BlockHash) -> Self {
        Self::from_wire(hash.to_byte_array())
    }
}

impl From<MerkleRoot> for ::bitcoin::TxMerkleNode {
    fn from(root: MerkleRoot) -> Self {
        Self::from_byte_array(root.to_wire())
    }
}

impl From<::bitcoin::TxMerkleNode> for MerkleRoot {
    fn from(root: ::bitcoin::TxMerkleNode) -> Self {
        Self::from_wire(root.to_byte_array())
    }
}

impl From<CompactTarget> for ::bitcoin::CompactTarget {
    fn from(bits: CompactTarget) -> Self {
        Self::from_consensus(bits.to_bits())
    }
}

impl From<::bitcoin::CompactTarget> for CompactTarget {
    fn from(bits: ::bitcoin::CompactTarget) -> Self {
        Self::from_bits(bits.to_consensus())
    }
}

impl From<Target> for ::bitcoin::Target {
    fn from(target: Target) -> Self {
        Self::from_le_bytes(target.to_wire())
    }
}

impl TryFrom<::bitcoin::Target> for Target {
    type Error = ZeroTarget;

    fn try_from(target: ::bitcoin::Target) -> Result<Self, ZeroTarget> {
        Self::from_wire(&target.to_le_bytes()).ok_or(ZeroTarget)
    }
}

impl From<Work> for ::bitcoin::Work {
    fn from(work: Work) -> Self {
        ChainWork::from(work).into()
    }
}

impl From<ChainWork> for ::bitcoin::Work {
    fn from(work: ChainWork) -> Self {
        Self::from_le_bytes(work.to_wire())
    }
}

impl From<::bitcoin::Work> for ChainWork {
    fn from(work: ::bitcoin::Work) -> Self {
        Self::from_wire(&work.to_le_bytes())
    }
}

impl From<Network> for ::bitcoin::Network {
    fn from(network: Network) -> Self {
        match network {
            Network::Mainnet => Self::Bitcoin,
            Network::Testnet3 => Self::Testnet,
            Network::Testnet4 => Self::Testnet4,
            Network::Signet => Self::Signet,
            Network::Regtest => Self::Regtest,
        }
    }
}

impl From<::bitcoin::Network> for Network {
    fn from(network: ::bitcoin::Network) -> Self {
        match network {
            ::bitcoin::Network::Bitcoin => Self::Mainnet,
            ::bitcoin::Network::Testnet => Self::Testnet3,
            ::bitcoin::Network::Testnet4 => Self::Testnet4,
            ::bitcoin::Network::Signet => Self::Signet,
            ::bitcoin::Network::Regtest => Self::Regtest,
        }
    }
}
