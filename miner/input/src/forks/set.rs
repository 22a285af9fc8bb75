//! A set of blocks whose tree is known: its best chain in order, and where each block stands.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cityseal_chain::header_tree::HeaderTree;
use cityseal_engine::{BlockPlace, ReadBlocks, UnreadBlocks};
use cityseal_hash::HEADER_LEN;

use super::super::cut::BATCH_BYTES;
use super::super::input_error::InputError;
use super::super::recognise::FirstRecords;
use super::Damage;
use super::copies::DamagedCopy;
use super::files::BlockFiles;

/// Headers that are given together: 80 KiB.
const RUN_HEADERS: usize = 1024;

/// Where one block of a set stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceInSet<'a> {
    /// The file.
    pub path: &'a Path,
    /// Where its header begins in that file, in bytes; in hex its first digit. Among headers alone, which may be hex too, the
    /// bytes of those before it.
    pub at: u64,
    /// Its line, in hex input; counted from 1.
    pub line: Option<u64>,
    /// Where its header begins in all the input, in bytes: what a fault names.
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
    /// For blocks of the best chain that are given more than once, the copy that is used.
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
    /// How the headers hang together. They are numbered in the order in which they stand in the files.
    pub const fn tree(&self) -> &HeaderTree {
        &self.tree
    }

    /// Whether there are whole blocks; else [`Self::best_headers`] is all that can be had.
    pub const fn has_bodies(&self) -> bool {
        self.has_bodies
    }

    /// Places at which a file is not what it should be.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Whether damage that is not listed may hide blocks: a file has more of it than is listed.
    pub const fn hides_unlisted(&self) -> bool {
        self.hides_unlisted
    }

    /// Copies of blocks of the best chain that do not fit their headers and are not used, by height.
    pub fn damaged_copies(&self) -> &[DamagedCopy] {
        &self.damaged_copies
    }

    /// Reads a block.
    ///
    /// # Errors
    /// [`InputError`] where its file cannot be read.
    ///
    /// # Panics
    /// If there is no block of that number.
    pub fn read_block(&self, index: u32) -> Result<Vec<u8>, InputError> {
        let mut block = Vec::new();
        self.files.read_one(&self.places[index as usize], &mut block)?;
        Ok(block)
    }

    /// What is worth reporting, and no damage.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The first records of the files, by which a chain is recognised.
    pub fn first_records(&self) -> FirstRecords {
        let mut first = FirstRecords::default();
        first.note(&self.headers);
        first
    }

    /// The first of the files.
    pub fn first_file(&self) -> &Path {
        &self.files.paths()[0]
    }

    /// The 80 bytes of a header.
    ///
    /// # Panics
    /// If there is no header of that number.
    pub fn header(&self, index: u32) -> &[u8] {
        let from = index as usize * HEADER_LEN;
        &self.headers[from..from + HEADER_LEN]
    }

    /// Where a block is; of a block of the best chain the copy that is used.
    ///
    /// # Panics
    /// If there is no block of that number.
    pub fn place(&self, index: u32) -> PlaceInSet<'_> {
        let index = self.used(index) as usize;
        let BlockPlace { file, at, offset, .. } = self.places[index];
        let line = self.lines.get(index).copied();
        PlaceInSet { path: &self.files.paths()[file as usize], at, line, offset }
    }

    /// The blocks of the best chain from the root up, about a megabyte at a time, for workers to read.
    pub fn best_blocks(&self) -> BestBlocks<'_> {
        BestBlocks { set: self, from: 0 }
    }

    /// The headers of the best chain from the root up, packed.
    pub fn best_headers(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.tree.best().chunks(RUN_HEADERS).map(|run| self.packed(run))
    }

    /// The number of the copy that is used of a block.
    fn used(&self, index: u32) -> u32 {
        self.copies.get(&index).copied().unwrap_or(index)
    }

    fn packed(&self, run: &[u32]) -> Vec<u8> {
        let mut packed = Vec::with_capacity(run.len() * HEADER_LEN);
        run.iter().for_each(|index| packed.extend_from_slice(self.header(*index)));
        packed
    }
}

/// The blocks of the best chain, a batch at a time.
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
        // One block at least, however large.
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let run = &rest[..count];
        self.from += count;
        let source: Arc<dyn ReadBlocks> = self.set.files.clone();
        let batch = || UnreadBlocks { source, places: run.iter().map(place).collect(), headers: self.set.packed(run) };
        (count > 0).then(batch)
    }
}
