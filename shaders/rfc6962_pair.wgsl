// The SHA-256 of a node of RFC 6962, section 2.1: a byte 1, then left hash and right hash. The byte moves all others by
// one, so that each word of the message has bytes of two words of the node.

// Four words of the message, moved by one byte: the first begins with the last byte of `before`.
fn moved_by_one(before: u32, x: vec4<u32>) -> vec4<u32> {
    return (vec4<u32>(before, x.x, x.y, x.z) << vec4<u32>(24u)) | (x >> vec4<u32>(8u));
}

fn hash_rfc6962_pair(left: Hash, right: Hash) -> Hash {
    return hash_rfc6962_node(
        moved_by_one(1u, left.low),
        moved_by_one(left.low.w, left.high),
        moved_by_one(left.high.w, right.low),
        moved_by_one(right.low.w, right.high),
        // The last byte, and the first bit of the padding.
        vec4<u32>((right.high.w << 24u) | 0x00800000u, 0u, 0u, 0u),
    );
}
