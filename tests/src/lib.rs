//! What the tests of the whole share: where the real chains stand, how a test says that it could not run, how the binary
//! is started and on what, and the checks of the house itself (floors, walls, style). Nothing of the product imports
//! this crate.

pub mod block_twin;
pub mod city_chain;
pub mod core_folder;
pub mod easy_chain;
pub mod folder;
pub mod house;
pub mod program;
pub mod synthetic;
pub mod worker;

pub use cityseal_testkit::{data, shipped, skip};
