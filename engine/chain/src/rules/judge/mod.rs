//! The judge: rules R01 to R11 over a segment of headers whose hashes are known, in one pass after a given history. Its
//! reference implementation is `reference.rs`.
//!
//! It hashes only the one header before the segment and allocates nothing per header. Ordinary headers, nearly all of a
//! chain, are accepted in runs (`ordinary.rs`); every other header is judged rule by rule (`each.rs`). The caller
//! guarantees that `hashes` are the hashes of `headers`.

mod alone;
mod each;
mod ordinary;
mod state;
mod stateless;

pub use alone::{BrokenRule, judge_alone, rules_alone};
pub use each::judge;
pub(crate) use stateless::{Broken, Decoded, check_proof_of_work, decode_bits};
