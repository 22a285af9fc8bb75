//! The place of a header in its file, and the sink that takes headers with their places.

/// Where the first of a run of headers stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In packed headers: its place follows from its index.
    Packed,
    /// On this line of a hex file, counted from 1; each following header of the run stands on the next line.
    Line(u64),
    /// On this line of a hex file, counted from 1, with all other headers of the run.
    OneLine(u64),
    /// At this byte of a file of blocks; the run is this one header.
    Byte(u64),
}

/// Takes whole headers as they are decoded.
pub trait HeaderSink {
    /// Takes packed headers, 80 bytes each and at least one, with the place of the first.
    fn take(&mut self, packed: &[u8], place: Place);
}
