//! Blocks one after another: their own counts and lengths show where each ends.
//!
//! If these are invalid, all available bytes up to the size of the largest block are passed on as one block, so that
//! the verifier names the rule and the place; nothing can follow it. One byte more shows a block that is only too long.

use std::ops::ControlFlow;

use cityseal_chain::body::{BLOCK_BYTES_MAX, EncodingFault, EncodingKind, Extent, block_extent};
use cityseal_hash::HEADER_LEN;

use super::super::decode_error::DecodeError;
use super::held::Held;
use super::{Cut, Cutting, TakeBlock};

/// Cutter of blocks without frames.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// The end of the current block cannot be found: the maximum number of its bytes to pass on.
    endless: Option<usize>,
}

impl Raw {
    pub(super) fn cut(&mut self, held: &mut Held, sink: &mut dyn TakeBlock) -> ControlFlow<()> {
        while self.endless.is_none() && held.rest().len() >= HEADER_LEN {
            match block_extent(held.rest()) {
                Ok(Extent::Whole(len)) => {
                    let taken = sink.take(Cut { block: &held.rest()[..len], at: held.offset(), line: None });
                    if taken.is_break() {
                        return taken;
                    }
                    held.pass(len);
                }
                Ok(Extent::Cut) => return ControlFlow::Continue(()),
                Err(EncodingFault { kind: EncodingKind::TooLong, .. }) => self.endless = Some(BLOCK_BYTES_MAX + 1),
                Err(_) => self.endless = Some(BLOCK_BYTES_MAX),
            }
        }
        match self.endless.and_then(|limit| held.rest().get(..limit)) {
            Some(block) => give_endless(block, held.offset(), sink),
            None => ControlFlow::Continue(()),
        }
    }

    pub(super) fn end(&self, held: &Held, sink: &mut dyn TakeBlock) -> Cutting {
        let (offset, found) = (held.offset(), held.rest().len());
        match found {
            0 => Ok(ControlFlow::Continue(())),
            _ if self.endless.is_some() => Ok(give_endless(held.rest(), offset, sink)),
            1..HEADER_LEN => Err(DecodeError::CutHeader { offset, found }),
            _ => Err(DecodeError::CutBlock { offset }),
        }
    }
}

/// Passes on a block without an end. Nothing can follow it, whatever the sink returns.
fn give_endless(block: &[u8], at: u64, sink: &mut dyn TakeBlock) -> ControlFlow<()> {
    let _last = sink.take(Cut { block, at, line: None });
    ControlFlow::Break(())
}

/// Whether these bytes end inside the block at their front.
pub(super) fn is_cut(bytes: &[u8]) -> bool {
    matches!(block_extent(bytes), Ok(Extent::Cut))
}
