//! The whole on real input, on every kernel, on lavapipe and on both together: real chains, random damage to them,
//! known nonce scans. And a GPU that does nothing, let in on purpose.

#![allow(clippy::unwrap_used, reason = "in a test a wrong value may end it where it stands")]

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
