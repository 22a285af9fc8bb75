//! Size limits of blocks.

/// Maximum size of a block in bytes, witnesses included (Bitcoin Core: `MAX_BLOCK_SERIALIZED_SIZE`). A block weighs at
/// least one unit per byte, so a larger one always exceeds [`WEIGHT_MAX`] (R40) and is not parsed.
pub const BLOCK_BYTES_MAX: usize = 4_000_000;

/// Maximum weight of a block (BIP141; Bitcoin Core: `MAX_BLOCK_WEIGHT`).
pub const WEIGHT_MAX: u64 = 4_000_000;

/// Weight of a byte outside the witnesses, and cost of one signature check counted from a script's text (Bitcoin Core:
/// `WITNESS_SCALE_FACTOR`).
pub const WITNESS_SCALE: u64 = 4;
