//! Blocks with magic and length before each, and zeros between them where Bitcoin Core reserved room.

use super::super::DecodeError;
use super::super::frame::{FRAME_LEN, Frame, FrameNetwork};
use super::held::Held;
use super::{Cut, Cutting, TakeBlock};
use std::ops::ControlFlow;

/// Where it stands: nothing but the network is kept, a frame is read again when its block is whole.
#[derive(Debug, Default)]
pub(super) struct Framed {
    network: FrameNetwork,
}

impl Framed {
    pub(super) const fn of(network: FrameNetwork) -> Self {
        Self { network }
    }

    pub(super) fn cut(&mut self, held: &mut Held, sink: &mut dyn TakeBlock) -> Cutting {
        loop {
            held.pass(leading_zeros(held.rest()));
            let Some((frame, rest)) = held.rest().split_first_chunk::<FRAME_LEN>() else { break };
            let frame = Frame::read(*frame, held.offset(), &mut self.network)?;
            let Some(block) = rest.get(..frame.len as usize) else { break };
            let taken = sink.take(Cut { block, at: held.offset() + FRAME_LEN as u64, line: None });
            if taken.is_break() {
                return Ok(taken);
            }
            held.pass(FRAME_LEN + frame.len as usize);
        }
        Ok(ControlFlow::Continue(()))
    }

    pub(super) fn end(held: &Held) -> Cutting {
        if held.rest().is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        Err(DecodeError::CutBlock { offset: held.offset() })
    }
}

/// Bytes that are zero at the front, in steps of a machine word.
pub(in super::super) fn leading_zeros(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let whole = 8 * words.iter().take_while(|word| **word == [0; 8]).count();
    whole + bytes[whole..].iter().take_while(|byte| **byte == 0).count()
}
