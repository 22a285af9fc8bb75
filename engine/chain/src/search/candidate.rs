//! A device's claim of a hit, which is not trusted.

/// A point of a search space that a device claims to be a hit. Ordered like the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// The extranonce's value; 0 if the template has no coinbase.
    pub extranonce: u64,
    /// Index of the version under the template's mask.
    pub version_index: u32,
    /// The header's time, a Unix time in seconds.
    pub time: u32,
    /// The header's nonce (numeric value of the little-endian field).
    pub nonce: u32,
}
