//! The whole on real input, on every kernel and on lavapipe: real chains, random damage to them, known nonce scans.

#![allow(clippy::unwrap_used, reason = "in a test a wrong value may end it where it stands")]

mod chains;
mod flips;
mod scans;

use cityseal_tests::program::Program;

/// The binary under test.
fn cityseal() -> Program {
    Program::at(env!("CARGO_BIN_EXE_cityseal-under-test"))
}
