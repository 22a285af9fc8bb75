//! Reads chains of headers as people keep them: packed, as lines of hex, or inside blocks.
//!
//! The decoders ([`Decoder`]) are pure and push-based: bytes in, whole headers out, constant memory, any split of
//! the bytes gives the same answer. Where whole blocks are wanted, a [`BlockCutter`] cuts them out instead. [`ChainInput`]
//! feeds either from files. Nothing here judges a header or a body; whatever the bytes are, the answer is headers or
//! blocks, or an error that names the place.

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

/// Why bytes are not headers; each with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file ends inside a header.
    #[error("cut in mid-header: {found} of 80 bytes at offset {offset}")]
    CutHeader {
        /// Where the last header begins.
        offset: u64,
        /// How many of its bytes there are.
        found: usize,
    },
    /// The last line has no end and too few digits.
    #[error("cut in mid-header: line {line} ends after {found} of 160 digits")]
    CutLine {
        /// The line, counted from 1.
        line: u64,
        /// Its digits.
        found: usize,
    },
    /// The file ends inside a block.
    #[error("cut inside the block that begins at offset {offset}")]
    CutBlock {
        /// Where the block's header (or frame) begins.
        offset: u64,
    },
    /// A character that is not a hex digit.
    #[error("line {line}, column {column}: {found} is not a hex digit")]
    Digit {
        /// The line, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// The byte found, as a person reads it.
        found: String,
    },
    /// A line with too few digits.
    #[error("line {line}, column {column}: the line ends after {found} digits, a header has 160")]
    ShortLine {
        /// The line, counted from 1.
        line: u64,
        /// Where the next digit should stand.
        column: usize,
        /// Digits found.
        found: usize,
    },
    /// A line with too many digits, which are not headers that link either.
    #[error("line {line}: more than the 160 digits of a header, and not headers that follow each other")]
    LongLine {
        /// The line, counted from 1.
        line: u64,
    },
    /// No frame of a block where one should begin.
    #[error("offset {offset}: {found:02x?} is not the magic of {}", expected.unwrap_or("a known network"))]
    Magic {
        /// Where the frame should begin.
        offset: u64,
        /// The network of the frames before, where there were any.
        expected: Option<&'static str>,
        /// The bytes found.
        found: [u8; 4],
    },
    /// The first frame is of another network than the one asked for.
    #[error("offset {offset}: a block of {found}, and --network is {expected}: use --network {found}")]
    OtherNetwork {
        /// Where the frame begins.
        offset: u64,
        /// The network asked for.
        expected: &'static str,
        /// The network of the frame.
        found: &'static str,
    },
    /// A frame of another network than the first one's.
    #[error("offset {offset}: a block of {found} in a file of {expected}")]
    MixedNetworks {
        /// Where the frame begins.
        offset: u64,
        /// The network of the first frame.
        expected: &'static str,
        /// The network of this one.
        found: &'static str,
    },
    /// A frame too small to hold a header.
    #[error("offset {offset}: a block of {found} bytes, a header alone has 80")]
    SmallBlock {
        /// Where the frame begins.
        offset: u64,
        /// The length that the frame tells.
        found: u32,
    },
    /// A frame too large for any block.
    #[error("offset {offset}: a block of {found} bytes, at most {BLOCK_BYTES_MAX} are possible")]
    LargeFrame {
        /// Where the frame begins.
        offset: u64,
        /// The length that the frame tells.
        found: u32,
    },
    /// A frame whose block would run past the end of the file, and does not.
    #[error("offset {offset}: a block of {found} bytes runs past the end of the file, but is not what the end cuts")]
    LongFrame {
        /// Where the frame begins.
        offset: u64,
        /// The length that the frame tells.
        found: u32,
    },
    /// A frame with a wrong length before a block that is whole.
    #[error("offset {offset}: the frame gives its block {found} bytes, the block has {real}")]
    WrongLength {
        /// Where the frame begins.
        offset: u64,
        /// The length in the frame.
        found: u32,
        /// Where the block really ends, counted from its header; where its body is damaged, where the next frame begins.
        real: u32,
    },
    /// Bytes that look like a frame, and no block behind them.
    #[error("offset {offset}: a frame without a block behind it")]
    NoBlock {
        /// Where the frame begins.
        offset: u64,
    },
    /// A block without a frame whose end cannot be found, so that nothing behind it can be read.
    #[error("offset {offset}: the end of this block cannot be found")]
    NoEnd {
        /// Where the block begins.
        offset: u64,
    },
    /// A file that should be a JSON object with a block.
    #[error("not a JSON object with a `block` in hex: {message}")]
    Json {
        /// What is wrong, with its place.
        message: String,
    },
    /// A line of a block with half a byte too many.
    #[error("line {line}: {found} digits, a block has two for each byte")]
    OddLine {
        /// The line, counted from 1.
        line: u64,
        /// Digits found.
        found: usize,
    },
    /// A line with more digits than a block can have.
    #[error("line {line}: more than the {} digits of the largest block", 2 * BLOCK_BYTES_MAX)]
    LargeLine {
        /// The line, counted from 1.
        line: u64,
    },
    /// The last line has no end, and its block is not whole.
    #[error("cut inside the block of line {line}, which ends after {found} digits")]
    CutBlockLine {
        /// The line, counted from 1.
        line: u64,
        /// Its digits.
        found: usize,
    },
    /// The transactions of a block run past what any block may hold.
    #[error("offset {offset}: a transaction of the block at {block} runs past the {BLOCK_BYTES_MAX} bytes of a block")]
    LargeBlock {
        /// Where the excess begins.
        offset: u64,
        /// Where the block begins.
        block: u64,
    },
    /// A transaction whose marker is followed by an unknown flag (BIP144).
    #[error("offset {offset}: flag {found:#04x} of a transaction of the block at {block}, 0x01 is the only one known")]
    TransactionFlag {
        /// Where the flag stands.
        offset: u64,
        /// Where the block begins.
        block: u64,
        /// The flag.
        found: u8,
    },
}

