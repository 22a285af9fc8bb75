//! A worker: one thread that owns one back end, keeps it busy and has its answers judged.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use cityseal_device::{Backend, Batch, Completed, DeviceError, DeviceKind, Opener, Report};
use cityseal_hash::HashKernel;

use super::flights::{Flight, Flights, Open};
use crate::control::Control;
use crate::devices::open_and_test;
use crate::judge::Caught;
use crate::policy::AfterFailure;
use crate::task::{Answer, Assignment, SearchPart, Task, TaskCost};

/// Longest wait for a device before the worker checks whether it hangs.
const COLLECT_TIMEOUT: Duration = Duration::from_millis(250);

/// Why a worker stopped serving.
enum Stopped {
    /// The engine ends, or the device is retired.
    Dismissed,
    /// The device failed.
    Failed(DeviceError),
    /// The device gave a wrong answer.
    Caught(Caught),
}

/// A batch for the device.
struct Prepared {
    batch: Batch,
    /// The region that it searches, if it is a search.
    part: Option<SearchPart>,
    /// Whether the device was not watched while the batch was prepared.
    was_unwatched: bool,
}

/// The state of one worker thread.
pub(super) struct Worker {
    control: Control,
    number: usize,
    opener: Box<dyn Opener>,
    /// The CPU kernel for rehashing.
    judge: HashKernel,
    /// The CPU kernel for preparing batches; the device's own one if the device is the CPU.
    own: HashKernel,
}

impl Worker {
    pub(super) fn new(control: Control, number: usize, opener: Box<dyn Opener>) -> Self {
        let judge = HashKernel::detect();
        let kernel = Some(&opener.info().kernel).filter(|_| opener.info().kind == DeviceKind::Cpu);
        let own = kernel.and_then(|name| HashKernel::by_name(name).ok()).unwrap_or(judge);
        Self { control, number, opener, judge, own }
    }

    /// Serves until the engine ends or the device is retired; reopens the device after failures.
    pub(super) fn run(&mut self, backend: Box<dyn Backend>) {
        let mut open = Some(backend);
        while let Some(mut backend) = open.take() {
            match self.serve_caught(&mut *backend) {
                Stopped::Dismissed => {}
                // The driver first: the device's tasks go to others before this thread waits for the device.
                Stopped::Caught(caught) => {
                    let number = self.number;
                    let after = self.control.with(|driver| driver.caught(number, &caught, Instant::now()));
                    drop(backend);
                    open = self.reopen(after);
                }
                Stopped::Failed(error) => {
                    let after = self.failed(&error);
                    abandon(backend, &error);
                    open = self.reopen(after);
                }
            }
        }
    }

    fn serve_caught(&self, backend: &mut dyn Backend) -> Stopped {
        let served = catch_unwind(AssertUnwindSafe(|| self.serve(backend)));
        served.unwrap_or_else(|panic| Stopped::Failed(DeviceError::Panicked { message: message_of(&*panic) }))
    }

    /// Keeps the device busy until the engine, a failure or a wrong answer ends it. Seals that were confirmed by then
    /// are not lost with the searches that found them.
    fn serve(&self, backend: &mut dyn Backend) -> Stopped {
        let mut flights = Flights::default();
        let stopped = self.keep_busy(backend, &mut flights);
        for (seq, seals) in flights.into_seals() {
            self.control.with(|driver| driver.confirmed(self.number, seq, seals, Instant::now()));
        }
        stopped
    }

    fn keep_busy(&self, backend: &mut dyn Backend, flights: &mut Flights) -> Stopped {
        let mut waiting_since = Instant::now();
        loop {
            if let Err(error) = self.fill(backend, flights, &mut waiting_since) {
                return Stopped::Failed(error);
            }
            if flights.is_empty() {
                return Stopped::Dismissed;
            }
            match backend.collect(COLLECT_TIMEOUT) {
                Err(error) => return Stopped::Failed(error),
                Ok(None) if waiting_since.elapsed() >= self.control.policy().hang_after => {
                    return Stopped::Failed(DeviceError::Hung { waited: waiting_since.elapsed() });
                }
                Ok(None) => {}
                Ok(Some(done)) => {
                    waiting_since = Instant::now();
                    match self.accept(flights, done) {
                        Ok(judged) => judged.into_iter().for_each(|hashes| backend.reuse(hashes)),
                        Err(stopped) => return stopped,
                    }
                }
            }
        }
    }

    /// Submits batches until the device has as many as it can have in flight, or there is no work.
    fn fill(
        &self,
        backend: &mut dyn Backend,
        flights: &mut Flights,
        waiting_since: &mut Instant,
    ) -> Result<(), DeviceError> {
        let is_watched = backend.info().kind != DeviceKind::Cpu;
        let leaves_max = backend.info().limits.tree_leaves_max;
        while flights.in_flight() < backend.depth() {
            let Some(Prepared { batch, part, was_unwatched }) = self.prepare(flights, leaves_max, is_watched) else {
                break;
            };
            // The time to prepare a batch, perhaps from a slow file, is not the device's.
            if flights.is_empty() || was_unwatched {
                *waiting_since = Instant::now();
            }
            if was_unwatched {
                self.control.with(|driver| driver.submitted(self.number, *waiting_since));
            }
            flights.push(backend.submit(batch)?, part);
        }
        Ok(())
    }

