//! The watchdog: one thread that checks deadlines for the driver, because a stuck worker cannot and idle workers need
//! not. It turns at least once per heartbeat, so that the process can show that its driver is alive.

use std::time::{Duration, Instant};

use crate::control::Control;

/// If the watchdog wakes up this much too late, the whole process was stopped or suspended.
const OVERSLEPT: Duration = Duration::from_millis(250);

/// Runs until the engine ends.
pub(super) fn run(control: &Control) {
    let mut driver = control.lock();
    let mut deadline: Option<Instant> = None;
    while !driver.is_stopped() {
        control.turned();
        let now = Instant::now();
        if deadline.is_some_and(|deadline| now.saturating_duration_since(deadline) > OVERSLEPT) {
            driver.was_suspended(now);
        }
        driver.expire(now);
        driver.recall_stuck(now);
        let events = driver.take_events();
        if !events.is_empty() {
            drop(driver);
            control.publish(events);
            driver = control.lock();
            continue;
        }
        deadline = driver.next_deadline();
        let heartbeat = control.policy().heartbeat;
        let left = deadline.map_or(heartbeat, |deadline| deadline.saturating_duration_since(now).min(heartbeat));
        driver = control.wait_for_deadline(driver, left);
    }
}
