//! Tests the header rules through the public API: each rule at its limit, the fast judge against its reference
//! implementation, real chains, published vectors, and custom network parameters.

mod alone;
mod chain;
#[path = "../common/mod.rs"]
mod common;
mod edges;
mod history;
mod ordinary;
mod parameters;
mod published;
mod real;
mod reference;
mod splits;
mod vectors;
