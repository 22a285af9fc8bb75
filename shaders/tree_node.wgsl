// The parent of two nodes of Bitcoin's Merkle tree. There a last node without a neighbour is its own neighbour, so that a
// list with a repeated tail can have the root of the list without it: two equal neighbours make a tree suspect
// (CVE-2012-2459).

const REFERENCES_MUTATE: bool = true;

fn parent(left: Hash, right: Hash) -> Hash {
    return hash_node(left.low, left.high, right.low, right.high);
}
