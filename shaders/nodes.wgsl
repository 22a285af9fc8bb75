// The double SHA-256 of packed Merkle nodes (left hash, right hash) of 64 bytes (four vectors) each.

@compute @workgroup_size(WORKGROUP_SIZE)
fn hash_nodes(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= batch.count {
        return;
    }
    let at = id.x * 4u;
    put(id.x, hash_node(
        swap_each(items[at]),
        swap_each(items[at + 1u]),
        swap_each(items[at + 2u]),
        swap_each(items[at + 3u]),
    ));
}
