//! Jobs that only GPUs may work on: `wait` waits for one, `fail` fails without one.

use super::*;
use crate::devices::{Cost, CostModel, Costs};
use crate::fallback::WhenNoGpu;

fn lost() -> DeviceError {
    DeviceError::Lost { reason: "unplugged".to_owned() }
}

fn job(when_no_gpu: WhenNoGpu) -> SealJob {
    SealJob::new(impossible()).when_no_gpu(when_no_gpu)
}

#[test]
fn a_job_that_needs_a_gpu_is_searched_by_gpus_only_and_the_cpu_serves_others() {
    let mut play = Play::new();
    let needing = play.submit(job(WhenNoGpu::Wait));
    assert!(play.take(CPU).is_none());
    let other = play.submit(SealJob::new(whole_space()));
    let assignment = play.take(CPU).unwrap();
    assert_eq!(play.driver.workers[CPU].job_of(assignment.seq), Some(other));
    play.driver.end_job(other, SealOutcome::Expired, play.now);
    play.end();
    play.work_off(GPU);
    assert!(!play.driver.jobs.contains_key(&needing));
    let report = play.end().unwrap();
    assert_eq!((report.outcome, report.devices[GPU].hashes), (SealOutcome::Exhausted, u128::from(NONCES)));
}

#[test]
fn a_gpu_does_not_decline_a_small_job_that_only_it_may_take() {
    let mut play = Play::new();
    let costs = |item_fs| Costs { search: Some(Cost { fixed_ns: 1_000_000, item_fs }), ..Costs::default() };
    let model = CostModel { device: costs(1_000_000), cpu: costs(10_000), shares_cores: false };
    play.driver.set_cost_model(GPU, Some(model));
    let declined = play.submit(SealJob::new(impossible()));
    assert!(play.take(GPU).is_none());
    play.driver.end_job(declined, SealOutcome::Expired, play.now);
    play.submit(job(WhenNoGpu::Wait));
    assert!(play.take(GPU).is_some());
}

#[test]
fn a_waiting_job_outlives_the_loss_of_every_device_and_ends_at_its_deadline() {
    let mut play = Play::new();
    let deadline = play.now + Duration::from_mins(1);
    play.submit(job(WhenNoGpu::Wait).deadline(deadline));
    play.driver.failed(GPU, &lost(), play.now);
    play.driver.caught(CPU, &Caught::Canary, play.now);
    play.driver.caught(GPU, &Caught::Canary, play.now);
    assert!(play.end().is_none());
    // One that is submitted while there is no device waits too.
    let late = play.submit(job(WhenNoGpu::Wait));
    play.driver.reopened(GPU);
    play.driver.expire(deadline);
    assert_eq!(play.end().unwrap().outcome, SealOutcome::Expired);
    play.work_off(GPU);
    assert!(!play.driver.jobs.contains_key(&late));
    assert_eq!(play.end().unwrap().outcome, SealOutcome::Exhausted);
}

#[test]
fn a_job_that_must_not_wait_fails_with_the_loss_of_the_last_gpu() {
    let mut play = Play::new();
    let second = play.driver.add_device(FakeOpener::new("second").info().clone());
    let second = play.driver.add_worker(second);
    play.submit(job(WhenNoGpu::Fail));
    let other = play.submit(SealJob::new(impossible()));
    play.driver.failed(GPU, &lost(), play.now);
    assert!(play.driver.has_usable_gpu() && play.end().is_none());
    play.driver.failed(second, &lost(), play.now);
    let ended = play.end().unwrap().outcome;
    let SealOutcome::Failed { reason: reason @ SealFailure::NoGpu { .. } } = ended else { panic!("{ended:?}") };
    assert!(reason.to_string().contains("unplugged"), "{reason}");
    assert!(play.driver.jobs.contains_key(&other), "the CPU works on");
    play.submit(job(WhenNoGpu::Fail));
    assert!(matches!(play.end().unwrap().outcome, SealOutcome::Failed { reason: SealFailure::NoGpu { .. } }));
    play.driver.reopened(second);
    play.submit(job(WhenNoGpu::Fail));
    assert!(play.end().is_none(), "it is reopened");
}

#[test]
fn a_job_for_gpus_gets_its_share_of_all_time_from_them() {
    let mut play = Play::new();
    play.submit(SealJob::new(whole_space()).tenant("b"));
    let rate = |play: &Play, when| play.driver.rate_of_new(&job(when).tenant("a"), None);
    for (worker, rate_hz) in [(CPU, 10e6), (GPU, 30e6)] {
        assert_eq!(rate(&play, WhenNoGpu::Cpu), None, "not every device has a rate");
        let assignment = play.take(worker).unwrap();
        play.driver.searched(worker, assignment.seq, nothing_found(&assignment.task, rate_hz), play.now);
    }
    let is_near = |found: Option<f64>, expected: f64| (found.unwrap() / expected - 1.0).abs() < 1e-4;
    assert!(is_near(rate(&play, WhenNoGpu::Cpu), 20e6), "half of everything");
    assert!(is_near(rate(&play, WhenNoGpu::Wait), 30e6), "half of two devices is the whole GPU");
    play.driver.failed(GPU, &lost(), play.now);
    assert_eq!(rate(&play, WhenNoGpu::Wait), None);
    assert!(is_near(rate(&play, WhenNoGpu::Cpu), 5e6));
}
