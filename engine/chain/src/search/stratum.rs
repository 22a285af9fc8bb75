//! The one field of a Stratum V1 job whose byte order is neither that of a header nor that of a block explorer.
//!
//! `mining.notify` sends the previous block's hash as eight 32-bit words, each with its bytes reversed relative to the
//! header. Merkle branches are in wire order; `version`, `nbits` and `ntime` are numbers, most significant digit first.
//! The protocol itself is not implemented here.

use crate::hash::BlockHash;
use crate::hex::{self, HexError};

/// Reads the `prevhash` of a `mining.notify`: 64 hex digits.
///
/// # Errors
/// If the text is not exactly 64 hex digits.
pub fn prev_block_hash_from_notify_hex(text: &str) -> Result<BlockHash, HexError> {
    hex::decode_array(text).map(|bytes| BlockHash::from_wire(reverse_words(bytes)))
}

/// Writes a hash as the `prevhash` of a `mining.notify`: 64 hex digits.
pub fn prev_block_hash_to_notify_hex(hash: BlockHash) -> String {
    hex::encode(&reverse_words(hash.to_wire()))
}

/// Reverses the bytes within each group of four; its own inverse.
fn reverse_words(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes.chunks_exact_mut(4).for_each(<[u8]>::reverse);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_hash_before_block_881423() {
        let sent = "8a6ac9e3fe15ca70f8995e21434cb64ac4d2b5e10001543b0000000000000000";
        let hash = prev_block_hash_from_notify_hex(sent).unwrap();
        assert_eq!(hash.to_string(), "00000000000000000001543bc4d2b5e1434cb64af8995e21fe15ca708a6ac9e3");
        assert_eq!(prev_block_hash_to_notify_hex(hash), sent);
    }

    proptest! {
        #[test]
        fn refuses_any_text_that_is_not_64_digits_without_panic(text: String) {
            prop_assert!(prev_block_hash_from_notify_hex(&text).is_err());
        }
    }
}
