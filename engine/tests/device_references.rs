//! The CPU back end gives the same answers for headers and trees as the domain crate.
#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::sync::Arc;
use std::time::Duration;

use cityseal_device::{Backend, Batch, CpuBackend, MerkleKind, Report, TreeRoot, TreesBatch};
use cityseal_engine::chain::merkle::{self, MerkleError};
use cityseal_engine::chain::rfc6962;
use cityseal_engine::hash::HashKernel;
use proptest::prelude::*;

fn ask(batch: Batch) -> Report {
    let mut backend = CpuBackend::new(HashKernel::detect());
    backend.submit(batch).unwrap();
    backend.collect(Duration::ZERO).unwrap().unwrap().report
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

fn ask_roots(trees: &[Leaves], rule: MerkleKind) -> Vec<TreeRoot> {
    let leaves = trees.concat().as_flattened().to_vec();
    let counts = trees.iter().map(|tree| tree.len() as u32).collect();
    let Report::Trees(roots) = ask(Batch::Trees(TreesBatch::new(Arc::new(leaves), Arc::new(counts), rule))) else {
        panic!("no roots")
    };
    roots
}

fn root_by_the_domain(tree: &Leaves, rule: MerkleKind) -> TreeRoot {
    if rule == MerkleKind::Rfc6962Sha256 {
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
    fn a_tree_has_the_root_and_the_mutated_flag_that_the_domain_finds(trees in trees()) {
        for rule in [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256] {
            let expected: Vec<TreeRoot> = trees.iter().map(|tree| root_by_the_domain(tree, rule)).collect();
            prop_assert_eq!(ask_roots(&trees, rule), expected);
        }
    }
}
