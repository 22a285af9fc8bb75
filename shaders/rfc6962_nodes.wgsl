// The SHA-256 of packed Merkle nodes of RFC 6962 (left hash, right hash) of 64 bytes (four vectors) each.

@compute @workgroup_size(WORKGROUP_SIZE)
fn hash_rfc6962_nodes(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= batch.count {
        return;
    }
    let at = id.x * 4u;
    put(id.x, hash_rfc6962_pair(
        swap_hash(Hash(items[at], items[at + 1u])),
        swap_hash(Hash(items[at + 2u], items[at + 3u])),
    ));
}
