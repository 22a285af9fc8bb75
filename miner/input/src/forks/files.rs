//! The files of a set, from which several threads read whole blocks at once; only a few of them are open at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cityseal_engine::{BlockPlace, ReadAt, ReadBlocks};

use super::super::cut::decode_onto;
use super::super::hex_lines::NO_DIGIT;
use super::super::input_error::InputError;
use super::key::Key;

/// Files kept open: a chain proceeds through its files, and an occasional block of another file reopens it.
const OPEN_MAX: usize = 32;

/// Bytes between two blocks that are read with them to save a read: a frame, and a little space.
const GAP_MAX: u64 = 64;

/// Encoding of blocks in their files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// As bytes, obfuscated with a key.
    Bytes(Key),
    /// As hex digits.
    Digits,
}

#[derive(Debug)]
pub(super) struct BlockFiles {
    paths: Vec<PathBuf>,
    writing: Writing,
    /// Open files; the most recently used one is last.
    open: Mutex<VecDeque<(u32, Arc<File>)>>,
}

impl BlockFiles {
    pub(super) fn new(paths: Vec<PathBuf>, writing: Writing) -> Self {
        Self { paths, writing, open: Mutex::new(VecDeque::new()) }
    }

    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Reads one block into an empty buffer.
    pub(super) fn read_one(&self, place: &BlockPlace, room: &mut Vec<u8>) -> Result<(), InputError> {
        room.clear();
        let read = match self.writing {
            Writing::Bytes(key) => self.read_run(std::slice::from_ref(place), key, room),
            Writing::Digits => self.read_digits(place, room),
        };
        read.map_err(|source| InputError::Blocks { source })
    }

    /// Returns the file with that index, and opens it if necessary.
    fn file(&self, number: u32) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.iter().position(|(open, _)| *open == number).and_then(|at| open.remove(at));
        let file = match found {
            Some((_, file)) => file,
            None => Arc::new(File::open(&self.paths[number as usize])?),
        };
        if open.len() == OPEN_MAX {
            open.pop_front();
        }
        open.push_back((number, Arc::clone(&file)));
        Ok(file)
    }

    fn named(&self, number: u32, error: &io::Error) -> io::Error {
        let path = self.paths.get(number as usize).map_or(Path::new("?"), PathBuf::as_path);
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    }

    /// Reads neighbouring blocks with one read, and removes the gaps between them.
    fn read_run(&self, run: &[BlockPlace], key: Key, room: &mut Vec<u8>) -> io::Result<()> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
        let begin = room.len();
        room.resize(begin + (last.at + u64::from(last.len) - first.at) as usize, 0);
        let read = self.file(first.file).and_then(|file| file.read_exact_at(&mut room[begin..], first.at));
        read.map_err(|error| self.named(first.file, &error))?;
        key.turn(&mut room[begin..], first.at);
        let mut end = begin;
        for place in run {
            let from = begin + (place.at - first.at) as usize;
            room.copy_within(from..from + place.len as usize, end);
            end += place.len as usize;
        }
        room.truncate(end);
        Ok(())
    }

    fn read_digits(&self, place: &BlockPlace, room: &mut Vec<u8>) -> io::Result<()> {
        let mut digits = vec![0; 2 * place.len as usize];
        let read = self.file(place.file).and_then(|file| file.read_exact_at(&mut digits, place.at));
        read.map_err(|error| self.named(place.file, &error))?;
        if decode_onto(room, &digits) & NO_DIGIT == 0 {
            return Ok(());
        }
        Err(self.named(
            place.file,
            &io::Error::new(io::ErrorKind::InvalidData, "the hex digits have changed since they were first read"),
        ))
    }
}

impl ReadBlocks for BlockFiles {
    fn read_blocks(&self, places: &[BlockPlace], room: &mut Vec<u8>) -> io::Result<()> {
        match self.writing {
            Writing::Bytes(key) => {
                let is_neighbour = |one: &BlockPlace, next: &BlockPlace| {
                    let end = one.at + u64::from(one.len);
                    one.file == next.file && (end..=end + GAP_MAX).contains(&next.at)
                };
                places.chunk_by(is_neighbour).try_for_each(|run| self.read_run(run, key, room))
            }
            Writing::Digits => places.iter().try_for_each(|place| self.read_digits(place, room)),
        }
    }
}
