//! Block hashes, Merkle roots and transaction ids as distinct types, which also fix the byte order.
//!
//! They carry no claim about work or membership. The hashing itself is in `cityseal-hash`.

use crate::hex::{self, HexError};
use crate::u256::U256;
use std::fmt;
use std::str::FromStr;

macro_rules! hash_type {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        ///
        /// 32 bytes in wire order, as in a header. `Display` shows them reversed, as block explorers do.
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// 32 zero bytes: the predecessor named by a genesis header.
            pub const ZERO: Self = Self([0; 32]);

            /// Wraps 32 bytes in wire order.
            pub const fn from_wire(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Returns the 32 bytes in wire order.
            pub const fn to_wire(self) -> [u8; 32] {
                self.0
            }

            /// Borrows the 32 bytes in wire order.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Reads 64 hex digits, most significant byte first.
            ///
            /// # Errors
            /// If the text is not exactly 64 hex digits.
            pub fn from_display_hex(text: &str) -> Result<Self, HexError> {
                let mut bytes: [u8; 32] = hex::decode_array(text)?;
                bytes.reverse();
                Ok(Self(bytes))
            }

            /// Writes 64 hex digits, most significant byte first.
            pub fn to_display_hex(self) -> String {
                let mut bytes = self.0;
                bytes.reverse();
                hex::encode(&bytes)
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            /// Reads 64 hex digits, most significant byte first.
            fn from_str(text: &str) -> Result<Self, HexError> {
                Self::from_display_hex(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_display_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

hash_type!(BlockHash, "The double SHA-256 of a block header.");
hash_type!(MerkleRoot, "The root of a tree of transactions or records, as in a header.");
hash_type!(Txid, "The id of a transaction: the double SHA-256 of its bytes without witnesses.");

impl BlockHash {
    /// The hash as the number that is compared with a target: its wire bytes are little-endian.
    pub(crate) fn to_number(self) -> U256 {
        U256::from_le_bytes(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_hex_is_the_wire_bytes_reversed() {
        let mut wire = [0; 32];
        wire[0] = 0x01;
        wire[31] = 0xab;
        let hash = BlockHash::from_wire(wire);
        assert!(hash.to_string().starts_with("ab00"));
        assert!(hash.to_string().ends_with("0001"));
        assert_eq!(BlockHash::from_display_hex(&hash.to_string()).unwrap(), hash);
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(format!("{hash:?}"), format!("BlockHash({hash})"));
    }

    #[test]
    fn refuses_display_hex_of_another_length() {
        let error = MerkleRoot::from_display_hex(&"0".repeat(63)).unwrap_err();
        assert_eq!(error, HexError::Length { expected_digits: 64, found_digits: 63 });
    }
}
