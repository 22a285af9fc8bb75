//! `cityseal drill`: injects faults into each selected device, one after the other, while it works on a job or a chain
//! whose answer is known. Reports whether the answer stays right, and how soon other workers take over.
//!
//! The devices and their batches are real; only the answers are changed on the way ([`cityseal_device::inject`]). The
//! other workers are CPU threads. On a machine without a GPU the CPU itself is drilled as an untrusted device.

use std::time::{Duration, Instant};

use cityseal_chain::{BlockHeader, CompactTarget, MerkleRoot, NonceSpan, SealTemplate, Verdict};
use cityseal_cli::{CliError, Ending, Output, spoken, table};
use cityseal_device::inject::{Fault, Injection, Injector, When, Witness};
use cityseal_device::{CpuOpener, DeviceKind, Opener};
use cityseal_engine::{Engine, EnginePolicy, SealJob, SealOutcome, SealReport, VerifyReport, VerifyRequest};
use cityseal_hash::HashKernel;

use super::city::{City, EASIEST_BITS, genesis, sealed};
use super::error::DrillError;
use super::json::{Answers, DrillAnswer, DrillRow};
use super::settings::EngineSettings;

/// Name of the CPU when it is drilled as an untrusted device.
const CPU_AS_DEVICE: &str = "cpu-as-device";

/// Nonces of the job: a fraction of a second on one CPU thread.
const NONCES: u32 = 1 << 23;

/// Target of the job, compact: one hash in 2^16 meets it, so there are about 128 seals and a missing one is noticed.
const TARGET: u32 = 0x1f00_ffff;

/// Headers of the chain: five segments.
const HEADERS: usize = 5 * 4_096;

/// Time of the chain's genesis header, and a clock after all of its headers (Unix time).
const FOUNDED: u32 = 1_700_000_000;
const NOW: u64 = 2_000_000_000;

/// A drill: its name, the fault, and the batches that it affects. A device that omits hits does so from then on, since
/// a single such batch looks like a batch without hits.
struct Drill {
    name: &'static str,
    fault: Fault,
    when: When,
    exercise: Exercise,
}

/// What the device works on during the drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exercise {
    Job,
    Chain,
}

const fn case(name: &'static str, fault: Fault, when: When, exercise: Exercise) -> Drill {
    Drill { name, fault, when, exercise }
}

/// Most faults come after two right batches, so that there are results to keep or to discard.
const DRILLS: [Drill; 7] = [
    case("loss", Fault::Loss, When::Batch(2), Exercise::Job),
    case("hang", Fault::Hang, When::Batch(2), Exercise::Job),
    case("stuck", Fault::Stuck, When::Batch(2), Exercise::Job),
    case("false-hits", Fault::FalseHits, When::Batch(2), Exercise::Job),
    case("missed-hits", Fault::MissedHits, When::From(2), Exercise::Job),
    case("zeros", Fault::Zeros, When::From(2), Exercise::Job),
    case("wrong-hashes", Fault::WrongHashes, When::Batch(0), Exercise::Chain),
];

/// Drills each chosen device with each fault, and prints whether the answers stayed right.
///
/// # Errors
/// [`DrillError`] if an engine cannot be built or a device is gone.
pub fn drill(output: &Output, settings: EngineSettings) -> Result<Ending, DrillError> {
    let selection = settings.builder().select()?;
    let subjects: Vec<Subject> = selection.devices.iter().map(|opener| Subject::of(&**opener)).collect();
    let (bar, of) = (output.steps(), subjects.len() * DRILLS.len());
    bar.name("the CPU alone answers first".to_owned());
    let ground = Ground::prepare(settings, selection.threads, selection.kernel)?;
    let mut rows = Vec::new();
    for subject in &subjects {
        for drill in &DRILLS {
            bar.name(format!("row {} of {of}: {}, {}", rows.len() + 1, subject.name, drill.name));
            rows.push(ground.row(subject, drill)?);
        }
    }
    drop(bar);
    let answer = DrillAnswer { hang_after_ms: millis(ground.policy.hang_after), rows };
    output.answer(&answer, |output| human(output, &answer)).map_err(CliError::Stdout)?;
    Ok(ending(&answer))
}

/// A device that is drilled.
struct Subject {
    id: String,
    name: String,
    is_cpu: bool,
}

impl Subject {
    fn of(opener: &dyn Opener) -> Self {
        let info = opener.info();
        if info.kind == DeviceKind::Cpu {
            return Self { id: CPU_AS_DEVICE.to_owned(), name: CPU_AS_DEVICE.to_owned(), is_cpu: true };
        }
        Self { id: info.id.clone(), name: info.name.clone(), is_cpu: false }
    }
}

