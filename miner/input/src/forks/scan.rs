//! Finds the blocks of one file of framed blocks, and the bytes in it that are neither blocks nor preallocated space.
//!
//! Only frames and headers are inspected: after large blocks it reads a little at a time, among small blocks it reads
//! ahead. If a frame is missing, it searches for the next one. The block before such a place is examined again, because
//! a wrong length or a false frame leads there too (see [`super::repair`]).

use std::io;

use cityseal_chain::body::{Extent, block_extent};
use cityseal_engine::ReadAt;
use cityseal_hash::HEADER_LEN;

use super::super::decode_error::DecodeError;
use super::super::frame::{FRAME_LEN, Frame, FrameNetwork, STRAY_BYTES, StrayFrame, has_work};
use super::key::Key;
use super::window::{LONG_READ, Window};

/// Bytes per read after a large block: a frame and a header, and the page that holds them.
const SHORT_READ: usize = 4096;

/// Size from which a block is large: reading its body costs more than a separate read.
const LARGE_BLOCK: u32 = 64 * 1024;

/// Damaged places and stray frames of one file that are listed individually, about 200 bytes each; the others are
/// counted.
pub(super) const LISTED_MAX: usize = 1000;

/// Maximum number of times that the blocks around damaged places of one file are re-examined. Each time costs up to 6
/// MB of reading (two windows of 1 MB and the 4 MB of the largest block), so a file that was built to be slow costs 6
/// GB at most.
pub(super) const REEXAMINATIONS_MAX: u32 = 1000;

/// What damage may hide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// No block.
    Nothing,
    /// The block of this header, which has proof of work.
    Block {
        /// Byte of its file at which the header begins.
        at: u64,
        /// The header.
        header: [u8; HEADER_LEN],
    },
    /// Anything.
    Unknown,
}

/// A damaged place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) what: DecodeError,
    /// Where reading resumed; `None` if nothing more was found.
    pub(super) resumed_at: Option<u64>,
    pub(super) hidden: Hidden,
}

/// Content of one file.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Packed headers.
    pub(super) headers: Vec<u8>,
    /// Offset and length of each block.
    pub(super) blocks: Vec<(u64, u32)>,
    /// What is wrong with the file.
    pub(super) flaws: Vec<Flaw>,
    /// Number of further damaged places, and whether one of them may hide a block.
    pub(super) flaws_unlisted: u64,
    pub(super) hides_unlisted: bool,
    /// Offsets of stray frames.
    pub(super) stray: Vec<u64>,
    /// Number of further stray frames.
    pub(super) stray_unlisted: u64,
    /// Offset of the truncated block at the end of the file, and what that hides.
    pub(super) cut: Option<(u64, Hidden)>,
}

impl Scanned {
    pub(super) fn flaw(&mut self, what: DecodeError, resumed_at: Option<u64>, hidden: Hidden) {
        if self.flaws.len() < LISTED_MAX {
            self.flaws.push(Flaw { what, resumed_at, hidden });
        } else {
            self.flaws_unlisted += 1;
            self.hides_unlisted |= hidden != Hidden::Nothing;
        }
    }

    fn stray_frame(&mut self, at: u64) {
        if self.stray.len() < LISTED_MAX {
            self.stray.push(at);
        } else {
            self.stray_unlisted += 1;
        }
    }
}

/// What is found at an offset.
enum Found {
    Nothing,
    Block(Frame),
    /// A frame that is followed by the frame of a block.
    Stray,
    /// A block that runs past the end of the file; with an error if the block is not really truncated.
    Cut(Option<DecodeError>),
    Damage(DecodeError),
}

