//! The thin shell around the driver: locks, threads, wake-ups. It decides nothing.

mod watch;
mod worker;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cityseal_device::known_answers::Case;
use cityseal_device::{Backend, CpuBackend, CpuOpener, DeviceInfo, DeviceKind, Opener};
use cityseal_hash::HashKernel;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};

use crate::builder::EngineBuilder;
use crate::driver::{BlocksTask, CheckTask, Driver, Event, TreesTask};
use crate::fitting::Fitting;
use crate::job::JobCell;
use crate::select::LeftOut;
use crate::{
    BlockVerifier, BuildError, DeviceState, DeviceStatus, EnginePolicy, JobHandle, Progress, SealJob, SealOutcome,
    SealReport, TreesError, TreesReport, TreesRequest, Verifier, VerifyError, VerifyReport, VerifyRequest,
    VerifyRequestError, trees,
};

/// The stack of each of the engine's threads, whatever `RUST_MIN_STACK` says. At opt-level 0, where frames are largest, a kernel
/// takes 116 KiB (AVX-512; tests hold 256 KiB) and the judges of headers and blocks less; the rest is room for a graphics driver,
/// which runs on the worker of its device.
const THREAD_STACK_BYTES: usize = 2 << 20;

/// A thread of the engine, not started yet.
fn thread(name: String) -> std::thread::Builder {
    std::thread::Builder::new().name(name).stack_size(THREAD_STACK_BYTES)
}

/// A device that is open, with one opened back end per worker.
pub(crate) struct Member {
    pub(crate) workers: Vec<(Box<dyn Opener>, Box<dyn Backend>)>,
    pub(crate) fitting: Fitting,
}

impl Member {
    pub(crate) fn new(opener: Box<dyn Opener>, backend: Box<dyn Backend>, fitting: Fitting) -> Self {
        Self { workers: vec![(opener, backend)], fitting }
    }

    /// What it is.
    pub(crate) fn info(&self) -> &DeviceInfo {
        self.workers[0].0.info()
    }

    /// The CPU is one device with a worker per thread.
    pub(crate) fn add_cpu_workers(&mut self, threads: usize, kernel: HashKernel) {
        if self.workers[0].0.info().kind != DeviceKind::Cpu {
            return;
        }
        while self.workers.len() < threads {
            self.workers.push((Box::new(CpuOpener::new(kernel)), Box::new(CpuBackend::new(kernel))));
        }
    }
}

/// What the engine's threads and its handles share.
pub(crate) struct Shared {
    driver: Mutex<Driver>,
    /// Workers wait here for work, and for the end.
    work: Condvar,
    /// The watch waits here for something to watch.
    watch: Condvar,
    cells: Mutex<HashMap<u64, Arc<JobCell>>>,
    policy: EnginePolicy,
}

/// A way into the driver, for handles.
#[derive(Clone)]
pub(crate) struct Control(Arc<Shared>);

impl Control {
    pub(crate) fn policy(&self) -> &EnginePolicy {
        &self.0.policy
    }

    pub(crate) fn end_job(&self, id: u64, outcome: SealOutcome) {
        self.with(|driver| driver.end_job(id, outcome, Instant::now()));
    }

    pub(crate) fn add_checks(&self, tasks: impl IntoIterator<Item = CheckTask>) {
        self.with(|driver| tasks.into_iter().for_each(|task| driver.add_check(task)));
    }

    pub(crate) fn add_blocks(&self, task: BlocksTask) {
        self.with(|driver| driver.add_blocks(task));
    }

    pub(crate) fn add_trees(&self, tasks: impl IntoIterator<Item = TreesTask>) {
        self.with(|driver| tasks.into_iter().for_each(|task| driver.add_trees(task)));
    }

    pub(crate) fn statuses(&self) -> Vec<DeviceStatus> {
        self.lock().statuses()
    }

