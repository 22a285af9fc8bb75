//! The watch: one thread that looks at the clock for the driver, since a worker that is stuck cannot, and workers that wait
//! for work need not. It sleeps for as long as there is nothing to watch.

use std::sync::PoisonError;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use crossbeam::channel::Sender;

use super::Control;

pub(super) fn spawn(control: Control, alive: Sender<()>) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name("cityseal-watch".to_owned()).spawn(move || {
        watch(&control);
        drop(alive);
    })
}

fn watch(control: &Control) {
    let mut driver = control.lock();
    while !driver.is_stopped() {
        let now = Instant::now();
        driver.expire(now);
        let events = driver.take_events();
        if !events.is_empty() {
            drop(driver);
            control.tell(events);
            driver = control.lock();
            continue;
        }
        let condition = &control.0.watch;
        driver = match driver.next_deadline() {
            None => condition.wait(driver).unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(now);
                condition.wait_timeout(driver, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}
