//! Plays the driver through step by step with a simulated clock: every race, without threads.

use std::time::{Duration, Instant};

use cityseal_chain::{Network, NonceSpan, Parameters, Region, SealTemplate, Target};
use cityseal_device::fake::FakeOpener;
use cityseal_device::known_answers;
use cityseal_device::{Backend, Batch, CpuBackend, Opener, Report, SearchReport};
use cityseal_hash::HashKernel;

mod chains;
mod claims;
mod cost;
mod coverage;
mod deadlines;
mod fair;
mod gpus;
mod simulated;
mod stuck;
mod trust;

use super::*;
use crate::judge::Caught;
use crate::task::{SearchTask, Task};

const NONCES: u32 = 50_000;

/// A target that about one hash in 4,096 meets.
fn easy_target() -> Target {
    Target::from_display_hex(&format!("000f{}", "f".repeat(60))).unwrap()
}

fn template(target: Target) -> SealTemplate {
    let header = *Parameters::of(Network::Mainnet).genesis();
    let nonces = NonceSpan::new(0, NONCES - 1).unwrap();
    SealTemplate::builder(header).nonces(nonces).target(target).build().unwrap()
}

fn impossible() -> SealTemplate {
    template(Target::from_display_hex(&format!("{}1", "0".repeat(63))).unwrap())
}

fn whole_space() -> SealTemplate {
    SealTemplate::builder(*Parameters::of(Network::Mainnet).genesis()).build().unwrap()
}

/// A driver with one worker of the CPU and one of an untrusted device.
struct Play {
    driver: Driver,
    now: Instant,
    reference: CpuBackend,
}

const CPU: usize = 0;
const GPU: usize = 1;

impl Play {
    fn new() -> Self {
        let reference = CpuBackend::new(HashKernel::portable());
        let canary =
            known_answers::cases(&reference).into_iter().find(|case| case.name == known_answers::CANARY).unwrap();
        let policy = EnginePolicy { batch_hashes_first: 5_000, ..EnginePolicy::default() };
        let mut driver = Driver::new(policy, Arc::new(canary));
        let cpu = driver.add_device(reference.info().clone());
        driver.add_worker(cpu);
        let gpu = driver.add_device(FakeOpener::new("fake").info().clone());
        driver.add_worker(gpu);
        Self { driver, now: Instant::now(), reference }
    }

    fn submit(&mut self, job: SealJob) -> u64 {
        self.driver.add_job(job, self.now)
    }

    fn take(&mut self, worker: usize) -> Option<Assignment> {
        self.driver.next(worker, self.now)
    }

    /// Answers as a correct device would.
    fn answer(&mut self, worker: usize, assignment: Assignment) {
        self.now += Duration::from_millis(1);
        match assignment.task {
            Task::Search(task) => {
                let answer = self.search(&task);
                self.driver.searched(worker, assignment.seq, answer, self.now);
            }
            Task::Canary(case) => {
                let report = self.report(case.batch.clone());
                assert!(case.is_answered_by(&report));
                self.driver.canary_answered(worker, assignment.seq, self.now);
            }
            task @ (Task::Headers(_) | Task::Blocks(_)) => panic!("{task:?}"),
        }
    }

    /// Searches every region, up to one with too many hits.
    fn search(&mut self, task: &SearchTask) -> SearchAnswer {
        let cost = TaskCost { device: Duration::from_millis(1), total: Duration::from_millis(1) };
        let mut answer = SearchAnswer { cost, ..SearchAnswer::default() };
        for part in (0..task.regions.len()).map(|index| task.part(index)) {
            let Report::Search(report) = self.report(Batch::Search(part.batch.clone())) else { panic!() };
            let judged = part.judge(report).unwrap();
            answer.judged.overflow = judged.overflow;
            if judged.overflow {
                break;
            }
            answer.judged.seals.extend(judged.seals);
            answer.done += 1;
        }
        answer
    }

    fn report(&mut self, batch: Batch) -> Report {
        self.reference.submit(batch).unwrap();
        self.reference.collect(Duration::ZERO).unwrap().unwrap().report
    }

