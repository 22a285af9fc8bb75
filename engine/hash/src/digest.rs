//! Hashes of single messages of any length, through the `sha2` crate: the reference implementation of every kernel. To
//! hash in bulk, use [`HashKernel`](crate::HashKernel).

use sha2::{Digest, Sha256};

/// Returns the SHA-256 of `message` (FIPS 180-4), bytes in wire order.
pub fn sha256(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// Returns the SHA-256 of the SHA-256 of `message`, in wire order: Bitcoin's hash of headers, transactions and Merkle
/// nodes.
pub fn double_sha256(message: &[u8]) -> [u8; 32] {
    sha256(&sha256(message))
}
