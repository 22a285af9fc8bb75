//! The limits of body rules.

/// All the money there will ever be, in the smallest unit (Bitcoin Core: `MAX_MONEY`).
pub const MONEY_MAX: u64 = 2_100_000_000_000_000;

/// What a transaction or a block may have without its witnesses, in bytes: a byte of those weighs four, of 4,000,000.
pub const STRIPPED_BYTES_MAX: usize = 1_000_000;

/// What the signature checks in a block may cost (Bitcoin Core: `MAX_BLOCK_SIGOPS_COST`).
pub const SIGOPS_COST_MAX: u64 = 80_000;

/// Below it a lock time is a height, from it on a time (Bitcoin Core: `LOCKTIME_THRESHOLD`).
pub const LOCK_TIMES_FROM: u32 = 500_000_000;
