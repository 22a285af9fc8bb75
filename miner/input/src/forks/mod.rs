//! Blocks or headers in any order, with all their forks: the folder of a Bitcoin Core node, or files.
//!
//! The input is read once for the headers, which form a tree ([`HeaderTree`]); the blocks of the best chain are read a
//! second time, in order, by the workers that verify them. So memory holds about 150 bytes per header and no body.
//! Damage is reported with its file and byte, and skipped. For a block that is given more than once, the first copy
//! whose body matches its header is used ([`copies`]).

mod copies;
mod damaged_copy;
mod files;
mod folder;
mod key;
mod plain;
mod repair;
mod scan;
mod set;
mod window;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use cityseal_chain::Parameters;
use cityseal_chain::header_tree::{HeaderTree, Root};
use cityseal_engine::BlockPlace;
use cityseal_hash::{HEADER_LEN, HashKernel};

use super::decode_error::DecodeError;
use super::input_error::InputError;
pub use damaged_copy::DamagedCopy;
use files::{BlockFiles, Writing};
pub use scan::Hidden;
pub use set::{BestBlocks, BlockSet, PlaceInSet};

/// A damaged place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, with its place.
    pub what: DecodeError,
    /// The byte of the file at which reading resumed; `None` if nothing more was found in it.
    pub resumed_at: Option<u64>,
    /// What the damage may hide.
    pub hidden: Hidden,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; ", self.path.display(), self.what)?;
        match self.resumed_at {
            Some(byte) => write!(f, "reading resumed at byte {byte}"),
            None => write!(f, "no block was found after it"),
        }
    }
}

/// The blocks found in one or more files, in file order.
#[derive(Debug, Default)]
struct Found {
    /// Packed headers.
    headers: Vec<u8>,
    hashes: Vec<[u8; 32]>,
    places: Vec<BlockPlace>,
    /// The line of each header, in hex input.
    lines: Vec<u64>,
    damage: Vec<Damage>,
    /// Whether damage that is not listed individually may hide a block.
    hides_unlisted: bool,
    notes: Vec<String>,
}

impl Found {
    /// Reserves space for `blocks` more blocks.
    fn reserve(&mut self, blocks: usize) {
        self.headers.reserve_exact(blocks * HEADER_LEN);
        self.hashes.reserve_exact(blocks);
        self.places.reserve_exact(blocks);
    }

    /// Hashes the headers added since the last call.
    fn hash(&mut self, kernel: HashKernel) {
        let known = self.hashes.len();
        self.hashes.resize(self.headers.len() / HEADER_LEN, [0; 32]);
        kernel.hash_headers(&self.headers[known * HEADER_LEN..], &mut self.hashes[known..]);
    }

    fn damage(&mut self, path: &Path, what: DecodeError, resumed_at: Option<u64>, hidden: Hidden) {
        self.damage.push(Damage { path: path.into(), what, resumed_at, hidden });
    }

    /// Builds the tree of all headers and chooses a copy of each block.
    fn into_set(
        self,
        parameters: &Parameters,
        root: Root,
        paths: Vec<PathBuf>,
        writing: Option<Writing>,
    ) -> Result<BlockSet, InputError> {
        let tree = HeaderTree::build(parameters, root, &self.headers, self.hashes);
        let mut set = BlockSet {
            tree,
            headers: self.headers,
            places: self.places,
            lines: self.lines,
            files: BlockFiles::new(paths, writing.unwrap_or(Writing::Digits)).into(),
            has_bodies: writing.is_some(),
            copies: HashMap::new(),
            damaged_copies: Vec::new(),
            damage: self.damage,
            hides_unlisted: self.hides_unlisted,
            notes: self.notes,
        };
        if set.has_bodies {
            set.choose_copies(parameters, root)?;
        }
        Ok(set)
    }
}
