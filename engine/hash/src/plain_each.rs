//! Messages of any length, hashed one after another.

use crate::{HashKernel, double_sha256, sha256};

impl HashKernel {
    /// Double SHA-256 of messages of any lengths; the digests are in wire order.
    pub fn hash_each(self, messages: &[&[u8]], out: &mut [[u8; 32]]) {
        messages.iter().zip(out).for_each(|(message, digest)| *digest = double_sha256(message));
    }

    /// SHA-256 of 0x00 and each message (RFC 6962, section 2.1).
    pub fn hash_leaves_rfc6962(self, messages: &[&[u8]], out: &mut [[u8; 32]]) {
        messages.iter().zip(out).for_each(|(message, digest)| *digest = sha256(&[&[0], *message].concat()));
    }
}
