//! Passes the blocks of one chunk to the verifier, about a megabyte at a time.
//!
//! It finds where each block ends but validates none. If a block has no end within its chunk, all remaining bytes are
//! one block, and the verifier reports where it breaks off (R20).

use cityseal_chain::body::{Extent, block_extent};
use cityseal_engine::BlockBatch;
use cityseal_hash::HEADER_LEN;
use cityseal_proto::FieldError;
use prost::bytes::{Buf, Bytes};

/// Bytes per batch, unless one block is larger: enough to fill the lanes of a kernel many times.
const BATCH_BYTES: usize = 1 << 20;

/// The rest of a chunk.
#[derive(Debug)]
pub(super) struct BlockChunk {
    rest: Bytes,
    /// Byte of the whole chain at which the rest begins.
    offset: u64,
}

impl BlockChunk {
    pub(super) const fn new(blocks: Bytes, offset: u64) -> Self {
        Self { rest: blocks, offset }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Moves the next blocks into an empty batch.
    ///
    /// # Errors
    /// Returns an error if less than a header is left.
    pub(super) fn fill(&mut self, batch: &mut BlockBatch) -> Result<(), FieldError> {
        while !self.rest.is_empty() {
            let len = self.front_len()?;
            if !batch.is_empty() && batch.bytes() + len > BATCH_BYTES {
                break;
            }
            batch.push(&self.rest[..len], self.offset);
            self.rest.advance(len);
            self.offset += len as u64;
        }
        Ok(())
    }

    fn front_len(&self) -> Result<usize, FieldError> {
        let left = self.rest.len();
        if left < HEADER_LEN {
            let problem =
                format!("{left} bytes at offset {} of the chain, expected at least the 80 of a header", self.offset);
            return Err(FieldError::refused("packed_blocks", &problem));
        }
        match block_extent(&self.rest) {
            Ok(Extent::Whole(len)) => Ok(len),
            Ok(Extent::Cut) | Err(_) => Ok(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of one transaction whose script has `script` bytes.
    fn block(script: u16) -> Vec<u8> {
        let script = [&script.to_le_bytes()[..], &vec![0x51; usize::from(script)]].concat();
        let transaction = [&[1, 0, 0, 0, 1][..], &[7; 36], &[0xfd], &script, &[0xff; 4], &[1], &[0; 9], &[0; 4]];
        [&[7; HEADER_LEN][..], &[1], &transaction.concat()].concat()
    }

    /// Number of blocks and bytes of each batch.
    fn batches(blocks: &[u8]) -> Result<Vec<(usize, usize)>, FieldError> {
        let mut chunk = BlockChunk::new(Bytes::copy_from_slice(blocks), 1000);
        let mut batches = Vec::new();
        while !chunk.is_empty() {
            let mut batch = BlockBatch::default();
            chunk.fill(&mut batch)?;
            batches.push((batch.len(), batch.bytes()));
        }
        Ok(batches)
    }

    #[test]
    fn a_batch_holds_as_many_blocks_as_fit_into_it() {
        let one = block(60_000);
        let got = batches(&one.repeat(40)).unwrap();
        assert!(got.len() == 3 && got.iter().all(|(_, bytes)| *bytes <= BATCH_BYTES), "{got:?}");
        assert_eq!(got.iter().map(|(blocks, _)| blocks).sum::<usize>(), 40);
    }

    #[test]
    fn a_block_without_an_end_takes_the_rest() {
        let whole = block(300);
        let cut = &whole[..whole.len() - 1];
        assert_eq!(batches(&[&whole, cut].concat()), Ok(vec![(2, 2 * whole.len() - 1)]));
        let endless = [&whole[..HEADER_LEN], &[0xfd, 1, 0], &whole[..]].concat();
        assert_eq!(batches(&[&whole, &endless[..]].concat()), Ok(vec![(2, whole.len() + endless.len())]));
    }

    #[test]
    fn less_than_a_header_is_refused_with_its_place_and_a_single_header_is_a_block() {
        let whole = block(300);
        assert_eq!(batches(&[&whole, &[7; 80][..]].concat()), Ok(vec![(2, whole.len() + 80)]));
        let message = batches(&[&whole, &[7; 79][..]].concat()).unwrap_err().to_string();
        assert!(message.contains(&format!("79 bytes at offset {}", 1000 + whole.len())), "{message}");
    }
}
