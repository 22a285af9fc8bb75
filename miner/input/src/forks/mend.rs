//! Repair at damaged places of a block file: which block has the wrong length, and where reading resumes.
//!
//! A file is read by the lengths in its frames. So a frame with a wrong length, or eight bytes that only look like a
//! frame, leads into the middle of something else. Proof of work distinguishes a block from such bytes, and a block's
//! own counts show where it ends.

use std::io;

use cityseal_chain::body::{BLOCK_BYTES_MAX, Extent, block_extent};
use cityseal_hash::HEADER_LEN;

use super::super::decode_error::DecodeError;
use super::super::frame::FRAME_LEN;
use super::scan::{Hidden, Scan, Scanned};

impl Scan<'_> {
    /// Re-examines the last block, which ends at damage. Returns where reading resumes if it is not the block that its
    /// frame describes.
    pub(super) fn doubt_last(&mut self, scanned: &mut Scanned, damage: u64) -> io::Result<Option<u64>> {
        let Some((begin, len)) = scanned.blocks.last().copied().filter(|_| self.claim_mend()) else { return Ok(None) };
        let frame = begin - FRAME_LEN as u64;
        if self.header_with_work(begin)?.is_none() {
            // Either a header with a wrong bit, or no block at all: then another frame may be inside.
            let Some(next) = self.next_frame(frame + 1)?.filter(|next| *next < damage) else { return Ok(None) };
            scanned.blocks.pop();
            scanned.headers.truncate(scanned.blocks.len() * HEADER_LEN);
            scanned.flaw(DecodeError::NoBlock { offset: frame }, Some(next), Hidden::Nothing);
            return Ok(Some(next));
        }
        let real = match self.whole_block(begin)? {
            Some(real) => real,
            // A damaged body. What is inside it may be the next block.
            None => match self.next_frame(begin + HEADER_LEN as u64)? {
                Some(next) if next < begin + u64::from(len) => (next - begin) as u32,
                _ => len,
            },
        };
        if real == len {
            return Ok(None);
        }
        if let Some((_, last)) = scanned.blocks.last_mut() {
            *last = real;
        }
        let next = begin + u64::from(real);
        scanned.flaw(DecodeError::WrongLength { offset: frame, found: len, real }, Some(next), Hidden::Nothing);
        Ok(Some(next))
    }

    /// Records damage at `at`, and returns where reading resumes: after the block if only the length in its frame is
    /// wrong, otherwise at the next frame.
    pub(super) fn skip_damage(&mut self, scanned: &mut Scanned, at: u64, what: DecodeError) -> io::Result<u64> {
        let begin = at + FRAME_LEN as u64;
        let header = self.header_with_work(begin)?;
        if header.is_some()
            && what.is_length()
            && self.claim_mend()
            && let Some(len) = self.whole_block(begin)?
        {
            let next = self.take(scanned, at, len)?;
            scanned.flaw(what, Some(next), Hidden::Nothing);
            return Ok(next);
        }
        let next = self.next_frame(at + 1)?;
        let hidden = header.map_or(Hidden::Nothing, |header| Hidden::Block { at: begin, header });
        scanned.flaw(what, next, hidden);
        Ok(next.unwrap_or(self.window.len))
    }

    /// Returns what is hidden by the truncated block whose frame is at `at`.
    pub(super) fn hidden_by_cut(&mut self, at: u64) -> io::Result<Hidden> {
        let begin = at + FRAME_LEN as u64;
        if begin + HEADER_LEN as u64 > self.window.len {
            return Ok(Hidden::Unknown);
        }
        Ok(self.header_with_work(begin)?.map_or(Hidden::Nothing, |header| Hidden::Block { at: begin, header }))
    }

    /// Returns the length of the block at `begin` from its own counts, if it is complete.
    fn whole_block(&mut self, begin: u64) -> io::Result<Option<u32>> {
        let there = self.window.up_to(begin, BLOCK_BYTES_MAX)?;
        Ok(match block_extent(there) {
            Ok(Extent::Whole(len)) => Some(len as u32),
            Ok(Extent::Cut) | Err(_) => None,
        })
    }

    /// Claims one of the attempts that are left to examine blocks more closely; `false` if none is left.
    pub(super) fn claim_mend(&mut self) -> bool {
        let is_left = self.mends_left > 0;
        self.mends_left = self.mends_left.saturating_sub(1);
        is_left
    }
}
