//! SHA-256 kernels for nonce search, header hashing and Merkle hashing.
//!
//! Find the nonces whose hash starts with eight zero bits, on the fastest kernel of this CPU:
//!
//! ```
//! use cityseal_hash::{HashKernel, HitBuffer, Midstate, SearchInput};
//!
//! let header = [0_u8; 76];
//! let (first_block, tail) = header.split_first_chunk::<64>().unwrap();
//! let input = SearchInput {
//!     midstates: &[Midstate::of(first_block)],
//!     tail: tail.try_into().unwrap(),
//!     top_word_max: 0x00ff_ffff,
//! };
//! let mut hits = HitBuffer::new(100);
//! HashKernel::detect().scan(&input, 0, 9_999, &mut hits);
//! assert!(!hits.overflow());
//! for hit in hits.into_sorted() {
//!     let whole: Vec<u8> = [&header[..], &hit.nonce.to_le_bytes()].concat();
//!     assert_eq!(cityseal_hash::double_sha256(&whole)[31], 0);
//! }
//! ```
//!
//! A [`HashKernel`] is a small copyable value; owning one proves that this CPU can run it and that it passed its
//! known-answer test. All kernels give the same answers; they differ only in speed. The crate does not depend on
//! targets, chains or devices, starts no thread, reads no clock and opens no file. Its only global state is whether
//! each kernel passed its known-answer test, which runs once per process.
//!
//! # Unoptimised builds
//! In an optimised build a kernel is one function of straight-line code: everything below an entry function is
//! `inline(always)`. At opt-level 0, inlining would give every operand of every intrinsic its own stack slot, in one
//! frame of several megabytes, which is more than a thread's stack. The build script therefore sets `cfg(unoptimised)`
//! at that level: nothing is inlined, and the deepest stack is 116 KiB (AVX-512). The source and the answers are the
//! same.
#![allow(unsafe_code, reason = "SIMD intrinsics need it; no other product crate uses unsafe code")]
#![allow(
    clippy::inline_always,
    reason = "kernels must become straight-line code inside the function with the target features"
)]

pub mod baseline;
pub mod constants;
mod constructors;
mod digest;
mod error;
mod features;
mod kernel;
mod known_answer;
#[cfg(any(test, target_arch = "x86_64"))]
#[cfg_attr(test, allow(dead_code, reason = "the kernels that use all of it are not in the unit tests"))]
mod lanewise;
mod merkle_kind;
mod messages;
mod midstate;
mod portable;
mod search;
mod span;
#[cfg(all(target_arch = "x86_64", not(test)))]
mod x86;

pub use digest::{Sha256Prefix, double_sha256, sha256};
pub use error::KernelError;
pub use features::{Features, KernelName};
pub use kernel::HashKernel;
pub use merkle_kind::MerkleKind;
pub use midstate::Midstate;
pub use search::{Hit, HitBuffer, SearchInput};
pub use span::{NonceSpan, Span, SpanBackwards};

/// Bytes in a block header on the wire.
pub const HEADER_LEN: usize = 80;

/// Bytes in an inner Merkle node before hashing: two digests.
pub const NODE_LEN: usize = 64;

/// Bytes in a block of SHA-256.
pub const BLOCK_LEN: usize = 64;

/// The number of blocks of a message of `len` bytes with its padding (FIPS 180-4, section 5.1.1): at least one.
pub const fn message_blocks(len: usize) -> usize {
    (len + 9).div_ceil(BLOCK_LEN)
}

/// The most midstates in one search. They share the message schedule; beyond four the gain from sharing is small.
pub const MIDSTATES_MAX: usize = 8;
