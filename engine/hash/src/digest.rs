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

/// A SHA-256 that has absorbed the first part of a message. Messages that differ only in the rest are hashed from there
/// on, whatever the length of the first part.
#[derive(Clone, Debug)]
pub struct Sha256Prefix(Sha256);

impl Sha256Prefix {
    /// Absorbs the first part.
    pub fn new(first_part: &[u8]) -> Self {
        Self(Sha256::new_with_prefix(first_part))
    }

    /// Returns the double SHA-256 of the first part followed by `rest`, in wire order.
    pub fn double_sha256(&self, rest: &[&[u8]]) -> [u8; 32] {
        let mut hasher = self.0.clone();
        rest.iter().for_each(|part| hasher.update(part));
        sha256(&hasher.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_parts_has_the_hash_of_the_whole_for_every_length_of_the_first_part() {
        let message: Vec<u8> = (0..200_u8).collect();
        for first in 0..=message.len() {
            let prefix = Sha256Prefix::new(&message[..first]);
            for second in first..=message.len() {
                let rest: [&[u8]; 2] = [&message[first..second], &message[second..]];
                assert_eq!(prefix.double_sha256(&rest), double_sha256(&message), "{first} {second}");
            }
        }
    }
}
