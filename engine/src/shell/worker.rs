//! A worker: one thread that owns one back end, keeps it busy, and hands what it claims to the judge.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cityseal_device::{Backend, Completed, DeviceError, DeviceKind, Opener, Report, Ticket, TreeRoot};
use cityseal_hash::HashKernel;
use crossbeam::channel::Sender;

use super::Control;
use crate::builder::open_and_test;
use crate::driver::{AfterFailure, Assignment, BlocksTask, CheckTask, Seq, Work};
use crate::judge::{Caught, judge_search};
use crate::verify::StageName;

/// How long one wait for a device lasts before the worker looks whether it hangs.
const COLLECT_TIMEOUT: Duration = Duration::from_millis(250);

/// Why a worker stopped serving.
enum Stopped {
    /// The engine ends, or the driver wants no more of this device.
    Dismissed,
    /// The device failed.
    Failed(DeviceError),
    /// The device was caught in a wrong answer.
    Lied(Caught),
}

/// A batch on the device.
struct Flight {
    ticket: Ticket,
    assignment: Assignment,
}

pub(super) fn spawn(
    control: Control,
    number: usize,
    (opener, backend): (Box<dyn Opener>, Box<dyn Backend>),
    alive: Sender<()>,
) -> std::io::Result<JoinHandle<()>> {
    let name = format!("cityseal-{}", opener.info().id.chars().take(6).collect::<String>());
    let judge = HashKernel::detect();
    let kernel = Some(&opener.info().kernel).filter(|_| opener.info().kind == DeviceKind::Cpu);
    let own = kernel.and_then(|name| HashKernel::by_name(name).ok()).unwrap_or(judge);
    let mut worker = Worker { control, number, opener, judge, own };
    super::thread(name).spawn(move || {
        worker.run(backend);
        // With its opener, which holds the driver: who waits for the end of the crew may end the process then.
        drop(worker);
        drop(alive);
    })
}

struct Worker {
    control: Control,
    number: usize,
    opener: Box<dyn Opener>,
    /// What the CPU hashes again with, to judge a device.
    judge: HashKernel,
    /// What is hashed with on this thread before a device has its part: the device's own kernel, where it is the CPU.
    own: HashKernel,
}

