//! The sizes that bound every block.

/// The largest block, in bytes with its witnesses. A block weighs at least its bytes, and no more than this is allowed
/// (Bitcoin Core: `MAX_BLOCK_SERIALIZED_SIZE`), so a larger one breaks R40 in any case and is not read.
pub const BLOCK_BYTES_MAX: usize = 4_000_000;

/// What a body may weigh (BIP141; Bitcoin Core: `MAX_BLOCK_WEIGHT`).
pub const WEIGHT_MAX: u64 = 4_000_000;

/// What one signature check costs that is counted by a script's text, and what a byte weighs that is no witness
/// (Bitcoin Core: `WITNESS_SCALE_FACTOR`).
pub const WITNESS_SCALE: u64 = 4;
