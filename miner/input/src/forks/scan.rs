//! Finds the blocks of one file of framed blocks, and what in it is neither a block nor reserved room.
//!
//! Only frames and headers are looked at: behind large blocks it reads a little at a time, among small ones it reads on. Where
//! a frame should be and is not, it searches for the next one. The block before such a place is looked at again, because a
//! wrong length or a frame that is no frame leads there too (see [`super::mend`]).

use std::io;

use cityseal_chain::body::{Extent, block_extent};
use cityseal_engine::ReadAt;
use cityseal_hash::HEADER_LEN;

use super::super::decode_error::DecodeError;
use super::super::frame::{FRAME_LEN, Frame, FrameNetwork, STRAY_BYTES, StrayFrame, has_work};
use super::key::Key;
use super::window::{LONG_READ, Window};

/// Bytes of a read behind a large block: a frame and a header, and the page that they are in.
const SHORT_READ: usize = 4096;

/// A block is large from here on: its body is more to read than a read costs.
const LARGE_BLOCK: u32 = 64 * 1024;

/// Damaged places and stray frames of one file that are listed one by one, about 200 bytes each; the others are counted.
pub(super) const LISTED_MAX: usize = 1000;

/// How often the blocks around damaged places of one file are looked at again. Each time costs up to 6 MB of reading (two
/// windows of 1 MB and the 4 MB of the largest block), so a file that was made to be slow costs 6 GB at most.
pub(super) const MENDS_MAX: u32 = 1000;

/// What damage may hide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// No block.
    Nothing,
    /// The block of this header, which has proof of work.
    Block {
        /// Where the header begins in its file, in bytes.
        at: u64,
        /// The header.
        header: [u8; HEADER_LEN],
    },
    /// Anything.
    Unknown,
}

/// A place where a file is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) what: DecodeError,
    /// Where reading resumed; none where nothing more was found.
    pub(super) resumed_at: Option<u64>,
    pub(super) hidden: Hidden,
}

/// What one file holds.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Packed headers.
    pub(super) headers: Vec<u8>,
    /// Where each block begins, and its length.
    pub(super) blocks: Vec<(u64, u32)>,
    /// What is wrong with the file.
    pub(super) flaws: Vec<Flaw>,
    /// How many more places are wrong, and whether one of them may hide a block.
    pub(super) flaws_unlisted: u64,
    pub(super) hides_unlisted: bool,
    /// Where stray frames begin.
    pub(super) stray: Vec<u64>,
    /// How many more there are.
    pub(super) stray_unlisted: u64,
    /// Where the block begins that the end of the file cuts, and what that hides.
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

/// What is found at a place.
enum Found {
    Nothing,
    Block(Frame),
    /// A frame that is followed by the frame of a block.
    Stray,
    /// A block that the end of the file cuts; or only its frame says so.
    Cut(Option<DecodeError>),
    Damage(DecodeError),
}

