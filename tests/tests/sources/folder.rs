//! A node's folder is read with any file sizes, key, block order and preallocated space.

use std::fs;

use cityseal_engine::chain::header_tree::Root;
use cityseal_input::{BlockSet, InputError};
use cityseal_tests::core_folder::{CoreFolder, out_of_order};
use cityseal_tests::folder::Folder;

use crate::blocks::{REGTEST_MAGIC, assert_is_forked, best_blocks, forked, main_chain, open_folder, regtest, written};

/// The last key turns the magic of every frame at a multiple of eight bytes into zeros.
const KEYS: [[u8; 8]; 4] = [
    [0; 8],
    [1, 2, 3, 4, 5, 6, 7, 8],
    [0xff, 0, 0xff, 0, 0, 0, 0, 9],
    [0xfa, 0xbf, 0xb5, 0xda, 0xfa, 0xbf, 0xb5, 0xda],
];

#[test]
fn any_layout_gives_the_same_best_chain_and_the_same_stale_branches() {
    let (all, best) = forked();
    for (seed, key) in (0..).zip(KEYS) {
        for (file_bytes_max, reserved_bytes) in [(1 << 30, 1 << 24), (200_000, 65_536), (100_000, 4096), (1, 0)] {
            let settings =
                CoreFolder::new(REGTEST_MAGIC).key(key).file_bytes_max(file_bytes_max).reserved_bytes(reserved_bytes);
            let (_folder, set) = written(settings, &out_of_order(&all, 30, seed));
            assert_is_forked(&set, &best);
            assert_eq!(set.notes(), [""; 0]);
        }
    }
}

#[test]
fn more_files_than_can_be_open_at_once_are_read_in_any_order() {
    let (all, best) = forked();
    let mut backwards = all;
    backwards.reverse();
    let (_folder, set) = written(CoreFolder::new(REGTEST_MAGIC).file_bytes_max(1), &backwards);
    assert_is_forked(&set, &best);
    let place = set.place(set.tree().tip().unwrap());
    assert!(place.path.ends_with("blk00004.dat"), "{place:?}");
    assert_eq!((place.at, place.line), (8, None));
}

#[test]
fn offsets_count_over_all_files() {
    let blocks = main_chain(3);
    let (_folder, set) = written(CoreFolder::new(REGTEST_MAGIC).file_bytes_max(1), &blocks);
    let offsets: Vec<u64> = (0..3).map(|index| set.place(index).offset).collect();
    let sizes: Vec<u64> = blocks.iter().map(|block| 8 + block.len() as u64).collect();
    assert_eq!(offsets, [8, sizes[0] + 8, sizes[0] + sizes[1] + 8]);
}

#[test]
fn a_truncated_block_at_the_end_of_the_last_file_is_a_note_and_not_damage() {
    let blocks = main_chain(20);
    let whole = blocks.iter().map(|block| 8 + block.len()).sum::<usize>();
    let last = blocks[19].len();
    for (cut, key) in [(1, KEYS[1]), (last - 80, KEYS[0]), (last, KEYS[1]), (last + 3, KEYS[3]), (last + 7, KEYS[0])] {
        let folder = Folder::new();
        let settings = CoreFolder::new(REGTEST_MAGIC).key(key).reserved_bytes(0);
        let places = settings.write(folder.path(), &blocks).unwrap();
        let path = &places[19].path;
        fs::File::options().write(true).open(path).unwrap().set_len((whole - cut) as u64).unwrap();
        let set = open_folder(folder.path());
        assert!(best_blocks(&set) == blocks[..19], "cut by {cut}");
        assert!(set.damage().is_empty(), "{:?}", set.damage());
        let byte = format!("the last block, at byte {}", places[19].at - 8);
        assert!(set.notes().iter().all(|note| note.contains(&byte)) && set.notes().len() == 1, "{:?}", set.notes());
    }
}

#[test]
fn other_files_in_the_folder_are_ignored_and_a_missing_block_file_is_noted() {
    let blocks = main_chain(12);
    let folder = Folder::new();
    CoreFolder::new(REGTEST_MAGIC).file_bytes_max(1).write(folder.path(), &blocks).unwrap();
    for name in ["blk0001.dat", "blk00001.dat.bak", "blkabcde.dat", "notes.txt"] {
        folder.write(name, b"not a block file");
    }
    fs::remove_file(folder.path().join("blk00011.dat")).unwrap();
    let set = open_folder(folder.path());
    assert!(best_blocks(&set) == blocks[..11] && set.damage().is_empty() && set.notes().is_empty());

    fs::remove_file(folder.path().join("blk00004.dat")).unwrap();
    let set = open_folder(folder.path());
    assert_eq!((set.tree().best().len(), set.tree().unconnected().len()), (4, 6));
    assert_eq!(set.notes(), ["no block files with numbers 4 to 4"]);
}

#[test]
fn a_key_of_another_length_and_a_folder_without_block_files_are_refused() {
    let folder = Folder::new();
    let open = || BlockSet::of_folder(folder.path(), &regtest(), Root::Genesis).unwrap_err();
    assert!(matches!(open(), InputError::NoBlockFiles { .. }));
    folder.write("blk00000.dat", []);
    folder.write("xor.dat", [1; 9]);
    assert!(matches!(open(), InputError::XorKey { found: 9, .. }));
}
