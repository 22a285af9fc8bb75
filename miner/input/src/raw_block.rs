//! Blocks one after another without frames: their transactions are walked (not validated) to find the next block.
//!
//! The walk follows Bitcoin's serialization with BIP144's witnesses. It keeps only counters, and every byte it passes
//! counts towards the size limit of the block, so that no count found in the file can keep it running.

use cityseal_hash::HEADER_LEN;

use super::decode_error::{BLOCK_BYTES_MAX, DecodeError};
use super::place::{HeaderSink, Place};

/// Hash and index of the output that an input spends.
const OUTPOINT_LEN: u64 = 36;
/// An output's value.
const VALUE_LEN: u64 = 8;
/// Version, sequence and lock time each.
const WORD_LEN: u64 = 4;

/// The next field in the file, after the bytes that are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Header,
    TransactionCount,
    InputCount,
    Flag,
    InputScript,
    OutputCount,
    OutputScript,
    WitnessCount,
    WitnessItem,
}

/// Decoder of blocks without frames.
#[derive(Debug)]
pub struct RawBlocks {
    step: Step,
    held: [u8; HEADER_LEN],
    len: usize,
    skip: u64,
    /// Bytes of the file so far.
    offset: u64,
    /// Byte at which the current block begins.
    block: u64,
    /// Bytes of [`BLOCK_BYTES_MAX`] left for this block.
    budget: u64,
    transactions: u64,
    inputs: u64,
    inputs_left: u64,
    outputs_left: u64,
    witnesses_left: u64,
    items_left: u64,
    has_witness: bool,
}

impl Default for RawBlocks {
    fn default() -> Self {
        Self {
            step: Step::Header,
            held: [0; HEADER_LEN],
            len: 0,
            skip: 0,
            offset: 0,
            block: 0,
            budget: BLOCK_BYTES_MAX,
            transactions: 0,
            inputs: 0,
            inputs_left: 0,
            outputs_left: 0,
            witnesses_left: 0,
            items_left: 0,
            has_witness: false,
        }
    }
}

impl RawBlocks {
    pub(super) fn push(&mut self, mut bytes: &[u8], sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        while !bytes.is_empty() {
            let used = if self.skip > 0 { self.pass(bytes) } else { self.collect(bytes, sink)? };
            bytes = &bytes[used..];
        }
        Ok(())
    }

    fn pass(&mut self, bytes: &[u8]) -> usize {
        let used = self.skip.min(bytes.len() as u64);
        self.skip -= used;
        self.offset += used;
        used as usize
    }

    fn collect(&mut self, bytes: &[u8], sink: &mut dyn HeaderSink) -> Result<usize, DecodeError> {
        let used = bytes.len().min(self.wanted() - self.len);
        self.held[self.len..self.len + used].copy_from_slice(&bytes[..used]);
        self.len += used;
        self.offset += used as u64;
        if self.len == self.wanted() {
            self.charge(self.len as u64)?;
            self.len = 0;
            self.apply(sink)?;
        }
        Ok(used)
    }

    /// Returns the length of the next field in bytes, as far as its first byte shows.
    fn wanted(&self) -> usize {
        match self.step {
            Step::Header => HEADER_LEN,
            Step::Flag => 1,
            Step::TransactionCount
            | Step::InputCount
            | Step::InputScript
            | Step::OutputCount
            | Step::OutputScript
            | Step::WitnessCount
            | Step::WitnessItem => match (self.len, self.held[0]) {
                (0, _) | (_, 0..=0xfc) => 1,
                (_, 0xfd) => 3,
                (_, 0xfe) => 5,
                (_, 0xff) => 9,
            },
        }
    }

    /// Returns the compact size (variable-length count) that was collected.
    fn count(&self) -> u64 {
        let mut bytes = [0; 8];
        match self.held[0] {
            small @ 0..=0xfc => return u64::from(small),
            0xfd => bytes[..2].copy_from_slice(&self.held[1..3]),
            0xfe => bytes[..4].copy_from_slice(&self.held[1..5]),
            0xff => bytes.copy_from_slice(&self.held[1..9]),
        }
        u64::from_le_bytes(bytes)
    }

