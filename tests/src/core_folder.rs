//! Writes blocks into a folder as a Bitcoin Core node does: files of limited size, a frame before each block,
//! everything obfuscated with a key, and preallocated zeros at the end, which are not obfuscated.
//!
//! Facts from Bitcoin Core 28 (`node/blockstorage`): a block file is closed before it would exceed 128 MiB; space is
//! preallocated in steps of 16 MiB and released when the file is closed; `xor.dat` holds the 8-byte key, which is
//! applied to each byte by its position in the file. Blocks are stored in the order of their arrival.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Maximum file size and preallocation step of a real node, in bytes.
const FILE_BYTES_MAX: u64 = 128 << 20;
const RESERVED_BYTES: u64 = 16 << 20;

/// Settings of a folder to be written.
#[derive(Clone, Copy, Debug)]
pub struct CoreFolder {
    magic: [u8; 4],
    key: Option<[u8; 8]>,
    file_bytes_max: u64,
    reserved_bytes: u64,
}

/// Where a block was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// Offset of its header in that file, in bytes; its frame begins 8 bytes before.
    pub at: u64,
    /// Size of the block in bytes.
    pub len: usize,
}

impl CoreFolder {
    /// Settings of a node of the network with this magic, without a key.
    pub const fn new(magic: [u8; 4]) -> Self {
        Self { magic, key: None, file_bytes_max: FILE_BYTES_MAX, reserved_bytes: RESERVED_BYTES }
    }

    /// Sets the obfuscation key.
    pub const fn key(mut self, key: [u8; 8]) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets the maximum file size; a larger block gets its own file.
    pub const fn file_bytes_max(mut self, bytes: u64) -> Self {
        self.file_bytes_max = bytes;
        self
    }

    /// Sets the preallocation step in bytes; 0 disables preallocation.
    pub const fn reserved_bytes(mut self, bytes: u64) -> Self {
        self.reserved_bytes = bytes;
        self
    }

    /// Writes `xor.dat`, and other files that a reader must ignore, into an existing folder.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn begin(self, folder: &Path) -> io::Result<CoreWriter> {
        if let Some(key) = self.key {
            fs::write(folder.join("xor.dat"), key)?;
        }
        fs::write(folder.join("rev00000.dat"), b"undo data of blocks")?;
        fs::create_dir_all(folder.join("index"))?;
        Ok(CoreWriter { settings: self, folder: folder.into(), number: 0, open: None })
    }

    /// Writes all blocks in this order.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(self, folder: &Path, blocks: &[Vec<u8>]) -> io::Result<Vec<Written>> {
        let mut writer = self.begin(folder)?;
        let written = blocks.iter().map(|block| writer.push(block)).collect();
        writer.finish()?;
        written
    }
}

/// Writes the blocks of a folder one by one.
#[derive(Debug)]
pub struct CoreWriter {
    settings: CoreFolder,
    folder: PathBuf,
    number: u32,
    open: Option<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    file: BufWriter<File>,
    used: u64,
}

impl CoreWriter {
    /// Appends a block.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn push(&mut self, block: &[u8]) -> io::Result<Written> {
        let bytes = 8 + block.len() as u64;
        if let Some(full) = self.open.take_if(|open| open.used + bytes > self.settings.file_bytes_max) {
            // Closed files have no preallocated space.
            full.close(None)?;
            self.number += 1;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => OpenFile::create(&self.folder.join(format!("blk{:05}.dat", self.number)))?,
        };
        let frame = [self.settings.magic, (block.len() as u32).to_le_bytes()].concat();
        open.append(&frame, self.settings.key)?;
        let written = Written { path: open.path.clone(), at: open.used, len: block.len() };
        open.append(block, self.settings.key)?;
        self.open = Some(open);
        Ok(written)
    }

    /// Preallocates space in the last file, as a running node does.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        let reserved = Some(self.settings.reserved_bytes).filter(|bytes| *bytes > 0);
        self.open.take().map_or(Ok(()), |open| open.close(reserved))
    }
}

impl OpenFile {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.into(), file: BufWriter::with_capacity(1 << 20, File::create(path)?), used: 0 })
    }

    fn append(&mut self, bytes: &[u8], key: Option<[u8; 8]>) -> io::Result<()> {
        match key {
            Some(key) => {
                let obfuscated = (self.used..).zip(bytes).map(|(at, byte)| byte ^ key[(at % 8) as usize]);
                self.file.write_all(&obfuscated.collect::<Vec<u8>>())?;
            }
            None => self.file.write_all(bytes)?,
        }
        self.used += bytes.len() as u64;
        Ok(())
    }

    fn close(self, reserved: Option<u64>) -> io::Result<()> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        match reserved {
            Some(step) => file.set_len(self.used.next_multiple_of(step)),
            None => Ok(()),
        }
    }
}

/// Reorders blocks as a syncing node may receive them: each at most `window` places from its own.
pub fn out_of_order<T: Clone>(blocks: &[T], window: usize, seed: u64) -> Vec<T> {
    let jitter = |at: usize| (at as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let mut keyed: Vec<(usize, &T)> =
        blocks.iter().enumerate().map(|(at, block)| (at + jitter(at) as usize % (window + 1), block)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, block)| block.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    #[test]
    fn a_folder_has_frames_a_key_closed_files_and_a_preallocated_last_one() {
        let folder = Folder::new();
        let key = [1, 2, 3, 4, 5, 6, 7, 8];
        let settings = CoreFolder::new([9; 4]).key(key).file_bytes_max(50).reserved_bytes(64);
        let blocks = [vec![0xaa; 10], vec![0xbb; 20], vec![0xcc; 30]];
        let written = settings.write(folder.path(), &blocks).unwrap();
        let places: Vec<_> =
            written.iter().map(|block| (block.path.file_name().unwrap().to_str().unwrap(), block.at)).collect();
        assert_eq!(places, [("blk00000.dat", 8), ("blk00000.dat", 26), ("blk00001.dat", 8)]);

        let first = fs::read(&written[0].path).unwrap();
        assert_eq!(first.len(), 8 + 10 + 8 + 20);
        let plain: Vec<u8> = (0..).zip(&first).map(|(at, byte)| byte ^ key[at % 8]).collect();
        assert_eq!(plain[..18], [&[9; 4][..], &[10, 0, 0, 0], &[0xaa; 10]].concat());
        let last = fs::read(&written[2].path).unwrap();
        assert_eq!((last.len(), &last[38..]), (64, &[0; 26][..]));
        assert_eq!(fs::read(folder.path().join("xor.dat")).unwrap(), key);
    }

    #[test]
    fn reordering_keeps_all_blocks_and_each_near_its_place() {
        let blocks: Vec<usize> = (0..200).collect();
        let mixed = out_of_order(&blocks, 16, 7);
        assert_ne!(mixed, blocks);
        assert!(mixed.iter().enumerate().all(|(at, block)| at.abs_diff(*block) <= 16));
        let mut sorted = mixed;
        sorted.sort_unstable();
        assert_eq!(sorted, blocks);
    }
}