impl Worker {
    fn run(&mut self, backend: Box<dyn Backend>) {
        let mut open = Some(backend);
        while let Some(mut backend) = open.take() {
            match self.serve_caught(&mut *backend) {
                Stopped::Dismissed => {}
                // The driver is told first: what the device held is lent again before anybody waits for its end.
                Stopped::Lied(caught) => {
                    let number = self.number;
                    let after = self.control.with(|driver| driver.lied(number, &caught, Instant::now()));
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

    /// Keeps the device busy until something ends it.
    fn serve(&self, backend: &mut dyn Backend) -> Stopped {
        let is_watched = backend.info().kind != DeviceKind::Cpu;
        let leaves_max = backend.info().limits.tree_leaves_max;
        let mut flights = VecDeque::with_capacity(backend.depth());
        let mut waiting_since = Instant::now();
        loop {
            while flights.len() < backend.depth() {
                let Some(assignment) = self.next(flights.is_empty()) else { break };
                let must_read = is_watched && assignment.work.is_made_ready();
                if must_read {
                    self.control.with(|driver| driver.reads(self.number));
                }
                let Some(batch) = assignment.work.batch(self.own, leaves_max) else {
                    self.control.with(|driver| driver.dropped(self.number, assignment.seq, Instant::now()));
                    continue;
                };
                // Not before: a batch may have been read from a slow file.
                if flights.is_empty() || must_read {
                    waiting_since = Instant::now();
                }
                if must_read {
                    self.control.with(|driver| driver.submitted(self.number, waiting_since));
                }
                match backend.submit(batch) {
                    Ok(ticket) => flights.push_back(Flight { ticket, assignment }),
                    Err(error) => return Stopped::Failed(error),
                }
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
                    let accepted = flights.pop_front().map_or(Ok(None), |flight| self.accept(flight, done));
                    match accepted {
                        Ok(judged) => judged.into_iter().for_each(|hashes| backend.reuse(hashes)),
                        Err(stopped) => return stopped,
                    }
                }
            }
        }
    }

    /// The next piece of work. Where `wait` is set: waits for one, and `None` means that there will be no more.
    fn next(&self, wait: bool) -> Option<Assignment> {
        let shared = &self.control.0;
        let mut driver = self.control.lock();
        loop {
            let now = Instant::now();
            let assignment = driver.next(self.number, now);
            let events = driver.take_events();
            if assignment.is_some() || !events.is_empty() || !wait || driver.is_dismissed(self.number) {
                let done = assignment.is_some() || !wait || driver.is_dismissed(self.number);
                drop(driver);
                self.control.tell(events);
                if done {
                    return assignment;
                }
                driver = self.control.lock();
                continue;
            }
            driver = shared.work.wait(driver).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Judges what the device claims about a batch, and tells the driver. Gives back hashes that nobody needs any more.
    fn accept(&self, flight: Flight, done: Completed) -> Result<Option<Vec<[u8; 32]>>, Stopped> {
        if done.ticket != flight.ticket {
            return Err(Stopped::Failed(DeviceError::Malformed { what: "an answer to another batch".to_owned() }));
        }
        let Assignment { seq, work, recheck_every } = flight.assignment;
        match (work, done.report) {
            (Work::Search { template, region, batch }, Report::Search(report)) => {
                let judged = judge_search(&template, &region, &batch, report).map_err(Stopped::Lied)?;
                let (number, now) = (self.number, Instant::now());
                self.control.with(|driver| driver.searched(number, seq, judged, done.busy, now));
                Ok(None)
            }
            (Work::Check(task), Report::Hashes(hashes)) => {
                self.accept_hashes(task, (seq, recheck_every), &hashes, done.busy).map(|()| Some(hashes))
            }
            (Work::Blocks(task), Report::Trees(roots)) => {
                self.accept_blocks(&task, seq, &roots, done.busy).map(|()| None)
            }
            (Work::Trees(task), Report::Trees(roots)) => {
                task.call.judge(task.part, &roots, self.opener.info(), self.judge).map_err(Stopped::Lied)?;
                self.control.with(|driver| driver.hashed_trees(self.number, seq, Instant::now()));
                Ok(None)
            }
            (Work::Canary(case), report) => self.accept_canary(seq, case.is_answered_by(&report)).map(|()| None),
            (Work::Search { .. } | Work::Check(_) | Work::Blocks(_) | Work::Trees(_), _) => {
                Err(Stopped::Lied(Caught::wrong("answered another kind of question")))
            }
        }
    }

    fn accept_blocks(&self, task: &BlocksTask, seq: Seq, roots: &[TreeRoot], busy: Duration) -> Result<(), Stopped> {
        task.stream.stages.add(StageName::Trees, busy);
        task.group.judge(&task.stream, roots, self.opener.info(), self.judge).map_err(Stopped::Lied)?;
        let (number, blocks) = (self.number, task.group.count());
        self.control.with(|driver| driver.judged_blocks(number, seq, blocks, Instant::now()));
        Ok(())
    }

    fn accept_canary(&self, seq: Seq, right: bool) -> Result<(), Stopped> {
        if !right {
            return Err(Stopped::Lied(Caught::Canary));
        }
        let number = self.number;
        self.control.with(|driver| driver.canary_sang(number, seq, Instant::now()));
        Ok(())
    }

    fn accept_hashes(
        &self,
        task: CheckTask,
        (seq, recheck_every): (Seq, usize),
        hashes: &[[u8; 32]],
        busy: Duration,
    ) -> Result<(), Stopped> {
        let headers = task.segment.count();
        task.stream.stages.add(StageName::Hash, busy);
        task.stream
            .judge(&task.segment, hashes, self.opener.info(), self.judge, recheck_every)
            .map_err(Stopped::Lied)?;
        // Both hands let go of the segment, so that its buffer returns to the stream.
        drop(task);
        let number = self.number;
        self.control.with(|driver| driver.checked(number, seq, headers, busy, Instant::now()));
        Ok(())
    }

    /// Opens a device again, after a pause that grows each time it fails; `None` where it is given up.
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

    /// Waits; `false` where the engine ends meanwhile.
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
            driver = self.control.0.work.wait_timeout(driver, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Drops a failed back end; a hung one is left behind, since to drop it would be to wait for it.
fn abandon(backend: Box<dyn Backend>, error: &DeviceError) {
    if matches!(error, DeviceError::Hung { .. }) {
        std::mem::forget(backend);
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
