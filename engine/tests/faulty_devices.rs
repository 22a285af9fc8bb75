//! Jobs and chains on devices that answer wrongly, hang, are lost or return zeros: the results are right and complete.
#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::sync::Arc;
use std::time::Duration;

use cityseal_device::fake::{Behaviour, Counters, FakeOpener};
use cityseal_device::known_answers;
use cityseal_engine::chain::{BlockHeader, Network, NonceSpan, Parameters, Seal, SealTemplate, Target, Verdict};
use cityseal_engine::hash::HashKernel;
use cityseal_engine::{Engine, EnginePolicy, SealFailure, SealJob, SealOutcome, SealReport, VerifyRequest};

const NONCES: u32 = 400_000;

/// Number of batches of the self-test, after which the script of a fake begins.
fn after_the_self_test() -> u64 {
    let fake = cityseal_device::CpuBackend::new(HashKernel::portable());
    known_answers::cases(&fake).len() as u64
}

/// A policy that gives up on a hung device quickly and reopens it at once.
fn hasty() -> EnginePolicy {
    EnginePolicy {
        hang_after: Duration::from_millis(50),
        stuck_after: Duration::from_millis(20),
        reopen_first: Duration::from_millis(1),
        batch_hashes_first: 2_000,
        cpu_batch_time: Duration::from_micros(100),
        gpu_batch_time: Duration::from_micros(100),
        segment_headers: 64,
        ..EnginePolicy::default()
    }
}

fn template() -> SealTemplate {
    let target = Target::from_display_hex(&format!("000f{}", "f".repeat(60))).unwrap();
    SealTemplate::builder(genesis()).nonces(NonceSpan::new(0, NONCES - 1).unwrap()).target(target).build().unwrap()
}

fn genesis() -> BlockHeader {
    *Parameters::of(Network::Mainnet).genesis()
}

fn nonces(report: &SealReport) -> Vec<u32> {
    report.seals.iter().map(|seal: &Seal| seal.header().nonce).collect()
}

fn correct_answer() -> Vec<u32> {
    let engine = Engine::builder().gpu(false).threads(1).kernel("portable").build().unwrap();
    let report = engine.seal(SealJob::new(template()).all(true));
    assert!(report.seals.len() > 50);
    nonces(&report)
}

/// An engine of one CPU thread and one fake.
fn engine_with(fake: FakeOpener) -> (Engine, Arc<Counters>) {
    let counters = fake.counters();
    let engine = Engine::builder().gpu(false).threads(1).add_device(Box::new(fake)).policy(hasty()).build().unwrap();
    (engine, counters)
}

fn assert_whole(report: &SealReport, expected: &[u32], what: &str) {
    assert_eq!(report.outcome, SealOutcome::Sealed, "{what}");
    assert_eq!(nonces(report), expected, "{what}");
    assert_eq!(report.hashes, u128::from(NONCES), "{what}");
    let mut next = 0;
    for span in report.coverage.iter() {
        assert_eq!(span.nonce_first, next, "{what}: {:?}", report.coverage);
        next = span.nonce_last + 1;
    }
    assert_eq!(next, NONCES, "{what}");
}

#[test]
fn jobs_give_the_right_result_whatever_a_device_does() {
    let expected = correct_answer();
    let start = after_the_self_test();
    for behaviour in [
        Behaviour::Honest,
        Behaviour::Late,
        Behaviour::Lost,
        Behaviour::Hung,
        Behaviour::Stuck,
        Behaviour::Panics,
        Behaviour::FalseHits,
        Behaviour::MissedHits,
        Behaviour::Zeros,
    ] {
        for later in [0, 1, 5] {
            let (engine, counters) = engine_with(FakeOpener::new("fake").from_batch(start + later, behaviour));
            let report = engine.seal(SealJob::new(template()).all(true));
            assert_whole(&report, &expected, &format!("{behaviour:?} from batch {later} on"));
            assert!(counters.batches() >= start, "{behaviour:?}: the fake was self-tested");
        }
    }
}

#[test]
fn a_device_that_misses_hits_is_caught_by_a_canary_and_removed_from_the_coverage() {
    let liar = FakeOpener::new("fake").from_batch(after_the_self_test(), Behaviour::MissedHits);
    // The only device, so that it does all the work.
    let engine = Engine::builder()
        .gpu(false)
        .devices(vec!["fake".to_owned()])
        .add_device(Box::new(liar))
        .policy(hasty())
        .build()
        .unwrap();
    let report = engine.seal(SealJob::new(template()).all(true));
    let SealOutcome::Failed { reason: SealFailure::NoDevice { reason } } = &report.outcome else {
        panic!("{report:?}")
    };
    assert!(reason.contains("planted") || reason.contains("known"), "{reason}");
    assert_eq!((report.hashes, report.coverage.run_count()), (0, 0));
    let fake = engine.devices().into_iter().find(|device| device.info.id == "fake").unwrap();
    assert_eq!(fake.state.name(), "quarantined");
}

