//! Any split of any bytes is cut into the same blocks; each kind of end is reported.

use std::ops::ControlFlow;

use cityseal_chain::body::{BLOCK_BYTES_MAX, EncodingFault, EncodingKind, ParsedBlock, block_extent};
use proptest::prelude::*;

use super::super::decode_error::DecodeError;
use super::super::detect::Format;
use super::{BlockCutter, Cut, TakeBlock};

/// A block with its place and line.
type Owned = (Vec<u8>, u64, Option<u64>);

#[derive(Default)]
struct Taken {
    blocks: Vec<Owned>,
    stop_after: Option<usize>,
}

impl TakeBlock for Taken {
    fn take(&mut self, cut: Cut<'_>) -> ControlFlow<()> {
        assert!(cut.block.len() >= 80, "a whole header");
        self.blocks.push((cut.block.to_vec(), cut.at, cut.line));
        match self.stop_after {
            Some(enough) if self.blocks.len() >= enough => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

type End = Result<ControlFlow<()>, DecodeError>;

fn cut_up_to(format: Format, pieces: &[&[u8]], stop_after: Option<usize>) -> (Vec<Owned>, End) {
    let mut cutter = BlockCutter::of(format).unwrap();
    let mut taken = Taken { stop_after, ..Taken::default() };
    for piece in pieces {
        match cutter.push(piece, &mut taken) {
            Ok(ControlFlow::Continue(())) => {}
            ended => return (taken.blocks, ended),
        }
    }
    let end = cutter.end(&mut taken);
    (taken.blocks, end)
}

fn cut(format: Format, bytes: &[u8]) -> (Vec<Owned>, End) {
    cut_up_to(format, &[bytes], None)
}

const GOES_ON: End = Ok(ControlFlow::Continue(()));

/// A header, and one transaction with one input whose script has that length.
fn block(header: u8, script: usize) -> Vec<u8> {
    let script_len = [&[0xfd_u8][..], &(script.max(0xfd) as u16).to_le_bytes()].concat();
    let script = vec![0x51; script.max(0xfd)];
    let output = [&[1][..], &[0; 8], &[0]].concat();
    [&[header; 80][..], &[1], &[1, 0, 0, 0, 1], &[0; 36], &script_len, &script, &[0xff; 4], &output, &[0; 4]].concat()
}

fn framed(block: &[u8]) -> Vec<u8> {
    [&[0xf9, 0xbe, 0xb4, 0xd9][..], &(block.len() as u32).to_le_bytes(), block].concat()
}

fn hex(bytes: &[u8]) -> String {
    cityseal_chain::hex::encode(bytes)
}

#[test]
fn framed_blocks_come_out_whole_with_the_place_of_their_headers() {
    let (one, other) = (block(1, 300), block(2, 500));
    let file = [&framed(&one)[..], &[0; 21], &framed(&other), &[0; 9]].concat();
    let (blocks, end) = cut(Format::FramedBlocks, &file);
    let at = one.len() as u64 + 8 + 21 + 8;
    assert_eq!((blocks, end), (vec![(one, 8, None), (other, at, None)], GOES_ON));
}

#[test]
fn an_impossible_frame_is_reported_before_its_bytes_have_arrived() {
    let one = framed(&block(1, 300));
    let large = [&[0xf9, 0xbe, 0xb4, 0xd9][..], &4_000_001_u32.to_le_bytes()].concat();
    let (blocks, end) = cut(Format::FramedBlocks, &[&one[..], &large].concat());
    let offset = one.len() as u64;
    assert_eq!((blocks.len(), end), (1, Err(DecodeError::LargeFrame { offset, found: 4_000_001 })));

    let (blocks, end) = cut(Format::FramedBlocks, &[&one[..], b"garbage!"].concat());
    let magic = DecodeError::Magic { offset, expected: Some("mainnet"), found: *b"garb" };
    assert_eq!((blocks.len(), end), (1, Err(magic)));
}

#[test]
fn a_file_that_ends_inside_a_block_gives_the_blocks_before_it_and_reports_where_it_began() {
    let (one, other) = (block(1, 300), block(2, 300));
    let frames = [framed(&one), framed(&other)].concat();
    for end in framed(&one).len() + 1..frames.len() {
        let (blocks, result) = cut(Format::FramedBlocks, &frames[..end]);
        let offset = framed(&one).len() as u64;
        assert_eq!((blocks.len(), result), (1, Err(DecodeError::CutBlock { offset })), "{end}");
    }
    let raw = [&one[..], &other].concat();
    for end in one.len() + 1..raw.len() {
        let (blocks, result) = cut(Format::RawBlocks, &raw[..end]);
        let (offset, found) = (one.len() as u64, end - one.len());
        let header = DecodeError::CutHeader { offset, found };
        let expected = if found < 80 { header } else { DecodeError::CutBlock { offset } };
        assert_eq!((blocks.len(), result), (1, Err(expected)), "{end}");
    }
}

#[test]
fn blocks_without_frames_are_separated_by_their_content() {
    let (one, other) = (block(1, 300), block(2, 5000));
    let (blocks, end) = cut(Format::RawBlocks, &[&one[..], &other].concat());
    let at = one.len() as u64;
    assert_eq!((blocks, end), (vec![(one, 0, None), (other, at, None)], GOES_ON));
}

#[test]
fn a_block_without_an_end_is_passed_on_up_to_the_limit_and_nothing_after_it() {
    let one = block(1, 300);
    let behind_header = |rest: &[&[u8]]| [&[2; 80][..], &[1], &[1, 0, 0, 0], &rest.concat()].concat();
    let unknown_flag = behind_header(&[&[0, 9]]);
    let endless_count = behind_header(&[&[1], &[0; 36], &[0xff; 9]]);
    // A script up to the last byte of the largest block, followed by a sequence number.
    let too_long = behind_header(&[&[1], &[0; 36], &[0xfe], &(BLOCK_BYTES_MAX as u32 - 127).to_le_bytes()]);
    for endless in [unknown_flag, endless_count, too_long] {
        for room in [1000, BLOCK_BYTES_MAX, BLOCK_BYTES_MAX + 5000] {
            let file = [&one[..], &endless, &vec![7; room - endless.len()]].concat();
            let there = &file[one.len()..];
            let (blocks, end) = cut(Format::RawBlocks, &file);
            let Err(fault) = block_extent(there) else {
                let cut = DecodeError::CutBlock { offset: one.len() as u64 };
                assert_eq!((blocks.len(), end, room), (1, Err(cut), 1000));
                continue;
            };
            assert_eq!((blocks.len(), end), (2, Ok(ControlFlow::Break(()))), "{room}");
            let limit = BLOCK_BYTES_MAX + usize::from(fault.kind == EncodingKind::TooLong);
            assert_eq!(blocks[1].0, there[..there.len().min(limit)]);
            let reported = ParsedBlock::parse(&blocks[1].0).unwrap_err();
            // If the file ends at the limit, the block may also be truncated.
            let is_at_the_limit = reported == EncodingFault { at: BLOCK_BYTES_MAX as u32, kind: EncodingKind::Cut };
            assert!(reported == fault || (is_at_the_limit && room == BLOCK_BYTES_MAX), "{reported:?} {fault:?}");
        }
    }
}

#[test]
fn a_line_is_a_block_whatever_its_body_is() {
    let one = block(1, 300);
    let text = format!("\n{}\r\n\r\n{}\n{}", hex(&one), hex(&[9; 80]), hex(&one).to_uppercase());
    let (blocks, end) = cut(Format::HexBlocks, text.as_bytes());
    assert_eq!(end, GOES_ON);
    let lines: Vec<_> = blocks.iter().map(|(_, at, line)| (*at, *line)).collect();
    let second = 1 + 2 * one.len() as u64 + 4;
    assert_eq!(lines, [(1, Some(2)), (second, Some(4)), (second + 161, Some(5))]);
    assert_eq!((&blocks[0].0, &blocks[1].0[..], &blocks[2].0), (&one, &[9; 80][..], &one));
}

#[test]
fn errors_in_lines_are_reported_by_line_and_column() {
    let good = hex(&block(1, 300));
    let error_of = |rest: &str| cut(Format::HexBlocks, format!("{good}\n{rest}").as_bytes()).1.unwrap_err();
    assert_eq!(
        error_of(&format!("{}x{}\n", &good[..9], &good[9..])),
        DecodeError::Digit { line: 2, column: 10, found: "`x`".into() }
    );
    assert_eq!(
        error_of(&format!("{good}y\n")),
        DecodeError::Digit { line: 2, column: good.len() + 1, found: "`y`".into() }
    );
    assert_eq!(error_of(&format!("{good}0\n")), DecodeError::OddLine { line: 2, found: good.len() + 1 });
    assert_eq!(error_of("00ff\n"), DecodeError::ShortLine { line: 2, column: 5, found: 4 });
    assert_eq!(error_of("00ff"), DecodeError::CutLine { line: 2, found: 4 });
    let half = &good[..good.len() / 2];
    assert_eq!(error_of(half), DecodeError::CutBlockLine { line: 2, found: half.len() });
    assert!(error_of(half).is_cut());
    for end in ["", "\n", "\r\n"] {
        assert_eq!(error_of(&format!("{}{end}", "0".repeat(8_000_002))), DecodeError::LargeLine { line: 2 });
    }
}

#[test]
fn a_json_object_is_one_block_and_errors_in_it_are_reported() {
    let one = block(1, 300);
    let text = format!("{{\n  \"height\": 7,\n  \"block\": \"{}\",\n  \"tx\": []\n}}\n", hex(&one));
    let (blocks, end) = cut(Format::JsonBlock, text.as_bytes());
    let at = text.find(&hex(&one)).unwrap() as u64;
    assert_eq!((blocks, end), (vec![(one, at, Some(3))], GOES_ON));

    let error_of = |text: &str| cut(Format::JsonBlock, text.as_bytes()).1.unwrap_err();
    assert_eq!(error_of(&text[..text.len() / 2]), DecodeError::CutBlock { offset: 0 });
    assert_eq!(error_of("{\"block\": \"0g\"}"), DecodeError::Digit { line: 1, column: 13, found: "`g`".into() });
    assert_eq!(error_of("{\"block\": \"0\"}"), DecodeError::OddLine { line: 1, found: 1 });
    assert_eq!(error_of("{\"block\": \"\"}"), DecodeError::ShortLine { line: 1, column: 12, found: 0 });
    assert!(matches!(error_of("{\"hash\": \"00\"}"), DecodeError::Json { .. }));
}

#[test]
fn nothing_is_cut_after_the_sink_has_stopped() {
    let file = framed(&block(1, 300)).repeat(3);
    let (blocks, end) = cut_up_to(Format::FramedBlocks, &[&file], Some(2));
    assert_eq!((blocks.len(), end), (2, Ok(ControlFlow::Break(()))));
}

#[test]
fn headers_alone_are_not_cut() {
    assert!(BlockCutter::of(Format::Headers).is_none() && BlockCutter::of(Format::Hex).is_none());
}

fn any_format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::FramedBlocks), Just(Format::RawBlocks), Just(Format::HexBlocks)]
}

