//! The handle of an open journal.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::error::{JournalError, Unavailable};
use crate::health::{Commit, JournalHealth, SharedHealth};
use crate::job::{End, JobId, Progress, StoredJob, Submission, Submitted, Tip};
use crate::queue::{Command, Queue};
use crate::store::Store;
use crate::writer::{Observe, Reopen, Writer};

/// How a journal is opened.
#[must_use]
pub struct JournalOptions {
    folder: PathBuf,
    observe: Observe,
}

impl JournalOptions {
    /// The journal of a state folder, which is made if it does not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), observe: Arc::new(|_| {}) }
    }

    /// Sets a function that the writing thread calls after each attempt to commit. It must return soon.
    pub fn observe(mut self, observe: impl Fn(&Commit) + Send + Sync + 'static) -> Self {
        self.observe = Arc::new(observe);
        self
    }

    /// Opens the journal, begins a new epoch and starts the thread that writes.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(self) -> Result<(Journal, Recovered), JournalError> {
        let store = Store::open(&self.folder)?;
        let folder = self.folder;
        Journal::start(store, Box::new(move || Store::open(&folder)), self.observe)
    }
}

/// What an earlier process left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Counts the openings of the journal, from 1.
    pub epoch: u64,
    /// Every job, in the order of their submission.
    pub jobs: Vec<StoredJob>,
    /// The tips of all chains.
    pub tips: Vec<Tip>,
}

/// An open journal. All methods return at once; one thread writes.
pub struct Journal {
    queue: Arc<Queue>,
    health: SharedHealth,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("health", &self.health.get()).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal of a folder with the default options.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(folder: &Path) -> Result<(Self, Recovered), JournalError> {
        JournalOptions::new(folder).open()
    }

    pub(crate) fn start(store: Store, reopen: Reopen, observe: Observe) -> Result<(Self, Recovered), JournalError> {
        let mut recovered = Recovered { epoch: store.begin_epoch()?, jobs: Vec::new(), tips: store.tips()? };
        store.for_each(|job| recovered.jobs.push(job))?;
        recovered.jobs.sort_by_key(|job| (job.submission.submitted_unix_ms, job.submission.id));
        let (queue, health) = (Arc::new(Queue::default()), SharedHealth::default());
        let writer = Writer { queue: Arc::clone(&queue), health: health.clone(), reopen, observe, unsure: Vec::new() };
        let spawned = std::thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run(store));
        let thread =
            spawned.map_err(|source| JournalError::Io { path: PathBuf::from("the writing thread"), source })?;
        Ok((Self { queue, health, thread: Mutex::new(Some(thread)) }, recovered))
    }

    /// Submits a job. `done` is called once it is on the disk, or when it cannot be written: then it must not run.
    /// A tenant's request id that is known leads to its job, and nothing is written.
    pub fn submit(&self, job: Submission, done: impl FnOnce(Result<Submitted, Unavailable>) + Send + 'static) {
        self.push_or_refuse(Command::Submit(job, Box::new(done)));
    }

    /// Notes how far a running job is. `done` is called with whether it is on the disk: while the journal is busy or
    /// failing it is not, and the next progress replaces it.
    pub fn note_progress(&self, id: JobId, progress: Progress, done: impl FnOnce(bool) + Send + 'static) {
        self.push_or_refuse(Command::Progress(id, progress, Box::new(done)));
    }

    /// Notes the tip of a chain. `done` is called once it is on the disk, or when it cannot be written.
    pub fn note_tip(&self, tip: Tip, done: impl FnOnce(Result<(), Unavailable>) + Send + 'static) {
        self.push_or_refuse(Command::Tip(tip, Box::new(done)));
    }

    /// Removes tips, by tenant and chain.
    pub fn forget_tips(&self, keys: Vec<(String, String)>) {
        drop(self.queue.push(Command::ForgetTips(keys)));
    }

    /// Queues a command, or refuses it at once if the journal fails or has no room.
    fn push_or_refuse(&self, command: Command) {
        if let Some(message) = self.health.get().failing {
            return command.refuse(Unavailable::Failed { message });
        }
        if let Err(refused) = self.queue.push(command) {
            let (command, why) = *refused;
            command.refuse(why);
        }
    }

    /// Ends a job. `done` is called with the end that is on the disk: this one, or the one that was there before. While
    /// the journal fails, the end waits. After [`Self::close`] it is not written.
    pub fn end(&self, id: JobId, end: End, done: impl FnOnce(End) + Send + 'static) {
        drop(self.queue.push(Command::End(id, end, Box::new(done))));
    }

    /// Removes jobs and their request ids.
    pub fn forget(&self, ids: Vec<JobId>) {
        drop(self.queue.push(Command::Forget(ids)));
    }

    /// Whether the journal can be written.
    pub fn health(&self) -> JournalHealth {
        self.health.get()
    }

    /// Writes everything that waits, unless the journal fails, and closes the file. Blocks until then. What comes later
    /// is refused; an end that could not be written is dropped with its `done`.
    pub fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread was reported by itself.
            drop(thread.join());
        }
        self.queue.discard();
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

/// What [`read_all`] found besides the jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// How often the journal was opened.
    pub epoch: u64,
    /// The tips of all chains.
    pub tips: Vec<Tip>,
}

/// Passes every job of a journal to `each`, in the order of their ids. The file is not changed, not even after a crash:
/// what is repaired is repaired in memory.
///
/// # Errors
/// [`JournalError`]; [`JournalError::InUse`] while a service uses the folder.
pub fn read_all(folder: &Path, each: impl FnMut(StoredJob)) -> Result<Contents, JournalError> {
    let store = Store::open_unchanged(folder)?;
    store.for_each(each)?;
    Ok(Contents { epoch: store.epoch()?, tips: store.tips()? })
}

#[cfg(test)]
mod tests;
