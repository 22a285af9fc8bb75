//! Blocks before they are sealed: every field can be set to a wrong value; all others get correct values.
//!
//! Hashes, roots and targets are computed with `bitcoin_hashes` and plain arithmetic, not with the product's code.

use bitcoin::hashes::{Hash, sha256d};
use cityseal_tests::synthetic::Random;
use cityseal_tests::synthetic::transaction::{Input, Output, Transaction, write_compact_size};

use crate::branch::{Branch, Coin};

/// The bits of every regtest header.
pub(crate) const BITS: u32 = 0x207f_ffff;
/// Size of a header in bytes.
pub(crate) const HEADER_BYTES: usize = 80;
/// The start of a witness commitment script (BIP 141).
pub(crate) const COMMITMENT_HEAD: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
/// Total amount of a coinbase: less than the subsidy of every height below 450 (12.5 coins).
const PAID: i64 = 800_000_000;
/// Number of outputs of a coinbase; the first half needs no witness, the second half accepts any witness.
pub(crate) const COINS_PER_BLOCK: usize = 8;

/// Changes the bytes of a finished block.
type Edit = Box<dyn Fn(Vec<u8>) -> Vec<u8>>;

/// Whether the coinbase commits to the witnesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commitment {
    /// If another transaction has a witness.
    WhereNeeded,
    Always,
    Never,
    /// Always, with this bit of the hash inverted.
    Wrong(usize),
}

/// The hash that the nonce is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seal {
    /// A hash not above the target.
    Meets,
    /// A hash above the target.
    Misses,
}

/// A block before it is sealed.
pub(crate) struct Draft {
    pub(crate) height: u64,
    /// Median time of the previous eleven headers.
    pub(crate) median: u32,
    pub(crate) parent: [u8; 32],
    pub(crate) grandparent: [u8; 32],
    /// The time used for R10.
    pub(crate) now: u64,
    pub(crate) version: i32,
    pub(crate) prev: [u8; 32],
    pub(crate) time: u32,
    pub(crate) bits: u32,
    /// The coinbase first.
    pub(crate) transactions: Vec<Transaction>,
    /// Outputs of the coinbase before and after the commitment.
    pub(crate) outputs_before: Vec<Output>,
    pub(crate) outputs_after: Vec<Output>,
    pub(crate) commitment: Commitment,
    /// Witness items of a coinbase with a commitment.
    pub(crate) reserved: Vec<Vec<u8>>,
    /// The bit of the header's Merkle root to invert.
    pub(crate) root_flip: Option<usize>,
    /// Two transactions to swap after the root is computed.
    pub(crate) swap_after_root: Option<(usize, usize)>,
    /// Whether the last transactions are repeated in a way that keeps the root (CVE-2012-2459).
    pub(crate) repeats_tail: bool,
    pub(crate) seal: Seal,
    pub(crate) edit: Option<Edit>,
    /// Unspent outputs that the transactions may spend; empty if a node never connects the branch.
    coins: Vec<Coin>,
}

/// A finished block with the facts that the oracle needs.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub(crate) bytes: Vec<u8>,
    pub(crate) height: u64,
    pub(crate) median: u32,
    pub(crate) parent: [u8; 32],
    /// The correct Merkle root of the transactions in the block.
    pub(crate) root: [u8; 32],
    /// The correct commitment hash, and the one in the coinbase.
    pub(crate) commitment: Option<([u8; 32], [u8; 32])>,
}

impl Draft {
    /// A valid block: a coinbase and up to three other transactions.
    pub(crate) fn next(branch: &Branch, random: &mut Random) -> Self {
        let median = branch.median();
        let earliest = u64::from(median) + 1;
        let latest = (u64::from(branch.parent_time()) + 900).clamp(earliest, branch.now.max(earliest));
        let mut draft = Self {
            height: branch.height(),
            median,
            parent: branch.tip(),
            grandparent: branch.grandparent(),
            now: branch.now,
            version: [4, 5, 0x2000_0000, 0x3fff_e004, i32::MAX][random.below(5) as usize],
            prev: branch.tip(),
            time: random.between(earliest, latest) as u32,
            bits: BITS,
            transactions: vec![coinbase(branch.height(), random)],
            outputs_before: Vec::new(),
            outputs_after: Vec::new(),
            commitment: Commitment::WhereNeeded,
            reserved: vec![vec![0; 32]],
            root_flip: None,
            swap_after_root: None,
            repeats_tail: false,
            seal: Seal::Meets,
            edit: None,
            coins: branch.coins(),
        };
        for _ in 0..random.below(4) {
            let with_witness = random.below(2) == 0;
            draft.append_spend(with_witness, random);
        }
        draft
    }

