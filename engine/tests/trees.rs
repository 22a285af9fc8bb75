//! Merkle trees in bulk: the verdicts of a reference implementation, whatever the devices do.
#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use cityseal_device::fake::{Behaviour, FakeOpener};
use cityseal_device::inject::{Fault, Injection, Injector, When};
use cityseal_device::known_answers;
use cityseal_device::{CpuBackend, CpuOpener};
use cityseal_engine::device::MerkleKind;
use cityseal_engine::hash::{HashKernel, double_sha256, sha256};
use cityseal_engine::{Engine, TreeVerdict, TreesError, TreesRequest};

/// The root, pair by pair.
fn slow_root(leaves: &[[u8; 32]], rule: MerkleKind) -> [u8; 32] {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        let above = |pair: &[[u8; 32]]| match (pair, rule) {
            ([left, right], MerkleKind::Bitcoin) => double_sha256(&[*left, *right].concat()),
            ([left, right], MerkleKind::Rfc6962Sha256) => sha256(&[&[1][..], left, right].concat()),
            ([lonely], MerkleKind::Bitcoin) => double_sha256(&[*lonely, *lonely].concat()),
            _ => pair[0],
        };
        level = level.chunks(2).map(above).collect();
    }
    level[0]
}

/// Trees of 1 to 99 leaves and one that no part has room for beside others, with what is to be said of each: a wrong root
/// every seventh time, a mutated tree every eleventh.
fn trees(rule: MerkleKind) -> (TreesRequest, Vec<TreeVerdict>) {
    let mut request = TreesRequest::new(rule);
    let mut expected = Vec::new();
    for index in 0..300_u32 {
        let count = if index == 150 { 40_000 } else { 1 + index % 99 };
        let mut leaves: Vec<[u8; 32]> =
            (0..count).map(|leaf| sha256(&[index, leaf].map(u32::to_le_bytes).concat())).collect();
        let is_mutated = index % 11 == 0 && rule == MerkleKind::Bitcoin && count % 2 == 1 && count > 1;
        if is_mutated {
            leaves.push(leaves[leaves.len() - 1]);
        }
        let root = slow_root(&leaves, rule);
        let claimed = if index % 7 == 0 { [index as u8; 32] } else { root };
        request.push(&leaves, claimed).unwrap();
        expected.push(match (index % 7, is_mutated) {
            (0, _) => TreeVerdict::Wrong { found: root },
            (_, true) => TreeVerdict::Mutated,
            (_, false) => TreeVerdict::Right,
        });
    }
    (request, expected)
}

#[test]
fn verdicts_are_those_of_the_reference_in_the_order_of_the_trees() {
    let engine = Engine::builder().gpu(false).build().unwrap();
    for rule in [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256] {
        let (request, expected) = trees(rule);
        assert_eq!(expected.contains(&TreeVerdict::Mutated), rule == MerkleKind::Bitcoin);
        let report = engine.check_trees(request).unwrap();
        assert_eq!(report.verdicts, expected);
        assert!(report.devices[0].leaves > 40_000, "{:?}", report.devices);
    }
    assert_eq!(engine.check_trees(TreesRequest::new(MerkleKind::Bitcoin)).unwrap().verdicts, []);
}

#[test]
fn verdicts_are_the_same_whatever_a_device_does() {
    let (request, expected) = trees(MerkleKind::Bitcoin);
    let start = known_answers::cases(&CpuBackend::new(HashKernel::portable())).len() as u64;
    for behaviour in [Behaviour::Honest, Behaviour::Late, Behaviour::Lost, Behaviour::Panics, Behaviour::Zeros] {
        let fake = FakeOpener::new("fake").from_batch(start, behaviour);
        let engine = Engine::builder().gpu(false).threads(Some(1)).add_device(Box::new(fake)).build().unwrap();
        assert_eq!(engine.check_trees(request.clone()).unwrap().verdicts, expected, "{behaviour:?}");
    }
    for seed in 0..50 {
        let plan = vec![Injection { when: When::From(0), fault: Fault::BitFlip { seed } }];
        let device = Injector::new(Box::new(CpuOpener::new(HashKernel::detect())), plan).posing_as("flips");
        let engine = Engine::builder().gpu(false).threads(Some(1)).add_device(Box::new(device)).build().unwrap();
        assert_eq!(engine.check_trees(request.clone()).unwrap().verdicts, expected, "seed {seed}");
    }
}

#[test]
fn a_tree_without_leaves_is_refused_and_named() {
    let mut request = TreesRequest::new(MerkleKind::Bitcoin);
    request.push(&[[1; 32]], [1; 32]).unwrap();
    assert_eq!(request.push(&[], [0; 32]), Err(TreesError::Empty { index: 1 }));
}

#[test]
fn trees_fail_rather_than_wait_for_a_device_that_is_gone() {
    let start = known_answers::cases(&CpuBackend::new(HashKernel::portable())).len() as u64;
    let liar = FakeOpener::new("fake").from_batch(start, Behaviour::Zeros);
    let builder = Engine::builder().gpu(false).devices(vec!["fake".to_owned()]).add_device(Box::new(liar));
    let engine = builder.build().unwrap();
    let (request, _) = trees(MerkleKind::Bitcoin);
    assert_eq!(engine.check_trees(request).unwrap_err(), TreesError::NoDevice);
}
