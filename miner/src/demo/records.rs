//! The city's records as blocks in Bitcoin's format: each record is a transaction that carries its text and moves no
//! money.

use cityseal_chain::{BlockHeader, MerkleRoot, merkle};
use cityseal_hash::{HEADER_LEN, double_sha256};

/// The name of the city in its coinbase transactions and parameters.
pub(super) const CITY_NAME: &str = "Riverside";

/// The record of the genesis block.
const FOUNDING_RECORD: &str = "charter: the city of Riverside keeps its ledger from this day";

/// The records of each later block.
pub(super) const RECORDS: [&[&str]; 4] = [
    &[
        "land title 1187: Mill Lane 4 passes from A. Okafor to R. Lind",
        "vote 12-3: the bridge is to be repaired, 214 for, 38 against",
        "energy trade: roof 77 sells 3.2 kWh to the school at 0.11",
    ],
    &[
        "aid voucher 5521: 40 meals for the shelter in Dock Street",
        "land title 1188: Orchard Row 9 passes from the city to the library",
    ],
    &[
        "vote 12-4: market day moves to Saturday, 301 for, 120 against",
        "energy trade: wind share 4 sells 18 kWh to the hospital at 0.09",
        "birth certificate 902: issued to the parents, digest only",
        "aid voucher 5522: insulation for Mill Lane 4",
    ],
    &["water reading, quarter 3: 18,204 m3, seal of the works attached"],
];

/// The height of the block in which a record is rewritten.
pub(super) const FORGED_HEIGHT: usize = 2;
/// The record that is rewritten. It is as long as [`FORGED_RECORD`], so that no other byte of the block changes.
pub(super) const ORIGINAL_RECORD: &str = RECORDS[FORGED_HEIGHT - 1][0];
/// The text that replaces it.
pub(super) const FORGED_RECORD: &str = "aid voucher 5521: 90 meals for the shelter in Dock Street";

/// First opcode of a script that can never be spent; the text follows as one push.
const OP_RETURN: u8 = 0x6a;
/// A script that anyone can spend: the demonstration has no keys for its transactions.
const OP_TRUE: u8 = 0x51;
/// Maximum length of a push whose opcode is its length (Bitcoin Core: `OP_PUSHDATA1 - 1`).
const PUSH_MAX: usize = 75;
/// Numbers below this are one byte in Bitcoin's compact size encoding.
const COMPACT_SIZE_ONE_BYTE: usize = 0xfd;

/// The transactions of one block, coinbase first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body(Vec<Vec<u8>>);

impl Body {
    /// The body of the genesis block.
    pub(super) fn founding() -> Self {
        Self(vec![coinbase(0, &[&carrying(FOUNDING_RECORD)])])
    }

    /// The body of the block at `height`, which is at least 1.
    pub(super) fn at(height: usize) -> Self {
        let mut transactions = vec![coinbase(height, &[])];
        for text in RECORDS[height - 1] {
            // Each record spends the first output of the transaction before it, so that their order is fixed too.
            let parent = double_sha256(&transactions[transactions.len() - 1]);
            transactions.push(record(&parent, text));
        }
        Self(transactions)
    }

    /// The Merkle root over the transactions' ids.
    pub(super) fn root(&self) -> MerkleRoot {
        let ids: Vec<[u8; 32]> = self.0.iter().map(|transaction| double_sha256(transaction)).collect();
        merkle::root(&ids).expect("transactions that differ, so that no leaf is repeated")
    }

    /// The same body with [`ORIGINAL_RECORD`] replaced by [`FORGED_RECORD`].
    pub(super) fn forged(&self) -> Self {
        let (original, forged) = (ORIGINAL_RECORD.as_bytes(), FORGED_RECORD.as_bytes());
        let rewrite = |transaction: &Vec<u8>| {
            let mut bytes = transaction.clone();
            if let Some(at) = bytes.windows(original.len()).position(|window| window == original) {
                bytes[at..at + forged.len()].copy_from_slice(forged);
            }
            bytes
        };
        Self(self.0.iter().map(rewrite).collect())
    }
}

/// A chain of whole blocks, genesis first.
#[derive(Clone, Debug)]
pub(super) struct Chain(Vec<(BlockHeader, Body)>);

impl Chain {
    /// A chain of the genesis block alone.
    pub(super) fn of_genesis(header: BlockHeader) -> Self {
        Self(vec![(header, Body::founding())])
    }

    /// Appends a block.
    pub(super) fn push(&mut self, header: BlockHeader, body: Body) {
        self.0.push((header, body));
    }

