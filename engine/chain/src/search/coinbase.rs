//! A coinbase transaction with a gap for the extranonce, as Stratum sends it.
//!
//! The bytes around the gap are not parsed or judged.

use std::hash::{Hash, Hasher};

use cityseal_hash::Sha256Prefix;

use super::span::ExtranonceSpan;

/// The parts of a coinbase transaction (without witness) around its extranonce, and the extranonces that may fill the
/// gap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CoinbaseParts {
    prefix: Prefix,
    suffix: Vec<u8>,
    extranonce_len: u8,
    extranonces: ExtranonceSpan,
}

/// The bytes before the extranonce, hashed once for all extranonces: a coinbase of a million bytes would otherwise cost
/// about a millisecond each. The hash state is derived from the bytes, so only they are compared.
#[derive(Clone, Debug)]
struct Prefix {
    bytes: Vec<u8>,
    absorbed: Sha256Prefix,
}

impl PartialEq for Prefix {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Prefix {}

impl Hash for Prefix {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

/// Why coinbase parts are invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoinbaseError {
    /// The extranonce has no bytes, or more than a 64-bit number.
    #[error("extranonce of {found} bytes; expected 1 to {expected_max}")]
    ExtranonceLen {
        /// Maximum length of an extranonce in bytes.
        expected_max: u8,
        /// The length given.
        found: u64,
    },
    /// The range of extranonces exceeds what its bytes can hold.
    #[error("last extranonce {found:x} does not fit into {extranonce_len} bytes; expected at most {expected_max:x}")]
    ExtranonceTooLarge {
        /// Length of the extranonce in bytes.
        extranonce_len: u8,
        /// The largest value that fits.
        expected_max: u64,
        /// The last value given.
        found: u64,
    },
    /// The transaction is longer than fits into a block.
    #[error("coinbase of {found} bytes; expected at most {expected_max}")]
    TooLong {
        /// Maximum length of a coinbase in bytes.
        expected_max: usize,
        /// The length given, extranonce included.
        found: usize,
    },
}

impl CoinbaseParts {
    /// Maximum length of an extranonce in bytes: that of a 64-bit number.
    pub const EXTRANONCE_LEN_MAX: u8 = 8;

    /// Maximum length of a coinbase in bytes: a block without witnesses has at most 1,000,000 (4,000,000 weight units
    /// at 4 a byte, Bitcoin Core's `MAX_BLOCK_WEIGHT / WITNESS_SCALE_FACTOR`).
    pub const LEN_MAX: usize = 1_000_000;

    /// A coinbase of `prefix` (Stratum's coinbase1 and extranonce1), an extranonce of `extranonce_len` bytes
    /// (extranonce2) and `suffix` (coinbase2). All values of the extranonce may be used.
    ///
    /// # Errors
    /// [`CoinbaseError`] if the extranonce does not have 1 to 8 bytes, or the whole is longer than [`Self::LEN_MAX`].
    pub fn new(prefix: Vec<u8>, suffix: Vec<u8>, extranonce_len: u8) -> Result<Self, CoinbaseError> {
        let expected_max = Self::EXTRANONCE_LEN_MAX;
        if !(1..=expected_max).contains(&extranonce_len) {
            return Err(CoinbaseError::ExtranonceLen { expected_max, found: extranonce_len.into() });
        }
        let found = prefix.len() + usize::from(extranonce_len) + suffix.len();
        if found > Self::LEN_MAX {
            return Err(CoinbaseError::TooLong { expected_max: Self::LEN_MAX, found });
        }
        let extranonces = ExtranonceSpan::up_to(largest_extranonce(extranonce_len));
        let absorbed = Sha256Prefix::new(&prefix);
        Ok(Self { prefix: Prefix { bytes: prefix, absorbed }, suffix, extranonce_len, extranonces })
    }

    /// Restricts the coinbase to some extranonces.
    ///
    /// # Errors
    /// [`CoinbaseError::ExtranonceTooLarge`] if the last one does not fit into the extranonce's bytes.
    pub fn with_extranonces(self, extranonces: ExtranonceSpan) -> Result<Self, CoinbaseError> {
        let (expected_max, found) = (largest_extranonce(self.extranonce_len), extranonces.last());
        if found > expected_max {
            return Err(CoinbaseError::ExtranonceTooLarge { extranonce_len: self.extranonce_len, expected_max, found });
        }
        Ok(Self { extranonces, ..self })
    }

    /// The bytes before the extranonce.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix.bytes
    }

    /// The bytes after the extranonce.
    pub fn suffix(&self) -> &[u8] {
        &self.suffix
    }

