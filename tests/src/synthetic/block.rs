//! Blocks of given transactions: the right Merkle root, a commitment to the witnesses where one is wanted, and a nonce that
//! meets an easy target. What a test wants to be wrong, it sets before sealing; what it wants right, it leaves.

use cityseal_engine::chain::{
    BlockHash, BlockHeader, CompactTarget, MerkleKind, MerkleRoot, body, merkle, merkle::MerkleError, rfc6962,
};
use cityseal_engine::hash::double_sha256;

use super::transaction::{Input, Output, Transaction, write_compact_size};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 80;

/// What stands before the root in a commitment to the witnesses (BIP141): a return, a push of 36 bytes, four bytes of magic.
const COMMITMENT_HEAD: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// Bytes of every coinbase's script made here, so that coinbases of all heights are equally long.
const COINBASE_SCRIPT_BYTES: usize = 40;

/// What the coinbase pays: 50 coins, whatever the height. Amounts are out of scope.
const SUBSIDY: i64 = 5_000_000_000;

/// A coinbase that begins with the height (BIP34) and pays one output.
pub fn coinbase(height: u64) -> Transaction {
    let mut script = body::coinbase_height_script(height).as_bytes().to_vec();
    script.resize(COINBASE_SCRIPT_BYTES, b'.');
    let pays = [&[0x51, 32][..], &double_sha256(&height.to_le_bytes())].concat();
    Transaction {
        version: 1,
        ..Transaction::new(vec![Input::minting(script)], vec![Output { value: SUBSIDY, script: pays }])
    }
}

/// Gives a coinbase the commitment to the witnesses of the transactions behind it, by their ids over witnesses too.
pub fn commit(coinbase: &mut Transaction, witness_ids: impl IntoIterator<Item = [u8; 32]>) {
    let reserved = [0; 32];
    let ids: Vec<_> = std::iter::once([0; 32]).chain(witness_ids).collect();
    let commitment = double_sha256(&[root_of(&ids).to_wire(), reserved].concat());
    let script = [&COMMITMENT_HEAD[..], &commitment].concat();
    coinbase.outputs.push(Output { value: 0, script });
    coinbase.inputs[0].witness = vec![reserved.to_vec()];
}

/// The root of Bitcoin's tree, repeated or not; of no leaves, zeros.
pub fn root_of(leaves: &[[u8; 32]]) -> MerkleRoot {
    match merkle::root(leaves) {
        Ok(root) | Err(MerkleError::Duplicated { root, .. }) => root,
        Err(_) => MerkleRoot::ZERO,
    }
}

/// A block before it is sealed. Every field may be bent.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The header, but for its Merkle root and nonce.
    pub header: BlockHeader,
    /// All transactions, the coinbase first.
    pub transactions: Vec<Transaction>,
    /// The tree under the header.
    pub merkle: MerkleKind,
}

impl Draft {
    /// A block of a coinbase alone, to stand at `height` above `parent`, ten minutes later and with its bits.
    pub fn after(parent: &BlockHeader, height: u64) -> Self {
        let time = parent.time + 600;
        let header = BlockHeader { version: 4, prev_block_hash: parent.hash(), time, nonce: 0, ..*parent };
        Self { header, transactions: vec![coinbase(height)], merkle: MerkleKind::Bitcoin }
    }

    /// With these transactions behind what is there.
    #[must_use]
    pub fn with(mut self, transactions: impl IntoIterator<Item = Transaction>) -> Self {
        self.transactions.extend(transactions);
        self
    }

    /// With the right commitment to the witnesses, in the first transaction.
    ///
    /// # Panics
    /// If there is no transaction.
    #[must_use]
    pub fn committed(mut self) -> Self {
        let (coinbase, rest) = self.transactions.split_first_mut().expect("a block that commits has a coinbase");
        commit(coinbase, rest.iter().map(Transaction::witness_id));
        self
    }

    /// The block's bytes, with the right Merkle root and a nonce that was searched.
    pub fn sealed(&self) -> Vec<u8> {
        self.sealed_over(self.merkle_root())
    }

    /// The block's bytes with that Merkle root, right or not, and a nonce that was searched.
    pub fn sealed_over(&self, merkle_root: MerkleRoot) -> Vec<u8> {
        let mut bytes = sealed(BlockHeader { merkle_root, ..self.header }).to_wire().to_vec();
        write_compact_size(self.transactions.len(), &mut bytes);
        self.transactions.iter().for_each(|transaction| transaction.write(&mut bytes));
        bytes
    }

    /// The right root over the transactions.
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

/// Counts the nonce up until the header meets its own target. Bits without a target are left as they are.
///
/// # Panics
/// If no nonce meets the target: the targets of tests are easy.
pub fn sealed(header: BlockHeader) -> BlockHeader {
    let Ok(target) = header.bits.decode() else { return header };
    let mut tries = (0..=u32::MAX).map(|step| BlockHeader { nonce: header.nonce.wrapping_add(step), ..header });
    tries.find(|header| target.is_met_by(&header.hash())).expect("a target of tests is easy")
}

/// The header of a block's bytes.
///
/// # Panics
/// If the bytes are fewer than a header has.
pub fn header_of(block: &[u8]) -> BlockHeader {
    BlockHeader::from_wire(block.first_chunk().expect("a block begins with its header"))
}

/// The genesis block of a city: a coinbase alone, sealed at `bits`.
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
