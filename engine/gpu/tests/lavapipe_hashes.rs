//! K4: the shaders that check headers to one bit, that hash whole trees and messages of any length give, on software
//! Vulkan, what the portable kernel gives.

mod common;

use std::sync::Arc;

use cityseal_device::{
    Backend, Batch, CheckBatch, CpuBackend, HashTimes, MerkleKind, MessagesBatch, Report, TreesBatch,
};
use cityseal_gpu::shader::Variant;
use cityseal_hash::{HEADER_LEN, HashKernel, double_sha256};
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

    /// Most of them are met by some hashes: the exponent that brings a mantissa of so many bytes to the highest byte.
    fn compact_target(&mut self) -> u32 {
        match self.below(10) {
            0 => self.word(),
            1 => 0x2080_0000 | self.below(0x80_0000),
            2 => 0x2100_0000 | self.below(0x2_0000),
            3 => 0x2200_0000 | self.below(0x200),
            4 => 0x2100_0000 | self.below(0x1_0000),
            5 => 0x2200_0000 | self.below(0x100),
            _ => 0x2000_0000 | self.below(0x80_0000),
        }
    }

    /// Headers of which each but one in eight names the hash of the one before it.
    fn headers(&mut self, count: usize) -> Vec<u8> {
        let mut headers = self.bytes(count * HEADER_LEN);
        let mut before = [0; 32];
        for header in headers.as_chunks_mut::<HEADER_LEN>().0 {
            header[4..36].copy_from_slice(&before);
            if self.below(8) == 0 {
                header[4 + self.below(32) as usize] ^= 1 << self.below(8);
            }
            header[72..76].copy_from_slice(&self.compact_target().to_le_bytes());
            before = double_sha256(header);
        }
        headers
    }
}

