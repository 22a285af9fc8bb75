//! Where one transaction stands in its block, and the two messages that it is hashed as.

use std::ops::Range;

/// Where one transaction stands, in bytes of its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransactionSpan {
    start: u32,
    /// Inputs and outputs, with their counts: what lies between the version (with BIP144's flag) and the witnesses.
    body_start: u32,
    body_end: u32,
    end: u32,
    /// The lock time where it counts; 0 where there is none, or where every input's sequence is the last one.
    pub(super) lock: u32,
}

/// Bytes of version and lock time, which are all that the witness-free message has beside inputs and outputs.
const EDGES_LEN: usize = 4 + 4;

impl TransactionSpan {
    #[inline]
    pub(super) const fn new(start: usize, body_start: usize, body_end: usize, end: usize) -> Self {
        let (start, body_start, body_end, end) = (start as u32, body_start as u32, body_end as u32, end as u32);
        Self { start, body_start, body_end, end, lock: 0 }
    }

    /// The whole transaction, witness included.
    pub const fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Inputs and outputs with their counts.
    pub(super) const fn body(&self) -> Range<usize> {
        self.body_start as usize..self.body_end as usize
    }

    /// Whether it has witness data. (The flag without any is refused.)
    #[inline]
    pub const fn has_witness(&self) -> bool {
        self.body_start - self.start > 4
    }

    /// Bytes of the transaction without its witness.
    #[inline]
    pub const fn stripped_len(&self) -> usize {
        EDGES_LEN + (self.body_end - self.body_start) as usize
    }

    /// The whole transaction: what its witness id is hashed over, and its id too where it has no witness.
    ///
    /// # Panics
    /// If `block` is not the block that it was found in.
    pub fn whole<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        &block[self.range()]
    }

    /// What the transaction's id is hashed over, in pieces that stand one after another: version, inputs and outputs,
    /// lock time.
    ///
    /// # Panics
    /// If `block` is not the block that it was found in.
    pub fn stripped<'a>(&self, block: &'a [u8]) -> [&'a [u8]; 3] {
        let (start, end) = (self.start as usize, self.end as usize);
        [&block[start..start + 4], &block[self.body()], &block[end - 4..end]]
    }

    /// Appends what the transaction's id is hashed over to `arena` and says where it stands there, so that the messages of
    /// many transactions can lie in one buffer. Needed only where there is a witness: otherwise it is [`Self::whole`].
    ///
    /// # Panics
    /// If `block` is not the block that it was found in.
    pub fn append_stripped(&self, block: &[u8], arena: &mut Vec<u8>) -> Range<usize> {
        let start = arena.len();
        for piece in self.stripped(block) {
            arena.extend_from_slice(piece);
        }
        start..arena.len()
    }
}
