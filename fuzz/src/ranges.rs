//! Compact ranges and outlines: any split joins to the whole, whose nodes are those of the RFC's recursion; and only
//! the canonical text is accepted.

use cityseal_chain::merkle::Node;
use cityseal_chain::{CompactRange, TreeOutline, rfc6962};
use cityseal_hash::HashKernel;

use crate::cursor::Cursor;

/// Maximum number of leaves: above 256, so that an outline has a level above its leaves.
const LEAVES_MAX: u64 = 700;

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let text = |range: CompactRange| [&[0xff; 6][..], range.to_string().as_bytes()].concat();
    vec![
        vec![0, 0, 200, 2, 3, 5, 7],
        vec![3, 1, 5, 0, 0xff, 0],
        vec![0, 0, 0, 0],
        text(CompactRange::empty(7)),
        text(CompactRange::of_leaves(1, &[[1; 32]; 3], HashKernel::portable())),
        text(CompactRange::of_leaves(0, &[[2; 32]; 8], HashKernel::portable())),
    ]
}

pub(crate) fn body(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let mut number = || u64::from(cursor.byte()) | u64::from(cursor.byte()) << 8;
    let (first, count, cut) = (number() % 600, number() % LEAVES_MAX, number());
    split(first, count, cut % (count + 1));
    if let Ok(rest) = std::str::from_utf8(cursor.rest()) {
        text(rest);
    }
}

fn split(first: u64, count: u64, cut: u64) {
    let leaves: Vec<Node> = (first..first + count).map(|number| rfc6962::leaf_hash(&number.to_le_bytes())).collect();
    let (left, right) = leaves.split_at(cut as usize);
    let kernel = HashKernel::portable();
    let range = |first, leaves: &[Node]| CompactRange::of_leaves(first, leaves, kernel);
    let whole = range(first, &leaves);
    assert_eq!(range(first, left).join(range(first + cut, right)), whole);
    assert_eq!(whole.nodes(), nodes(first, &leaves, 64));
    text(&whole.to_string());
    let outline = |first, leaves: &[Node]| TreeOutline::of_leaves(first, leaves, kernel);
    assert_eq!(outline(first, left).join(outline(first + cut, right)), outline(first, &leaves));
    assert_eq!(outline(first, &leaves).to_compact_range(), whole);
}

/// Computes the nodes by halving: a run that is one aligned subtree has one node; any other run has those of its parts
/// on both sides of the middle of the smallest subtree that contains it.
fn nodes(first: u64, leaves: &[Node], level: u32) -> Vec<Node> {
    let end = first + leaves.len() as u64;
    if leaves.is_empty() {
        return Vec::new();
    }
    if level < 64 && first.is_multiple_of(1 << level) && end - first == 1 << level {
        return vec![rfc6962::root(leaves)];
    }
    let Some(below) = level.checked_sub(1) else { return Vec::new() };
    let middle = ((end - 1) >> below) << below;
    if middle <= first {
        return nodes(first, leaves, below);
    }
    let (left, right) = leaves.split_at((middle - first) as usize);
    [nodes(first, left, below), nodes(middle, right, below)].concat()
}

fn text(text: &str) {
    if let Ok(range) = text.parse::<CompactRange>() {
        assert_eq!(range.to_string(), text);
    }
    if let Ok(outline) = text.parse::<TreeOutline>() {
        assert_eq!(outline.to_string(), text);
    }
}

#[test]
fn the_recursion_gives_the_nodes_of_an_unaligned_run() {
    let leaves: Vec<Node> = (3..13_u64).map(|number| rfc6962::leaf_hash(&number.to_le_bytes())).collect();
    let expected = [&leaves[..1], &leaves[1..5], &leaves[5..9], &leaves[9..]].map(rfc6962::root);
    assert_eq!(nodes(3, &leaves, 64), expected);
}