    /// Takes a spendable output: a mature one if there is any, otherwise an invented one.
    pub(crate) fn coin(&mut self, with_witness: bool, random: &mut Random) -> Coin {
        let fitting: Vec<usize> =
            (0..self.coins.len()).filter(|at| self.coins[*at].takes_witness == with_witness).collect();
        if fitting.is_empty() {
            return Coin { id: random.node(), index: 0, value: 1_000, takes_witness: with_witness };
        }
        self.coins.swap_remove(fitting[random.below(fitting.len() as u64) as usize])
    }

    /// Removes an output from the spendable ones.
    pub(crate) fn forget(&mut self, id: [u8; 32], index: u32) {
        self.coins.retain(|coin| (coin.id, coin.index) != (id, index));
    }

    /// Appends a transaction that spends one output. Returns its index.
    pub(crate) fn append_spend(&mut self, with_witness: bool, random: &mut Random) -> usize {
        let coin = self.coin(with_witness, random);
        self.append(spend(&[coin], random))
    }

    /// Appends a transaction. Returns its index.
    pub(crate) fn append(&mut self, transaction: Transaction) -> usize {
        self.transactions.push(transaction);
        self.transactions.len() - 1
    }

    /// Finishes the block: adds the commitment, computes the root, searches the nonce, and writes the bytes.
    pub(crate) fn finish(mut self) -> Finished {
        let commitment = self.commit();
        if self.repeats_tail {
            self.repeat_tail();
        }
        let root = self.root();
        let mut header_root = root;
        if let Some(bit) = self.root_flip {
            header_root[bit / 8] ^= 1 << (bit % 8);
        }
        if let Some((one, other)) = self.swap_after_root {
            self.transactions.swap(one, other);
        }
        let mut bytes = self.sealed_header(header_root).to_vec();
        write_compact_size(self.transactions.len(), &mut bytes);
        self.transactions.iter().for_each(|transaction| transaction.write(&mut bytes));
        if let Some(edit) = self.edit.take() {
            bytes = edit(bytes);
        }
        let root = self.root();
        Finished { bytes, height: self.height, median: self.median, parent: self.parent, root, commitment }
    }

    /// Current size of the block in bytes, without and with witnesses.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        let mut count = Vec::new();
        write_compact_size(self.transactions.len(), &mut count);
        let around = HEADER_BYTES + count.len();
        let stripped: usize = self.transactions.iter().map(Transaction::stripped_len).sum();
        let whole: usize = self.transactions.iter().map(Transaction::wire_len).sum();
        (around + stripped, around + whole)
    }

    /// Adds the commitment and the outputs before and after it. Returns the correct hash and the effective one.
    pub(crate) fn commit(&mut self) -> Option<([u8; 32], [u8; 32])> {
        let has_witness = self.transactions.iter().skip(1).any(Transaction::has_witness);
        let commits = match self.commitment {
            Commitment::WhereNeeded => has_witness,
            Commitment::Always | Commitment::Wrong(_) => true,
            Commitment::Never => false,
        };
        let (before, after) = (std::mem::take(&mut self.outputs_before), std::mem::take(&mut self.outputs_after));
        let rest = self.transactions.iter().skip(1).map(witness_id);
        let leaves: Vec<[u8; 32]> = std::iter::once([0; 32]).chain(rest).collect();
        let reserved = self.reserved.first().cloned().unwrap_or_else(|| vec![0; 32]);
        let right = hash(&[&root_of(&leaves)[..], &reserved].concat());
        let coinbase = self.transactions.first_mut()?;
        coinbase.outputs.extend(before);
        if commits {
            let mut written = right;
            if let Commitment::Wrong(bit) = self.commitment {
                written[bit / 8] ^= 1 << (bit % 8);
            }
            let script = [&COMMITMENT_HEAD[..], &written].concat();
            coinbase.outputs.push(Output { value: 0, script });
            coinbase.inputs[0].witness.clone_from(&self.reserved);
        }
        coinbase.outputs.extend(after);
        self.commitment = Commitment::Never;
        let is_commitment = |script: &[u8]| script.len() >= 38 && script.starts_with(&COMMITMENT_HEAD);
        let last = coinbase.outputs.iter().rev().find(|output| is_commitment(&output.script))?;
        let mut written = [0; 32];
        written.copy_from_slice(&last.script[6..38]);
        Some((right, written))
    }

    fn root(&self) -> [u8; 32] {
        root_of(&self.transactions.iter().map(id).collect::<Vec<_>>())
    }

    /// Repeats the transactions below the unpaired node of the lowest level that has one.
    fn repeat_tail(&mut self) {
        let count = self.transactions.len();
        let mut width = 1;
        while (count / width).is_multiple_of(2) {
            width *= 2;
        }
        let tail = self.transactions[count - width..].to_vec();
        self.transactions.extend(tail);
    }

    fn sealed_header(&self, root: [u8; 32]) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&self.version.to_le_bytes());
        header[4..36].copy_from_slice(&self.prev);
        header[36..68].copy_from_slice(&root);
        header[68..72].copy_from_slice(&self.time.to_le_bytes());
        header[72..76].copy_from_slice(&self.bits.to_le_bytes());
        let Some(target) = target_of(self.bits) else { return header };
        let wants = self.seal == Seal::Meets;
        for nonce in 0..100_000_u32 {
            header[76..].copy_from_slice(&nonce.to_le_bytes());
            if (reversed(hash(&header)) <= target) == wants {
                return header;
            }
        }
        panic!("no nonce found for the bits {:08x}", self.bits);
    }
}

