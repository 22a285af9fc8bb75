//! K4: on software Vulkan, the real shaders give the answers of the portable kernel.

mod common;

use std::sync::Arc;
use std::time::Duration;

use cityseal_device::{
    Backend, Batch, CheckBatch, CpuBackend, MerkleBatch, MerkleKind, NonceSpan, Report, SearchBatch, SearchReport,
    Tuned, known_answers,
};
use cityseal_gpu::shader::Variant;
use cityseal_gpu::{DiscoverOptions, DiscoveredState, Remembered, VariantChoice, discover};
use cityseal_hash::{HEADER_LEN, HashKernel, Midstate, NODE_LEN, double_sha256};
use common::{ask, assert_is_lavapipe, collect, lavapipe, lavapipe_with};

/// The same numbers in every run: a linear congruential generator (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.word() as u8).collect()
    }

    fn midstates(&mut self, count: usize) -> Vec<Midstate> {
        (0..count).map(|_| Midstate(std::array::from_fn(|_| self.word()))).collect()
    }

    fn search(&mut self, midstates: usize, nonces: NonceSpan, top_word_max: u32, hits_max: usize) -> Batch {
        let tail = self.bytes(12).try_into().expect("twelve bytes");
        Batch::Search(SearchBatch::new(self.midstates(midstates), tail, nonces, top_word_max, hits_max))
    }
}

fn on_the_cpu(batch: &Batch) -> Report {
    ask(&mut CpuBackend::new(HashKernel::portable()), batch.clone())
}

fn assert_agrees(backend: &mut dyn Backend, batch: &Batch) -> Report {
    let report = ask(backend, batch.clone());
    let expected = on_the_cpu(batch);
    assert!(report.agrees(&expected), "{batch:?}");
    assert_is_lavapipe(backend);
    report
}

fn hits(report: &Report) -> usize {
    let Report::Search(search) = report else { panic!("expected a search report") };
    assert!(!search.overflow);
    search.hits.len()
}

fn range(first: u32, last: u32) -> NonceSpan {
    NonceSpan::new(first, last).expect("a range that goes up")
}

#[test]
fn every_variant_passes_the_known_answers_and_agrees_on_random_batches() {
    let test = "every_variant_passes_the_known_answers_and_agrees_on_random_batches";
    for variant in Variant::ALL {
        let Some(mut backend) = lavapipe(test, Some(variant)) else { return };
        let passed = known_answers::run(backend.as_mut()).unwrap_or_else(|error| panic!("{}: {error}", variant.name()));
        assert!(passed.len() > 15);
        assert_eq!(backend.info().kernel, variant.name());
        assert_agrees_on_random_batches(backend.as_mut());
    }
}

/// Random headers, nodes and ranges; both ends of the nonce space; few hits, many, and a hit for every nonce.
fn assert_agrees_on_random_batches(backend: &mut dyn Backend) {
    let mut random = Random(10);
    for (first, last, bound) in [
        (0, 20_000, u32::MAX >> 8),
        (u32::MAX - 9_000, u32::MAX, u32::MAX >> 6),
        (1_000, 1_900, u32::MAX),
        (77, 70_000, 0x000f_1234),
    ] {
        for midstates in [1, 2, 4] {
            let batch = random.search(midstates, range(first, last), bound, 65_536);
            assert_agrees(backend, &batch);
        }
    }
    let batch = headers(&mut random, 1_000);
    assert_agrees(backend, &batch);
    for rule in [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256] {
        let batch = nodes_of(rule, &mut random, 1_000);
        assert_agrees(backend, &batch);
    }
}

#[test]
fn a_device_whose_variants_are_measured_uses_a_correct_one() {
    let test = "a_device_whose_variants_are_measured_uses_a_correct_one";
    let Some(mut backend) = lavapipe_with(test, VariantChoice::Measured) else { return };
    let variant = Variant::by_name(&backend.info().kernel).expect("the name of a variant");
    let batch = Random(9).search(1, range(0, 70_000), u32::MAX >> 8, 4_096);
    assert!(hits(&assert_agrees(backend.as_mut(), &batch)) > 0);
    let remembered = [Remembered::of(backend.info(), None)];
    let options = DiscoverOptions { allow_software: true, remembered: &remembered, ..DiscoverOptions::default() };
    let again = discover(options).devices.into_iter().find(|device| device.info.id == backend.info().id);
    assert_eq!(again.expect("the device is found again").info.kernel, variant.name());
}

