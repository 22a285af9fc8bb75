//! Reads chains of headers from the usual formats: packed, as lines of hex, or inside blocks.
//!
//! The decoders ([`Decoder`]) are pure and push-based: bytes in, whole headers out, in constant memory; any split of
//! the bytes gives the same result. For whole blocks, a [`BlockCutter`] is used instead. [`ChainInput`] feeds either of
//! them from files. Nothing here validates a header or a body: the result is headers or blocks, or an error that names
//! the place.

mod blocks;
mod cut;
mod detect;
mod forks;
mod frame;
mod hex_lines;
mod looks;
mod open;
mod packed;
mod places;
mod raw_block;
mod recognise;
mod source;

pub use blocks::FramedBlocks;
pub use cut::{BlockCutter, BlockSink, Cut, TakeBlock};
pub use detect::{Format, SNIFF_BYTES, detect, detect_for};
pub use forks::{BestBlocks, BlockSet, Damage, DamagedCopy, Hidden, PlaceInSet};
pub use frame::FrameNetwork;
pub use hex_lines::HexLines;
pub use looks::{LOOK_BYTES, Looks, Opening};
pub use packed::PackedHeaders;
pub use places::{PlaceLog, PlaceOfHeader};
pub use raw_block::{BLOCK_BYTES_MAX, RawBlocks};
pub use recognise::{FirstRecords, RECORDS, Recogniser, Watched};
pub use source::{ChainInput, ChainSink, InputError};

use cityseal_chain::Network;

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