#[test]
fn an_engine_ends_although_one_of_its_threads_never_returns() {
    let stuck = FakeOpener::new("fake").from_batch(after_the_self_test(), Behaviour::Stuck);
    let (engine, counters) = engine_with(stuck);
    let report = engine.seal(SealJob::new(template()).all(true));
    assert_whole(&report, &correct_answer(), "next to a stuck device");
    let states: Vec<&str> = engine.devices().iter().map(|device| device.state.name()).collect();
    assert_eq!((states.as_slice(), counters.batches() > after_the_self_test()), (["ready", "hung"].as_slice(), true));
    drop(engine);
}

#[test]
fn a_device_that_was_caught_returns_on_probation_and_is_trusted_again() {
    let start = after_the_self_test();
    let liar = FakeOpener::new("fake").from_batch(start, Behaviour::MissedHits);
    let policy = EnginePolicy { quarantine_first: Duration::from_millis(1), probation_canaries: 4, ..hasty() };
    let engine = Engine::builder().gpu(false).threads(1).add_device(Box::new(liar)).policy(policy).build().unwrap();
    let expected = correct_answer();
    let is_believed_again = |engine: &Engine| {
        let fake = engine.devices().into_iter().find(|device| device.info.id == "fake").unwrap();
        assert!(fake.strikes <= 1 && fake.canaries_missed <= 1, "{fake:?}");
        fake.strikes == 1 && fake.state.name() == "ready"
    };
    let mut jobs = 0;
    while !is_believed_again(&engine) {
        assert_whole(&engine.seal(SealJob::new(template()).all(true)), &expected, "a device caught once");
        jobs += 1;
        assert!(jobs < 1_000, "{:?}", engine.devices());
    }
}

#[test]
fn a_lost_device_is_reopened_and_continues() {
    let start = after_the_self_test();
    let lost = FakeOpener::new("fake").from_batch(start + 2, Behaviour::Lost);
    let counters = lost.counters();
    let engine = Engine::builder()
        .gpu(false)
        .devices(vec!["fake".to_owned()])
        .add_device(Box::new(lost))
        .policy(hasty())
        .build()
        .unwrap();
    let report = engine.seal(SealJob::new(template()).all(true));
    assert_whole(&report, &correct_answer(), "the only device, lost once");
    assert_eq!(counters.opened(), 2);
}

#[test]
fn a_device_that_fails_its_self_test_is_left_out_with_the_reason() {
    let (engine, _) = engine_with(FakeOpener::new("fake").from_batch(0, Behaviour::Zeros));
    let fake = engine.devices().into_iter().find(|device| device.info.id == "fake").unwrap();
    assert_eq!(fake.state.name(), "failed-self-test");
    assert!(fake.state.reason().unwrap().contains("self-test failed: known-answer test 'hit in the first lane'"));
}

#[test]
fn a_named_device_that_fails_its_self_test_is_an_error() {
    let error = Engine::builder()
        .gpu(false)
        .devices(vec!["FAKE".to_owned()])
        .add_device(Box::new(FakeOpener::new("fake").from_batch(0, Behaviour::Lost)))
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("device 'fake' was requested but is not ready"), "{error}");
}

/// A regtest chain, sealed here; every second hash is a seal.
fn chain(count: usize) -> Vec<u8> {
    let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
    let parameters = Parameters::of(Network::Regtest);
    let mut headers = parameters.genesis().to_wire().to_vec();
    let mut last = *parameters.genesis();
    for _ in 1..count {
        let header = BlockHeader { version: 4, prev_block_hash: last.hash(), time: last.time + 600, ..last };
        let template = SealTemplate::builder(header).build().unwrap();
        last = *engine.seal(SealJob::new(template)).seals[0].header();
        headers.extend_from_slice(&last.to_wire());
    }
    headers
}

#[test]
fn a_chain_gets_the_same_verdict_whatever_a_device_does() {
    let headers = chain(1_000);
    let request = || VerifyRequest::new(Parameters::of(Network::Regtest), 4_000_000_000);
    let mut broken = headers.clone();
    broken[80 * 777 + 40] ^= 1;
    let reference = Engine::builder().gpu(false).threads(1).kernel("portable").build().unwrap();
    let valid = reference.verify(request(), &headers[..], |_| {}).unwrap();
    let fault = reference.verify(request(), &broken[..], |_| {}).unwrap();
    assert!(matches!(valid.verdict, Verdict::Valid) && valid.count == 1_000, "{valid:?}");
    assert!(matches!(fault.verdict, Verdict::Fault(fault) if fault.height >= 777), "{fault:?}");
    for behaviour in [
        Behaviour::Honest,
        Behaviour::Late,
        Behaviour::Lost,
        Behaviour::Hung,
        Behaviour::Stuck,
        Behaviour::Panics,
        Behaviour::WrongHashes,
        Behaviour::Zeros,
    ] {
        let start = after_the_self_test() + 1;
        let (engine, _) = engine_with(FakeOpener::new("fake").from_batch(start, behaviour));
        let same = engine.verify(request(), &headers[..], |_| {}).unwrap();
        assert_eq!((same.verdict, same.count, same.tip), (valid.verdict, valid.count, valid.tip), "{behaviour:?}");
        let same = engine.verify(request(), &broken[..], |_| {}).unwrap();
        assert_eq!((same.verdict, same.count, same.tip), (fault.verdict, fault.count, fault.tip), "{behaviour:?}");
    }
}
