//! The watch: one thread that looks at the clock for the driver, since a worker that is stuck cannot, and workers that wait
//! for work need not. It sleeps for as long as there is nothing to watch.

use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;

use super::Control;

/// Who wakes so much later than it wanted to has stood still with the whole process, stopped or suspended.
const OVERSLEPT: Duration = Duration::from_millis(250);

pub(super) fn spawn(control: Control, alive: Sender<()>) -> std::io::Result<JoinHandle<()>> {
    super::thread("cityseal-watch".to_owned()).spawn(move || {
        watch(&control);
        drop(alive);
    })
}

fn watch(control: &Control) {
    let mut driver = control.lock();
    let mut wanted_to_wake: Option<Instant> = None;
    while !driver.is_stopped() {
        let now = Instant::now();
        if wanted_to_wake.is_some_and(|wanted| now.saturating_duration_since(wanted) > OVERSLEPT) {
            driver.stood_still(now);
        }
        driver.expire(now);
        driver.take_back(now);
        let events = driver.take_events();
        if !events.is_empty() {
            drop(driver);
            control.tell(events);
            driver = control.lock();
            continue;
        }
        let condition = &control.0.watch;
        wanted_to_wake = driver.next_deadline();
        driver = match wanted_to_wake {
            None => condition.wait(driver).unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(now);
                condition.wait_timeout(driver, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}
