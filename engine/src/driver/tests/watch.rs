//! Workers that are stuck inside a driver, and those that come back.

use super::*;

fn bears(play: &Play) -> Duration {
    play.driver.policy.hang_after + play.driver.policy.stuck_after
}

#[test]
fn what_a_stuck_worker_holds_is_lent_again_and_not_a_moment_sooner() {
    let mut play = Play::new();
    play.submit(SealJob::new(template(easy_target())).all(true));
    let _stuck = play.take(GPU).unwrap();
    let late = play.now + bears(&play);
    assert_eq!(play.driver.next_deadline(), Some(late));
    play.driver.take_back(late.checked_sub(Duration::from_nanos(1)).unwrap());
    assert_eq!(play.driver.statuses()[GPU].state.name(), "ready");
    play.driver.take_back(late);
    assert_eq!(play.driver.statuses()[GPU].state.name(), "hung");
    assert_eq!(play.driver.next_deadline(), None);
    play.work_off(CPU);
    let report = play.end().unwrap();
    assert_eq!((report.outcome, report.hashes), (SealOutcome::Sealed, u128::from(NONCES)));
    assert_eq!(report.devices[GPU].hashes, 0);
}

#[test]
fn a_worker_that_comes_back_serves_again_and_its_old_answer_is_nobody_s() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let late = play.take(GPU).unwrap();
    play.driver.take_back(play.now + bears(&play));
    play.answer(GPU, late);
    assert_eq!(play.driver.statuses()[GPU].hashes, 0);
    let next = play.take(GPU).unwrap();
    assert_eq!(play.driver.statuses()[GPU].state.name(), "ready");
    play.answer(GPU, next);
    play.work_off(CPU);
    play.work_off(GPU);
    let report = play.end().unwrap();
    assert_eq!((report.outcome, report.hashes), (SealOutcome::Exhausted, u128::from(NONCES)));
}

#[test]
fn each_answer_begins_the_silence_anew_and_idle_workers_are_not_watched() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let (first, _second) = (play.take(GPU).unwrap(), play.take(GPU).unwrap());
    play.now += bears(&play) / 2;
    play.answer(GPU, first);
    assert_eq!(play.driver.next_deadline(), Some(play.now + bears(&play)));
    let mut idle = Play::new();
    idle.submit(SealJob::new(impossible()));
    let _lent_to_the_cpu = idle.take(CPU).unwrap();
    assert_eq!(idle.driver.next_deadline(), None, "the CPU has no driver to be stuck in");
}

#[test]
fn a_job_fails_rather_than_wait_for_the_only_worker_that_is_stuck() {
    let mut play = Play::new();
    play.driver.lied(CPU, &Caught::Canary, play.now);
    play.submit(SealJob::new(impossible()));
    let _stuck = play.take(GPU).unwrap();
    play.driver.take_back(play.now + bears(&play));
    let SealOutcome::Failed { reason: SealFailure::NoDevice { reason } } = play.end().unwrap().outcome else {
        panic!()
    };
    assert!(reason.contains("silent"), "{reason}");
}

#[test]
fn a_process_that_stood_still_blames_nobody() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let _lent = play.take(GPU).unwrap();
    let later = play.now + Duration::from_hours(1);
    play.driver.stood_still(later);
    play.driver.take_back(later);
    assert_eq!(play.driver.statuses()[GPU].state.name(), "ready");
    assert_eq!(play.driver.next_deadline(), Some(later + bears(&play)));
}

#[test]
fn a_worker_that_reads_a_file_is_not_watched_until_its_device_has_the_batch() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let _lent = play.take(GPU).unwrap();
    play.driver.reads(GPU);
    assert_eq!(play.driver.next_deadline(), None);
    let later = play.now + Duration::from_mins(1);
    play.driver.submitted(GPU, later);
    assert_eq!(play.driver.next_deadline(), Some(later + bears(&play)));
}
