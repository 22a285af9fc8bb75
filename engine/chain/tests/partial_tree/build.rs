//! Builds proofs from whole blocks, level by level, without sharing code with the parser.

use cityseal_chain::merkle::Node;
use cityseal_chain::{BlockHeader, CompactTarget, MerkleRoot};
use cityseal_hash::double_sha256;

/// The parts of a proof, which need not be consistent.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) header: BlockHeader,
    pub(crate) transactions: u32,
    pub(crate) hashes: Vec<Node>,
    pub(crate) flags: Vec<u8>,
}

/// A header over this root.
pub(crate) fn header_over(root: Node) -> BlockHeader {
    BlockHeader {
        version: 2,
        prev_block_hash: cityseal_chain::BlockHash::ZERO,
        merkle_root: MerkleRoot::from_wire(root),
        time: 1_231_006_505,
        bits: CompactTarget::from_bits(0x207f_ffff),
        nonce: 7,
    }
}

pub(crate) fn leaf(number: u32) -> Node {
    double_sha256(&number.to_le_bytes())
}

pub(crate) fn leaves(count: u32) -> Vec<Node> {
    (0..count).map(leaf).collect()
}

pub(crate) fn node_over(left: &Node, right: &Node) -> Node {
    double_sha256(&[*left, *right].concat())
}

/// All levels of a tree, from the transactions up: each node, and whether a match is below it.
fn levels(leaves: &[Node], matches: &[bool]) -> Vec<Vec<(Node, bool)>> {
    let mut levels = vec![leaves.iter().copied().zip(matches.iter().copied()).collect::<Vec<_>>()];
    while levels[levels.len() - 1].len() > 1 {
        let above = levels[levels.len() - 1].chunks(2).map(|pair| {
            let (left, right) = (pair[0], pair[pair.len() - 1]);
            (node_over(&left.0, &right.0), left.1 || right.1)
        });
        levels.push(above.collect());
    }
    levels
}

/// The BIP37 form of a tree, depth first: a bit for each node visited, and a hash for each node not descended into.
pub(crate) fn written(leaves: &[Node], matches: &[bool]) -> (Vec<bool>, Vec<Node>) {
    let levels = levels(leaves, matches);
    let (mut bits, mut hashes) = (Vec::new(), Vec::new());
    let mut open = vec![(levels.len() - 1, 0)];
    while let Some((level, index)) = open.pop() {
        let (hash, leads) = levels[level][index];
        bits.push(leads);
        if level == 0 || !leads {
            hashes.push(hash);
            continue;
        }
        if 2 * index + 1 < levels[level - 1].len() {
            open.push((level - 1, 2 * index + 1));
        }
        open.push((level - 1, 2 * index));
    }
    (bits, hashes)
}

pub(crate) fn packed(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |packed, &bit| packed << 1 | u8::from(bit))).collect()
}

fn compact_size(count: usize) -> Vec<u8> {
    match u8::try_from(count) {
        Ok(byte) if byte < 0xfd => vec![byte],
        _ => [&[0xfd][..], &u16::try_from(count).expect("the tests use counts up to 65,535").to_le_bytes()].concat(),
    }
}

impl Proof {
    /// The proof of these transactions, with a matching header.
    pub(crate) fn of(leaves: &[Node], matches: &[bool]) -> Self {
        let root = levels(leaves, matches).pop().expect("a tree has a root")[0].0;
        let (bits, hashes) = written(leaves, matches);
        let transactions = u32::try_from(leaves.len()).expect("tests have few leaves");
        Self { header: header_over(root), transactions, hashes, flags: packed(&bits) }
    }

    /// A proof of these parts, with a header whose root is zero.
    pub(crate) fn raw(transactions: u32, hashes: &[Node], flags: &[u8]) -> Self {
        Self { header: header_over([0; 32]), transactions, hashes: hashes.to_vec(), flags: flags.to_vec() }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [
            &self.header.to_wire()[..],
            &self.transactions.to_le_bytes(),
            &compact_size(self.hashes.len()),
            self.hashes.as_flattened(),
            &compact_size(self.flags.len()),
            &self.flags,
        ]
        .concat()
    }
}
