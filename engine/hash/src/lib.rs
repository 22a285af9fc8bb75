//! SHA-256 kernels for nonce search, header hashing and Merkle hashing: the floor that everything else stands on.
//!
//! A [`HashKernel`] is a small copyable value; owning one proves that this CPU can run it and that it passed its
//! known-answer test. All kernels give the same answers; they differ in speed alone. The crate knows nothing of targets,
//! chains or devices, starts no thread, reads no clock and opens no file. Its only global state is whether each kernel passed
//! its known-answer test, which runs once per process.
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
//! # Unoptimised builds
//! In an optimised build a kernel is one function of straight-line code: everything below an entry is `inline(always)`. At
//! opt-level 0 that would give each intrinsic's operands places of their own in one frame of several megabytes, more than a
//! thread's stack. There the build script sets `cfg(unoptimised)`, nothing is inlined, and the deepest stack is 116 KiB
//! (AVX-512). The code is the same, and so are the answers.
#![allow(unsafe_code, reason = "SIMD kernels: intrinsics need it, and no other product crate may have it")]
#![allow(
    clippy::inline_always,
    reason = "kernels must end as straight-line code inside the function with the target features"
)]

pub mod baseline;
pub mod constants;
mod digest;
mod error;
mod features;
mod kernel;
mod known_answer;
#[cfg(any(test, target_arch = "x86_64"))]
mod lanewise;
mod messages;
mod midstate;
mod portable;
mod search;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use digest::{double_sha256, sha256};
pub use error::KernelError;
pub use features::{Features, KernelName};
pub use kernel::HashKernel;
pub use midstate::Midstate;
pub use search::{Hit, HitBuffer, SearchInput};

/// Bytes in a block header on the wire.
pub const HEADER_LEN: usize = 80;

/// Bytes in an inner Merkle node before hashing: two digests.
pub const NODE_LEN: usize = 64;

/// Bytes in a block of SHA-256.
pub const BLOCK_LEN: usize = 64;

/// How many blocks a message of `len` bytes takes with its padding (FIPS 180-4, section 5.1.1): at least one.
pub const fn message_blocks(len: usize) -> usize {
    (len + 9).div_ceil(BLOCK_LEN)
}

/// The most midstates in one search: what the version bits of one template fill at little extra gain beyond four.
pub const MIDSTATES_MAX: usize = 8;
