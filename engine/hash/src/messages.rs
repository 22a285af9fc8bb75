//! The two ways in which messages of any length are hashed, and the hash of a single message: the portable kernel
//! hashes every message so, the others only the last few. `lanewise` hashes messages in parallel lanes.

use sha2::{Digest, Sha256};

use crate::constants::RFC6962_LEAF_PREFIX;
use crate::sha256;

/// How each message is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Double SHA-256: Bitcoin's transactions.
    Twice,
    /// SHA-256 of the leaf prefix and the message (RFC 6962, section 2.1).
    Leaf,
}

impl Treatment {
    /// The bytes before the message: at most one.
    pub(crate) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Twice => &[],
            Self::Leaf => &[RFC6962_LEAF_PREFIX],
        }
    }

    /// The final hash, from the first one.
    pub(crate) fn finish(self, digest: [u8; 32]) -> [u8; 32] {
        match self {
            Self::Twice => sha256(&digest),
            Self::Leaf => digest,
        }
    }

    /// Hashes one message.
    pub(crate) fn of(self, message: &[u8]) -> [u8; 32] {
        self.finish(Sha256::new().chain_update(self.prefix()).chain_update(message).finalize().into())
    }
}
