//! Cuts whole blocks out of streams: framed, one after the other, a line of hex each, or one in an object of JSON.
//!
//! A cutter keeps what is not cut yet, at most one block and one read of it, and hands each block on as soon as it is whole;
//! any split of the bytes gives the same blocks and the same end. It judges nothing but where a block ends: a body may be
//! anything.

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

/// A whole block, as it was cut out of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut<'a> {
    /// Its header and what is said to be its body: 80 bytes at least.
    pub block: &'a [u8],
    /// Where its header begins in the file, in bytes; in hex the first digit.
    pub at: u64,
    /// Its line in hex input, counted from 1.
    pub line: Option<u64>,
}

/// Takes blocks one by one.
pub trait TakeBlock {
    /// Takes the next block; `Break` where no more are wanted.
    fn take(&mut self, cut: Cut<'_>) -> ControlFlow<()>;

    /// Learns of a stray frame, eight bytes of magic and length before a block's own frame, at this byte of the file. It is
    /// skipped.
    fn note_stray_frame(&mut self, _offset: u64) {}
}

/// What cutting came to: `Break` where no more blocks are wanted, or none can follow.
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
    /// A cutter for a file of this format; none where that holds no whole blocks.
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

    /// The same cutter for files whose frames must be of this network.
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
    /// [`DecodeError`]; the blocks before it have gone to the sink.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn TakeBlock) -> Result<ControlFlow<()>, DecodeError> {
        self.held.append(bytes);
        self.cut(sink)
    }

    /// Reads up to so many bytes to where they are cut, without a copy on the way; how many there were.
    pub(super) fn fill_from(&mut self, stream: &mut dyn Read, bytes: usize) -> io::Result<usize> {
        self.held.fill_from(stream, bytes)
    }

    /// Hands on the blocks that are whole.
    pub(super) fn cut(&mut self, sink: &mut dyn TakeBlock) -> Cutting {
        match &mut self.kind {
            Kind::Framed(framed) => framed.cut(&mut self.held, sink),
            Kind::Raw(raw) => Ok(raw.cut(&mut self.held, sink)),
            Kind::Hex(lines) => lines.cut(&mut self.held, sink),
            Kind::Json => JsonBlock::cut(&self.held),
        }
    }

    /// Says that the file has ended.
    ///
    /// # Errors
    /// [`DecodeError`] where it ended too early.
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
