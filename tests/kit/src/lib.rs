//! Shared by the tests of all crates: real chain data, and how a test reports a skip.
//!
//! The crate imports no crate of the workspace, so the tests of any crate can use it; no product code imports it.

pub mod data;
pub mod shipped;
pub mod skip;
