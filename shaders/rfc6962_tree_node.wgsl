// The parent of two nodes of the tree of RFC 6962. There a node without a neighbour rises unhashed, and equal neighbours are
// nothing to remark on.

const REFERENCES_MUTATE: bool = false;

fn parent(left: Hash, right: Hash) -> Hash {
    return hash_rfc6962_pair(left, right);
}
