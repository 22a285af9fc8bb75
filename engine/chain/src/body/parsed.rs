//! A block parsed as far as the rules and the hashes need it: the spans of its transactions, and findings about them.
//!
//! Everything is recorded in one pass over the bytes. Nothing of the block is copied but the few bytes of its coinbase
//! that rules compare.

use super::limits::{MONEY_MAX, STRIPPED_BYTES_MAX};
use super::repeats;
use super::sigops::legacy_sigops;
use super::span::TransactionSpan;
use super::walk::{Sink, walk};
use crate::encoding::{BLOCK_BYTES_MAX, EncodingFault, EncodingKind, Reader};
use crate::parameters::Parameters;
use crate::rules::ScriptHead;
use cityseal_hash::HEADER_LEN;

/// The sequence number that disables a lock time (Bitcoin Core: `SEQUENCE_FINAL`).
const SEQUENCE_FINAL: u32 = u32::MAX;

/// The null previous output, which a coinbase spends.
const NULL_PREVOUT: [u8; 36] = {
    let mut prevout = [0; 36];
    let (_, index) = prevout.split_at_mut(32);
    index.copy_from_slice(&[0xff; 4]);
    prevout
};

/// The beginning of a script that commits to the witnesses: a return, a push of 36 bytes, and BIP141's header.
const COMMITMENT_HEAD: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// The first transaction of a block that breaks a rule, with the value that breaks it.
pub(super) type First<T> = Option<(u32, T)>;

/// What the rules need to know about the transactions. Of several violations of one rule, only the first is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) first: FirstTransaction,
    pub(super) later_coinbase: Option<u32>,
    pub(super) without_inputs: Option<u32>,
    pub(super) without_outputs: Option<u32>,
    /// The stripped length.
    pub(super) oversized: First<u64>,
    pub(super) bad_value: First<i64>,
    /// The sum, saturating at 2^64 - 1.
    pub(super) bad_total: First<u64>,
    /// The input that spends the same output as an earlier one.
    pub(super) repeated_input: First<u32>,
    /// The input with a null previous output in a transaction other than a coinbase.
    pub(super) null_prevout: First<u32>,
    pub(super) witness: Option<u32>,
    pub(super) sigops: u64,
    pub(super) stripped_len: u64,
}

/// What the rules need to know about the first transaction, which should be the coinbase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FirstTransaction {
    pub(super) is_coinbase: bool,
    pub(super) script_len: u64,
    pub(super) script_head: ScriptHead,
    /// The commitment in its last output that commits to the witnesses.
    pub(super) commitment: Option<[u8; 32]>,
    pub(super) witness_items: u64,
    /// Length of the first item of the first input's witness.
    pub(super) reserved_len: u64,
    /// That item, if it has 32 bytes.
    pub(super) reserved: [u8; 32],
}

/// A parsed block. It borrows nothing and can be reused for the next block without allocating anew.
#[derive(Clone, Debug, Default)]
pub struct ParsedBlock {
    len: usize,
    transactions: Vec<TransactionSpan>,
    findings: Findings,
    /// Keys of the inputs of the transaction being read.
    keys: Vec<u64>,
}

impl ParsedBlock {
    /// Parses exactly one block: its header and its transactions, with nothing after them.
    ///
    /// # Errors
    /// If the bytes are not exactly one block.
    pub fn parse(block: &[u8]) -> Result<Self, EncodingFault> {
        let mut parsed = Self::default();
        parsed.parse_into(block)?;
        Ok(parsed)
    }

