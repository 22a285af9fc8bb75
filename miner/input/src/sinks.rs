//! What takes the headers and the blocks of an input.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use cityseal_engine::{BlockBatch, ReadAt};

use super::place::Place;

/// Receives the headers of a chain, and may stop the input.
pub trait ChainSink {
    /// Takes packed headers, with the index of their file (counted from 0) and the place of the first; a byte place
    /// counts from the beginning of the whole input.
    fn take(&mut self, packed: &[u8], file: usize, place: Place) -> ControlFlow<()>;

    /// Reads packed headers directly into the sink's own buffer: returns the number of bytes of one read, incomplete
    /// headers included, or `Break` to stop. `Continue(0)` is the end of the file. `None` if the sink does not read by
    /// itself.
    ///
    /// # Errors
    /// Returns the error of the source.
    fn read(&mut self, _source: &mut dyn Read, _file: usize) -> Option<io::Result<ControlFlow<(), usize>>> {
        None
    }

    /// Takes the next packed headers of a file that the sink may read later and at any offset: those from byte `from`
    /// on, of which `len` bytes are left. Returns the number of bytes taken, or `Break` to stop. After `Continue(0)` or
    /// `None` they are read with [`Self::read`].
    ///
    /// # Errors
    /// Returns the error of the file.
    fn take_from(
        &mut self,
        _source: &Arc<dyn ReadAt>,
        _from: u64,
        _len: u64,
        _file: usize,
    ) -> Option<io::Result<ControlFlow<(), u64>>> {
        None
    }
}

/// Receives whole blocks in input order, about a megabyte at a time, and may stop the input.
pub trait BlockSink {
    /// Takes neighbouring blocks of one file (counted from 0), at least one, with the place of each. A byte place
    /// counts from the beginning of the whole input, as the offsets in the batch do; in hex input places are lines, and
    /// offsets count the bytes of the blocks before.
    fn take(&mut self, batch: BlockBatch, file: usize, places: &[Place]) -> ControlFlow<()>;

    /// Notified of a stray frame that was skipped, at this byte of a file (counted from 0).
    fn note_stray_frame(&mut self, _file: usize, _offset: u64) {}
}
