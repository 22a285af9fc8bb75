// The SHA-256 of a node of RFC 6962, section 2.1: a byte 1, then left hash and right hash. That byte moves all that follows
// by one: each word of the message has bytes of two of the node's.

// Four words of the message: the last byte of the word before, and of each word all but its last byte.
fn moved_by_one(before: u32, x: vec4<u32>) -> vec4<u32> {
    return (vec4<u32>(before, x.x, x.y, x.z) << vec4<u32>(24u)) | (x >> vec4<u32>(8u));
}

fn hash_rfc6962_pair(left: Hash, right: Hash) -> Hash {
    return hash_rfc6962_node(
        moved_by_one(1u, left.low),
        moved_by_one(left.low.w, left.high),
        moved_by_one(left.high.w, right.low),
        moved_by_one(right.low.w, right.high),
        // The last byte, and the padding's first bit.
        vec4<u32>((right.high.w << 24u) | 0x00800000u, 0u, 0u, 0u),
    );
}
