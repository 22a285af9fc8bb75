//! Whole blocks on their way into a verification: handed over as bytes, or as places that a worker reads itself.

use std::io;
use std::sync::Arc;

use cityseal_hash::HEADER_LEN;

/// Where one block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// Which of the files of its source, counted from 0.
    pub file: u32,
    /// How many bytes the block has, header included.
    pub len: u32,
    /// Where its header begins in that file, in bytes.
    pub at: u64,
    /// Where its header begins in all the input, in bytes: what a fault names.
    pub offset: u64,
}

/// Something that several workers read whole blocks from at once.
pub trait ReadBlocks: Send + Sync {
    /// Appends the blocks at these places to `room`, one after another.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::UnexpectedEof`] where a file ends before.
    fn read_blocks(&self, places: &[BlockPlace], room: &mut Vec<u8>) -> io::Result<()>;
}

/// One block of a batch that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockSpan {
    /// Its bytes in the batch.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where its header begins in all the input, in bytes.
    pub(crate) offset: u64,
}

/// Consecutive blocks of a chain that are there.
#[derive(Clone, Debug, Default)]
pub struct BlockBatch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) blocks: Vec<BlockSpan>,
}

impl BlockBatch {
    /// No blocks, with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), blocks: Vec::new() }
    }

    /// Adds a block: a header of 80 bytes and what is said to be its body, which may be anything.
    ///
    /// # Panics
    /// If there is no whole header: who cuts an input into blocks knows that much.
    pub fn push(&mut self, block: &[u8], offset: u64) {
        assert!(block.len() >= HEADER_LEN, "a block begins with a whole header");
        let start = self.bytes.len();
        self.bytes.extend_from_slice(block);
        self.blocks.push(BlockSpan { start, end: self.bytes.len(), offset });
    }

    /// Leaves out all blocks but these.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn keep(&mut self, blocks: std::ops::Range<usize>) {
        self.blocks.truncate(blocks.end);
        self.blocks.drain(..blocks.start);
    }

    /// The blocks' headers, packed.
    pub fn headers(&self) -> Vec<u8> {
        let mut headers = Vec::with_capacity(self.blocks.len() * HEADER_LEN);
        self.blocks.iter().for_each(|span| headers.extend_from_slice(&self.bytes[span.start..span.start + HEADER_LEN]));
        headers
    }

    /// Bytes of all blocks.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

/// Consecutive blocks of a chain that a worker is to read: their headers are known from an index.
#[derive(Clone)]
pub struct UnreadBlocks {
    /// What they are read from.
    pub source: Arc<dyn ReadBlocks>,
    /// Where each stands.
    pub places: Vec<BlockPlace>,
    /// The header of each, 80 bytes in wire order, one after another; a block that is read with another header has changed.
    pub headers: Vec<u8>,
}

impl std::fmt::Debug for UnreadBlocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnreadBlocks").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_stand_in_a_batch_as_they_were_given() {
        let mut batch = BlockBatch::with_capacity(200);
        assert!(batch.is_empty());
        batch.push(&[1; 80], 8);
        batch.push(&[2; 90], 96);
        assert_eq!((batch.len(), batch.bytes()), (2, 170));
        assert_eq!(batch.blocks[1], BlockSpan { start: 80, end: 170, offset: 96 });
        assert_eq!(batch.headers(), [[1; 80], [2; 80]].concat());
        batch.keep(1..2);
        assert_eq!((batch.len(), batch.headers()), (1, [2; 80].to_vec()));
    }

    #[test]
    #[should_panic(expected = "a block begins with a whole header")]
    fn less_than_a_header_is_our_own_broken_promise() {
        BlockBatch::default().push(&[0; 79], 0);
    }
}