/// Reason why bytes are not headers, with the place in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file ends inside a header.
    #[error("truncated header: {found} of 80 bytes at offset {offset}")]
    CutHeader {
        /// Byte at which the last header begins.
        offset: u64,
        /// Number of bytes found.
        found: usize,
    },
    /// The last line has no line end and too few digits.
    #[error("truncated header: line {line} ends after {found} of 160 digits")]
    CutLine {
        /// The line, counted from 1.
        line: u64,
        /// Number of digits found.
        found: usize,
    },
    /// The file ends inside a block.
    #[error("truncated block: the input ends inside the block at offset {offset}")]
    CutBlock {
        /// Byte at which the block's header (or frame) begins.
        offset: u64,
    },
    /// A character that is not a hex digit.
    #[error("line {line}, column {column}: expected a hex digit, found {found}")]
    Digit {
        /// The line, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// The byte found, in printable form.
        found: String,
    },
    /// A line with too few digits.
    #[error("line {line}, column {column}: the line ends after {found} digits, expected the 160 of a header")]
    ShortLine {
        /// The line, counted from 1.
        line: u64,
        /// Column at which the next digit was expected.
        column: usize,
        /// Number of digits found.
        found: usize,
    },
    /// A line with too many digits that are not headers linked to each other.
    #[error("line {line}: more than the 160 digits of a header, and not a run of linked headers")]
    LongLine {
        /// The line, counted from 1.
        line: u64,
    },
    /// No frame where a block should begin.
    #[error("offset {offset}: expected the magic of {}, found {found:02x?}", expected.unwrap_or("a known network"))]
    Magic {
        /// Byte at which the frame should begin.
        offset: u64,
        /// The network of the earlier frames, if there were any.
        expected: Option<&'static str>,
        /// The bytes found.
        found: [u8; 4],
    },
    /// The first frame belongs to another network than the one requested.
    #[error("offset {offset}: expected a block of {expected}, found one of {found}: use --network {found}")]
    OtherNetwork {
        /// Byte at which the frame begins.
        offset: u64,
        /// The requested network.
        expected: &'static str,
        /// The network of the frame.
        found: &'static str,
    },
    /// A frame of another network than the first one.
    #[error("offset {offset}: expected a block of {expected} like the first one, found one of {found}")]
    MixedNetworks {
        /// Byte at which the frame begins.
        offset: u64,
        /// The network of the first frame.
        expected: &'static str,
        /// The network of this one.
        found: &'static str,
    },
    /// A frame too small to hold a header.
    #[error("offset {offset}: the frame's block length is {found} bytes, less than the 80 of a header")]
    SmallBlock {
        /// Byte at which the frame begins.
        offset: u64,
        /// The length in the frame, in bytes.
        found: u32,
    },
    /// A frame too large for any block.
    #[error("offset {offset}: the frame's block length is {found} bytes, more than the limit of {BLOCK_BYTES_MAX}")]
    LargeFrame {
        /// Byte at which the frame begins.
        offset: u64,
        /// The length in the frame, in bytes.
        found: u32,
    },
    /// A frame whose length runs past the end of the file although the block is not truncated.
    #[error(
        "offset {offset}: the frame's length of {found} bytes runs past the end of the file, but this is not a \
         truncated block: the length is corrupt"
    )]
    LongFrame {
        /// Byte at which the frame begins.
        offset: u64,
        /// The length in the frame, in bytes.
        found: u32,
    },
    /// A frame with a wrong length before a complete block.
    #[error("offset {offset}: the frame's block length is {found} bytes, but the block has {real}")]
    WrongLength {
        /// Byte at which the frame begins.
        offset: u64,
        /// The length in the frame, in bytes.
        found: u32,
        /// The real length of the block, in bytes from its header; if its body is damaged, the distance to the next
        /// frame.
        real: u32,
    },
    /// Bytes that look like a frame but are not followed by a block.
    #[error("offset {offset}: a frame that is not followed by a block")]
    NoBlock {
        /// Byte at which the frame begins.
        offset: u64,
    },
    /// A block without a frame whose end cannot be found, so that nothing after it can be read.
    #[error("offset {offset}: the end of this block cannot be found")]
    NoEnd {
        /// Byte at which the block begins.
        offset: u64,
    },
    /// A file that should be a JSON object with a block.
    #[error("expected a JSON object with a hex member `block`: {message}")]
    Json {
        /// What is wrong, with its place.
        message: String,
    },
    /// A line of a block with an odd number of digits.
    #[error("line {line}: {found} digits, expected an even number (two for each byte)")]
    OddLine {
        /// The line, counted from 1.
        line: u64,
        /// Number of digits found.
        found: usize,
    },
    /// A line with more digits than a block can have.
    #[error("line {line}: more than {} digits, the limit for a block", 2 * BLOCK_BYTES_MAX)]
    LargeLine {
        /// The line, counted from 1.
        line: u64,
    },
    /// The last line has no line end, and its block is not complete.
    #[error("truncated block: line {line} ends after {found} digits")]
    CutBlockLine {
        /// The line, counted from 1.
        line: u64,
        /// Number of digits found.
        found: usize,
    },
    /// The transactions of a block run past the maximum size of a block.
    #[error("offset {offset}: a transaction of the block at {block} runs past the limit of {BLOCK_BYTES_MAX} bytes")]
    LargeBlock {
        /// Byte at which the excess begins.
        offset: u64,
        /// Byte at which the block begins.
        block: u64,
    },
    /// A transaction whose segwit marker is followed by an unknown flag (BIP144).
    #[error("offset {offset}: transaction flag {found:#04x} in the block at offset {block}, expected 0x01 (BIP144)")]
    TransactionFlag {
        /// Byte at which the flag is.
        offset: u64,
        /// Byte at which the block begins.
        block: u64,
        /// The flag.
        found: u8,
    },
}

impl DecodeError {
    /// Returns the place in the file: the line, with the column if it is known, or the byte.
    pub fn place(&self) -> Option<String> {
        Some(match self {
            Self::CutHeader { offset, .. }
            | Self::CutBlock { offset }
            | Self::Magic { offset, .. }
            | Self::OtherNetwork { offset, .. }
            | Self::MixedNetworks { offset, .. }
            | Self::SmallBlock { offset, .. }
            | Self::LargeFrame { offset, .. }
            | Self::LongFrame { offset, .. }
            | Self::WrongLength { offset, .. }
            | Self::NoBlock { offset }
            | Self::NoEnd { offset }
            | Self::LargeBlock { offset, .. }
            | Self::TransactionFlag { offset, .. } => format!("byte {offset}"),
            Self::Digit { line, column, .. } | Self::ShortLine { line, column, .. } => {
                format!("line {line}, column {column}")
            }
            Self::CutLine { line, .. }
            | Self::LongLine { line }
            | Self::OddLine { line, .. }
            | Self::LargeLine { line }
            | Self::CutBlockLine { line, .. } => format!("line {line}"),
            Self::Json { .. } => return None,
        })
    }

    /// Whether a frame of the right network has a length that no block can have.
    pub(crate) const fn is_length(&self) -> bool {
        matches!(self, Self::SmallBlock { .. } | Self::LargeFrame { .. } | Self::LongFrame { .. })
    }

