//! A regtest base chain with spendable outputs, and branches of it.

use cityseal_tests::synthetic::block::header_of;
use cityseal_tests::synthetic::{Home, Random};

use crate::draft::{COINS_PER_BLOCK, Draft, Finished, HEADER_BYTES, hash, id};

/// Height of the last block of the base chain.
pub(crate) const BASE_TIP: u64 = 262;
/// Coinbases up to this height are mature for every block above [`CONNECTED_FROM`].
const COINS_TO: u64 = 150;
/// Branches whose parent has at least this height spend existing outputs, so that a node can connect them.
pub(crate) const CONNECTED_FROM: u64 = COINS_TO + 100;

/// This many consecutive heights spend outputs of different blocks; it exceeds the length of every branch.
const HEIGHTS_WITH_OWN_COINS: usize = 15;

/// An output of the base chain.
#[derive(Clone, Debug)]
pub(crate) struct Coin {
    pub(crate) id: [u8; 32],
    pub(crate) index: u32,
    pub(crate) value: i64,
    /// Whether its script accepts any witness (version 2) or needs none (`OP_TRUE`).
    pub(crate) takes_witness: bool,
}

/// The base chain of all cases.
pub(crate) struct Base {
    /// All blocks, the genesis block first.
    pub(crate) blocks: Vec<Vec<u8>>,
    coins: Vec<Coin>,
    hashes: Vec<[u8; 32]>,
    times: Vec<u32>,
    /// The time used for R10.
    pub(crate) now: u64,
}

/// A branch of the base chain, to which blocks are appended.
#[derive(Clone)]
pub(crate) struct Branch<'a> {
    base: &'a Base,
    /// Hashes and times from the genesis block on.
    hashes: Vec<[u8; 32]>,
    times: Vec<u32>,
    is_connected: bool,
    pub(crate) now: u64,
}

impl Base {
    /// Generates the base chain of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let now = u64::MAX;
        let mut base = Self { blocks: Vec::new(), coins: Vec::new(), hashes: Vec::new(), times: Vec::new(), now };
        base.push(Home::regtest().genesis().to_vec());
        let mut random = Random::of_stream(seed, u64::MAX);
        for height in 1..=BASE_TIP {
            let mut draft = Draft::next(&base.at(height - 1), &mut random);
            // Keep only the coinbase, so that no block depends on outputs of another.
            draft.transactions.truncate(1);
            let coinbase = draft.transactions[0].clone();
            if height <= COINS_TO {
                let id = id(&coinbase);
                base.coins.extend((0..COINS_PER_BLOCK).map(|at| Coin {
                    id,
                    index: at as u32,
                    value: coinbase.outputs[at].value,
                    takes_witness: at >= COINS_PER_BLOCK / 2,
                }));
            }
            base.push(draft.finish().bytes);
        }
        base.now = u64::from(base.times[BASE_TIP as usize]) + 100_000;
        base
    }

    fn push(&mut self, block: Vec<u8>) {
        self.hashes.push(hash(&block[..HEADER_BYTES]));
        self.times.push(header_of(&block).time);
        self.blocks.push(block);
    }

    /// A branch whose next block follows the base block at height `parent`.
    pub(crate) fn at(&self, parent: u64) -> Branch<'_> {
        Branch {
            base: self,
            hashes: self.hashes[..=parent as usize].to_vec(),
            times: self.times[..=parent as usize].to_vec(),
            is_connected: parent >= CONNECTED_FROM,
            now: self.now,
        }
    }

    /// Packed headers of the heights `first..=last`.
    pub(crate) fn headers(&self, first: u64, last: u64) -> Vec<u8> {
        self.blocks[first as usize..=last as usize].iter().flat_map(|block| &block[..HEADER_BYTES]).copied().collect()
    }
}

impl Branch<'_> {
    /// Height of the next block.
    pub(crate) fn height(&self) -> u64 {
        self.hashes.len() as u64
    }

    pub(crate) fn tip(&self) -> [u8; 32] {
        self.hashes[self.hashes.len() - 1]
    }

    /// The hash of the tip's parent, or of the tip if it is the genesis block.
    pub(crate) fn grandparent(&self) -> [u8; 32] {
        self.hashes[self.hashes.len().saturating_sub(2)]
    }

    pub(crate) fn parent_time(&self) -> u32 {
        self.times[self.times.len() - 1]
    }

    /// Median time of the last eleven headers; the upper median if their number is even.
    pub(crate) fn median(&self) -> u32 {
        let mut last: Vec<u32> = self.times.iter().rev().take(11).copied().collect();
        last.sort_unstable();
        last[last.len() / 2]
    }

    /// Outputs that the next block may spend. Nearby heights have different outputs, so no branch spends one twice.
    pub(crate) fn coins(&self) -> Vec<Coin> {
        if !self.is_connected {
            return Vec::new();
        }
        let own = self.height() as usize % HEIGHTS_WITH_OWN_COINS;
        let blocks = self.base.coins.chunks(COINS_PER_BLOCK);
        blocks.skip(own).step_by(HEIGHTS_WITH_OWN_COINS).flatten().cloned().collect()
    }

    /// Appends a block.
    pub(crate) fn push(&mut self, block: &Finished) {
        self.hashes.push(hash(&block.bytes[..HEADER_BYTES]));
        self.times.push(header_of(&block.bytes).time);
    }
}
