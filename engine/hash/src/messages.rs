//! What is done with messages of any length, and how one of them is hashed alone: what the portable kernel does with each
//! and the others with those that are left over. Many abreast are `lanewise`'s.

use sha2::{Digest, Sha256};

use crate::constants::RFC6962_LEAF_PREFIX;
use crate::sha256;

/// What is done with each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Double SHA-256: Bitcoin's transactions.
    Twice,
    /// SHA-256 of the prefix of a leaf and the message (RFC 6962, section 2.1).
    Leaf,
}

impl Treatment {
    /// The bytes that come before the message: one at most.
    pub(crate) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Twice => &[],
            Self::Leaf => &[RFC6962_LEAF_PREFIX],
        }
    }

    /// What becomes of the first hash.
    pub(crate) fn finish(self, digest: [u8; 32]) -> [u8; 32] {
        match self {
            Self::Twice => sha256(&digest),
            Self::Leaf => digest,
        }
    }

    /// The hash of one message.
    pub(crate) fn of(self, message: &[u8]) -> [u8; 32] {
        self.finish(Sha256::new().chain_update(self.prefix()).chain_update(message).finalize().into())
    }
}