#[test]
fn a_wrong_remembered_tuning_is_corrected_by_the_first_dispatches() {
    let test = "a_wrong_remembered_tuning_is_corrected_by_the_first_dispatches";
    let Some(backend) = lavapipe(test, None) else { return };
    // A thousand times the rate of a software adapter: a dispatch would take 20 s.
    let wrong = Tuned { dispatch_nonces: 1 << 50, rate_hz: 20_000_000_000 };
    let remembered = [Remembered::of(backend.info(), Some(wrong))];
    let options = DiscoverOptions { allow_software: true, remembered: &remembered, ..DiscoverOptions::default() };
    let again = discover(options).devices.into_iter().find(|device| device.info.id == backend.info().id);
    let DiscoveredState::Ready(mut opener) = again.expect("the device is found again").state else {
        panic!("lavapipe is ready")
    };
    let tuning = opener.tuning().expect("a GPU tunes itself");
    assert_eq!(tuning.get(), Some(wrong));
    let mut backend = opener.open().expect("lavapipe opens");
    let batch = Random(11).search(1, range(0, 300_000), u32::MAX >> 10, 4_096);
    assert!(hits(&assert_agrees(backend.as_mut(), &batch)) > 0);
    // A dispatch whose end is not measured exactly is ignored; one of many is measured.
    let searches = (0..200).take_while(|_| tuning.get() == Some(wrong));
    searches.for_each(|_| drop(ask(backend.as_mut(), batch.clone())));
    let tuned = tuning.get().expect("it was measured");
    assert!(tuned.dispatch_nonces < 1 << 40 && tuned.rate_hz < wrong.rate_hz, "{tuned:?}");
}

#[test]
fn random_ranges_and_bounds_give_the_answers_of_the_portable_kernel() {
    let Some(mut backend) = lavapipe("random_ranges_and_bounds_give_the_answers_of_the_portable_kernel", None) else {
        return;
    };
    let mut random = Random(1);
    let mut found = 0;
    for case in 0..24_u32 {
        let midstates = [1, 2, 4, 8, 3, 1][case as usize % 6];
        let first = random.word();
        let last = first.saturating_add(random.word() % 40_000);
        let bound = u32::MAX >> (6 + case % 12);
        let batch = random.search(midstates, range(first, last), bound, 65_536);
        found += hits(&assert_agrees(backend.as_mut(), &batch));
    }
    assert!(found > 1_000, "{found} hits are too few");
}

#[test]
fn both_ends_of_the_nonce_space_are_searched() {
    let Some(mut backend) = lavapipe("both_ends_of_the_nonce_space_are_searched", None) else { return };
    let mut random = Random(2);
    for (first, last) in [(0, 0), (0, 300), (1, 64), (u32::MAX - 300, u32::MAX), (u32::MAX, u32::MAX), (63, 64)] {
        for midstates in [1, 2, 4, 8] {
            let nonces = range(first, last);
            let batch = random.search(midstates, nonces, u32::MAX, 4_096);
            let all = midstates * nonces.count() as usize;
            assert_eq!(hits(&assert_agrees(backend.as_mut(), &batch)), all, "all nonces of {nonces:?} are hits");
        }
    }
}

#[test]
fn bounds_that_are_not_a_power_of_two_are_exact() {
    let Some(mut backend) = lavapipe("bounds_that_are_not_a_power_of_two_are_exact", None) else { return };
    let mut random = Random(3);
    let Batch::Search(loose) = random.search(1, range(0, 50_000), 0x00ff_ffff, 4_096) else { panic!("a search") };
    let Report::Search(SearchReport { hits, .. }) = assert_agrees(backend.as_mut(), &Batch::Search(loose.clone()))
    else {
        panic!("expected a search report")
    };
    // With the top word of a hit as the bound the hit stays; with one less it does not.
    let top_word = |nonce: u32| {
        let own = |bound| SearchBatch::new(loose.midstates().to_vec(), loose.tail, range(nonce, nonce), bound, 1);
        let is_hit =
            |bound| matches!(on_the_cpu(&Batch::Search(own(bound))), Report::Search(found) if !found.hits.is_empty());
        let (mut low, mut high) = (0_u32, 0x00ff_ffff_u32);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_hit(middle) { high = middle } else { low = middle + 1 }
        }
        low
    };
    let edge = top_word(hits[hits.len() / 2].nonce);
    for bound in [edge, edge - 1] {
        let mut batch = loose.clone();
        batch.top_word_max = bound;
        let report = assert_agrees(backend.as_mut(), &Batch::Search(batch));
        let Report::Search(found) = report else { panic!("expected a search report") };
        assert_eq!(found.hits.contains(&hits[hits.len() / 2]), bound == edge);
    }
}

