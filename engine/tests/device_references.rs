//! The CPU back end gives the same answers for headers and trees as the domain crate.
#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::sync::Arc;
use std::time::Duration;

use cityseal_device::{Backend, Batch, CheckBatch, CpuBackend, NodeRule, Report, TreeRoot, TreesBatch};
use cityseal_engine::chain::merkle::{self, MerkleError};
use cityseal_engine::chain::{BlockHash, BlockHeader, CompactTarget, rfc6962};
use cityseal_engine::hash::{HEADER_LEN, HashKernel};
use proptest::prelude::*;

fn ask(batch: Batch) -> Report {
    let mut backend = CpuBackend::new(HashKernel::detect());
    backend.submit(batch).unwrap();
    backend.collect(Duration::ZERO).unwrap().unwrap().report
}

/// Compact targets: many that some hashes meet, and invalid ones.
fn compact_target() -> impl Strategy<Value = u32> {
    let of = |exponent: u32, mantissa: u32| (0..mantissa).prop_map(move |word| exponent << 24 | word);
    prop_oneof![
        any::<u32>(),
        of(0x20, 0x100_0000),
        of(0x21, 0x2_0000),
        of(0x22, 0x200),
        of(0x1f, 0x80_0000),
        of(0x03, 0x100_0000),
    ]
}

fn header() -> impl Strategy<Value = (BlockHeader, bool)> {
    let bytes = prop::collection::vec(any::<u8>(), HEADER_LEN);
    (bytes, compact_target(), prop::bool::weighted(0.8)).prop_map(|(bytes, bits, is_linked)| {
        let mut header = BlockHeader::from_wire(bytes.as_slice().try_into().unwrap());
        header.bits = CompactTarget::from_bits(bits);
        (header, is_linked)
    })
}

/// Headers, some of which link to the one before.
fn headers() -> impl Strategy<Value = Vec<BlockHeader>> {
    prop::collection::vec(header(), 1..40).prop_map(|drawn| {
        let mut headers: Vec<BlockHeader> = Vec::new();
        for (mut header, is_linked) in drawn {
            if let Some(before) = headers.last().filter(|_| is_linked) {
                header.prev_block_hash = before.hash();
            }
            headers.push(header);
        }
        headers
    })
}

fn passes(header: &BlockHeader, next: Option<&BlockHeader>) -> bool {
    let hash = header.hash();
    let is_under = header.bits.decode().is_ok_and(|target| target.is_met_by(&hash));
    is_under && next.is_none_or(|next| next.prev_block_hash == hash)
}

type Leaves = Vec<[u8; 32]>;

/// Trees, a third of them with a repeated tail.
fn trees() -> impl Strategy<Value = Vec<Leaves>> {
    let leaves = prop::collection::vec(any::<[u8; 32]>(), 1..40);
    let tree = (leaves, 0_u32..3, 0_u32..4).prop_map(|(mut leaves, die, doublings)| {
        let tail = 1 << doublings;
        if die == 0 && leaves.len() >= tail {
            leaves.extend_from_within(leaves.len() - tail..);
        }
        leaves
    });
    prop::collection::vec(tree, 1..12)
}

fn ask_roots(trees: &[Leaves], rule: NodeRule) -> Vec<TreeRoot> {
    let leaves = trees.concat().as_flattened().to_vec();
    let counts = trees.iter().map(|tree| tree.len() as u32).collect();
    let Report::Trees(roots) = ask(Batch::Trees(TreesBatch::new(Arc::new(leaves), Arc::new(counts), rule))) else {
        panic!("no roots")
    };
    roots
}

fn root_by_the_domain(tree: &Leaves, rule: NodeRule) -> TreeRoot {
    if rule == NodeRule::Rfc6962 {
        return TreeRoot { root: rfc6962::root(tree), mutated: false };
    }
    match merkle::root(tree) {
        Ok(root) => TreeRoot { root: root.to_wire(), mutated: false },
        Err(MerkleError::Duplicated { root, .. }) => TreeRoot { root: root.to_wire(), mutated: true },
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #[test]
    fn a_tree_has_the_root_and_the_suspicion_that_the_domain_finds(trees in trees()) {
        for rule in [NodeRule::Bitcoin, NodeRule::Rfc6962] {
            let expected: Vec<TreeRoot> = trees.iter().map(|tree| root_by_the_domain(tree, rule)).collect();
            prop_assert_eq!(ask_roots(&trees, rule), expected);
        }
    }

    #[test]
    fn a_header_has_its_bit_where_work_and_link_are_right(headers in headers()) {
        let expected: Vec<bool> = (0..headers.len()).map(|at| passes(&headers[at], headers.get(at + 1))).collect();
        let packed: Vec<u8> = headers.iter().flat_map(BlockHeader::to_wire).collect();
        let Report::Bits(bits) = ask(Batch::Check(CheckBatch::bits(Arc::new(packed)))) else { panic!("no bits") };
        prop_assert_eq!(bits.passed, expected);
        prop_assert_eq!(Some(BlockHash::from_wire(bits.last_hash)), headers.last().map(BlockHeader::hash));
    }
}

#[test]
fn a_batch_of_many_chunks_is_linked_across_them() {
    let mut headers = vec![BlockHeader::from_wire(&[0; HEADER_LEN])];
    for nonce in 1..10_000 {
        let mut header = BlockHeader::from_wire(&[0; HEADER_LEN]);
        // 0x22 and 0x00ff: a number that nearly every hash is under.
        (header.bits, header.nonce) = (CompactTarget::from_bits(0x2200_00ff), nonce);
        header.prev_block_hash = headers[headers.len() - 1].hash();
        headers.push(header);
    }
    let packed: Vec<u8> = headers.iter().flat_map(BlockHeader::to_wire).collect();
    let Report::Bits(bits) = ask(Batch::Check(CheckBatch::bits(Arc::new(packed)))) else { panic!("no bits") };
    let expected: Vec<bool> = (0..headers.len()).map(|at| passes(&headers[at], headers.get(at + 1))).collect();
    assert!(expected.iter().filter(|passed| **passed).count() > 9_900);
    assert_eq!(bits.passed, expected);
}