    /// The next batch: of the newest assignment, if it is a search with regions left, or else of a new one.
    fn prepare(&self, flights: &mut Flights, leaves_max: usize, is_watched: bool) -> Option<Prepared> {
        loop {
            if let Some(part) = flights.next_part() {
                return Some(Prepared {
                    batch: Batch::Search(part.batch.clone()),
                    part: Some(part),
                    was_unwatched: false,
                });
            }
            // The search may have run out of time after its last answer.
            self.answer_searches(flights);
            let assignment = self.next(flights.is_empty())?;
            if let Task::Search(_) = assignment.task {
                flights.open(Open::new(assignment));
                continue;
            }
            let was_unwatched = is_watched && assignment.task.needs_preparation();
            if was_unwatched {
                self.control.with(|driver| driver.preparing(self.number));
            }
            let began = Instant::now();
            let batch = assignment.task.batch(self.own, leaves_max);
            let spent = began.elapsed();
            if let Some(batch) = batch {
                flights.open(Open::prepared(assignment, spent));
                return Some(Prepared { batch, part: None, was_unwatched });
            }
            self.control.with(|driver| driver.skipped(self.number, assignment.seq, spent, Instant::now()));
        }
    }

    /// Informs the driver of searches that are complete or out of time.
    fn answer_searches(&self, flights: &mut Flights) {
        while let Some((seq, answer)) = flights.take_answer() {
            self.control.with(|driver| driver.searched(self.number, seq, answer, Instant::now()));
        }
    }

    /// The next task. With `wait`, waits for one; `None` then means that there will be no more.
    fn next(&self, wait: bool) -> Option<Assignment> {
        let mut driver = self.control.lock();
        loop {
            let assignment = driver.next(self.number, Instant::now());
            let is_done = assignment.is_some() || !wait || driver.is_dismissed(self.number);
            let events = driver.take_events();
            if is_done || !events.is_empty() {
                // Events are published without the lock, after which there may be a task.
                drop(driver);
                self.control.publish(events);
                if is_done {
                    return assignment;
                }
                driver = self.control.lock();
                continue;
            }
            driver = self.control.wait_for_work(driver, None);
        }
    }

    /// Judges the device's answer to a batch and informs the driver. Returns hashes whose buffer the device may reuse.
    fn accept(&self, flights: &mut Flights, done: Completed) -> Result<Option<Vec<[u8; 32]>>, Stopped> {
        let Some(Flight { ticket, part }) = flights.pop() else { return Ok(None) };
        if done.ticket != ticket {
            return Err(Stopped::Failed(DeviceError::Malformed { what: "an answer to another batch".to_owned() }));
        }
        let Some(part) = part else { return self.accept_whole(flights, done) };
        let Report::Search(report) = done.report else { return Err(Stopped::Caught(Caught::other_kind())) };
        flights.accept(&part, report, done.busy).map_err(Stopped::Caught)?;
        self.answer_searches(flights);
        Ok(None)
    }

    /// Judges the answer to a task that is one batch.
    fn accept_whole(&self, flights: &mut Flights, done: Completed) -> Result<Option<Vec<[u8; 32]>>, Stopped> {
        let Some((Assignment { seq, task, recheck_every }, prepared)) = flights.close() else { return Ok(None) };
        let began = Instant::now();
        let answer = Answer {
            device: self.opener.info(),
            report: &done.report,
            busy: done.busy,
            cpu: self.judge,
            recheck_every,
        };
        let number = self.number;
        let cost = |judged: Instant| TaskCost { device: done.busy, total: prepared + done.busy + (judged - began) };
        match task {
            Task::Search(_) => unreachable!("a search has parts"),
            Task::Headers(task) => {
                task.judge(&answer).map_err(Stopped::Caught)?;
                let count = task.count();
                // The driver drops the last reference, which returns the segment's buffer to the stream.
                drop(task);
                let now = Instant::now();
                self.control.with(|driver| driver.judged_headers(number, seq, count, cost(now), now));
            }
            Task::Blocks(task) => {
                task.judge(&answer).map_err(Stopped::Caught)?;
                let count = task.count();
                drop(task);
                let now = Instant::now();
                self.control.with(|driver| driver.judged_blocks(number, seq, count, cost(now), now));
            }
            Task::Canary(case) => {
                if !case.is_answered_by(&done.report) {
                    return Err(Stopped::Caught(Caught::Canary));
                }
                self.control.with(|driver| driver.canary_answered(number, seq, Instant::now()));
            }
        }
        Ok(if let Report::Hashes(hashes) = done.report { Some(hashes) } else { None })
    }

    /// Reopens the device after a pause that grows with each failure; `None` if it is retired or the engine ends.
    fn reopen(&mut self, mut after: AfterFailure) -> Option<Box<dyn Backend>> {
        while let AfterFailure::ReopenAfter(pause) = after {
            if !self.pause(pause) {
                return None;
            }
            let opened = catch_unwind(AssertUnwindSafe(|| open_and_test(&mut *self.opener)));
            let error = match opened {
                Ok(Ok(backend)) => {
                    self.control.with(|driver| driver.reopened(self.number));
                    return Some(backend);
                }
                Ok(Err(reason)) => DeviceError::Lost { reason: reason.to_string() },
                Err(panic) => DeviceError::Panicked { message: message_of(&*panic) },
            };
            after = self.failed(&error);
        }
        None
    }

    fn failed(&self, error: &DeviceError) -> AfterFailure {
        self.control.with(|driver| driver.failed(self.number, error, Instant::now()))
    }

    /// Waits; returns `false` if the engine ends first.
    fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut driver = self.control.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if driver.is_stopped() {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            driver = self.control.wait_for_work(driver, Some(left));
        }
    }
}

/// Drops a failed back end. A hung one is leaked, because dropping it would block.
fn abandon(backend: Box<dyn Backend>, error: &DeviceError) {
    if matches!(error, DeviceError::Hung { .. }) {
        std::mem::forget(backend);
    }
}

/// The message of a caught panic.
fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
