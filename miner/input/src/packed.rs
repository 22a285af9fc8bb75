//! Packed headers, 80 bytes each: only headers split between two reads are copied.

use cityseal_hash::HEADER_LEN;

use super::decode_error::DecodeError;
use super::place::{HeaderSink, Place};

/// Decoder of packed headers.
#[derive(Debug)]
pub struct PackedHeaders {
    part: [u8; HEADER_LEN],
    held: usize,
    /// Bytes of the whole headers so far.
    offset: u64,
}

impl Default for PackedHeaders {
    fn default() -> Self {
        Self { part: [0; HEADER_LEN], held: 0, offset: 0 }
    }
}

impl PackedHeaders {
    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut dyn HeaderSink) {
        let bytes = self.fill(bytes, sink);
        let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % HEADER_LEN);
        if !whole.is_empty() {
            self.offset += whole.len() as u64;
            sink.take(whole, Place::Packed);
        }
        if !rest.is_empty() {
            self.part[..rest.len()].copy_from_slice(rest);
            self.held = rest.len();
        }
    }

    /// Completes the header that the last piece split, if any; returns the rest of `bytes`.
    fn fill<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn HeaderSink) -> &'a [u8] {
        if self.held == 0 {
            return bytes;
        }
        let (taken, rest) = bytes.split_at(bytes.len().min(HEADER_LEN - self.held));
        self.part[self.held..self.held + taken.len()].copy_from_slice(taken);
        self.held += taken.len();
        if self.held == HEADER_LEN {
            self.held = 0;
            self.offset += HEADER_LEN as u64;
            sink.take(&self.part, Place::Packed);
        }
        rest
    }

    pub(super) const fn end(&self) -> Result<(), DecodeError> {
        match self.held {
            0 => Ok(()),
            found => Err(DecodeError::CutHeader { offset: self.offset, found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode_error::DecodeError;
    use super::super::decoder::tests::decode;
    use super::super::detect::Format;

    #[test]
    fn whole_headers_pass_and_a_truncated_one_is_reported_by_its_offset() {
        let bytes: Vec<u8> = (0..240_u8).collect();
        let (collected, result) = decode(Format::Headers, &[&bytes]);
        assert_eq!((collected.headers, result), (bytes.clone(), Ok(())));

        let (collected, result) = decode(Format::Headers, &[&bytes[..239]]);
        assert_eq!(collected.headers, bytes[..160]);
        assert_eq!(result, Err(DecodeError::CutHeader { offset: 160, found: 79 }));
    }
}
