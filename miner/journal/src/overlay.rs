//! A storage over a file that is never changed: writes stay in memory.
//!
//! redb repairs a file after a crash when it opens it. A command that only reads opens the file below this storage.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::ops::{Bound, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// Bytes of a block that is kept in memory once a part of it was written.
const BLOCK: usize = 4096;

type Block = [u8; BLOCK];

/// The storage. It locks the file as a reader does, so a service that has it open is found.
#[derive(Debug)]
pub(crate) struct Overlay {
    file: FileBackend,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    len: u64,
    /// Bytes of the file that are part of the storage.
    file_len: u64,
    /// The written blocks, by number.
    blocks: BTreeMap<u64, Box<Block>>,
}

impl Overlay {
    /// A storage over a file that may be open for reading only.
    pub(crate) fn new(file: FileBackend) -> Result<Self> {
        let len = file.len()?;
        Ok(Self { file, state: Mutex::new(State { len, file_len: len, blocks: BTreeMap::new() }) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies a block as it is now.
    fn block(&self, state: &State, number: u64) -> Result<Box<Block>> {
        if let Some(block) = state.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = Box::new([0; BLOCK]);
        let first = number * BLOCK as u64;
        let in_file = state.file_len.saturating_sub(first).min(BLOCK as u64) as usize;
        if in_file > 0 {
            self.file.read(first, &mut block[..in_file])?;
        }
        Ok(block)
    }
}

/// The parts of a range, one for each block: the block's number, the bytes in the block, and the bytes in the range.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, Range<usize>, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let begin = (at % BLOCK as u64) as usize;
        let count = (BLOCK - begin).min(len - done);
        let part = (at / BLOCK as u64, begin..begin + count, done..done + count);
        done += count;
        (count > 0).then_some(part)
    })
}

fn check(state: &State, offset: u64, len: usize) -> Result<()> {
    let fits = offset.checked_add(len as u64).is_some_and(|end| end <= state.len);
    if fits { Ok(()) } else { Err(Error::from(ErrorKind::UnexpectedEof)) }
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64> {
        Ok(self.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.lock();
        check(&state, offset, out.len())?;
        for (number, of_block, of_range) in parts(offset, out.len()) {
            out[of_range].copy_from_slice(&self.block(&state, number)?[of_block]);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.lock();
        state.len = len;
        // What is cut off is zero when the storage grows again.
        state.file_len = state.file_len.min(len);
        state.blocks.retain(|number, _| number * (BLOCK as u64) < len);
        let end = (len % BLOCK as u64) as usize;
        if end > 0
            && let Some(block) = state.blocks.get_mut(&(len / BLOCK as u64))
        {
            block[end..].fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.lock();
        check(&state, offset, data.len())?;
        for (number, of_block, of_range) in parts(offset, data.len()) {
            let mut block = self.block(&state, number)?;
            block[of_block].copy_from_slice(&data[of_range]);
            state.blocks.insert(number, block);
        }
        Ok(())
    }

    fn close(&self) -> Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_change_what_is_read_and_never_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let before: Vec<u8> = (0..10_000_u32).map(|at| at as u8).collect();
        std::fs::write(&path, &before).unwrap();
        let overlay = Overlay::new(FileBackend::new(std::fs::File::open(&path).unwrap()).unwrap()).unwrap();
        let mut expected = before.clone();
        for (offset, bytes) in [(0, 1), (4_090, 20), (8_000, 2_000)] {
            overlay.write(offset as u64, &vec![0xee; bytes]).unwrap();
            expected[offset..offset + bytes].fill(0xee);
        }
        let read = |len: usize| {
            let mut out = vec![1; len];
            overlay.read(0, &mut out).map(|()| out)
        };
        assert_eq!(read(10_000).unwrap(), expected);
        assert!(read(10_001).is_err() && overlay.write(9_999, &[0, 0]).is_err());
        // What was cut off is zero when the storage grows again.
        overlay.set_len(4_095).unwrap();
        overlay.set_len(12_000).unwrap();
        expected[4_095..].fill(0);
        expected.resize(12_000, 0);
        assert_eq!(read(12_000).unwrap(), expected);
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