impl Random {
    /// Trees of these sizes; in some of them the last leaves are repeated, as a forger would.
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

impl Random {
    fn messages(&mut self, count: usize, len: usize, times: HashTimes) -> Batch {
        Batch::Messages(MessagesBatch::new(Arc::new(self.bytes(count * len)), (count, len), times))
    }
}

const TIMES: [HashTimes; 2] = [HashTimes::Once, HashTimes::Twice];

const RULES: [MerkleKind; 2] = [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256];

fn assert_agrees(backend: &mut dyn Backend, batch: &Batch) -> Report {
    let report = ask(backend, batch.clone());
    let expected = ask(&mut CpuBackend::new(HashKernel::portable()), batch.clone());
    assert!(report.agrees(&expected), "{batch:?}");
    assert_is_lavapipe(backend);
    report
}

fn bits(random: &mut Random, count: usize) -> Batch {
    Batch::Check(CheckBatch::bits(Arc::new(random.headers(count))))
}

#[test]
fn every_variant_gives_the_bits_of_random_headers() {
    let test = "every_variant_gives_the_bits_of_random_headers";
    for variant in Variant::ALL {
        let Some(mut backend) = lavapipe(test, Some(variant)) else { return };
        let batch = bits(&mut Random(20), 3_000);
        let Report::Bits(found) = assert_agrees(backend.as_mut(), &batch) else { panic!("bits were asked for") };
        let passed = found.passed.iter().filter(|passed| **passed).count();
        assert!((300..2_700).contains(&passed), "{passed} of 3,000 passed, which proves little");
    }
}

#[test]
fn bits_are_right_at_the_edges_of_a_group_and_of_the_limits() {
    let Some(mut backend) = lavapipe("bits_are_right_at_the_edges_of_a_group_and_of_the_limits", None) else { return };
    let mut random = Random(21);
    for count in [1, 2, 127, 128, 129, backend.info().limits.check_headers_max] {
        let batch = bits(&mut random, count);
        assert_agrees(backend.as_mut(), &batch);
    }
}

#[test]
fn bits_and_hashes_of_headers_in_flight_do_not_disturb_each_other() {
    let Some(mut backend) = lavapipe("bits_and_hashes_of_headers_in_flight_do_not_disturb_each_other", None) else {
        return;
    };
    let mut random = Random(22);
    for round in 0..4 {
        let headers = Arc::new(random.headers(200 + round));
        let batches = [CheckBatch::bits(headers.clone()), CheckBatch::new(headers.clone()), CheckBatch::bits(headers)];
        for batch in batches.clone() {
            backend.submit(Batch::Check(batch)).expect("the device takes the batch");
        }
        for batch in batches {
            let expected = ask(&mut CpuBackend::new(HashKernel::portable()), Batch::Check(batch));
            assert!(collect(backend.as_mut()).report.agrees(&expected));
        }
    }
}

/// How many of a report's trees are mutated.
fn mutated(report: &Report) -> usize {
    let Report::Trees(trees) = report else { panic!("trees were asked for") };
    trees.iter().filter(|tree| tree.mutated).count()
}

#[test]
fn every_variant_finds_the_roots_of_random_trees() {
    let test = "every_variant_finds_the_roots_of_random_trees";
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
fn trees_are_right_at_the_edges_of_a_group_and_of_the_limits() {
    let Some(mut backend) = lavapipe("trees_are_right_at_the_edges_of_a_group_and_of_the_limits", None) else { return };
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
fn trees_of_many_sizes_come_back_in_their_order() {
    let Some(mut backend) = lavapipe("trees_of_many_sizes_come_back_in_their_order", None) else { return };
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
        let sizes = random.sizes(20 + round, 100);
        let headers = random.headers(300);
        let batches = [
            random.trees(&sizes, RULES[round % 2]),
            Batch::Check(CheckBatch::new(Arc::new(headers))),
            bits(&mut random, 99),
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

#[test]
fn every_variant_hashes_messages_of_random_lengths() {
    let test = "every_variant_hashes_messages_of_random_lengths";
    for variant in Variant::ALL {
        let Some(mut backend) = lavapipe(test, Some(variant)) else { return };
        let mut random = Random(40);
        for round in 0..12 {
            let (count, len) = (1 + random.below(300) as usize, random.below(400) as usize);
            let batch = random.messages(count, len, TIMES[round % 2]);
            assert_agrees(backend.as_mut(), &batch);
        }
    }
}

#[test]
fn messages_of_every_length_up_to_three_blocks_are_padded_right() {
    let Some(mut backend) = lavapipe("messages_of_every_length_up_to_three_blocks_are_padded_right", None) else {
        return;
    };
    let mut random = Random(41);
    for len in 0..=192 {
        let batch = random.messages(3 + len % 2, len, TIMES[len % 2]);
        assert_agrees(backend.as_mut(), &batch);
    }
}

#[test]
fn messages_are_right_at_the_limits() {
    let Some(mut backend) = lavapipe("messages_are_right_at_the_limits", None) else { return };
    let mut random = Random(42);
    let limits = backend.info().limits;
    let longest = cityseal_device::MESSAGE_LEN_MAX;
    let sizes = [
        (limits.messages_max, 0),
        (limits.messages_max, 1),
        (limits.messages_max, 63),
        (limits.message_bytes_max / longest, longest),
        (limits.message_bytes_max / 9_001, 9_001),
        (1, longest - 1),
    ];
    for (count, len) in sizes {
        let batch = random.messages(count, len, HashTimes::Twice);
        assert_agrees(backend.as_mut(), &batch);
    }
}

#[test]
fn a_shorter_batch_of_messages_is_not_disturbed_by_a_longer_one_before_it() {
    let Some(mut backend) = lavapipe("a_shorter_batch_of_messages_is_not_disturbed_by_a_longer_one_before_it", None)
    else {
        return;
    };
    let mut random = Random(43);
    for len in [1_000, 61, 3, 0, 5] {
        for _slot in 0..backend.depth() {
            let batch = random.messages(7, len, HashTimes::Once);
            assert_agrees(backend.as_mut(), &batch);
        }
    }
}
