//! The coverage of a job: nothing is expanded at its end, and a job that resumes searches only the rest.

use cityseal_chain::Stretch;

use super::simulated::one_nonce;
use super::*;
use crate::coverage::SearchedRun;

fn run(first: u128, last: u128) -> SearchedRun {
    SearchedRun { stretch: Stretch::new(first, last).unwrap(), device: "earlier".to_owned() }
}

/// Expanded cell by cell, the report would take a hundred terabytes.
#[test]
fn the_end_of_a_job_with_a_trillion_cells_makes_none_of_them() {
    let mut play = Play::new();
    let job = SealJob::new(one_nonce(4)).covered([run(0, 1 << 40)]).unwrap();
    let id = play.submit(job);
    play.driver.end_job(id, SealOutcome::Expired, play.now);
    let report = play.end().unwrap();
    assert_eq!((report.hashes, report.coverage.run_count()), ((1 << 40) + 1, 1));
    assert!(report.coverage.has_more_than(8_192));
    assert_eq!(report.coverage.iter().take(8_192).last().unwrap().extranonce, Some(8_191));
}

#[test]
fn many_searched_cells_of_one_device_are_one_run() {
    let mut play = Play::new();
    let id = play.submit(SealJob::new(one_nonce(4)));
    for _ in 0..100 {
        let assignment = play.take(CPU).unwrap();
        let answer = nothing_found(&assignment.task, 1e6);
        play.driver.searched(CPU, assignment.seq, answer, play.now);
    }
    play.driver.end_job(id, SealOutcome::Expired, play.now);
    let report = play.end().unwrap();
    assert!(report.hashes > 10_000);
    assert_eq!(report.coverage.run_count(), 1);
}

#[test]
fn a_job_that_resumes_searches_only_what_was_not_covered() {
    let mut play = Play::new();
    let job = SealJob::new(template(easy_target())).all(true);
    let runs = [run(30_000, 39_999), run(0, 9_999)];
    play.submit(job.clone().covered(runs.clone()).unwrap());
    play.work_off(CPU);
    let report = play.end().unwrap();
    assert_eq!((report.outcome, report.hashes), (SealOutcome::Sealed, u128::from(NONCES)));
    assert_eq!(report.devices[CPU].hashes, u128::from(NONCES) - 20_000);
    let mut expected: Vec<SearchedRun> = report.coverage.runs().collect();
    expected.retain(|run| run.device == "earlier");
    assert_eq!(expected, [runs[1].clone(), runs[0].clone()]);
    play.submit(job);
    play.work_off(CPU);
    let rest = |nonce: u32| !(nonce < 10_000 || (30_000..40_000).contains(&nonce));
    let mut whole = play.end().unwrap().seals;
    whole.retain(|seal| rest(seal.header().nonce));
    assert_eq!(report.seals, whole);
}

#[test]
fn a_job_that_resumes_a_complete_search_ends_at_once() {
    let mut play = Play::new();
    let all = SealJob::new(impossible()).covered([run(0, u128::from(NONCES) - 1)]).unwrap();
    play.submit(all);
    assert_eq!(play.end().unwrap().outcome, SealOutcome::Exhausted);
}

#[test]
fn a_job_for_all_seals_that_has_found_one_has_nothing_to_resume_from() {
    let mut play = Play::new();
    let id = play.submit(SealJob::new(template(easy_target())).all(true));
    while play.driver.resumable_coverage(id).is_some() {
        let search = play.take(CPU).unwrap();
        play.answer(CPU, search);
    }
    assert!(play.driver.coverage(id).unwrap().volume() > 0, "the job still runs");
}

#[test]
fn what_waits_for_a_canary_is_not_in_the_coverage_of_a_running_job() {
    let mut play = Play::new();
    let id = play.submit(SealJob::new(impossible()));
    for worker in [CPU, GPU] {
        let search = play.take(worker).unwrap();
        play.answer(worker, search);
    }
    let devices =
        |play: &Play| -> Vec<String> { play.driver.coverage(id).unwrap().runs().map(|run| run.device).collect() };
    assert_eq!(devices(&play), ["cpu"]);
    play.work_off(GPU);
    assert!(play.driver.coverage(id).is_none(), "the job has ended");
}

#[test]
fn a_wrong_answer_does_not_revoke_what_an_earlier_search_covered() {
    let mut play = Play::new();
    let id = play.submit(SealJob::new(impossible()).covered([run(0, 9_999)]).unwrap());
    let search = play.take(GPU).unwrap();
    play.answer(GPU, search);
    play.driver.caught(GPU, &Caught::Canary, play.now);
    play.driver.end_job(id, SealOutcome::Expired, play.now);
    assert_eq!(play.end().unwrap().hashes, 10_000);
}

#[test]
fn runs_that_overlap_or_leave_the_space_are_refused() {
    let job = || SealJob::new(impossible());
    assert!(job().covered([run(0, 9), run(9, 12)]).is_err());
    assert!(job().covered([run(0, u128::from(NONCES))]).is_err());
    assert!(job().covered([run(0, u128::from(NONCES) - 1)]).is_ok());
}
