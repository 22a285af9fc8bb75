//! Workers that are stuck inside a graphics driver, and those that return.

use super::*;

fn silence_limit(play: &Play) -> Duration {
    play.driver.policy.hang_after + play.driver.policy.stuck_after
}

#[test]
fn the_leases_of_a_stuck_worker_are_lent_again_exactly_at_its_deadline() {
    let mut play = Play::new();
    play.submit(SealJob::new(template(easy_target())).all(true));
    let _stuck = play.take(GPU).unwrap();
    let late = play.now + silence_limit(&play);
    assert_eq!(play.driver.next_deadline(), Some(late));
    play.driver.recall_stuck(late.checked_sub(Duration::from_nanos(1)).unwrap());
    assert_eq!(play.driver.statuses()[GPU].state.name(), "ready");
    play.driver.recall_stuck(late);
    assert_eq!(play.driver.statuses()[GPU].state.name(), "hung");
    assert_eq!(play.driver.next_deadline(), None);
    play.work_off(CPU);
    let report = play.end().unwrap();
    assert_eq!((report.outcome, report.hashes), (SealOutcome::Sealed, u128::from(NONCES)));
    assert_eq!(report.devices[GPU].hashes, 0);
}

#[test]
fn a_worker_that_returns_serves_again_and_its_late_answer_is_discarded() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let late = play.take(GPU).unwrap();
    play.driver.recall_stuck(play.now + silence_limit(&play));
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
fn each_answer_restarts_the_deadline_and_idle_workers_have_none() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let (first, _second) = (play.take(GPU).unwrap(), play.take(GPU).unwrap());
    play.now += silence_limit(&play) / 2;
    play.answer(GPU, first);
    assert_eq!(play.driver.next_deadline(), Some(play.now + silence_limit(&play)));
    let mut idle = Play::new();
    idle.submit(SealJob::new(impossible()));
    let _lent_to_the_cpu = idle.take(CPU).unwrap();
    assert_eq!(idle.driver.next_deadline(), None, "the CPU has no driver to be stuck in");
}

#[test]
fn a_job_fails_when_the_only_worker_is_stuck() {
    let mut play = Play::new();
    play.driver.caught(CPU, &Caught::Canary, play.now);
    play.submit(SealJob::new(impossible()));
    let _stuck = play.take(GPU).unwrap();
    play.driver.recall_stuck(play.now + silence_limit(&play));
    let SealOutcome::Failed { reason: SealFailure::NoDevice { reason } } = play.end().unwrap().outcome else {
        panic!()
    };
    assert!(reason.contains("silent"), "{reason}");
}

#[test]
fn a_suspension_of_the_process_restarts_all_deadlines() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let _lent = play.take(GPU).unwrap();
    let later = play.now + Duration::from_hours(1);
    play.driver.was_suspended(later);
    play.driver.recall_stuck(later);
    assert_eq!(play.driver.statuses()[GPU].state.name(), "ready");
    assert_eq!(play.driver.next_deadline(), Some(later + silence_limit(&play)));
}

#[test]
fn a_worker_that_prepares_a_batch_is_not_watched_until_it_submits_it() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let _lent = play.take(GPU).unwrap();
    play.driver.preparing(GPU);
    assert_eq!(play.driver.next_deadline(), None);
    let later = play.now + Duration::from_mins(1);
    play.driver.submitted(GPU, later);
    assert_eq!(play.driver.next_deadline(), Some(later + silence_limit(&play)));
}
