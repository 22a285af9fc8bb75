//! Partial Merkle trees from outside: each refusal at its edge, random trees, a slow twin, and proofs of real blocks.

mod build;
mod edges;
mod random;
mod real;
