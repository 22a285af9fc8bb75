//! A job from its acceptance to its end: one task waits for the engine, and records the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use cityseal_journal::{End, Journal};
use cityseal_proto::v1;
use prost::Message;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot, watch};
use tracing::error;

use super::log::Event;
use super::reports::report_end;
use super::stored::{StoredEnd, id_of, unix_ms};
use super::{JobBook, JobRecord};
use crate::limits::PROGRESS_INTERVAL;
use crate::shares::Holder;

/// The reason of jobs whose task failed.
pub(super) const BROKEN: &str = "internal error: a part of the service failed";

/// How many jobs have a task.
#[derive(Debug, Default)]
pub(super) struct OpenJobs {
    count: AtomicUsize,
    changed: Notify,
}

impl OpenJobs {
    /// Waits until no job has a task.
    pub(super) async fn all_left(&self) {
        loop {
            let changed = self.changed.notified();
            if self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }
}

/// A job between its acceptance and its end: if it is dropped before the end was recorded, because its task panicked or
/// was aborted, the job fails and frees its place. With a journal a task that was aborted is one of a service that
/// ends, and its job continues after the restart.
#[derive(Debug)]
pub(super) struct OpenJob {
    book: Arc<JobBook>,
    pub(super) record: Arc<JobRecord>,
}

impl OpenJob {
    pub(super) fn new(book: &Arc<JobBook>, record: Arc<JobRecord>) -> Self {
        book.open.count.fetch_add(1, Ordering::SeqCst);
        Self { book: Arc::clone(book), record }
    }

    /// Converts the engine's notifications about the job to events, until it ends or the service suspends it.
    pub(super) async fn follow(self, peer: Option<SocketAddr>) {
        let Self { book, record } = &self;
        let Some(handle) = record.handle() else { return };
        let began = Instant::now();
        let woken = Arc::new(Notify::new());
        let wake = Arc::clone(&woken);
        handle.on_change(Arc::new(move || wake.notify_one()));
        let mut suspended = book.suspended.subscribe();
        let mut quiet_until = Instant::now();
        loop {
            tokio::select! {
                () = woken.notified() => {}
                () = becomes_true(&mut suspended) => {
                    // An end that the engine has reached is recorded; otherwise the job continues after the restart.
                    if !handle.snapshot().done {
                        return;
                    }
                }
            }
            if handle.snapshot().done {
                // The report of a long job is large; it is read on a thread that may block.
                let ending = Arc::clone(record);
                let read = move || handle.report().map(|report| (ending.end_of(&report), report));
                let holder = Holder::Tenant(Arc::clone(&record.about.tenant));
                if let Ok(Some((event, report))) = book.engine_work.run(holder, read).await {
                    // Before the end is shown: the event log of a drain has every job.
                    let tell = || report_end(&book.observer, record, &report, began.elapsed());
                    if book.record_end(record, event, tell).await {
                        book.log_end(record, &report, peer, began.elapsed());
                    }
                }
                return;
            }
            // Progress that comes too soon is dropped: the next event supersedes it.
            if Instant::now() >= quiet_until {
                record.moved();
                quiet_until = Instant::now() + PROGRESS_INTERVAL;
            }
        }
    }

    /// Ends a job that the engine does not have.
    pub(super) async fn end_without_report(self, state: v1::JobState, reason: String) {
        let event = self.record.end_without_report(state, reason);
        self.book.record_end(&self.record, event, || ()).await;
    }
}

impl JobBook {
    /// Writes the end of a job to the journal, calls `tell`, and shows the end. Returns false if the journal was closed
    /// before: then the job continues after the restart.
    async fn record_end(&self, record: &Arc<JobRecord>, event: Event, tell: impl FnOnce()) -> bool {
        let event = match &self.journal {
            Some(journal) => match written(journal, record, event).await {
                Some(event) => event,
                None => return false,
            },
            None => event,
        };
        tell();
        self.show_end(record, event);
        true
    }

    fn show_end(&self, record: &JobRecord, event: Event) {
        record.show_end(event);
        let mut shelf = self.lock();
        // Under the lock: a new job with a request id that is dropped here comes later in the journal, too.
        self.forget(&shelf.ended(record, Instant::now()));
    }
}

async fn becomes_true(receiver: &mut watch::Receiver<bool>) {
    // The sender is part of the book, so it is not gone.
    drop(receiver.wait_for(|is_true| *is_true).await);
}

/// Writes the end of a job, and returns the last event that is in the journal: the first one counts.
async fn written(journal: &Journal, record: &JobRecord, event: Event) -> Option<Event> {
    let result = StoredEnd::of(record, &event).encode_to_vec();
    let end = End { seq: event.seq, ended_unix_ms: unix_ms(), result: result.into() };
    let (told, answer) = oneshot::channel();
    let mine = end.result.clone();
    journal.end(id_of(record), end, move |stored| drop(told.send(stored)));
    let stored = answer.await.ok()?;
    if stored.result == mine {
        return Some(event);
    }
    error!(job_id = record.id, "the journal has another end of this job, which counts");
    let stored = StoredEnd::decode(stored.result).ok()?;
    stored.into_parts(record.about.fingerprint).map(|(_, event)| event)
}

impl Drop for OpenJob {
    fn drop(&mut self) {
        let is_last = self.book.open.count.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_last {
            self.book.open.changed.notify_waiters();
        }
        let has_journal = self.book.journal.is_some();
        if self.record.has_ended() || (has_journal && !std::thread::panicking()) {
            return;
        }
        error!(job_id = self.record.id, "the task of a job failed");
        let handle = self.record.handle();
        let event = self.record.end_without_report(v1::JobState::Failed, BROKEN.to_owned());
        let (book, record) = (Arc::clone(&self.book), Arc::clone(&self.record));
        match Handle::try_current() {
            Ok(runtime) if has_journal => {
                drop(runtime.spawn(async move { book.record_end(&record, event, || ()).await }));
            }
            Ok(_) | Err(_) => book.show_end(&record, event),
        }
        // Blocks on the engine for a moment: a search that nobody follows would occupy the devices until its deadline.
        if let Some(handle) = handle {
            handle.cancel(BROKEN);
        }
    }
}
