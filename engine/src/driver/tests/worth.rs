//! A device that nobody named gets work at which it is worth using, and no job waits for one that declines.

use super::*;
use crate::crossover::{Cost, Costs, smallest_batch};

/// A whole CPU of 100 MH/s.
const WHOLE_CPU: Cost = Cost { fixed_ns: 0, item_fs: 10_000_000 };

/// A GPU of 2 GH/s whose batches cost 200 us: worth it from some twenty thousand nonces on.
const FAST: Cost = Cost { fixed_ns: 200_000, item_fs: 500_000 };

/// Software of 20 MH/s.
const SLOW: Cost = Cost { fixed_ns: 200_000, item_fs: 50_000_000 };

fn costs(cost: Cost) -> Costs {
    Costs { search: Some(cost), headers: Some(cost), nodes: Some(cost) }
}

/// A driver whose second device has such costs, and is weighed.
fn weighed(device: Cost, shares_cores: bool) -> Play {
    let mut play = Play::new();
    let worth = Worth { device: costs(device), cpu: costs(WHOLE_CPU), shares_cores };
    play.driver.set_worth(GPU, Some(worth));
    play
}

#[test]
fn a_small_search_is_left_to_the_cpu_and_a_large_one_is_shared() {
    let smallest = smallest_batch(FAST, WHOLE_CPU).unwrap();
    assert!((20_000..NONCES.into()).contains(&smallest), "{smallest}");
    for (nonces, is_worth) in [(smallest - 1, false), (smallest, true)] {
        let mut play = weighed(FAST, false);
        play.driver.policy.batch_hashes_first = u64::MAX;
        play.driver.workers[GPU] = Worker::new(GPU, &play.driver.devices[GPU].info, &play.driver.policy);
        let nonces = NonceSpan::new(0, nonces as u32 - 1).unwrap();
        let header = *Parameters::of(Network::Mainnet).genesis();
        play.submit(SealJob::new(SealTemplate::builder(header).nonces(nonces).build().unwrap()).all(true));
        assert_eq!(play.take(GPU).is_some(), is_worth, "{nonces:?}");
    }
    let mut play = weighed(FAST, false);
    play.submit(SealJob::new(whole_space()));
    assert!(play.take(GPU).is_some() && play.take(CPU).is_some());
}

#[test]
fn a_search_that_will_find_soon_is_left_to_the_cpu_however_large_its_space_is() {
    let header = *Parameters::of(Network::Mainnet).genesis();
    let easy = SealTemplate::builder(header).target(easy_target()).build().unwrap();
    let mut play = weighed(FAST, false);
    play.submit(SealJob::new(easy.clone()));
    assert!(play.take(GPU).is_none(), "the first of its seals is some thousand hashes away");
    play.submit(SealJob::new(easy).all(true));
    assert!(play.take(GPU).is_some(), "all of its seals are four milliards of hashes away");
}

#[test]
fn software_slower_than_the_cpu_whose_cores_it_takes_gets_nothing() {
    let mut play = weighed(SLOW, true);
    play.submit(SealJob::new(whole_space()));
    assert!(play.take(GPU).is_none());
    let mut play = weighed(SLOW, false);
    play.submit(SealJob::new(whole_space()));
    assert!(play.take(GPU).is_some(), "on cores of its own it would help");
}

#[test]
fn a_device_whose_costs_were_not_measured_works_unless_it_takes_the_cpu_s_cores() {
    for shares_cores in [false, true] {
        let mut play = Play::new();
        let worth = Worth { device: Costs::default(), cpu: costs(WHOLE_CPU), shares_cores };
        play.driver.set_worth(GPU, Some(worth));
        play.submit(SealJob::new(whole_space()));
        assert_eq!(play.take(GPU).is_none(), shares_cores);
    }
}

#[test]
fn where_no_cpu_serves_nothing_is_declined() {
    let mut play = weighed(SLOW, true);
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
fn who_declines_lets_go_of_its_claim_and_wakes_the_others_once() {
    let mut play = Play::new();
    let id = play.submit(SealJob::new(impossible()));
    let first = play.take(GPU).unwrap();
    play.answer(GPU, first);
    let second = play.take(GPU).unwrap();
    assert!(play.driver.jobs[&id].claimed(GPU) > 0, "a claim of a second is all that is left");
    play.answer(GPU, second);
    let worth = Worth { device: costs(SLOW), cpu: costs(WHOLE_CPU), shares_cores: true };
    play.driver.set_worth(GPU, Some(worth));
    play.driver.take_events();
    let declines = |play: &mut Play| {
        while let Some(assignment) = play.take(GPU) {
            assert!(matches!(assignment.work, Work::Canary(_)));
            play.answer(GPU, assignment);
        }
        play.driver.take_events().iter().filter(|event| matches!(event, Event::Wake)).count()
    };
    assert_eq!(declines(&mut play), 1);
    assert_eq!(declines(&mut play), 0, "a worker that wakes itself would never sleep");
    assert_eq!(play.driver.jobs[&id].claimed(GPU), 0);
    play.work_off(CPU);
    play.work_off(GPU);
    let report = play.end().unwrap();
    assert_eq!((report.outcome, report.hashes), (SealOutcome::Exhausted, u128::from(NONCES)));
}

#[test]
fn at_the_end_of_a_space_the_cpu_does_what_it_has_done_before_the_device_were_back() {
    let mut play = weighed(FAST, false);
    play.submit(SealJob::new(impossible()));
    let mut last = u128::from(NONCES);
    while let Some(assignment) = play.take(GPU) {
        let Work::Search { region, .. } = &assignment.work else { panic!("{assignment:?}") };
        last -= u128::from(region.hashes());
    }
    // 200 us of a batch are twenty thousand nonces of the CPU.
    assert!((10_000..u128::from(NONCES)).contains(&last), "{last} nonces are left to the CPU");
    play.work_off(CPU);
    assert!(play.end().is_none(), "the device has not answered yet");
}

/// A worker that finds nothing sleeps until it is woken, and nobody would wake it for its canary.
#[test]
fn who_declines_what_is_left_sings_before_it_sleeps() {
    let mut play = weighed(FAST, false);
    play.submit(SealJob::new(impossible()));
    let mut searches = Vec::new();
    while let Some(assignment) = play.take(GPU) {
        searches.push(assignment);
    }
    assert!(!searches.is_empty() && searches.iter().all(|search| matches!(search.work, Work::Search { .. })));
    searches.into_iter().for_each(|search| play.answer(GPU, search));
    let canary =
        play.take(GPU).expect("something is left, too little for the device, and it holds what it has searched");
    assert!(matches!(canary.work, Work::Canary(_)), "{canary:?}");
    play.answer(GPU, canary);
    assert!(play.take(GPU).is_none(), "it sleeps with nothing in its hands");
    play.work_off(CPU);
    assert_eq!(play.end().unwrap().outcome, SealOutcome::Exhausted);
}

#[test]
fn the_cpu_is_not_passed_over_for_a_device_that_may_decline() {
    let rates = |play: &mut Play| {
        play.driver.workers[CPU].check_rate = Some(1.0);
        play.driver.workers[GPU].check_rate = Some(100.0);
        [CPU, GPU].map(|worker| play.driver.may_be_passed_over(worker))
    };
    assert_eq!(rates(&mut weighed(FAST, false)), [false, true]);
    let mut named = Play::new();
    assert_eq!(rates(&mut named), [true, true]);
    assert!(!named.driver.is_worth_checking_with(CPU), "beside a device that always works");
}
