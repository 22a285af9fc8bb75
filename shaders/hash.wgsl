// Hashes many items of one size: each invocation hashes one item.
//
// Written by hand. It is joined with one entry point (headers.wgsl, nodes.wgsl, rfc6962_nodes.wgsl), the texts that the
// entry point calls, one that defines the rotations and one that defines ch and maj; see shaders/README.md.

struct HashBatch {
    // The number of items. Further invocations do nothing.
    count: u32,
    // The number that marks the results of this batch.
    tag: u32,
    unused_2: u32,
    unused_3: u32,
    rotations: Rotations,
}

@group(0) @binding(0) var<uniform> batch: HashBatch;
// The items as the host sent them, four little-endian words per vector.
@group(0) @binding(1) var<storage, read> items: array<vec4<u32>>;
// The hash of each item, in wire order.
@group(0) @binding(2) var<storage, read_write> hashes: array<Hash>;
// For each item the batch's tag plus the item's index. A buffer of zeros or of an older batch has other values.
@group(0) @binding(3) var<storage, read_write> marks: array<u32>;

override WORKGROUP_SIZE: u32 = 128u;

fn put(item: u32, state: Hash) {
    hashes[item] = swap_hash(state);
    marks[item] = batch.tag + item;
}
