//! An automatically selected device gets the tasks that pay off, and no job waits for a device that declines.

use super::*;
use crate::devices::{Cost, CostModel, Costs, smallest_batch};

/// A whole CPU of 100 MH/s.
const WHOLE_CPU: Cost = Cost { fixed_ns: 0, item_fs: 10_000_000 };

/// A GPU of 2 GH/s with a fixed cost of 200 us per batch: it pays off from about twenty thousand nonces on.
const FAST: Cost = Cost { fixed_ns: 200_000, item_fs: 500_000 };

/// A software adapter of 20 MH/s.
const SLOW: Cost = Cost { fixed_ns: 200_000, item_fs: 50_000_000 };

fn costs(cost: Cost) -> Costs {
    Costs { search: Some(cost), headers: Some(cost), nodes: Some(cost) }
}

/// A driver whose second device has the cost `device`.
fn play_with_cost(device: Cost, shares_cores: bool) -> Play {
    let mut play = Play::new();
    let model = CostModel { device: costs(device), cpu: costs(WHOLE_CPU), shares_cores };
    play.driver.set_cost_model(GPU, Some(model));
    play
}

#[test]
fn a_small_search_is_left_to_the_cpu_and_a_large_one_is_shared() {
    let smallest = smallest_batch(FAST, WHOLE_CPU).unwrap();
    assert!((20_000..NONCES.into()).contains(&smallest), "{smallest}");
    for (nonces, pays_off) in [(smallest - 1, false), (smallest, true)] {
        let mut play = play_with_cost(FAST, false);
        play.driver.policy.batch_hashes_first = u64::MAX;
        play.driver.workers[GPU] = Worker::new(GPU, &play.driver.devices[GPU].info, &play.driver.policy);
        let nonces = NonceSpan::new(0, nonces as u32 - 1).unwrap();
        let header = *Parameters::of(Network::Mainnet).genesis();
        play.submit(SealJob::new(SealTemplate::builder(header).nonces(nonces).build().unwrap()).all(true));
        assert_eq!(play.take(GPU).is_some(), pays_off, "{nonces:?}");
    }
    let mut play = play_with_cost(FAST, false);
    play.submit(SealJob::new(whole_space()));
    assert!(play.take(GPU).is_some() && play.take(CPU).is_some());
}

#[test]
fn an_easy_search_is_left_to_the_cpu_however_large_its_space_is() {
    let header = *Parameters::of(Network::Mainnet).genesis();
    let easy = SealTemplate::builder(header).target(easy_target()).build().unwrap();
    let mut play = play_with_cost(FAST, false);
    play.submit(SealJob::new(easy.clone()));
    assert!(play.take(GPU).is_none(), "the first seal is a few thousand hashes away");
    play.submit(SealJob::new(easy).all(true));
    assert!(play.take(GPU).is_some(), "all seals take four billion hashes");
}

#[test]
fn a_software_adapter_slower_than_the_cpu_gets_nothing() {
    let mut play = play_with_cost(SLOW, true);
    play.submit(SealJob::new(whole_space()));
    assert!(play.take(GPU).is_none());
    let mut play = play_with_cost(SLOW, false);
    play.submit(SealJob::new(whole_space()));
    assert!(play.take(GPU).is_some(), "with its own cores it would help");
}

#[test]
fn a_device_without_measured_costs_works_unless_it_runs_on_the_cpus_cores() {
    for shares_cores in [false, true] {
        let mut play = Play::new();
        let model = CostModel { device: Costs::default(), cpu: costs(WHOLE_CPU), shares_cores };
        play.driver.set_cost_model(GPU, Some(model));
        play.submit(SealJob::new(whole_space()));
        assert_eq!(play.take(GPU).is_none(), shares_cores);
    }
}

#[test]
fn a_search_of_regions_smaller_than_its_crossover_is_left_to_the_cpu_however_many_there_are() {
    let smallest = smallest_batch(FAST, WHOLE_CPU).unwrap() as u32;
    for (nonces, takes) in [(smallest - 1, false), (smallest, true)] {
        let mut play = play_with_cost(FAST, false);
        play.driver.policy.batch_hashes_first = u64::MAX;
        play.driver.workers[GPU] = Worker::new(GPU, &play.driver.devices[GPU].info, &play.driver.policy);
        let header = *Parameters::of(Network::Mainnet).genesis();
        let builder = SealTemplate::builder(header).nonces(NonceSpan::new(0, nonces - 1).unwrap());
        play.submit(SealJob::new(builder.time_window_s(1 << 20).build().unwrap()).all(true));
        assert_eq!(play.take(GPU).is_some(), takes, "{nonces} nonces");
        assert!(play.take(CPU).is_some());
    }
}

