//! Digests of canonical texts: of a network's parameters, and of the rules that are judged.

use std::fmt;
use std::str::FromStr;

use cityseal_hash::sha256;

use crate::hex::{self, HexError};

/// The SHA-256 digest of a canonical text. `Display` writes 64 hex digits in FIPS 180-4 byte order, which unlike that
/// of a block's hash is not reversed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a text.
    pub fn of(text: &str) -> Self {
        Self(sha256(text.as_bytes()))
    }

    /// Wraps 32 bytes in FIPS 180-4 order.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes in FIPS 180-4 order.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl FromStr for Digest {
    type Err = HexError;

    /// Reads 64 hex digits.
    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::decode_array(text).map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_shown_in_the_byte_order_of_fips_180_4_and_read_back() {
        // The example of FIPS 180-4 for the message "abc".
        let digest = Digest::of("abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!((digest.to_bytes()[0], Digest::from_bytes(digest.to_bytes())), (0xba, digest));
        assert!("ba78".parse::<Digest>().is_err());
    }
}
