//! Files that hold blocks or headers in any order, in any format.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cityseal_chain::Parameters;
use cityseal_chain::header_tree::Root;
use cityseal_engine::{BlockPlace, ReadAt};
use cityseal_hash::{HEADER_LEN, HashKernel, double_sha256};

use super::super::cut::{BlockCutter, Cut, TakeBlock, cut_file};
use super::super::decode_error::{BLOCK_BYTES_MAX, DecodeError};
use super::super::detect::Format;
use super::super::frame::FrameNetwork;
use super::super::frame::has_work;
use super::super::input_error::InputError;
use super::super::open::open;
use super::super::place::Place;
use super::super::sinks::ChainSink;
use super::super::source::ChainInput;
use super::files::Writing;
use super::folder::scan_all;
use super::key::Key;
use super::{BlockSet, Found, Hidden};

/// Headers that are hashed together: 320 KiB.
const HASHED_HEADERS: usize = 4096;

impl BlockSet {
    /// Reads files of one format, which is detected from the first bytes of the first; they must be regular.
    ///
    /// # Errors
    /// Returns [`InputError`] if one does not exist or cannot be read. Errors inside a file are damage.
    ///
    /// # Panics
    /// If `paths` is empty.
    pub fn of_files(
        paths: Vec<PathBuf>,
        format: impl FnOnce(&[u8]) -> Format,
        parameters: &Parameters,
        root: Root,
    ) -> Result<Self, InputError> {
        for path in &paths {
            if open(path)?.file.is_none() {
                return Err(InputError::NotRegular { path: path.clone() });
            }
        }
        let input = ChainInput::open(paths.clone(), format)?;
        let bytes = Writing::Bytes(Key::default());
        let (found, writing) = match input.format() {
            Format::FramedBlocks => {
                (scan_all(&paths, Key::default(), FrameNetwork::of(parameters), false)?, Some(bytes))
            }
            Format::RawBlocks => (blocks_of(&paths, Format::RawBlocks)?, Some(bytes)),
            text @ (Format::HexBlocks | Format::JsonBlock) => (blocks_of(&paths, text)?, Some(Writing::Digits)),
            Format::Headers | Format::Hex => (headers_of(&paths, input.format())?, None),
        };
        found.into_set(parameters, root, paths, writing)
    }
}

/// Records the places of blocks, and keeps their headers.
struct Recorder {
    found: Found,
    kernel: HashKernel,
    file: u32,
    /// Bytes of the files before this one.
    base: u64,
    /// Byte of this file at which reading began.
    shift: u64,
    /// Bytes of all blocks so far.
    blocks_bytes: u64,
}

impl Recorder {
    fn new() -> Self {
        Self { found: Found::default(), kernel: HashKernel::detect(), file: 0, base: 0, shift: 0, blocks_bytes: 0 }
    }

    /// Ends the last block, whose end is unknown and which took the bytes after it, at the next header in them. Returns
    /// the offset of that header in the file.
    fn end_last_at_next_header(&mut self, path: &Path, size: u64) -> Result<Option<u64>, InputError> {
        let Some(last) = self.found.places.last_mut() else { return Ok(None) };
        let (at, len) = (last.at, last.len);
        let next = next_header(&read_part(path, at, u64::from(len))?);
        if let Some(next) = next {
            last.len = next as u32;
        }
        let resumed_at = next.map(|next| at + next as u64);
        // A block that took the whole rest of its file hides nothing that is not searched.
        let is_searched = next.is_some() || at + u64::from(len) >= size;
        let hidden = if is_searched { Hidden::Nothing } else { Hidden::Unknown };
        self.found.damage(path, DecodeError::NoEnd { offset: at }, resumed_at, hidden);
        Ok(resumed_at)
    }

    /// Returns the offset of the next header after a block at `at` whose counts need more bytes than the file has: a
    /// block that is only truncated has none after it.
    fn next_header_after_cut(&mut self, path: &Path, at: u64, size: u64) -> Result<Option<u64>, InputError> {
        let bytes = read_part(path, at, (size - at).min(BLOCK_BYTES_MAX))?;
        let (Some(next), Some(header)) = (next_header(&bytes), bytes.first_chunk().copied()) else { return Ok(None) };
        let resumed_at = Some(at + next as u64);
        let hidden = if has_work(&header) { Hidden::Block { at, header } } else { Hidden::Nothing };
        self.found.damage(path, DecodeError::NoEnd { offset: at }, resumed_at, hidden);
        Ok(resumed_at)
    }

    fn hash_many(&mut self) {
        if self.found.places.len() - self.found.hashes.len() >= HASHED_HEADERS {
            self.found.hash(self.kernel);
        }
    }
}