/// Common to all drills: the job, the chain, and the answers of the CPU alone.
struct Ground {
    settings: EngineSettings,
    threads: usize,
    kernel: HashKernel,
    policy: EnginePolicy,
    template: SealTemplate,
    city: City,
    chain: Vec<u8>,
    right_job: SealReport,
    right_chain: VerifyReport,
}

impl Ground {
    fn prepare(settings: EngineSettings, threads: usize, kernel: HashKernel) -> Result<Self, DrillError> {
        let founder = sealed(genesis(EASIEST_BITS, MerkleRoot::ZERO, FOUNDED));
        let city = City::of("drill", founder);
        let template = template(founder)?;
        let chain = chain(founder);
        let cpu = EngineSettings { devices: Vec::new(), ..settings.clone() }.builder().gpu(false).build()?;
        let right_job = cpu.seal(SealJob::new(template.clone()).all(true));
        let right_chain = verify(&cpu, &city, &chain)?;
        let policy = EnginePolicy::default();
        Ok(Self { settings, threads, kernel, policy, template, city, chain, right_job, right_chain })
    }

    /// Drills one device with one fault, in an engine of its own.
    fn row(&self, subject: &Subject, drill: &Drill) -> Result<DrillRow, DrillError> {
        let injection = Injection { when: drill.when, fault: drill.fault };
        let mut injector = Injector::new(self.opener(subject)?, vec![injection]);
        if subject.is_cpu {
            injector = injector.posing_as(&subject.id);
        }
        let injected = injector.injected();
        let engine = self.engine(injector)?;
        // The time starts after the engine was built, so that opening the device does not count.
        let started = Instant::now();
        let is_right = match drill.exercise {
            Exercise::Job => is_same_job(&engine.seal(SealJob::new(self.template.clone()).all(true)), &self.right_job),
            Exercise::Chain => is_same_verdict(&verify(&engine, &self.city, &self.chain)?, &self.right_chain),
        };
        let job_ms = millis(started.elapsed());
        let devices = engine.devices();
        let status = devices.iter().find(|device| device.info.id == subject.id);
        Ok(DrillRow {
            device: subject.name.clone(),
            fault: drill.name,
            injected: injected.count(drill.fault),
            answer: Answers::of(is_right),
            takeover_ms: injected.taken_over().map(millis),
            job_ms,
            state: status.map_or("absent", |device| device.state.name()),
        })
    }

    /// Creates a new opener of the device, since an engine takes ownership of its openers.
    fn opener(&self, subject: &Subject) -> Result<Box<dyn Opener>, DrillError> {
        if subject.is_cpu {
            return Ok(Box::new(CpuOpener::new(self.kernel)));
        }
        let selection =
            EngineSettings { devices: vec![subject.id.clone()], ..self.settings.clone() }.builder().select()?;
        let found = selection.devices.into_iter().find(|opener| opener.info().id == subject.id);
        found.ok_or_else(|| DrillError::NotReady { device: subject.name.clone(), reason: "it is gone".to_owned() })
    }

    /// Builds an engine of the device and the requested number of CPU threads, which record when they take over its
    /// work.
    fn engine(&self, injector: Injector) -> Result<Engine, DrillError> {
        let mut names = vec![injector.info().id.clone()];
        let injected = injector.injected();
        let mut engine = Engine::builder().gpu(false).policy(self.policy.clone()).threads(1);
        engine = engine.add_device(Box::new(injector));
        for number in 0..self.threads {
            let (id, hand) = (format!("drill-hand-{number}"), Box::new(CpuOpener::new(self.kernel)));
            engine =
                engine.add_device(Box::new(Witness::new(hand, injected.clone()).with_id(&id).after_the_first_fault()));
            names.push(id);
        }
        Ok(engine.devices(names).build()?)
    }
}

fn template(founder: BlockHeader) -> Result<SealTemplate, DrillError> {
    let target = CompactTarget::from_bits(TARGET).decode().expect("a constant that encodes a target");
    let nonces = NonceSpan::new(0, NONCES - 1).expect("a constant above zero");
    Ok(SealTemplate::builder(founder).nonces(nonces).target(target).build()?)
}

/// A chain of easy headers from its genesis on, packed (80 bytes each).
fn chain(founder: BlockHeader) -> Vec<u8> {
    let next = |parent: &BlockHeader| {
        Some(sealed(BlockHeader { prev_block_hash: parent.hash(), time: parent.time + 600, nonce: 0, ..*parent }))
    };
    std::iter::successors(Some(founder), next).take(HEADERS).flat_map(|header| header.to_wire()).collect()
}

