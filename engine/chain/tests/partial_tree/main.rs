//! Tests partial Merkle trees through the public API: each refusal at its limit, random trees, a reference
//! implementation, and proofs of real blocks.

mod build;
mod edges;
mod random;
mod real;
