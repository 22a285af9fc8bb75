//! The encoding of blocks and transactions: a reader for their fields, its faults, and size limits.

mod fault;
mod limits;
mod reader;

pub use fault::{EncodingFault, EncodingKind};
pub use limits::{BLOCK_BYTES_MAX, WEIGHT_MAX, WITNESS_SCALE};
pub(crate) use reader::{Reader, Stop};
