//! A GPU that does nothing, with its self-test bypassed: jobs still end correctly, and the GPU is quarantined.
//!
//! `CITYSEAL_NOOP_GPU` is the command prefix under which the GPU appears; the test runs itself with this prefix.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cityseal_engine::chain::{Network, NonceSpan, Parameters, SealTemplate, Target};
use cityseal_engine::device::known_answers;
use cityseal_engine::device::{
    Backend, Batch, Completed, CpuBackend, DeviceError, DeviceInfo, DeviceKind, OpenError, Opener, Ticket,
};
use cityseal_engine::hash::HashKernel;
use cityseal_engine::{Engine, EnginePolicy, SealJob, SealOutcome};
use cityseal_tests::skip::{Resource, skip};

/// Set in the run with the prefix.
const INSIDE: &str = "CITYSEAL_NOOP_GPU_INSIDE";
const NONCES: u32 = 400_000;

#[test]
fn a_gpu_that_does_nothing_spoils_no_job_and_is_quarantined() {
    if std::env::var_os(INSIDE).is_some() {
        work_with_the_gpu_that_does_nothing();
        return;
    }
    let test = "noop::a_gpu_that_does_nothing_spoils_no_job_and_is_quarantined";
    let Ok(prefix) = std::env::var("CITYSEAL_NOOP_GPU") else {
        skip(test, Resource::NoopGpu, "CITYSEAL_NOOP_GPU is not set");
        return;
    };
    // `env` accepts variables and a command, so the prefix may begin with either.
    let output = Command::new("env")
        .args(prefix.split_whitespace())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
}

/// A job in which about one hash in 4,096 is a seal.
fn job() -> SealJob {
    let target = Target::from_display_hex(&format!("000f{}", "f".repeat(60))).unwrap();
    let header = *Parameters::of(Network::Mainnet).genesis();
    let nonces = NonceSpan::new(0, NONCES - 1).unwrap();
    SealJob::new(SealTemplate::builder(header).nonces(nonces).target(target).build().unwrap()).all(true)
}

fn work_with_the_gpu_that_does_nothing() {
    let cpu = Engine::builder().gpu(false).threads(1).build().unwrap();
    let honest = cpu.seal(job());
    assert!(honest.seals.len() > 50);
    let forced = SelfTestBypass { inner: the_gpu(), worked: Arc::default() };
    let (id, worked) = (forced.info().id.clone(), Arc::clone(&forced.worked));
    let policy = EnginePolicy {
        batch_hashes_first: 1_000,
        cpu_batch_time: Duration::from_micros(100),
        // Longer than the test, so that the device is not reopened.
        reopen_first: Duration::from_hours(1),
        quarantine_first: Duration::from_hours(1),
        ..EnginePolicy::default()
    };
    let builder = Engine::builder().gpu(false).threads(1).policy(policy);
    let engine = builder.devices(vec!["cpu".to_owned(), id.clone()]).add_device(Box::new(forced)).build().unwrap();
    // Repeat until the GPU takes part: the CPU may finish a job before the GPU has started.
    while worked.load(Ordering::SeqCst) == 0 {
        assert_complete(&engine, &honest.seals);
    }
    assert_complete(&engine, &honest.seals);
    let status = engine.devices().into_iter().find(|device| device.info.id == id).unwrap();
    assert!(["reopening", "quarantined"].contains(&status.state.name()), "{status:?}");
    // The driver leaves the value of a fence uninitialised, so a batch may also seem never to end.
    let reason = status.state.reason().unwrap();
    assert!(reason.contains("incomplete") || reason.contains("hung"), "{status:?}");
    assert_eq!(status.hashes, 0);
}

/// Asserts that a job finds exactly these seals, and that the CPU alone searches every nonce once.
fn assert_complete(engine: &Engine, seals: &[cityseal_engine::chain::Seal]) {
    let report = engine.seal(job());
    assert_eq!((&report.outcome, report.hashes), (&SealOutcome::Sealed, u128::from(NONCES)));
    assert_eq!(report.seals, seals);
    let mut next = 0;
    for span in report.coverage.iter() {
        assert_eq!((span.nonce_first, span.device.as_str()), (next, "cpu"), "{:?}", report.coverage);
        next = span.nonce_last + 1;
    }
    assert_eq!(next, NONCES);
}

fn the_gpu() -> Box<dyn Opener> {
    let found = Engine::builder().devices(vec!["gpu".to_owned()]).select().expect("a GPU is visible");
    found.devices.into_iter().find(|opener| opener.info().kind == DeviceKind::Gpu).expect("a GPU is visible")
}

/// Opens a device whose self-test is answered by the CPU and everything after it by the device.
struct SelfTestBypass {
    inner: Box<dyn Opener>,
    /// Number of batches submitted to the device itself.
    worked: Arc<AtomicU64>,
}

impl Opener for SelfTestBypass {
    fn info(&self) -> &DeviceInfo {
        self.inner.info()
    }

    fn open(&mut self) -> Result<Box<dyn Backend>, OpenError> {
        let inner = self.inner.open()?;
        let cases_left = known_answers::cases(&*inner).len();
        let reference = CpuBackend::new(HashKernel::portable());
        Ok(Box::new(Bypassed { inner, reference, cases_left, by_reference: false, worked: Arc::clone(&self.worked) }))
    }
}

struct Bypassed {
    inner: Box<dyn Backend>,
    reference: CpuBackend,
    /// Remaining cases of the self-test, which are submitted one at a time.
    cases_left: usize,
    by_reference: bool,
    worked: Arc<AtomicU64>,
}

impl Backend for Bypassed {
    fn info(&self) -> &DeviceInfo {
        self.inner.info()
    }

    fn depth(&self) -> usize {
        self.inner.depth()
    }

    fn submit(&mut self, batch: Batch) -> Result<Ticket, DeviceError> {
        self.by_reference = self.cases_left > 0;
        self.cases_left = self.cases_left.saturating_sub(1);
        if self.by_reference {
            return self.reference.submit(batch);
        }
        self.worked.fetch_add(1, Ordering::SeqCst);
        self.inner.submit(batch)
    }

    fn collect(&mut self, timeout: Duration) -> Result<Option<Completed>, DeviceError> {
        if self.by_reference { self.reference.collect(timeout) } else { self.inner.collect(timeout) }
    }
}
