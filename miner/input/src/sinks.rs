//! What takes the headers and the blocks of an input.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use cityseal_engine::{BlockBatch, ReadAt};

use super::place::Place;

/// Takes the headers of a chain, and may ask to stop.
pub trait ChainSink {
    /// Takes packed headers with the file that they stand in (counted from 0) and the place of the first; a byte
    /// place counts from the beginning of the whole input.
    fn take(&mut self, packed: &[u8], file: usize, place: Place) -> ControlFlow<()>;

    /// Reads packed headers itself, straight to where it wants them: what one read gives, cut headers included, or `Break`
    /// to stop. `Continue(0)` is the end of the file. `None`, where it can only take.
    ///
    /// # Errors
    /// What the source says.
    fn read(&mut self, _source: &mut dyn Read, _file: usize) -> Option<io::Result<ControlFlow<(), usize>>> {
        None
    }

    /// Takes the next packed headers of a file that it may read anywhere and later: those from byte `from` on, of which
    /// `len` bytes are left; how many bytes it took, or `Break` to stop. `Continue(0)` and `None` want them by
    /// [`Self::read`].
    ///
    /// # Errors
    /// What the file says.
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

/// Takes whole blocks as they stand in the input, about a megabyte at a time, and may ask to stop.
pub trait BlockSink {
    /// Takes neighbouring blocks of one file (counted from 0), at least one, with the place of each. A byte place counts from
    /// the beginning of the whole input, as the offsets in the batch do; in hex input places are lines, and offsets count
    /// the bytes of the blocks before.
    fn take(&mut self, batch: BlockBatch, file: usize, places: &[Place]) -> ControlFlow<()>;

    /// Learns of a stray frame that was skipped, at this byte of a file (counted from 0).
    fn note_stray_frame(&mut self, _file: usize, _offset: u64) {}
}
