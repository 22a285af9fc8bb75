//! The 80-byte block header of Bitcoin, as fields and as bytes.
//!
//! Any 80 bytes parse as a `BlockHeader`. The rules judge it; this file only reads and writes it.

use crate::hash::{BlockHash, MerkleRoot};
use crate::hex::{self, HexError};
use crate::targets::CompactTarget;
use cityseal_hash::{HEADER_LEN, double_sha256};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The six fields of a block header (Bitcoin Core: `CBlockHeader`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockHeader {
    /// Version, signed; little-endian on the wire (bytes 0..4).
    pub version: i32,
    /// Hash of the parent header (bytes 4..36).
    pub prev_block_hash: BlockHash,
    /// Root over the block's transactions or records (bytes 36..68).
    pub merkle_root: MerkleRoot,
    /// Unix time in seconds, little-endian on the wire (bytes 68..72).
    pub time: u32,
    /// The compact target, little-endian on the wire (bytes 72..76).
    pub bits: CompactTarget,
    /// The nonce, little-endian on the wire (bytes 76..80).
    pub nonce: u32,
}

/// Why a text is not a header.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderHexError {
    /// The text does not have 160 digits (80 bytes).
    #[error("a header is 160 hex digits, found {found_digits}")]
    Length {
        /// Characters in the text.
        found_digits: usize,
    },
    /// A character is not a hexadecimal digit.
    #[error("bad hex digit {found:?} at position {position} of the header")]
    Digit {
        /// Position of the character, counted from 1.
        position: usize,
        /// The character.
        found: char,
    },
}

impl From<HexError> for HeaderHexError {
    fn from(error: HexError) -> Self {
        match error {
            HexError::Digit { position, found } => Self::Digit { position, found },
            HexError::Length { found_digits, .. } | HexError::OddLength { found_digits } => {
                Self::Length { found_digits }
            }
        }
    }
}

impl BlockHeader {
    /// Parses the fields from 80 bytes.
    pub fn from_wire(bytes: &[u8; HEADER_LEN]) -> Self {
        Self {
            version: u32_at(bytes, 0) as i32,
            prev_block_hash: BlockHash::from_wire(hash_at(bytes, 4)),
            merkle_root: MerkleRoot::from_wire(hash_at(bytes, 36)),
            time: u32_at(bytes, 68),
            bits: CompactTarget::from_bits(u32_at(bytes, 72)),
            nonce: u32_at(bytes, 76),
        }
    }

    /// Writes the 80 bytes that are hashed and sent.
    pub fn to_wire(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0..4].copy_from_slice(&self.version.to_le_bytes());
        bytes[4..36].copy_from_slice(self.prev_block_hash.as_bytes());
        bytes[36..68].copy_from_slice(self.merkle_root.as_bytes());
        bytes[68..72].copy_from_slice(&self.time.to_le_bytes());
        bytes[72..76].copy_from_slice(&self.bits.to_bits().to_le_bytes());
        bytes[76..80].copy_from_slice(&self.nonce.to_le_bytes());
        bytes
    }

    /// Reads 160 hex digits in wire order.
    ///
    /// # Errors
    /// If the length is not 160, or at the first character that is not a hex digit, with its position.
    pub fn from_hex(text: &str) -> Result<Self, HeaderHexError> {
        Ok(Self::from_wire(&hex::decode_array(text)?))
    }

    /// Writes 160 hex digits in wire order.
    pub fn to_hex(&self) -> String {
        hex::encode(&self.to_wire())
    }

    /// The double SHA-256 of the 80 bytes, on the plain path.
    pub fn hash(&self) -> BlockHash {
        BlockHash::from_wire(double_sha256(&self.to_wire()))
    }
}

impl FromStr for BlockHeader {
    type Err = HeaderHexError;

    /// Reads 160 hex digits in wire order.
    fn from_str(text: &str) -> Result<Self, HeaderHexError> {
        Self::from_hex(text)
    }
}

impl fmt::Display for BlockHeader {
    /// Writes 160 hex digits in wire order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

fn u32_at(bytes: &[u8; HEADER_LEN], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn hash_at(bytes: &[u8; HEADER_LEN], at: usize) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(&bytes[at..at + 32]);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GENESIS: &str = "\
        0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e\
        67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";

    #[test]
    fn reads_every_field_of_the_genesis_header() {
        let header = BlockHeader::from_hex(GENESIS).unwrap();
        assert_eq!(header.version, 1);
        assert_eq!(header.prev_block_hash, BlockHash::ZERO);
        assert_eq!(header.merkle_root.to_string(), "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b");
        assert_eq!((header.time, header.bits.to_bits(), header.nonce), (1231006505, 0x1d00ffff, 2083236893));
        assert_eq!((header.to_hex(), header.to_string().parse()), (GENESIS.to_owned(), Ok(header)));
        assert_eq!(header.hash().to_string(), "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f");
    }

    #[test]
    fn names_the_length_of_a_header_text_that_is_too_short_or_too_long() {
        let cut = BlockHeader::from_hex(&GENESIS[..159]).unwrap_err();
        assert_eq!(cut.to_string(), "a header is 160 hex digits, found 159");
        let long = BlockHeader::from_hex(&format!("{GENESIS}00")).unwrap_err();
        assert_eq!(long, HeaderHexError::Length { found_digits: 162 });
    }

    #[test]
    fn names_the_position_of_a_bad_digit() {
        let text = format!("{}g{}", &GENESIS[..41], &GENESIS[42..]);
        assert_eq!(BlockHeader::from_hex(&text).unwrap_err(), HeaderHexError::Digit { position: 42, found: 'g' });
    }

    proptest! {
        #[test]
        fn any_eighty_bytes_survive_a_round_trip_through_fields(
            bytes in proptest::array::uniform32(any::<u8>()),
            rest in proptest::array::uniform32(any::<u8>()),
            end in proptest::array::uniform16(any::<u8>()),
        ) {
            let mut wire = [0; HEADER_LEN];
            wire[..32].copy_from_slice(&bytes);
            wire[32..64].copy_from_slice(&rest);
            wire[64..].copy_from_slice(&end);
            prop_assert_eq!(BlockHeader::from_wire(&wire).to_wire(), wire);
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text: String) {
            prop_assert!(BlockHeader::from_hex(&text).is_err());
        }
    }
}
