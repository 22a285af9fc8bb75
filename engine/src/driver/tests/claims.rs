//! Claims: a worker's own piece of a job, from which its batches are cut.

use super::*;

/// Answers one batch of a worker as a device of `rate_hz` hashes per second would.
fn answer_at(play: &mut Play, worker: usize, rate_hz: f64) -> cityseal_chain::Region {
    let assignment = play.take(worker).unwrap();
    let answer = nothing_found(&assignment.task, rate_hz);
    let &[region] = regions(&assignment.task) else { panic!("{assignment:?}") };
    play.driver.searched(worker, assignment.seq, answer, play.now);
    region
}

fn claim_of(play: &Play, worker: usize) -> u64 {
    play.driver.jobs.values().next().unwrap().claimed(worker)
}

#[test]
fn a_worker_claims_one_second_at_its_own_rate_and_searches_it_in_one_piece() {
    let mut play = Play::new();
    play.submit(SealJob::new(whole_space()));
    for (worker, rate) in [(CPU, 40e6), (GPU, 1e6)] {
        answer_at(&mut play, worker, rate);
        assert_eq!(claim_of(&play, worker), 0, "nothing is claimed before a rate is known");
    }
    let mut next = [0; 2];
    for round in 0..20 {
        for (worker, rate) in [(CPU, 40e6), (GPU, 1e6)] {
            let region = answer_at(&mut play, worker, rate);
            assert!(round == 0 || region.nonces.first() == next[worker], "{worker} continues where it was: {region}");
            next[worker] = region.nonces.last() + 1;
            if round == 0 {
                let claimed = (region.hashes() + claim_of(&play, worker)) as f64;
                assert!((claimed / rate - 1.0).abs() < 0.01, "{claimed} at {rate} a second");
            }
        }
    }
}

#[test]
fn at_the_end_of_a_space_fast_workers_take_over_the_claims_of_slow_ones() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    answer_at(&mut play, GPU, 1e9);
    // The device measured a high rate and claims all the rest.
    let _never_answered = play.take(GPU).unwrap();
    let rest = claim_of(&play, GPU);
    assert!(rest > 0);
    let half = answer_at(&mut play, CPU, 5e6);
    assert!(half.nonces.first() > NONCES / 2 && claim_of(&play, GPU) <= rest / 2 + 1, "{half}");
    while let Some(assignment) = play.take(CPU) {
        play.answer(CPU, assignment);
    }
    assert!(claim_of(&play, GPU) < 2 * play.driver.policy.batch_hashes_min, "the rest is smaller than a batch");
}

#[test]
fn the_claim_of_a_lost_worker_is_open_to_all() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    answer_at(&mut play, GPU, 1e9);
    let _lost = play.take(GPU).unwrap();
    play.driver.failed(GPU, &DeviceError::Lost { reason: "test".to_owned() }, play.now);
    assert_eq!(claim_of(&play, GPU), 0);
    play.work_off(CPU);
    let report = play.end().unwrap();
    assert_eq!((report.outcome, report.hashes), (SealOutcome::Exhausted, u128::from(NONCES)));
    assert_eq!(report.devices[CPU].hashes, u128::from(NONCES));
}

#[test]
fn a_worker_that_gets_no_part_of_the_last_claim_gets_its_canary_at_once() {
    let mut play = Play::new();
    play.submit(SealJob::new(impossible()));
    answer_at(&mut play, GPU, 1e6);
    answer_at(&mut play, CPU, 1e9);
    // The CPU claims all the rest; the smallest batch is so large that the claim cannot be halved.
    let last = play.take(CPU).unwrap();
    assert!(claim_of(&play, CPU) > 0);
    play.driver.policy.batch_hashes_min = u64::from(NONCES);
    let canary = play.take(GPU).unwrap();
    assert!(matches!(canary.task, Task::Canary(_)), "{canary:?}");
    play.answer(GPU, canary);
    play.answer(CPU, last);
    play.work_off(CPU);
    assert_eq!(play.end().unwrap().outcome, SealOutcome::Exhausted);
}

/// Rows of 1,000 nonces: several fit into a batch.
fn rows() -> SealTemplate {
    let one = Target::from_display_hex(&format!("{}1", "0".repeat(63))).unwrap();
    let builder = SealTemplate::builder(*Parameters::of(Network::Mainnet).genesis());
    builder.time_window_s(39).nonces(NonceSpan::new(0, 999).unwrap()).target(one).build().unwrap()
}

#[test]
fn regions_that_a_worker_did_not_begin_are_searched_by_others() {
    for done in 0..5 {
        let mut play = Play::new();
        play.submit(SealJob::new(rows()));
        let assignment = play.take(CPU).unwrap();
        assert_eq!(regions(&assignment.task).len(), 5, "a batch of 5,000 hashes");
        play.driver.take_events();
        let answer = SearchAnswer { done, ..nothing_found(&assignment.task, 1e6) };
        play.driver.searched(CPU, assignment.seq, answer, play.now);
        assert!(play.driver.take_events().iter().any(|event| matches!(event, Event::Wake)), "an idle worker is woken");
        play.work_off(GPU);
        let report = play.end().unwrap();
        assert_eq!((report.outcome, report.hashes), (SealOutcome::Exhausted, 40_000), "{done} done");
        assert_eq!(report.devices[CPU].hashes, done as u128 * 1_000);
    }
}