    fn submit(&self, job: SealJob) -> JobHandle {
        let cell = Arc::new(JobCell::new(job.template().space().volume()));
        let (id, events) = {
            let mut driver = self.lock();
            let id = driver.add_job(job, Instant::now());
            // Before the driver is let go, so that nobody can end the job unheard.
            self.cells().insert(id, Arc::clone(&cell));
            (id, driver.take_events())
        };
        self.tell(events);
        JobHandle::new(id, cell, self.clone())
    }

    /// Works on the driver, and then, without the lock, tells the world what came of it.
    fn with<R>(&self, work: impl FnOnce(&mut Driver) -> R) -> R {
        let (result, events) = {
            let mut driver = self.lock();
            let result = work(&mut driver);
            (result, driver.take_events())
        };
        self.tell(events);
        result
    }

    fn tell(&self, events: Vec<Event>) {
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

    /// A worker's panic is caught outside the lock; a poisoned driver would be a bug of the driver itself, and then going
    /// on with its state is better than taking every handle down.
    fn lock(&self) -> MutexGuard<'_, Driver> {
        self.0.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cells(&self) -> MutexGuard<'_, HashMap<u64, Arc<JobCell>>> {
        self.0.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Inner {
    control: Control,
    crew: Mutex<Crew>,
    /// By device, in the driver's order.
    fittings: Vec<Fitting>,
    left_out: Vec<LeftOut>,
    notes: Vec<String>,
}

/// The threads of an engine.
struct Crew {
    threads: Vec<JoinHandle<()>>,
    /// Each thread holds a copy; when all are gone [`Self::ended`] is told.
    alive: Sender<()>,
    ended: Receiver<()>,
}

impl Crew {
    fn new() -> Self {
        let (alive, ended) = crossbeam::channel::bounded(0);
        Self { threads: Vec::new(), alive, ended }
    }

    /// Waits for the threads' end, `timeout` at most; one that is stuck in its driver is left behind.
    fn leave(self, timeout: Duration) {
        drop(self.alive);
        // Nobody sends: either all hands are gone, or the time is over.
        let are_gone = self.ended.recv_timeout(timeout) == Err(RecvTimeoutError::Disconnected);
        for thread in self.threads.into_iter().filter(|thread| are_gone || thread.is_finished()) {
            // A worker catches its own panics; there is nothing left to be told here.
            drop(thread.join());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.control.with(|driver| driver.stop(Instant::now()));
        let policy = self.control.policy();
        let crew = std::mem::replace(self.crew.get_mut().unwrap_or_else(PoisonError::into_inner), Crew::new());
        crew.leave(policy.hang_after + policy.stuck_after);
        self.control.statuses().iter().zip(&self.fittings).for_each(|(status, fitting)| fitting.keep(&status.info));
    }
}

/// The engine. Clones share its devices; when the last one is dropped its workers end.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("devices", &self.devices()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Says which devices to use, and builds an engine.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    pub(crate) fn start(
        policy: EnginePolicy,
        canary: Arc<Case>,
        members: Vec<Member>,
        left_out: Vec<LeftOut>,
        notes: Vec<String>,
    ) -> Result<Self, BuildError> {
        let mut driver = Driver::new(policy.clone(), canary);
        let (mut hands, mut fittings) = (Vec::new(), Vec::new());
        for member in members {
            let device = driver.add_device(member.info().clone());
            driver.set_worth(device, member.fitting.worth(member.info().kind));
            fittings.push(member.fitting);
            hands.extend(
                member.workers.into_iter().map(|(opener, backend)| (driver.add_worker(device), opener, backend)),
            );
        }
        let (work, watch) = (Condvar::new(), Condvar::new());
        let control =
            Control(Arc::new(Shared { driver: Mutex::new(driver), work, watch, cells: Mutex::default(), policy }));
        // From here on dropping `engine` ends the threads that were started, should one not start.
        let crew = Mutex::new(Crew::new());
        let engine = Self { inner: Arc::new(Inner { control: control.clone(), crew, fittings, left_out, notes }) };
        engine.start_thread(|alive| watch::spawn(control.clone(), alive))?;
        for (number, opener, backend) in hands {
            engine.start_thread(|alive| worker::spawn(control.clone(), number, (opener, backend), alive))?;
        }
        Ok(engine)
    }

    fn start_thread(
        &self,
        start: impl FnOnce(Sender<()>) -> std::io::Result<JoinHandle<()>>,
    ) -> Result<(), BuildError> {
        let mut crew = self.inner.crew.lock().unwrap_or_else(PoisonError::into_inner);
        let thread = start(crew.alive.clone()).map_err(|error| BuildError::NoThread { reason: error.to_string() })?;
        crew.threads.push(thread);
        Ok(())
    }

    /// Every device that was found: those that work, and those that are left out with the reason.
    pub fn devices(&self) -> Vec<DeviceStatus> {
        let left_out = self.inner.left_out.iter().map(|left| {
            let state = DeviceState::LeftOut { reason: left.reason.clone() };
            DeviceStatus::new(left.info.clone(), state)
        });
        let statuses = self.inner.control.statuses().into_iter().zip(&self.inner.fittings);
        statuses.map(|(status, fitting)| fitting.complete(status)).chain(left_out).collect()
    }

    /// What a person should be told once, such as that there is no GPU.
    pub fn notes(&self) -> &[String] {
        &self.inner.notes
    }

    /// Takes a job in and returns at once.
    pub fn submit(&self, job: SealJob) -> JobHandle {
        self.inner.control.submit(job)
    }

    /// Takes a job in and waits for its end.
    pub fn seal(&self, job: SealJob) -> SealReport {
        let handle = self.submit(job);
        loop {
            if let Some(report) = handle.wait(None) {
                return report;
            }
        }
    }

    /// Checks Merkle trees against the roots that they should have, and waits for the verdicts.
    ///
    /// ```
    /// use cityseal_engine::device::MerkleKind;
    /// use cityseal_engine::hash::double_sha256;
    /// use cityseal_engine::{Engine, TreeVerdict, TreesRequest};
    ///
    /// let engine = Engine::builder().gpu(false).threads(Some(1)).build()?;
    /// let (left, right) = ([1; 32], [2; 32]);
    /// let mut trees = TreesRequest::new(MerkleKind::Bitcoin);
    /// trees.push(&[left, right], double_sha256(&[left, right].concat()))?;
    /// trees.push(&[left], right)?;
    /// let verdicts = engine.check_trees(trees)?.verdicts;
    /// assert_eq!(verdicts, [TreeVerdict::Right, TreeVerdict::Wrong { found: left }]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TreesError::NoDevice`] where no device is left that could check them.
    pub fn check_trees(&self, request: TreesRequest) -> Result<TreesReport, TreesError> {
        trees::check(&self.inner.control, request)
    }

    /// Begins to verify a chain whose bytes will be pushed.
    ///
    /// # Errors
    /// [`VerifyRequestError`] where the request contradicts itself.
    pub fn verifier(&self, request: VerifyRequest) -> Result<Verifier, VerifyRequestError> {
        Verifier::new(self.inner.control.clone(), request)
    }

    /// Begins to verify a chain whose whole blocks will be pushed: headers and bodies.
    ///
    /// # Errors
    /// [`VerifyRequestError`] where the request contradicts itself.
    pub fn block_verifier(&self, request: VerifyRequest) -> Result<BlockVerifier, VerifyRequestError> {
        BlockVerifier::new(self.inner.control.clone(), request)
    }

    /// Verifies the packed 80-byte headers that `reader` gives until its end, in constant memory.
    ///
    /// # Errors
    /// [`VerifyError`] where the request contradicts itself or the reader fails.
    pub fn verify(
        &self,
        request: VerifyRequest,
        mut reader: impl Read,
        mut on_progress: impl FnMut(&Progress),
    ) -> Result<VerifyReport, VerifyError> {
        let mut verifier = self.verifier(request)?;
        let mut offset = 0;
        loop {
            match verifier.read_from(&mut reader).map_err(|source| VerifyError::Read { offset, source })? {
                0 => return Ok(verifier.finish(None)),
                bytes => {
                    offset += bytes as u64;
                    on_progress(&verifier.progress());
                }
            }
        }
    }
}
