//! Compares difficulty with oracles in unbounded integers that are written from the specifications, not from this
//! crate: compact targets, retargets with their clamps, the test networks' rules, and ASERT, in single steps and whole
//! chains.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod asert;
mod chain;
mod compact;
mod number;
mod period;
mod random;
