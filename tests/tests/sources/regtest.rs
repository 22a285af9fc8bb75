//! Valid regtest blocks with and without witnesses, and deliberately damaged copies of them.

use cityseal_engine::chain::body::coinbase_height_script;
use cityseal_engine::chain::{BlockHash, BlockHeader, MerkleRoot, hex};
use cityseal_hash::double_sha256;

use crate::blocks::regtest;

/// The only transaction of the regtest genesis block.
const GENESIS_COINBASE: &str = concat!(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff",
    "001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e",
    "6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104",
    "678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51e",
    "c112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000",
);

/// A transaction with one input and any number of outputs.
#[derive(Clone, Debug)]
struct Transaction {
    spent: [u8; 36],
    script: Vec<u8>,
    outputs: Vec<Vec<u8>>,
    witness: Vec<Vec<u8>>,
}

impl Transaction {
    fn bytes(&self, with_witness: bool) -> Vec<u8> {
        let witness = with_witness && !self.witness.is_empty();
        let mut bytes = vec![2, 0, 0, 0];
        bytes.extend(if witness { &[0, 1][..] } else { &[] });
        bytes.push(1);
        bytes.extend(self.spent);
        bytes.push(self.script.len() as u8);
        bytes.extend(&self.script);
        bytes.extend([0xff; 4]);
        bytes.push(self.outputs.len() as u8);
        for script in &self.outputs {
            bytes.extend([0; 8]);
            bytes.push(script.len() as u8);
            bytes.extend(script);
        }
        if witness {
            bytes.push(self.witness.len() as u8);
            for item in &self.witness {
                bytes.push(item.len() as u8);
                bytes.extend(item);
            }
        }
        bytes.extend([0; 4]);
        bytes
    }

    fn id(&self) -> [u8; 32] {
        double_sha256(&self.bytes(false))
    }
}

/// The parts of a block, from which damaged copies can be written.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) header: BlockHeader,
    transactions: Vec<Transaction>,
}

fn root(mut nodes: Vec<[u8; 32]>) -> [u8; 32] {
    while nodes.len() > 1 {
        let pair = |pair: &[[u8; 32]]| double_sha256(&[pair[0], pair[pair.len() - 1]].concat());
        nodes = nodes.chunks(2).map(pair).collect();
    }
    nodes[0]
}

/// The kind of a block's transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Plain,
    /// Transactions have witnesses, to which the coinbase commits.
    Witness,
}

impl Block {
    /// A block of three transactions on `parent`; different values of `salt` give different blocks on one parent.
    pub(crate) fn on(parent: &BlockHeader, height: u64, salt: u32, body: Body) -> Self {
        let mut script = coinbase_height_script(height).as_bytes().to_vec();
        script.extend(salt.to_le_bytes());
        let mut spent = [0; 36];
        spent[32..].fill(0xff);
        let coinbase = Transaction { spent, script, outputs: vec![vec![0x51]], witness: Vec::new() };
        let other = |number: u8| {
            let mut spent = [number; 36];
            spent[..4].copy_from_slice(&salt.to_le_bytes());
            spent[4..12].copy_from_slice(&height.to_le_bytes());
            let witness = if body == Body::Witness { vec![vec![number; 20]] } else { Vec::new() };
            Transaction { spent, script: Vec::new(), outputs: vec![vec![0x51; 5]], witness }
        };
        let mut transactions = vec![coinbase, other(1), other(2)];
        if body == Body::Witness {
            let whole = transactions[1..].iter().map(|transaction| double_sha256(&transaction.bytes(true)));
            let committed = root(std::iter::once([0; 32]).chain(whole).collect());
            let commitment = double_sha256(&[committed, [0; 32]].concat());
            transactions[0].outputs.push([&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &commitment].concat());
            transactions[0].witness = vec![vec![0; 32]];
        }
        let merkle_root = root(transactions.iter().map(Transaction::id).collect());
        let header = BlockHeader {
            version: 0x2000_0000,
            prev_block_hash: parent.hash(),
            merkle_root: MerkleRoot::from_wire(merkle_root),
            time: parent.time + 600,
            nonce: 0,
            ..*parent
        };
        Self { header: sealed(header), transactions }
    }

    pub(crate) fn hash(&self) -> BlockHash {
        self.header.hash()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let transactions: Vec<u8> = self.transactions.iter().flat_map(|one| one.bytes(true)).collect();
        [&self.header.to_wire()[..], &[self.transactions.len() as u8], &transactions].concat()
    }

    /// Damaged copies of this block, each with the rule that it breaks.
    pub(crate) fn damaged(&self) -> Vec<(&'static str, Vec<u8>)> {
        let whole = self.bytes();
        let mut flipped = whole.clone();
        // A byte of the coinbase script, which follows the output index ffffffff and the script's length.
        let script = whole.windows(4).position(|bytes| bytes == [0xff; 4]).unwrap() + 7;
        flipped[script] ^= 4;
        let mut repeated = self.clone();
        repeated.transactions.push(self.transactions[2].clone());
        let mut damaged = vec![
            ("R20", whole[..whole.len() - 5].to_vec()),
            ("R20", [&whole[..], b"tail"].concat()),
            ("R21", flipped),
            ("R22", repeated.bytes()),
        ];
        if self.transactions[0].witness.is_empty() {
            let mut witness = self.clone();
            witness.transactions[1].witness = vec![vec![7; 3]];
            damaged.push(("R39", witness.bytes()));
        } else {
            let mut stripped = self.clone();
            stripped.transactions.iter_mut().for_each(|transaction| transaction.witness.clear());
            damaged.push(("R37", stripped.bytes()));
            let mut other = self.clone();
            other.transactions[2].witness[0][3] ^= 1;
            damaged.push(("R38", other.bytes()));
        }
        damaged
    }
}

/// The header with the lowest nonce that meets its target.
pub(crate) fn sealed(header: BlockHeader) -> BlockHeader {
    let target = header.bits.decode().unwrap();
    (0..=u32::MAX).map(|nonce| BlockHeader { nonce, ..header }).find(|header| target.is_met_by(&header.hash())).unwrap()
}

/// The header with the lowest nonce that does not meet its target.
pub(crate) fn unsealed(header: BlockHeader) -> BlockHeader {
    let target = header.bits.decode().unwrap();
    (0..=u32::MAX)
        .map(|nonce| BlockHeader { nonce, ..header })
        .find(|header| !target.is_met_by(&header.hash()))
        .unwrap()
}

pub(crate) fn genesis() -> Vec<u8> {
    [&regtest().genesis().to_wire()[..], &[1], &hex::decode(GENESIS_COINBASE).unwrap()].concat()
}

/// `count` blocks on `parent`, starting at `height`; every second one has witnesses.
pub(crate) fn blocks_on(parent: &BlockHeader, height: u64, salt: u32, count: usize) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for height in (height..).take(count) {
        let parent = blocks.last().map_or(*parent, |block| block.header);
        let body = if height.is_multiple_of(2) { Body::Witness } else { Body::Plain };
        blocks.push(Block::on(&parent, height, salt, body));
    }
    blocks
}

/// The blocks of heights 1 to `count`.
pub(crate) fn chain(count: usize) -> Vec<Block> {
    blocks_on(regtest().genesis(), 1, 1, count)
}