impl TakeBlock for Recorder {
    fn take(&mut self, cut: Cut<'_>) -> ControlFlow<()> {
        self.found.headers.extend_from_slice(&cut.block[..HEADER_LEN]);
        let at = self.shift + cut.at;
        let offset = if cut.line.is_some() { self.blocks_bytes } else { self.base + at };
        self.blocks_bytes += cut.block.len() as u64;
        self.found.places.push(BlockPlace { file: self.file, len: cut.block.len() as u32, at, offset });
        self.found.lines.extend(cut.line);
        self.hash_many();
        ControlFlow::Continue(())
    }
}

impl ChainSink for Recorder {
    fn take(&mut self, packed: &[u8], _file: usize, place: Place) -> ControlFlow<()> {
        self.found.headers.extend_from_slice(packed);
        for header in 0..(packed.len() / HEADER_LEN) as u64 {
            let offset = self.blocks_bytes;
            let place_of = BlockPlace { file: self.file, len: HEADER_LEN as u32, at: offset - self.base, offset };
            self.found.places.push(place_of);
            match place {
                Place::Line(line) => self.found.lines.push(line + header),
                Place::OneLine(line) => self.found.lines.push(line),
                Place::Packed | Place::Byte(_) => {}
            }
            self.blocks_bytes += HEADER_LEN as u64;
        }
        self.hash_many();
        ControlFlow::Continue(())
    }
}

/// Cuts whole files into blocks; what cannot be cut is damage, and hides the rest of its file.
fn blocks_of(paths: &[PathBuf], format: Format) -> Result<Found, InputError> {
    let mut recorder = Recorder::new();
    for (number, path) in (0..).zip(paths) {
        recorder.file = number;
        recorder.shift = 0;
        let mut size = 0;
        // After a block without an end, reading resumes at the next header that can be found.
        loop {
            let source = open(path)?;
            if let Some(file) = &source.file {
                size = file.len;
                let sought = file.cursor.as_ref().seek(SeekFrom::Start(recorder.shift));
                sought.map_err(|source| InputError::Read { path: path.clone(), offset: recorder.shift, source })?;
            }
            let cutter = BlockCutter::of(format).ok_or_else(|| InputError::NoBlocks { path: path.clone() })?;
            let next = match cut_file(path, source, &[], cutter, &mut recorder) {
                Ok((ControlFlow::Break(()), _)) => recorder.end_last_at_next_header(path, size)?,
                Ok((ControlFlow::Continue(()), _)) => None,
                // The counts need more bytes than the file has: either a truncated block, or a damaged count.
                Err(InputError::Decode { source: DecodeError::CutBlock { offset }, .. }) => {
                    let offset = recorder.shift + offset;
                    let next = recorder.next_header_after_cut(path, offset, size)?;
                    if next.is_none() {
                        recorder.found.damage(path, DecodeError::CutBlock { offset }, None, Hidden::Unknown);
                    }
                    next
                }
                mistake => {
                    recorder.found.take_mistake(path, mistake.map(|_| ()))?;
                    None
                }
            };
            match next {
                Some(next) => recorder.shift = next,
                None => break,
            }
        }
        recorder.base += size;
    }
    recorder.found.hash(recorder.kernel);
    Ok(recorder.found)
}

fn read_part(path: &Path, at: u64, len: u64) -> Result<Vec<u8>, InputError> {
    let mut bytes = vec![0; len as usize];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut bytes, at));
    read.map_err(|source| InputError::Read { path: path.into(), offset: at, source })?;
    Ok(bytes)
}

/// Returns the offset of the next header in the bytes of a block without an end: one with proof of work that names this
/// block as its parent, or has the same bits.
fn next_header(bytes: &[u8]) -> Option<usize> {
    let first: &[u8; HEADER_LEN] = bytes.first_chunk()?;
    let (hash, bits) = (double_sha256(first), &first[72..76]);
    let is_next = |header: &[u8; HEADER_LEN]| (header[72..76] == *bits || header[4..36] == hash) && has_work(header);
    let mut windows = bytes[HEADER_LEN..].windows(HEADER_LEN);
    let found = windows.position(|window| window.first_chunk().is_some_and(is_next))?;
    Some(HEADER_LEN + found)
}

fn headers_of(paths: &[PathBuf], format: Format) -> Result<Found, InputError> {
    let mut recorder = Recorder::new();
    for (number, path) in (0..).zip(paths) {
        (recorder.file, recorder.base) = (number, recorder.blocks_bytes);
        let read = ChainInput::open(vec![path.clone()], |_| format)?.read(&mut recorder);
        recorder.found.take_mistake(path, read)?;
    }
    recorder.found.hash(recorder.kernel);
    Ok(recorder.found)
}

impl Found {
    /// Records malformed content as damage; a failed read is an error.
    fn take_mistake(&mut self, path: &Path, read: Result<(), InputError>) -> Result<(), InputError> {
        match read {
            Err(InputError::Decode { source, .. }) => self.damage(path, source, None, Hidden::Unknown),
            read => read?,
        }
        Ok(())
    }
}