impl DecodeError {
    /// Where in the file: a line, with the column where that is known, or a byte.
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

    /// A frame of the right network has a length that no block can have.
    pub(crate) const fn is_length(&self) -> bool {
        matches!(self, Self::SmallBlock { .. } | Self::LargeFrame { .. } | Self::LongFrame { .. })
    }

    /// The input only ends too early: all that came before was well formed.
    pub const fn is_cut(&self) -> bool {
        matches!(
            self,
            Self::CutHeader { .. } | Self::CutLine { .. } | Self::CutBlock { .. } | Self::CutBlockLine { .. }
        )
    }
}

/// A decoder of one file.
#[derive(Debug)]
pub enum Decoder {
    /// Packed headers.
    Packed(PackedHeaders),
    /// Lines of hex.
    Hex(HexLines),
    /// Framed blocks.
    Framed(FramedBlocks),
    /// Blocks one after the other.
    Raw(RawBlocks),
}

impl Decoder {
    /// A decoder of headers for a file of this format.
    pub fn of(format: Format) -> Self {
        match format {
            Format::Headers => Self::Packed(PackedHeaders::default()),
            // What holds no headers by themselves is refused as lines of headers: blocks come out whole by another way.
            Format::Hex | Format::HexBlocks | Format::JsonBlock => Self::Hex(HexLines::default()),
            Format::FramedBlocks => Self::Framed(FramedBlocks::default()),
            Format::RawBlocks => Self::Raw(RawBlocks::default()),
        }
    }

    /// The same decoder for files whose frames must be of this network.
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
    /// [`DecodeError`]; the headers before it have gone to the sink.
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

    /// Says that the file has ended.
    ///
    /// # Errors
    /// [`DecodeError`] where it ended too early.
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

    /// Collects headers one by one with the place of each.
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
            format in any_format(), bytes in almost_text(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(decode(format, &pieces), decode(format, &[&bytes]));
        }
    }
}
