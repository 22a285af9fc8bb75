//! Difficulty against oracles of unbounded integers, written from the specifications and not from this crate: compact targets,
//! retargets with their clamps, the test networks' rules, ASERT; single steps by the thousand and whole chains.

#![allow(clippy::unwrap_used, reason = "in a test a wrong value may end it where it stands")]

mod asert;
mod chain;
mod compact;
mod number;
mod period;
mod random;
