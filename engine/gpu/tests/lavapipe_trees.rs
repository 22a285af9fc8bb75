//! K4: on software Vulkan, the shaders for whole Merkle trees give the roots that the portable kernel gives.

mod common;

use std::sync::Arc;

use cityseal_device::{Backend, Batch, CheckBatch, CpuBackend, MerkleKind, Report, TreesBatch};
use cityseal_gpu::shader::Variant;
use cityseal_hash::{HEADER_LEN, HashKernel};
use common::{ask, assert_is_lavapipe, collect, lavapipe};

/// The same numbers in every run: a linear congruential generator (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    fn below(&mut self, end: u32) -> u32 {
        self.word() % end
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.word() as u8).collect()
    }

    /// Trees of these sizes; in some of them the last leaves are repeated, as in a forgery.
    fn trees(&mut self, sizes: &[u32], rule: MerkleKind) -> Batch {
        let mut leaves = Vec::new();
        for size in sizes {
            let mut own = self.bytes(*size as usize * 32);
            let tail = 32 << self.below(4);
            if own.len() >= 2 * tail && self.below(3) == 0 {
                let (from, to) = (own.len() - 2 * tail, own.len() - tail);
                own.copy_within(from..to, to);
            }
            leaves.append(&mut own);
        }
        Batch::Trees(TreesBatch::new(Arc::new(leaves), Arc::new(sizes.to_vec()), rule))
    }

    fn sizes(&mut self, count: usize, end: u32) -> Vec<u32> {
        (0..count).map(|_| 1 + self.below(end)).collect()
    }
}

const RULES: [MerkleKind; 2] = [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256];

fn assert_agrees(backend: &mut dyn Backend, batch: &Batch) -> Report {
    let report = ask(backend, batch.clone());
    let expected = ask(&mut CpuBackend::new(HashKernel::portable()), batch.clone());
    assert!(report.agrees(&expected), "{batch:?}");
    assert_is_lavapipe(backend);
    report
}

/// How many of a report's trees are mutated.
fn mutated(report: &Report) -> usize {
    let Report::Trees(trees) = report else { panic!("expected a report of trees") };
    trees.iter().filter(|tree| tree.mutated).count()
}

#[test]
fn every_variant_computes_the_roots_of_random_trees() {
    let test = "every_variant_computes_the_roots_of_random_trees";
    for variant in Variant::ALL {
        let Some(mut backend) = lavapipe(test, Some(variant)) else { return };
        let mut random = Random(30);
        for rule in RULES {
            let sizes = random.sizes(150, 40);
            let batch = random.trees(&sizes, rule);
            let found = mutated(&assert_agrees(backend.as_mut(), &batch));
            assert_eq!(found > 5, rule == MerkleKind::Bitcoin, "{found} mutated trees");
        }
    }
}

#[test]
fn trees_are_correct_at_the_edges_of_a_group_and_of_the_limits() {
    let Some(mut backend) = lavapipe("trees_are_correct_at_the_edges_of_a_group_and_of_the_limits", None) else {
        return;
    };
    let mut random = Random(31);
    let most = backend.info().limits.tree_leaves_max as u32;
    let of_five = vec![5; (most / 5) as usize];
    let alone = [1, 2, 3, 127, 128, 129, 255, 257, most / 2 + 1, most - 1, most].map(|size| vec![size]);
    for sizes in alone.into_iter().chain([vec![1; most as usize], vec![2; (most / 2) as usize], of_five]) {
        for rule in RULES {
            let batch = random.trees(&sizes, rule);
            assert_agrees(backend.as_mut(), &batch);
        }
    }
}

#[test]
fn trees_of_many_sizes_are_returned_in_order() {
    let Some(mut backend) = lavapipe("trees_of_many_sizes_are_returned_in_order", None) else { return };
    let mut random = Random(32);
    for rule in RULES {
        let sizes: Vec<u32> = (1..200).chain([2_000, 1, 3_000, 1_024, 1_025]).collect();
        let batch = random.trees(&sizes, rule);
        assert_agrees(backend.as_mut(), &batch);
    }
}

#[test]
fn trees_and_hashes_in_flight_do_not_disturb_each_other() {
    let Some(mut backend) = lavapipe("trees_and_hashes_in_flight_do_not_disturb_each_other", None) else { return };
    let mut random = Random(33);
    for round in 0..6 {
        let (sizes, more) = (random.sizes(20 + round, 100), random.sizes(9, 50));
        let batches = [
            random.trees(&sizes, RULES[round % 2]),
            Batch::Check(CheckBatch::new(Arc::new(random.bytes(300 * HEADER_LEN)))),
            random.trees(&more, RULES[(round + 1) % 2]),
        ];
        for batch in batches.clone() {
            backend.submit(batch).expect("the device takes the batch");
        }
        for batch in batches {
            let expected = ask(&mut CpuBackend::new(HashKernel::portable()), batch);
            assert!(collect(backend.as_mut()).report.agrees(&expected));
        }
    }
}
