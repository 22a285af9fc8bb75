// The double SHA-256 of packed headers of 80 bytes (five vectors) each.

@compute @workgroup_size(WORKGROUP_SIZE)
fn hash_headers(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= batch.count {
        return;
    }
    let at = id.x * 5u;
    put(id.x, hash_header(
        swap_each(items[at]),
        swap_each(items[at + 1u]),
        swap_each(items[at + 2u]),
        swap_each(items[at + 3u]),
        swap_each(items[at + 4u]),
    ));
}
