//! Items to hash in one dispatch: what the device is told, what it is sent, and how its answer is read.

use cityseal_device::{
    CheckAnswer, CheckBatch, DeviceError, HashTimes, HeaderBits, MerkleBatch, MerkleKind, MessagesBatch, Report,
};

use crate::layout::HashWords;
use crate::marks::read_turned;
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
        let (message_bytes, times) = match &self.items {
            Items::Messages(messages) => (messages.message_len() as u32, times_of(messages)),
            Items::Headers(_) | Items::Nodes(_) => (0, 0),
        };
        HashWords { count: self.items.count() as u32, tag: self.tag, message_bytes, times, ..HashWords::default() }
    }

    /// Reads the result: hashes, then marks.
    ///
    /// # Errors
    /// [`DeviceError::Incomplete`] unless each item has its mark.
    pub(crate) fn report(&self, bytes: &[u8]) -> Result<Report, DeviceError> {
        let count = self.items.count();
        let (hashes, marks) = bytes.split_at(self.items.hashes() * HASH_BYTES);
        if !self.items.is_checked() {
            return read_hashes(hashes, marks, self.tag, count).map(Report::Hashes);
        }
        let passed = read_turned(marks, self.tag, count)?.into_iter().map(|turned| !turned).collect();
        let last_hash = hashes.first_chunk().copied().unwrap_or_default();
        Ok(Report::Bits(HeaderBits { passed, last_hash }))
    }
}

const fn times_of(messages: &MessagesBatch) -> u32 {
    match messages.times() {
        HashTimes::Once => 1,
        HashTimes::Twice => 2,
    }
}

/// Headers, Merkle nodes or messages.
#[derive(Debug)]
pub(crate) enum Items {
    /// Packed headers.
    Headers(CheckBatch),
    /// Packed Merkle nodes.
    Nodes(MerkleBatch),
    /// Packed messages.
    Messages(MessagesBatch),
}

impl Items {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Headers(check) => check.count(),
            Self::Nodes(merkle) => merkle.count(),
            Self::Messages(messages) => messages.count(),
        }
    }

    /// How many hashes come back: of headers that are checked to one bit each, the last one's alone.
    pub(crate) fn hashes(&self) -> usize {
        if self.is_checked() { 1 } else { self.count() }
    }

    /// Their bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Headers(check) => check.headers(),
            Self::Nodes(merkle) => merkle.nodes(),
            Self::Messages(messages) => messages.messages(),
        }
    }

    /// The shader for them.
    pub(crate) fn shader(&self) -> Shader {
        match self {
            Self::Headers(_) if self.is_checked() => Shader::HeaderBits,
            Self::Headers(_) => Shader::Headers,
            Self::Nodes(merkle) => match merkle.rule() {
                MerkleKind::Bitcoin => Shader::Nodes,
                MerkleKind::Rfc6962Sha256 => Shader::Rfc6962Nodes,
            },
            Self::Messages(_) => Shader::Messages,
        }
    }

    /// Whether they are headers of which one bit each is wanted.
    fn is_checked(&self) -> bool {
        matches!(self, Self::Headers(check) if check.answer() == CheckAnswer::Bit)
    }
}
