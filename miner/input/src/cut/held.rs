//! The bytes that were read but not cut yet, with the offset of the first.

use std::io::{self, Read};

/// Bytes of a file from an offset on.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    /// Number of bytes that were consumed.
    passed: usize,
    /// Offset in the file of the first byte that was not consumed.
    offset: u64,
}

impl Held {
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.passed..]
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Consumes this many more bytes.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.passed += bytes;
        self.offset += bytes as u64;
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.forget_passed();
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn fill_from(&mut self, stream: &mut dyn Read, bytes: usize) -> io::Result<usize> {
        self.forget_passed();
        self.bytes.reserve(bytes);
        stream.take(bytes as u64).read_to_end(&mut self.bytes)
    }

    /// Moves the rest, less than a block, to the front.
    fn forget_passed(&mut self) {
        self.bytes.drain(..self.passed);
        self.passed = 0;
    }
}