pub(super) struct Scan<'a> {
    pub(super) window: Window<'a>,
    pub(super) network: FrameNetwork,
    /// How many damaged places are still looked at again.
    pub(super) mends_left: u32,
    /// The last search for a frame: from where, and what it found.
    searched: Option<(u64, Option<u64>)>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(file: &'a dyn ReadAt, len: u64, key: Key, network: FrameNetwork) -> Self {
        Self { window: Window::new(file, len, key), network, mends_left: MENDS_MAX, searched: None }
    }

    /// Reads the file once.
    pub(super) fn run(mut self) -> io::Result<Scanned> {
        let mut scanned = Scanned::default();
        let mut at = 0;
        // Whether the last block's length is all that leads to where the next one is looked for.
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
                    let doubted = if is_last_open { self.doubt_last(&mut scanned, at)? } else { None };
                    at = match doubted {
                        Some(next) => next,
                        None => self.skip_damage(&mut scanned, at, what)?,
                    };
                    is_last_open = false;
                }
            }
        }
    }

    /// Takes the block behind the frame at `at`; gives where it ends.
    pub(super) fn take(&mut self, scanned: &mut Scanned, at: u64, len: u32) -> io::Result<u64> {
        let begin = at + FRAME_LEN as u64;
        scanned.headers.extend_from_slice(self.window.at(begin, HEADER_LEN)?);
        scanned.blocks.push((begin, len));
        self.window.ahead = if len < LARGE_BLOCK { LONG_READ } else { SHORT_READ };
        Ok(begin + u64::from(len))
    }

    /// The network after the frame at the very beginning of the file.
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

    /// Skips reserved room from `at` on and says what comes then.
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
            // Room that was never written lies under no key. Its zeros look like the key; a frame that does is none.
            let room = self.window.room_words(*at, frame)?;
            if room > 0 {
                self.window.ahead = LONG_READ;
                *at += room;
                continue;
            }
            let read = Frame::read(frame, *at, &mut self.network);
            match read {
                Err(DecodeError::Magic { .. }) if self.window.is_room(*at, frame[0]) => *at += 1,
                Err(what) if !what.is_length() => return Ok(Found::Damage(what)),
                _ if StrayFrame::of(self.window.up_to(*at, STRAY_BYTES)?) == StrayFrame::Yes => {
                    return Ok(Found::Stray);
                }
                Err(what) => return Ok(Found::Damage(what)),
                Ok(frame) if *at + FRAME_LEN as u64 + u64::from(frame.len) > self.window.len => {
                    return Ok(Found::Cut(self.doubt_cut(*at, frame)?));
                }
                Ok(frame) => return Ok(Found::Block(frame)),
            }
        }
        Ok(Found::Nothing)
    }

    /// Why it is not the end of the file that cuts this block: behind a cut nothing can be whole. A length with a wrong bit
    /// must not pass for one.
    fn doubt_cut(&mut self, at: u64, frame: Frame) -> io::Result<Option<DecodeError>> {
        let begin = at + FRAME_LEN as u64;
        let there = (self.window.len - begin) as usize;
        // The rest is read only where nothing follows, and so once.
        let is_followed = self.next_frame(at + 1)?.is_some();
        let is_whole = !is_followed && matches!(block_extent(self.window.at(begin, there)?), Ok(Extent::Whole(_)));
        Ok((is_whole || is_followed).then_some(DecodeError::LongFrame { offset: at, found: frame.len }))
    }

    /// The last bytes of a file, less than a frame: the beginning of one, room, or damage.
    fn look_at_end(&mut self, at: u64) -> io::Result<Option<Found>> {
        let key = self.window.key;
        let tail = self.window.at(at, (self.window.len - at) as usize)?;
        // Zeros under a key may look like the beginning of a frame.
        let is_room = tail.iter().all(|byte| *byte == 0) || (at..).zip(tail).all(|(at, byte)| *byte == key.at(at)[0]);
        if is_room {
            return Ok(None);
        }
        let head = &tail[..tail.len().min(4)];
        let (first, mut found) = (tail[0], [0; 4]);
        found[..head.len()].copy_from_slice(head);
        let expected = self.network.name();
        if self.network.magics().any(|magic| magic.starts_with(head)) {
            return Ok(Some(Found::Cut(None)));
        }
        let may_be_room = self.window.is_room(at, first);
        Ok((!may_be_room).then_some(Found::Damage(DecodeError::Magic { offset: at, expected, found })))
    }

    /// The next place from `at` on where a frame is whose block lies in the file and looks like one.
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
            if let Ok(frame) = Frame::read(self.window.frame(at)?, at, &mut network)
                && self.is_likely(at, frame)?
            {
                return Ok(Some(at));
            }
            at += 1;
        }
        Ok(None)
    }

    /// Whether a block is behind a frame that was searched for: its header has proof of work, or what follows it is the end,
    /// room or another frame.
    fn is_likely(&mut self, at: u64, frame: Frame) -> io::Result<bool> {
        let begin = at + FRAME_LEN as u64;
        let end = begin + u64::from(frame.len);
        if end > self.window.len {
            return Ok(false);
        }
        if self.header_with_work(begin)?.is_some() {
            return Ok(true);
        }
        if !self.may_mend() {
            return Ok(false);
        }
        let behind = self.window.up_to(end, 4)?;
        let (behind, first) = (behind.to_vec(), behind.first().copied());
        let is_frame = self.network.magics().any(|magic| behind == magic);
        Ok(is_frame || first.is_none_or(|first| self.window.is_room(end, first)))
    }

    /// The header at `begin`, if it has proof of work.
    pub(super) fn header_with_work(&mut self, begin: u64) -> io::Result<Option<[u8; HEADER_LEN]>> {
        let header = self.window.up_to(begin, HEADER_LEN)?.first_chunk().copied();
        Ok(header.filter(has_work))
    }
}

#[cfg(test)]
mod tests;
