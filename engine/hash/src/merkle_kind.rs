//! The two kinds of Merkle tree that are hashed in bulk.

/// How a Merkle tree hashes two children to their parent, and what it does with an unpaired node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MerkleKind {
    /// Bitcoin's tree: double SHA-256 over both children; an unpaired node is paired with itself.
    Bitcoin,
    /// The tree of RFC 6962, section 2.1: SHA-256 over the byte 0x01 and both children; an unpaired node moves up
    /// unhashed.
    Rfc6962Sha256,
}

impl MerkleKind {
    /// The name in a network's TOML: `bitcoin` or `rfc6962-sha256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bitcoin => "bitcoin",
            Self::Rfc6962Sha256 => "rfc6962-sha256",
        }
    }
}