/// Blocks in that format, with at most one byte changed.
fn written(format: Format, sizes: &[usize], change: Option<(prop::sample::Index, u8)>) -> Vec<u8> {
    let one = |(number, size): (u8, &usize)| match format {
        Format::FramedBlocks => [framed(&block(number, *size)), vec![0; usize::from(number) % 3]].concat(),
        Format::HexBlocks => format!("{}\r\n\n", hex(&block(number, *size))).into_bytes(),
        Format::RawBlocks | Format::Headers | Format::Hex | Format::JsonBlock => block(number, *size),
    };
    let mut bytes: Vec<u8> = (1..).zip(sizes).flat_map(one).collect();
    if let Some((at, byte)) = change.filter(|_| !bytes.is_empty()) {
        let at = at.index(bytes.len());
        bytes[at] = byte;
    }
    bytes
}

proptest! {
    #[test]
    fn any_split_of_any_bytes_is_cut_into_the_same_blocks_with_the_same_end(
        format in any_format(),
        sizes in proptest::collection::vec(0_usize..900, 0..5),
        change in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        keep in any::<prop::sample::Index>(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = written(format, &sizes, change);
        let bytes = &bytes[..bytes.len() - keep.index(bytes.len() + 1) / 4];
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let whole = cut(format, bytes);
        prop_assert_eq!(&cut_up_to(format, &pieces, None), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&cut_up_to(format, &single, None), &whole);
    }
}
