//! Canaries, strikes, quarantine, probation and return.

use super::*;

fn missed() -> Caught {
    Caught::MissedPlanted { nonce: 7 }
}

#[test]
fn each_batch_of_an_untrusted_device_has_a_planted_hit_and_no_batch_of_the_cpu_does() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    let mut planted = std::collections::BTreeSet::new();
    for worker in [GPU, CPU, GPU, CPU, GPU] {
        let assignment = play.take(worker).unwrap();
        let Task::Search(task) = &assignment.task else { panic!("{assignment:?}") };
        let part = task.part(0);
        assert_eq!(part.batch.planted().is_some(), worker == GPU);
        planted.extend(part.batch.planted().map(|planted| planted.at.nonce - part.region.nonces.first()));
        play.answer(worker, assignment);
    }
    assert_eq!(planted.len(), 3, "each at another place of its batch: {planted:?}");
}

#[test]
fn a_report_without_the_planted_hit_is_a_miss_whatever_else_it_has() {
    let mut play = Play::new();
    play.submit(SealJob::new(template(easy_target())).all(true));
    let assignment = play.take(GPU).unwrap();
    let Task::Search(task) = assignment.task else { panic!() };
    let part = task.part(0);
    let Report::Search(honest) = play.report(Batch::Search(part.batch.clone())) else { panic!() };
    assert!(!honest.hits.is_empty() && part.judge(honest.clone()).is_ok());
    let nonce = part.batch.planted().unwrap().at.nonce;
    for overflow in [false, true] {
        let report = SearchReport { planted_seen: false, overflow, ..honest.clone() };
        let caught = part.judge(report).unwrap_err();
        assert_eq!(caught, Caught::MissedPlanted { nonce });
        assert!(caught.is_miss());
    }
}

#[test]
fn each_quarantine_is_four_times_as_long_and_the_last_one_is_permanent() {
    let mut play = Play::new();
    let minutes = |minutes| AfterFailure::ReopenAfter(Duration::from_mins(minutes));
    for (strikes, expected) in [(1, minutes(1)), (2, minutes(4)), (3, minutes(16)), (4, AfterFailure::Retire)] {
        assert_eq!(play.driver.caught(GPU, &missed(), play.now), expected);
        let status = &play.driver.statuses()[GPU];
        assert_eq!((status.state.name(), status.strikes), ("quarantined", strikes));
        let DeviceState::Quarantined { until, .. } = status.state else { panic!() };
        let pause = until.map(|until| until - play.now);
        assert_eq!(pause.map_or(AfterFailure::Retire, AfterFailure::ReopenAfter), expected);
        if expected != AfterFailure::Retire {
            play.driver.reopened(GPU);
        }
    }
    assert!(play.driver.is_dismissed(GPU));
}

#[test]
fn the_cpu_is_retired_at_its_first_wrong_answer() {
    let mut play = Play::new();
    assert_eq!(play.driver.caught(CPU, &missed(), play.now), AfterFailure::Retire);
}

#[test]
fn on_probation_each_batch_is_followed_by_a_canary_and_correct_answers_end_it() {
    let mut play = Play::new();
    play.driver.policy.probation_canaries = 3;
    play.submit(SealJob::new(whole_space()));
    play.driver.caught(GPU, &missed(), play.now);
    play.driver.reopened(GPU);
    for left in (0..3).rev() {
        assert_eq!(play.driver.statuses()[GPU].state.name(), "probation");
        let search = play.take(GPU).unwrap();
        assert_eq!(search.recheck_every, play.driver.policy.recheck_every_on_probation);
        play.answer(GPU, search);
        let canary = play.take(GPU).unwrap();
        assert!(matches!(canary.task, Task::Canary(_)), "{left} left: {canary:?}");
        play.answer(GPU, canary);
    }
    assert_eq!(play.driver.statuses()[GPU].state.name(), "ready");
    let search = play.take(GPU).unwrap();
    assert_eq!(search.recheck_every, play.driver.policy.recheck_every);
    play.answer(GPU, search);
    assert!(!matches!(play.take(GPU).map(|next| next.task), Some(Task::Canary(_))), "trusted as before");
}

#[test]
fn a_device_that_fails_to_reopen_after_its_quarantine_is_still_on_probation() {
    let mut play = Play::new();
    play.driver.caught(GPU, &missed(), play.now);
    play.driver.failed(GPU, &DeviceError::Lost { reason: "test".to_owned() }, play.now);
    play.driver.reopened(GPU);
    assert_eq!(play.driver.statuses()[GPU].state.name(), "probation");
    let mut lost = Play::new();
    lost.driver.failed(GPU, &DeviceError::Lost { reason: "test".to_owned() }, lost.now);
    lost.driver.reopened(GPU);
    assert_eq!(lost.driver.statuses()[GPU].state.name(), "ready", "a lost device gave no wrong answer");
}

