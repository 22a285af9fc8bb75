//! Shared by the end-to-end tests: real chain data, skips, running the binary, synthetic inputs, and the checks of the
//! source itself (layers, words, style). No product crate imports this one.

pub mod block_reference;
pub mod city_chain;
pub mod core_folder;
pub mod easy_chain;
pub mod folder;
pub mod program;
pub mod served;
pub mod source_rules;
pub mod synthetic;
pub mod worker;

pub use cityseal_testkit::{data, shipped, skip};
