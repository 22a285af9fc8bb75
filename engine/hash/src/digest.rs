//! Hashes of messages of any length, one at a time, through the `sha2` crate. It is the reference implementation of every kernel and
//! serves whoever hashes little; bulk work goes through [`HashKernel`](crate::HashKernel).

use sha2::{Digest, Sha256};

/// SHA-256 of `message` (FIPS 180-4), bytes in wire order.
pub fn sha256(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// SHA-256 of the SHA-256 of `message`: the hash that Bitcoin gives headers, transactions and Merkle nodes, in wire order.
pub fn double_sha256(message: &[u8]) -> [u8; 32] {
    sha256(&sha256(message))
}
