//! Thousands of faults injected into real back ends: jobs and verdicts are right and complete.
//!
//! The devices are the CPU's own kernel, declared as an untrusted GPU, and lavapipe if it is installed. The tests
//! require a minimum number of faults by the injectors' counters.
#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use cityseal_device::inject::{Fault, Injected, Injection, Injector, When};
use cityseal_device::{CpuOpener, Opener};
use cityseal_engine::chain::{BlockHeader, Network, NonceSpan, Parameters, Seal, SealTemplate, Target, Verdict};
use cityseal_engine::hash::HashKernel;
use cityseal_engine::{
    DeviceStatus, Engine, EngineBuilder, EnginePolicy, SealJob, SealOutcome, SealReport, VerifyRequest,
};

/// Total number of injected losses, and of hangs.
const FAULTS: u64 = 1_000;
const NONCES: u32 = 60_000;

/// The smallest batches, so that a short job has many; hangs are detected and devices reopened at once.
fn hasty() -> EnginePolicy {
    EnginePolicy {
        hang_after: Duration::from_millis(1),
        stuck_after: Duration::from_millis(50),
        reopen_first: Duration::from_micros(1),
        batch_hashes_first: 256,
        batch_hashes_min: 256,
        cpu_batch_time: Duration::from_nanos(1),
        gpu_batch_time: Duration::from_nanos(1),
        segment_headers: 8,
        ..EnginePolicy::default()
    }
}

/// About one hash in 256 is a seal.
fn template() -> SealTemplate {
    let target = Target::from_display_hex(&format!("00{}", "f".repeat(62))).unwrap();
    let header = *Parameters::of(Network::Mainnet).genesis();
    SealTemplate::builder(header).nonces(NonceSpan::new(0, NONCES - 1).unwrap()).target(target).build().unwrap()
}

fn correct_answer() -> Vec<Seal> {
    let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
    let report = engine.seal(SealJob::new(template()).all(true));
    assert!(report.seals.len() > 100);
    report.seals
}

/// The CPU's kernel as an untrusted device.
fn untrusted_cpu(id: &str, when: When, fault: Fault) -> Injector {
    let cpu = Box::new(CpuOpener::new(HashKernel::detect()));
    Injector::new(cpu, vec![Injection { when, fault }]).posing_as(id)
}

/// An engine with these devices and `threads` threads of the CPU; `None`: without the CPU.
fn engine(devices: Vec<Injector>, threads: Option<usize>, policy: EnginePolicy) -> Engine {
    let mut names: Vec<String> = devices.iter().map(|device| device.info().id.clone()).collect();
    names.extend(threads.map(|_| "cpu".to_owned()));
    let builder = Engine::builder().gpu(false).devices(names).policy(policy);
    let builder = threads.into_iter().fold(builder, EngineBuilder::threads);
    devices.into_iter().fold(builder, |builder, device| builder.add_device(Box::new(device))).build().unwrap()
}

/// Requires exactly the expected seals, and every nonce searched once.
fn assert_whole(report: &SealReport, expected: &[Seal], what: &str) {
    assert_eq!(report.outcome, SealOutcome::Sealed, "{what}");
    assert_eq!(report.seals, expected, "{what}");
    assert_eq!(report.hashes, u128::from(NONCES), "{what}");
    let mut next = 0;
    for span in report.coverage.iter() {
        assert_eq!(span.nonce_first, next, "{what}: {:?}", report.coverage);
        next = span.nonce_last + 1;
    }
    assert_eq!(next, NONCES, "{what}");
}

fn status(engine: &Engine, id: &str) -> DeviceStatus {
    engine.devices().into_iter().find(|device| device.info.id == id).unwrap()
}

/// Runs jobs on two devices that fail at every fourth batch and take over from each other, until enough faults
/// happened. A failed device loses what it searched since its last canary, so canaries must be more frequent than
/// faults.
fn assert_complete_through_a_thousand(fault: Fault) {
    let expected = correct_answer();
    let devices = ["one", "two"].map(|id| untrusted_cpu(id, When::Every(4), fault));
    let counters = devices.each_ref().map(Injector::injected);
    let engine = engine(devices.into(), None, EnginePolicy { canary_every: 1, ..hasty() });
    let injected = || counters.iter().map(|injected| injected.count(fault)).sum::<u64>();
    while injected() < FAULTS {
        let report = engine.seal(SealJob::new(template()).all(true));
        assert_whole(&report, &expected, &format!("{fault:?} after {} faults", injected()));
    }
    assert!(counters.iter().all(|injected| injected.count(fault) > FAULTS / 10), "{counters:?}");
}

#[test]
fn nothing_is_skipped_through_a_thousand_losses() {
    assert_complete_through_a_thousand(Fault::Loss);
}

#[test]
fn nothing_is_skipped_through_a_thousand_hangs() {
    assert_complete_through_a_thousand(Fault::Hang);
}