    /// Parses one block, replacing the last one and reusing its memory.
    ///
    /// # Errors
    /// If the bytes are not exactly one block. The contents of `self` are then meaningless.
    pub fn parse_into(&mut self, block: &[u8]) -> Result<(), EncodingFault> {
        let fault = |at: usize, kind| EncodingFault { at: at as u32, kind };
        self.len = block.len();
        self.transactions.clear();
        self.findings = Findings::default();
        if block.len() > BLOCK_BYTES_MAX {
            return Err(fault(BLOCK_BYTES_MAX, EncodingKind::TooLong));
        }
        let mut reader = Reader::new(block);
        walk(&mut reader, &mut Recorder::new(self, block)).map_err(|stop| stop.fault)?;
        if reader.left() > 0 {
            return Err(fault(reader.at(), EncodingKind::Trailing));
        }
        let stripped: usize = self.transactions.iter().map(TransactionSpan::stripped_len).sum();
        self.findings.stripped_len = (HEADER_LEN + compact_size_len(self.transactions.len()) + stripped) as u64;
        Ok(())
    }

    /// The spans of the transactions, in order.
    pub fn transactions(&self) -> &[TransactionSpan] {
        &self.transactions
    }

    /// Whether any transaction has witness data.
    pub const fn has_witness(&self) -> bool {
        self.findings.witness.is_some()
    }

    /// Length of the whole block in bytes.
    pub const fn block_len(&self) -> usize {
        self.len
    }

    /// Length of the block without its witnesses, in bytes.
    pub const fn stripped_len(&self) -> usize {
        self.findings.stripped_len as usize
    }

    /// The block's weight (BIP141): its length, plus three times its length without the witnesses.
    pub const fn weight(&self) -> u64 {
        3 * self.findings.stripped_len + self.len as u64
    }

    /// Whether R38 is judged at `height`, which needs the root over the witness ids: the coinbase commits to it, and
    /// the rule is in force.
    pub fn needs_witness_root(&self, parameters: &Parameters, height: u64) -> bool {
        self.findings.first.commitment.is_some() && parameters.body().has_witness_at(height)
    }

    pub(super) const fn findings(&self) -> &Findings {
        &self.findings
    }
}

/// Length of a count in its shortest encoding.
const fn compact_size_len(count: usize) -> usize {
    match count {
        0..0xfd => 1,
        0xfd..0x1_0000 => 3,
        _ => 5,
    }
}

/// The sink that records findings in a [`ParsedBlock`].
struct Recorder<'p, 'a> {
    block: &'a [u8],
    transactions: &'p mut Vec<TransactionSpan>,
    keys: &'p mut Vec<u64>,
    findings: &'p mut Findings,
    current: Current,
    /// Kept outside the findings because every script adds to it.
    sigops: u64,
}

/// Findings about the current transaction.
struct Current {
    outputs: u32,
    stacks: u32,
    sequences: u32,
    null_prevout: Option<u32>,
    total: u64,
    bad_value: Option<i64>,
}

impl Current {
    const FRESH: Self =
        Self { outputs: 0, stacks: 0, sequences: SEQUENCE_FINAL, null_prevout: None, total: 0, bad_value: None };
}

impl<'p, 'a> Recorder<'p, 'a> {
    fn new(parsed: &'p mut ParsedBlock, block: &'a [u8]) -> Self {
        parsed.keys.clear();
        Self {
            block,
            transactions: &mut parsed.transactions,
            keys: &mut parsed.keys,
            findings: &mut parsed.findings,
            current: Current::FRESH,
            sigops: 0,
        }
    }

    fn is_in_first(&self) -> bool {
        self.transactions.is_empty()
    }

    #[cold]
    fn repeated_input(&self, span: &TransactionSpan) -> Option<u32> {
        let mut reader = Reader::new(&self.block[span.body()]);
        let mut prevouts = Prevouts(Vec::new());
        let _ = super::walk::inputs_of_body(&mut reader, &mut prevouts);
        repeats::first_repeat(&prevouts.0)
    }

    #[cold]
    fn note_script_of_first(&mut self, script: &[u8]) {
        self.findings.first.script_len = script.len() as u64;
        self.findings.first.script_head = ScriptHead::of(script);
    }

    #[cold]
    fn note_commitment(&mut self, script: &[u8]) {
        if let Some((_, commitment)) = script.split_first_chunk::<6>().filter(|(head, _)| **head == COMMITMENT_HEAD) {
            let commitment = commitment.first_chunk::<32>();
            self.findings.first.commitment = commitment.copied().or(self.findings.first.commitment);
        }
    }

