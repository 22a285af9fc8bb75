//! Blocks with magic and length before each, and zeros between them where Bitcoin Core preallocated space. A stray
//! frame before a block's own frame is skipped.

use super::super::decode_error::DecodeError;
use super::super::frame::{FRAME_LEN, Frame, FrameNetwork, StrayFrame, leading_zeros};
use super::held::Held;
use super::{Cut, Cutting, TakeBlock};
use std::ops::ControlFlow;

/// Keeps only the network: a frame is read again when its block is complete.
#[derive(Debug, Default)]
pub(super) struct Framed {
    network: FrameNetwork,
}

/// What is at the front of the held bytes.
enum Front {
    /// A whole block of this length after its frame.
    Block(usize),
    /// A stray frame.
    Stray,
    /// Not enough bytes to decide.
    Open,
}

impl Framed {
    pub(super) const fn of(network: FrameNetwork) -> Self {
        Self { network }
    }

    pub(super) fn cut(&mut self, held: &mut Held, sink: &mut dyn TakeBlock) -> Cutting {
        self.cut_until(held, sink, false)
    }

    pub(super) fn end(&mut self, held: &mut Held, sink: &mut dyn TakeBlock) -> Cutting {
        let taken = self.cut_until(held, sink, true)?;
        if taken.is_break() || held.rest().is_empty() {
            return Ok(taken);
        }
        Err(DecodeError::CutBlock { offset: held.offset() })
    }

    fn cut_until(&mut self, held: &mut Held, sink: &mut dyn TakeBlock, is_end: bool) -> Cutting {
        loop {
            held.pass(leading_zeros(held.rest()));
            match self.front(held, is_end)? {
                Front::Open => return Ok(ControlFlow::Continue(())),
                Front::Stray => {
                    sink.note_stray_frame(held.offset());
                    held.pass(FRAME_LEN);
                }
                Front::Block(len) => {
                    let block = &held.rest()[FRAME_LEN..FRAME_LEN + len];
                    let taken = sink.take(Cut { block, at: held.offset() + FRAME_LEN as u64, line: None });
                    if taken.is_break() {
                        return Ok(taken);
                    }
                    held.pass(FRAME_LEN + len);
                }
            }
        }
    }

    /// Refuses a wrong magic at once, and a wrong length only when the frame is known not to be stray: any split of the
    /// bytes gives the same result.
    fn front(&mut self, held: &Held, is_end: bool) -> Result<Front, DecodeError> {
        let Some((frame, behind)) = held.rest().split_first_chunk::<FRAME_LEN>() else { return Ok(Front::Open) };
        let frame = match Frame::read(*frame, held.offset(), &mut self.network) {
            read @ (Ok(_) | Err(DecodeError::SmallBlock { .. } | DecodeError::LargeFrame { .. })) => read,
            Err(magic) => return Err(magic),
        };
        match StrayFrame::of(held.rest()) {
            StrayFrame::Yes => Ok(Front::Stray),
            StrayFrame::Unknown if !is_end => Ok(Front::Open),
            StrayFrame::Unknown | StrayFrame::No => {
                let len = frame?.len as usize;
                Ok(if behind.len() < len { Front::Open } else { Front::Block(len) })
            }
        }
    }
}
