//! A copy of a block whose body does not match its header.

use std::path::PathBuf;

use cityseal_chain::Rule;

/// A copy of a block whose body does not match its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedCopy {
    /// The file.
    pub path: PathBuf,
    /// Byte of that file at which its header begins; in hex input that of its first digit.
    pub at: u64,
    /// The height of the block.
    pub height: u64,
    /// The first rule that the body breaks.
    pub rule: Rule,
}
