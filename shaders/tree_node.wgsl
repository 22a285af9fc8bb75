// The parent of two nodes of Bitcoin's Merkle tree. An unpaired last node is hashed with itself, so that a list with a
// repeated tail can have the root of the list without it. Therefore two equal children mark a tree as mutated
// (CVE-2012-2459).

const EQUAL_CHILDREN_MUTATE: bool = true;

fn parent(left: Hash, right: Hash) -> Hash {
    return hash_node(left.low, left.high, right.low, right.high);
}
