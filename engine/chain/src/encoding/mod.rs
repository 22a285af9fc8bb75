//! How blocks and transactions are encoded: a reader for their fields, its faults, and the sizes that bound them.

mod fault;
mod limits;
mod reader;

pub use fault::{EncodingFault, EncodingKind};
pub use limits::{BLOCK_BYTES_MAX, WEIGHT_MAX, WITNESS_SCALE};
pub(crate) use reader::{Reader, Stop};
