//! A set of blocks with its tree: the best chain in order, and the place of each block.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cityseal_chain::BlockHeader;
use cityseal_chain::header_tree::HeaderTree;
use cityseal_engine::{BlockPlace, ReadBlocks, UnreadBlocks};
use cityseal_hash::HEADER_LEN;

use super::super::cut::BATCH_BYTES;
use super::super::input_error::InputError;
use super::super::recognise::FirstRecords;
use super::Damage;
use super::damaged_copy::DamagedCopy;
use super::files::BlockFiles;

/// Headers that are returned together: 80 KiB.
const RUN_HEADERS: usize = 1024;

/// Place of one block of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceInSet<'a> {
    /// The file.
    pub path: &'a Path,
    /// Byte of that file at which its header begins; in hex input that of its first digit. For input of headers only,
    /// which may be hex too, the total bytes of the headers before it.
    pub at: u64,
    /// Its line in hex input, counted from 1.
    pub line: Option<u64>,
    /// Byte of the whole input at which its header begins: the offset of a fault.
    pub offset: u64,
}

/// Blocks or headers of several files with all their forks.
pub struct BlockSet {
    pub(super) tree: HeaderTree,
    pub(super) headers: Vec<u8>,
    pub(super) places: Vec<BlockPlace>,
    pub(super) lines: Vec<u64>,
    pub(super) files: Arc<BlockFiles>,
    pub(super) has_bodies: bool,
    /// For blocks of the best chain that are given more than once: the copy that is used.
    pub(super) copies: HashMap<u32, u32>,
    pub(super) damaged_copies: Vec<DamagedCopy>,
    pub(super) damage: Vec<Damage>,
    pub(super) hides_unlisted: bool,
    pub(super) notes: Vec<String>,
}

impl std::fmt::Debug for BlockSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockSet")
            .field("blocks", &self.tree.len())
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}

impl BlockSet {
    /// Returns the tree of the headers. They are numbered in the order of the files.
    pub const fn tree(&self) -> &HeaderTree {
        &self.tree
    }

    /// Whether there are whole blocks; otherwise only [`Self::best_headers`] is available.
    pub const fn has_bodies(&self) -> bool {
        self.has_bodies
    }

    /// Returns the damaged places of the files.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Whether damage beyond the listed places may hide blocks: a file has more of it than is listed.
    pub const fn hides_unlisted(&self) -> bool {
        self.hides_unlisted
    }

    /// Returns the copies of blocks of the best chain that do not match their headers and are not used, by height.
    pub fn damaged_copies(&self) -> &[DamagedCopy] {
        &self.damaged_copies
    }

    /// Reads a block.
    ///
    /// # Errors
    /// Returns [`InputError`] if its file cannot be read.
    ///
    /// # Panics
    /// If there is no block with that index.
    pub fn read_block(&self, index: u32) -> Result<Vec<u8>, InputError> {
        let mut block = Vec::new();
        self.files.read_one(&self.places[index as usize], &mut block)?;
        Ok(block)
    }

    /// Returns observations to report that are not damage.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the first records of the files, from which a chain is recognised.
    pub fn first_records(&self) -> FirstRecords {
        let mut first = FirstRecords::default();
        first.note(&self.headers);
        first
    }

    /// Returns the first file.
    pub fn first_file(&self) -> &Path {
        &self.files.paths()[0]
    }

    /// Returns a header.
    ///
    /// # Panics
    /// If there is no header with that index.
    pub fn header(&self, index: u32) -> BlockHeader {
        BlockHeader::from_wire(&self.headers.as_chunks::<HEADER_LEN>().0[index as usize])
    }

    /// Returns the place of a block; for a block of the best chain, that of the copy that is used.
    ///
    /// # Panics
    /// If there is no block with that index.
    pub fn place(&self, index: u32) -> PlaceInSet<'_> {
        let index = self.used(index) as usize;
        let BlockPlace { file, at, offset, .. } = self.places[index];
        let line = self.lines.get(index).copied();
        PlaceInSet { path: &self.files.paths()[file as usize], at, line, offset }
    }

    /// Returns the blocks of the best chain from the root up, about a megabyte at a time, for workers to read.
    pub fn best_blocks(&self) -> BestBlocks<'_> {
        BestBlocks { set: self, from: 0 }
    }

    /// Returns the packed headers of the best chain from the root up.
    pub fn best_headers(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.tree.best().chunks(RUN_HEADERS).map(|run| self.packed(run))
    }

    /// Returns the index of the copy that is used for a block.
    fn used(&self, index: u32) -> u32 {
        self.copies.get(&index).copied().unwrap_or(index)
    }

    fn packed(&self, run: &[u32]) -> Vec<u8> {
        let (headers, _) = self.headers.as_chunks::<HEADER_LEN>();
        run.iter().flat_map(|index| headers[*index as usize]).collect()
    }
}

/// The blocks of the best chain, one batch at a time.
#[derive(Debug)]
pub struct BestBlocks<'a> {
    set: &'a BlockSet,
    from: usize,
}

impl Iterator for BestBlocks<'_> {
    type Item = UnreadBlocks;

    fn next(&mut self) -> Option<UnreadBlocks> {
        let rest = &self.set.tree.best()[self.from..];
        let place = |index: &u32| self.set.places[self.set.used(*index) as usize];
        let mut bytes = 0;
        let fits = |index: &&u32| {
            bytes += place(index).len as usize;
            bytes <= BATCH_BYTES
        };
        // At least one block, whatever its size.
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let run = &rest[..count];
        self.from += count;
        let source: Arc<dyn ReadBlocks> = self.set.files.clone();
        let batch = || UnreadBlocks { source, places: run.iter().map(place).collect(), headers: self.set.packed(run) };
        (count > 0).then(batch)
    }
}