    #[cold]
    fn note_witness_of_first(&mut self, items: usize, first: &[u8]) {
        let of = &mut self.findings.first;
        of.witness_items = items as u64;
        of.reserved_len = first.len() as u64;
        of.reserved = first.try_into().unwrap_or([0; 32]);
    }

    /// Records which of R24 to R33 and R39 the current transaction breaks.
    #[inline]
    fn note_transaction(&mut self, span: &TransactionSpan) {
        let at = self.transactions.len() as u32;
        let (inputs, found) = (self.keys.len(), &mut *self.findings);
        if inputs == 0 {
            found.without_inputs.get_or_insert(at);
        }
        if self.current.outputs == 0 {
            found.without_outputs.get_or_insert(at);
        }
        if span.stripped_len() > STRIPPED_BYTES_MAX {
            found.oversized.get_or_insert((at, span.stripped_len() as u64));
        }
        if let Some(value) = self.current.bad_value {
            found.bad_value.get_or_insert((at, value));
        }
        if self.current.total > MONEY_MAX {
            found.bad_total.get_or_insert((at, self.current.total));
        }
        match self.current.null_prevout {
            Some(_) if inputs == 1 && at == 0 => found.first.is_coinbase = true,
            Some(_) if inputs == 1 => _ = found.later_coinbase.get_or_insert(at),
            Some(input) => _ = found.null_prevout.get_or_insert((at, input)),
            None => {}
        }
        if span.has_witness() {
            found.witness.get_or_insert(at);
        }
        if repeats::sort_and_find_equal(self.keys) && found.repeated_input.is_none() {
            self.findings.repeated_input = self.repeated_input(span).map(|input| (at, input));
        }
    }
}

impl<'a> Sink<'a> for Recorder<'_, 'a> {
    fn begin(&mut self, transactions: usize) {
        self.transactions.reserve(transactions);
    }

    #[inline]
    fn input(&mut self, prevout: &'a [u8; 36], script: &'a [u8], sequence: u32) {
        self.current.sequences &= sequence;
        if *prevout == NULL_PREVOUT {
            self.current.null_prevout.get_or_insert(self.keys.len() as u32);
        }
        if self.is_in_first() && self.keys.is_empty() {
            self.note_script_of_first(script);
        }
        self.keys.push(repeats::key_of(prevout));
        self.sigops += u64::from(legacy_sigops(script));
    }

    #[inline]
    fn output(&mut self, value: u64, script: &'a [u8]) {
        self.current.outputs += 1;
        self.current.total = self.current.total.saturating_add(value);
        // As an unsigned number, a negative amount is above the maximum.
        if value > MONEY_MAX {
            self.current.bad_value.get_or_insert(value as i64);
        }
        if self.is_in_first() {
            self.note_commitment(script);
        }
        self.sigops += u64::from(legacy_sigops(script));
    }

    #[inline]
    fn stack(&mut self, items: usize, first: &'a [u8]) {
        if self.is_in_first() && self.current.stacks == 0 {
            self.note_witness_of_first(items, first);
        }
        self.current.stacks += 1;
    }

    #[inline]
    fn end(&mut self, mut span: TransactionSpan, lock_time: u32) {
        self.note_transaction(&span);
        if self.current.sequences != SEQUENCE_FINAL {
            span.lock = lock_time;
        }
        self.transactions.push(span);
        self.current = Current::FRESH;
        self.keys.clear();
        self.findings.sigops = self.sigops;
    }
}

/// The sink that collects the previous outputs of inputs.
struct Prevouts<'a>(Vec<&'a [u8; 36]>);

impl<'a> Sink<'a> for Prevouts<'a> {
    fn input(&mut self, prevout: &'a [u8; 36], _script: &'a [u8], _sequence: u32) {
        self.0.push(prevout);
    }
}