    /// Answers all tasks of a worker until there is none.
    fn work_off(&mut self, worker: usize) {
        while let Some(assignment) = self.take(worker) {
            self.answer(worker, assignment);
        }
    }

    fn end(&mut self) -> Option<SealReport> {
        self.driver.take_events().into_iter().rev().find_map(|event| match event {
            Event::Ended(_, _, report) => Some(report),
            Event::Changed(..) | Event::Wake | Event::Watch => None,
        })
    }
}

/// The regions of a search.
fn regions(task: &Task) -> &[Region] {
    let Task::Search(task) = task else { panic!("{task:?}") };
    &task.regions
}

fn hashes(task: &Task) -> u64 {
    regions(task).iter().map(Region::hashes).sum()
}

/// The answer of a device of `rate_hz` hashes per second that finds nothing.
fn nothing_found(task: &Task, rate_hz: f64) -> SearchAnswer {
    let device = Duration::from_secs_f64(hashes(task) as f64 / rate_hz);
    let cost = TaskCost { device, total: device };
    SearchAnswer { done: regions(task).len(), cost, ..SearchAnswer::default() }
}

#[test]
fn a_job_without_a_seal_is_exhausted_and_its_coverage_names_the_devices() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let first = play.take(CPU).unwrap();
    play.answer(CPU, first);
    play.work_off(GPU);
    let report = play.end().unwrap();
    assert_eq!(report.outcome, SealOutcome::Exhausted);
    assert_eq!(report.hashes, u128::from(NONCES));
    let spans: Vec<_> = report.coverage.iter().collect();
    assert_eq!(spans.len(), 2);
    assert_eq!((spans[0].nonce_first, spans[1].nonce_last), (0, NONCES - 1));
    assert_eq!((spans[0].device.as_str(), spans[1].device.as_str()), ("cpu", "fake"));
}

#[test]
fn a_job_for_one_seal_gets_one_although_a_batch_has_several() {
    let mut play = Play::new();
    play.submit(SealJob::new(template(easy_target())));
    play.work_off(CPU);
    let report = play.end().unwrap();
    assert_eq!((report.outcome, report.seals.len()), (SealOutcome::Sealed, 1));
}

#[test]
fn a_seal_that_was_confirmed_counts_although_its_device_fails_before_the_task_ends() {
    let mut play = Play::new();
    let id = play.submit(SealJob::new(template(easy_target())));
    let assignment = play.take(GPU).unwrap();
    let Task::Search(task) = &assignment.task else { panic!("{assignment:?}") };
    let seals = play.search(task).judged.seals;
    assert!(!seals.is_empty());
    play.driver.confirmed(GPU, assignment.seq, seals, play.now);
    play.driver.failed(GPU, &DeviceError::Hung { waited: Duration::from_secs(4) }, play.now);
    let ended = play.driver.take_events().into_iter().find_map(|event| match event {
        Event::Ended(ended, _, report) => Some((ended, report.outcome, report.seals.len())),
        Event::Changed(..) | Event::Wake | Event::Watch => None,
    });
    assert_eq!(ended, Some((id, SealOutcome::Sealed, 1)));
}

#[test]
fn all_seals_are_found_by_any_mix_of_workers() {
    let found = |order: &[usize]| {
        let mut play = Play::new();
        play.submit(SealJob::new(template(easy_target())).all(true));
        for &worker in order {
            if let Some(assignment) = play.take(worker) {
                play.answer(worker, assignment);
            }
        }
        play.work_off(CPU);
        play.work_off(GPU);
        let report = play.end().unwrap();
        assert_eq!(report.outcome, SealOutcome::Sealed);
        report.seals.iter().map(|seal| seal.header().nonce).collect::<Vec<_>>()
    };
    let alone = found(&[]);
    assert!(alone.len() > 4 && alone.is_sorted(), "{alone:?}");
    assert_eq!(found(&[CPU, GPU, GPU, CPU]), alone);
    assert_eq!(found(&[GPU; 9]), alone);
}

