//! Easily sealed blocks with bodies of any size, and helpers to inspect a block set.

use std::collections::BTreeMap;
use std::path::Path;

use cityseal_engine::UnreadBlocks;
use cityseal_engine::chain::header_tree::Root;
use cityseal_engine::chain::{BlockHeader, MerkleRoot, Network, Parameters};
use cityseal_input::BlockSet;
use cityseal_tests::core_folder::CoreFolder;
use cityseal_tests::folder::Folder;

pub(crate) const REGTEST_MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

pub(crate) fn regtest() -> Parameters {
    Parameters::of(Network::Regtest)
}

/// A block of at least about `size` bytes: a header, and one transaction with one input and one output.
fn with_body(header: &BlockHeader, size: usize) -> Vec<u8> {
    let script = vec![0x51; size.saturating_sub(150)];
    let script_len = match script.len() {
        small @ 0..=0xfc => vec![small as u8],
        middle @ 0xfd..=0xffff => [&[0xfd][..], &(middle as u16).to_le_bytes()].concat(),
        large => [&[0xfe][..], &(large as u32).to_le_bytes()].concat(),
    };
    let output = [&[1][..], &[0; 8], &[0]].concat();
    let transaction = [&[1, 0, 0, 0, 1][..], &[0; 36], &script_len, &script, &[0xff; 4], &output, &[0; 4]].concat();
    [&header.to_wire()[..], &[1], &transaction].concat()
}

fn header_of(block: &[u8]) -> BlockHeader {
    BlockHeader::from_wire(block.first_chunk().unwrap())
}

/// A block on `parent`; different values of `salt` give different blocks on one parent.
pub(crate) fn child(parent: &[u8], salt: u32, size: usize) -> Vec<u8> {
    let parent = header_of(parent);
    let mut root = [0; 32];
    root[..4].copy_from_slice(&salt.to_le_bytes());
    let merkle_root = MerkleRoot::from_wire(root);
    let time = parent.time + 600;
    let mut header = BlockHeader { version: 4, prev_block_hash: parent.hash(), merkle_root, time, nonce: 0, ..parent };
    while !header.bits.decode().unwrap().is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    with_body(&header, size)
}

/// `count` blocks on `parent` of different sizes: most are small, some are larger than a page, and some are large
/// enough to be skipped by seeking instead of reading.
pub(crate) fn chain(parent: &[u8], salt: u32, count: usize) -> Vec<Vec<u8>> {
    let size = |at: usize| [200, 300, 90_000, 250, 9_000][at % 5] + at;
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for at in 0..count {
        let block = child(blocks.last().map_or(parent, Vec::as_slice), salt, size(at));
        blocks.push(block);
    }
    blocks
}

/// A chain of `count` blocks, starting with the genesis block of regtest.
pub(crate) fn main_chain(count: usize) -> Vec<Vec<u8>> {
    let genesis = with_body(regtest().genesis(), 285);
    let rest = chain(&genesis, 1, count - 1);
    std::iter::once(genesis).chain(rest).collect()
}

/// A main chain of 60 blocks with a branch of three blocks at height 20 and a branch of one block at height 40. Returns
/// all blocks, and the main chain.
pub(crate) fn forked() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let best = main_chain(60);
    let mut all = best.clone();
    all.extend(chain(&best[20], 2, 3));
    all.extend(chain(&best[40], 3, 1));
    (all, best)
}

pub(crate) fn open_folder(folder: &Path) -> BlockSet {
    BlockSet::of_folder(folder, &regtest(), Root::Genesis).unwrap()
}

/// Writes blocks as a node does and opens the folder.
pub(crate) fn written(settings: CoreFolder, blocks: &[Vec<u8>]) -> (Folder, BlockSet) {
    let folder = Folder::new();
    settings.write(folder.path(), blocks).unwrap();
    let set = open_folder(folder.path());
    (folder, set)
}

/// The blocks of the best chain, read in the same way as by workers.
pub(crate) fn best_blocks(set: &BlockSet) -> Vec<Vec<u8>> {
    set.best_blocks().flat_map(|batch| blocks_of(&batch)).collect()
}

pub(crate) fn blocks_of(batch: &UnreadBlocks) -> Vec<Vec<u8>> {
    let bytes: usize = batch.places.iter().map(|place| place.len as usize).sum();
    assert!(batch.places.len() == 1 || bytes <= 1 << 20, "{bytes} bytes in a batch");
    let mut room = vec![7; 3];
    batch.source.read_blocks(&batch.places, &mut room).unwrap();
    assert_eq!((room.len(), &room[..3]), (3 + bytes, &[7; 3][..]), "existing bytes must stay");
    let mut rest = &room[3..];
    let mut blocks = Vec::new();
    for (place, header) in batch.places.iter().zip(batch.headers.chunks(80)) {
        let (block, after) = rest.split_at(place.len as usize);
        assert_eq!(&block[..80], header);
        blocks.push(block.to_vec());
        rest = after;
    }
    blocks
}

/// The stale branches: by the height of the tip, the height of the fork and the number of blocks.
pub(crate) fn stale(set: &BlockSet) -> BTreeMap<u64, (u64, u64)> {
    set.tree().stale().iter().map(|branch| (branch.tip_height, (branch.fork.height, branch.blocks))).collect()
}

/// Asserts that the set has all blocks of [`forked`] without damage.
pub(crate) fn assert_is_forked(set: &BlockSet, best: &[Vec<u8>]) {
    assert_eq!((set.damage(), set.tree().unconnected(), set.tree().invalid_headers()), (&[][..], &[][..], &[][..]));
    assert!(best_blocks(set) == best, "the best chain differs");
    let headers: Vec<u8> = set.best_headers().flatten().collect();
    assert_eq!(headers, best.iter().flat_map(|block| block[..80].to_vec()).collect::<Vec<u8>>());
    assert_eq!(stale(set), BTreeMap::from([(23, (20, 3)), (41, (40, 1))]));
}