    fn apply(&mut self, sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        match self.step {
            Step::Header => {
                self.block = self.offset - HEADER_LEN as u64;
                sink.take(&self.held, Place::Byte(self.block));
                self.step = Step::TransactionCount;
                Ok(())
            }
            Step::TransactionCount => {
                self.transactions = self.count();
                self.next_transaction()
            }
            Step::InputCount => self.begin_inputs(),
            Step::Flag => self.take_flag(),
            Step::InputScript => {
                self.walk(self.count().saturating_add(WORD_LEN))?;
                self.next_input()
            }
            Step::OutputCount => {
                self.outputs_left = self.count();
                self.next_output()
            }
            Step::OutputScript => {
                self.walk(self.count())?;
                self.next_output()
            }
            Step::WitnessCount => {
                self.items_left = self.count();
                self.next_item()
            }
            Step::WitnessItem => {
                self.walk(self.count())?;
                self.next_item()
            }
        }
    }

    fn next_transaction(&mut self) -> Result<(), DecodeError> {
        if self.transactions == 0 {
            self.budget = BLOCK_BYTES_MAX;
            self.step = Step::Header;
            return Ok(());
        }
        self.transactions -= 1;
        self.has_witness = false;
        self.step = Step::InputCount;
        self.walk(WORD_LEN)
    }

    fn begin_inputs(&mut self) -> Result<(), DecodeError> {
        self.inputs = self.count();
        if self.inputs == 0 && !self.has_witness {
            self.step = Step::Flag;
            return Ok(());
        }
        self.inputs_left = self.inputs;
        self.next_input()
    }

    fn take_flag(&mut self) -> Result<(), DecodeError> {
        if self.held[0] != 1 {
            let (offset, block) = (self.offset - 1, self.block);
            return Err(DecodeError::TransactionFlag { offset, block, found: self.held[0] });
        }
        self.has_witness = true;
        self.step = Step::InputCount;
        Ok(())
    }

    fn next_input(&mut self) -> Result<(), DecodeError> {
        if self.inputs_left == 0 {
            self.step = Step::OutputCount;
            return Ok(());
        }
        self.inputs_left -= 1;
        self.step = Step::InputScript;
        self.walk(OUTPOINT_LEN)
    }

    fn next_output(&mut self) -> Result<(), DecodeError> {
        if self.outputs_left > 0 {
            self.outputs_left -= 1;
            self.step = Step::OutputScript;
            return self.walk(VALUE_LEN);
        }
        self.witnesses_left = if self.has_witness { self.inputs } else { 0 };
        self.next_witness()
    }

    fn next_witness(&mut self) -> Result<(), DecodeError> {
        if self.witnesses_left > 0 {
            self.witnesses_left -= 1;
            self.step = Step::WitnessCount;
            return Ok(());
        }
        self.walk(WORD_LEN)?;
        self.next_transaction()
    }

    fn next_item(&mut self) -> Result<(), DecodeError> {
        if self.items_left == 0 {
            return self.next_witness();
        }
        self.items_left -= 1;
        self.step = Step::WitnessItem;
        Ok(())
    }

    /// Skips `bytes` bytes of the block unread.
    fn walk(&mut self, bytes: u64) -> Result<(), DecodeError> {
        self.charge(bytes)?;
        self.skip += bytes;
        Ok(())
    }

    fn charge(&mut self, bytes: u64) -> Result<(), DecodeError> {
        let left = self.budget.checked_sub(bytes);
        self.budget = left.ok_or(DecodeError::LargeBlock { offset: self.offset, block: self.block })?;
        Ok(())
    }

