//! Synthetic chains in Bitcoin's format: blocks of realistic transactions, valid by every rule that the product checks,
//! with a target that every second hash meets. Chains can have any length and are generated faster than most disks can
//! store them.
//!
//! A chain depends on its plan only: the same seed gives the same bytes on every machine and with any number of
//! threads. Signatures and keys are random bytes, and spent outputs do not exist, because these are outside the
//! product's scope.
//!
//! Ids, roots and commitments are computed without the product's kernels, so that these are not checked against
//! themselves.

pub mod block;
mod body;
mod random;
mod stream;
#[cfg(test)]
mod tests;
pub mod transaction;
mod wallet;

pub use body::{BLOCK_BYTES_MAX, BLOCK_BYTES_MIN};
pub use random::Random;
pub use stream::each_block;

use cityseal_engine::chain::{BlockHeader, MerkleKind, Network, Parameters};

use self::block::{HEADER_BYTES, header_of, sealed};

/// Magic and length before each block of a framed chain.
pub const FRAME_BYTES: usize = 8;

/// Average seconds between blocks.
const SPACING_S: u64 = 60;
/// Time of the genesis blocks of cities.
const CITY_TIME: u32 = 1_700_000_000;
/// Regtest's target, which every second hash meets.
const CITY_BITS: u32 = 0x207f_ffff;

/// The coinbase of Bitcoin's genesis blocks (the body of the regtest genesis block), as hex digits.
const GENESIS_COINBASE: &str = concat!(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff",
    "4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e",
    "206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff",
    "0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6",
    "49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000",
);

/// The network of a synthetic chain: its parameters and its genesis block.
#[derive(Clone, Debug)]
pub struct Home {
    parameters: Parameters,
    toml: Option<String>,
    magic: [u8; 4],
    genesis: Vec<u8>,
}

impl Home {
    /// Regtest.
    ///
    /// # Panics
    /// Never: the digits of its coinbase are hex digits.
    pub fn regtest() -> Self {
        let parameters = Parameters::of(Network::Regtest);
        let coinbase = cityseal_engine::chain::hex::decode(GENESIS_COINBASE).expect("the digits above are hex digits");
        let genesis = [&parameters.genesis().to_wire()[..], &[1], &coinbase].concat();
        Self { parameters, toml: None, magic: [0xfa, 0xbf, 0xb5, 0xda], genesis }
    }

    /// A city with the same rules from its first block on and the given Merkle tree. Its frames have the magic of
    /// mainnet.
    ///
    /// # Panics
    /// If the product refuses documented parameters.
    pub fn city(merkle: MerkleKind) -> Self {
        let genesis = block::genesis(merkle, CITY_TIME, CITY_BITS);
        let toml = format!(
            "name = \"synthetic\"\ngenesis = \"{}\"\npow_limit = \"{CITY_BITS:08x}\"\nmerkle = \"{}\"\n\
             difficulty = \"fixed\"\n\
             [[version]]\nmin = 4\nfrom_height = 0\n\
             [body]\ncoinbase_height_from = 0\nmedian_time_from = 0\nwitness_from = 0\n",
            header_of(&genesis).to_hex(),
            merkle.name(),
        );
        let parameters = Parameters::from_toml(&toml).expect("the city's parameters are as documented");
        Self { parameters, toml: Some(toml), magic: [0xf9, 0xbe, 0xb4, 0xd9], genesis }
    }

    /// Returns the network's parameters.
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns a city's parameters in the format of `--network FILE.toml`; `None` for regtest.
    pub fn toml(&self) -> Option<&str> {
        self.toml.as_deref()
    }

    /// Returns the magic of the network's frames.
    pub const fn magic(&self) -> [u8; 4] {
        self.magic
    }

    /// Returns the block at height 0.
    pub fn genesis(&self) -> &[u8] {
        &self.genesis
    }

    /// Frames a block as in block files: magic, length, block.
    pub fn framed(&self, block: &[u8]) -> Vec<u8> {
        [&self.magic[..], &(block.len() as u32).to_le_bytes(), block].concat()
    }
}

/// A description of a chain, from which its blocks are generated.
#[derive(Clone, Debug)]
pub struct Plan {
    home: Home,
    seed: u64,
    blocks: u64,
    block_bytes: usize,
}

impl Plan {
    /// A chain of `blocks` blocks, including the genesis block. Every other block has exactly `block_bytes` bytes.
    ///
    /// # Panics
    /// If `block_bytes` is not from [`BLOCK_BYTES_MIN`] to [`BLOCK_BYTES_MAX`].
    pub fn new(home: Home, seed: u64, blocks: u64, block_bytes: usize) -> Self {
        let allowed = BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX;
        assert!(allowed.contains(&block_bytes), "{block_bytes} bytes a block; expected {allowed:?}");
        Self { home, seed, blocks, block_bytes }
    }

    /// The shortest such chain of at least `bytes` bytes, not counting frames.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn of_bytes(home: Home, seed: u64, bytes: u64, block_bytes: usize) -> Self {
        let after_genesis = bytes.saturating_sub(home.genesis.len() as u64);
        let blocks = 1 + after_genesis.div_ceil((block_bytes as u64).max(1));
        Self::new(home, seed, blocks, block_bytes)
    }

    /// Returns the chain's network.
    pub const fn home(&self) -> &Home {
        &self.home
    }

    /// Returns the number of blocks.
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Returns the total size of all blocks in bytes, not counting frames.
    pub fn bytes(&self) -> u64 {
        match self.blocks.checked_sub(1) {
            Some(after_genesis) => self.home.genesis.len() as u64 + after_genesis * self.block_bytes as u64,
            None => 0,
        }
    }

    fn body(&self, height: u64) -> body::Body {
        body::body(self.seed, height, self.block_bytes, self.home.parameters.merkle())
    }

    /// Writes the sealed header at `height` into a body and returns it.
    fn seal(&self, height: u64, parent: &BlockHeader, body: &mut body::Body) -> BlockHeader {
        let wait_s = 1 + Random::of_stream(!self.seed, height).below(2 * SPACING_S - 1) as u32;
        let header = sealed(BlockHeader {
            version: 0x2000_0000,
            prev_block_hash: parent.hash(),
            merkle_root: body.merkle_root,
            time: parent.time + wait_s,
            bits: parent.bits,
            nonce: 0,
        });
        body.bytes[..HEADER_BYTES].copy_from_slice(&header.to_wire());
        header
    }
}

/// Generates a regtest chain of `blocks` blocks, starting with the genesis block; every other block has exactly
/// `block_bytes` bytes.
///
/// # Panics
/// As [`Plan::new`].
pub fn chain(seed: u64, blocks: u64, block_bytes: usize) -> Vec<Vec<u8>> {
    chain_of(&Plan::new(Home::regtest(), seed, blocks, block_bytes))
}

/// Generates all blocks of a plan.
///
/// # Panics
/// Never: collecting blocks cannot fail.
pub fn chain_of(plan: &Plan) -> Vec<Vec<u8>> {
    let mut blocks = Vec::new();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    each_block(plan, threads, |block| {
        blocks.push(block);
        Ok(())
    })
    .expect("collecting blocks cannot fail");
    blocks
}