pub(super) struct Scan<'a> {
    pub(super) window: Window<'a>,
    pub(super) network: FrameNetwork,
    /// How many more damaged places may be re-examined.
    pub(super) reexaminations_left: u32,
    /// The last search for a frame: where it began, and what it found.
    searched: Option<(u64, Option<u64>)>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(file: &'a dyn ReadAt, len: u64, key: Key, network: FrameNetwork) -> Self {
        Self { window: Window::new(file, len, key), network, reexaminations_left: REEXAMINATIONS_MAX, searched: None }
    }

    /// Reads the file once.
    pub(super) fn run(mut self) -> io::Result<Scanned> {
        let mut scanned = Scanned::default();
        let mut at = 0;
        // Whether only the last block's length leads to the offset where the next one is expected.
        let mut is_last_open = false;
        loop {
            match self.look(&mut at)? {
                Found::Nothing => return Ok(scanned),
                Found::Block(frame) => {
                    at = self.take(&mut scanned, at, frame.len)?;
                    is_last_open = true;
                }
                Found::Stray => {
                    scanned.stray_frame(at);
                    at += FRAME_LEN as u64;
                }
                Found::Cut(None) => {
                    scanned.cut = Some((at, self.hidden_by_cut(at)?));
                    return Ok(scanned);
                }
                Found::Damage(what) | Found::Cut(Some(what)) => {
                    // The damage may be caused by a wrong length of the block before it.
                    let resumed_at = if is_last_open { self.reexamine_last(&mut scanned, at)? } else { None };
                    at = match resumed_at {
                        Some(next) => next,
                        None => self.skip_damage(&mut scanned, at, what)?,
                    };
                    is_last_open = false;
                }
            }
        }
    }

    /// Takes the block after the frame at `at`; returns the offset of its end.
    pub(super) fn take(&mut self, scanned: &mut Scanned, at: u64, len: u32) -> io::Result<u64> {
        let begin = at + FRAME_LEN as u64;
        scanned.headers.extend_from_slice(self.window.at(begin, HEADER_LEN)?);
        scanned.blocks.push((begin, len));
        self.window.ahead = if len < LARGE_BLOCK { LONG_READ } else { SHORT_READ };
        Ok(begin + u64::from(len))
    }

    /// Returns the network after the frame at the beginning of the file.
    pub(super) fn first_frame(mut self) -> io::Result<Result<FrameNetwork, DecodeError>> {
        if self.window.len >= FRAME_LEN as u64 {
            let frame = self.window.frame(0)?;
            let read = Frame::read(frame, 0, &mut self.network);
            if let Err(other @ DecodeError::OtherNetwork { .. }) = read {
                return Ok(Err(other));
            }
            // Any other bad frame is reported when the file is scanned.
        }
        Ok(Ok(self.network))
    }

    /// Skips preallocated space from `at` on and returns what follows.
    fn look(&mut self, at: &mut u64) -> io::Result<Found> {
        while *at < self.window.len {
            if self.window.len - *at < FRAME_LEN as u64 {
                if let Some(found) = self.look_at_end(*at)? {
                    return Ok(found);
                }
                *at += 1;
                continue;
            }
            let frame = self.window.frame(*at)?;
            // Unwritten space is not obfuscated. Its zeros look like the key; a frame that equals the key is not a
            // frame.
            let unused = self.window.unused_words(*at, frame)?;
            if unused > 0 {
                self.window.ahead = LONG_READ;
                *at += unused;
                continue;
            }
            // The order of the arms matters: a wrong length is damage only if the frame is not stray.
            let read = Frame::read(frame, *at, &mut self.network);
            match read {
                Err(DecodeError::Magic { .. }) if self.window.is_unused(*at, frame[0]) => *at += 1,
                Err(what) if !what.is_length() => return Ok(Found::Damage(what)),
                _ if StrayFrame::of(self.window.up_to(*at, STRAY_BYTES)?) == StrayFrame::Yes => {
                    return Ok(Found::Stray);
                }
                Err(what) => return Ok(Found::Damage(what)),
                Ok(frame) if *at + FRAME_LEN as u64 + u64::from(frame.len) > self.window.len => {
                    return Ok(Found::Cut(self.check_truncation(*at, frame)?));
                }
                Ok(frame) => return Ok(Found::Block(frame)),
            }
        }
        Ok(Found::Nothing)
    }

    /// Returns the error if this block is not truncated by the end of the file: nothing after a truncated block can be
    /// complete. A length with a wrong bit must not pass for truncation.
    fn check_truncation(&mut self, at: u64, frame: Frame) -> io::Result<Option<DecodeError>> {
        let begin = at + FRAME_LEN as u64;
        let there = (self.window.len - begin) as usize;
        // The rest is read only if no frame follows, so at most once.
        let is_followed = self.next_frame(at + 1)?.is_some();
        let is_whole = !is_followed && matches!(block_extent(self.window.at(begin, there)?), Ok(Extent::Whole(_)));
        Ok((is_whole || is_followed).then_some(DecodeError::LongFrame { offset: at, found: frame.len }))
    }

    /// Inspects the last bytes of a file, fewer than a frame: the beginning of one, preallocated space, or damage.
    fn look_at_end(&mut self, at: u64) -> io::Result<Option<Found>> {
        let key = self.window.key;
        let tail = self.window.at(at, (self.window.len - at) as usize)?;
        // Obfuscated zeros may look like the beginning of a frame.
        let is_unused = tail.iter().all(|byte| *byte == 0) || (at..).zip(tail).all(|(at, byte)| *byte == key.at(at)[0]);
        if is_unused {
            return Ok(None);
        }
        let head = &tail[..tail.len().min(4)];
        let (first, mut found) = (tail[0], [0; 4]);
        found[..head.len()].copy_from_slice(head);
        let expected = self.network.name();
        if self.network.magics().any(|magic| magic.starts_with(head)) {
            return Ok(Some(Found::Cut(None)));
        }
        let may_be_unused = self.window.is_unused(at, first);
        Ok((!may_be_unused).then_some(Found::Damage(DecodeError::Magic { offset: at, expected, found })))
    }

    /// Returns the next offset from `at` on with a frame whose block is within the file and is likely a block.
    pub(super) fn next_frame(&mut self, at: u64) -> io::Result<Option<u64>> {
        if let Some((from, found)) = self.searched
            && from <= at
            && found.is_none_or(|found| at <= found)
        {
            return Ok(found);
        }
        let found = self.search_frame(at)?;
        self.searched = Some((at, found));
        Ok(found)
    }

    fn search_frame(&mut self, mut at: u64) -> io::Result<Option<u64>> {
        self.window.ahead = LONG_READ;
        while at + FRAME_LEN as u64 <= self.window.len {
            let bytes = self.window.some_at(at)?;
            let network = self.network;
            let is_known = |bytes: &[u8]| network.magics().any(|magic| bytes == magic);
            let Some(found) = bytes.windows(4).position(is_known) else {
                at += bytes.len() as u64 - 3;
                continue;
            };
            at += found as u64;
            if at + FRAME_LEN as u64 > self.window.len {
                break;
            }
            let mut network = self.network;
            // Each candidate starts from the known network, so that a false frame does not decide the network.
            if let Ok(frame) = Frame::read(self.window.frame(at)?, at, &mut network)
                && self.check_frame(at, frame)?
            {
                return Ok(Some(at));
            }
            at += 1;
        }
        Ok(None)
    }

    /// Checks whether a block follows a frame found by search: its header has proof of work, or it is followed by the
    /// end of the file, preallocated space or another frame.
    fn check_frame(&mut self, at: u64, frame: Frame) -> io::Result<bool> {
        let begin = at + FRAME_LEN as u64;
        let end = begin + u64::from(frame.len);
        if end > self.window.len {
            return Ok(false);
        }
        if self.header_with_work(begin)?.is_some() {
            return Ok(true);
        }
        if !self.claim_reexamination() {
            return Ok(false);
        }
        let after = self.window.up_to(end, 4)?;
        let (after, first) = (after.to_vec(), after.first().copied());
        let is_frame = self.network.magics().any(|magic| after == magic);
        Ok(is_frame || first.is_none_or(|first| self.window.is_unused(end, first)))
    }

    /// Returns the header at `begin`, if it has proof of work.
    pub(super) fn header_with_work(&mut self, begin: u64) -> io::Result<Option<[u8; HEADER_LEN]>> {
        let header = self.window.up_to(begin, HEADER_LEN)?.first_chunk().copied();
        Ok(header.filter(has_work))
    }
}

#[cfg(test)]
mod tests;
