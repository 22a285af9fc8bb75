//! A point of a search space, as a device reports it.

/// A point of a search space that a device claims to be a hit. Ordered as the space is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// The extranonce's value; 0 where the template has no coinbase.
    pub extranonce: u64,
    /// The number of the version under the template's mask.
    pub version_index: u32,
    /// The header's time, in seconds since 1970.
    pub time: u32,
    /// The header's nonce (numeric value of the little-endian field).
    pub nonce: u32,
}
