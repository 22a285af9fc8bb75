// The parent of two nodes of the tree of RFC 6962. An unpaired node moves up unchanged, and equal children are allowed.

const EQUAL_CHILDREN_MUTATE: bool = false;

fn parent(left: Hash, right: Hash) -> Hash {
    return hash_rfc6962_pair(left, right);
}
