//! The parsers of headers, hex and blocks: any split of the bytes gives the same headers, positions and errors, and the
//! same whole blocks.

use std::ops::ControlFlow;

use cityseal_input::{BlockCutter, Cut, DecodeError, Decoder, Format, HeaderSink, Place, TakeBlock};

use crate::cursor::Cursor;

const FORMATS: [Format; 6] =
    [Format::Headers, Format::Hex, Format::FramedBlocks, Format::RawBlocks, Format::HexBlocks, Format::JsonBlock];

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let header = [7; 80];
    let with = |format: u8, bytes: &[u8]| [&[format, 3, 5], bytes].concat();
    let line = "07".repeat(80);
    // One transaction with an input (its previous output, no script, its sequence) and no output.
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
        with(3, &[&block[..], &header, &[1, 1, 0, 0, 0, 0, 7], &[0; 20]].concat()),
        with(4, format!("{0}\r\n\n{0}\n{1}", hex(&block), &hex(&block)[..200]).as_bytes()),
        with(5, format!("{{\n\"hash\": \"\", \"block\": \"{}\"}}\n", hex(&block)).as_bytes()),
    ]
}

fn hex(bytes: &[u8]) -> String {
    cityseal_chain::hex::encode(bytes)
}

/// The output of a cutter: each block with its position, and the end.
#[derive(Debug, Default, PartialEq)]
struct Blocks {
    blocks: Vec<(Vec<u8>, u64, Option<u64>)>,
    end: Option<Result<ControlFlow<()>, DecodeError>>,
}

impl TakeBlock for Blocks {
    fn take(&mut self, cut: Cut<'_>) -> ControlFlow<()> {
        assert!((80..=4_000_001).contains(&cut.block.len()), "a block of {} bytes", cut.block.len());
        self.blocks.push((cut.block.to_vec(), cut.at, cut.line));
        ControlFlow::Continue(())
    }
}

fn cut(format: Format, pieces: &[&[u8]]) -> Option<Blocks> {
    let mut cutter = BlockCutter::of(format)?;
    let mut blocks = Blocks::default();
    for piece in pieces {
        let ended = cutter.push(piece, &mut blocks);
        if ended != Ok(ControlFlow::Continue(())) {
            blocks.end = Some(ended);
            return Some(blocks);
        }
    }
    blocks.end = Some(cutter.end(&mut blocks));
    Some(blocks)
}

/// The output of a decoder: each header with its position, and the error.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decoded {
    headers: Vec<(Vec<u8>, Place)>,
    error: Option<DecodeError>,
}

impl HeaderSink for Decoded {
    fn take(&mut self, packed: &[u8], place: Place) {
        assert!(!packed.is_empty() && packed.len().is_multiple_of(80), "whole headers, not {} bytes", packed.len());
        for (at, header) in packed.chunks(80).enumerate() {
            let place = match place {
                Place::Line(line) => Place::Line(line + at as u64),
                Place::Packed | Place::OneLine(_) | Place::Byte(_) => place,
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
    let blocks = cut(format, &[bytes]);
    assert_eq!(cut(format, &pieces(bytes, cuts)), blocks);
    assert_eq!(cut(format, &single), blocks);
    if format == Format::Headers {
        let plain: Vec<&[u8]> = bytes.chunks_exact(80).collect();
        let decoded: Vec<&[u8]> = whole.headers.iter().map(|(header, _)| header.as_slice()).collect();
        assert_eq!(decoded, plain);
        assert_eq!(whole.error.is_some(), !bytes.len().is_multiple_of(80));
    }
}

fn pieces(bytes: &[u8], cuts: [usize; 2]) -> Vec<&[u8]> {
    let (first, rest) = bytes.split_at(cuts[0].min(bytes.len()));
    let (second, third) = rest.split_at(cuts[1].min(rest.len()));
    vec![first, second, third]
}

fn decode(format: Format, pieces: &[&[u8]]) -> Decoded {
    let mut output = Decoded::default();
    let mut decoder = Decoder::of(format);
    let pushed = pieces.iter().try_for_each(|piece| decoder.push(piece, &mut output));
    output.error = pushed.and_then(|()| decoder.end(&mut output)).err();
    output
}

#[test]
fn the_seeds_contain_headers_of_every_format_and_errors() {
    let decoded: Vec<(usize, bool)> = seeds()
        .iter()
        .map(|seed| decode(FORMATS[usize::from(seed[0])], &[&seed[3..]]))
        .map(|decoded| (decoded.headers.len(), decoded.error.is_some()))
        .collect();
    assert_eq!(decoded[..6], [(3, false), (2, true), (2, false), (1, true), (2, false), (2, false)]);
    let seeds = seeds();
    let blocks = seeds[4..].iter().map(|seed| cut(FORMATS[usize::from(seed[0])], &[&seed[3..]]).unwrap());
    let cut: Vec<(usize, bool)> = blocks.map(|blocks| (blocks.blocks.len(), blocks.end.unwrap().is_err())).collect();
    assert_eq!(cut, [(2, false), (2, false), (2, false), (2, true), (1, false)]);
}