#[test]
fn a_job_waits_for_the_canary_of_a_device_that_is_not_trusted() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let mut assignments = Vec::new();
    while let Some(assignment) = play.take(GPU) {
        if matches!(assignment.task, Task::Canary(_)) {
            assignments.push(assignment);
            break;
        }
        play.answer(GPU, assignment);
    }
    assert!(play.end().is_none(), "not before the canary was answered");
    play.answer(GPU, assignments.pop().unwrap());
    assert_eq!(play.end().unwrap().outcome, SealOutcome::Exhausted);
}

#[test]
fn the_leases_of_a_lost_device_are_searched_by_others() {
    let mut play = Play::new();
    play.submit(SealJob::new(template(easy_target())).all(true));
    let done = play.take(GPU).unwrap();
    play.answer(GPU, done);
    let _never_answered = play.take(GPU).unwrap();
    let after = play.driver.failed(GPU, &DeviceError::Lost { reason: "test".to_owned() }, play.now);
    assert_eq!(after, AfterFailure::ReopenAfter(Duration::from_secs(1)));
    assert!(play.take(GPU).is_none(), "a device that is being reopened gets nothing");
    play.work_off(CPU);
    let report = play.end().unwrap();
    assert_eq!(report.outcome, SealOutcome::Sealed);
    assert!(report.coverage.iter().all(|span| span.device == "cpu"), "{:?}", report.coverage);
    assert_eq!(report.hashes, u128::from(NONCES));
}

#[test]
fn everything_that_a_faulty_device_searched_is_searched_again() {
    let mut play = Play::new();
    let template = template(easy_target());
    play.submit(SealJob::new(template).all(true));
    for _ in 0..3 {
        let assignment = play.take(GPU).unwrap();
        play.answer(GPU, assignment);
    }
    play.driver.caught(GPU, &Caught::Canary, play.now);
    assert_eq!(play.driver.statuses()[1].state.name(), "quarantined");
    assert!(play.take(GPU).is_none(), "quarantined");
    play.work_off(CPU);
    let report = play.end().unwrap();
    assert_eq!((report.devices[0].hashes, report.devices[1].hashes), (u128::from(NONCES), 0));
    let nonces: Vec<u32> = report.seals.iter().map(|seal| seal.header().nonce).collect();
    let mut once = nonces.clone();
    once.dedup();
    assert_eq!(nonces, once, "a seal found twice counts once");
}

#[test]
fn a_lease_lost_on_purpose_is_reported_as_a_gap() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let dropped = play.take(CPU).unwrap();
    // The lease is removed from the book as if it were searched, but the coverage does not have it.
    let lent = play.driver.workers[CPU].take(dropped.seq, play.now);
    let Some(Lent { work: InFlight::Search { job, leases }, .. }) = lent else { panic!() };
    leases.into_iter().for_each(|lease| play.driver.jobs.get_mut(&job).unwrap().lose(lease));
    play.work_off(CPU);
    let report = play.end().unwrap();
    let SealOutcome::Failed { reason: SealFailure::CoverageGap { gap } } = report.outcome else {
        panic!("{:?}", report.outcome)
    };
    assert!(gap.contains("0..=4999"), "{gap}");
    assert!(report.hashes < u128::from(NONCES));
}

#[test]
fn a_batch_with_too_many_hits_is_split_until_they_can_be_reported() {
    let mut play = Play::new();
    play.driver.policy.hits_max = 16;
    let everything = Target::from_display_hex(&"f".repeat(64)).unwrap();
    play.submit(SealJob::new(template(everything)).all(true));
    play.work_off(CPU);
    let report = play.end().unwrap();
    assert_eq!(report.seals.len(), NONCES as usize);
}

#[test]
fn one_seal_above_the_limit_fails_the_job() {
    let run = |seals_max| {
        let mut play = Play::new();
        let everything = Target::from_display_hex(&"f".repeat(64)).unwrap();
        play.submit(SealJob::new(template(everything)).all(true).seals_max(seals_max));
        play.work_off(CPU);
        play.end().unwrap().outcome
    };
    let max = NONCES as usize;
    assert_eq!(run(max), SealOutcome::Sealed);
    assert_eq!(run(max - 1), SealOutcome::Failed { reason: SealFailure::TooManySeals { max: max - 1 } });
}

