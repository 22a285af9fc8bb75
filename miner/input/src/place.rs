//! The place of a header in its file, and the sink that takes headers with their places.

/// Place in its file of the first header of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In packed headers: the place follows from the header's index.
    Packed,
    /// On this line of a hex file, counted from 1; each following header of the run is on the next line.
    Line(u64),
    /// On this line of a hex file, counted from 1, together with all other headers of the run.
    OneLine(u64),
    /// At this byte of a file of blocks; the run has only this header.
    Byte(u64),
}

/// Receives whole headers as they are decoded.
pub trait HeaderSink {
    /// Takes packed headers, 80 bytes each and at least one, with the place of the first.
    fn take(&mut self, packed: &[u8], place: Place);
}
