//! What the tests of every crate share: real chains, and how a test reports that it was skipped.
//!
//! It imports no crate of the workspace, so that the tests of any of them can use it; no product code imports it.

pub mod data;
pub mod shipped;
pub mod skip;
