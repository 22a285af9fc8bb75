//! Jobs through the public API: cancel, supersede, deadlines, many at once, wake-ups, dropping the engine.
#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use cityseal_engine::chain::{
    BlockHeader, CoinbaseParts, Network, NonceSpan, Parameters, SealTemplate, Stretch, Target,
};
use cityseal_engine::{BuildError, Engine, SealFailure, SealJob, SealOutcome, SearchedRun, TenantShare, WhenNoGpu};

fn engine(threads: usize) -> Engine {
    Engine::builder().gpu(false).threads(threads).build().unwrap()
}

/// A template whose search does not end: 2^200 times harder than difficulty 1, which is already too hard for a test.
fn endless() -> SealTemplate {
    let target = Target::from_display_hex(&format!("{}1", "0".repeat(63))).unwrap();
    let header = *Parameters::of(Network::Mainnet).genesis();
    SealTemplate::builder(header).version_mask(0x1fff_e000).target(target).build().unwrap()
}

fn small(nonces: u32) -> SealTemplate {
    let header = *Parameters::of(Network::Regtest).genesis();
    SealTemplate::builder(header).nonces(NonceSpan::new(0, nonces - 1).unwrap()).build().unwrap()
}

#[test]
fn a_cancelled_job_reports_who_cancelled_it() {
    let engine = engine(2);
    let handle = engine.submit(SealJob::new(endless()));
    assert_eq!(handle.wait(Some(Duration::from_millis(5))).map(|report| report.outcome), None);
    handle.cancel("the test");
    let report = handle.wait(None).unwrap();
    assert_eq!(report.outcome, SealOutcome::Cancelled { by: "the test".to_owned() });
    handle.cancel("another caller");
    assert_eq!(handle.report().unwrap().outcome, report.outcome, "a job ends once");
}

#[test]
fn a_superseded_job_reports_its_successor() {
    let engine = engine(1);
    let handle = engine.submit(SealJob::new(endless()));
    handle.supersede("job 7");
    assert_eq!(handle.wait(None).unwrap().outcome, SealOutcome::Superseded { by: "job 7".to_owned() });
}

#[test]
fn a_job_expires_at_its_deadline() {
    let engine = engine(1);
    let job = SealJob::new(endless()).deadline(Instant::now() + Duration::from_millis(20));
    let report = engine.seal(job);
    assert_eq!(report.outcome, SealOutcome::Expired);
    assert!(report.hashes > 0);
}

#[test]
fn many_jobs_share_the_devices_and_each_finishes() {
    let engine = engine(2);
    let endless = engine.submit(SealJob::new(endless()));
    let handles: Vec<_> = (0..50).map(|_| engine.submit(SealJob::new(small(30_000)).all(true))).collect();
    for handle in handles {
        let report = handle.wait(None).unwrap();
        assert_eq!((report.outcome, report.hashes), (SealOutcome::Sealed, 30_000));
        let half = report.seals.len();
        assert!((14_000..16_000).contains(&half), "{half} of 30,000 hashes meet regtest's target");
    }
    assert!(endless.report().is_none());
    endless.cancel("the test");
}

#[test]
fn a_waker_is_called_at_the_end_of_a_job() {
    let engine = engine(1);
    let (sender, receiver) = channel();
    let handle = engine.submit(SealJob::new(endless()));
    handle.on_change(Arc::new(move || sender.send(()).unwrap_or_default()));
    handle.cancel("the test");
    receiver.recv().unwrap();
    while handle.report().is_none() {
        receiver.recv().unwrap();
    }
    let (sender, receiver) = channel();
    handle.on_change(Arc::new(move || sender.send(()).unwrap_or_default()));
    receiver.recv().unwrap();
}

#[test]
fn dropping_the_engine_ends_its_jobs() {
    let engine = engine(2);
    let handle = engine.submit(SealJob::new(endless()));
    drop(engine);
    assert_eq!(handle.report().unwrap().outcome, SealOutcome::Failed { reason: SealFailure::ShutDown });
}

#[test]
fn several_engines_live_in_one_process() {
    let engines: Vec<Engine> = (0..4).map(|_| engine(1)).collect();
    for engine in &engines {
        assert_eq!(engine.seal(SealJob::new(small(1_000))).outcome, SealOutcome::Sealed);
    }
}

