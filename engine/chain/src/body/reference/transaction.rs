//! A block whose transactions own their parts, and its serialization.

use crate::header::BlockHeader;
use crate::merkle::Node;
use cityseal_hash::double_sha256;

pub(super) struct Block {
    pub(super) header: BlockHeader,
    pub(super) transactions: Vec<Transaction>,
}

pub(super) struct Transaction {
    pub(super) version: u32,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Output>,
    pub(super) lock_time: u32,
}

pub(super) struct Input {
    pub(super) prev_id: [u8; 32],
    pub(super) prev_index: u32,
    pub(super) script: Vec<u8>,
    pub(super) sequence: u32,
    pub(super) witness: Vec<Vec<u8>>,
}

pub(super) struct Output {
    pub(super) value: i64,
    pub(super) script: Vec<u8>,
}

impl Block {
    pub(super) fn to_bytes(&self, with_witness: bool) -> Vec<u8> {
        let mut bytes = self.header.to_wire().to_vec();
        bytes.extend(compact_size(self.transactions.len()));
        for transaction in &self.transactions {
            bytes.extend(transaction.to_bytes(with_witness));
        }
        bytes
    }
}

impl Input {
    pub(super) fn has_null_prevout(&self) -> bool {
        self.prev_id == [0; 32] && self.prev_index == u32::MAX
    }
}

impl Transaction {
    pub(super) fn is_coinbase(&self) -> bool {
        self.inputs.len() == 1 && self.inputs[0].has_null_prevout()
    }

    pub(super) fn has_witness(&self) -> bool {
        self.inputs.iter().any(|input| !input.witness.is_empty())
    }

    pub(super) fn id(&self) -> Node {
        double_sha256(&self.to_bytes(false))
    }

    pub(super) fn witness_id(&self) -> Node {
        double_sha256(&self.to_bytes(true))
    }

    /// The bytes on the wire, with BIP144's flag and the witnesses if requested and present.
    pub(super) fn to_bytes(&self, with_witness: bool) -> Vec<u8> {
        let with_witness = with_witness && self.has_witness();
        let mut bytes = self.version.to_le_bytes().to_vec();
        if with_witness {
            bytes.extend([0, 1]);
        }
        bytes.extend(compact_size(self.inputs.len()));
        for input in &self.inputs {
            bytes.extend(input.prev_id);
            bytes.extend(input.prev_index.to_le_bytes());
            bytes.extend(with_length(&input.script));
            bytes.extend(input.sequence.to_le_bytes());
        }
        bytes.extend(compact_size(self.outputs.len()));
        for output in &self.outputs {
            bytes.extend(output.value.to_le_bytes());
            bytes.extend(with_length(&output.script));
        }
        for input in self.inputs.iter().filter(|_| with_witness) {
            bytes.extend(compact_size(input.witness.len()));
            bytes.extend(input.witness.iter().flat_map(|item| with_length(item)));
        }
        bytes.extend(self.lock_time.to_le_bytes());
        bytes
    }

    pub(super) fn legacy_sigops(&self) -> u64 {
        let scripts = self.inputs.iter().map(|input| &input.script);
        scripts.chain(self.outputs.iter().map(|output| &output.script)).map(|script| legacy_sigops(script)).sum()
    }
}

fn compact_size(size: usize) -> Vec<u8> {
    let bytes = (size as u64).to_le_bytes();
    match size {
        0..=0xfc => vec![bytes[0]],
        0xfd..=0xffff => [&[0xfd], &bytes[..2]].concat(),
        0x1_0000..=0xffff_ffff => [&[0xfe], &bytes[..4]].concat(),
        _ => [&[0xff], &bytes[..]].concat(),
    }
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&compact_size(bytes.len()), bytes].concat()
}

/// Counts the signature checks of a script, operation by operation, until a push beyond its end.
fn legacy_sigops(script: &[u8]) -> u64 {
    let number = |from: usize, len: usize| {
        let digits = script.get(from..from + len)?;
        Some(digits.iter().rev().fold(0_usize, |number, &digit| 256 * number + usize::from(digit)))
    };
    let (mut at, mut checks) = (0, 0);
    while at < script.len() {
        let op = script[at];
        at += 1;
        let (length_bytes, pushed) = match op {
            0x01..=0x4b => (0, Some(usize::from(op))),
            0x4c => (1, number(at, 1)),
            0x4d => (2, number(at, 2)),
            0x4e => (4, number(at, 4)),
            _ => (0, Some(0)),
        };
        let Some(pushed) = pushed else { break };
        at += length_bytes + pushed;
        if at > script.len() {
            break;
        }
        checks += match op {
            0xac | 0xad => 1,
            0xae | 0xaf => 20,
            _ => 0,
        };
    }
    checks
}
