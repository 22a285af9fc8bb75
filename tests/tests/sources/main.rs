//! Tests of chain inputs: whole blocks from streams, and forks from files and node folders. In most tests only the
//! encoding of the bodies is valid; the blocks of `regtest` are valid by every rule.

#![allow(clippy::unwrap_used, reason = "a wrong value fails the test")]

mod blocks;
mod damage;
mod folder;
mod forks;
mod regtest;
mod streams;
mod verdicts;
