// Shared by all shaders that hash whole items: a hash in two vectors, and the byte swap of a vector.

// The state of SHA-256, or a hash: words 0 to 3, words 4 to 7.
struct Hash {
    low: vec4<u32>,
    high: vec4<u32>,
}

fn swap_each(x: vec4<u32>) -> vec4<u32> {
    return vec4<u32>(swap_bytes(x.x), swap_bytes(x.y), swap_bytes(x.z), swap_bytes(x.w));
}

// Converts a state to a hash in wire order, and back.
fn swap_hash(x: Hash) -> Hash {
    return Hash(swap_each(x.low), swap_each(x.high));
}

fn is_same(one: Hash, other: Hash) -> bool {
    return all(one.low == other.low) && all(one.high == other.high);
}
