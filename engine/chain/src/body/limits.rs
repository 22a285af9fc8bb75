//! Limits used by the body rules.

/// The maximum money supply in the smallest unit (Bitcoin Core: `MAX_MONEY`).
pub const MONEY_MAX: u64 = 2_100_000_000_000_000;

/// Maximum bytes of a transaction or block without its witnesses: each weighs four units of 4,000,000.
pub const STRIPPED_BYTES_MAX: usize = 1_000_000;

/// Maximum cost of the signature checks in a block (Bitcoin Core: `MAX_BLOCK_SIGOPS_COST`).
pub const SIGOPS_COST_MAX: u64 = 80_000;

/// Lock times below it are heights; lock times from it up are Unix times (Bitcoin Core: `LOCKTIME_THRESHOLD`).
pub const LOCK_TIMES_FROM: u32 = 500_000_000;
