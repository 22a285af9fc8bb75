//! Finds the blocks of one file of framed blocks, and what in it is neither a block nor reserved room.
//!
//! Only frames and headers are looked at: behind large blocks it reads a little at a time, among small ones it reads on. Where
//! no frame stands that should, it says so and goes on at the next one that could be.

use std::io;

use cityseal_chain::body::{Extent, block_extent};
use cityseal_engine::ReadAt;
use cityseal_hash::HEADER_LEN;

use super::super::DecodeError;
use super::super::frame::{FRAME_LEN, Frame, FrameNetwork};
use super::key::{KEY_LEN, Key};

/// Bytes of a read among small blocks.
const LONG_READ: usize = 1024 * 1024;

/// Bytes of a read behind a large block: a frame and a header, and the page that they stand in.
const SHORT_READ: usize = 4096;

/// A block is large from here on: its body is more to read than a read costs.
const LARGE_BLOCK: u32 = 64 * 1024;

/// Most places of one file that are told: one with more of them is not worth reading on.
const DAMAGE_MAX: usize = 1000;

/// What one file holds.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Packed headers.
    pub(super) headers: Vec<u8>,
    /// Where each block begins, and its length.
    pub(super) blocks: Vec<(u64, u32)>,
    /// What is wrong with the file, and where reading went on.
    pub(super) damage: Vec<(DecodeError, Option<u64>)>,
    /// Where the block begins that the end of the file cuts.
    pub(super) cut: Option<u64>,
}

/// What stands at a place.
enum Found {
    Nothing,
    Block(Frame),
    /// A block that the end of the file cuts; or only its frame says so.
    Cut(Option<DecodeError>),
    Damage(DecodeError),
}

pub(super) struct Scan<'a> {
    window: Window<'a>,
    network: FrameNetwork,
}

impl<'a> Scan<'a> {
    pub(super) fn new(file: &'a dyn ReadAt, len: u64, key: Key, network: FrameNetwork) -> Self {
        Self { window: Window { file, len, key, bytes: Vec::new(), begin: 0, ahead: LONG_READ }, network }
    }

    /// Goes through the file once.
    pub(super) fn run(mut self) -> io::Result<Scanned> {
        let mut scanned = Scanned::default();
        let mut at = 0;
        loop {
            match self.look(&mut at)? {
                Found::Nothing => return Ok(scanned),
                Found::Block(frame) => {
                    let begin = at + FRAME_LEN as u64;
                    scanned.headers.extend_from_slice(self.window.at(begin, HEADER_LEN)?);
                    scanned.blocks.push((begin, frame.len));
                    self.window.ahead = if frame.len < LARGE_BLOCK { LONG_READ } else { SHORT_READ };
                    at = begin + u64::from(frame.len);
                }
                Found::Cut(None) => {
                    scanned.cut = Some(at);
                    return Ok(scanned);
                }
                Found::Damage(what) | Found::Cut(Some(what)) => {
                    let is_hopeless = scanned.damage.len() + 1 == DAMAGE_MAX;
                    let next = if is_hopeless { None } else { self.next_frame(at + 1)? };
                    scanned.damage.push((what, next));
                    at = next.unwrap_or(self.window.len);
                }
            }
        }
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

    /// Passes reserved room from `at` on and says what comes then.
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
            match Frame::read(frame, *at, &mut self.network) {
                Ok(frame) if *at + FRAME_LEN as u64 + u64::from(frame.len) > self.window.len => {
                    return Ok(Found::Cut(self.doubt_cut(*at, frame)?));
                }
                Ok(frame) => return Ok(Found::Block(frame)),
                Err(DecodeError::Magic { .. }) if self.window.is_room(*at, frame[0]) => *at += 1,
                Err(what) => return Ok(Found::Damage(what)),
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

    /// The next place from `at` on where a frame stands whose block lies in the file.
    fn next_frame(&mut self, mut at: u64) -> io::Result<Option<u64>> {
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
            let frame = Frame::read(self.window.frame(at)?, at, &mut network);
            if frame.is_ok_and(|frame| at + FRAME_LEN as u64 + u64::from(frame.len) <= self.window.len) {
                return Ok(Some(at));
            }
            at += 1;
        }
        Ok(None)
    }
}

/// A part of the file with its key taken off, moved on as it is asked for.
struct Window<'a> {
    file: &'a dyn ReadAt,
    len: u64,
    key: Key,
    bytes: Vec<u8>,
    begin: u64,
    /// How much is read at once.
    ahead: usize,
}