#[test]
fn a_wrong_answer_on_probation_is_another_strike() {
    let mut play = Play::new();
    play.driver.caught(GPU, &missed(), play.now);
    play.driver.reopened(GPU);
    assert_eq!(play.driver.caught(GPU, &Caught::wrong("test"), play.now), play.driver.policy.quarantine_after(2));
    let status = &play.driver.statuses()[GPU];
    assert_eq!((status.strikes, status.canaries, status.canaries_missed), (2, 1, 1), "a false hit is no miss");
}

#[test]
fn a_strike_expires_after_exactly_an_hour_of_correct_answers() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    play.driver.caught(GPU, &missed(), play.now);
    play.driver.reopened(GPU);
    let hour = play.driver.policy.strike_forgotten_after;
    let moment = Duration::from_millis(2);
    for (later, strikes) in [(hour.checked_sub(moment).unwrap(), 1), (moment, 0)] {
        play.now += later;
        let search = play.take(GPU).unwrap();
        play.now -= Duration::from_millis(1);
        play.answer(GPU, search);
        let status = &play.driver.statuses()[GPU];
        assert_eq!((status.strikes, status.mismatches), (strikes, 1), "what has expired still happened");
        let canary = play.take(GPU).unwrap();
        play.now -= Duration::from_millis(1);
        play.answer(GPU, canary);
    }
}

#[test]
fn jobs_do_not_wait_for_a_device_in_quarantine() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    play.driver.caught(CPU, &missed(), play.now);
    assert!(play.end().is_none());
    play.driver.caught(GPU, &missed(), play.now);
    assert!(matches!(play.end().unwrap().outcome, SealOutcome::Failed { reason: SealFailure::NoDevice { .. } }));
    play.driver.reopened(GPU);
    play.submit(SealJob::new(impossible()));
    play.work_off(GPU);
    assert_eq!(play.end().unwrap().outcome, SealOutcome::Exhausted, "a device that returned works");
}

#[test]
fn the_fraction_of_missed_canaries_is_reported() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    assert_eq!(play.driver.statuses()[GPU].false_negative_rate(), None);
    for _ in 0..3 {
        let search = play.take(GPU).unwrap();
        play.answer(GPU, search);
    }
    play.driver.caught(GPU, &missed(), play.now);
    assert_eq!(play.driver.statuses()[GPU].false_negative_rate(), Some(0.25));
    assert_eq!(play.driver.statuses()[CPU].false_negative_rate(), None);
}

#[test]
fn each_region_of_a_search_counts_towards_the_next_canary() {
    let mut play = Play::new();
    play.submit(SealJob::new(super::simulated::one_nonce(100)));
    let (mut since, mut canaries) = (0, 0);
    while canaries < 4 {
        let assignment = play.take(GPU).unwrap();
        if matches!(assignment.task, Task::Canary(_)) {
            (since, canaries) = (0, canaries + 1);
        } else {
            assert!(since < play.driver.policy.canary_every as usize, "{since} batches without a canary");
            since += regions(&assignment.task).len();
        }
        play.answer(GPU, assignment);
    }
}

#[test]
fn a_job_that_waits_only_for_a_canary_does_not_wait_for_the_end_of_an_upload() {
    let mut play = Play::new();
    play.driver.policy.canary_every = u32::MAX;
    for number in 0..64 {
        let (chain, tenant) = (1, "uploader".to_owned());
        let segment = super::simulated::Segment { chain, number, tenant, priority: 0, is_wanted: true };
        play.driver.add_headers(Arc::new(segment));
    }
    let job = play.submit(SealJob::new(impossible()));
    while play.driver.jobs.contains_key(&job) {
        let assignment = play.take(GPU).unwrap();
        match &assignment.task {
            Task::Headers(task) => {
                let cost = TaskCost { device: Duration::from_millis(1), total: Duration::from_millis(1) };
                play.now += cost.total;
                play.driver.judged_headers(GPU, assignment.seq, task.count(), cost, play.now);
            }
            Task::Search(_) | Task::Blocks(_) | Task::Canary(_) => play.answer(GPU, assignment),
        }
    }
    assert_eq!(play.end().unwrap().outcome, SealOutcome::Exhausted);
    assert!(play.driver.chains.headers() > 32 * 4_096, "{} headers are left", play.driver.chains.headers());
}
