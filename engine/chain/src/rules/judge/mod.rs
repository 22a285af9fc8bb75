//! Judges a segment of headers whose hashes are known, after a history, in one pass: the fast reference of `reference.rs`.
//!
//! It neither hashes (but for the one header before the segment) nor allocates on the way. Ordinary headers, nearly all of
//! a chain, are passed over in runs (`ordinary.rs`); every other one is judged rule by rule. It believes that `hashes` are those of `headers`: whoever made them answers for them.

mod each;
mod ordinary;
mod state;
mod stateless;

pub use each::judge;
pub(crate) use stateless::{Broken, Decoded, check_proof_of_work, decode_bits};