fn verify(engine: &Engine, city: &City, chain: &[u8]) -> Result<VerifyReport, DrillError> {
    let mut verifier = engine.header_verifier(VerifyRequest::new(city.parameters.clone(), NOW))?;
    verifier.push(chain);
    Ok(verifier.finish(None))
}

/// Whether the seals are the same and every nonce was searched exactly once.
fn is_same_job(found: &SealReport, right: &SealReport) -> bool {
    let mut next = Some(0);
    let is_gapless = found.coverage.iter().all(|span| {
        let follows = next == Some(span.nonce_first);
        next = span.nonce_last.checked_add(1);
        follows
    });
    let is_whole = is_gapless && next == Some(NONCES) && found.hashes == u128::from(NONCES);
    is_whole && found.outcome == SealOutcome::Sealed && found.seals == right.seals
}

fn is_same_verdict(found: &VerifyReport, right: &VerifyReport) -> bool {
    right.verdict == Verdict::Valid
        && (&found.verdict, found.count, found.tip) == (&right.verdict, right.count, right.tip)
}

/// A drill whose fault was never injected proves nothing: neither yes nor no.
fn ending(answer: &DrillAnswer) -> Ending {
    if answer.rows.iter().any(|row| row.answer == Answers::Wrong) {
        return Ending::No;
    }
    let is_drilled = !answer.rows.is_empty() && answer.rows.iter().all(|row| row.injected > 0);
    if is_drilled { Ending::Yes } else { Ending::Neither }
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn human(output: &Output, answer: &DrillAnswer) -> String {
    let shown = |millis: f64| spoken(Duration::from_secs_f64(millis / 1e3));
    let cells = |row: &DrillRow| {
        vec![
            row.device.clone(),
            row.fault.into(),
            row.injected.to_string(),
            row.answer.painted(output),
            row.takeover_ms.map_or_else(|| "-".into(), shown),
            shown(row.job_ms),
            row.state.into(),
        ]
    };
    let rows: Vec<_> = answer.rows.iter().map(cells).collect();
    let heads = ["device", "fault", "injected", "answer", "taken over after", "job took", "state after"];
    let hang = shown(answer.hang_after_ms);
    let foot = format!("A hang is detected after {hang}; - means that no work had to be repeated.\n");
    table(&heads, &[2], &rows) + &foot
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(answer: Answers, injected: u64) -> DrillRow {
        let (device, fault, state) = ("gpu".to_owned(), "loss", "ready");
        DrillRow { device, fault, injected, answer, takeover_ms: None, job_ms: 1.0, state }
    }

    fn ending_of(rows: Vec<DrillRow>) -> Ending {
        ending(&DrillAnswer { hang_after_ms: 5_000.0, rows })
    }

    #[test]
    fn one_wrong_answer_is_a_no_and_a_fault_that_was_not_injected_is_neither() {
        assert_eq!(ending_of(vec![row(Answers::Right, 1), row(Answers::Right, 7)]), Ending::Yes);
        assert_eq!(ending_of(vec![row(Answers::Right, 0), row(Answers::Wrong, 1)]), Ending::No);
        assert_eq!(ending_of(vec![row(Answers::Right, 1), row(Answers::Right, 0)]), Ending::Neither);
        assert_eq!(ending_of(Vec::new()), Ending::Neither);
    }

    /// The answers of one CPU thread.
    fn ground() -> Ground {
        let settings = EngineSettings {
            devices: Vec::new(),
            allow_software: false,
            profile: cityseal_engine::Profile::default(),
            kernel: None,
            threads: Some(1),
            tuning_cache: None,
        };
        Ground::prepare(settings, 1, HashKernel::detect()).unwrap()
    }

    #[test]
    fn an_answer_with_a_gap_a_lost_seal_or_an_early_end_is_not_right() {
        let ground = ground();
        let right = &ground.right_job;
        assert!(right.seals.len() > 64 && is_same_job(right, right));
        // The coverage of a job without the first nonce.
        let engine = ground.settings.clone().builder().gpu(false).build().unwrap();
        let builder = SealTemplate::builder(*ground.template.header()).target(ground.template.target());
        let later = builder.nonces(NonceSpan::new(1, NONCES - 1).unwrap()).build().unwrap();
        let gap = SealReport { coverage: engine.seal(SealJob::new(later).all(true)).coverage, ..right.clone() };
        let mut lost = right.clone();
        lost.seals.pop();
        assert!(!is_same_job(&gap, right) && !is_same_job(&lost, right));
        let mut short = ground.right_chain.clone();
        short.count -= 1;
        assert!(is_same_verdict(&ground.right_chain, &ground.right_chain));
        assert!(!is_same_verdict(&short, &ground.right_chain));
    }
}
