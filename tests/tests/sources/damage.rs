//! Damage in a block file is reported with its file and byte, and all intact blocks are still found.

use std::fs;

use cityseal_engine::chain::body::ParsedBlock;
use cityseal_input::{BlockSet, DecodeError};
use cityseal_tests::core_folder::{CoreFolder, Written};
use cityseal_tests::folder::Folder;

use crate::blocks::{REGTEST_MAGIC, best_blocks, blocks_of, main_chain, open_folder};

const KEY: [u8; 8] = [0x13, 0x57, 0x9b, 0xdf, 0x24, 0x68, 0xac, 0xe0];
const COUNT: usize = 10;

struct Damaged {
    set: BlockSet,
    /// Places of the blocks before the damage.
    places: Vec<Written>,
    blocks: Vec<Vec<u8>>,
    _folder: Folder,
}

/// Two block files of a chain, changed by `change`, which gets the deobfuscated bytes of both files.
fn damaged(change: impl FnOnce(&mut [Vec<u8>; 2], &[Written])) -> Damaged {
    let blocks = main_chain(COUNT);
    let folder = Folder::new();
    let settings = CoreFolder::new(REGTEST_MAGIC).key(KEY).file_bytes_max(100_000).reserved_bytes(0);
    let mut writer = settings.begin(folder.path()).unwrap();
    let places: Vec<Written> = blocks.iter().map(|block| writer.push(block).unwrap()).collect();
    writer.finish().unwrap();
    let paths = ["blk00000.dat", "blk00001.dat"].map(|name| folder.path().join(name));
    assert!(places[..COUNT / 2].iter().all(|place| place.path == paths[0]));
    assert!(places[COUNT / 2..].iter().all(|place| place.path == paths[1]));
    let mut files = paths.clone().map(|path| obfuscated(&fs::read(path).unwrap()));
    change(&mut files, &places);
    for (path, file) in paths.iter().zip(&files) {
        fs::write(path, obfuscated(file)).unwrap();
    }
    let set = open_folder(folder.path());
    Damaged { set, places, blocks, _folder: folder }
}

/// Applies the key, which is its own inverse.
fn obfuscated(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().enumerate().map(|(at, byte)| byte ^ KEY[at % 8]).collect()
}

/// Offset of a block's frame.
fn frame(places: &[Written], block: usize) -> usize {
    places[block].at as usize - 8
}

#[test]
fn garbage_between_frames_is_reported_and_no_block_is_lost() {
    let Damaged { set, places, blocks, _folder } = damaged(|files, places| {
        let at = frame(places, 3);
        files[0].splice(at..at, *b"what is this?");
    });
    let [damage] = set.damage() else { panic!("{:?}", set.damage()) };
    let offset = frame(&places, 3) as u64;
    assert!(damage.path.ends_with("blk00000.dat"));
    assert_eq!(damage.what, DecodeError::Magic { offset, expected: Some("regtest"), found: *b"what" });
    assert_eq!(damage.resumed_at, Some(offset + 13));
    assert!(damage.to_string().ends_with(&format!("; reading resumed at byte {}", offset + 13)), "{damage}");
    assert!(best_blocks(&set) == blocks);
}

#[test]
fn a_flipped_bit_anywhere_in_a_frame_is_reported_and_later_blocks_are_found() {
    for block in [0, 3, COUNT / 2, COUNT - 1] {
        for bit in 0..64 {
            let damaged = damaged(|files, places| {
                let at = frame(places, block);
                files[usize::from(block >= COUNT / 2)][at + bit / 8] ^= 1 << (bit % 8);
            });
            let Damaged { set, places, .. } = &damaged;
            // If the length loses only zeros at the block's end, the block is found but does not parse.
            let read = set.best_blocks().flat_map(|batch| blocks_of(&batch));
            let is_reported = !set.damage().is_empty() || read.into_iter().any(|one| ParsedBlock::parse(&one).is_err());
            assert!(is_reported, "bit {bit} of the frame of block {block} at {}", frame(places, block));
            let known = set.tree().len();
            assert!(known >= COUNT - 3, "found {known} blocks, bit {bit} of block {block}");
        }
    }
}

#[test]
fn a_file_that_ends_inside_a_block_and_is_not_the_last_is_damaged() {
    let Damaged { set, places, .. } = damaged(|files, _| {
        let len = files[0].len() - 5;
        files[0].truncate(len);
    });
    let [damage] = set.damage() else { panic!("{:?}", set.damage()) };
    let offset = frame(&places, COUNT / 2 - 1) as u64;
    assert_eq!((&damage.what, damage.resumed_at), (&DecodeError::CutBlock { offset }, None));
    assert_eq!((set.tree().best().len(), set.tree().unconnected().len()), (COUNT / 2 - 1, COUNT / 2));
    assert_eq!(set.notes(), [""; 0]);
}

#[test]
fn a_block_of_another_network_is_damage() {
    let Damaged { set, places, .. } = damaged(|files, places| {
        let at = frame(places, 2);
        files[0][at..at + 4].copy_from_slice(&[0xf9, 0xbe, 0xb4, 0xd9]);
    });
    let [damage] = set.damage() else { panic!("{:?}", set.damage()) };
    let offset = frame(&places, 2) as u64;
    assert_eq!(damage.what, DecodeError::MixedNetworks { offset, expected: "regtest", found: "mainnet" });
    assert_eq!(damage.resumed_at, Some(frame(&places, 3) as u64));
}

#[test]
fn a_length_past_the_end_of_the_file_is_damage_if_the_block_is_whole_or_others_follow() {
    for block in [COUNT - 2, COUNT - 1] {
        let Damaged { set, places, .. } = damaged(|files, places| {
            let at = frame(places, block) + 4;
            files[1][at..at + 4].copy_from_slice(&3_000_000_u32.to_le_bytes());
        });
        let [damage] = set.damage() else { panic!("{block}: {:?} {:?}", set.damage(), set.notes()) };
        let offset = frame(&places, block) as u64;
        assert_eq!(damage.what, DecodeError::LongFrame { offset, found: 3_000_000 });
        assert_eq!(set.notes(), [""; 0]);
    }
}

#[test]
fn a_header_with_a_flipped_bit_is_invalid_or_disconnects_the_blocks_above_it() {
    for bit in (0..640).step_by(7) {
        let Damaged { set, .. } = damaged(|files, places| files[0][places[2].at as usize + bit / 8] ^= 1 << (bit % 8));
        let tree = set.tree();
        assert!(set.damage().is_empty());
        assert!(!tree.unconnected().is_empty(), "bit {bit}");
        assert!(tree.invalid_headers().iter().all(|invalid| invalid.index == 2), "bit {bit}");
    }
}
