//! Blocks or headers in any order, with all their forks: the folder of a Bitcoin Core node, or files.
//!
//! All of it is gone through once for the headers, which are put together to a tree ([`HeaderTree`]); the blocks of the best
//! chain are read a second time, in order, by whoever verifies them. So memory holds what is known of each header (about 150
//! bytes of it), and no body. What is damaged is told with its file and byte, and passed over.

mod files;
mod folder;
mod key;
mod plain;
mod scan;
mod set;

use std::fmt;
use std::path::{Path, PathBuf};

use cityseal_chain::Parameters;
use cityseal_chain::header_tree::{HeaderTree, Root};
use cityseal_engine::BlockPlace;
use cityseal_hash::{HEADER_LEN, HashKernel};

use super::DecodeError;
use files::{BlockFiles, Writing};
pub use set::{BestBlocks, BlockSet, PlaceInSet};

/// A place where a file is not what it should be, and what that hides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, with its place.
    pub what: DecodeError,
    /// The byte of the file at which reading went on; none where nothing more was taken from it.
    pub resumed_at: Option<u64>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; ", self.path.display(), self.what)?;
        match self.resumed_at {
            Some(byte) => write!(f, "read on at byte {byte}"),
            None => write!(f, "nothing behind it was taken"),
        }
    }
}

/// What was found in one file or in several, in the order in which it stands there.
#[derive(Debug, Default)]
struct Found {
    /// Packed headers.
    headers: Vec<u8>,
    hashes: Vec<[u8; 32]>,
    places: Vec<BlockPlace>,
    /// The line of each, in hex input.
    lines: Vec<u64>,
    damage: Vec<Damage>,
    notes: Vec<String>,
}

impl Found {
    /// Makes room for so many more.
    fn reserve(&mut self, blocks: usize) {
        self.headers.reserve_exact(blocks * HEADER_LEN);
        self.hashes.reserve_exact(blocks);
        self.places.reserve_exact(blocks);
    }

    /// Hashes the headers that came since the last time.
    fn hash(&mut self, kernel: HashKernel) {
        let known = self.hashes.len();
        self.hashes.resize(self.headers.len() / HEADER_LEN, [0; 32]);
        kernel.hash_headers(&self.headers[known * HEADER_LEN..], &mut self.hashes[known..]);
    }

    fn damage(&mut self, path: &Path, what: DecodeError, resumed_at: Option<u64>) {
        self.damage.push(Damage { path: path.into(), what, resumed_at });
    }

    fn into_set(self, parameters: &Parameters, root: Root, paths: Vec<PathBuf>, writing: Option<Writing>) -> BlockSet {
        let tree = HeaderTree::build(parameters, root, &self.headers, self.hashes);
        BlockSet {
            tree,
            headers: self.headers,
            places: self.places,
            lines: self.lines,
            files: BlockFiles::new(paths, writing.unwrap_or(Writing::Digits)).into(),
            has_bodies: writing.is_some(),
            damage: self.damage,
            notes: self.notes,
        }
    }
}
