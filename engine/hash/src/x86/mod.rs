//! The kernels for x86-64. Each file holds one instruction set: its vector type and its entry functions. Nothing here asks
//! whether the CPU has the instructions; `kernel.rs` does, before it calls an entry.
#![allow(clippy::cast_ptr_alignment, reason = "every load and store here is of the kind that needs no alignment")]

pub(crate) mod avx2;
pub(crate) mod avx512;
pub(crate) mod sha_ni;

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Bytes that a cache fetches at once, on every x86-64 so far.
const CACHE_LINE: usize = 64;

/// Asks for every cache line of `bytes`.
#[inline(always)]
fn prefetch(bytes: &[u8]) {
    for line in bytes.chunks(CACHE_LINE) {
        // SAFETY: SSE, which has this instruction, is part of x86-64; it reads nothing that the program could see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
}
