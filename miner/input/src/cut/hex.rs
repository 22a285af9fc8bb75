//! A block per line, in hex. Decoration around the digits is skipped as for lines of headers ([`trimmed`]).

use std::ops::ControlFlow;

use cityseal_hash::HEADER_LEN;

use super::super::decode_error::{BLOCK_BYTES_MAX, DecodeError};
use super::super::hex_lines::{NO_DIGIT, VALUES, bad_digit, trimmed};
use super::held::Held;
use super::raw::is_cut;
use super::{Cut, Cutting, TakeBlock};

/// Maximum number of digits per line.
const DIGITS_MAX: usize = 2 * BLOCK_BYTES_MAX as usize;

/// Maximum number of characters around the digits of a line: a byte order mark, `0x`, quotes, a bracket, a comma, and
/// some spaces.
const AROUND_MAX: usize = 64;

/// Cutter of lines.
#[derive(Debug)]
pub(super) struct HexBlocks {
    /// The current line, counted from 1.
    line: u64,
    /// How far the held bytes were searched for the end of the line.
    searched: usize,
    /// The block of the last line, decoded.
    block: Vec<u8>,
}

impl Default for HexBlocks {
    fn default() -> Self {
        Self { line: 1, searched: 0, block: Vec::new() }
    }
}

impl HexBlocks {
    pub(super) fn cut(&mut self, held: &mut Held, sink: &mut dyn TakeBlock) -> Cutting {
        while let Some(len) = self.line_end(held.rest()) {
            let taken = self.take(&held.rest()[..len], held.offset(), sink)?;
            if taken.is_break() {
                return Ok(taken);
            }
            held.pass(len + 1);
            self.line += 1;
            self.searched = 0;
        }
        if self.searched > DIGITS_MAX + AROUND_MAX {
            return Err(DecodeError::LargeLine { line: self.line });
        }
        Ok(ControlFlow::Continue(()))
    }

    fn line_end(&mut self, rest: &[u8]) -> Option<usize> {
        let found = rest[self.searched..].iter().position(|byte| *byte == b'\n').map(|at| self.searched + at);
        self.searched = found.unwrap_or(rest.len());
        found
    }

    fn take(&mut self, line: &[u8], at: u64, sink: &mut dyn TakeBlock) -> Cutting {
        let (digits, begin) = trimmed(line);
        if digits.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        self.decode(digits, begin)?;
        if digits.len() < 2 * HEADER_LEN {
            let (line, found) = (self.line, digits.len());
            return Err(DecodeError::ShortLine { line, column: begin + found + 1, found });
        }
        if !digits.len().is_multiple_of(2) {
            return Err(DecodeError::OddLine { line: self.line, found: digits.len() });
        }
        Ok(sink.take(Cut { block: &self.block, at: at + begin as u64, line: Some(self.line) }))
    }

    /// Decodes pairs of digits after `begin` characters of their line; an odd digit at the end is only checked.
    fn decode(&mut self, digits: &[u8], begin: usize) -> Result<(), DecodeError> {
        if digits.len() > DIGITS_MAX {
            return Err(DecodeError::LargeLine { line: self.line });
        }
        self.block.clear();
        let seen = decode_onto(&mut self.block, digits);
        let odd = digits.len() % 2;
        let last = digits[digits.len() - odd..].iter().fold(0, |seen, digit| seen | VALUES[usize::from(*digit)]);
        if (seen | last) & NO_DIGIT == 0 {
            return Ok(());
        }
        let bad = digits.iter().position(|digit| VALUES[usize::from(*digit)] == NO_DIGIT).unwrap_or_default();
        Err(bad_digit(self.line, begin + bad + 1, digits[bad]))
    }

    /// A last line may lack its line end if its block is complete.
    pub(super) fn end(&mut self, held: &Held, sink: &mut dyn TakeBlock) -> Cutting {
        let line = held.rest();
        let (digits, begin) = trimmed(line);
        if digits.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        self.decode(digits, begin)?;
        let found = digits.len();
        if found < 2 * HEADER_LEN {
            return Err(DecodeError::CutLine { line: self.line, found });
        }
        if !found.is_multiple_of(2) || is_cut(&self.block) {
            return Err(DecodeError::CutBlockLine { line: self.line, found });
        }
        self.take(line, held.offset(), sink)
    }
}

/// Appends the bytes of pairs of digits; the result has the bit [`NO_DIGIT`] if one of them is not a hex digit.
pub(in super::super) fn decode_onto(room: &mut Vec<u8>, digits: &[u8]) -> u8 {
    let mut seen = 0;
    let (pairs, _) = digits.as_chunks::<2>();
    room.extend(pairs.iter().map(|[high, low]| {
        let (high, low) = (VALUES[usize::from(*high)], VALUES[usize::from(*low)]);
        seen |= high | low;
        (high << 4) | (low & 0xf)
    }));
    seen
}
