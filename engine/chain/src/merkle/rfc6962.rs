//! The Merkle tree of RFC 6962 (Certificate Transparency), which a custom network may use instead of Bitcoin's.
//!
//! Single SHA-256, with the byte 0x00 before each leaf and 0x01 before each node: a leaf cannot pass for a node, and no
//! two lists of leaves have the same root. Consistency proofs are not implemented.

use super::bitcoin::Node;
use cityseal_hash::sha256;

/// The hash of one leaf's data: SHA-256 of 0x00 and the data (RFC 6962, section 2.1).
pub fn leaf_hash(data: &[u8]) -> Node {
    let mut message = Vec::with_capacity(1 + data.len());
    message.push(0x00);
    message.extend_from_slice(data);
    sha256(&message)
}

/// The parent of two nodes: SHA-256 of 0x01 and both.
pub fn parent(left: &Node, right: &Node) -> Node {
    let mut message = [0x01; 65];
    message[1..33].copy_from_slice(left);
    message[33..].copy_from_slice(right);
    sha256(&message)
}

/// The root over leaf hashes, in order. The root of no leaves is the hash of the empty string.
pub fn root(leaf_hashes: &[Node]) -> Node {
    let mut level = leaf_hashes.to_vec();
    while level.len() > 1 {
        level = parents(&level);
    }
    level.first().copied().unwrap_or_else(|| sha256(&[]))
}

/// The level above. An unpaired last node moves up unhashed, which is the RFC's split at the largest power of two below
/// the length.
fn parents(level: &[Node]) -> Vec<Node> {
    level.chunks(2).map(|pair| if let [left, right] = pair { parent(left, right) } else { pair[0] }).collect()
}

/// The audit path of leaf `index`, from the leaves up (RFC 6962, section 2.1.1); `None` if there is no such leaf.
pub fn audit_path(leaf_hashes: &[Node], index: u64) -> Option<Vec<Node>> {
    let mut at = usize::try_from(index).ok().filter(|&at| at < leaf_hashes.len())?;
    let mut level = leaf_hashes.to_vec();
    let mut path = Vec::new();
    while level.len() > 1 {
        path.extend(level.get(at ^ 1));
        level = parents(&level);
        at /= 2;
    }
    Some(path)
}

/// Folds a leaf hash with its audit path to the root of a tree of `size` leaves; `None` if the path does not have the
/// length for that leaf, or if there is no such leaf.
pub fn fold(leaf_hash: &Node, index: u64, size: u64, path: &[Node]) -> Option<Node> {
    if index >= size {
        return None;
    }
    let mut path = path.iter();
    // `at` is the node's index in its level, `last` that level's last index. A node at an even last index has no
    // sibling.
    let (mut node, mut at, mut last) = (*leaf_hash, index, size - 1);
    while last > 0 {
        if at % 2 == 1 {
            node = parent(path.next()?, &node);
        } else if at < last {
            node = parent(&node, path.next()?);
        }
        (at, last) = (at / 2, last / 2);
    }
    path.next().is_none().then_some(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: u8) -> Vec<Node> {
        (0..count).map(|number| leaf_hash(&[number])).collect()
    }

    /// The RFC's own recursion over k, the largest power of two smaller than n.
    fn root_by_recursion(leaves: &[Node]) -> Node {
        match leaves.len() {
            0 => sha256(&[]),
            1 => leaves[0],
            n => {
                let k = n.next_power_of_two() / 2;
                parent(&root_by_recursion(&leaves[..k]), &root_by_recursion(&leaves[k..]))
            }
        }
    }

    #[test]
    fn the_empty_tree_has_the_hash_of_the_empty_string() {
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(crate::hex::encode(&root(&[])), expected);
    }

    #[test]
    fn an_empty_leaf_is_hashed_with_its_prefix() {
        let expected = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(crate::hex::encode(&root(&[leaf_hash(b"")])), expected);
    }

    #[test]
    fn a_repeated_tail_changes_the_root() {
        let three = leaves(3);
        let mut forged = three.clone();
        forged.push(three[2]);
        assert_ne!(root(&forged), root(&three));
    }

    #[test]
    fn refuses_a_path_that_is_too_short_too_long_or_of_no_leaf() {
        let five = leaves(5);
        let path = audit_path(&five, 1).unwrap();
        assert_eq!(fold(&five[1], 1, 5, &path), Some(root(&five)));
        assert_eq!(fold(&five[1], 1, 5, &path[..2]), None);
        assert_eq!(fold(&five[1], 1, 5, &[path.clone(), vec![five[0]]].concat()), None);
        assert_eq!(fold(&five[1], 5, 5, &path), None);
        assert_eq!(audit_path(&five, 5), None);
    }

    proptest! {
        #[test]
        fn root_and_every_path_agree_with_the_recursive_definition(count in 0u8..70) {
            let leaves = leaves(count);
            let expected = root_by_recursion(&leaves);
            prop_assert_eq!(root(&leaves), expected);
            for (index, leaf) in (0..).zip(&leaves) {
                let path = audit_path(&leaves, index).unwrap();
                prop_assert_eq!(fold(leaf, index, u64::from(count), &path), Some(expected));
            }
        }
    }
}
