//! A part of a block file with its key taken off, which moves through the file.

use std::io;

use cityseal_engine::ReadAt;

use super::super::frame::FRAME_LEN;
use super::key::{KEY_LEN, Key};

/// Bytes of a read among small blocks.
pub(super) const LONG_READ: usize = 1024 * 1024;

/// A part of the file with its key taken off, moved on as it is asked for.
pub(super) struct Window<'a> {
    file: &'a dyn ReadAt,
    /// Bytes of the file.
    pub(super) len: u64,
    pub(super) key: Key,
    bytes: Vec<u8>,
    begin: u64,
    /// How much is read at once.
    pub(super) ahead: usize,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a dyn ReadAt, len: u64, key: Key) -> Self {
        Self { file, len, key, bytes: Vec::new(), begin: 0, ahead: LONG_READ }
    }
}

impl Window<'_> {
    /// Bytes that the file has.
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

    /// What there is from `at` on without many reads: at least a frame.
    pub(super) fn some_at(&mut self, at: u64) -> io::Result<&[u8]> {
        self.at(at, FRAME_LEN)?;
        Ok(&self.bytes[(at - self.begin) as usize..])
    }

    /// What there is from `at` on, at most `len` bytes.
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

    /// Whether a byte was never written, or written as zero.
    pub(super) fn is_room(&self, at: u64, byte: u8) -> bool {
        byte == 0 || byte == self.key.at(at)[0]
    }

    /// How far to go where the eight bytes of a frame are reserved room: on by as many as stand here in a row, but the last
    /// ones, which the next frame may begin in.
    pub(super) fn room_words(&mut self, at: u64, frame: [u8; FRAME_LEN]) -> io::Result<u64> {
        let words = [[0; KEY_LEN], self.key.at(at)];
        let Some(room) = words.into_iter().find(|room| *room == frame) else { return Ok(0) };
        let (there, _) = self.some_at(at)?.as_chunks::<KEY_LEN>();
        let count = there.iter().take_while(|word| **word == room).count() as u64;
        Ok((KEY_LEN as u64 * (count - 1)).max(1))
    }
}
