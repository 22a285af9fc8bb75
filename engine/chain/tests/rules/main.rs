//! The rules from outside: each one at its edge, the fast judge against its reference implementation, real chains, published vectors,
//! and the parameters of a city.

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
