//! The lock around the driver, shared by the engine's threads and its handles. It decides nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::devices::DeviceStatus;
use crate::driver::{Driver, Event};
use crate::policy::EnginePolicy;
use crate::seal_job::{JobCell, SealJob};
use crate::seal_report::SealOutcome;
use crate::task::ChainTask;

struct Shared {
    driver: Mutex<Driver>,
    /// Wakes workers that wait for a task or for the end.
    work: Condvar,
    /// Wakes the watchdog.
    watch: Condvar,
    cells: Mutex<HashMap<u64, Arc<JobCell>>>,
    policy: EnginePolicy,
    /// Rounds of the watchdog, each of which needs the driver's lock.
    rounds: AtomicU64,
}

/// Shared access to the driver. Clones refer to the same driver.
#[derive(Clone)]
pub(crate) struct Control(Arc<Shared>);

impl Control {
    pub(crate) fn new(driver: Driver, policy: EnginePolicy) -> Self {
        let (work, watch) = (Condvar::new(), Condvar::new());
        let (driver, rounds) = (Mutex::new(driver), AtomicU64::new(0));
        Self(Arc::new(Shared { driver, work, watch, cells: Mutex::default(), policy, rounds }))
    }

    pub(crate) fn policy(&self) -> &EnginePolicy {
        &self.0.policy
    }

    /// Counts a round of the watchdog, which holds the driver's lock.
    pub(crate) fn turned(&self) {
        self.0.rounds.fetch_add(1, Ordering::Relaxed);
    }

    /// Rounds of the watchdog so far. Does not wait for the lock.
    pub(crate) fn rounds(&self) -> u64 {
        self.0.rounds.load(Ordering::Relaxed)
    }

    pub(crate) fn statuses(&self) -> Vec<DeviceStatus> {
        self.lock().statuses()
    }

    /// Adds a job; returns its number and its cell.
    pub(crate) fn submit(&self, job: SealJob) -> (u64, Arc<JobCell>) {
        let cell = Arc::new(JobCell::new(&job, Instant::now()));
        let (id, events) = {
            let mut driver = self.lock();
            let id = driver.add_job(job, Instant::now());
            // While the driver is still locked, so that the job cannot end before its cell is registered.
            self.cells().insert(id, Arc::clone(&cell));
            (id, driver.take_events())
        };
        self.publish(events);
        (id, cell)
    }

    pub(crate) fn end_job(&self, id: u64, outcome: SealOutcome) {
        self.with(|driver| driver.end_job(id, outcome, Instant::now()));
    }

    pub(crate) fn add_headers<T: ChainTask + 'static>(&self, tasks: impl IntoIterator<Item = T>) {
        self.with(|driver| tasks.into_iter().for_each(|task| driver.add_headers(Arc::new(task))));
    }

    pub(crate) fn add_blocks(&self, task: impl ChainTask + 'static) {
        self.with(|driver| driver.add_blocks(Arc::new(task)));
    }

    /// Runs `work` on the driver, then publishes its events without the lock.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Driver) -> R) -> R {
        let (result, events) = {
            let mut driver = self.lock();
            let result = work(&mut driver);
            (result, driver.take_events())
        };
        self.publish(events);
        result
    }

    /// Wakes threads and updates job cells. The driver must not be locked: wakers of the user run here.
    pub(crate) fn publish(&self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Wake => self.0.work.notify_all(),
                Event::Watch => self.0.watch.notify_one(),
                Event::Changed(id, snapshot) => {
                    let cell = self.cells().get(&id).cloned();
                    if let Some(cell) = cell {
                        cell.publish(snapshot);
                    }
                }
                Event::Ended(id, snapshot, report) => {
                    let cell = self.cells().remove(&id);
                    if let Some(cell) = cell {
                        cell.end(snapshot, report);
                    }
                }
            }
        }
    }

    /// Ignores poisoning: a worker's panic is caught outside the lock, and after a panic of the driver itself it is
    /// better to continue with its state than to fail every handle.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Driver> {
        self.0.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for new work, at most `timeout` (`None`: without a limit).
    pub(crate) fn wait_for_work<'a>(
        &self,
        driver: MutexGuard<'a, Driver>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, Driver> {
        wait(&self.0.work, driver, timeout)
    }

    /// Waits for a new deadline, at most `timeout`.
    pub(crate) fn wait_for_deadline<'a>(
        &self,
        driver: MutexGuard<'a, Driver>,
        timeout: Duration,
    ) -> MutexGuard<'a, Driver> {
        wait(&self.0.watch, driver, Some(timeout))
    }

    fn cells(&self) -> MutexGuard<'_, HashMap<u64, Arc<JobCell>>> {
        self.0.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a>(condition: &Condvar, driver: MutexGuard<'a, Driver>, timeout: Option<Duration>) -> MutexGuard<'a, Driver> {
    match timeout {
        None => condition.wait(driver).unwrap_or_else(PoisonError::into_inner),
        Some(timeout) => condition.wait_timeout(driver, timeout).unwrap_or_else(PoisonError::into_inner).0,
    }
}
