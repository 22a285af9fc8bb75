//! Builds blocks from given transactions: with the correct Merkle root, optionally a witness commitment, and a nonce
//! that meets an easy target. A test changes the fields that should be wrong before sealing.

use cityseal_engine::chain::{
    BlockHash, BlockHeader, CompactTarget, MerkleKind, MerkleRoot, body, merkle, merkle::MerkleError, rfc6962,
};
use cityseal_engine::hash::double_sha256;

use super::transaction::{Input, Output, Transaction, write_compact_size};

/// Size of a header in bytes.
pub const HEADER_BYTES: usize = 80;

/// The bytes before the hash in a witness commitment output (BIP 141): `OP_RETURN`, a push of 36 bytes, four bytes of
/// magic.
const COMMITMENT_HEAD: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// Length of every coinbase script, so that coinbases of all heights have the same size.
const COINBASE_SCRIPT_BYTES: usize = 40;

/// The coinbase's output: 50 coins at every height, because amounts are out of scope.
const SUBSIDY: i64 = 5_000_000_000;

/// Returns a coinbase whose script begins with the height (BIP 34), with one output.
pub fn coinbase(height: u64) -> Transaction {
    let mut script = body::coinbase_height_script(height).as_bytes().to_vec();
    script.resize(COINBASE_SCRIPT_BYTES, b'.');
    let pays = [&[0x51, 32][..], &double_sha256(&height.to_le_bytes())].concat();
    Transaction {
        version: 1,
        ..Transaction::new(vec![Input::minting(script)], vec![Output { value: SUBSIDY, script: pays }])
    }
}

/// Adds the witness commitment over the following transactions, given by their witness ids, to a coinbase.
pub fn commit(coinbase: &mut Transaction, witness_ids: impl IntoIterator<Item = [u8; 32]>) {
    let reserved = [0; 32];
    let ids: Vec<_> = std::iter::once([0; 32]).chain(witness_ids).collect();
    let commitment = double_sha256(&[root_of(&ids).to_wire(), reserved].concat());
    let script = [&COMMITMENT_HEAD[..], &commitment].concat();
    coinbase.outputs.push(Output { value: 0, script });
    coinbase.inputs[0].witness = vec![reserved.to_vec()];
}

/// Returns the root of Bitcoin's Merkle tree, also for duplicated leaves; zeros for no leaves.
pub fn root_of(leaves: &[[u8; 32]]) -> MerkleRoot {
    match merkle::root(leaves) {
        Ok(root) | Err(MerkleError::Duplicated { root, .. }) => root,
        Err(_) => MerkleRoot::ZERO,
    }
}

/// A block before it is sealed; a test may change every field.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The header; its Merkle root and nonce are set by sealing.
    pub header: BlockHeader,
    /// All transactions, the coinbase first.
    pub transactions: Vec<Transaction>,
    /// The kind of Merkle tree.
    pub merkle: MerkleKind,
}

impl Draft {
    /// Creates a block with only a coinbase, at `height` on `parent`, ten minutes later and with the same bits.
    pub fn after(parent: &BlockHeader, height: u64) -> Self {
        let time = parent.time + 600;
        let header = BlockHeader { version: 4, prev_block_hash: parent.hash(), time, nonce: 0, ..*parent };
        Self { header, transactions: vec![coinbase(height)], merkle: MerkleKind::Bitcoin }
    }

    /// Appends transactions.
    #[must_use]
    pub fn with(mut self, transactions: impl IntoIterator<Item = Transaction>) -> Self {
        self.transactions.extend(transactions);
        self
    }

    /// Adds the correct witness commitment to the first transaction.
    ///
    /// # Panics
    /// If there is no transaction.
    #[must_use]
    pub fn committed(mut self) -> Self {
        let (coinbase, rest) = self.transactions.split_first_mut().expect("a block that commits has a coinbase");
        commit(coinbase, rest.iter().map(Transaction::witness_id));
        self
    }

    /// Seals the block with the correct Merkle root and returns its bytes.
    pub fn sealed(&self) -> Vec<u8> {
        self.sealed_over(self.merkle_root())
    }

    /// Seals the block with the given Merkle root, correct or not, and returns its bytes.
    pub fn sealed_over(&self, merkle_root: MerkleRoot) -> Vec<u8> {
        let mut bytes = sealed(BlockHeader { merkle_root, ..self.header }).to_wire().to_vec();
        write_compact_size(self.transactions.len(), &mut bytes);
        self.transactions.iter().for_each(|transaction| transaction.write(&mut bytes));
        bytes
    }

    /// Returns the correct Merkle root of the transactions.
    pub fn merkle_root(&self) -> MerkleRoot {
        let transactions = self.transactions.iter();
        match self.merkle {
            MerkleKind::Bitcoin => root_of(&transactions.map(Transaction::id).collect::<Vec<_>>()),
            MerkleKind::Rfc6962Sha256 => {
                let leaves: Vec<_> = transactions.map(|one| rfc6962::leaf_hash(&one.to_wire())).collect();
                MerkleRoot::from_wire(rfc6962::root(&leaves))
            }
        }
    }
}

/// Increments the nonce until the header meets its target. A header whose bits encode no target is returned unchanged.
///
/// # Panics
/// If no nonce meets the target.
pub fn sealed(header: BlockHeader) -> BlockHeader {
    let Ok(target) = header.bits.decode() else { return header };
    let mut tries = (0..=u32::MAX).map(|step| BlockHeader { nonce: header.nonce.wrapping_add(step), ..header });
    tries.find(|header| target.is_met_by(&header.hash())).expect("the targets of tests are easy")
}

/// Parses the header of a block.
///
/// # Panics
/// If the block is shorter than a header.
pub fn header_of(block: &[u8]) -> BlockHeader {
    BlockHeader::from_wire(block.first_chunk().expect("a block begins with its header"))
}

/// Returns the genesis block of a city: only a coinbase, sealed at `bits`.
pub(super) fn genesis(merkle: MerkleKind, time: u32, bits: u32) -> Vec<u8> {
    let header = BlockHeader {
        version: 4,
        prev_block_hash: BlockHash::ZERO,
        merkle_root: MerkleRoot::ZERO,
        time,
        bits: CompactTarget::from_bits(bits),
        nonce: 0,
    };
    Draft { header, transactions: vec![coinbase(0)], merkle }.sealed()
}