#[test]
fn a_job_expires_at_its_deadline_and_not_before() {
    let mut play = Play::new();
    let deadline = play.now + Duration::from_secs(1);
    play.submit(SealJob::new(impossible()).deadline(deadline));
    assert_eq!(play.driver.next_deadline(), Some(deadline));
    play.driver.expire(deadline.checked_sub(Duration::from_nanos(1)).unwrap());
    assert!(play.end().is_none());
    play.driver.expire(deadline);
    assert_eq!(play.end().unwrap().outcome, SealOutcome::Expired);
}

#[test]
fn a_report_for_a_job_that_has_ended_changes_nothing() {
    let mut play = Play::new();
    let id = play.submit(SealJob::new(template(easy_target())));
    let late = play.take(CPU).unwrap();
    play.driver.end_job(id, SealOutcome::Cancelled { by: "test".to_owned() }, play.now);
    assert_eq!(play.end().unwrap().hashes, 0);
    play.answer(CPU, late);
    assert!(play.end().is_none());
}

#[test]
fn jobs_fail_when_the_last_device_is_retired() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    play.driver.caught(GPU, &Caught::Canary, play.now);
    assert!(play.end().is_none());
    for failure in 1..=play.driver.policy.reopen_tries {
        let after = play.driver.failed(CPU, &DeviceError::Lost { reason: "test".to_owned() }, play.now);
        assert_eq!(after, AfterFailure::ReopenAfter(Duration::from_secs(1 << (failure - 1))));
    }
    let error = DeviceError::Lost { reason: "the last one".to_owned() };
    assert_eq!(play.driver.failed(CPU, &error, play.now), AfterFailure::Retire);
    let SealOutcome::Failed { reason: SealFailure::NoDevice { reason } } = play.end().unwrap().outcome else {
        panic!()
    };
    assert!(reason.contains("the last one"), "{reason}");
    let late = play.submit(SealJob::new(impossible()));
    assert!(matches!(play.end().unwrap().outcome, SealOutcome::Failed { .. }), "job {late} as well");
}

#[test]
fn batches_double_until_they_take_the_target_time() {
    let mut play = Play::new();
    play.submit(SealJob::new(whole_space()));
    let mut sizes = Vec::new();
    for _ in 0..12 {
        let assignment = play.take(CPU).unwrap();
        sizes.push(hashes(&assignment.task));
        let answer = nothing_found(&assignment.task, 40e6);
        play.driver.searched(CPU, assignment.seq, answer, play.now);
    }
    assert_eq!(&sizes[..4], &[5_000, 10_000, 20_000, 40_000]);
    assert!(sizes[4..].iter().all(|&hashes| hashes == 40_000), "{sizes:?}");
}

#[test]
fn a_worker_that_started_slowly_is_rated_by_its_device() {
    let mut play = Play::new();
    let sibling = play.driver.add_worker(CPU);
    let rates = |play: &mut Play, rates: [f64; 3]| {
        for (worker, rate) in [CPU, sibling, GPU].into_iter().zip(rates) {
            play.driver.workers[worker].header_rate = Some(rate);
        }
        [CPU, sibling, GPU].map(|worker| play.driver.is_fast_enough(worker))
    };
    assert_eq!(rates(&mut play, [100.0, 1.0, 24.9]), [true, true, false]);
    assert_eq!(rates(&mut play, [100.0, 1.0, 25.0]), [true, true, true]);
    assert_eq!(rates(&mut play, [100.0, 1.0, 401.0]), [false, false, true]);
}

#[test]
fn a_worker_that_is_too_slow_is_tried_again_at_intervals() {
    let mut play = Play::new();
    let tried = (0..200).filter(|_| play.driver.workers[GPU].count_skip()).count();
    assert_eq!(tried, 200 / 64);
}
