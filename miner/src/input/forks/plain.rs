//! Files that hold blocks or headers in any order, however they are written.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cityseal_chain::Parameters;
use cityseal_chain::header_tree::Root;
use cityseal_engine::BlockPlace;
use cityseal_hash::{HEADER_LEN, HashKernel};

use super::super::cut::{BlockCutter, Cut, TakeBlock, cut_file};
use super::super::open::open;
use super::super::source::{ChainInput, ChainSink, InputError};
use super::super::{Format, FrameNetwork, Place};
use super::files::Writing;
use super::folder::scan_all;
use super::key::Key;
use super::{BlockSet, Found};

/// Headers that are hashed together: 320 KiB.
const HASHED_HEADERS: usize = 4096;

impl BlockSet {
    /// Goes through files of one format, which the first bytes of the first tell; they must be regular.
    ///
    /// # Errors
    /// [`InputError`] where one is not there or cannot be read. What is wrong inside a file is damage.
    ///
    /// # Panics
    /// If `paths` is empty: a broken promise of the caller.
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
        Ok(found.into_set(parameters, root, paths, writing))
    }
}

/// Notes where blocks stand, and keeps their headers.
struct Noting {
    found: Found,
    kernel: HashKernel,
    file: u32,
    /// Bytes of the files before this one.
    base: u64,
    /// Bytes of all blocks so far.
    blocks_bytes: u64,
}

impl Noting {
    fn new() -> Self {
        Self { found: Found::default(), kernel: HashKernel::detect(), file: 0, base: 0, blocks_bytes: 0 }
    }

    fn hash_many(&mut self) {
        if self.found.places.len() - self.found.hashes.len() >= HASHED_HEADERS {
            self.found.hash(self.kernel);
        }
    }
}

impl TakeBlock for Noting {
    fn take(&mut self, cut: Cut<'_>) -> ControlFlow<()> {
        self.found.headers.extend_from_slice(&cut.block[..HEADER_LEN]);
        let offset = if cut.line.is_some() { self.blocks_bytes } else { self.base + cut.at };
        self.blocks_bytes += cut.block.len() as u64;
        self.found.places.push(BlockPlace { file: self.file, len: cut.block.len() as u32, at: cut.at, offset });
        self.found.lines.extend(cut.line);
        self.hash_many();
        ControlFlow::Continue(())
    }
}

impl ChainSink for Noting {
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
    let mut noting = Noting::new();
    for (number, path) in (0..).zip(paths) {
        noting.file = number;
        let source = open(path)?;
        let size = source.file.as_ref().map_or(0, |file| file.len);
        let cutter = BlockCutter::of(format).ok_or_else(|| InputError::NoBlocks { path: path.clone() })?;
        let cut = cut_file(path, source, &[], cutter, &mut noting).map(|_| ());
        noting.found.take_mistake(path, cut)?;
        noting.base += size;
    }
    noting.found.hash(noting.kernel);
    Ok(noting.found)
}

fn headers_of(paths: &[PathBuf], format: Format) -> Result<Found, InputError> {
    let mut noting = Noting::new();
    for (number, path) in (0..).zip(paths) {
        (noting.file, noting.base) = (number, noting.blocks_bytes);
        let read = ChainInput::open(vec![path.clone()], |_| format)?.read(&mut noting);
        noting.found.take_mistake(path, read)?;
    }
    noting.found.hash(noting.kernel);
    Ok(noting.found)
}

impl Found {
    /// A mistake in the bytes is damage; that they cannot be read is an error.
    fn take_mistake(&mut self, path: &Path, read: Result<(), InputError>) -> Result<(), InputError> {
        match read {
            Err(InputError::Decode { source, .. }) => self.damage(path, source, None),
            read => read?,
        }
        Ok(())
    }
}
