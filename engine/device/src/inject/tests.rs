//! An injector around the CPU injects exactly the planned faults, and counts them.

use cityseal_hash::{HashKernel, Hit, Midstate};

use super::*;
use crate::{CpuOpener, NonceSpan, SearchBatch, SearchReport};

fn cpu() -> Box<dyn Opener> {
    Box::new(CpuOpener::new(HashKernel::portable()))
}

fn injector(when: When, fault: Fault) -> Injector {
    Injector::new(cpu(), vec![Injection { when, fault }])
}

/// Opens and self-tests a device, as the engine does.
fn opened(opener: &mut dyn Opener) -> Box<dyn Backend> {
    let mut backend = opener.open().unwrap();
    known_answers::run(&mut *backend).unwrap();
    backend
}

/// A search in which about every 64th nonce is a hit.
fn batch() -> Batch {
    let range = NonceSpan::new(0, 999).unwrap();
    Batch::Search(SearchBatch::new(vec![Midstate([7; 8])], [9; 12], range, u32::MAX >> 6, 100))
}

fn ask(backend: &mut dyn Backend) -> SearchReport {
    backend.submit(batch()).unwrap();
    match backend.collect(Duration::ZERO).unwrap().unwrap().report {
        Report::Search(search) => search,
        Report::Hashes(_) | Report::Trees(_) => panic!("expected a search report"),
    }
}

#[test]
fn only_planned_batches_are_faulty_and_the_self_test_never_is() {
    let mut opener = injector(When::Every(3), Fault::MissedHits);
    let injected = opener.injected();
    let mut backend = opened(&mut opener);
    let found: Vec<usize> = (0..6).map(|_| ask(&mut *backend).hits.len()).collect();
    assert!(found[0] > 5, "{found:?}");
    assert_eq!(found, [found[0], found[0], 0, found[0], found[0], 0]);
    assert_eq!((injected.batches(), injected.count(Fault::MissedHits), injected.total()), (6, 2, 2));
}

#[test]
fn a_false_hit_is_added_before_the_true_ones() {
    let mut opener = injector(When::Batch(0), Fault::FalseHits);
    let mut backend = opened(&mut opener);
    let (faulty, clean) = (ask(&mut *backend), ask(&mut *backend));
    assert_eq!(faulty.hits[0], Hit { midstate: 0, nonce: 0 });
    assert_eq!(faulty.hits[1..], clean.hits);
}

#[test]
fn a_lost_device_stays_lost_until_it_is_reopened() {
    let mut opener = injector(When::Batch(1), Fault::Loss);
    let injected = opener.injected();
    let mut backend = opened(&mut opener);
    let clean = ask(&mut *backend);
    backend.submit(batch()).unwrap();
    for _ in 0..3 {
        assert!(matches!(backend.collect(Duration::ZERO), Err(DeviceError::Lost { .. })));
    }
    assert_eq!(ask(&mut *opened(&mut opener)), clean);
    assert_eq!(injected.count(Fault::Loss), 1);
}

#[test]
fn a_hung_device_never_answers() {
    let mut opener = injector(When::Batch(0), Fault::Hang);
    let mut backend = opened(&mut opener);
    backend.submit(batch()).unwrap();
    for _ in 0..3 {
        assert!(backend.collect(Duration::from_millis(2)).unwrap().is_none());
    }
    assert_eq!(opener.injected().count(Fault::Hang), 1);
}

#[test]
#[should_panic(expected = "a panic was injected")]
fn an_injected_panic_panics() {
    let mut opener = injector(When::Batch(0), Fault::Panic);
    ask(&mut *opened(&mut opener));
}

#[test]
fn a_fault_that_changes_nothing_is_not_counted() {
    let mut opener = injector(When::From(0), Fault::MissedHits);
    let mut backend = opened(&mut opener);
    let nothing = SearchBatch::new(vec![Midstate([7; 8])], [9; 12], NonceSpan::new(0, 9).unwrap(), 0, 100);
    backend.submit(Batch::Search(nothing)).unwrap();
    assert!(backend.collect(Duration::ZERO).unwrap().is_some());
    assert_eq!((opener.injected().batches(), opener.injected().total()), (1, 0));
}

#[test]
fn every_flip_changes_the_answer_and_is_counted_under_its_place() {
    let mut opener = injector(When::From(0), Fault::BitFlip { seed: 11 });
    let injected = opener.injected();
    let mut backend = opened(&mut opener);
    let clean = ask(&mut *opened(&mut *cpu()));
    assert!((0..5_000).all(|_| ask(&mut *backend) != clean));
    let places = [Place::Nonce, Place::Midstate, Place::Overflow, Place::Planted, Place::Count];
    assert!(places.iter().all(|&place| injected.flips(place) > 0), "{injected:?}");
    assert_eq!(places.iter().map(|&place| injected.flips(place)).sum::<u64>(), 5_000);
    assert_eq!(injected.count(Fault::BitFlip { seed: 0 }), 5_000);
}

#[test]
fn a_device_that_poses_as_a_gpu_keeps_its_limits_and_its_kernel() {
    let mut opener = injector(When::Batch(0), Fault::Loss).posing_as("stand-in");
    let backend = opener.open().unwrap();
    let (real, posing) = (cpu().info().clone(), backend.info());
    assert_eq!((posing.id.as_str(), posing.kind), ("stand-in", DeviceKind::Gpu));
    assert_eq!((posing.limits, &posing.kernel), (real.limits, &real.kernel));
    assert_eq!(opener.info().kind, DeviceKind::Gpu);
}

#[test]
fn a_witness_records_when_it_gets_the_work_of_the_faulty_device() {
    let mut faulty = injector(When::Batch(0), Fault::Loss);
    let injected = faulty.injected();
    let mut witness = Witness::new(cpu(), faulty.injected()).with_id("other");
    let (mut lost, mut other) = (opened(&mut faulty), opened(&mut witness));
    lost.submit(batch()).unwrap();
    assert!(lost.collect(Duration::ZERO).is_err());
    let elsewhere = SearchBatch::new(vec![Midstate([7; 8])], [9; 12], NonceSpan::new(1_000, 1_001).unwrap(), 0, 1);
    other.submit(Batch::Search(elsewhere)).unwrap();
    other.collect(Duration::ZERO).unwrap();
    assert_eq!(injected.taken_over(), None);
    ask(&mut *other);
    assert!(injected.taken_over().is_some());
    assert_eq!(other.info().id, "other");
}

#[test]
fn a_witness_that_waits_for_the_first_fault_answers_after_it() {
    let mut faulty = injector(When::Batch(0), Fault::MissedHits);
    let mut witness = Witness::new(cpu(), faulty.injected()).after_the_first_fault();
    let (mut first, mut other) = (opened(&mut faulty), opened(&mut witness));
    other.submit(batch()).unwrap();
    assert!(other.collect(Duration::ZERO).unwrap().is_none(), "the answer is held back");
    ask(&mut *first);
    assert!(other.collect(Duration::ZERO).unwrap().is_some());
}
