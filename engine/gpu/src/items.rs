//! Items to hash in one dispatch: what the device is told, what it is sent, and how its answer is read.

use cityseal_device::{CheckBatch, DeviceError, MerkleBatch, MerkleKind, Report};

use crate::layout::HashWords;
use crate::results::read_hashes;
use crate::shader::Shader;

/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Items to hash.
#[derive(Debug)]
pub(crate) struct HashWork {
    tag: u32,
    /// What is hashed.
    pub(crate) items: Items,
    /// Whether it was sent.
    pub(crate) is_sent: bool,
}

impl HashWork {
    /// Work that is marked with `tag`.
    pub(crate) const fn new(items: Items, tag: u32) -> Self {
        Self { tag, items, is_sent: false }
    }

    /// What the device is told.
    pub(crate) fn words(&self) -> HashWords {
        HashWords { count: self.items.count() as u32, tag: self.tag, ..HashWords::default() }
    }

    /// Reads the result: hashes, then marks.
    ///
    /// # Errors
    /// [`DeviceError::Incomplete`] unless each item has its mark.
    pub(crate) fn report(&self, bytes: &[u8]) -> Result<Report, DeviceError> {
        let count = self.items.count();
        let (hashes, marks) = bytes.split_at(count * HASH_BYTES);
        read_hashes(hashes, marks, self.tag, count).map(Report::Hashes)
    }
}

/// Headers or Merkle nodes.
#[derive(Debug)]
pub(crate) enum Items {
    /// Packed headers.
    Headers(CheckBatch),
    /// Packed Merkle nodes.
    Nodes(MerkleBatch),
}

impl Items {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Headers(check) => check.count(),
            Self::Nodes(merkle) => merkle.count(),
        }
    }

    /// Their bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Headers(check) => check.headers(),
            Self::Nodes(merkle) => merkle.nodes(),
        }
    }

    /// The shader for them.
    pub(crate) fn shader(&self) -> Shader {
        match self {
            Self::Headers(_) => Shader::Headers,
            Self::Nodes(merkle) => match merkle.rule() {
                MerkleKind::Bitcoin => Shader::Nodes,
                MerkleKind::Rfc6962Sha256 => Shader::Rfc6962Nodes,
            },
        }
    }
}
