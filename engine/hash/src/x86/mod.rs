//! The kernels for x86-64. Each file holds one instruction set: its vector type and its entry functions. `kernel.rs`
//! checks that the CPU has the instructions before it calls an entry function.
#![allow(clippy::cast_ptr_alignment, reason = "all loads and stores here are unaligned ones")]

pub(crate) mod avx2;
pub(crate) mod avx512;
pub(crate) mod sha_ni;

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Bytes of a cache line, on every x86-64 CPU so far.
const CACHE_LINE: usize = 64;

/// Prefetches every cache line of `bytes`.
#[cfg_attr(not(unoptimised), inline(always))]
fn prefetch(bytes: &[u8]) {
    for line in bytes.chunks(CACHE_LINE) {
        // SAFETY: the instruction is part of SSE, which every x86-64 CPU has; a prefetch has no visible effect.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
}

/// Implements `ParallelLanes` for `States` of a vector. The inner functions have the target features: the scheduler
/// that calls them is compiled for any CPU, so they cannot be inlined into it.
macro_rules! impl_parallel_lanes {
    ($vector:ident, $features:literal) => {
        impl $crate::lanewise::each::ParallelLanes<COUNT> for States<$vector> {
            const SEQUENTIAL_MAX: usize = SEQUENTIAL_MAX;

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn new() -> Self {
                States::new()
            }

            #[inline]
            fn compress(&mut self, blocks: &[&Block; COUNT]) {
                #[target_feature(enable = $features)]
                fn compress(states: &mut States<$vector>, blocks: &[&Block; COUNT]) {
                    states.compress(blocks);
                }
                // SAFETY: the caller of `new` promised that the CPU has the instructions; the same holds below.
                unsafe { compress(self, blocks) }
            }

            #[inline]
            fn digests(&self, digests: &mut [[u8; 32]; COUNT]) {
                #[target_feature(enable = $features)]
                fn store(states: &States<$vector>, digests: &mut [[u8; 32]; COUNT]) {
                    states.store(digests);
                }
                // SAFETY: as above.
                unsafe { store(self, digests) }
            }

            #[inline]
            fn restart(&mut self, lanes: u32) {
                #[target_feature(enable = $features)]
                fn restart(states: &mut States<$vector>, lanes: u32) {
                    states.restart(lanes);
                }
                // SAFETY: as above.
                unsafe { restart(self, lanes) }
            }

            #[inline]
            fn hash_digests(&self, digests: &mut [[u8; 32]; COUNT]) {
                #[target_feature(enable = $features)]
                fn hash_digests(digests: &mut [[u8; 32]; COUNT]) {
                    States::<$vector>::hash_digests(digests);
                }
                // SAFETY: as above.
                unsafe { hash_digests(digests) }
            }

            #[inline]
            fn prefetch(bytes: &[u8]) {
                $crate::x86::prefetch(bytes);
            }
        }
    };
}
use impl_parallel_lanes;
