//! Parses a block into values that own their parts (Bitcoin Core: `UnserializeTransaction`, `ReadCompactSize`).
//!
//! A fault names the first byte of the faulty field.

use super::transaction::{Block, Input, Output, Transaction};
use crate::encoding::{BLOCK_BYTES_MAX, EncodingFault, EncodingKind};
use crate::header::BlockHeader;

type Read<T> = Result<T, EncodingFault>;

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

fn fault(at: usize, kind: EncodingKind) -> EncodingFault {
    EncodingFault { at: at as u32, kind }
}

/// Parses exactly one block.
pub(super) fn read_block(bytes: &[u8]) -> Read<Block> {
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(fault(BLOCK_BYTES_MAX, EncodingKind::TooLong));
    }
    let mut cursor = Cursor { bytes, at: 0 };
    let header = BlockHeader::from_wire(&cursor.array()?);
    let count = cursor.count(10)?;
    let transactions = (0..count).map(|_| cursor.transaction()).collect::<Read<_>>()?;
    if cursor.at < bytes.len() {
        return Err(fault(cursor.at, EncodingKind::Trailing));
    }
    Ok(Block { header, transactions })
}

impl Cursor<'_> {
    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let from = self.at;
        if self.bytes.len() - from < N {
            return Err(fault(from, EncodingKind::Cut));
        }
        self.at += N;
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[from..self.at]);
        Ok(array)
    }

    fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// One byte up to 252; otherwise a prefix and a number of 16, 32 or 64 bits that no shorter form could hold.
    fn compact_size(&mut self) -> Read<u64> {
        let from = self.at;
        let rest = |cut: EncodingFault| EncodingFault { at: from as u32, ..cut };
        let (size, least) = match self.array::<1>()? {
            [0xfd] => (u64::from(u16::from_le_bytes(self.array().map_err(rest)?)), 0xfd),
            [0xfe] => (u64::from(u32::from_le_bytes(self.array().map_err(rest)?)), 1 << 16),
            [0xff] => (u64::from_le_bytes(self.array().map_err(rest)?), 1 << 32),
            [size] => (u64::from(size), 0),
        };
        if size < least { Err(fault(from, EncodingKind::LongSize)) } else { Ok(size) }
    }

    /// A number of items that take at least `bytes_each` bytes each.
    fn count(&mut self, bytes_each: u64) -> Read<u64> {
        let from = self.at;
        let count = self.compact_size()?;
        let left = (self.bytes.len() - self.at) as u64;
        if count > left / bytes_each { Err(fault(from, EncodingKind::Count)) } else { Ok(count) }
    }

    fn bytes(&mut self) -> Read<Vec<u8>> {
        let len = self.count(1)? as usize;
        let from = self.at;
        self.at += len;
        Ok(self.bytes[from..self.at].to_vec())
    }

    fn transaction(&mut self) -> Read<Transaction> {
        let version = self.u32()?;
        let mut inputs = self.inputs()?;
        let flag_at = self.at;
        let flag = if inputs.is_empty() { self.array::<1>()?[0] } else { 0 };
        if flag > 1 {
            return Err(fault(flag_at, EncodingKind::Flag));
        }
        if flag == 1 {
            inputs = self.inputs()?;
        }
        // Without inputs and without the flag, that byte was the count of outputs: zero.
        let has_outputs = flag == 1 || !inputs.is_empty();
        let outputs = if has_outputs { self.outputs()? } else { Vec::new() };
        if flag == 1 {
            for input in &mut inputs {
                input.witness = self.witness()?;
            }
        }
        let transaction = Transaction { version, inputs, outputs, lock_time: 0 };
        if flag == 1 && !transaction.has_witness() {
            return Err(fault(flag_at, EncodingKind::EmptyWitness));
        }
        Ok(Transaction { lock_time: self.u32()?, ..transaction })
    }

    fn inputs(&mut self) -> Read<Vec<Input>> {
        let count = self.count(41)?;
        (0..count).map(|_| self.input()).collect()
    }

    /// Reads an input. The output that it spends is one field of 36 bytes.
    fn input(&mut self) -> Read<Input> {
        let prevout: [u8; 36] = self.array()?;
        let (mut prev_id, mut prev_index) = ([0; 32], [0; 4]);
        prev_id.copy_from_slice(&prevout[..32]);
        prev_index.copy_from_slice(&prevout[32..]);
        let (script, sequence) = (self.bytes()?, self.u32()?);
        Ok(Input { prev_id, prev_index: u32::from_le_bytes(prev_index), script, sequence, witness: Vec::new() })
    }

    fn outputs(&mut self) -> Read<Vec<Output>> {
        let count = self.count(9)?;
        let output = |_| Ok(Output { value: self.array().map(i64::from_le_bytes)?, script: self.bytes()? });
        (0..count).map(output).collect()
    }

    fn witness(&mut self) -> Read<Vec<Vec<u8>>> {
        let items = self.count(1)?;
        (0..items).map(|_| self.bytes()).collect()
    }
}