#[test]
fn as_many_hits_as_slots_are_reported_and_one_more_overflows() {
    let Some(mut backend) = lavapipe("as_many_hits_as_slots_are_reported_and_one_more_overflows", None) else { return };
    let mut random = Random(4);
    let most = backend.info().limits.hits_max as u32;
    for (nonces, overflow) in [(most, false), (most + 1, true), (10 * most, true)] {
        let Batch::Search(batch) = random.search(1, range(7, 6 + nonces), u32::MAX, most as usize) else {
            panic!("a search")
        };
        let Report::Search(found) = ask(backend.as_mut(), Batch::Search(batch)) else {
            panic!("expected a search report")
        };
        assert_eq!(found.overflow, overflow);
        assert_eq!(found.hits.len(), if overflow { 0 } else { most as usize });
    }
    let after = random.search(1, range(0, 1_000), 0x0fff_ffff, 256);
    assert!(hits(&assert_agrees(backend.as_mut(), &after)) > 0, "an overflow does not affect later batches");
    let without_slots = random.search(1, range(0, 100), u32::MAX, 0);
    assert_agrees(backend.as_mut(), &without_slots);
}

#[test]
fn a_batch_of_many_dispatches_finds_the_hits_of_each() {
    let Some(mut backend) = lavapipe("a_batch_of_many_dispatches_finds_the_hits_of_each", None) else { return };
    let mut random = Random(5);
    let first = 2_083_236_893 - 700_000;
    let batch = random.search(1, range(first, first + 1_000_000), u32::MAX >> 14, 4_096);
    assert!(hits(&assert_agrees(backend.as_mut(), &batch)) > 20);
}

fn headers(random: &mut Random, count: usize) -> Batch {
    Batch::Check(CheckBatch::new(Arc::new(random.bytes(count * HEADER_LEN))))
}

fn nodes(random: &mut Random, count: usize) -> Batch {
    nodes_of(MerkleKind::Bitcoin, random, count)
}

fn nodes_of(rule: MerkleKind, random: &mut Random, count: usize) -> Batch {
    Batch::Merkle(MerkleBatch::with_rule(Arc::new(random.bytes(count * NODE_LEN)), rule))
}

#[test]
fn headers_and_nodes_have_the_hashes_of_the_portable_kernel() {
    let test = "headers_and_nodes_have_the_hashes_of_the_portable_kernel";
    let Some(mut backend) = lavapipe(test, None) else { return };
    let mut random = Random(6);
    let limits = backend.info().limits;
    for count in [1, 127, 128, 129, 5_000, limits.check_headers_max] {
        let batch = headers(&mut random, count);
        assert_agrees(backend.as_mut(), &batch);
    }
    for count in [1, 127, 128, 129, 5_000, limits.merkle_nodes_max] {
        for rule in [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256] {
            let batch = nodes_of(rule, &mut random, count);
            assert_agrees(backend.as_mut(), &batch);
        }
    }
}

#[test]
fn the_genesis_header_has_its_known_hash() {
    let Some(mut backend) = lavapipe("the_genesis_header_has_its_known_hash", None) else { return };
    let genesis = "01000000000000000000000000000000000000000000000000000000000000000000000\
                   03ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";
    let header: Vec<u8> = (0..80).map(|i| u8::from_str_radix(&genesis[2 * i..2 * i + 2], 16).unwrap()).collect();
    let Report::Hashes(hashes) = ask(backend.as_mut(), Batch::Check(CheckBatch::new(Arc::new(header.clone())))) else {
        panic!("expected a report of hashes")
    };
    assert_eq!(hashes, [double_sha256(&header)]);
    assert_eq!(hashes[0][28..], [0; 4]);
    assert_is_lavapipe(backend.as_ref());
}

#[test]
fn batches_of_all_kinds_in_flight_finish_in_order_with_their_own_answers() {
    let test = "batches_of_all_kinds_in_flight_finish_in_order_with_their_own_answers";
    let Some(mut backend) = lavapipe(test, None) else { return };
    let mut random = Random(7);
    assert_eq!(backend.depth(), 3);
    for round in 0..4_u32 {
        let search = random.search(2, range(round * 1_000, round * 1_000 + 90_000), u32::MAX >> 10, 4_096);
        let batches = [search, headers(&mut random, 300), nodes(&mut random, 200)];
        let tickets = batches.clone().map(|batch| backend.submit(batch).expect("the device takes the batch"));
        for (batch, ticket) in batches.into_iter().zip(tickets) {
            let done = collect(backend.as_mut());
            assert_eq!(done.ticket, ticket);
            assert!(done.busy > Duration::ZERO);
            assert!(done.report.agrees(&on_the_cpu(&batch)));
        }
    }
    assert_is_lavapipe(backend.as_ref());
}

#[test]
fn collecting_without_time_or_without_work_returns_nothing() {
    let Some(mut backend) = lavapipe("collecting_without_time_or_without_work_returns_nothing", None) else { return };
    assert!(backend.collect(Duration::from_secs(5)).expect("no work is no error").is_none());
    let long = Random(8).search(8, range(0, 20_000_000), 0, 4);
    let ticket = backend.submit(long).expect("the device takes the batch");
    assert!(backend.collect(Duration::ZERO).expect("no time is no error").is_none());
    assert_eq!(ticket.0, 1);
    // Dropping a busy device neither waits for the end of the batch nor panics.
    drop(backend);
}
