//! Fair share of device time, with simulated workers: tenants by weight, jobs and chains by priority, whatever a task
//! costs and however many there are.

use super::simulated::{Simulation, Windows, endless, one_nonce};
use super::*;
use crate::tenant::TenantShare;
use crate::usage::TimeKind;

const MINUTE_HALF: Duration = Duration::from_secs(30);

fn weight(weight: u32) -> TenantShare {
    TenantShare { weight, ..TenantShare::default() }
}

/// Jain's index: 1 if all shares are equal, 1/n if one of n has everything.
fn jain(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    sum * sum / (shares.len() as f64 * shares.iter().map(|share| share * share).sum::<f64>())
}

/// Asserts that tenants a and b share each window equally.
fn assert_equal(windows: &Windows, what: &str) {
    assert_eq!(windows.len(), 3, "{what}");
    for window in windows {
        let index = jain(&["a", "b"].map(|name| window.get(name).copied().unwrap_or(0.0)));
        assert!(index >= 0.98, "{what}: Jain's index {index:.3}, {window:?}");
    }
}

/// The share of tenant a in all windows, where b has the rest.
fn share_of_a(simulation: &Simulation) -> f64 {
    simulation.used("a") / (simulation.used("a") + simulation.used("b"))
}

#[test]
fn one_job_gets_as_much_time_as_any_number_of_jobs_of_another_tenant() {
    for (cpus, fakes) in [(1, 0), (2, 0), (2, 1)] {
        for jobs in [1, 8, 64] {
            let mut simulation = Simulation::new(cpus, fakes);
            simulation.job("a", 0);
            // The highest priority counts only inside the tenant.
            (0..jobs).for_each(|_| _ = simulation.job("b", 255));
            let windows = simulation.run(MINUTE_HALF);
            assert_equal(&windows, &format!("{cpus} CPU workers, {fakes} other devices, 1 against {jobs} jobs"));
        }
    }
}

#[test]
fn tenants_share_time_by_their_weights_whatever_they_have_in_work() {
    for (of_a, of_b) in [(1, 1), (1, 30), (30, 1)] {
        let mut simulation = Simulation::new(2, 1);
        simulation.tenants([("a", weight(1)), ("b", weight(3))]);
        (0..of_a).for_each(|_| _ = simulation.job("a", 0));
        (0..of_b).for_each(|_| _ = simulation.job("b", 0));
        simulation.upload("b", 0);
        simulation.run(MINUTE_HALF);
        let ratio = simulation.used("b") / simulation.used("a");
        assert!((ratio / 3.0 - 1.0).abs() < 0.03, "{of_a} against {of_b} jobs: 1 to {ratio:.3}");
    }
}

#[test]
fn jobs_of_one_tenant_share_its_time_by_priority() {
    let mut play = Play::new();
    play.driver.devices.truncate(1);
    play.driver.workers.truncate(1);
    let jobs = [0, 64, 255].map(|priority| play.submit(SealJob::new(whole_space()).priority(priority)));
    let mut used: BTreeMap<u64, u64> = BTreeMap::new();
    for _ in 0..6_000 {
        let assignment = play.take(CPU).unwrap();
        let job = play.driver.workers[CPU].job_of(assignment.seq).unwrap();
        *used.entry(job).or_default() += hashes(&assignment.task);
        let answer = nothing_found(&assignment.task, 40e6);
        play.now += answer.cost.total;
        play.driver.searched(CPU, assignment.seq, answer, play.now);
    }
    let of_first = used[&jobs[0]] as f64;
    for (job, expected) in [(jobs[1], 3.0), (jobs[2], 8.0)] {
        let ratio = used[&job] as f64 / of_first;
        assert!((ratio / expected - 1.0).abs() < 0.03, "1 to {ratio:.3}, expected {expected}");
    }
}

#[test]
fn a_priority_above_the_cap_of_its_tenant_counts_as_the_cap() {
    let mut simulation = Simulation::new(1, 0);
    simulation.tenants([("", TenantShare { priority_max: 31, ..TenantShare::default() })]);
    let one = simulation.driver.share.share_of_new("", 255, None);
    simulation.job("", 0);
    assert_eq!((one, simulation.driver.share.share_of_new("", 255, None)), (1.0, 0.5));
}

#[test]
fn uploads_and_jobs_of_different_tenants_share_time_equally() {
    for jobs in [1, 8] {
        let mut simulation = Simulation::new(2, 0);
        (0..jobs).for_each(|_| _ = simulation.job("a", 0));
        (0..jobs).for_each(|_| simulation.upload("b", 0));
        let windows = simulation.run(MINUTE_HALF);
        assert_equal(&windows, &format!("{jobs} jobs against {jobs} uploads"));
    }
}

