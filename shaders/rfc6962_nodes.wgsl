// The SHA-256 of packed Merkle nodes of RFC 6962, section 2.1: a byte 1, then left hash and right hash (64 bytes, four
// vectors, each). That byte moves all that follows by one: each word of the message has bytes of two of the node's.

// Four words of the message: the last byte of the word before, and of each word all but its last byte.
fn moved_by_one(before: u32, x: vec4<u32>) -> vec4<u32> {
    return (vec4<u32>(before, x.x, x.y, x.z) << vec4<u32>(24u)) | (x >> vec4<u32>(8u));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn hash_rfc6962_nodes(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= batch.count {
        return;
    }
    let at = id.x * 4u;
    let first = swap_each(items[at]);
    let second = swap_each(items[at + 1u]);
    let third = swap_each(items[at + 2u]);
    let fourth = swap_each(items[at + 3u]);
    put(id.x, hash_rfc6962_node(
        moved_by_one(1u, first),
        moved_by_one(first.w, second),
        moved_by_one(second.w, third),
        moved_by_one(third.w, fourth),
        // The last byte, and the padding's first bit.
        vec4<u32>((fourth.w << 24u) | 0x00800000u, 0u, 0u, 0u),
    ));
}
