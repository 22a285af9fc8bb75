//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's clock in seconds since 1970; 0 for a clock set before that year.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
