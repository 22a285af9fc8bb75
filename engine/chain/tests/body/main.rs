//! The rules of bodies from outside: each one at its edge, the fast judge against its reference implementation, and real blocks.

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
