//! Whole blocks as input of a verification: given as bytes, or as places that a worker reads.

use std::io;
use std::sync::Arc;

use cityseal_hash::HEADER_LEN;

/// The location of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// Index of the file in its source, from 0.
    pub file: u32,
    /// Length of the block in bytes, header included.
    pub len: u32,
    /// Offset of its header in that file, in bytes.
    pub at: u64,
    /// Offset of its header in the whole input, in bytes, as a fault reports it.
    pub offset: u64,
}

/// A source from which several workers read whole blocks at once.
pub trait ReadBlocks: Send + Sync {
    /// Appends the blocks at these places to `buffer`, one after another.
    ///
    /// # Errors
    /// The error of the operating system; [`io::ErrorKind::UnexpectedEof`] if a file ends first.
    fn read_blocks(&self, places: &[BlockPlace], buffer: &mut Vec<u8>) -> io::Result<()>;
}

/// One block of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockSpan {
    /// First byte of the block in the batch.
    pub(crate) start: usize,
    /// End of the block in the batch, exclusive.
    pub(crate) end: usize,
    /// Offset of its header in the whole input, in bytes.
    pub(crate) offset: u64,
}

/// Consecutive blocks of a chain, as bytes.
#[derive(Clone, Debug, Default)]
pub struct BlockBatch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) blocks: Vec<BlockSpan>,
}

impl BlockBatch {
    /// An empty batch with capacity for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), blocks: Vec::new() }
    }

    /// Adds a block: a header of 80 bytes and its body, which may be malformed. `offset` is the offset of the header in
    /// the whole input, in bytes.
    ///
    /// # Panics
    /// If `block` is shorter than a header.
    pub fn push(&mut self, block: &[u8], offset: u64) {
        assert!(block.len() >= HEADER_LEN, "a block begins with a whole header");
        let start = self.bytes.len();
        self.bytes.extend_from_slice(block);
        self.blocks.push(BlockSpan { start, end: self.bytes.len(), offset });
    }

    /// Keeps only the blocks of a range.
    ///
    /// # Panics
    /// If the range is out of bounds.
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

    /// Total length of all blocks in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether the batch has no blocks.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

/// Consecutive blocks of a chain that a worker reads; their headers are known from an index.
#[derive(Clone)]
pub struct UnreadBlocks {
    /// The source of the blocks.
    pub source: Arc<dyn ReadBlocks>,
    /// The location of each block.
    pub places: Vec<BlockPlace>,
    /// The header of each block, 80 bytes in wire order, packed. A block that is read with another header has changed,
    /// which makes the verdict INCOMPLETE.
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
    fn a_batch_keeps_its_blocks_and_their_headers_in_order() {
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
    fn a_block_shorter_than_a_header_panics() {
        BlockBatch::default().push(&[0; 79], 0);
    }
}
