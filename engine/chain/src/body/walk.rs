//! Walks the bytes of a block once, from its header to its last transaction, and tells a sink what it passes.
//!
//! It follows Bitcoin Core's reading (`UnserializeTransaction`, `ReadCompactSize`): a transaction that names no inputs is
//! taken for one with BIP144's flag. It allocates nothing and judges nothing but the encoding.

use super::span::TransactionSpan;
use crate::encoding::{BLOCK_BYTES_MAX, EncodingFault, EncodingKind, Reader, Stop};
use cityseal_hash::HEADER_LEN;

/// The shortest transaction: version, two counts, lock time. Counts are held against what is left by such least lengths,
/// so that no count makes anybody reserve more than the block's own size.
const TRANSACTION_BYTES_MIN: usize = 4 + 1 + 1 + 4;

/// The shortest input: the output that it spends, an empty script with its length, sequence.
const INPUT_BYTES_MIN: usize = 36 + 1 + 4;

/// The shortest output: amount, an empty script with its length.
const OUTPUT_BYTES_MIN: usize = 8 + 1;

/// BIP144's flag, after a count of zero inputs.
const WITNESS_FLAG: u8 = 1;

/// Told of each thing in the order of the bytes.
pub(super) trait Sink<'a> {
    /// There are so many transactions.
    fn begin(&mut self, _transactions: usize) {}
    /// An input of the current transaction.
    fn input(&mut self, _prevout: &'a [u8; 36], _script: &'a [u8], _sequence: u32) {}
    /// An output of the current transaction.
    fn output(&mut self, _value: u64, _script: &'a [u8]) {}
    /// The witness of the next input: how many items, and the first.
    fn stack(&mut self, _items: usize, _first: &'a [u8]) {}
    /// The current transaction is at its end.
    fn end(&mut self, _span: TransactionSpan, _lock_time: u32) {}
}

/// Hears nothing: for whoever only wants to know where the block ends.
struct Deaf;

impl Sink<'_> for Deaf {}

/// Walks one block at the front of the bytes.
pub(super) fn walk<'a>(reader: &mut Reader<'a>, sink: &mut impl Sink<'a>) -> Result<(), Stop> {
    reader.field::<HEADER_LEN>()?;
    let transactions = reader.count(TRANSACTION_BYTES_MIN)?;
    sink.begin(transactions);
    for _ in 0..transactions {
        transaction(reader, sink)?;
    }
    Ok(())
}

fn transaction<'a>(reader: &mut Reader<'a>, sink: &mut impl Sink<'a>) -> Result<(), Stop> {
    let start = reader.at();
    reader.word()?;
    let mut body_start = reader.at();
    let mut inputs = reader.count(INPUT_BYTES_MIN)?;
    let (mut flag, flag_at) = (0, reader.at());
    if inputs == 0 {
        [flag] = *reader.field()?;
        match flag {
            // Neither inputs nor outputs: the flag's byte was the count of outputs.
            0 => {}
            WITNESS_FLAG => {
                body_start = reader.at();
                inputs = reader.count(INPUT_BYTES_MIN)?;
            }
            _ => return Err(reader.stop(flag_at, EncodingKind::Flag, 0)),
        }
    }
    if inputs > 0 || flag == WITNESS_FLAG {
        self::inputs(reader, sink, inputs)?;
        outputs(reader, sink)?;
    }
    let body_end = reader.at();
    if flag == WITNESS_FLAG && !witnesses(reader, sink, inputs)? {
        return Err(reader.stop(flag_at, EncodingKind::EmptyWitness, 0));
    }
    let lock_time = reader.word()?;
    sink.end(TransactionSpan::new(start, body_start, body_end, reader.at()), lock_time);
    Ok(())
}

#[inline]
fn inputs<'a>(reader: &mut Reader<'a>, sink: &mut impl Sink<'a>, count: usize) -> Result<(), Stop> {
    for _ in 0..count {
        let prevout = reader.field()?;
        let script = reader.bytes()?;
        sink.input(prevout, script, reader.word()?);
    }
    Ok(())
}

/// Walks the inputs alone, of bytes that begin with their count.
pub(super) fn inputs_of_body<'a>(reader: &mut Reader<'a>, sink: &mut impl Sink<'a>) -> Result<(), Stop> {
    let count = reader.count(INPUT_BYTES_MIN)?;
    inputs(reader, sink, count)
}

#[inline]
fn outputs<'a>(reader: &mut Reader<'a>, sink: &mut impl Sink<'a>) -> Result<(), Stop> {
    for _ in 0..reader.count(OUTPUT_BYTES_MIN)? {
        let value = reader.long()?;
        sink.output(value, reader.bytes()?);
    }
    Ok(())
}

/// Walks the witness of each input; whether any has items.
#[inline]
fn witnesses<'a>(reader: &mut Reader<'a>, sink: &mut impl Sink<'a>, inputs: usize) -> Result<bool, Stop> {
    let mut any = false;
    for _ in 0..inputs {
        let items = reader.count(1)?;
        any |= items > 0;
        let mut first: &[u8] = &[];
        for item in 0..items {
            let bytes = reader.bytes()?;
            if item == 0 {
                first = bytes;
            }
        }
        sink.stack(items, first);
    }
    Ok(any)
}

/// How far the block at the front of some bytes reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So many bytes are one whole block.
    Whole(usize),
    /// The bytes end inside the block.
    Cut,
}

/// Finds the end of the block at the front of bytes that have no frames, in one pass.
///
/// # Errors
/// Bytes that are no block's, whatever were to follow; among them any block of more than [`BLOCK_BYTES_MAX`].
pub fn block_extent(bytes: &[u8]) -> Result<Extent, EncodingFault> {
    let within = &bytes[..bytes.len().min(BLOCK_BYTES_MAX)];
    let mut reader = Reader::new(within);
    match walk(&mut reader, &mut Deaf) {
        Ok(()) => Ok(Extent::Whole(reader.at())),
        Err(stop) if stop.is_mendable() => Ok(Extent::Cut),
        Err(Stop { fault: EncodingFault { kind: EncodingKind::Cut, .. }, .. }) => {
            Err(EncodingFault { at: BLOCK_BYTES_MAX as u32, kind: EncodingKind::TooLong })
        }
        Err(stop) => Err(stop.fault),
    }
}
