// One level of many Merkle trees: each invocation one node.
//
// Written by hand. It is joined with one text that defines `parent` (tree_node.wgsl, rfc6962_tree_node.wgsl), the texts that
// it calls, one that defines the rotations and one that defines ch and maj; shaders/README.md shows how.
//
// All nodes of all trees stand in one array: the leaves of all trees, then all nodes of the level above, and so on; last a
// copy of each tree's root. Each level is a dispatch. The host says of each node above the leaves what it is made of.

struct TreeLevel {
    // Number of this level's first node.
    first: u32,
    // How many nodes this level has. Invocations beyond them do nothing.
    count: u32,
    // How many leaves there are: the host wrote them, and they have no marks.
    leaves: u32,
    // An odd number that is the batch's own.
    tag: u32,
    rotations: Rotations,
}

@group(0) @binding(0) var<uniform> batch: TreeLevel;
// For each node above the leaves the number of its left child, shifted up by two bits, and how it is made.
@group(0) @binding(1) var<storage, read> sources: array<u32>;
// In wire order.
@group(0) @binding(2) var<storage, read_write> nodes: array<Hash>;
// The batch's tag plus the node's number, as it is or turned over: turned over, two equal neighbours were found at the node
// or below it. Any other word: the node or one below it was not computed by this batch.
@group(0) @binding(3) var<storage, read_write> marks: array<u32>;

override WORKGROUP_SIZE: u32 = 128u;

// How a node is made: of two children, of one that is its own neighbour, or as a copy.
const OF_TWO: u32 = 0u;
const OF_ONE: u32 = 1u;

// What is wrong at a node or below it; a node has the flaws of both its children.
const MUTATED: u32 = 1u;
const MISSING: u32 = 2u;

fn flaws_of(node: u32) -> u32 {
    if node < batch.leaves {
        return 0u;
    }
    let mark = batch.tag + node;
    let found = marks[node];
    return select(select(MISSING, MUTATED, found == ~mark), 0u, found == mark);
}

fn put(node: u32, hash: Hash, flaws: u32) {
    nodes[node] = hash;
    let mark = batch.tag + node;
    marks[node] = select(select(mark, ~mark, flaws == MUTATED), mark ^ 1u, flaws >= MISSING);
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
        put(node, nodes[left], flaws_of(left));
        return;
    }
    let right = left + (OF_ONE - made);
    let one = nodes[left];
    let other = nodes[right];
    let are_references = REFERENCES_MUTATE && made == OF_TWO && is_same(one, other);
    let flaws = flaws_of(left) | flaws_of(right) | select(0u, MUTATED, are_references);
    put(node, swap_hash(parent(swap_hash(one), swap_hash(other))), flaws);
}