    /// Number of blocks.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The last header.
    pub(super) fn last(&self) -> &BlockHeader {
        &self.0[self.0.len() - 1].0
    }

    /// All headers, packed: 80 bytes each.
    pub(super) fn headers(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(header, _)| header.to_wire()).collect()
    }

    /// All blocks, one after another: header, number of transactions, transactions.
    pub(super) fn blocks(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * HEADER_LEN * 8);
        for (header, Body(transactions)) in &self.0 {
            bytes.extend_from_slice(&header.to_wire());
            bytes.push(one_byte(transactions.len(), COMPACT_SIZE_ONE_BYTE));
            bytes.extend(transactions.iter().flatten());
        }
        bytes
    }

    /// The chain with one record of block [`FORGED_HEIGHT`] rewritten and its header unchanged.
    pub(super) fn with_forged_record(&self) -> Self {
        let mut chain = self.clone();
        let (_, body) = &mut chain.0[FORGED_HEIGHT];
        *body = body.forged();
        chain
    }

    /// The chain with the same record rewritten and the matching Merkle root in the header.
    pub(super) fn with_forged_root(&self) -> Self {
        let mut chain = self.with_forged_record();
        let (header, body) = &mut chain.0[FORGED_HEIGHT];
        header.merkle_root = body.root();
        chain
    }
}

/// The coinbase transaction of a block. Its script contains the height (BIP34), so no two are equal.
fn coinbase(height: usize, more_outputs: &[&[u8]]) -> Vec<u8> {
    // BIP34: height 0 is the byte 00, heights 1 to 16 are the opcodes 51 to 60.
    let height = if height == 0 { 0 } else { OP_TRUE + one_byte(height - 1, 16) };
    let script = [&[height][..], &push(CITY_NAME)].concat();
    let spendable = output(&[OP_TRUE]);
    let outputs = [&[spendable.as_slice()], more_outputs].concat();
    transaction(&[0; 32], u32::MAX, &script, &outputs)
}

/// The transaction of one record: it spends the first output of its parent and carries the text in its second one.
fn record(parent: &[u8; 32], text: &str) -> Vec<u8> {
    transaction(parent, 0, &[], &[&output(&[OP_TRUE]), &carrying(text)])
}

/// A transaction of version 1 with one input, no witness and no lock time.
fn transaction(spent: &[u8; 32], index: u32, script: &[u8], outputs: &[&[u8]]) -> Vec<u8> {
    let mut bytes = 1_u32.to_le_bytes().to_vec();
    bytes.push(1);
    bytes.extend_from_slice(spent);
    bytes.extend_from_slice(&index.to_le_bytes());
    bytes.push(one_byte(script.len(), COMPACT_SIZE_ONE_BYTE));
    bytes.extend_from_slice(script);
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    bytes.push(one_byte(outputs.len(), COMPACT_SIZE_ONE_BYTE));
    bytes.extend(outputs.iter().copied().flatten());
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    bytes
}

/// An output of value 0 that carries a text.
fn carrying(text: &str) -> Vec<u8> {
    output(&[&[OP_RETURN][..], &push(text)].concat())
}

/// An output of value 0.
fn output(script: &[u8]) -> Vec<u8> {
    let length = one_byte(script.len(), COMPACT_SIZE_ONE_BYTE);
    [&0_u64.to_le_bytes()[..], &[length], script].concat()
}

fn push(text: &str) -> Vec<u8> {
    [&[one_byte(text.len(), PUSH_MAX + 1)][..], text.as_bytes()].concat()
}

/// Converts a number that must be below `limit`, at most 256. All callers pass lengths of the constants above.
fn one_byte(number: usize, limit: usize) -> u8 {
    assert!(number < limit, "{number} does not fit into one byte below {limit}");
    number as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_record_changes_one_byte_of_its_block_and_its_merkle_root() {
        assert_eq!(ORIGINAL_RECORD.len(), FORGED_RECORD.len());
        let original = Body::at(FORGED_HEIGHT);
        let forged = original.forged();
        let changed = original.0.concat().iter().zip(forged.0.concat()).filter(|(old, new)| **old != *new).count();
        assert_eq!(changed, 1);
        assert_ne!(original.root(), forged.root());
    }

    #[test]
    fn every_block_has_a_root_of_its_own() {
        let later = (1..=RECORDS.len()).map(Body::at);
        let mut roots: Vec<_> = later.chain([Body::founding()]).map(|body| body.root().to_display_hex()).collect();
        roots.sort();
        roots.dedup();
        assert_eq!(roots.len(), RECORDS.len() + 1);
    }
}