/// A transaction that spends these outputs and pays their total.
pub(crate) fn spend(coins: &[Coin], random: &mut Random) -> Transaction {
    let input = |coin: &Coin| Input {
        witness: if coin.takes_witness { vec![random_item(coin)] } else { Vec::new() },
        ..Input::spending(coin.id, coin.index)
    };
    let inputs = coins.iter().map(input).collect();
    let value = coins.iter().map(|coin| coin.value).sum();
    // The random bytes make the transaction unique.
    let script = [&[0x08][..], &random.bytes(8), &[0x51]].concat();
    Transaction::new(inputs, vec![Output { value, script }])
}

fn random_item(coin: &Coin) -> Vec<u8> {
    coin.id[..usize::from(coin.id[0] % 32)].to_vec()
}

/// A coinbase whose script begins with the height (BIP 34), with [`COINS_PER_BLOCK`] outputs.
fn coinbase(height: u64, random: &mut Random) -> Transaction {
    let script = [height_script(height), vec![0x08], random.bytes(8)].concat();
    let coins = COINS_PER_BLOCK as i64;
    let output = |at: usize| {
        let any_witness = [&[0x52, 0x20][..], &[at as u8; 32]].concat();
        let script = if at < COINS_PER_BLOCK / 2 { vec![0x51] } else { any_witness };
        Output { value: PAID / coins, script }
    };
    let outputs = (0..COINS_PER_BLOCK).map(output).collect();
    Transaction { version: 1, ..Transaction::new(vec![Input::minting(script)], outputs) }
}

/// The script of Bitcoin Core's `CScript() << height`.
pub(crate) fn height_script(height: u64) -> Vec<u8> {
    match height {
        0 => vec![0],
        1..=16 => vec![0x50 + height as u8],
        _ => {
            let mut number = height.to_le_bytes().to_vec();
            while number.last() == Some(&0) {
                number.pop();
            }
            if number.last().is_some_and(|top| top & 0x80 != 0) {
                number.push(0);
            }
            [vec![number.len() as u8], number].concat()
        }
    }
}

/// Double SHA-256.
pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    sha256d::Hash::hash(bytes).to_byte_array()
}

pub(crate) fn id(transaction: &Transaction) -> [u8; 32] {
    hash(&transaction.to_stripped())
}

fn witness_id(transaction: &Transaction) -> [u8; 32] {
    hash(&transaction.to_wire())
}

/// The root of Bitcoin's Merkle tree; zeros for no leaves.
fn root_of(leaves: &[[u8; 32]]) -> [u8; 32] {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| hash(&[pair[0], pair[pair.len() - 1]].concat())).collect();
    }
    level.first().copied().unwrap_or_default()
}

/// Reverses the byte order: most significant byte first.
pub(crate) fn reversed(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes.reverse();
    bytes
}

/// Decodes compact bits to a target, most significant byte first; `None` if they encode no target.
pub(crate) fn target_of(bits: u32) -> Option<[u8; 32]> {
    let (size, mantissa) = ((bits >> 24) as usize, bits & 0x007f_ffff);
    let is_negative = bits & 0x0080_0000 != 0;
    // The mantissa's bytes at their places, least significant first; the first three bytes are the fraction.
    let mut wide = [0_u8; 3 + 256];
    for (at, byte) in mantissa.to_be_bytes()[1..].iter().enumerate() {
        wide[(size + 2) - at] = *byte;
    }
    let number = &wide[3..];
    let is_zero = number.iter().all(|byte| *byte == 0);
    let overflows = number[32..].iter().any(|byte| *byte != 0);
    if is_negative || is_zero || overflows {
        return None;
    }
    let mut target = [0; 32];
    target.copy_from_slice(&number[..32]);
    target.reverse();
    Some(target)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