    /// Whether the input is only truncated: everything before its end was well formed.
    pub const fn is_cut(&self) -> bool {
        matches!(
            self,
            Self::CutHeader { .. } | Self::CutLine { .. } | Self::CutBlock { .. } | Self::CutBlockLine { .. }
        )
    }
}

/// Decoder of one file.
#[derive(Debug)]
pub enum Decoder {
    /// Packed headers.
    Packed(PackedHeaders),
    /// Lines of hex.
    Hex(HexLines),
    /// Framed blocks.
    Framed(FramedBlocks),
    /// Blocks without frames, one after another.
    Raw(RawBlocks),
}

impl Decoder {
    /// Returns a decoder of headers for a file of this format.
    pub fn of(format: Format) -> Self {
        match format {
            Format::Headers => Self::Packed(PackedHeaders::default()),
            // Formats without single headers are refused as lines of headers: a `BlockCutter` reads their blocks.
            Format::Hex | Format::HexBlocks | Format::JsonBlock => Self::Hex(HexLines::default()),
            Format::FramedBlocks => Self::Framed(FramedBlocks::default()),
            Format::RawBlocks => Self::Raw(RawBlocks::default()),
        }
    }

    /// Returns the same decoder, restricted to frames of this network.
    #[must_use]
    pub fn of_network(mut self, network: FrameNetwork) -> Self {
        if let Self::Framed(blocks) = &mut self {
            blocks.expect(network);
        }
        self
    }

    /// Decodes the next bytes of the file.
    ///
    /// # Errors
    /// Returns [`DecodeError`]; the headers before the error have been passed to the sink.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        match self {
            Self::Packed(packed) => {
                packed.push(bytes, sink);
                Ok(())
            }
            Self::Hex(lines) => lines.push(bytes, sink),
            Self::Framed(blocks) => blocks.push(bytes, sink),
            Self::Raw(blocks) => blocks.push(bytes, sink),
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Returns [`DecodeError`] if the file ended too early.
    pub fn end(&mut self, sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        match self {
            Self::Packed(packed) => packed.end(),
            Self::Hex(lines) => lines.end(sink),
            Self::Framed(blocks) => blocks.end(),
            Self::Raw(blocks) => blocks.end(),
        }
    }
}

/// The magic of each built-in network, with its name.
pub const MAGICS: [([u8; 4], &str); 5] = {
    let [a, b, c, d, e] = Network::ALL;
    [(a.magic(), a.name()), (b.magic(), b.name()), (c.magic(), c.name()), (d.magic(), d.name()), (e.magic(), e.name())]
};

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Collects headers one by one, with the place of each.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub(crate) struct Collected {
        pub(crate) headers: Vec<u8>,
        pub(crate) places: Vec<Place>,
    }

    impl HeaderSink for Collected {
        fn take(&mut self, packed: &[u8], place: Place) {
            assert!(!packed.is_empty() && packed.len().is_multiple_of(80));
            for at in 0..packed.len() as u64 / 80 {
                self.places.push(match place {
                    Place::Line(line) => Place::Line(line + at),
                    Place::Packed | Place::OneLine(_) | Place::Byte(_) => place,
                });
            }
            self.headers.extend_from_slice(packed);
        }
    }

    pub(crate) fn decode(format: Format, pieces: &[&[u8]]) -> (Collected, Result<(), DecodeError>) {
        let mut decoder = Decoder::of(format);
        let mut collected = Collected::default();
        let pushed = pieces.iter().try_for_each(|piece| decoder.push(piece, &mut collected));
        let result = pushed.and_then(|()| decoder.end(&mut collected));
        (collected, result)
    }

    fn any_format() -> impl Strategy<Value = Format> {
        prop_oneof![Just(Format::Headers), Just(Format::Hex), Just(Format::FramedBlocks), Just(Format::RawBlocks)]
    }

    fn almost_text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..600),
            "([0-9a-f]{158,161}\r?\n){0,4}[0-9a-f]{0,9}".prop_map(String::into_bytes),
            proptest::collection::vec(0_u8..3, 0..900),
        ]
    }

    proptest! {
        #[test]
        fn any_split_of_any_bytes_decodes_to_the_same_headers_and_error(
            format in any_format(), bytes in almost_text(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(decode(format, &pieces), decode(format, &[&bytes]));
        }
    }
}
