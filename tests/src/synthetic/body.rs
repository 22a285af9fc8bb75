//! Generates the body of a synthetic block of an exact size. A body depends on the seed and the height only, so that
//! any number of threads can generate bodies in any order.

use cityseal_engine::chain::{MerkleKind, MerkleRoot, body, rfc6962};
use cityseal_engine::hash::double_sha256;

use super::block::{HEADER_BYTES, coinbase, commit, root_of};
use super::random::Random;
use super::transaction::{Input, Output, Transaction, compact_size_len, write_compact_size};
use super::wallet::transaction;

/// Minimum size of a synthetic block: header, coinbase with commitment, and one transaction that fills the rest.
pub const BLOCK_BYTES_MIN: usize = 1_000;
/// Maximum size of a synthetic block: nearly the limit of the weight for a block that is mostly witness data.
pub const BLOCK_BYTES_MAX: usize = 3_900_000;

/// Up to this size every eighth block has no witnesses; a larger block without witnesses would exceed the stripped size
/// limit.
const BARE_BYTES_MAX: usize = 900_000;
const BARE_ONE_IN: u64 = 8;

/// Bytes left free below each limit for the coinbase, the counts, and the transaction that fills the rest.
const RESERVED_BYTES: usize = 1_000;
/// Minimum and maximum size of one piece of filler data, including its length in three bytes.
const FILL_MIN: usize = 256;
const FILL_MAX: usize = 3 + 60_000;
/// Longer filler data is split into pieces of this size and a remainder.
const PIECE: usize = 3 + 40_000;

/// A body with its Merkle root.
#[derive(Clone, Debug)]
pub(super) struct Body {
    /// The whole block; the space of the header is zeroed.
    pub(super) bytes: Vec<u8>,
    pub(super) merkle_root: MerkleRoot,
}

/// The transactions written so far, with their hashes.
struct Writing {
    merkle: MerkleKind,
    bytes: Vec<u8>,
    scratch: Vec<u8>,
    leaves: Vec<[u8; 32]>,
    witness_ids: Vec<[u8; 32]>,
    stripped_bytes: usize,
}

impl Writing {
    fn new(merkle: MerkleKind, capacity: usize) -> Self {
        let bytes = Vec::with_capacity(capacity);
        Self { merkle, bytes, scratch: Vec::new(), leaves: Vec::new(), witness_ids: Vec::new(), stripped_bytes: 0 }
    }

    fn push(&mut self, transaction: &Transaction) {
        let start = self.bytes.len();
        transaction.write(&mut self.bytes);
        let whole = &self.bytes[start..];
        let witness_id = double_sha256(whole);
        let mut stripped = whole;
        let mut id = witness_id;
        if transaction.has_witness() {
            self.scratch.clear();
            transaction.write_stripped(&mut self.scratch);
            stripped = &self.scratch;
            id = double_sha256(stripped);
        }
        self.stripped_bytes += stripped.len();
        self.witness_ids.push(witness_id);
        self.leaves.push(match self.merkle {
            MerkleKind::Bitcoin => id,
            MerkleKind::Rfc6962Sha256 => rfc6962::leaf_hash(whole),
        });
    }

    /// Prepends the coinbase and computes the root.
    fn with_coinbase(self, coinbase: &Transaction, block_bytes: usize) -> Body {
        let mut first = Self::new(self.merkle, 0);
        first.push(coinbase);
        let leaves = [first.leaves, self.leaves].concat();
        let mut bytes = Vec::with_capacity(block_bytes);
        bytes.resize(HEADER_BYTES, 0);
        write_compact_size(leaves.len(), &mut bytes);
        bytes.extend_from_slice(&first.bytes);
        bytes.extend_from_slice(&self.bytes);
        assert_eq!(bytes.len(), block_bytes, "the block does not have the requested size");
        let merkle_root = match self.merkle {
            MerkleKind::Bitcoin => root_of(&leaves),
            MerkleKind::Rfc6962Sha256 => MerkleRoot::from_wire(rfc6962::root(&leaves)),
        };
        Body { bytes, merkle_root }
    }
}

/// Generates the body at `height`, which is above 0. The whole block has exactly `block_bytes` bytes.
pub(super) fn body(seed: u64, height: u64, block_bytes: usize, merkle: MerkleKind) -> Body {
    let mut random = Random::of_stream(seed, height);
    let is_bare = block_bytes <= BARE_BYTES_MAX && random.below(BARE_ONE_IN) == 0;
    let mut first = coinbase(height);
    if !is_bare {
        // Only the length matters here; the correct commitment follows below.
        commit(&mut first, []);
    }
    let room = block_bytes - HEADER_BYTES - first.wire_len();
    let mut writing = Writing::new(merkle, block_bytes);
    // weight = 3 * stripped + whole
    let stripped_max = (body::WEIGHT_MAX as usize - block_bytes) / 3 - RESERVED_BYTES;
    loop {
        let next = transaction(&mut random, height, !is_bare);
        let whole_after = writing.bytes.len() + next.wire_len();
        let stripped_after = writing.stripped_bytes + next.stripped_len();
        if whole_after + RESERVED_BYTES > room || stripped_after > stripped_max {
            break;
        }
        writing.push(&next);
    }
    let count = compact_size_len(writing.leaves.len() + 2);
    let filler = filler(&mut random, room - count - writing.bytes.len(), !is_bare);
    writing.push(&filler);
    let mut first = coinbase(height);
    if !is_bare {
        commit(&mut first, writing.witness_ids.iter().copied());
    }
    writing.with_coinbase(&first, block_bytes)
}

/// A transaction of exactly `len` bytes: with data in a witness, as inscriptions have, or after an `OP_RETURN`.
fn filler(random: &mut Random, len: usize, with_witness: bool) -> Transaction {
    let output = Output { value: 546, script: [&[0x51, 32][..], &random.node()].concat() };
    let mut filler = Transaction::new(vec![Input::spending(random.node(), 0)], vec![output]);
    if with_witness {
        // The count of items, and the two bytes of marker and flag.
        fill_witness(random, len - filler.wire_len() - 3, &mut filler.inputs[0].witness);
        return filler;
    }
    // An output needs 8 bytes for the value; `rest` includes the script's length.
    let rest = len - filler.wire_len() - 8;
    assert!((FILL_MIN..=FILL_MAX).contains(&rest), "{rest} bytes are left for a script");
    let pushed = rest - 3 - 4;
    let mut script = vec![0x6a, 0x4d, pushed as u8, (pushed >> 8) as u8];
    random.append(pushed, &mut script);
    filler.outputs.push(Output { value: 0, script });
    filler
}

fn fill_witness(random: &mut Random, mut rest: usize, witness: &mut Vec<Vec<u8>>) {
    while rest > FILL_MAX {
        witness.push(random.bytes(PIECE - 3));
        rest -= PIECE;
    }
    assert!(rest >= FILL_MIN, "{rest} bytes are left for a witness");
    witness.push(random.bytes(rest - 3));
}
