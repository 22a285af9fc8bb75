//! Items to hash in one dispatch: the uniform words, the data, and how the result is read.

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
    /// The items.
    pub(crate) items: Items,
    /// Whether it was sent.
    pub(crate) is_sent: bool,
}

impl HashWork {
    /// Creates work whose results are marked with `tag`.
    pub(crate) const fn new(items: Items, tag: u32) -> Self {
        Self { tag, items, is_sent: false }
    }

    /// The uniform words.
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
    /// The number of items.
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
