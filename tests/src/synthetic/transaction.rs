//! Transactions with freely settable fields, and their serialization.

use cityseal_engine::hash::double_sha256;

/// The output index of a coinbase input.
const NO_INDEX: u32 = u32::MAX;

/// An input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Id of the transaction whose output is spent, in wire order.
    pub prev_id: [u8; 32],
    /// Index of the output that is spent.
    pub prev_index: u32,
    /// The script (Bitcoin Core: `scriptSig`).
    pub script: Vec<u8>,
    /// The sequence number.
    pub sequence: u32,
    /// The items of the witness; empty for an input without a witness.
    pub witness: Vec<Vec<u8>>,
}

/// An output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The amount in satoshis; a test may set it below zero.
    pub value: i64,
    /// The script (`scriptPubKey`).
    pub script: Vec<u8>,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The version.
    pub version: i32,
    /// The inputs.
    pub inputs: Vec<Input>,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// The lock time.
    pub lock_time: u32,
}

impl Input {
    /// A final input that spends the given output, without script or witness.
    pub const fn spending(prev_id: [u8; 32], prev_index: u32) -> Self {
        Self { prev_id, prev_index, script: Vec::new(), sequence: u32::MAX, witness: Vec::new() }
    }

    /// The input of a coinbase.
    pub const fn minting(script: Vec<u8>) -> Self {
        Self { prev_id: [0; 32], prev_index: NO_INDEX, script, sequence: u32::MAX, witness: Vec::new() }
    }
}

impl Transaction {
    /// A transaction of version 2 without a lock time.
    pub const fn new(inputs: Vec<Input>, outputs: Vec<Output>) -> Self {
        Self { version: 2, inputs, outputs, lock_time: 0 }
    }

    /// The simplest valid transaction: it spends the given output and pays one coin to an unknown key.
    pub fn simple(prev_id: [u8; 32], prev_index: u32) -> Self {
        let script = [&[0x00, 0x14][..], &prev_id[..20]].concat();
        Self::new(vec![Input::spending(prev_id, prev_index)], vec![Output { value: 100_000_000, script }])
    }

    /// Whether any input has a witness.
    pub fn has_witness(&self) -> bool {
        self.inputs.iter().any(|input| !input.witness.is_empty())
    }

    /// Appends the wire encoding, with witnesses (BIP 144) if there are any.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_form(self.has_witness(), out);
    }

    /// Appends the wire encoding without witnesses, which the id is the hash of.
    pub fn write_stripped(&self, out: &mut Vec<u8>) {
        self.write_form(false, out);
    }

    fn write_form(&self, with_witness: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_le_bytes());
        if with_witness {
            out.extend_from_slice(&[0, 1]);
        }
        write_compact_size(self.inputs.len(), out);
        for input in &self.inputs {
            out.extend_from_slice(&input.prev_id);
            out.extend_from_slice(&input.prev_index.to_le_bytes());
            write_bytes(&input.script, out);
            out.extend_from_slice(&input.sequence.to_le_bytes());
        }
        write_compact_size(self.outputs.len(), out);
        for output in &self.outputs {
            out.extend_from_slice(&output.value.to_le_bytes());
            write_bytes(&output.script, out);
        }
        for input in self.inputs.iter().filter(|_| with_witness) {
            write_compact_size(input.witness.len(), out);
            input.witness.iter().for_each(|item| write_bytes(item, out));
        }
        out.extend_from_slice(&self.lock_time.to_le_bytes());
    }

    /// Returns the number of bytes that [`Self::write`] appends.
    pub fn wire_len(&self) -> usize {
        let stacks = self.inputs.iter().map(|input| {
            let items = input.witness.iter().map(|item| with_length_len(item));
            compact_size_len(input.witness.len()) + items.sum::<usize>()
        });
        self.stripped_len() + if self.has_witness() { 2 + stacks.sum::<usize>() } else { 0 }
    }

    /// Returns the number of bytes that [`Self::write_stripped`] appends.
    pub fn stripped_len(&self) -> usize {
        let inputs = self.inputs.iter().map(|input| 36 + with_length_len(&input.script) + 4);
        let outputs = self.outputs.iter().map(|output| 8 + with_length_len(&output.script));
        let counts = compact_size_len(self.inputs.len()) + compact_size_len(self.outputs.len());
        4 + counts + inputs.sum::<usize>() + outputs.sum::<usize>() + 4
    }

    /// Returns the wire encoding, with witnesses.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// Returns the wire encoding without witnesses.
    pub fn to_stripped(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_stripped(&mut bytes);
        bytes
    }

    /// Returns the id, in wire order.
    pub fn id(&self) -> [u8; 32] {
        double_sha256(&self.to_stripped())
    }

    /// Returns the witness id, in wire order.
    pub fn witness_id(&self) -> [u8; 32] {
        double_sha256(&self.to_wire())
    }
}

/// Appends a count or length as a compact size, in its shortest encoding.
pub fn write_compact_size(size: usize, out: &mut Vec<u8>) {
    match size {
        0..=0xfc => out.push(size as u8),
        0xfd..=0xffff => {
            out.push(0xfd);
            out.extend_from_slice(&(size as u16).to_le_bytes());
        }
        _ => {
            out.push(0xfe);
            out.extend_from_slice(&(size as u32).to_le_bytes());
        }
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_compact_size(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn with_length_len(bytes: &[u8]) -> usize {
    compact_size_len(bytes.len()) + bytes.len()
}

/// Returns the encoded length of a compact size in bytes.
pub const fn compact_size_len(size: usize) -> usize {
    match size {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_shortest_encoding() {
        for (size, bytes) in [
            (0xfc, vec![0xfc]),
            (0xfd, vec![0xfd, 0xfd, 0]),
            (0xffff, vec![0xfd, 0xff, 0xff]),
            (0x1_0000, vec![0xfe, 0, 0, 1, 0]),
        ] {
            let mut out = Vec::new();
            write_compact_size(size, &mut out);
            assert_eq!((out.len(), &out), (compact_size_len(size), &bytes));
        }
    }

    #[test]
    fn a_witness_changes_the_witness_id_and_not_the_id() {
        let plain = Transaction::simple([7; 32], 1);
        assert_eq!((plain.id(), plain.to_wire()), (plain.witness_id(), plain.to_stripped()));
        let mut witnessed = plain.clone();
        witnessed.inputs[0].witness = vec![vec![1, 2, 3]];
        assert_eq!(witnessed.id(), plain.id());
        assert_ne!(witnessed.witness_id(), plain.id());
        // Marker, flag, one item of three bytes with its count and its length.
        assert_eq!(witnessed.to_wire().len(), plain.to_wire().len() + 2 + 5);
    }
}
