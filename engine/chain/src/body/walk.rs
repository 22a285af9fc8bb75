//! Walks the bytes of a block once, from its header to its last transaction, and reports each part to a sink.
//!
//! It parses as Bitcoin Core does (`UnserializeTransaction`, `ReadCompactSize`): a transaction with a count of zero
//! inputs is read as one with BIP144's flag. It allocates nothing and checks only the encoding.

use super::span::TransactionSpan;
use crate::encoding::{BLOCK_BYTES_MAX, EncodingFault, EncodingKind, Reader, Stop};
use cityseal_hash::HEADER_LEN;

/// The shortest transaction: version, two counts, lock time. Counts are compared with the remaining bytes divided by
/// such minimum lengths, so that no count can cause an allocation larger than the block.
const TRANSACTION_BYTES_MIN: usize = 4 + 1 + 1 + 4;

/// The shortest input: the output that it spends, an empty script with its length, sequence.
const INPUT_BYTES_MIN: usize = 36 + 1 + 4;

/// The shortest output: amount, an empty script with its length.
const OUTPUT_BYTES_MIN: usize = 8 + 1;

/// BIP144's flag, after a count of zero inputs.
const WITNESS_FLAG: u8 = 1;

/// Receives each part, in byte order.
pub(super) trait Sink<'a> {
    /// The number of transactions.
    fn begin(&mut self, _transactions: usize) {}
    /// An input of the current transaction.
    fn input(&mut self, _prevout: &'a [u8; 36], _script: &'a [u8], _sequence: u32) {}
    /// An output of the current transaction.
    fn output(&mut self, _value: u64, _script: &'a [u8]) {}
    /// The witness of the next input: its number of items, and the first item.
    fn stack(&mut self, _items: usize, _first: &'a [u8]) {}
    /// The end of the current transaction.
    fn end(&mut self, _span: TransactionSpan, _lock_time: u32) {}
}

/// Ignores everything: used to find the end of the block.
struct NoSink;

impl Sink<'_> for NoSink {}

/// Walks the block at the start of the bytes.
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
    // A count of zero inputs is BIP144's marker, and the next byte is its flag.
    if inputs == 0 {
        [flag] = *reader.field()?;
        match flag {
            // Neither inputs nor outputs: the byte is the count of outputs.
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

/// Walks only the inputs of bytes that begin with the count of inputs.
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

/// Walks the witness of each input; returns whether any has items.
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

/// The extent of the block at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// This many bytes are one whole block.
    Whole(usize),
    /// The bytes end inside the block.
    Cut,
}

/// Finds the end of the block at the start of bytes without frames, in one pass.
///
/// # Errors
/// If the bytes do not begin a block, whatever follows them, or begin one of more than [`BLOCK_BYTES_MAX`].
pub fn block_extent(bytes: &[u8]) -> Result<Extent, EncodingFault> {
    let within = &bytes[..bytes.len().min(BLOCK_BYTES_MAX)];
    let mut reader = Reader::new(within);
    match walk(&mut reader, &mut NoSink) {
        Ok(()) => Ok(Extent::Whole(reader.at())),
        Err(stop) if stop.is_completable() => Ok(Extent::Cut),
        Err(Stop { fault: EncodingFault { kind: EncodingKind::Cut, .. }, .. }) => {
            Err(EncodingFault { at: BLOCK_BYTES_MAX as u32, kind: EncodingKind::TooLong })
        }
        Err(stop) => Err(stop.fault),
    }
}
