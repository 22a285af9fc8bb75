//! End-to-end tests on every kernel, on lavapipe and on both together: real chains, random damage, known nonce scans,
//! and a GPU that does nothing.

#![allow(clippy::unwrap_used, reason = "a wrong value fails the test")]

mod chains;
mod corruptions;
mod flips;
mod noop;
mod scans;

use cityseal_tests::program::Program;

/// The binary under test.
fn cityseal() -> Program {
    Program::at(env!("CARGO_BIN_EXE_cityseal-under-test"))
}