    /// Length of the extranonce in bytes: 1 to 8.
    pub const fn extranonce_len(&self) -> u8 {
        self.extranonce_len
    }

    /// The extranonces that may be used.
    pub const fn extranonces(&self) -> ExtranonceSpan {
        self.extranonces
    }

    /// The bytes of an extranonce: big-endian, as Stratum writes extranonce2.
    ///
    /// # Panics
    /// If the value does not fit into the extranonce's bytes.
    pub fn extranonce_bytes(&self, extranonce: u64) -> Vec<u8> {
        assert!(extranonce <= largest_extranonce(self.extranonce_len), "extranonce {extranonce} does not fit");
        extranonce.to_be_bytes()[8 - usize::from(self.extranonce_len)..].to_vec()
    }

    /// The whole transaction with an extranonce filled in.
    ///
    /// # Panics
    /// If the value does not fit into the extranonce's bytes.
    pub fn transaction(&self, extranonce: u64) -> Vec<u8> {
        [self.prefix(), &self.extranonce_bytes(extranonce), &self.suffix].concat()
    }

    /// The transaction's double SHA-256, 32 bytes in wire order: the leftmost leaf of the block's Merkle tree. Hashes
    /// the extranonce and the suffix; the prefix was hashed when the parts were made.
    ///
    /// # Panics
    /// If the value does not fit into the extranonce's bytes.
    pub fn leaf(&self, extranonce: u64) -> [u8; 32] {
        self.prefix.absorbed.double_sha256(&[&self.extranonce_bytes(extranonce), &self.suffix])
    }
}

/// The largest number that fits into `len` bytes, 1 to 8.
const fn largest_extranonce(len: u8) -> u64 {
    u64::MAX >> (64 - 8 * len as u32)
}

#[cfg(test)]
mod tests {
    use cityseal_hash::double_sha256;

    use super::*;

    fn parts(extranonce_len: u8) -> Result<CoinbaseParts, CoinbaseError> {
        CoinbaseParts::new(vec![0xaa, 0xbb], vec![0xcc], extranonce_len)
    }

    #[test]
    fn writes_the_extranonce_big_endian_between_prefix_and_suffix() {
        assert_eq!(parts(4).unwrap().transaction(0x220cf1ad), [0xaa, 0xbb, 0x22, 0x0c, 0xf1, 0xad, 0xcc]);
        assert_eq!(parts(1).unwrap().transaction(0xff), [0xaa, 0xbb, 0xff, 0xcc]);
        assert_eq!(parts(8).unwrap().transaction(u64::MAX).len(), 11);
    }

    #[test]
    fn the_leaf_is_the_hash_of_the_transaction_whatever_the_lengths_of_its_parts() {
        for (prefix, suffix) in [(0, 0), (1, 63), (55, 9), (64, 64), (200, 1_000), (1_000, 3)] {
            let parts = CoinbaseParts::new(vec![7; prefix], vec![9; suffix], 3).unwrap();
            for extranonce in [0, 1, 0xff_ffff] {
                assert_eq!(parts.leaf(extranonce), double_sha256(&parts.transaction(extranonce)), "{prefix} {suffix}");
            }
        }
    }

    #[test]
    fn accepts_extranonces_of_one_and_eight_bytes_and_refuses_zero_and_nine() {
        assert_eq!(parts(1).unwrap().extranonces().last(), 0xff);
        assert_eq!(parts(8).unwrap().extranonces().last(), u64::MAX);
        for found in [0, 9] {
            let refused = CoinbaseError::ExtranonceLen { expected_max: 8, found: found.into() };
            assert_eq!(parts(found), Err(refused));
        }
    }

    #[test]
    fn accepts_the_last_extranonce_that_fits_and_refuses_the_next() {
        let fits = ExtranonceSpan::new(3, 0xffff).unwrap();
        assert_eq!(parts(2).unwrap().with_extranonces(fits).unwrap().extranonces(), fits);
        let refused = parts(2).unwrap().with_extranonces(ExtranonceSpan::single(0x1_0000)).unwrap_err();
        assert_eq!(refused.to_string(), "last extranonce 10000 does not fit into 2 bytes; expected at most ffff");
    }

    #[test]
    fn accepts_the_longest_coinbase_and_refuses_one_byte_more() {
        let of_len = |len: usize| CoinbaseParts::new(vec![0; len - 4], Vec::new(), 4);
        assert!(of_len(CoinbaseParts::LEN_MAX).is_ok());
        let refused = CoinbaseError::TooLong { expected_max: 1_000_000, found: 1_000_001 };
        assert_eq!(of_len(CoinbaseParts::LEN_MAX + 1), Err(refused));
    }
}
