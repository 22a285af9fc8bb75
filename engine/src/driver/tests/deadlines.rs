//! The probability that a job is sealed by its deadline, predicted and observed: real hashes and a simulated clock.

use cityseal_chain::BlockHeader;

use super::*;
use crate::probability::probability_within;

/// Hashes per second of the simulated worker, and hashes per hit: a job takes milliseconds of its time.
const RATE_HZ: f64 = 10e6;
const HASHES_PER_HIT: f64 = 16_384.0;

/// Jobs for each of the probabilities.
const JOBS: u32 = 100;

/// A target that one hash in 16,384 meets.
fn target() -> Target {
    Target::from_display_hex(&format!("0003{}", "f".repeat(60))).unwrap()
}

fn template(salt: u32, nonces: u32) -> SealTemplate {
    let header = BlockHeader { time: salt, ..*Parameters::of(Network::Mainnet).genesis() };
    let nonces = NonceSpan::new(0, nonces - 1).unwrap();
    SealTemplate::builder(header).nonces(nonces).target(target()).build().unwrap()
}

/// Answers one task of the CPU's worker: jobs of tenant `a` with real hashes, others with none.
fn step(play: &mut Play, job: u64) {
    let assignment = play.take(CPU).unwrap();
    let Task::Search(task) = &assignment.task else { panic!("{assignment:?}") };
    let is_own = play.driver.workers[CPU].job_of(assignment.seq) == Some(job);
    let timed = nothing_found(&assignment.task, RATE_HZ);
    let answer = if is_own { SearchAnswer { cost: timed.cost, ..play.search(task) } } else { timed };
    play.now += answer.cost.total;
    // The watchdog is in time.
    play.driver.expire(play.now);
    play.driver.searched(CPU, assignment.seq, answer, play.now);
}

/// Runs a job to its end; returns the probability that was predicted, and whether it was sealed.
fn outcome(play: &mut Play, template: &SealTemplate, time: Duration) -> (f64, bool) {
    let job = SealJob::new(template.clone()).tenant("a").deadline(play.now + time);
    let rate_hz = play.driver.rate_of_new(&job, None).unwrap();
    let predicted = probability_within(template, time.as_secs_f64(), rate_hz, 1.0);
    let id = play.submit(job);
    while play.driver.jobs.contains_key(&id) {
        step(play, id);
    }
    (predicted, play.end().unwrap().outcome == SealOutcome::Sealed)
}

fn worker(has_neighbour: bool) -> Play {
    let mut play = Play::new();
    play.driver.workers.truncate(1);
    play.driver.devices.truncate(1);
    play.driver.policy.cpu_batch_time = Duration::from_micros(26);
    play.driver.workers[CPU] = Worker::new(CPU, play.reference.info(), &play.driver.policy);
    play.reference = CpuBackend::new(HashKernel::detect());
    let neighbour = play.submit(SealJob::new(whole_space()).tenant("b"));
    (0..8).for_each(|_| step(&mut play, u64::MAX));
    if !has_neighbour {
        play.driver.end_job(neighbour, SealOutcome::Expired, play.now);
    }
    play.end();
    play
}

/// A frequency of n jobs has a standard deviation of at most 0.5 / sqrt(n): 1.6 points for 1,000 jobs, for which 5
/// points, and so 3.2 deviations, are allowed. For n jobs 3.2 deviations are 5 x sqrt(1,000 / n) points.
fn tolerance(jobs: u32) -> f64 {
    0.05 * (1_000.0 / f64::from(jobs)).sqrt()
}

#[test]
fn jobs_are_sealed_by_their_deadlines_as_often_as_predicted() {
    for tenth in 1..=9_u32 {
        let wanted = f64::from(tenth) / 10.0;
        let hashes = -(1.0 - wanted).ln() * HASHES_PER_HIT;
        // Alone; beside another tenant; or with a space that is exhausted long before the deadline.
        let kind = tenth % 3;
        let share = if kind == 1 { 2.0 } else { 1.0 };
        let time = Duration::from_secs_f64(if kind == 2 { 1.0 } else { share * hashes / RATE_HZ });
        let nonces = if kind == 2 { hashes as u32 } else { u32::MAX };
        let mut play = worker(kind == 1);
        let (mut predicted, mut sealed) = (0.0, 0);
        for job in 0..JOBS {
            let (probability, is_sealed) = outcome(&mut play, &template(1_000 * tenth + job, nonces), time);
            predicted += probability / f64::from(JOBS);
            sealed += u32::from(is_sealed);
        }
        let observed = f64::from(sealed) / f64::from(JOBS);
        assert!((predicted - wanted).abs() < 0.02, "{wanted} was wanted, {predicted:.3} predicted");
        assert!((observed - predicted).abs() <= tolerance(JOBS), "{predicted:.3} predicted, {observed:.3} observed");
    }
}
