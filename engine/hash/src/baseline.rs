//! Baselines of the benchmarks: plain loops of the `sha2` crate over whole messages, as a program without this crate
//! would write them. They are also the reference implementations of the kernels, with the same arguments and answers.

use crate::{HEADER_LEN, Hit, HitBuffer, NODE_LEN, double_sha256, sha256};

/// Searches the nonces `first..=last` by hashing the whole header each time. `header76` is the header without its
/// nonce; the hits have midstate 0.
pub fn sha2_whole_header_scan(header76: &[u8; 76], first: u32, last: u32, top_word_max: u32, hits: &mut HitBuffer) {
    let mut header = [0; HEADER_LEN];
    header[..76].copy_from_slice(header76);
    for nonce in first..=last {
        header[76..].copy_from_slice(&nonce.to_le_bytes());
        if top_word(&double_sha256(&header)) <= top_word_max {
            hits.push(Hit { midstate: 0, nonce });
        }
    }
}

/// Writes the double SHA-256 of packed 80-byte headers to `out`, one after the other.
///
/// # Panics
/// If `headers` does not hold 80 bytes for each digest of `out`.
pub fn sha2_headers(headers: &[u8], out: &mut [[u8; 32]]) {
    assert_eq!(headers.len(), HEADER_LEN * out.len(), "{HEADER_LEN} bytes a header");
    for (header, digest) in headers.as_chunks::<HEADER_LEN>().0.iter().zip(out) {
        *digest = double_sha256(header);
    }
}

/// Writes the double SHA-256 of packed 64-byte Merkle nodes to `out`, one after the other.
///
/// # Panics
/// If `nodes` does not hold 64 bytes for each digest of `out`.
pub fn sha2_nodes(nodes: &[u8], out: &mut [[u8; 32]]) {
    assert_eq!(nodes.len(), NODE_LEN * out.len(), "{NODE_LEN} bytes a node");
    for (node, digest) in nodes.as_chunks::<NODE_LEN>().0.iter().zip(out) {
        *digest = double_sha256(node);
    }
}

/// Writes the SHA-256 of 0x01 and each packed 64-byte Merkle node (RFC 6962, section 2.1) to `out`, one after the
/// other.
///
/// # Panics
/// If `nodes` does not hold 64 bytes for each digest of `out`.
pub fn sha2_nodes_rfc6962(nodes: &[u8], out: &mut [[u8; 32]]) {
    assert_eq!(nodes.len(), NODE_LEN * out.len(), "{NODE_LEN} bytes a node");
    for (node, digest) in nodes.as_chunks::<NODE_LEN>().0.iter().zip(out) {
        let mut message = [crate::constants::RFC6962_NODE_PREFIX; 1 + NODE_LEN];
        message[1..].copy_from_slice(node);
        *digest = sha256(&message);
    }
}

/// Writes the double SHA-256 of each message to `out`, one after the other.
///
/// # Panics
/// If `messages` and `out` differ in length.
pub fn sha2_messages(messages: &[&[u8]], out: &mut [[u8; 32]]) {
    assert_eq!(messages.len(), out.len(), "one digest for each message");
    for (message, digest) in messages.iter().zip(out) {
        *digest = double_sha256(message);
    }
}

/// The most significant 32 bits of a hash as a number.
pub fn top_word(digest: &[u8; 32]) -> u32 {
    let [.., a, b, c, d] = *digest;
    u32::from_le_bytes([a, b, c, d])
}