#[test]
fn without_a_cpu_nothing_is_declined() {
    let mut play = play_with_cost(SLOW, true);
    play.submit(SealJob::new(impossible()));
    assert!(play.take(GPU).is_none());
    for _ in 0..=play.driver.policy.reopen_tries {
        play.driver.failed(CPU, &DeviceError::Lost { reason: "test".to_owned() }, play.now);
    }
    play.work_off(GPU);
    let report = play.end().unwrap();
    assert_eq!((report.outcome, report.devices[1].hashes), (SealOutcome::Exhausted, u128::from(NONCES)));
}

#[test]
fn a_device_that_declines_releases_its_claim_and_wakes_the_others_once() {
    let mut play = Play::new();
    let id = play.submit(SealJob::new(impossible()));
    let first = play.take(GPU).unwrap();
    play.answer(GPU, first);
    let second = play.take(GPU).unwrap();
    assert!(play.driver.jobs[&id].claimed(GPU) > 0, "the claim of one second covers the rest");
    play.answer(GPU, second);
    let model = CostModel { device: costs(SLOW), cpu: costs(WHOLE_CPU), shares_cores: true };
    play.driver.set_cost_model(GPU, Some(model));
    play.driver.take_events();
    let declines = |play: &mut Play| {
        while let Some(assignment) = play.take(GPU) {
            assert!(matches!(assignment.task, Task::Canary(_)));
            play.answer(GPU, assignment);
        }
        play.driver.take_events().iter().filter(|event| matches!(event, Event::Wake)).count()
    };
    assert_eq!(declines(&mut play), 1);
    assert_eq!(declines(&mut play), 0, "a worker that wakes itself would never idle");
    assert_eq!(play.driver.jobs[&id].claimed(GPU), 0);
    play.work_off(CPU);
    play.work_off(GPU);
    let report = play.end().unwrap();
    assert_eq!((report.outcome, report.hashes), (SealOutcome::Exhausted, u128::from(NONCES)));
}

#[test]
fn the_cpu_does_the_end_of_a_space_that_it_completes_before_the_device_would() {
    let mut play = play_with_cost(FAST, false);
    play.submit(SealJob::new(impossible()));
    let mut last = u128::from(NONCES);
    while let Some(assignment) = play.take(GPU) {
        last -= u128::from(hashes(&assignment.task));
    }
    // The fixed cost of 200 us equals twenty thousand nonces of the CPU.
    assert!((10_000..u128::from(NONCES)).contains(&last), "{last} nonces are left to the CPU");
    play.work_off(CPU);
    assert!(play.end().is_none(), "the device has not answered yet");
}

/// An idle worker sleeps until it is woken, and nothing would wake it for its canary.
#[test]
fn a_device_that_declines_the_rest_gets_a_canary_before_it_idles() {
    let mut play = play_with_cost(FAST, false);
    play.submit(SealJob::new(impossible()));
    let mut searches = Vec::new();
    while let Some(assignment) = play.take(GPU) {
        searches.push(assignment);
    }
    assert!(!searches.is_empty() && searches.iter().all(|search| matches!(search.task, Task::Search(_))));
    searches.into_iter().for_each(|search| play.answer(GPU, search));
    let canary = play.take(GPU).expect("the rest is too small for the device, which holds leases without a canary");
    assert!(matches!(canary.task, Task::Canary(_)), "{canary:?}");
    play.answer(GPU, canary);
    assert!(play.take(GPU).is_none(), "it idles without holding anything");
    play.work_off(CPU);
    assert_eq!(play.end().unwrap().outcome, SealOutcome::Exhausted);
}

#[test]
fn the_cpu_is_not_skipped_for_a_device_that_may_decline() {
    let rates = |play: &mut Play| {
        play.driver.workers[CPU].header_rate = Some(1.0);
        play.driver.workers[GPU].header_rate = Some(100.0);
        [CPU, GPU].map(|worker| play.driver.may_be_skipped(worker))
    };
    assert_eq!(rates(&mut play_with_cost(FAST, false)), [false, true]);
    let mut named = Play::new();
    assert_eq!(rates(&mut named), [true, true]);
    assert!(!named.driver.is_fast_enough(CPU), "next to a device that takes every task");
}