impl Window<'_> {
    /// Bytes that the file has.
    fn at(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let is_there = at >= self.begin && at + len as u64 <= self.begin + self.bytes.len() as u64;
        if !is_there {
            self.move_to(at, len)?;
        }
        let from = (at - self.begin) as usize;
        Ok(&self.bytes[from..from + len])
    }

    fn frame(&mut self, at: u64) -> io::Result<[u8; FRAME_LEN]> {
        let mut frame = [0; FRAME_LEN];
        frame.copy_from_slice(self.at(at, FRAME_LEN)?);
        Ok(frame)
    }

    /// What there is from `at` on without many reads: at least a frame.
    fn some_at(&mut self, at: u64) -> io::Result<&[u8]> {
        self.at(at, FRAME_LEN)?;
        Ok(&self.bytes[(at - self.begin) as usize..])
    }

    fn move_to(&mut self, at: u64, len: usize) -> io::Result<()> {
        let bytes = (self.ahead.max(len) as u64).min(self.len - at) as usize;
        self.bytes.resize(bytes, 0);
        self.begin = at;
        self.file.read_exact_at(&mut self.bytes, at)?;
        self.key.turn(&mut self.bytes, at);
        Ok(())
    }

    /// Whether a byte was never written, or written as zero.
    fn is_room(&self, at: u64, byte: u8) -> bool {
        byte == 0 || byte == self.key.at(at)[0]
    }

    /// How far to go where the eight bytes of a frame are reserved room: on by as many as stand here in a row, but the last
    /// ones, which the next frame may begin in.
    fn room_words(&mut self, at: u64, frame: [u8; FRAME_LEN]) -> io::Result<u64> {
        let words = [[0; KEY_LEN], self.key.at(at)];
        let Some(room) = words.into_iter().find(|room| *room == frame) else { return Ok(0) };
        let (there, _) = self.some_at(at)?.as_chunks::<KEY_LEN>();
        let count = there.iter().take_while(|word| **word == room).count() as u64;
        Ok((KEY_LEN as u64 * (count - 1)).max(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::MAGICS;
    use super::*;

    struct InMemory(Vec<u8>);

    impl ReadAt for InMemory {
        fn read_exact_at(&self, room: &mut [u8], offset: u64) -> io::Result<()> {
            let there = self.0.get(offset as usize..offset as usize + room.len());
            room.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }
    }

    fn scan(bytes: &[u8], key: Key) -> Scanned {
        let file = InMemory(bytes.to_vec());
        Scan::new(&file, bytes.len() as u64, key, FrameNetwork::default()).run().unwrap()
    }

    fn framed(len: u32) -> Vec<u8> {
        [&MAGICS[4].0[..], &len.to_le_bytes(), &vec![0x33; len as usize]].concat()
    }

    /// Parts of a file: frames, reserved zeros, bytes of magics, anything.
    fn any_part() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            (80_u32..200).prop_map(framed),
            (65_000_u32..70_000).prop_map(framed),
            (0_usize..40).prop_map(|zeros| vec![0; zeros]),
            (0_usize..5).prop_map(|len| MAGICS[4].0[..len.min(4)].to_vec()),
            proptest::collection::vec(any::<u8>(), 0..20),
        ]
    }

    proptest! {
        #[test]
        fn frames_with_any_zeros_between_them_are_all_found(
            parts in proptest::collection::vec((80_u32..70_000, 0_usize..40), 0..9), key: [u8; KEY_LEN], room in 0_usize..3000,
        ) {
            let (mut bytes, mut blocks) = (Vec::new(), Vec::new());
            for (len, zeros) in parts {
                // Zeros that were written lie under the key as all the rest does.
                bytes.resize(bytes.len() + zeros, 0);
                blocks.push((bytes.len() as u64 + 8, len));
                bytes.extend(framed(len));
            }
            let key = Key::from(key);
            key.turn(&mut bytes, 0);
            bytes.resize(bytes.len() + room, 0);
            let scanned = scan(&bytes, key);
            prop_assert_eq!(scanned.damage, []);
            prop_assert_eq!((scanned.blocks, scanned.cut), (blocks, None));
        }

        #[test]
        fn any_bytes_are_gone_through_and_blocks_never_overlap(
            parts in proptest::collection::vec(any_part(), 0..12), key in prop_oneof![Just([0; KEY_LEN]), any::<[u8; KEY_LEN]>()],
        ) {
            let mut bytes = parts.concat();
            let key = Key::from(key);
            key.turn(&mut bytes, 0);
            let scanned = scan(&bytes, key);
            prop_assert_eq!(scanned.headers.len(), 80 * scanned.blocks.len());
            let mut end = 0;
            for (at, len) in scanned.blocks {
                prop_assert!(at >= end + 8);
                end = at + u64::from(len);
            }
            prop_assert!(end <= bytes.len() as u64);
        }
    }

    #[test]
    fn a_file_with_too_much_damage_is_read_no_further() {
        let part = [&framed(80)[..], b"?"].concat();
        let scanned = scan(&part.repeat(DAMAGE_MAX + 5), Key::default());
        assert_eq!((scanned.damage.len(), scanned.blocks.len()), (DAMAGE_MAX, DAMAGE_MAX));
        assert_eq!(scanned.damage[DAMAGE_MAX - 1].1, None);
    }
}
