//! The position of a transaction in its block, and the two messages that are hashed for its ids.

use std::ops::Range;

/// The position of a transaction, as byte offsets in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransactionSpan {
    start: u32,
    /// Start of inputs and outputs with their counts: the part between the version (with BIP144's flag) and the
    /// witnesses.
    body_start: u32,
    body_end: u32,
    end: u32,
    /// The lock time if it applies; 0 if there is none, or if every input's sequence disables it.
    pub(super) lock: u32,
}

/// Bytes of version and lock time, the only parts of the witness-free message besides inputs and outputs.
const EDGES_LEN: usize = 4 + 4;

impl TransactionSpan {
    #[inline]
    pub(super) const fn new(start: usize, body_start: usize, body_end: usize, end: usize) -> Self {
        let (start, body_start, body_end, end) = (start as u32, body_start as u32, body_end as u32, end as u32);
        Self { start, body_start, body_end, end, lock: 0 }
    }

    /// The byte range of the whole transaction, witness included.
    pub const fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The byte range of inputs and outputs with their counts.
    pub(super) const fn body(&self) -> Range<usize> {
        self.body_start as usize..self.body_end as usize
    }

    /// Whether it has witness data. (A flag without witness data is refused.)
    #[inline]
    pub const fn has_witness(&self) -> bool {
        self.body_start - self.start > 4
    }

    /// Length of the transaction without its witness, in bytes.
    #[inline]
    pub const fn stripped_len(&self) -> usize {
        EDGES_LEN + (self.body_end - self.body_start) as usize
    }

    /// The whole transaction, which is the message for its witness id, and for its id if it has no witness.
    ///
    /// # Panics
    /// If `block` is shorter than the block that was parsed.
    pub fn whole<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        &block[self.range()]
    }

    /// The message for the transaction's id, as consecutive pieces: version, inputs and outputs, lock time.
    ///
    /// # Panics
    /// If `block` is shorter than the block that was parsed.
    pub fn stripped<'a>(&self, block: &'a [u8]) -> [&'a [u8]; 3] {
        let (start, end) = (self.start as usize, self.end as usize);
        [&block[start..start + 4], &block[self.body()], &block[end - 4..end]]
    }

    /// Appends the message for the transaction's id to `arena` and returns its range there, so that the messages of
    /// many transactions can share one buffer. Only needed if there is a witness; otherwise the message is
    /// [`Self::whole`].
    ///
    /// # Panics
    /// If `block` is shorter than the block that was parsed.
    pub fn append_stripped(&self, block: &[u8], arena: &mut Vec<u8>) -> Range<usize> {
        let start = arena.len();
        for piece in self.stripped(block) {
            arena.extend_from_slice(piece);
        }
        start..arena.len()
    }
}
