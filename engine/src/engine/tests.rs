//! Tests that need real threads: no worker sleeps while a job waits for it.

use std::time::Duration;

use cityseal_chain::{Network, NonceSpan, Parameters, SealTemplate, Target};
use cityseal_device::fake::FakeOpener;

use super::*;
use crate::devices::{Cost, CostModel, Costs};
use crate::driver::Event;
use crate::seal_report::SealOutcome;

/// Far longer than any of these jobs takes.
const LIMIT: Duration = Duration::from_mins(1);

fn costs(fixed_ns: u64, item_fs: u64) -> Costs {
    let cost = Some(Cost { fixed_ns, item_fs });
    Costs { search: cost, headers: cost, nodes: cost }
}

#[test]
fn searches_end_although_a_device_declines_the_last_batches() {
    let fake = Box::new(FakeOpener::new("fake"));
    let policy = EnginePolicy { batch_hashes_first: 2_000, ..EnginePolicy::default() };
    let engine = Engine::builder().gpu(false).threads(1).add_device(fake).policy(policy).build().unwrap();
    // A batch of this device costs as much as twenty thousand nonces of the CPU.
    let model = CostModel { device: costs(200_000, 500_000), cpu: costs(0, 10_000_000), shares_cores: false };
    engine.inner.control.with(|driver| driver.set_cost_model(1, Some(model)));
    let target = Target::from_display_hex(&format!("{}1", "0".repeat(63))).unwrap();
    let nonces = NonceSpan::new(0, 99_999).unwrap();
    let header = *Parameters::of(Network::Mainnet).genesis();
    let template = SealTemplate::builder(header).nonces(nonces).target(target).build().unwrap();
    let mut by_the_device = 0;
    for number in 0..100 {
        let job = engine.submit(SealJob::new(template.clone()));
        let report = job.wait(Some(LIMIT)).unwrap_or_else(|| panic!("job {number} never ends: {engine:?}"));
        assert_eq!((report.outcome, report.hashes), (SealOutcome::Exhausted, 100_000));
        by_the_device += report.devices[1].hashes;
    }
    assert!(by_the_device > 0, "the device must have taken part");
}

#[test]
fn an_idle_engine_turns_and_one_whose_lock_is_held_does_not() {
    let policy = EnginePolicy { heartbeat: Duration::from_millis(1), ..EnginePolicy::default() };
    let engine = Engine::builder().gpu(false).threads(1).policy(policy).build().unwrap();
    let turns_beyond = |rounds: u64| {
        let until = Instant::now() + LIMIT;
        while engine.rounds() <= rounds {
            assert!(Instant::now() < until, "no round after {rounds}");
            std::thread::yield_now();
        }
    };
    turns_beyond(3);
    let driver = engine.inner.control.lock();
    let before = engine.rounds();
    for _ in 0..10_000 {
        // Wakes the thread, which cannot go on without the lock.
        engine.inner.control.publish(vec![Event::Watch]);
        std::thread::yield_now();
    }
    assert_eq!(engine.rounds(), before);
    drop(driver);
    turns_beyond(before);
}
