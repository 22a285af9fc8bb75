//! Tests the body rules through the public API: each rule at its limit, the fast judge against its reference
//! implementation, and real blocks.

mod build;
#[path = "../common/mod.rs"]
mod common;
mod context;
mod encoding;
mod extent;
mod real;
mod reference;
mod transactions;
mod whole;
