//! The kernels for x86-64. Each file holds one instruction set: its vector type and its entry functions. Nothing here asks
//! whether the CPU has the instructions; `kernel.rs` does, before it calls an entry.
#![allow(clippy::cast_ptr_alignment, reason = "every load and store here is of the kind that needs no alignment")]

pub(crate) mod avx2;
pub(crate) mod avx512;
pub(crate) mod sha_ni;
