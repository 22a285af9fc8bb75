//! Decodes the headers of one file in any format that holds headers.

use super::blocks::FramedBlocks;
use super::decode_error::DecodeError;
use super::detect::Format;
use super::frame::FrameNetwork;
use super::hex_lines::HexLines;
use super::packed::PackedHeaders;
use super::place::HeaderSink;
use super::raw_block::RawBlocks;

/// Decoder of one file.
#[derive(Debug)]
pub enum Decoder {
    /// Packed headers.
    Packed(PackedHeaders),
    /// Lines of hex.
    Hex(HexLines),
    /// Framed blocks.
    Framed(FramedBlocks),
    /// Blocks one after another.
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

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::super::place::Place;
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
