//! Blocks on their way through an upload: their headers out, and where each block stood in the stream.
//!
//! It walks the transactions and judges none. A chunk holds whole blocks: what it cuts is refused with its place.

use cityseal_hash::HEADER_LEN;
use cityseal_proto::FieldError;
use prost::bytes::{Bytes, BytesMut};

use crate::input::{Decoder, Format, HeaderSink, Place, PlaceLog};

/// Reads the blocks of all chunks of one upload.
#[derive(Debug)]
pub(super) struct BlockReader {
    decoder: Decoder,
    places: PlaceLog,
}

impl Default for BlockReader {
    fn default() -> Self {
        Self { decoder: Decoder::of(Format::RawBlocks), places: PlaceLog::default() }
    }
}

impl BlockReader {
    /// The headers of the blocks of the next chunk. Offsets in errors are those of the whole upload.
    pub(super) fn headers_of(&mut self, blocks: &[u8]) -> Result<Bytes, FieldError> {
        let mut headers = Headers { packed: BytesMut::new(), places: &mut self.places };
        let read = self.decoder.push(blocks, &mut headers).and_then(|()| self.decoder.end(&mut headers));
        let packed = headers.packed.freeze();
        read.map_err(|error| FieldError::refused("packed_blocks", &error))?;
        Ok(packed)
    }

    /// Where the block stands whose header has this offset among all headers, in bytes from the first block.
    pub(super) fn offset_of(&self, header_offset: u64) -> Option<u64> {
        self.places.find(header_offset / HEADER_LEN as u64)?.byte
    }

    /// Forgets where the blocks below this one of the upload stood.
    pub(super) fn forget_below(&mut self, index: u64) {
        self.places.forget_below(index);
    }
}

struct Headers<'a> {
    packed: BytesMut,
    places: &'a mut PlaceLog,
}

impl HeaderSink for Headers<'_> {
    fn take(&mut self, packed: &[u8], place: Place) {
        self.places.note((packed.len() / HEADER_LEN) as u64, 0, place);
        self.packed.extend_from_slice(packed);
    }
}