#[test]
fn a_seal_of_rolled_versions_counts_every_version_and_nonce_once() {
    let engine = engine(2);
    let header = *Parameters::of(Network::Regtest).genesis();
    let impossible = Target::from_display_hex(&format!("{}1", "0".repeat(63))).unwrap();
    let template = SealTemplate::builder(header)
        .version_mask(0b1011 << 13)
        .time_window_s(2)
        .nonces(NonceSpan::new(u32::MAX - 999, u32::MAX).unwrap())
        .target(impossible)
        .build()
        .unwrap();
    let report = engine.seal(SealJob::new(template));
    assert_eq!((report.outcome, report.hashes), (SealOutcome::Exhausted, 8 * 3 * 1_000));
    assert_eq!(
        report.coverage.iter().count(),
        8 * 3,
        "one run of nonces for each version and time: {:?}",
        report.coverage
    );
    assert!(report.coverage.iter().all(|span| (span.nonce_first, span.nonce_last) == (u32::MAX - 999, u32::MAX)));
}

/// A template of 2^64 regions of one nonce.
fn one_nonce() -> SealTemplate {
    let coinbase = CoinbaseParts::new(vec![1; 40], vec![2; 60], 8).unwrap();
    let target = Target::from_display_hex(&format!("{}1", "0".repeat(63))).unwrap();
    let builder = SealTemplate::builder(*Parameters::of(Network::Mainnet).genesis());
    builder.coinbase(coinbase, Vec::new()).nonces(NonceSpan::single(0)).target(target).build().unwrap()
}

#[test]
fn a_job_with_one_nonce_for_each_extranonce_ends_with_a_few_runs_whatever_it_searched() {
    let engine = engine(2);
    let handle = engine.submit(SealJob::new(one_nonce()));
    while handle.snapshot().hashes < 50_000 {
        handle.wait(Some(Duration::from_millis(20)));
    }
    let early = handle.coverage();
    handle.cancel("the test");
    let report = handle.wait(None).unwrap();
    assert!((1..=report.hashes).contains(&early.volume()));
    assert_eq!(handle.coverage().volume(), report.hashes);
    assert!(report.hashes >= 50_000);
    // Leases in flight and returned ones are gaps: a few for each worker.
    assert!(report.coverage.run_count() < 600, "{} runs", report.coverage.run_count());
    assert_eq!(report.coverage.volume(), report.hashes);
    assert!(report.coverage.has_more_than(8_192));
    let spans: Vec<_> = report.coverage.iter().take(100).collect();
    assert!(spans.iter().all(|span| span.nonce_first == 0 && span.nonce_last == 0 && span.device == "cpu"));
}