    pub(super) fn end(&self) -> Result<(), DecodeError> {
        let between_blocks = self.step == Step::Header && self.skip == 0;
        match (between_blocks, self.len) {
            (true, 0) => Ok(()),
            (true, found) => Err(DecodeError::CutHeader { offset: self.offset - found as u64, found }),
            (false, _) => Err(DecodeError::CutBlock { offset: self.block }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode_error::DecodeError;
    use super::super::decoder::tests::decode;
    use super::super::detect::Format;
    use super::super::place::Place;
    use super::BLOCK_BYTES_MAX;

    fn plain_transaction(script: usize) -> Vec<u8> {
        let script_len = [&[0xfd_u8][..], &(script as u16).to_le_bytes()].concat();
        [
            &[1, 0, 0, 0, 1][..],
            &[0; 36],
            &script_len,
            &vec![0x51; script],
            &[0xff; 4],
            &[1],
            &[0; 8],
            &[2, 0x51, 0x52],
            &[0; 4],
        ]
        .concat()
    }

    fn witness_transaction() -> Vec<u8> {
        [&[2, 0, 0, 0, 0, 1, 1][..], &[7; 36], &[0], &[0xff; 4], &[1], &[0; 8], &[0], &[2, 1, 9, 3, 9, 9, 9], &[0; 4]]
            .concat()
    }

    fn block(header: u8, transactions: &[Vec<u8>]) -> Vec<u8> {
        [&[header; 80][..], &[transactions.len() as u8], &transactions.concat()].concat()
    }

    #[test]
    fn finds_the_next_block_after_plain_and_witness_transactions() {
        let first = block(1, &[plain_transaction(300), witness_transaction()]);
        let file = [first.clone(), block(2, &[witness_transaction()])].concat();
        let (collected, result) = decode(Format::RawBlocks, &[&file]);
        assert_eq!(result, Ok(()));
        assert_eq!(collected.headers, [[1; 80], [2; 80]].concat());
        assert_eq!(collected.places, [Place::Byte(0), Place::Byte(first.len() as u64)]);
    }

    #[test]
    fn a_block_truncated_anywhere_after_its_header_is_reported_as_truncated() {
        let file = block(1, &[plain_transaction(5), witness_transaction()]);
        for end in 80..file.len() {
            let (collected, result) = decode(Format::RawBlocks, &[&file[..end]]);
            assert_eq!((collected.headers.len(), result), (80, Err(DecodeError::CutBlock { offset: 0 })), "{end}");
        }
        let (_, result) = decode(Format::RawBlocks, &[&file[..79]]);
        assert_eq!(result, Err(DecodeError::CutHeader { offset: 0, found: 79 }));
    }

    #[test]
    fn a_script_may_fill_a_block_to_its_last_byte_and_not_one_more() {
        // Header, transaction count, version, input count, outpoint, script length (5 bytes), sequence.
        let before = 80 + 1 + 4 + 1 + 36 + 5 + 4;
        let script = |len: u64| {
            let head = [&[1_u8; 80][..], &[1], &[1, 0, 0, 0], &[1], &[0; 36], &[0xfe], &(len as u32).to_le_bytes()];
            decode(Format::RawBlocks, &[&head.concat()]).1.unwrap_err()
        };
        assert_eq!(script(BLOCK_BYTES_MAX - before), DecodeError::CutBlock { offset: 0 });
        assert!(matches!(script(BLOCK_BYTES_MAX - before + 1), DecodeError::LargeBlock { block: 0, .. }));
    }

    #[test]
    fn refuses_an_unknown_flag_and_a_count_that_no_block_can_hold() {
        let flagged = [&[1_u8; 80][..], &[1], &[1, 0, 0, 0], &[0, 2]].concat();
        let (_, result) = decode(Format::RawBlocks, &[&flagged]);
        assert_eq!(result, Err(DecodeError::TransactionFlag { offset: 86, block: 0, found: 2 }));

        let endless = [&[1_u8; 80][..], &[1], &[1, 0, 0, 0], &[1], &[0; 36], &[0xff; 9]].concat();
        let (_, result) = decode(Format::RawBlocks, &[&endless]);
        assert!(matches!(result, Err(DecodeError::LargeBlock { block: 0, .. })));
    }
}