#[test]
fn an_upload_and_a_job_of_one_tenant_share_its_half() {
    let mut simulation = Simulation::new(1, 0);
    simulation.job("a", 0);
    simulation.upload("b", 0);
    simulation.job("b", 64);
    let windows = simulation.run(MINUTE_HALF);
    assert_equal(&windows, "a job against an upload and a job");
    let headers = simulation.driver.statuses()[CPU].headers as f64;
    // A segment of 4,096 headers takes 0.3 ms to prepare and 0.8192 ms to hash; the upload has one eighth of the time.
    let expected = 30.0 / 8.0 / 1_119.2e-6 * 4_096.0;
    assert!((headers / expected - 1.0).abs() < 0.03, "{headers} headers, expected {expected}");
}

/// The largest coinbase behind the extranonce takes 2.5 ms to hash for each nonce.
#[test]
fn one_nonce_jobs_with_the_largest_coinbase_leave_another_tenant_its_half() {
    for prepare_us in [5, 2_500] {
        for (cpus, fakes) in [(1, 0), (2, 1)] {
            let mut simulation = Simulation::new(cpus, fakes);
            simulation.job("a", 0);
            let tiny = one_nonce(100);
            for _ in 0..8 {
                simulation.job_of("b", 255, tiny.clone(), Duration::from_micros(prepare_us));
            }
            simulation.run(MINUTE_HALF);
            let share = share_of_a(&simulation);
            assert!(share >= 0.45, "{prepare_us} us to prepare a nonce: {share:.3}");
        }
    }
}

#[test]
fn one_nonce_jobs_of_the_same_tenant_count_as_much_time_as_a_large_one() {
    let mut simulation = Simulation::new(1, 0);
    let large = simulation.job("", 0);
    simulation.job_of("", 0, one_nonce(100), Duration::from_micros(2_500));
    simulation.run(MINUTE_HALF);
    simulation.cancel(large);
    // 40 MH/s for half of 30 s.
    let hashes = simulation.driver.statuses()[CPU].hashes as f64;
    assert!(hashes >= 0.45 * 30.0 * 40e6, "{hashes}");
}

#[test]
fn one_nonce_leases_are_lent_a_batch_at_a_time() {
    let mut simulation = Simulation::new(1, 0);
    simulation.job_of("", 0, one_nonce(100), Duration::from_micros(5));
    simulation.run(Duration::from_secs(10));
    // 1.66 million nonces at 6 us each, in batches of about a millisecond.
    let hashes = simulation.driver.statuses()[CPU].hashes;
    assert!(hashes > 1_600_000, "{hashes}");
    assert!(simulation.assignments < 12_000, "{} assignments", simulation.assignments);
}

#[test]
fn one_nonce_jobs_do_not_shrink_the_batches_of_others() {
    let mut simulation = Simulation::new(1, 0);
    simulation.job("a", 0);
    simulation.job_of("b", 0, one_nonce(100), Duration::from_micros(50));
    simulation.run(Duration::from_secs(10));
    let rate = simulation.driver.workers[0].search_rate().unwrap();
    assert!((39e6..41e6).contains(&rate), "{rate}");
}

#[test]
fn a_reserved_share_is_given_first_and_lent_out_while_its_tenant_is_idle() {
    let mut simulation = Simulation::new(2, 0);
    simulation.tenants([("a", TenantShare { reserved: 0.2, ..weight(1) }), ("b", weight(9))]);
    simulation.job("b", 0);
    let windows = simulation.run(Duration::from_secs(10));
    assert!(windows[0]["b"] > 19.9, "the reserved share is lent out: {windows:?}");
    simulation.job("a", 0);
    let windows = simulation.run(Duration::from_secs(20));
    for window in &windows[1..] {
        let share = window["a"] / (window["a"] + window["b"]);
        assert!((0.195..0.215).contains(&share), "{share:.3} of the time, 0.2 is reserved");
    }
}

#[test]
fn a_reserved_share_counts_towards_the_share_by_weight() {
    let mut simulation = Simulation::new(1, 0);
    simulation.tenants([("a", TenantShare { reserved: 0.2, ..weight(1) }), ("b", weight(1))]);
    simulation.job("a", 0);
    simulation.job("b", 0);
    assert_equal(&simulation.run(MINUTE_HALF), "0.2 reserved of a half");
}

#[test]
fn a_tenant_that_comes_and_goes_gains_nothing() {
    let mut simulation = Simulation::new(1, 0);
    simulation.job("a", 0);
    let mut current = simulation.job("b", 0);
    let mut tasks = 0;
    simulation.run_with(MINUTE_HALF, |simulation| {
        tasks += 1;
        if tasks % 3 == 0 {
            simulation.cancel(current);
            current = simulation.job("b", 0);
        }
    });
    let share = share_of_a(&simulation);
    assert!(share >= 0.49, "{share:.3}");
}

