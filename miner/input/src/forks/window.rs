//! A part of a block file without its obfuscation, which moves through the file.

use std::io;

use cityseal_engine::ReadAt;

use super::super::frame::FRAME_LEN;
use super::key::{KEY_LEN, Key};

/// Bytes per read among small blocks.
pub(super) const LONG_READ: usize = 1024 * 1024;

/// A part of the file without its obfuscation, moved on demand.
pub(super) struct Window<'a> {
    file: &'a dyn ReadAt,
    /// Length of the file in bytes.
    pub(super) len: u64,
    pub(super) key: Key,
    bytes: Vec<u8>,
    begin: u64,
    /// Bytes read at once.
    pub(super) ahead: usize,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a dyn ReadAt, len: u64, key: Key) -> Self {
        Self { file, len, key, bytes: Vec::new(), begin: 0, ahead: LONG_READ }
    }
}

impl Window<'_> {
    /// Returns `len` bytes from `at` on; the range must be within the file.
    pub(super) fn at(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let is_there = at >= self.begin && at + len as u64 <= self.begin + self.bytes.len() as u64;
        if !is_there {
            self.move_to(at, len)?;
        }
        let from = (at - self.begin) as usize;
        Ok(&self.bytes[from..from + len])
    }

    pub(super) fn frame(&mut self, at: u64) -> io::Result<[u8; FRAME_LEN]> {
        let mut frame = [0; FRAME_LEN];
        frame.copy_from_slice(self.at(at, FRAME_LEN)?);
        Ok(frame)
    }

    /// Returns the buffered bytes from `at` on: at least a frame.
    pub(super) fn some_at(&mut self, at: u64) -> io::Result<&[u8]> {
        self.at(at, FRAME_LEN)?;
        Ok(&self.bytes[(at - self.begin) as usize..])
    }

    /// Returns the bytes from `at` on, at most `len` of them.
    pub(super) fn up_to(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        if at >= self.len {
            return Ok(&[]);
        }
        self.at(at, (len as u64).min(self.len - at) as usize)
    }

    fn move_to(&mut self, at: u64, len: usize) -> io::Result<()> {
        let bytes = (self.ahead.max(len) as u64).min(self.len - at) as usize;
        self.bytes.resize(bytes, 0);
        self.begin = at;
        self.file.read_exact_at(&mut self.bytes, at)?;
        self.key.turn(&mut self.bytes, at);
        Ok(())
    }

    /// Whether a byte is preallocated space: never written, or written as zero.
    pub(super) fn is_unused(&self, at: u64, byte: u8) -> bool {
        byte == 0 || byte == self.key.at(at)[0]
    }

    /// Returns how far to advance if the eight bytes of a frame are preallocated space: over all such words in a row
    /// except the last, in which the next frame may begin. 0 if they are not.
    pub(super) fn unused_words(&mut self, at: u64, frame: [u8; FRAME_LEN]) -> io::Result<u64> {
        let words = [[0; KEY_LEN], self.key.at(at)];
        let Some(zeros) = words.into_iter().find(|zeros| *zeros == frame) else { return Ok(0) };
        let (there, _) = self.some_at(at)?.as_chunks::<KEY_LEN>();
        let count = there.iter().take_while(|word| **word == zeros).count() as u64;
        Ok((KEY_LEN as u64 * (count - 1)).max(1))
    }
}
