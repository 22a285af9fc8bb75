//! What the parts of the service report to: the counters of the metrics, and the event log if there is one.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::event_log::{Event, EventCounts, EventLog, RefusedCall};
use super::log_budget::LogBudget;
use super::tally::Tally;

/// The state of the journal, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalFacts {
    /// Commits that failed, and failed attempts to open the journal again.
    pub failures: u64,
    /// Whether the latest commit failed.
    pub is_failing: bool,
}

impl JournalFacts {
    /// The state after some failures.
    pub const fn new(failures: u64, is_failing: bool) -> Self {
        Self { failures, is_failing }
    }
}

/// Reads the state of the journal.
type ReadJournal = Box<dyn Fn() -> JournalFacts + Send + Sync>;

/// Receives what happens in a service. Clones of its `Arc` share it.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) tally: Tally,
    events: Option<EventLog>,
    /// Limits the refusals in the event log, so that no caller can push everything else out of it.
    refusals: LogBudget,
    journal: Journal,
}

#[derive(Default)]
struct Journal(OnceLock<ReadJournal>);

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Journal").field(&self.0.get().map(|read| read())).finish()
    }
}

impl Default for Observer {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Observer {
    pub(crate) fn new(events: Option<EventLog>) -> Self {
        let (tally, refusals) = (Tally::default(), LogBudget::new(Instant::now()));
        Self { tally, events, refusals, journal: Journal::default() }
    }

    /// With an event log in this folder.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn with_events(folder: Option<&Path>) -> std::io::Result<Self> {
        Ok(Self::new(folder.map(EventLog::open).transpose()?))
    }

    pub(crate) fn event(&self, event: &Event) {
        self.events.iter().for_each(|log| log.add(event));
    }

    /// A call was refused. `call` is made only if it is written.
    pub(crate) fn refused(&self, call: impl FnOnce() -> RefusedCall) {
        let Some(log) = &self.events else { return };
        if let Some(left_out) = self.refusals.take(Instant::now()) {
            log.add(&Event::Refused { call: Box::new(call()), left_out });
        }
    }

    /// Events that were written and lost; `None` without an event log.
    pub(crate) fn event_counts(&self) -> Option<EventCounts> {
        self.events.as_ref().map(EventLog::counts)
    }

    /// The state of the journal; `None` if there is none.
    pub(crate) fn journal(&self) -> Option<JournalFacts> {
        self.journal.0.get().map(|read| read())
    }

    /// Writes what is waiting to the event log, and closes it. Waits for the disk.
    pub(crate) fn close(&self) {
        self.events.iter().for_each(EventLog::close);
    }
}

/// Connects the journal of a service with its metrics. Clones belong to the same service.
#[derive(Clone, Debug)]
pub struct JournalMetrics(Arc<Observer>);

impl JournalMetrics {
    pub(crate) const fn new(observer: Arc<Observer>) -> Self {
        Self(observer)
    }

    /// Adds the journal to the metrics; `read` returns its state. Has an effect once, before the service runs.
    pub fn connect(&self, read: impl Fn() -> JournalFacts + Send + Sync + 'static) {
        // Only the first journal counts.
        let _connected = self.0.journal.0.set(Box::new(read));
    }

    /// A transaction was written, and took this long.
    pub fn committed(&self, took: Duration) {
        self.0.tally.commit(took);
    }
}