#[test]
fn a_tenant_that_was_idle_gets_no_credit_for_it() {
    let mut simulation = Simulation::new(1, 0);
    simulation.job("a", 0);
    let early = simulation.job("b", 0);
    simulation.run(Duration::from_millis(500));
    simulation.cancel(early);
    simulation.run(Duration::from_secs(9));
    let before = simulation.used("a");
    simulation.job("b", 0);
    simulation.run(Duration::from_millis(400));
    let used = simulation.used("a") - before;
    assert!((0.18..0.22).contains(&used), "{used} s of 0.4 s");
}

#[test]
fn short_jobs_one_after_another_do_not_starve_a_long_one_of_the_same_tenant() {
    let mut simulation = Simulation::new(1, 0);
    let long = simulation.job("", 0);
    let mut short = simulation.job("", 0);
    // Each short job gets at most one batch before it is replaced.
    simulation.run_with(MINUTE_HALF, |simulation| {
        simulation.cancel(short);
        short = simulation.job("", 0);
    });
    let hashes = simulation.driver.jobs.get_mut(&long).unwrap().snapshot(false, simulation.now).hashes as f64;
    assert!(hashes >= 0.45 * 30.0 * 40e6, "{hashes} hashes");
}

#[test]
fn new_shares_apply_to_running_work() {
    let mut simulation = Simulation::new(1, 0);
    simulation.job("a", 0);
    simulation.job("b", 0);
    simulation.run(Duration::from_secs(10));
    simulation.tenants([("b", weight(3))]);
    let windows = simulation.run(Duration::from_secs(20));
    let ratio = windows[2]["b"] / windows[2]["a"];
    assert!((ratio / 3.0 - 1.0).abs() < 0.03, "1 to {ratio:.3}");
}

#[test]
fn a_new_job_is_expected_to_get_the_share_that_it_then_gets() {
    let mut simulation = Simulation::new(1, 0);
    let rate = |simulation: &Simulation, tenant: &str| {
        simulation.driver.rate_of_new(&SealJob::new(endless()).tenant(tenant), None)
    };
    assert_eq!(rate(&simulation, "b"), None, "no rate was measured");
    simulation.job("a", 0);
    simulation.run(Duration::from_secs(1));
    let alone = rate(&simulation, "a").unwrap();
    assert!((alone / 20e6 - 1.0).abs() < 0.02, "half of 40 MH/s: {alone}");
    simulation.tenants([("b", weight(3))]);
    let weighted = rate(&simulation, "b").unwrap();
    assert!((weighted / 30e6 - 1.0).abs() < 0.02, "three quarters of 40 MH/s: {weighted}");
}

#[test]
fn a_task_that_is_lost_with_its_device_costs_its_tenant_nothing() {
    let mut play = Play::new();
    play.submit(SealJob::new(whole_space()).tenant("a"));
    let _lost = play.take(GPU).unwrap();
    assert!(play.driver.share.used_us("a", play.now) > 0.0);
    play.driver.failed(GPU, &DeviceError::Lost { reason: "test".to_owned() }, play.now);
    let used = play.driver.share.used_us("a", play.now);
    assert!(used.abs() < 1e-6, "{used} us");
}

#[test]
fn device_time_is_counted_for_its_tenant_its_device_and_its_kind() {
    let mut simulation = Simulation::new(2, 1);
    simulation.job("a", 0);
    simulation.upload("b", 0);
    simulation.run(MINUTE_HALF);
    let times = simulation.driver.device_times();
    for (tenant, kind) in [("a", TimeKind::Search), ("b", TimeKind::Headers)] {
        let counted: f64 = times.iter().filter(|row| row.tenant == tenant).map(|row| row.time.as_secs_f64()).sum();
        let used = simulation.used(tenant);
        assert!((counted / used - 1.0).abs() < 0.01, "{tenant}: {counted} of {used} s");
        assert!(times.iter().all(|row| row.tenant != tenant || row.kind == kind), "{times:?}");
    }
    let used_fake = times.iter().filter(|row| row.device == "fake").map(|row| row.time).sum::<Duration>();
    assert!(used_fake > MINUTE_HALF / 2 && used_fake <= MINUTE_HALF, "{used_fake:?}");
}

#[test]
fn a_job_waits_until_its_first_task_and_its_report_says_how_long() {
    let mut play = Play::new();
    assert_eq!(play.driver.longest_wait(play.now), None);
    let id = play.submit(SealJob::new(impossible()));
    play.now += Duration::from_secs(3);
    assert_eq!(play.driver.longest_wait(play.now), Some(Duration::from_secs(3)));
    assert!(play.take(CPU).is_some());
    assert_eq!(play.driver.longest_wait(play.now), None);
    play.driver.take_events();
    play.driver.end_job(id, SealOutcome::Expired, play.now);
    let waited = play.driver.take_events().into_iter().find_map(|event| match event {
        Event::Ended(_, _, report) => Some(report.waited),
        Event::Changed(..) | Event::Wake | Event::Watch => None,
    });
    assert_eq!(waited, Some(Some(Duration::from_secs(3))));
}
