// Hashes many items of one size: each invocation one item.
//
// Written by hand. It is joined with one entry point (headers.wgsl, nodes.wgsl, rfc6962_nodes.wgsl), the text that it
// calls, one that defines the rotations and one that defines ch and maj; shaders/README.md shows how.

struct HashBatch {
    // How many items there are. Invocations beyond them do nothing.
    count: u32,
    // A number that is the batch's own.
    tag: u32,
    unused_2: u32,
    unused_3: u32,
    rotations: Rotations,
}

// The state of SHA-256, or a hash: words 0 to 3, words 4 to 7.
struct Hash {
    low: vec4<u32>,
    high: vec4<u32>,
}

@group(0) @binding(0) var<uniform> batch: HashBatch;
// The items as they came, four little-endian words to a vector.
@group(0) @binding(1) var<storage, read> items: array<vec4<u32>>;
// Each item's hash in wire order.
@group(0) @binding(2) var<storage, read_write> hashes: array<Hash>;
// Beside each hash the batch's tag plus the item's number. A buffer of zeros, or of an older batch, does not have it.
@group(0) @binding(3) var<storage, read_write> marks: array<u32>;

override WORKGROUP_SIZE: u32 = 128u;

fn swap_each(x: vec4<u32>) -> vec4<u32> {
    return vec4<u32>(swap_bytes(x.x), swap_bytes(x.y), swap_bytes(x.z), swap_bytes(x.w));
}

fn put(item: u32, state: Hash) {
    hashes[item] = Hash(swap_each(state.low), swap_each(state.high));
    marks[item] = batch.tag + item;
}