/// The device is lost at its first batch and is not reopened for an hour; the CPU searches its leases.
#[test]
fn the_leases_of_a_lost_or_hung_device_are_searched_before_it_returns() {
    let expected = correct_answer();
    for fault in [Fault::Loss, Fault::Hang, Fault::Stuck, Fault::Panic] {
        let device = untrusted_cpu("stand-in", When::Batch(0), fault);
        let injected = device.injected();
        let policy = EnginePolicy { reopen_first: Duration::from_hours(1), ..hasty() };
        let engine = engine(vec![device], Some(1), policy);
        // The CPU may finish before the other device has started.
        while injected.total() == 0 {
            assert_whole(&engine.seal(SealJob::new(template()).all(true)), &expected, &format!("{fault:?}"));
        }
        let report = engine.seal(SealJob::new(template()).all(true));
        assert_whole(&report, &expected, &format!("after {fault:?}"));
        assert!(report.coverage.iter().all(|span| span.device == "cpu"), "{:?}", report.coverage);
        let state = status(&engine, "stand-in").state;
        assert!(["hung", "reopening"].contains(&state.name()), "{fault:?}: {state:?}");
    }
}

/// Requires that a device with a flipped bit in every answer is caught and leaves nothing in the results.
fn flips_leave_no_trace(device: impl Fn(Fault) -> Injector, rounds: u64) -> u64 {
    let expected = correct_answer();
    let mut flipped = 0;
    for seed in 0..rounds {
        let fault = Fault::BitFlip { seed };
        let device = device(fault);
        let (injected, id): (Arc<Injected>, _) = (device.injected(), device.info().id.clone());
        let patient = EnginePolicy { hang_after: Duration::from_secs(30), ..hasty() };
        let engine = engine(vec![device], Some(1), patient);
        while injected.total() == 0 {
            assert_whole(&engine.seal(SealJob::new(template()).all(true)), &expected, &format!("flips, seed {seed}"));
        }
        let state = status(&engine, &id).state;
        assert_ne!(state.name(), "failed", "{state:?}");
        flipped += injected.count(fault);
    }
    flipped
}

#[test]
fn flipped_bits_in_the_answers_of_a_kernel_leave_no_trace_in_jobs() {
    let device = |fault| untrusted_cpu("stand-in", When::From(0), fault);
    let flipped = flips_leave_no_trace(device, 200);
    assert!(flipped >= 200, "{flipped}");
}

#[test]
fn flipped_bits_in_the_answers_of_lavapipe_leave_no_trace_in_jobs() {
    let test = "flipped_bits_in_the_answers_of_lavapipe_leave_no_trace_in_jobs";
    if lavapipe().is_none() {
        skip(test, "no lavapipe was found");
        return;
    }
    let device = |fault| {
        let plan = vec![Injection { when: When::From(0), fault }];
        Injector::new(lavapipe().unwrap(), plan).posing_as("lavapipe")
    };
    let flipped = flips_leave_no_trace(device, 8);
    assert!(flipped >= 8, "{flipped}");
}

fn lavapipe() -> Option<Box<dyn Opener>> {
    let names = vec!["llvmpipe".to_owned()];
    Engine::builder().allow_software(true).devices(names).select().ok()?.devices.pop()
}

/// The same as `cityseal_tests::skip`, which is in a crate above this one.
fn skip(test: &str, reason: &str) {
    let required = std::env::var("CITYSEAL_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == "lavapipe"), "{test}: lavapipe is required, and {reason}");
    let _told = writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}");
    if let Ok(path) = std::env::var("CITYSEAL_SKIP_LOG") {
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(log, "{test}: {reason}").unwrap();
    }
}

/// A regtest chain, where every second hash is a seal.
fn chain(count: usize) -> Vec<u8> {
    let mut last = *Parameters::of(Network::Regtest).genesis();
    let mut headers = last.to_wire().to_vec();
    let target = last.bits.decode().unwrap();
    for _ in 1..count {
        let next = BlockHeader { version: 4, prev_block_hash: last.hash(), time: last.time + 600, nonce: 0, ..last };
        let mut tried = (0..=u32::MAX).map(|nonce| BlockHeader { nonce, ..next });
        last = tried.find(|header| target.is_met_by(&header.hash())).unwrap();
        headers.extend_from_slice(&last.to_wire());
    }
    headers
}

#[test]
fn chains_get_the_right_verdict_whatever_is_injected() {
    let headers = chain(400);
    let mut broken = headers.clone();
    broken[80 * 333 + 40] ^= 1;
    let request = || VerifyRequest::new(Parameters::of(Network::Regtest), 4_000_000_000);
    let reference = Engine::builder().gpu(false).threads(1).build().unwrap();
    let [valid, fault] = [&headers, &broken].map(|chain| reference.verify(request(), &chain[..], |_| {}).unwrap());
    assert!(matches!((&valid.verdict, &fault.verdict), (Verdict::Valid, Verdict::Fault(_))));
    let mut injected_in_all = 0;
    // Which device takes a segment is a race, so repeat until enough faults happened.
    for seed in 0.. {
        if injected_in_all > 100 {
            break;
        }
        for injected in [Fault::BitFlip { seed }, Fault::Loss, Fault::Hang, Fault::WrongHashes, Fault::Zeros] {
            let when = When::OneIn { batches: 5, seed };
            let device = untrusted_cpu("stand-in", when, injected);
            let counter = device.injected();
            let engine = engine(vec![device], Some(1), hasty());
            for (chain, honest) in [(&headers, &valid), (&broken, &fault)] {
                let same = engine.verify(request(), &chain[..], |_| {}).unwrap();
                let found = (&same.verdict, same.count, same.tip, &same.not_checked);
                let expected = (&honest.verdict, honest.count, honest.tip, &honest.not_checked);
                assert_eq!(found, expected, "{injected:?}, seed {seed}");
            }
            injected_in_all += counter.total();
        }
    }
}
