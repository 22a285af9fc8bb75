//! The thread that writes: one transaction for everything that waits, and a new attempt each second after a failure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{error, info};

use crate::error::{JournalError, Unavailable};
use crate::health::{Commit, SharedHealth};
use crate::job::JobId;
use crate::queue::{Command, Queue, Taken};
use crate::store::{Applied, Operation, Store};

/// Time between attempts to open a failed journal again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Opens the store again after a failure: redb refuses everything after an error of the disk.
pub(crate) type Reopen = Box<dyn Fn() -> Result<Store, JournalError> + Send>;

/// Called after each attempt to commit.
pub(crate) type Observe = Arc<dyn Fn(&Commit) + Send + Sync>;

pub(crate) struct Writer {
    pub(crate) queue: Arc<Queue>,
    pub(crate) health: SharedHealth,
    pub(crate) reopen: Reopen,
    pub(crate) observe: Observe,
    /// Jobs whose submission was answered as unavailable although it may be on the disk: at most one group.
    pub(crate) unsure: Vec<JobId>,
}

impl Writer {
    /// Writes until the queue is closed and empty, or closed while the journal fails.
    pub(crate) fn run(mut self, mut store: Store) {
        while let Taken::Group(group) = self.queue.take() {
            match self.commit(&store, &group) {
                Ok(applied) => answer(group, applied),
                Err(message) => {
                    self.fail(group, &message);
                    // The failed store must be closed before the file can be opened again.
                    drop(store);
                    match self.reopened() {
                        Some(again) => store = again,
                        None => return,
                    }
                }
            }
        }
    }

    fn commit(&self, store: &Store, group: &[Command]) -> Result<Vec<Applied>, String> {
        let operations: Vec<Operation> = group.iter().map(Command::operation).collect();
        let began = Instant::now();
        let applied = store.apply(&operations);
        let is_written = applied.is_ok();
        (self.observe)(&Commit { operations: operations.len(), duration: began.elapsed(), is_written });
        if is_written {
            self.health.note_commit();
        }
        applied.map_err(|error| error.to_string())
    }

    /// Refuses what may be refused, and keeps the rest for later.
    fn fail(&mut self, group: Vec<Command>, message: &str) {
        error!(message, "the journal cannot be written; new jobs are refused until it can");
        // Before the queue is emptied: what is submitted afterwards is refused at once.
        self.health.note_failure(message);
        let (kept, refused): (Vec<_>, Vec<_>) = group.into_iter().partition(Command::must_be_written);
        self.queue.put_back(kept);
        self.unsure.extend(refused.iter().filter_map(Command::submitted));
        refused.into_iter().chain(self.queue.take_refusable()).for_each(|command| command.refuse(failed(message)));
    }

    /// Opens the store again, as often as it takes; `None`: the queue was closed before.
    fn reopened(&mut self) -> Option<Store> {
        while !self.queue.wait_for_close(RETRY_INTERVAL) {
            match self.try_reopen() {
                Ok(store) => {
                    info!("the journal can be written again");
                    self.health.note_commit();
                    return Some(store);
                }
                Err(message) => {
                    self.health.note_failure(&message);
                    self.queue.take_refusable().into_iter().for_each(|command| command.refuse(failed(&message)));
                }
            }
        }
        None
    }

    /// Opens the store without the jobs whose submission was answered as unavailable.
    fn try_reopen(&mut self) -> Result<Store, String> {
        let store = (self.reopen)().map_err(|error| error.to_string())?;
        store.apply(&[Operation::Forget(self.unsure.clone())]).map_err(|error| error.to_string())?;
        self.unsure.clear();
        Ok(store)
    }
}

fn failed(message: &str) -> Unavailable {
    Unavailable::Failed { message: message.to_owned() }
}

fn answer(group: Vec<Command>, applied: Vec<Applied>) {
    for pair in group.into_iter().zip(applied) {
        match pair {
            (Command::Submit(_, done), Applied::Submitted(submitted)) => done(Ok(submitted)),
            (Command::End(_, _, done), Applied::Ended(end)) => done(end),
            (Command::Progress(_, _, done), Applied::Done) => done(true),
            (Command::Tip(_, done), Applied::Done) => done(Ok(())),
            _ => {}
        }
    }
}
