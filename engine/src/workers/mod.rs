//! The engine's threads: one worker per back end, and the watchdog.

mod flights;
mod watchdog;
mod worker;

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use cityseal_device::{Backend, Opener};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};

use crate::control::Control;

/// The stack of each of the engine's threads, whatever `RUST_MIN_STACK` says. At opt-level 0, where frames are largest,
/// a kernel takes 116 KiB (AVX-512; a test limits it to 256 KiB) and judging headers and blocks takes less; the rest is
/// for a graphics driver, which runs on the worker of its device.
const THREAD_STACK_BYTES: usize = 2 << 20;

/// The running threads of an engine.
pub(crate) struct Workers {
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Each thread holds a clone, which it drops last; the channel disconnects when all threads have ended.
    alive: Sender<()>,
    ended: Receiver<()>,
}

impl Workers {
    pub(crate) fn new() -> Self {
        let (alive, ended) = crossbeam::channel::bounded(0);
        Self { threads: Mutex::default(), alive, ended }
    }

    /// Starts the watchdog.
    ///
    /// # Errors
    /// The operating system refused the thread.
    pub(crate) fn start_watchdog(&self, control: Control) -> io::Result<()> {
        self.start("cityseal-watch".to_owned(), move || watchdog::run(&control))
    }

    /// Starts the worker with index `number` in the driver.
    ///
    /// # Errors
    /// The operating system refused the thread.
    pub(crate) fn start_worker(
        &self,
        control: Control,
        number: usize,
        opener: Box<dyn Opener>,
        backend: Box<dyn Backend>,
    ) -> io::Result<()> {
        let name = format!("cityseal-{}", opener.info().id.chars().take(6).collect::<String>());
        let mut worker = worker::Worker::new(control, number, opener);
        self.start(name, move || {
            worker.run(backend);
            // Before the thread counts as ended: the opener holds the graphics driver, and the process may exit after
            // that.
            drop(worker);
        })
    }

    fn start(&self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let alive = self.alive.clone();
        let thread = Builder::new().name(name).stack_size(THREAD_STACK_BYTES).spawn(move || {
            run();
            drop(alive);
        })?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Waits at most `timeout` for the end of all threads. A thread that is stuck in a driver is left behind.
    pub(crate) fn join(self, timeout: Duration) {
        drop(self.alive);
        // No thread sends: the channel disconnects, or the time is over.
        let all_ended = self.ended.recv_timeout(timeout) == Err(RecvTimeoutError::Disconnected);
        let threads = self.threads.into_inner().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.into_iter().filter(|thread| all_ended || thread.is_finished()) {
            // A worker catches its own panics, so there is nothing to report.
            drop(thread.join());
        }
    }
}
