//! The SHA-256 state after the first block of a header.

use crate::constants::IV;

/// The SHA-256 state after the first 64 bytes of a message: the state words A to H as numbers (FIPS 180-4, section
/// 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Midstate(pub [u32; 8]);

impl Midstate {
    /// Compresses the first 64 bytes of a message, from the initial hash value.
    pub fn of(first_block: &[u8; 64]) -> Self {
        let mut state = IV;
        sha2::block_api::compress256(&mut state, core::slice::from_ref(first_block));
        Self(state)
    }
}
