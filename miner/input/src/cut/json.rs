//! One block as block explorers return it: a JSON object whose member `block` is the block in hex. Other members are
//! ignored.

use std::ops::ControlFlow;

use cityseal_hash::HEADER_LEN;
use serde::Deserialize;

use super::super::decode_error::{BLOCK_BYTES_MAX, DecodeError};
use super::super::hex_lines::{BYTE_ORDER_MARK, NO_DIGIT, VALUES, bad_digit};
use super::held::Held;
use super::hex::decode_onto;
use super::{Cut, Cutting, TakeBlock};

/// Largest file that is read: the digits of the largest block, and a megabyte for the other members.
const TEXT_BYTES_MAX: usize = 2 * BLOCK_BYTES_MAX as usize + 1024 * 1024;

#[derive(Deserialize)]
struct Object<'a> {
    /// Borrowed from the text: hex digits need no escapes.
    block: &'a str,
}

/// Cutter of one object, which is parsed at the end of the file.
pub(super) struct JsonBlock;

impl JsonBlock {
    pub(super) fn cut(held: &Held) -> Cutting {
        if held.rest().len() > TEXT_BYTES_MAX {
            return Err(DecodeError::Json { message: format!("more than {TEXT_BYTES_MAX} bytes of text") });
        }
        Ok(ControlFlow::Continue(()))
    }

    pub(super) fn end(held: &Held, sink: &mut dyn TakeBlock) -> Cutting {
        let text = held.rest();
        let text = text.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(text);
        let object: Object<'_> = serde_json::from_slice(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Eof => DecodeError::CutBlock { offset: 0 },
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Data => DecodeError::Json { message: error.to_string() },
        })?;
        let digits = object.block.as_bytes();
        // The digits are borrowed from the text, so their addresses give the offset.
        let at = digits.as_ptr() as usize - text.as_ptr() as usize;
        let mark = held.rest().len() - text.len();
        let mut lines = text[..at].split(|byte| *byte == b'\n');
        let column = lines.next_back().map_or(0, <[u8]>::len);
        let line = 1 + lines.count() as u64;
        let block = decoded(digits, line, column)?;
        Ok(sink.take(Cut { block: &block, at: (mark + at) as u64, line: Some(line) }))
    }
}

/// Decodes the digits of a block after `column` characters of a line.
fn decoded(digits: &[u8], line: u64, column: usize) -> Result<Vec<u8>, DecodeError> {
    let mut block = Vec::with_capacity(digits.len() / 2);
    if let Some(bad) = digits.iter().position(|digit| VALUES[usize::from(*digit)] == NO_DIGIT) {
        return Err(bad_digit(line, column + bad + 1, digits[bad]));
    }
    if !digits.len().is_multiple_of(2) {
        return Err(DecodeError::OddLine { line, found: digits.len() });
    }
    decode_onto(&mut block, digits);
    if block.len() < HEADER_LEN {
        return Err(DecodeError::ShortLine { line, column: column + digits.len() + 1, found: digits.len() });
    }
    if block.len() as u64 > BLOCK_BYTES_MAX {
        return Err(DecodeError::LargeLine { line });
    }
    Ok(block)
}
