//! Partial Merkle trees from outside: each refusal at its edge, random trees, a reference implementation, and proofs of real blocks.

mod build;
mod edges;
mod random;
mod real;
