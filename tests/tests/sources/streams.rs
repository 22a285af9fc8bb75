//! Files of real blocks in every format are split into all their blocks, and several files form one stream.

use std::ops::ControlFlow;
use std::path::PathBuf;

use cityseal_engine::BlockBatch;
use cityseal_engine::chain::body::ParsedBlock;
use cityseal_engine::chain::{BlockHeader, hex};
use cityseal_input::{
    BlockCutter, BlockSink, ChainInput, Cut, DecodeError, Format, InputError, Place, TakeBlock, detect,
};
use cityseal_tests::data::data_bytes_if_any;
use cityseal_tests::folder::Folder;
use cityseal_tests::shipped::mainnet_block;

use crate::blocks::{chain, main_chain};

/// Files of real blocks: format, number of blocks, and the last digits of the last block's hash.
const FILES: [(&str, Format, usize, &str); 20] = [
    ("bitcoinj_block169482.dat", Format::RawBlocks, 1, "5f368665"),
    ("bitcoinj_block227835.dat", Format::RawBlocks, 1, "b7a74eb6"),
    ("bitcoinj_block227836.dat", Format::RawBlocks, 1, "a9b9adcc"),
    ("bitcoinj_block481829.dat", Format::RawBlocks, 1, "b975e726"),
    ("bitcoinj_block_testnet21066.dat", Format::RawBlocks, 1, "3ca4eefa"),
    ("btcd_blk_0_to_4.dat", Format::FramedBlocks, 5, "a01b128e"),
    ("btcd_blk_3A.dat", Format::FramedBlocks, 1, "2ef663dd"),
    ("btcd_blk_4A.dat", Format::FramedBlocks, 1, "0204a2bf"),
    ("btcd_blk_5A.dat", Format::FramedBlocks, 1, "d79f044e"),
    ("electrumx_bitcoin_signet_31500.json", Format::JsonBlock, 1, "de8bdc43"),
    ("electrumx_bitcoin_testnet4_40000.json", Format::JsonBlock, 1, "e15c634f"),
    ("electrumx_bitcoinsv_mainnet_100000.json", Format::JsonBlock, 1, "fd33e506"),
    ("mainnet_1_256.dat", Format::FramedBlocks, 255, "4706fe3c"),
    ("mainnet_277647.raw", Format::RawBlocks, 1, "b1e052a8"),
    ("mainnet_300025.raw", Format::RawBlocks, 1, "022cc78c"),
    ("mainnet_413567.raw", Format::RawBlocks, 1, "325d4069"),
    ("mainnet_482683_segwit.raw", Format::RawBlocks, 1, "ee73e747"),
    ("mainnet_574200_segwit.raw", Format::RawBlocks, 1, "f5de59d2"),
    ("mainnet_830000_segwit.raw", Format::RawBlocks, 1, "2cffbc1f"),
    ("regtest_0_150.txt", Format::HexBlocks, 151, "739b9c78"),
];

#[derive(Default)]
struct Blocks(Vec<Vec<u8>>);

impl TakeBlock for Blocks {
    fn take(&mut self, cut: Cut<'_>) -> ControlFlow<()> {
        self.0.push(cut.block.to_vec());
        ControlFlow::Continue(())
    }
}

fn cut(format: Format, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut cutter = BlockCutter::of(format).unwrap();
    let mut blocks = Blocks::default();
    for piece in pieces {
        assert!(cutter.push(piece, &mut blocks).unwrap().is_continue());
    }
    assert!(cutter.end(&mut blocks).unwrap().is_continue());
    blocks.0
}

/// Asserts that the bytes are detected as `format` and split into `count` blocks, in whole or in pieces, and that the
/// last block's hash ends with `hash`.
fn assert_blocks(name: &str, bytes: &[u8], format: Format, count: usize, hash: &str) {
    assert_eq!(detect(bytes), format, "{name}");
    let blocks = cut(format, &[bytes]);
    assert_eq!(blocks.len(), count, "{name}");
    let last = BlockHeader::from_wire(blocks[count - 1].first_chunk().unwrap()).hash().to_display_hex();
    assert_eq!(last[56..], *hash, "{name}");
    assert!(blocks.iter().all(|block| ParsedBlock::parse(block).is_ok()), "{name}");
    let (one, rest) = bytes.split_at(bytes.len() / 3);
    assert!(cut(format, &[one, &rest[..1], &rest[1..]]) == blocks, "{name}");
}

#[test]
fn files_of_real_blocks_are_split_into_their_blocks() {
    let raw = mainnet_block();
    let frame = [&[0xf9, 0xbe, 0xb4, 0xd9], &(raw.len() as u32).to_le_bytes()[..]].concat();
    let line = hex::encode(raw) + "\n";
    let json = serde_json::json!({ "height": 702_861, "block": hex::encode(raw) }).to_string();
    assert_blocks("raw", raw, Format::RawBlocks, 1, "726dafae");
    assert_blocks("framed", &[&frame, raw].concat(), Format::FramedBlocks, 1, "726dafae");
    assert_blocks("hex", line.as_bytes(), Format::HexBlocks, 1, "726dafae");
    assert_blocks("json", json.as_bytes(), Format::JsonBlock, 1, "726dafae");
    for (name, format, count, hash) in FILES {
        if let Some(bytes) = data_bytes_if_any(&format!("blocks/{name}")) {
            assert_blocks(name, &bytes, format, count, hash);
        }
    }
}

