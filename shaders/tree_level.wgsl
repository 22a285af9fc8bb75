// One level of many Merkle trees: each invocation computes one node.
//
// Written by hand. It is joined with one file that defines `parent` (tree_node.wgsl, rfc6962_tree_node.wgsl), the files
// that this one calls, one that defines the rotations and one that defines ch and maj; see shaders/README.md.
//
// All nodes of all trees are in one array: the leaves of all trees, then all nodes of the level above, and so on; last
// a copy of each tree's root. Each level is a dispatch. For each node above the leaves the host gives its source.

struct TreeLevel {
    // Index of this level's first node.
    first: u32,
    // The number of nodes of this level. Further invocations do nothing.
    count: u32,
    // The number of leaves. The host wrote them, and they have no marks.
    leaves: u32,
    // The odd number that marks the results of this batch.
    tag: u32,
    rotations: Rotations,
}

@group(0) @binding(0) var<uniform> batch: TreeLevel;
// For each node above the leaves the index of its left child, shifted up by two bits, plus how it is computed.
@group(0) @binding(1) var<storage, read> sources: array<u32>;
// The nodes, in wire order.
@group(0) @binding(2) var<storage, read_write> nodes: array<Hash>;
// The batch's tag plus the node's index, as is or inverted. Inverted means that two equal children were found at the
// node or below it. Any other word means that this batch did not compute the node or one below it.
@group(0) @binding(3) var<storage, read_write> marks: array<u32>;

override WORKGROUP_SIZE: u32 = 128u;

// How a node is computed: from two children, from one child hashed with itself, or (any other value) as a copy.
const OF_TWO: u32 = 0u;
const OF_ONE: u32 = 1u;

// Flags of a node: equal children, or a missing mark, at the node or below it. A node inherits the flags of its
// children.
const MUTATED: u32 = 1u;
const MISSING: u32 = 2u;

fn flags_of(node: u32) -> u32 {
    if node < batch.leaves {
        return 0u;
    }
    let mark = batch.tag + node;
    let found = marks[node];
    return select(select(MISSING, MUTATED, found == ~mark), 0u, found == mark);
}

fn put(node: u32, hash: Hash, flags: u32) {
    nodes[node] = hash;
    let mark = batch.tag + node;
    marks[node] = select(select(mark, ~mark, flags == MUTATED), mark ^ 1u, flags >= MISSING);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn hash_level(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= batch.count {
        return;
    }
    let node = batch.first + id.x;
    let source = sources[node - batch.leaves];
    let made = source & 3u;
    let left = source >> 2u;
    if made > OF_ONE {
        put(node, nodes[left], flags_of(left));
        return;
    }
    let right = left + (OF_ONE - made);
    let one = nodes[left];
    let other = nodes[right];
    let are_equal = EQUAL_CHILDREN_MUTATE && made == OF_TWO && is_same(one, other);
    let flags = flags_of(left) | flags_of(right) | select(0u, MUTATED, are_equal);
    put(node, swap_hash(parent(swap_hash(one), swap_hash(other))), flags);
}
