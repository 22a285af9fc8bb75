//! Makes regtest blocks with two transactions each.

use cityseal_engine::chain::body::coinbase_height_script;
use cityseal_engine::chain::{BlockHeader, MerkleRoot, Network, Parameters, merkle};
use cityseal_engine::hash::double_sha256;

fn genesis() -> BlockHeader {
    *Parameters::of(Network::Regtest).genesis()
}

/// An unsealed header that follows the genesis block.
pub(crate) fn regtest_block_header() -> BlockHeader {
    let genesis = genesis();
    BlockHeader { version: 0x2000_0000, prev_block_hash: genesis.hash(), time: genesis.time + 600, ..genesis }
}

/// A transaction with one input and one output, without a witness.
fn transaction(previous_output: &[u8; 36], script: &[u8]) -> Vec<u8> {
    let input = [&[1][..], previous_output, &[script.len() as u8], script, &[0xff; 4]].concat();
    let output = [&[1][..], &1_000_u64.to_le_bytes(), &[1, 0x51]].concat();
    [&2_u32.to_le_bytes()[..], &input, &output, &[0; 4]].concat()
}

fn block(height: u64, parent: &BlockHeader) -> Vec<u8> {
    let mut no_output = [0; 36];
    no_output[32..].fill(0xff);
    let script = [coinbase_height_script(height).as_bytes(), &[0x51, 0x51]].concat();
    let transactions = [transaction(&no_output, &script), transaction(&[height as u8; 36], &[0x51])];
    let ids: Vec<[u8; 32]> = transactions.iter().map(|transaction| double_sha256(transaction)).collect();
    let root = merkle::root(&ids).expect("two different leaves have a root").to_wire();
    let mut header = BlockHeader {
        prev_block_hash: parent.hash(),
        merkle_root: MerkleRoot::from_wire(root),
        time: parent.time + 600,
        ..regtest_block_header()
    };
    let target = header.bits.decode().expect("regtest's own bits");
    while !target.is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    [&header.to_wire()[..], &[transactions.len() as u8], transactions.concat().as_slice()].concat()
}

/// Blocks 1 to `count` of a chain on regtest's genesis block.
pub(crate) fn blocks(count: u64) -> Vec<Vec<u8>> {
    let mut parent = genesis();
    let mut blocks = Vec::new();
    for height in 1..=count {
        let block = block(height, &parent);
        let (header, _) = block.split_first_chunk().expect("a block begins with its header");
        parent = BlockHeader::from_wire(header);
        blocks.push(block);
    }
    blocks
}
