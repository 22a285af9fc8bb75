//! Groups of whole blocks: for blocks what a segment is for headers.
//!
//! The worker parses the blocks and hashes headers and transactions; the Merkle trees of the whole group go to the
//! worker's device in one batch.

mod group;
mod judge;
mod prepare;
mod trees;

pub(crate) use group::BlockGroup;
