//! The rules of bodies from outside: each one at its edge, the fast judge against its slow twin, and real blocks.

mod build;
#[path = "../common/mod.rs"]
mod common;
mod context;
mod encoding;
mod extent;
mod real;
mod transactions;
mod twin;
mod whole;