#[test]
fn a_job_continues_where_its_predecessor_was_cancelled_and_both_find_every_seal() {
    let engine = engine(2);
    let template = small(60_000);
    let whole = engine.seal(SealJob::new(template.clone()).all(true));
    let middle = SearchedRun { stretch: Stretch::new(10_000, 39_999).unwrap(), device: "another machine".to_owned() };
    let rest = engine.seal(SealJob::new(template).all(true).covered([middle.clone()]).unwrap());
    assert_eq!((rest.outcome, rest.hashes), (SealOutcome::Sealed, 60_000));
    assert!(rest.coverage.runs().any(|run| run == middle));
    let expected: Vec<_> = whole.seals.iter().filter(|seal| !(10_000..40_000).contains(&seal.header().nonce)).collect();
    assert_eq!(rest.seals.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn shares_of_tenants_out_of_range_are_refused() {
    let engine = engine(1);
    let set = |weight, reserved| {
        engine.set_tenants([("city".to_owned(), TenantShare { weight, reserved, ..TenantShare::default() })])
    };
    assert!(set(3, 0.2).is_ok());
    assert_eq!(set(0, 0.0).unwrap_err().to_string(), "tenant 'city': weight 0; expected 1 to 100");
    assert_eq!(set(1, 1.5).unwrap_err().to_string(), "tenant 'city': reserved share 1.5; expected 0 to 1");
}

#[test]
fn the_probability_by_a_deadline_follows_the_measured_rate_and_the_weights() {
    let engine = engine(1);
    let target = Target::from_display_hex(&format!("{}{}", "0".repeat(12), "f".repeat(52))).unwrap();
    let template = endless().with_target(target);
    let deadline = Instant::now() + Duration::from_hours(1);
    let job = SealJob::new(template).tenant("a").deadline(deadline);
    assert_eq!(engine.probability_by_deadline(&job, None), None, "no rate was measured");
    // No hash of it is a hit, and judging costs nothing.
    engine.seal(SealJob::new(small(1 << 20).with_target(Target::ONE)));
    let alone = engine.probability_by_deadline(&job, None).unwrap();
    let later =
        engine.probability_by_deadline(&job.clone().deadline(deadline + Duration::from_hours(1)), None).unwrap();
    // The target is small enough for the probability to be proportional to the time.
    assert!(alone > 0.0 && (later / alone - 2.0).abs() < 0.01, "{alone} in an hour, {later} in two");
    assert!(!engine.has_usable_gpu());
    assert_eq!(
        engine.probability_by_deadline(&job.clone().when_no_gpu(WhenNoGpu::Wait), None),
        None,
        "there is no GPU"
    );
    let running = engine.submit(SealJob::new(endless()).tenant("b"));
    engine.set_tenants([("b".to_owned(), TenantShare { weight: 3, ..TenantShare::default() })]).unwrap();
    let beside = engine.probability_by_deadline(&job, None).unwrap();
    assert!(beside < alone, "{beside}, alone {alone}");
    let older = engine.submit(SealJob::new(endless()).tenant("a"));
    let in_its_place = engine.probability_by_deadline(&job, Some(&older)).unwrap();
    let beside_it = engine.probability_by_deadline(&job, None).unwrap();
    assert!(in_its_place > 1.5 * beside_it, "{in_its_place}, beside it {beside_it}");
    [running, older].iter().for_each(|job| job.cancel("the test"));
}

/// Jobs for each of the nine probabilities: 1,000 in `cargo xtask soak deadlines`, 16 otherwise.
fn jobs_per_probability() -> u32 {
    std::env::var("CITYSEAL_SOAK_JOBS").map_or(16, |jobs| jobs.parse().unwrap())
}

/// The version bits that BIP320 reserves for rolling.
const ROLLED: u32 = 0x1fff_e000;

/// A template that a hash meets with this probability; each salt gives another header.
fn template_of(probability: f64, salt: u32, version_mask: u32, nonces: u32) -> SealTemplate {
    let top = (probability * 2_f64.powi(64)) as u64;
    let target = Target::from_display_hex(&format!("{top:016x}{}", "f".repeat(48))).unwrap();
    let header = BlockHeader { time: salt, ..*Parameters::of(Network::Mainnet).genesis() };
    let nonces = NonceSpan::new(0, nonces - 1).unwrap();
    SealTemplate::builder(header).version_mask(version_mask).nonces(nonces).target(target).build().unwrap()
}

/// Runs jobs one after another that are sealed with about this probability within `time`; returns the means of the
/// predicted probabilities and of the outcomes. With `exhausts`, the space ends long before the deadline.
fn predicted_and_observed(engine: &Engine, wanted: f64, time: Duration, exhausts: bool, salt: u32) -> (f64, f64) {
    let jobs = jobs_per_probability();
    let (mut predicted, mut sealed) = (0.0, 0);
    for number in 0..jobs {
        let job = |template, time| SealJob::new(template).tenant("a").deadline(Instant::now() + time);
        // What it would find with a very small probability shows how many hashes it would get.
        let tiny = 1e-12;
        let probe = job(template_of(tiny, 0, ROLLED, u32::MAX), time);
        let hashes = engine.probability_by_deadline(&probe, None).unwrap() / tiny;
        let hits = -(1.0 - wanted).ln();
        let (time, template) = if exhausts {
            (Duration::from_mins(1), template_of(hits / 65_536.0, salt + number, 0, 65_536))
        } else {
            (time, template_of(hits / hashes, salt + number, ROLLED, u32::MAX))
        };
        let job = job(template, time);
        predicted += engine.probability_by_deadline(&job, None).unwrap() / f64::from(jobs);
        sealed += u32::from(engine.seal(job).outcome == SealOutcome::Sealed);
    }
    (predicted, f64::from(sealed) / f64::from(jobs))
}

/// A frequency of 1,000 jobs has a standard deviation of at most 1.6 points, so that 5 points are 3.2 deviations. For n
/// jobs 3.2 deviations are 5 x sqrt(1,000 / n) points.
#[test]
fn jobs_of_a_real_cpu_are_sealed_by_their_deadlines_as_often_as_predicted() {
    let jobs = jobs_per_probability();
    let tolerance = 0.05 * (1_000.0 / f64::from(jobs)).sqrt();
    // A worker begins up to a few milliseconds late, which no forecast knows: 3 % of the longer time.
    let time = Duration::from_millis(if jobs < 100 { 20 } else { 100 });
    let engine = engine(1);
    engine.seal(SealJob::new(endless()).deadline(Instant::now() + Duration::from_millis(50)));
    for tenth in 1..=9_u32 {
        // Alone; beside another tenant; or with a space that is exhausted long before the deadline.
        let (has_neighbour, exhausts) = (tenth % 3 == 1, tenth % 3 == 2);
        let neighbour = has_neighbour.then(|| engine.submit(SealJob::new(endless()).tenant("b")));
        let wanted = f64::from(tenth) / 10.0;
        let (predicted, observed) = predicted_and_observed(&engine, wanted, time, exhausts, 100_000 * tenth);
        neighbour.into_iter().for_each(|job| job.cancel("the test"));
        println!("{jobs} jobs: {predicted:.3} predicted, {observed:.3} observed; neighbour: {has_neighbour}");
        assert!((predicted - wanted).abs() < 0.1, "{wanted} was wanted, {predicted:.3} predicted");
        assert!((observed - predicted).abs() <= tolerance, "{predicted:.3} predicted, {observed:.3} observed");
    }
}

#[test]
fn unknown_names_and_invalid_settings_are_refused() {
    let unknown = Engine::builder().gpu(false).devices(vec!["voodoo".to_owned()]).build().unwrap_err();
    assert_eq!(unknown.to_string(), "no device is called 'voodoo'; known: cpu");
    let no_gpu = Engine::builder().gpu(false).devices(vec!["gpu".to_owned()]).build().unwrap_err();
    assert!(matches!(no_gpu, BuildError::NotReady { .. }), "{no_gpu}");
    let kernel = Engine::builder().gpu(false).kernel("mmx").build().unwrap_err();
    assert!(kernel.to_string().contains("kernel 'mmx' cannot be used"), "{kernel}");
    let threads = Engine::builder().gpu(false).threads(0).build().unwrap_err();
    assert_eq!(threads.to_string(), "threads: expected 1 to 4096, found 0");
}

#[cfg(feature = "gpu")]
#[test]
fn the_name_of_a_shader_variant_applies_to_gpus_only() {
    let best = engine(1).devices()[0].info.kernel.clone();
    assert!(Engine::shader_variants().count() > 1);
    for variant in Engine::shader_variants() {
        let built = Engine::builder().gpu(false).kernel(variant).build().unwrap();
        assert_eq!(built.devices()[0].info.kernel, best, "{variant}");
    }
    let cpu = Engine::builder().gpu(false).devices(vec!["cpu".to_owned()]);
    let nowhere = cpu.kernel("wgsl-loaded-or").build().unwrap_err();
    assert!(nowhere.to_string().contains("no GPU is chosen"), "{nowhere}");
    let unknown = Engine::builder().gpu(false).kernel("wgsl-unknown").build().unwrap_err();
    assert!(unknown.to_string().contains("kernel 'wgsl-unknown' cannot be used"), "{unknown}");
}

#[cfg(not(feature = "gpu"))]
mod without_the_feature_gpu {
    use super::*;

    const REASON: &str = "built without GPU support";

    #[test]
    fn the_cpu_works_and_a_note_says_that_there_is_no_gpu_support() {
        let engine = Engine::builder().threads(1).build().unwrap();
        assert_eq!(engine.devices().iter().map(|device| device.info.id.as_str()).collect::<Vec<_>>(), ["cpu"]);
        assert!(engine.notes().iter().any(|note| note.contains(REASON)), "{:?}", engine.notes());
        assert_eq!(Engine::shader_variants().count(), 0);
    }

    #[test]
    fn a_gpu_selected_by_name_is_refused_with_the_reason() {
        for name in ["gpu", "software", "GeForce RTX 4090", "10de:2684"] {
            let refused = Engine::builder().devices(vec![name.to_owned()]).build().unwrap_err();
            assert!(matches!(refused, BuildError::NotReady { .. }), "{refused}");
            assert!(refused.to_string().contains(REASON) && refused.to_string().contains("`gpu`"), "{refused}");
        }
    }

    #[test]
    fn a_selected_shader_variant_is_refused_with_the_reason() {
        let refused = Engine::builder().kernel("wgsl-loaded-or").build().unwrap_err();
        assert!(refused.to_string().contains(REASON), "{refused}");
    }
}