/// The batches passed to the verifier.
#[derive(Default)]
struct Batches {
    /// Blocks, bytes, file and places of each batch.
    seen: Vec<(usize, usize, usize, Vec<Place>)>,
    stop_after: Option<usize>,
}

impl BlockSink for Batches {
    fn take(&mut self, batch: BlockBatch, file: usize, places: &[Place]) -> ControlFlow<()> {
        assert_eq!(batch.len(), places.len());
        self.seen.push((batch.len(), batch.bytes(), file, places.to_vec()));
        if self.stop_after == Some(self.seen.len()) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Batches {
    fn blocks(&self) -> usize {
        self.seen.iter().map(|(blocks, ..)| blocks).sum()
    }
}

fn framed(blocks: &[Vec<u8>]) -> Vec<u8> {
    let frame = |block: &Vec<u8>| [&[0xfa, 0xbf, 0xb5, 0xda][..], &(block.len() as u32).to_le_bytes(), block].concat();
    blocks.iter().flat_map(frame).collect()
}

#[test]
fn a_batch_has_about_a_megabyte_and_blocks_of_one_file_only() {
    let blocks = main_chain(200);
    let folder = Folder::new();
    let paths: Vec<PathBuf> = [("a", &blocks[..150]), ("b", &blocks[150..])]
        .map(|(name, part)| folder.write(name, framed(part)).into())
        .into();
    let mut batches = Batches::default();
    ChainInput::detect(paths).unwrap().read_blocks(&mut batches).unwrap();
    assert_eq!(batches.blocks(), 200);
    assert!(batches.seen.iter().all(|(_, bytes, ..)| *bytes <= 1 << 20));
    assert_eq!(batches.seen.iter().map(|(.., file, _)| *file).collect::<Vec<_>>(), [0, 0, 0, 1]);
    let first: u64 = blocks[..150].iter().map(|block| 8 + block.len() as u64).sum();
    assert_eq!(batches.seen[3].3[0], Place::Byte(first + 8));
    assert_eq!(batches.seen[0].3[1], Place::Byte(8 + blocks[0].len() as u64 + 8));
}

#[test]
fn a_block_larger_than_a_batch_gets_its_own_batch() {
    let mut blocks = main_chain(3);
    let large = [&blocks[1][..], &vec![0; 3_000_000]].concat();
    blocks[1] = large;
    let folder = Folder::new();
    let mut batches = Batches::default();
    let input = ChainInput::detect(vec![folder.write("a", framed(&blocks)).into()]).unwrap();
    input.read_blocks(&mut batches).unwrap();
    assert_eq!(batches.seen.iter().map(|(blocks, ..)| *blocks).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn blocks_before_an_error_are_passed_on_before_the_error_is_returned() {
    let blocks = main_chain(20);
    let folder = Folder::new();
    let bytes = framed(&blocks);
    let cut = folder.write("cut", &bytes[..bytes.len() - 1]);
    let after = folder.write("after", framed(&chain(&blocks[19], 1, 2)));
    let mut batches = Batches::default();
    let error = ChainInput::detect(vec![cut.into(), after.into()]).unwrap().read_blocks(&mut batches).unwrap_err();
    let offset = (bytes.len() - blocks[19].len() - 8) as u64;
    assert!(matches!(error, InputError::Decode { source: DecodeError::CutBlock { offset: at }, .. } if at == offset));
    assert_eq!(batches.blocks(), 19);
}

#[test]
fn reading_stops_when_the_sink_breaks() {
    let blocks = main_chain(150);
    let folder = Folder::new();
    let paths = vec![folder.write("a", framed(&blocks)).into(), folder.write("b", b"this file is never read").into()];
    let mut batches = Batches { stop_after: Some(1), ..Batches::default() };
    ChainInput::detect(paths).unwrap().read_blocks(&mut batches).unwrap();
    assert_eq!(batches.seen.len(), 1);
}

#[test]
fn places_in_hex_files_are_line_numbers_and_files_of_headers_are_refused() {
    let folder = Folder::new();
    let lines: String = main_chain(151).iter().map(|block| hex::encode(block) + "\n").collect();
    let mut batches = Batches::default();
    ChainInput::detect(vec![folder.write("blocks.hex", lines).into()]).unwrap().read_blocks(&mut batches).unwrap();
    let lines: Vec<Place> = (1..=151).map(Place::Line).collect();
    assert_eq!(batches.seen.into_iter().flat_map(|(.., places)| places).collect::<Vec<_>>(), lines);

    let headers = ChainInput::detect(vec![folder.write("headers", [1; 160]).into()]).unwrap();
    assert!(matches!(headers.read_blocks(&mut Batches::default()), Err(InputError::NoBlocks { .. })));
}
