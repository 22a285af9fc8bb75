//! Cuts whole blocks out of streams: framed, one after another, one per line in hex, or one in a JSON object.
//!
//! A cutter keeps the bytes that are not cut yet, at most one block and one read, and passes each block on as soon as
//! it is complete; any split of the bytes gives the same blocks and the same end. It checks only where a block ends: a
//! body may be anything.

mod batches;
mod framed;
mod held;
mod hex;
mod json;
mod raw;

use std::io::{self, Read};
use std::ops::ControlFlow;

pub(super) use batches::{BATCH_BYTES, cut_file};
pub(super) use hex::decode_onto;

use super::decode_error::DecodeError;
use super::detect::Format;
use super::frame::FrameNetwork;
use framed::Framed;
use held::Held;
use hex::HexBlocks;
use json::JsonBlock;
use raw::Raw;

/// A whole block with its place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut<'a> {
    /// The header and the bytes taken for its body: at least 80 bytes.
    pub block: &'a [u8],
    /// Byte of the file at which its header begins; in hex input that of its first digit.
    pub at: u64,
    /// Its line in hex input, counted from 1.
    pub line: Option<u64>,
}

/// Takes blocks one by one.
pub trait TakeBlock {
    /// Takes the next block; returns `Break` if no more are wanted.
    fn take(&mut self, cut: Cut<'_>) -> ControlFlow<()>;

    /// Notified of a stray frame, eight bytes of magic and length before a block's own frame, at this byte of the file.
    /// It is skipped.
    fn note_stray_frame(&mut self, _offset: u64) {}
}

/// Result of cutting: `Break` if no more blocks are wanted, or none can follow.
type Cutting = Result<ControlFlow<()>, DecodeError>;

/// Cuts the blocks out of one file.
#[derive(Debug)]
pub struct BlockCutter {
    held: Held,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Framed(Framed),
    Raw(Raw),
    Hex(HexBlocks),
    Json,
}

impl BlockCutter {
    /// Returns a cutter for a file of this format; `None` if the format holds no whole blocks.
    pub fn of(format: Format) -> Option<Self> {
        let kind = match format {
            Format::FramedBlocks => Kind::Framed(Framed::default()),
            Format::RawBlocks => Kind::Raw(Raw::default()),
            Format::HexBlocks => Kind::Hex(HexBlocks::default()),
            Format::JsonBlock => Kind::Json,
            Format::Headers | Format::Hex => return None,
        };
        Some(Self { held: Held::default(), kind })
    }

    /// Returns the same cutter, restricted to frames of this network.
    #[must_use]
    pub fn of_network(mut self, network: FrameNetwork) -> Self {
        if let Kind::Framed(framed) = &mut self.kind {
            *framed = Framed::of(network);
        }
        self
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// Returns [`DecodeError`]; the blocks before the error have been passed to the sink.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn TakeBlock) -> Result<ControlFlow<()>, DecodeError> {
        self.held.append(bytes);
        self.cut(sink)
    }

    /// Reads up to `bytes` bytes directly into the cutter's buffer; returns how many were read.
    pub(super) fn fill_from(&mut self, stream: &mut dyn Read, bytes: usize) -> io::Result<usize> {
        self.held.fill_from(stream, bytes)
    }

    /// Passes on the complete blocks.
    pub(super) fn cut(&mut self, sink: &mut dyn TakeBlock) -> Cutting {
        match &mut self.kind {
            Kind::Framed(framed) => framed.cut(&mut self.held, sink),
            Kind::Raw(raw) => Ok(raw.cut(&mut self.held, sink)),
            Kind::Hex(lines) => lines.cut(&mut self.held, sink),
            Kind::Json => JsonBlock::cut(&self.held),
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Returns [`DecodeError`] if the file ended too early.
    pub fn end(&mut self, sink: &mut dyn TakeBlock) -> Result<ControlFlow<()>, DecodeError> {
        match &mut self.kind {
            Kind::Framed(framed) => framed.end(&mut self.held, sink),
            Kind::Raw(raw) => raw.end(&self.held, sink),
            Kind::Hex(lines) => lines.end(&self.held, sink),
            Kind::Json => JsonBlock::end(&self.held, sink),
        }
    }
}

#[cfg(test)]
mod tests;
