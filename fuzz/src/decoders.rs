//! The readers of headers, hex and blocks: any split of the bytes gives the same headers, places and error.

use cityseal::input::{DecodeError, Decoder, Format, HeaderSink, Place};

use crate::cursor::Cursor;

const FORMATS: [Format; 4] = [Format::Headers, Format::Hex, Format::FramedBlocks, Format::RawBlocks];

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let header = [7; 80];
    let with = |format: u8, bytes: &[u8]| [&[format, 3, 5], bytes].concat();
    let line = "07".repeat(80);
    // One transaction with an input (its place, no script, its sequence) and no output.
    let transaction = [&[1, 0, 0, 0][..], &[1], &[0; 36], &[0], &[0; 4], &[0], &[0; 4]].concat();
    let block = [&header[..], &[1], &transaction].concat();
    let framed = [&[0xf9, 0xbe, 0xb4, 0xd9, block.len() as u8, 0, 0, 0][..], &block].concat();
    vec![
        with(0, &header.repeat(3)),
        with(0, &header.repeat(3)[..200]),
        with(1, format!("{line}\r\n\n{line}\n").as_bytes()),
        with(1, format!("{line}\n{}x", &line[..80]).as_bytes()),
        with(2, &framed.repeat(2)),
        with(3, &block.repeat(2)),
    ]
}

/// What a decoder said: each header with its place, and how it ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    headers: Vec<(Vec<u8>, Place)>,
    error: Option<DecodeError>,
}

impl HeaderSink for Heard {
    fn take(&mut self, packed: &[u8], place: Place) {
        assert!(!packed.is_empty() && packed.len().is_multiple_of(80), "whole headers, not {} bytes", packed.len());
        for (at, header) in packed.chunks(80).enumerate() {
            let place = match place {
                Place::Line(line) => Place::Line(line + at as u64),
                Place::Packed | Place::Byte(_) => place,
            };
            self.headers.push((header.to_vec(), place));
        }
    }
}

pub(crate) fn body(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let format = FORMATS[usize::from(cursor.byte()) % FORMATS.len()];
    let cuts = [usize::from(cursor.byte()), usize::from(cursor.byte())];
    let bytes = cursor.rest();
    let whole = decode(format, &[bytes]);
    assert_eq!(decode(format, &pieces(bytes, cuts)), whole);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(decode(format, &single), whole);
    if format == Format::Headers {
        let plain: Vec<&[u8]> = bytes.chunks_exact(80).collect();
        let heard: Vec<&[u8]> = whole.headers.iter().map(|(header, _)| header.as_slice()).collect();
        assert_eq!(heard, plain);
        assert_eq!(whole.error.is_some(), !bytes.len().is_multiple_of(80));
    }
}

fn pieces(bytes: &[u8], cuts: [usize; 2]) -> Vec<&[u8]> {
    let (first, rest) = bytes.split_at(cuts[0].min(bytes.len()));
    let (second, third) = rest.split_at(cuts[1].min(rest.len()));
    vec![first, second, third]
}

fn decode(format: Format, pieces: &[&[u8]]) -> Heard {
    let mut heard = Heard::default();
    let mut decoder = Decoder::of(format);
    let pushed = pieces.iter().try_for_each(|piece| decoder.push(piece, &mut heard));
    heard.error = pushed.and_then(|()| decoder.end(&mut heard)).err();
    heard
}

#[test]
fn the_seeds_hold_headers_of_every_format_and_mistakes() {
    let heard: Vec<(usize, bool)> = seeds()
        .iter()
        .map(|seed| decode(FORMATS[usize::from(seed[0])], &[&seed[3..]]))
        .map(|heard| (heard.headers.len(), heard.error.is_some()))
        .collect();
    assert_eq!(heard, [(3, false), (2, true), (2, false), (1, true), (2, false), (2, false)]);
}
