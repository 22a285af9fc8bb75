//! Forks in plain files of every format, and the reorganization of btcd's test chain.

use std::fmt::Write as _;
use std::path::PathBuf;

use cityseal_engine::chain::header_tree::Root;
use cityseal_engine::chain::{Network, Parameters};
use cityseal_input::{BlockSet, DecodeError, Format, InputError, detect};
use cityseal_tests::core_folder::out_of_order;
use cityseal_tests::data::data_file;
use cityseal_tests::folder::Folder;

use crate::blocks::{REGTEST_MAGIC, assert_is_forked, best_blocks, forked, regtest, stale};

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// One file of blocks in that format.
fn written(format: Format, blocks: &[Vec<u8>]) -> Vec<u8> {
    let one = |block: &Vec<u8>| match format {
        Format::FramedBlocks => [&REGTEST_MAGIC[..], &(block.len() as u32).to_le_bytes(), block].concat(),
        Format::RawBlocks | Format::JsonBlock => block.clone(),
        Format::HexBlocks => format!("{}\n\n", hex_of(block)).into_bytes(),
        Format::Headers => block[..80].to_vec(),
        Format::Hex => format!("{}\r\n", hex_of(&block[..80])).into_bytes(),
    };
    blocks.iter().flat_map(one).collect()
}

fn open(paths: Vec<PathBuf>, format: Format) -> BlockSet {
    BlockSet::of_files(paths, |_| format, &regtest(), Root::Genesis).unwrap()
}

/// The forked chain in two files of one format, out of order.
fn two_files(format: Format) -> (Folder, Vec<PathBuf>, Vec<Vec<u8>>) {
    let (all, best) = forked();
    let mixed = out_of_order(&all, 40, 3);
    let folder = Folder::new();
    let paths = [("b", &mixed[..30]), ("a", &mixed[30..])];
    let paths = paths.map(|(name, part)| folder.write(name, written(format, part)).into());
    (folder, paths.into(), best)
}

#[test]
fn blocks_in_any_order_and_format_give_the_best_chain_and_the_stale_branches() {
    for format in [Format::FramedBlocks, Format::RawBlocks, Format::HexBlocks] {
        let (_folder, paths, best) = two_files(format);
        let set = open(paths, format);
        assert!(set.has_bodies());
        assert_is_forked(&set, &best);
    }
}

#[test]
fn forks_are_found_in_headers_without_bodies() {
    for format in [Format::Headers, Format::Hex] {
        let (_folder, paths, best) = two_files(format);
        let set = open(paths.clone(), format);
        assert!(!set.has_bodies() && set.damage().is_empty());
        let headers: Vec<u8> = set.best_headers().flatten().collect();
        assert!(headers == best.iter().flat_map(|block| block[..80].to_vec()).collect::<Vec<u8>>());
        assert_eq!(set.tree().stale_blocks(), 4);
        let place = set.place(35);
        assert_eq!((place.path, place.at, place.offset), (&*paths[1], 5 * 80, 35 * 80));
        assert_eq!(place.line, (format == Format::Hex).then_some(6));
    }
}

#[test]
fn a_truncated_file_is_damaged_and_the_blocks_before_the_end_are_used() {
    for (format, cut) in
        [(Format::RawBlocks, 3), (Format::FramedBlocks, 3), (Format::HexBlocks, 9), (Format::Headers, 3)]
    {
        let (all, _) = forked();
        let folder = Folder::new();
        let bytes = written(format, &all);
        let path = folder.write("blocks", &bytes[..bytes.len() - cut]);
        let set = open(vec![path.into()], format);
        let [damage] = set.damage() else { panic!("{format:?}: {:?}", set.damage()) };
        assert!(damage.what.is_cut() && set.tree().len() == all.len() - 1, "{format:?}: {damage}");
    }
}

#[test]
fn a_line_that_is_not_a_block_is_reported_with_its_number() {
    let (all, _) = forked();
    let folder = Folder::new();
    let text = [written(Format::HexBlocks, &all[..2]), b"zz\n".to_vec()].concat();
    let set = open(vec![folder.write("lines", text).into()], Format::HexBlocks);
    let [damage] = set.damage() else { panic!("{:?}", set.damage()) };
    assert_eq!(damage.what, DecodeError::Digit { line: 5, column: 1, found: "`z`".into() });
}

#[test]
fn a_stream_is_refused() {
    let refused = BlockSet::of_files(vec!["-".into()], detect, &regtest(), Root::Genesis);
    assert!(matches!(refused, Err(InputError::NotRegular { .. })));
}

#[test]
fn the_reorganization_of_the_btcd_chain_is_found_with_its_path() {
    let test = "the_reorganization_of_the_btcd_chain_is_found_with_its_path";
    let names = ["0_to_4", "3A", "4A", "5A"];
    let files = names.map(|name| data_file(test, &format!("blocks/btcd_blk_{name}.dat")));
    let Some(paths) = files.into_iter().collect::<Option<Vec<PathBuf>>>() else { return };
    let mainnet = Parameters::of(Network::Mainnet);
    let set = BlockSet::of_files(paths, detect, &mainnet, Root::Genesis).unwrap();
    assert!(set.damage().is_empty() && set.tree().unconnected().is_empty() && set.tree().invalid_headers().is_empty());
    assert_eq!(set.tree().best(), [0, 1, 2, 5, 6, 7]);
    assert_eq!(stale(&set), [(4, (2, 2))].into());
    let path = set.tree().reorganisation(4, 7).unwrap();
    assert_eq!((path.fork.height, path.disconnect, path.connect), (2, vec![4, 3], vec![5, 6, 7]));
    assert_eq!(best_blocks(&set).len(), 6);
}
